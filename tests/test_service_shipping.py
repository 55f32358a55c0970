"""`install(to=…)`: a service that ships to a `headrig run`, and everything that may go wrong between the two."""

import json
import os
import re
import signal
import socket
from collections import Counter

import pytest
from running import running
from service_process import TOLD, service, started
from shipping import START, central, events


def test_ships_and_counts_what_was_acknowledged(tmp_path):
    """
    Lines arrive redacted, once and in order; what is flushed has been acknowledged, and the sums agree. The file that a
    variable names is not written.
    """
    code = (
        START
        + """
for n in range(2000): log.info("n %d password=%s", n, "fake-hunter2-fake", extra={"n": n})
assert headrig.flush(8.0)
counts = handler.counts()
assert 2000 == counts["received"] == counts["written"], counts
assert 0 == counts["dropped"] == counts["waiting"], counts
"""
    )
    with central(tmp_path) as run:
        done = service(code, tmp_path, LOG_FILE="own.log")
        found = events(run.out)

    assert (0, "") == (done.returncode, done.stderr)
    assert list(range(2000)) == [event["n"] for event in found]
    assert {f"n {n} password=[REDACTED:password]" for n in range(2000)} == {event["message"] for event in found}
    assert not (tmp_path / "own.log").exists()


@pytest.mark.parametrize(
    "end", ["", "sys.exit(3)", "raise RuntimeError", "log.error('last'); headrig.flush(); os._exit(0)"]
)
def test_every_line_survives_the_exit(end, tmp_path):
    """
    However the interpreter ends, what was logged is acknowledged before it is gone; by variables alone, too.
    """
    code = "import logging, os, sys, headrig\nheadrig.install()\nlog = logging.getLogger('app')\n"
    with central(tmp_path) as run:
        service(code + "for n in range(500): log.info('n')\n" + end, tmp_path, HEADRIG_TO="unix:ship.sock")
        found = events(run.out)

    assert 500 == sum(event["message"] == "n" for event in found)


def test_logging_while_the_interpreter_goes_down(tmp_path):
    """
    What an exit hook logs after ours has run is shipped before the process is gone.
    """
    code = "import atexit, logging\natexit.register(lambda: logging.getLogger('app').info('hook'))\n" + START
    with central(tmp_path) as run:
        done = service(code + "log.info('before')\n", tmp_path)
        found = events(run.out)

    assert (0, "") == (done.returncode, done.stderr)
    assert ["before", "hook"] == [event["message"] for event in found]


def test_a_finalizer_after_the_last_thread(tmp_path):
    """
    A line of the very last moment, when no thread can ship it any more, is told of.
    """
    code = START + "class Last:\n    log = log\n    def __del__(self):\n        self.log.info('finalizer')\n"
    code += "last = Last()\nkeep = [last]\nkeep.append(keep)\nlog.info('before')\n"
    with central(tmp_path) as run:
        done = service(code, tmp_path)
        found = events(run.out)

    assert (0, "headrig: gave up at exit: lines not written: 1\n") == (done.returncode, done.stderr)
    assert ["before"] == [event["message"] for event in found]


def test_over_tcp_with_a_token_and_a_name(tmp_path):
    """
    Over HTTP to a host by its name, with a token, also for the lines of the last moment.
    """
    more = '[sources.ship]\ntype = "http"\nlisten = "127.0.0.1:0"\npath = "/ingest"\ntoken = "fake-token-for-tests-0123456789"\n'
    code = "import logging, headrig\nheadrig.install()\nlogging.getLogger('app').info('x')\n"
    with running(tmp_path, more) as run:
        ports = [int(found) for found in re.findall(r"127\.0\.0\.1:(\d+)", (tmp_path / "stderr").read_text())]
        port = next(each for each in ports if each not in (run.http, run.tcp))
        done = service(
            code, tmp_path, HEADRIG_TO=f"http://localhost:{port}", HEADRIG_TOKEN="fake-token-for-tests-0123456789"
        )
        found = events(run.out)

    assert (0, "") == (done.returncode, done.stderr)
    assert ["x"] == [event["message"] for event in found]


def test_kill_9_of_the_other_side_loses_nothing_acknowledged(tmp_path):
    """
    Each line that the service counts as written is in the file of a `headrig run` that was killed and started again in the
    middle of it, and in the end every line is there.
    """
    code = (
        START
        + """
stop = threading.Event()
sent = [0]
def work():
    while not stop.is_set():
        log.info("n", extra={"n": sent[0]})
        sent[0] += 1
        stop.wait(0.0005)
thread = threading.Thread(target=work)
thread.start()
print("ready", flush=True)
sys.stdin.readline()
counts = handler.counts()
print(counts["written"], flush=True)
sys.stdin.readline()
stop.set()
thread.join()
assert headrig.flush(8.0)
counts = handler.counts()
assert counts["received"] == counts["written"], counts
print(sent[0], flush=True)
"""
    )
    out = tmp_path / "app.log"
    os.mkfifo(tmp_path / "go")
    with central(tmp_path) as run:
        process = started("import os; os.dup2(os.open('go', os.O_RDONLY), 0)\n" + code, tmp_path)
        go = os.open(tmp_path / "go", os.O_WRONLY)
        assert "ready\n" == process.stdout.readline()
        run.lines(200)
        run.process.kill()
        run.process.wait()
        os.write(go, b"\n")
        acknowledged = int(process.stdout.readline())
        kept = len(out.read_bytes().splitlines())
    assert kept >= acknowledged > 0
    with central(tmp_path) as run:
        os.write(go, b"\n")
        sent = int(process.stdout.readline())
        assert 0 == process.wait()
        found = Counter(json.loads(line).get("n") for line in out.read_bytes().splitlines() if line.endswith(b"}"))
    os.close(go)
    process.stdout.close()

    assert [] == [n for n in range(sent) if n not in found]


