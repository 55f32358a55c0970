"""headrig beside the programs its users run: rsyslog in front of it, jq and grep behind it, Prometheus at its side."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.running import WAIT_SECONDS, Running, free_port, running, until

README = Path(__file__).parent.parent / "README.md"
NOW_SECONDS = int(time.time())
TRACE = "550e8400-e29b-41d4-a716-446655440000"


def event(number: int, **fields: object) -> bytes:
    """One line of a service."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(NOW_SECONDS - number % 10))
    record = {"timestamp": stamp, "level": "INFO", "message": f"line {number}", "traceId": TRACE, **fields}
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def request(number: int) -> bytes:
    """A completed request; every tenth failed."""
    status = 503 if number % 10 == 0 else 200
    more: dict[str, object] = {"level": "ERROR", "error": {"name": "TimeoutError"}} if status == 503 else {}
    return event(
        number, event="request_completed", route="/a", method="GET", status=status, duration=number * 20, **more
    )


def rsyslog_example(number: int, run: Running) -> str:
    """The README's example of that number, with the address of this run."""
    example = re.findall(r"```rsyslog\n(.*?)```", README.read_text(), re.DOTALL)[number]
    assert 'port="9020"' in example
    return str(example).replace('port="9020"', f'port="{run.tcp}"')


@contextmanager
def rsyslog(folder: Path, settings: str) -> Iterator[None]:
    """Debian's rsyslog with these settings and nothing else."""
    config = folder / "rsyslog.conf"
    config.write_text(f'global(workDirectory="{folder}")\n{settings}')
    peer = subprocess.Popen(["rsyslogd", "-n", "-f", config, "-i", folder / "rsyslog.pid"])
    try:
        yield
    finally:
        peer.terminate()
        peer.wait(WAIT_SECONDS)


def test_rsyslog_forwards_messages(tmp_path: Path) -> None:
    """
    What a program sends to syslog arrives as it was, by the README's example.
    """
    lines = [event(number) for number in range(500)]
    entrance = tmp_path / "syslog"
    socket_of_its_own = f"""
        module(load="imuxsock" SysSock.Use="off")
        input(type="imuxsock" Socket="{entrance}" RateLimit.Interval="0")
        """
    with running(tmp_path) as run, rsyslog(tmp_path, socket_of_its_own + rsyslog_example(0, run)):
        until(entrance.exists)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as program:
            until(lambda: program.connect_ex(str(entrance)) == 0)
            for line in lines:
                program.send(b"<14>Nov 23 06:16:13 app: " + line.rstrip())
        # Its own messages go the same way.
        until(lambda: run.out.exists() and run.out.read_bytes().count(b"traceId") >= 500)
        found = [line for line in run.lines(500) if b"traceId" in line]

    assert sorted(lines) == sorted(found)


def test_rsyslog_forwards_a_file(tmp_path: Path) -> None:
    """
    Lines of a file, long ones too, arrive as they were, by the README's example.
    """
    lines = [event(number, note="x" * (number * 100)) for number in range(500)]
    source = tmp_path / "service.log"
    source.write_bytes(b"".join(lines))
    with running(tmp_path) as run:
        example = rsyslog_example(1, run).replace("/var/log/app.log", str(source))
        with rsyslog(tmp_path, example):
            found = run.lines(500)

    assert sorted(lines) == sorted(found)


def prometheus_answers(url: str, query: str) -> list[dict[str, object]]:
    """What Prometheus answers to an instant query."""
    with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}") as answer:
        return list(json.load(answer)["data"]["result"])


def feed_two_scrapes(run: Running, url: str) -> None:
    """Events before a scrape and events after it, so that rates have two samples."""
    run.send(b"".join(request(number) for number in range(100)))
    run.send(event(1, event="ai_request_completed", provider="openai", status=503, duration=900))
    run.send(event(2, event="memory_sampled", heap_used=9, heap_total=10, available=5))
    until(lambda: bool(prometheus_answers(url, "http_requests_total")))
    run.send(b"".join(request(number) for number in range(100)))
    run.send(event(3, event="ai_request_completed", provider="openai", status=503, duration=900))
    until(lambda: bool(prometheus_answers(url, "sum(http_requests_total) == 200")))


