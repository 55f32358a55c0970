"""
A mapping into a `Threshold`, with an error for everything that is wrong in it. Three spellings, one meaning: keywords
(`window="5m"`), a table of the settings (`window_seconds = 300`), the runbook's mapping (`window: 300000`).
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

from headrig.alerts.template import Template, allowed
from headrig.alerts.threshold import NoData, Operator, Threshold
from headrig.errors import ConfigError, shown
from headrig.model import Severity
from headrig.units import EXAMPLES, scaled

PANE_SECONDS: Final = 10
"""Windows are made of whole panes."""
WINDOW_SECONDS_MAX: Final = 7 * 86_400
"""Longest window the core keeps."""
NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
AGGREGATE: Final = re.compile(r"mean|sum|count|min|max|rate|p[0-9]{1,8}|p[0-9]{1,2}\.[0-9]{1,5}")
LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TEXT_CHARACTERS_MAX: Final = 2000
"""Longest template: a notice is read by people, and every notifier has room for so much."""

REQUIRED: Final = ("metric", "operator", "value", "window_seconds", "severity", "category", "title", "message")
DURATIONS: Final = ("window_seconds", "for_seconds", "keep_firing_seconds")

KEYWORDS: Final = {"window": "window_seconds", "for_": "for_seconds", "keep_firing_for": "keep_firing_seconds"}
"""Keyword arguments whose name is not that of the field."""
RUNBOOK: Final = {
    "window": "window_seconds",
    "for": "for_seconds",
    "keepFiringFor": "keep_firing_seconds",
    "resolveValue": "resolve_value",
    "minSamples": "min_samples",
    "noData": "no_data",
    "groupBy": "group_by",
}
"""Keys of the runbook's mapping whose name is not that of the field. Its durations are milliseconds."""

FIELDS: Final = tuple(name for name in Threshold.__struct_fields__ if name != "name")


def threshold(name: str, mapping: Mapping[str, Any] | None = None, /, **keywords: Any) -> Threshold:
    """
    The threshold that the keywords or the runbook's mapping describe.

    Durations as seconds, `"5m"` or timedelta; a bare number in the mapping's `window` is milliseconds. Raises the first
    `ConfigError`, which names threshold, key and remedy.
    """
    errors: list[ConfigError] = []
    if mapping is not None and keywords:
        raise ConfigError("a mapping and keywords", path=f"thresholds.{name}", remedy="give one of the two")
    given, names, unit_seconds = (keywords, KEYWORDS, 1.0) if mapping is None else (mapping, RUNBOOK, 0.001)
    made = read(name, given, errors, names, unit_seconds)
    if made is None:
        raise errors[0]
    return made


def read(
    name: str,
    given: Any,
    errors: list[ConfigError],
    names: Mapping[str, str] | None = None,
    unit_seconds: float = 1.0,
) -> Threshold | None:
    """
    The threshold that a mapping describes; None after any error, each of which is in `errors`.

    `names` are keys with another name than their field; where such a key is a duration, its numbers count in
    `unit_seconds`.
    """
    reader = _Reader(name, dict(names or {}), unit_seconds, errors)
    return reader.threshold(given)


@cache
def grouping(metric: str) -> tuple[str, ...]:
    """The labels a built-in metric is grouped by when a threshold does not say."""
    return tuple(presets().get(metric, {}).get("group_by", ()))


@cache
def presets() -> dict[str, Any]:
    """The built-in metrics by name, as their file says."""
    text = (Path(__file__).parents[1] / "rules/metrics.toml").read_text(encoding="utf-8")
    return {metric["name"]: metric for metric in tomllib.loads(text)["metric"]}


