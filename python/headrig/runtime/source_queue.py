"""
The queue of one source before the core, where lines become batches. It is the `Intake` of the source and serves its
own lane and any lanes that it opens besides.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from headrig import telemetry
from headrig.delivery.ledger import SourceAccount
from headrig.delivery.rate_limited_log import RateLimitedLog
from headrig.limits import SOURCE_LANES_MAX, Limits
from headrig.model import Clock, Decision, Lines, Monotonic, Received
from headrig.runtime.lane_queue import LaneQueue, Room
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


class CoreQueue:
    """Lines of one source until the core has processed them, by its own lane and by others. It is the `Intake`."""

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
        self.monotonic = monotonic or asyncio.get_running_loop().time
        self._room = Room(limits)
        self._open = partial(
            LaneQueue,
            account=account,
            room=self._room,
            clock=clock,
            monotonic=lambda: self.monotonic(),  # noqa: PLW0108 (it may be replaced while it runs)
            batch_bytes_max=batch_bytes_max,
        )
        self.own = self._open(account.id)
        """The lane of all that the source opens no other for."""
        self.stopping = asyncio.Event()
        self._labels = (account.id, "source", account.type)
        self._counts = counts
        self._partials = partials
        self._warnings = RateLimitedLog(clock)
        self._lanes: dict[str, LaneQueue] = {}
        """Those beside its own, by key."""
        self._ended = False
        self._serve: Callable[[LaneQueue], object] = lambda _: None

    @property
    def full(self) -> bool:
        """The source must stop reading."""
        return self.own.full

    def add(self, lines: Received, count: int, sender: int = 0) -> None:
        """Take whole lines of one sender."""
        self.own.add(lines, count, sender)

    def deliver(self, chunks: Sequence[tuple[Received, int]], sender: int = 0) -> asyncio.Future[Decision]:
        """Take whole lines and tell when the required sinks have decided."""
        return self.own.deliver(chunks, sender)

    def deliver_ready(self, lines: Lines) -> asyncio.Future[Decision]:
        """Take lines that the core has seen, and tell when the required sinks have decided."""
        return self.own.deliver_ready(lines)

    async def room(self) -> None:
        """Wait until the queue is no longer full."""
        await self.own.room()

    @property
    def size(self) -> int:
        """Bytes waiting, in all lanes."""
        return self._room.bytes

    @property
    def lanes(self) -> int:
        """Lanes that are open, its own included."""
        return 1 + len(self._lanes)

    def has(self, lane_name: str) -> bool:
        """A lane of that name is open."""
        return any(lane.name == lane_name for lane in self._all())

    def tune(self, limits: Limits) -> None:
        """Take new bounds."""
        self._room.limits = limits
        self._room.change.wake()

    def lane(self, key: str) -> LaneQueue:
        """The lane of that key, opened if need be; beyond `SOURCE_LANES_MAX` the source's own, which is counted."""
        lane = self._lanes.get(key)
        if self._ended:
            # Nobody empties another one any more, and what waits in this one is dropped, counted.
            lane = self.own
        elif lane is not None:
            lane.reopen()
        elif self.lanes < SOURCE_LANES_MAX:
            lane = self._lanes[key] = self._open(f"{self.account.id}/{key}")
            self._serve(lane)
        else:
            self.failed("lanes_max")
            lane = self.own
        return lane

    def close_lane(self, key: str) -> None:
        """Nothing more comes by it for now: its place is free once its lines have left the core."""
        if (lane := self._lanes.get(key)) is not None:
            lane.end()

    def serve(self, serve: Callable[[LaneQueue], object]) -> None:
        """Have each lane, now and later, handed to someone who empties it and then calls `gone`."""
        self._serve = serve
        for lane in self._all():
            serve(lane)

    def gone(self, lane: LaneQueue) -> None:
        """A lane beside the source's own has ended and is empty: its place is free."""
        lane.detach()
        self._lanes = {key: other for key, other in self._lanes.items() if other is not lane}

    def _all(self) -> list[LaneQueue]:
        return [self.own, *self._lanes.values()]

    def sender(self) -> int:
        """A new number, for a connection."""
        return next(self._senders)

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

    def detach(self) -> None:
        """Leave the account, once empty."""
        for lane in self._all():
            lane.detach()

    def end(self) -> None:
        """Nothing more comes by any lane."""
        self._ended = True
        for lane in self._all():
            lane.end()

    def drop_all(self, reason: str) -> int:
        """Drop everything that waits; gives the lines."""
        return sum(lane.drop_all(reason) for lane in self._all())

    async def flushed(self) -> None:
        """Wait until everything taken so far has left the core."""
        await asyncio.gather(*(lane.flushed() for lane in self._all()))
