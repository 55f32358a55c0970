"""`/health`: what is well, what is not and why, and what only a restart helps. Each component by its name in the settings."""

import asyncio

import msgspec
import pytest
import pytest_asyncio
from alerting_run import TCP, Clock, always, requests, rule, settings, slack
from endpoint import Pauses, serving, status

from headrig.limits import JUDGED_SECONDS_MAX, MISSED_SECONDS
from headrig.notifiers import ConsoleConfig
from headrig.web.views import ComponentHealth, Health

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def endpoint():
    async with serving() as served:
        yield served


@pytest.fixture
def watched(start, memory):
    """A run with a threshold and a clock that the test moves."""

    async def starter(*rules, notifiers=None, **more):
        clock = Clock()
        run = await start(TCP, memory, clock=clock, **settings(*(rules or [rule()]), notifiers=notifiers), **more)
        run.clock = clock
        run.pauses = run.pipeline.state.pause = Pauses()
        run.alerting = run.pipeline.alerting
        return run

    return starter


def in_seconds(run, seconds):
    """Let the loop of the alert path believe that so much time has passed, and nobody has looked."""
    run.alerting.evaluation._looked_at -= seconds


async def test_every_component_is_there(watched):
    """
    Sources, sinks, notifiers and thresholds are all named, also while they are well, each with the same three facts.
    """
    run = await watched(notifiers={"console": ConsoleConfig()})
    shown = msgspec.json.decode(msgspec.json.encode(run.pipeline.status.health()))
    well = {"status": "ok", "reason": "", "since_seconds": run.clock.now}

    assert "ok" == shown["status"]
    assert (
        dict.fromkeys(["sources.in", "sinks.out", "notifiers.console", "thresholds.errors"], well)
        == shown["components"]
    )


async def test_since(watched):
    """
    What is well says since when it has been seen so: from the first look, and anew after it was not.
    """
    run = await watched()

    def since():
        return run.pipeline.status.health().components["thresholds.errors"]

    first, run.clock.now = run.clock.now, run.clock.now + 5
    assert ("ok", first + 5) == (since().status, since().since_seconds)
    in_seconds(run, JUDGED_SECONDS_MAX + 1)
    assert "degraded" == since().status
    run.clock.now += 5
    await run.alerting.evaluation.advance()
    assert ("ok", first + 10) == (since().status, since().since_seconds)


def kill(run, at):
    """End the task of a component, and give back what it was."""
    kind, _, name = at.partition(".")
    running, task = {
        "sources": lambda: (run.pipeline.state.sources[name], "processing"),
        "sinks": lambda: (run.pipeline.state.sinks[name], "writing"),
        "notifiers": lambda: (run.alerting.notifiers._running[name], "sending"),
        "thresholds": lambda: (run.alerting.evaluation, "_watching"),
    }[kind]()
    before = getattr(running, task)
    ended = asyncio.get_running_loop().create_future()
    ended.set_result(None)
    setattr(running, task, ended)
    return lambda: setattr(running, task, before)


@pytest.mark.parametrize("at", ["sources.in", "sinks.out", "notifiers.console", "thresholds.errors"])
async def test_dead(watched, at):
    """
    Whatever has ended and should not have is dead, and the run no longer good. While it drains, all are to end.
    """
    run = await watched(notifiers={"console": ConsoleConfig()})
    undo = kill(run, at)
    health = run.pipeline.status.health()
    run.pipeline.state.draining = True
    draining = run.pipeline.status.health()
    run.pipeline.state.draining = False
    undo()

    assert {at} == {name for name, each in health.components.items() if each.status == "dead"}
    assert ("degraded", False) == (health.status, health.good())
    assert ("draining", False, "ok") == (draining.status, draining.good(), draining.components[at].status)


@pytest.mark.parametrize("answer", [status(404), status(503), status(400)])
async def test_channel_that_fails(watched, endpoint, answer):
    """
    A notifier is degraded from the first notice that fails, whatever became of it, until one is taken.
    """
    endpoint.answers = [answer, *always()]
    run = await watched(notifiers=slack(endpoint))
    run.alerting.sent.send("first", "of two", key="a")
    await run.until(run.health)
    found = run.pipeline.status.health().components["notifiers.slack"]
    assert ("degraded", run.clock.now) == (found.status, found.since_seconds)
    assert found.reason.startswith("Slack answered ")
    run.pauses.let_go()
    run.alerting.sent.send("second", "of two", key="b")

    await run.until(lambda: not run.health())