def test_nobody_answers(tmp_path):
    """
    With nobody there, calls return, WARN and above still find room, the rest is dropped and counted, and the exit takes
    the time of one flush and tells how many lines were lost.
    """
    code = (
        "import headrig.service.handler\nheadrig.service.handler.flush.__defaults__ = (0.3,)\n"
        + START
        + """
for n in range(400): log.info("x" * 50_000)
for n in range(20): log.warning("x" * 50_000)
counts = handler.counts()
assert counts["dropped_full"] > 100
assert counts["received"] == counts["written"] + counts["dropped"] + counts["waiting"], counts
assert 0 == counts["written"]
print(counts["waiting"])
"""
    )
    done = service(code, tmp_path)
    waiting = int(done.stdout)

    assert 0 == done.returncode
    (said,) = done.stderr.splitlines()
    found = re.fullmatch(r"headrig: gave up at exit: lines not written: (\d+)", said)
    # What headrig itself had to say about the connection waits with them.
    assert waiting <= int(found[1]) <= waiting + 5


def test_the_other_side_hangs(tmp_path):
    """
    An endpoint that takes the connection and never answers holds up neither calls nor the exit.
    """
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "ship.sock"))
    server.listen()
    code = (
        "import headrig.service.handler\nheadrig.service.handler.flush.__defaults__ = (0.3,)\n"
        + START
        + "log.error('x')\n"
    )
    done = service(code, tmp_path)
    server.close()

    assert (0, "headrig: gave up at exit: lines not written: 1\n") == (done.returncode, done.stderr)


def test_drops_are_told_of(tmp_path):
    """
    Once the other side is there again, a line tells how many were dropped meanwhile, and the book closes.
    """
    code = (
        START
        + """
for n in range(400): log.info("x" * 50_000)
print(handler.counts()["dropped"], flush=True)
sys.stdin.readline()
assert headrig.flush(8.0)
counts = handler.counts()
assert counts["received"] == counts["written"] + counts["dropped"] and not counts["waiting"], counts
"""
    )
    os.mkfifo(tmp_path / "go")
    process = started("import os; os.dup2(os.open('go', os.O_RDONLY), 0)\n" + code, tmp_path)
    go = os.open(tmp_path / "go", os.O_WRONLY)
    dropped = int(process.stdout.readline())
    with central(tmp_path) as run:
        os.write(go, b"\n")
        assert 0 == process.wait()
        found = events(run.out)
    os.close(go)
    process.stdout.close()

    assert dropped > 100
    assert [("WARN", dropped)] == [(event["level"], event["dropped"]) for event in found if "dropped" in event]
    assert 400 - dropped == sum(event["message"].startswith("x") for event in found)


def test_sigusr1_ships_at_once(tmp_path):
    """
    SIGUSR1 ships what would wait for an hour.
    """
    code = """
import os, sys, logging
import headrig.service.handler
headrig.service.handler.RECORD_WAIT_SECONDS_MAX = 3600.0
headrig.install(to="unix:ship.sock", flush_seconds=3600.0)
logging.getLogger("app").info("waits")
print("ready", flush=True)
until_told()
"""
    os.mkfifo(tmp_path / "go")
    with central(tmp_path) as run:
        process = started(TOLD + code, tmp_path)
        go = os.open(tmp_path / "go", os.O_WRONLY)
        assert "ready\n" == process.stdout.readline()
        assert not run.out.exists() or run.out.read_bytes() == b""
        process.send_signal(signal.SIGUSR1)
        assert b'"waits"' in run.lines(1)[0]
        os.write(go, b"\n")
        assert 0 == process.wait()
    os.close(go)
    process.stdout.close()


@pytest.mark.parametrize(
    ("to", "more", "said"),
    [
        ("ftp://host:1", {}, "environment: HEADRIG_TO: not an address; write unix:/path, http"),
        ("", {"HEADRIG_TOKEN": "fake"}, "environment: HEADRIG_TO: is not set, though HEADRIG_TOKEN is"),
        ("http://host:1/path", {}, "environment: HEADRIG_TO: goes beyond host and port"),
        ("http://user:fake@host:1", {}, "environment: HEADRIG_TO: holds a user or a password"),
        ("unix:", {}, "environment: HEADRIG_TO: "),
        ("http://host:1", {"HEADRIG_TOKEN": "fake\n"}, ""),
        ("http://host:1", {"HEADRIG_TOKEN": "f\u00e4ke"}, "environment: HEADRIG_TOKEN: cannot be sent in a header"),
    ],
)
def test_unusable_destinations(to, more, said, tmp_path):
    """
    What cannot be shipped to is an error at once, which names the variable and shows no secret.
    """
    done = service("import headrig\nheadrig.install()", tmp_path, HEADRIG_TO=to, **more)

    assert (1 if said else 0) == done.returncode
    assert said in done.stderr
    assert "fake" not in done.stderr
    assert "f\u00e4ke" not in done.stderr


def test_to_another_place_later(tmp_path):
    """
    A second `install` with a file in place of `to` ships what was logged before and writes what comes after.
    """
    code = START + "log.info('shipped')\nheadrig.install(path='own.log')\nlog.info('written')\n"
    with central(tmp_path) as run:
        done = service(code, tmp_path)
        shipped = events(run.out)

    assert (0, "") == (done.returncode, done.stderr)
    assert (["shipped"], ["written"]) == tuple(
        [event["message"] for event in found] for found in (shipped, events(tmp_path / "own.log"))
    )
