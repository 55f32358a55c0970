"""Notices at a Slack-shaped endpoint: what is posted, what its answers mean, and that its address stays secret."""

import json
import logging

import pytest
import pytest_asyncio
from alerting_run import HOOK, TCP, Clock, always, ok, settings, slack, taken
from endpoint import Pauses, hang, reset, serving, status

from headrig import telemetry
from headrig.limits import Limits
from headrig.model import Notice, Severity
from headrig.notifiers import SlackConfig
from headrig.notifiers.slack import CONTEXT_CHARACTERS_MAX, HEADER_CHARACTERS_MAX, SECTION_CHARACTERS_MAX, body

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def endpoint():
    async with serving() as served:
        served.answers = always()
        yield served


@pytest.fixture
def alerting(start, memory, endpoint):
    """Start with one webhook, whose waits a test lets go."""

    async def starter(limits=None, **more):
        clock = Clock()
        limits = limits or Limits(drain_seconds=0.3)
        run = await start(TCP, memory, clock=clock, limits=limits, **settings(notifiers=slack(endpoint, **more)))
        run.pipeline.state.pause = run.pauses = Pauses()
        run.clock, run.account = clock, run.pipeline.state.ledger.notifiers["slack"]
        run.alerting = run.pipeline.alerting
        return run

    return starter


async def test_posts(alerting, endpoint):
    """
    An alert is a header, the message as it is, and what, where and when; `text` is there for what shows no blocks.
    """
    run = await alerting()
    key = run.alerting.sent.send(
        "Disk <full> & so", "5 > 4", severity="high", category="system", labels={"host": "a&b"}
    )
    run.alerting.sent.resolve(key)
    await run.until(lambda: run.account.delivered == 2)
    path, headers, sent = endpoint.requests[0]
    posted = json.loads(sent)

    assert (HOOK, "application/json; charset=utf-8") == (path, headers["Content-Type"])
    assert [
        ("🟠 FIRING: Disk &lt;full&gt; &amp; so", "5 &gt; 4"),
        ("✅ RESOLVED: Disk &lt;full&gt; &amp; so", "5 &gt; 4"),
    ] == taken(endpoint)
    assert "🟠 FIRING: Disk &lt;full&gt; &amp; so\n5 &gt; 4" == posted["text"]
    assert "high · system · 2026-11-18 11:06:40 UTC · host=a&amp;b" == posted["blocks"][2]["elements"][0]["text"]


def long_notice(text):
    return Notice(
        key="k",
        status="firing",
        reason="threshold",
        title=text,
        message=text,
        severity=Severity.INFO,
        category="c",
        labels={"a": text},
        time_seconds=0.0,
        since_seconds=0.0,
    )


@pytest.mark.parametrize("text", ["x" * 9000, "&" * 9000, "😀" * 9000, "&<>" * 3000, ""])
async def test_limits_of_slack(text):
    """
    Whatever is in a notice, no block is longer than Slack takes, none is empty, and no escape is cut.
    """
    made = body(long_notice(text))
    header, section, context = made["blocks"]

    assert 1 <= len(header["text"]["text"]) <= HEADER_CHARACTERS_MAX
    assert 1 <= len(section["text"]["text"]) <= SECTION_CHARACTERS_MAX
    assert 1 <= len(context["elements"][0]["text"]) <= CONTEXT_CHARACTERS_MAX
    assert len(made["text"]) <= SECTION_CHARACTERS_MAX
    for shown in (section["text"]["text"], header["text"]["text"]):
        bare = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
        assert not set("&<>") & set(bare)


async def test_retry_after_is_honoured(alerting, endpoint):
    """
    After 429 nothing is sent before the time asked for, which no hurry shortens; order is kept.
    """
    endpoint.answers = always(status(429, "rate_limited", Retry_After="30"))
    run = await alerting()
    for n in range(3):
        run.alerting.sent.send(f"alert {n}", "m")
    await run.until(lambda: run.pauses.asked)
    assert (30.0, 1) == (run.pauses.asked[0], len(endpoint.requests))
    await run.pipeline.flush()
    assert 1 == len(endpoint.requests)
    run.pauses.let_go()
    await run.until(lambda: run.account.delivered == 3)

    assert [f"🟡 FIRING: alert {n}" for n in (0, 0, 1, 2)] == [header for header, _ in taken(endpoint)]
    assert 1 == run.pipeline.state.metrics.value(telemetry.NOTICE_FAILURES, "slack", "rate_limit")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(500, "rollup_error"), "server"),
        (status(503), "server"),
        (status(408), "timeout"),
        (status(200, "thanks"), "other"),
        (status(204), "other"),
        (reset, "io"),
        (hang, "timeout"),
    ],
)
async def test_comes_again(alerting, endpoint, answer, reason):
    """
    Trouble of the server's, no answer, and a yes that is not Slack's: the same notice comes again.
    """
    endpoint.answers = always(answer)
    run = await alerting(timeout_seconds=0.2)
    run.alerting.sent.send("title", "message")
    await run.until(lambda: run.pauses.asked)
    run.pauses.let_go()
    await run.until(lambda: run.account.delivered == 1)

    assert 2 == len(endpoint.requests)
    assert 1 == run.pipeline.state.metrics.value(telemetry.NOTICE_FAILURES, "slack", reason)


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (400, "invalid_payload", "client"),
        (403, "invalid_token", "auth"),
        (404, "no_service", "client"),
        (410, "channel_is_archived", "client"),
        (302, "", "client"),
    ],
)
async def test_given_up(alerting, endpoint, caplog, code, text, reason):
    """
    What Slack refuses for good is lost, visibly: counted, logged with Slack's own word; the next notice is sent.
    """
    endpoint.answers = always(status(code, text))
    run = await alerting()
    with caplog.at_level(logging.WARNING, "headrig"):
        run.alerting.sent.send("first", "message")
        run.alerting.sent.send("second", "message")
        await run.until(lambda: run.account.delivered == 1)

    assert {reason: 1} == dict(run.account.dropped)
    assert 2 == len(endpoint.requests)
    assert f"notifiers.slack: Slack answered {code}" in caplog.text
    assert text in caplog.text
    assert "the notice 'first' (firing) is lost" in caplog.text
    assert 1.0 == run.page()[f'headrig_notices_dropped_total{{component_id="slack",reason="{reason}"}}']


