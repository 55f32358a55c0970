"""Settings of redaction: the same words at every door, and the same result."""

import json
import logging
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redaction_forms import filtered, secrets

import headrig
from headrig import Redactor, config, redact, redact_settings
from headrig.config.spec import RedactTable, RuleTable, TokenTable
from headrig.engine import Engine
from headrig.errors import ConfigError, RuleError

SECRETS = secrets()
GITHUB = "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"
CARD = "4111111111111111"


def by_filter(document: str, given: dict[str, Any]) -> str:
    """Through a lane of an engine, as `headrig redact` and `headrig run` do it."""
    return filtered(
        document, redact_settings.engine_of(redact_settings.engine_spec(given, {"on_broken": "pass", "blank": "keep"}))
    )


def by_call(document: str, given: dict[str, Any]) -> str:
    """Through `headrig.redact`, as text."""
    return redact(document, **given)


def by_bytes(document: str, given: dict[str, Any]) -> str:
    """Through `headrig.redact`, as bytes."""
    return redact(document.encode(), **given).decode()


def by_value(document: str, given: dict[str, Any]) -> str:
    """Through `headrig.redact`, as Python values where it is a document."""
    value = json.loads(document)
    return json.dumps(Redactor(**given).redact(value)) if isinstance(value, dict | list) else redact(document, **given)


TEXT_DOORS: tuple[Callable[[str, dict[str, Any]], str], ...] = (by_filter, by_call, by_bytes)
DOORS = (*TEXT_DOORS, by_value)


def logged(path, extra: dict[str, Any], given: Any, message: str = "hello") -> dict[str, Any]:
    """One event as a handler writes it."""
    handler = headrig.Handler(path, redact=given)
    log = logging.Logger("app")  # noqa: LOG001
    log.addHandler(handler)
    log.info(message, extra=extra)
    handler.close()
    return json.loads(path.read_text().splitlines()[-1])


OPTIONS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"keys": ["badge"]}, {"badge": "b", "userBadge": 7, "n": 1}, {"badge": "#badge", "userBadge": "#badge", "n": 1}),
    ({"allow_keys": ["pin"]}, {"pin": "1234", "password": "x"}, {"pin": "1234", "password": "#password"}),
    ({"disable": ["card"]}, {"a": CARD, "pin": 7391}, {"a": CARD, "pin": "#pin"}),
    ({"enable": ["email"]}, {"a": "ada@example.com"}, {"a": "#email"}),
    (
        {"rules": [{"name": "ticket", "pattern": "TK-[0-9]{4}"}]},
        {"a": "see TK-1234"},
        {"a": "see #ticket"},
    ),
    (
        {"paths": ["credit_card.code", "*.user.email", "items[*].code"]},
        {"credit_card": {"code": 737}, "a": {"user": {"email": "e", "n": 1}}, "items": [{"code": "c"}, {"x": 1}]},
        {
            "credit_card": {"code": "#code"},
            "a": {"user": {"email": "#email", "n": 1}},
            "items": [{"code": "#code"}, {"x": 1}],
        },
    ),
    ({"paths": ["a[1]"]}, {"a": ["x", {"y": [1, True, None]}]}, {"a": ["x", {"y": ["#a", True, None]}]}),
    ({"paths": ["*"]}, {"a": {"b": "c"}, "d": 1}, {"a": {"b": "#path"}, "d": "#path"}),
    ({"paths": ['["a.b"].c']}, {"a.b": {"c": 1}, "a": {"b": {"c": 1}}}, {"a.b": {"c": "#c"}, "a": {"b": {"c": 1}}}),
    ({"allow_paths": ["job.key", "s.a"]}, {"job": {"key": GITHUB}, "s": {"a": {"pin": 7391}}}, {"job": {"key": GITHUB}, "s": {"a": {"pin": 7391}}}),
    ({"allow_paths": ["secret.a"]}, {"secret": {"a": 1, "b": 2}}, {"secret": {"a": 1, "b": "#secret"}}),
    ({"allow_paths": ["a"], "paths": ["a.b"]}, {"a": {"b": 1, "pin": 7392}}, {"a": {"b": "#b", "pin": 7392}}),
    ({"allow_values": [r".+@example\.com"], "enable": ["email"]}, {"a": "ada@example.com bob@example.org"}, {"a": "ada@example.com #email"}),
    ({"allow_values": ["changeme", r"\d{4}"]}, {"password": "changeme", "pin": 1234, "secret": "12345"}, {"password": "changeme", "pin": 1234, "secret": "#secret"}),
    ({"remove": ["debug.headers", "*.b"]}, {"debug": {"headers": {"a": 1}, "b": 2}, "c": {"d": 3, "b": [4]}}, {"debug": {}, "c": {"d": 3}}),
    ({"remove": ["l[*].x", "x"]}, {"x": {"pin": 7391}, "l": [{"x": 1}, {"y": 2, "x": 3}], "pin": 7394}, {"l": [{}, {"y": 2}], "pin": "#pin"}),
    ({"token": {"keep_last": 4}}, {"password": "abcdefghijklmnop"}, {"password": "[REDACTED:password:…mnop]"}),
]  # fmt: skip
"""Settings, an event, and what becomes of it; # stands for the token of a rule."""


