"""The alert path of a run: lines and recorded values in, notices out, each episode once, over reloads and stops."""

import asyncio
import json
import logging

import pytest
import pytest_asyncio
from alerting_run import NOW_SECONDS, TCP, Clock, always, requests, rule, settings, slack, taken
from endpoint import serving
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from headrig.alerts.ticks import Evaluator
from headrig.config.spec import with_thresholds
from headrig.engine import Engine
from headrig.errors import ConfigError, RuleError

FIRING = ("🔴 FIRING: High Error Rate", "Error rate is 50%, threshold is 5%")
RESOLVED = ("✅ RESOLVED: High Error Rate", "Error rate is 0%, threshold is 5%")


@pytest_asyncio.fixture
async def endpoint():
    async with serving() as served:
        served.answers = always()
        yield served


@pytest.fixture
def alerting(start, memory, endpoint):
    """Start with these thresholds and one webhook, on a clock that a test moves."""

    async def starter(*rules, **more):
        clock = Clock()
        run = await start(TCP, memory, clock=clock, **settings(*rules, notifiers=slack(endpoint)), **more)
        run.clock, run.alerting = clock, run.pipeline.alerting
        run.account = run.pipeline.state.ledger.notifiers["slack"]
        return run

    return starter


def history(seconds: int, bad_from: int, bad_to: int) -> list[bytes]:
    """Batches of ten seconds up to now; half of the requests fail between two times, given in seconds before now."""
    return [
        requests(NOW_SECONDS - ago, *((2, 2) if bad_to < ago <= bad_from else (4, 0)))
        for ago in range(seconds, -1, -10)
    ]


async def feed(run, batches):
    """Send, and wait until the core has counted it."""
    for batch in batches:
        count = run.pipeline.state.ledger.sources["in"].left + batch.count(b"\n")
        await run.send(batch)
        await run.until(lambda count=count: run.pipeline.state.ledger.sources["in"].left == count)


@pytest.mark.asyncio
@pytest.mark.parametrize("at_once", [True, False])
async def test_lines(alerting, endpoint, at_once):
    """
    Lines over TCP fire and resolve once each, read in one piece or one by one, with the template's own words.
    """
    run = await alerting(rule(window="1m", resolve_value=1))
    batches = history(600, 400, 200)
    if at_once:
        await feed(run, [b"".join(batches)])
    else:
        for ago, batch in zip(range(600, -1, -10), batches, strict=True):
            run.clock.now = NOW_SECONDS - ago
            await feed(run, [batch])
    await run.until(lambda: run.account.delivered == 2)
    first, second = (json.loads(sent)["blocks"][2]["elements"][0]["text"] for _, _, sent in endpoint.requests)

    assert [("🔴 FIRING: High Error Rate", "Error rate is 8.333333333333334%, threshold is 5%"), RESOLVED] == taken(
        endpoint
    )
    # The first bad ten seconds end at 390 before now, and a minute after the last bad ones nothing is left of them.
    assert "critical · error · errors · 2026-11-18 11:00:10 UTC" == first
    assert "critical · error · errors · 2026-11-18 11:04:20 UTC" == second
    assert 0 == run.page()["headrig_ledger_imbalance"]


@pytest.mark.asyncio
async def test_recorded_values(alerting, endpoint):
    """
    Values that a service records tick by the clock, and are the mean over the window.
    """
    run = await alerting(rule("queue", metric="queue.depth", message="${value} of ${threshold}"))
    for value in (4.0, 10.0):
        run.pipeline.state.engine.record("queue.depth", value, {}, run.clock.now)
    run.clock.now += 10
    await run.alerting.evaluation.advance()
    run.clock.now += 60
    run.pipeline.state.engine.record("queue.depth", 1.5, {}, run.clock.now - 1)
    await run.alerting.evaluation.advance()
    await run.until(lambda: run.account.delivered == 2)

    assert ["7 of 5", "1.5 of 5"] == [message for _, message in taken(endpoint)]
    assert 0 == run.page()['headrig_alerts{state="firing",threshold="queue"}']


