"""
What waits for a sink or a notifier. `Buffer` is all that a delivery loop knows of it, `SinkBuffer` all that a run
does. `Memory` keeps batches of lines in memory; when there is no room, `when_full` decides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar

from headrig.delivery.ledger import SinkAccount
from headrig.limits import (
    WRITE_BATCHES,
    WRITE_BYTES,
    Limits,
)
from headrig.model import Batch, Clock, Waiters, WhenFull

Item = TypeVar("Item")
"""A batch of lines, or a notice: counted as one line here."""


class Buffer(Protocol[Item]):
    """
    Items that wait for one component, in order. Every line is counted until it is decided.

    Items may wait in memory or elsewhere. After a restart `take` may give again what was not `done`.
    """

    def offer(self, item: Item, /) -> None:
        """Take an item, or drop one, counted. Never waits."""

    async def take(self) -> Sequence[Item]:
        """
        The oldest items, once they are due; empty at the end. The same come again, less the lines that are `done`, until
        all of them are.
        """

    def done(self, lines: range | None = None, reason: str | None = None, *, again: bool = False) -> None:
        """
        These lines are accepted, or dropped for `reason`; `again` tells their source that they may be accepted if they are
        sent again. Lines are numbered from 0 over what `take` would give now; afterwards the others are renumbered. None: all.
        """

    def waiting(self) -> int:
        """Lines that are not decided."""

    async def flushed(self) -> None:
        """Wait until everything offered so far is decided, without waiting for company."""


class SinkBuffer(Buffer[Batch], Protocol):
    """What a run knows of the buffer of one sink beyond that, wherever its batches wait: `Memory`, or later a spool."""

    account: SinkAccount
    flush_seconds: float
    now: Clock
    """The clock of `idle_since`."""
    idle_since: float | None
    """Since when the sink has accepted nothing though lines wait; None while none do."""

    @property
    def size(self) -> int:
        """Bytes waiting."""

    @property
    def decided(self) -> int:
        """Lines that the sink has decided of batches that are not decided as a whole."""

    def tune(self, limits: Limits, when_full: WhenFull, flush_entries_max: int, flush_seconds: float) -> None:
        """Take new bounds."""

    async def room(self) -> None:
        """Wait until a batch may be offered: at once unless it is full and blocks."""

    def stop_waiting(self) -> None:
        """The end is near: let nobody wait for room, and no batch for company."""

    def end(self) -> None:
        """Nothing more comes: `take` gives what waits and then an empty list."""

    def drop_all(self, reason: str) -> int:
        """Drop everything that waits, or leave it to the next run if it outlives this one; gives the lines dropped."""

    def detach(self) -> None:
        """Leave the account, once empty."""


@dataclass(slots=True, eq=False)
class _Entry:
    """A batch, and what is decided of it."""

    batch: Batch
    undecided: int
    """Lines."""
    lost: int = 0
    again: bool = False


class Memory:
    """Batches of lines for one sink, in memory."""

    def __init__(self, account: SinkAccount, limits: Limits) -> None:
        self.account = account
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._entries: deque[_Entry] = deque()
        """Not taken yet: `when_full` may drop them."""
        self._taken: list[tuple[_Entry, Batch]] = []
        """The undecided lines that are with the sink, in order, in pieces of batches."""
        self._under_way: list[_Entry] = []
        """The batches they belong to."""
        self._bytes = 0
        self._timer: asyncio.Handle | None = None
        self._ripe = False
        self._ended = False
        self._rushed = False
        self._change = Waiters()
        self.when_full: WhenFull = "block"
        self.flush_entries_max = 0
        self.flush_seconds = 0.0
        self.now: Clock = self._loop.time
        """Replaced by tests, which own the time."""
        self.idle_since: float | None = None
        """Since when the sink has accepted nothing though lines wait, by `now`; None while none do."""
        account.queues.append(self.waiting)

    def tune(self, limits: Limits, when_full: WhenFull, flush_entries_max: int, flush_seconds: float) -> None:
        """Take new bounds."""
        self._limits = limits
        self.when_full = when_full
        self.flush_entries_max = flush_entries_max
        self.flush_seconds = flush_seconds
        self._change.wake()

    def waiting(self) -> int:
        """Lines that are not decided, those being written included."""
        return sum(entry.undecided for entry in self._all())

    @property
    def decided(self) -> int:
        """Lines that the sink has decided of batches that are not decided as a whole."""
        return sum(entry.batch.count - entry.undecided for entry in self._under_way)

    @property
    def size(self) -> int:
        """Bytes waiting."""
        return self._bytes

    @property
    def full(self) -> bool:
        """`when_full` decides what becomes of the next batch."""
        return (
            self._bytes >= self._limits.sink_queue_bytes_max
            or len(self._entries) + len(self._under_way) >= self._limits.sink_queue_batches_max
        )

    def offer(self, batch: Batch, /) -> None:
        """Take a batch, or drop one by `when_full`. With `block` it is always taken: wait for `room` before the next."""
        self.account.accepted += batch.count
        entry = _Entry(batch, batch.count)
        if self.full and self.when_full == "drop_newest":
            self._decide(entry, batch, "queue_full", again=True)
            return
        while self.full and self.when_full == "drop_oldest" and self._entries:
            oldest = self._entries.popleft()
            self._bytes -= oldest.batch.size
            self._decide(oldest, oldest.batch, "queue_full", again=True)
        if not self._entries and not self._under_way:
            self.idle_since = self.now()
        self._entries.append(entry)
        self._bytes += batch.size
        if batch.receipts or self.full or self._rushed or self._enough():
            self.flush_now()
        elif self._timer is None:
            self._timer = self._loop.call_later(self.flush_seconds, self.flush_now)

    async def room(self) -> None:
        """Wait until a batch may be offered: at once unless the queue is full and blocks."""
        while self.full and self.when_full == "block" and not self._rushed:
            await self._change.wait()

    def flush_now(self) -> None:
        """Have everything that waits written now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ripe = True
        self._change.wake()

    def detach(self) -> None:
        """Leave the account, once empty."""
        self.account.queues.remove(self.waiting)

    def stop_waiting(self) -> None:
        """The end is near: let nobody wait for room, and no batch for company."""
        self._rushed = True
        self.flush_now()

    def end(self) -> None:
        """Nothing more comes: `take` gives what waits and then an empty list."""
        self._ended = True
        self.stop_waiting()

    async def take(self) -> Sequence[Batch]:
        """The oldest batches, once they are due, as many as go into one write."""
        if not self._taken:
            while not (self._entries and (self._ripe or self._ended)):
                if self._ended:
                    return []
                await self._change.wait()
            size = 0
            while self._entries and len(self._taken) < WRITE_BATCHES and size < WRITE_BYTES:
                entry = self._entries.popleft()
                size += entry.batch.size
                self._taken.append((entry, entry.batch))
                self._under_way.append(entry)
            self._ripe = bool(self._entries)
        return [batch for _, batch in self._taken]

    def done(self, lines: range | None = None, reason: str | None = None, *, again: bool = False) -> None:
        """Lines of what is taken are accepted by the sink, or dropped for `reason`."""
        taken, self._taken = self._taken, []
        before = 0
        for number, (entry, batch) in enumerate(taken):
            if lines is not None and lines.stop <= before:
                self._taken += taken[number:]
                break
            first, last = (0, batch.count) if lines is None else (lines.start - before, lines.stop - before)
            before += batch.count
            if first >= batch.count or last <= max(first, 0):
                self._taken.append((entry, batch))
                continue
            if first <= 0 and last >= batch.count:
                self._decide(entry, batch, reason, again=again)
            else:
                head, middle, tail = split(batch, max(first, 0), min(last, batch.count))
                self._taken += [(entry, piece) for piece in (head, tail) if piece.count]
                self._decide(entry, middle, reason, again=again)
            if not entry.undecided:
                self._bytes -= entry.batch.size
        self._under_way = [entry for entry in self._under_way if entry.undecided]
        if reason is None:
            self.idle_since = self.now()
        if not self._entries and not self._under_way:
            self.idle_since = None
        self._change.wake()

    def drop_all(self, reason: str) -> int:
        """Drop everything that waits; gives the lines."""
        lines = self.waiting()
        self._taken += [(entry, entry.batch) for entry in self._entries]
        self._under_way += self._entries
        self._entries.clear()
        self.done(reason=reason, again=True)
        return lines

    async def flushed(self) -> None:
        """Wait until everything offered so far is decided, without waiting for company."""
        waiting = list(self._all())
        if waiting:
            self.flush_now()
            while waiting[-1].undecided:
                await self._change.wait()

    def _all(self) -> Iterator[_Entry]:
        yield from self._under_way
        yield from self._entries

    def _enough(self) -> bool:
        """What is with the sink already is no company."""
        return (
            self.flush_seconds <= 0
            or sum(entry.batch.count for entry in self._entries) >= max(1, self.flush_entries_max)
            or sum(entry.batch.size for entry in self._entries) >= WRITE_BYTES
        )

    def _decide(self, entry: _Entry, lines: Batch, reason: str | None, *, again: bool) -> None:
        """These lines of one batch are accepted or dropped: every line that is refused or lost passes here."""
        if reason is None:
            self.account.delivered += lines.count
            self.account.delivered_bytes += lines.size
        else:
            self.account.dropped[reason] += lines.count
            entry.lost += lines.count
            entry.again |= again
        entry.undecided -= lines.count
        if not entry.undecided:
            entry.batch.settle(entry.lost, again=entry.again)
            self._change.wake()


def split(batch: Batch, first: int, last: int) -> tuple[Batch, Batch, Batch]:
    """A batch in three, over the same memory: before a line, up to another, and from there on."""
    bounds = (0, first, last, batch.count)
    pieces = (batch.lines.slice(begin, end) for begin, end in pairwise(bounds))
    head, middle, tail = (Batch(lines, lines.count, len(lines)) for lines in pieces)
    return head, middle, tail
