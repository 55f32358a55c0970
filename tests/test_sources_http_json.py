"""
`POST /ingest` with JSON that is not newline text: documents, arrays and sequences, whole and broken.

The core is the only judge: what a body holds is wrapped, mended and counted just as it is when it comes by TCP.
"""

import asyncio
import gzip
import io
import json

import aiohttp
import pytest
import pytest_asyncio
from msgspec.structs import replace

from headrig.limits import READ_BYTES, Limits
from headrig.sinks import HttpSinkConfig
from headrig.sources import HttpSourceConfig, TcpConfig
from headrig.sources.bodies import framing
from headrig.testing import MemorySink

JSON = "application/json"
SEQUENCE = "application/json-seq"
RS = b"\x1e"


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/x-ndjson", "lines"),
        ("application/jsonl", "lines"),
        (JSON, "documents"),
        ("application/cloudevents+json", "documents"),
        ("application/vnd.api+json", "documents"),
        (SEQUENCE, "sequence"),
        ("application/geo+json-seq", "sequence"),
        ("text/plain", None),
        ("text/json", None),
        ("application/x-www-form-urlencoded", None),
        ("multipart/form-data", None),
        ("application/jsonp", None),
        ("image/x+json", None),
    ],
)
def test_framing(content_type, expected):
    """
    A content type says what separates events; what a web page may send without being asked is none of them.
    """
    assert expected == framing(content_type)


@pytest_asyncio.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def ingest(start, memory, client):
    """Start with `[sources.in] type = "http"` and give a function that posts to it."""

    async def starter(**limits):
        run = await start(
            {"in": HttpSourceConfig(listen="127.0.0.1:0")}, memory, limits=Limits(drain_seconds=2.0, **limits)
        )
        url = run.pipeline.state.sources["in"].source.where

        async def post(body, content_type=JSON, **headers):
            headers = {"Content-Type": content_type} | headers
            async with client.post(url, data=body, headers=headers) as answer:
                return answer.status, json.loads(await answer.read())

        return run, post

    return starter


def messages(lines: list[bytes]) -> list[object]:
    """Each line as it came: the text of those that were wrapped."""
    found = [json.loads(line) for line in lines]
    return [each["message"] if isinstance(each, dict) and "headrig" in each else each for each in found]


PRETTY = {"env": [{"name": "a", "value": "b"}], "n": 1.5, "text": "x\ny"}
BODIES = {
    "pretty": (JSON, json.dumps(PRETTY, indent=2), [PRETTY]),
    "pretty with CRLF": (JSON, json.dumps(PRETTY, indent=2).replace("\n", "\r\n"), [PRETTY]),
    "pretty, two": (JSON, json.dumps(PRETTY, indent=2) * 2, [PRETTY] * 2),
    "+json": ("application/cloudevents+json; charset=UTF-8", json.dumps([PRETTY], indent=1), [PRETTY]),
    "sequence": (SEQUENCE, f"\x1e{json.dumps(PRETTY, indent=2)}\n\x1e[1,\n2]\n", [PRETTY, [1, 2]]),
    "concatenated": (JSON, '{"a":1}{"a":2}', [{"a": 1}, {"a": 2}]),
    "newline JSON": (JSON, '{"a":1}\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
    "BOM and object": (JSON, '\ufeff{"a":1}', [{"a": 1}]),
    "BOM and array": (JSON, '\ufeff[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
    "scalars": (JSON, '1 "x" null\ntrue -0.5', [1, "x", None, True, -0.5]),
    "one scalar": (JSON, "17", [17]),
    "arrays in an array": (JSON, "[[1,2],[],[[3]]]", [[1, 2], [], [[3]]]),
    "arrays side by side": (JSON, "[1] [2,3][]", [1, 2, 3]),
    "empty array": (JSON, " [ ] ", []),
    "nothing": (JSON, " \n ", []),
    "half a surrogate pair": (JSON, r'[{"a":"\ud83d"},{"b":2}]', [{"a": "\ufffd"}, {"b": 2}]),
    "not a number": (JSON, '[{"a":NaN},{"a":-Infinity},{"b":2}]', [{"a": None}, {"a": None}, {"b": 2}]),
    "no JSON in an array": (JSON, '[{"n":1},nan,{"n":2}]', [{"n": 1}, "nan", {"n": 2}]),
    "control character": (JSON, '[{"n":1},"\t",{"n":2}]', [{"n": 1}, '"\t"', {"n": 2}]),
    "newline in a string": (JSON, '[{"n":1},"\n",{"n":2}]', [{"n": 1}, '"\r"', {"n": 2}]),
    "no UTF-8": (JSON, b'[{"n":1},"\xff",{"n":2}]', [{"n": 1}, '"\ufffd"', {"n": 2}]),
    "depth": (JSON, "[1," + "[" * 129 + "]" * 129 + ",2]", [1, "[" * 129 + "]" * 129, 2]),
    "no brace in an array": (JSON, '[{"a":1,{"b":2}]', ['{"a":1,', {"b": 2}]),
    "no brace in newline JSON": (JSON, '{"a":1\n{"b":2}\n', ['{"a":1', {"b": 2}]),
    "no quote in newline JSON": (JSON, '{"a":"x}\n{"b":2}\n', ['{"a":"x}', {"b": 2}]),
    "text between": (JSON, '{"a":1}\n2026-11-30 INFO up\n{"b":2}\n', [{"a": 1}, "2026-11-30 INFO up", {"b": 2}]),
    "an object that is cut": (JSON, '{"a":1}{"b":', [{"a": 1}, '{"b":']),
}


@pytest.mark.asyncio
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", BODIES)
async def test_bodies(ingest, sink, name, compressed):
    """
    Each event of a body is one line, judged as by TCP: one that is broken is wrapped and counted, and costs no other.
    """
    content_type, body, expected = BODIES[name]
    body = body.encode() if isinstance(body, str) else body
    run, post = await ingest()
    headers = {"Content-Encoding": "gzip"} if compressed else {}
    status, answer = await post(gzip.compress(body) if compressed else body, content_type, **headers)

    assert (200, {"accepted": len(expected)}) == (status, answer)
    assert expected == messages(sink.lines)
    wrapped = sum(b'"headrig":{"broken"' in line for line in sink.lines)
    assert wrapped == sum(count for name, count in run.page().items() if name.startswith("headrig_broken"))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("[1,", 0),
        ('{"a":1} [{"b":2}', 8),
        ('["', 0),
        ("[1] [[]", 4),
        ("[1,,2]", 3),
        ("[1,2,]", 5),
        ("[,]", 1),
        ("[" * 9, 0),
    ],
)
async def test_arrays_that_cannot_be_split(ingest, sink, body, place):
    """
    An array that ends too early, or lacks an element, is refused with all that came with it, and its place is named.
    """
    _, post = await ingest()
    status, answer = await post(body.encode())

    assert (400, b"") == (status, sink.text)
    assert f" byte {place}" in answer["error"]


