"""The file sink: whole lines, written once, whatever the disk does meanwhile."""

import errno
import os
import re
import shutil
import stat

import pytest
from full_disk import disk_that_fills

from headrig.config import Config
from headrig.engine import LogFile
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


@pytest.fixture(params=["limit", "disk"])
def disk(request, path):
    """A disk that has room for so many more bytes of the file: by the process's limit, and a real one."""
    with disk_that_fills(request.param, path) as disk:
        yield disk


@pytest.fixture
def failures(monkeypatch):
    """The reason of each attempt to append that failed."""
    reasons = []

    class Counted:
        def __init__(self, path, **settings):
            self._file = LogFile(path, **settings)
            self.changes, self.sync, self.close = self._file.changes, self._file.sync, self._file.close

        def append(self, *arguments):
            accepted, reason = self._file.append(*arguments)
            reasons.extend([reason] * (reason is not None))
            return accepted, reason

    monkeypatch.setattr("headrig.sinks.file.LogFile", Counted)
    return reasons


async def failed(run):
    """Until a write has failed."""
    await run.until(lambda: run.pipeline.state.metrics.value(ERRORS, *FULL) >= 1)


@pytest.mark.parametrize("room", [0, 3, 8, 11, 20])
async def test_full_disk(path, disk, room):
    """
    When the disk is full the batch comes again: no line is torn meanwhile, lost or written twice.
    """
    async with FileConfig(path=str(path)).open(context()) as sink:
        disk.limit(room)
        with pytest.raises(Retryable, match=f"^write: {disk.reason}$") as caught:
            await sink.write(LINES)

        assert "io" == caught.value.reason
        assert disk.written() == b"" or disk.written().endswith(b"\n")
        assert len(disk.written()) == sink.accepted_bytes
        disk.free()
        await sink.write(LINES)

    assert b"".join(LINES) == disk.written()


async def test_short_writes_go_on(path, disk):
    """
    A write that takes only a part of a line is gone on with, however often that happens: nothing is lost, torn or twice.
    """
    text = b"".join(b'{"n":%d}\n' % n for n in range(3))
    async with FileConfig(path=str(path)).open(context()) as sink:
        for room in range(1, len(text)):
            disk.limit(room)
            written = disk.written()
            with pytest.raises(Retryable):
                await sink.write([text])
            fitting = text[:room].rpartition(b"\n")[0]
            assert written + fitting + b"\n" * bool(fitting) == disk.written()
            disk.free()
            await sink.write([text])
            assert written + text == disk.written()


async def test_full_disk_in_the_flow(start, path, disk, failures, caplog):
    """
    A full disk is counted and said once, holds back only what it must, and everything is in the file once there is space.
    """
    run = await start(TCP, {"out": FileConfig(path=str(path))})
    disk.limit(5)
    text = b"".join(b'{"n":%d}\n' % n for n in range(1000))
    await run.send(text)
    await failed(run)
    disk.free()
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].delivered == 1000)

    assert text == disk.written()
    errors = 'component_errors_total{component_id="out",component_kind="sink",component_type="file",'
    assert {disk.reason} == set(failures)
    assert run.page()[errors + 'error_type="io",stage="sending"}'] == len(failures)
    said = [record.getMessage() for record in caplog.records if record.name == "headrig.sinks.file"]
    cause = f"{path} cannot be written: {disk.reason}; lines wait until it can"
    assert [cause, f"{path} is written again"] == said


async def test_reload_on_a_full_disk(start, path, disk):
    """
    A sink that a reload puts in place of one that failed halfway does not write the first half again.
    """
    sinks = {"out": FileConfig(path=str(path))}
    run = await start(TCP, sinks)
    disk.limit(17)
    text = b"".join(b'{"n":%d}\n' % n for n in range(1000))
    await run.send(text)
    await failed(run)
    await run.pipeline.reload(Config(sources=TCP, sinks=sinks, limits=run.pipeline.state.limits))
    disk.free()
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].delivered == 1000)

    assert text == disk.written()


async def test_fsync(path, monkeypatch):
    """
    With `fsync = "always"` a batch is accepted after fsync; a failing one makes the batch come again, unwritten twice.
    """
    calls = []
    failures = [OSError(errno.EIO, "Input/output error")]

    class Failing:
        def __init__(self, path, **settings):
            self._file = LogFile(path, **settings)
            self.append, self.changes, self.close = self._file.append, self._file.changes, self._file.close

        def sync(self):
            calls.append(path.read_bytes())
            if failures:
                raise failures.pop()
            self._file.sync()

    monkeypatch.setattr("headrig.sinks.file.LogFile", Failing)
    async with FileConfig(path=str(path), fsync="always").open(context()) as sink:
        with pytest.raises(Retryable, match="Input/output error"):
            await sink.write(LINES)
        await sink.write(LINES)

    assert [b"".join(LINES)] * 2 == calls
    assert b"".join(LINES) == path.read_bytes()


@pytest.mark.parametrize(("compress", "extension"), [(None, ""), ("gzip", ".gz"), ("zstd", ".zst")])
@pytest.mark.parametrize("fsync", ["never", "always"])
async def test_rotation(path, compress, extension, fsync):
    """
    A file that is large enough gets another name, and is compressed; as many as told are kept.
    """
    settings = {"rotate_bytes": 16, "keep": 3, "compress": compress, "fsync": fsync}
    async with FileConfig(path=str(path), **settings).open(context()) as sink:
        for n in range(10):
            await sink.write([b'{"n":%d}\n' % n] * 2)
        sink._file.wait_until_tidy()
    rotated = sorted(each.name for each in path.parent.iterdir() if not each.name.startswith("."))[1:]

    assert b'{"n":9}\n' * 2 == path.read_bytes()
    assert 3 == len(rotated)
    assert all(re.fullmatch(r"app\.log\.\d{8}T\d{6}-\d{4}" + re.escape(extension), name) for name in rotated)


async def test_renamed_and_removed(path):
    """
    A removed file, or its directory, is made anew with the next lines, and lines after a rename are in one of both files.
    """
    async with FileConfig(path=str(path)).open(context()) as sink:
        for remove in (path.unlink, lambda: shutil.rmtree(path.parent), lambda: None):
            await sink.write(LINES)
            assert b"".join(LINES) == path.read_bytes()
            remove()
        renamed = path.rename(path.with_suffix(".1"))
        await sink.write(LINES)

    assert 2 * b"".join(LINES) == renamed.read_bytes() + (path.read_bytes() if path.exists() else b"")


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


async def test_problems_of_rotation(tmp_path):
    """
    What belongs to a rotation is refused where nothing is rotated, and so is a rotation without end.
    """

    def problems(**settings):
        return [str(each) for each in FileConfig(path=f"{tmp_path}/app.log", **settings).problems("sinks.out")]

    assert [] == problems(rotate_bytes=1, keep=1, total_bytes_max=1, compress="gzip", compress_delay=1)
    assert [] == problems(rotate_seconds=86_400.0, compress="zstd")
    for name, value in {"keep": 1, "total_bytes_max": 1, "compress": "gzip", "compress_delay": 1}.items():
        assert [f"sinks.out.{name}: nothing is rotated; give rotate_bytes or rotate_seconds as well"] == problems(
            **{name: value}
        )
    for name in ("rotate_bytes", "rotate_seconds"):
        assert [f"sinks.out.{name}: too small for a rotation; give 1 or more"] == problems(**{name: 0})


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
    disk.limit(0)
    await run.send(b"{}\n" * 7)
    await failed(run)
    await run.stop()

    assert {"shutdown": 7} == dict(run.pipeline.state.ledger.sinks["out"].dropped)
