"""The books: what closes, what does not, and what a reload does to them."""

import pytest

from headrig.delivery.ledger import Ledger


@pytest.fixture
def ledger():
    ledger = Ledger()
    source, sink = ledger.source("in", "tcp"), ledger.sink("out", "file")
    source.received, source.accepted, source.left = 10, 9, 5
    source.rejected["partial_limit"] = 1
    source.dropped["blank"] = 2
    source.queues.append(lambda: 2)
    sink.accepted, sink.delivered = 5, 3
    sink.dropped["queue_full"] = 1
    sink.queues.append(lambda: 1)
    return ledger


def test_balance(ledger):
    """
    Each step closes: received = accepted + rejected, accepted = left + dropped + waiting, left = delivered + dropped + waiting.
    """
    assert 0 == ledger.imbalance()
    ledger.check()


@pytest.mark.parametrize(
    ("change", "component"),
    [
        (lambda ledger: setattr(ledger.sources["in"], "received", 11), "sources.in"),
        (lambda ledger: ledger.sources["in"].queues.append(lambda: 1), "sources.in"),
        (lambda ledger: ledger.sources["in"].dropped.update(blank=1), "sources.in"),
        (lambda ledger: setattr(ledger.sinks["out"], "delivered", 2), "sinks.out"),
        (lambda ledger: ledger.sinks["out"].queues.clear(), "sinks.out"),
        (lambda ledger: setattr(ledger.sinks["out"], "recovered", 1), "sinks.out"),
        (lambda ledger: setattr(ledger.sinks["out"], "replayed", 1), "sinks.out"),
        (lambda ledger: setattr(ledger.sinks["out"], "dead_lettered", 1), "sinks.out"),
        (lambda ledger: ledger.sink("late", "file").dropped.update(closed=1), "sinks.late"),
    ],
)
def test_missing_line(ledger, change, component):
    """
    One line too many or too few anywhere is seen, and the component named.
    """
    change(ledger)

    assert {component: 1} == dict(ledger.problems())
    with pytest.raises(AssertionError, match=component):
        ledger.check()


def test_lines_that_outlive_a_run(ledger):
    """
    What a buffer found of an earlier run, or comes again, is delivered, dropped, kept or waits like any other line; the
    sources know nothing of it.
    """
    sink = ledger.sinks["out"]
    sink.recovered, sink.replayed, sink.dead_lettered = 5, 2, 3
    sink.delivered += 4

    ledger.check()


def test_sink_that_misses_a_batch(ledger):
    """
    A sink that was never given what the core let go is out of balance, even if its own book closes.
    """
    ledger.sources["in"].accepted += 4
    ledger.sources["in"].received += 4
    ledger.sources["in"].left += 4

    assert {"sinks.out": 4} == dict(ledger.problems())


def test_sink_comes_and_goes(ledger):
    """
    A sink answers only for what left the core while it was open.
    """
    ledger.close(ledger.sinks["out"])
    late = ledger.sink("late", "file")
    for account in (ledger.sources["in"],):
        account.received, account.accepted, account.left = 13, 12, 8
    late.accepted = late.delivered = 3
    ledger.check()
    again = ledger.sink("out", "stdout")

    assert again is ledger.sinks["out"]
    assert "stdout" == again.type
    ledger.check()