@pytest.mark.asyncio
@pytest.mark.parametrize("content_type", [JSON, "application/x-ndjson", SEQUENCE])
@pytest.mark.parametrize(
    ("charset", "status"),
    [
        ("utf-8", 200),
        ("UTF-8", 200),
        ("utf8", 200),
        ('"utf-8"', 200),
        ("us-ascii", 200),
        ("utf-16", 415),
        ("iso-8859-1", 415),
        ("x", 415),
    ],
)
async def test_charsets(ingest, sink, content_type, charset, status):
    """
    A body in another charset than UTF-8 is refused.
    """
    _, post = await ingest()

    assert status == (await post(b"{}", f"{content_type}; charset={charset}"))[0]
    assert (b"{}\n" if status == 200 else b"") == sink.text


@pytest.mark.asyncio
async def test_others_have_their_turn(ingest, sink):
    """
    While a body of eight megabytes is taken apart, the loop turns at least once a piece.
    """
    _, post = await ingest(body_bytes_max=16 * 2**20, bodies_bytes_max=32 * 2**20, core_queue_bytes_max=64 * 2**20)
    body = b"[" + b",\n".join([b'{ "a" :\r\n[ 1 ,\t2 ] }'] * (8 * 2**20 // 22)) + b"]"
    turns, taken = 0, asyncio.Event()

    async def turn() -> None:
        nonlocal turns
        while not taken.is_set():
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    status, answer = await post(io.BytesIO(body))
    taken.set()
    await turning

    assert (200, {"accepted": 8 * 2**20 // 22}) == (status, answer)
    assert turns >= len(body) // READ_BYTES


ODD = [
    rb'{"i":0,"m":"\ud83d"}',
    rb'{"i":1,"\ude00":"\ud83d\ude00 \udBff"}',
    b'{"i":2,"a":NaN,"b":[-Infinity,Infinity]}',
    b'{"i":3,"a":1,"a":1e999,"n":' + b"9" * 400 + b"}",
    b'{"i":4,"text":"' + b"x" * 100_000 + b'"}',
    b'{"i":5,"cut":"' + b"word " * 60_000 + b'"}',
    b"[" * 128 + b"6" + b"]" * 128,
    b"[" * 129 + b"7" + b"]" * 129,
    b'{"i":8,"a":"\xff\xfe"}',
    b'{"i":9,"a":"\x01\t"}',
    b'{"i":10,"a":"[1,2]{,}\\"],[\\\\"}',
    b'{"i":11,"a":[',
    b'{"i":12,"password":"hunter2-secret","list":["password","zq81xkq0aPw9"]}',
    b"13 is plain, password=hunter2-secret",
    b'\xef\xbb\xbf{"i":14}\r',
    b' { "i" : 15 , "a" : [ 1 ,\t2 ] } ',
    b'"16"',
    b"null",
    b'{"i":18,"a":"\xe2\x80\xa8\xc2\x85\x7f"}',
    b'{"i":19}{"i":19}',
    b"[]",
    b"{}",
    b'{"":{"":[[],{}]}}',
    b"]",
    b",",
]


@pytest.mark.asyncio
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
async def test_array_round_trip(start, memory, compression):
    """
    Lines of every odd kind that leave by the `http` sink as arrays arrive at the `/ingest` of another, byte for byte but for white space around them.
    """
    kept, arrived = MemorySink(), MemorySink()
    # A line that was cut is longer once it is wrapped, and would be cut again.
    longer = b'{"line_bytes_max":1000000}'
    source = {"in": HttpSourceConfig(listen="127.0.0.1:0")}
    receiver = await start(
        source,
        {"out": replace(memory["out"], sink=arrived)},
        limits=Limits(line_bytes_max=1_000_000),
        engine_spec=longer,
    )
    url = receiver.pipeline.state.sources["in"].source.where
    posting = HttpSinkConfig(endpoint=url, format="array", compression=compression, flush_seconds=0.0)
    sender = await start(
        {"in": TcpConfig(listen="127.0.0.1:0")}, {"out": posting, "kept": replace(memory["out"], sink=kept)}
    )
    await sender.send(b"".join(line + b"\n" for line in ODD))
    account = sender.pipeline.state.ledger.sinks["out"]
    await sender.until(lambda: account.delivered + account.dropped.total() == len(ODD))

    assert (len(ODD), 0) == (account.delivered, account.dropped.total())
    assert [line.strip() for line in kept.lines] == arrived.lines
    assert len(ODD) == len(kept.lines)
    assert b"hunter2" not in arrived.text
