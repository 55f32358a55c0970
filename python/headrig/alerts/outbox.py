"""
The notices that wait for one notifier: bounded, in order, one being delivered at a time. `delivery.loop` tries each
until it is accepted, refused for good or a day old. A slow notifier delays only its own notices.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from headrig.delivery.ledger import NoticeAccount
from headrig.limits import OUTBOX_NOTICES_MAX
from headrig.model import Clock, Notice, Waiters

log: Final = logging.getLogger("headrig")


@dataclass(slots=True, eq=False)
class _Waiting:
    notice: Notice
    accepted_seconds: float
    """When it was taken, by the clock."""
    decided: bool = False


class Outbox:
    """The notices of one notifier: a `delivery.buffer.Buffer`."""

    def __init__(self, account: NoticeAccount, clock: Clock) -> None:
        self.account = account
        self._clock = clock
        self._notices: deque[_Waiting] = deque()
        self._under_way = False
        """The first one is with the notifier, or waits to be tried again: it is past dropping."""
        self._ended = False
        self._change = Waiters()
        account.queues.append(self.waiting)

    def waiting(self) -> int:
        """Notices not decided yet, the one under way included."""
        return len(self._notices)

    @property
    def age_seconds(self) -> float:
        """How long the oldest one has waited."""
        return self._clock() - self._notices[0].accepted_seconds if self._notices else 0.0

    def offer(self, notice: Notice, /) -> None:
        """Take a notice. Never waits; beyond the bound the oldest that is not under way is dropped."""
        self.account.accepted += 1
        self._notices.append(_Waiting(notice, self._clock()))
        if len(self._notices) > OUTBOX_NOTICES_MAX:
            at = 1 if self._under_way else 0
            oldest = self._notices[at]
            del self._notices[at]
            self._decide(oldest, "outbox_full")
        self._change.wake()

    async def take(self) -> Sequence[Notice]:
        """The oldest notice; the same until it is `done`. Empty at the end."""
        while not self._notices:
            if self._ended:
                return []
            await self._change.wait()
        self._under_way = True
        return [self._notices[0].notice]

    def done(self, lines: range | None = None, reason: str | None = None, *, again: bool = False) -> None:  # noqa: ARG002
        """The notice that was taken is delivered, or dropped for `reason`."""
        if self._under_way and self._notices and (lines is None or 0 in lines):
            self._under_way = False
            self._decide(self._notices.popleft(), reason)

    async def flushed(self) -> None:
        """Wait until what waits now is decided."""
        waiting = list(self._notices)
        while waiting and not waiting[-1].decided:
            await self._change.wait()

    def end(self) -> None:
        """Nothing more comes: `take` gives what waits and then nothing."""
        self._ended = True
        self._change.wake()

    def drop_all(self, reason: str) -> int:
        """Drop whatever waits; how many that were."""
        dropped = list(self._notices)
        self._notices.clear()
        self._under_way = False
        for waiting in dropped:
            self._decide(waiting, reason)
        return len(dropped)

    def detach(self) -> None:
        """Leave the account, once empty."""
        self.account.queues.remove(self.waiting)

    def _decide(self, waiting: _Waiting, reason: str | None) -> None:
        waiting.decided = True
        self._change.wake()
        if reason is None:
            self.account.delivered += 1
            return
        self.account.dropped[reason] += 1
        notice = waiting.notice
        log.error("notifiers.%s: the notice %r (%s) is lost: %s", self.account.id, notice.title, notice.status, reason)
