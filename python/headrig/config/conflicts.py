"""Finds components that claim the same file, port or route, and sinks that would feed the run they belong to."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from headrig.component import Claim, ComponentConfig
from headrig.errors import ConfigError
from headrig.net.sockets import host_port, is_loopback
from headrig.web import HttpServerConfig

_ANY_HOST: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, never bound
_LOCALHOST: Final = frozenset({"127.0.0.1", "::1"})
_PATHS: Final = ("file", "unix")
_PARAMETER: Final = re.compile(r"\{[^.}]*(\.\.\.)?\}")
"""Of a route: what it is called makes no other route of it."""
STATUS: Final = "http"
"""The table of the status server, which routes are mounted on."""


class _Claimed(NamedTuple):
    at: str
    claim: Claim

    @property
    def path(self) -> str:
        return f"{self.at}.{self.claim.key}"


def conflicts(components: Mapping[str, ComponentConfig]) -> Iterator[ConfigError]:
    """
    One error per claim that an earlier component already has, per sink that would feed its own run, and per route that
    cannot be mounted. By path of the table, in the order of precedence.
    """
    claims = [_Claimed(at, claim) for at, component in components.items() for claim in component.claims()]
    taken: list[_Claimed] = []
    for claimed in claims:
        if claimed.claim.sends:
            continue
        if (holder := _holder(claimed.claim, taken)) is not None:
            reason = f"{_shown(claimed.claim)} is already taken by {holder}"
            yield ConfigError(reason, path=claimed.path, remedy="give each its own")
        taken.append(claimed)
    for claimed in claims:
        if claimed.claim.sends and (reader := _holder(claimed.claim, taken)) is not None:
            remedy = "every line would come round again: give another address"
            yield ConfigError(f"leads back to {reader}", path=claimed.path, remedy=remedy)
    yield from _routes(taken)


def _routes(taken: list[_Claimed]) -> Iterator[ConfigError]:
    """What is mounted on the status server needs one, and where others reach that, a guard."""
    server = next((each.claim for each in taken if each.at == STATUS and each.claim.kind == "tcp"), None)
    for at, claim in taken:
        if claim.kind != "route" or at == STATUS:
            continue
        if server is None:
            yield ConfigError("there is nothing to mount it on", path=at, remedy=f"set http.listen or {at}.listen")
        elif not (claim.guarded or server.guarded or _reaches_only_here(server.name)):
            yield ConfigError(
                f"the status server at {server.name} is reachable from other machines and would take lines without a token",
                path=at,
                remedy=f"set {at}.token_file or {STATUS}.token_file, give it a listen of its own on 127.0.0.1, "
                "or accept the risk with insecure_listen = true",
            )


def nameless(http: HttpServerConfig | None, components: Mapping[str, ComponentConfig]) -> Iterator[str]:
    """A warning where clients that use a name are refused what is mounted on the status server, since it has none."""
    mounted = [at for at, each in components.items() if at != STATUS and any(c.kind == "route" for c in each.claims())]
    if http is not None and mounted and not http.hosts and not _reaches_only_here(http.listen):
        yield f"{STATUS}.hosts: not set: clients of {', '.join(mounted)} have to use an address, no name"


def _reaches_only_here(listen: str) -> bool:
    try:
        return is_loopback(host_port(listen, "")[0])
    except ConfigError:
        # The status server reports its own address.
        return True


def _holder(claim: Claim, taken: list[_Claimed]) -> str | None:
    return next((other.at for other in taken if _same(claim, other.claim)), None)


def _same(claim: Claim, other: Claim) -> bool:
    """Both cannot be had at once."""
    if claim.kind in _PATHS and other.kind in _PATHS:
        return _resolved(claim.name) == _resolved(other.name)
    if claim.kind != other.kind:
        return False
    if claim.kind == "route":
        return _PARAMETER.sub(r"{\1}", claim.name) == _PARAMETER.sub(r"{\1}", other.name)
    if claim.kind not in ("tcp", "udp"):
        return claim.name == other.name
    try:
        (host, port), (other_host, other_port) = host_port(claim.name, ""), host_port(other.name, "")
    except ConfigError:
        return False
    return port == other_port != 0 and _overlap(host, other_host)


def _resolved(path: str) -> str:
    # What cannot be a path at all is told of by whoever has it.
    return path if "\0" in path else os.path.realpath(path)


def _overlap(host: str, other: str) -> bool:
    return host in _ANY_HOST or other in _ANY_HOST or bool(_addresses(host) & _addresses(other))


def _addresses(host: str) -> frozenset[str]:
    return _LOCALHOST if host == "localhost" else frozenset({host})


def _shown(claim: Claim) -> str:
    prefix = {"udp": "udp:", "unix": "unix:", "route": "the route "}
    return f"{prefix.get(claim.kind, '')}{claim.name}"
