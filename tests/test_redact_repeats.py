"""A secret that stands in its line once more, where nothing says that it is one."""

from __future__ import annotations

import itertools
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redaction_forms import assert_gone, assert_untouched, filtered, secrets

import headrig

KEYS = ["password", "api_key", "client_secret", "DB_PASSWORD", "authToken"]
SENTENCES = [
    "login failed with {}",
    "{} is not valid",
    "user gave '{}' twice",
    "x({})",
    "a/{}/b?c=1",
    'got "{}", expected another',
    "tried {}, then {}",
]
AWKWARD = ['p"w\\x-{}', "a b&c-{}", "ü/{}=", "{}'<x>"]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_beside_its_label(sentence: str) -> None:
    """
    Behind its labelled place or before it, in the same text or in another field, a value goes wherever it stands.
    """
    for key, value in zip(itertools.cycle(KEYS), secrets(20, length=14), strict=False):
        said = sentence.replace("{}", value)
        for text in (f"{key}={value} {said}", f"{said} {key}={value}", f"{said}; {key}: '{value}'; {said}"):
            assert_gone(text, value)
        for document in (
            {key: value, "msg": said},
            {"msg": said, key: value},
            {"a": {"msg": [said, {"b": said}]}, "c": [{key: value}]},
            {"msg": f"{key}={value}", "other": said},
            {"msg": said, "body": json.dumps({key: value})},
            {"msg": json.dumps({"said": said}), key: value},
            {said: 1, key: value},
        ):
            for line in (json.dumps(document), json.dumps(document)[:-1]):
                for door in (filtered, headrig.redact):
                    out = door(line)
                    assert value not in out, line
                    assert door(out) == out
            assert value not in json.dumps(headrig.redact(document))


@pytest.mark.parametrize(
    "colour", ["\x1b[35m{}\x1b[0m", "\x1b[0;1;32m{}\x1b[39m", "\\x1b[31m{}\\x1b[0m", "^[[1m{}^[[0m"]
)
def test_in_colour(colour: str) -> None:
    """
    The last letter of a control sequence is none of the value's word, so that a short value behind one goes too.
    """
    for key, value in zip(itertools.cycle(KEYS), secrets(20, length=8), strict=False):
        shown = colour.format(value)
        for text in (f"account:{shown} {key}={value}", f"{shown} for root, {key}: {value}", f"{key}={value} {shown}/x"):
            assert_gone(text, value)
        said = f"bob/{colour.format(value)}"
        assert_gone(f"{key}:{said} bob/{value} again", value)


@pytest.mark.parametrize("form", AWKWARD)
def test_in_another_encoding(form: str) -> None:
    """
    A value is known again where it is escaped, percent-encoded, in JSON within a string, or none of it.
    """
    for value in map(form.format, secrets(20, length=12)):
        for document in (
            {"password": value, "msg": f"with {value} in it"},
            {"password": value, "msg": json.dumps({"m": f"with {value} in it"})},
            {"password": value, "msg": json.dumps({"m": json.dumps({"n": value})})},
            {"password": value, "url": f"/a/{quote(value, safe='')}/b"},
            {"password": value, "url": f"/a?next={quote(quote(value, safe=''), safe='')}"},
            {"body": json.dumps({"password": value}), "msg": f"with {value} in it"},
        ):
            for ascii_only in (True, False):
                line = json.dumps(document, ensure_ascii=ascii_only)
                out = filtered(line)
                shown = json.dumps([json.loads(out), out])
                escaped = json.dumps(value)[1:-1]
                assert not any(one in shown + out for one in (value, escaped, quote(value, safe=""))), line
                assert json.loads(out).keys() == json.loads(line).keys()
                assert filtered(out) == out


def test_same_token() -> None:
    """
    It is replaced by the token of its labelled place, and nothing else changes.
    """
    for value in secrets(20):
        line = f'{{ "msg" : "é {value}\\u00e9","password":"{value}", "n":1.50, "list":["{value}"] }}'
        assert filtered(line) == line.replace(value, "[REDACTED:password]")
    out = filtered('{"authorization":"Bearer q7hunter2hunter2","msg":"user q7hunter2hunter2 was refused"}')
    assert out == '{"authorization":"[REDACTED:authorization]","msg":"user [REDACTED:authorization] was refused"}'


