"""The handler on standard output and standard error: pipes without a reader, redirections, closed and full ones."""

import json
import os
import socket
import subprocess
import sys

import pytest
from running import until
from service_process import DEADLINE_SECONDS, environment, service

STREAMS = [("True", 1), ("False", 2)]
BEGIN = """
import fcntl, json, logging, os, sys, threading, headrig
handler = headrig.install(path=PATH, structured=STRUCTURED)
log = logging.getLogger("app")
def until_said(*counts):
    for _ in range(600):
        headrig.flush(0.1)
        if all(handler.counts()[name] for name in counts): return
    raise AssertionError(handler.counts())
"""
END = '\nopen("counts", "w").write(json.dumps(handler.counts()))'


def run(code, cwd, structured="True", path=None, **streams):
    code = BEGIN.replace("STRUCTURED", structured).replace("PATH", repr(path)) + code + END
    return subprocess.Popen([sys.executable, "-c", code], cwd=cwd, env=environment(), **streams)


def ended(process, cwd):
    """What it said on standard error, once it has ended, and the counts of its handler."""
    said = process.communicate(timeout=DEADLINE_SECONDS)[1]
    assert 0 == process.returncode, said
    return (said or b"").decode(), json.loads((cwd / "counts").read_text())


@pytest.mark.parametrize("count", [1, 3, 20_000])
@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("path", [None, "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_a_reader_that_goes(tmp_path, count, kind, path):
    """
    Where nobody reads any more, by whatever name, nothing is tried again: it is said once, the lines count as dropped, and
    the exit is quick.
    """
    code = f"""
sys.stdin.read()
for n in range({count}): log.info("n")
until_said("dropped")
log.info("one more")
"""
    if kind == "pipe":
        reader, writer = os.pipe()
    else:
        reader, writer = (each.detach() for each in socket.socketpair())
    process = run(code, tmp_path, path=path, stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    os.close(reader)
    said, counts = ended(process, tmp_path)

    assert "headrig: standard output: cannot be written: Broken pipe; lines are dropped\n" == said
    # The last line may still wait when the counts are taken.
    assert count <= counts["dropped"]
    assert 0 == counts["written"]
    assert counts["received"] == count + 1


def test_lines_before_the_reader_goes_are_written(tmp_path):
    """
    What was read counts as written.
    """
    code = """
log.info("first")
assert headrig.flush()
sys.stdin.read()
log.info("second")
until_said("dropped")
"""
    process = run(code, tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    line = process.stdout.readline()
    process.stdout.close()
    process.stdin.close()
    said = process.stderr.read().decode()
    process.stderr.close()

    assert 0 == process.wait(DEADLINE_SECONDS)
    assert "first" == json.loads(line)["message"]
    assert 1 == said.count("\n")
    counts = json.loads((tmp_path / "counts").read_text())
    assert (2, 1, 1) == (counts["received"], counts["written"], counts["dropped"])


@pytest.mark.parametrize(("structured", "number"), STREAMS)
def test_closed_at_the_start(tmp_path, structured, number):
    """
    A service without standard output starts; a file that gets its number gets none of its lines.
    """
    code = """
other = os.open("other", os.O_CREAT | os.O_WRONLY)
for n in range(20): log.info("n")
until_said("dropped")
"""
    if number == 2:
        # Its place is taken by what says so: only the lines are looked at.
        code = code.replace("log.info", "log.error")
    process = run(
        code,
        tmp_path,
        structured,
        preexec_fn=lambda: os.close(number),
        **({"stderr": subprocess.PIPE} if number == 1 else {}),
    )
    said, counts = ended(process, tmp_path)

    assert (20, 20, 0) == (counts["received"], counts["dropped"], counts["written"])
    assert "" == (tmp_path / "other").read_text() or number == 2
    if number == 1:
        assert "headrig: standard output: cannot be written: it is closed; lines are dropped\n" == said


@pytest.mark.parametrize(("structured", "number"), STREAMS)
@pytest.mark.parametrize("kind", ["file", "pipe", "socket"])
def test_redirections_are_followed(tmp_path, structured, number, kind):
    """
    Lines after `dup2` go where the descriptor points then, and those after it is undone where it pointed before.
    """
    code = f"""
import socket
before = os.dup({number})
def through(kind):
    if kind == "file": return os.open("there", os.O_CREAT | os.O_RDWR), None
    if kind == "pipe": return os.pipe()[::-1]
    return [each.detach() for each in socket.socketpair()]
log.error("first")
assert headrig.flush()
there, other = through({kind!r})
os.dup2(there, {number})
log.error("second")
assert headrig.flush()
assert handler.fileno() == {number}
os.dup2(before, {number})
log.error("third")
assert headrig.flush()
got = open("there").read() if other is None else os.read(other, 65536).decode()
assert "second" in got and "first" not in got and "third" not in got, got
"""
    process = run(code, tmp_path, structured, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, error = (each.decode() for each in process.communicate(timeout=DEADLINE_SECONDS))

    assert 0 == process.returncode, error
    assert ["first", "third"] == [word for word in ("first", "second", "third") if word in (out + error)]


def test_a_full_device_is_said_once_and_so_is_its_end(tmp_path):
    """
    Lines wait for a device that is full, which is said once, and come where it is redirected to.
    """
    code = """
before = os.dup(1)
for n in range(3): log.info(f"{n}")
until_said("write_errors")
for n in range(3, 6): log.info(f"{n}")
while handler.counts()["write_errors"] < 3: headrig.flush(0.1)
os.dup2(os.open("there", os.O_CREAT | os.O_WRONLY), 1)
assert headrig.flush()
"""
    with open("/dev/full", "wb") as full:
        process = run(code, tmp_path, stdout=full, stderr=subprocess.PIPE)
    said, counts = ended(process, tmp_path)

    assert [
        "headrig: standard output: cannot be written: No space left on device; lines wait until it can",
        "headrig: standard output: is written again",
    ] == said.splitlines()
    lines = [json.loads(line)["message"] for line in (tmp_path / "there").read_text().splitlines()]
    assert ["0", "1", "2", "3", "4", "5"] == lines
    assert (6, 6, 0) == (counts["received"], counts["written"], counts["dropped"])


def test_a_slow_reader_of_a_pipe_that_does_not_block(tmp_path):
    """
    Output that does not block is waited for: a reader that comes late gets every line, and nothing is said.
    """
    code = """
fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_NONBLOCK)
for n in range(5000): log.info("n", extra={"n": n})
open("full", "w").close()
assert headrig.flush(30.0)
"""
    process = run(code, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until((tmp_path / "full").exists)
    out, error = process.communicate(timeout=DEADLINE_SECONDS)

    assert (0, b"") == (process.returncode, error)
    assert list(range(5000)) == [json.loads(line)["n"] for line in out.splitlines()]


def test_all_descriptors_are_closed(tmp_path):
    """
    A daemon that closes what it does not know harms no file that gets the number: the log is opened again. The handler's
    `fileno()` is what it has to keep otherwise.
    """
    code = """
import logging, os, headrig
handler = headrig.install(path="app.log")
log = logging.getLogger("app")
log.info("first")
assert headrig.flush()
number = handler.fileno()
assert os.path.samestat(os.fstat(number), os.stat("app.log"))
os.closerange(3, 256)
others = [os.open(f"other{n}", os.O_CREAT | os.O_RDWR) for n in range(100)]
assert number in others
log.info("second")
assert headrig.flush()
assert os.path.samestat(os.fstat(handler.fileno()), os.stat("app.log"))
assert all(os.fstat(other).st_size == 0 for other in others)
"""
    done = service(code, tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert 2 == (tmp_path / "app.log").read_text().count("\n")


def test_fileno_of_a_handler_that_ships(tmp_path):
    """
    A handler without a file or stream has no descriptor, which is an OSError as with any other file object.
    """
    code = """
import headrig
handler = headrig.install(to="http://127.0.0.1:1")
try: handler.fileno()
except OSError as error: print(error.errno)
import os; os._exit(0) if not print(end="", flush=True) else None
"""
    done = service(code, tmp_path)

    assert "9\n" == done.stdout
