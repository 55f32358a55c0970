"""
Bounds of the Python layer, each with its unit and its reason. Bounds of the core live in Rust and come through
`headrig.engine`, never as a copy. What a user may change is a field of `Limits`, the `[limits]` table.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0, extra={"unit": "seconds"})]
"""A duration in seconds; settings may also say `"5m"`."""
Bytes = Annotated[int, Meta(ge=0, extra={"unit": "bytes"})]
"""A size in bytes; settings may also say `"256MiB"`."""
Count = Annotated[int, Meta(ge=1)]
"""A number of things, at least one."""

KIB: Final = 1024
MIB: Final = 1024 * KIB

BATCH_BYTES: Final = 256 * KIB
"""An open batch closes at this size: large enough that the seam costs nothing per line, small enough to stay in cache."""
BATCH_LINES: Final = 10_000
"""… at this many lines: bounds the work of one call when lines are tiny …"""
BATCH_BYTES_UNDER_LOAD: Final = MIB
"""While the core is busy, or more lines are there already, a batch grows to this size, and to as many times the lines."""
BATCH_SECONDS: Final = 0.05
"""… or at this age, whichever comes first: a quiet source is seen within a twentieth of a second."""

READ_BYTES: Final = 256 * KIB
"""Read from a socket or file at a time."""
BLOCK_BYTES: Final = MIB
"""Memory that a source reads into before it takes the next such block: a batch under load lies in one."""
READ_BYTES_WHEN_FULL: Final = 4 * KIB
"""Read from a connection that was not yet paused when the queue filled: bounds the overshoot per connection."""
WRITE_BYTES: Final = MIB
"""Waiting batches are handed to a sink together up to this size."""
WRITE_BATCHES: Final = 64
"""… and up to this many, far below the kernel's 1,024 vectors per writev."""

PIPE_BYTES_MAX: Final = MIB
"""Most a pipe can hold (pipe-max-size). So much of standard input is still read after a stop."""
PORT_TRIES: Final = 16
"""Ports of the system's choice that are tried at every address of a name: one that is free here is seldom taken there."""
BACKLOG_CONNECTIONS: Final = 1024
"""Connections the kernel holds until they are accepted."""
SILENCE_SECONDS: Final = 1.0
"""While draining, a connection that sends nothing for so long is taken as finished."""
GREETING_SECONDS: Final = 0.02
"""While draining, how often it is looked whether TLS handshakes have ended: a fraction of what a handshake takes."""
TLS_HANDSHAKE_SECONDS: Final = 10.0
"""A peer that has not finished its handshake by then is disconnected."""
HEADER_BYTES_MAX: Final = 16 * KIB
"""Longest request line and longest single header of an HTTP request."""
BODY_IDLE_SECONDS: Final = 30.0
"""An HTTP client that sends nothing of its body for so long is answered 408."""
KEEP_ALIVE_SECONDS: Final = 75.0
"""An HTTP connection that was answered and asks nothing more is closed then: longer than what scrapes leave between them."""
BODY_FRAMES_MAX: Final = 1024
"""Parts one after the other (gzip members, zstd frames) of one HTTP body: each costs a decoder, however little is in it."""
DECODE_BYTES: Final = 64 * KIB
"""Given to a decoder at a time, then others have their turn: what comes out says nothing about how long it took."""
RETRY_FIRST_SECONDS: Final = 0.1
"""First wait before a batch goes to the same sink again; doubles, with full jitter."""
RETRY_SECONDS_MAX: Final = 5.0
"""Longest wait before a local sink is tried again: a disk with space again is used within seconds."""
IDLE_SECONDS_MAX: Final = 10.0
"""A sink that has accepted nothing for so long beyond its flush interval, though lines wait, is not well."""
BUG_ATTEMPTS_MAX: Final = 3
"""Attempts at the same lines by a component that fails by a bug; then they are dropped, since they may be the cause."""
BUG_SECONDS: Final = 60.0
"""How long a component is degraded after a bug: longer than the usual interval between two looks at `/health`."""
JUDGED_SECONDS_MAX: Final = 10.0
"""Thresholds that nobody has looked at for so long, though that is done every second, are not well."""
MISSED_SECONDS: Final = 60.0
"""A threshold that did not see every event is degraded for so long: longer than what asks for `/health` leaves in between."""
REFUSALS_MAX: Final = 32
"""Lines in a row that an endpoint may refuse for good before the next one waits: it is no longer about one line."""
RETRY_AFTER_SECONDS_MAX: Final = 3600.0
"""Longest wait that `Retry-After` may ask for: a wrong date must not silence a sink for years."""
ANSWER_BYTES_MAX: Final = 64 * KIB
"""Read of an answer, so that its connection can be used again. Longer ones cost their connection."""
ANSWER_SECONDS_MAX: Final = 1.0
"""Longest wait for the rest of an answer whose status is known."""
POST_SECONDS: Final = 30.0
"""A request to another machine that was not answered by then counts as not delivered."""
EVALUATE_SECONDS: Final = 1.0
"""Thresholds are looked at so often when no lines come: a tenth of a pane."""
ALERTS_PER_THRESHOLD_MAX: Final = 1000
"""Label sets of one threshold with a state. More are refused and counted; nobody reads a thousand notices."""
SENT_ALERTS_MAX: Final = 1000
"""Alerts sent by hand that fire. Beyond it the oldest is forgotten, with a warning: it can no longer be resolved."""
OUTBOX_NOTICES_MAX: Final = 1000
"""Notices that wait for one notifier, some megabytes. Beyond it the oldest that is not under way is dropped, counted."""
NOTICE_TEXT_CHARACTERS_MAX: Final = 16 * KIB
"""Longest text of a notice, in characters; what is longer is cut."""
NOTICE_LABELS_MAX: Final = 64
"""Labels that a notice shows: four times what a threshold can have; an alert sent by hand may have any number."""
NOTICE_SECONDS_MAX: Final = 86_400.0
"""A notice that could not be delivered within a day is given up: who would act on it has other news by then."""
NOTICE_POST_SECONDS: Final = 10.0
"""A chat service that has not answered by then is tried again."""
BACKGROUND_CALLS_MAX: Final = 1000
"""Alerts and changes of thresholds that a service may have under way to its background. More are refused, and logged."""
BACKGROUND_THREADS: Final = 4
"""Helpers of a service's background: a name that resolves slowly must not hold up bodies that are compressed."""
BACKGROUND_START_SECONDS: Final = 5.0
"""Longest wait of `install()` for its background to open what it was told to."""
BACKGROUND_RESTART_SECONDS: Final = 10.0
"""A background that has failed, which is a bug, is started again so much later: it may fail at once again."""
PENDING_CALLS_MAX: Final = 1000
"""Calls before `install()` that are kept for it. More are dropped, and it says so."""
PAGE_SECONDS: Final = 5.0
"""Longest wait of who asks for the page of metrics in a service."""
SETTINGS_QUIET_SECONDS: Final = 0.1
"""A settings file that is read again must have stayed as it is for so long: who rewrites it in place writes in pieces."""
SETTINGS_SECONDS: Final = 5.0
"""A settings file that has not been left alone for that long by then is not taken."""
SETTINGS_DEPTH_MAX: Final = 64
"""Tables and arrays in each other in a settings file: ten times what settings have, and far from what exhausts the stack."""
RELOAD_SECONDS: Final = 30.0
"""Longest wait for new components to open in a reload. Then they are closed again and the old settings stay."""
SWITCH_SECONDS: Final = 5.0
"""Longest wait of a reload for the exchange of a component, such as for a write under way."""
LEAVING_SECONDS: Final = 60.0
"""How long a component that a reload took out may still deliver: long enough for the other side to restart."""
SECRET_BYTES_MAX: Final = 64 * KIB
"""Longest secret that is read from a file: a thousand times a key, and no memory for who named the wrong file."""
WARN_SECONDS: Final = 10.0
"""The same warning is logged at most once in this time."""


