"""The flow under load, failure, reload and stop. After every test the ledger closes (`start` in conftest.py)."""

import asyncio
import logging

import msgspec
import pytest

from headrig.config import Config
from headrig.errors import DeliveryError, Retryable, RuleError
from headrig.limits import Limits
from headrig.runtime.pipeline import _settle
from headrig.sinks import FileConfig
from headrig.sources import TcpConfig, UnixConfig
from headrig.testing import MemorySink

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
SMALL = Limits(core_queue_bytes_max=10_000, sink_queue_bytes_max=10_000, sink_queue_batches_max=3, drain_seconds=2.0)


def lines(count: int) -> bytes:
    return b"".join(b'{"n":%d}\n' % n for n in range(count))


async def test_every_sink_gets_every_line(start, memory, sink):
    """
    Several sources, several sinks: every sink has every line, each source in its order.
    """
    other = MemorySink()
    sinks = memory | {"other": msgspec.structs.replace(memory["out"], sink=other)}
    run = await start({"a": TCP["in"], "b": TCP["in"]}, sinks)
    await asyncio.gather(run.send(lines(5000), "a"), run.send(lines(5000).replace(b"n", b"m"), "b"))
    await run.until(lambda: len(sink.lines) == len(other.lines) == 10_000)

    assert lines(5000) == b"".join(line + b"\n" for line in sink.lines if b"n" in line)
    assert sorted(sink.lines) == sorted(other.lines)


async def test_blank_lines_are_dropped_and_counted(start, memory, sink):
    """
    Blank lines do not come out, and the ledger says so.
    """
    run = await start(TCP, memory)
    await run.send(b"{}\n\n\n{}\n")
    await run.until(lambda: len(sink.lines) == 2)

    assert {"blank": 2} == dict(run.pipeline.state.ledger.sources["in"].dropped)


async def test_broken_line_is_counted(start, memory, sink):
    """
    A line that is not JSON comes out as JSON, counted by its reason.
    """
    run = await start(TCP, memory)
    await run.send(b"plain text\n")
    await run.until(lambda: len(sink.lines) == 1)

    assert "not_json" == msgspec.json.decode(sink.lines[0])["headrig"]["broken"]
    assert 1 == run.page()['headrig_broken_lines_total{reason="not_json"}']


async def test_secret_is_redacted_and_counted(start, memory, sink):
    """
    A secret does not come out, and is counted by its rule.
    """
    run = await start(TCP, memory)
    await run.send(b'{"password":"correct horse"}\n')
    await run.until(lambda: len(sink.lines) == 1)

    assert b"horse" not in sink.text
    assert any(name.startswith("headrig_redactions_total") for name in run.page())


async def test_blocking_sink_holds_its_sources(start, memory, sink):
    """
    A sink that does not take anything holds back the sender, in bounded memory; afterwards nothing is missing.
    """
    sink.open.clear()
    run = await start(TCP, memory, limits=SMALL)
    text = lines(2_000_000)
    sending = asyncio.get_running_loop().create_task(run.send(text))
    source = run.pipeline.state.sources["in"]
    await run.until(lambda: source.queue.full and run.pipeline.state.sinks["out"].buffer.full)
    for _ in range(100):
        await asyncio.sleep(0)

    assert source.queue.account.received < 1_000_000
    assert not sending.done()
    sink.open.set()
    await sending
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].delivered == 2_000_000)
    assert text == sink.text


@pytest.mark.parametrize(("when_full", "kept"), [("drop_newest", b'{"n":0}'), ("drop_oldest", b'{"n":199999}')])
async def test_full_queue_drops(start, memory, sink, when_full, kept):
    """
    A sink that drops when it is full delays nobody; what it drops is counted, and it keeps the right end.
    """
    sink.open.clear()
    healthy = MemorySink()
    sinks = {
        "out": msgspec.structs.replace(memory["out"], when_full=when_full),
        "healthy": msgspec.structs.replace(memory["out"], sink=healthy),
    }
    run = await start(TCP, sinks, limits=SMALL)
    await run.send(lines(200_000))
    await run.until(lambda: len(healthy.text) == len(lines(200_000)))
    account = run.pipeline.state.ledger.sinks["out"]

    assert account.dropped["queue_full"] > 0
    sink.open.set()
    await run.until(lambda: account.waiting() == 0)
    assert kept in sink.lines
    assert 200_000 == account.delivered + account.dropped["queue_full"]


