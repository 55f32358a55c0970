"""Types of the compiled core. Every call on bytes releases the GIL; bad data never raises."""

from collections.abc import Callable, Mapping, Sequence
from logging import LogRecord
from os import PathLike
from typing import Any, final

from typing_extensions import Buffer

__version__: str
BATCH_BYTES_MAX: int
LINE_BYTES_MAX: int
CUT_SLACK_BYTES: int
DEPTH_MAX: int
EVENT_SECONDS_MAX: float
LEARNED_BYTES_MAX: int
LEARNED_BYTES_MIN: int
HOLDBACK_SECONDS_MAX: float
PANE_SECONDS: float
RESERVED_PREFIXES: list[str]
WINDOW_SECONDS_MAX: float
RECORD_LINE_BYTES_MAX: int
RECORD_WAIT_SECONDS_MAX: float

def signal_is_default(number: int) -> bool:
    """Whether neither Python nor C code takes a signal."""

def flush_on_terminate() -> None:
    """
    Have SIGTERM write what waits in all handlers, for half a second at most, before it ends the process.

    Nothing changes where somebody takes that signal already.
    """

def end_on_terminate() -> None:
    """Have SIGTERM end the process at once again, unless somebody else takes it."""

def write_lines(descriptor: int, lines: Buffer, written: int) -> tuple[int, int]:
    """
    Write whole lines, from the first byte that is not written yet. Gives the bytes written in all and the errno of what
    ended it, 0 when all is written.

    To what is no regular file (a pipe, a socket, a terminal) others may write as well: lines of at most 4096 bytes
    (PIPE_BUF) stay whole. A longer one goes alone, but others may come between its parts. What is full is waited for,
    also where writes do not block.
    """

@final
class LogFile:
    """
    A file that lines are appended to. It is opened by the first ones, again when its path names another file or none, and
    rotated as `headrig.rotation.Rotation.core()` says. Calls take turns.
    """

    def __new__(
        cls,
        path: str | PathLike[str],
        *,
        mode: int,
        fsync: bool = False,
        rotation: dict[str, Any] | None = None,
    ) -> LogFile: ...
    def append(self, batches: Sequence[Buffer], written: int, now_seconds: float) -> tuple[int, str | None]:
        """
        Append whole lines, from the first byte that is not written yet. Gives the bytes written in all, which may be
        fewer than before when the beginning of a line was taken back, and the reason if not everything could be written.
        """

    def changes(self) -> list[str]:
        """What keeps lines from the file, or does no longer, in words; each change once."""

    def sync(self) -> None:
        """Have the disk take what was written. Raises OSError."""

    def close(self) -> None:
        """Close the file."""

    def wait_until_tidy(self) -> None:
        """Wait until rotated files are compressed and superfluous ones removed."""

@final
class Framer:
    """Cut one connection's byte stream into whole lines."""

    def __new__(cls, line_bytes_max: int = ...) -> Framer: ...
    def feed(self, chunk: Buffer) -> tuple[bytes, int]:
        """Take a chunk; give the whole lines it completed (each with its newline) and their number."""

    def finish(self) -> tuple[bytes, int]:
        """Give the partial last line as a whole one (newline added); empty when there is none."""

    @property
    def partial_bytes(self) -> int:
        """Bytes held of a line that is not whole yet. Never more than line_bytes_max + CUT_SLACK_BYTES."""

@final
class FileReader:
    """
    A log file's text as UTF-8, as a stream: plain, gzip or zstd, in UTF-8, UTF-16 or UTF-32, told by the first bytes.
    OSError when it cannot be read, `DecodeError` when it is damaged, or has a form in which no secret would be seen.
    """

    def __new__(cls, descriptor: int) -> FileReader:
        """Read as much as tells what form it has; of a pipe, wait for that. The descriptor must stay open."""

    form: str
    """As it is called: `plain`, `gzip`, `zstd, utf-16le`."""
    is_empty: bool
    """There is no text in it."""
    rest: bytes
    """At the end, bytes that are too few for a character; they belong behind the text as they are."""
    def read_into(self, room: Buffer) -> int:
        """Fill a writable buffer with what comes next, as far as it is there; give the bytes, 0 at the end."""

    def writer(self) -> FileWriter:
        """What writes text in the same form."""

@final
class FileWriter:
    """Text in the form of a file."""

    plain: bool
    """The text is the file."""
    def write(self, text: Buffer) -> bytes:
        """Take whole lines of UTF-8; give the bytes of the file that are ready."""

    def finish(self, rest: bytes) -> bytes:
        """The last bytes, with those that the reader left."""