SOURCE_LANES_MAX: Final = 64
"""Lanes of one source, its own included: each has tables in the core. What more would be shares the source's own, counted."""


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[limits]` table: bounds a user may change."""

    line_bytes_max: Annotated[int, Meta(ge=64, extra={"unit": "bytes"})] | None = None
    """Longest line kept whole; longer ones are scanned, then cut. None: the core's own bound."""
    partial_bytes_max: Bytes = 16 * MIB
    """Bytes of lines that are not whole yet, over all connections. The connection that exceeds it is closed."""
    connections_max: Count = 1024
    """Open connections per source. More are closed at once and counted."""
    idle_seconds_max: Seconds = 3600.0
    """A connection that sends nothing for so long is closed. 0: never."""
    core_queue_batches_max: Count = 16
    """Closed batches that wait for the core, per source. Full: the source waits."""
    core_queue_bytes_max: Bytes = 4 * MIB
    """The same in bytes, the open batch included."""
    sink_queue_batches_max: Count = 256
    """Batches that wait for one sink. Full: its `when_full` decides."""
    sink_queue_bytes_max: Bytes = 16 * MIB
    """The same in bytes."""
    body_bytes_max: Bytes = 8 * MIB
    """Largest HTTP request body, as sent and also after decompression."""
    bodies_bytes_max: Bytes = 64 * MIB
    """All HTTP bodies being received at once, after decompression. Beyond it: 503."""
    retry_first_seconds: Seconds = 1.0
    """Bound of the first wait before a batch goes to the same remote sink again; doubles, with full jitter."""
    retry_seconds_max: Seconds = 300.0
    """What that bound grows to: an endpoint that comes back after a long absence is found within minutes."""
    ack_timeout_seconds: Seconds = 10.0
    """An acknowledging source answers 503 when the required sinks have not accepted by then."""
    drain_seconds: Seconds = 8.0
    """Time from the stop signal to the end. What waits then is dropped as `shutdown`, counted and logged."""