async def test_retry(start, memory, sink):
    """
    A batch that a sink could not take now comes again; one it gives up on is dropped and counted by reason.
    """
    sink.errors = [Retryable("not now", "io"), DeliveryError("never", "auth")]
    run = await start(TCP, memory)
    await run.send(b'{"n":1}\n')
    await run.until(lambda: not sink.errors)
    await run.send(b'{"n":2}\n')
    await run.until(lambda: sink.lines == [b'{"n":2}'])

    assert {"auth": 1} == dict(run.pipeline.state.ledger.sinks["out"].dropped)


async def test_core_failure_costs_one_batch(start, memory, sink, monkeypatch, caplog):
    """
    Should the core fail, its batch is dropped, counted and logged without content, and the next one is taken.
    """

    class Panic(BaseException):
        pass

    class Lane:
        def process(self, data, arrival_seconds):
            raise Panic(data)

    run = await start(TCP, memory)
    engine = run.pipeline.state.engine
    monkeypatch.setattr(run.pipeline.state, "engine", type("Broken", (), {"lane": lambda *_: Lane()})())
    with caplog.at_level(logging.ERROR, "headrig"):
        await run.send(b'{"some":"payload"}\n')
        await run.until(lambda: run.pipeline.state.ledger.sources["in"].dropped["core_failure"] == 1)
    run.pipeline.state.engine = engine
    await run.send(b'{"n":2}\n')
    await run.until(lambda: sink.lines == [b'{"n":2}'])

    assert "payload" not in caplog.text


async def test_flush(start, memory, sink):
    """
    A flush takes what no batch has closed over yet through to the sinks, and has them make it durable.
    """
    slow = msgspec.structs.replace(memory["out"], flush_seconds=3600.0, flush_entries_max=1000)
    run = await start(TCP, {"out": slow})
    await run.send(b"{}\n")
    await run.until(lambda: run.pipeline.state.ledger.sources["in"].received == 1)

    assert await run.pipeline.flush()
    assert ([b"{}"], 1) == (sink.lines, sink.flushes)


async def test_flush_of_a_dead_sink(start, memory, sink):
    """
    A flush does not wait for ever for a sink that takes nothing.
    """
    sink.open.clear()
    run = await start(TCP, memory, limits=Limits(drain_seconds=0.05))
    await run.send(b"{}\n")
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].accepted == 1)

    assert not await run.pipeline.flush()


async def test_stop_within_its_time(start, memory, sink, caplog):
    """
    A dead sink does not hold the end: what it did not take is dropped as `shutdown`, counted and logged.
    """
    sink.open.clear()
    run = await start(TCP, memory, limits=msgspec.structs.replace(SMALL, drain_seconds=0.2))
    await run.send(lines(1000))
    await run.until(lambda: run.pipeline.state.ledger.sources["in"].received == 1000)
    with caplog.at_level(logging.ERROR, "headrig"):
        await run.stop()

    ledger = run.pipeline.state.ledger
    assert 1000 == ledger.sources["in"].dropped["shutdown"] + ledger.sinks["out"].dropped["shutdown"]
    assert "1000 lines were not written within 0.2 s" in caplog.text


async def test_dead_sink_does_not_cost_a_healthy_one_its_lines(start, memory, sink):
    """
    At the end a healthy sink gets all lines, even if another one takes none.
    """
    sink.open.clear()
    healthy = MemorySink()
    sinks = memory | {"healthy": msgspec.structs.replace(memory["out"], sink=healthy)}
    run = await start(TCP, sinks, limits=msgspec.structs.replace(SMALL, drain_seconds=1.0, core_queue_bytes_max=10**7))
    await run.send(lines(20_000))
    await run.until(lambda: run.pipeline.state.ledger.sources["in"].received == 20_000)
    await run.stop()

    assert lines(20_000) == healthy.text


def settings(sources, sinks, **more):
    return Config(sources=sources, sinks=sinks, limits=Limits(drain_seconds=2.0), **more)


