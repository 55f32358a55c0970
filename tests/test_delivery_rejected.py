"""Refusals that name lines: single ones of a bulk answer, for good or for now. Each line is decided once."""

import asyncio
import logging
from collections import Counter
from contextlib import AsyncExitStack
from itertools import pairwise

import msgspec
import pytest
from endpoint import Pauses
from hypothesis import given
from hypothesis import strategies as st
from test_delivery_buffer import batch

from headrig.component import SinkComponentConfig
from headrig.delivery.buffer import Memory
from headrig.delivery.ledger import SinkAccount
from headrig.delivery.loop import DeliveryContext, runs
from headrig.delivery.rate_limited_log import RateLimitedLog
from headrig.errors import DeliveryError, Rejected, Retryable
from headrig.limits import REFUSALS_MAX, Limits
from headrig.runtime.running import RunningSink
from headrig.sources import TcpConfig
from headrig.telemetry import Metrics

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}


class BulkSink:
    """Answers as a test tells it: how many lines are tried, which of them are refused, for good or not, then an error."""

    def __init__(self) -> None:
        self.accepted_bytes = 0
        self.answers: list[tuple[int, set[int], bool]] = []
        self.errors: list[Exception] = []
        self.given: list[list[bytes]] = []
        self.before: list[int] = []
        """Lines taken before each write."""
        self.taken: list[bytes] = []

    async def write(self, batches) -> None:
        lines = [line + b"\n" for each in batches for line in bytes(memoryview(each)).splitlines()]
        self.given.append([line.strip() for line in lines])
        self.before.append(len(self.taken))
        self.accepted_bytes = 0
        if not self.answers:
            self.taken += lines
            return
        tried, refused, final = self.answers.pop(0)
        tried = min(tried, len(lines))
        refused = {number for number in refused if number < tried}
        self.taken += [line for number, line in enumerate(lines[:tried]) if number not in refused]
        self.accepted_bytes = sum(map(len, lines[:tried]))
        if refused:
            raise Rejected("answered 400", lines=refused, final=final)
        raise self.errors.pop(0) if self.errors else Retryable("answered 503", "server")

    async def flush(self) -> None:
        pass


async def no_pause(seconds: float, hurry: asyncio.Event) -> None:
    await asyncio.sleep(0)


def running(sink: BulkSink) -> RunningSink:
    context = DeliveryContext(
        clock=lambda: 0.0, limits=Limits(), metrics=Metrics(), warnings=RateLimitedLog(lambda: 0.0), pause=no_pause
    )
    config = SinkComponentConfig()
    buffer = Memory(SinkAccount("out", "bulk", 0), context.limits)
    return RunningSink("out", config, sink, buffer, context=context, closing=AsyncExitStack())


async def delivered(sink: BulkSink, *batches) -> RunningSink:
    """Have these delivered, until nothing waits."""
    loop = running(sink)
    for each in batches:
        loop.buffer.offer(each)
    loop.buffer.end()
    async with asyncio.timeout(60):
        await loop.run()
    return loop


ANSWERS = st.lists(st.tuples(st.integers(0, 12), st.sets(st.integers(0, 11), max_size=6), st.booleans()), max_size=12)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), ANSWERS)
def test_each_line_is_decided_once(counts, answers):
    """
    Whatever is refused for good, for now, or not tried at all: each line arrives once or is dropped once, and of what
    comes again nothing was accepted before. What comes keeps its order.
    """
    names = [b"%d" % n for n in range(sum(counts))]
    iterator = iter(names)
    batches = [batch(*(next(iterator) for _ in range(count))) for count in counts]
    sink = BulkSink()
    sink.answers = list(answers)
    loop = asyncio.run(delivered(sink, *batches))
    account = loop.buffer.account
    arrived = [line.strip() for line in sink.taken]

    assert max(Counter(arrived).values(), default=0) <= 1
    assert (len(arrived), len(names)) == (account.delivered, account.delivered + account.dropped.total())
    assert sum(map(len, sink.taken)) == account.delivered_bytes
    assert (0, 0) == (account.imbalance(), account.waiting())
    for given_now, before in zip(sink.given, sink.before, strict=True):
        assert not set(given_now) & set(arrived[:before])
        assert given_now == sorted(given_now, key=int)


