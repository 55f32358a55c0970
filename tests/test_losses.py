"""What is lost is told, from outside: real processes, their last words, exit codes, and the numbers beside the file."""

import http.server
import json
import os
import resource
import signal
import threading
import urllib.request
import zlib
from contextlib import contextmanager

import pytest
from headrig_process import Run
from running import free_port, running, until
from service_process import TOLD, service, started

TOKEN = "fake-token-for-tests-0123456789"
SETTINGS = """
[http]
listen = "127.0.0.1:0"
[sources.in]
type = "tcp"
listen = "127.0.0.1:0"
[limits]
drain_seconds = 0.5
[sinks.out]
"""
FILE_BYTES_MAX = 64 * 1024
LINE = b'{"n":"%06d","pad":"' + b"x" * 97 + b'"}\n'
FITTING = FILE_BYTES_MAX // len(LINE % 0)
CANARY = "canary-path"


def door(port: int, token: str) -> str:
    return f'[sources.door]\ntype = "http"\nlisten = "127.0.0.1:{port}"\ntoken = "{token}"\n'


@contextmanager
def endpoint(refuse):
    """An HTTP endpoint that answers each body as `refuse` says, 204 for None; gives its address and what it took."""
    taken = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            code = refuse(body)
            if code is None:
                taken.append(body)
            self.send_response(code or 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", taken
        server.shutdown()
        thread.join()


def sample(run: Run, name: str) -> float:
    host, port = run.address("shows   http://")
    with urllib.request.urlopen(f"http://{host}:{port}/metrics") as answer:
        page = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in page if line.startswith(name + " "))


def test_token_corrected_at_the_other_side(tmp_path):
    """
    A service whose token is refused keeps its lines, says so once on standard error, counts and flushes truly; once the
    other side has the right one every line is there, once. A second service with the right one was never disturbed.
    """
    port = free_port()
    code = (
        TOLD
        + f"""
import logging, sys, headrig
sys.stderr = open("said", "w", buffering=1)
logging.getLogger("headrig").setLevel("ERROR")
handler = headrig.install(to="http://127.0.0.1:{port}", token="{TOKEN}")
for n in range(50): logging.getLogger("app").info("n", extra={{"n": n}})
flushed = headrig.flush(1.0)
while handler.counts()["write_errors"] < 2: headrig.flush(0.1)
counts = handler.counts()
print(flushed, counts["waiting"], counts["dropped"], counts["written"], flush=True)
until_told()
flushed, counts = headrig.flush(8.0), handler.counts()
print(flushed, counts["waiting"], counts["dropped"], counts["written"], flush=True)
"""
    )
    other = "import logging, headrig\nheadrig.install()\nlogging.getLogger('app').info('n', extra={'n': 99})\n"
    here = {"HEADRIG_TO": f"http://127.0.0.1:{port}"}
    os.mkfifo(tmp_path / "go")
    with running(tmp_path, door(port, "another-" + TOKEN)) as run:
        waiting = started(code, tmp_path)
        go = (tmp_path / "go").open("w")
        assert "False 50 0 0\n" == waiting.stdout.readline()
        done = service(other, tmp_path, HEADRIG_TOKEN="another-" + TOKEN, **here)
        assert (0, "") == (done.returncode, done.stderr)
        assert [99] == [json.loads(line)["n"] for line in run.lines(1)]
        assert run.metric(
            'component_errors_total{component_id="door",component_kind="source",component_type="http",'
            'error_type="auth",stage="receiving"}'
        )
        said = (tmp_path / "stderr").read_text()
        run.process.terminate()
        assert 0 == run.process.wait()
    with waiting, running(tmp_path, door(port, TOKEN)) as run:
        go.write("x\n")
        go.close()
        assert "True 0 0 50\n" == waiting.stdout.readline()
        assert 0 == waiting.wait()
        assert [99, *range(50)] == [json.loads(line)["n"] for line in run.lines(51)]
    (line,) = (tmp_path / "said").read_text().splitlines()

    assert f"headrig: sinks.forward: http://127.0.0.1:{port} answered 401; its lines wait as long as" in line
    assert "sources.door: answered 401 to 127.0.0.1: a bearer token is needed" in said
    assert TOKEN not in line + said


