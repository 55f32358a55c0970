"""`headrig.metrics()` and `HEADRIG_HTTP_LISTEN`: the page of a service, in its own server or in a thread of headrig's."""

import asyncio
import json
import os
import socket
import urllib.request
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from running import free_port, until
from service_process import service, started

from headrig.web.apps import MetricsApp

START = "import logging, os, sys, headrig\nhandler = headrig.install()\nlog = logging.getLogger('app')\n"
REQUEST = "log.info('done', extra={'event': 'request_completed', 'route': '/a', 'method': 'GET', 'status': 200})\n"


@pytest.fixture
def app():
    return MetricsApp(lambda: b"page\n")


def asgi(app, method: str = "GET", kind: str = "http", calls: int = 1) -> list[dict]:
    sent: list[dict] = []
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}] if kind == "lifespan" else []

    async def receive() -> dict:
        return events.pop(0)

    async def send(event: dict) -> None:
        sent.append(event)

    scope = {"type": kind, "method": method, "path": "/metrics"}
    asyncio.run(app(scope, receive, send) if calls == 1 else app(scope)(receive, send))
    return sent


def test_wsgi(app):
    """
    A WSGI server gets the page, by the letter of the standard.
    """
    environ: dict = {"QUERY_STRING": ""}
    setup_testing_defaults(environ)
    answers = []
    body = validator(app)(environ, lambda status, headers, _=None: answers.append((status, dict(headers))))

    assert [b"page\n"] == list(body)
    body.close()
    assert "200 OK" == answers[0][0]
    assert {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Content-Length": "5"} == answers[0][1]


@pytest.mark.parametrize("calls", [1, 2])
def test_asgi(app, calls):
    """
    An ASGI server gets the page, also one that takes it for an application of ASGI 2.
    """
    start, body = asgi(app, calls=calls)

    assert (200, b"page\n") == (start["status"], body["body"])
    assert (b"content-length", b"5") in start["headers"]


def test_other_methods_and_scopes(app):
    """
    HEAD has no body, other methods are refused, lifespan is answered, a websocket is closed.
    """
    assert b"" == asgi(app, "HEAD")[1]["body"]
    assert 405 == asgi(app, "POST")[0]["status"]
    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == [
        e["type"] for e in asgi(app, kind="lifespan")
    ]
    assert ["websocket.close"] == [event["type"] for event in asgi(app, kind="websocket")]


def test_page_of_a_file_alone(tmp_path):
    """
    Without any thread, the page has the families of the lines, headrig's own and the process, and nothing is put into
    prometheus-client's default registry.
    """
    code = START + REQUEST
    code += """
import prometheus_client
before = prometheus_client.generate_latest().decode()
log.info("password=fake-hunter2-fake")
headrig.flush()
page = headrig.metrics()._page().decode()
page = headrig.metrics()._page().decode()
for sample in ('http_requests_total{method="GET",route="/a",status="200"} 1', 'log_events_total{level="INFO"} 2',
               'headrig_lines_received_total{component_id="handler"} 2.0', 'headrig_lines_delivered_total{component_id="handler"} 2.0',
               'headrig_redactions_total{rule="password"} 1.0', 'headrig_ledger_imbalance 0.0', 'process_cpu_seconds_total',
               'headrig_untimed_events_total{reason="missing"} 0.0', 'headrig_window_events_dropped_total{reason="late"} 0.0'):
    assert sample in page, (sample, page)
import threading
assert 1 == threading.active_count()
names = {line.split()[2] for line in prometheus_client.generate_latest().decode().splitlines() if line.startswith("# TYPE")}
assert not [name for name in names if name.startswith(("headrig", "http_", "component"))]
"""
    done = service(code, tmp_path, LOG_FILE="app.log")

    assert (0, "") == (done.returncode, done.stderr)


def test_listening(tmp_path):
    """
    With the variable set, `/metrics`, `/health` and `/ready` are served; a second process goes on without, with one warning.
    """
    port = free_port()
    code = "import os; os.dup2(os.open('go', os.O_RDONLY), 0)\n" + START + REQUEST
    code += "headrig.flush()\nprint('ready', flush=True)\nsys.stdin.readline()\n"
    os.mkfifo(tmp_path / "go")
    variables = {"HEADRIG_HTTP_LISTEN": f"127.0.0.1:{port}", "LOG_FILE": "app.log"}
    process = started(code, tmp_path, **variables)
    go = os.open(tmp_path / "go", os.O_WRONLY)
    assert "ready\n" == process.stdout.readline()
    pages = {path: get(port, path) for path in ("/metrics", "/health", "/ready")}
    second = service(START + "log.info('second')\n", tmp_path, **variables)
    os.write(go, b"\n")
    assert 0 == process.wait()
    os.close(go)
    process.stdout.close()
    events = [json.loads(line) for line in (tmp_path / "app.log").read_text().splitlines()]
    warnings = [event["message"] for event in events if event["level"] == "WARN"]

    assert 'http_requests_total{method="GET",route="/a",status="200"} 1' in pages["/metrics"]
    assert 'headrig_lines_received_total{component_id="handler"} 1.0' in pages["/metrics"]
    assert 'headrig_untimed_events_total{reason="missing"} 0.0' in pages["/metrics"]
    assert "ok" == json.loads(pages["/health"])["status"]
    assert "ready" == json.loads(pages["/ready"])["status"]
    assert 0 == second.returncode, second.stderr
    assert "second" in [event["message"] for event in events]
    assert 1 == len(warnings)
    assert f"127.0.0.1:{port}" in warnings[0]


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return answer.read().decode()


def test_a_child_leaves_the_listener_to_its_parent(tmp_path):
    """
    A forked child neither answers at the parent's port nor keeps it: when the parent is gone, nobody listens there.
    """
    port = free_port()
    code = START
    code += """
pid = os.fork()
if pid == 0:
    log.info("child")
    headrig.flush()
    print("child", flush=True)
    sys.stdin.readline()
    os._exit(0)
log.info("parent")
headrig.flush()
os._exit(0)
"""
    os.mkfifo(tmp_path / "go")
    code = "import os; os.dup2(os.open('go', os.O_RDONLY), 0)\n" + code
    process = started(code, tmp_path, HEADRIG_HTTP_LISTEN=f"127.0.0.1:{port}", LOG_FILE="app.log")
    go = os.open(tmp_path / "go", os.O_WRONLY)
    assert "child\n" == process.stdout.readline()
    assert 0 == process.wait()

    def nobody() -> bool:
        with socket.socket() as peer:
            return peer.connect_ex(("127.0.0.1", port)) != 0

    until(nobody)
    os.write(go, b"\n")
    os.close(go)
    process.stdout.close()


def test_unusable_address(tmp_path):
    """
    An address that is none is an error at once that names the variable.
    """
    done = service("import headrig\nheadrig.install()", tmp_path, HEADRIG_HTTP_LISTEN="9600")

    assert 1 == done.returncode
    assert "environment: HEADRIG_HTTP_LISTEN: not an address" in done.stderr
