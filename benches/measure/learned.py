"""
What `learn` costs and finds: 200 values in twelve encodings among ordinary lines, through lanes that know them and lanes
that do not, batch by batch in turn. Prints leaks, ordinary lines touched, and CPU time beside what it is without.

usage: learned.py FILE…; the files' lines are repeated, each time with numbers of their own, until there are LINES.
"""

import base64
import html
import json
import os
import random
import string
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from headrig.engine import EVENT_SECONDS_MAX, Engine, Lane
from measure.machine import memory_folder

LINES = 10_000_000
VALUES = 200
BATCH_BYTES = 256 * 1024
FILE_BYTES_MAX = 64 * 1024 * 1024
"""Of the file written: it begins anew, for ten million lines are more than memory."""
GOAL = 0.10


class Written(NamedTuple):
    """A line that holds a value, and how the value is written there."""

    line: str
    value: str


def _base64(before: str) -> Callable[[str], Written]:
    """A value in the middle of something in Base64: of that, the characters that the value alone makes."""

    def encode(value: str) -> Written:
        text = base64.b64encode(f"{before}{value}zz".encode()).decode()
        first, last = (len(before) * 8 + 5) // 6, (len(before) + len(value.encode())) * 8 // 6
        return Written(f"got {text} there", text[first:last])

    return encode


def _within(line: str, encode: Callable[[str], str]) -> Callable[[str], Written]:
    return lambda value: Written(line.replace("@", encode(value)), encode(value))


def _small_percent(value: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else quote(c, safe="").lower() for c in value)


ENCODINGS: dict[str, Callable[[str], Written]] = {
    "raw": _within("connect failed with @ again", str),
    "json": _within('{"level":"ERROR","message":"connect failed","with":"@"}', lambda value: json.dumps(value)[1:-1]),
    "json in json": _within('{"message":"got {\\"a\\":[\\"@\\"]}"}', lambda value: json.dumps(json.dumps(value))[3:-3]),
    "json, three deep": _within(
        r'{"message":"{\"b\":\"[\\\"@\\\"]\"}"}', lambda value: json.dumps(json.dumps(json.dumps(value)))[7:-7]
    ),
    "percent": _within("GET /x?y=@&z=1 200", partial(quote, safe="")),
    "percent, small": _within('{"url":"/x?y=@"}', _small_percent),
    "html": _within("<b>@</b>", html.escape),
    "base64": _base64(""),
    "base64, one before": _base64("a"),
    "base64, two before": _base64("ab"),
    "hex": _within("got @ there", lambda value: value.encode().hex()),
    "upper hex": _within('{"dump":"@"}', lambda value: value.encode().hex().upper()),
}


class Batch(NamedTuple):
    """Lines, which of them hold a value, and how those values are written."""

    lines: bytes
    planted: frozenset[int]
    needles: tuple[bytes, ...]


class Way:
    """A lane with its file, and the CPU time it took: to redact alone, and to redact and write."""

    def __init__(self, spec: dict[str, object], file: Path) -> None:
        self._lane: Lane = Engine(json.dumps(spec).encode()).lane("bench")
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
        self._written = 0
        self.redact_ns = self.whole_ns = 0

    def take(self, lines: bytes) -> bytes:
        """One batch."""
        begin = time.thread_time_ns()
        out = self._lane.process(lines, EVENT_SECONDS_MAX).lines
        redacted = time.thread_time_ns()
        self._written += os.write(self._file, memoryview(out))
        if self._written > FILE_BYTES_MAX:
            self._written = 0
            os.lseek(self._file, 0, os.SEEK_SET)
        self.redact_ns += redacted - begin
        self.whole_ns += time.thread_time_ns() - begin
        return bytes(out)


def values() -> list[str]:
    """Passwords as people and programs make them, with what encodings change."""
    seeded = random.Random(11)
    alphabets = (string.hexdigits[:16], string.ascii_letters + string.digits, string.ascii_letters + "/+-_=!$%&\"'<\\é")
    lengths = (12, 16, 20, 24, 32, 40, 64)
    return ["".join(seeded.choices(seeded.choice(alphabets), k=seeded.choice(lengths))) for _ in range(VALUES)]


def batches(names: list[str], planted: list[Written]) -> Iterator[Batch]:
    """All lines, the planted ones evenly among them."""
    every, waiting, number = LINES // len(planted), iter(planted), count()
    lines: list[bytes] = []
    size, places, needles = 0, set(), []
    for name in _again(names):
        with open(name, "rb") as file:
            for line in file:
                at = next(number)
                if at == LINES:
                    yield Batch(b"\n".join(lines) + b"\n", frozenset(places), tuple(needles))
                    return
                if at % every == 0 and (found := next(waiting, None)):
                    places.add(len(lines))
                    needles.append(found.value.encode())
                    lines.append(found.line.encode())
                lines.append(_numbered(line.rstrip(b"\r\n"), at))
                size += len(line) + 12
                if size >= BATCH_BYTES:
                    yield Batch(b"\n".join(lines) + b"\n", frozenset(places), tuple(needles))
                    lines, size, places, needles = [], 0, set(), []


def _again(names: list[str]) -> Iterator[str]:
    while True:
        yield from names


def _numbered(line: bytes, number: int) -> bytes:
    """A line that no other equals; JSON stays that."""
    if line.startswith(b'{"') and line.endswith(b"}"):
        return b'{"n":%d,' % number + line[1:]
    return line + b" n=%d" % number


def main(names: list[str]) -> int:
    """Both kinds of lane, in turn: the one first that was last."""
    known = values()
    planted = [encode(value) for encode in ENCODINGS.values() for value in known]
    random.Random(12).shuffle(planted)
    alone = {"metrics": {"builtin": False}, "recent_bytes_max": 0}
    leaks = touched = lines = size = 0
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        pairs = [
            (
                title,
                *(
                    Way({**spec, "redact": redact}, Path(folder) / f"{title}{len(redact)}")
                    for redact in ({}, {"learned": known})
                ),
            )
            for title, spec in (("redaction only", alone), ("as a run does", {}))
        ]
        for turn, batch in enumerate(batches(names, planted)):
            for _, without, having in pairs:
                order = (without, having) if turn % 2 else (having, without)
                out = {way: way.take(batch.lines) for way in order}
                leaks += sum(needle in out[having] for needle in batch.needles)
                if out[having] != out[without]:
                    both = zip(out[without].splitlines(), out[having].splitlines(), strict=True)
                    touched += sum(a != b for at, (a, b) in enumerate(both) if at not in batch.planted)
            lines += batch.lines.count(b"\n")
            size += len(batch.lines)
    print(
        f"{lines:,} lines, {size / 1e9:.2f} GB, {len(planted):,} planted: {leaks} leaks, {touched} ordinary lines touched"
    )
    costs = []
    for title, without, having in pairs:
        for what in ("redact_ns", "whole_ns"):
            before, after = getattr(without, what), getattr(having, what)
            costs.append(after / before - 1)
            does = "redacts" if what == "redact_ns" else "redacts and writes"
            print(f"{title}, {does}: {size / before:.3f} -> {size / after:.3f} GB/s of CPU, {costs[-1]:+.1%}")
    return 1 if leaks or touched or costs[1] > GOAL else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
