"""
The parts of a run: how they are opened, start, go over to other settings, and are let go of. A reload opens everything
new first, then changes over in one step in which nothing else runs; what that leaves behind finishes by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol

from headrig import telemetry
from headrig.component import OpenContext
from headrig.config import Config
from headrig.config.files import Seen, seen
from headrig.delivery.buffer import Memory
from headrig.delivery.loop import close
from headrig.engine import BATCH_BYTES_MAX, Engine
from headrig.errors import HeadrigError, UnavailableError
from headrig.limits import LEAVING_SECONDS, RELOAD_SECONDS, SWITCH_SECONDS
from headrig.model import Sink, Source
from headrig.net.sockets import Sockets
from headrig.runtime.alerts import Alerting
from headrig.runtime.builder import Opened, open_parts
from headrig.runtime.running import RunningSink, RunningSource
from headrig.runtime.source_queue import CoreQueue
from headrig.runtime.state import State
from headrig.runtime.status import Status
from headrig.web.server import StatusServer

log: Final = logging.getLogger("headrig")


class Flow(Protocol):
    """The way of a batch: the tasks of a source and of a sink."""

    async def receive(self, source: RunningSource) -> None:
        """Source -> queue."""

    async def process(self, source: RunningSource) -> None:
        """Queue -> core -> sinks and alerts."""

    async def deliver(self, sink: RunningSink) -> None:
        """Buffer -> sink."""


class Members:
    """The parts of one run."""

    def __init__(
        self,
        config: Config,
        state: State,
        alerting: Alerting,
        *,
        status: Status,
        flow: Flow,
        review: Callable[[], None],
    ) -> None:
        self.config = config
        self.http: tuple[StatusServer, AsyncExitStack] | None = None
        self.going_over: dict[str, asyncio.Task[None]] = {}
        """Parts on their way to what was opened for them, by their path in the settings."""
        self._state = state
        self._alerting = alerting
        self._status = status
        self._flow = flow
        self._review = review
        """Is called when a part has come to its end, or another has taken its place."""
        self._sockets = Sockets()
        self._opened: Opened | None = None
        self._seen: dict[str, Seen] = {}
        self._tasks: asyncio.TaskGroup
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        """Reloads come one at a time."""
        self._deadline: asyncio.Timeout | None = None
        """Of what the reload under way waits for."""

    async def open(self) -> None:
        """Open every part; nothing stays open when one cannot be."""
        self._opened = await self._open(self.config)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Let everything run that was opened."""
        assert self._opened is not None
        self._tasks = tasks
        opened, self._opened = self._opened, None
        self._seen = opened.seen
        self._alerting.start(tasks, opened.notifiers)
        for name, (sink, closing) in opened.sinks.items():
            self._start_sink(name, sink, closing)
        for name, (source, closing) in opened.sources.items():
            self._start_source(name, source, closing)
        self._switch_http(opened)

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
                opened = await self._open_in_time(config)
                try:
                    engine = Engine(config.engine_spec, self._state.engine)
                except BaseException:
                    await opened.close(self._state.tell)
                    raise
                self._switch(config, opened, engine)
                metrics.add(telemetry.RELOADS, 1, "success")
                await self._settle()
        except HeadrigError:
            metrics.add(telemetry.RELOADS, 1, "failure")
            raise

    async def stand_still(self) -> None:
        """The run ends: no part comes any more. A reload under way is given up, or is over but for what goes on by itself."""
        self._state.draining = True
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(self._loop.time())
        async with self._turn:
            pass

    async def close(self) -> None:
        """Close whatever is open, at whatever point the run ended."""
        await self.stand_still()
        if self._opened is not None:
            await self._opened.close(self._state.tell)
        for running in (*self._state.sources.values(), *self._state.sinks.values(), *self._state.leaving):
            await running.close()
        await self._alerting.notifiers.close()
        if self.http is not None:
            await close("http", self.http[1], self._state.tell)

    async def _open(self, config: Config) -> Opened:
        """Open every sink, and what else changed or is new."""
        # Looked at before anything is opened: a file that is exchanged meanwhile counts as changed the next time.
        read = {at: seen(part) for at, part in config.components.items()}
        changed = {at for at in read if read[at] != self._seen.get(at) or self._lost(at)}
        sinks = {f"sinks.{name}" for name in config.sinks}
        context = OpenContext(
            path="",
            clock=self._state.clock,
            limits=config.limits,
            data_dir=config.data_dir,
            sockets=self._sockets,
            telemetry=self._state.metrics,
        )
        opened = await open_parts(config, changed | sinks, context, self._state.tell)
        opened.seen = read
        return opened

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
                await opened.close(self._state.tell)
            raise UnavailableError("the run ends", remedy="start it anew")
        return opened

    def listening(self) -> list[int]:
        """Descriptors of the sockets that peers come to, also of those that no loop knows yet."""
        return self._sockets.descriptors()

    def _lost(self, at: str) -> bool:
        """Peers no longer find the socket of this part."""
        running = self._state.sources.get(at.removeprefix("sources."))
        door = running.listening.door if running is not None and running.config.renewable else None
        return door is not None and self._sockets.lost(door.bound)

    def _switch(self, config: Config, opened: Opened, engine: Engine) -> None:
        """One step from old to new: whoever looks sees the one or the other, and the new is there before the old goes."""
        state = self._state
        state.engine, state.limits, self.config, self._seen = engine, config.limits, config, opened.seen
        state.partials.bytes_max = config.limits.partial_bytes_max
        leaving: list[RunningSource | RunningSink] = []
        leaving += [state.sources.pop(name) for name in list(state.sources) if name not in config.sources]
        leaving += [state.sinks.pop(name) for name in list(state.sinks) if name not in config.sinks]
        for name, (sink, closing) in opened.sinks.items():
            if name in state.sinks:
                self._tune(state.sinks[name].buffer, name)
                self._go_over(f"sinks.{name}", state.sinks[name].replace(config.sinks[name], sink, closing))
            else:
                self._start_sink(name, sink, closing)
        for running in state.sources.values():
            running.tune(config.limits)
        for name, (source, closing) in opened.sources.items():
            running_now = state.sources.get(name)
            if running_now is not None and running_now.takes(config.sources[name]):
                running_now.config = config.sources[name]
                self._go_over(f"sources.{name}", running_now.renew(source, closing))
                continue
            if running_now is not None:
                leaving.append(running_now)
            self._start_source(name, source, closing)
        self._switch_http(opened)
        self._alerting.evaluation.replace(config.thresholds, engine)
        for at, work in self._alerting.renew(config, opened.notifiers).items():
            self._go_over(at, work)
        for gone in leaving:
            self._let_go(gone)
        self._review()

    def _switch_http(self, opened: Opened) -> None:
        """The status server moves to another address, comes or goes; what is mounted on it stays."""
        if opened.http is not None:
            if self.http is None:
                self.http = opened.http
                self._go_over("http", self.http[0].start(self._status))
            else:
                self._go_over("http", self._renew_http(*opened.http))
        elif self.config.http is None and self.http is not None:
            self._go_over("http", close("http", self.http[1], self._state.tell))
            self.http = None
        if self.http is not None:
            self.http[0].httpd.connections_max = self.config.limits.connections_max
        self._mount()

    async def _renew_http(self, changed: StatusServer, closing: AsyncExitStack) -> None:
        assert self.http is not None
        try:
            await self.http[0].renew(changed)
        finally:
            await close("http", closing, self._state.tell)

    def _mount(self) -> None:
        """Have what sources and sinks serve on the status server, and nothing else of theirs."""
        if self.http is not None:
            served = [running.config.routes(running.source) for running in self._state.sources.values()]
            served += [running.config.routes(running.sink) for running in self._state.sinks.values()]
            self.http[0].mount({at: route for routes in served for at, route in routes.items()})

    def _go_over(self, at: str, work: Coroutine[Any, Any, None]) -> None:
        """Have a part go over to what was opened for it. One that still waits to go over to something older gives that up."""
        if (before := self.going_over.get(at)) is not None:
            before.cancel()
        self.going_over[at] = task = self._tasks.create_task(self._worded(at, work))
        task.add_done_callback(lambda _: self.going_over.pop(at) if self.going_over.get(at) is task else None)

    async def _worded(self, at: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except OSError as error:
            log.error("%s: it could not go over to the new settings: %s", at, error.strerror or error)  # noqa: TRY400
        # What is served now, and who may ask for it, may be others'.
        self._mount()
        self._review()

    async def _settle(self) -> None:
        """Wait until every part has gone over; what takes long goes on by itself."""
        try:
            async with asyncio.timeout(SWITCH_SECONDS) as self._deadline:
                if self.going_over and not self._state.draining:
                    await asyncio.wait(self.going_over.values())
        except TimeoutError:
            if not self._state.draining:
                late = ", ".join(self.going_over)
                log.warning("%s: goes over to the new settings once what is under way has ended", late)
        finally:
            self._deadline = None

    def _start_source(self, name: str, source: Source, closing: AsyncExitStack) -> None:
        state, config = self._state, self.config.sources[name]
        queue = CoreQueue(
            state.ledger.source(name, config.kind),
            state.metrics,
            state.partials,
            clock=state.clock,
            limits=state.limits,
            batch_bytes_max=BATCH_BYTES_MAX,
        )
        running = state.sources[name] = RunningSource(name, config, source, queue, closing, state)
        running.reading = self._tasks.create_task(self._flow.receive(running))
        running.processing = self._tasks.create_task(self._flow.process(running))
        running.processing.add_done_callback(lambda task: self._source_done(running, task))

    def _source_done(self, running: RunningSource, processing: asyncio.Task[None]) -> None:
        """It has ended by itself unless someone told it to."""
        running.ended = not processing.cancelled() and not running.queue.stopping.is_set()
        self._review()

    def _start_sink(self, name: str, sink: Sink, closing: AsyncExitStack) -> None:
        state, config = self._state, self.config.sinks[name]
        buffer = Memory(state.ledger.sink(name, config.kind), state.limits)
        running = state.sinks[name] = RunningSink(name, config, sink, buffer, context=state, closing=closing)
        running.reader_gone = self._review
        self._tune(buffer, name)
        running.writing = self._tasks.create_task(self._flow.deliver(running))

    def _tune(self, buffer: Memory, name: str) -> None:
        config = self.config.sinks[name]
        buffer.account.type = config.kind
        buffer.tune(self._state.limits, config.when_full, config.flush_entries_max, config.flush_seconds)

    def _let_go(self, running: RunningSource | RunningSink) -> None:
        """It is told to finish; its account closes against what it was offered until now."""
        self._state.leaving.add(running)
        if isinstance(running, RunningSource):
            running.queue.stopping.set()
            self._tasks.create_task(self._see_off(running, running.reading, running.processing))
        else:
            self._state.ledger.close(running.buffer.account)
            running.leaving = True
            running.stop_waiting()
            running.buffer.end()
            self._tasks.create_task(self._see_off(running, running.writing))

    async def _see_off(self, running: RunningSource | RunningSink, *works: asyncio.Task[None] | None) -> None:
        """Wait until it has finished, the first of its tasks for so long, and close it. At the end of the run that is `close`'s."""
        for work in works:
            assert work is not None
            _, late = await asyncio.wait({work}, timeout=LEAVING_SECONDS if work is works[0] else None)
            if late:
                work.cancel()
                await asyncio.wait({work})
        if self._state.draining:
            return
        if isinstance(running, RunningSink) and (lost := running.drop_all("removed")):
            log.error(
                "sinks.%s: %d lines were not written within %g s of its removal", running.id, lost, LEAVING_SECONDS
            )
        self._state.leaving.discard(running)
        await running.close()
