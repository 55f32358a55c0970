"""A reload as a transaction: what goes on undisturbed, what is left behind, and what ends it. Ledgers close throughout."""

import asyncio
import os
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from running import free_port

from headrig.component import OpenContext, SinkComponentConfig, SourceComponentConfig
from headrig.errors import Retryable, UnavailableError
from headrig.limits import Limits
from headrig.model import Intake
from headrig.sinks import FileConfig, HttpSinkConfig
from headrig.sources import HttpSourceConfig, TcpConfig, UnixConfig
from headrig.testing import MemorySink
from headrig.web import HttpServerConfig

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
HTTP = HttpServerConfig(listen="127.0.0.1:0")
NDJSON = {"Content-Type": "application/x-ndjson"}


async def reload(run, **changes):
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, **changes))


def limits(**more) -> Limits:
    return Limits(drain_seconds=2.0, **more)


class Finite(SourceComponentConfig, frozen=True, kw_only=True, tag="finite"):
    """Settings of a source that ends when it is told to."""

    source: Any

    @asynccontextmanager
    async def open(self, context: OpenContext):
        yield self.source


class FiniteSource:
    endless = False
    where = "here"

    def __init__(self):
        self.over = asyncio.Event()

    async def read(self, intake: Intake) -> None:
        await self.over.wait()

    def tune(self, limits: Limits) -> None:
        pass


class Gated(SinkComponentConfig, frozen=True, kw_only=True, tag="gated"):
    """Settings of a sink that takes a while to open."""

    sink: Any
    gate: Any
    closed: Any
    number: int = 0

    @asynccontextmanager
    async def open(self, context: OpenContext):
        await self.gate.wait()
        try:
            yield self.sink
        finally:
            self.closed.append(self.number)


# The end of a run


@pytest.mark.parametrize("kept", [False, True])
async def test_change_of_every_source_is_not_the_end(start, memory, sink, tmp_path, kept):
    """
    All sources change, or all but one, while a sink is within a write: none of that is the end of input.
    """
    sources = {"u": UnixConfig(path=str(tmp_path / "u.sock")), "h": HttpSourceConfig(token="fake")}
    sources |= TCP if kept else {}
    run = await start(sources, memory, http=HTTP)
    _, peer = await asyncio.open_unix_connection(str(tmp_path / "u.sock"))
    sink.open.clear()
    peer.write(b'{"n":1}\n')
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].waiting() == 1)
    changed = {"u": UnixConfig(path=str(tmp_path / "u.sock"), mode="0600"), "h": HttpSourceConfig(token="other fake")}
    reloading = asyncio.get_running_loop().create_task(reload(run, sources=sources | changed, limits=limits()))
    for _ in range(20):
        await asyncio.sleep(0)
    assert run.pipeline.status.health().good()
    sink.open.set()
    await reloading
    peer.write(b'{"n":2}\n')
    await run.until(lambda: len(sink.lines) == 2)

    assert not run.pipeline.ended.is_set()
    assert not run.pipeline.state.draining
    assert 0o600 == (tmp_path / "u.sock").stat().st_mode & 0o777
    peer.close()


async def test_replaced_by_another_kind_is_not_the_end(start, memory, sink, tmp_path):
    """
    The only source becomes one of another kind under the same name: the old one's end is not that of the run.
    """
    run = await start(TCP, memory)
    await reload(run, sources={"in": UnixConfig(path=str(tmp_path / "in.sock"))})
    await run.until(lambda: not run.pipeline.state.leaving)
    _, peer = await asyncio.open_unix_connection(str(tmp_path / "in.sock"))
    peer.write(b"{}\n")
    await run.until(lambda: sink.lines == [b"{}"])

    assert not run.pipeline.ended.is_set()
    peer.close()


async def test_end_of_what_is_left(start, memory):
    """
    Once an endless source is taken out, the run ends with those that are left and have ended by themselves.
    """
    source = FiniteSource()
    finite = {"finite": Finite(source=source)}
    run = await start(finite | TCP, memory)
    source.over.set()
    await run.until(lambda: run.pipeline.state.sources["finite"].ended)
    assert not run.pipeline.ended.is_set()
    await reload(run, sources=finite)
    await run.end()


