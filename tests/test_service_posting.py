"""`LOG_HTTP_*` in a service: lines are posted beside the file, which nothing at the endpoint can delay."""

import asyncio
import json
import os
import signal
import socket
import threading
from contextlib import contextmanager

import endpoint
import pytest
from running import until
from service_process import TOLD, service, started

START = "import logging, os, sys, headrig\nhandler = headrig.install()\nlog = logging.getLogger('app')\n"
HOUR = {"LOG_HTTP_FLUSH_INTERVAL": "3600000"}


@contextmanager
def serving():
    """An HTTP endpoint that answers in a thread of its own, while the test waits for the service."""
    loop = asyncio.new_event_loop()
    server = endpoint.serving()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(5)
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def messages(lines) -> list[str]:
    return [json.loads(line)["message"] for line in lines]


def test_posts_beside_the_file(tmp_path):
    """
    Every line is in the file and at the endpoint, redacted, with the header that was asked for.
    """
    code = START + "for n in range(300): log.info('n %d', n, extra={'api_key': 'fake-hunter2-fake'})\n"
    with serving() as there:
        variables = {"LOG_HTTP_ENDPOINT": there.url + "/in", "LOG_HTTP_AUTH_HEADER": "Bearer fake"}
        done = service(code, tmp_path, LOG_FILE="app.log", **variables)
        posted = there.lines
        _, headers, _ = there.requests[0]

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert (tmp_path / "app.log").read_bytes().splitlines() == posted
    assert [f"n {n}" for n in range(300)] == messages(posted)
    assert not any(b"hunter2" in line for line in posted)
    assert "Bearer fake" == headers["Authorization"]


def test_posts_in_batches(tmp_path):
    """
    A request waits for as many lines as the variable says, also beside standard output; the rest goes at exit.
    """
    code = START + "for n in range(120):\n    log.info('%d', n)\n    handler.flush()\n"
    with serving() as there:
        done = service(code, tmp_path, LOG_HTTP_ENDPOINT=there.url, LOG_HTTP_BUFFER_SIZE="50", **HOUR)
        sizes = [len(body.splitlines()) for _, _, body in there.requests]

    assert (0, 120) == (done.returncode, len(done.stdout.splitlines()))
    assert 120 == sum(sizes)
    assert 50 <= min(sizes[:-1])


def test_sigusr1_posts_at_once(tmp_path):
    """
    SIGUSR1 posts what would wait for an hour.
    """
    code = TOLD + START
    code += "log.info('waits')\nprint('ready', flush=True)\nuntil_told()\n"
    os.mkfifo(tmp_path / "go")
    with serving() as there:
        process = started(code, tmp_path, LOG_FILE="app.log", LOG_HTTP_ENDPOINT=there.url, **HOUR)
        go = os.open(tmp_path / "go", os.O_WRONLY)
        assert "ready\n" == process.stdout.readline()
        assert [] == there.requests
        process.send_signal(signal.SIGUSR1)
        until(lambda: there.lines)
        assert ["waits"] == messages(there.lines)
        os.write(go, b"\n")
        assert 0 == process.wait()
    os.close(go)
    process.stdout.close()


@pytest.mark.parametrize("way", ["nobody", "hangs"])
def test_an_endpoint_that_does_not_answer(way, tmp_path):
    """
    The file has every line at once, whatever the endpoint does; the exit gives up after one flush and says how many lines
    were not posted.
    """
    server = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{server.getsockname()[1]}"
    if way == "nobody":
        server.close()
    code = "import headrig.service.handler\nheadrig.service.handler.flush.__defaults__ = (0.3,)\n" + START
    code += """
for n in range(300): log.info("n")
assert handler._core.flush(5.0)
assert 300 <= handler.counts()["written"]
assert 300 <= open("app.log").read().count('"n"')
"""
    done = service(code, tmp_path, LOG_FILE="app.log", LOG_HTTP_ENDPOINT=url)
    server.close()
    written = len((tmp_path / "app.log").read_text().splitlines())

    assert (0, f"headrig: gave up at exit: lines not posted: {written}\n") == (done.returncode, done.stderr)


