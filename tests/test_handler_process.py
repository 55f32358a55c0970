"""The handler where loggers break: exits, forks, signals, threads, finalizers, disks that do not answer."""

import json
import os
import signal
import time
from collections import Counter

import pytest
from running import until
from service_process import INSTALLED, TOLD, numbers, service, started

FULL = "headrig: /dev/full: cannot be written: No space left on device; lines wait until it can\n"
BURST = INSTALLED + "for n in range(5000): log.info('n', extra={'n': n})\n"


@pytest.mark.parametrize(
    ("end", "code"), [("", 0), ("sys.exit(3)", 3), ("raise RuntimeError", 1), ("headrig.flush(); os._exit(4)", 4)]
)
def test_every_line_survives_the_exit(end, code, tmp_path):
    """
    However the interpreter ends, what was logged is written, in order.
    """
    done = service(BURST + end, tmp_path)

    assert code == done.returncode
    assert list(range(5000)) == numbers(tmp_path)


def test_logging_while_the_interpreter_goes_down(tmp_path):
    """
    What an exit hook and a finalizer of the last moment log is written before the process is gone.
    """
    code = """
import atexit, logging
atexit.register(lambda: logging.getLogger("app").info("hook"))
import headrig
headrig.install(path="app.log")
class Last:
    log = logging.getLogger("app")
    def __del__(self):
        self.log.info("finalizer")
last = Last()
keep = [last]
keep.append(keep)
"""
    done = service(code, tmp_path)
    said = [json.loads(line)["message"] for line in (tmp_path / "app.log").read_text().splitlines()]

    assert (0, "") == (done.returncode, done.stderr)
    assert ["finalizer", "hook"] == sorted(said)


def test_children_of_multiprocessing(tmp_path):
    """
    A forked child of multiprocessing, which runs no exit hooks, loses nothing.
    """
    code = (
        INSTALLED
        + """
import multiprocessing
def work(n):
    log.info("n", extra={"n": n})
context = multiprocessing.get_context("fork")
children = [context.Process(target=work, args=(n,)) for n in range(4)]
for child in children: child.start()
for child in children: child.join()
"""
    )
    done = service(code, tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert [0, 1, 2, 3] == sorted(numbers(tmp_path))


def test_threads(tmp_path):
    """
    Four threads that log at once: every line whole, once, and in each thread's order.
    """
    code = (
        INSTALLED
        + """
def work(k):
    for n in range(1000): log.info("n", extra={"n": k * 10000 + n})
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    )
    done = service(code, tmp_path)
    found = numbers(tmp_path)

    assert (0, 4000) == (done.returncode, len(found))
    for k in range(4):
        assert [k * 10000 + n for n in range(1000)] == [n for n in found if n // 10000 == k]


def test_a_disk_that_fills_up_while_others_write(tmp_path):
    """
    When a line does not fit, its beginning is taken back: what others append meanwhile stays whole.
    """
    code = """
import json, logging, os, resource, signal, headrig
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
handler = headrig.install(path="app.log")
log = logging.getLogger("app")
log.info("first")
assert headrig.flush(2.0)
size = os.stat("app.log").st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 60, resource.RLIM_INFINITY))
log.info("does not fit")
assert not headrig.flush(0.3)
assert os.stat("app.log").st_size == size
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with open("app.log", "a") as other: other.write('{"message":"other"}\\n')
assert headrig.flush(5.0)
assert handler.counts()["write_errors"] > 0
"""
    done = service(code, tmp_path)
    said = [json.loads(line)["message"] for line in (tmp_path / "app.log").read_text().splitlines()]

    cause = "headrig: app.log: cannot be written: File too large; lines wait until it can\n"
    assert (0, cause + "headrig: app.log: is written again\n") == (done.returncode, done.stderr)
    assert ["first", "other", "does not fit"] == said


def test_signal_handlers_may_log(tmp_path):
    """
    A signal handler that logs, while the same thread logs and forks, blocks nobody and loses nothing.
    """
    code = (
        INSTALLED
        + """
import itertools, signal, warnings
# A signal handler that logs during a fork starts the writer again, of which Python 3.13 then warns.
warnings.simplefilter("ignore", DeprecationWarning)
seen = itertools.count(1)
def on_alarm(number, frame):
    log.error("n", extra={"n": -next(seen)})
signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for n in range(3000):
    log.info("n", extra={"n": n})
    if n % 300 == 0:
        pid = os.fork()
        if pid == 0:
            signal.setitimer(signal.ITIMER_REAL, 0)
            os._exit(0)
        os.waitpid(pid, 0)
signal.setitimer(signal.ITIMER_REAL, 0)
print(next(seen) - 1)
"""
    )
    done = service(code, tmp_path)
    found = Counter(numbers(tmp_path))
    handled = int(done.stdout)

    assert (0, "") == (done.returncode, done.stderr)
    assert handled > 10
    assert Counter([*range(3000), *(-1 - n for n in range(handled))]) == found


def test_finalizers_may_log(tmp_path):
    """
    Garbage that logs while it is collected, possibly in the middle of another call, blocks nobody.
    """
    code = (
        INSTALLED
        + """
import gc
gc.set_threshold(10)
class Garbage:
    def __init__(self): self.me = self
    def __del__(self): log.info("n", extra={"n": -1})
