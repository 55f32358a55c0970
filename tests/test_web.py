"""The status server: pages, methods, states, and clients that misbehave."""

import asyncio
import logging
import socket

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from running import free_port

from headrig import config
from headrig.errors import UnavailableError
from headrig.limits import HEADER_BYTES_MAX, Limits
from headrig.sources import HttpSourceConfig, TcpConfig
from headrig.web import HttpServerConfig

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
HTTP = HttpServerConfig(listen="127.0.0.1:0")


@pytest_asyncio.fixture
async def ask():
    """Ask for a page: status, body, headers."""
    async with aiohttp.ClientSession() as session:

        async def asker(url, method="GET", host=None):
            async with session.request(method, url, headers={"Host": host} if host else {}) as answer:
                return answer.status, await answer.read(), answer.headers

        yield asker


@pytest.mark.parametrize("path", ["/metrics", "/health", "/ready"])
async def test_pages(start, memory, ask, path):
    """
    Every page answers GET, and HEAD with the same headers and no body.
    """
    run = await start(TCP, memory, http=HTTP)
    status, body, headers = await ask(run.url + path)
    head = await ask(run.url + path, "HEAD")

    assert (200, True) == (status, len(body) > 0)
    assert (200, b"", headers["Content-Type"]) == (head[0], head[1], head[2]["Content-Type"])
    assert 405 == (await ask(run.url + path, "POST"))[0]


async def test_unknown_path(start, memory, ask):
    """
    An unknown path is 404 as JSON, with the paths there are.
    """
    run = await start(TCP, memory, http=HTTP)
    status, body, _ = await ask(run.url + "/nowhere")

    assert 404 == status
    assert ["/health", "/metrics", "/ready"] == msgspec.json.decode(body)["paths"]


async def test_health_while_draining(start, memory, sink, ask):
    """
    While draining, health and readiness are 503.
    """
    sink.open.clear()
    run = await start(TCP, memory, http=HTTP)
    await run.send(b"{}\n")
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].accepted == 1)
    stopping = asyncio.get_running_loop().create_task(run.stop())
    await run.until(lambda: run.pipeline.state.draining)

    status, body, _ = await ask(run.url + "/health")
    assert (503, "draining") == (status, msgspec.json.decode(body)["status"])
    assert 503 == (await ask(run.url + "/ready"))[0]
    sink.open.set()
    await stopping


async def test_bounds_of_strictness(start, memory, ask, sink):
    """
    What is degraded is 200, and 503 only when asked strictly, in so many letters.
    """
    run = await start(TCP, memory, http=HTTP)
    assert 200 == (await ask(run.url + "/health?strict=1"))[0]
    sink.open.clear()
    await run.send(b"{}\n")
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].accepted == 1)
    queue = run.pipeline.state.sinks["out"].buffer
    queue.now = lambda: queue.idle_since + 11.0
    asked = {query: (await ask(f"{run.url}/health{query}"))[0] for query in ("", "?strict=1", "?strict=0", "?strict")}
    sink.open.set()

    assert {"": 200, "?strict=1": 503, "?strict=0": 200, "?strict": 200} == asked


async def test_port_in_use(start, memory):
    """
    A port in use is named with its key, and nothing stays open.
    """
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=f"http.listen: {listen} is in use"):
            await start(TCP, memory, http=HttpServerConfig(listen=listen))


async def test_long_header(start, memory):
    """
    A request with endless headers is refused.
    """
    run = await start(TCP, memory, http=HTTP)
    reader, writer = await asyncio.open_connection(*run.url.removeprefix("http://").split(":"))
    writer.write(b"GET /health HTTP/1.1\r\nX: " + b"x" * (HEADER_BYTES_MAX + 1) + b"\r\n\r\n")

    assert b" 400 " in await reader.readline()
    writer.close()


async def test_lines_at_the_wrong_port(start, memory, caplog):
    """
    What is not HTTP is answered 400 and never quoted in the log.
    """
    caplog.set_level(logging.DEBUG)
    run = await start(TCP, memory, http=HTTP)
    reader, writer = await asyncio.open_connection(*run.url.removeprefix("http://").split(":"))
    writer.write(b'{"password":"correct horse"}\r\n\r\n')

    assert b" 400 " in await reader.readline()
    assert "horse" not in caplog.text
    writer.close()


async def test_too_many_connections(start, memory):
    """
    Connections beyond `connections_max` are closed at once and counted.
    """
    run = await start(TCP, memory, http=HTTP, limits=Limits(connections_max=1, drain_seconds=2.0))
    address = run.url.removeprefix("http://").split(":")
    _, first = await asyncio.open_connection(*address)
    first.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
    reader, second = await asyncio.open_connection(*address)

    assert b"" == await reader.read()
    counted = 'component_errors_total{component_id="http",component_kind="server",component_type="http",'
    assert 1 == run.page()[counted + 'error_type="connections_max",stage="connecting"}']
    first.close()
    second.close()


