"""The notifiers of a run, each with its outbox and a delivery loop of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

from headrig import telemetry
from headrig.alerts.outbox import Outbox
from headrig.delivery.condition import Degraded
from headrig.delivery.ledger import Ledger
from headrig.delivery.loop import Bug, DeliveryContext, DeliveryLoop
from headrig.errors import DeliveryError, Misconfigured
from headrig.limits import NOTICE_SECONDS_MAX
from headrig.model import Notice, Notifier
from headrig.telemetry import Metrics

log: Final = logging.getLogger("headrig")

OpenedNotifier = tuple[Notifier, AsyncExitStack]
"""A notifier that is open, and what closes it."""


class RunningNotifier(DeliveryLoop[Notice]):
    """One notifier, its outbox, and what must be closed after it."""

    verb = "notify"

    def __init__(self, name: str, opened: OpenedNotifier, outbox: Outbox, context: DeliveryContext) -> None:
        super().__init__(f"notifiers.{name}", outbox, context, opened[1])
        self.id = name
        self.outbox = outbox
        self.sending: asyncio.Task[None] | None = None
        self._notifier = opened[0]

    async def call(self, items: Sequence[Notice]) -> None:
        """Deliver the notice."""
        for notice in items:
            await self._notifier.notify(notice)

    async def flushed(self) -> None:
        """Wait until what waits now is decided, without a back-off that nobody asked for."""
        self.flush_now()
        await self.outbox.flushed()

    def end(self) -> None:
        """Nothing more comes; what waits is tried without back-off."""
        self.outbox.end()
        self.flush_now()

    async def replace(self, notifier: Notifier, closing: AsyncExitStack) -> None:
        """Go on with another notifier. A request to another machine is not waited for."""

        def swap() -> None:
            self._notifier = notifier

        await self._go_over(swap, closing, at_once=True)

    async def close(self) -> None:
        """Close what it held."""
        self.outbox.detach()
        await super().close()

    def gives_up(self, error: DeliveryError) -> str | None:
        """Also on what waits until somebody mends a setting, and after a day: that is no news any more."""
        if isinstance(error, Misconfigured):
            return error.reason
        reason = super().gives_up(error)
        return "expired" if reason is None and self.outbox.age_seconds >= NOTICE_SECONDS_MAX else reason

    def say(self, error: DeliveryError, items: Sequence[Notice], reason: str | None) -> None:  # noqa: ARG002
        """What becomes of the notice: a fault of the settings and a bug once, others each time."""
        self.context.metrics.add(telemetry.NOTICE_FAILURES, 1, self.id, error.reason)
        consequence = "is tried again" if reason is None else "is given up"
        if isinstance(error, Bug):
            self._say_bug(error, f"the notice {consequence}")
            return
        if isinstance(error, Misconfigured):
            if self.condition.refused(self._notifier, error):
                text = f"{self.at}: {error}; notices are lost until that is mended: {error.remedy}"
                self.context.report(text)
                return
        else:
            self.condition.unanswered(error)
        log.warning("%s: %s; the notice %s", self.at, error, consequence)


class Notifiers:
    """All of a run, those that a reload took out included until they have finished."""

    def __init__(self, context: DeliveryContext, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._running: dict[str, RunningNotifier] = {}
        self._leaving: list[RunningNotifier] = []
        """Taken out by a reload; what waits there is still tried."""
        self._tasks: asyncio.TaskGroup | None = None

    def start(self, tasks: asyncio.TaskGroup, opened: Mapping[str, OpenedNotifier]) -> None:
        """Let them run."""
        self._tasks = tasks
        for name, part in opened.items():
            self._start(name, part)

    def offer(self, notice: Notice) -> None:
        """Give a notice to every outbox."""
        for running in self._running.values():
            running.outbox.offer(notice)

    def renew(
        self, stay: Mapping[str, object], opened: Mapping[str, OpenedNotifier]
    ) -> dict[str, Coroutine[Any, Any, None]]:
        """
        Go over to other notifiers: those named in `stay` stay, `opened` are the new and the changed ones. Gives what has to
        be waited for, by the path of the notifier.
        """
        for name in [name for name in self._running if name not in stay]:
            gone = self._running.pop(name)
            self._leaving.append(gone)
            gone.leaving = True
            gone.end()
        going_over = {}
        for name, part in opened.items():
            if name in self._running:
                going_over[f"notifiers.{name}"] = self._running[name].replace(*part)
            else:
                self._start(name, part)
        return going_over

    async def flush(self) -> bool:
        """Have the notices that wait now delivered or given up; False when that took longer than `drain_seconds`."""
        try:
            async with asyncio.timeout(self._context.limits.drain_seconds):
                await asyncio.gather(*(running.flushed() for running in self._all()))
        except TimeoutError:
            return False
        return True

    def end(self) -> list[asyncio.Task[None]]:
        """Nothing more comes: what waits is tried without back-off. The tasks that then end."""
        for running in self._all():
            running.end()
        return [running.sending for running in self._all() if running.sending is not None]

    def drop_all(self) -> int:
        """Drop the notices that still wait; how many."""
        return sum(running.outbox.drop_all("shutdown") for running in self._all())

    async def close(self) -> None:
        """Close what they held."""
        for running in self._all():
            await running.close()

    def components(self) -> Iterator[tuple[str, bool, Degraded | None]]:
        """Each by the path of its table: whether its task runs, and why it is not well."""
        for running in self._running.values():
            alive = running.sending is not None and not running.sending.done()
            yield running.at, alive, running.condition.degraded or running.condition.failing

    def observe(self, page: Metrics) -> None:
        """Put their numbers on the page."""
        for account in self._ledger.notifiers.values():
            page.put(telemetry.NOTICES_ACCEPTED, account.accepted, account.id)
            page.put(telemetry.NOTICES_DELIVERED, account.delivered, account.id)
            page.put(telemetry.NOTICES_WAITING, account.waiting(), account.id)
            for reason, count in account.dropped.items():
                page.put(telemetry.NOTICES_DROPPED, count, account.id, reason)

    def _start(self, name: str, opened: OpenedNotifier) -> None:
        assert self._tasks is not None
        outbox = Outbox(self._ledger.notifier(name), self._context.clock)
        running = self._running[name] = RunningNotifier(name, opened, outbox, self._context)
        running.sending = self._tasks.create_task(running.run())
        running.sending.add_done_callback(lambda _: self._finished(running))

    def _finished(self, running: RunningNotifier) -> None:
        if running in self._leaving and not self._context.draining and self._tasks is not None:
            self._leaving.remove(running)
            self._tasks.create_task(running.close())

    def _all(self) -> list[RunningNotifier]:
        return [*self._running.values(), *self._leaving]