@pytest.mark.asyncio
async def test_silence_is_not_recovery(alerting, endpoint):
    """
    When lines stop, a firing alert stays and says once that it has no data; with `ok` it resolves and says why.
    """
    run = await alerting(rule("stays"), rule("ends", no_data="ok"))
    await feed(run, [requests(NOW_SECONDS - 40, 2, 2), requests(NOW_SECONDS, 2, 2)])
    await run.until(lambda: run.account.delivered == 2)
    for _ in range(60):
        run.clock.now += 10
        await run.alerting.evaluation.advance()
    await run.until(lambda: run.account.delivered == 4)

    assert {"🔴 FIRING (no data): High Error Rate", "✅ RESOLVED (no data): High Error Rate"} == {
        header for header, _ in taken(endpoint)[2:]
    }


def transitions(thresholds, batches, *, each=True):
    """What a core and an evaluator make of batches, looking after each or only after all."""
    engine = Engine(with_thresholds(b"", thresholds))
    evaluator = Evaluator(thresholds, engine)
    made = []

    async def play():
        for batch in batches:
            engine.lane("in").process(batch, NOW_SECONDS)
            if each:
                await evaluator.advance(NOW_SECONDS, made.append)
        await evaluator.advance(NOW_SECONDS, made.append)

    asyncio.run(play())
    return [(m.threshold.name, m.status, m.value, m.tick_seconds) for m in made]


@examples(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 590), st.booleans()), min_size=1, max_size=80).flatmap(
        lambda events: st.tuples(
            st.just(sorted(events, reverse=True)), st.lists(st.integers(0, 14), min_size=80, max_size=80)
        )
    )
)
def test_order_of_arrival_does_not_matter(case):
    """
    Whatever the order within lateness and whenever it is looked at: the same alerts at the same ticks.
    """
    events, late = case
    thresholds = {each.name: each for each in (rule(), rule("held", for_="30s", value=20))}
    line = [(ago, requests(NOW_SECONDS - ago, 0 if bad else 1, 1 if bad else 0)) for ago, bad in events]
    shuffled = sorted(zip(line, late, strict=False), key=lambda each: each[1] - each[0][0])
    in_order = [each for _, each in line]

    once = transitions(thresholds, [b"".join(in_order)], each=False)
    assert once == transitions(thresholds, in_order)
    assert once == transitions(thresholds, [each for (_, each), _ in shuffled])


@pytest.mark.asyncio
async def test_by_hand(alerting, endpoint):
    """
    The key of an alert that fires updates it and sends nothing; it is resolved once, with what it last said.
    """
    run = await alerting()
    key = run.alerting.sent.send("Disk", "80 % full")
    assert key == run.alerting.sent.send("Disk", "90 % full", key=key)
    assert 1 == run.page()["headrig_sent_alerts"]
    assert [True, False, False] == [
        run.alerting.sent.resolve(key),
        run.alerting.sent.resolve(key),
        run.alerting.sent.resolve("other"),
    ]
    run.alerting.sent.send("Own", "m", severity="CRITICAL", category="own words", key="mine")
    await run.until(lambda: run.account.delivered == 3)

    assert [
        ("🟡 FIRING: Disk", "80 % full"),
        ("✅ RESOLVED: Disk", "90 % full"),
        ("🔴 FIRING: Own", "m"),
    ] == taken(endpoint)
    with pytest.raises(ConfigError, match="severity: unknown value; known values: critical, high, warning, info"):
        run.alerting.sent.send("t", "m", severity="bad")


@pytest.mark.asyncio
async def test_bounds(alerting, endpoint, monkeypatch):
    """
    Alerts by hand and notices that wait are bounded: the oldest goes, counted, and what Slack holds is not touched.
    """
    held = asyncio.Event()
    monkeypatch.setattr("headrig.alerts.outbox.OUTBOX_NOTICES_MAX", 10)
    monkeypatch.setattr("headrig.alerts.by_hand.SENT_ALERTS_MAX", 12)

    async def hold(request):
        await held.wait()
        return await always()[0](request)

    endpoint.answers = always(hold)
    run = await alerting()
    keys = [run.alerting.sent.send(f"alert {n}", "m" * 20_000, key=str(n)) for n in range(15)]
    await run.until(lambda: endpoint.requests)
    assert 10 == run.account.waiting()
    held.set()
    await run.until(lambda: run.account.waiting() == 0)

    assert {"outbox_full": 5} == dict(run.account.dropped)
    assert [False, True] == [run.alerting.sent.resolve(keys[0]), run.alerting.sent.resolve(keys[-1])]


