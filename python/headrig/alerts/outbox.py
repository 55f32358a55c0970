"""
Notices on their way to one notifier: bounded, strictly in order, each tried until it is taken, refused for good or a day
old. A notifier that is slow or down delays its own notices only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from headrig import telemetry
from headrig.delivery.ledger import NoticeAccount
from headrig.delivery.retry import asked_seconds, waits
from headrig.delivery.trouble import Standing
from headrig.errors import DeliveryError, Misconfigured, Retryable
from headrig.limits import NOTICE_SECONDS_MAX, OUTBOX_NOTICES_MAX, RETRY_FIRST_SECONDS, Limits
from headrig.model import Clock, Gate, Notice, Notifier
from headrig.telemetry import Metrics

log: Final = logging.getLogger("headrig")

Pause = Callable[[float, asyncio.Event], Awaitable[None]]
"""Wait so many seconds, or until there is a reason to hurry."""


@dataclass(slots=True)
class _Waiting:
    notice: Notice
    accepted_seconds: float
    """When it was taken, by the clock."""


class Outbox:
    """The notices of one notifier."""

    def __init__(  # noqa: PLR0913  # by keyword: what a running part is given by the run
        self,
        name: str,
        notifier: Notifier,
        account: NoticeAccount,
        *,
        limits: Limits,
        clock: Clock,
        pause: Pause,
        page: Metrics,
        tell: Callable[[str], None] = log.error,
    ) -> None:
        self.id = name
        self.account = account
        self._notifier = notifier
        self.limits = limits
        self._clock = clock
        self._pause = pause
        self._page = page
        self._tell = tell
        self.standing = Standing(clock)
        self._notices: deque[_Waiting] = deque()
        self._sending = False
        """The first one is with the notifier: it is past dropping."""
        self._ended = False
        self._hurry = asyncio.Event()
        """Ends a back-off, unless the other side asked for it."""
        self._turn = asyncio.Lock()
        """A notifier is never called concurrently, and never replaced during a call."""
        self._change = Gate()
        account.queues.append(self.waiting)

    def waiting(self) -> int:
        """Notices not decided yet, the one under way included."""
        return len(self._notices)

    def offer(self, notice: Notice) -> None:
        """Take a notice. Never waits; beyond the bound the oldest that is not under way is dropped."""
        self.account.accepted += 1
        self._notices.append(_Waiting(notice, self._clock()))
        if len(self._notices) > OUTBOX_NOTICES_MAX:
            at = 1 if self._sending else 0
            oldest = self._notices[at]
            del self._notices[at]
            self._dropped(oldest.notice, "outbox_full")
        self._change.open()

    async def run(self) -> None:
        """Deliver whatever comes, until `end` and nothing waits any more."""
        while True:
            while not self._notices:
                if self._ended:
                    return
                await self._change.wait()
            await self._deliver(self._notices[0])

    async def flushed(self) -> None:
        """Wait until what waits now is decided, without a back-off that nobody asked for."""
        if self._notices:
            last = self._notices[-1]
            self._hurry.set()
            while any(waiting is last for waiting in self._notices):
                await self._change.wait()

    def end(self) -> None:
        """Nothing more comes; what waits is tried without back-off."""
        self._ended = True
        self._hurry.set()
        self._change.open()

    def drop_all(self, reason: str) -> int:
        """Drop whatever waits; how many that were."""
        dropped = len(self._notices)
        for waiting in self._notices:
            self._dropped(waiting.notice, reason)
        self._notices.clear()
        return dropped

    async def replace(self, notifier: Notifier) -> None:
        """Go on with another notifier, between two calls."""
        async with self._turn:
            self._notifier = notifier
        self._hurry.set()

    def forget(self) -> None:
        """Leave the account, once empty."""
        self.account.queues.remove(self.waiting)

    async def _deliver(self, waiting: _Waiting) -> None:
        notice = waiting.notice
        for wait_seconds in waits(self.limits.retry_first_seconds, self.limits.retry_seconds_max):
            if not self._notices or self._notices[0] is not waiting:
                # While it waited to be tried again, the bound has dropped it.
                return
            if not self._ended:
                self._hurry.clear()
            try:
                await self._call(notice)
            except Misconfigured as error:
                # Unlike a line it is given up: news that waits until somebody mends a setting is none.
                self._failed(error, "is given up")
                self._decided(notice, error.reason)
                return
            except Retryable as error:
                self._failed(error, "is tried again")
                if self._clock() - waiting.accepted_seconds >= NOTICE_SECONDS_MAX:
                    self._decided(notice, "expired")
                    return
                await self._wait(wait_seconds, error)
            except DeliveryError as error:
                self._failed(error, "is given up")
                self._decided(notice, error.reason)
                return
            else:
                self.standing.taken()
                self._decided(notice, None)
                return

    async def _call(self, notice: Notice) -> None:
        async with self._turn:
            self._sending = True
            try:
                await self._notifier.notify(notice)
            except (DeliveryError, asyncio.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001
                # A bug of a notifier costs this notice, not those of the others. Its text may hold a secret.
                raise DeliveryError(f"the notifier failed: {type(error).__name__}", "other") from None
            finally:
                self._sending = False

    async def _wait(self, wait_seconds: float, error: Retryable) -> None:
        """As long as was asked for; what the back-off has beyond it ends when there is a reason to hurry."""
        asked_for_seconds = asked_seconds(error, self._clock())
        if self._ended:
            wait_seconds = min(wait_seconds, RETRY_FIRST_SECONDS)
            hurry = asyncio.Event()
        else:
            hurry = self._hurry
        if asked_for_seconds:
            await self._pause(asked_for_seconds, asyncio.Event())
        if wait_seconds > asked_for_seconds:
            await self._pause(wait_seconds - asked_for_seconds, hurry)

    def _decided(self, notice: Notice, reason: str | None) -> None:
        self._notices.popleft()
        self._change.open()
        if reason is None:
            self.account.delivered += 1
        else:
            self._dropped(notice, reason)

    def _dropped(self, notice: Notice, reason: str) -> None:
        self.account.dropped[reason] += 1
        log.error("notifiers.%s: the notice %r (%s) is lost: %s", self.id, notice.title, notice.status, reason)

    def _failed(self, error: DeliveryError, consequence: str) -> None:
        self._page.add(telemetry.NOTICE_FAILURES, 1, self.id, error.reason)
        if isinstance(error, Misconfigured):
            if self.standing.refused(self._notifier, error):
                self._tell(f"notifiers.{self.id}: {error}; notices are lost until that is mended: {error.remedy}")
                return
        else:
            self.standing.unanswered()
        log.warning("notifiers.%s: %s; the notice %s", self.id, error, consequence)
