"""What a sink makes of refusals: faults of settings keep the lines, faults of a line cost that line and nothing else."""

import logging
import math

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web
from endpoint import Pauses, serving, status

from headrig.limits import REFUSALS_MAX, RETRY_FIRST_SECONDS, RETRY_SECONDS_MAX, Limits
from headrig.sinks import ForwardConfig, HttpSinkConfig
from headrig.sources import HttpSourceConfig, TcpConfig
from headrig.web import HttpServerConfig
from headrig.web.views import ComponentHealth

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
SETTINGS = [300, 301, 302, 304, 307, 308, 401, 403, 404, 405, 407, 410, 415, 426]
POISON = b'{"n":617,"poison":1}\n'
FORMS = [
    {},
    {"compression": "none"},
    {"format": "array"},
    {"format": "array", "compression": "none"},
    {"type": "forward"},
    {"type": "forward", "compression": "none"},
]


def lines(count: int, first: int = 0) -> bytes:
    return b"".join(b'{"n":%d}\n' % n for n in range(first, first + count))


@pytest_asyncio.fixture
async def endpoint():
    async with serving() as served:
        yield served


@pytest.fixture
def posting(start, endpoint):
    """Start with TCP in and one remote sink to the endpoint, whose waits a test lets go."""

    async def starter(*, type="http", limits=None, **settings):
        config = (
            ForwardConfig(to=endpoint.url, flush_seconds=0.0, **settings)
            if type == "forward"
            else HttpSinkConfig(endpoint=endpoint.url + "/in?key=canary", flush_seconds=0.0, **settings)
        )
        run = await start(TCP, {"out": config}, limits=limits or Limits(drain_seconds=2.0))
        run.pipeline.state.pause = run.pauses = Pauses()
        run.account = run.pipeline.state.ledger.sinks["out"]
        return run

    return starter


def told(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


def judging(endpoint, refuse):
    """Have the endpoint answer each body as `refuse` says: a status, or None to take it."""

    async def answer(_: web.Request) -> web.StreamResponse:
        endpoint.answers.append(answer)
        return web.Response(status=refuse(endpoint.requests[-1][2]) or 204)

    endpoint.answers = [answer]


def arrived(endpoint) -> bytes:
    """Every accepted line, whatever the form of the bodies."""
    whole = [
        b"\n".join(map(msgspec.json.encode, msgspec.json.decode(each))) + b"\n" if each[:1] == b"[" else each
        for each in endpoint.accepted
    ]
    return b"".join(whole)


@pytest.mark.parametrize("code", SETTINGS)
async def test_settings_refused(posting, endpoint, caplog, code):
    """
    Whatever refuses the settings keeps the lines: said once with where and a remedy, counted each time, tried with
    back-off, never followed; and each line arrives once when the other side has been mended.
    """
    endpoint.answers = [status(code, Location="/elsewhere")] * 5
    run = await posting()
    await run.send(lines(2))
    run.pauses.let_go(4)
    await run.until(lambda: len(endpoint.requests) == 5)
    await run.until(lambda: len(run.pauses.asked) == 5)
    errors = 'component_errors_total{component_id="out",component_kind="sink",component_type="http",error_type="%s",stage="sending"}'

    assert (2, 0) == (run.account.waiting(), run.account.dropped.total())
    assert 5 == run.page()[errors % ("auth" if code in (401, 403, 407) else "client")]
    (said,) = told(caplog)
    assert said.startswith(f"sinks.out: {endpoint.url} answered {code}")
    assert ("check" in said or "give" in said, "canary" in said) == (True, False)
    run.pauses.let_go()
    await run.until(lambda: run.account.delivered == 2)
    assert lines(2) == b"".join(endpoint.accepted)
    assert {"/in?key=canary"} == {path for path, _, _ in endpoint.requests}


async def test_said_again(posting, endpoint, caplog):
    """
    It is said again when the answer is another one, after lines were taken, and after a reload; not after a reset alone.
    """
    endpoint.answers = [status(401), status(503), status(401), status(404), status(404)]
    run = await posting()
    run.pauses.let_go(5)
    await run.send(lines(1))
    await run.until(lambda: run.account.delivered == 1)
    endpoint.answers = [status(404)] * 3
    await run.send(lines(1))
    await run.until(lambda: len(run.pauses.asked) == 6)
    better = HttpSinkConfig(endpoint=endpoint.url, flush_seconds=0.0)
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sinks={"out": better}))
    await run.until(lambda: len(run.pauses.asked) == 7)

    assert ["401", "404", "404", "404"] == [text.split("answered ")[1][:3] for text in told(caplog)]


