"""The ring beside a log, at the edges: kills under load, other containers, disks and directories that give no room."""

import gzip
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from running import until
from service_process import INSTALLED, environment, numbers, service, started

DRAIN = "import headrig; headrig.install(path='app.log')"
LATE = "import headrig.service.handler as h; h.RECORD_WAIT_SECONDS_MAX = 3600.0\n" + INSTALLED.replace(
    "path='app.log'", "path='app.log', flush_seconds=3600.0"
)
"""Begins a service that leaves its lines in the ring: nothing is written before a hundred of them wait."""
ENDLESS = """
import mmap
sent = mmap.mmap(os.open("sent", os.O_RDWR), 16)
def work(k):
    n = 0
    while True:
        log.info("n", extra={"n": RUN * 100_000_000 + k * 10_000_000 + n})
        n += 1
        sent[k * 8:k * 8 + 8] = n.to_bytes(8, "little")
thread = threading.Thread(target=work, args=(1,), daemon=True)
thread.start()
work(0)
"""
"""Logs from two threads without end, and notes how many calls of each have returned."""


def rings(directory: Path) -> list[Path]:
    return sorted(directory.glob(".app.log.*.ring"))


def killed(installed: str, runs: int, wanted: list[int], directory: Path) -> set[int]:
    """Kill a process that logs without end, again and again; the numbers of all lines whose call had returned."""
    choose = random.Random(7)
    sent = directory / "sent"
    expected = set()
    for run in range(runs):
        sent.write_bytes(bytes(16))
        with started(installed + f"RUN = {run}\n" + ENDLESS, directory) as process:
            least = choose.choice(wanted)
            until(lambda least=least: struct.unpack("<QQ", sent.read_bytes())[0] >= least)
            process.send_signal(signal.SIGKILL)
        for k, count in enumerate(struct.unpack("<QQ", sent.read_bytes())):
            expected |= {run * 100_000_000 + k * 10_000_000 + n for n in range(count)}
    return expected


def test_kills_under_load(tmp_path):
    """
    Fifty times a process that logs without end is killed: each line whose call had returned is there, once and whole.
    """
    expected = killed(INSTALLED, 50, [1, 2, 10, 100, 1000, 5000, 12_000], tmp_path)
    service(DRAIN, tmp_path)
    found = [json.loads(line) for line in (tmp_path / "app.log").read_text().splitlines()]
    found = [event["n"] for event in found if "n" in event]

    assert [] == rings(tmp_path)
    assert len(found) == len(set(found))
    assert set() == expected - set(found)
    # Of each thread one call may have been on its way back.
    assert len(set(found) - expected) <= 100


@pytest.mark.parametrize("compression", ["", ", compress='gzip'", ", compress='gzip', compress_delay=1"])
def test_kills_while_it_rotates(tmp_path, compression):
    """
    Lines of a process that is killed are there once, also where its last ones went to several files.
    """
    rotated = INSTALLED.replace("path='app.log'", f"path='app.log', rotate_bytes=4096{compression}")
    assert rotated != INSTALLED
    expected = killed(rotated, 10, [100, 200, 400, 800], tmp_path)
    service(DRAIN, tmp_path)
    found = []
    for path in sorted(tmp_path.glob("app.log*")):
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        found += [json.loads(line) for line in content.splitlines()]
    found = [event["n"] for event in found if "n" in event]

    assert [] == rings(tmp_path)
    assert [] == [n for n, count in Counter(found).items() if count > 1]
    assert set() == expected - set(found)
    assert len(set(found) - expected) <= 20


def test_a_process_that_was_stopped_and_killed(tmp_path):
    """
    Lines of a process that is frozen and never continues are there with the next one.
    """
    code = LATE + "for n in range(90): log.info('n', extra={'n': n})\nos.kill(os.getpid(), 19)\n"
    with started(code, tmp_path) as process:
        until(lambda: "State:\tT" in Path(f"/proc/{process.pid}/status").read_text())
        service(DRAIN, tmp_path)
        before = len(numbers(tmp_path))
        process.send_signal(signal.SIGKILL)
    service(DRAIN, tmp_path)

    assert 0 == before
    assert list(range(90)) == numbers(tmp_path)