async def test_given_up_after_a_day(alerting, endpoint):
    """
    A notice that could not be delivered within 24 hours is lost, counted.
    """
    endpoint.answers = always(status(503), status(503))
    run = await alerting()
    run.alerting.sent.send("title", "message")
    await run.until(lambda: len(run.pauses.asked) == 1)
    run.clock.now += 86_400
    run.pauses.let_go()
    await run.until(lambda: run.account.dropped.total() == 1)

    assert {"expired": 1} == dict(run.account.dropped)


async def test_stop(alerting, endpoint, caplog):
    """
    At a stop what waits is tried once more; what then still waits is counted and logged.
    """
    endpoint.answers = always(status(429, Retry_After="30"))
    run = await alerting()
    run.alerting.sent.send("first", "message")
    run.alerting.sent.send("second", "message")
    await run.until(lambda: run.pauses.asked)
    await run.stop()

    assert {"shutdown": 2} == dict(run.account.dropped)
    assert "the notice 'second' (firing) is lost: shutdown" in caplog.text


async def test_stop_delivers(alerting, endpoint):
    """
    A stop does not wait for the back-off: what Slack takes now is delivered.
    """
    endpoint.answers = always(status(503))
    run = await alerting(limits=Limits(drain_seconds=5.0))
    run.alerting.sent.send("first", "message")
    await run.until(lambda: run.pauses.asked)
    await run.stop()

    assert (1, 0) == (run.account.delivered, run.account.dropped.total())


async def test_the_address_is_secret(alerting, endpoint, caplog):
    """
    The webhook's path is in no log, no metric and no text of its settings, whatever goes wrong.
    """
    wrong = [status(500, HOOK), status(404, HOOK), reset, hang, status(200, HOOK)]
    endpoint.answers = always(*wrong)
    with caplog.at_level(logging.DEBUG):
        run = await alerting(timeout_seconds=0.2)
        run.pauses.let_go(10)
        run.alerting.sent.send("one", "message")
        run.alerting.sent.send("two", "message")
        await run.until(lambda: run.account.waiting() == 0)
        page = run.page()

    assert "hookcanary" not in caplog.text + repr(page) + repr(run.pipeline.config.notifiers)


async def test_secrets_stay_here(alerting, endpoint):
    """
    What an application puts into an alert is redacted like a line, keys of labels included.
    """
    run = await alerting()
    secret = "ghp_" + "0" * 36
    run.alerting.sent.send(
        f"token {secret}", f"password=hunter2 {secret}", labels={"api_key": "fake-key", "host": secret}
    )
    await run.until(lambda: run.account.delivered == 1)
    sent = endpoint.requests[0][2].decode()

    assert [] == [text for text in (secret, "hunter2", "fake-key") if text in sent]
    assert "[REDACTED:github_token]" in sent


@pytest.mark.parametrize(
    ("settings_", "complaint"),
    [
        ({}, "notifiers.s.url: missing; add url = … or url_file = …"),
        ({"url": "hooks.slack.com/x"}, "notifiers.s.url: not an address; write https://host/path"),
        ({"url": "ftp://hooks.slack.com/x"}, "notifiers.s.url: not an address; write https://host/path"),
    ],
)
async def test_wrong_settings(settings_, complaint):
    """
    What is wrong with a webhook is said without it.
    """
    assert [complaint] == [str(problem) for problem in SlackConfig(**settings_).problems("notifiers.s")]


async def test_ok(endpoint):
    """
    The endpoint of these tests says yes as Slack does.
    """
    assert b"ok" == (await ok(None)).body
