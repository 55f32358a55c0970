"""The HTTP sink against an endpoint that answers, refuses, hangs, lies and comes back. The ledger closes every time."""

import asyncio
import logging
import ssl

import msgspec
import pytest
import pytest_asyncio
import trustme
from endpoint import Pauses, hang, reset, reset_halfway, serving, status, talk_forever

from headrig.errors import Retryable
from headrig.limits import Limits
from headrig.net.http_client import Poster
from headrig.sinks import HttpSinkConfig
from headrig.sources import TcpConfig

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
CANARY = "Bearer canary-0123456789"
SMALL = Limits(sink_queue_batches_max=3, drain_seconds=2.0)


def lines(count: int) -> bytes:
    return b"".join(b'{"n":%d}\n' % n for n in range(count))


@pytest_asyncio.fixture
async def endpoint():
    async with serving() as served:
        yield served


@pytest.fixture
def posting(start, endpoint):
    """Start with TCP in and one HTTP sink to the endpoint, whose waits a test lets go."""

    async def starter(sinks=None, limits=None, **settings):
        settings = {"endpoint": endpoint.url + "/in?key=canary", "flush_seconds": 0.0} | settings
        run = await start(TCP, {"out": HttpSinkConfig(**settings)} | (sinks or {}), limits=limits or SMALL)
        run.pipeline.state.pause = run.pauses = Pauses()
        run.account = run.pipeline.state.ledger.sinks["out"]
        return run

    return starter


async def test_posts_compressed_newline_json(posting, endpoint):
    """
    A batch is one POST of newline JSON, gzip, with the auth header; 2xx means delivered.
    """
    run = await posting(auth_header=CANARY)
    await run.send(b'{"n":1}\n{"n":2}\n')
    await run.until(lambda: run.account.delivered == 2)
    ((path, headers, body),) = endpoint.requests

    assert ("/in?key=canary", b'{"n":1}\n{"n":2}\n') == (path, body)
    assert (CANARY, "application/x-ndjson", "gzip") == tuple(
        headers[name] for name in ("Authorization", "Content-Type", "Content-Encoding")
    )


async def test_posts_arrays(posting, endpoint):
    """
    With `format = "array"` a request is one JSON array; with `compression = "none"` it is plain.
    """
    run = await posting(
        format="array", compression="none", flush_entries_max=1000, flush_seconds=3600.0, auth_header_name="X-Api-Key"
    )
    for n in range(3):
        await run.send(b'{"n":%d}\n' % n)
        await run.until(lambda n=n: run.account.accepted == n + 1)
    assert await run.pipeline.flush()
    ((_, headers, body),) = endpoint.requests

    assert [{"n": 0}, {"n": 1}, {"n": 2}] == sorted(msgspec.json.decode(body), key=str)
    assert "application/json" == headers["Content-Type"]
    assert not {"Content-Encoding", "X-Api-Key"} & set(headers)


async def test_waits_for_entries(posting, endpoint):
    """
    Lines wait for company up to so many, and no longer than until there are as many.
    """
    run = await posting(flush_entries_max=3, flush_seconds=3600.0)
    for n in range(2):
        await run.send(b'{"n":%d}\n' % n)
        await run.until(lambda n=n: run.account.accepted == n + 1)
    assert [] == endpoint.requests
    await run.send(b'{"n":2}\n')
    await run.until(lambda: run.account.delivered == 3)

    assert 1 == len(endpoint.requests)


async def test_requests_are_bounded(posting, endpoint):
    """
    A request holds at most `body_bytes_max` of whole lines; a single longer line goes alone.
    """
    run = await posting(body_bytes_max=2000)
    long = b'{"text":"' + b"x" * 5000 + b'"}\n'
    await run.send(lines(1000) + long + lines(10))
    await run.until(lambda: run.account.delivered == 1011)

    assert lines(1000) + long + lines(10) == b"".join(endpoint.accepted)
    assert {long} == {body for body in endpoint.accepted if len(body) > 2000}


async def test_large_request(posting, endpoint):
    """
    A request may hold many megabytes, and a name that cannot exist is no more than a failed try.
    """
    run = await posting(
        {"nowhere": HttpSinkConfig(endpoint=f"http://{'a' * 64}.example")},
        body_bytes_max=2**24,
        compression="none",
        flush_entries_max=10**6,
        flush_seconds=3600.0,
        limits=Limits(drain_seconds=0.1),
    )
    text = b'{"n":"%s"}\n' % (b"x" * 200_000) * 20
    await run.send(text)
    await run.until(lambda: run.account.accepted == 20)
    run.pipeline.state.sinks["out"].buffer.flush_now()
    await run.until(lambda: run.account.delivered == 20)

    assert text == b"".join(endpoint.accepted)


