"""
Parts that run: a source with its queue to the core, a sink with its queue, each with what must be closed after it.
What becomes of a refused batch is decided here; the order of things is in `pipeline.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from headrig import telemetry
from headrig.delivery.ledger import Ledger
from headrig.delivery.retry import asked_seconds, pause, waits
from headrig.delivery.trouble import Seldom, Standing, Trouble
from headrig.engine import Engine
from headrig.errors import DeliveryError, Misconfigured, Retryable
from headrig.limits import IDLE_SECONDS_MAX, REFUSALS_MAX, RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX, Limits
from headrig.model import Batch, Clock, Receipt, Sink, Source
from headrig.net.sockets import Listening
from headrig.runtime.sink_queue import SinkQueue
from headrig.runtime.source_queue import CoreQueue, Partials
from headrig.sinks import SinkConfig
from headrig.sources import SourceConfig
from headrig.telemetry import Metrics
from headrig.worker import Worker

log: Final = logging.getLogger("headrig")


@dataclass(slots=True)
class State:
    """What a run consists of right now."""

    clock: Clock
    limits: Limits
    engine: Engine
    ledger: Ledger
    metrics: Metrics
    partials: Partials
    warnings: Seldom
    sources: dict[str, RunningSource] = field(default_factory=dict)
    sinks: dict[str, RunningSink] = field(default_factory=dict)
    leaving: set[RunningSource | RunningSink] = field(default_factory=set)
    """Taken out by a reload, not finished yet."""
    draining: bool = False
    pause: Callable[[float, asyncio.Event], Awaitable[None]] = pause
    """How a refused batch waits. Replaced by tests, which own the time."""
    tell: Callable[[str], None] = log.error
    """Says what must not go where the lines go: they may be what does not arrive."""


class RunningSource:
    """One source, its queue to the core, and the closing stack that closes it."""

    def __init__(
        self,
        name: str,
        config: SourceConfig,
        source: Source,
        queue: CoreQueue,
        closing: AsyncExitStack,
    ) -> None:
        self.id = name
        self.config = config
        self.source = source
        self.queue = queue
        self.core = Worker("headrig-core", daemon=False)
        """The core works on one batch of a source while it works on another's, and while lines are read and written."""
        self.closing = closing
        self.reading: asyncio.Task[None] | None = None
        self.processing: asyncio.Task[None] | None = None
        self.ended = False
        """It came to its end by itself while it was meant to run, and all its lines are with the sinks."""

    def tune(self, limits: Limits) -> None:
        """Take new bounds."""
        self.source.tune(limits)
        self.queue.tune(limits)

    @property
    def listening(self) -> Listening:
        """Itself, if its settings are `renewable`."""
        assert isinstance(self.source, Listening)
        return self.source

    def takes(self, config: SourceConfig) -> bool:
        """It can go on with these settings without letting go of its connections."""
        return self.config.renewable and type(self.config) is type(config)

    async def renew(self, changed: Source, closing: AsyncExitStack) -> None:
        """Go on as that one, and close what is no longer needed."""
        try:
            await self.listening.renew(changed)
        finally:
            await closing.aclose()

    async def read(self) -> None:
        """Hand lines to the queue until the source has ended, then end the queue."""
        try:
            await self.source.read(self.queue)
        finally:
            self.queue.end()

    @property
    def alive(self) -> bool:
        """It reads, or has come to its end as it should."""
        reading, processing = self.reading, self.processing
        if reading is None or processing is None:
            return False
        return not (processing.done() and not reading.done()) and not (reading.done() and self.source.endless)

    async def close(self) -> None:
        """Close what it held; lines that are not decided by now are dropped."""
        self.core.close()
        self.queue.drop_all("shutdown")
        self.queue.forget()
        await self.closing.aclose()


