"""The file sink: whole lines, written once, whatever the disk does meanwhile."""

import errno
import os
import stat

import pytest

from headrig.config import Config
from headrig.errors import ConfigError, Retryable
from headrig.limits import Limits
from headrig.sinks import FileConfig
from headrig.sources import TcpConfig
from headrig.telemetry import ERRORS
from headrig.testing import context

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
FULL = ("out", "sink", "file", "io", "sending")
LINES = [b'{"n":1}\n{"n":2}\n', b'{"n":3}\n']


@pytest.fixture
def path(tmp_path):
    return tmp_path / "logs" / "deep" / "app.log"


async def test_appends_whole_lines(path):
    """
    Lines are appended to what is there; file and directories are made with their modes.
    """
    async with FileConfig(path=str(path)).open(context()) as sink:
        await sink.write(LINES)
    async with FileConfig(path=str(path)).open(context()) as sink:
        await sink.write(LINES[1:])

    assert b'{"n":1}\n{"n":2}\n{"n":3}\n{"n":3}\n' == path.read_bytes()
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
    assert [0o640, 0o750, 0o750] == modes


@pytest.fixture
def disk(monkeypatch):
    """A disk that takes so many bytes per call, then fails as told."""

    class Disk:
        takes: list[int | OSError] = []  # noqa: RUF012

        def writev(self, descriptor, views):
            if not self.takes:
                return writev(descriptor, views)
            take = self.takes.pop(0)
            if isinstance(take, OSError):
                raise take
            return os.write(descriptor, b"".join(views)[:take])

    writev = os.writev
    disk = Disk()
    monkeypatch.setattr(os, "writev", disk.writev)
    return disk


async def test_short_writes_go_on(path, disk):
    """
    A write that takes only a part is gone on with where it stopped.
    """
    disk.takes = [3, 9, 1]
    async with FileConfig(path=str(path)).open(context()) as sink:
        await sink.write(LINES)

    assert b"".join(LINES) == path.read_bytes()


@pytest.mark.parametrize("takes", [0, 3, 8, 11, 20])
async def test_full_disk(path, disk, takes):
    """
    When the disk is full the batch comes again: no line is torn meanwhile, lost or written twice.
    """
    disk.takes = [takes] * (takes > 0) + [OSError(errno.ENOSPC, "No space left on device")]
    async with FileConfig(path=str(path)).open(context()) as sink:
        with pytest.raises(Retryable, match="No space left") as caught:
            await sink.write(LINES)

        assert "io" == caught.value.reason
        assert path.read_bytes() == b"" or path.read_bytes().endswith(b"\n")
        await sink.write(LINES)

    assert b"".join(LINES) == path.read_bytes()


async def test_full_disk_in_the_flow(start, path, disk):
    """
    A full disk is counted, holds back only what it must, and everything is in the file once there is space.
    """
    run = await start(TCP, {"out": FileConfig(path=str(path))})
    disk.takes = [5, OSError(errno.ENOSPC, "No space left on device")]
    text = b"".join(b'{"n":%d}\n' % n for n in range(1000))
    await run.send(text)
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].delivered == 1000)

    assert text == path.read_bytes()
    errors = 'component_errors_total{component_id="out",component_kind="sink",component_type="file",'
    assert 1 == run.page()[errors + 'error_type="io",stage="sending"}']


async def test_reload_on_a_full_disk(start, path, disk):
    """
    A sink that a reload puts in place of one that failed halfway does not write the first half again.
    """
    sinks = {"out": FileConfig(path=str(path))}
    run = await start(TCP, sinks)
    disk.takes = [17, OSError(errno.ENOSPC, "No space left on device")]
    text = b"".join(b'{"n":%d}\n' % n for n in range(1000))
    await run.send(text)
    await run.until(lambda: disk.takes == [] and run.pipeline.state.metrics.value(ERRORS, *FULL) == 1)
    await run.pipeline.reload(Config(sources=TCP, sinks=sinks, limits=run.pipeline.state.limits))
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].delivered == 1000)

    assert text == path.read_bytes()


