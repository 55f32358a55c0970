"""
A running source with its queue to the core, and a running sink with its buffer, each with what must be closed after
it. What a sink adds to the delivery loop is here; the order of events is in `pipeline.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack

from headrig import telemetry
from headrig.delivery.buffer import SinkBuffer
from headrig.delivery.condition import Degraded
from headrig.delivery.loop import Bug, DeliveryContext, DeliveryLoop, close, ends
from headrig.delivery.retry import waits
from headrig.errors import DeliveryError, Misconfigured, Rejected, Retryable
from headrig.limits import IDLE_SECONDS_MAX, RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX, Limits
from headrig.model import Batch, Receipt, Sink, Source
from headrig.net.sockets import Listening
from headrig.runtime.source_queue import CoreQueue
from headrig.sinks import SinkConfig
from headrig.sources import SourceConfig
from headrig.worker import Worker


class RunningSource:
    """One source, its queue to the core, and the closing stack that closes it."""

    def __init__(
        self,
        name: str,
        config: SourceConfig,
        source: Source,
        queue: CoreQueue,
        closing: AsyncExitStack,
        context: DeliveryContext,
    ) -> None:
        self.id = name
        self._context = context
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
        self.bug: Degraded | None = None
        """It failed by this; a reload opens it anew, whatever has changed."""

    def tune(self, limits: Limits) -> None:
        """Take new bounds."""
        self.queue.tune(limits)
        try:
            self.source.tune(limits)
        except BaseException as error:
            if ends(error):
                raise
            self._fails(Bug(error, "tune"), "it goes on as it was")

    @property
    def listening(self) -> Listening:
        """Itself, if its settings are `renewable`."""
        assert isinstance(self.source, Listening)
        return self.source

    def takes(self, config: SourceConfig) -> bool:
        """It can go on with these settings without letting go of its connections."""
        return self.bug is None and self.config.renewable and type(self.config) is type(config)

    async def renew(self, changed: Source, closing: AsyncExitStack) -> None:
        """Go on as that one, and close what is no longer needed."""
        try:
            await self.listening.renew(changed)
        except OSError:
            raise
        except BaseException as error:
            if ends(error):
                raise
            self._fails(Bug(error, "renew"), "it goes on as it can")
        finally:
            await close(f"sources.{self.id}", closing, self._context.report)

    async def read(self) -> None:
        """Hand lines to the queue until the source has ended, or failed by a bug; then end the queue."""
        try:
            await self.source.read(self.queue)
        except BaseException as error:
            if ends(error):
                raise
            self._fails(Bug(error, "read"), "it takes nothing more until a reload or a start opens it anew")
            # Peers are turned away rather than left waiting for somebody to read what they send.
            await close(f"sources.{self.id}", self.closing, self._context.report)
        finally:
            self.queue.end()

    @property
    def alive(self) -> bool:
        """It reads, or has come to its end as it should."""
        reading, processing = self.reading, self.processing
        if reading is None or processing is None:
            return False
        ended_well = not self.source.endless and self.bug is None
        return not (processing.done() and not reading.done()) and not (reading.done() and not ended_well)

    async def close(self) -> None:
        """Close what it held; lines that are not decided by now are dropped."""
        self.core.close()
        self.queue.drop_all("shutdown")
        self.queue.detach()
        await close(f"sources.{self.id}", self.closing, self._context.report)

    def _fails(self, bug: Bug, consequence: str) -> None:
        """Count and log a bug of the source: the others go on."""
        self.bug = Degraded(f"{bug}, a bug; {consequence}", self._context.clock())
        self.queue.failed("bug")
        self._context.report(f"sources.{self.id}: {self.bug.reason}{bug.place}")


class RunningSink(DeliveryLoop[Batch]):
    """One sink, what waits for it, and the closing stack that closes it."""

    verb = "write"

    def __init__(
        self,
        name: str,
        config: SinkConfig,
        sink: Sink,
        buffer: SinkBuffer,
        *,
        context: DeliveryContext,
        closing: AsyncExitStack,
    ) -> None:
        super().__init__(f"sinks.{name}", buffer, context, closing)
        self.id = name
        self.config = config
        self.sink = sink
        self.buffer = buffer
        self.writing: asyncio.Task[None] | None = None
        self.closed_by_reader = False
        """Nobody takes what it writes."""
        self.reader_gone: Callable[[], None] = lambda: None
        """Is called when nobody takes it any more."""
        self._given: Sequence[Batch] = ()
        """What it is at, or was at last."""

    @property
    def alive(self) -> bool:
        """It writes."""
        return self.writing is not None and not self.writing.done()

    async def call(self, items: Sequence[Batch]) -> None:
        """Write these batches."""
        self._given = items
        await self.sink.write([batch.lines for batch in items])

    async def flush(self) -> None:
        """Have everything written that waits now, and made durable. Raises `DeliveryError` when it could not be."""
        self.flush_now()
        await self.buffer.flushed()
        error = await self._attempt("flush", self._flush)
        if isinstance(error, Bug):
            self._count(error)
            self._say_bug(error, "what was written may not be durable")
        if error is not None:
            raise error

    async def _flush(self) -> None:
        """That of the sink whose turn it is."""
        await self.sink.flush()

    def stop_waiting(self) -> None:
        """The end is near: nothing waits for room, for company, or for a better moment."""
        self.flush_now()
        self.buffer.stop_waiting()

    async def replace(self, config: SinkConfig, sink: Sink, closing: AsyncExitStack) -> None:
        """
        Go on with a newly opened sink, between two writes. A write to another machine is not waited for. Cancelled
        before its turn, it closes the new one.
        """

        def swap() -> None:
            sink.accepted_bytes = self.sink.accepted_bytes
            self.sink, self.config = sink, config
            self.closed_by_reader = False

        elsewhere = config.where != self.config.where
        await self._go_over(swap, closing, at_once=self.config.remote, elsewhere=elsewhere)

    async def close(self) -> None:
        """Close what it held; lines that are not decided by now are dropped."""
        self.drop_all("shutdown")
        self.buffer.detach()
        await super().close()

    def decided(self) -> int:
        """Lines that the sink has decided of the batches it is at."""
        self.account()
        return self.buffer.decided

    def drop_all(self, reason: str) -> int:
        """Drop what waits; gives the lines. What the sink has of it already is delivered."""
        self.account()
        return self.buffer.drop_all(reason)

    def degraded(self) -> Degraded | None:
        """Why it is not well; None while it is."""
        self.account()
        idle_since = self.buffer.idle_since
        idle_seconds = 0.0 if idle_since is None else self.buffer.now() - idle_since
        degraded = self.condition.degraded
        if degraded or idle_seconds <= IDLE_SECONDS_MAX + self.buffer.flush_seconds:
            return degraded
        return Degraded(f"{self.buffer.waiting()} lines wait and none is accepted", self.context.clock() - idle_seconds)

    def accepted(self) -> int:
        """Whole lines that the sink has accepted of the batches it is at."""
        return whole(self._given, self.sink.accepted_bytes)[0] if self.config.accepts_partly else 0

    def restart(self, *, dropped: bool = False) -> None:
        """Of what comes again, only the beginning of the first line may be there already."""
        if dropped:
            self.sink.accepted_bytes = 0
        elif self.config.accepts_partly:
            self.sink.accepted_bytes -= whole(self._given, self.sink.accepted_bytes)[1]

    def back_off(self) -> Iterator[float]:
        """Of another machine, or of this one."""
        return super().back_off() if self.config.remote else waits(RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX)

    def say(self, error: DeliveryError, items: Sequence[Batch], reason: str | None) -> None:
        """What becomes of the lines: a fault of the settings once, others seldom."""
        if error.reason == "closed" and not isinstance(error, Retryable):
            self.closed_by_reader = True
            self.reader_gone()
            return
        self._count(error)
        warn, report = self.context.warnings.warn, self.context.report
        remedy = f"; {error.remedy}" if error.remedy else ""
        text = f"{self.at}: {self.config.where} {error}" if self.config.remote else f"{self.at}: {error}"
        consequence = "tried again" if reason is None else "dropped"
        if isinstance(error, Bug):
            self._say_bug(error, f"the batch is {consequence}")
        elif isinstance(error, Misconfigured):
            if self.condition.refused(self.sink, error):
                report(f"{text}; its lines wait as long as there is room for them{remedy}")
        elif isinstance(error, Rejected):
            lines = f"{len(error.lines)} lines, which are"
            if len(error.lines) == 1:
                lines = f"a line of {size_of(items, error.lines[0])} bytes, which is"
            warn(f"{self.at}: line", f"{text} to {lines} {consequence}{remedy}", report)
        else:
            self.condition.unanswered(error)
            warn(self.at, f"{text}; the batch is {consequence}")

    def _count(self, error: DeliveryError) -> None:
        self.failures += 1
        kind = self.buffer.account.type
        self.context.metrics.add(telemetry.ERRORS, 1, self.id, "sink", kind, error.reason, "sending")


def whole(batches: Sequence[Batch], size: int) -> tuple[int, int]:
    """Whole lines within the first so many bytes, and their bytes."""
    lines = before = 0
    for batch in batches:
        if size < before + batch.size:
            part = bytes(memoryview(batch.lines)[: size - before])
            return lines + part.count(b"\n"), before + part.rfind(b"\n") + 1
        lines += batch.count
        before += batch.size
    return lines, before


def size_of(batches: Sequence[Batch], line: int) -> int:
    """Bytes of the line of this number, over all batches; 0 when there is none."""
    for batch in batches:
        if line < batch.count:
            return len(batch.lines.slice(line, line + 1))
        line -= batch.count
    return 0


def offer(lines: Batch, receipts: list[Receipt], sinks: Mapping[str, RunningSink]) -> None:
    """Give a batch to every sink; those who wait for it wait for the required ones."""
    for running in sinks.values():
        awaited = tuple(receipts) if running.config.required else ()
        for receipt in awaited:
            receipt.expect(1)
        running.buffer.offer(Batch(lines.lines, lines.count, lines.size, awaited))