class RunningSink:
    """One sink, its queue, and the closing stack that closes it."""

    def __init__(
        self, name: str, config: SinkConfig, sink: Sink, queue: SinkQueue, *, clock: Clock, closing: AsyncExitStack
    ) -> None:
        self.id = name
        self._clock = clock
        self.config = config
        self.sink = sink
        self.queue = queue
        self.writing: asyncio.Task[None] | None = None
        self.closed_by_reader = False
        """Nobody takes what it writes."""
        self._closing = closing
        self._turn = asyncio.Lock()
        """A sink is never called concurrently, and never replaced during a call."""
        self._hurry = asyncio.Event()
        """Ends the wait of a refused batch, unless the other side asked for it."""
        self.standing = Standing(clock)
        self.failures = 0
        """Attempts to write that failed."""
        self._refusals = 0
        """Lines that were refused for good, one after the other and none accepted in between."""
        self._slow_down = waits(RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX)

    @property
    def alive(self) -> bool:
        """It writes."""
        return self.writing is not None and not self.writing.done()

    async def write(self, state: State, reader_gone: Callable[[], None]) -> None:
        """Have everything written that comes through the queue; call `reader_gone` when nobody takes it any more."""
        while batches := await self.queue.take():
            await self._deliver(batches, state)
            if self.closed_by_reader:
                reader_gone()

    def hasten(self) -> None:
        """Have what waits to be tried again tried now, unless the other side asked to be left alone."""
        self._hurry.set()

    async def flush(self) -> None:
        """Have everything written that waits now, and made durable."""
        self.hasten()
        await self.queue.flushed()
        async with self._turn:
            await self.sink.flush()

    def rush(self) -> None:
        """The end is near: nothing waits for room, for company, or for a better moment."""
        self._hurry.set()
        self.queue.rush()

    async def replace(self, config: SinkConfig, sink: Sink, closing: AsyncExitStack) -> None:
        """
        Go on with a newly opened sink, between two writes. A write to another machine is not waited for. Cancelled
        before its turn, it closes the new one.
        """
        try:
            if self.config.remote:
                await self._closing.aclose()
            async with self._turn:
                closing, self._closing = self._closing, closing
                sink.accepted_bytes = self.sink.accepted_bytes
                self.sink, self.config = sink, config
                self.closed_by_reader = False
            self._hurry.set()
        finally:
            await closing.aclose()

    async def close(self) -> None:
        """Close what it held; lines that are not decided by now are dropped."""
        self.drop_all("shutdown")
        self.queue.forget()
        await self._closing.aclose()

    def account(self) -> int:
        """Have the ledger know what the sink has accepted so far of the batches it is at; gives those lines."""
        return self.queue.advance(self.sink.accepted_bytes) if self.config.accepts_partly else 0

    def decided(self) -> int:
        """Lines that the sink has decided of the batches it is at."""
        self.account()
        return self.queue.decided

    def drop_all(self, reason: str) -> int:
        """Drop what waits; gives the lines. What the sink has of it already is delivered."""
        self.account()
        return self.queue.drop_all(reason)

    def trouble(self) -> Trouble | None:
        """Why it is not well; None while it is."""
        self.account()
        idle_since = self.queue.idle_since
        idle_seconds = 0.0 if idle_since is None else self.queue.now() - idle_since
        if self.standing.trouble or idle_seconds <= IDLE_SECONDS_MAX + self.queue.flush_seconds:
            return self.standing.trouble
        return Trouble(f"{self.queue.lines()} lines wait and none is accepted", self._clock() - idle_seconds)

    async def _deliver(self, batches: list[Batch], state: State) -> None:
        """Until the sink has accepted or refused for good each of their lines."""
        lines = [batch.lines for batch in batches]
        back_off = self._waits(state)
        while True:
            self._hurry.clear()
            try:
                async with self._turn:
                    await self.sink.write(lines)
            except Retryable as error:
                if self.account():
                    self.standing.taken()
                self._failed(error, state)
                await self._pause(next(back_off), error, state)
            except DeliveryError as error:
                self._failed(error, state)
                if error.size is None:
                    self.account()
                    self.queue.done(error.reason)
                    self.sink.accepted_bytes = 0
                    return
                await self._refused(error, error.size, state)
            else:
                self.standing.taken()
                self._refusals = 0
                self.queue.done()
                return

    async def _refused(self, error: DeliveryError, size: int, state: State) -> None:
        """
        Count what was refused for good, the last so many bytes. An endpoint that refuses line after line is not asked as
        fast as it can answer: what it would cost is bounded, and `when_full` decides about what comes meanwhile.
        """
        self.standing.taken()
        if self.queue.advance(self.sink.accepted_bytes - size):
            self._refusals = 0
        self.queue.advance(self.sink.accepted_bytes, error.reason)
        self._refusals += 1
        if self._refusals == REFUSALS_MAX:
            self._slow_down = waits(RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX)
        if self._refusals >= REFUSALS_MAX:
            await self._pause(next(self._slow_down), error, state)

    def _waits(self, state: State) -> Iterator[float]:
        """Back-off of another machine, or of this one."""
        if self.config.remote:
            return waits(state.limits.retry_first_seconds, state.limits.retry_seconds_max)
        return waits(RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX)

    async def _pause(self, wait_seconds: float, error: DeliveryError, state: State) -> None:
        """Wait as long as was asked for; what the back-off has beyond it ends when there is a reason to hurry."""
        asked_for_seconds = asked_seconds(error, state.clock()) if isinstance(error, Retryable) else 0.0
        if state.draining:
            wait_seconds = min(wait_seconds, RETRY_FIRST_SECONDS)
        elif self in state.leaving:
            wait_seconds = min(wait_seconds, RETRY_SECONDS_MAX)
        if asked_for_seconds:
            await state.pause(asked_for_seconds, asyncio.Event())
        if wait_seconds > asked_for_seconds:
            await state.pause(wait_seconds - asked_for_seconds, self._hurry)

    def _failed(self, error: DeliveryError, state: State) -> None:
        """Count a failure and say what becomes of the lines: a fault of the settings once, others seldom."""
        if error.reason == "closed" and not isinstance(error, Retryable):
            self.closed_by_reader = True
            return
        self.failures += 1
        state.metrics.add(telemetry.ERRORS, 1, self.id, "sink", self.queue.account.type, error.reason, "sending")
        at = f"sinks.{self.id}"
        remedy = f"; {error.remedy}" if error.remedy else ""
        text = f"{at}: {self.config.where} {error}" if self.config.remote else f"{at}: {error}"
        if isinstance(error, Misconfigured):
            if self.standing.refused(self.sink, error):
                state.tell(f"{text}; its lines wait as long as there is room for them{remedy}")
            return
        self.standing.unanswered()
        if isinstance(error, Retryable):
            state.warnings.warn(at, f"{text}; the batch is tried again")
        elif error.size is None:
            state.warnings.warn(at, f"{text}; the batch is dropped")
        else:
            state.warnings.warn(
                f"{at}: line", f"{text} to a line of {error.size} bytes, which is dropped{remedy}", state.tell
            )


def offer(lines: Batch, receipts: list[Receipt], sinks: Mapping[str, RunningSink]) -> None:
    """Give a batch to every sink; those who wait for it wait for the required ones."""
    for running in sinks.values():
        awaited = tuple(receipts) if running.config.required else ()
        for receipt in awaited:
            receipt.expect(1)
        running.queue.offer(Batch(lines.lines, lines.count, lines.size, awaited))