async def test_new_input_while_the_end_waits(start, memory, sink, monkeypatch):
    """
    All input has ended and its lines wait for a sink: a reload that brings new input calls the end off.
    """
    monkeypatch.setattr("headrig.runtime.reload.SWITCH_SECONDS", 0.02)
    source = FiniteSource()
    run = await start({"finite": Finite(source=source)} | TCP, memory)
    sink.open.clear()
    await run.send(b'{"n":1}\n')
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].waiting() == 1)
    source.over.set()
    await reload(run, sources={"finite": Finite(source=source)})
    await run.until(run.pipeline.ended.is_set)
    await reload(run, sources={"finite": Finite(source=source)} | TCP)
    sink.open.set()
    await run.send(b'{"n":2}\n')
    await run.until(lambda: len(sink.lines) == 2)

    assert not run.task.done()


# One at a time, and the end of the run wins


async def test_one_at_a_time(start, memory, sink):
    """
    A reload begins once the one before is over, and the last one's settings hold.
    """
    run = await start(TCP, memory)
    gate, closed = asyncio.Event(), []
    first = memory | {"slow": Gated(sink=MemorySink(), gate=gate, closed=closed)}
    loop = asyncio.get_running_loop()
    reloads = [loop.create_task(reload(run, sinks=sinks)) for sinks in (first, memory)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert ["out"] == list(run.pipeline.state.sinks)
    gate.set()
    await asyncio.gather(*reloads)
    await run.until(lambda: closed == [0])

    assert ["out"] == list(run.pipeline.state.sinks)
    assert 2 == run.page()['headrig_config_reloads_total{result="success"}']


@pytest.mark.parametrize("waiting", [1, 3])
async def test_stop_within_a_reload(start, memory, sink, tmp_path, waiting):
    """
    A stop ends a reload that is under way, and those that wait: nothing starts any more, what was opened is closed.
    """
    run = await start(TCP, memory)
    sinks = memory | {"slow": Gated(sink=MemorySink(), gate=asyncio.Event(), closed=[])}
    more = TCP | {"more": UnixConfig(path=str(tmp_path / "more.sock"))}
    loop = asyncio.get_running_loop()
    reloads = [loop.create_task(reload(run, sinks=sinks, sources=more)) for _ in range(waiting)]
    await asyncio.sleep(0)
    await run.send(b"{}\n")
    await run.stop()
    errors = await asyncio.gather(*reloads, return_exceptions=True)

    assert [UnavailableError] * waiting == [type(error) for error in errors]
    assert [b"{}"] == sink.lines
    assert ["in"] == list(run.pipeline.state.sources)
    assert not (tmp_path / "more.sock").exists()


async def test_stop_right_after_the_change(start, memory, sink, tmp_path):
    """
    A stop while parts go over drains all of them, those that left and those that came.
    """
    run = await start(TCP, memory)
    _, peer = await asyncio.open_connection("127.0.0.1", run.port())
    peer.write(b'{"n":1}\n')
    await run.until(lambda: len(sink.lines) == 1)
    sink.open.clear()
    peer.write(b'{"n":2}\n')
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].waiting() == 1)
    sinks = memory | {"file": FileConfig(path=str(tmp_path / "app.log"))}
    path = str(tmp_path / "in.sock")
    reloading = asyncio.get_running_loop().create_task(reload(run, sinks=sinks, sources={"u": UnixConfig(path=path)}))
    await run.until(lambda: "u" in run.pipeline.state.sources)
    peer.write(b'{"n":3}\n')
    run._stop.set()
    await reloading
    sink.open.set()
    await run.stop()

    assert {b'{"n":1}', b'{"n":2}', b'{"n":3}'} == set(sink.lines)
    assert b'{"n":3}\n' == (tmp_path / "app.log").read_bytes()
    peer.close()


async def test_time_to_open(start, memory, monkeypatch):
    """
    What cannot be opened in time leaves the old settings, and the next reload is not held up.
    """
    run = await start(TCP, memory)
    monkeypatch.setattr("headrig.runtime.reload.RELOAD_SECONDS", 0.05)
    sinks = memory | {"slow": Gated(sink=MemorySink(), gate=asyncio.Event(), closed=[])}
    with pytest.raises(UnavailableError, match="not everything could be opened within"):
        await reload(run, sinks=sinks)
    monkeypatch.undo()
    await reload(run, limits=limits(connections_max=7))

    assert ["out"] == list(run.pipeline.state.sinks)
    assert 1 == run.page()['headrig_config_reloads_total{result="failure"}']


