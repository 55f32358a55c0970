"""
The forms in which logs hold one text, and the doors that it goes through. A secret must be gone in every form at every
door; an ordinary text must come out byte for byte.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterable
from urllib.parse import quote

import headrig
from headrig.cli import filtering
from headrig.engine import EVENT_SECONDS_MAX, Engine

FILTER = Engine(filtering.FILTER)

FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: text,
    "json": lambda text: json.dumps({"level": "INFO", "message": text}),
    "json_in_json": lambda text: json.dumps({"message": "got " + json.dumps({"body": text})}),
    "percent": lambda text: "GET /cb?next=" + quote(text, safe="") + " 302",
    "coloured": lambda text: f"\x1b[32mINFO\x1b[0m \x1b[1m{text}\x1b[0m",
    "coloured_json": lambda text: json.dumps({"message": f"\x1b[32m{text}\x1b[0m"}),
    "indented": lambda text: json.dumps({"level": "INFO", "event": {"message": text}}, indent=2),
}
"""Each gives a document around a text. `percent` holds a whole value; a text with line ends is several lines in `raw`."""


def filtered(document: str, engine: Engine = FILTER) -> str:
    """A document after a lane of its own, line by line, as the filter and the sources see it."""
    lines = document.encode() + b"\n"
    out = bytes(engine.lane("filter").process(lines, EVENT_SECONDS_MAX).lines).decode()[:-1]
    engine.close_lane("filter")
    return out


def assert_gone(text: str, *secrets: str, forms: Iterable[str] = FORMS) -> None:
    """No secret is left in any form of the text, at any door, and a second run changes nothing."""
    for form in forms:
        document = FORMS[form](text)
        for door in (filtered, headrig.redact):
            out = door(document)
            for secret in secrets:
                shown = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
                assert not any(one in out for one in shown), f"{door.__name__}, {form}: {document!r} -> {out!r}"
            assert door(out) == out, f"{door.__name__}, {form}, again: {out!r}"


def assert_untouched(text: str, forms: Iterable[str] = FORMS) -> None:
    """The text comes out byte for byte in every form at every door."""
    for form in forms:
        document = FORMS[form](text)
        for door in (filtered, headrig.redact):
            assert door(document) == document, f"{door.__name__}, {form}"


def secrets(count: int = 20, length: int = 20, alphabet: str = string.ascii_letters + string.digits) -> list[str]:
    """So many random values, the same in every run, each with a letter and a digit."""
    seeded = random.Random(f"{count} {length} {alphabet}")
    return ["q7" + "".join(seeded.choices(alphabet, k=length - 2)) for _ in range(count)]
