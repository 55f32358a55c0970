"""Who sent a line, from the socket to its time: what has none of its own takes that of its connection."""

from __future__ import annotations

import asyncio
import json
import socket

import aiohttp
import pytest
from alerting_run import NOW_SECONDS, Clock, always, rule, settings, slack, taken
from endpoint import serving

from headrig.config import Config
from headrig.limits import Limits
from headrig.sources import HttpSourceConfig, TcpConfig, UdpConfig, UnixConfig
from headrig.web import HttpServerConfig

pytestmark = pytest.mark.asyncio

NDJSON = {"Content-Type": "application/x-ndjson"}


def line(seconds_behind: float) -> bytes:
    """A line so far behind the clock."""
    return b'{"ts":%f}\n' % (NOW_SECONDS - seconds_behind)


class Lagging:
    """Senders that lag, each by its own; what they send next has no time, and says when it was taken to be."""

    def __init__(self, run, sink) -> None:
        self.run, self.sink = run, sink
        self.clock = Clock()
        run.pipeline.state.sources["in"].queue.monotonic = self.clock

    async def taken(self, count: int) -> None:
        """So many lines are through."""
        await self.run.until(lambda: len(self.sink.lines) == count)

    def behind(self) -> list[float]:
        """How far behind the clock the lines without a time were put."""
        events = [json.loads(each) for each in self.sink.lines]
        seconds = [event["timestamp"][14:23] for event in events if "headrig" in event]
        return [round(400.0 - float(text[:2]) * 60 - float(text[3:]), 3) for text in seconds]


async def connected(run, tmp_path, kind):
    """A connection to the source `in`: how to write to it, and how to end it."""
    if kind == "tcp":
        _, writer = await asyncio.open_connection("127.0.0.1", run.port())
    else:
        _, writer = await asyncio.open_unix_connection(str(tmp_path / "in.sock"))
    return writer


def source(kind, tmp_path):
    """A stream source of this kind."""
    return TcpConfig(listen="127.0.0.1:0") if kind == "tcp" else UnixConfig(path=str(tmp_path / "in.sock"))


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_connections(start, memory, sink, tmp_path, kind):
    """
    Two connections that lag differently and a fresh one: lines without a time go on from their own, and from the source
    where there is none; a last line without newline too, and all of it also in one batch.
    """
    run = await start({"in": source(kind, tmp_path)}, memory)
    senders = Lagging(run, sink)
    slow, live, fresh = [await connected(run, tmp_path, kind) for _ in range(3)]
    slow.write(line(45))
    await senders.taken(1)
    live.write(line(1))
    await senders.taken(2)
    senders.clock.now += 4
    for count, writer in enumerate((slow, live, fresh), 3):
        writer.write(b"plain\n")
        await senders.taken(count)
    slow.write(b"plain")
    slow.close()
    await senders.taken(6)
    live.close()
    fresh.close()

    assert [41, -3, -3, 41] == senders.behind()


async def test_requests(start, memory, sink):
    """
    Requests of one connection follow each other; a connection of its own is fresh.
    """
    run = await start({"in": HttpSourceConfig()}, memory, http=HttpServerConfig(listen="127.0.0.1:0"))
    senders = Lagging(run, sink)
    url = f"{run.url}/ingest"
    async with aiohttp.ClientSession(headers=NDJSON) as slow, aiohttp.ClientSession(headers=NDJSON) as live:
        for session, body in ((slow, line(45)), (live, line(1)), (slow, b"plain\n"), (live, b"plain\n")):
            async with session.post(url, data=body) as answer:
                assert 200 == answer.status
        async with aiohttp.request("POST", url, data=b"plain\n" + line(30) + b"plain\n", headers=NDJSON) as answer:
            assert 200 == answer.status
    await senders.taken(7)

    assert [45, 1, 1, 30] == senders.behind()


async def test_datagrams(start, memory, sink):
    """
    Datagrams have no connection: what has no time goes with the source, whoever sent it.
    """
    run = await start({"in": UdpConfig(listen="127.0.0.1:0")}, memory)
    senders = Lagging(run, sink)
    for count, data in enumerate((b"plain", line(20), b"plain"), 1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(data, ("127.0.0.1", run.port()))
        await senders.taken(count)

    assert [0, 20] == senders.behind()


@pytest.mark.parametrize("changed", ["engine", "source"])
async def test_reload(start, memory, sink, changed):
    """
    What time it is for a connection, or for its source where it had to come again, is still known after a reload.
    """
    run = await start({"in": TcpConfig(listen="127.0.0.1:0")}, memory)
    senders = Lagging(run, sink)
    _, writer = await asyncio.open_connection("127.0.0.1", run.port())
    writer.write(line(45))
    await senders.taken(1)
    config = run.pipeline.config
    if changed == "source":
        config = Config(
            sources={"in": TcpConfig(listen="127.0.0.1:0")},
            sinks=config.sinks,
            limits=Limits(drain_seconds=2.0, idle_seconds_max=7.0),
        )
    await run.pipeline.reload(config)
    queue = run.pipeline.state.sources["in"].queue
    queue.monotonic = senders.clock
    await run.send(b"plain\n")
    await senders.taken(2)
    if changed == "engine":
        writer.write(b"plain\n")
        await senders.taken(3)
    writer.close()

    assert [45] * (len(sink.lines) - 1) == senders.behind()


async def test_a_service_whose_lines_bear_no_time(start, memory):
    """
    It alerts by arrival, and what was counted stands on the page.
    """
    clock = Clock()
    async with serving() as endpoint:
        endpoint.answers = always()
        more = settings(rule(), notifiers=slack(endpoint))
        run = await start({"in": TcpConfig(listen="127.0.0.1:0")}, memory, clock=clock, **more)
        run.pipeline.state.sources["in"].queue.monotonic = clock
        for turn in range(14):
            bad = b'{"event":"request_completed","status":%d}\n' % (503 if turn < 4 else 200)
            await run.send(bad + b'{"event":"request_completed","status":200}\n')
            left = (turn + 1) * 2
            await run.until(lambda left=left: run.pipeline.state.ledger.sources["in"].left == left)
            clock.now += 10
        await run.until(lambda: run.pipeline.state.ledger.notifiers["slack"].delivered == 2)
        headers = [header.split(":")[0][2:] for header, _ in taken(endpoint)]
        page = run.page()

    assert ["FIRING", "RESOLVED"] == headers
    assert 28 == page['headrig_untimed_events_total{reason="missing"}']
    assert 0 == page['headrig_window_events_dropped_total{reason="late"}']
