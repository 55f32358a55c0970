"""
The alert path of a run: ticks -> states -> notices -> one outbox per notifier. `headrig run` and a service that has
headrig in its own process use the same. Everything here runs on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from headrig import telemetry
from headrig.alerts.evaluator import Evaluator
from headrig.alerts.machine import Transition
from headrig.alerts.outbox import Outbox
from headrig.alerts.template import number, render
from headrig.alerts.threshold import Threshold
from headrig.config import Config
from headrig.config.spec import holdback_seconds
from headrig.delivery.retry import pause
from headrig.delivery.trouble import Trouble
from headrig.engine import Engine
from headrig.errors import ConfigError
from headrig.limits import (
    ALERTS_PER_THRESHOLD_MAX,
    EVALUATE_SECONDS,
    NOTICE_LABELS_MAX,
    NOTICE_TEXT_CHARACTERS_MAX,
    SENT_ALERTS_MAX,
)
from headrig.model import Category, Notice, Notifier, Severity
from headrig.runtime.running import State
from headrig.telemetry import Metrics

log: Final = logging.getLogger("headrig")

OpenedNotifier = tuple[Notifier, AsyncExitStack]
"""A notifier that is open, and what closes it."""


@dataclass(slots=True)
class _Running:
    """One notifier, its outbox, and what must be closed after it."""

    outbox: Outbox
    closing: AsyncExitStack
    sending: asyncio.Task[None]


class Alerting:
    """Thresholds, alerts and notices of one run."""

    def __init__(self, config: Config, state: State) -> None:
        self._state = state
        self._evaluator = Evaluator(config.thresholds, state.engine)
        self._thresholds = bool(config.thresholds)
        self._holdback_seconds = holdback_seconds(config.engine_spec)
        self._newest: dict[str, float] = {}
        """Time of the newest event by lane, as it was a second ago."""
        self._turn = asyncio.Lock()
        """Ticks are looked at by one task at a time, and so in order."""
        self._running: dict[str, _Running] = {}
        self._leaving: list[_Running] = []
        """Taken out by a reload; what waits there is still tried."""
        self._sent: dict[str, Notice] = {}
        """Alerts sent by hand that fire, the oldest first."""
        self._watching: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None

    def start(self, tasks: asyncio.TaskGroup, opened: Mapping[str, OpenedNotifier]) -> None:
        """Let the notifiers run and the clock tick."""
        self._tasks = tasks
        for name, part in opened.items():
            self._start(name, part)
        self._watching = tasks.create_task(self._watch())

    def send(
        self,
        title: str,
        message: str,
        *,
        severity: str = Severity.WARNING,
        category: str = Category.SYSTEM,
        labels: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> str:
        """
        Send an alert by hand; gives its key, which `resolve` takes. The key of an alert that fires updates what its end
        will say and sends nothing. Raises `ConfigError` for a severity nobody knows.
        """
        known = str(severity).lower()
        if known not in tuple(Severity):
            raise ConfigError("unknown value", path="severity", remedy=f"known values: {', '.join(Severity)}")
        key = key or made_key()
        now = self._state.clock()
        before = self._sent.get(key)
        notice = self._redacted(
            Notice(
                key=key,
                status="firing",
                reason="manual",
                title=title,
                message=message,
                severity=Severity(known),
                category=category,
                labels=dict(labels or {}),
                time_seconds=now,
                since_seconds=before.since_seconds if before else now,
            )
        )
        self._sent[key] = notice
        if before is None:
            self._offer(notice)
            if len(self._sent) > SENT_ALERTS_MAX:
                del self._sent[next(iter(self._sent))]
                self._state.warnings.warn("sent", f"more than {SENT_ALERTS_MAX} alerts fire: the oldest is forgotten")
        return key

    def resolve(self, key: str) -> bool:
        """End an alert that was sent by hand, with one notice; False when none of that key fires."""
        notice = self._sent.pop(key, None)
        if notice is None:
            return False
        self._offer(msgspec.structs.replace(notice, status="resolved", time_seconds=self._state.clock()))
        return True

    def replace(self, thresholds: Mapping[str, Threshold], engine: Engine) -> None:
        """
        Go over to other thresholds, and to the engine whose spec holds them. States of those that stay are kept; a
        firing alert whose threshold is gone is resolved, with that reason.
        """
        self._thresholds = bool(thresholds)
        for transition in self._evaluator.replace(thresholds, engine, self._state.clock()):
            self._tell(transition)

    async def advance(self) -> None:
        """Look at every tick that is due. Cheap when there is none; call it after each batch."""
        try:
            if not self._evaluator.due(self._state.clock()):
                return
            async with self._turn:
                refused = self._evaluator.machine.refused.total()
                await self._evaluator.advance(self._state.clock(), self._tell)
                if self._evaluator.machine.refused.total() > refused:
                    text = f"a threshold has more than {ALERTS_PER_THRESHOLD_MAX} label sets: the others have no alerts"
                    self._state.warnings.warn("refused", text)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 (a panic is no Exception)
            # Lines go on without alerts; the text may quote one.
            self._state.warnings.warn("alerts", f"thresholds could not be looked at: {type(error).__name__}")

    def renew(self, config: Config, opened: Mapping[str, OpenedNotifier]) -> dict[str, Coroutine[Any, Any, None]]:
        """
        Go over to other notifiers. `opened` are the new and the changed ones; others go on undisturbed. Gives what has
        to be waited for, by the path of the notifier.
        """
        self._holdback_seconds = holdback_seconds(config.engine_spec)
        for name in [name for name in self._running if name not in config.notifiers]:
            gone = self._running.pop(name)
            gone.outbox.end()
            self._leaving.append(gone)
        for staying in self._running.values():
            staying.outbox.limits = config.limits
        going_over = {}
        for name, part in opened.items():
            if name in self._running:
                going_over[f"notifiers.{name}"] = self._replace(self._running[name], *part)
            else:
                self._start(name, part)
        return going_over

    async def flush(self) -> bool:
        """Have the notices that wait now delivered or given up; False when that took longer than `drain_seconds`."""
        try:
            async with asyncio.timeout(self._state.limits.drain_seconds):
                await asyncio.gather(*(running.outbox.flushed() for running in self._all()))
        except TimeoutError:
            return False
        return True

    def end(self) -> list[asyncio.Task[None]]:
        """Nothing more comes: what waits is tried without back-off. The tasks that then end."""
        self._ending.set()
        for running in self._all():
            running.outbox.end()
        return [*([self._watching] if self._watching else []), *(running.sending for running in self._all())]

    def drop_all(self) -> int:
        """Drop the notices that still wait; how many."""
        return sum(running.outbox.drop_all("shutdown") for running in self._all())

    async def close(self) -> None:
        """Close what it held."""
        for running in self._all():
            running.outbox.forget()
            await running.closing.aclose()

    def troubles(self) -> Iterator[tuple[str, Trouble | None]]:
        """How each notifier's settings stand with the other side."""
        for name, running in self._running.items():
            yield name, running.outbox.standing.trouble

    def dead(self) -> list[str]:
        """What should run and does not."""
        dead = [f"notifiers.{name}" for name, running in self._running.items() if running.sending.done()]
        return [*dead, *(["alerts"] if self._watching is not None and self._watching.done() else [])]

    def observe(self, page: Metrics) -> None:
        """Put its numbers on the page."""
        page.clear(telemetry.ALERTS, telemetry.ALERTS_REFUSED)
        for name, state, count in self._evaluator.machine.states():
            page.put(telemetry.ALERTS, count, name, state)
        for name, count in self._evaluator.machine.refused.items():
            page.put(telemetry.ALERTS_REFUSED, count, name)
        page.put(telemetry.ALERTS_SENT, len(self._sent))
        now = self._state.clock()
        for feed, tick in self._evaluator.ticks.items():
            page.put(telemetry.EVALUATION_LAG, now - tick, feed)
        for account in self._state.ledger.notifiers.values():
            page.put(telemetry.NOTICES_ACCEPTED, account.accepted, account.id)
            page.put(telemetry.NOTICES_DELIVERED, account.delivered, account.id)
            page.put(telemetry.NOTICES_WAITING, account.waiting(), account.id)
            for reason, count in account.dropped.items():
                page.put(telemetry.NOTICES_DROPPED, count, account.id, reason)

    async def _watch(self) -> None:
        """Time passes also when no lines come."""
        while not self._ending.is_set():
            await self.advance()
            self._warn_of_lanes()
            await pause(EVALUATE_SECONDS, self._ending)

    def _warn_of_lanes(self) -> None:
        """A source that is read and far behind the clock does not hold the others back, and so alerts nobody."""
        now = self._state.clock()
        newest = {lane: now - seconds for lane, seconds in self._state.engine.lanes_behind(now).items()}
        for lane, time_seconds in newest.items():
            moved = abs(time_seconds - self._newest.get(lane, 0.0)) > 1e-3
            if moved and self._thresholds and now - time_seconds > self._holdback_seconds:
                text = f"sources.{lane} is {now - time_seconds:.0f} s behind the clock: thresholds wait until it catches up"
                self._state.warnings.warn(f"behind.{lane}", text)
        self._newest = newest

    async def _replace(self, running: _Running, notifier: Notifier, closing: AsyncExitStack) -> None:
        """Between two calls. A request to another machine is not waited for."""
        try:
            await running.closing.aclose()
            await running.outbox.replace(notifier)
            closing, running.closing = running.closing, closing
        finally:
            await closing.aclose()

    def _start(self, name: str, opened: OpenedNotifier) -> None:
        assert self._tasks is not None
        state = self._state
        outbox = Outbox(
            name,
            opened[0],
            state.ledger.notifier(name),
            limits=state.limits,
            clock=state.clock,
            pause=self._pause,
            page=state.metrics,
            tell=self._say,
        )
        sending = self._tasks.create_task(outbox.run())
        self._running[name] = running = _Running(outbox, opened[1], sending)
        sending.add_done_callback(lambda _: self._finished(running))

    def _say(self, text: str) -> None:
        self._state.tell(text)

    async def _pause(self, seconds: float, hurry: asyncio.Event) -> None:
        await self._state.pause(seconds, hurry)

    def _finished(self, running: _Running) -> None:
        if running in self._leaving and not self._state.draining and self._tasks is not None:
            self._leaving.remove(running)
            running.outbox.forget()
            self._tasks.create_task(running.closing.aclose())

    def _all(self) -> list[_Running]:
        return [*self._running.values(), *self._leaving]

    def _tell(self, transition: Transition) -> None:
        self._offer(self._redacted(notice_of(transition)))

    def _offer(self, notice: Notice) -> None:
        for running in self._running.values():
            running.outbox.offer(notice)

    def _redacted(self, notice: Notice) -> Notice:
        """As it may leave: what came out of labels, or out of an application, is redacted like a line."""
        labels = dict(islice(notice.labels.items(), NOTICE_LABELS_MAX))
        shown = {"title": notice.title, "message": notice.message, "category": notice.category, "labels": labels}
        given = msgspec.json.encode(_bounded(shown))
        redacted = msgspec.json.decode(self._state.engine.redact(given, True))
        return msgspec.structs.replace(notice, **redacted)