@pytest.mark.parametrize("answer", [status(408), status(425), status(429), status(500), status(503), reset])
async def test_comes_again(posting, endpoint, answer):
    """
    What may be accepted later comes again, once, after a wait within the first bound.
    """
    endpoint.answers = [answer]
    run = await posting(auth_header=CANARY)
    await run.send(b"{}\n")
    await run.until(lambda: run.pauses.asked != [])
    assert 1 == run.account.waiting()
    assert all(seconds <= 1.0 for seconds in run.pauses.asked)
    run.pauses.let_go()
    await run.until(lambda: run.account.delivered == 1)

    assert [b"{}"] == endpoint.lines
    assert 2 == len(endpoint.requests)


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120.0), ("99999999", 3600.0), ("Wed, 18 Nov 2026 11:08:40 GMT", 120.0)]
)
async def test_retry_after_is_obeyed(posting, endpoint, header, seconds):
    """
    It never comes earlier than the endpoint asked, in seconds or by date, within an hour, also when told to hurry.
    """
    endpoint.answers = [status(429, Retry_After=header)]
    run = await posting()
    await run.send(b"{}\n")
    await run.until(lambda: run.pauses.asked != [])
    flushing = asyncio.get_running_loop().create_task(run.pipeline.flush())
    for _ in range(20):
        await asyncio.sleep(0)

    assert [seconds] == run.pauses.asked
    assert 1 == len(endpoint.requests)
    run.pauses.let_go()
    assert await flushing
    assert [b"{}"] == endpoint.lines


async def test_backs_off(posting, endpoint):
    """
    The bound of the waits doubles with every refusal, up to the longest; nothing is lost meanwhile.
    """
    endpoint.answers = [status(503)] * 12
    run = await posting(limits=Limits(retry_first_seconds=1.0, retry_seconds_max=300.0, drain_seconds=2.0))
    await run.send(b"{}\n")
    run.pauses.let_go(12)
    await run.until(lambda: run.account.delivered == 1)

    bounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert 12 == len(run.pauses.asked)
    assert all(asked <= bound for asked, bound in zip(run.pauses.asked, bounds, strict=True))


async def test_hang_times_out(posting, endpoint):
    """
    An endpoint that never answers is given up on after `timeout_seconds`, and tried again.
    """
    endpoint.answers = [hang]
    run = await posting(timeout_seconds=0.05)
    await run.send(b"{}\n")
    run.pauses.let_go()
    await run.until(lambda: run.account.delivered == 1)
    errors = 'component_errors_total{component_id="out",component_kind="sink",component_type="http",'

    assert 1 == run.page()[errors + 'error_type="timeout",stage="sending"}']


@pytest.mark.parametrize(
    "answer", [reset_halfway, talk_forever, status(200, '{"accepted":"nonsense'), status(201, "<html>")]
)
async def test_status_decides(posting, endpoint, answer):
    """
    2xx accepts, whatever the answer's body is or becomes: nothing comes twice.
    """
    endpoint.answers = [answer]
    run = await posting()
    await run.send(b"{}\n")
    await run.until(lambda: run.account.delivered == 1)
    await run.send(b"[]\n")
    await run.until(lambda: run.account.delivered == 2)

    assert 2 == len(endpoint.requests)


async def test_dead_endpoint_delays_only_itself(posting, memory, sink):
    """
    While an endpoint hangs, other sinks have every line at once; what its queue cannot hold it drops, oldest first.
    """
    async with serving() as dead:
        dead.answers = [hang]
        limits = Limits(sink_queue_batches_max=3, drain_seconds=0.2)
        run = await posting({"healthy": memory["out"]}, limits, endpoint=dead.url, timeout_seconds=60.0)
        await run.send(lines(200_000))
        await run.until(lambda: len(sink.text) == len(lines(200_000)))

        assert run.account.dropped["queue_full"] > 0
        assert 0 == run.account.delivered
        await run.stop()
    assert 200_000 == run.account.dropped.total() + run.account.delivered


async def test_endpoint_comes_back(posting, endpoint):
    """
    Lines that met a closed port are delivered once something listens there.
    """
    async with serving() as gone:
        port = int(gone.url.rpartition(":")[2])
    run = await posting(endpoint=f"http://127.0.0.1:{port}")
    await run.send(b"{}\n")
    await run.until(lambda: run.pauses.asked != [])
    async with serving(port=port) as back:
        run.pauses.let_go()
        await run.until(lambda: run.account.delivered == 1)

        assert [b"{}"] == back.lines


async def test_flush_does_not_wait_for_back_off(posting, endpoint):
    """
    A flush, like a reload or a stop, ends the wait between two tries.
    """
    endpoint.answers = [status(503)]
    run = await posting()
    await run.send(b"{}\n")
    await run.until(lambda: run.pauses.asked != [])

    assert await run.pipeline.flush()
    assert [b"{}"] == endpoint.lines


async def test_reload_does_not_wait_for_a_hanging_endpoint(posting, endpoint):
    """
    A reload goes on at once while an endpoint hangs; the lines it has not accepted go where the new settings say.
    """
    async with serving() as dead:
        dead.answers = [hang]
        run = await posting(endpoint=dead.url, timeout_seconds=3600.0)
        await run.send(b"{}\n")
        await run.until(lambda: dead.requests != [])
        better = HttpSinkConfig(endpoint=endpoint.url, flush_seconds=0.0)
        await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sinks={"out": better}))
        await run.until(lambda: run.account.delivered == 1)

    assert [b"{}"] == endpoint.lines


