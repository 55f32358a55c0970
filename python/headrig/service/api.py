"""
The part of headrig that lives in a service's process: handlers, the engine that counts their lines and, once something
needs it, the background that ships lines, judges thresholds and notifies. The public calls besides `install()`. Cheap to
import.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from headrig.errors import ConfigError
from headrig.service.arguments import text_of
from headrig.service.handler import Handler, flushables

if TYPE_CHECKING:
    from headrig.alerts.threshold import Threshold
    from headrig.config import Config
    from headrig.engine import Engine, HandlerCore
    from headrig.model import Category, Clock, Severity
    from headrig.service.background import Background
    from headrig.telemetry import Metrics
    from headrig.web.apps import MetricsApp

log: Final = logging.getLogger("headrig")
Configure = Callable[["HandlerCore", Mapping[str, "Threshold"]], "Config"]
"""Makes the settings of the background."""


class Service:
    """The one service of this process."""

    def __init__(self) -> None:
        self.handlers: tuple[Handler, ...] = ()
        self.configure: Configure | None = None
        self.clock: Clock = time.time  # noqa: TID251  # the edge: everything below is handed this clock
        self.ships = False
        """Lines go to another headrig, which judges thresholds and notifies."""
        self.lock = threading.RLock()
        self._thresholds: dict[str, Threshold] = {}
        self._pending: list[Callable[[], object]] = []
        self._unkept = 0
        self._background: Background | None = None
        self._engine: Engine | None = None
        self._page: Metrics | None = None
        self._warned: set[str] = set()
        self.refused: dict[str, int] = {}
        """Recorded values that were ignored, by reason, since the process began."""
        self._counting = threading.RLock()
        self._not_before = 0.0
        """Earliest time, by the monotonic clock, at which a failed background is started again."""
        self._inherited: list[object] = []
        """The parent's background, in a forked child: kept so that it is never finalized, and never touched."""

    def install(self, handlers: tuple[Handler, ...], configure: Configure, *, ships: bool, start: bool) -> None:
        """Use these handlers; the first one's lines are counted and shipped. Raises what starting the background raises."""
        with self.lock:
            self.retire()
            self.handlers, self.configure, self.ships = handlers, configure, ships
            pending, self._pending = self._pending, []
            if start or (self._thresholds and not ships):
                self.background(wait=True)
            for call in pending:
                call()
            if self._unkept:
                log.warning("%d calls before install() were dropped: only so many are kept", self._unkept)
                self._unkept = 0
            if self._thresholds and ships:
                self.warn_once("thresholds", "thresholds are judged where the lines go, not in this process")

    def retire(self) -> None:
        """Stop using what is installed; its lines have been flushed."""
        background, self._background = self._background, None
        if background is not None:
            flushables.remove(background)
            background.stop(background.pipeline.state.limits.drain_seconds if background.opened else 0.0)
        self.handlers, self.configure, self._engine, self._page = (), None, None, None

    def later(self, call: Callable[[], object]) -> bool:
        """Keep a call until `install()`; False if that has been called."""
        if self.handlers:
            return False
        from headrig.limits import PENDING_CALLS_MAX  # noqa: PLC0415  # msgspec is for who needs more than a file

        with self.lock:
            if len(self._pending) < PENDING_CALLS_MAX:
                self._pending.append(call)
            else:
                self._unkept += 1
        return True

    @property
    def engine(self) -> Engine:
        """The engine that the lines go through."""
        engine = self._engine
        if engine is None:
            engine = self._engine = self.handlers[0]._core.engine()  # noqa: SLF001
        return engine

    def background(self, *, wait: bool = False, defer_compile: bool = False) -> Background:
        """The background, started if there is none yet. With `wait`, raises what opening it raises."""
        with self.lock:
            if self._background is None:
                from headrig.limits import BACKGROUND_START_SECONDS  # noqa: PLC0415
                from headrig.service.background import Background, engine_with_thresholds  # noqa: PLC0415  # asyncio is for who needs it

                assert self.configure is not None
                core = self.handlers[0]._core  # noqa: SLF001
                config = self.configure(core, self._thresholds)
                # From here on recorded values are kept. A call to log never waits for rules to be compiled.
                engine = None if defer_compile else engine_with_thresholds(config, core)
                self._engine = engine
                made = Background(
                    config, core, clock=self.clock, observe=self.observe, failed=self._failed, engine=engine
                )
                self._background = made
                flushables.append(made)
                try:
                    made.start(BACKGROUND_START_SECONDS if wait else 0.0)
                except BaseException:
                    self._background = None
                    with suppress(ValueError):
                        flushables.remove(made)
                    raise
            return self._background

    def observe(self, page: Metrics) -> None:
        """Put the counters of the handlers on a page."""
        from headrig.service.handler_metrics import observe  # noqa: PLC0415
        from headrig.telemetry import VALUES_REFUSED  # noqa: PLC0415

        for reason, count in list(self.refused.items()):
            page.put(VALUES_REFUSED, count, reason)
        names = ("handler", "console")
        observe(page, {name: each._core for name, each in zip(names, self.handlers, strict=False)})  # noqa: SLF001

    def page(self) -> bytes:
        """Prometheus text, from the background when there is one."""
        from headrig.limits import PAGE_SECONDS  # noqa: PLC0415
        from headrig.telemetry import IMBALANCE, Metrics  # noqa: PLC0415

        background = self._background
        if background is not None and background.alive:
            return background.page(PAGE_SECONDS)
        if not self.handlers:
            return b""
        with self.lock:
            if self._page is None:
                self._page = Metrics()
            self._page.clear(IMBALANCE)
            self.observe(self._page)
            self._page.put_core(self.engine.state())
            return self._page.page() + self.engine.totals()

    def set_threshold(self, threshold: Threshold) -> None:
        """Judge this threshold from now on, in place of one of the same name."""
        before = dict(self._thresholds)
        self._thresholds[threshold.name] = threshold
        if not self.handlers:
            return
        if self.ships:
            self.warn_once("thresholds", "thresholds are judged where the lines go, not in this process")
            return
        try:
            self._judge()
        except BaseException:
            self._thresholds = before
            raise

    def _judge(self) -> None:
        """Have the background judge the current thresholds."""
        running = self._background
        if running is None:
            self.background()
            return
        from headrig.service.background import engine_with_thresholds  # noqa: PLC0415  # it is loaded

        assert self.configure is not None
        core = self.handlers[0]._core  # noqa: SLF001
        config = self.configure(core, self._thresholds)
        self._engine = engine_with_thresholds(config, core)
        if not running.set_thresholds(config.thresholds, self._engine):
            self.warn_once("calls", "too much waits for the background: a threshold is not judged")

    def record(self, name: str, value: float, labels: dict[str, str], time_seconds: float) -> None:
        """Add a value to a metric."""
        if self.ships:
            self.warn_once("metrics", "recorded metrics are judged in no other process: lines are what is shipped")
        self.handlers[0]._begin()  # noqa: SLF001
        self.engine.record(name, value, labels, time_seconds)

    def refuse(self, reason: str, text: str) -> None:
        """Count a value that cannot be recorded; the caller must not fail because of it."""
        with self._counting:
            count = self.refused[reason] = self.refused.get(reason, 0) + 1
        if count == 1 and not self.later(lambda: log.warning(text)):
            log.warning(text)

    def notify(self, title: str, message: str, severity: str, category: str, labels: dict[str, str], key: str) -> None:
        """Send a notice, or log it where lines are shipped."""
        if self.ships:
            self.warn_once("notices", "nobody is told from this process: alerts go where the lines go, as lines")
            level = logging.ERROR if severity in ("critical", "high") else logging.WARNING
            about = {"event": "alert", "key": key, "severity": severity, "category": category, "labels": labels}
            log.log(level, "%s: %s", title, message, extra=about)
            return
        background = self.background()
        alert = {"severity": severity, "category": category, "labels": labels, "key": key}
        if not background.call(lambda: background.pipeline.alerting.sent.send(title, message, **alert)):  # type: ignore[arg-type]
            log.error("too much waits for the background: nobody is told of: %s: %s", title, message)

    def resolve(self, key: str) -> None:
        """Send the notice that the alert is over."""
        if self.ships:
            log.info("alert %s is resolved", key, extra={"event": "alert_resolved", "key": key})
            return
        background = self.background()
        if not background.call(lambda: background.pipeline.alerting.sent.resolve(key)):
            log.error("too much waits for the background: nobody is told that alert %s is over", key)

    def after_fork_in_child(self) -> None:
        """Start anew with the first record: the child has none of the parent's threads and must not use its sockets."""
        self.lock, self._counting, self.refused = threading.RLock(), threading.RLock(), {}
        background, self._background, self._engine, self._page = self._background, None, None, None
        if background is None:
            return
        background.detach()
        flushables.remove(background)
        self._inherited.append(background)
        configure = self.configure
        assert configure is not None

        def without_status(core: HandlerCore, thresholds: Mapping[str, Threshold]) -> Config:
            from msgspec.structs import replace  # noqa: PLC0415

            return replace(configure(core, thresholds), http=None)

        self.configure = without_status
        for handler in self.handlers[:1]:
            handler._prepare = self._prepare  # noqa: SLF001

    def _failed(self, background: Background) -> None:
        """Start anew with a later record; undecided lines are shipped again."""
        from headrig.limits import BACKGROUND_RESTART_SECONDS  # noqa: PLC0415  # it is loaded

        if self._background is background:
            self._background = None
            flushables.remove(background)
            self._not_before = time.monotonic() + BACKGROUND_RESTART_SECONDS
            for handler in self.handlers[:1]:
                handler._prepare = self._prepare  # noqa: SLF001

    def _prepare(self) -> None:
        """Start the background. Never raises: a call to log runs this."""
        if time.monotonic() < self._not_before:
            self.handlers[0]._prepare = self._prepare  # noqa: SLF001
            return
        try:
            self.background(defer_compile=True)
        except Exception as error:  # noqa: BLE001
            log.error("the background of the service cannot be started: %s", error)  # noqa: TRY400

    def warn_once(self, what: str, text: str) -> None:
        """Warn, the first time."""
        if what not in self._warned:
            self._warned.add(what)
            log.warning(text)


