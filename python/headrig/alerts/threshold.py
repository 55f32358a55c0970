"""
A threshold: a condition on a windowed metric. Made from keywords, from a `[thresholds.ID]` table, or from a mapping in
the shape of the operational runbook (camelCase, durations in milliseconds); proven whole before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from headrig.alerts.template import number
from headrig.model import Severity

Operator = Literal["gt", "gte", "lt", "lte", "eq", "ne", "within", "outside"]
NoData = Literal["keep", "ok", "alert", "ignore"]

NO_DATA_WINDOWS: Final = 2
"""So many windows without a value are no data: one may be a pause."""


class Threshold(Struct, frozen=True, kw_only=True):
    """A condition that fires an alert per label set."""

    name: str
    metric: str
    operator: Operator
    value: float | tuple[float, float]
    """Of `within` and `outside`: the lowest and the highest value that are inside."""
    window_seconds: float
    """What is looked at: [T - window, T), in panes of ten seconds."""
    severity: Severity
    category: str
    title: str
    """A template, as `message`."""
    message: str
    for_seconds: float = 0.0
    """The condition must hold so long before the alert fires."""
    aggregate: str = ""
    """mean sum count min max rate p50 … p99; empty: what the metric is by nature, recorded values their mean."""
    resolve_value: float | None = None
    """The alert is resolved only when the value is on the good side of this one. None: of `value`."""
    keep_firing_seconds: float = 0.0
    """… and has been there for so long."""
    min_samples: int = 0
    """Fewer events than this in the window are no data."""
    no_data: NoData = "keep"
    """After two windows without data a firing alert is said to be without (keep), resolves (ok) or stays (ignore)."""
    group_by: tuple[str, ...] = ()
    """One alert per set of these labels. Empty: as the metric says, else one over all."""

    @property
    def no_data_seconds(self) -> float:
        """From the last value to when `no_data` decides."""
        return NO_DATA_WINDOWS * self.window_seconds

    @property
    def limit(self) -> str:
        """The value that is compared with, as text: `5`, or `10 to 20`."""
        return " to ".join(map(number, self.value)) if isinstance(self.value, tuple) else number(self.value)

    def question(self) -> dict[str, Any]:
        """What the core is asked for it: an element of `thresholds` in the spec of `Engine`."""
        return {
            "name": self.name,
            "metric": self.metric,
            "window_seconds": self.window_seconds,
            "aggregate": self.aggregate,
            "group_by": list(self.group_by),
        }

    def breached(self, value: float) -> bool:
        """Whether the condition holds."""
        return _holds(self.operator, value, self.value)

    def cleared(self, value: float) -> bool:
        """Whether the value is so good that a firing alert may end."""
        return not _holds(self.operator, value, self.value if self.resolve_value is None else self.resolve_value)


def _holds(operator: Operator, value: float, limit: float | tuple[float, float]) -> bool:
    if isinstance(limit, tuple):
        inside = limit[0] <= value <= limit[1]
        return inside if operator == "within" else not inside
    match operator:
        case "gt":
            return value > limit
        case "gte":
            return value >= limit
        case "lt":
            return value < limit
        case "lte":
            return value <= limit
        case "eq":
            return value == limit
    return value != limit


def questions(thresholds: Mapping[str, Threshold]) -> list[dict[str, Any]]:
    """What the core is asked for all of them."""
    return [threshold.question() for threshold in thresholds.values()]
