"""Lines whose time cannot be read: they count where their neighbours do, and take no other line out of a window."""

from __future__ import annotations

import asyncio
import json

import pytest
from alerting_run import NOW_SECONDS, rule

from headrig.alerts.ticks import Evaluator
from headrig.config.spec import with_thresholds
from headrig.engine import Engine

KINDS = {
    "text": (b"Traceback (most recent call last):", "untimed_broken"),
    "truncated": (b'{"ts":1795', "untimed_broken"),
    "bytes": (b"\xff\xfe", "untimed_broken"),
    "array": (b"[1, 2]", "untimed_missing"),
    "number": (b"1795000000", "untimed_missing"),
    "string": (b'"2026-11-18T11:00:10Z"', "untimed_missing"),
    "no field": (b'{"level":"ERROR"}', "untimed_missing"),
    "null": (b'{"timestamp":null}', "untimed_null"),
    "NaN": (b'{"ts":NaN}', "untimed_null"),
    "empty": (b'{"ts":""}', "untimed_unreadable"),
    "bool": (b'{"ts":true}', "untimed_unreadable"),
    "object": (b'{"ts":{"$date":"2026-11-18T11:00:10Z"}}', "untimed_unreadable"),
    "common log": (b'{"ts":"30/Nov/2026:02:01:09 +0000"}', "untimed_unreadable"),
    "Go": (b'{"ts":"2026/11/30 02:01:09"}', "untimed_unreadable"),
    "date": (b'{"ts":"2026-11-30"}', "untimed_unreadable"),
    "zero": (b'{"ts":0}', "untimed_unreadable"),
    "negative": (b'{"ts":-62135596800}', "untimed_unreadable"),
    "zero of Go": (b'{"ts":"0001-01-01T00:00:00Z"}', "untimed_unreadable"),
    "far ahead": (b'{"ts":20261130014653}', "future"),
    "ahead": (b'{"ts":%d}' % (NOW_SECONDS + 61), "future"),
    "too long": (b'{"m":"%s"}' % (b"word " * 60_000), "untimed_broken"),
}
THRESHOLDS = {each.name: each for each in (rule(), rule("route", group_by=["route"], window="10s"))}


def request(seconds: float, bad: bool, route: str = "/a") -> bytes:
    """One completed request."""
    event = {"ts": seconds, "event": "request_completed", "route": route, "status": 503 if bad else 200, "duration": 5}
    return json.dumps(event).encode()


BACKLOG = [request(NOW_SECONDS - 1800 + second, 600 <= second < 900) for second in range(1800)]
"""Half an hour with five bad minutes in it."""


def transitions(batches):
    """
    What comes of batches, each a sequence of runs: sender and lines. All arrive now, and are looked at after each.
    """
    engine = Engine(with_thresholds(b"", THRESHOLDS))
    evaluator, made = Evaluator(THRESHOLDS, engine), []

    async def play() -> None:
        for batch in batches:
            text, runs = b"", []
            for sender, lines in batch:
                runs.append((sender, len(text)))
                text += b"".join(line + b"\n" for line in lines)
            engine.lane("in").process(text, NOW_SECONDS, 1000.0, runs)
            await evaluator.advance(NOW_SECONDS, made.append)

    asyncio.run(play())
    return [(m.threshold.name, m.labels, m.status, m.value, m.tick_seconds) for m in made], engine.state()


PLAIN, _ = transitions([[(1, BACKLOG)]])


def test_the_backlog_alerts():
    """
    What the tests of this file compare with: both thresholds fire and resolve.
    """
    assert ["firing", "firing", "resolved", "resolved"] == sorted(status for _, _, status, _, _ in PLAIN)


@pytest.mark.parametrize("at", [0, 100, 750, 1800])
@pytest.mark.parametrize("kind", KINDS)
def test_any_line_anywhere(kind, at):
    """
    A backlog alerts as it would have without a line that has no time, whatever the line and wherever it stands.
    """
    line, counted = KINDS[kind]
    found, state = transitions([[(1, [*BACKLOG[:at], line, *BACKLOG[at:]])]])

    assert PLAIN == found
    assert (0, 1) == (state["late_dropped"], state[counted])


