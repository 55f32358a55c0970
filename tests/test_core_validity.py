"""
What a valid line is, with Python's json as referee, over mutated JSON bytes. Written differences: `json` takes raw bytes
only as UTF-8 (as we do), knows no depth limit of 128, reads `NaN` and `Infinity`, and refuses integers of over 4,300
digits; a leading BOM and a trailing CR are ours to remove; spaces alone are a blank line.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrig.engine import Engine

ENGINE = Engine(b'{"blank": "keep"}')

SEEDS = [
    b'{"a":1,"b":[true,false,null],"c":{"d":"e"}}',
    b'{"\\u0061":"\\ud83d\\ude00 \\n\\"\\\\\\/","n":-0.5e+10}',
    '{"é":"€ 😀","z":[[],{},[{}]]}'.encode(),
    b' [1, 2.5 , -3e-7, 0, "x"] ',
    b'"text"',
    b"-12",
    b'{"a":"\\ud800","b":NaN,"c":-Infinity}',
]
PIECES = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b".", b"e", b"\\u", b"\x00", b"\x1f", b"\x7f"]
PIECES += [
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b" ",
    b"\t",
    b"\x0b",
    b"\xc2\xa0",
]
PIECES += [b"NaN", b"nan", b"+1", b"01", b"1.", b".5", b"1e", b"/**/", b"'", b"tru", b"\\x41", b"\\u00zz", b"\r"]

edits = st.lists(st.tuples(st.integers(0, 80), st.integers(0, 3), st.sampled_from([b"", *PIECES])), max_size=4)


def mutated(seed: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, cut, piece in changes:
        start = at % (len(seed) + 1)
        seed = seed[:start] + piece + seed[start + cut :]
    return seed


def valid(line: bytes) -> bool:
    """The referee's verdict on a line, without the BOM and CR that framing removes."""
    line = line.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\r")
    try:
        json.loads(line.decode("utf-8"))
    except ValueError:
        return False
    return True


def broken(line: bytes) -> dict[str, int]:
    return ENGINE.lane("in").process(line + b"\n", 1_800_000_000.0).broken


@settings(max_examples=1000)
@given(st.sampled_from(SEEDS), edits)
def test_verdicts_are_the_referees(seed: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    """
    A line is broken exactly when Python's json refuses it.
    """
    line = mutated(seed, changes)
    if not line.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\x0b\x0c"):
        return

    assert valid(line) == (not broken(line))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[" * 128 + b"]" * 128, None),
        (b"[" * 129 + b"]" * 129, "depth"),
        (b"9" * 5000, None),
        (b"1e999", None),
        (b'{"a":1,"a":2}', None),
        (b'"\xed\xa0\x80"', "utf8"),
        (b"\xef\xbb\xbf{}\r", None),
        (b'{"a":\x0b1}', "control"),
    ],
)
def test_written_differences_hold(line: bytes, reason: str | None) -> None:
    """
    Where the referee knows no limit, or has one of its own, the verdict is the documented one.
    """
    assert ({reason: 1} if reason else {}) == broken(line)
