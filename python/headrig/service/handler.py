"""
`headrig.Handler`, and what holds for all of them: flush, exit, forks. Records are encoded on the calling thread, redacted
and written by a native one; neither ever waits for the other.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Any, Final, Protocol
from weakref import WeakMethod, WeakSet

from headrig.engine import RECORD_LINE_BYTES_MAX, RECORD_WAIT_SECONDS_MAX, HandlerCore
from headrig.service.context import bound_fields

FLUSH_SECONDS: Final = 5.0
"""Longest wait of `Handler.flush()` and of the exit for a disk that does not answer."""
LAST_FLUSH_SECONDS: Final = 0.25
"""What the exit waits once more for lines logged while it flushed: more than the writer's tenth of a second."""
SPEC: Final = f'"recent_bytes_max":0,"line_bytes_max":{RECORD_LINE_BYTES_MAX}'
"""What every handler asks of its engine: nobody looks back at the lines, and records may be long."""
SPEC_WITHOUT_METRICS: Final = f'{{{SPEC},"metrics":{{"builtin":false}}}}'.encode()
"""Of a handler that nobody asks for numbers."""
_CONVERSION: Final = re.compile(r"%(?:\(([^)]*)\))?[#0 +-]*\d*(?:\.\d+)?[hlL]?[a-zA-Z%]")

_live: Final[WeakSet[Handler]] = WeakSet()
_cores_in_fork: Final[dict[int, list[HandlerCore]]] = {}
"""What each forking thread holds still."""


class Flushable(Protocol):
    """What lines pass, and notices wait in, after the handlers."""

    def retry_now(self) -> None:
        """Have what waits to be tried again tried now; nothing is waited for."""

    def flush(self, timeout_seconds: float) -> bool:
        """Have everything delivered that came before; 0: ask for it and do not wait."""

    def waiting(self) -> Mapping[str, int]:
        """What is not delivered, in words and numbers: `{"lines not posted": 3}`; added to what others say of the same."""

    def failures(self) -> int:
        """Attempts to ship that failed."""


flushables: Final[list[Flushable]] = []


class _Exit:
    """How long a flush may still take: a disk that did not answer at exit is not asked again."""

    flush_seconds = FLUSH_SECONDS


