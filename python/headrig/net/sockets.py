"""
Listening sockets for everything that listens: addresses, TLS, binding, and the errors that can happen. Sockets are
bound here and handed to servers, so that a reload can pass a listening socket on without a gap.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import select
import socket
import ssl
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import msgspec

from headrig.errors import ConfigError, UnavailableError
from headrig.filesystem import Created, directory_obstacle
from headrig.limits import BACKLOG_CONNECTIONS
from headrig.model import FilePath, PrivateFile
from headrig.net.binding import Resolved, bind_all, let_in, reason_of, resolve

Bound = tuple[socket.socket, ...]
"""The sockets of one part, in the order of their addresses."""


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS of a listener. With `client_ca_file` a client must show a certificate that it signed."""

    cert_file: FilePath
    key_file: PrivateFile
    client_ca_file: FilePath | None = None

    def problems(self, at: str) -> Iterator[ConfigError]:
        """What is wrong with the files."""
        try:
            self.context(at)
        except ConfigError as error:
            yield error

    def context(self, path: str) -> ssl.SSLContext:
        """The server context; `ConfigError` at `path` when a file cannot be used."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A peer that sends, never reads, and closes would answer a session ticket with a reset, and lose its last lines.
        context.num_tickets = 0
        try:
            # Without a password here OpenSSL asks for one at the terminal.
            context.load_cert_chain(self.cert_file, self.key_file, password="none")  # noqa: S106
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"cannot use the certificate with its key: {reason_of(error)}",
                path=f"{path}.cert_file",
                remedy="give a PEM certificate chain and its private key, both readable, the key not encrypted",
            ) from error
        if self.client_ca_file is not None:
            try:
                context.load_verify_locations(self.client_ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(
                    f"cannot use the file: {reason_of(error)}",
                    path=f"{path}.client_ca_file",
                    remedy="give a readable PEM file",
                ) from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def count_failed_handshakes(context: ssl.SSLContext, failed: Callable[[], None]) -> None:
    """Have `failed` called for each: the event loop keeps what peers do in a handshake to itself."""

    class Handshake(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError:
                failed()
                raise

    context.sslobject_class = Handshake


def host_port(listen: str, path: str) -> tuple[str, int]:
    """Split `host:port` (`[::1]:80` for IPv6); `ConfigError` at `path` when it is neither."""
    host, separator, port = listen.rpartition(":")
    if separator and port.isascii() and port.isdigit() and int(port) < 65536:
        if host.startswith("[") and host.endswith("]"):
            return host[1:-1], int(port)
        if host and ":" not in host:
            return host, int(port)
    raise ConfigError("not an address", path=path, remedy='write host:port, such as "127.0.0.1:9020"')


def is_loopback(host: str) -> bool:
    """Only this machine can connect to it."""
    if host.lower() == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def address_problems(
    listen: str, at: str, *, guarded: bool, insecure_listen: bool, guard: str
) -> Iterator[ConfigError]:
    """What is wrong with an address: its form, or that it is open to others without `guard`."""
    try:
        host, _ = host_port(listen, f"{at}.listen")
    except ConfigError as error:
        yield error
        return
    if not (guarded or insecure_listen or is_loopback(host)):
        yield ConfigError(
            f"{listen} is reachable from other machines without {guard}",
            path=f"{at}.listen",
            remedy=f"listen on 127.0.0.1, set {guard}, or accept the risk with insecure_listen = true",
        )


def unix_path_problems(name: str, path: str) -> Iterator[ConfigError]:
    """What is wrong with the path of a socket file."""
    # sun_path holds 108 bytes, the final zero included.
    if not 0 < len(name.encode()) < 108 or "\0" in name:
        yield ConfigError(
            f"a socket path has 1 to 107 bytes, not {len(name.encode())}",
            path=path,
            remedy="give a shorter path, such as /run/headrig.sock",
        )
    elif os.path.lexists(name) and not stat.S_ISSOCK(os.lstat(name).st_mode):
        yield ConfigError(f"{name} exists and is not a socket", path=path, remedy="remove it or give another path")


def socket_file_problems(name: str, path: str) -> Iterator[ConfigError]:
    """What is wrong with the path of a socket file that is to be made, or made anew."""
    wrong = list(unix_path_problems(name, path))
    yield from wrong
    if not wrong and (reason := directory_obstacle(os.path.dirname(name), os.path.basename(name))) is not None:
        yield ConfigError(reason, path=path, remedy="give a path that can be written")


@dataclass(slots=True, eq=False)
class Listener:
    """Where a component lets peers in. A component that a reload changes goes on with another one; who is inside stays."""

    bound: Bound
    """One socket for each address that its name leads to."""
    tls: ssl.SSLContext | None = None
    file: str | None = None
    """The socket file, and who may connect to it."""
    mode: int = 0

    def unlock(self) -> None:
        """Have the mode of the socket file as it should be. Raises OSError."""
        if self.file is not None:
            os.chmod(self.file, self.mode)

    @property
    def port(self) -> int:
        """The one that it really has, at each of its addresses."""
        return int(self.bound[0].getsockname()[1])

    def same_socket(self, bound: socket.socket) -> socket.socket | None:
        """The one of its sockets that is the same for the kernel as this one: what waits at the one, the other takes."""
        return next((own for own in self.bound if os.path.sameopenfile(own.fileno(), bound.fileno())), None)


@runtime_checkable
class Listening(Protocol):
    """A component with a listener, which goes on with other settings while its connections stay."""

    listener: Listener | None

    async def renew(self, changed: Any) -> None:
        """
        Take everything from one of its kind that was opened with other settings and never started, and leave the
        former listener to it, to be closed with it. No peer that connects meanwhile is turned away.
        """


@dataclass(slots=True, eq=False)
class _Address:
    """One socket of the kernel and its duplicates."""

    key: Resolved | str
    """Of a Unix socket its path."""
    users: list[socket.socket] = field(default_factory=list)
    file: str | None = None
    identity: tuple[int, int] | None = None
    """Device and inode of the socket file."""

    @property
    def lost(self) -> bool:
        """Whoever connects to the path does not come here: the file is gone, or another's."""
        return self.file is not None and _identity(self.file) != self.identity