def meant(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: meant(item) for key, item in value.items()}
    if isinstance(value, list):
        return [meant(item) for item in value]
    if not isinstance(value, str):
        return value
    return "".join(
        f"[REDACTED:{word[1:]}]" if word.startswith("#") else word for word in value.replace(" ", "\0 \0").split("\0")
    )


@pytest.mark.parametrize(("given_", "event", "expected"), OPTIONS, ids=" ".join)
def test_every_option_at_every_door(tmp_path, given_, event, expected):
    """
    Whatever is set, an event comes out the same as text, as bytes, as Python values, from a lane and from a handler; a
    second run changes nothing.
    """
    expected = meant(expected)
    for door in DOORS:
        out = door(json.dumps(event), given_)
        assert expected == json.loads(out), door.__name__
        assert out == door(out, given_), door.__name__
    line = logged(tmp_path / "app.log", event, given_)
    assert expected == {key: line[key] for key in line if key in event}
    line = logged(tmp_path / "other.log", event, Redactor(**given_))
    assert expected == {key: line[key] for key in line if key in event}


@pytest.mark.parametrize(("given_", "event", "expected"), OPTIONS, ids=" ".join)
def test_a_file_of_settings_means_the_same(tmp_path, given_, event, expected):
    """
    `[redact]` of a settings file has the same words with the same effect.
    """
    file = tmp_path / "headrig.toml"
    file.write_text("[redact]\n" + "\n".join(f"{key} = {toml(value)}" for key, value in given_.items()))
    spec, errors = config.read_filter(str(file), {})

    assert not errors
    assert meant(expected) == json.loads(filtered(json.dumps(event), Engine(spec)))


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return "'" + value + "'" if isinstance(value, str) else str(value)


def test_the_words_are_those_of_the_file():
    """
    No door has a word that another lacks, but for files of rules, which only a file of settings names.
    """
    assert {*RedactTable.__struct_fields__} - {"rule_files"} == {*redact_settings.RedactSettings.__annotations__}
    assert {*RuleTable.__struct_fields__} == {*redact_settings.RuleSettings.__annotations__}
    assert {*TokenTable.__struct_fields__} == {*redact_settings.TokenSettings.__annotations__}


