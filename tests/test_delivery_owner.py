"""Who keeps the state in a folder: one process at a time, through forks, kills and reloads."""

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager

import pytest
from conftest import NOW_SECONDS

from headrig.delivery.owner import Holder, Owner, holder
from headrig.errors import ConfigError

HOLD = """
import sys
from headrig.delivery.owner import Owner
owner = Owner(sys.argv[1], lambda: 0.0)
owner.announce("http://127.0.0.1:9600")
print(owner.held, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def owner():
    """Make owners; all give their lock back afterwards."""
    made = []

    def maker(folder):
        made.append(Owner(str(folder), lambda: NOW_SECONDS))
        return made[-1]

    yield maker
    for each in made:
        each.release()


@contextmanager
def another(folder):
    """Another process that tries to keep the state there, and whether it does."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process, process.stdout.readline() == b"True\n"
        finally:
            process.stdin.close()
            process.wait()


def in_child(tell):
    """What a forked child says."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, repr(tell()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, "rb") as said:
        return said.read().decode()


def test_first_comes(owner, tmp_path):
    """
    The first has it and makes the folder; the file is private, and holds where its status is served.
    """
    first = owner(tmp_path / "a/data")
    first.announce("http://127.0.0.1:9600")
    found = os.lstat(tmp_path / "a/data/owner.lock")

    assert (True, None) == (first.held, first.degraded)
    assert (0o600, 0o750) == (stat.S_IMODE(found.st_mode), stat.S_IMODE(os.lstat(tmp_path / "a/data").st_mode))
    assert Holder(os.getpid(), "http://127.0.0.1:9600") == holder(str(tmp_path / "a/data"))
    assert b"http://127.0.0.1:9600\n" == (tmp_path / "a/data/owner.lock").read_bytes()


def test_second_process(owner, tmp_path):
    """
    A second process does not wait, and says who has it: the process and its address.
    """
    with another(tmp_path) as (process, held):
        second = owner(tmp_path)
        said = f"process {process.pid} (http://127.0.0.1:9600) keeps the state in {tmp_path}: "

        assert (True, False) == (held, second.held)
        assert (said + "give each its own data_dir, or stop that one", NOW_SECONDS) == second.degraded
        assert not second.take()
    assert second.take()
    assert second.degraded is None


def test_second_is_told_apart_by_the_file(owner, tmp_path):
    """
    It is one lock by whatever name the folder is reached.
    """
    (tmp_path / "link").symlink_to(tmp_path / "data")
    first = owner(tmp_path / "data")
    with another(tmp_path / "link") as (_, held):
        assert (True, False) == (first.held, held)


def test_killed(owner, tmp_path):
    """
    What a killed holder had is free at once.
    """
    with another(tmp_path) as (process, held):
        assert held
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert owner(tmp_path).held


def test_fork(owner, tmp_path):
    """
    A child has not what its parent has, cannot take it, and gives nothing back when it ends or closes.
    """
    first = owner(tmp_path)

    def tell():
        had = first.held
        first.release()
        return had, Owner(str(tmp_path), lambda: NOW_SECONDS).degraded.reason

    reason = f"process {os.getpid()} keeps the state in {tmp_path}: give each its own data_dir, or stop that one"
    assert repr((False, reason)) == in_child(tell)
    with another(tmp_path) as (_, held):
        assert (True, False) == (first.held, held)


def test_fork_of_a_holder_that_ends(tmp_path):
    """
    A child that outlives its parent keeps nothing back from others, and may take the lock itself.
    """
    script = """
import os, sys
from headrig.delivery.owner import Owner
owner = Owner(sys.argv[1], lambda: 0.0)
if os.fork() == 0:
    os.close(1)
    sys.stdin.read()
    os._exit(0 if owner.take() else 1)
print(owner.held, flush=True)
os._exit(0)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert b"True\n" == process.stdout.read()
        process.wait()
        made = Owner(str(tmp_path), lambda: NOW_SECONDS)
        assert made.held
        made.release()
        process.stdin.close()