def test_wrong_path(tmp_path):
    """
    A service that ships to where nothing takes lines says so on standard error, its exit how many it leaves; the other
    side counts and logs that somebody asks for what it has not.
    """
    code = """
import logging, headrig
headrig.install()
for n in range(7): logging.getLogger("app").info("n")
headrig.service.handler._Exit.flush_seconds = 0.5
"""
    (tmp_path / "headrig.toml").write_text(SETTINGS + 'type = "stdout"\n')
    with Run("-c", "headrig.toml", cwd=tmp_path) as run:
        host, port = run.address("shows   http://")
        done = service(code, tmp_path, HEADRIG_TO=f"http://{host}:{port}")
        run.until("http: answered 404 to 127.0.0.1, who asks for another path than /health, /metrics, /ready")
        refusals = 'component_errors_total{component_id="http",component_kind="server",component_type="http",'
        assert sample(run, refusals + 'error_type="path",stage="receiving"}') >= 1
    first, last = done.stderr.splitlines()

    assert f"headrig: sinks.forward: http://{host}:{port} answered 404; " in first
    assert "headrig: gave up at exit: lines not written: 7" == last


def test_service_with_a_poisonous_line(tmp_path):
    """
    The line that is refused is counted as dropped and named on standard error, the others are written.
    """
    code = """
import logging, headrig
handler = headrig.install()
for n in range(1000): logging.getLogger("app").info("poison" if n == 617 else "n")
headrig.flush()
print(*(handler.counts()[name] for name in ("received", "written", "dropped", "waiting")))
"""

    def refuse(body):
        return 400 if b"poison" in zlib.decompress(body, wbits=31) else None

    with endpoint(refuse) as (url, taken):
        done = service(code, tmp_path, HEADRIG_TO=url)
    arrived = b"".join(zlib.decompress(body, wbits=31) for body in taken)

    assert (0, "1000 999 1 0\n") == (done.returncode, done.stdout)
    assert 999 == arrived.count(b'"message":"n"')
    said, flushed = done.stderr.splitlines()
    assert f"headrig: sinks.forward: {url} answered 400 to a line of " in said
    assert "headrig: flush: 1 lines were given up" == flushed


def test_flush_of_a_service_that_waits(tmp_path):
    """
    A flush, and so an exit, does not sit out how long a refused batch waits: the other side may be back.
    """
    script = """
import logging, threading, headrig
from headrig.service.api import service
handler = headrig.install()
async def for_ever(seconds, hurry): await hurry.wait()
service.background().pipeline.state.pause = for_ever
for waited in (1, 2):
    logging.getLogger("app").info("n")
    while handler.counts()["write_errors"] < waited: threading.Event().wait(0.01)
    if waited == 1: print(headrig.flush())
"""
    answers = [401, None, 401]

    with endpoint(lambda _: answers.pop(0) if answers else None) as (url, taken):
        done = service(script, tmp_path, HEADRIG_TO=url)

    assert (0, "True\n", 2) == (done.returncode, done.stdout, len(taken))
    assert "gave up" not in done.stderr


def test_flush_of_a_service_that_lost_lines(tmp_path):
    """
    A flush says once that lines were refused for good, also when that was before it began; what an exit hook logs after
    such a loss is shipped all the same.
    """
    code = """
import atexit, logging, threading, headrig
log = logging.getLogger("app")
atexit.register(log.info, "hook")
handler = headrig.install()
def lost(lines):
    while handler.counts()["dropped"] < lines: threading.Event().wait(0.01)
flushed = [headrig.flush()]
log.info("poison")
flushed += [headrig.flush(), headrig.flush()]
log.info("poison")
lost(2)
log.info("n")
flushed += [headrig.flush(), headrig.flush()]
log.info("poison")
lost(3)
print(flushed)
"""

    def refuse(body):
        return 400 if b"poison" in zlib.decompress(body, wbits=31) else None

    with endpoint(refuse) as (url, taken):
        done = service(code, tmp_path, HEADRIG_TO=url)
    arrived = [json.loads(line)["message"] for body in taken for line in zlib.decompress(body, wbits=31).splitlines()]

    assert (0, "[True, False, True, False, True]\n") == (done.returncode, done.stdout)
    notice = "1 log records were dropped: more came than could be written"
    assert ["n", "hook"] == [message for message in arrived if message != notice]
    # The last one is the flush at the exit.
    assert 3 * ["headrig: flush: 1 lines were given up"] == done.stderr.splitlines()[1:]


def test_service_that_exits_in_the_middle(tmp_path):
    """
    Of lines that crossed in several requests the exit names those that were not taken, and no others.
    """
    count = [0]

    def refuse(body):
        count[0] += 1
        text = zlib.decompress(body, wbits=31)
        return 413 if text.count(b"\n") > 60 else 401 if count[0] > 6 else None

    code = """
import logging, headrig
headrig.install()
for n in range(1000): logging.getLogger("app").info("n")
headrig.service.handler._Exit.flush_seconds = 1.5
"""
    with endpoint(refuse) as (url, taken):
        done = service(code, tmp_path, HEADRIG_TO=url)
    arrived = sum(zlib.decompress(body, wbits=31).count(b"\n") for body in taken)

    assert 0 < arrived < 1000
    assert f"headrig: gave up at exit: lines not written: {1000 - arrived}" == done.stderr.splitlines()[-1]