@final
class JsonSplitter:
    """
    Cut a stream of JSON documents into lines, one an event: documents with or without white space between them, the
    elements of outermost arrays, or, as a `sequence`, texts behind record separators (RFC 7464). It bounds events; the core
    judges them, as it does any line.
    """

    def __new__(cls, line_bytes_max: int = ..., *, sequence: bool = False) -> JsonSplitter: ...
    def feed(self, chunk: Buffer) -> tuple[bytes, int]:
        """Take a chunk; give the events it completed (each with a newline) and their number. `DecodeError` names the byte."""

    def finish(self) -> tuple[bytes, int]:
        """Give the last event; empty when there is none. `DecodeError` when the stream ends within an array."""

    @property
    def partial_bytes(self) -> int:
        """Bytes held of an event that is not whole yet. Never more than line_bytes_max + CUT_SLACK_BYTES."""

@final
class ReadBuffer:
    """
    Where a source reads: the buffer protocol over the room it was last asked for, in blocks that the core reads too.

    A read is `room`, then writing into the buffer, then `take`, with nothing of this object in between.
    """

    def __new__(cls, block_bytes: int) -> ReadBuffer: ...
    def room(self, framer: Framer, bytes_max: int) -> ReadBuffer:
        """Itself, ready to take at most `bytes_max` bytes, and at least one, of this framer's stream."""

    def take(self, count: int) -> tuple[RawLines, int]:
        """
        So many bytes were written: the lines they made whole, and their number. Holds the GIL: it takes less time than
        to hand it over. ValueError when no such room was given.
        """

    def __len__(self) -> int:
        """Bytes of the room."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __release_buffer__(self, view: memoryview, /) -> None: ...

@final
class RawLines:
    """Whole lines as received, each with its newline, where they were read (buffer protocol)."""

    @staticmethod
    def join(parts: Sequence[Buffer]) -> RawLines:
        """As one piece; without a copy where each follows the one before."""

    def follows(self, before: Buffer) -> bool:
        """They lie directly behind those, in the same memory."""

    def __len__(self) -> int:
        """Bytes, not lines."""

    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Lines:
    """Redacted lines, shared without a copy: `bytes(lines)`, `memoryview(lines)`, `file.write(lines)`."""

    count: int
    def __len__(self) -> int:
        """Bytes, not lines."""

    def __buffer__(self, flags: int, /) -> memoryview: ...
    def slice(self, first: int, last: int) -> Lines:
        """Lines first (inclusive) to last (exclusive), over the same memory."""

    def encode(self, format: str) -> bytes:
        """The lines as another body: `array` (one JSON array). ValueError for an unknown format."""

@final
class Processed:
    """What became of one batch. lines_in = lines_out + sum(dropped.values())."""

    lines: Lines
    lines_in: int
    lines_out: int
    time_max_seconds: float | None
    """The newest time that an event of it counts for."""
    broken: dict[str, int]
    dropped: dict[str, int]
    redactions: dict[str, int]
    normalized: dict[str, int]

@final
class Values:
    """What thresholds read at one tick."""

    tick_seconds: float
    rows: list[tuple[str, dict[str, str], float, int]]
    """Threshold name, label set, value, samples."""

@final
class Lane:
    """One ordered input. Calls on one lane run one after the other."""

    name: str
    def process(
        self,
        lines: Buffer,
        arrival_seconds: float,
        monotonic_seconds: float | None = None,
        runs: Sequence[tuple[int, int]] = ...,
    ) -> Processed:
        """
        Parse, redact and count whole lines (a last one without newline counts as whole). `monotonic_seconds` is the moment
        of arrival by a clock that nobody sets, None: that of `arrival_seconds`. `runs` are a sender's number and where in
        `lines` its own begin, in order; 0, as for all lines without runs: nobody in particular.
        """

    def explain(self, lines: Buffer, arrival_seconds: float) -> tuple[Processed, list[tuple[int, int, int, str, str]]]:
        """
        The same, and where something was masked: number of the line from 1, first byte in the line as received and the one
        behind the last, name of the rule, and the keys that lead there in JSON (empty: none, or no JSON).
        """

@final
class Engine:
    """Rules, windows and totals. Safe to share between threads."""

    def __new__(cls, spec: bytes = b"", previous: Engine | None = None) -> Engine:
        """RuleError when a rule, metric or expression of the spec (JSON) cannot be used."""

    @property
    def searched_everywhere(self) -> list[str]:
        """Names of the user's rules that are searched on every string: no literal is in all their matches."""

    @property
    def path(self) -> str:
        """The instructions its kernels use: `scalar`, `avx2` or `avx512`. HEADRIG_CORE_PATH in the environment forces one."""

    def lane(self, name: str) -> Lane:
        """The lane of that name; the same one each time. Of `source/lane`, the spec's options are those of `source`."""

    def close_lane(self, name: str) -> None:
        """Forget a lane from which nothing more comes: its tables, its time, and its part in the watermark."""

    def record(self, metric: str, value: float, labels: Mapping[str, str], time_seconds: float) -> None:
        """Add one value to a metric's windows."""

    def watermark(self, now_seconds: float) -> float | None:
        """Event time up to which windows are complete; None before the first event."""

    def evaluate(self, tick_seconds: float, time_domain: str | None = None) -> Values:
        """
        Each threshold over [tick - window, tick), per label set that has samples. `time_domain`: only those that
        tick by the watermark (`events`), or by the clock (`recorded`). ValueError for another.
        """

    def oldest_pane_seconds(self, time_domain: str) -> float | None:
        """Start of the oldest pane kept of a time domain: ticks up to it have nothing to read. None when there is none."""

    def time_domains(self) -> dict[str, str]:
        """`events` or `recorded` by threshold name."""

    def totals(self) -> bytes:
        """Cumulative families as Prometheus text."""

    def recent(self, where: bytes, after: int, limit: int) -> Lines:
        """The last redacted lines that match an expression (empty: all), after a sequence number."""

    def state(self) -> dict[str, float]:
        """Gauges and counters of the core itself, by name. `families.CORE_STATE` says what each of them is."""

    def redact(self, text: Buffer, json: bool) -> bytes:
        """Redact one text outside any pipeline: as one JSON document when json and valid, else as one plain text."""

    def find(self, text: Buffer, json: bool) -> list[tuple[int, int, str, bytes, str]]:
        """
        What `redact` would replace, in order: start and end (bytes), the rule, what is written instead (in quotes where
        a number stood; nothing where a member is taken out), and the path in a document, in the form of `[redact] paths`.
        """

    def lanes_behind(self, now_seconds: float) -> dict[str, float]:
        """Seconds each lane's newest event is behind the clock, lanes with events only."""

