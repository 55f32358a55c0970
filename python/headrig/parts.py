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

from headrig import families
from headrig.engine import Engine
from headrig.errors import DeliveryError, Retryable
from headrig.families import Metrics
from headrig.ledger import Ledger
from headrig.limits import RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX, WARN_SECONDS, Limits
from headrig.listen import Listening
from headrig.model import Batch, Clock, Receipt, Sink, Source
from headrig.queues import CoreQueue, Partials, SinkQueue
from headrig.retry import asked_seconds, pause, waits
from headrig.sinks import SinkConfig
from headrig.sources import SourceConfig
from headrig.worker import Worker

log: Final = logging.getLogger("headrig")


class Seldom:
    """Warnings that may repeat quickly: each is logged at most once per `WARN_SECONDS`, with how often it was not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def warn(self, key: str, text: str) -> None:
        """Log `text`, unless the last one of this `key` was just now."""
        now = self._clock()
        if now - self._last.get(key, -WARN_SECONDS) < WARN_SECONDS:
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            return
        self._last[key] = now
        unsaid = self._unsaid.pop(key, 0)
        log.warning("%s%s", text, f" ({unsaid} more times)" if unsaid else "")


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

    def takes(self, config: SourceConfig) -> bool:
        """It can go on with these settings without letting go of its connections."""
        return isinstance(self.source, Listening) and type(self.config) is type(config)

    async def renew(self, changed: Source, closing: AsyncExitStack) -> None:
        """Go on as that one, and close what is no longer needed."""
        assert isinstance(self.source, Listening)
        try:
            await self.source.renew(changed)
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
        """Close what it held; its lines are decided by now."""
        self.core.close()
        self.queue.forget()
        await self.closing.aclose()


class RunningSink:
    """One sink, its queue, and the closing stack that closes it."""

    def __init__(self, name: str, config: SinkConfig, sink: Sink, queue: SinkQueue, closing: AsyncExitStack) -> None:
        self.id = name
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

    async def flush(self) -> None:
        """Have everything written that waits now, and made durable."""
        self._hurry.set()
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
        """Close what it held."""
        self.queue.forget()
        await self._closing.aclose()

    async def _deliver(self, batches: list[Batch], state: State) -> None:
        """Until the sink accepts them or gives up for good."""
        lines = [batch.lines for batch in batches]
        for wait_seconds in self._waits(state):
            self._hurry.clear()
            try:
                async with self._turn:
                    await self.sink.write(lines)
            except Retryable as error:
                self._failed(error, state, "is tried again")
                await self._pause(wait_seconds, error, state)
            except DeliveryError as error:
                if error.reason == "closed":
                    self.closed_by_reader = True
                else:
                    self._failed(error, state, "is dropped")
                self.queue.done(error.reason, error.lines, error.size)
                return
            else:
                self.queue.done()
                return

    def _waits(self, state: State) -> Iterator[float]:
        """Back-off of another machine, or of this one."""
        if self.config.remote:
            return waits(state.limits.retry_first_seconds, state.limits.retry_seconds_max)
        return waits(RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX)

    async def _pause(self, wait_seconds: float, error: Retryable, state: State) -> None:
        """Wait as long as was asked for; what the back-off has beyond it ends when there is a reason to hurry."""
        asked_for_seconds = asked_seconds(error, state.clock())
        if state.draining:
            wait_seconds = min(wait_seconds, RETRY_FIRST_SECONDS)
        elif self in state.leaving:
            wait_seconds = min(wait_seconds, RETRY_SECONDS_MAX)
        if asked_for_seconds:
            await state.pause(asked_for_seconds, asyncio.Event())
        if wait_seconds > asked_for_seconds:
            await state.pause(wait_seconds - asked_for_seconds, self._hurry)

    def _failed(self, error: DeliveryError, state: State, consequence: str) -> None:
        state.metrics.add(families.ERRORS, 1, self.id, "sink", self.queue.account.type, error.reason, "sending")
        state.warnings.warn(f"sinks.{self.id}", f"sinks.{self.id}: {error}; the batch {consequence}")


def offer(lines: Batch, receipts: list[Receipt], sinks: Mapping[str, RunningSink]) -> None:
    """Give a batch to every sink; those who wait for it wait for the required ones."""
    for running in sinks.values():
        awaited = tuple(receipts) if running.config.required else ()
        for receipt in awaited:
            receipt.expect(1)
        running.queue.offer(Batch(lines.lines, lines.count, lines.size, awaited))
