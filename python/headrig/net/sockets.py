"""
What everything that listens shares: addresses, TLS, binding, and the words for what can go wrong.
Sockets are bound here and handed to servers, so that a reload can pass a listening socket on without a gap.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import select
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from headrig.errors import ConfigError, UnavailableError
from headrig.filesystem import Created, directory_obstacle
from headrig.limits import BACKLOG_CONNECTIONS
from headrig.model import FilePath


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS of a listener. With `client_ca_file` a client must show a certificate that it signed."""

    cert_file: FilePath
    key_file: FilePath
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
                f"cannot use the certificate with its key: {_reason(error)}",
                path=f"{path}.cert_file",
                remedy="give a PEM certificate chain and its private key, both readable, the key not encrypted",
            ) from error
        if self.client_ca_file is not None:
            try:
                context.load_verify_locations(self.client_ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(
                    f"cannot use the file: {_reason(error)}",
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
    if host == "localhost":
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
class Door:
    """Where a component lets peers in. A component that a reload changes goes on with another one; who is inside stays."""

    bound: socket.socket
    tls: ssl.SSLContext | None = None
    file: str | None = None
    """The socket file, and who may connect to it."""
    mode: int = 0

    def unlock(self) -> None:
        """Have the mode of the socket file as it should be. Raises OSError."""
        if self.file is not None:
            os.chmod(self.file, self.mode)

    def same_socket(self, other: Door) -> bool:
        """Both are one socket of the kernel: what waits at one of them, the other takes."""
        return os.path.sameopenfile(self.bound.fileno(), other.bound.fileno())


@runtime_checkable
class Listening(Protocol):
    """A component with a door, which goes on with other settings while its connections stay."""

    door: Door | None

    async def renew(self, changed: Any) -> None:
        """
        Take everything from one of its kind that was opened with other settings and never started, and leave the
        former door to it, to be closed with it. Nobody who knocks meanwhile is turned away.
        """


@dataclass(slots=True, eq=False)
class _Address:
    """One socket of the kernel and its duplicates."""

    key: str
    users: list[socket.socket] = field(default_factory=list)
    file: str | None = None
    identity: tuple[int, int] | None = None
    """Device and inode of the socket file."""

    @property
    def lost(self) -> bool:
        """Whoever connects to the path does not come here: the file is gone, or another's."""
        return self.file is not None and _identity(self.file) != self.identity


class _Resolved(NamedTuple):
    """One address of a name, as the kernel has it."""

    family: socket.AddressFamily
    kind: socket.SocketKind
    address: Any


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

    def lost(self, bound: socket.socket) -> bool:
        """The file of this Unix socket is gone, or another's: a new one must be made."""
        return any(address.lost and bound in address.users for address in self._addresses)

    def tcp(self, listen: str, path: str) -> socket.socket:
        """A listening, non-blocking TCP socket. Give it back with `release`."""
        return self._inet(listen, path, socket.SOCK_STREAM)

    def udp(self, listen: str, path: str) -> socket.socket:
        """A bound, non-blocking UDP socket. Give it back with `release`."""
        return self._inet(listen, path, socket.SOCK_DGRAM)

    def _inet(self, listen: str, path: str, kind: socket.SocketKind) -> socket.socket:
        stream = kind == socket.SOCK_STREAM
        host, port = host_port(listen, path)
        name = "tcp" if stream else "udp"
        if port and (known := self._share(f"{name}:{listen}")) is not None:
            return known
        bound = _bind(_addresses(host, port, kind, path)[0], listen, path)
        return self._keep(f"{name}:{listen if port else bound.getsockname()}", bound)

    def unix(self, name: str, mode: int, path: str, created: Created) -> socket.socket:
        """
        A listening, non-blocking Unix socket with that mode. A stale file is replaced, a served one is not. The mode of
        one that is listened on already changes when its new `Door` is unlocked.
        """
        key = f"unix:{os.path.abspath(name)}"
        if (known := self._share(key)) is not None:
            return known
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
        except OSError as error:
            bound.close()
            raise ConfigError(
                f"cannot create the socket {name}: {_reason(error)}",
                path=path,
                remedy="give a path that can be written",
            ) from error
        return self._keep(key, bound, os.path.abspath(name))

    def release(self, bound: socket.socket) -> None:
        """Close a socket; the last one of a Unix address also removes its file, if that is still its own."""
        bound.close()
        for address in self._addresses:
            if bound in address.users:
                address.users.remove(bound)
                if address.file is not None and not address.users and not address.lost:
                    with suppress(OSError):
                        os.unlink(address.file)
        self._addresses = [address for address in self._addresses if address.users]

    def _share(self, key: str) -> socket.socket | None:
        for address in self._addresses:
            for known in address.users:
                if address.key == key and known.fileno() >= 0 and not address.lost:
                    shared = known.dup()
                    shared.setblocking(False)
                    address.users.append(shared)
                    return shared
        return None

    def _keep(self, key: str, bound: socket.socket, file: str | None = None) -> socket.socket:
        bound.setblocking(False)
        if bound.type == socket.SOCK_STREAM:
            bound.listen(BACKLOG_CONNECTIONS)
        self._addresses.append(_Address(key, [bound], file, _identity(file) if file else None))
        return bound


def try_address(listen: str, kind: socket.SocketKind, path: str) -> None:
    """
    Take an address as an opening would, and give it back at once: who listens there is not disturbed, and nobody is let in.

    Raises `ConfigError` when it cannot be had, `UnavailableError` when somebody has it.
    """
    host, port = host_port(listen, path)
    for address in _addresses(host, port, kind, path):
        _bind(address, listen, path).close()


def _addresses(host: str, port: int, kind: socket.SocketKind, path: str) -> list[_Resolved]:
    """Where a name leads on this machine."""
    try:
        found = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        reason = _reason(error) if isinstance(error, OSError) else "not a name"
        remedy = "give an address of this machine"
        raise ConfigError(f"cannot resolve {host}: {reason}", path=path, remedy=remedy) from error
    return list(dict.fromkeys(_Resolved(family, kind, address) for family, kind, _, _, address in found))


def _bind(address: _Resolved, listen: str, path: str) -> socket.socket:
    bound = socket.socket(address.family, address.kind)
    if address.kind == socket.SOCK_STREAM:
        # For datagrams this would let two processes bind the same address and one of them starve.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address.address)
    except OSError as error:
        bound.close()
        raise _cannot_bind(error, listen, path) from error
    return bound


async def accept_backlog(bound: socket.socket) -> None:
    """Give the running server the time to accept every connection that already waits in the kernel."""
    waiting = select.poll()
    waiting.register(bound.fileno(), select.POLLIN)
    while waiting.poll(0):  # noqa: ASYNC110 (only the kernel knows)
        await asyncio.sleep(0)
    # Accepted connections are introduced to their protocol in the following turns.
    for _ in range(3):
        await asyncio.sleep(0)


async def leave(server: asyncio.AbstractServer, door: Door, successor: Door | None) -> None:
    """Take no connections at a door any more, once all are in that came; those at the same socket are the successor's."""
    try:
        if successor is None or not successor.same_socket(door):
            await accept_backlog(door.bound)
    finally:
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
            f"cannot look at {name}: {_reason(error)}", path=path, remedy="give a path that can be written"
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
                f"cannot tell whether {name} is served: {_reason(error)}",
                path=path,
                remedy="remove it or give another path",
            ) from error
    raise UnavailableError(
        f"{name} is served by another process", path=path, remedy="stop that process or give another path"
    )


def _cannot_bind(error: OSError, listen: str, path: str) -> ConfigError | UnavailableError:
    if error.errno == errno.EADDRINUSE:
        return UnavailableError(
            f"{listen} is in use", path=path, remedy="stop the process that listens there or choose another port"
        )
    if error.errno == errno.EACCES:
        return ConfigError(
            f"no permission to listen on {listen}",
            path=path,
            remedy="choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE",
        )
    return ConfigError(
        f"cannot listen on {listen}: {_reason(error)}", path=path, remedy="give an address of this machine"
    )


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
