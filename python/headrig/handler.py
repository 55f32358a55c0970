"""
The door for a Python service: `headrig.install()`, or `headrig.Handler` in a logging configuration of one's own.
Records are encoded on the calling thread, redacted and written by a native one; neither ever waits for the other.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakSet

from headrig.context import bound_fields
from headrig.engine import HandlerCore
from headrig.errors import ConfigError

if TYPE_CHECKING:
    from types import FrameType

FLUSH_SECONDS: Final = 5.0
"""Longest wait of `Handler.flush()` and of the exit for a disk that does not answer."""
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
_TRUTHS: Final = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}

_live: Final[WeakSet[Handler]] = WeakSet()
_held: Final[dict[int, list[HandlerCore]]] = {}
"""What each forking thread holds still."""


class _Exit:
    """How long a flush may still take: a disk that did not answer at exit is not asked again."""

    flush_seconds = FLUSH_SECONDS


def _stack(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip("\n")


class Handler(logging.Handler):
    """
    Writes each record as one redacted JSON line, without blocking or raising.

    `path` is the file to append to; without it lines go to standard output. `structured=False` writes text for people,
    without a path to standard error. `flush_entries_max` lines or `flush_seconds` (0.1 at most) bound a line's wait;
    ERROR and above do not wait. Raises OSError when the file cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        structured: bool = True,
        level: int | str = logging.NOTSET,
        flush_entries_max: int = 100,
        flush_seconds: float = 0.1,
    ) -> None:
        super().__init__(level)
        self._failures = 0
        self._core = HandlerCore(
            path,
            text=not structured,
            entries_max=flush_entries_max,
            wait_seconds=flush_seconds,
            context=bound_fields,
            stack=_stack,
            record_type=logging.LogRecord,
        )
        _live.add(self)
        self._choose()

    def handle(self, record: logging.LogRecord) -> Any:
        """Filter and take a record. A filter that raises lets it pass."""
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
        self._core.flush(_Exit.flush_seconds)

    def close(self) -> None:
        """Flush. A record that comes later is written all the same."""
        self.flush()
        self._core.close()
        super().close()

    def counts(self) -> dict[str, int]:
        """
        Sums since the start of the process, in lines: received = written + dropped + waiting.

        Also `write_errors` (attempts), `collisions` (fields moved to `fields`), `unprintable` (values and messages with a
        note in their place) and `failures` (formatters and filters that raised).
        """
        return {**self._core.counts(), "failures": self._failures}

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802  # logging's name
        """Take a formatter; None: records are written from their own message."""
        super().setFormatter(fmt)
        self._choose()

    def addFilter(self, filter: Any) -> None:  # noqa: N802  # logging's names
        """Add a filter."""
        super().addFilter(filter)
        self._choose()

    def removeFilter(self, filter: Any) -> None:  # noqa: N802  # logging's names
        """Remove a filter."""
        super().removeFilter(filter)
        self._choose()

    def _choose(self) -> None:
        """Let records go straight to the core as long as nothing stands in between."""
        own = ("handle", "emit", "format", "filter")
        if self.filters or self.formatter or any(getattr(type(self), name) is not _OWN[name] for name in own):
            self.__dict__.pop("handle", None)
        else:
            self.__dict__["handle"] = self._core.emit


_OWN: Final = {name: getattr(Handler, name) for name in ("handle", "emit", "format", "filter")}


class _Settings(NamedTuple):
    level: int | str
    structured: bool
    path: str | None
    flush_entries_max: int
    flush_seconds: float


class _Installed:
    """What `install` has put in place."""

    settings: _Settings | None = None
    handlers: tuple[Handler, ...] = ()
    lock: Final = threading.Lock()