async def test_settings_refused_back_off(posting, endpoint):
    """
    The bound of the waits doubles up to five minutes and stays there; a flush tries at once and tells the truth.
    """
    endpoint.answers = [status(401)] * 20
    run = await posting(limits=Limits(retry_first_seconds=1.0, retry_seconds_max=300.0, drain_seconds=0.2))
    await run.send(lines(1))
    run.pauses.let_go(11)
    await run.until(lambda: len(run.pauses.asked) == 12)
    bounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert all(asked <= bound for asked, bound in zip(run.pauses.asked, bounds, strict=True))

    assert not await run.pipeline.flush()
    assert 13 == len(endpoint.requests)
    endpoint.answers = []
    assert await run.pipeline.flush()
    assert lines(1) == b"".join(endpoint.accepted)


async def test_settings_refused_within_bounds(start, endpoint):
    """
    What waits beyond the queue's bound goes by `when_full`, and the run goes on: another sink has every line.
    """
    async with serving() as right:
        sinks = {
            "wrong": HttpSinkConfig(endpoint=endpoint.url, flush_seconds=0.0, required=False),
            "right": HttpSinkConfig(endpoint=right.url, flush_seconds=0.0),
        }
        endpoint.answers = [status(403)] * 100
        run = await start(TCP, sinks, limits=Limits(sink_queue_batches_max=3, drain_seconds=1.0))
        run.pipeline.state.pause = Pauses()
        wrong, good = (run.pipeline.state.ledger.sinks[name] for name in ("wrong", "right"))
        for n in range(10):
            await run.send(lines(1, n))
            await run.until(lambda n=n: good.delivered == n + 1)

        assert (0, 10) == (wrong.delivered, wrong.waiting() + wrong.dropped["queue_full"])
        assert {"queue_full"} == set(wrong.dropped)
        assert lines(10) == b"".join(right.accepted)


async def test_health(posting, endpoint):
    """
    A sink whose settings are refused makes the run degraded, with why and since when, until it takes lines; the status
    stays 200. So does one that has accepted nothing for ten seconds though lines wait.
    """
    endpoint.answers = [status(401), status(503)]
    run = await posting()
    now = [0.0]
    run.pipeline.state.sinks["out"].buffer.now = lambda: now[0]
    assert ("ok", {}) == (run.pipeline.status.health().status, run.health())
    await run.send(lines(3))
    await run.until(lambda: len(run.pauses.asked) == 1)
    health = run.pipeline.status.health()
    assert ("degraded", True, False) == (health.status, health.good(), health.good(strict=True))
    assert ComponentHealth("degraded", "answered 401", 1_795_000_000.0) == health.components["sinks.out"]
    run.pauses.let_go()
    await run.until(lambda: len(run.pauses.asked) == 2)
    assert {} == run.health()
    now[0] = 10.5
    idle = ComponentHealth("degraded", "3 lines wait and none is accepted", 1_794_999_989.5)
    assert idle == run.pipeline.status.health().components["sinks.out"]
    run.pauses.let_go()
    await run.until(lambda: run.account.delivered == 3)

    assert {} == run.health()


@pytest.mark.parametrize("code", [400, 422])
@pytest.mark.parametrize("form", FORMS)
async def test_poison(posting, endpoint, caplog, form, code):
    """
    The one line of a batch that is refused is dropped, counted and named by its size; the others arrive in order, each
    once, at the cost of about twice the logarithm of their number in requests.
    """
    judging(endpoint, lambda body: code if b"poison" in body else None)
    run = await posting(**form)
    await run.send(lines(617) + POISON + lines(382, 618))
    await run.until(lambda: run.account.accepted == 1000 and run.account.waiting() == 0)

    assert lines(617) + lines(382, 618) == arrived(endpoint)
    assert {"client": 1} == dict(run.account.dropped)
    assert (999, len(lines(617) + lines(382, 618))) == (run.account.delivered, run.account.delivered_bytes)
    (said,) = told(caplog)
    assert f"answered {code} to a line of {len(POISON)} bytes, which is dropped; " in said
    assert len(endpoint.requests) <= 3 * math.log2(1000) + 3