@pytest.mark.parametrize("kind", ["file", "stdout"])
def test_full_disk(tmp_path, kind):
    """
    What a full disk took is delivered, what it did not take is dropped: whole lines in the file, the same number on
    `/metrics` and in the last line, and 75.
    """
    out = 'type = "file"\npath = "app.log"\n' if kind == "file" else 'type = "stdout"\n'
    (tmp_path / "headrig.toml").write_text(SETTINGS + out)
    with (tmp_path / "app.log").open("wb") as log, Run("-c", "headrig.toml", cwd=tmp_path, stdout=log.fileno()) as run:
        resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))
        run.send(b"".join(LINE % n for n in range(1000)))
        until(lambda: sample(run, 'headrig_lines_received_total{component_id="in"}') == 1000)
        until(lambda: sample(run, 'headrig_lines_delivered_total{component_id="out"}') >= FITTING)
        delivered = sample(run, 'headrig_lines_delivered_total{component_id="out"}')
        waiting = sample(run, 'headrig_lines_in_flight{component_id="out",component_kind="sink"}')
        run.signal(signal.SIGTERM)
        code = run.end()
    whole = (tmp_path / "app.log").read_bytes().count(b"\n")

    assert FITTING == whole == delivered
    assert b"".join(LINE % n for n in range(whole)) == (tmp_path / "app.log").read_bytes()[: whole * len(LINE % 0)]
    assert (1000 - whole, 75) == (waiting, code)
    assert f"headrig: {1000 - whole} lines were lost: shutdown {1000 - whole}" == run.said[-1]


@pytest.mark.parametrize(
    ("sent", "refuse", "code", "last"),
    [
        (b'{"n":1}\n\n\n', None, 0, ""),
        (b'{"n":1}\n{"poison":1}\n', 400, 74, "headrig: 1 lines were lost: client 1"),
        (b'{"n":1}\n{"poison":1}\n', 401, 75, "headrig: 2 lines were lost: shutdown 2"),
        (b'{"n":1}\n{"poison":1}\n', 503, 75, "headrig: 2 lines were lost: shutdown 2"),
    ],
)
def test_exit_code(tmp_path, sent, refuse, code, last):
    """
    0 when nothing was lost, blank lines included; 74 when a line was; 75 when the drain gave up. The last line says how
    many and why.
    """
    with endpoint(lambda body: refuse if b"poison" in body else None) as (url, taken):
        out = f'type = "http"\nendpoint = "{url}/{CANARY}"\ncompression = "none"\nflush_seconds = 0.0\n'
        (tmp_path / "headrig.toml").write_text(SETTINGS + out)
        with Run("-c", "headrig.toml", cwd=tmp_path) as run:
            run.send(sent)
            until(lambda: sample(run, 'headrig_lines_received_total{component_id="in"}') == sent.count(b"\n"))
            until(lambda: taken != [] or any(refuse == each for each in (401, 503)))
            run.signal(signal.SIGTERM)
            assert code == run.end()

    assert not last or last == run.said[-1]
    assert bool(last) == any("lost" in line for line in run.said)
    assert not any(CANARY in line for line in run.said)


def test_exit_code_of_a_full_queue(tmp_path):
    """
    A line that a full queue had no room for is a loss like any other, though everything else was delivered: 74.
    """
    go = threading.Event()

    def refuse(_):
        go.wait()

    def dropped(run):
        return sample(run, 'headrig_lines_dropped_total{component_id="out",component_kind="sink",reason="queue_full"}')

    with endpoint(refuse) as (url, taken):
        out = (
            f'type = "http"\nendpoint = "{url}"\ncompression = "none"\nflush_seconds = 0.0\nwhen_full = "drop_newest"\n'
        )
        bounds = "[limits]\nsink_queue_batches_max = 1\n"
        (tmp_path / "headrig.toml").write_text(SETTINGS.replace("[limits]\n", bounds) + out)
        with Run("-c", "headrig.toml", cwd=tmp_path) as run:
            run.send(b'{"n":0}\n')
            until(lambda: sample(run, 'headrig_lines_in_flight{component_id="out",component_kind="sink"}') == 1)
            run.send(b'{"n":1}\n')
            until(lambda: dropped(run) == 1)
            go.set()
            run.signal(signal.SIGTERM)
            assert 74 == run.end()

    assert [b'{"n":0}\n'] == taken
    assert "headrig: 1 lines were lost: queue_full 1" == run.said[-1]
