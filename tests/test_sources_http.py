"""`POST /ingest`: what is taken, what is refused and how, and when it is acknowledged."""

import asyncio
import gzip
import zlib

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from headrig.config.conflicts import conflicts
from headrig.limits import Limits
from headrig.sources import HttpSourceConfig
from headrig.sources.bodies import zstd
from headrig.web import HttpServerConfig

pytestmark = pytest.mark.asyncio

NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
HTTP = HttpServerConfig(listen="127.0.0.1:0")
ERRORS = 'component_errors_total{component_id="in",component_kind="source",component_type="http",'


@pytest_asyncio.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def ingest(start, memory, client):
    """Start with `[sources.in] type = "http"` and give a function that posts to it."""

    async def starter(config=None, sinks=None, **limits):
        limits = {"drain_seconds": 2.0} | limits
        run = await start({"in": config or HttpSourceConfig()}, sinks or memory, http=HTTP, limits=Limits(**limits))

        async def post(body, headers=NDJSON):
            async with client.post(f"{run.url}/ingest", data=body, headers=headers) as answer:
                return answer.status, msgspec.json.decode(await answer.read()), answer.headers

        return run, post

    return starter


async def test_newline_json(ingest, sink):
    """
    The answer comes when the sink has the lines; a last line without newline counts as whole.
    """
    _, post = await ingest()
    status, body, _ = await post(b'{"n":1}\n{"n":2}\n{"n":3}')

    assert (200, {"accepted": 3}) == (status, body)
    assert b'{"n":1}\n{"n":2}\n{"n":3}\n' == sink.text


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("gzip", lambda text: gzip.compress(text[:10]) + gzip.compress(text[10:])),
        ("zstd", zstd.compress),
        ("zstd", lambda text: zstd.compress(text[:10]) + zstd.compress(text[10:])),
        ("identity", bytes),
    ],
)
async def test_encodings(ingest, sink, encoding, encode):
    """
    Bodies come plain, with gzip or with zstd, in one part or several.
    """
    text = b"".join(b'{"n":%d}\n' % n for n in range(50_000))
    _, post = await ingest()
    status, body, _ = await post(encode(text), NDJSON | {"Content-Encoding": encoding})

    assert (200, {"accepted": 50_000}) == (status, body)
    assert text == sink.text


async def test_array(ingest, sink):
    """
    A JSON array becomes one line for each element, which stays byte for byte but for line breaks between tokens.
    """
    _, post = await ingest()
    body = b' [{"a": [1, {"b": "],[\\""}]},\n  {"c":\n 2}, "x,y", 3.10 ]\n'
    status, answer, _ = await post(body, JSON)

    assert (200, {"accepted": 4}) == (status, answer)
    assert [b'{"a": [1, {"b": "],[\\""}]}', b'{"c":  2}', b'"x,y"', b"3.10"] == sink.lines


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"x" * 20_000, "identity", 413),
        (gzip.compress(b"x" * 20_000), "gzip", 413),
        (zstd.compress(b"x" * 20_000), "zstd", 413),
        (gzip.compress(b"{}\n" * 10)[:-9], "gzip", 400),
        (b"not gzip", "gzip", 400),
        (b"not zstd", "zstd", 400),
        (zstd.compress(b"{}\n" * 10)[:-3], "zstd", 400),
        (zlib.compress(b"{}\n"), "deflate", 415),
    ],
)
async def test_bad_bodies(ingest, sink, body, encoding, status):
    """
    A body that is too large, also once decompressed, or not what it says, is refused whole.
    """
    _, post = await ingest(body_bytes_max=10_000)

    assert status == (await post(body, NDJSON | {"Content-Encoding": encoding}))[0]
    assert b"" == sink.text


async def test_bomb(ingest, sink):
    """
    A gzip bomb of 100 MB is refused after the bound, and the next request is served.
    """
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
    run, post = await ingest()

    assert 413 == (await post(bomb, NDJSON | {"Content-Encoding": "gzip"}))[0]
    assert 200 == (await post(b"{}"))[0]
    assert 1 == run.page()[ERRORS + 'error_type="body_bytes_max",stage="receiving"}']


async def test_chunked_body(ingest, sink):
    """
    A body without a length is bounded like any other.
    """

    async def endless():
        while True:
            yield b"{}\n" * 1000

    _, post = await ingest(body_bytes_max=10_000)
    try:
        status = (await post(endless()))[0]
    except (aiohttp.ClientError, ConnectionError):
        status = 413

    assert (413, b"") == (status, sink.text)


async def test_bodies_at_once(ingest, sink):
    """
    Bodies that together are too many bytes are asked to come again.
    """
    _, post = await ingest(bodies_bytes_max=1000)
    status, _, headers = await post(b"x" * 2000)

    assert (503, "1") == (status, headers["Retry-After"])


@pytest.mark.parametrize(
    ("given", "status"),
    [("Bearer right", 200), ("bearer right", 200), ("Bearer wrong", 401), ("right", 401), (None, 401)],
)
async def test_token(ingest, given, status):
    """
    With a token, only requests that show it are taken.
    """
    _, post = await ingest(HttpSourceConfig(token="right"))

    assert status == (await post(b"{}", NDJSON | ({"Authorization": given} if given else {})))[0]