def install(
    *,
    level: int | str | None = None,
    structured: bool | None = None,
    path: str | os.PathLike[str] | None = None,
    flush_entries_max: int | None = None,
    flush_seconds: float | None = None,
) -> Handler:
    """
    Have the root logger write redacted JSON lines; gives the handler. Other handlers stay as they are.

    What is not given comes from `LOG_LEVEL`, `LOG_STRUCTURED`, `LOG_FILE`, `LOG_FILE_BUFFER_SIZE` (lines) and
    `LOG_FILE_FLUSH_INTERVAL` (milliseconds). Without a file, lines go to standard output; with `structured=False` text
    for people goes to standard error, beside the file if there is one. A second call with the same settings changes
    nothing, with others it replaces what the first put in place. In the main thread, SIGUSR1 flushes from then on unless
    it is ignored; a handler it has already is called as well. Raises ConfigError for a variable that cannot be used
    and OSError when the file cannot be opened.
    """
    environ = os.environ
    settings = _Settings(
        level=_level(environ) if level is None else _LEVELS.get(str(level).lower(), level),
        structured=_structured(environ) if structured is None else structured,
        path=os.fspath(path) if path is not None else environ.get("LOG_FILE") or None,
        flush_entries_max=_number(environ, "LOG_FILE_BUFFER_SIZE", 100)
        if flush_entries_max is None
        else flush_entries_max,
        flush_seconds=_number(environ, "LOG_FILE_FLUSH_INTERVAL", 100) / 1000
        if flush_seconds is None
        else flush_seconds,
    )
    with _Installed.lock:
        root = logging.getLogger()
        if settings != _Installed.settings:
            handlers = _opened(settings)
            for old in _Installed.handlers:
                root.removeHandler(old)
                old.close()
            _Installed.settings, _Installed.handlers = settings, handlers
        for handler in _Installed.handlers:
            root.addHandler(handler)
        # A root that lets more pass does so for a handler that is not ours.
        lowest = _Installed.handlers[0].level
        root.setLevel(min(lowest, root.level or lowest))
        _flush_on_signal()
        return _Installed.handlers[0]


def _opened(settings: _Settings) -> tuple[Handler, ...]:
    def opened(path: str | None, *, structured: bool) -> Handler:
        return Handler(
            path,
            structured=structured,
            level=settings.level,
            flush_entries_max=settings.flush_entries_max,
            flush_seconds=settings.flush_seconds,
        )

    file = (opened(settings.path, structured=True),) if settings.path or settings.structured else ()
    return file if settings.structured else (*file, opened(None, structured=False))


def flush(timeout_seconds: float = FLUSH_SECONDS) -> bool:
    """Have everything written that was logged before; False when that took longer."""
    deadline = monotonic() + timeout_seconds
    done = True
    for handler in list(_live):
        done = handler._core.flush(max(0.0, deadline - monotonic())) and done  # noqa: SLF001
    return done


def _level(environ: Mapping[str, str]) -> int:
    text = environ.get("LOG_LEVEL", "").strip().lower() or "info"
    if text not in _LEVELS:
        raise _unusable("LOG_LEVEL", text, "set debug, info, warn or error, or unset it")
    return _LEVELS[text]


def _structured(environ: Mapping[str, str]) -> bool:
    text = environ.get("LOG_STRUCTURED", "").strip().lower() or "true"
    if text not in _TRUTHS:
        raise _unusable("LOG_STRUCTURED", text, "set true or false, or unset it")
    return _TRUTHS[text]


def _number(environ: Mapping[str, str], name: str, unset: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return unset
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise _unusable(name, text, "set a whole number, or unset it")
    return int(text)


def _unusable(name: str, text: str, remedy: str) -> ConfigError:
    return ConfigError(f"{text[:40]!r} cannot be used", file="environment", path=name, remedy=remedy)


def _flush_on_signal() -> None:
    """Take SIGUSR1 where it is free, or in front of who has it."""
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(signal.SIGUSR1)
    if before is None or before == signal.SIG_IGN or getattr(before, "headrig", False):
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        flush(0.0)  # asks, and does not wait
        if callable(before):
            before(number, frame)

    on_signal.headrig = True  # type: ignore[attr-defined]
    signal.signal(signal.SIGUSR1, on_signal)


def _before_fork() -> None:
    _settle_multiprocessing()
    cores = [handler._core for handler in sorted(_live, key=id)]  # noqa: SLF001
    _held[threading.get_ident()] = cores
    for core in cores:
        core.before_fork()


def _after_fork_in_parent() -> None:
    for core in _held.pop(threading.get_ident(), ()):
        core.after_fork(child=False)


def _after_fork_in_child() -> None:
    for core in _held.pop(threading.get_ident(), ()):
        core.after_fork(child=True)
    _held.clear()


def _settle_multiprocessing() -> None:
    """Children of multiprocessing end without atexit: they flush where multiprocessing lets them."""
    util: Any = sys.modules.get("multiprocessing.util")
    if util is not None and not getattr(_at_exit, "settled", False):
        _at_exit.settled = True  # type: ignore[attr-defined]
        util.register_after_fork(_at_exit, lambda run: util.Finalize(None, run, exitpriority=0))


def _at_exit() -> None:
    """Write what waits; what is logged from here on is written before the call returns."""
    if not flush():
        _Exit.flush_seconds = 0.0
        return
    for handler in list(_live):
        handler._core.wait_for_each()  # noqa: SLF001


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