def _stack(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip("\n")


def filled(message: object, args: Any) -> tuple[str, list[Any]]:
    """As much of a message as fits its arguments, and the arguments for which it has no place."""
    named = args if isinstance(args, Mapping) else None
    rest = [] if named is not None or args is None else list(args) if isinstance(args, tuple) else [args]

    def fill(found: re.Match[str]) -> str:
        if found[0].endswith("%"):
            return "%"
        if found[1] is None and not rest:
            return found[0]
        try:
            value = rest.pop(0) if found[1] is None else (named or {})[found[1]]
        except KeyError:
            return found[0]
        try:
            return found[0].replace(f"({found[1]})", "", 1) % (value,)
        except Exception:  # noqa: BLE001  # the conversion does not fit; the value may be readable all the same
            return text_of(value)

    return _CONVERSION.sub(fill, text_of(message)), rest


def text_of(value: object) -> str:
    """Its `str()`, or a note where that raises."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # whatever a value does
        return f"[unprintable {type(value).__name__}]"


class Handler(logging.Handler):
    """
    Writes each record as one redacted JSON line, without blocking or raising.

    `path` is the file to append to; without it lines go to standard output. `structured=False` writes text for people,
    without a path to standard error. `flush_entries_max` lines or `flush_seconds` (0.1 at most) bound a line's wait;
    ERROR and above do not wait. Raises OSError, which names the file, when that cannot be opened.
    """

    _shipping = "no"
    _spec = SPEC_WITHOUT_METRICS
    _prepare: Callable[[], None] | None = None
    """To be done once, by whoever logs next."""

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        structured: bool = True,
        level: int | str = logging.NOTSET,
        flush_entries_max: int = 100,
        flush_seconds: float = 0.1,
    ) -> None:
        filters: list[Any] = []
        # First: a handler that is not whole must not be known to logging, which flushes all at exit.
        core = HandlerCore(
            path,
            shipping=self._shipping,
            text=not structured,
            entries_max=flush_entries_max,
            wait_seconds=min(flush_seconds, RECORD_WAIT_SECONDS_MAX),
            spec=self._spec,
            context=bound_fields,
            filters=filters,
            careful=WeakMethod(self.handle),
            stack=_stack,
            filled=filled,
            finalizing=sys.is_finalizing,
            record_type=logging.LogRecord,
        )
        super().__init__(level)
        self._failures = 0
        self.filters = self._own_filters = filters
        self._core = core
        _live.add(self)
        self._choose()

    def handle(self, record: logging.LogRecord) -> Any:
        """Filter and take a record. A filter that raises lets it pass."""
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
        """Take a record. What a formatter makes of it is its message; when the formatter raises, its own one is."""
        message = None
        if self.formatter is not None:
            try:
                message = str(self.format(record))
            except Exception:  # noqa: BLE001  # the record is worth more than its form
                self._failures += 1
        self._core.emit(record, message)

    def flush(self) -> None:
        """Have everything written that was logged before, or give up after five seconds."""
        self._begin(only_if_due=True)
        if self._shipping == "only":
            _retry_now()
        self._core.flush(_Exit.flush_seconds)

    def close(self) -> None:
        """Flush. A record that comes later is written all the same."""
        self.flush()
        self._core.close()
        super().close()

    def counts(self) -> dict[str, int]:
        """
        Sums since the start of the process, in lines: received = written + dropped + waiting.

        `written` are those in the file or, where lines are shipped instead, those acknowledged. Also `dropped_full` (of
        the dropped, those that found no room), `write_errors` (attempts to write or to ship), `collisions` (fields moved to `fields`),
        `unprintable` (values and messages with a note in their place) and `failures` (formatters and filters that raised).
        """
        counts = {**self._core.counts(), "failures": self._failures}
        if self._shipping == "only":
            counts["write_errors"] += sum(each.failures() for each in flushables)
        return counts

    def __setattr__(self, name: str, value: Any) -> None:
        """Formatters and filters may also be set past the methods for it."""
        super().__setattr__(name, value)
        if name in ("filters", "formatter", "_prepare") and "_core" in self.__dict__:
            self._choose()

    def _choose(self) -> None:
        """Let records go straight to the core as long as nothing stands in between. It looks for filters itself."""
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
    Have everything written and delivered that was logged before; False when that took longer.

    What is shipped counts once it is acknowledged, what is posted once it is accepted. False, once, also when lines were
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
    """What is shipped is written once it is acknowledged: a wait before the next attempt would outlast a flush."""
    for each in flushables:
        each.retry_now()


def ask_flush() -> None:
    """Have it done and do not wait: for a signal handler."""
    flush(0.0)


def _before_fork() -> None:
    _settle_multiprocessing()
    cores = [handler._core for handler in sorted(_live, key=id)]  # noqa: SLF001
    _cores_in_fork[threading.get_ident()] = cores
    for core in cores:
        core.before_fork()


def _after_fork_in_parent() -> None:
    for core in _cores_in_fork.pop(threading.get_ident(), ()):
        core.after_fork(child=False)


def _after_fork_in_child() -> None:
    for core in _cores_in_fork.pop(threading.get_ident(), ()):
        core.after_fork(child=True)
    _cores_in_fork.clear()


def _settle_multiprocessing() -> None:
    """Children of multiprocessing end without atexit: they flush where multiprocessing lets them."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and not getattr(_at_exit, "settled", False):
        _at_exit.settled = True  # type: ignore[attr-defined]
        util.register_after_fork(_at_exit, lambda run: util.Finalize(None, run, exitpriority=0))


def _at_exit() -> None:
    """Write what waits; what is logged from here on is written before the call returns."""
    flushed = flush()
    if not flushed:
        # What gave up may have logged why, after the lines before it were waited for.
        for handler in list(_live):
            handler._core.flush(LAST_FLUSH_SECONDS)  # noqa: SLF001
    # Lines that were refused for good wait no more: those that come now may be taken.
    if not flushed and _report_waiting():
        _Exit.flush_seconds = 0.0
        return
    for handler in list(_live):
        handler._core.wait_for_each()  # noqa: SLF001


def _report_waiting() -> bool:
    """Nobody counts after the exit: one line on standard error says what is lost with the process, if anything is."""
    left = Counter({"lines not written": sum(handler._core.counts()["waiting"] for handler in list(_live))})  # noqa: SLF001
    for each in flushables:
        left.update(each.waiting())
    said = ", ".join(f"{what}: {count}" for what, count in left.items() if count)
    if said:
        say(f"gave up at exit: {said}")
    return bool(said)


def say(text: str) -> None:
    """One line on standard error, for what the log cannot be trusted with: it may be what does not arrive."""
    with suppress(Exception):  # closed, gone, or there never was one
        sys.stderr.write(f"headrig: {text}\n")


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
