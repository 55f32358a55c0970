"""
The components of a run: how each is started, replaced by a newly opened one, and let go of. `pipeline.py` and
`reload.py` say when.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol

from headrig.config import Config
from headrig.delivery.buffer import Memory, SinkBuffer
from headrig.delivery.loop import Bug, close, ends
from headrig.delivery.owner import Owner
from headrig.engine import BATCH_BYTES_MAX
from headrig.limits import LEAVING_SECONDS
from headrig.model import Sink, Source
from headrig.net.sockets import Sockets
from headrig.runtime.alerting import Alerting
from headrig.runtime.builder import Opened
from headrig.runtime.running import RunningSink, RunningSource
from headrig.runtime.source_queue import CoreQueue
from headrig.runtime.state import RunState
from headrig.runtime.status import RunStatus
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


class Components:
    """The components of one run."""

    def __init__(self, config: Config, state: RunState, alerting: Alerting, *, status: RunStatus, flow: Flow) -> None:
        self.config = config
        """The settings that they run by."""
        self.http: tuple[StatusServer, AsyncExitStack] | None = None
        self.sockets = Sockets()
        self.going_over: dict[str, asyncio.Task[None]] = {}
        """Those on their way to what was opened for them, by their path in the settings."""
        self.review: Callable[[], None] = lambda: None
        """Is called when one has come to its end, or another has taken its place."""
        self._state = state
        self._alerting = alerting
        self._status = status
        self._flow = flow
        self._tasks: asyncio.TaskGroup

    def start(self, tasks: asyncio.TaskGroup, opened: Opened) -> None:
        """Let everything run that was opened."""
        self._tasks = tasks
        self._alerting.start(tasks, opened.notifiers)
        for name, (sink, closing) in opened.sinks.items():
            self.start_sink(name, sink, closing)
        for name, (source, closing) in opened.sources.items():
            self.start_source(name, source, closing)
        self.exchange_http(opened)
        self.own(opened.owner)

    def start_source(self, name: str, source: Source, closing: AsyncExitStack) -> None:
        """Let a source run, by its settings."""
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

    def start_sink(self, name: str, sink: Sink, closing: AsyncExitStack) -> None:
        """Let a sink run, by its settings."""
        state, config = self._state, self.config.sinks[name]
        buffer: SinkBuffer = Memory(state.ledger.sink(name, config.kind), state.limits)
        running = state.sinks[name] = RunningSink(name, config, sink, buffer, context=state, closing=closing)
        running.reader_gone = self.review
        self._tune(buffer, name)
        running.writing = self._tasks.create_task(self._flow.deliver(running))

    def exchange_source(self, name: str, source: Source, closing: AsyncExitStack) -> RunningSource | None:
        """
        Have a source run that was opened. One that can go on with the new one's settings keeps its connections; any other is
        given back, to be let go of.
        """
        config, running = self.config.sources[name], self._state.sources.get(name)
        if running is not None and running.takes(config):
            running.config = config
            self.go_over(f"sources.{name}", running.renew(source, closing))
            return None
        self.start_source(name, source, closing)
        return running

    def exchange_sink(self, name: str, sink: Sink, closing: AsyncExitStack) -> None:
        """Have a sink run that was opened: the one that runs is exchanged between two writes."""
        if (running := self._state.sinks.get(name)) is None:
            self.start_sink(name, sink, closing)
            return
        self._tune(running.buffer, name)
        self.go_over(f"sinks.{name}", running.replace(self.config.sinks[name], sink, closing))

    def exchange_http(self, opened: Opened) -> None:
        """The status server moves to another address, comes or goes; what is mounted on it stays."""
        if opened.http is not None:
            if self.http is None:
                self.http = opened.http
                self.go_over("http", self.http[0].start(self._status))
            else:
                self.go_over("http", self._renew_http(*opened.http))
        elif self.config.http is None and self.http is not None:
            self.go_over("http", close("http", self.http[1], self._state.report))
            self.http = None
        if self.http is not None:
            self.http[0].httpd.connections_max = self.config.limits.connections_max
        self._mount()

    def own(self, owner: Owner | None) -> None:
        """Keep the state where this says, or say who does; what was kept elsewhere is free for others."""
        before, self._state.owner = self._state.owner, owner
        if before is not None:
            before.release()
        if owner is not None and (degraded := owner.degraded) is not None:
            log.warning("data_dir: %s", degraded.reason)
        self._announce()

    def go_over(self, at: str, work: Coroutine[Any, Any, None]) -> None:
        """Have a component go over to what was opened for it. If it still waits to go over to something older, it gives that up."""
        if (before := self.going_over.get(at)) is not None:
            before.cancel()
        self.going_over[at] = task = self._tasks.create_task(self._worded(at, work))
        task.add_done_callback(lambda _: self.going_over.pop(at) if self.going_over.get(at) is task else None)

    def let_go(self, running: RunningSource | RunningSink) -> None:
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

    def listening(self) -> list[int]:
        """Descriptors of the sockets that peers come to, also of those that no loop knows yet."""
        return self.sockets.descriptors()

    def unreachable(self, at: str) -> bool:
        """Peers no longer find the socket of this component, or a bug ended it."""
        running = self._state.sources.get(at.removeprefix("sources."))
        if running is not None and running.bug is not None:
            return True
        listener = running.listening.listener if running is not None and running.config.renewable else None
        return listener is not None and self.sockets.lost(listener.bound)

    async def close(self) -> None:
        """Close whatever is open, at whatever point the run ended."""
        for running in (*self._state.sources.values(), *self._state.sinks.values(), *self._state.leaving):
            await running.close()
        await self._alerting.notifiers.close()
        if self.http is not None:
            await close("http", self.http[1], self._state.report)
        if self._state.owner is not None:
            self._state.owner.release()

    async def _renew_http(self, changed: StatusServer, closing: AsyncExitStack) -> None:
        assert self.http is not None
        try:
            await self.http[0].renew(changed)
        finally:
            await close("http", closing, self._state.report)

    def _mount(self) -> None:
        """Have what sources and sinks serve on the status server, and nothing else of theirs."""
        if self.http is not None:
            served = [running.config.routes(running.source) for running in self._state.sources.values()]
            served += [running.config.routes(running.sink) for running in self._state.sinks.values()]
            self.http[0].mount({at: route for routes in served for at, route in routes.items()})

    def _announce(self) -> None:
        """Those who look at who keeps the state find where this is served."""
        if self._state.owner is not None:
            self._state.owner.announce(self.http[0].where if self.http is not None else "")

    async def _worded(self, at: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except OSError as error:
            log.error("%s: it could not go over to the new settings: %s", at, error.strerror or error)  # noqa: TRY400
        except BaseException as error:
            if ends(error):
                raise
            bug = Bug(error, "renew")
            self._state.report(f"{at}: {bug}, a bug; it goes on as it can{bug.place}")
        # What is served now, and who may ask for it, may be others'.
        self._mount()
        self._announce()
        self.review()

    def _source_done(self, running: RunningSource, processing: asyncio.Task[None]) -> None:
        """It has ended by itself unless someone told it to."""
        running.ended = not processing.cancelled() and not running.queue.stopping.is_set()
        self.review()

    def _tune(self, buffer: SinkBuffer, name: str) -> None:
        config = self.config.sinks[name]
        buffer.account.type = config.kind
        buffer.tune(self._state.limits, config.when_full, config.flush_entries_max, config.flush_seconds)

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
