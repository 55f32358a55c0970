"""What parts claim of the machine: two must not claim the same, and directories must be such that files can be made."""

import os
from collections.abc import Iterator, Mapping

from headrig.errors import ConfigError
from headrig.listen import host_port
from headrig.sinks import FileConfig, SinkConfig
from headrig.sources import SourceConfig
from headrig.web import HttpServerConfig

_ANY_HOST = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # compared with, never bound


def conflicts(
    http: HttpServerConfig | None, sources: Mapping[str, SourceConfig], sinks: Mapping[str, SinkConfig]
) -> Iterator[ConfigError]:
    """One error per claim that an earlier part already has."""
    claims = [(http.listen, "http", "listen")] if http is not None else []
    claims.extend((source.address, f"sources.{name}", _key(source)) for name, source in sources.items())
    claims.extend(
        (f"file {os.path.abspath(sink.path)}", f"sinks.{name}", "path")
        for name, sink in sinks.items()
        if isinstance(sink, FileConfig)
    )
    for index, (claim, at, key) in enumerate(claims):
        holder = next((holder for other, holder, _ in claims[:index] if _same(claim, other)), None)
        if holder is not None:
            reason = f"{claim.removeprefix('file ')} is already taken by {holder}"
            yield ConfigError(reason, path=f"{at}.{key}", remedy="give each its own")


def directory_problems(directory: str, path: str) -> Iterator[ConfigError]:
    """What stands in the way of making files in a directory that may not exist yet."""
    nearest = os.path.abspath(directory)
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        yield ConfigError(f"{nearest} is not a directory", path=path, remedy="give another directory")
    elif not os.access(nearest, os.W_OK | os.X_OK):
        yield ConfigError(f"no permission to write in {nearest}", path=path, remedy="change its owner, or give another")


def _key(source: SourceConfig) -> str:
    """The key that says what the source claims."""
    return next((key for key in ("listen", "path") if getattr(source, key, None) is not None), "type")


def _same(claim: str, other: str) -> bool:
    if claim == other:
        return not claim.endswith(":0")
    try:
        (host, port), (other_host, other_port) = host_port(claim, ""), host_port(other, "")
    except ConfigError:
        return False
    return port == other_port != 0 and (host in _ANY_HOST or other_host in _ANY_HOST)
