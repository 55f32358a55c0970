"""Who keeps the state of a run: where the folder comes from, and what becomes of a run that does not have it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from headrig_process import Run, headrig

from headrig import config
from headrig.delivery.owner import Holder, holder
from headrig.errors import ConfigError
from headrig.limits import Limits
from headrig.sources import TcpConfig
from headrig.web import HttpServerConfig

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
HTTP = HttpServerConfig(listen="127.0.0.1:0")
FILE = """
[sources.in]
type = "tcp"
listen = "127.0.0.1:0"
[sinks.out]
type = "file"
path = "app.log"
"""
HOLD = """
import sys
from headrig.delivery.owner import Owner
print(Owner(sys.argv[1], lambda: 0.0).held, flush=True)
sys.stdin.read()
"""


class Another:
    """A process that keeps the state in a folder, until it is killed."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", HOLD, str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.held = self.process.stdout.readline() == b"True\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def keeps(folder: Path) -> bool:
    """Nobody keeps the state there, so another process can."""
    with Another(folder) as another:
        return another.held


async def reload(run, **changed):
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, **changed))


@pytest.mark.asyncio
async def test_run_keeps_the_state(start, memory, tmp_path):
    """
    A run has the lock from its start to its end, also over reloads, and says at the lock where it is served.
    """
    run = await start(TCP, memory, http=HTTP, data_dir=str(tmp_path / "data"))
    assert Holder(os.getpid(), run.url) == holder(str(tmp_path / "data"))
    assert ("ok", "") == run_of(run)
    await reload(run, limits=Limits(drain_seconds=1.0))
    await reload(run, http=HttpServerConfig(listen="localhost:0"))
    assert Holder(os.getpid(), run.url) == holder(str(tmp_path / "data"))
    assert "localhost" in run.url
    await reload(run, http=None)
    assert Holder(os.getpid(), "") == holder(str(tmp_path / "data"))
    assert not keeps(tmp_path / "data")
    await run.stop()

    assert keeps(tmp_path / "data")
    assert ["owner.lock"] == os.listdir(tmp_path / "data")


def run_of(run):
    """Status and reason of the folder."""
    found = run.pipeline.status.health().components["data_dir"]
    return found.status, found.reason


@pytest.mark.asyncio
async def test_run_beside_another(start, memory, sink, tmp_path, caplog):
    """
    Where another process keeps the state a run goes on without, degraded, and says who, as long as that one does; a reload
    after its end, be it killed, takes it.
    """
    with Another(tmp_path) as another:
        run = await start(TCP, memory, data_dir=str(tmp_path))
        said = f"process {another.process.pid} keeps the state in {tmp_path}: "
        assert ("degraded", said + "give each its own data_dir, or stop that one") == run_of(run)
        assert f"data_dir: {said}" in caplog.text
        await run.send(b"{}\n")
        await run.until(lambda: sink.lines == [b"{}"])
        await reload(run, limits=Limits(drain_seconds=1.0))
        assert "degraded" == run_of(run)[0]
        another.kill()
        free = f"nobody keeps the state in {tmp_path} any more: send SIGHUP, and this process does"
        assert ("degraded", free) == run_of(run)
        await reload(run, limits=Limits(drain_seconds=2.0))

    assert ("ok", "") == run_of(run)
    assert not keeps(tmp_path)


@pytest.mark.asyncio
async def test_reload_moves_the_state(start, memory, tmp_path):
    """
    Another folder is taken and the former given back; a folder that cannot be used leaves everything as it was.
    """
    first, second = tmp_path / "first", tmp_path / "second"
    run = await start(TCP, memory, data_dir=str(first))
    await reload(run, data_dir=str(second))
    assert (True, False) == (keeps(first), keeps(second))
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="data_dir: cannot keep state in"):
        await reload(run, data_dir=str(tmp_path / "file"))
    assert not keeps(second)
    assert ("ok", "") == run_of(run)
    await reload(run, data_dir=None)

    assert keeps(second)
    assert "data_dir" not in run.pipeline.status.health().components