service: Final = Service()


def register_threshold(
    name: str,
    mapping: Mapping[str, Any] | None = None,
    /,
    **keywords: Any,
) -> None:
    """
    Register a condition that raises an alert while it holds; replaces a threshold of that name.

    Takes the keywords `metric`, `operator` (gt gte lt lte eq ne within outside), `value`, `window`, `severity`, `category`,
    `title`, `message`, and optionally `for_`, `aggregate`, `resolve_value`, `keep_firing_for`, `min_samples`, `no_data`,
    `group_by`; durations are seconds, `"5m"` or timedelta. Or takes one mapping in the runbook's shape, with
    durations in milliseconds. May be called before `install()`. Raises ConfigError, which names the threshold, the key and a remedy.
    """
    from headrig.config.thresholds import threshold  # noqa: PLC0415  # msgspec is for who needs more than a file

    made = threshold(name, mapping, **keywords)
    with service.lock:
        service.set_threshold(made)


def record_metric(
    name: str, value: float, *, labels: Mapping[str, str] | None = None, time_seconds: float | None = None
) -> None:
    """
    Record a value of a metric for thresholds, from any thread. `time_seconds` is since the epoch; None means now.

    May be called before `install()`. Never raises: a call with an unusable name, value, labels or time is ignored,
    counted by `headrig_recorded_values_refused_total` and reported once in a warning.
    """
    metric, number, named = _utf8(name or ""), _finite(value), _labels(labels)
    when = service.clock() if time_seconds is None else _finite(time_seconds)
    if not metric or number is None or named is None or when is None:
        reason = next(
            what for what, got in zip(_WANTED, (metric or None, number, named, when), strict=True) if got is None
        )
        service.refuse(reason, f"{metric[:100]}: a recorded value is ignored, and will be again: {_WANTED[reason]}")
    elif not service.later(lambda: service.record(metric, number, named, when)):
        service.record(metric, number, named, when)