@pytest.mark.parametrize("each", [1, 7])
def test_many_lines_in_many_batches(each):
    """
    So it does with every kind of line after every seventh, or after each, and in batches that are looked at between.
    """
    untimed = [line for name, (line, _) in KINDS.items() if name != "too long"]
    lines = []
    for number, line in enumerate(BACKLOG):
        lines += [line] if number % each else [untimed[number // each % len(untimed)], line]
    found, state = transitions([[(1, lines[start : start + 100])] for start in range(0, len(lines), 100)])

    assert PLAIN == found
    assert 0 == state["late_dropped"]


@pytest.mark.parametrize("hops", [1, 2])
@pytest.mark.parametrize("at", [0, 1, 750, 1800])
def test_behind_another_headrig(at, hops):
    """
    A backlog that was wrapped on its way alerts as it would have, also where it begins with a line whose time nothing had
    told yet: that one came marked, and moves no window here either.
    """
    lines = [*BACKLOG[:at], b"Traceback (most recent call last):", b"  File", *BACKLOG[at:]]
    for _ in range(hops):
        out = Engine().lane("in").process(b"\n".join(lines), NOW_SECONDS, 1000.0, [(1, 0)]).lines
        lines = bytes(out).splitlines()
    found, state = transitions([[(1, lines)]])

    assert PLAIN == found
    assert (0, 0 if at else 2) == (state["late_dropped"], state["untimed_broken"])


def test_plain_text_behind_another_headrig():
    """
    Of a service that writes plain text only the lines of its first half minute are marked; the others bear their arrival,
    and the watermark goes by them.
    """
    edge, central = Engine().lane("in"), Engine(with_thresholds(b"", THRESHOLDS))
    marked = []
    for second in range(60):
        out = bytes(edge.process(b"plain\n", NOW_SECONDS + second, float(second), [(1, 0)]).lines)
        marked.append(json.loads(out)["headrig"].get("time"))
        central.lane("in").process(out, NOW_SECONDS + second, float(second), [(1, 0)])

    assert ["unknown"] * 30 + [None] * 30 == marked
    assert NOW_SECONDS + 59 - 15 == central.watermark(NOW_SECONDS + 59)


def test_two_connections_with_different_lags():
    """
    A line without a time goes with those of its own connection, however far another one is ahead; a fresh connection
    goes with the source.
    """
    first, second = request(NOW_SECONDS - 100, False) + b"\n", request(NOW_SECONDS, False, "/b") + b"\n"
    untimed = b'{"event":"request_completed","route":"/late","status":503}'
    plain = untimed + b"\n"
    engine = Engine(with_thresholds(b"", THRESHOLDS))
    runs = [(1, 0), (2, len(first)), (1, len(first + second)), (2, len(first + second + plain))]
    engine.lane("in").process(first + second + plain + plain, NOW_SECONDS, 1000.0, runs)
    late = {
        tick - NOW_SECONDS: samples
        for tick in range(int(NOW_SECONDS) - 200, int(NOW_SECONDS) + 20, 10)
        for name, labels, _, samples in engine.evaluate(tick).rows
        if name == "route" and labels == {"route": "/late"}
    }

    assert {-90.0: 1, 10.0: 1} == late
    batches = [[(1, [*BACKLOG[n : n + 100], untimed]), (2, [untimed])] for n in range(0, 1800, 100)]
    found, state = transitions(batches)
    assert [each for each in PLAIN if each[0] == "route"] == [
        each for each in found if each[0] == "route" and each[1] == {"route": "/a"}
    ]
    assert 0 == state["late_dropped"]


@pytest.mark.parametrize("step_seconds", [0.0, 3600.0, -3600.0])
def test_a_source_behind_the_clock_keeps_its_samples(step_seconds):
    """
    A live source 45 s behind that also sends lines without a time: no sample is missing, also where the clock is set.
    """
    engine = Engine(with_thresholds(b"", {"w": rule("w", window="10s"), "m": rule("m", window="1m")}))
    seen, done = {"w": set(), "m": set()}, 0.0
    for second in range(240):
        now = NOW_SECONDS + second
        lines = request(now - 45, True) + b"\n" + (b"" if second % 5 else b'{"level":"INFO"}\n')
        # Set for a moment: the next second is right again.
        engine.lane("in").process(lines, now, float(second))
        if second == 120 and step_seconds:
            engine.lane("in").process(b"plain\n", now + step_seconds, float(second))
        watermark = engine.watermark(now)
        if second > 130 and watermark is not None and watermark // 10 > done:
            done = watermark // 10
            for name, _, _, samples in engine.evaluate(done * 10).rows:
                seen[name].add(samples)

    assert {"w": {10}, "m": {60}} == seen
    assert 0 == engine.state()["late_dropped"]


def test_nothing_but_lines_without_a_time():
    """
    A source whose lines never bear one alerts by arrival, half a minute after its first line at the latest.
    """
    engine = Engine(with_thresholds(b"", THRESHOLDS))
    evaluator, made = Evaluator(THRESHOLDS, engine), []

    async def play() -> None:
        for second in range(120):
            now = NOW_SECONDS + second
            status = 503 if second < 40 else 200
            line = b'{"event":"request_completed","route":"/a","status":%d}\n' % status
            engine.lane("in").process(line, now, float(second), [(1, 0)])
            await evaluator.advance(now, made.append)

    asyncio.run(play())

    assert [("firing", 10.0), ("resolved", 100.0)] == [
        (m.status, m.tick_seconds - NOW_SECONDS) for m in made if m.threshold.name == "errors"
    ]
    assert 120 == engine.state()["untimed_missing"]


def test_more_senders_than_are_remembered():
    """
    Beyond the bound the one that was silent longest is forgotten, counted; its next line goes with the source's.
    """
    engine = Engine(with_thresholds(b"", THRESHOLDS))
    lane = engine.lane("in")
    for sender in range(1, 1026):
        lane.process(request(NOW_SECONDS - sender, False) + b"\n", NOW_SECONDS, sender / 1e4, [(sender, 0)])
    first, last = (
        json.loads(bytes(lane.process(b"plain\n", NOW_SECONDS, 0.2, [(sender, 0)]).lines))["timestamp"]
        for sender in (1, 1025)
    )

    assert ("2026-11-18T11:06:39.200Z", "2026-11-18T10:49:35.098Z") == (first, last)
    assert 2 == engine.state()["senders_forgotten"]
