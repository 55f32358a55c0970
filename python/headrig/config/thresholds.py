"""`[thresholds.ID]`: on top of the presets, which a table of the same name replaces or switches off."""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from headrig.alerts.presets import PRESETS
from headrig.alerts.reading import presets, read
from headrig.alerts.threshold import Threshold
from headrig.config.decode import shown, unknown
from headrig.config.environment import Expanded
from headrig.errors import ConfigError

_NUMBERS = ("value", "resolve_value", "min_samples")


def thresholds_in(tables: Iterable[tuple[str, str, Any]], errors: list[ConfigError]) -> dict[str, Threshold]:
    """Every threshold that is on, by name. `tables` are name, path and content."""
    made = dict(PRESETS)
    for name, at, table in tables:
        enabled, rest = _switch(table, at, errors)
        if rest == {} and name not in PRESETS:
            errors.append(unknown(name, at, PRESETS, "preset"))
        elif rest or name not in PRESETS:
            threshold = read(name, rest, errors)
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
            near = difflib.get_close_matches(threshold.metric, sorted(known), n=1)
            hint = f"; did you mean {near[0]}?" if near else "; add a [families.ID] table, or record its values"
            yield f"thresholds.{name}.metric: no event feeds {threshold.metric}{hint}"


def _switch(table: Any, at: str, errors: list[ConfigError]) -> tuple[bool, Any]:
    """Whether it is on, and what else the table says."""
    if not isinstance(table, dict):
        return True, table
    enabled = table.get("enabled", True)
    if not isinstance(enabled, bool):
        reason = f"expected true or false, got {shown(enabled)}"
        errors.append(ConfigError(reason, path=f"{at}.enabled", remedy="write it without quotes"))
    return enabled is not False, {key: _plain(key, value) for key, value in table.items() if key != "enabled"}


def _plain(key: str, value: Any) -> Any:
    """A value that is wholly one variable takes the type of its field."""
    if key in _NUMBERS and isinstance(value, Expanded) and value.whole:
        kind = int if key == "min_samples" else float
        try:
            return msgspec.convert(str(value), kind, strict=False)
        except msgspec.ValidationError:
            return value
    return value
