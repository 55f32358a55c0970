"""A service's own thresholds, recorded metrics and alerts: from a call to the notice at an endpoint shaped like Slack."""

import asyncio
import json
import threading
from contextlib import contextmanager

import endpoint
import pytest
from aiohttp import web
from service_process import service

import headrig
from headrig.errors import ConfigError

RUNBOOK = """
headrig.register_threshold("high-error-rate", {
    "metric": "error.rate",
    "operator": "gt",
    "value": 5,
    "window": 300000,
    "severity": headrig.Severity.CRITICAL,
    "category": headrig.Category.ERROR,
    "title": "High Error Rate",
    "message": "Error rate is ${value}%, threshold is ${threshold}%",
})
"""
START = """
import logging, os, sys, threading
import headrig
from headrig.service.api import service
"""
TIME = """
now = [1_795_000_003.0]
service.clock = lambda: now[0]
def advance(seconds):
    # Look at the thresholds as often as time passes a tick, and wait until that is done.
    for _ in range(int(seconds // 10)):
        now[0] += 10
        looked = threading.Event()
        background = service.background()
        async def look():
            await background.pipeline.alerting.evaluation.advance()
            looked.set()
        assert background.call(lambda: background.pipeline.components._tasks.create_task(look()))
        assert looked.wait(60)
"""
"""A clock that stands still between the steps of a test."""


@contextmanager
def slack():
    """An endpoint that answers as Slack does, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def ok(_: web.Request) -> web.StreamResponse:
        return web.Response(text="ok")

    server = endpoint.serving()
    try:
        there = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(5)
        there.answers = [ok] * 100
        yield there
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def texts(there) -> list[str]:
    return [json.dumps(json.loads(body), ensure_ascii=False) for body in there.accepted]


def test_runbooks_threshold_fires_once_and_resolves_once(tmp_path):
    """
    The runbook's threshold, its mapping verbatim, on recorded values: one notice when the mean over the window is above,
    one when it is not any more, with the message as the runbook's template says.
    """
    code = (
        START
        + TIME
        + RUNBOOK
        + """
headrig.install()
for value in (10, 5): headrig.record_metric("error.rate", value)
advance(60)
for value in (0, 0, 0): headrig.record_metric("error.rate", value)
advance(60)
"""
    )
    with slack() as there:
        done = service(code, tmp_path, LOG_FILE="app.log", SLACK_WEBHOOK_URL=there.url + "/services/fake")
        found = texts(there)

    assert 0 == done.returncode, done.stderr
    assert 2 == len(found)
    assert "Error rate is 7.5%, threshold is 5%" in found[0]
    assert "Error rate is 3%, threshold is 5%" in found[1]
    assert "fake" not in done.stderr + (tmp_path / "app.log").read_text()


def test_lines_feed_the_presets(tmp_path):
    """
    With a channel set, the runbook's presets judge the service's own lines, without a call for it.
    """
    code = (
        START
        + TIME
        + """