async def test_silent_peer(start, memory, monkeypatch):
    """
    A peer that never finishes its first request is disconnected.
    """
    monkeypatch.setattr("headrig.net.http_server.BODY_IDLE_SECONDS", 0.05)
    run = await start(TCP, memory, http=HTTP)
    reader, writer = await asyncio.open_connection(*run.url.removeprefix("http://").split(":"))
    writer.write(b"GET /health HTT")

    assert b"" == await reader.read()
    writer.close()


async def test_server_moves_in_a_reload(start, memory, ask, sink):
    """
    With another address after a reload, pages and mounted sources are there and no longer at the old one.
    """
    sources = TCP | {"h": HttpSourceConfig()}
    run = await start(sources, memory, http=HTTP)
    old = run.url
    changed = HttpServerConfig(listen="localhost:0")
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, http=changed))

    assert 200 == (await ask(run.url + "/health"))[0]
    assert 405 == (await ask(run.url + "/ingest"))[0]
    with pytest.raises(aiohttp.ClientError):
        await ask(old + "/health")


async def test_source_leaves_in_a_reload(start, memory, ask):
    """
    A mounted source that is taken out is no longer there.
    """
    run = await start(TCP | {"h": HttpSourceConfig()}, memory, http=HTTP)
    assert 405 == (await ask(run.url + "/ingest"))[0]
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sources=TCP))

    assert 404 == (await ask(run.url + "/ingest"))[0]


BEYOND = HttpServerConfig(listen="0.0.0.0:0", hosts=("Logs.example",), token="fake-door")
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest_asyncio.fixture
async def post():
    """Post a line to `/ingest` with these headers: the status."""
    async with aiohttp.ClientSession() as session:

        async def poster(run, token=None, host=None):
            url = run.url.replace("0.0.0.0", "127.0.0.1")
            headers = (
                NDJSON | ({"Authorization": f"Bearer {token}"} if token else {}) | ({"Host": host} if host else {})
            )
            async with session.post(f"{url}/ingest", data=b"{}", headers=headers) as answer:
                return answer.status

        yield poster


@pytest.mark.parametrize(
    "case",
    [
        (HttpSourceConfig(), None, None, 401),
        (HttpSourceConfig(), "fake-door", None, 200),
        (HttpSourceConfig(), "fake-door", "logs.example:1", 200),
        (HttpSourceConfig(), "fake-door", "evil.example", 421),
        (HttpSourceConfig(token="fake-own"), "fake-own", None, 200),
        (HttpSourceConfig(token="fake-own"), "fake-door", None, 401),
        (HttpSourceConfig(insecure_listen=True), None, None, 200),
        (HttpSourceConfig(insecure_listen=True), None, "evil.example", 421),
    ],
)
async def test_who_may_ask_beyond_loopback(start, memory, ask, post, caplog, case):
    """
    Where others can connect, what is mounted wants its own token or that of `[http]`, and a listed name or an address;
    pages want neither. A refused request is counted by the source, and the log says what to do.
    """
    source, token, host, status = case
    run = await start({"in": source}, memory, http=BEYOND)
    url = run.url.replace("0.0.0.0", "127.0.0.1")

    assert status == await post(run, token, host)
    assert [200, 200, 200] == [
        (await ask(url + path, host="evil.example"))[0] for path in ("/metrics", "/health", "/ready")
    ]
    assert (status == 200) == (memory["out"].sink.lines == [b"{}"])
    counted = 'component_errors_total{component_id="in",component_kind="source",component_type="http",error_type='
    kind = {401: "auth", 421: "host"}.get(status, "none")
    assert (status != 200) == (run.page().get(counted + f'"{kind}",stage="receiving"}}', 0) == 1)
    assert (status == 421) == ("if that is a name of this one, list it in http.hosts" in caplog.text)
    assert "evil" not in caplog.text


async def test_token_of_the_server_in_a_reload(start, memory, post):
    """
    Another token holds once the reload is done, on the server's routes and on a source's own; a name may be added.
    """
    run = await start({"in": HttpSourceConfig()}, memory, http=BEYOND)
    changed = msgspec.structs.replace(BEYOND, token="fake-new", hosts=("other.example",))
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, http=changed))
    assert [401, 200, 200, 421] == [
        await post(run, "fake-door"),
        await post(run, "fake-new"),
        await post(run, "fake-new", "other.example"),
        await post(run, "fake-new", "logs.example"),
    ]
    own = {"in": HttpSourceConfig(token="fake-own")}
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sources=own))

    assert [401, 200] == [await post(run, "fake-new"), await post(run, "fake-own")]


async def test_connection_left_from_open_settings(start, memory, monkeypatch):
    """
    Who came by an address that others reach gets nothing more out of the settings' move to loopback.
    """
    run = await start({"in": HttpSourceConfig(insecure_listen=True)}, memory, http=HttpServerConfig(listen="0.0.0.0:0"))
    monkeypatch.setattr("headrig.net.http_server.is_loopback", lambda _: False)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(run.url.rpartition(":")[2]))
    request = (
        b"POST /ingest HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    statuses = []
    for reloading in (False, True):
        if reloading:
            changed = {"http": HTTP, "sources": {"in": HttpSourceConfig()}}
            await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, **changed))
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        statuses.append(int(head.split()[1]))
    writer.close()

    assert [200, 403] == statuses


