"""`headrig run` from outside: lines over TCP alone, and what a Slack-shaped endpoint then gets."""

import json
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest
from headrig_process import Run, headrig
from running import until

SETTINGS = """
[http]
listen = "127.0.0.1:0"
[sources.in]
type = "tcp"
listen = "127.0.0.1:0"
[sinks.out]
type = "file"
path = "app.log"
[limits]
retry_first_seconds = "100ms"
[notifiers.console]
type = "console"
[notifiers.slack]
type = "slack"
url = "${HOOK}"
"""
HIGH_ERROR_RATE = """
[thresholds.high-error-rate]
metric = "error.rate"
operator = "gt"
value = 5
window_seconds = "5m"
severity = "critical"
category = "error"
title = "High Error Rate"
message = "Error rate is ${value}%, threshold is ${threshold}%"
"""


class Hook:
    """A webhook that answers as it is told, then `ok`."""

    def __init__(self) -> None:
        self.url = ""
        self.taken: list[dict] = []
        self.answers: list[tuple[int, str, dict[str, str]]] = []

    @property
    def messages(self) -> list[tuple[str, str]]:
        """Status and message, as they came."""
        shown = [[block["text"]["text"] for block in body["blocks"][:2]] for body in self.taken]
        return [(header.split()[1].rstrip(":"), message) for header, message in shown]


@contextmanager
def hooked() -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            code, text, headers = hook.answers.pop(0) if hook.answers else (200, "ok", {})
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())
            if code == 200:
                hook.taken.append(body)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        hook.url = f"http://127.0.0.1:{server.server_port}/services/hookcanary"
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


def service_log(seconds: int, bad_from: int, bad_to: int, percent: float) -> bytes:
    """
    What a service wrote up to now, two requests a second with other lines between them: in the bad time so many per
    cent of the requests are answered with 503, and before and after one per cent.
    """
    chance = Random(7)
    begin = time.time() - seconds
    lines = []
    for half in range(seconds * 2):
        at = half / 2
        bad = chance.random() * 100 < (percent if bad_from <= at < bad_to else 1)
        common = {"time": begin + at, "logger": "app.api", "traceId": f"{half:032x}", "route": "/api/v1/orders"}
        lines.append({**common, "level": "INFO", "event": "request_started", "status": 200})
        status = 503 if bad else 200
        lines.append({**common, "level": "INFO", "event": "request_completed", "status": status, "duration": 12.5})
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "headrig.toml").write_text(SETTINGS + HIGH_ERROR_RATE)
    return tmp_path / "headrig.toml"


def test_the_runbooks_high_error_rate(settings):
    """
    The runbook's threshold fires exactly once and resolves exactly once, by lines over TCP alone, in the runbook's words.
    """
    with hooked() as hook, Run("-c", "headrig.toml", cwd=settings.parent, HOOK=hook.url) as run:
        run.send(service_log(1200, 300, 600, 40))
        until(lambda: len(hook.taken) == 2)
        run.signal(signal.SIGTERM)
        assert 0 == run.end()
        messages = hook.messages
    values = [float(message.removeprefix("Error rate is ").split("%")[0]) for _, message in messages]

    assert ["FIRING", "RESOLVED"] == [status for status, _ in messages]
    assert all(message.endswith("%, threshold is 5%") for _, message in messages)
    assert values[0] > 5 >= values[1]
    assert [
        " FIRING critical high-error-rate: High Error Rate: ",
        " RESOLVED critical high-error-rate: High Error Rate: ",
    ] == [line.partition("Z")[2].partition("Error rate is")[0] for line in run.said if " critical " in line]
    assert not any("hookcanary" in line for line in run.said)


def test_reload_and_a_slack_that_is_down(settings):
    """
    While Slack is down lines go on and notices wait; SIGHUP removes the threshold, and both notices come, in order.
    """
    with hooked() as hook, Run("-c", "headrig.toml", cwd=settings.parent, HOOK=hook.url) as run:
        hook.answers = [(503, "", {})] * 3
        run.send(service_log(600, 100, 600, 40))
        run.until("FIRING critical high-error-rate")
        settings.write_text(SETTINGS + "[thresholds.high-error-rate]\nenabled = false\n")
        run.signal(signal.SIGHUP)
        run.until("RESOLVED (threshold removed) critical high-error-rate")
        run.send(b'{"n":1}\n')
        until(lambda: b'{"n":1}\n' in (settings.parent / "app.log").read_bytes())
        until(lambda: len(hook.taken) == 2)
        run.signal(signal.SIGTERM)
        assert 0 == run.end()

    assert ["FIRING", "RESOLVED"] == [status for status, _ in hook.messages]


def metrics(run) -> dict[str, float]:
    """Every sample on its page."""
    host, port = run.address("shows   http://")
    with urllib.request.urlopen(f"http://{host}:{port}/metrics") as page:
        lines = page.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


UNTIMED = [
    b"Traceback (most recent call last):\n",
    b'{"timestamp":null}\n',
    b'{"time":"30/Nov/2026:02:01:09 +0000","level":"ERROR"}\n',
    b"[1]\n",
    b'{"time":20261130014653}\n',
]


@pytest.mark.timeout(60)
def test_lines_without_a_time(settings):
    """
    Lines whose time cannot be read, first, last and in the middle of a backlog, change nothing of what it alerts; they
    are counted.
    """
    lines = service_log(1200, 300, 600, 40).splitlines(keepends=True)
    found = []
    for untimed in ([], UNTIMED):
        every = len(lines) // 6
        parts = [lines[start : start + every] for start in range(0, len(lines), every)]
        sent = b"".join(b"".join(untimed + part) for part in parts) + b"".join(untimed)
        with hooked() as hook, Run("-c", "headrig.toml", cwd=settings.parent, HOOK=hook.url) as run:
            run.send(sent)
            until(lambda hook=hook: len(hook.taken) == 2)
            page = metrics(run)
            run.signal(signal.SIGTERM)
            assert 0 == run.end()
            found.append(hook.messages)

    assert found[0] == found[1]
    times = len(parts) + 1
    counted = {reason: page[f'headrig_untimed_events_total{{reason="{reason}"}}'] for reason in ("null", "unreadable")}
    assert {"null": times, "unreadable": times} == counted
    assert 0 == page['headrig_window_events_dropped_total{reason="late"}']


def test_half_set_channel(tmp_path):
    """
    A half-set channel ends the start with 78 and the name of the missing variable.
    """
    done = headrig("run", cwd=tmp_path, TELEGRAM_BOT_TOKEN="bot-canary")
    said = done.stderr.decode()

    assert 78 == done.returncode
    assert "environment: TELEGRAM_CHAT_ID: is not set, though TELEGRAM_BOT_TOKEN is" in said
    assert "canary" not in said


def test_channels_to_come(tmp_path):
    """
    A complete one that is not built yet is a warning at the start.
    """
    with Run(cwd=tmp_path, TELEGRAM_BOT_TOKEN="bot-canary", TELEGRAM_CHAT_ID="1", PORT="0") as run:
        run.signal(signal.SIGTERM)
        assert 0 == run.end()

    assert 1 == sum("notices are not delivered by Telegram yet" in line for line in run.said)
    assert not any("canary" in line for line in run.said)
