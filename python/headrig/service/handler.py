"""
`headrig.Handler`, and what all handlers share: flush, exit, forks. Records are encoded on the calling thread; a native
thread redacts and writes them. Neither ever waits for the other.
"""

from __future__ import annotations

import atexit
import errno
import json
import logging
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakMethod, WeakSet

from headrig.engine import RECORD_LINE_BYTES_MAX, RECORD_WAIT_SECONDS_MAX, HandlerCore, engine_spec
from headrig.errors import ConfigError
from headrig.rotation import rotation_of
from headrig.service.arguments import Arguments
from headrig.service.context import bound_fields
from headrig.service.process_end import settle_process_end

if TYPE_CHECKING:
    from typing import Unpack

    from headrig.redact_settings import RedactSettings
    from headrig.redaction import Redactor
    from headrig.rotation import RotationSettings

FLUSH_SECONDS: Final = 5.0
"""Longest wait of `Handler.flush()` and of the exit for a disk that does not answer."""
LAST_FLUSH_SECONDS: Final = 0.25
"""Second, shorter wait of the exit, for lines logged while it flushed: longer than the writer's tenth of a second."""
OS_EXIT_FLUSH_SECONDS: Final = 1.0
"""Longest wait of `os._exit` in a forked child: callers expect it to end the process at once."""
SPEC: Final = f'"recent_bytes_max":0,"line_bytes_max":{RECORD_LINE_BYTES_MAX}'
"""Spec of every handler's engine: it keeps no recent lines, and records may be long."""
SPEC_WITHOUT_METRICS: Final = f'{{{SPEC},"metrics":{{"builtin":false}}}}'.encode()
"""Spec of a handler without metrics."""

_live: Final[WeakSet[Handler]] = WeakSet()
_open: Final[set[Handler]] = set()
"""Those that were not closed: a handler that its service dropped may still have lines to write."""


class Flushable(Protocol):
    """Delivers lines and notices after the handlers, and takes part in a flush of the service."""

    def retry_now(self) -> None:
        """End every back-off. Does not wait."""

    def flush(self, timeout_seconds: float) -> bool:
        """Deliver everything that came before; with a timeout of 0, start that and return at once."""

    def waiting(self) -> Mapping[str, int]:
        """Undelivered items by description: `{"lines not posted": 3}`. Equal descriptions are added up."""

    def failures(self) -> int:
        """Attempts to ship that failed."""


flushables: Final[list[Flushable]] = []


class _Exit:
    """How long a flush may take; 0 after an exit that gave up, so that nothing waits for that disk again."""

    flush_seconds = FLUSH_SECONDS