@pytest.mark.asyncio
async def test_strange_texts(alerting, endpoint):
    """
    What an application hands over is sent, whatever it is.
    """
    run = await alerting()
    run.alerting.sent.send("\ud800", "", labels={"a": "\udfff", "": "x", **{f"l{n}": "x" * 99 for n in range(500)}})
    await run.until(lambda: run.account.delivered == 1)

    assert [("🟡 FIRING: ?", " ")] == taken(endpoint)


@pytest.mark.asyncio
async def test_other_thresholds(alerting, endpoint, sink):
    """
    Thresholds change without a sink being opened anew: what stays keeps its state and its windows, what goes resolves.
    """
    run = await alerting(rule("stays"), rule("goes"))
    await feed(run, [requests(NOW_SECONDS - 40, 2, 2), requests(NOW_SECONDS, 2, 2)])
    await run.until(lambda: run.account.delivered == 2)
    run.pipeline.set_thresholds({"stays": rule("stays"), "new": rule("new", title="New", window="2m")})
    run.clock.now += 20
    await feed(run, [requests(run.clock.now, 0, 1)])
    await run.until(lambda: run.account.delivered == 4)

    assert [
        ("✅ RESOLVED (threshold removed): High Error Rate", "Error rate is 50%, threshold is 5%"),
        ("🔴 FIRING: New", "Error rate is 50%, threshold is 5%"),
    ] == taken(endpoint)[2:]
    assert sink is run.pipeline.state.sinks["out"].sink
    with pytest.raises(RuleError):
        run.pipeline.set_thresholds({"x": rule("x", group_by=[f"l{n}" for n in range(40)])})
    assert ["stays", "new"] == list(run.pipeline.config.thresholds)


@pytest.mark.asyncio
async def test_reload(alerting, endpoint, memory):
    """
    A reload keeps what fires, goes over to other notifiers without losing a notice, and lets a removed one finish.
    """
    run = await alerting(rule())
    await feed(run, [requests(NOW_SECONDS - 40, 2, 2), requests(NOW_SECONDS, 2, 2)])
    await run.until(lambda: run.account.delivered == 1)
    config = run.pipeline.config
    for notifiers in (slack(endpoint, timeout_seconds=3.0), {"other": slack(endpoint)["slack"]}):
        changed = {**settings(rule(), notifiers=notifiers), "sources": config.sources, "sinks": config.sinks}
        await run.pipeline.reload(type(config)(**changed, limits=config.limits))
        run.alerting.sent.send("after", "m")
    other = run.pipeline.state.ledger.notifiers["other"]
    await run.until(lambda: (run.account.delivered, other.delivered) == (2, 1))

    assert FIRING[0] == taken(endpoint)[0][0]
    assert ["🟡 FIRING: after"] * 2 == [header for header, _ in taken(endpoint)[1:]]
    assert 1 == run.page()['headrig_alerts{state="firing",threshold="errors"}']


@pytest.mark.asyncio
async def test_alerts_that_fail_stop_nobody(alerting, caplog):
    """
    A failure while thresholds are looked at is one line in the log; lines go on.
    """
    run = await alerting(rule())

    def fail(*_):
        raise RuntimeError("canary")

    run.alerting.evaluation._evaluator._next = fail
    with caplog.at_level(logging.WARNING, "headrig"):
        await feed(run, [requests(NOW_SECONDS, 2, 2)])
        await run.until(lambda: "thresholds could not be looked at: RuntimeError" in caplog.text)

    assert "canary" not in caplog.text


@pytest.mark.asyncio
async def test_a_source_far_behind(alerting, caplog):
    """
    A source that is read and far behind the clock is said to be, and a silent one is not.
    """
    run = await alerting(rule())
    with caplog.at_level(logging.WARNING, "headrig"):
        await feed(run, [requests(NOW_SECONDS - 900, 2, 2)])
        run.alerting.evaluation._warn_of_lanes()
        run.clock.now += 20
        run.alerting.evaluation._warn_of_lanes()
        await feed(run, [requests(run.clock.now, 2, 2)])
        run.clock.now += 600
        run.alerting.evaluation._warn_of_lanes()
        run.clock.now += 600
        run.alerting.evaluation._warn_of_lanes()

    said = [record.getMessage() for record in caplog.records]
    assert said[0] == "sources.in is 900 s behind the clock: thresholds wait until it catches up"
    assert [] == [text for text in said if "is 1200 s" in text]