def notice_of(transition: Transition) -> Notice:
    """What a transition says, as its threshold's templates say it. Not redacted yet."""
    threshold, labels = transition.threshold, transition.labels
    names = {
        "value": "unknown" if transition.value is None else number(transition.value),
        "threshold": threshold.limit,
        "severity": threshold.severity.value,
        "category": threshold.category,
        "name": threshold.name,
        "metric": threshold.metric,
    }
    return Notice(
        key=f"{threshold.name} {sorted(labels.items())}",
        status=transition.status,
        reason=transition.reason,
        title=render(threshold.title, names, labels),
        message=render(threshold.message, names, labels),
        severity=threshold.severity,
        category=threshold.category,
        labels=labels,
        threshold=threshold.name,
        time_seconds=transition.tick_seconds,
        since_seconds=transition.since_seconds,
    )


def made_key() -> str:
    """A key for an alert that was given none."""
    return secrets.token_hex(8)


def _bounded(value: object) -> object:
    """Texts of bounded length that are Unicode, whatever an application gave."""
    if isinstance(value, dict):
        return {str(_bounded(str(key))): _bounded(text) for key, text in value.items()}
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= NOTICE_TEXT_CHARACTERS_MAX else text[: NOTICE_TEXT_CHARACTERS_MAX - 1] + "…"
