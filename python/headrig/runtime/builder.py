"""The parts of a run are opened together: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from headrig.config import Config
from headrig.config.files import Seen
from headrig.model import Notifier, Sink, Source
from headrig.net.sockets import Sockets
from headrig.notifiers import NotifierConfig
from headrig.runtime.status import Status
from headrig.sources import SourceConfig
from headrig.web import HttpServerConfig
from headrig.web.server import StatusServer

T = TypeVar("T")


@dataclass(slots=True)
class Opened:
    """Parts that are open and not used yet, each with what closes it."""

    sources: dict[str, tuple[Source, AsyncExitStack]] = field(default_factory=dict)
    sinks: dict[str, tuple[Sink, AsyncExitStack]] = field(default_factory=dict)
    notifiers: dict[str, tuple[Notifier, AsyncExitStack]] = field(default_factory=dict)
    http: tuple[StatusServer, AsyncExitStack] | None = None
    seen: dict[str, Seen] = field(default_factory=dict)
    """What the settings said, just before, of every part that is open then, by its path in them."""

    async def close(self) -> None:
        """Close them all."""
        parts = (*self.sources.values(), *self.sinks.values(), *self.notifiers.values())
        for closing in (*(closing for _, closing in parts), *([self.http[1]] if self.http else [])):
            await closing.aclose()


async def open_parts(
    config: Config,
    sources: Mapping[str, SourceConfig],
    notifiers: Mapping[str, NotifierConfig],
    http: HttpServerConfig | None,
    *,
    status: Status,
    sockets: Sockets,
) -> Opened:
    """Open every sink of these settings and the other parts as given; all of them or none."""
    opened = Opened()
    try:
        for name, sink in config.sinks.items():
            opened.sinks[name] = await _enter(sink.open(name))
        for name, notifier in notifiers.items():
            opened.notifiers[name] = await _enter(notifier.open(name))
        if http is not None:
            opened.http = await _enter(http.open(status, config.limits, sockets))
        for name, source in sources.items():
            opened.sources[name] = await _enter(source.open(name, config.limits, sockets))
    except BaseException:
        await opened.close()
        raise
    return opened


async def _enter(part: AbstractAsyncContextManager[T]) -> tuple[T, AsyncExitStack]:
    """An opened part and what closes it."""
    closing = AsyncExitStack()
    return await closing.enter_async_context(part), closing
