"""
Before the core: one queue per source, where lines become batches. It is the `Intake` of its source.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from headrig import telemetry
from headrig.delivery.ledger import SourceAccount
from headrig.delivery.rate_limited_log import RateLimitedLog
from headrig.engine import Lane, Processed, RawLines
from headrig.limits import (
    BATCH_BYTES,
    BATCH_BYTES_UNDER_LOAD,
    BATCH_LINES,
    BATCH_SECONDS,
    Limits,
)
from headrig.model import Clock, Decision, Lines, Monotonic, Receipt, Received, Waiters
from headrig.telemetry import Metrics


class Partials:
    """Bytes of lines that are not whole yet, over all connections of all sources."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes = 0
        self.bytes_max = bytes_max

    def hold(self, change_bytes: int) -> bool:
        """Account for a change; False when it grew beyond the bound."""
        self.bytes += change_bytes
        return change_bytes <= 0 or self.bytes <= self.bytes_max


@dataclass(frozen=True, slots=True)
class Ready:
    """Lines that have been through the core before they came here: nothing is left to count but themselves."""

    lines: Lines
    lines_out: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    broken: Mapping[str, int] = field(default_factory=dict)
    redactions: Mapping[str, int] = field(default_factory=dict)
    normalized: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class RawBatch:
    """Whole lines as received, on their way to the core."""

    arrival_seconds: float
    """When it was opened: half a pane of time passes in no batch."""
    monotonic_seconds: float
    """The same moment by a clock that nobody sets."""
    parts: list[Received] = field(default_factory=list)
    count: int = 0
    """Lines."""
    size: int = 0
    """Bytes."""
    receipts: list[Receipt] = field(default_factory=list)
    ready: Ready | None = None
    """In place of `parts`: the core has nothing to do."""
    runs: list[tuple[int, int]] = field(default_factory=list)
    """Sender and first byte wherever another sender's lines begin."""
    sender: int = 0
    """Of the last lines."""

    def ripe(self, times: int = 1) -> bool:
        """It has the size of a batch, or of so many."""
        return self.size >= times * BATCH_BYTES or self.count >= times * BATCH_LINES

    def takes(self, lines: Received, bytes_max: int) -> bool:
        """It may grow by these: within bounds and, once it has the size of a batch, without having to be copied."""
        if self.size + len(lines) > bytes_max:
            return False
        return not self.ripe() or (isinstance(lines, RawLines) and lines.follows(self.parts[-1]))

    def joined(self) -> Received:
        """The lines as one piece: as they were read, where they were read in one go."""
        return self.parts[0] if len(self.parts) == 1 else RawLines.join(self.parts)

    def through(self, lane: Lane) -> Processed:
        """What the core makes of it. To be called where it may take its time."""
        return lane.process(self.joined(), self.arrival_seconds, self.monotonic_seconds, self.runs)


