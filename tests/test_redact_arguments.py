"""Secrets among the arguments of a message: a mapping names them, the finished message would not."""

import json
import logging
from collections import ChainMap, OrderedDict, UserDict, defaultdict
from types import MappingProxyType
from typing import Any

import pytest
from redaction_forms import secrets

import headrig

SECRETS = secrets()
KEYS = ("password", "db_password", "apiKey", "client_secret", "PIN", "authorization")
FORMS = (
    "pw %({})s",
    "pw %({})s.",
    "we got %({})r today",
    "%({})s",
    "a%({})sb",
    "%({})-40s|",
    "%({})50s",
    "%({})a",
    "user %(user)s has %({})s, 100%%",
)


class Secret:
    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__


class Named(dict):
    def __missing__(self, key: str) -> str:
        return f"no {key}"


def logged(path, message: object, *args: Any, **more: Any) -> dict[str, Any]:
    """One event as a handler writes it."""
    return all_logged(path, [(message, *args)], **more)[0]


def all_logged(path, calls: list[tuple[Any, ...]], **more: Any) -> list[dict[str, Any]]:
    """The events of calls, each a message and its arguments, as one handler writes them."""
    handler = headrig.Handler(path, **more)
    log = logging.Logger("app")  # noqa: LOG001
    log.addHandler(handler)
    for message, *args in calls:
        log.info(message, *args)
    handler.close()
    return [json.loads(line) for line in path.read_text().splitlines()[-len(calls) :]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("key", KEYS)
def test_a_named_secret(tmp_path, form, key):
    """
    Whatever stands around it, a secret that is named in the message does not get into it.
    """
    values = [
        (secret, value)
        for secret in SECRETS[:4]
        for value in (secret, secret.encode(), Secret(secret), [secret], {"a": secret}, int.from_bytes(secret.encode()))
    ]
    calls = [(form.format(key), {key: value, "user": "ada"}) for _, value in values]
    for (secret, value), line in zip(values, all_logged(tmp_path / "app.log", calls), strict=True):
        assert secret not in json.dumps(line)
        assert str(value) not in line["message"]
        assert "REDACTED" in line["message"]
        assert ("user ada has" in line["message"]) == ("user" in form)


@pytest.mark.parametrize(
    "kind", [dict, OrderedDict, Named, MappingProxyType, UserDict, lambda d: ChainMap({}, d), lambda d: defaultdict(str, d)]
)  # fmt: skip
@pytest.mark.parametrize("secret", SECRETS[:3])
def test_every_mapping(tmp_path, kind, secret):
    """
    Any mapping does; a key that only its own way of looking up knows is found.
    """
    line = logged(tmp_path / "app.log", "%(user)s pw %(password)s", kind({"password": secret, "user": "ada"}))

    assert "ada pw [REDACTED:password]" == line["message"]
    if kind is Named:
        assert "no x [REDACTED:pin]" == logged(tmp_path / "app.log", "%(x)s %(pin)s", kind({"pin": 7391}))["message"]


def test_a_mapping_as_a_whole(tmp_path):
    """
    A mapping that is one argument, or one of several, is shown without its secrets.
    """
    calls = []
    for secret in SECRETS:
        args = {"password": secret, "user": {"name": "ada", "pin": Secret(secret)}}
        calls += [("got %s", args), ("got %r", args), ("got %s and %s", {"password": secret}, 1)]
    for call, line in zip(calls, all_logged(tmp_path / "app.log", calls), strict=True):
        assert call[1]["password"] not in json.dumps(line)
        assert "password" in line["message"]


def test_ordinary_arguments(tmp_path):
    """
    What is no secret gets into the message as it always did.
    """
    for message, args in [
        ("%(n)05d %(f).2f %(s)10s %(o)s", {"n": 7, "f": 1.256, "s": "x", "o": OrderedDict(a=1)}),
        ("%(a)s", {"a": {"b": (1, {2})}}),
        ("%(a)r", {"a": MappingProxyType({"b": 1})}),
        ("%(key)s of %(count)d%%", {"key": "sort", "count": 5}),
        ("whole %s", {"a": 1, "b": [2]}),
        ("%r", OrderedDict(a=1)),
        ("no place", {"a": 1}),
    ]:
        assert message % args == logged(tmp_path / "app.log", message, args)["message"]


@pytest.mark.parametrize(
    "message", ["%(password)d", "%(nobody)s %(password)s", "%(password", "%(password)z", "%q %(pin)s"]
)
def test_formatting_that_fails(tmp_path, message):
    """
    A message that cannot be put together is written as far as it goes, without the secret, and nothing is raised.
    """
    calls = [(message, {"password": secret, "pin": secret}) for secret in SECRETS[:4]]
    for (_, args), line in zip(calls, all_logged(tmp_path / "app.log", calls), strict=True):
        assert args["pin"] not in json.dumps(line)
        assert "message_error" in line["headrig"]


def test_values_that_misbehave(tmp_path):
    """
    One that contains itself, or has no text, harms nobody.
    """
    circle: dict[str, Any] = {"x": 1}
    circle["self"] = circle

    class Bad:
        def __repr__(self) -> str:
            raise ValueError("no")

    assert "{'x': 1, 'self': {...}}" == logged(tmp_path / "app.log", "%(a)s", {"a": circle, "b": 1})["message"]
    assert "[REDACTED:password]" == logged(tmp_path / "app.log", "%(password)s", {"password": circle})["message"]
    assert "[REDACTED:password]" == logged(tmp_path / "app.log", "%(password)s", {"password": Bad()})["message"]
    assert "unprintable" in logged(tmp_path / "app.log", "%(a)s", {"a": Bad()})["message"]


@pytest.mark.parametrize("secret", SECRETS[:5])
def test_a_formatter_sees_no_secret(tmp_path, secret):
    """
    A formatter gets a record whose arguments are redacted; other handlers get the record as it is.
    """
    handler = headrig.Handler(tmp_path / "app.log")
    handler.setFormatter(logging.Formatter("<%(message)s>"))
    seen = []
    log = logging.Logger("app")  # noqa: LOG001
    log.addHandler(handler)
    other = logging.Handler()
    other.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    log.addHandler(other)
    log.info("pw %(password)s", {"password": secret})
    handler.close()

    assert "<pw [REDACTED:password]>" == json.loads((tmp_path / "app.log").read_text())["message"]
    assert [f"pw {secret}"] == seen


def test_settings_count(tmp_path):
    """
    The handler's own settings say what is secret.
    """
    given = {"keys": ["badge"], "allow_keys": ["pin"]}
    args = {"badge": "B-12", "pin": "x-9"}

    assert "[REDACTED:badge] x-9" == logged(tmp_path / "a.log", "%(badge)s %(pin)s", args, redact=given)["message"]
    assert "B-12 x-9" == logged(tmp_path / "b.log", "%(badge)s %(pin)s", args, redact={"enabled": False})["message"]


def test_a_record_of_ones_own(tmp_path):
    """
    A record that puts its message together itself is asked for it.
    """

    class Record(logging.LogRecord):
        def getMessage(self) -> str:  # noqa: N802  # logging's name
            return "own"

    handler = headrig.Handler(tmp_path / "app.log")
    handler.handle(Record("a", 20, "p", 1, "%(password)s", ({"password": "x"},), None))
    handler.close()

    assert "own" == json.loads((tmp_path / "app.log").read_text())["message"]