@final
class HandlerCore:
    """Log records to redacted lines in one file, or to be shipped: encoder, buffer and the thread that writes."""

    def __new__(
        cls,
        path: str | PathLike[str] | None,
        *,
        shipping: str,
        text: bool,
        ring: bool,
        sync: bool,
        entries_max: int,
        wait_seconds: float,
        spec: bytes,
        rotation: dict[str, Any],
        context: Callable[[], dict[str, Any] | None],
        filters: list[Any],
        careful: Callable[[], Callable[[LogRecord], Any] | None],
        stack: Callable[[BaseException], str],
        filled: Callable[[object, Any], tuple[str, list[Any]]],
        mapped: Callable[[object, Any], str],
        finalizing: Callable[[], bool],
        forked: Callable[[], None],
        record_type: type[LogRecord],
    ) -> HandlerCore:
        """
        Open the file. None: standard output, with `text` (lines for people) standard error. `entries_max` waiting lines
        or `wait_seconds` bound a line's wait. `shipping`: `no`, `beside` the file, or `only`, without a file. `spec` is
        of the engine that the lines go through. OSError when the file cannot be opened.
        """

    def handle(self, record: LogRecord) -> Any:
        """`emit`, unless `filters` is not empty: then what `careful` gives takes the record."""

    def emit(self, record: LogRecord, message: str | None = None, /) -> LogRecord:
        """Take one record and give it back; `message` in place of its own. Never waits for a disk and never raises."""

    def flush(self, timeout_seconds: float) -> bool:
        """Have everything written, or acknowledged, that was taken before; False when that took longer."""

    def close(self) -> None:
        """Let the thread end once nothing waits. A later record starts it again."""

    def number(self) -> int | None:
        """The descriptor that lines go to now."""

    def wait_for_each(self) -> None:
        """From now on return from `emit` when the line is written, or after a second; after five where it is shipped."""

    def remove_ring(self) -> None:
        """Remove the ring beside the log if nothing waits: the process ends."""

    def counts(self) -> dict[str, int]:
        """
        Received = written + dropped + waiting, dropped_full, write_errors, collisions and unprintable, since the start.
        """

    def ship_counters(self) -> dict[str, int]:
        """Lines in the ship queue: offered = delivered + dropped + waiting."""

    def tally(self) -> list[tuple[str, str, int]]:
        """What the core did to the lines: `redactions` by rule, `broken` and `normalized` by kind."""

    def open_ship_queue(self) -> int:
        """A descriptor, kept open here, that becomes readable when there is something to take, until it is read empty."""

    def take(self) -> Lines | None:
        """The oldest redacted lines that nobody took; they stay counted until `settle`."""

    def settle(self, lost: int) -> None:
        """What was taken longest ago was accepted, but for so many lines, which are lost for good."""

    def abandon(self) -> None:
        """Nobody takes any more: what waits and what still comes is dropped, counted."""

    def engine(self) -> Engine:
        """The engine that the lines go through. ValueError when the spec cannot be used."""

    def set_engine(self, engine: Engine) -> None:
        """Have lines go through another engine from now on."""
