"""
What crosses between components: what a source is handed, what a sink or notifier is given.
Contracts, and the two small things that wait and count for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Protocol

import msgspec

Clock = Callable[[], float]
"""Seconds since the Unix epoch. Passed in, so that tests own the time."""
Monotonic = Callable[[], float]
"""Seconds since whenever, by a clock that nobody sets: how much has passed."""
WhenFull = Literal["block", "drop_newest", "drop_oldest"]
"""What a sink with a full queue does: hold its sources back, refuse the new batch, or give up the oldest."""


class Severity(StrEnum):
    """How bad an alert is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    WARNING = "warning"
    INFO = "info"


class Category(StrEnum):
    """What an alert is about. Any other word will do as well."""

    ERROR = "error"
    PERFORMANCE = "performance"
    SYSTEM = "system"
    SECURITY = "security"
    PROVIDER = "provider"


NoticeReason = Literal["threshold", "recovered", "no_data", "manual", "removed", "changed"]
"""Why there is a notice: a threshold was crossed, crossed back, has no data, was asked for by hand, or is gone."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fires or is resolved, rendered and redacted, as it goes to every notifier."""

    key: str
    """The same for all notices of one alert. Not redacted: never shown."""
    status: Literal["firing", "resolved"]
    reason: NoticeReason
    title: str
    message: str
    """Exactly the rendered template."""
    severity: Severity
    category: str
    labels: dict[str, str]
    threshold: str = ""
    """Name of the threshold; empty for an alert sent by hand."""
    time_seconds: float
    """When it happened, in event time, since the epoch."""
    since_seconds: float
    """When the alert began to fire."""


FilePath = Annotated[str, msgspec.Meta(extra={"form": "file"})]
"""The path of a file or directory, as it is written."""
Address = Annotated[str, msgspec.Meta(extra={"form": "address"})]
"""Where something listens or is reached: `host:port`, `unix:/path` or a URL, as it is written."""
Secret = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""What nobody may see. In settings a key with `_file` behind its name may name the file that holds it, and alone does."""
SecretAddress = Annotated[str, msgspec.Meta(extra={"form": "address", "secret": True})]
"""An address that is a secret itself."""
FileMode = Annotated[
    str, msgspec.Meta(pattern="^0?[0-7]{3}$", extra={"expected": "permissions", "remedy": 'write octal digits: "0640"'})
]
"""Permissions of a file, octal."""
RoutePath = Annotated[
    str,
    msgspec.Meta(pattern="^/[A-Za-z0-9/_.-]+$", extra={"expected": "a path", "remedy": 'write one such as "/ingest"'}),
]
"""The path of a URL that the status server or another headrig serves."""


class Lines(Protocol):
    """Whole redacted lines as bytes (buffer protocol), shared by all sinks without a copy."""

    @property
    def count(self) -> int:
        """Lines."""

    def __len__(self) -> int:
        """Bytes."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """The bytes, each line with its newline."""

    def slice(self, first: int, last: int) -> Lines:
        """Lines first (inclusive) to last (exclusive), over the same memory."""

    def encode(self, format: str) -> bytes:
        """The lines as another body: `array` (one JSON array)."""


class Received(Protocol):
    """Whole lines as received, each with its newline (buffer protocol): `bytes`, or memory of the core."""

    def __len__(self) -> int:
        """Bytes."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """The bytes, which nobody changes any more."""


class Decoder(Protocol):
    """
    Bytes of one stream to whole lines, for formats that are not newline text; what is, goes through `Framer` alone.

    However the stream is cut into chunks, the same lines come out. What is broken in it comes out as a line, for the core
    to wrap and count, as long as it can be told from its neighbours; else `DecodeError`, and nothing that came out of the
    stream may be used.
    """

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the stream so far, decompressed: what a bound on its size goes by."""

    @property
    def partial_bytes(self) -> int:
        """Bytes held of an event that is not whole yet: never more than a longest line and its slack."""

    def feed(self, chunk: bytes) -> Iterator[tuple[Received, int]]:
        """
        The lines that become whole, each with its newline, and their number, in pieces of bounded work: between two of
        them others may have their turn. Some are empty.
        """

    def finish(self) -> tuple[Received, int]:
        """The stream has ended: the last line, where that was not whole yet. `DecodeError` when something is missing."""


class LaneIntake(Protocol):
    """
    Where lines of one lane are handed in: they stay in order, and what has no time of its own takes it from its lane alone.
    All calls on the event loop.
    """

    @property
    def full(self) -> bool:
        """The queue to the core is full."""

    def add(self, lines: Received, count: int, sender: int = 0) -> None:
        """
        Take whole lines. Never waits and never refuses, so that nothing read is lost. `sender`: whose lines they are; what
        has no time of its own takes that of the lines before it. 0: nobody in particular.
        """

    def deliver(self, chunks: Sequence[tuple[Received, int]], sender: int = 0) -> asyncio.Future[Decision]:
        """Take whole lines and tell when all required sinks have decided about them."""

    def deliver_ready(self, lines: Lines) -> asyncio.Future[Decision]:
        """The same for lines that have been through the core already."""

    async def room(self) -> None:
        """Wait until the queue is no longer full."""


