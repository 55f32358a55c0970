"""
The balance: every line that came in is delivered, dropped with a reason, or still at a queue that can count it.
Accounts only add up what others tell them; lines in flight are asked from the queues, never derived.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

LEFT_OUT: Final = frozenset({"blank", "filtered", "below_level", "closed"})
"""Reasons that somebody wanted: settings, or the reader of a pipe who has gone."""


@dataclass(slots=True)
class SourceAccount:
    """Lines of one source up to the sinks: accepted = left + dropped + waiting, received = accepted + rejected."""

    id: str
    type: str
    received: int = 0
    received_bytes: int = 0
    """As they came."""
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    left: int = 0
    """Lines that came out of the core, and so were offered to every sink."""
    dropped: Counter[str] = field(default_factory=Counter)
    """By the core, or before it."""
    queues: list[Callable[[], int]] = field(default_factory=list)
    """Each tells its lines. Two while a changed source is replaced."""

    def waiting(self) -> int:
        """Lines at the queue to the core, the batch in the core included."""
        return sum(lines() for lines in self.queues)

    def imbalance(self) -> int:
        """Lines that cannot be accounted for."""
        before = abs(self.received - self.accepted - self.rejected.total())
        inside = abs(self.accepted - self.left - self.dropped.total() - self.waiting())
        return before + inside


@dataclass(slots=True)
class SinkAccount:
    """
    Lines of one sink: accepted + recovered + replayed = delivered + dropped + dead-lettered + waiting, and accepted = what the
    sources let go since then.
    """

    id: str
    type: str
    opened_at: int
    """Lines that had left the core when the sink opened."""
    accepted: int = 0
    delivered: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    delivered_bytes: int = 0
    recovered: int = 0
    """Lines that a buffer found when it opened: what an earlier run had not delivered. 0 as long as no buffer outlives a run."""
    replayed: int = 0
    """Lines that came again out of the dead letters. 0 as long as there are none."""
    dead_lettered: int = 0
    """Lines that were refused for good and kept with the reason. 0 as long as nothing keeps them: they are dropped."""
    queues: list[Callable[[], int]] = field(default_factory=list)
    """Each tells its lines. More than one while a sink that was taken out and came back still writes what it had."""
    closed_at: int | None = None
    """Lines that had left the core when the sink was taken out: no more are offered to it."""

    def waiting(self) -> int:
        """Lines at the sink's queue, those being written included."""
        return sum(lines() for lines in self.queues)

    def imbalance(self) -> int:
        """Lines that cannot be accounted for inside the sink."""
        came = self.accepted + self.recovered + self.replayed
        return abs(came - self.delivered - self.dropped.total() - self.dead_lettered - self.waiting())


@dataclass(slots=True)
class NoticeAccount:
    """Notices of one notifier: accepted = delivered + dropped + waiting."""

    id: str
    accepted: int = 0
    delivered: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    queues: list[Callable[[], int]] = field(default_factory=list)

    def waiting(self) -> int:
        """Notices in the outbox, the one under way included."""
        return sum(notices() for notices in self.queues)

    def imbalance(self) -> int:
        """Notices that cannot be accounted for."""
        return abs(self.accepted - self.delivered - self.dropped.total() - self.waiting())


class Ledger:
    """All accounts of a run, those of components that a reload removed included."""

    def __init__(self) -> None:
        self.sources: dict[str, SourceAccount] = {}
        self.sinks: dict[str, SinkAccount] = {}
        self.notifiers: dict[str, NoticeAccount] = {}

    def source(self, name: str, kind: str) -> SourceAccount:
        """The account of that source; a source that comes back after a reload goes on with the one it had."""
        account = self.sources.setdefault(name, SourceAccount(name, kind))
        account.type = kind
        return account

    def sink(self, name: str, kind: str) -> SinkAccount:
        """The account of that sink; one that comes back after a reload goes on with the one it had."""
        account = self.sinks.get(name)
        if account is None:
            account = self.sinks[name] = SinkAccount(name, kind, opened_at=self.left())
        elif account.closed_at is not None:
            # What passed meanwhile was not offered to it.
            account.opened_at += self.left() - account.closed_at
            account.closed_at = None
        account.type = kind
        return account

    def close(self, account: SinkAccount) -> None:
        """Its sink is taken out. What it was offered until now is still accounted for."""
        account.closed_at = self.left()

    def notifier(self, name: str) -> NoticeAccount:
        """The account of that notifier; one that comes back after a reload goes on with the one it had."""
        return self.notifiers.setdefault(name, NoticeAccount(name))

    def lost(self) -> Counter[str]:
        """Lines that came in and did not arrive, by reason; of several sinks, each one's. What is left out on purpose is no loss."""
        lost: Counter[str] = Counter()
        for source in self.sources.values():
            lost.update(source.rejected + source.dropped)
        for sink in self.sinks.values():
            lost.update(sink.dropped)
        return Counter({reason: lines for reason, lines in lost.items() if lines and reason not in LEFT_OUT})

    def given_up(self) -> int:
        """Lines that sinks dropped, but for those whose reader has gone."""
        return sum(sum(each.dropped.values()) - each.dropped["closed"] for each in self.sinks.values())

    def left(self) -> int:
        """Lines that came out of the core, over all sources."""
        return sum(account.left for account in self.sources.values())

    def problems(self) -> Iterator[tuple[str, int]]:
        """Each component whose book does not close, with the lines or notices in question. Ask at a batch border."""
        for source in self.sources.values():
            if lines := source.imbalance():
                yield f"sources.{source.id}", lines
        left = self.left()
        for sink in self.sinks.values():
            offered = (left if sink.closed_at is None else sink.closed_at) - sink.opened_at
            missing = abs(offered - sink.accepted)
            if lines := sink.imbalance() + missing:
                yield f"sinks.{sink.id}", lines
        for notifier in self.notifiers.values():
            if notices := notifier.imbalance():
                yield f"notifiers.{notifier.id}", notices

    def imbalance(self) -> int:
        """Lines and notices that cannot be accounted for. 0 in a correct program."""
        return sum(lines for _, lines in self.problems())

    def check(self) -> None:
        """Raise `AssertionError` that names every component whose book does not close."""
        if open_books := dict(self.problems()):
            raise AssertionError(
                f"the ledger does not balance: {open_books}: {self.sources} {self.sinks} {self.notifiers}"
            )