async def test_reload_keeps_what_did_not_change(start, memory, sink, tmp_path):
    """
    A reload adds and removes parts; connections of an unchanged source go on, and no line is lost.
    """
    path = tmp_path / "new.sock"
    run = await start(TCP | {"old": UnixConfig(path=str(tmp_path / "old.sock"))}, memory)
    _, writer = await asyncio.open_connection("127.0.0.1", run.port())
    writer.write(b'{"n":1}\n{"n"')
    await run.until(lambda: len(sink.lines) == 1)
    added = FileConfig(path=str(tmp_path / "app.log"))
    await run.pipeline.reload(settings(TCP | {"new": UnixConfig(path=str(path))}, memory | {"file": added}))
    writer.write(b":2}\n")
    _, unix = await asyncio.open_unix_connection(str(path))
    unix.write(b'{"n":3}\n')
    await run.until(lambda: len(sink.lines) == 3)

    assert {b'{"n":1}', b'{"n":2}', b'{"n":3}'} == set(sink.lines)
    await run.until(lambda: not (tmp_path / "old.sock").exists())
    await run.pipeline.flush()
    assert {b'{"n":2}', b'{"n":3}'} == set((tmp_path / "app.log").read_bytes().splitlines())
    assert 1 == run.page()['headrig_config_reloads_total{result="success"}']
    writer.close()
    unix.close()


async def test_reload_hands_the_socket_on(start, memory, sink):
    """
    A changed source takes over the address from its predecessor without a gap, and the lines of both count.
    """
    with_port = {"in": TcpConfig(listen=f"127.0.0.1:{await free_port()}")}
    run = await start(with_port, memory)
    await run.send(b'{"n":1}\n')
    run.leave_in_backlog(b'{"n":2}\n')
    changed = {"in": msgspec.structs.replace(with_port["in"], insecure_listen=True)}
    await run.pipeline.reload(settings(changed, memory))
    await run.send(b'{"n":3}\n')
    await run.until(lambda: len(sink.lines) == 3)

    assert {b'{"n":1}', b'{"n":2}', b'{"n":3}'} == set(sink.lines)
    assert 3 == run.pipeline.state.ledger.sources["in"].received


async def free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def test_reload_reopens_files(start, tmp_path):
    """
    After logrotate moved the file away, a reload makes a new one.
    """
    path = tmp_path / "app.log"
    sinks = {"out": FileConfig(path=str(path))}
    run = await start(TCP, sinks)
    await run.send(b'{"n":1}\n')
    await run.until(lambda: path.read_bytes() == b'{"n":1}\n')
    path.rename(tmp_path / "app.log.1")
    await run.pipeline.reload(settings(TCP, sinks))
    await run.send(b'{"n":2}\n')
    await run.until(lambda: path.read_bytes() == b'{"n":2}\n')

    assert b'{"n":1}\n' == (tmp_path / "app.log.1").read_bytes()


async def test_reload_removes_a_sink(start, memory, sink):
    """
    A sink that is taken out gets what was on its way, and is no longer missed by the ledger.
    """
    other = MemorySink()
    both = memory | {"other": msgspec.structs.replace(memory["out"], sink=other, flush_seconds=3600.0)}
    run = await start(TCP, both)
    await run.send(b'{"n":1}\n')
    await run.until(lambda: len(sink.lines) == 1)
    await run.pipeline.reload(settings(TCP, memory))
    await run.until(lambda: len(other.lines) == 1)
    await run.send(b'{"n":2}\n')
    await run.until(lambda: len(sink.lines) == 2)

    assert [b'{"n":1}'] == other.lines
    await run.pipeline.reload(settings(TCP, both))
    await run.send(b'{"n":3}\n')
    await run.until(lambda: len(sink.lines) == 3)


@pytest.mark.parametrize(
    "bad",
    [
        {"sinks": {"out": FileConfig(path="/proc/nowhere/app.log")}},
        {"sources": {"in": TcpConfig(listen="192.0.2.1:1", insecure_listen=True)}},
        {"engine_spec": b'{"metrics":{"rules":[{"name":"x","kind":"counter","where":"level =="}]}}'},
    ],
)
async def test_bad_reload_changes_nothing(start, memory, sink, bad):
    """
    Settings of which anything cannot be opened leave the old ones running entirely, and are counted.
    """
    run = await start(TCP, memory)
    with pytest.raises(Exception) as caught:
        await run.pipeline.reload(msgspec.structs.replace(settings(TCP, memory), **bad))
    await run.send(b"{}\n")
    await run.until(lambda: sink.lines == [b"{}"])

    assert 78 == caught.value.exit_code
    assert 1 == run.page()['headrig_config_reloads_total{result="failure"}']


async def test_bad_rule_does_not_start(start, memory):
    """
    A rule the core cannot use is an error of the settings.
    """
    with pytest.raises(RuleError):
        await start(TCP, memory, engine_spec=b'{"nonsense":1}')


async def test_settle_of_nothing():
    """
    Waiting for tasks that were never started takes no time.
    """
    await _settle([None], 100.0)