class _Reader:
    """One pass over one mapping."""

    def __init__(self, name: str, names: dict[str, str], unit_seconds: float, errors: list[ConfigError]) -> None:
        self._name = name
        self._at = f"thresholds.{name}"
        self._names = names
        self._unit_seconds = unit_seconds
        self._errors = errors
        self._keys: dict[str, str] = {}
        """The key each field was given by."""

    def threshold(self, given: Any) -> Threshold | None:
        before = len(self._errors)
        if not isinstance(given, Mapping):
            self._errors.append(ConfigError("expected a table", path=self._at, remedy=f"write [{self._at}]"))
            return None
        if NAME.fullmatch(self._name) is None:
            self._wrong("", "not a name", "use at most 64 of A-Z a-z 0-9 _ . -")
        fields = self._renamed(given)
        values: dict[str, Any] = {}
        for field, value in fields.items():
            found = len(self._errors)
            taken = _TAKE[field](self, field, value)
            if len(self._errors) == found:
                values[field] = taken
        for field in REQUIRED:
            if field not in fields:
                self._wrong(field, "missing", f"add {self._key(field)}")
        self._together(values)
        return Threshold(name=self._name, **values) if len(self._errors) == before else None

    def _renamed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """By field. A key nobody reads is an error that names the nearest one."""
        known = [*self._names, *FIELDS]
        fields: dict[str, Any] = {}
        for key, value in given.items():
            field = self._names.get(key, key)
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                remedy = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(sorted(known))}"
                self._errors.append(ConfigError("unknown key", path=f"{self._at}.{key}", remedy=remedy))
            elif field in fields:
                self._wrong(field, f"given twice, also as {key}", "give one of the two")
            elif value is not None:
                fields[field] = value
                self._keys[field] = key
        return fields

    def text(self, field: str, value: Any) -> str:
        if isinstance(value, str) and value.strip() and len(value) <= TEXT_CHARACTERS_MAX:
            return str(value)
        self._wrong(field, "expected a text", f"write one of 1 to {TEXT_CHARACTERS_MAX} characters")
        return ""

    def word(self, field: str, value: Any) -> str:
        known = {"operator": get_args(Operator), "no_data": get_args(NoData), "severity": tuple(Severity)}[field]
        text = value.lower() if isinstance(value, str) else ""
        if text in known:
            return Severity(text) if field == "severity" else text
        near = difflib.get_close_matches(text, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"known values: {', '.join(known)}"
        self._wrong(field, "unknown value", remedy)
        return ""

    def value(self, field: str, value: Any) -> float | tuple[float, float]:
        if isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value)):
            return float(value[0]), float(value[1])
        if _is_number(value):
            return float(value)
        self._wrong(
            field, f"expected a number, got {shown(value, number=True)}", "write a number; for within and outside two"
        )
        return 0.0

    def number(self, field: str, value: Any) -> float:
        if not _is_number(value):
            self._wrong(field, f"expected a number, got {shown(value, number=True)}", "write a number")
            return 0.0
        return float(value)

    def count(self, field: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self._wrong(field, f"expected a whole number, got {shown(value, number=True)}", "write 0 or more")
            return 0
        return value

    def seconds(self, field: str, value: Any) -> float:
        seconds: float | None = None
        if isinstance(value, timedelta):
            seconds = value.total_seconds()
        elif isinstance(value, str):
            seconds = scaled(value, "seconds")
        elif _is_number(value):
            # A thousandth is no exact float: divide.
            milliseconds = self._unit_seconds != 1.0 and self._keys[field] != field
            seconds = value / 1000 if milliseconds else float(value)
        if seconds is None or seconds < 0:
            self._wrong(field, f"expected a duration, got {shown(value, number=True)}", f"write {EXAMPLES['seconds']}")
            return 0.0
        if field == "window_seconds" and not 0 < seconds <= WINDOW_SECONDS_MAX:
            self._wrong(field, f"{seconds:g} s is no window", f"give 10 s up to {WINDOW_SECONDS_MAX // 86_400} days")
        elif field == "window_seconds" and seconds % PANE_SECONDS:
            below = max(PANE_SECONDS, int(seconds // PANE_SECONDS) * PANE_SECONDS)
            self._wrong(field, f"{seconds:g} s is no multiple of {PANE_SECONDS} s", f"give {below} or {below + 10} s")
        return seconds

    def labels(self, field: str, value: Any) -> tuple[str, ...]:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list | tuple) or not all(isinstance(label, str) for label in given):
            self._wrong(field, f"expected label names, got {shown(value)}", 'write ["route"]')
            return ()
        for label in given:
            if LABEL.fullmatch(label) is None:
                self._wrong(field, "not a label name", "use A-Z a-z 0-9 _, no digit first")
        return tuple(given)

    def aggregate(self, field: str, value: Any) -> str:
        if not isinstance(value, str) or (value and AGGREGATE.fullmatch(value) is None):
            self._wrong(field, "unknown value", "known values: mean sum count min max rate p50 … p99")
            return ""
        return value

    def _together(self, values: dict[str, Any]) -> None:
        """What each value must be because of another."""
        operator, value, resolve = (values.get(key) for key in ("operator", "value", "resolve_value"))
        if operator is not None and value is not None:
            ranged = operator in ("within", "outside")
            if ranged != isinstance(value, tuple):
                reason, remedy = (
                    ("needs two numbers", "write [lowest, highest]") if ranged else ("needs one number", "write one")
                )
                self._wrong("value", f"{operator} {reason}", remedy)
            elif isinstance(value, tuple) and value[0] > value[1]:
                self._wrong("value", "the first is above the second", "write [lowest, highest]")
            elif resolve is not None:
                self._resolve_value(operator, value, resolve)
        group_by = values.get("group_by", ()) or grouping(values.get("metric", ""))
        for field in ("title", "message"):
            if field in values:
                self._template(field, values[field], allowed(group_by))

    def _resolve_value(self, operator: str, value: Any, resolve: float) -> None:
        if operator in ("gt", "gte", "lt", "lte"):
            upward = operator in ("gt", "gte")
            if resolve > value if upward else resolve < value:
                remedy = f"give {value:g} or {'less' if upward else 'more'}"
                self._wrong("resolve_value", f"{resolve:g} is on the wrong side of {operator} {value:g}", remedy)
        else:
            self._wrong("resolve_value", f"{operator} has no side to come back to", "remove it")

    def _template(self, field: str, text: str, known: list[str]) -> None:
        try:
            unknown = [name for name in Template(text).names if name not in known]
        except ValueError as error:
            self._wrong(field, str(error), "write $$ for a dollar, ${value} for the value")
            return
        for name in unknown:
            near = difflib.get_close_matches(name, known, n=1)
            if name.startswith("labels.") and not (near and near[0].startswith("labels.")):
                remedy = f"add {name.removeprefix('labels.')!r} to group_by"
            else:
                remedy = f"did you mean ${{{near[0]}}}?" if near else f"known names: {', '.join(known)}"
            self._wrong(field, f"unknown name ${{{name}}}", remedy)

    def _key(self, field: str) -> str:
        """As whoever wrote it would call it."""
        return self._keys.get(field) or next((key for key, of in self._names.items() if of == field), field)

    def _wrong(self, field: str, reason: str, remedy: str) -> None:
        path = f"{self._at}.{self._key(field)}" if field else self._at
        self._errors.append(ConfigError(reason, path=path, remedy=remedy))


def _is_number(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


_TAKE: Final[Mapping[str, Callable[[_Reader, str, Any], Any]]] = {
    **dict.fromkeys(("metric", "category", "title", "message"), _Reader.text),
    **dict.fromkeys(("operator", "no_data", "severity"), _Reader.word),
    **dict.fromkeys(DURATIONS, _Reader.seconds),
    "value": _Reader.value,
    "resolve_value": _Reader.number,
    "min_samples": _Reader.count,
    "group_by": _Reader.labels,
    "aggregate": _Reader.aggregate,
}
