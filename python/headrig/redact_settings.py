"""
The settings of redaction as Python code gives them: the words of `[redact]`, without the weight of what reads files. A
service that only writes a log file loads neither msgspec nor the sinks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, Required, TypedDict

from headrig.engine import engine_of, engine_spec
from headrig.errors import ConfigError, RuleError, shown


class RuleSettings(TypedDict, total=False):
    """A rule of one's own, as in `[[redact.rules]]`."""

    name: Required[str]
    pattern: str
    anchors: Sequence[str]
    inside_word: bool
    candidate: str
    whole_word: bool
    check: str
    keep_last: int
    enabled: bool
    examples: Sequence[str]
    counterexamples: Sequence[str]


class TokenSettings(TypedDict, total=False):
    """How a secret is written once it is gone: its last characters, or a keyed hash (key of 32 bytes or more)."""

    keep_last: int
    hmac_key: str


class RedactSettings(TypedDict, total=False):
    """
    What `[redact]` of a settings file may say. Paths are `credit_card.code`, `*.user.email`, `items[*].secret` or
    `["a.b"].c`, from the root of a JSON line or of the value that is given; text has none.
    """

    enabled: bool
    keys: Sequence[str]
    """Further secret keys, in any style of writing."""
    allow_keys: Sequence[str]
    """Keys that are never secret."""
    rules: Sequence[RuleSettings]
    disable: Sequence[str]
    """Names of built-in rules."""
    enable: Sequence[str]
    pii: Sequence[str]
    """Kinds of personal data: email, iban, phone, ssn, national_id, ip, mac."""
    paths: Sequence[str]
    """Places whose value is secret, whatever it is."""
    allow_paths: Sequence[str]
    """Places whose value no rule applies to."""
    allow_values: Sequence[str]
    """Regular expressions: a value that one of them matches whole is no secret."""
    remove: Sequence[str]
    """Places of members that are taken out of JSON."""
    learn: Sequence[str]
    """`env` and `files`: values of this process's secret variables and mounted secret files, masked wherever they appear."""
    replacement: str
    """Stands in place of every token, such as `***`."""
    token: TokenSettings


log: Final = logging.getLogger("headrig")

_TEXTS: Final = ("keys", "allow_keys", "disable", "enable", "paths", "allow_paths", "allow_values", "remove", "pii")
_KINDS: Final = {
    "enabled": "bool",
    **dict.fromkeys(_TEXTS, "texts"),
    "learn": "texts",
    "rules": "rules",
    "replacement": "text",
    "token": "token",
}
_TOKEN: Final = {"keep_last": "int", "hmac_key": "text"}
_RULE: Final = {
    **dict.fromkeys(("name", "pattern", "candidate", "check"), "text"),
    **dict.fromkeys(("anchors", "examples", "counterexamples"), "texts"),
    "keep_last": "int",
    **dict.fromkeys(("whole_word", "inside_word", "enabled"), "bool"),
}
_REMEDIES: Final = {
    "bool": "write True or False",
    "int": "write a whole number, 0 or more",
    "text": "write a str",
    "texts": "write a list of str",
}


class Proven(dict[str, Any]):
    """Settings as the core takes them: what was learned stands in them, and nothing of them is looked at again."""


def redact_spec(given: object, at: str) -> Proven:
    """
    The settings as the core takes them. `at` is where they were given, such as the name of an argument. Raises
    `ConfigError` for the first that cannot be used; no value is repeated.
    """
    if isinstance(given, Proven):
        return given
    spec = Proven(_table(given, _KINDS, at))
    if kinds := spec.pop("learn", ()):
        spec |= _learned(kinds, spec, _under(at, "learn"))
    try:
        engine_of(engine_spec(spec))
    except RuleError:
        _raise_refusal(spec, at)
    if any("examples" in rule or "counterexamples" in rule for rule in spec.get("rules", ())):
        _raise_refusal(spec, at)
    return spec


def _learned(kinds: Sequence[str], redact: Mapping[str, Any], at: str) -> dict[str, Any]:
    from headrig.learning import KINDS, learned_by  # noqa: PLC0415  # reads files: for who asks for it

    for index, kind in enumerate(kinds):
        if kind not in KINDS:
            raise ConfigError("unknown value", path=f"{at}[{index}]", remedy=f"write {' or '.join(KINDS)}")
    return learned_by(kinds, redact).spec


def warn_of_skipped(spec: Mapping[str, Any]) -> None:
    """Warn if `learn` skipped secret files; in one process once."""
    if skipped := spec.get("learned_files_skipped", 0):
        from headrig.learning import skipped_warning  # noqa: PLC0415  # it was loaded to read them

        _warn_once(skipped_warning(skipped))


@cache
def _warn_once(text: str) -> None:
    log.warning("%s", text)


def _table(given: object, kinds: Mapping[str, str], at: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"expected a mapping, got {shown(given)}", path=at, remedy="write {…}")
    for key in given:
        if key not in kinds:
            from headrig.nearest import hint  # noqa: PLC0415  # difflib is for who has misspelt a word

            raise ConfigError("unknown key", path=_under(at, _name(key)), remedy=hint(key, sorted(kinds), "keys"))
    return {key: _value(item, kinds[key], _under(at, key)) for key, item in given.items()}


def _value(given: Any, kind: str, at: str) -> Any:
    if kind == "token":
        return _table(given, _TOKEN, at)
    if kind == "rules":
        return [_rule(rule, place) for rule, place in _items(given, "a list of rules", at)]
    if kind == "texts":
        return [_value(item, "text", place) for item, place in _items(given, "a list", at)]
    fits = {
        "text": isinstance(given, str),
        "bool": isinstance(given, bool),
        "int": isinstance(given, int) and not isinstance(given, bool) and given >= 0,
    }
    if not fits[kind]:
        raise ConfigError(f"cannot be used: {shown(given, number=kind == 'int')}", path=at, remedy=_REMEDIES[kind])
    return given


def _rule(given: object, at: str) -> dict[str, Any]:
    rule = _table(given, _RULE, at)
    if "name" not in rule:
        raise ConfigError("missing", path=f"{at}.name", remedy="add a name")
    return rule


def _items(given: object, expected: str, at: str) -> Iterator[tuple[Any, str]]:
    """Each with its place. A str is a sequence as well, but hardly what somebody meant."""
    if not isinstance(given, Sequence | set | frozenset) or isinstance(given, str | bytes):
        raise ConfigError(f"expected {expected}, got {shown(given)}", path=at, remedy="write […]")
    items = sorted(given, key=str) if isinstance(given, set | frozenset) else given
    return ((item, f"{at}[{index}]") for index, item in enumerate(items))


def _under(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def _name(key: object) -> str:
    """A key that nobody knows, as a part of a place; not if it may be anything else than a mistyped word."""
    return key if isinstance(key, str) and key.isidentifier() and len(key) <= max(map(len, _RULE)) + 2 else "…"


def _raise_refusal(spec: dict[str, Any], at: str) -> None:
    """Raise what the core refuses, at its place; nothing when it refuses nothing."""
    from headrig.config.validate_rules import Placed, refusals  # noqa: PLC0415  # reads files as well: for who has erred

    rules = [Placed("", f"redact.rules[{index}]", rule) for index, rule in enumerate(spec.get("rules", ()))]
    for error in refusals({"redact": spec}, rules, []):
        error.path = _under(at, error.path.removeprefix("redact").removeprefix("."))
        raise error