async def test_problems():
    """
    Status may be shown to anyone; only an address that is none is a problem.
    """
    assert [] == list(HttpServerConfig(listen="0.0.0.0:80").problems("http"))
    assert ["http.listen"] == [each.path for each in HttpServerConfig(listen="80").problems("http")]


ANSWERS = {
    "a page": (b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    "no page": (b"GET /canary HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    "no method of it": (b"POST /health HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405),
    "no token": (b"POST /ingest HTTP/1.1\r\nHost: a\r\nAuthorization: canary\r\nContent-Length: 2\r\n\r\n{}", 401),
    "a bad header": (b"GET /health HTTP/1.1\r\nHost: a\r\ncanary canary: canary\r\n\r\n", 400),
    "a bad value": (b"GET /health HTTP/1.1\r\nHost: a\r\nX: canary\0\r\n\r\n", 400),
    "a bad length": (b"POST /ingest HTTP/1.1\r\nHost: a\r\nContent-Length: canary\r\n\r\n", 400),
    "no request": (b'{"canary": 1}\n{"canary": 2}\n', 400),
    "no version": (b"GET /canary HTTP/canary\r\n\r\n", 400),
    "a long line": (b"GET /" + b"canary" * HEADER_BYTES_MAX + b" HTTP/1.1\r\n\r\n", 400),
    "a long header": (b"GET / HTTP/1.1\r\nX: " + b"canary" * HEADER_BYTES_MAX + b"\r\n\r\n", 400),
}


@pytest.mark.parametrize("own", [False, True], ids=["status server", "http source"])
@pytest.mark.parametrize("name", ANSWERS)
async def test_answers_tell_no_versions(start, memory, name, own):
    """
    No answer of any server names what it is made with, and none repeats what was sent.
    """
    sent, status = ANSWERS[name]
    port = free_port()
    source = HttpSourceConfig(token="fake-token", listen=f"127.0.0.1:{port}" if own else None)
    run = await start({**TCP, "web": source}, memory, http=HTTP)
    port = port if own else int(run.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split()[1]) for line in head.splitlines() if line.lower().startswith(b"content-length"))
    answer = head + await reader.readexactly(length)
    writer.close()

    assert (404 if own and status in (200, 405) else status) == int(head.split()[1])
    assert [b"Server: headrig"] == [line for line in head.splitlines() if line.lower().startswith(b"server:")]
    assert (False, False) == (b"aiohttp" in answer.lower() or b"python" in answer.lower(), b"canary" in answer)


async def test_a_bug_tells_nothing(start, memory):
    """
    Nor does the answer when answering itself fails.
    """
    run = await start(TCP, memory, http=HTTP)
    run.pipeline.components.http[0].httpd._server.request_handler = failing
    reader, writer = await asyncio.open_connection("127.0.0.1", int(run.url.rpartition(":")[2]))
    writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"Server: headrig\r\n" in answer
    assert b"canary" not in answer


async def failing(request):
    raise RuntimeError("canary")


async def test_token_that_changes_places(start, memory, sink, post):
    """
    A token goes from a source to the server and back while requests come that show it: none is refused.
    """
    before, after = HttpSourceConfig(token="fake-door"), HttpSourceConfig()
    bare = HttpServerConfig(listen=f"0.0.0.0:{free_port()}")
    guarded = msgspec.structs.replace(bare, token="fake-door")
    run = await start({"in": before}, memory, http=bare)
    statuses, over = [], asyncio.Event()

    async def posting():
        while not over.is_set():
            statuses.append(await post(run, "fake-door"))

    clients = [asyncio.get_running_loop().create_task(posting()) for _ in range(4)]
    for number in range(20):
        changed = ({"in": after}, guarded) if number % 2 == 0 else ({"in": before}, bare)
        seen = len(statuses)
        await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sources=changed[0], http=changed[1]))
        await run.until(lambda seen=seen: len(statuses) > seen + 4)
    over.set()
    await asyncio.gather(*clients)

    assert {200} == set(statuses)
    assert 401 == await post(run, "other")


@pytest.mark.parametrize(
    ("http", "source", "warned"),
    [
        ('listen = "0.0.0.0:9600"\ntoken = "fake"', 'type = "http"', True),
        ('listen = "0.0.0.0:9600"\ntoken = "fake"\nhosts = ["logs.example"]', 'type = "http"', False),
        ('listen = "127.0.0.1:9600"', 'type = "http"', False),
        ('listen = "0.0.0.0:9600"', 'type = "tcp"\nlisten = "127.0.0.1:0"', False),
    ],
)
async def test_warning_without_names(tmp_path, monkeypatch, http, source, warned):
    """
    Where others connect and no name is listed, the start says that clients have to use an address.
    """
    monkeypatch.chdir(tmp_path)
    sink = '[sinks.out]\ntype = "file"\npath = "app.log"\n'
    (tmp_path / "headrig.toml").write_text(f"[http]\n{http}\n[sources.in]\n{source}\n{sink}")
    text = "http.hosts: not set: clients of sources.in have to use an address, no name"

    assert [text] * warned == list(config.load("headrig.toml", {}).warnings)