async def test_fsync(path, monkeypatch):
    """
    With `fsync = "always"` a batch is accepted after fsync; a failing one makes the batch come again, unwritten twice.
    """
    calls = []
    failures = [OSError(errno.EIO, "Input/output error")]

    def fsync(descriptor):
        calls.append(descriptor)
        if failures:
            raise failures.pop()

    monkeypatch.setattr(os, "fsync", fsync)
    async with FileConfig(path=str(path), fsync="always").open(context()) as sink:
        with pytest.raises(Retryable, match="Input/output error"):
            await sink.write(LINES)
        await sink.write(LINES)

    assert 2 == len(calls)
    assert b"".join(LINES) == path.read_bytes()


async def test_torn_tail_is_ended(path):
    """
    A file that a crash left within a line gets a newline first, so that the next line is intact.
    """
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"n":0}\n{"torn')
    async with FileConfig(path=str(path)).open(context()) as sink:
        await sink.write(LINES)

    assert b'{"n":0}\n{"torn\n' + b"".join(LINES) == path.read_bytes()


async def test_device(start):
    """
    A device is written like a file, without looking at its size.
    """
    run = await start(TCP, {"out": FileConfig(path=os.devnull)})
    await run.send(b"{}\n")
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].delivered == 1)

    assert await run.pipeline.flush()


async def test_unwritable_path(start, tmp_path):
    """
    A path that cannot be written is named with its key and a remedy, and ends with exit code 78.
    """
    (tmp_path / "file").write_text("")
    path = f"{tmp_path}/file/app.log"
    with pytest.raises(ConfigError) as caught:
        await start(TCP, {"out": FileConfig(path=path)})

    assert 78 == caught.value.exit_code
    remedy = "give a path in a directory that this user may write to"
    assert f"sinks.out.path: cannot write {path}: Not a directory; {remedy}" == str(caught.value)


async def test_problems(tmp_path):
    """
    A path that cannot be a file is a problem before anything is created.
    """
    (tmp_path / "file").write_text("")

    def paths(path):
        return [each.path for each in FileConfig(path=str(path)).problems("sinks.out")]

    assert [] == paths(tmp_path / "new" / "app.log")
    assert [] == paths(tmp_path / "file")
    assert ["sinks.out.path"] == paths(tmp_path)
    assert ["sinks.out.path"] == paths(tmp_path / "file" / "app.log")
    assert ["sinks.out.path"] == paths("")


async def test_waits_for_company(start, path):
    """
    Lines wait for company up to `flush_entries_max`; a flush writes them at once.
    """
    config = FileConfig(path=str(path), flush_entries_max=10, flush_seconds=3600.0)
    run = await start(TCP, {"out": config})
    await run.send(b"{}\n" * 9)
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].accepted == 9)

    assert b"" == path.read_bytes()
    assert 9 == run.page()['headrig_lines_in_flight{component_id="out",component_kind="sink"}']
    await run.pipeline.flush()
    assert b"{}\n" * 9 == path.read_bytes()
    await run.send(b"{}\n" * 10)
    await run.until(lambda: path.read_bytes() == b"{}\n" * 19)


async def test_company_has_a_time(start, path):
    """
    Lines wait no longer than `flush_seconds`.
    """
    run = await start(TCP, {"out": FileConfig(path=str(path), flush_entries_max=1000, flush_seconds=0.01)})
    await run.send(b"{}\n")
    await run.until(lambda: path.read_bytes() == b"{}\n")


async def test_hanging_disk(start, path, disk):
    """
    A disk that stays full does not hold the end: the lines are dropped as `shutdown` and counted.
    """
    limits = Limits(drain_seconds=0.2)
    run = await start(TCP, {"out": FileConfig(path=str(path))}, limits=limits)
    disk.takes = [OSError(errno.ENOSPC, "No space left on device")] * 1000
    await run.send(b"{}\n" * 7)
    await run.until(lambda: len(disk.takes) < 1000)
    await run.stop()

    assert {"shutdown": 7} == dict(run.pipeline.state.ledger.sinks["out"].dropped)