class Intake(LaneIntake, Protocol):
    """
    What a source hands its lines to: its own lane, and others that it opens where its input is several streams, such as
    partitions, each with an order, a time and receipts of its own. One per source; all calls on the event loop.

    A source must stop reading while `full` is true and may go on after `room()`; both are of all lanes together. It must
    pass on every line it framed, to `add` or `deliver`, or name it to `reject`.
    """

    @property
    def stopping(self) -> asyncio.Event:
        """Set once: read what is already on its way (backlog, open connections until silence), then return."""

    def lane(self, key: str) -> LaneIntake:
        """
        The lane of that key, which must come from the settings or the peer's own structure, never from a line. Opened if it
        is not; the same one each time until it is closed. Beyond `SOURCE_LANES_MAX` it is the source's own, counted.
        """

    def close_lane(self, key: str) -> None:
        """Nothing more comes by that lane: once its lines have left the core it is forgotten. Never opened: nothing happens."""

    def sender(self) -> int:
        """A new number, for one whose lines follow each other in time: a connection. The last one is never given back."""

    def reject(self, reason: str, lines: int) -> None:
        """Count lines that were received and refused."""

    def failed(self, error: str, stage: str = "receiving", count: int = 1) -> None:
        """Count something that went wrong without a line: a refused connection, a bad request."""

    def refused(self, error: str, text: str) -> None:
        """Count a request that was refused, and log now and then why and from where; never what it held."""

    def received_bytes(self, count: int) -> None:
        """Count bytes as they came."""

    def hold_partial(self, change_bytes: int) -> bool:
        """Account for bytes of a line that is not whole yet. False: over the bound, close this connection."""

    def connections(self, count: int) -> None:
        """Tell how many connections are open."""


class Source(Protocol):
    """
    Where lines begin.

    `read` hands lines to its intake until there is nothing more to read or, after `intake.stopping`, until what was
    on its way has been read; then it returns. It must wait when the intake is full. It must not log or keep payload,
    and never raises for what a peer sends.
    """

    endless: bool
    """False: it ends by itself (a file on stdin). A run whose sources have all ended ends."""
    where: str
    """Where it listens or reads, for people: `tcp 127.0.0.1:9020`."""

    async def read(self, intake: Intake) -> None:
        """Read until the end."""

    def tune(self, limits: Any) -> None:
        """Take other `Limits`, at any time; nothing that is open is closed for them."""


class Sink(Protocol):
    """
    Where lines end.

    Never called concurrently. Must not keep `batches` after returning. A sink never retries by itself. Whatever else than
    a `DeliveryError` it raises is a bug, which costs its own lines and nobody else's.
    """

    accepted_bytes: int
    """
    So many bytes of what `write` was given are accepted, or refused and named. Whole lines among them do not come again;
    the beginning of a line that does come again is not repeated, also by a sink that takes over from this one in a
    reload: it finds here how much of it is there. 0 once everything is accepted.
    """

    async def write(self, batches: Sequence[Lines]) -> None:
        """
        Return once everything is accepted. `Retryable`: what was not comes again. `Rejected` names lines that were refused,
        and what was not tried comes again. Any other `DeliveryError` drops, counted, all that was not accepted.
        """

    async def flush(self) -> None:
        """Make durable what was written."""


class Notifier(Protocol):
    """
    Where notices go.

    Never called concurrently, and with the notices in their order. Must not keep a notice after returning, must never
    retry by itself, and must never say in an error what it sent, where its secret is, or what the other side wrote.
    """

    async def notify(self, notice: Notice) -> None:
        """
        Return once the other side took the notice. `Retryable`: the very same notice comes again, and those behind it
        wait. Any other `DeliveryError` gives this one up, counted. What else it raises is a bug: the notice comes again
        some times, then it is given up.
        """


class Waiters:
    """Tasks that wait for a change and are woken together."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Wait for the next `wake`."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def wake(self) -> None:
        """Wake every task that waits now."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class Decision(NamedTuple):
    """What the required sinks have decided about some lines."""

    lost: int
    """Lines that were not accepted, of all that crossed together."""
    again: bool
    """Some of those may be accepted if they come again."""


class Receipt:
    """Counts the required sinks that have yet to decide about some lines; its future tells the source that waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[Decision] = loop.create_future()
        self._open = 1
        self._lost = 0
        self._again = False

    def expect(self, deliveries: int) -> None:
        """Await so many further deliveries."""
        self._open += deliveries

    def settle(self, lost: int = 0, *, again: bool = False) -> None:
        """One of them is decided. The future is set when the last one is."""
        self._open -= 1
        self._lost += lost
        self._again |= again
        if self._open == 0 and not self.future.done():
            self.future.set_result(Decision(self._lost, self._again))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Processed lines on their way to one sink."""

    lines: Lines
    count: int
    """Lines."""
    size: int
    """Bytes."""
    receipts: tuple[Receipt, ...] = ()
    """Who waits for it; empty for a sink that is not required."""

    def settle(self, lost: int = 0, *, again: bool = False) -> None:
        """Tell everyone who waits."""
        for receipt in self.receipts:
            receipt.settle(lost, again=again)