headrig.install()
log = logging.getLogger("app")
def requests(seconds, status):
    for _ in range(int(seconds // 10)):
        for n in range(30):
            record = log.makeRecord("app", 20, "", 0, "done", (), None,
                extra={"event": "request_completed", "route": "/a", "method": "GET", "status": status, "duration": 5})
            record.created = now[0]
            log.handle(record)
        assert service.handlers[0]._core.flush(5.0)
        advance(10)
requests(500, 500)
requests(200, 200)
advance(60)
"""
    )
    with slack() as there:
        done = service(code, tmp_path, LOG_FILE="app.log", SLACK_WEBHOOK_URL=there.url)
        found = texts(there)

    assert 0 == done.returncode, done.stderr
    assert ["Error rate is 100%, threshold is 5%" in text for text in found] == [True, False]


def test_sent_alerts(tmp_path):
    """
    An alert that is sent is told of once, however often its key comes again, redacted; its end is told of once.
    """
    code = (
        START
        + """
key = headrig.send_alert("Disk full", "password=fake-hunter2-fake", severity="critical", labels={"disk": "a"})
headrig.install()
assert key == headrig.send_alert("Disk full", "again", severity="critical", key=key)
assert headrig.send_alert("Other", "x", key="mine") == "mine"
headrig.resolve_alert(key)
headrig.resolve_alert(key)
headrig.resolve_alert("nobody")
"""
    )
    with slack() as there:
        done = service(code, tmp_path, LOG_FILE="app.log", SLACK_WEBHOOK_URL=there.url)
        found = texts(there)

    assert 0 == done.returncode, done.stderr
    assert 3 == len(found)
    assert ["Disk full" in text for text in found] == [True, False, True]
    assert "hunter2" not in "".join(found)
    assert 3 == len(done.stderr.splitlines())


def test_signal_handlers_may_send(tmp_path):
    """
    An alert that is sent in the middle of sending another one, at any point of it, waits for nothing and gets out.
    """
    code = (
        START
        + """
sent = 0
def interrupt(frame, event, arg):
    global sent
    sys.setprofile(None)
    headrig.send_alert("inner", "m")
    headrig.record_metric("queue.length", 1)
    headrig.flush(0)
    sent += 1
    sys.setprofile(interrupt)
headrig.install(path="app.log")
headrig.send_alert("outer", "m")
assert headrig.flush(5)
sys.setprofile(interrupt)
headrig.send_alert("outer", "m")
sys.setprofile(None)
assert headrig.flush(5)
print(sent)
"""
    )
    done = service(code, tmp_path)

    assert 0 == done.returncode, done.stderr
    assert 10 < int(done.stdout) == done.stderr.count("inner")
    assert 2 == done.stderr.count("outer")


def test_console_is_enough(tmp_path):
    """
    Without a channel, a registered threshold is judged and told of on standard error, and the presets are not.
    """
    code = START + TIME + RUNBOOK + "headrig.install()\nheadrig.record_metric('error.rate', 50)\nadvance(30)\n"
    done = service(code, tmp_path, LOG_FILE="app.log")
    (said,) = done.stderr.splitlines()

    assert 0 == done.returncode
    assert "FIRING critical high-error-rate: High Error Rate: Error rate is 50%, threshold is 5%" in said


def test_another_threshold_while_it_runs(tmp_path):
    """
    A threshold that is registered later joins the others; values recorded before it still count.
    """
    code = (
        START
        + TIME
        + RUNBOOK
        + """
headrig.install()
headrig.record_metric("error.rate", 50)
advance(30)
headrig.register_threshold("queue", metric="queue.length", operator="gt", value=10, window="1m", severity="warning",
    category="system", title="Queue", message="${value} wait", group_by=("name",))
headrig.record_metric("queue.length", 20, labels={"name": "mail"})
headrig.record_metric("queue.length", 5, labels={"name": "print"})
advance(30)
"""
    )
    done = service(code, tmp_path, LOG_FILE="app.log")
    said = done.stderr.splitlines()

    assert 0 == done.returncode, done.stderr
    assert 2 == len(said)
    assert "FIRING critical high-error-rate" in said[0]
    assert 'FIRING warning queue: Queue: 20 wait {name="mail"}' in said[1]


def test_a_service_that_ships_judges_nothing(tmp_path):
    """
    With `to`, thresholds are said once to be judged elsewhere, and alerts become lines.
    """
    code = (
        START
        + RUNBOOK
        + RUNBOOK.replace("high-error-rate", "other")
        + """
import headrig.service.handler
headrig.service.handler.flush.__defaults__ = (0.1,)
headrig.install(to="unix:nobody.sock")
logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
headrig.register_threshold("third", metric="x", operator="gt", value=1, window=60, severity="info", category="c",
    title="t", message="m")
headrig.record_metric("error.rate", 50)
headrig.send_alert("Disk full", "soon")
"""
    )
    done = service(code, tmp_path)

    assert 0 == done.returncode, done.stderr
    assert 1 == done.stdout.count("recorded metrics are judged in no other process")
    assert "Disk full: soon" in done.stdout
    assert "FIRING" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SMTP_HOST": "h"}, "environment: ALERT_EMAIL_FROM: is not set, though SMTP_HOST is"),
        ({"TELEGRAM_BOT_TOKEN": "fake"}, "environment: TELEGRAM_CHAT_ID: is not set, though TELEGRAM_BOT_TOKEN is"),
        ({"SLACK_WEBHOOK_URL": "hooks.slack.com/fake"}, "environment: SLACK_WEBHOOK_URL: "),
    ],
)
def test_half_set_channels(variables, said, tmp_path):
    """
    A channel that is half set, or whose address is none, is an error at once that names the variable.
    """
    done = service("import headrig\nheadrig.install()", tmp_path, LOG_FILE="app.log", **variables)

    assert 1 == done.returncode
    assert said in done.stderr
    assert "fake" not in done.stderr


def test_whole_channels_that_nothing_is_delivered_to_yet(tmp_path):
    """
    Telegram and mail are accepted, with one warning each that nothing is delivered there yet.
    """
    variables = {"TELEGRAM_BOT_TOKEN": "fake", "TELEGRAM_CHAT_ID": "1"}
    done = service("import headrig\nheadrig.install()", tmp_path, LOG_FILE="app.log", **variables)
    found = [json.loads(line) for line in (tmp_path / "app.log").read_text().splitlines()]

    assert 0 == done.returncode, done.stderr
    assert [("WARN", True)] == [
        (event["level"], "not delivered by Telegram yet" in event["message"]) for event in found
    ]


def test_dead_channel(tmp_path):
    """
    A channel that does not answer holds up neither calls nor the exit, which tells what is lost.
    """
    code = "import headrig.service.handler\nheadrig.service.handler.flush.__defaults__ = (0.5,)\n" + START
    code += "headrig.install()\nheadrig.send_alert('Disk full', 'soon')\n"
    done = service(code, tmp_path, LOG_FILE="app.log", SLACK_WEBHOOK_URL="http://127.0.0.1:1/fake")

    assert 0 == done.returncode
    assert "headrig: gave up at exit: notices not delivered: 1" == done.stderr.splitlines()[-1]
    assert "fake" not in done.stderr


def test_calls_before_install_are_bounded(tmp_path):
    """
    So many calls are kept until `install`; that more were made is said.
    """
    code = START + "for n in range(1500): headrig.record_metric('x', n)\nheadrig.install()\n"
    done = service(code, tmp_path, LOG_FILE="app.log")

    assert 0 == done.returncode, done.stderr
    assert "500 calls before install() were dropped" in (tmp_path / "app.log").read_text()


@pytest.mark.parametrize(
    "call",
    [
        lambda: headrig.send_alert("t", "m", severity="loud"),
        lambda: headrig.register_threshold("x", {"metric": "m", "operator": "about"}),
        lambda: headrig.register_threshold("x", metric="m", operator="gt", value=1, window="soon"),
    ],
)
def test_wrong_arguments_raise_at_the_call(call):
    """
    What can be seen wrong is raised where it was written.
    """
    with pytest.raises((ValueError, TypeError, ConfigError)):
        call()


def test_a_file_alone_loads_nothing_for_recorded_metrics(tmp_path):
    """
    Recording a metric needs no thread and no library.
    """
    code = START + "headrig.install()\nheadrig.record_metric('x', 1)\nheadrig.flush()\n"
    code += 'assert [] == sorted({"msgspec", "asyncio", "aiohttp", "prometheus_client"} & set(sys.modules))\n'
    code += "assert 1 == threading.active_count()\n"
    done = service(code, tmp_path, LOG_FILE="app.log")

    assert (0, "") == (done.returncode, done.stderr)
