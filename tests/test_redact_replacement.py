"""What stands in place of a secret: a fixed replacement, or what a callback gives."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redaction_forms import filtered, secrets

import headrig
from headrig import Redactor, redact
from headrig.errors import ConfigError
from headrig.redact_settings import engine_of, engine_spec

SECRETS = secrets()
GITHUB = "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"
CARD = "4111111111111111"
HIDDEN = "hunter2hunter2"


def by_filter(document: str, given: dict[str, Any]) -> str:
    return filtered(document, engine_of(engine_spec(given, {"on_broken": "pass", "blank": "keep"})))


def by_call(document: str, given: dict[str, Any]) -> str:
    return redact(document, **given)


@pytest.mark.parametrize("replacement", ["***", "<removed>", "XXXX", "(hidden)", "█████", "-", "[gone]", "hidden"])
@pytest.mark.parametrize("secret", SECRETS[:3])
def test_replacement(replacement, secret):
    """
    A replacement stands for every secret, in quotes where a number stood, and is left alone the next time.
    """
    given_ = {"replacement": replacement}
    for text in (
        f'{{"password":"{secret}","pin":1234,"n":[{{"name":"token","value":"{GITHUB}"}}]}}',
        f'{{"m":"{{\\"password\\":\\"{secret}\\"}}"}}',
        f"password={secret} next",
        f"password: {secret}, next",
        f"see {GITHUB}. card {CARD}",
        f"postgres://ada:{secret}@db/shop",
        f"{{'password': '{secret}', 'pin': 1234}}",
    ):
        for door in (by_filter, by_call):
            out = door(text, given_)
            assert replacement in out
            assert "REDACTED" not in out
            assert not any(each in out for each in (secret, GITHUB, CARD, "1234"))
            assert out == door(out, given_), door.__name__
    assert {"password": replacement, "pin": replacement} == redact({"password": secret, "pin": 7391}, **given_)


@pytest.mark.parametrize(
    "replacement",
    ["", "a b", '"', "it's", "\\", "\n", "\t*", "x" * 16, "\u00a0", "378282246310005", "pin=12345", "\x7f", "a\x00"],
)
def test_a_replacement_that_is_none(replacement):
    """
    What JSON cannot hold as it is, or what would be redacted itself, is refused without being repeated.
    """
    given_ = {"replacement": replacement, **({"disable": []} if replacement else {})}
    for attempt in (lambda: Redactor(**given_), lambda: redact("x", **given_), lambda: headrig.Handler(redact=given_)):
        with pytest.raises(ConfigError, match=r"replacement: ") as caught:
            attempt()
        assert caught.value.remedy
        assert len(replacement) < 4 or replacement not in str(caught.value)


def test_a_replacement_beside_what_excludes_it():
    """
    There is no token to keep characters in, and no place for what a callback gives.
    """
    for given_ in ({"token": {"keep_last": 2}}, {"token": {"hmac_key": "k" * 32}}):
        with pytest.raises(ConfigError, match="replacement"):
            Redactor(replacement="***", **given_)
    with pytest.raises(ConfigError, match="callback: excludes replacement; keep one of them"):
        Redactor(replacement="***", callback=lambda rule, path: "x")
    with pytest.raises(ConfigError, match=r"redact\.replacement"):
        headrig.Handler(redact={"rules": [{"name": "stars", "pattern": r"\*\*\*"}], "replacement": "***"})


def test_callback():
    """
    A callback is told the rule and the place of each secret, and what it gives stands there, at any door.
    """
    asked = []

    def answer(rule: str, path: str) -> str:
        asked.append((rule, path))
        return f"<{rule}>"

    event = {"a": {"l": [0, {"pin": 7391}]}, "password": "x", "m": f"see {GITHUB}", "inner": '{"pin":"7391"}'}
    expected = {
        "a": {"l": [0, {"pin": "<pin>"}]},
        "password": "<password>",
        "m": "see <github_token>",
        "inner": '{"pin":"<pin>"}',
    }
    redactor = Redactor(callback=answer)

    assert expected == redactor.redact(event)
    assert expected == json.loads(redactor.redact(json.dumps(event)))
    assert expected == json.loads(redact(json.dumps(event).encode(), callback=answer))
    places = [("pin", "a.l[1].pin"), ("password", "password"), ("github_token", "m"), ("pin", "inner")]
    assert places * 3 == asked
    assert "pin=<pin> \ud800" == redactor.redact("pin=1234 \ud800")
    assert ("pin", "") == asked[-1]


@pytest.mark.parametrize(
    "answer", [None, 5, "it's", '"', "\\", "\n", "x" * 257, "\ud800", b"x", "\x00", ValueError("no"), KeyError()]
)
def test_a_callback_that_fails(answer):
    """
    Whatever it gives or raises, the secret goes.
    """

    def give(rule: str, path: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert {"password": "[REDACTED:password]"} == redact({"password": HIDDEN}, callback=give)
    assert "pin=[REDACTED:pin]" == redact("pin=1234", callback=give)


def test_a_callback_stays_outside_of_services():
    """
    A handler writes without waiting for Python, so it takes no callback; what is no function is refused.
    """
    with pytest.raises(ConfigError, match="redact: has a callback"):
        headrig.Handler(redact=Redactor(callback=lambda rule, path: "x"))
    with pytest.raises(ConfigError, match="callback: cannot be called"):
        Redactor(callback="x")  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60) | st.lists(st.sampled_from(["pin=", HIDDEN, " ", "'", '"', "***", ":", GITHUB, CARD, "@", "//", "password: ", ",", "}", "[", "\\", "token="]), max_size=9).map("".join), st.sampled_from(["***", "<gone>", "XXXX", "-", "hidden", "(x)"]))  # fmt: skip
def test_a_replacement_twice(text, replacement):
    """
    A text in which a replacement stands is redacted once.
    """
    for form in (text, json.dumps({"m": text}), json.dumps({"m": json.dumps({"n": text, "pin": text})})):
        once = redact(form, replacement=replacement)
        assert once == redact(once, replacement=replacement)