def _stack(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip("\n")


def redact_settings(given: object) -> Mapping[str, Any]:
    """Settings of redaction, given as a mapping or a `Redactor`, as the core takes them. Raises ConfigError."""
    from headrig.redact_settings import redact_spec  # noqa: PLC0415  # few services have settings of their own
    from headrig.redaction import Redactor  # noqa: PLC0415  # as above

    if not isinstance(given, Redactor):
        return redact_spec(given, "redact")
    if given.callback is not None:
        reason = "has a callback, for which lines cannot wait"
        raise ConfigError(reason, path="redact", remedy="leave callback to headrig.redact")
    return given.spec


def spec_with(spec: bytes, redact: object) -> bytes:
    """An engine's spec, with settings of redaction unless they are None. Raises ConfigError."""
    if redact is None:
        return spec
    return engine_spec(redact_settings(redact), json.loads(spec))


class Handler(logging.Handler):
    """
    Writes each record as one redacted JSON line, without blocking or raising.

    `path` is the file to append to; without it lines go to standard output. `structured=False` writes text for people,
    without a path to standard error. A line waits for at most `flush_entries_max` lines or `flush_seconds` (0.1 at most);
    ERROR and above do not wait. Beside a file lies a ring (docs/services.md) unless `ring` is False: its lines outlive a
    process that is killed, and are redacted by the thread that logs. With `sync` there is none: each call returns once its line
    is written, after a second at most of a disk that does not answer. `redact` is a mapping of the words of `[redact]`, or a
    `Redactor`. The file is rotated at `rotate_bytes`, or with a new period of `rotate_seconds` (86,400: daily, in UTC); at
    most `keep` rotated files stay, as many as fit into `total_bytes_max`, and all but the newest `compress_delay` of them are
    compressed as `compress` says ("gzip", "zstd"). Raises OSError, which names the file, if that cannot be opened, and
    ConfigError for settings of redaction or rotation that cannot be used.
    """

    _shipping = "no"
    _spec = SPEC_WITHOUT_METRICS
    _prepare: Callable[[], None] | None = None
    """Runs once, before the next record."""

    def __init__(  # noqa: PLR0913  # settings, by keyword
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        structured: bool = True,
        level: int | str = logging.NOTSET,
        flush_entries_max: int = 100,
        flush_seconds: float = 0.1,
        redact: RedactSettings | Redactor | None = None,
        ring: bool = True,
        sync: bool = False,
        **rotation: Unpack[RotationSettings],
    ) -> None:
        rotated = rotation_of(rotation, {}, path=path)
        filters: list[Any] = []
        settings = None if redact is None else redact_settings(redact)
        if settings is not None and settings is not redact:
            # Who learned before, as `install` does, says so once its own handler can write it.
            from headrig.redact_settings import warn_of_skipped  # noqa: PLC0415  # it was loaded to read them

            warn_of_skipped(settings)
        self._arguments = Arguments(settings)
        # Before logging knows the handler: at exit logging flushes all it knows, also those that are only half made.
        core = HandlerCore(
            path,
            shipping=self._shipping,
            text=not structured,
            ring=ring,
            sync=sync,
            entries_max=flush_entries_max,
            wait_seconds=min(flush_seconds, RECORD_WAIT_SECONDS_MAX),
            spec=spec_with(self._spec, settings),
            rotation=rotated.core(),
            context=bound_fields,
            filters=filters,
            careful=WeakMethod(self.handle),
            stack=_stack,
            filled=self._arguments.filled,
            mapped=self._arguments.message,
            finalizing=sys.is_finalizing,
            forked=_in_forked_child,
            record_type=logging.LogRecord,
        )
        super().__init__(level)
        self._failures = 0
        self.filters = self._own_filters = filters
        self._core = core
        _live.add(self)
        _open.add(self)
        settle_process_end(_at_exit, _before_os_exit)
        self._choose()

    def handle(self, record: logging.LogRecord) -> Any:
        """Filter and take a record. If a filter raises, the record passes."""
        self._begin()
        passed: Any
        try:
            passed = self.filter(record)
        except Exception:  # noqa: BLE001  # what a filter raises is no business of who logs
            self._failures += 1
            passed = True
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record. A formatter's result becomes the message; if it raises, the record's own message is used."""
        message = None
        if self.formatter is not None:
            try:
                message = str(self.format(self._shown(record)))
            except Exception:  # noqa: BLE001  # the record is worth more than its form
                self._failures += 1
        self._core.emit(record, message)

    def _shown(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record, or if it names its arguments a copy whose secrets a formatter does not see."""
        if not isinstance(record.args, Mapping):
            return record
        record = copy(record)
        record.args = self._arguments.shown(record.args)
        return record

    def flush(self) -> None:
        """Write everything that was logged before, or give up after five seconds."""
        self._begin(only_if_due=True)
        if self._shipping == "only":
            _retry_now()
        self._core.flush(_Exit.flush_seconds)

    def close(self) -> None:
        """Flush. A record that comes later is written all the same."""
        self.flush()
        self._core.close()
        _open.discard(self)
        super().close()

    def fileno(self) -> int:
        """The descriptor that lines go to now, for who closes all others. Raises OSError where there is none."""
        number = self._core.number()
        if number is None:
            raise OSError(errno.EBADF, "the handler has no file open")
        return number

    def counts(self) -> dict[str, int]:
        """
        Sums since the start of the process, in lines: received = written + dropped + waiting.

        `written` lines are in the file or, where lines are shipped instead, acknowledged. Also `dropped_full` (dropped
        because the buffer was full), `write_errors` (failed attempts to write or to ship), `collisions` (fields moved to
        `fields`), `unprintable` (values and messages replaced by a note) and `failures` (formatters and filters that
        raised).
        """
        counts = {**self._core.counts(), "failures": self._failures}
        if self._shipping == "only":
            counts["write_errors"] += sum(each.failures() for each in flushables)
        return counts

    def __setattr__(self, name: str, value: Any) -> None:
        """Notice formatters and filters that are set as attributes, without the methods for it."""
        super().__setattr__(name, value)
        if name in ("filters", "formatter", "_prepare") and "_core" in self.__dict__:
            self._choose()

    def _choose(self) -> None:
        """Pass records straight to the core unless something is in between; the core checks filters itself."""
        own = ("handle", "emit", "format", "filter")
        plain = self.formatter is None and self._prepare is None and self.filters is self._own_filters
        if plain and all(getattr(type(self), name) is _OWN[name] for name in own):
            self.__dict__["handle"] = self._core.handle
        else:
            self.__dict__.pop("handle", None)

    def _begin(self, *, only_if_due: bool = False) -> None:
        prepare = self._prepare
        if prepare is None:
            return
        if not only_if_due or self._core.counts()["waiting"] or self._core.ship_counters()["waiting"]:
            self._prepare = None
            prepare()


_OWN: Final = {name: getattr(Handler, name) for name in ("handle", "emit", "format", "filter")}


def flush(timeout_seconds: float = FLUSH_SECONDS) -> bool:
    """
    Write and deliver everything that was logged before; False if that took longer.

    Shipped lines count once they are acknowledged, posted lines once they are accepted. Also False, once, if lines were
    refused for good since the last flush.
    """
    deadline = monotonic() + timeout_seconds
    done = True
    handlers = list(_live)
    for handler in handlers:
        handler._begin(only_if_due=True)  # noqa: SLF001
    _retry_now()
    for handler in handlers:
        done = handler._core.flush(max(0.0, deadline - monotonic())) and done  # noqa: SLF001
    for each in flushables:
        done = each.flush(max(0.0, deadline - monotonic())) and done
    return done


def _retry_now() -> None:
    """End every back-off: it might outlast the flush that waits for the lines to be acknowledged."""
    for each in flushables:
        each.retry_now()


def ask_flush() -> None:
    """Start a flush and return at once, for a signal handler."""
    flush(0.0)


def _at_exit() -> None:
    """Flush at exit; from here on each call to log returns once its line is written."""
    flushed = flush()
    if not flushed:
        # A delivery that gave up may have logged why, after its lines were waited for.
        for handler in list(_live):
            handler._core.flush(LAST_FLUSH_SECONDS)  # noqa: SLF001
    # Lines that were refused for good no longer wait, and later lines may be accepted.
    if not flushed and _report_waiting():
        _Exit.flush_seconds = 0.0
        return
    for handler in list(_live):
        handler._core.remove_ring()  # noqa: SLF001
        handler._core.wait_for_each()  # noqa: SLF001


def _in_forked_child() -> None:
    """Runs with the first record of a forked child."""
    settle_process_end(_at_exit, _before_os_exit)


def _before_os_exit() -> None:
    """Flush where `os._exit` ends a child as a matter of course."""
    if _Exit.flush_seconds and not flush(OS_EXIT_FLUSH_SECONDS):
        _report_waiting("os._exit")
    for handler in list(_live):
        handler._core.remove_ring()  # noqa: SLF001


def _report_waiting(end: str = "exit") -> bool:
    """Say in one line on standard error how much is lost with the process, if anything is."""
    left = Counter({"lines not written": sum(handler._core.counts()["waiting"] for handler in list(_live))})  # noqa: SLF001
    for each in flushables:
        left.update(each.waiting())
    said = ", ".join(f"{what}: {count}" for what, count in left.items() if count)
    if said:
        say(f"gave up at {end}: {said}")
    return bool(said)


def say(text: str) -> None:
    """Write one line to standard error, for messages that must not depend on the log itself."""
    with suppress(Exception):  # closed, gone, or there never was one
        sys.stderr.write(f"headrig: {text}\n")


atexit.register(_at_exit)