def test_refused_for_now():
    """
    Single lines of a bulk that may be accepted later come again alone, and the others do not.
    """
    sink = BulkSink()
    sink.answers = [(5, {1, 3}, False)]
    loop = asyncio.run(delivered(sink, batch(b"a", b"b", b"c"), batch(b"d", b"e", b"f")))

    assert [[b"a", b"b", b"c", b"d", b"e", b"f"], [b"b", b"d", b"f"]] == sink.given
    assert (6, 0) == (loop.buffer.account.delivered, loop.buffer.account.dropped.total())


def test_refused_for_good():
    """
    Single lines of a bulk that are refused for good are dropped, counted by the reason; what was not tried comes again.
    """
    sink = BulkSink()
    sink.answers = [(5, {1, 3}, True)]
    loop = asyncio.run(delivered(sink, batch(b"a", b"b", b"c"), batch(b"d", b"e", b"f")))

    assert [[b"a", b"b", b"c", b"d", b"e", b"f"], [b"f"]] == sink.given
    assert (4, {"client": 2}) == (loop.buffer.account.delivered, dict(loop.buffer.account.dropped))


def test_refused_for_now_altogether():
    """
    While everything is refused for now the sink fails; a line that is taken, or refused for good, ends that.
    """
    sink = BulkSink()
    sink.answers = [(2, {0, 1}, False), (2, {0}, False)]
    conditions = []

    async def watched() -> None:
        loop = running(sink)

        async def look(seconds: float, hurry: asyncio.Event) -> None:
            conditions.append(loop.condition.failing)

        loop.context.pause = look
        loop.buffer.offer(batch(b"a", b"b"))
        loop.buffer.end()
        await loop.run()

    asyncio.run(watched())

    assert ["answered 400", None] == [failing and failing.reason for failing in conditions]
    assert [b"b\n", b"a\n"] == sink.taken


def test_given_up_in_the_middle():
    """
    What was accepted before a sink gives up is delivered, and only the rest is dropped.
    """
    sink = BulkSink()
    sink.answers, sink.errors = [(2, set(), True)], [DeliveryError("never", "auth")]
    loop = asyncio.run(delivered(sink, batch(b"a", b"b", b"c")))

    assert (2, {"auth": 1}) == (loop.buffer.account.delivered, dict(loop.buffer.account.dropped))


@pytest.mark.parametrize("lines", [[], [99], [-1], None, ["a"], 3])
def test_lines_that_were_not_given(lines, caplog):
    """
    A sink that names lines which it was not given fails by a bug: within bounds, and without an endless loop.
    """

    class Wrong(BulkSink):
        async def write(self, batches) -> None:
            raise Rejected("answered 400", lines=lines)

    loop = asyncio.run(delivered(Wrong(), batch(b"a", b"b"), batch(b"c")))

    assert {"bug": 3} == dict(loop.buffer.account.dropped)
    assert "a bug" in caplog.text


@pytest.mark.asyncio
async def test_many_at_once(start, memory, caplog):
    """
    An endpoint that refuses many lines at once waits as one that refuses them one by one, and it is said how many.
    """
    sink = BulkSink()
    count = REFUSALS_MAX + 1
    sink.answers = [(count, set(range(count)), True)] * 2
    run = await start(TCP, {"out": msgspec.structs.replace(memory["out"], sink=sink)})
    run.pipeline.state.pause = pauses = Pauses()
    with caplog.at_level(logging.ERROR, "headrig"):
        await run.send(b"".join(b"%d\n" % n for n in range(2 * count)))
        await run.until(lambda: pauses.asked != [])
    account = run.pipeline.state.ledger.sinks["out"]

    assert {"client": count} == dict(account.dropped)
    assert f"answered 400 to {count} lines, which are dropped" in caplog.text
    pauses.let_go(9)
    await run.until(lambda: account.waiting() == 0)


@given(st.sets(st.integers(0, 30)))
def test_runs(numbers):
    """
    Ranges are the numbers, in order, and none begins where one ends.
    """
    found = runs(sorted(numbers))

    assert sorted(numbers) == [number for each in found for number in each]
    assert all(before.stop < after.start for before, after in pairwise(found))
