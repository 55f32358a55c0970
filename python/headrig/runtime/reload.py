"""
Exchanges the settings of a run as a transaction. Prepare opens everything new; if that fails, it is closed again.
Commit is one step without an `await`. What was replaced is let go of and finishes by itself.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from headrig import telemetry
from headrig.component import OpenContext
from headrig.config import Config
from headrig.config.files import Seen, seen
from headrig.delivery.loop import Bug, ends
from headrig.engine import Engine
from headrig.errors import HeadrigError, UnavailableError
from headrig.limits import RELOAD_SECONDS, SWITCH_SECONDS
from headrig.runtime.alerting import Alerting
from headrig.runtime.builder import Opened, open_components
from headrig.runtime.components import Components
from headrig.runtime.running import RunningSink, RunningSource
from headrig.runtime.state import RunState

log: Final = logging.getLogger("headrig")


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a commit needs. Nobody uses any of it yet."""

    config: Config
    opened: Opened
    engine: Engine


class Reload:
    """The first set of settings of a run, and each that comes after it. One at a time."""

    def __init__(self, state: RunState, alerting: Alerting, components: Components) -> None:
        self._state = state
        self._alerting = alerting
        self._components = components
        self._opened: Opened | None = None
        """By the first settings, until it runs."""
        self._seen: dict[str, Seen] = {}
        """What the settings said of every component that runs."""
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._deadline: asyncio.Timeout | None = None
        """Of what the reload under way waits for."""

    async def reload(self, config: Config) -> None:
        """
        Go over to new settings. What did not change goes on undisturbed, with its connections; every sink is opened
        anew, as is what a file that settings name has other content for.

        Raises `ConfigError` or `UnavailableError` when anything cannot be opened, or the run ends meanwhile, and then
        everything is as before.
        """
        metrics = self._state.metrics
        try:
            async with self._turn:
                prepared = await self._prepare(config)
                leaving = self._commit(prepared)
                self._let_go(leaving)
                metrics.add(telemetry.RELOADS, 1, "success")
                await self._settle()
        except HeadrigError:
            metrics.add(telemetry.RELOADS, 1, "failure")
            raise

    async def _prepare(self, config: Config) -> Prepared:
        """
        Open every sink, and what else changed or is new, within a time. All of it or, raising, nothing. A bug refuses these
        settings like any other obstacle: nothing is exchanged yet, so that it must not cost what runs.
        """
        try:
            opened = await self._open_in_time(config)
            try:
                return Prepared(config, opened, Engine(config.engine_spec, self._state.engine))
            except BaseException:
                await opened.close(self._state.report)
                raise
        except HeadrigError:
            raise
        except BaseException as error:
            if ends(error):
                raise
            bug, at = Bug(error, "open"), "".join(getattr(error, "__notes__", [])[-1:])
            self._state.report(f"{at or 'reload'}: {bug}, a bug{bug.place}")
            raise UnavailableError(f"{bug}, a bug", path=at) from None

    def _commit(self, new: Prepared) -> list[RunningSource | RunningSink]:
        """
        One step from old to new, without an `await`: whoever looks sees the one or the other, and the new is there before
        the old goes. What may fail was done before. Gives what runs no longer.
        """
        state, components, config = self._state, self._components, new.config
        state.engine, state.limits, components.config, self._seen = new.engine, config.limits, config, new.opened.seen
        state.partials.bytes_max = config.limits.partial_bytes_max
        leaving: list[RunningSource | RunningSink] = []
        leaving += [state.sources.pop(name) for name in list(state.sources) if name not in config.sources]
        leaving += [state.sinks.pop(name) for name in list(state.sinks) if name not in config.sinks]
        for name, (sink, closing) in new.opened.sinks.items():
            components.exchange_sink(name, sink, closing)
        for running in state.sources.values():
            running.tune(config.limits)
        for name, (source, closing) in new.opened.sources.items():
            if (before := components.exchange_source(name, source, closing)) is not None:
                leaving.append(before)
        components.exchange_http(new.opened)
        components.own(new.opened.owner)
        self._alerting.evaluation.replace(config.thresholds, new.engine)
        for at, work in self._alerting.renew(config, new.opened.notifiers).items():
            components.go_over(at, work)
        return leaving

    def _let_go(self, leaving: list[RunningSource | RunningSink]) -> None:
        """In the same step, so that nothing is offered any more: each is told to finish, and nobody waits for it."""
        for gone in leaving:
            self._components.let_go(gone)
        self._components.review()

    async def _settle(self) -> None:
        """Wait until every component has gone over to what was opened for it; what takes long goes on by itself."""
        try:
            async with asyncio.timeout(SWITCH_SECONDS) as self._deadline:
                if self._components.going_over and not self._state.draining:
                    await asyncio.wait(self._components.going_over.values())
        except TimeoutError:
            if not self._state.draining:
                late = ", ".join(self._components.going_over)
                log.warning("%s: goes over to the new settings once what is under way has ended", late)
        finally:
            self._deadline = None

    # The first settings, and the end

    async def open(self, config: Config) -> None:
        """Open every component; nothing stays open when one cannot be."""
        self._opened = await self._open(config)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Let everything run that was opened."""
        assert self._opened is not None
        opened, self._opened = self._opened, None
        self._seen = opened.seen
        self._components.start(tasks, opened)

    async def stand_still(self) -> None:
        """The run ends: no component comes any more. A reload under way is given up, or is over but for what goes on by itself."""
        self._state.draining = True
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(self._loop.time())
        async with self._turn:
            pass

    async def close(self) -> None:
        """Close what was opened and never ran."""
        await self.stand_still()
        if self._opened is not None:
            await self._opened.close(self._state.report)

    async def _open_in_time(self, config: Config) -> Opened:
        opened = None
        if not self._state.draining:
            try:
                async with asyncio.timeout(RELOAD_SECONDS) as self._deadline:
                    opened = await self._open(config)
            except TimeoutError:
                if not self._state.draining:
                    raise UnavailableError(f"not everything could be opened within {RELOAD_SECONDS:g} s") from None
            finally:
                self._deadline = None
        if opened is None or self._state.draining:
            if opened is not None:
                await opened.close(self._state.report)
            raise UnavailableError("the run ends", remedy="start it anew")
        return opened

    async def _open(self, config: Config) -> Opened:
        """Open every sink, and what else changed, is new, or is no longer found by its peers."""
        # Looked at before anything is opened: a file that is exchanged meanwhile counts as changed the next time.
        read = {at: seen(part) for at, part in config.components.items()}
        changed = {at for at in read if read[at] != self._seen.get(at) or self._components.unreachable(at)}
        sinks = {f"sinks.{name}" for name in config.sinks}
        context = OpenContext(
            path="",
            clock=self._state.clock,
            limits=config.limits,
            data_dir=config.data_dir,
            sockets=self._components.sockets,
            telemetry=self._state.metrics,
        )
        opened = await open_components(config, changed | sinks, context, self._state.report)
        opened.seen = read
        return opened
