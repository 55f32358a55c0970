"""
What crosses between components: the protocols of sources, sinks and notifiers, the values they exchange, and two small
classes that wait and count for them.
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
"""Seconds of a monotonic clock, for durations."""
WhenFull = Literal["block", "drop_newest", "drop_oldest"]
"""What a sink with a full buffer does: hold its sources back, refuse the new batch, or drop the oldest."""


class Severity(StrEnum):
    """How bad an alert is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    WARNING = "warning"
    INFO = "info"


class Category(StrEnum):
    """What an alert is about. Any other word is allowed, too."""

    ERROR = "error"
    PERFORMANCE = "performance"
    SYSTEM = "system"
    SECURITY = "security"
    PROVIDER = "provider"


NoticeReason = Literal["threshold", "recovered", "no_data", "manual", "removed", "changed"]
"""Why there is a notice: a threshold was crossed, crossed back, has no data or was changed, or a call sent it."""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fires or is resolved, rendered and redacted, as it goes to every notifier."""

    key: str
    """Equal for all notices of one alert. Not redacted, so never shown."""
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
PrivateFile = Annotated[str, msgspec.Meta(extra={"form": "file", "private": True})]
"""The path of a file that nobody else should read, such as a private key."""
Address = Annotated[str, msgspec.Meta(extra={"form": "address"})]
"""Where something listens or is reached: `host:port`, `unix:/path` or a URL, as it is written."""
Secret = Annotated[str, msgspec.Meta(extra={"secret": True})]
"""A value that nobody may see. In settings, the key with `_file` appended names a file that holds it instead."""
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
        """The lines in another format: `array` (one JSON array)."""


class Received(Protocol):
    """Whole lines as received, each with its newline (buffer protocol): `bytes`, or memory of the core."""

    def __len__(self) -> int:
        """Bytes."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """The bytes, which never change again."""


class Decoder(Protocol):
    """
    Turns the bytes of one stream into whole lines, for formats that are not newline text. Newline text needs only
    `Framer`.

    The lines do not depend on how the stream is cut into chunks. A broken event comes out as a line, which the core
    wraps and counts, as long as its neighbours can still be found; otherwise `DecodeError` is raised, and no line of
    the stream may be used.
    """

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the stream so far, decompressed. A bound on the size of a body applies to these."""

    @property
    def partial_bytes(self) -> int:
        """Bytes held of an incomplete event: at most the longest line and its slack."""

    def feed(self, chunk: bytes) -> Iterator[tuple[Received, int]]:
        """
        The lines that a chunk completes, each with its newline, and their number, in pieces of bounded work, so that
        other tasks may run in between. A piece may be empty.
        """

    def finish(self) -> tuple[Received, int]:
        """End the stream: the last line, if it has no newline. Raises `DecodeError` if something is missing."""


class LaneIntake(Protocol):
    """
    Takes the lines of one lane. They stay in order, and a line without a time takes one from its own lane only. All
    calls on the event loop.
    """

    @property
    def full(self) -> bool:
        """The queue to the core is full."""

    def add(self, lines: Received, count: int, sender: int = 0) -> None:
        """
        Take whole lines. Never waits and never refuses, so that no line is lost. `sender` is whose lines they are: a
        line without a time takes that of the sender's lines before it. 0 stands for no sender in particular.
        """

    def deliver(self, chunks: Sequence[tuple[Received, int]], sender: int = 0) -> asyncio.Future[Decision]:
        """Take whole lines; the future is set once all required sinks have decided about them."""

    def deliver_ready(self, lines: Lines) -> asyncio.Future[Decision]:
        """The same for lines that the core has processed already."""

    async def room(self) -> None:
        """Wait until the queue is no longer full."""