def test_two_in_one_process(owner, tmp_path):
    """
    One process opens it once: two users of one folder have it together, and it is free when the last has let go.
    """
    first, second = owner(tmp_path), owner(tmp_path)
    assert (True, True) == (first.held, second.held)
    holder(str(tmp_path))
    first.release()
    first.release()
    with another(tmp_path) as (_, held):
        assert (False, True) == (held, second.held)
    second.release()
    with another(tmp_path) as (_, held):
        assert held


def test_file_that_is_replaced(owner, tmp_path):
    """
    A holder whose file was removed holds nothing that others see; it may take the new one.
    """
    first = owner(tmp_path)
    (tmp_path / "owner.lock").unlink()

    assert not first.held
    assert "was removed or replaced" in first.degraded.reason
    assert first.take()
    with another(tmp_path) as (_, held):
        assert (True, False) == (first.held, held)


@pytest.mark.parametrize("kind", ["file", "link", "folder", "pipe", "read-only"])
def test_folder_that_cannot_be_used(owner, tmp_path, monkeypatch, kind):
    """
    A folder in which no file can be made is an error of the settings, nobody waits, and nothing is left open.
    """
    made = tmp_path / "data"
    if kind == "file":
        made.write_text("")
    elif kind == "link":
        made.mkdir()
        (made / "owner.lock").symlink_to(tmp_path / "elsewhere")
    elif kind == "folder":
        (made / "owner.lock").mkdir(parents=True)
    elif kind == "pipe":
        made.mkdir()
        os.mkfifo(made / "owner.lock")
    else:
        # Root may write anywhere that is not mounted read-only.
        made.mkdir()
        really = os.open

        def refuse(path, flags, *more, **named):
            if flags & os.O_CREAT:
                raise OSError(30, "Read-only file system")
            return really(path, flags, *more, **named)

        monkeypatch.setattr(os, "open", refuse)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ConfigError, match=f"data_dir: cannot keep state in {made}: .*; give a folder") as caught:
        owner(made)

    assert before == len(os.listdir("/proc/self/fd"))
    assert 78 == caught.value.exit_code
    assert not (tmp_path / "elsewhere").exists()


def test_file_system_without_locks(owner, tmp_path, monkeypatch):
    """
    Where there are no locks nobody keeps the state, and that is the reason.
    """

    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    before = len(os.listdir("/proc/self/fd"))
    found = owner(tmp_path)

    assert (False, f"{tmp_path} is on a file system without locks: No locks available") == (
        found.held,
        found.degraded.reason,
    )
    assert before == len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE])
def test_disk_that_fails(owner, tmp_path, monkeypatch, number):
    """
    A disk that is full or fails is no fault of the settings: nobody keeps the state until it is better.
    """
    really = os.open

    def refuse(path, flags, *more, **named):
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number))
        return really(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    found = owner(tmp_path)
    assert (False, f"cannot keep state in {tmp_path}: {os.strerror(number)}") == (found.held, found.degraded.reason)
    monkeypatch.undo()

    assert found.take()
    assert found.degraded is None


def test_holder_out_of_sight():
    """
    A holder in another container has no number here.
    """
    assert "a process of another container or machine (http://a:1)" == str(Holder(0, "http://a:1"))


@pytest.mark.parametrize("said", [b"", b"\xff\n", b"ftp://a\n", b"http://a\x1b[1m\n", b"http://" + b"a" * 400])
def test_what_others_wrote(owner, tmp_path, said):
    """
    What stands in the file is shown only if it is an address.
    """
    with another(tmp_path):
        (tmp_path / "owner.lock").write_bytes(said)
        assert "" == holder(str(tmp_path)).address
        assert "(" not in owner(tmp_path).degraded.reason


def test_looking_changes_nothing(owner, tmp_path):
    """
    To look makes no file, and takes nothing from whoever has it.
    """
    assert (None, []) == (holder(str(tmp_path)), list(tmp_path.iterdir()))
    assert owner(tmp_path).held
    for _ in range(3):
        holder(str(tmp_path))
    with another(tmp_path) as (_, held):
        assert not held