def test_prometheus_scrapes_and_answers_the_runbook(tmp_path: Path) -> None:
    """
    A real Prometheus scrapes /metrics without complaint and answers every PromQL line of the README.
    """
    queries = re.findall(r"```promql\n(.*?)```", README.read_text(), re.DOTALL)
    lines = [line for block in queries for line in block.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) >= 8
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(tmp_path) as run:
        config = tmp_path / "prometheus.yml"
        config.write_text(
            f"scrape_configs: [{{job_name: headrig, scrape_interval: 200ms, static_configs: "
            f"[{{targets: ['127.0.0.1:{run.http}']}}]}}]"
        )
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/tsdb"]
        with (tmp_path / "prometheus.log").open("wb") as log:
            peer = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        try:
            until(lambda: "Server is ready" in (tmp_path / "prometheus.log").read_text())
            feed_two_scrapes(run, url)
            answers = {line: prometheus_answers(url, line) for line in lines}
            up = prometheus_answers(url, "up")
        finally:
            peer.kill()
            peer.wait(WAIT_SECONDS)

    assert [] == [line for line, answer in answers.items() if not answer]
    assert ["1"] == [row["value"][1] for row in up]  # type: ignore[index]


def test_promtool_accepts_metrics_and_the_ledger_balances(tmp_path: Path) -> None:
    """
    `promtool check metrics` has nothing to say, the counters equal a recount, and the ledger closes.
    """
    with running(tmp_path) as run:
        run.send(b"".join(request(number) for number in range(1000)) + b"\n" + b"broken\n")
        run.lines(1001)
        page = run.get("/metrics")
        check = subprocess.run(["promtool", "check", "metrics"], input=page.encode(), capture_output=True, check=False)

        assert (0, b"") == (check.returncode, check.stdout + check.stderr)
        assert 900 == run.metric('http_requests_total{method="GET",route="/a",status="200"}')
        assert 100 == run.metric('http_requests_total{method="GET",route="/a",status="503"}')
        assert 100 == run.metric('http_request_errors_total{error_type="TimeoutError",route="/a"}')
        assert 1000 == run.metric('http_request_duration_seconds_count{route="/a"}')
        assert 101 == run.metric('http_request_duration_seconds_bucket{route="/a",le="2.0"}')
        assert 0 == run.metric("headrig_ledger_imbalance")


RUNBOOK = {
    "errors with a trace id": (
        f"""grep '"level":"ERROR"' app.log | jq -c '. | select(.traceId == "{TRACE}")' | wc -l""",
        "10",
    ),
    "errors by type": ("""grep '"level":"ERROR"' app.log | jq -r '.error.name' | sort | uniq -c""", "10 TimeoutError"),
    "slow requests": (
        """grep '"event":"request_completed"' app.log | jq -c '. | select(.duration > 1000)' | wc -l""",
        "49",
    ),
    "trace ids of errors": ("""grep '"level":"ERROR"' app.log | jq -r '.traceId' | sort | uniq""", TRACE),
    "one request": (f"""grep "{TRACE}" app.log | jq -c . | wc -l""", "107"),
    "leaks": ("grep -E 'api[_-]?key|password|secret' app.log | grep -v REDACTED || true", ""),
}

LEAKS = [
    {"message": "login with password=hunter2-000123"},
    {"message": "calling partner, api_key=sk_live_000123"},
    {"message": "client_secret: s3cr3t-000123 rotated"},
    {"password": "hunter2"},
    {"headers": {"X-Api-Key": "k-0000"}},
    {"body": json.dumps({"api_key": "k-0000", "n": 1})},
    {"args": "{'password': 'hunter2', 'user': 'ann'}"},
]


def test_the_runbooks_commands_work_on_the_file(tmp_path: Path) -> None:
    """
    Every grep and jq of the runbook gives its answer, and its leak check prints nothing.
    """
    lines = [request(number) for number in range(100)] + [event(0, **leak) for leak in LEAKS]
    with running(tmp_path) as run:
        run.send(b"".join(lines))
        run.lines(len(lines))
        answers = {
            name: " ".join(
                subprocess.run(
                    ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True
                ).stdout.split()
            )
            for name, (line, _) in RUNBOOK.items()
        }

    assert {name: answer for name, (_, answer) in RUNBOOK.items()} == answers


def test_nothing_is_lost_at_the_end(tmp_path: Path) -> None:
    """
    20,000 lines sent, the connection closed, SIGTERM at once: 20,000 in the file, every time.
    """
    data = b"".join(event(number) for number in range(20_000))
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        with running(folder) as run:
            run.send(data)
            os.kill(run.process.pid, signal.SIGTERM)

            assert 0 == run.process.wait(WAIT_SECONDS)
            assert data == run.out.read_bytes()
