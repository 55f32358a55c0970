"""
Reports what the core refuses, each at its place in the settings. The core names only the first error, so after a
refusal every part of the spec is tried alone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrig.engine import Engine
from headrig.errors import ConfigError, RuleError
from headrig.nearest import hint

_REMEDY = "correct it or remove it"
_LISTS = ("disable", "enable", "keys", "allow_keys", "paths", "allow_paths", "allow_values", "remove", "pii")
"""Lists of `[redact]` of which each item is tried alone."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule or metric of the user's, and where it stands."""

    file: str
    """The rule file; empty for the settings themselves."""
    path: str
    spec: dict[str, Any]


def encoded(spec: dict[str, Any]) -> bytes:
    """The spec as the core takes it; what a variable held that is no text is replaced."""
    return json.dumps(spec, ensure_ascii=False).encode("utf-8", "replace")


def refusals(spec: dict[str, Any], rules: list[Placed], metrics: list[Placed]) -> Iterator[ConfigError]:
    """Nothing when the core takes the spec. `rules` and `metrics` are those in it."""
    refusal = _refusal(spec)
    if refusal is None:
        yield from _unproven(rules)
        return
    if (outside := _refusal({})) is not None:
        # It takes not even the defaults: what it names is a variable of the environment.
        yield _worded(str(outside.args[1]), outside.rule, "environment")
        return
    found = [*_in_base(spec), *_in_list("redact", rules), *_in_list("metrics", metrics)]
    found = found or list(_in_thresholds(spec))
    yield from found
    if not found:
        path = next((each.path for each in (*rules, *metrics) if each.spec["name"] == refusal.rule), refusal.rule)
        yield _worded(str(refusal.args[1]), path)


def _unproven(rules: list[Placed]) -> Iterator[ConfigError]:
    """Rules that do not do what their own examples say."""
    shown = [rule for rule in rules if rule.spec.get("examples") or rule.spec.get("counterexamples")]
    if not shown:
        return
    engine = Engine(encoded({"redact": {"rules": [rule.spec for rule in rules]}}))
    for rule in shown:
        mark = b"[REDACTED:" + rule.spec["name"].encode()
        for index, text in enumerate(rule.spec.get("examples", []) if rule.spec.get("enabled", True) else []):
            if mark not in engine.redact(text.encode(), False):
                path = f"{rule.path}.examples[{index}]"
                yield ConfigError("the rule finds nothing in it", path=path, file=rule.file, remedy=_REMEDY)
        for index, text in enumerate(rule.spec.get("counterexamples", [])):
            if engine.redact(text.encode(), False) != text.encode():
                path = f"{rule.path}.counterexamples[{index}]"
                yield ConfigError("a rule finds something in it", path=path, file=rule.file, remedy=_REMEDY)


def _refusal(spec: dict[str, Any]) -> RuleError | None:
    try:
        Engine(encoded(spec))
    except RuleError as error:
        return error
    return None


def _in_base(spec: dict[str, Any]) -> Iterator[ConfigError]:
    """Everything but rules and metrics."""
    for path, part, given in _base_parts(spec):
        if (refusal := _refusal(part)) is not None:
            yield _worded(str(refusal.args[1]), path, given=given)


def _base_parts(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each by itself: its path, the spec with it alone, and the word in it that the core may not know."""
    if "windows" in spec:
        yield "windows", {"windows": spec["windows"]}, ""
    yield from _fields(spec.get("fields", {}), "fields")
    for name, lane in spec.get("lanes", {}).items():
        yield from _fields(lane.get("fields", {}), f"sources.{name}.fields")
    redact = spec.get("redact", {})
    for key in _LISTS:
        for index, item in enumerate(redact.get(key, [])):
            # That a rule is one's own is said only beside it.
            own = [rule for rule in redact.get("rules", []) if rule["name"] == item and key in ("disable", "enable")]
            own = own if _refusal({"redact": {"rules": own}}) is None else []
            yield f"redact.{key}[{index}]", {"redact": {key: [item], "rules": own}}, item
    # What excludes each other is refused together only, and a replacement may be what a rule of one's own looks for.
    if "replacement" in redact:
        yield "redact.replacement", {"redact": {"replacement": redact["replacement"]}}, ""
    for key, value in redact.get("token", {}).items():
        yield f"redact.token.{key}", {"redact": {"token": {key: value}}}, ""


def _fields(fields: dict[str, Any], at: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    for semantic, field in fields.items():
        bare = {"path": field["path"]}
        yield f"{at}.{semantic}", {"fields": {semantic: bare}}, semantic
        if "unit" in field and _refusal({"fields": {semantic: bare}}) is None:
            yield f"{at}.{semantic}.unit", {"fields": {semantic: field}}, field["unit"]


def _in_list(kind: str, placed: list[Placed]) -> Iterator[ConfigError]:
    """Rules or metrics: each beside those that are good, so that references and equal names are seen."""
    good: list[dict[str, Any]] = []
    for each in sorted(placed, key=lambda each: "of" in each.spec):
        refusal = _refusal({kind: {"rules": [*good, each.spec]}})
        if refusal is None:
            good.append(each.spec)
        else:
            yield _at(each, str(refusal.args[1]))


def _in_thresholds(spec: dict[str, Any]) -> Iterator[ConfigError]:
    """Each threshold beside the metrics, which are good."""
    for threshold in spec.get("thresholds", []):
        refusal = _refusal({"metrics": spec.get("metrics", {}), "thresholds": [threshold]})
        if refusal is not None:
            yield _worded(str(refusal.args[1]), f"thresholds.{threshold['name']}")


def _at(placed: Placed, reason: str) -> ConfigError:
    """The refusal at the key it is about, when its reason begins with one."""
    key, _, rest = reason.partition(": ")
    path = placed.path
    if rest and key in placed.spec:
        return _worded(rest, f"{path}.{key}", placed.file, str(placed.spec[key]))
    if reason.startswith("pattern can "):
        path = f"{path}.pattern"
    elif reason.startswith("column ") and "where" in placed.spec:
        path = f"{path}.where"
    return _worded(reason, path, placed.file)


def _worded(reason: str, path: str, file: str = "", given: str = "") -> ConfigError:
    """The core ends a reason with what would be right, where it knows that; the word it was `given` may be near to it."""
    reason, _, remedy = reason.partition("; ")
    if given and remedy.startswith("known: "):
        remedy = hint(given, remedy.removeprefix("known: ").split(" "), "values")
    return ConfigError(reason, path=path, file=file, remedy=remedy or _REMEDY)