class Sockets:
    """
    The listening sockets of a run, by address. Whoever asks for an address that is already listened on gets a
    duplicate of that socket: a component opened in a reload takes over from its predecessor without a gap.
    """

    def __init__(self) -> None:
        self._addresses: list[_Address] = []

    def descriptors(self) -> list[int]:
        """Of all that listens, and of what is about to."""
        return [bound.fileno() for address in self._addresses for bound in address.users if bound.fileno() >= 0]

    def lost(self, bound: Bound) -> bool:
        """The file of a Unix socket is gone, or another's: a new one must be made."""
        return any(address.lost and each in address.users for address in self._addresses for each in bound)

    def tcp(self, listen: str, path: str) -> Bound:
        """Listening, non-blocking TCP sockets, one for each address. Give them back with `release`."""
        return self._inet(listen, path, socket.SOCK_STREAM)

    def udp(self, listen: str, path: str) -> Bound:
        """Bound, non-blocking UDP sockets, one for each address. Give them back with `release`."""
        return self._inet(listen, path, socket.SOCK_DGRAM)

    def _inet(self, listen: str, path: str, kind: socket.SocketKind) -> Bound:
        """One that is listened on already is shared, whatever name led there."""
        addresses = resolve(*host_port(listen, path), kind, path)
        shared = {each: known for each in addresses if each.port and (known := self._share(each)) is not None}
        rest = [each for each in addresses if each not in shared]
        fresh: dict[Resolved, socket.socket] = {}
        try:
            fresh = bind_all(rest, listen, path, several=len(addresses) > 1, absent=bool(shared))
            for bound in fresh.values() if kind == socket.SOCK_STREAM else ():
                let_in(bound, listen, path)
        except BaseException:
            for bound in fresh.values():
                bound.close()
            self.release(tuple(shared.values()))
            raise
        for each, bound in fresh.items():
            self._keep(each.at(bound.getsockname()[1]), bound)
        found = shared | fresh
        return tuple(found[each] for each in addresses if each in found)

    def unix(self, name: str, mode: int, path: str, created: Created) -> Bound:
        """
        A listening, non-blocking Unix socket with that mode. A stale file is replaced, a served one is not. The mode of
        one that is listened on already changes when its new `Listener` is unlocked.
        """
        key = os.path.abspath(name)
        if (known := self._share(key)) is not None:
            return (known,)
        _clear_stale(name, path)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            created.directories(os.path.dirname(name))
            mask = os.umask(0o777)
            try:
                bound.bind(name)
            finally:
                os.umask(mask)
            os.chmod(name, mode)
            bound.listen(BACKLOG_CONNECTIONS)
        except OSError as error:
            bound.close()
            raise ConfigError(
                f"cannot create the socket {name}: {reason_of(error)}",
                path=path,
                remedy="give a path that can be written",
            ) from error
        self._keep(key, bound, key)
        return (bound,)

    def release(self, bound: Bound) -> None:
        """Close sockets; the last one of a Unix address also removes its file, if that is still its own."""
        for each in bound:
            each.close()
        for address in self._addresses:
            if gone := [each for each in bound if each in address.users]:
                address.users = [each for each in address.users if each not in gone]
                if address.file is not None and not address.users and not address.lost:
                    with suppress(OSError):
                        os.unlink(address.file)
        self._addresses = [address for address in self._addresses if address.users]

    def _share(self, key: Resolved | str) -> socket.socket | None:
        for address in self._addresses:
            for known in address.users:
                if address.key == key and known.fileno() >= 0 and not address.lost:
                    shared = known.dup()
                    shared.setblocking(False)
                    address.users.append(shared)
                    return shared
        return None

    def _keep(self, key: Resolved | str, bound: socket.socket, file: str | None = None) -> None:
        bound.setblocking(False)
        self._addresses.append(_Address(key, [bound], file, _identity(file) if file else None))