def test_more_than_the_endpoint_takes(tmp_path):
    """
    Behind a dead endpoint the oldest lines are dropped, counted, and the file has them all.
    """
    code = "import headrig.service.handler\nheadrig.service.handler.flush.__defaults__ = (0.3,)\n" + START
    code += """
for n in range(1500):
    log.info("x" * 50_000)
    if n % 50 == 0: handler.flush()
handler.flush()
page = headrig.metrics()._page().decode()
samples = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
def sample(name, **labels):
    found = [float(v) for k, v in samples.items() if k.startswith(name + "{") and all(f'{a}="{b}"' in k for a, b in labels.items())]
    return sum(found)
core = handler._core
shipped = core.ship_counters()
assert shipped["offered"] == shipped["delivered"] + shipped["dropped"] + shipped["waiting"], shipped
assert sample("headrig_lines_dropped_total", component_id="http") + shipped["dropped"] > 500
assert 0.0 == float(samples["headrig_ledger_imbalance"])
assert handler.counts()["dropped"] == 0
"""
    done = service(code, tmp_path, LOG_FILE="app.log", LOG_HTTP_ENDPOINT="http://127.0.0.1:1")
    found = (tmp_path / "app.log").read_text().splitlines()

    assert 0 == done.returncode, done.stderr
    assert 1500 == sum('"message":"xxx' in line for line in found)


def test_forks_post_what_is_theirs(tmp_path):
    """
    A child posts its own lines over a connection of its own, and the parent's goes on.
    """
    code = START
    code += """
log.info("before")
assert headrig.flush(5.0)
for n in range(3):
    pid = os.fork()
    if pid == 0:
        log.info("child")
        os._exit(0 if headrig.flush(5.0) else 1)
    log.info("parent")
    assert 0 == os.waitpid(pid, 0)[1]
"""
    with serving() as there:
        done = service(code, tmp_path, LOG_FILE="app.log", LOG_HTTP_ENDPOINT=there.url)
        posted = messages(there.lines)

    assert (0, "") == (done.returncode, done.stderr)
    assert ["before", *["child"] * 3, *["parent"] * 3] == sorted(posted)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"LOG_HTTP_ENDPOINT": "logs.example.com"}, "environment: LOG_HTTP_ENDPOINT: not an address"),
        ({"LOG_HTTP_AUTH_HEADER": "Bearer fake"}, "environment: LOG_HTTP_ENDPOINT: is not set, though"),
        (
            {"LOG_HTTP_ENDPOINT": "http://h", "LOG_HTTP_BUFFER_SIZE": "x"},
            "environment: LOG_HTTP_BUFFER_SIZE: cannot",
        ),
        (
            {"LOG_HTTP_ENDPOINT": "http://h", "LOG_HTTP_AUTH_HEADER": "fäke"},
            "environment: LOG_HTTP_AUTH_HEADER: cannot",
        ),
    ],
)
def test_unusable_variables(variables, said, tmp_path):
    """
    A variable that cannot be used is an error at once that names it and shows no secret.
    """
    done = service("import headrig\nheadrig.install()", tmp_path, LOG_FILE="app.log", **variables)

    assert 1 == done.returncode
    assert said in done.stderr
    assert "fake" not in done.stderr
    assert "fäke" not in done.stderr


def test_other_settings_leave_nothing_behind(tmp_path):
    """
    Each change of the settings gives back the threads, the loop and the descriptors of what ran before.
    """
    code = """
import gc, os, headrig, threading
def held():
    gc.collect()
    return len(os.listdir("/proc/self/fd")), threading.active_count()
seen = []
for n in range(4):
    os.environ["LOG_HTTP_FLUSH_INTERVAL"] = str(1000 + n)
    headrig.install()
    seen.append(held())
print(seen[1:] == seen[:1] * 3, seen)
"""
    done = service(
        code,
        tmp_path,
        LOG_FILE="app.log",
        LOG_HTTP_ENDPOINT="http://127.0.0.1:9/x",
        HEADRIG_HTTP_LISTEN="127.0.0.1:0",
        PYTHONWARNINGS="error::ResourceWarning",
    )

    assert ("", "True") == (done.stderr, done.stdout.partition(" ")[0]), done.stdout
