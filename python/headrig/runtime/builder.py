"""Opens the components of a run together: all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from headrig.component import ComponentConfig, OpenContext
from headrig.config import Config
from headrig.config.conflicts import STATUS
from headrig.config.files import Seen
from headrig.delivery.loop import close
from headrig.delivery.owner import Owner
from headrig.model import Notifier, Sink, Source
from headrig.web.server import StatusServer


@dataclass(slots=True)
class Opened:
    """Parts that are open and not used yet, each with what closes it."""

    sources: dict[str, tuple[Source, AsyncExitStack]] = field(default_factory=dict)
    sinks: dict[str, tuple[Sink, AsyncExitStack]] = field(default_factory=dict)
    notifiers: dict[str, tuple[Notifier, AsyncExitStack]] = field(default_factory=dict)
    http: tuple[StatusServer, AsyncExitStack] | None = None
    owner: Owner | None = None
    """The claim to keep the state in `data_dir`."""
    seen: dict[str, Seen] = field(default_factory=dict)
    """What the settings said, just before, of every component that is open then, by its path in them."""

    async def close(self, report: Callable[[str], None]) -> None:
        """Close them all; `report` says what fails in that."""
        parts = {f"sources.{name}": closing for name, (_, closing) in self.sources.items()}
        parts |= {f"sinks.{name}": closing for name, (_, closing) in self.sinks.items()}
        parts |= {f"notifiers.{name}": closing for name, (_, closing) in self.notifiers.items()}
        if self.http is not None:
            parts[STATUS] = self.http[1]
        for at, closing in parts.items():
            await close(at, closing, report)
        if self.owner is not None:
            self.owner.release()


async def open_components(
    config: Config, wanted: AbstractSet[str], context: OpenContext, report: Callable[[str], None]
) -> Opened:
    """Open those components of these settings whose tables are wanted; all of them or none."""
    opened = Opened()
    try:
        # Whoever listens comes last: what it takes in has somewhere to go.
        for name, sink in config.sinks.items():
            if (at := f"sinks.{name}") in wanted:
                opened.sinks[name] = await _enter(sink, context.at(at))
        for name, notifier in config.notifiers.items():
            if (at := f"notifiers.{name}") in wanted:
                opened.notifiers[name] = await _enter(notifier, context.at(at))
        if config.http is not None and STATUS in wanted:
            opened.http = await _enter(config.http, context.at(STATUS))
        for name, source in config.sources.items():
            if (at := f"sources.{name}") in wanted:
                opened.sources[name] = await _enter(source, context.at(at))
        if config.data_dir is not None:
            # Last of all: who cannot start leaves no folder behind.
            opened.owner = Owner(config.data_dir, context.clock, context.created)
    except BaseException:
        await opened.close(report)
        context.created.undo()
        raise
    return opened


async def _enter(component: ComponentConfig, context: OpenContext) -> tuple[Any, AsyncExitStack]:
    """An open component and what closes it. What it raises tells the path of its table by a note."""
    closing = AsyncExitStack()
    try:
        return await closing.enter_async_context(component.open(context)), closing
    except BaseException as error:
        error.add_note(context.path)
        raise
