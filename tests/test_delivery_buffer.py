"""Batches that wait in memory: what is decided of them in any order and any pieces, and that the books close."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrig.delivery.buffer import Memory, split
from headrig.delivery.ledger import SinkAccount
from headrig.limits import Limits
from headrig.model import Batch, Receipt


class Lines(bytes):
    """Lines as the core gives them: sliced by numbers of lines."""

    @property
    def count(self) -> int:
        return bytes(self).count(b"\n")

    def slice(self, first: int, last: int) -> "Lines":
        return Lines(b"".join(self.splitlines(keepends=True)[first:last]))


def batch(*texts: bytes, receipts=()) -> Batch:
    lines = Lines(b"".join(text + b"\n" for text in texts))
    return Batch(lines, len(texts), len(lines), tuple(receipts))


def memory(**limits) -> Memory:
    return Memory(SinkAccount("out", "memory", 0), Limits(**limits))


def text(batches) -> list[bytes]:
    return [line for each in batches for line in bytes(each.lines).splitlines()]


@pytest.mark.asyncio
async def test_what_is_done_does_not_come_again():
    """
    The same lines come until they are decided, and nothing new among them.
    """
    buffer = memory()
    buffer.offer(batch(b"a", b"b", b"c"))
    buffer.offer(batch(b"d", b"e"))
    assert [b"a", b"b", b"c", b"d", b"e"] == text(await buffer.take())
    buffer.offer(batch(b"f"))
    buffer.done(range(1, 4))
    assert [b"a", b"e"] == text(await buffer.take())
    buffer.done(range(1), "client")
    assert ([b"e"], 2) == (text(await buffer.take()), buffer.waiting())
    buffer.done()

    assert [b"f"] == text(await buffer.take())
    assert (4, {"client": 1}, 8) == (
        buffer.account.delivered,
        dict(buffer.account.dropped),
        buffer.account.delivered_bytes,
    )


@pytest.mark.asyncio
async def test_lines_that_were_never_given():
    """
    Numbers beyond what is taken decide nothing.
    """
    buffer = memory()
    buffer.offer(batch(b"a", b"b"))
    await buffer.take()
    for nothing in (range(-5, 0), range(2, 9), range(1, 1), range(1, 0)):
        buffer.done(nothing, "client")

    assert (2, {}) == (buffer.waiting(), dict(buffer.account.dropped))


@pytest.mark.asyncio
async def test_sender_is_told_batch_by_batch():
    """
    Who waits for a batch hears of it once the last of its lines is decided, not before, and not only when all are.
    """
    loop = asyncio.get_running_loop()
    first, second = Receipt(loop), Receipt(loop)
    buffer = memory()
    buffer.offer(batch(b"a", b"b", receipts=[first]))
    buffer.offer(batch(b"c", b"d", receipts=[second]))
    await buffer.take()
    buffer.done(range(1, 2), "client")
    assert (False, 1) == (first.future.done(), buffer.decided)
    buffer.done(range(1))
    assert ((1, False), False) == (first.future.result(), second.future.done())
    buffer.done(reason="bug", again=True)

    assert (2, True) == second.future.result()


@pytest.mark.asyncio
async def test_flush_waits_for_what_was_there():
    """
    A flush ends once what was offered before is decided, whatever came after it, and whatever the way it went.
    """
    buffer = memory()
    buffer.offer(batch(b"a"))
    await buffer.take()
    flushing = asyncio.ensure_future(buffer.flushed())
    await asyncio.sleep(0)
    buffer.offer(batch(b"b"))
    assert not flushing.done()
    buffer.done(reason="client")
    await flushing

    assert 1 == buffer.waiting()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.integers(1, 5)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.sampled_from(["accept", "client", "bug"]), st.tuples(st.integers(-2, 12), st.integers(-2, 12))),
        st.tuples(st.just("drop_all"), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from(["block", "drop_newest", "drop_oldest"]))
def test_the_books_close(steps, when_full):
    """
    Whatever is decided, in whatever order: each line is decided once, what is left keeps its order, and the books close.
    """
    asyncio.run(_steps(steps, when_full))


async def _steps(steps, when_full) -> None:
    buffer = memory(sink_queue_batches_max=4)
    buffer.tune(Limits(sink_queue_batches_max=4), when_full, 0, 0.0)
    taken: list[bytes] = []
    decided: Counter[bytes] = Counter()
    names = (b"%d" % n for n in range(1000))
    receipts: list[Receipt] = []
    for what, how in steps:
        if what == "offer":
            receipt = Receipt(asyncio.get_running_loop())
            receipts.append(receipt)
            buffer.offer(batch(*(next(names) for _ in range(how)), receipts=[receipt]))
        elif what == "take" and buffer.waiting():
            given_now = text(await buffer.take())
            assert not taken or taken == given_now
            taken = given_now
        elif what == "drop_all":
            buffer.drop_all("shutdown")
            taken = []
        elif what in ("accept", "client", "bug"):
            first, last = max(0, how[0]), max(0, how[1])
            decided.update(taken[first:last])
            taken = taken[:first] + taken[max(first, last) :]
            buffer.done(range(*how), None if what == "accept" else what)
        account = buffer.account
        assert 0 == account.imbalance()
        assert len(taken) <= buffer.waiting()
    buffer.drop_all("shutdown")

    assert all(times == 1 for times in decided.values())
    assert (0, 0, 0) == (buffer.waiting(), buffer.size, buffer.decided)
    assert buffer.account.dropped.total() == sum(receipt.future.result().lost for receipt in receipts)


@given(st.integers(1, 9), st.data())
def test_split(count, data):
    """
    The three pieces of a batch are all of it, in order.
    """
    whole = batch(*(b"x" * n for n in range(count)))
    first = data.draw(st.integers(0, count))
    last = data.draw(st.integers(first, count))
    pieces = split(whole, first, last)

    assert text([whole])[first:last] == text([pieces[1]] if pieces[1].count else [])
    assert [first, last - first, count - last] == [each.count for each in pieces]
    assert whole.size == sum(each.size for each in pieces)