@pytest.mark.asyncio
async def test_refused_start_leaves_nothing(start, memory, tmp_path):
    """
    A run that cannot start makes no folder, and holds none.
    """
    sources = {**TCP, "wrong": TcpConfig(listen="192.0.2.1:1")}
    with pytest.raises(ConfigError):
        await start(sources, memory, data_dir=str(tmp_path / "data"))

    assert [] == os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("setting", "variables", "expected"),
    [
        ("set", {"HEADRIG_DATA_DIR": "told", "STATE_DIRECTORY": "made"}, "set"),
        (None, {"HEADRIG_DATA_DIR": "told", "STATE_DIRECTORY": "made"}, "told"),
        (None, {"STATE_DIRECTORY": "made:other"}, "made"),
        (None, {"STATE_DIRECTORY": ""}, None),
        (None, {}, None),
    ],
)
def test_where_it_is(tmp_path, monkeypatch, setting, variables, expected):
    """
    The setting goes before `HEADRIG_DATA_DIR`, and that before the first folder that systemd made.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "headrig.toml").write_text((f'data_dir = "{setting}"\n' if setting else "") + FILE)
    loaded = config.load("headrig.toml", variables)
    without = ["HEADRIG_DATA_DIR: without effect"] if setting and "HEADRIG_DATA_DIR" in variables else []

    assert expected == loaded.data_dir
    assert without == [warning.partition(": settings")[0] for warning in loaded.warnings]


@pytest.mark.parametrize(
    ("stdin", "variables", "expected"),
    [
        ("no", {}, "data"),
        ("also", {}, "data"),
        ("only", {}, None),
        ("no", {"HEADRIG_DATA_DIR": "told"}, "told"),
        ("only", {"HEADRIG_DATA_DIR": "told"}, "told"),
        ("no", {"STATE_DIRECTORY": "made:other"}, "made"),
    ],
)
def test_where_it_is_without_a_file(tmp_path, monkeypatch, stdin, variables, expected):
    """
    The built-in defaults have `data`, but for a run of standard input, of which any number may run side by side.
    """
    monkeypatch.chdir(tmp_path)

    assert expected == config.load(None, variables, stdin).data_dir


@pytest.mark.parametrize("file", [True, False], ids=["a file", "no file"])
@pytest.mark.parametrize(
    ("folder", "says"), [("/dev/null/x", "/dev/null is not a directory"), ("~/state", "~"), ("$HOME/state", "")]
)
def test_variable_that_cannot_be_used(tmp_path, monkeypatch, file, folder, says):
    """
    A folder that cannot be used is refused by the name of its variable.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "headrig.toml").write_text(FILE)
    _, errors = config.read("headrig.toml" if file else None, {"HEADRIG_DATA_DIR": folder})

    assert ["environment: HEADRIG_DATA_DIR"] == [str(error).rpartition(": ")[0][:31] for error in errors]
    assert says in str(errors[0])


def test_read_only_folder(tmp_path):
    """
    `headrig run` with a folder that it may not write to is refused with 78 and a remedy. Root may write anywhere that is not
    mounted read-only, so the folder is one of the kernel's.
    """
    (tmp_path / "headrig.toml").write_text('data_dir = "/proc/sys"\n' + FILE)
    done = headrig("run", "-c", "headrig.toml", cwd=tmp_path)

    assert 78 == done.returncode
    assert re.search(rb"data_dir: no (permission to write|file can be made) in /proc/sys", done.stderr)
    assert ["headrig.toml"] == sorted(set(os.listdir(tmp_path)) - {"app.log"})


def test_two_runs(tmp_path):
    """
    Of two runs with one folder the second goes on and names the first; killed, that one leaves the folder to the next.
    """
    (tmp_path / "headrig.toml").write_text('data_dir = "state"\n[http]\nlisten = "127.0.0.1:0"\n' + FILE)
    with Run("-c", "headrig.toml", cwd=tmp_path) as first:
        address = "http://" + ":".join(map(str, first.address("shows   http://")))
        with Run("-c", "headrig.toml", cwd=tmp_path) as second:
            said = f"data_dir: process {first.process.pid} ({address}) keeps the state in state: "
            assert [True] == [said in line for line in second.said if "data_dir" in line]
        first.process.kill()
        first.process.wait()
    with Run("-c", "headrig.toml", cwd=tmp_path) as third:
        assert not [line for line in third.said if "keeps the state" in line or "forgotten" in line]
        third.signal(signal.SIGTERM)
        assert 0 == third.end()


def test_validate_only_looks(tmp_path):
    """
    `headrig validate` says who keeps the state now, as a note; it makes nothing and takes nothing away.
    """
    (tmp_path / "headrig.toml").write_text('data_dir = "state"\n' + FILE)
    alone = headrig("validate", cwd=tmp_path)
    assert ["headrig.toml"] == os.listdir(tmp_path)
    with Another(tmp_path / "state") as another:
        beside = headrig("validate", cwd=tmp_path)
        assert not keeps(tmp_path / "state")

    assert (0, 0) == (alone.returncode, beside.returncode)
    assert b"keeps the state" not in alone.stdout
    note = f"headrig.toml: data_dir: process {another.process.pid} keeps the state in state now\n"
    assert note.encode() in beside.stdout
