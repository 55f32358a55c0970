"""
The states of alerts, one per threshold and label set: inactive -> pending -> firing (-> recovering) -> resolved. It
has no clock: it is given each tick once, in order. It follows Prometheus' alerting rules, adds hysteresis, and does
not take missing data for recovery unless a threshold says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from headrig.alerts.threshold import Threshold
from headrig.engine import PANE_SECONDS
from headrig.limits import ALERTS_PER_THRESHOLD_MAX
from headrig.model import NoticeReason

AlertState = Literal["inactive", "pending", "firing", "recovering"]
Labels = tuple[tuple[str, str], ...]
"""A label set as sorted pairs."""
Row = tuple[str, Mapping[str, str], float, int]
"""Threshold name, label set, value, samples: what the core reads at one tick."""

STATES: Final[tuple[AlertState, ...]] = ("pending", "firing", "recovering")


class Transition(NamedTuple):
    """An alert began to fire, is resolved, or has something to say while it fires."""

    threshold: Threshold
    labels: dict[str, str]
    status: Literal["firing", "resolved"]
    reason: NoticeReason
    value: float | None
    """The last one there was; None when there never was any."""
    tick_seconds: float
    since_seconds: float
    """The tick at which it began to fire."""


@dataclass(slots=True)
class _Alert:
    """One threshold for one label set."""

    tick: float
    """The last tick it was looked at."""
    data_tick: float
    """The last tick that had data, or the first tick."""
    state: AlertState = "inactive"
    active_at: float = 0.0
    """Since when the condition holds, less the time without data."""
    fired_at: float = 0.0
    good_at: float = 0.0
    """Since when a recovering alert is good, less the time without data."""
    value: float | None = None
    told: bool = False
    """`no_data` has decided; only data makes it decide again."""


class Machine:
    """All alerts of a set of thresholds."""

    def __init__(self, thresholds: Mapping[str, Threshold]) -> None:
        self._thresholds = dict(thresholds)
        self._alerts: dict[str, dict[Labels, _Alert]] = {name: {} for name in thresholds}
        self.refused: Counter[str] = Counter()
        """Label sets beyond `ALERTS_PER_THRESHOLD_MAX`, by threshold, once per tick."""

    def step(self, tick_seconds: float, names: Collection[str], rows: Iterable[Row]) -> list[Transition]:
        """
        Look at these thresholds at one tick. `rows` hold what has a value; whatever else there was has no data.

        A tick that an alert has seen already, or that lies before one it has seen, changes nothing.
        """
        values: dict[str, dict[Labels, float]] = {name: {} for name in names if name in self._thresholds}
        for name, labels, value, samples in rows:
            if name in values and samples >= self._thresholds[name].min_samples:
                values[name][tuple(sorted(labels.items()))] = value
        made: list[Transition] = []
        for name, found in values.items():
            made.extend(self._look(self._thresholds[name], tick_seconds, found))
        return made

    def deadline(self, names: Collection[str]) -> float | None:
        """The next tick at which absence of data alone changes something; None when there is none."""
        due = (tick for name in names for tick in self._due(name))
        return min(due, default=None)

    def replace(self, thresholds: Mapping[str, Threshold], tick_seconds: float) -> list[Transition]:
        """
        Go over to other thresholds. An alert goes on where metric, aggregate and labels are the same, and the next tick
        judges it anew; a firing one whose threshold is gone, or asks about something else, is resolved.
        """
        made: list[Transition] = []
        alerts: dict[str, dict[Labels, _Alert]] = {name: {} for name in thresholds}
        for name, old in self._thresholds.items():
            new = thresholds.get(name)
            if new is not None and _subject(new) == _subject(old):
                alerts[name] = self._alerts[name]
                continue
            reason: NoticeReason = "removed" if new is None else "changed"
            for labels, alert in self._alerts[name].items():
                if alert.state in ("firing", "recovering"):
                    made.append(_resolved(old, labels, alert, max(tick_seconds, alert.tick), reason))
        self._thresholds, self._alerts = dict(thresholds), alerts
        self.refused = Counter({name: count for name, count in self.refused.items() if name in thresholds})
        return made

    def states(self) -> Iterator[tuple[str, AlertState, int]]:
        """How many alerts of each threshold are in each state."""
        for name, alerts in self._alerts.items():
            counts = Counter(alert.state for alert in alerts.values())
            yield from ((name, state, counts[state]) for state in STATES)

    def _look(self, threshold: Threshold, tick: float, values: dict[Labels, float]) -> Iterator[Transition]:
        alerts = self._alerts[threshold.name]
        for labels, value in values.items():
            if labels not in alerts:
                if len(alerts) >= ALERTS_PER_THRESHOLD_MAX:
                    self.refused[threshold.name] += 1
                    continue
                alerts[labels] = _Alert(tick=tick - PANE_SECONDS, data_tick=tick)
            if alerts[labels].tick < tick:
                yield from _data(threshold, labels, alerts[labels], tick, value)
        if threshold.no_data == "alert" and not alerts:
            # Nothing has come yet, and that is what it is to warn of.
            alerts[()] = _Alert(tick=tick, data_tick=tick)
        for labels, alert in list(alerts.items()):
            if labels not in values and alert.tick < tick:
                if alert.value is None and values:
                    # It stood for data that was missing altogether.
                    yield from _end(threshold, labels, alert, tick, "recovered")
                else:
                    yield from _no_data(threshold, labels, alert, tick)
            if alert.state == "inactive" and (threshold.no_data != "alert" or (alert.value is None and values)):
                del alerts[labels]

    def _due(self, name: str) -> Iterator[float]:
        threshold, alerts = self._thresholds.get(name), self._alerts.get(name, {})
        if threshold is None:
            return
        if threshold.no_data == "alert" and not alerts:
            yield float("-inf")
        yield from (alert.data_tick + threshold.no_data_seconds for alert in alerts.values() if not alert.told)


def _data(threshold: Threshold, labels: Labels, alert: _Alert, tick: float, value: float) -> Iterator[Transition]:
    """A tick with a value."""
    # Ticks that were skipped had no data: they count neither as bad nor as good.
    gap = max(0.0, tick - alert.tick - PANE_SECONDS)
    alert.active_at += gap
    alert.good_at += gap
    alert.tick, alert.data_tick, alert.value, alert.told = tick, tick, value, False
    if threshold.breached(value):
        if alert.state == "recovering":
            alert.state = "firing"
        elif alert.state == "inactive":
            alert.state, alert.active_at = "pending", tick
        if alert.state == "pending" and tick - alert.active_at >= threshold.for_seconds:
            alert.state, alert.fired_at = "firing", tick
            yield _firing(threshold, labels, alert, tick, "threshold")
    elif alert.state == "pending":
        alert.state = "inactive"
    elif alert.state == "firing" and threshold.cleared(value):
        alert.state, alert.good_at = "recovering", tick
    elif alert.state == "recovering" and not threshold.cleared(value):
        alert.good_at = tick
    good_seconds = tick - alert.good_at
    if alert.state == "recovering" and threshold.cleared(value) and good_seconds >= threshold.keep_firing_seconds:
        yield from _end(threshold, labels, alert, tick, "recovered")


def _no_data(threshold: Threshold, labels: Labels, alert: _Alert, tick: float) -> Iterator[Transition]:
    """A tick without a value: clocks stand still until it has lasted."""
    gap = tick - alert.tick
    alert.active_at += gap
    alert.good_at += gap
    alert.tick = tick
    if alert.told or tick - alert.data_tick < threshold.no_data_seconds:
        return
    alert.told = True
    if alert.state in ("firing", "recovering"):
        if threshold.no_data == "ok":
            yield from _end(threshold, labels, alert, tick, "no_data")
        elif threshold.no_data != "ignore":
            yield _firing(threshold, labels, alert, tick, "no_data")
    elif threshold.no_data == "alert":
        alert.state, alert.fired_at = "firing", tick
        yield _firing(threshold, labels, alert, tick, "no_data")
    else:
        alert.state = "inactive"


def _end(
    threshold: Threshold, labels: Labels, alert: _Alert, tick: float, reason: NoticeReason
) -> Iterator[Transition]:
    if alert.state in ("firing", "recovering"):
        yield _resolved(threshold, labels, alert, tick, reason)
    alert.state = "inactive"


def _firing(threshold: Threshold, labels: Labels, alert: _Alert, tick: float, reason: NoticeReason) -> Transition:
    return Transition(threshold, dict(labels), "firing", reason, alert.value, tick, alert.fired_at)


def _resolved(threshold: Threshold, labels: Labels, alert: _Alert, tick: float, reason: NoticeReason) -> Transition:
    return Transition(threshold, dict(labels), "resolved", reason, alert.value, tick, alert.fired_at)


def _subject(threshold: Threshold) -> tuple[object, ...]:
    """What an alert of it is about."""
    return threshold.metric, threshold.aggregate, threshold.group_by
