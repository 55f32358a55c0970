"""The queue to the core: when batches close, what is copied, and when a source may go on."""

import asyncio

import pytest
import pytest_asyncio

from headrig.delivery.ledger import SourceAccount
from headrig.engine import BATCH_BYTES_MAX, Framer, ReadBuffer
from headrig.limits import BATCH_BYTES, BATCH_BYTES_UNDER_LOAD, BATCH_LINES, BLOCK_BYTES, Limits
from headrig.runtime.source_queue import CoreQueue, Partials
from headrig.telemetry import Metrics

pytestmark = pytest.mark.asyncio

QUARTER = (b"x" * 1023 + b"\n") * (BATCH_BYTES // 4 // 1024)
LINES = BATCH_BYTES // 4 // 1024


@pytest_asyncio.fixture
async def queue():
    account = SourceAccount("in", "test")
    made = CoreQueue(
        account, Metrics(), Partials(1 << 20), clock=lambda: 0.0, limits=Limits(), batch_bytes_max=BATCH_BYTES_MAX
    )
    yield made
    made.own.close_batch()
    for batch in made.own.waiting():
        made.own.done(batch)
    assert 0 == made.size == made.own.lines()


class Reader:
    """Reads quarters of a batch, as one connection does: one directly behind the other."""

    def __init__(self, queue: CoreQueue) -> None:
        self._queue = queue
        self._buffer = ReadBuffer(BLOCK_BYTES)
        self._framer = Framer()

    def quarter(self) -> None:
        view = memoryview(self._buffer.room(self._framer, len(QUARTER)))
        view[:] = QUARTER
        self._queue.add(*self._buffer.take(len(QUARTER)))


def counts(queue):
    return [batch.count for batch in queue.own._closed]


async def turn() -> None:
    """Let the loop finish this turn."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_what_is_there_comes_along(queue):
    """
    A batch of full size takes in what comes in the same turn of the loop, and closes at its end.
    """
    reader = Reader(queue)
    for _ in range(5):
        reader.quarter()
    assert [] == counts(queue)
    await turn()

    assert [5 * LINES] == counts(queue)


async def test_it_grows_while_the_core_is_busy(queue):
    """
    While a batch is in the core the next one grows beyond its size, and closes when the core is free.
    """
    reader = Reader(queue)
    for _ in range(4):
        reader.quarter()
    await turn()
    for _ in range(6):
        reader.quarter()
        await turn()
    assert [4 * LINES] == counts(queue)
    queue.own.done(await queue.own.next())

    assert [6 * LINES] == counts(queue)


async def test_it_does_not_grow_for_ever(queue):
    """
    A growing batch closes at the bound of bytes, or as many times the lines.
    """
    queue.add(QUARTER * 4, 4 * LINES)
    await turn()
    times = BATCH_BYTES_UNDER_LOAD // BATCH_BYTES
    queue.add(b"\n" * BATCH_LINES * times, BATCH_LINES * times)
    queue.add(b"x" * (BATCH_BYTES_UNDER_LOAD - 1) + b"\n", 1)

    assert [4 * LINES, BATCH_LINES * times, 1] == counts(queue)


async def test_it_does_not_grow_by_copying(queue):
    """
    A batch of full size takes nothing more that lies elsewhere.
    """
    queue.add(QUARTER * 4, 4 * LINES)
    await turn()
    queue.add(QUARTER * 4, 4 * LINES)
    queue.add(b"\n", 1)
    queue.own.close_batch()

    assert [4 * LINES, 4 * LINES, 1] == counts(queue)


async def test_a_full_queue_wants_to_be_half_empty(queue):
    """
    A source that was held back goes on when the queue is less than half full, one that was not at once.
    """
    queue.tune(Limits(core_queue_bytes_max=4 * len(QUARTER)))
    for _ in range(3):
        queue.add(QUARTER, LINES)
        queue.own.close_batch()
    await queue.room()
    queue.add(QUARTER, LINES)
    queue.own.close_batch()
    waiting = asyncio.get_running_loop().create_task(queue.room())
    await turn()
    assert queue.full
    steps = []
    for _ in range(3):
        queue.own.done(await queue.own.next())
        await turn()
        steps.append(waiting.done())

    assert [False, False, True] == steps
    assert not queue.full


async def test_senders(queue):
    """
    A batch knows where the lines of another sender begin, once per change; numbers are not given twice.
    """
    first, second = queue.sender(), queue.sender()
    for lines, sender in (
        (b"a\n", first),
        (b"bb\n", first),
        (b"c\n", second),
        (b"d\n", 0),
        (b"e\n", 0),
        (b"f\n", first),
    ):
        queue.add(lines, 1, sender)
    (batch,) = queue.own.waiting()

    assert first != second
    assert [(first, 0), (second, 5), (0, 7), (first, 11)] == batch.runs


async def test_time_of_a_batch(queue):
    """
    A batch arrived when it was opened, by both clocks.
    """
    moments = iter((5.0, 6.0))
    queue.monotonic = lambda: next(moments)
    queue.add(b"a\n", 1)
    queue.add(b"b\n", 1)
    queue.own.close_batch()
    queue.add(b"c\n", 1)

    assert [(0.0, 5.0), (0.0, 6.0)] == [(each.arrival_seconds, each.monotonic_seconds) for each in queue.own.waiting()]