@pytest.mark.parametrize(
    "value",
    [
        "hunter2",
        "secret",
        "Administrator",
        "production",
        "eu-west-1",
        "localhost:5432",
        "1234567890",
        "20261130",
        "2026-11-30",
        "2026-11-30T12:30:00Z",
        "10.0.12.13",
        "********",
        "undefined",
        "redacted",
        "bob@example.com",
        "true",
        "svc-reporting",
        "required",
        "PASSWORD",
        "$DB_PASS",
    ],
)
def test_common_words_stay(value: str) -> None:
    """
    What people write for other reasons stays elsewhere: short values, words, names, numbers, dates and placeholders.
    """
    out = filtered(json.dumps({"password": value, "msg": f"saw {value} there"}))
    assert json.loads(out)["msg"] == f"saw {value} there"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("traceId", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("spanId", "00f067aa0ba902b7"),
        ("level", "warning2x"),
        ("route", "/u/q7hunter2hunter2"),
        ("timestamp", "2026-11-30T12:30:00.123456Z"),
        ("http.route", "/q7hunter2hunter2/{id}"),
    ],
)
def test_fields_with_a_role_stay(name: str, value: str) -> None:
    """
    A time, level, trace, span or route is what it is, even if a secret was chosen the same.
    """
    secret = value.split("/")[2] if value.startswith("/u/") else value.split("/")[1] if "/" in value else value
    document = {name: value, "password": secret, "msg": "done"}
    assert json.loads(filtered(json.dumps(document)))[name] == value
    assert headrig.redact(document)[name] == value


def test_short_values_inside_other_words_stay() -> None:
    """
    A short value counts as a word of its own, a long one everywhere.
    """
    assert filtered("password=admin12x as admin12xy, xadmin12x, admin12x") == (
        "password=[REDACTED:password] as admin12xy, xadmin12x, [REDACTED:password]"
    )
    for value in secrets(20):
        assert_gone(f"password={value} as x{value}y", value)


def test_eight_values() -> None:
    """
    Of the values of one line eight are looked for, the first ones.
    """
    values = secrets(20)
    text = " ".join(f"password={value}" for value in values) + " | " + " ".join(values)
    out = filtered(text)
    assert [value in out for value in values] == [False] * 8 + [True] * 12
    assert filtered(out) == out


def test_lines_do_not_know_of_each_other() -> None:
    """
    A value is looked for in its own line only.
    """
    value = secrets()[0]
    assert filtered(f"password={value}\nsaw {value}") == f"password=[REDACTED:password]\nsaw {value}"


@pytest.mark.parametrize(
    "text",
    [
        "password reset requested, hunter2hunter2 is no secret here",
        "user=q7hunter2hunter2 and again q7hunter2hunter2",
        "password: incorrect, incorrect again",
    ],
)
def test_without_a_secret_nothing_is_one(text: str) -> None:
    """
    What was not replaced is looked for nowhere.
    """
    assert_untouched(text)


PARTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        [
            "password=",
            "q7hunter2hunter2",
            'q7"hunter2\\hunter',
            "token: ",
            " ",
            '"',
            "\\",
            "%22",
            "[REDACTED:x]",
            "ghp_",
        ]
    ),
)


@given(st.lists(PARTS, max_size=12), st.booleans())
def test_twice_is_once(parts: list[str], labelled: bool) -> None:
    """
    A second run changes nothing, whatever became of the repeated values.
    """
    text = "".join(parts)
    document = json.dumps({"m": text, "n": text, **({"password": "q7hunter2hunter2"} if labelled else {})})
    for line in (text.replace("\n", " ").replace("\r", " "), document, document[:-1]):
        once = headrig.redact(line)
        assert headrig.redact(once) == once