async def test_thresholds_that_fail(watched, monkeypatch):
    """
    When the thresholds cannot be looked at, each says so until they can; the text of the error, which may quote, is not told.
    """
    run = await watched(rule(), rule("others", metric="latency.p95"))
    really = run.alerting.evaluation._evaluator.advance

    async def fail(*_):
        raise RuntimeError("canary")

    run.alerting.evaluation._evaluator.advance = fail
    run.clock.now += 20
    await run.alerting.evaluation.advance()
    said = ("degraded", "thresholds could not be looked at: RuntimeError")
    assert {"thresholds.errors": said, "thresholds.others": said} == run.health()
    run.alerting.evaluation._evaluator.advance = really
    await run.alerting.evaluation.advance()

    assert {} == run.health()


async def test_thresholds_that_nobody_looks_at(watched):
    """
    A look that does not end is no look.
    """
    run = await watched()
    in_seconds(run, JUDGED_SECONDS_MAX - 1)
    assert {} == run.health()
    in_seconds(run, 2)

    assert {"thresholds.errors": ("degraded", "it was last looked at 11 s ago")} == run.health()


async def test_threshold_with_too_many_alerts(watched, monkeypatch):
    """
    A threshold with label sets that have no alerts says so, and no other one.
    """
    monkeypatch.setattr("headrig.alerts.machine.ALERTS_PER_THRESHOLD_MAX", 1)
    monkeypatch.setattr("headrig.runtime.evaluation.ALERTS_PER_THRESHOLD_MAX", 1)
    run = await watched(rule(), rule("each", group_by=["route"]))
    now = run.clock.now
    await run.send(requests(now - 40, 0, 1) + requests(now - 40, 0, 1, route="/b") + requests(now, 1, 0))
    await run.until(run.health)
    text = "it has more than 1 label sets: the others have no alerts"
    assert {"thresholds.each": ("degraded", text)} == run.health()


async def test_threshold_that_waits_for_a_source(watched):
    """
    While a source is read that is far behind the clock, thresholds on events wait, and say for what.
    """
    run = await watched()
    await run.send(requests(run.clock.now - 900, 1, 0))
    await run.until(lambda: run.pipeline.state.engine.lanes_behind(run.clock.now))
    run.alerting.evaluation._warn_of_lanes()
    text = "sources.in is 900 s behind the clock: thresholds wait until it catches up"
    assert {"thresholds.errors": ("degraded", text)} == run.health()
    run.alerting.evaluation._warn_of_lanes()

    assert {} == run.health()


async def test_threshold_that_missed_events(watched, monkeypatch):
    """
    When windows had no room for events, thresholds say so for a minute after the last one.
    """
    run = await watched()
    evaluation, counts = run.alerting.evaluation, {"window_dropped": 0.0, "unjudged": 0.0}
    monkeypatch.setattr(evaluation, "_engine", Counting(evaluation._engine, counts))

    def look(**more):
        counts.update(more)
        evaluation._note_missed()
        return run.health()

    assert {} == look()
    said = {"thresholds.errors": ("degraded", "windows had no room for 3 events so far: raise windows.bytes_max")}
    assert said == look(window_dropped=2.0, unjudged=1.0)
    assert said == look()
    evaluation._missed_until -= MISSED_SECONDS
    assert {} == look()
    # Another engine begins to count anew.
    assert {} == look(window_dropped=0.0, unjudged=0.0)
    assert ["thresholds.errors"] == list(look(unjudged=1.0))


class Counting:
    """An engine with counts of its own."""

    def __init__(self, engine, counts):
        self._engine = engine
        self._counts = counts

    def __getattr__(self, name):
        return getattr(self._engine, name)

    def state(self):
        return self._counts


async def test_learned(start, memory):
    """
    What was learned from the environment and from files is a count, and so are the files that were skipped: no fault, for
    a keystore is no text either.
    """
    spec = {"redact": {"learned": ["zq81-xk+q0aPw9"], "learned_files_skipped": 2}}
    run = await start(TCP, memory, engine_spec=msgspec.json.encode(spec))
    health = run.pipeline.status.health()
    found = health.components["redact.learn"]

    assert ("ok", "ok", "learned values: 1, skipped files: 2") == (health.status, found.status, found.reason)
    page = (await run.pipeline.status.metrics_page()).decode()
    assert "headrig_learned_values 1.0\n" in page
    assert "headrig_learned_files_skipped 2.0\n" in page


async def test_good():
    """
    Degraded is good unless it is asked strictly; draining and dead never are.
    """

    def health(name, *parts):
        return Health(name, {str(at): ComponentHealth(part, "", 0.0) for at, part in enumerate(parts)})

    cases = [health("ok", "ok"), health("degraded", "ok", "degraded"), health("degraded", "dead"), health("draining")]
    assert [(True, True), (True, False), (False, False), (False, False)] == [
        (each.good(), each.good(strict=True)) for each in cases
    ]