@pytest.mark.parametrize(
    ("headers", "status", "says"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/x-ndjson"),
        ({"Content-Type": "text/plain"}, 415, "application/x-ndjson"),
        (NDJSON | {"Host": "example.com"}, 403, "Host"),
        (NDJSON | {"Host": "[::1"}, 403, "Host"),
        (NDJSON | {"Host": "localhost:1"}, 200, None),
        (NDJSON | {"Origin": "https://example.com"}, 403, "web pages"),
        (NDJSON | {"Origin": "null"}, 403, "web pages"),
        (NDJSON | {"Origin": "http://[::1"}, 403, "web pages"),
    ],
)
async def test_browsers_cannot_write(ingest, sink, headers, status, says):
    """
    On loopback without a token nothing is taken that a web page could have sent.
    """
    _, post = await ingest()
    answer = await post(b"{}", headers)

    assert status == answer[0]
    assert says is None or says in answer[1]["error"]
    assert (status == 200) == (sink.text == b"{}\n")


async def test_waits_for_required_sinks(ingest, sink):
    """
    As long as a required sink has not accepted the lines there is no answer; after `ack_timeout_seconds` it is 503.
    """
    sink.open.clear()
    run, post = await ingest(ack_timeout_seconds=0.05)
    status, body, headers = await post(b"{}")

    assert (503, "1") == (status, headers["Retry-After"])
    assert "not accepted within 0.05 s" == body["error"]
    sink.open.set()
    await run.until(lambda: sink.lines == [b"{}"])


async def test_does_not_wait_for_others(ingest, memory, sink):
    """
    A sink that is not required holds no answer back.
    """
    slow = memory["out"]
    sink.open.clear()
    _, post = await ingest(sinks={"out": msgspec.structs.replace(slow, required=False)})

    assert 200 == (await post(b"{}"))[0]
    sink.open.set()


async def test_refused_by_a_sink(ingest, memory, sink):
    """
    Lines that a required sink dropped are never acknowledged.
    """
    sink.open.clear()
    full = msgspec.structs.replace(memory["out"], when_full="drop_newest")
    run, post = await ingest(sinks={"out": full}, sink_queue_batches_max=1, ack_timeout_seconds=5.0)
    first = asyncio.get_running_loop().create_task(post(b'{"n":1}'))
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].accepted == 1)
    status, body, _ = await post(b'{"n":2}')

    assert (503, "a sink did not accept it") == (status, body["error"])
    sink.open.set()
    assert 200 == (await first)[0]
    assert [b'{"n":1}'] == sink.lines


async def test_full_queue(ingest, memory, sink):
    """
    While the queue to the core is full, a request waits and is then asked to come again, with nothing taken of it.
    """
    sink.open.clear()
    run, post = await ingest(
        core_queue_batches_max=1, sink_queue_batches_max=1, ack_timeout_seconds=0.05, core_queue_bytes_max=10
    )
    for _ in range(4):
        assert 503 == (await post(b'{"some":"thing"}'))[0]
    received = run.pipeline.state.ledger.sources["in"].received

    assert 503 == (await post(b"{}"))[0]
    assert received == run.pipeline.state.ledger.sources["in"].received
    sink.open.set()


async def test_address_of_its_own(start, memory, sink, client):
    """
    With `listen` it needs no status server.
    """
    run = await start({"in": HttpSourceConfig(listen="127.0.0.1:0", path="/logs")}, memory)
    url = run.pipeline.state.sources["in"].source.where
    async with client.post(url, data=b"{}", headers=NDJSON) as answer:
        assert (200, b'{"accepted":1}\n') == (answer.status, await answer.read())
    async with client.get(url) as answer:
        assert (405, "POST") == (answer.status, answer.headers["Allow"])

    assert url.endswith("/logs")
    assert [b"{}"] == sink.lines


async def test_request_at_the_stop(ingest, sink):
    """
    A request that has begun when the stop comes is answered.
    """
    sink.open.clear()
    run, post = await ingest()
    answer = asyncio.get_running_loop().create_task(post(b"{}"))
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].accepted == 1)
    stopping = asyncio.get_running_loop().create_task(run.stop())
    await run.until(lambda: run.pipeline.state.draining)
    assert 503 == (await post(b"{}"))[0]
    sink.open.set()

    assert 200 == (await answer)[0]
    await stopping


@pytest.mark.parametrize(
    ("settings", "http", "paths"),
    [
        ({}, "127.0.0.1:9600", []),
        ({}, None, ["sources.in"]),
        ({}, "0.0.0.0:9600", ["sources.in"]),
        ({"token": "x"}, "0.0.0.0:9600", []),
        ({"insecure_listen": True}, "0.0.0.0:9600", []),
        ({"listen": "0.0.0.0:1"}, None, ["sources.in.listen"]),
        ({"listen": "0.0.0.0:1", "token": "x"}, None, []),
        ({"token": " "}, "127.0.0.1:9600", ["sources.in.token"]),
    ],
)
async def test_problems(settings, http, paths):
    """
    Settings that would let others write without a token are a problem, and so are contradictions.
    """
    source = HttpSourceConfig(**settings)
    status = {} if http is None else {"http": HttpServerConfig(listen=http)}

    assert paths == [
        each.path for each in (*source.problems("sources.in"), *conflicts({**status, "sources.in": source}))
    ]
