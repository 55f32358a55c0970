"""
The lines of one lane before the core: an open batch, closed batches, and the room that all lanes of a source share.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headrig.delivery.ledger import SourceAccount
from headrig.engine import Lane, Processed, RawLines
from headrig.limits import BATCH_BYTES, BATCH_BYTES_UNDER_LOAD, BATCH_LINES, BATCH_SECONDS, Limits
from headrig.model import Clock, Decision, Lines, Monotonic, Receipt, Received, Waiters


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


class Room:
    """What the lanes of a source may hold together."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.bytes = 0
        self.batches = 0
        """Closed ones."""
        self.change = Waiters()

    def fuller_than(self, share: float) -> bool:
        """It holds more than that share of a bound."""
        return (
            self.bytes >= share * self.limits.core_queue_bytes_max
            or self.batches >= share * self.limits.core_queue_batches_max
        )


class LaneQueue:
    """Lines of one lane until the core has processed them: an open batch and closed ones."""

    def __init__(
        self,
        name: str,
        *,
        account: SourceAccount,
        room: Room,
        clock: Clock,
        monotonic: Monotonic,
        batch_bytes_max: int,
    ) -> None:
        self.name = name
        """Of the lane in the core."""
        self.account = account
        self._room = room
        self._clock = clock
        self._batch_bytes_max = batch_bytes_max
        self._loop = asyncio.get_running_loop()
        self._monotonic = monotonic
        self._open: RawBatch | None = None
        self._timer: asyncio.Handle | None = None
        self._closed: deque[RawBatch] = deque()
        """Oldest first; the first one may be in the core."""
        self._closing = False
        """It will be looked at the end of this turn whether the open batch closes."""
        self._ended = False
        self._change = Waiters()
        account.queues.append(self.lines)

    def lines(self) -> int:
        """Lines waiting, the batch in the core included."""
        return sum(batch.count for batch in self._closed) + (self._open.count if self._open else 0)

    @property
    def full(self) -> bool:
        """The source must stop reading."""
        return self._room.fuller_than(1.0)

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
            batch = self._open = RawBatch(self._clock(), self._monotonic())
            self._timer = self._loop.call_later(BATCH_SECONDS, self.close_batch)
        if sender != batch.sender:
            batch.runs.append((sender, batch.size))
            batch.sender = sender
        batch.parts.append(lines)
        batch.count += count
        batch.size += size
        self._room.bytes += size
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
        self._room.bytes += len(lines)
        ready = Ready(lines, lines.count)
        now = (self._clock(), self._monotonic())
        self._close(RawBatch(*now, [], lines.count, len(lines), [receipt], ready))
        return receipt.future

    async def room(self) -> None:
        """Wait until the queue is no longer full; if it was, until it is less than half full: pausing a peer has its price."""
        if self.full:
            while self._room.fuller_than(0.5):
                await self._room.change.wait()

    def close_batch(self) -> None:
        """Close the open batch, if there is one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._open is not None:
            batch, self._open = self._open, None
            self._close(batch)

    def _close(self, batch: RawBatch) -> None:
        self._closed.append(batch)
        self._room.batches += 1
        self._change.wake()

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

    def reopen(self) -> None:
        """Something more comes after all."""
        self._ended = False

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
        self._room.batches -= 1
        self._room.bytes -= batch.size
        self._close_ripe()
        self._change.wake()
        self._room.change.wake()

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
