"""A reload and the peers: nobody is turned away, nobody is cut, and bounds hold at once."""

import asyncio
import socket
import ssl

import aiohttp
import msgspec
import pytest
import trustme
from running import free_port

from headrig.limits import Limits
from headrig.net.sockets import TlsConfig
from headrig.sources import HttpSourceConfig, TcpConfig, UdpConfig, UnixConfig
from headrig.web import HttpServerConfig

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
HTTP = HttpServerConfig(listen="127.0.0.1:0")
NDJSON = {"Content-Type": "application/x-ndjson"}


async def reload(run, **changes):
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, **changes))


def limits(**more) -> Limits:
    return Limits(drain_seconds=2.0, **more)


def https(tmp_path, authority, name="127.0.0.1") -> TlsConfig:
    certificate = authority.issue_cert(name)
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    return TlsConfig(cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "key.pem"))


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("door", ["mounted", "mounted, https", "own", "own, https", "unix"])
async def test_requests_during_reloads(start, memory, sink, tmp_path, authority, door):
    """
    Bounds, tokens, certificates and modes change while requests come on old and new connections: each is answered 200.
    """
    secure = "https" in door
    tls = https(tmp_path, authority) if secure else None
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    own, unix, http = f"127.0.0.1:{free_port()}", f"unix:{tmp_path}/in.sock", f"127.0.0.1:{free_port()}"
    listen = {"own": own, "unix": unix}.get(door.split(",")[0])
    source = HttpSourceConfig(listen=listen, tls=tls if listen else None)
    run = await start({"in": source}, memory, http=HttpServerConfig(listen=http, tls=None if listen else tls))
    base = run.url if listen is None else "http://localhost" if door == "unix" else f"http{'s' * secure}://{own}"
    answers, over = [], asyncio.Event()

    async def post(keep: bool) -> None:
        def connector():
            return (
                aiohttp.UnixConnector(str(tmp_path / "in.sock")) if door == "unix" else aiohttp.TCPConnector(ssl=trust)
            )

        client = aiohttp.ClientSession(connector=connector())
        while not over.is_set():
            async with client.post(f"{base}/ingest", data=b"{}\n", headers=NDJSON) as answer:
                answers.append(answer.status)
            if not keep:
                await client.close()
                client = aiohttp.ClientSession(connector=connector())
        await client.close()

    posting = [asyncio.get_running_loop().create_task(post(keep)) for keep in (True, True, False)]
    for number in range(12):
        if secure:
            https(tmp_path, authority)
        changed = msgspec.structs.replace(source, insecure_listen=bool(number % 2), mode=("0600", "0666")[number % 2])
        before = len(answers)
        await reload(run, sources={"in": changed}, limits=limits(body_bytes_max=10_000 + number))
        await run.until(lambda before=before: len(answers) > before + 3 or any(task.done() for task in posting))
    over.set()
    await asyncio.gather(*posting)

    assert {200} == set(answers)
    assert len(answers) == len(sink.lines)


async def test_source_moves_between_doors(start, memory, sink, tmp_path):
    """
    An HTTP source goes from the status server to an address of its own and back; both doors open before the other closes.
    """
    run = await start({"in": HttpSourceConfig()}, memory, http=HTTP)
    own = f"127.0.0.1:{free_port()}"
    async with aiohttp.ClientSession() as client:

        async def post(base: str) -> int:
            async with client.post(f"{base}/ingest", data=b"{}\n", headers=NDJSON) as answer:
                return answer.status

        assert 200 == await post(run.url)
        await reload(run, sources={"in": HttpSourceConfig(listen=own)})
        assert (404, 200) == (await post(run.url), await post(f"http://{own}"))
        await reload(run, sources={"in": HttpSourceConfig()})
        assert 200 == await post(run.url)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*own.split(":"))

    assert 3 == len(sink.lines)


async def test_status_server_comes_and_goes(start, memory):
    """
    The status server is taken out, and is there again with what is mounted on it.
    """
    run = await start(TCP, memory, http=HTTP)
    await reload(run, http=None)
    assert run.pipeline.components.http is None
    await reload(run, http=HTTP, sources={"in": HttpSourceConfig()})
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{run.url}/ingest", data=b"{}\n", headers=NDJSON) as answer,
    ):
        assert 200 == answer.status


async def test_two_peers_over_two_reloads(start, memory, sink, tmp_path):
    """
    Peers that are silent for longer than a drain would wait keep their connections and their half lines, whatever
    changes about their source.
    """
    path = str(tmp_path / "in.sock")
    sources = {"t": TcpConfig(listen="127.0.0.1:0"), "u": UnixConfig(path=path)}
    run = await start(sources, memory)
    _, tcp = await asyncio.open_connection("127.0.0.1", run.port("t"))
    _, unix = await asyncio.open_unix_connection(path)
    for name, peer in (("t", tcp), ("u", unix)):
        peer.write(b'{"peer":"%s","half"' % name.encode())
    await run.until(lambda: run.pipeline.state.partials.bytes > 30)
    await reload(run, limits=limits(connections_max=5, line_bytes_max=1000))
    changed = {"t": TcpConfig(listen="127.0.0.1:0", insecure_listen=True), "u": UnixConfig(path=path, mode="0600")}
    await reload(run, sources=changed, limits=limits(connections_max=6, line_bytes_max=100))
    assert not run.pipeline.state.leaving
    for peer in (tcp, unix):
        peer.write(b":1}\n")
    await run.until(lambda: len(sink.lines) == 2)
    tcp.write(b'{"long":"' + b"x" * 20_000 + b'"}\n')
    await run.until(lambda: len(sink.lines) == 3)

    assert {b'{"peer":"t","half":1}', b'{"peer":"u","half":1}'} == set(sink.lines[:2])
    assert 10_000 > len(sink.lines[2])
    assert 2 == sum(run.page()[f'headrig_connections{{component_id="{name}"}}'] for name in "tu")
    for peer in (tcp, unix):
        peer.close()


async def test_bounds_hold_for_open_connections(start, memory):
    """
    A bound that a reload changes holds at once, also for connections that are open and for the status server.
    """
    run = await start(TCP, memory, http=HTTP, limits=limits(idle_seconds_max=0.0))
    reader, writer = await asyncio.open_connection("127.0.0.1", run.port())
    await reload(run, limits=limits(idle_seconds_max=0.05, connections_max=9))

    assert b"" == await reader.read()
    assert 9 == run.pipeline.components.http[0].httpd.connections_max
    writer.close()


async def test_datagrams_over_a_reload(start, memory, sink):
    """
    A UDP source with other settings goes on with its socket, or empties it before it moves to another address.
    """
    first, second = free_port(), free_port()
    run = await start({"in": UdpConfig(listen=f"127.0.0.1:{first}")}, memory)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b'{"n":1}', ("127.0.0.1", first))
        await reload(run, sources={"in": UdpConfig(listen=f"127.0.0.1:{first}", datagram_bytes_max=100)})
        sender.sendto(b'{"n":2}', ("127.0.0.1", first))
        await reload(run, sources={"in": UdpConfig(listen=f"127.0.0.1:{second}")})
        sender.sendto(b'{"n":3}', ("127.0.0.1", second))
        await run.until(lambda: len(sink.lines) == 3)

    assert [b'{"n":1}', b'{"n":2}', b'{"n":3}'] == sink.lines
    assert f"udp 127.0.0.1:{second}" == run.pipeline.state.sources["in"].source.where
