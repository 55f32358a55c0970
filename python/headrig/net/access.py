"""
Who may ask an HTTP server: judged once per request, before any handler, by the token, and where none is asked for by Host and
Origin, so that no web page in somebody's browser can ask in their place.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from headrig.errors import ConfigError
from headrig.net.sockets import is_loopback

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""What no header may hold (RFC 9110, section 5.5)."""


class Refusal(NamedTuple):
    """Why a request is not let in."""

    status: int
    reason: str
    """What the peer is told."""
    kind: str
    """The name it is counted under."""
    remedy: str = ""
    """What the operator may do, for the log."""
    headers: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Guard:
    """What a request for a route must show."""

    token: bytes | None = field(default=None, repr=False)
    """Bearer token of its own, in place of the server's."""
    open: bool = False
    """Nothing: anyone who reaches the server may ask, under any name."""
    insecure: bool = False
    """No token, although others can reach the server: the settings accept that."""


BY_SERVER: Final = Guard()
OPEN: Final = Guard(open=True)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask one HTTP server."""

    loopback: bool = True
    """Only this machine can connect."""
    token: bytes | None = field(default=None, repr=False)
    """Bearer token for every route that has none of its own and is not open."""
    hosts: frozenset[str] | None = None
    """Names that a client may use in Host, in small letters, beside addresses. None: any, where others can connect."""
    setting: str = ""
    """Where the names are set, for people."""

    def judge(self, headers: Mapping[str, str], guard: Guard, *, local: bool = True) -> Refusal | None:
        """
        None for a request that may be answered. `local`: its connection came to an address of this machine that others
        cannot reach; one that did not, and is left from other settings, is judged as from elsewhere.
        """
        if guard.open:
            return None
        token = guard.token or (None if guard.insecure else self.token)
        if token is not None and not _shows(headers, token):
            return Refusal(401, "a bearer token is needed", "auth", headers={"WWW-Authenticate": "Bearer"})
        loopback = self.loopback and local
        if token is None and not (loopback or guard.insecure):
            return Refusal(
                403, "this is for requests with a token, and none is set", "auth", f"set {self.setting}token"
            )
        if loopback:
            # With a token a name proves nothing more: no web page knows it.
            return None if token is not None else self._names_loopback(headers) or _from_elsewhere(headers)
        return self._names_it(headers) or (None if token is not None else _from_elsewhere(headers))

    def _names_loopback(self, headers: Mapping[str, str]) -> Refusal | None:
        name = hostname(headers.get("Host", ""))
        if is_loopback(name) or name in (self.hosts or ()):
            return None
        return Refusal(403, "the Host header does not name this machine", "host", self._listing())

    def _names_it(self, headers: Mapping[str, str]) -> Refusal | None:
        name = hostname(headers.get("Host", ""))
        if self.hosts is None or name in self.hosts or is_loopback(name) or _is_address(name):
            return None
        return Refusal(421, "the Host header has a name that is not served here", "host", self._listing())

    def _listing(self) -> str:
        return f"if that is a name of this one, list it in {self.setting}hosts" if self.setting else ""


def token_problems(token: str | None, at: str) -> Iterator[ConfigError]:
    """What is wrong with a bearer token."""
    if token is not None and not token.strip():
        yield ConfigError("the token is empty", path=f"{at}.token", remedy="give a token, or remove the key")
    elif token is not None and _CONTROL.search(token.strip()):
        reason = "no request can show the token: it has a line break or another control character"
        yield ConfigError(reason, path=f"{at}.token", remedy="give it alone, in one line")


def bearer(token: str | None) -> bytes | None:
    """The token as a request shows it."""
    return None if token is None else token.strip().encode()


def hostname(host: str) -> str:
    """The name in a Host header, in small letters, without port, brackets and final dot; empty when there is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _shows(headers: Mapping[str, str], wanted: bytes) -> bool:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    shown = token.strip().encode(errors="surrogateescape")
    return scheme.lower() == "bearer" and hmac.compare_digest(shown, wanted)


def _from_elsewhere(headers: Mapping[str, str]) -> Refusal | None:
    origin = headers.get("Origin")
    if origin is None or origin.partition("://")[2] == headers.get("Host", ""):
        return None
    return Refusal(403, "requests from other web pages are not taken", "origin")


def _is_address(name: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return False
