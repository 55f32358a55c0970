"""Framing and validity, over bytes: where chunks and batches are cut must never show."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrig.engine import Engine, Framer

ARRIVAL = 1_800_000_000.0
"""Seconds since the epoch at which every batch of this file arrives."""

PIECES = [
    b'{"timestamp":"2027-01-15T07:59:58Z","level":"INFO","event":"request_completed","route":"/a","status":200}',
    b'{"timestamp":"2027-01-15T07:59:51Z","level":"ERROR","event":"request_completed","route":"/b","status":503}',
    b'{"message":"login with password=hunter2-000123"}',
    b'{"a":"x',
    b'"',
    b"\\",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\x00",
    b'{"d":NaN}',
    b"[" * 200,
    b"plain text api_key=0123456789abcdef0123",
]

streams = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=40)), max_size=40).map(b"".join)


def run(stream: bytes, chunk_cuts: list[int], batch_cuts: list[int]) -> tuple[bytes, dict[str, object], bytes, object]:
    """Frame and process a stream cut into chunks, the lines cut into batches: output, counts, totals, windows."""
    spec = {"thresholds": [{"name": "errors", "metric": "error.rate", "window_seconds": 60}]}
    engine = Engine(json.dumps(spec).encode())
    lane, framer = engine.lane("in"), Framer()
    whole = b""
    at = [0, *sorted(c % (len(stream) + 1) for c in chunk_cuts), len(stream)]
    for start, end in pairwise(at):
        whole += framer.feed(stream[start:end])[0]
    whole += framer.finish()[0]
    lines = whole.splitlines(keepends=True) if b"\r" not in whole else [x + b"\n" for x in whole.split(b"\n")[:-1]]
    batches = [0, *sorted(c % (len(lines) + 1) for c in batch_cuts), len(lines)]
    out, counts = b"", {"lines_in": 0, "lines_out": 0, "broken": {}, "dropped": {}, "redactions": {}, "normalized": {}}
    for start, end in pairwise(batches):
        # Three connections take turns, a line each.
        runs = [(1 + at % 3, sum(map(len, lines[start:at]))) for at in range(start, end)]
        done = lane.process(b"".join(lines[start:end]), ARRIVAL, 0.0, runs)
        out += bytes(done.lines)
        assert done.lines_in == done.lines_out + sum(done.dropped.values())
        assert done.lines.count == done.lines_out == bytes(done.lines).count(b"\n")
        for name, total in counts.items():
            found = getattr(done, name)
            if isinstance(total, dict):
                for reason, number in found.items():
                    total[reason] = total.get(reason, 0) + number
            else:
                counts[name] = total + found
    return out, counts, engine.totals(), engine.evaluate(ARRIVAL).rows


@settings(max_examples=300)
@given(streams, st.lists(st.integers(0, 4000), max_size=8), st.lists(st.integers(0, 100), max_size=5))
def test_cuts_never_show(stream: bytes, chunk_cuts: list[int], batch_cuts: list[int]) -> None:
    """
    Any split of a byte stream into chunks and batches gives the same lines, counts, totals and windows.
    """
    assert run(stream, chunk_cuts, batch_cuts) == run(stream, [], [])


@settings(max_examples=300)
@given(streams)
def test_what_comes_out_is_newline_json(stream: bytes) -> None:
    """
    Whatever bytes come in, every line that comes out is JSON, and no line is lost or made up.
    """
    out, counts, _, _ = run(stream, [], [])

    assert b"" == out or out.endswith(b"\n")
    for line in out.splitlines() if b"\r" not in out else out.split(b"\n")[:-1]:
        json.loads(line)
    received = stream.count(b"\n") + (not stream.endswith(b"\n") and stream != b"")
    assert received == counts["lines_in"]


def test_a_hostile_line_leaves_its_neighbours_alone() -> None:
    """
    Each kind of broken line is counted by its reason, wrapped with it, and the next good line is intact.
    """
    good = b'{"level":"INFO","message":"good"}\n'
    hostile = {
        b'{"password":"hunter2-secret': "truncated",
        b'{"a":"\xff password=hunter2-secret"}': "utf8",
        b'{"a":"\x00 password=hunter2-secret"}': "control",
        b"[" * 10_000: "depth",
        b'{"a":1} {"password":"hunter2-secret"}': "trailing",
        b"INFO started, password=hunter2-secret": "not_json",
        b'{"a":"b"c","password":"hunter2-secret"}': "not_json",
        b'{"x":"' + b"y" * 10_000_000 + b' password=hunter2-secret"}': "too_long",
    }
    for line, reason in hostile.items():
        framer = Framer()
        whole, count = framer.feed(good + line + b"\n" + good)
        done = Engine().lane("in").process(whole, ARRIVAL)

        lines = bytes(done.lines).splitlines(keepends=True)
        assert (3, {reason: 1}) == (count, done.broken)
        assert [good, good] == [lines[0], lines[2]]
        wrapped = json.loads(lines[1])
        assert reason == wrapped["headrig"]["broken"]
        assert ("UNKNOWN", "2027-01-15T08:00:00.000Z") == (wrapped["level"], wrapped["timestamp"])
        assert b"hunter2" not in lines[1]


def test_normalised_lines_are_counted() -> None:
    """
    CR, BOM and numbers JSON does not have are mended and counted; duplicate keys and huge numbers stay as they are.
    """
    stream = b'\xef\xbb\xbf{"a":1}\r\n{"a":NaN,"b":[-Infinity]}\n{"a":1,"a":1e999,"n":' + b"9" * 400 + b"}\n\n"
    done = Engine().lane("in").process(stream, ARRIVAL)

    lines = bytes(done.lines).splitlines()
    assert [b'{"a":1}', b'{"a":null,"b":[null]}', b'{"a":1,"a":1e999,"n":' + b"9" * 400 + b"}"] == lines
    assert {"crlf": 1, "bom": 1, "non_finite": 2} == done.normalized
    assert {"blank": 1} == done.dropped


@pytest.mark.parametrize("blank", ["drop", "keep"])
@pytest.mark.parametrize("end", [b"", b"\r", b"\r\r", b" \r", b"\n", b"\r\n"])
@pytest.mark.parametrize("line", [b'{"a":1}', b"\r2", b"[1]", b"no json", b'{"password":"hunter2hunter2"}', b" "])
def test_a_last_line_without_its_end(line: bytes, end: bytes, blank: str) -> None:
    """
    However the last line of a batch ends, it comes out with a newline, as many lines as are counted.
    """
    done = Engine(json.dumps({"blank": blank}).encode()).lane("in").process(b'{"b":2}\n' + line + end, ARRIVAL)

    lines = bytes(done.lines)
    assert lines.endswith(b"\n")
    assert done.lines_out == lines.count(b"\n") == 2 - sum(done.dropped.values())


def test_an_over_long_line_is_scanned_then_cut() -> None:
    """
    A secret that straddles the cut is redacted whole; the line is bounded.
    """
    fill = b'{"message":"' + b"word " * 52_423
    line = fill + b"password=hunter2-secret-that-straddles-the-bound " + b"more " * 9_000 + b'"}\n'
    done = Engine().lane("in").process(line, ARRIVAL)

    out = bytes(done.lines)
    assert {"too_long": 1} == done.broken
    assert b"hunter2" not in out
    assert b"straddles" not in out
    assert len(out) < 300_000
    json.loads(out)
