"""HTTP connections that are kept: who may stay, who makes room, who is never interrupted."""

import asyncio

import pytest
import pytest_asyncio
from http_peers import GET, POST, SLOW, Peer, served, until

from headrig.limits import Limits
from headrig.sources import HttpSourceConfig
from headrig.web import HttpServerConfig

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(params=["tcp", "unix"])
async def server(request, tmp_path):
    async with served(request.param, tmp_path) as serving:
        yield serving


async def test_longest_idle_makes_room(server):
    """
    When all places are taken, the connection that was answered longest ago and asked nothing since is closed.
    """
    first, second, third = await server.peers(3)
    assert 200 == await first.ask()
    await server.settled(3)
    fourth = await server.peer()

    assert 200 == await fourth.ask()
    assert [200, 0, 200] == [await peer.ask() for peer in (first, second, third)]
    assert 0 == server.refused


async def test_many_that_idle(server):
    """
    However many ask once and keep their connection, the next one is answered.
    """
    peers = await server.peers(3)
    for _ in range(20):
        peers.append(await server.peer())
        assert 200 == await peers[-1].ask()

    assert (0, 3) == (server.refused, len(server.httpd._open))
    assert [200] * 3 == [await peer.ask() for peer in peers[-3:]]


@pytest.mark.parametrize("busy", [SLOW, GET + SLOW, SLOW + GET], ids=["alone", "second", "first"])
async def test_requests_are_not_interrupted(server, busy):
    """
    A request that is being answered, one of several sent at once included, is never ended to make room; without an idle
    connection the new one is refused and counted.
    """
    peers = [await server.peer() for _ in range(3)]
    for peer in peers:
        server.begun.clear()
        peer.send(busy)
        await server.begun.wait()

    assert 0 == await (await server.peer()).ask()
    assert 1 == server.refused
    server.go.set()
    answers = [[await peer.status() for _ in range(busy.count(b"GET"))] for peer in peers]
    assert [[200] * busy.count(b"GET")] * 3 == answers


async def test_half_a_second_request(server):
    """
    A connection on which another request has begun does not idle: it is not closed to make room.
    """
    peers = await server.peers(3)
    for peer in peers:
        peer.send(GET[:10])
    await server.settled(0)

    assert 0 == await (await server.peer()).ask()
    assert [200] * 3 == [await peer.ask(GET[10:]) for peer in peers]
    assert 1 == server.refused


async def test_body_that_nobody_read(server):
    """
    A request that was answered before its body had come idles only once it has.
    """
    peers = [await server.peer() for _ in range(3)]
    assert [200] * 3 == [await peer.ask(POST) for peer in peers]
    assert 0 == await (await server.peer()).ask()
    peers[0].send(b"67890")
    await server.settled(1)

    assert 200 == await (await server.peer()).ask()
    assert 0 == await peers[0].status()
    assert 1 == server.refused


async def test_fewer_places(server):
    """
    When fewer connections are allowed than there are, those that idle go with the next one.
    """
    peers = await server.peers(3)
    server.httpd.connections_max = 2
    fourth = await server.peer()

    assert 200 == await fourth.ask()
    assert [0, 0, 200] == [await peer.ask() for peer in peers]


async def test_places_are_given_back(server):
    """
    Connections that peers have closed, in any state, count no more.
    """
    idle, silent, busy = await server.peer(), await server.peer(), await server.peer()
    assert 200 == await idle.ask()
    silent.send(GET[:10])
    busy.send(SLOW)
    await server.begun.wait()
    for peer in (idle, silent, busy):
        peer.close()
    await until(lambda: not server.httpd._open)

    assert [] == [*server.httpd._silent, *server.httpd._idle]
    await server.peers(3)
    assert 0 == server.refused


@pytest.mark.parametrize(
    ("bound", "first", "then"),
    [("KEEP_ALIVE_SECONDS", [GET], b""), ("BODY_IDLE_SECONDS", [], GET[:10]), ("BODY_IDLE_SECONDS", [GET], GET[:10])],
    ids=["idle", "first request", "second request"],
)
async def test_time_is_up(monkeypatch, tmp_path, bound, first, then):
    """
    A connection ends when it idles too long, and when a request on it, be it the first or a later one, is never finished.
    """
    monkeypatch.setattr(f"headrig.net.http_server.{bound}", 0.05)
    async with served("unix", tmp_path) as server:
        peer = await server.peer()
        assert [200] * len(first) == [await peer.ask(request) for request in first]
        peer.send(then)

        assert 0 == await peer.status()


@pytest.mark.parametrize("door", ["status", "tcp", "unix"])
async def test_sources_and_status(start, memory, tmp_path, door):
    """
    It is the same for the status server and for sources with an address of their own. What is refused is counted.
    """
    sources = {"in": HttpSourceConfig(listen=f"unix:{tmp_path}/in.sock" if door == "unix" else "127.0.0.1:0")}
    http = HttpServerConfig(listen="127.0.0.1:0")
    run = await start(sources, memory, http=http, limits=Limits(connections_max=2, drain_seconds=2.0))
    url = run.url if door == "status" else run.pipeline.state.sources["in"].source.where
    httpd = (
        run.pipeline.components.http[0].httpd if door == "status" else run.pipeline.state.sources["in"].source._httpd
    )

    async def connect() -> Peer:
        if door == "unix":
            return Peer(*await asyncio.open_unix_connection(f"{tmp_path}/in.sock"))
        return Peer(*await asyncio.open_connection(*url.split("/")[2].split(":")))

    request = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"
    peers = [await connect() for _ in range(2)]
    assert [404] * 2 == [await peer.ask(request) for peer in peers]
    for _ in range(10):
        peers.append(await connect())
        assert 404 == await peers[-1].ask(request)
    for peer in peers[-2:]:
        assert 404 == await peer.ask(request)
        peer.send(request[:10])
    await run.until(lambda: not httpd._idle)
    peers.append(await connect())
    assert 0 == await peers[-1].ask(request)

    who = "server" if door == "status" else "source"
    name = "http" if door == "status" else "in"
    counted = f'component_errors_total{{component_id="{name}",component_kind="{who}",component_type="http",'
    assert 1 == run.page()[counted + 'error_type="connections_max",stage="connecting"}']
    for peer in peers:
        peer.close()
