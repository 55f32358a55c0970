"""
Every series headrig keeps about itself: name, kind, help and labels in one place, and the page they are shown on.
Families derived from log lines come from the core as text (`Engine.totals`) and are appended as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of the page."""


class Family(NamedTuple):
    """One family of series."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    labels: tuple[str, ...] = ()


COMPONENT: Final = ("component_id", "component_kind", "component_type")

RECEIVED_EVENTS: Final = Family("component_received_events_total", "counter", "Lines a source received.", COMPONENT)
RECEIVED_BYTES: Final = Family(
    "component_received_bytes_total", "counter", "Bytes a source received, as they came.", COMPONENT
)
SENT_EVENTS: Final = Family("component_sent_events_total", "counter", "Lines a component passed on.", COMPONENT)
SENT_BYTES: Final = Family("component_sent_bytes_total", "counter", "Bytes a sink accepted.", COMPONENT)
DISCARDED_EVENTS: Final = Family(
    "component_discarded_events_total",
    "counter",
    "Lines lost and counted. Intentional: as configured or by design, such as blank lines.",
    (*COMPONENT, "intentional", "reason"),
)
ERRORS: Final = Family(
    "component_errors_total", "counter", "What went wrong in a component.", (*COMPONENT, "error_type", "stage")
)
BUFFER_EVENTS: Final = Family("buffer_size_events", "gauge", "Lines waiting at a component's queue.", COMPONENT)
BUFFER_BYTES: Final = Family("buffer_size_bytes", "gauge", "Bytes waiting at a component's queue.", COMPONENT)
CONNECTIONS: Final = Family("headrig_connections", "gauge", "Open connections of a source.", ("component_id",))
PARTIAL_BYTES: Final = Family(
    "headrig_partial_line_bytes", "gauge", "Bytes held of lines that are not whole yet, over all connections."
)
LINES_RECEIVED: Final = Family("headrig_lines_received_total", "counter", "Ledger: lines received.", ("component_id",))
LINES_REJECTED: Final = Family(
    "headrig_lines_rejected_total",
    "counter",
    "Ledger: lines received and refused by a source.",
    ("component_id", "reason"),
)
LINES_DELIVERED: Final = Family(
    "headrig_lines_delivered_total", "counter", "Ledger: lines a sink accepted.", ("component_id",)
)
LINES_DROPPED: Final = Family(
    "headrig_lines_dropped_total",
    "counter",
    "Ledger: lines dropped, by the core or before it (source) or at a sink.",
    ("component_id", "component_kind", "reason"),
)
LINES_IN_FLIGHT: Final = Family(
    "headrig_lines_in_flight",
    "gauge",
    "Ledger: lines waiting, counted at the queues.",
    ("component_id", "component_kind"),
)
IMBALANCE: Final = Family(
    "headrig_ledger_imbalance", "gauge", "Lines and notices the ledger cannot account for. Not 0: a bug."
)
BROKEN: Final = Family("headrig_broken_lines_total", "counter", "Lines that are not valid JSON.", ("reason",))
REDACTIONS: Final = Family("headrig_redactions_total", "counter", "Values redacted.", ("rule",))
LEARNED_VALUES: Final = Family(
    "headrig_learned_values", "gauge", "Values masked wherever they appear, because learn found them."
)
LEARNED_FILES_SKIPPED: Final = Family(
    "headrig_learned_files_skipped",
    "gauge",
    "Secret files of which learn took nothing: unreadable, no text, or too large.",
)
NORMALIZED: Final = Family("headrig_normalized_total", "counter", "Lines changed to be valid newline JSON.", ("kind",))
LANE_BEHIND: Final = Family(
    "headrig_lane_behind_seconds",
    "gauge",
    "Wall clock minus the newest event of a source, or of one of its lanes: source/lane.",
    ("component_id",),
)
SOURCE_LANES: Final = Family(
    "headrig_source_lanes", "gauge", "Streams that a source keeps apart, its own included.", ("component_id",)
)
WATERMARK: Final = Family("headrig_watermark_seconds", "gauge", "Event time up to which windows are complete.")
LAG: Final = Family("headrig_watermark_lag_seconds", "gauge", "Wall clock minus watermark.")
ALERTS: Final = Family("headrig_alerts", "gauge", "Alerts of a threshold in a state.", ("threshold", "state"))
ALERTS_REFUSED: Final = Family(
    "headrig_alerts_refused_total", "counter", "Label sets beyond the bound of a threshold, per tick.", ("threshold",)
)
ALERTS_SENT: Final = Family("headrig_sent_alerts", "gauge", "Alerts sent by hand that fire.")
EVALUATION_LAG: Final = Family(
    "headrig_evaluation_lag_seconds",
    "gauge",
    "Wall clock minus the last tick that thresholds looked at.",
    ("time_domain",),
)
NOTICES_ACCEPTED: Final = Family(
    "headrig_notices_accepted_total", "counter", "Ledger: notices for a notifier.", ("component_id",)
)
NOTICES_DELIVERED: Final = Family(
    "headrig_notices_delivered_total", "counter", "Ledger: notices a notifier delivered.", ("component_id",)
)
NOTICES_DROPPED: Final = Family(
    "headrig_notices_dropped_total", "counter", "Ledger: notices given up.", ("component_id", "reason")
)
NOTICES_WAITING: Final = Family(
    "headrig_notices_waiting", "gauge", "Ledger: notices waiting, counted at the outbox.", ("component_id",)
)
NOTICE_FAILURES: Final = Family(
    "headrig_notice_failures_total", "counter", "Tries of a notifier that failed.", ("component_id", "reason")
)
VALUES_REFUSED: Final = Family(
    "headrig_recorded_values_refused_total", "counter", "Recorded values that are none, or have no place.", ("reason",)
)
RELOADS: Final = Family("headrig_config_reloads_total", "counter", "Reloads of the settings.", ("result",))
BUILD: Final = Family("headrig_build_info", "gauge", "Version that runs; always 1.", ("version",))

SERIES: Final = Family("headrig_series", "gauge", "Series in the totals of the core.")
SERIES_OVERFLOWED: Final = Family("headrig_series_overflowed_total", "counter", "Events put into an overflow series.")
SERIES_EXPIRED: Final = Family(
    "headrig_series_expired_total", "counter", "Series that left the totals because no event came for them."
)
WINDOW_SERIES: Final = Family("headrig_window_series", "gauge", "Series in the windows of thresholds.")
WINDOW_SERIES_EVICTED: Final = Family(
    "headrig_window_series_evicted_total", "counter", "Series that left the windows with the last of their panes."
)
WINDOW_BYTES: Final = Family("headrig_window_bytes", "gauge", "Bytes of windows kept by the core.")
WINDOW_DROPPED: Final = Family(
    "headrig_window_events_dropped_total",
    "counter",
    "Events that thresholds did not see whole: late, older than every pane kept; window_bytes, refused for want of room, "
    "and unjudged, given up before a tick asked for them, each once per window.",
    ("reason",),
)
LATE: Final = Family(
    "headrig_late_events_total", "counter", "Events behind the watermark that were merged into panes still kept."
)
FUTURE: Final = Family(
    "headrig_future_events_total",
    "counter",
    "Events too far ahead of the clock: they count at the time of their sender.",
)
UNTIMED: Final = Family(
    "headrig_untimed_events_total",
    "counter",
    "Events without a time of their own: they count at the time of their sender.",
    ("reason",),
)
SENDERS_FORGOTTEN: Final = Family(
    "headrig_senders_forgotten_total", "counter", "Connections whose time was forgotten because too many others sent."
)
RECENT: Final = Family("headrig_recent_lines_total", "counter", "Lines that passed the ring of recent lines.")

CORE_STATE: Final[Mapping[str, tuple[Family, tuple[str, ...]]]] = {
    "series": (SERIES, ()),
    "overflowed": (SERIES_OVERFLOWED, ()),
    "expired": (SERIES_EXPIRED, ()),
    "window_series": (WINDOW_SERIES, ()),
    "window_evicted": (WINDOW_SERIES_EVICTED, ()),
    "window_bytes": (WINDOW_BYTES, ()),
    "late_dropped": (WINDOW_DROPPED, ("late",)),
    "window_dropped": (WINDOW_DROPPED, ("window_bytes",)),
    "unjudged": (WINDOW_DROPPED, ("unjudged",)),
    "late": (LATE, ()),
    "future": (FUTURE, ()),
    "untimed_missing": (UNTIMED, ("missing",)),
    "untimed_null": (UNTIMED, ("null",)),
    "untimed_unreadable": (UNTIMED, ("unreadable",)),
    "untimed_broken": (UNTIMED, ("broken",)),
    "senders_forgotten": (SENDERS_FORGOTTEN, ()),
    "recent_sequence": (RECENT, ()),
    "learned_values": (LEARNED_VALUES, ()),
    "learned_files_skipped": (LEARNED_FILES_SKIPPED, ()),
}
"""What `Engine.state` gives, by its name there: family and labels. All of it."""

FAMILIES: Final[tuple[Family, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Family))


class Metrics(Collector):
    """The page. Numbers are added as things happen, or put by a watcher just before the page is read."""

    def __init__(self) -> None:
        self._values: dict[Family, dict[tuple[str, ...], float]] = {family: {} for family in FAMILIES}
        self._watchers: list[Callable[[], None]] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def add(self, family: Family, value: float, *labels: str) -> None:
        """Count."""
        series = self._values[family]
        series[labels] = series.get(labels, 0) + value

    def put(self, family: Family, value: float, *labels: str) -> None:
        """Set."""
        self._values[family][labels] = value

    def put_core(self, state: Mapping[str, float]) -> None:
        """Set what `Engine.state` gives."""
        for name, value in state.items():
            family, labels = CORE_STATE[name]
            self.put(family, value, *labels)

    def clear(self, *families: Family) -> None:
        """Forget all series of these families, before they are put anew."""
        for family in families:
            self._values[family].clear()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Have `watcher` put its numbers before each reading of the page."""
        self._watchers.append(watcher)

    def value(self, family: Family, *labels: str) -> float:
        """One number as it stands; 0 for a series that does not exist."""
        return self._values[family].get(labels, 0)

    def total(self, family: Family) -> float:
        """The sum over all series of a family as they stand."""
        return sum(self._values[family].values())

    def collect(self) -> Iterable[Metric]:
        """Every family that has series."""
        for family, series in self._values.items():
            if series:
                metric = _METRIC[family.kind](family.name, family.help, labels=family.labels)
                for labels, value in series.items():
                    metric.add_metric(labels, value)
                yield metric

    def page(self) -> bytes:
        """Prometheus text of headrig's own families."""
        for watcher in self._watchers:
            watcher()
        return generate_latest(self._registry)


_METRIC: Final[Mapping[str, type[CounterMetricFamily | GaugeMetricFamily]]] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
}
