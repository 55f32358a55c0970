"""
Reads thresholds in their three forms: a `[thresholds.ID]` table, keywords (`window="5m"`), and the runbook's mapping
(`window: 300000`). A table of the same name replaces a preset or switches it off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from headrig.alerts.presets import PRESETS
from headrig.alerts.threshold import Threshold, presets
from headrig.config.decode import Findings, no_table, table, unknown, value
from headrig.errors import ConfigError
from headrig.nearest import nearest


class _Spelling(NamedTuple):
    """How keys are called whose name is not that of the field, and in what their durations count."""

    names: Mapping[str, str]
    milliseconds: bool = False


_TABLE: Final = _Spelling(MappingProxyType({}))
_KEYWORDS: Final = _Spelling(
    {"window": "window_seconds", "for_": "for_seconds", "keep_firing_for": "keep_firing_seconds"}
)
_RUNBOOK: Final = _Spelling(
    {
        "window": "window_seconds",
        "for": "for_seconds",
        "keepFiringFor": "keep_firing_seconds",
        "resolveValue": "resolve_value",
        "minSamples": "min_samples",
        "noData": "no_data",
        "groupBy": "group_by",
    },
    milliseconds=True,
)
_WORDS: Final = frozenset({"operator", "no_data", "severity"})
"""Fields whose case does not matter."""


def threshold(name: str, mapping: Mapping[str, Any] | None = None, /, **keywords: Any) -> Threshold:
    """
    The threshold that the keywords or the runbook's mapping describe.

    Durations as seconds, `"5m"` or timedelta; a bare number in the mapping's `window` is milliseconds. Raises the first
    `ConfigError`, which names threshold, key and remedy.
    """
    if mapping is not None and keywords:
        raise ConfigError("a mapping and keywords", path=f"thresholds.{name}", remedy="give one of the two")
    errors = Findings()
    made = _read(name, keywords, errors, _KEYWORDS) if mapping is None else _read(name, mapping, errors, _RUNBOOK)
    if made is None:
        raise errors[0]
    return made


def thresholds_in(tables: Iterable[tuple[str, str, Any]], errors: Findings) -> dict[str, Threshold]:
    """Every threshold that is on, by name. `tables` are name, path and content."""
    made = dict(PRESETS)
    for name, at, given in tables:
        enabled, rest = _switch(given, at, errors)
        if rest == {} and name not in PRESETS:
            errors.append(unknown(name, at, PRESETS, "preset"))
        elif rest or name not in PRESETS:
            threshold = _read(name, rest, errors, _TABLE)
            if threshold is not None:
                made[name] = threshold
        if not enabled:
            made.pop(name, None)
    return made


def unfed(thresholds: Mapping[str, Threshold], own: Collection[str]) -> Iterator[str]:
    """One warning per threshold on a metric that no event feeds."""
    known = {*presets(), *own}
    for name, threshold in thresholds.items():
        if threshold.metric not in known:
            near = nearest(threshold.metric, sorted(known))
            remedy = f"did you mean {near}?" if near else "add a [metrics.ID] table, or record its values"
            yield f"thresholds.{name}.metric: no event feeds {threshold.metric}; {remedy}"


def _read(name: str, given: Any, errors: Findings, spelling: _Spelling) -> Threshold | None:
    at = f"thresholds.{name}"
    if not isinstance(given, Mapping):
        errors.append(no_table(given, at))
        return None
    given = {key: _normal(spelling, key, item) for key, item in given.items() if item is not None}
    before = len(errors)
    made = table(Threshold, given, at, errors, names=spelling.names, fixed={"name": name})
    if made is not None:
        errors.extend(made.problems(at, {field: key for key, field in spelling.names.items() if key in given}))
    return made if len(errors) == before else None


def _normal(spelling: _Spelling, key: str, item: Any) -> Any:
    """A value of whatever form a spelling allows, in the one form of the field."""
    field = spelling.names.get(key, key)
    if isinstance(item, timedelta):
        return item.total_seconds()
    if field in _WORDS and type(item) is str:
        return item.lower()
    if field == "group_by" and isinstance(item, str):
        return [item]
    if spelling.milliseconds and key != field and isinstance(item, int | float) and not isinstance(item, bool):
        # A thousandth is no exact float: divide.
        return item / 1000 if field.endswith("_seconds") and abs(item) < 2**53 else item
    return item


def _switch(given: Any, at: str, errors: Findings) -> tuple[bool, Any]:
    """Whether it is on, and what else the table says."""
    if not isinstance(given, dict):
        return True, given
    enabled = value(given.get("enabled", True), bool, "enabled", f"{at}.enabled", errors)
    return enabled is not False, {key: item for key, item in given.items() if key != "enabled"}
