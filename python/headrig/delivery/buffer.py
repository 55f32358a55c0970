"""
Before a sink: its queue of processed batches, and what becomes of them when it is full.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from itertools import islice

from headrig.delivery.ledger import SinkAccount
from headrig.limits import (
    WRITE_BATCHES,
    WRITE_BYTES,
    Limits,
)
from headrig.model import Batch, Clock, Gate, WhenFull


class SinkQueue:
    """Batches on their way to one sink, until it accepted them."""

    def __init__(self, account: SinkAccount, limits: Limits) -> None:
        self.account = account
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._batches: deque[Batch] = deque()
        self._taken = 0
        """The first so many are with the sink: they are past dropping."""
        self._decided_bytes = 0
        """Of those, what the sink has accepted or refused already: whole lines."""
        self._decided: Counter[int] = Counter()
        """The same in lines, by the number of the batch."""
        self._lost: Counter[int] = Counter()
        """Those of them that it refused."""
        self._bytes = 0
        self._timer: asyncio.Handle | None = None
        self._ripe = False
        self._ended = False
        self._rushed = False
        self._change = Gate()
        self.when_full: WhenFull = "block"
        self.flush_entries_max = 0
        self.flush_seconds = 0.0
        self.now: Clock = self._loop.time
        """Replaced by tests, which own the time."""
        self.idle_since: float | None = None
        """Since when the sink has accepted nothing though lines wait, by `now`; None while none do."""
        account.queues.append(self.lines)

    def tune(self, limits: Limits, when_full: WhenFull, flush_entries_max: int, flush_seconds: float) -> None:
        """Take new bounds."""
        self._limits = limits
        self.when_full = when_full
        self.flush_entries_max = flush_entries_max
        self.flush_seconds = flush_seconds
        self._change.open()

    def lines(self) -> int:
        """Lines waiting, those being written included."""
        return sum(batch.count for batch in self._batches) - self._decided.total()

    @property
    def decided(self) -> int:
        """Lines that the sink has decided of batches that are not decided as a whole."""
        return self._decided.total()

    @property
    def size(self) -> int:
        """Bytes waiting."""
        return self._bytes

    @property
    def full(self) -> bool:
        """`when_full` decides what becomes of the next batch."""
        return (
            self._bytes >= self._limits.sink_queue_bytes_max
            or len(self._batches) >= self._limits.sink_queue_batches_max
        )

    def offer(self, batch: Batch) -> None:
        """Take a batch, or drop one by `when_full`. With `block` it is always taken: wait for `room` before the next."""
        self.account.accepted += batch.count
        if self.full and self.when_full == "drop_newest":
            self._drop(batch, "queue_full")
            return
        while self.full and self.when_full == "drop_oldest" and len(self._batches) > self._taken:
            oldest = self._batches[self._taken]
            del self._batches[self._taken]
            self._bytes -= oldest.size
            self._drop(oldest, "queue_full")
        if not self._batches:
            self.idle_since = self.now()
        self._batches.append(batch)
        self._bytes += batch.size
        if batch.receipts or self.full or self._rushed or self._enough():
            self.hasten()
        elif self._timer is None:
            self._timer = self._loop.call_later(self.flush_seconds, self.hasten)

    async def room(self) -> None:
        """Wait until a batch may be offered: at once unless the queue is full and blocks."""
        while self.full and self.when_full == "block" and not self._rushed:
            await self._change.wait()

    def hasten(self) -> None:
        """Have everything that waits written now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ripe = True
        self._change.open()

    def forget(self) -> None:
        """Leave the account, once empty."""
        self.account.queues.remove(self.lines)

    def rush(self) -> None:
        """The end is near: let nobody wait for room, and no batch for company."""
        self._rushed = True
        self.hasten()

    def end(self) -> None:
        """Nothing more comes: `take` gives what waits and then an empty list."""
        self._ended = True
        self.rush()

    async def take(self) -> list[Batch]:
        """The oldest batches, once they are due. They stay counted here until `done`. Empty: the end."""
        while True:
            if self._batches and (self._ripe or self._ended):
                break
            if self._ended:
                return []
            await self._change.wait()
        size = 0
        while self._taken < min(len(self._batches), WRITE_BATCHES) and size < WRITE_BYTES:
            size += self._batches[self._taken].size
            self._taken += 1
        self._ripe = len(self._batches) > self._taken
        if not self._ripe and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return [self._batches[index] for index in range(self._taken)]

    def advance(self, size: int, reason: str | None = None) -> int:
        """
        The sink has decided so many bytes of what was taken: what is new of them is accepted, or dropped for `reason`.
        Gives those lines; one of which there is only a part is not decided.
        """
        lines = position = 0
        for number, batch in enumerate(islice(self._batches, self._taken)):
            first, last = max(0, self._decided_bytes - position), min(size - position, batch.size)
            position += batch.size
            if first >= last:
                continue
            part = bytes(memoryview(batch.lines)[first:last])
            count = part.count(b"\n")
            self._decided[number] += count
            self._lost[number] += count if reason is not None else 0
            lines += count
            self._decided_bytes += part.rfind(b"\n") + 1
            if reason is None:
                self.account.delivered_bytes += part.rfind(b"\n") + 1
        if lines and reason is None:
            self.account.delivered += lines
            self.idle_since = self.now()
        elif lines and reason is not None:
            self.account.dropped[reason] += lines
        return lines

    def done(self, reason: str | None = None) -> None:
        """What was taken and is not decided yet is accepted by the sink, or dropped for `reason`."""
        taken = [self._batches.popleft() for _ in range(self._taken)]
        sizes = sum(batch.size for batch in taken)
        rest = [batch.count - self._decided[number] for number, batch in enumerate(taken)]
        lost, self._lost, self._decided = self._lost, Counter(), Counter()
        decided_bytes, self._decided_bytes, self._taken = self._decided_bytes, 0, 0
        self._bytes -= sizes
        if reason is None:
            self.account.delivered += sum(rest)
            self.account.delivered_bytes += sizes - decided_bytes
            self.idle_since = self.now()
        elif any(rest):
            self.account.dropped[reason] += sum(rest)
        if not self._batches:
            self.idle_since = None
        for number, batch in enumerate(taken):
            # A line that is refused for good will be so again: nobody is asked to send it once more.
            dropped = 0 if reason is None else rest[number]
            batch.settle(lost[number] + dropped, again=dropped > 0)
        self._change.open()

    def drop_all(self, reason: str) -> int:
        """Drop everything that waits; gives the lines."""
        lines = self.lines()
        self._taken = len(self._batches)
        self.done(reason)
        return lines

    async def flushed(self) -> None:
        """Wait until everything offered so far is decided, without waiting for company."""
        if self._batches:
            last = self._batches[-1]
            self.hasten()
            while any(batch is last for batch in self._batches):
                await self._change.wait()

    def _enough(self) -> bool:
        """What is with the sink already is no company."""
        waiting = list(islice(self._batches, self._taken, None))
        return (
            self.flush_seconds <= 0
            or sum(batch.count for batch in waiting) >= max(1, self.flush_entries_max)
            or sum(batch.size for batch in waiting) >= WRITE_BYTES
        )

    def _drop(self, batch: Batch, reason: str) -> None:
        self.account.dropped[reason] += batch.count
        batch.settle(batch.count, again=True)
        self._change.open()