@pytest.mark.skipif(shutil.which("unshare") is None or os.geteuid() != 0, reason="makes namespaces of process ids")
def test_living_rings_of_other_containers_stay(tmp_path):
    """
    Two processes that are both number 1, each in a namespace of its own, leave each other's living ring alone.
    """
    code = LATE.replace("{", "{{").replace("}", "}}")
    code += "for n in range({}, {}): log.info('n', extra={{'n': n}})\nprint(os.getpid(), flush=True)\n"
    code += "sys.stdin.readline()\nos._exit(0)"
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c"]
    running = []
    for first in (0, 10):
        source = code.format(first, first + 10)
        running.append(
            subprocess.Popen(
                [*command, source],
                cwd=tmp_path,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert "1\n" == running[-1].stdout.readline()
    service(DRAIN, tmp_path)
    assert [] == numbers(tmp_path)
    assert 2 == len(rings(tmp_path))
    for process in running:
        process.communicate("\n")
    service(DRAIN, tmp_path)

    assert list(range(20)) == sorted(numbers(tmp_path))
    assert [] == rings(tmp_path)


@pytest.mark.parametrize(
    ("path", "moved"),
    [
        ("logs", "os.rename('logs', 'old')"),
        ("logs", "import shutil; shutil.rmtree('logs')"),
        ("logs", "os.remove(glob.glob('logs/.*.ring')[0])"),
        ("current", "os.symlink('second', 'next'); os.rename('next', 'current')"),
    ],
)
def test_a_ring_follows_its_log(tmp_path, path, moved):
    """
    A second after the log's directory was moved, or its ring, lines that wait are safe again: the next process finds them.
    """
    for name in ("logs", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "current").symlink_to("logs")
    code = INSTALLED.replace("app.log", f"{path}/app.log") + "import glob, itertools\n"
    code += "def rings(): return {os.stat(path).st_ino for path in glob.glob('*/.*.ring')}\n"
    code += "for n in range(5): log.info('n', extra={'n': n})\n"
    code += f"headrig.flush()\nbefore = rings()\n{moved}\n"
    code += "for n in itertools.count(5):\n    log.info('n', extra={'n': n})\n    threading.Event().wait(0.001)\n"
    code += "    if len(rings()) == 1 and not rings() & before: break\n"
    code += "print(glob.glob('*/.*.ring'), flush=True)\nos.kill(os.getpid(), 9)\n"
    ended = service(code, tmp_path)
    assert f"{path}/.app.log." in ended.stdout
    service(DRAIN.replace("app.log", f"{path}/app.log"), tmp_path)
    logs = {path.resolve() for path in tmp_path.glob("*/app.log")}
    found = [json.loads(line) for path in logs for line in path.read_text().splitlines()]
    found = [event["n"] for event in found if "n" in event]

    assert max(found) > 100
    assert list(range(5 if "rmtree" in moved else 0, max(found) + 1)) == sorted(found)
    assert [] == list(tmp_path.rglob("*.ring"))


def test_only_redacted_bytes_lie_there(tmp_path):
    """
    A ring is for its owner alone, and no secret of a line is in it, even before the line is written.
    """
    code = INSTALLED + "log.info('password=hunter2-fake', extra={'api_key': 'hunter3-fake'}); os.kill(os.getpid(), 9)"
    service(code, tmp_path)
    (ring,) = rings(tmp_path)

    assert 0o600 == ring.stat().st_mode & 0o777
    assert b"[REDACTED:" in ring.read_bytes()
    assert b"-fake" not in ring.read_bytes()


@pytest.mark.parametrize("ring", [True, False])
def test_no_ring_is_left_by_a_process_that_ends(ring, tmp_path):
    """
    Once everything is written, exit, `close` and `os._exit` of a child leave no ring; without one, none is made.
    """
    code = """
import logging, os, headrig
handler = headrig.install(path="app.log", ring=RING)
log = logging.getLogger("app")
log.info("n", extra={"n": 0})
assert RING == any(name.endswith(".ring") for name in os.listdir())
if os.fork() == 0:
    log.info("n", extra={"n": 1})
    os._exit(0)
os.wait()
other = headrig.Handler("other.log", ring=RING)
other.handle(log.makeRecord("app", 20, "", 0, "n", (), None))
other.close()
log.info("n", extra={"n": 2})
"""
    done = service(code.replace("RING", str(ring)), tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert [0, 1, 2] == sorted(numbers(tmp_path))
    assert ["app.log", "other.log"] == sorted(os.listdir(tmp_path))


def test_two_handlers_of_one_process_on_one_path(tmp_path):
    """
    A second handler on a path does not drain the living ring of the first.
    """
    code = """
import logging, os, headrig
handlers = [headrig.Handler("app.log") for _ in range(3)]
log = logging.getLogger("app")
for n in range(30): handlers[n % 3].handle(log.makeRecord("app", 20, "", 0, "n", (), None, extra={"n": n}))
headrig.Handler("app.log")
os.kill(os.getpid(), 9)
"""
    service(code, tmp_path)
    service(DRAIN, tmp_path)

    assert list(range(30)) == sorted(numbers(tmp_path))


def test_no_room_for_a_ring(tmp_path):
    """
    Where a ring cannot be made, that is said once, and lines are written as without one.
    """
    code = (
        """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
"""
        + INSTALLED
    )
    code += "for n in range(10): log.info('n', extra={'n': n})\n"
    done = service(code, tmp_path)

    assert 0 == done.returncode
    assert 1 == done.stderr.count("lines that wait are lost with a process that is killed: ")
    assert list(range(10)) == numbers(tmp_path)
    assert [] == rings(tmp_path)


def test_a_file_sink_on_that_path_drains(tmp_path):
    """
    The file sink of `headrig run` begins with the lines that a service on its path could not write.
    """
    service(INSTALLED + "for n in range(10): log.info('n', extra={'n': n})\nos.kill(os.getpid(), 9)", tmp_path)
    settings = '[sources.in]\ntype = "stdin"\n\n[sinks.out]\ntype = "file"\npath = "app.log"\n'
    (tmp_path / "headrig.toml").write_text(settings)
    subprocess.run(
        [sys.executable, "-m", "headrig", "run", "-c", "headrig.toml"],
        cwd=tmp_path,
        env=environment(),
        input=b'{"n":10}\n',
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert list(range(11)) == numbers(tmp_path)
    assert [] == rings(tmp_path)
