"""
A threshold: a condition on a windowed metric. It is made from keywords, a `[thresholds.ID]` table, or a mapping in the
form of the runbook (camelCase keys, durations in milliseconds), and checked completely before it is used.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from headrig.alerts.template import Template, allowed, number
from headrig.engine import PANE_SECONDS, WINDOW_SECONDS_MAX
from headrig.errors import ConfigError, shown
from headrig.limits import Seconds
from headrig.model import Severity
from headrig.nearest import hint, nearest

Operator = Literal["gt", "gte", "lt", "lte", "eq", "ne", "within", "outside"]
NoData = Literal["keep", "ok", "alert", "ignore"]
_SYNONYMS: Final = {
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
    "=": "eq",
    "==": "eq",
    "!=": "ne",
    "<>": "ne",
    "above": "gt",
    "over": "gt",
    "below": "lt",
    "under": "lt",
    "between": "within",
}
"""What other languages call the operators."""

NO_DATA_WINDOWS: Final = 2
"""So many windows without a value are no data: one may be a pause."""
TEXT_CHARACTERS_MAX: Final = 2000
"""Longest template: a notice is read by people, and every notifier has room for so much."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_AGGREGATE: Final = re.compile(r"(?:mean|sum|count|min|max|rate|p[0-9]{1,8}|p[0-9]{1,2}\.[0-9]{1,5})?")
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Threshold(Struct, frozen=True, kw_only=True):
    """A condition that fires an alert per label set."""

    name: str
    metric: str
    operator: Annotated[Operator, Meta(extra={"synonyms": _SYNONYMS})]
    value: Annotated[
        float | tuple[float, float], Meta(extra={"remedy": "write a number; for within and outside [lowest, highest]"})
    ]
    """Of `within` and `outside`: the lowest and the highest value that are inside."""
    window_seconds: Seconds
    """What is looked at: [T - window, T), in panes of ten seconds."""
    severity: Severity
    category: str
    title: str
    """A template, as `message`."""
    message: str
    for_seconds: Seconds = 0.0
    """The condition must hold so long before the alert fires."""
    aggregate: str = ""
    """mean sum count min max rate p50 … p99; empty: what the metric is by nature, recorded values their mean."""
    resolve_value: float | None = None
    """The alert is resolved only when the value is on the good side of this one. None: of `value`."""
    keep_firing_seconds: Seconds = 0.0
    """… and has been there for so long."""
    min_samples: Annotated[int, Meta(ge=0)] = 0
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

    def problems(self, at: str, names: Mapping[str, str]) -> Iterator[ConfigError]:
        """
        What is wrong with it though every value is of its type. `names` are fields by the names that whoever wrote it
        gave them.
        """
        if _NAME.fullmatch(self.name) is None:
            yield ConfigError("not a name", path=at, remedy="use at most 64 of A-Z a-z 0-9 _ . -")
        for field, reason, remedy in (
            *self._texts(),
            *self._numbers(),
            *self._window(),
            *self._labels(),
            *self._limits(),
            *self._templates(),
        ):
            yield ConfigError(reason, path=f"{at}.{names.get(field, field)}", remedy=remedy)

    def _texts(self) -> Iterator[_Problem]:
        for field in ("metric", "category", "title", "message"):
            text = getattr(self, field)
            if not text.strip() or len(text) > TEXT_CHARACTERS_MAX:
                yield field, "expected a text", f"write one of 1 to {TEXT_CHARACTERS_MAX} characters"
        if _AGGREGATE.fullmatch(self.aggregate) is None:
            yield "aggregate", "unknown value", "known values: mean, sum, count, min, max, rate, p50 … p99"

    def _numbers(self) -> Iterator[_Problem]:
        for field in ("value", "resolve_value", "for_seconds", "keep_firing_seconds", "window_seconds"):
            given = getattr(self, field)
            for one in given if isinstance(given, tuple) else (given,):
                if one is not None and not math.isfinite(one):
                    yield field, f"expected a number, got {shown(one, number=True)}", "write a number"

    def _window(self) -> Iterator[_Problem]:
        seconds = self.window_seconds
        if not 0 < seconds <= WINDOW_SECONDS_MAX:
            remedy = f"give {PANE_SECONDS:g} s up to {WINDOW_SECONDS_MAX / 86_400:g} days"
            yield "window_seconds", f"{seconds:g} s is no window", remedy
        elif seconds % PANE_SECONDS:
            below = max(PANE_SECONDS, seconds // PANE_SECONDS * PANE_SECONDS)
            reason = f"{seconds:g} s is no multiple of {PANE_SECONDS:g} s"
            yield "window_seconds", reason, f"give {below:g} or {below + PANE_SECONDS:g} s"

    def _labels(self) -> Iterator[_Problem]:
        for label in self.group_by:
            if _LABEL.fullmatch(label) is None:
                yield "group_by", "not a label name", "use A-Z a-z 0-9 _, no digit first"

    def _limits(self) -> Iterator[_Problem]:
        ranged = self.operator in ("within", "outside")
        if ranged != isinstance(self.value, tuple):
            needs, remedy = (
                ("needs two numbers", "write [lowest, highest]") if ranged else ("needs one number", "write one")
            )
            yield "value", f"{self.operator} {needs}", remedy
        elif isinstance(self.value, tuple) and self.value[0] > self.value[1]:
            yield "value", "the first is above the second", "write [lowest, highest]"
        elif self.resolve_value is not None and self.operator not in ("gt", "gte", "lt", "lte"):
            yield "resolve_value", f"{self.operator} has no side to come back to", "remove it"
        elif self.resolve_value is not None and not isinstance(self.value, tuple):
            upward, resolve = self.operator in ("gt", "gte"), self.resolve_value
            if resolve > self.value if upward else resolve < self.value:
                reason = f"{resolve:g} is on the wrong side of {self.operator} {self.value:g}"
                yield "resolve_value", reason, f"give {self.value:g} or {'less' if upward else 'more'}"

    def _templates(self) -> Iterator[_Problem]:
        known = allowed(self.group_by or grouping(self.metric))
        for field in ("title", "message"):
            try:
                names = list(Template(getattr(self, field)).names)
            except ValueError as error:
                yield field, str(error), "write $$ for a dollar, ${value} for the value"
                continue
            for name in names:
                if name not in known:
                    yield field, f"unknown name ${{{name}}}", _template_remedy(name, known)

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


_Problem = tuple[str, str, str]
"""Field, reason, remedy."""


def _template_remedy(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    if name.startswith("labels.") and not (near and near.startswith("labels.")):
        return f"add {name.removeprefix('labels.')!r} to group_by"
    return hint(name, known, "names").replace(f"{near}?", f"${{{near}}}?")


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


@cache
def presets() -> dict[str, Any]:
    """The built-in metrics by name, as their file says."""
    text = (Path(__file__).parents[1] / "rules/metrics.toml").read_text(encoding="utf-8")
    return {metric["name"]: metric for metric in tomllib.loads(text)["metric"]}


@cache
def grouping(metric: str) -> tuple[str, ...]:
    """The labels a built-in metric is grouped by when a threshold does not say."""
    return tuple(presets().get(metric, {}).get("group_by", ()))