for n in range(500):
    Garbage()
    log.info("n", extra={"n": n, "more": [{} for _ in range(5)]})
gc.collect()
"""
    )
    done = service(code, tmp_path)
    found = numbers(tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert list(range(500)) == [n for n in found if n >= 0]
    assert 500 == found.count(-1)


def test_sigusr1_flushes(tmp_path):
    """
    SIGUSR1 has written what would wait for an hour, and calls the handler the service had before.
    """
    code = """
import os, signal, sys
import headrig.service.handler
headrig.service.handler.RECORD_WAIT_SECONDS_MAX = 3600.0
signal.signal(signal.SIGUSR1, lambda number, frame: print("before", flush=True))
import logging
headrig.install(path="app.log", flush_seconds=3600.0)
logging.getLogger("app").info("waits")
print("ready", flush=True)
until_told()
os._exit(0)
"""
    os.mkfifo(tmp_path / "go")
    with started(TOLD + code, tmp_path) as process:
        go = os.open(tmp_path / "go", os.O_WRONLY)
        assert "ready\n" == process.stdout.readline()
        assert "" == (tmp_path / "app.log").read_text()
        process.send_signal(signal.SIGUSR1)
        assert "before\n" == process.stdout.readline()
        until(lambda: "waits" in (tmp_path / "app.log").read_text())
        os.write(go, b"\n")
    os.close(go)


def test_sigusr1_that_is_ignored_stays_ignored(tmp_path):
    """
    A service that ignores SIGUSR1 goes on to, and installing in another thread takes no signal.
    """
    code = """
import signal, threading
import headrig
thread = threading.Thread(target=headrig.install, kwargs={"path": "app.log"})
thread.start(); thread.join()
assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
headrig.install(path="app.log")
assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN
"""
    done = service(code, tmp_path)

    assert (0, "") == (done.returncode, done.stderr)


def test_a_disk_that_does_not_answer(tmp_path):
    """
    When nothing can be written, calls return, WARN and above still find room, the rest is dropped and counted; once it
    can be written again, a line tells how many were lost: received = written + dropped.
    """
    code = (
        INSTALLED
        + """
for n in range(400): log.info("x" * 50_000)
for n in range(20): log.warning("x" * 50_000)
counts = headrig.install(path="app.log").counts()
assert counts["received"] == 420 == counts["written"] + counts["dropped"] + counts["waiting"], counts
assert not headrig.flush(0.05)
print(counts["dropped"], flush=True)
sys.stdin.readline()
assert headrig.flush(8.0)
counts = headrig.install(path="app.log").counts()
assert 420 == counts["received"] == counts["written"] + counts["dropped"], counts
"""
    )
    os.mkfifo(tmp_path / "app.log")
    reader = os.open(tmp_path / "app.log", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    with started("import os; os.dup2(os.open('go', os.O_RDONLY), 0)\n" + code, tmp_path_with_go(tmp_path)) as process:
        go = os.open(tmp_path / "go", os.O_WRONLY)
        dropped = int(process.stdout.readline())
        os.write(go, b"\n")
        found = read_until(reader, b'"event":"log_records_dropped"')
        assert 0 == process.wait()
    os.close(reader)
    os.close(go)
    events = [json.loads(line) for line in found.splitlines()]

    assert dropped > 200
    assert 20 == sum(event["level"] == "WARN" and "x" in event["message"][:1] for event in events)
    assert [("WARN", dropped)] == [(event["level"], event["dropped"]) for event in events if "dropped" in event]
    assert 420 == len(events) - 1 + dropped


def tmp_path_with_go(path):
    os.mkfifo(path / "go")
    return path


def read_until(descriptor: int, text: bytes) -> bytes:
    """Everything up to the line with the text, which must come within the test's own time."""
    found = b""
    deadline = time.monotonic() + 8
    while text not in found or not found.endswith(b"\n"):
        assert time.monotonic() < deadline
        found += os.read(descriptor, 1 << 16)
    return found


def test_a_full_disk(tmp_path):
    """
    Writing to a device that is full raises nothing and drops nothing: the lines wait, which is said once.
    """
    code = """
import logging, headrig
handler = headrig.install(path="/dev/full")
logging.getLogger().info("x")
for _ in range(100):
    assert not headrig.flush(0.2)
    if (counts := handler.counts())["write_errors"] > 1: break
assert (1, 0, 1) == (counts["received"], counts["written"], counts["waiting"])
assert counts["write_errors"] > 0
import os
os._exit(0)
"""
    done = service(code, tmp_path)

    assert (0, FULL) == (done.returncode, done.stderr)


def test_exit_with_a_full_disk(tmp_path):
    """
    A disk that does not answer holds up the exit once, for the time of one flush; what is lost is told of.
    """
    code = """
import logging, headrig.service.handler
headrig.service.handler.flush.__defaults__ = (0.3,)
headrig.service.handler._Exit.flush_seconds = 1000.0
headrig.install(path="/dev/full")
logging.getLogger().error("x")
"""
    began = time.monotonic()
    done = service(code, tmp_path)

    assert (0, FULL + "headrig: gave up at exit: lines not written: 1\n") == (done.returncode, done.stderr)
    assert time.monotonic() - began < 50