@pytest.mark.parametrize("form", FORMS)
async def test_too_large(posting, endpoint, form):
    """
    An endpoint that takes a thousand bytes at a time gets every line; once the size is known hardly a request is refused.
    """
    judging(endpoint, lambda body: 413 if len(body) > 1000 else None)
    run = await posting(**form)
    text = b"".join(b'{"n":%d,"pad":"%s"}\n' % (n, b"x" * 80) for n in range(1000))
    await run.send(text)
    await run.until(lambda: run.account.delivered == 1000)

    assert text == arrived(endpoint)
    refused = len(endpoint.requests) - len(endpoint.accepted)
    assert refused <= 20 + len(endpoint.accepted) / 10
    assert len(endpoint.accepted) < 500


async def test_one_line_too_large(posting, endpoint, caplog):
    """
    One long line costs itself, not the small ones around it.
    """
    judging(endpoint, lambda body: 413 if len(body) > 64_000 else None)
    run = await posting()
    long = b'{"text":"%s"}\n' % (b"x" * 100_000)
    await run.send(lines(50) + long + lines(50, 50))
    await run.until(lambda: run.account.waiting() == 0 and run.account.accepted == 101)

    assert lines(100) == b"".join(endpoint.accepted)
    assert {"client": 1} == dict(run.account.dropped)
    assert (
        f"answered 413 to a line of {len(long)} bytes, which is dropped; let the other side take larger" in caplog.text
    )


async def test_larger_again(posting, endpoint):
    """
    Once the other side takes larger bodies again, requests become large again by themselves.
    """
    bytes_max = [1000]
    judging(endpoint, lambda body: 413 if len(body) > bytes_max[0] else None)
    run = await posting()
    await run.send(lines(300))
    await run.until(lambda: run.account.delivered == 300)
    bytes_max[0], before = 10**9, len(endpoint.requests)
    await run.send(lines(200_000))
    await run.until(lambda: run.account.delivered == 200_300)

    assert lines(300) + lines(200_000) == b"".join(endpoint.accepted)
    assert len(endpoint.requests) - before < 400
    assert max(map(len, endpoint.accepted)) > 16_000


async def test_another_headrig_with_smaller_bodies(start, memory, sink):
    """
    Shipped to a headrig whose `body_bytes_max` is smaller, all lines arrive but those that no body of it can hold.
    """
    limits = Limits(body_bytes_max=64 * 1024, drain_seconds=2.0)
    far = await start({"in": HttpSourceConfig()}, memory, limits=limits, http=HttpServerConfig(listen="127.0.0.1:0"))
    near = await start(TCP, {"out": ForwardConfig(to=far.url, flush_seconds=0.0)})
    account = near.pipeline.state.ledger.sinks["out"]
    text = b"".join(b'{"n":%d,"pad":"%s"}\n' % (n, b"x" * 500) for n in range(1000))
    await near.send(text + b'{"text":"%s"}\n' % (b"x" * 100_000) + lines(100, 1000))
    await near.until(lambda: account.accepted == 1101 and account.waiting() == 0)

    assert text + lines(100, 1000) == sink.text
    assert {"client": 1} == dict(account.dropped)