async def test_write_that_never_returns(start, tmp_path, monkeypatch):
    """
    A sink within a write that nobody reads holds up neither reloads nor the stop, and reloads pile nothing up.
    """
    monkeypatch.setattr("headrig.runtime.reload.SWITCH_SECONDS", 0.02)
    os.mkfifo(tmp_path / "fifo")
    sinks = {"fifo": FileConfig(path=str(tmp_path / "fifo"), flush_seconds=0.0)}
    run = await start(TCP, sinks, limits=Limits(drain_seconds=0.3))
    await run.send(b'{"x":"' + b"y" * 200_000 + b'"}\n')
    await run.until(lambda: run.pipeline.state.ledger.sinks["fifo"].waiting() == 1)

    async def reloads(times):
        for number in range(times):
            await reload(run, limits=Limits(drain_seconds=0.3, connections_max=100 + number))
        return len(os.listdir("/proc/self/fd"))

    files = await reloads(3)
    assert files >= await reloads(10)
    await run.stop()
    assert 1 == run.pipeline.state.ledger.sinks["fifo"].dropped["shutdown"]


# What is let go of


async def test_sink_that_leaves_with_its_endpoint_down(start, memory, sink, monkeypatch):
    """
    A removed sink that cannot get rid of its lines owes nothing for what came after it, at once and for good; when its
    time is over they are dropped, with a reason, and counted.
    """
    monkeypatch.setattr("headrig.runtime.components.LEAVING_SECONDS", 0.3)
    dead = HttpSinkConfig(endpoint=f"http://127.0.0.1:{free_port()}/", flush_seconds=0.0, required=False)
    run = await start(TCP, memory | {"dead": dead})
    ledger = run.pipeline.state.ledger
    await run.send(b"{}\n" * 100)
    await run.until(lambda: len(sink.lines) == 100)
    await reload(run, sinks=memory)
    assert (100, 0) == (ledger.sinks["dead"].waiting(), ledger.imbalance())
    await run.send(b"{}\n" * 1000)
    await run.until(lambda: len(sink.lines) == 1100)
    assert 0 == ledger.imbalance()
    await run.until(lambda: ledger.sinks["dead"].dropped["removed"] == 100)
    await run.until(lambda: not run.pipeline.state.leaving)

    assert 0 == ledger.imbalance()
    name = 'headrig_lines_dropped_total{component_id="dead",component_kind="sink",reason="removed"}'
    assert 100 == run.page()[name]


async def test_sink_that_comes_back_before_it_has_left(start, memory, sink):
    """
    A sink is removed and added again, twice, while it still owes lines of before: its account closes at every moment.
    """
    other = MemorySink()
    other.errors = [Retryable("not now", "io")] * 3
    other.open.clear()
    both = memory | {"other": msgspec.structs.replace(memory["out"], sink=other)}
    run = await start(TCP, both)
    ledger = run.pipeline.state.ledger
    for times, sinks in enumerate((memory, both, memory, both), 1):
        await run.send(b"{}\n" * 10)
        await run.until(lambda sent=times * 10: len(sink.lines) == sent)
        await reload(run, sinks=sinks)
        ledger.check()
    await run.send(b"{}\n" * 10)
    await run.until(lambda: len(sink.lines) == 50)
    other.open.set()
    await run.until(lambda: not run.pipeline.state.leaving and not ledger.sinks["other"].waiting())

    ledger.check()
    assert 30 == len(other.lines) == ledger.sinks["other"].delivered


async def test_source_that_comes_back_before_it_has_left(start, memory, sink, monkeypatch):
    """
    A removed source reads its peers to their end, or for its time; meanwhile it may be there again.
    """
    monkeypatch.setattr("headrig.runtime.components.LEAVING_SECONDS", 0.2)
    run = await start(TCP | {"back": TCP["in"]}, memory)
    _, writer = await asyncio.open_connection("127.0.0.1", run.port("back"))
    writer.write(b'{"n":1}\n')
    await run.until(lambda: len(sink.lines) == 1)
    await reload(run, sources=TCP)
    await reload(run, sources=TCP | {"back": TCP["in"]})
    await run.send(b'{"n":2}\n', "back")
    while run.pipeline.state.leaving:
        writer.write(b'{"n":3}\n')
        await asyncio.sleep(0.001)
    await run.until(lambda: not run.pipeline.state.leaving)

    run.pipeline.state.ledger.check()
    assert {b'{"n":1}', b'{"n":2}', b'{"n":3}'} == set(sink.lines)
    writer.close()