_WANTED: Final = {
    "name": "a metric has a name, a text",
    "value": "a value is a finite number",
    "labels": "labels are a mapping of texts",
    "time": "a time is in seconds since the epoch",
}


def _finite(value: object) -> float | None:
    """The value as a float; None if it has none. An exception in its conversion must not reach the caller."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001
        return None
    return number if math.isfinite(number) else None


def _labels(labels: object) -> dict[str, str] | None:
    """Labels as strings that the core can hold; None if they are not a mapping."""
    try:
        return {_utf8(label): _utf8(text) for label, text in dict(labels or {}).items()}  # type: ignore[call-overload]
    except Exception:  # noqa: BLE001  # whatever a value does
        return None


def _utf8(value: object) -> str:
    """The text, with half of a surrogate pair replaced: neither the core nor a notifier can take it."""
    return text_of(value).encode("utf-8", "replace").decode()


def send_alert(
    title: str,
    message: str,
    *,
    severity: Severity | str = "warning",
    category: Category | str = "system",
    labels: Mapping[str, str] | None = None,
    key: str | None = None,
) -> str:
    """
    Send an alert now, without waiting; gives the key that `resolve_alert` takes.

    The same key again updates the alert without a second notice. May be called before `install()`. Raises ConfigError
    unless the severity is critical, high, warning or info.
    """
    from headrig.model import Severity  # noqa: PLC0415  # msgspec is for who needs more than a file

    known = str(severity).lower()
    if known not in tuple(Severity):
        raise ConfigError("unknown value", path="severity", remedy=f"known values: {', '.join(Severity)}")
    key = _utf8(key or token_hex(8))
    named = _labels(labels)
    if named is None:
        service.warn_once("labels", "an alert is sent without its labels, which are no mapping")
    alert = (_utf8(title), _utf8(message), known, _utf8(category), named or {}, key)
    if not service.later(lambda: service.notify(*alert)):
        service.notify(*alert)
    return key


def resolve_alert(key: str) -> None:
    """Resolve an alert that was sent under this key. An unknown key has no effect."""
    known = _utf8(key)
    if not service.later(lambda: service.resolve(known)):
        service.resolve(known)


def metrics() -> MetricsApp:
    """
    The `/metrics` page of this process as one application, which both ASGI and WSGI servers can call or mount: families
    counted from the lines, and headrig's own. Leaves prometheus-client's default registry alone.
    """
    from headrig.web.apps import MetricsApp  # noqa: PLC0415  # prometheus-client is for who needs the page

    return MetricsApp(service.page)


os.register_at_fork(after_in_child=service.after_fork_in_child)