@pytest.mark.parametrize("every", [2, 3, 10])
async def test_many_poisonous_lines(posting, endpoint, every):
    """
    Any number of refused lines among others cost themselves and no more than two requests for each line.
    """
    judging(endpoint, lambda body: 400 if b"poison" in body else None)
    run = await posting()
    text = [b'{"poison":%d}\n' % n if n % every == 0 else b'{"n":%d}\n' % n for n in range(300)]
    await run.send(b"".join(text))
    await run.until(lambda: run.account.accepted == 300 and run.account.waiting() == 0)

    assert b"".join(line for line in text if b"poison" not in line) == b"".join(endpoint.accepted)
    assert {"client": -(-300 // every)} == dict(run.account.dropped)
    assert len(endpoint.requests) <= 600


async def test_all_refused(posting, endpoint, caplog):
    """
    An endpoint that refuses line after line is asked ever more slowly, within bounds; it is said once, and a line that is
    taken ends the waits.
    """
    judging(endpoint, lambda body: 400)
    run = await posting()
    await run.send(lines(200))
    await run.until(lambda: run.pauses.asked != [])
    assert (REFUSALS_MAX, 1) == (run.account.dropped["client"], len(run.pauses.asked))
    assert len(endpoint.requests) <= 2 * math.log2(200) + REFUSALS_MAX
    run.pauses.let_go(20)
    await run.until(lambda: len(run.pauses.asked) == 21)
    bounds = [min(RETRY_FIRST_SECONDS * 2**n, RETRY_SECONDS_MAX) for n in range(21)]
    assert all(asked <= bound for asked, bound in zip(run.pauses.asked, bounds, strict=True))
    assert REFUSALS_MAX + 20 == run.account.dropped["client"]
    endpoint.answers = []
    run.pauses.let_go()
    await run.until(lambda: run.account.delivered == 200 - REFUSALS_MAX - 20)

    assert 1 == len(told(caplog))


async def test_poison_across_a_retry_and_a_reload(posting, endpoint):
    """
    A failure or a reload in the middle of the search neither repeats what was accepted nor forgets what was refused.
    """
    seen = []

    def refuse(body):
        seen.append(body)
        if len(seen) in (4, 9):
            return 503
        return 400 if b"poison" in body else None

    judging(endpoint, refuse)
    run = await posting()
    await run.send(lines(617) + POISON + lines(382, 618))
    await run.until(lambda: len(run.pauses.asked) == 1)
    run.pauses.let_go()
    await run.until(lambda: len(run.pauses.asked) == 2)
    other = HttpSinkConfig(endpoint=endpoint.url, flush_seconds=0.0, format="array")
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sinks={"out": other}))
    await run.until(lambda: run.account.waiting() == 0)

    assert lines(617) + lines(382, 618) == arrived(endpoint)
    assert ({"client": 1}, 999) == (dict(run.account.dropped), run.account.delivered)


async def test_stop_in_the_middle(posting, endpoint):
    """
    What was accepted before a stop gave up is delivered, what was refused is that, and only the rest is `shutdown`.
    """
    endpoint.answers = [status(204), status(204)] + [status(503)] * 1000
    run = await posting(body_bytes_max=1024, limits=Limits(drain_seconds=0.2))
    await run.send(lines(300))
    await run.until(lambda: run.pauses.asked != [])
    there = b"".join(endpoint.accepted).count(b"\n")
    page = run.page()
    await run.stop()

    assert there == page['headrig_lines_delivered_total{component_id="out"}'] == run.account.delivered
    assert 300 - there == page['headrig_lines_in_flight{component_id="out",component_kind="sink"}']
    assert {"shutdown": 300 - there} == dict(run.account.dropped)


async def test_refused_line_is_not_asked_for_again(start, endpoint):
    """
    A sender is not told to come again with a line that was refused for good: its others would arrive twice.
    """
    judging(endpoint, lambda body: 400 if b"poison" in body else None)
    sinks = {"out": HttpSinkConfig(endpoint=endpoint.url, flush_seconds=0.0)}
    far = await start({"in": HttpSourceConfig()}, sinks, http=HttpServerConfig(listen="127.0.0.1:0"))
    near = await start(TCP, {"out": ForwardConfig(to=far.url, flush_seconds=0.0)})
    await near.send(lines(10) + POISON + lines(10, 10))
    await near.until(lambda: near.pipeline.state.ledger.sinks["out"].delivered == 21)

    assert lines(20) == b"".join(endpoint.accepted)
    assert {"client": 1} == dict(far.pipeline.state.ledger.sinks["out"].dropped)


@pytest.mark.parametrize("answer", [400, 422])
async def test_flush_that_loses_lines(posting, endpoint, caplog, answer):
    """
    A flush during which lines were given up says so.
    """
    endpoint.answers = [status(503), status(answer)]
    run = await posting()
    await run.send(lines(1))
    await run.until(lambda: run.pauses.asked != [])

    assert not await run.pipeline.flush()
    assert "flush: 1 lines were given up" in caplog.text
    assert await run.pipeline.flush()