class CoreQueue:
    """Lines of one source until the core has processed them: an open batch and closed ones. It is the `Intake`."""

    _senders: ClassVar = itertools.count(1)
    """Over all queues: what a reload puts in the place of a source must not take its connections for others."""

    def __init__(  # noqa: PLR0913  # by keyword: what a running part is given by the run
        self,
        account: SourceAccount,
        counts: Metrics,
        partials: Partials,
        *,
        clock: Clock,
        monotonic: Monotonic | None = None,
        limits: Limits,
        batch_bytes_max: int,
    ) -> None:
        self.account = account
        self.stopping = asyncio.Event()
        self._labels = (account.id, "source", account.type)
        self._counts = counts
        self._partials = partials
        self._clock = clock
        self._warnings = RateLimitedLog(clock)
        self._limits = limits
        self._batch_bytes_max = batch_bytes_max
        self._loop = asyncio.get_running_loop()
        self.monotonic = monotonic or self._loop.time
        self._open: RawBatch | None = None
        self._timer: asyncio.Handle | None = None
        self._closed: deque[RawBatch] = deque()
        """Oldest first; the first one may be in the core."""
        self._bytes = 0
        self._closing = False
        """It will be looked at the end of this turn whether the open batch closes."""
        self._ended = False
        self._change = Waiters()
        account.queues.append(self.lines)

    def lines(self) -> int:
        """Lines waiting, the batch in the core included."""
        return sum(batch.count for batch in self._closed) + (self._open.count if self._open else 0)

    @property
    def size(self) -> int:
        """Bytes waiting."""
        return self._bytes

    @property
    def full(self) -> bool:
        """Sources must stop reading."""
        return self._fuller_than(1.0)

    def tune(self, limits: Limits) -> None:
        """Take new bounds."""
        self._limits = limits
        self._change.wake()

    def sender(self) -> int:
        """A new number, for a connection."""
        return next(self._senders)

    def add(self, lines: Received, count: int, sender: int = 0) -> None:
        """Take whole lines of one sender."""
        if count == 0:
            return
        size = len(lines)
        self.account.received += count
        self.account.accepted += count
        batch = self._open
        if batch is not None and not batch.takes(lines, self._batch_bytes_max):
            self.close_batch()
            batch = None
        if batch is None:
            batch = self._open = RawBatch(self._clock(), self.monotonic())
            self._timer = self._loop.call_later(BATCH_SECONDS, self.close_batch)
        if sender != batch.sender:
            batch.runs.append((sender, batch.size))
            batch.sender = sender
        batch.parts.append(lines)
        batch.count += count
        batch.size += size
        self._bytes += size
        if batch.ripe(BATCH_BYTES_UNDER_LOAD // BATCH_BYTES):
            self.close_batch()
        elif not self._closing and batch.ripe():
            # At the end of this turn of the loop: what the sockets hold already comes along.
            self._closing = True
            self._loop.call_soon(self._close_ripe)

    def deliver(self, chunks: Sequence[tuple[Received, int]], sender: int = 0) -> asyncio.Future[Decision]:
        """Take whole lines and tell when the required sinks have decided."""
        receipt = Receipt(self._loop)
        for lines, count in chunks:
            self.add(lines, count, sender)
            batch = self._open or (self._closed[-1] if self._closed else None)
            if count and batch is not None and receipt not in batch.receipts:
                receipt.expect(1)
                batch.receipts.append(receipt)
        receipt.settle()
        # At the end of this turn of the loop, so that requests which arrived together share a batch.
        self._loop.call_soon(self.close_batch)
        return receipt.future

    def deliver_ready(self, lines: Lines) -> asyncio.Future[Decision]:
        """Take lines that the core has seen, and tell when the required sinks have decided."""
        self.close_batch()
        receipt = Receipt(self._loop)
        self.account.received += lines.count
        self.account.accepted += lines.count
        self._bytes += len(lines)
        ready = Ready(lines, lines.count)
        now = (self._clock(), self.monotonic())
        self._closed.append(RawBatch(*now, [], lines.count, len(lines), [receipt], ready))
        self._change.wake()
        return receipt.future

    async def room(self) -> None:
        """Wait until the queue is no longer full; if it was, until it is less than half full: pausing a peer has its price."""
        if self.full:
            while self._fuller_than(0.5):
                await self._change.wait()

    def reject(self, reason: str, lines: int) -> None:
        """Count lines that were received and refused."""
        self.account.received += lines
        self.account.rejected[reason] += lines

    def failed(self, error: str, stage: str = "receiving", count: int = 1) -> None:
        """Count something that went wrong without a line."""
        self._counts.add(telemetry.ERRORS, count, *self._labels, error, stage)

    def refused(self, error: str, text: str) -> None:
        """Count a request that was refused, and say so now and then."""
        self.failed(error)
        self._warnings.warn(error, f"sources.{self.account.id}: {text}")

    def received_bytes(self, count: int) -> None:
        """Count bytes as they came."""
        self.account.received_bytes += count

    def hold_partial(self, change_bytes: int) -> bool:
        """Account for bytes of a line that is not whole yet."""
        return self._partials.hold(change_bytes)

    def connections(self, count: int) -> None:
        """Show how many connections are open."""
        self._counts.put(telemetry.CONNECTIONS, count, self.account.id)

    def close_batch(self) -> None:
        """Close the open batch, if there is one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._open is not None:
            self._closed.append(self._open)
            self._open = None
            self._change.wake()

    def _fuller_than(self, share: float) -> bool:
        limits = self._limits
        return (
            self._bytes >= share * limits.core_queue_bytes_max
            or len(self._closed) >= share * limits.core_queue_batches_max
        )

    def _close_ripe(self) -> None:
        """Close the open batch once it is large enough, unless the core has work: then it may grow meanwhile."""
        self._closing = False
        if self._open is not None and not self._closed and self._open.ripe():
            self.close_batch()

    def detach(self) -> None:
        """Leave the account, once empty."""
        self.account.queues.remove(self.lines)

    def end(self) -> None:
        """Nothing more comes: `next` gives what waits and then None."""
        self._ended = True
        self.close_batch()
        self._change.wake()

    async def next(self) -> RawBatch | None:
        """The oldest closed batch, which stays counted here until `done`; None at the end."""
        while not self._closed:
            if self._ended:
                return None
            await self._change.wait()
        return self._closed[0]

    def done(self, batch: RawBatch) -> None:
        """The batch has left the core, or was dropped and counted."""
        self._closed.remove(batch)
        self._bytes -= batch.size
        self._close_ripe()
        self._change.wake()

    def drop(self, batch: RawBatch, reason: str) -> None:
        """Give up a batch that has not come out of the core."""
        self.done(batch)
        self.account.dropped[reason] += batch.count
        for receipt in batch.receipts:
            receipt.settle(batch.count, again=True)

    def drop_all(self, reason: str) -> int:
        """Drop everything that waits; gives the lines."""
        waiting = self.waiting()
        for batch in waiting:
            self.drop(batch, reason)
        return sum(batch.count for batch in waiting)

    def waiting(self) -> list[RawBatch]:
        """Every batch that waits, closed now if it was open."""
        self.close_batch()
        return list(self._closed)

    async def flushed(self) -> None:
        """Close the open batch and wait until everything taken so far has left the core."""
        self.close_batch()
        if self._closed:
            last = self._closed[-1]
            while any(batch is last for batch in self._closed):
                await self._change.wait()