HIDDEN = "hunter2hunter2"
REFUSED: list[tuple[Any, str]] = [
    (HIDDEN, ""),
    ([HIDDEN], ""),
    ({"kees": [HIDDEN]}, ".kees"),
    ({"keys": HIDDEN}, ".keys"),
    ({"keys": [HIDDEN, 1]}, ".keys[1]"),
    ({"keys": {"a": HIDDEN}}, ".keys"),
    ({"allow_keys": b"hunter2"}, ".allow_keys"),
    ({"enabled": HIDDEN}, ".enabled"),
    ({"replacement": 5}, ".replacement"),
    ({"token": {"keep_last": "4"}}, ".token.keep_last"),
    ({"token": {"keep_last": True}}, ".token.keep_last"),
    ({"token": {"keep_last": 99}}, ".token.keep_last"),
    ({"token": {"hmac_key": HIDDEN}}, ".token.hmac_key"),
    ({"token": {"hmac": HIDDEN}}, ".token.hmac"),
    ({"token": HIDDEN}, ".token"),
    ({"disable": ["card", "emial"]}, ".disable[1]"),
    ({"enable": [HIDDEN]}, ".enable[0]"),
    ({"paths": ["a", "a..b"]}, ".paths[1]"),
    ({"paths": ["hunter2hunter2["]}, ".paths[0]"),
    ({"allow_paths": [""]}, ".allow_paths[0]"),
    ({"allow_paths": ["*"]}, ".allow_paths[0]"),
    ({"remove": ["a[0]"]}, ".remove[0]"),
    ({"remove": ["a"], "paths": ["b", "a.c"]}, ".paths[1]"),
    ({"paths": ["a"], "allow_paths": ["a"]}, ".allow_paths[0]"),
    ({"allow_values": ["ok", "("]}, ".allow_values[1]"),
    ({"allow_values": [".*"]}, ".allow_values[0]"),
    ({"allow_values": ["(hunter2hunter2"]}, ".allow_values[0]"),
    ({"rules": [{"pattern": HIDDEN}]}, ".rules[0].name"),
    ({"rules": [{"name": "Bad", "pattern": HIDDEN}]}, ".rules[0]"),
    ({"rules": [{"name": "a", "pattern": "(hunter2hunter2"}]}, ".rules[0].pattern"),
    ({"rules": [{"name": "a", "pattern": HIDDEN, "check": "lunh"}]}, ".rules[0].check"),
    ({"rules": [{"name": "a", "patern": HIDDEN}]}, ".rules[0].patern"),
    ({"rules": {"name": "a"}}, ".rules"),
    ({"rules": [{"name": "a", "pattern": "[0-9]{3}", "examples": ["12"]}]}, ".rules[0].examples[0]"),
    ({"rules": [{"name": "a", "pattern": "[0-9]{3}", "counterexamples": ["123"]}]}, ".rules[0].counterexamples[0]"),
    ({"pattern \n hunter2hunter2": 1}, ".…"),
    ({1: HIDDEN}, ".…"),
]


@pytest.mark.parametrize(("given_", "place"), REFUSED, ids=str)
def test_settings_that_cannot_be_used(given_, place):
    """
    They are refused at once, at each door: the place, what is wrong, what to write instead, and never the value.
    """
    attempts: list[Callable[[], Any]] = [
        lambda: headrig.Handler(redact=given_),
        lambda: headrig.install(redact=given_),
    ]
    if isinstance(given_, dict) and all(isinstance(key, str) for key in given_):
        attempts += [lambda: Redactor(**given_), lambda: redact("x", **given_)]
    for index, attempt in enumerate(attempts):
        with pytest.raises(ConfigError) as caught:
            attempt()
        assert (f"redact{place}" if index < 2 else place[1:]) == caught.value.path
        assert caught.value.remedy
        assert "hunter2" not in str(caught.value)


def test_near_words():
    """
    A mistyped word is answered with the nearest one.
    """
    with pytest.raises(ConfigError, match=r"^allow_key: unknown key; did you mean allow_keys\?"):
        Redactor(allow_key=["x"])  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match=r"disable\[0\].*did you mean github_token\?"):
        Redactor(disable=["github_tokn"])


def test_a_redactor_shows_nothing():
    """
    Its key is in no text of it.
    """
    redactor = Redactor(token={"hmac_key": "k" * 40}, keys=[HIDDEN])

    assert "Redactor(…)" == repr(redactor) == f"{redactor}"