def try_address(listen: str, kind: socket.SocketKind, path: str) -> None:
    """
    Take an address as an opening would, and give it back at once: who listens there is not disturbed, and nobody is let in.

    Raises `ConfigError` when it cannot be had, `UnavailableError` when somebody has it.
    """
    addresses = resolve(*host_port(listen, path), kind, path)
    for bound in bind_all(addresses, listen, path, several=len(addresses) > 1).values():
        bound.close()


async def accept_backlog(bound: socket.socket) -> None:
    """Give the running server the time to accept every connection that already waits in the kernel."""
    waiting = select.poll()
    waiting.register(bound.fileno(), select.POLLIN)
    while waiting.poll(0):  # noqa: ASYNC110 (only the kernel knows)
        await asyncio.sleep(0)
    # Accepted connections are introduced to their protocol in the following turns.
    for _ in range(3):
        await asyncio.sleep(0)


async def leave(servers: Sequence[asyncio.AbstractServer], listener: Listener, successor: Listener | None) -> None:
    """Stop accepting at a listener, once every peer that has come is in; those at the same socket are the successor's."""
    try:
        for bound in listener.bound:
            if successor is None or successor.same_socket(bound) is None:
                await accept_backlog(bound)
    finally:
        for server in servers:
            server.close()


def _identity(file: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _clear_stale(name: str, path: str) -> None:
    try:
        mode = os.lstat(name).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(
            f"cannot look at {name}: {reason_of(error)}", path=path, remedy="give a path that can be written"
        ) from error
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"{name} exists and is not a socket", path=path, remedy="remove it or give another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(name)
        except ConnectionRefusedError:
            os.unlink(name)
            return
        except OSError as error:
            raise UnavailableError(
                f"cannot tell whether {name} is served: {reason_of(error)}",
                path=path,
                remedy="remove it or give another path",
            ) from error
    raise UnavailableError(
        f"{name} is served by another process", path=path, remedy="stop that process or give another path"
    )
