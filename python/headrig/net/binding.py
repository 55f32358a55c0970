"""
Sockets bound to addresses of this machine, and words for what can go wrong. A name that leads to several addresses is bound
at every one of them, at one port: whoever resolves it may try any.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from headrig.errors import ConfigError, UnavailableError
from headrig.limits import BACKLOG_CONNECTIONS, PORT_TRIES

_LOCALHOST: Final = ("127.0.0.1", "::1")
"""RFC 6761, section 6.3: this name is both, whatever the resolver of one program says."""
_ABSENT: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Resolved(NamedTuple):
    """One address of a name, as the kernel has it."""

    kind: socket.SocketKind
    family: socket.AddressFamily
    address: tuple[Any, ...]

    @property
    def port(self) -> int:
        """0: any that is free."""
        return int(self.address[1])

    def at(self, port: int) -> Resolved:
        """The same at another port."""
        return self._replace(address=(self.address[0], port, *self.address[2:]))


class AbsentError(ConfigError):
    """The address is none of this machine's."""


def resolve(host: str, port: int, kind: socket.SocketKind, path: str) -> list[Resolved]:
    """Where a name or an address leads. Raises `ConfigError` at `path`."""
    try:
        found = [
            Resolved(kind, family, address)
            for name in (_LOCALHOST if host.lower() == "localhost" else (host,))
            for family, _, _, _, address in socket.getaddrinfo(name, port, type=kind, flags=socket.AI_PASSIVE)
        ]
    except (OSError, UnicodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "not a name"
        remedy = "give an address of this machine"
        raise ConfigError(f"cannot resolve {host}: {reason}", path=path, remedy=remedy) from error
    return list(dict.fromkeys(found))


def bind_all(
    addresses: Sequence[Resolved], listen: str, path: str, *, several: bool, absent: bool = False
) -> dict[Resolved, socket.socket]:
    """
    A bound socket for each address; for port 0, all at the same port. Addresses that this machine does not have are left
    out, for nobody can come there; unless all are `absent`, if that is no matter.

    `several`: a name leads to these and perhaps to more. Raises `ConfigError` or `UnavailableError` at `path`, and then
    nothing is bound.
    """
    free = any(address.port == 0 for address in addresses)
    for tries_left in reversed(range(PORT_TRIES if free and several else 1)):
        try:
            return _bind_once(addresses, listen, path, several=several, absent=absent)
        except UnavailableError as error:
            if not tries_left:
                if free:
                    error.reason = f"no port is free at every address of {listen}"
                    error.remedy = "name one port, or one address"
                raise
    raise AssertionError


def _bind_once(
    addresses: Sequence[Resolved], listen: str, path: str, *, several: bool, absent: bool
) -> dict[Resolved, socket.socket]:
    bound: dict[Resolved, socket.socket] = {}
    missing: AbsentError | None = None
    port = 0
    try:
        for address in addresses:
            try:
                made = bound[address] = _bind(address.at(address.port or port), listen, path, several=several)
            except AbsentError as error:
                missing = missing or error
            else:
                port = made.getsockname()[1]
    except BaseException:
        for made in bound.values():
            made.close()
        raise
    if missing is not None and not bound and not absent:
        raise missing
    return bound


def _bind(address: Resolved, listen: str, path: str, *, several: bool) -> socket.socket:
    shown = f"{listen} ({address.address[0]})" if several else listen
    try:
        bound = socket.socket(address.family, address.kind)
    except OSError as error:
        raise _cannot_bind(error, shown, path) from error
    try:
        if address.kind == socket.SOCK_STREAM:
            # For datagrams this would let two processes bind the same address and one of them starve.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if several and address.family == socket.AF_INET6:
            # Else the IPv6 address "any" would take the IPv4 one's port as well.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address.address)
    except OSError as error:
        bound.close()
        raise _cannot_bind(error, shown, path) from error
    return bound


def let_in(bound: socket.socket, listen: str, path: str) -> None:
    """Have peers come to a bound TCP socket. Raises `UnavailableError`: another process may have been faster."""
    try:
        bound.listen(BACKLOG_CONNECTIONS)
    except OSError as error:
        raise _cannot_bind(error, listen, path) from error


def reason_of(error: OSError) -> str:
    """What it says, without its number."""
    return error.strerror or str(error)


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
    kind = AbsentError if error.errno in _ABSENT else ConfigError
    return kind(f"cannot listen on {listen}: {reason_of(error)}", path=path, remedy="give an address of this machine")
