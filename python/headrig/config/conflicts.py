"""What parts claim of the machine: two must not claim the same, and directories must be such that files can be made."""

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from headrig.errors import ConfigError
from headrig.net.sockets import host_port
from headrig.sinks import FileConfig, ForwardConfig, HttpSinkConfig, SinkConfig
from headrig.sources import SourceConfig
from headrig.web import PAGES, HttpServerConfig

_ANY_HOST = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # compared with, never bound


class _Claim(NamedTuple):
    what: str
    """Equal for two parts that get in each other's way."""
    shown: str
    at: str
    key: str
    """The key below `at` that says so."""


def conflicts(
    http: HttpServerConfig | None, sources: Mapping[str, SourceConfig], sinks: Mapping[str, SinkConfig]
) -> Iterator[ConfigError]:
    """One error per claim that an earlier part already has."""
    claims: list[_Claim] = []
    if http is not None:
        claims.append(_Claim(http.listen, http.listen, "http", "listen"))
        claims.extend(_Claim(f"the route {page}", page, "http", "listen") for page in PAGES)
    for name, source in sources.items():
        key = next((key for key in ("listen", "path") if getattr(source, key, None) is not None), "type")
        what = source.address or f"the route {getattr(source, key)}"
        claims.append(_Claim(what, what, f"sources.{name}", key))
    for name, sink in sinks.items():
        if isinstance(sink, FileConfig):
            claims.append(_Claim(f"file {os.path.realpath(sink.path)}", sink.path, f"sinks.{name}", "path"))
        elif isinstance(sink, ForwardConfig | HttpSinkConfig):
            reader = next((claim.at for claim in claims if _same(claim.what, sink.destination)), None)
            if reader is not None:
                key = "to" if isinstance(sink, ForwardConfig) else "endpoint"
                remedy = "every line would come round again: give another address"
                yield ConfigError(f"leads back to {reader}", path=f"sinks.{name}.{key}", remedy=remedy)
    for index, claim in enumerate(claims):
        holder = next((other.at for other in claims[:index] if _same(claim.what, other.what)), None)
        if holder is not None:
            reason = f"{claim.shown} is already taken by {holder}"
            yield ConfigError(reason, path=f"{claim.at}.{claim.key}", remedy="give each its own")


def directory_problems(directory: str, path: str) -> Iterator[ConfigError]:
    """What stands in the way of making files in a directory that may not exist yet."""
    nearest = os.path.abspath(directory)
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        yield ConfigError(f"{nearest} is not a directory", path=path, remedy="give another directory")
    elif not os.access(nearest, os.W_OK | os.X_OK):
        yield ConfigError(f"no permission to write in {nearest}", path=path, remedy="change its owner, or give another")


def _same(claim: str, other: str) -> bool:
    if claim == other:
        return not claim.endswith(":0")
    try:
        (host, port), (other_host, other_port) = host_port(claim, ""), host_port(other, "")
    except ConfigError:
        return False
    return port == other_port != 0 and (host in _ANY_HOST or other_host in _ANY_HOST)
