"""`headrig.Handler` and the values that break other loggers: one valid line each, with everything readable kept."""

import dataclasses
import datetime as dt
import decimal
import enum
import json
import logging
import subprocess
import sys
import uuid

import pytest

import headrig


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.log"


@pytest.fixture
def handler(path):
    handler = headrig.Handler(path)
    yield handler
    handler.close()


@pytest.fixture
def log(handler):
    log = logging.Logger("app.api")  # noqa: LOG001
    log.addHandler(handler)
    return log


def lines(path, handler) -> list[str]:
    handler.flush()
    return path.read_text().split("\n")[:-1]


def events(path, handler) -> list[dict]:
    return [json.loads(line) for line in lines(path, handler)]


@dataclasses.dataclass
class User:
    name: str
    password: str


class Colour(enum.Enum):
    RED = 1


class Bad:
    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


class Text(str):
    __slots__ = ()


def deep(levels: int) -> dict:
    found: dict = {}
    for _ in range(levels):
        found = {"d": found}
    return found


ITSELF: list = []
ITSELF.append(ITSELF)
ODD = {
    "surrogate": ("x\ud800y", "x\\ud800y"),
    "control": ("\x00\x1b[31m\x7f", "\x00\x1b[31m\x7f"),
    "separator": ("a\u2028b", "a\u2028b"),
    "nan": (float("nan"), None),
    "infinity": (float("-inf"), None),
    "long": (2**64, 2**64),
    "longer": (10**40, 10**40),
    "longest": (10**5000, hex(10**5000)),
    "bytes": (b"\xff\x00", "\\xff\x00"),
    "datetime": (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02 00:00:00+00:00"),
    "date": (dt.date(2026, 1, 2), "2026-01-02"),
    "decimal": (decimal.Decimal("1.5"), "1.5"),
    "uuid": (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    "set": ({1}, [1]),
    "tuple": ((1, None, True), [1, None, True]),
    "enum": (Colour.RED, "Colour.RED"),
    "error": (ValueError("v"), "v"),
    "subclass": (Text("x"), "x"),
    "keys": ({1: 2, None: 3, (1, 2): 4}, {"1": 2, "None": 3, "(1, 2)": 4}),
    "bad": (Bad(), "[unprintable Bad]"),
    "itself": (ITSELF, ["[itself]"]),
    "large": ("x" * (1 << 20), "x" * (1 << 20)),
    "larger": ("x" * (1 << 22), f"[{1 << 22} bytes of text]"),
    "dataclass": (User("ada", "x"), "User(name='ada', password='[REDACTED:password]')"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_values(name, path, handler, log):
    """
    Every value has a readable place in one valid line, with all that stands beside it.
    """
    given, expected = ODD[name]

    log.info("odd", extra={"before": 1, "value": given, "after": 2})

    (event,) = events(path, handler)
    assert ("odd", 1, expected, 2) == (event["message"], event["before"], event["value"], event["after"])


def test_deep_and_wide_values_are_bounded(path, handler, log):
    """
    Neither a value of 3000 levels nor one that branches without end takes more than one bounded, valid line.
    """
    wide: list = []
    for _ in range(30):
        wide = [wide, wide]
    log.info("deep", extra={"value": deep(3000)})
    log.info("wide", extra={"value": wide})
    deepest, widest = lines(path, handler)

    assert "[too deep]" in deepest
    assert "wide" == json.loads(widest)["message"]
    assert "[truncated]" in widest
    assert len(widest) < 3 << 20


@pytest.mark.parametrize(
    ("msg", "args", "expected"),
    [
        ("two\nlines", (), "two\nlines"),
        ("x\udc80y", (), "x\\udc80y"),
        ({"k": 1}, (), "{'k': 1}"),
        (None, (), "None"),
        (Bad(), (), "[unprintable Bad]"),
        ("%(a)s", ({"a": 1},), "1"),
        ("100%", (), "100%"),
        ("%d %d", ("x",), "x %d"),
        ("%s", (Bad(),), "[unprintable Bad]"),
        ("%(a)s %(b)05.1f %%", ({"b": 2},), "%(a)s 002.0 %"),
        ("%s", (1, 2), "1"),
        (Bad(), (1,), "[unprintable Bad]"),
    ],
)
def test_odd_messages(msg, args, expected, path, handler, log):
    """
    Whatever the message is and whether its arguments fit: one line, with the message as far as there is one.
    """
    log.info(msg, *args)

    assert [expected] == [event["message"] for event in events(path, handler)]


def test_arguments_that_do_not_fit_are_shown(path, handler, log):
    """
    What fits stands in the message, where it is redacted like any text; of what has no place there, the type is told.
    """
    log.info("%d of %d, %s left", "one", 2)  # noqa: PLE1206
    log.info("password=%s and %d", "fake-hunter2-fake", "two", "fake-hunter2-fake")  # noqa: PLE1205

    first, second = events(path, handler)
    assert ("one of 2, %s left", {"message_error"}) == (first["message"], set(first["headrig"]))
    assert "password=[REDACTED:password] and two" == second["message"]
    assert ["str"] == second["headrig"]["args"]
    assert 2 == handler.counts()["unprintable"]


LOGURU = """
import sys, headrig
from loguru import logger
logger.remove()
logger.add(headrig.install(), **({} if sys.argv[1] == "{}" else {"format": sys.argv[1]}))
def fail(): raise ValueError("inner")
try:
    try: fail()
    except ValueError as error: raise KeyError("outer") from error
except KeyError: logger.exception("chained")
try: raise ExceptionGroup("several", [ValueError("one")])
except ExceptionGroup: logger.exception("grouped")
logger.error("quoted: Traceback (most recent call last):")
headrig.flush()
"""


@pytest.mark.parametrize("form", ["{message}", "{level} {message}\n{extra}", "{}"])
def test_traceback_of_loguru(tmp_path, form):
    """
    A record that loguru hands on has its traceback once, in `error`, whatever its format is: not in `message` as well. A
    message that quotes a traceback stays whole.
    """
    done = subprocess.run(
        [sys.executable, "-c", LOGURU, form], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    chained, grouped, quoted = map(json.loads, done.stdout.splitlines())

    assert ["chained", "grouped"] == [
        word for word in ("chained", "grouped") for line in (chained, grouped) if word in line["message"]
    ]
    assert not any("Traceback" in line["message"] or "fail" in line["message"] for line in (chained, grouped))
    assert ("KeyError", "ExceptionGroup") == (chained["error"]["name"], grouped["error"]["name"])
    assert "in fail" in chained["error"]["stack"]
    assert "ValueError: one" in grouped["error"]["stack"]
    assert quoted["message"].replace("\n{}", "").endswith("quoted: Traceback (most recent call last):")
