"""Windows through the seam: event time, two lanes, late lines, against a naive recount."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from headrig.engine import Engine

NOW = 1_800_000_000.0
"""A pane border (a multiple of 10), so that windows end at it."""

SPEC = {
    "thresholds": [
        {"name": "errors", "metric": "error.rate", "window_seconds": 60},
        {"name": "slow", "metric": "latency.p95", "window_seconds": 30},
    ]
}


def line(ago_seconds: float, status: int, duration_ms: float) -> bytes:
    """A request_completed line, `ago_seconds` before NOW."""
    record = {
        "ts": NOW - ago_seconds,
        "event": "request_completed",
        "route": "/a",
        "status": status,
        "duration": duration_ms,
    }
    return json.dumps(record).encode() + b"\n"


requests = st.tuples(
    st.integers(0, 140).map(lambda tenths: tenths / 10),
    st.sampled_from([200, 404, 500, 503]),
    st.floats(0.1, 10_000),
    st.sampled_from(["a", "b"]),
)


def values(engine: Engine, tick_seconds: float) -> dict[str, tuple[float, int]]:
    """Value and samples per threshold."""
    return {name: (value, samples) for name, _, value, samples in engine.evaluate(tick_seconds).rows}


@settings(max_examples=200)
@given(st.lists(requests, min_size=1, max_size=60).flatmap(lambda r: st.tuples(st.just(r), st.permutations(r))))
def test_windows_equal_a_recount_in_any_order(
    case: tuple[list[tuple[float, int, float, str]], list[tuple[float, int, float, str]]],
) -> None:
    """
    Whatever the order of arrival within lateness, over two lanes, a window holds exactly the events in [T - W, T).
    """
    requests_, shuffled = case
    engine = Engine(json.dumps(SPEC).encode())
    for ago, status, duration, lane in shuffled:
        engine.lane(lane).process(line(ago, status, duration), NOW)

    inside = [r for r in requests_ if 0 < r[0] <= 60]
    found = values(engine, NOW)
    if not inside:
        assert "errors" not in found
        return
    rate = 100 * sum(r[1] >= 500 for r in inside) / len(inside)
    assert (round(rate, 9), len(inside)) == (round(found["errors"][0], 9), found["errors"][1])
    exact = sorted(r[2] / 1000 for r in inside if r[0] <= 30)
    rank = exact[min(len(exact) - 1, max(0, -(-95 * len(exact) // 100) - 1))]
    assert abs(found["slow"][0] - rank) <= 0.011 * rank


def test_the_slower_lane_holds_the_watermark() -> None:
    """
    The watermark is the oldest of the live lanes' newest events, less the lateness; no lane, no watermark.
    """
    engine = Engine(json.dumps(SPEC).encode())
    assert engine.watermark(NOW) is None
    engine.lane("fast").process(line(0, 200, 1), NOW)
    engine.lane("slow").process(line(20, 200, 1), NOW)

    assert NOW - 20 - 15 == engine.watermark(NOW)


def test_a_lane_far_behind_leaves_the_minimum_and_is_shown() -> None:
    """
    A lane more than a minute behind the clock does not hold the others back.
    """
    engine = Engine(json.dumps(SPEC).encode())
    engine.lane("old").process(line(3600, 200, 1), NOW)
    engine.lane("new").process(line(0, 200, 1), NOW)

    assert NOW - 15 == engine.watermark(NOW)
    assert 3600 == round(engine.lanes_behind(NOW)["old"])


def test_silence_advances_by_the_seconds_elapsed() -> None:
    """
    With all lanes silent the watermark moves with the clock, it never jumps to it.
    """
    engine = Engine(json.dumps(SPEC).encode())
    engine.lane("in").process(line(20, 200, 1), NOW)
    assert NOW - 35 == engine.watermark(NOW)
    silent = engine.watermark(NOW + 30)
    assert silent is not None

    assert silent + 100 == engine.watermark(NOW + 130)
    assert silent + 100 < NOW + 130 - 15


def test_late_lines_merge_or_are_counted() -> None:
    """
    A late line within kept panes still counts in its window; an older one is dropped from windows, counted, and in totals.
    """
    engine = Engine(json.dumps(SPEC).encode())
    lane = engine.lane("in")
    lane.process(line(1, 200, 1), NOW)
    engine.watermark(NOW)
    lane.process(line(50, 503, 1), NOW)
    assert (50.0, 2) == values(engine, NOW)["errors"]

    lane.process(line(90_000, 503, 1), NOW)

    assert (50.0, 2) == values(engine, NOW)["errors"]
    state = engine.state()
    assert (1, 1) == (state["late"], state["late_dropped"])
    assert b'http_requests_total{method="unknown",route="/a",status="503"} 2' in engine.totals()


def test_a_recorded_value_replaces_the_built_in() -> None:
    """
    A recorded metric of a built-in's name is read instead of it, never mixed with it.
    """
    engine = Engine(json.dumps(SPEC).encode())
    engine.lane("in").process(line(1, 503, 1), NOW)
    for value in (2.0, 4.0):
        engine.record("error.rate", value, {}, NOW - 5)

    assert (3.0, 2) == values(engine, NOW)["errors"]


def test_future_times_are_clamped() -> None:
    """
    An event over a minute ahead of its arrival, on a source that has no other, counts as arriving now, and is counted as
    such; it moves no watermark.
    """
    engine = Engine(json.dumps(SPEC).encode())

    done = engine.lane("in").process(line(-7200, 200, 1), NOW)

    assert NOW == done.time_max_seconds
    assert 1 == engine.state()["future"]
    assert engine.watermark(NOW) is None