def test_text_has_no_paths():
    """
    Paths are for JSON: in text, and in JSON inside a string, they change nothing.
    """
    given_ = {"paths": ["a"], "allow_paths": ["b"], "remove": ["c"]}
    for text in ("a=1 b=2 c=3", '{"a":1', '{"s":"{\\"a\\":1,\\"c\\":2}"}'):
        for door in TEXT_DOORS:
            assert text == door(text, given_)
    assert '{"s":"{\\"b\\":{\\"pin\\":\\"[REDACTED:pin]\\"}}"}' == redact(
        '{"s":"{\\"b\\":{\\"pin\\":7391}}"}', **given_
    )


def test_switched_off():
    """
    Redaction that is off does nothing, whatever else is set.
    """
    event = {"a": 1, "password": "x", "c": 2}
    given_ = {"enabled": False, "paths": ["a"], "remove": ["c"], "keys": ["a"]}
    for door in DOORS:
        assert event == json.loads(door(json.dumps(event), given_))


def test_a_deep_path_is_a_path_from_the_top():
    """
    A path does not match again further down, where a value is too deep to be read at once.
    """
    value: Any = {"x": {"y": 1}}
    for _ in range(95):
        value = [value]
    assert value == redact({"z": value}, paths=["x.y", "z.x"], remove=["x[0].y", "y"])["z"]


NAMES = ["a", "b", "pin", "a.b", "items", "key", "password", "user"]
LEAVES = st.sampled_from(
    [1, 2.5, "x", "", None, True, HIDDEN, GITHUB, CARD, "ada@example.com", "***", "[REDACTED:pin]", f"pin={HIDDEN} x"]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=10,
)
EVENTS = st.dictionaries(st.sampled_from(NAMES), TREES, max_size=5)
PARTS = ["a", "b", "pin", '["a.b"]', "items", "[*]", "*", "[0]", "[1]", "key", "user"]


def joined(parts: list[str]) -> str:
    return "".join(part if part.startswith("[") else f".{part}" for part in parts).removeprefix(".")


def chosen(seed: int) -> dict[str, Any]:
    """Settings that can be used, the same in every run."""
    seeded = random.Random(seed)
    paths = lambda: [joined(seeded.choices(PARTS, k=seeded.randint(1, 3))) for _ in range(seeded.randint(1, 3))]  # noqa: E731
    some = {
        "paths": paths(),
        "allow_paths": paths(),
        "remove": paths(),
        "keys": ["user", "b"],
        "allow_keys": ["pin"],
        "enable": ["email"],
        "disable": ["card"],
        "allow_values": [r".+@example\.com", "hunter.+", "x"],
        "replacement": seeded.choice(["***", "<gone>", "XXXX", "-"]),
    }
    given_ = {key: value for key, value in some.items() if seeded.random() < 0.4}
    try:
        Engine(redact_settings.engine_spec(given_))
    except RuleError as refusal:
        key = refusal.rule.removeprefix("redact.").partition("[")[0]
        given_.pop(key)
        Engine(redact_settings.engine_spec(given_))
    return given_


@cache
def all_chosen() -> list[dict[str, Any]]:
    return [chosen(seed) for seed in range(24)]


@settings(max_examples=200, deadline=None)
@given(EVENTS, st.integers(0, 23), st.sampled_from([None, 1]))
def test_the_doors_agree(event, seed, indent):
    """
    Whatever the settings and the event, all doors give the same, which is valid JSON, and a second run changes nothing.
    """
    given_ = all_chosen()[seed]
    document = json.dumps(event)
    out = by_call(document, given_)
    assert out == by_filter(document, given_) == by_bytes(document, given_)
    assert json.loads(out) == json.loads(by_value(document, given_))
    for door in DOORS:
        assert json.loads(out) == json.loads(door(out, given_)), door.__name__
    spread = json.dumps(event, indent=indent)
    assert json.loads(out) == json.loads(by_call(spread, given_))