async def test_reload_does_not_repeat(posting, endpoint):
    """
    What an endpoint accepted of a batch is not sent again after a reload, also when requests have another size then.
    """
    endpoint.answers = [status(200), status(200), status(503)]
    run = await posting(body_bytes_max=1024)
    await run.send(lines(1000))
    await run.until(lambda: run.pauses.asked != [])
    bigger = HttpSinkConfig(endpoint=endpoint.url, body_bytes_max=5000, flush_seconds=0.0)
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sinks={"out": bigger}))
    await run.until(lambda: run.account.delivered == 1000)

    assert lines(1000) == b"".join(endpoint.accepted)


async def test_stop_tries_once_more(posting, endpoint):
    """
    A stop ends the wait between two tries: what the endpoint takes now is delivered.
    """
    endpoint.answers = [status(503)]
    run = await posting()
    await run.send(b"{}\n")
    await run.until(lambda: run.pauses.asked != [])
    await run.stop()

    assert ([b"{}"], 1) == (endpoint.lines, run.account.delivered)


async def test_stop_is_bounded(posting, endpoint):
    """
    A stop waits for a hanging endpoint no longer than `drain_seconds`; the rest is dropped as `shutdown`.
    """
    endpoint.answers = [hang]
    run = await posting(limits=Limits(drain_seconds=0.2))
    await run.send(b"{}\n")
    await run.until(lambda: endpoint.requests != [])
    await run.stop()

    assert {"shutdown": 1} == dict(run.account.dropped)


async def test_certificates_are_verified(posting, endpoint, tmp_path):
    """
    Only a server that a trusted authority vouches for gets lines; `ca_file` says whom to trust.
    """
    authority, server = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with serving(server) as secure:
        run = await posting(endpoint=secure.url)
        await run.send(b"{}\n")
        await run.until(lambda: run.pauses.asked != [])
        assert [] == secure.requests
        trusting = HttpSinkConfig(endpoint=secure.url, ca_file=str(tmp_path / "ca.pem"))
        await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sinks={"out": trusting}))
        await run.until(lambda: run.account.delivered == 1)

        assert [b"{}"] == secure.lines


async def test_secrets_stay_inside(posting, endpoint, caplog, capfd):
    """
    The auth header, the address beyond its host, and what the endpoint answers are in no log, error, page or repr.
    """
    body = "answer-canary"
    endpoint.answers = [status(500, body), status(401, body, Set_Cookie="a=answer-canary; ]["), reset, status(204)]
    with caplog.at_level(logging.DEBUG, "headrig"):
        run = await posting(auth_header=CANARY)
        run.pauses.let_go(3)
        for n in range(2):
            await run.send(b'{"n":%d}\n' % n)
            await run.until(lambda n=n: run.account.accepted == n + 1 and run.account.waiting() == 0)
    said = caplog.text + "".join(capfd.readouterr()) + repr(run.page()) + repr(run.pipeline.config.sinks)

    assert "canary" not in said
    assert "answered 500" in caplog.text
    assert run.pipeline.config.sinks["out"].where == endpoint.url


async def test_closed_while_a_request_runs_out_of_time(endpoint):
    """
    A request whose time is over in the very turn of the loop in which the client is closed ends as any other, and the client
    is closed.
    """
    endpoint.answers = [hang]
    poster = Poster(endpoint.url, {}, timeout_seconds=3600.0)
    request = asyncio.create_task(poster.exchange(b"{}\n", {}))
    while not endpoint.requests:  # noqa: ASYNC110 (the endpoint tells nobody)
        await asyncio.sleep(0)
    poster._deadline.reschedule(0.0)
    await asyncio.sleep(0)
    await poster.close()

    assert poster._session.closed
    with pytest.raises(Retryable):
        await request


async def test_another_endpoint_need_not_wait(posting, endpoint):
    """
    What an endpoint asked for holds for that one: a reload that stays with it waits on, one that names another host or port
    delivers there at once.
    """
    endpoint.answers = [status(429, Retry_After="600")]
    run = await posting()
    await run.send(b'{"n":1}\n')
    await run.until(lambda: run.pauses.asked == [600.0])

    def changed(**settings):
        sink = msgspec.structs.replace(run.pipeline.config.sinks["out"], **settings)
        return msgspec.structs.replace(run.pipeline.config, sinks={"out": sink})

    await run.pipeline.reload(changed(timeout_seconds=7.0))
    async with serving() as other:
        assert (1, [600.0]) == (len(endpoint.requests), run.pauses.asked)
        await run.pipeline.reload(changed(endpoint=other.url))
        await run.until(lambda: run.account.delivered == 1)

        assert ([b'{"n":1}'], [600.0]) == (other.lines, run.pauses.asked)
