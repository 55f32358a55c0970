"""The handler's file where others have their hands on it: killed writers, renames, removals."""

import json
import os

import pytest
from running import until
from service_process import INSTALLED, service, started

ENDLESS = (
    INSTALLED
    + """
import itertools
for n in itertools.count():
    log.info("x" * 700, extra={"n": n, "by": os.getpid()})
    if n % 400 == 399: headrig.flush()
"""
)
"""Logs for as long as it lives, no faster than it is written."""
GROWTH_BYTES = 2_000_000


def whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def test_killed_within_a_line(tmp_path):
    """
    A kill may leave the beginning of a line: no line of others is glued to it, neither of those that go on nor of who
    starts next, and nothing else in the file is torn.
    """
    path = tmp_path / "app.log"
    running = [started(ENDLESS, tmp_path) for _ in range(2)]
    try:
        for kill in range(20):
            size = path.stat().st_size if path.exists() else 0
            until(lambda size=size: path.exists() and path.stat().st_size > size + GROWTH_BYTES)
            running[kill % 2].kill()
            running[kill % 2].communicate()
            running[kill % 2] = started(ENDLESS, tmp_path)
        size = path.stat().st_size
        until(lambda: path.stat().st_size > size + GROWTH_BYTES)
    finally:
        for each in running:
            each.kill()
            each.communicate()
    lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
    torn = [line for line in lines if not whole(line)]

    assert all(line[:1] == b"{" and line.count(b"{") == 1 and b"}" not in line for line in torn)
    # One for each kill, and one where both are killed at the end.
    assert len(torn) <= 22
    numbers = {}
    for line in map(json.loads, filter(whole, lines)):
        numbers.setdefault(line["by"], []).append(line["n"])
    assert len(numbers) > 10
    assert all(list(range(len(each))) == each for each in numbers.values())


@pytest.mark.parametrize("forked", [False, True])
def test_renamed_under_load(tmp_path, forked):
    """
    A file that is renamed under a service, as logrotate does, is made anew with the next line; no line is lost or torn.
    """
    code = """
import itertools, logging, os, time, headrig
headrig.install(path="logs/app.log")
log = logging.getLogger("app")
child = os.fork() if FORKED else None
numbers = itertools.count()
deadline = time.monotonic() + 20
for rotation in range(2):
    log.info("n", extra={"n": next(numbers), "by": str(bool(child))})
    assert headrig.flush(5.0)
    if child != 0: os.rename("logs/app.log", f"logs/app.log.{rotation}")
    while time.monotonic() < deadline:
        log.info("n", extra={"n": next(numbers), "by": str(bool(child))})
        assert headrig.flush(5.0)
        if os.path.exists("logs/app.log"): break
log.info("n", extra={"n": next(numbers), "by": str(bool(child))})
assert headrig.flush(5.0)
if child == 0: os._exit(0)
if child: os.waitpid(child, 0)
"""
    done = service(code.replace("FORKED", str(forked)), tmp_path)
    logs = sorted((tmp_path / "logs").iterdir())

    assert (0, "") == (done.returncode, done.stderr)
    assert ["app.log", "app.log.0", "app.log.1"] == [log.name for log in logs]
    lines = [json.loads(line) for log in [*logs[1:], logs[0]] for line in log.read_text().splitlines()]
    for by in {line["by"] for line in lines}:
        numbers = [line["n"] for line in lines if line["by"] == by]
        assert list(range(len(numbers))) == numbers


def test_removed_under_load(tmp_path):
    """
    A file that is removed, or its directory, is made anew with the next line.
    """
    code = """
import logging, os, shutil, headrig
headrig.install(path="logs/app.log")
log = logging.getLogger("app")
for remove in (lambda: os.unlink("logs/app.log"), lambda: shutil.rmtree("logs"), lambda: None):
    log.info("x")
    assert headrig.flush(5.0)
    assert os.path.getsize("logs/app.log") > 0
    remove()
"""
    done = service(code, tmp_path)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its rights away and take them back")
@pytest.mark.parametrize("removed", [False, True])
def test_rights_that_are_lost_and_given_back(tmp_path, removed):
    """
    A process that may not make the new file goes on with the old one, or waits if that is gone; it says so once, and once
    that it is over.
    """
    code = """
import logging, os, headrig
os.mkdir("logs")
handler = headrig.install(path="logs/app.log")
log = logging.getLogger("app")
def say(n):
    log.info("n", extra={"n": n})
    return headrig.flush(0.3 if REMOVED and 0 < n < 4 else 5.0)
assert say(0)
os.unlink("logs/app.log") if REMOVED else os.rename("logs/app.log", "logs/app.log.1")
os.seteuid(65534)
for n in range(1, 4): assert say(n) != REMOVED
os.seteuid(0)
while not os.path.exists("logs/app.log"): say(4)
assert say(5)
assert handler.counts()["waiting"] == handler.counts()["dropped"] == 0
"""
    done = service(code.replace("REMOVED", str(removed)), tmp_path)
    said = done.stderr.splitlines()
    begin, end = (
        ("cannot be written: Permission denied; lines wait until it can", "is written again")
        if removed
        else ("cannot be opened: Permission denied; tried again each second", "is open again")
    )

    assert [f"headrig: logs/app.log: {begin}", f"headrig: logs/app.log: {end}"] == said
    assert 0 == done.returncode
    logs = sorted((tmp_path / "logs").iterdir(), reverse=True)
    found = [json.loads(line)["n"] for log in logs for line in log.read_text().splitlines()]
    assert list(range(removed, 4)) == found[: 4 - removed]
    assert 5 == found[-1]
    assert found == sorted(found)