class Intake(LaneIntake, Protocol):
    """
    What a source hands its lines to: its own lane, and further lanes if its input is several streams, such as
    partitions. Each lane has an order, a time and receipts of its own. One intake per source; all calls on the event
    loop.

    A source must stop reading while `full` is true and may go on after `room()`; both are of all lanes together. It
    must pass on every line it framed, to `add` or `deliver`, or name it to `reject`.
    """

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the source must stop: read the backlog and open connections until they are silent, then return."""

    def lane(self, key: str) -> LaneIntake:
        """
        The lane of a key, opened if it is not open. The key must come from the settings or the structure of the input,
        never from a line. Beyond `SOURCE_LANES_MAX` it is the source's own lane, and that is counted.
        """

    def close_lane(self, key: str) -> None:
        """End a lane: it is removed once its lines have left the core. No effect on a lane that is not open."""

    def sender(self) -> int:
        """A new sender number, for a connection whose lines follow each other in time. Numbers are never reused."""

    def reject(self, reason: str, lines: int) -> None:
        """Count lines that were received and refused."""

    def failed(self, error: str, stage: str = "receiving", count: int = 1) -> None:
        """Count a failure that concerns no line: a refused connection, a bad request."""

    def refused(self, error: str, text: str) -> None:
        """Count a refused request, and log now and then why and from where, but never its content."""

    def received_bytes(self, count: int) -> None:
        """Count bytes as they came."""

    def hold_partial(self, change_bytes: int) -> bool:
        """Account for bytes of an incomplete line. False: over the bound, so close this connection."""

    def connections(self, count: int) -> None:
        """Report how many connections are open."""


class Source(Protocol):
    """
    Where lines begin.

    `read` hands lines to its intake until there is nothing more to read or, after `intake.stopping`, until what was
    on its way has been read; then it returns. It must wait when the intake is full. It must not log or keep payload,
    and never raises for what a peer sends.
    """

    endless: bool
    """False if the source ends by itself (a file on stdin). A run ends when all its sources have ended."""
    where: str
    """Where it listens or reads, for people: `tcp 127.0.0.1:9020`."""

    async def read(self, intake: Intake) -> None:
        """Read until the end."""

    def tune(self, limits: Any) -> None:
        """Take other `Limits`, at any time, without closing anything that is open."""


class Sink(Protocol):
    """
    Where lines end.

    Never called concurrently. Must not keep `batches` after returning. A sink never retries by itself. Any other
    exception than a `DeliveryError` is a bug, which costs only lines of this sink.
    """

    accepted_bytes: int
    """
    Bytes of the last `write` that are accepted, or refused by number; 0 once everything is accepted. Whole lines among
    them do not come again. If a line does come again, the sink, or the one that replaces it in a reload, must not
    repeat the part of it that these bytes include.
    """

    async def write(self, batches: Sequence[Lines]) -> None:
        """
        Return once everything is accepted. After `Retryable`, lines that were not accepted come again. `Rejected` names
        the lines that were refused; lines that were not tried come again. Any other `DeliveryError` drops and counts
        all lines that were not accepted.
        """

    async def flush(self) -> None:
        """Make written lines durable."""


class Notifier(Protocol):
    """
    Where notices go.

    Never called concurrently, and with the notices in their order. Must not keep a notice after returning, must never
    retry by itself, and must never say in an error what it sent, where its secret is, or what the other side wrote.
    """

    async def notify(self, notice: Notice) -> None:
        """
        Return once the other side has accepted the notice. After `Retryable`, the same notice comes again, and the ones
        behind it wait. Any other `DeliveryError` drops and counts this notice. Any other exception is a bug: the notice
        comes again a few times and is then dropped.
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
    """The decision of the required sinks about some lines."""

    lost: int
    """Lines that were not accepted, of all lines of the receipt."""
    again: bool
    """Some of the lost lines may be accepted if they come again."""


class Receipt:
    """Counts the required sinks that have yet to decide about some lines; its future tells the source that waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[Decision] = loop.create_future()
        self._open = 1
        self._lost = 0
        self._again = False

    def expect(self, deliveries: int) -> None:
        """Wait for this many further decisions."""
        self._open += deliveries

    def settle(self, lost: int = 0, *, again: bool = False) -> None:
        """Note one decision. The last one sets the future."""
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
    """Receipts that wait for this batch; empty for a sink that is not required."""

    def settle(self, lost: int = 0, *, again: bool = False) -> None:
        """Note the decision on every receipt."""
        for receipt in self.receipts:
            receipt.settle(lost, again=again)
