"""`headrig.redact()`: the type it was given, secrets replaced, everything else the very same."""

import datetime as dt
import json
import threading
from collections import OrderedDict, namedtuple
from enum import StrEnum
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrig import redact

SECRET = "fake-correct-horse"
GITHUB = "ghp_" + "0" * 36
"""Visibly fake, and of the form that the pack looks for."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain text", "plain text"),
        (f"password={SECRET} ok", "password=[REDACTED:password] ok"),
        (f'{{"password" : "{SECRET}" }}', '{"password" : "[REDACTED:password]" }'),
        (f' \n[{{"password":"{SECRET}"}}]', ' \n[{"password":"[REDACTED:password]"}]'),
        (
            f'{{\n "a": 1,\n "pass\\u0077ord": "{SECRET}"\n}}',
            '{\n "a": 1,\n "pass\\u0077ord": "[REDACTED:password]"\n}',
        ),
        (f'"token {GITHUB}"', '"token [REDACTED:github_token]"'),
        ("4111111111111111", "[REDACTED:card]"),
        ("12.50", "12.50"),
        (f'{{"password":"{SECRET}"', '{"password":"[REDACTED:password]"'),
    ],
)
def test_text(text, expected):
    """
    A text that is one JSON document stays one; any other is redacted as text. Bytes are as their text.
    """
    assert expected == redact(text)
    assert expected.encode() == redact(text.encode())


def test_bytes_that_are_no_text():
    """
    Bytes that are not UTF-8 come back as they are.
    """
    assert b"\xff\xfe password=[REDACTED:password] \x00" == redact(b"\xff\xfe password=fake-hunter2 \x00")


@pytest.mark.parametrize(
    "text",
    [
        "\ud800",
        "a\udcff\ud83d\ude00b",
        "\U0001f600 \ud83d \U000f0000 \U00100000",
        "\ud800\U000f0000\U000f0800\U000f1000",
    ],
    ids=ascii,
)
def test_lone_surrogates(text):
    """
    Characters that UTF-8 has no form for survive, also beside those that could stand in for them.
    """
    assert text == redact(text)
    assert f"{text} password=[REDACTED:password] {text}" == redact(f"{text} password=fake-hunter2 {text}")
    assert json.dumps({"a": text, "password": "[REDACTED:password]"}, ensure_ascii=False) == redact(
        json.dumps({"a": text, "password": f"fake{text}fake"}, ensure_ascii=False)
    )


def test_mapping():
    """
    Values under secret keys become tokens, whatever they are; secrets in other strings are found.
    """
    when = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    given_ = {
        "user": "ada",
        "password": SECRET,
        "api_key": 1234567890,
        "secret": {"a": ["x", 1, 2.5, None, True, "", when, b"y", {}]},
        "pair": ("authorization", "Bearer fake-fake-fake-fake"),
        "named": {"name": "authorization", "value": "Bearer fake-fake-fake-fake"},
        "note": f"token {GITHUB}",
        "inner": json.dumps({"password": SECRET}),
        "when": when,
        "raw": b"password=fake-hunter2 \xff",
        "list": [1, (2.0, None), {"deep": {"pin": "0000"}}],
        "set": {GITHUB},
    }
    secret = "[REDACTED:secret]"

    assert {
        "user": "ada",
        "password": "[REDACTED:password]",
        "api_key": "[REDACTED:api_key]",
        "secret": {"a": [secret, secret, secret, None, True, "", secret, secret.encode(), {}]},
        "pair": ("authorization", "[REDACTED:authorization]"),
        "named": {"name": "authorization", "value": "[REDACTED:authorization]"},
        "note": "token [REDACTED:github_token]",
        "inner": '{"password": "[REDACTED:password]"}',
        "when": when,
        "raw": b"password=[REDACTED:password] \xff",
        "list": [1, (2.0, None), {"deep": {"pin": "[REDACTED:pin]"}}],
        "set": {"[REDACTED:github_token]"},
    } == redact(given_)
    assert SECRET == given_["password"], "what was given is not changed"


def test_lists_and_tuples():
    """
    A list or a tuple is redacted as it would be within a mapping; one of records keeps its order and its type.
    """
    records = [{"password": SECRET}, f"password={SECRET}", (1, {"pin": "0000"}), ["x"]]
    masked = [
        {"password": "[REDACTED:password]"},
        "password=[REDACTED:password]",
        (1, {"pin": "[REDACTED:pin]"}),
        ["x"],
    ]

    assert (masked, tuple(masked), [], ()) == (redact(records), redact(tuple(records)), redact([]), redact(()))
    assert masked == redact({"records": records})["records"]


def test_other_leaves_are_the_same():
    """
    What holds no secret is the very object it was, JSON or not.
    """
    leaves = [object(), 10**5000, float("nan"), float("inf"), 1.5, "text", b"bytes", None, True, threading.Lock()]
    back = redact({"leaves": leaves})["leaves"]

    assert [id(leaf) for leaf in leaves] == [id(leaf) for leaf in back]


def test_shapes():
    """
    Any mapping becomes a dict, a named tuple a tuple; strings of a subclass count as strings.
    """
    point = namedtuple("point", "x password")  # noqa: PYI024
    name = StrEnum("name", {"PASSWORD": "password"})
    given_ = MappingProxyType(OrderedDict({"p": point(1, 2), name.PASSWORD: name.PASSWORD, "m": MappingProxyType({})}))
    back = redact(given_)

    assert {"p": (1, 2), "password": "[REDACTED:password]", "m": {}} == back
    assert [dict, tuple, dict] == [type(back), type(back["p"]), type(back["m"])]


def test_keys():
    """
    Keys that are no strings stay; those that look equal in JSON stay apart; a secret in a key is masked.
    """
    given_ = {1: "a", "1": "b", None: "c", ("x", 1): "d", b"password": SECRET, 2.5: "e"}
    other = {f"{GITHUB}": 1, f"{GITHUB[:-1]}1": 2}

    assert {1: "a", "1": "b", None: "c", ("x", 1): "d", b"password": "[REDACTED:password]", 2.5: "e"} == redact(given_)
    assert {"[REDACTED:github_token]": 1, "[REDACTED:github_token] (2)": 2} == redact(other)


def nested(levels: int, leaf: object, key: str = "k") -> dict:
    for _ in range(levels):
        leaf = {key: [leaf]}
    return {"top": leaf}


@pytest.mark.parametrize("levels", [10, 49, 50, 51, 63, 64, 65, 100, 150])
def test_deep(levels):
    """
    Depth makes no difference: not to a secret, not to what is under a secret key far above.
    """
    leaf = {"password": SECRET, "n": 1, "plain": "x"}
    masked = dict.fromkeys(leaf, "[REDACTED:secret]")

    assert nested(levels, {**leaf, "password": "[REDACTED:password]"}) == redact(nested(levels, leaf))
    assert {"secret": nested(levels, masked)} == redact({"secret": nested(levels, leaf)})


def test_circle():
    """
    A mapping or a list that contains itself is refused, one that contains another twice is not.
    """
    circle: dict = {"a": [1]}
    circle["a"].append(circle)
    twice = ["x"]

    assert {"a": ["x"], "b": ["x"]} == redact({"a": twice, "b": twice})
    for value in (circle, circle["a"]):
        with pytest.raises(ValueError, match="the value contains itself"):
            redact(value)


@pytest.mark.parametrize("value", [1, None, {"password"}, bytearray(b"x"), object()])
def test_other_types(value):
    """
    Anything else is a mistake of the caller.
    """
    with pytest.raises(TypeError, match="redact takes str, bytes, a mapping, a list or a tuple, not "):
        redact(value)


TEXTS = st.text(max_size=20) | st.sampled_from(["\ud800", "\udcff\ud83d", "password=fake-hunter2", GITHUB])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS | st.binary(max_size=20)
KEYS = st.sampled_from(["password", "a", "apiKey", "n", "\ud800", "token"]) | st.text(max_size=5) | st.integers()
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=8,
)
often = settings(max_examples=200, deadline=None)


def shape(value: object) -> object:
    """The value with every leaf taken for nothing."""
    if isinstance(value, dict):
        return [shape(item) for item in value.values()]
    return (type(value), [shape(item) for item in value]) if isinstance(value, list | tuple) else None


@often
@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_shape_stays(value):
    """
    Any mapping keeps its shape, and a second time changes nothing.
    """
    once = redact(value)

    assert shape(value) == shape(once)
    assert once == redact(once)


@often
@given(st.dictionaries(KEYS, TREES, max_size=4), st.lists(st.sampled_from(["a", "b", 1, "c"]), max_size=3))
def test_planted_secret(value, path):
    """
    A secret planted anywhere is gone, and with it only itself.
    """
    planted: object = {"note": f"see {GITHUB}", "dbPassword": SECRET}
    for key in path:
        planted = {key: [planted, "beside"]}
    back = redact({**value, "planted": planted})

    assert "fake-correct" not in repr(back)
    assert GITHUB not in repr(back)


@often
@given(TEXTS)
def test_text_twice(text):
    """
    Redacting a text twice is redacting it once.
    """
    once = redact(text)

    assert once == redact(once)


@often
@given(st.binary())
def test_bytes_twice(data):
    """
    Redacting bytes twice is redacting them once.
    """
    once = redact(data)

    assert once == redact(once)
