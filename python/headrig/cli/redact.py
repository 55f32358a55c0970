"""
`headrig redact`: standard input or files to standard output, at the speed of the core. Imports next to nothing, so that
it starts as fast as a filter should.
"""

import argparse
import errno
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from queue import Queue
from typing import Any

from headrig.cli import complain
from headrig.engine import (
    EVENT_SECONDS_MAX,
    LINE_BYTES_MAX,
    Engine,
    Framer,
    Lines,
    Processed,
    RawLines,
    ReadBuffer,
    write_lines,
)
from headrig.errors import DeliveryError

_FILTER = b'{"on_broken":"pass","blank":"keep","metrics":{"builtin":false},"recent_bytes_max":0}'
"""The spec of a filter's engine: it wraps nothing, drops nothing and has no windows."""
_READ_BYTES = 256 * 1024
"""Read at a time, as the sources do. `limits` would bring msgspec into a filter that is to start at once."""
_BLOCK_BYTES = 4 * _READ_BYTES
"""Memory that is read into before the next such block is taken."""
_WAITING_MAX = 4
"""Batches that may wait before each step, so that a short delay of one does not stop the others."""
_ARRIVAL_SECONDS = EVENT_SECONDS_MAX
"""A time later than any other: a filter has no windows, so no event is in its future."""
_STDIN, _STDOUT = 0, 1
_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f)",
    errno.EBADF: "it is closed, or open for reading only: give it a file or a pipe",
}


class _Totals:
    """Totals over all files."""

    def __init__(self) -> None:
        self.sums: Counter[str] = Counter()
        self.by_reason: dict[str, Counter[str]] = {
            "broken": Counter(),
            "dropped": Counter(),
            "redactions": Counter(),
            "normalized": Counter(),
        }

    def add(self, processed: Processed, bytes_out: int) -> None:
        """Count one batch."""
        self.sums.update(lines_in=processed.lines_in, lines_out=processed.lines_out, bytes_out=bytes_out)
        for name, counter in self.by_reason.items():
            counter.update(getattr(processed, name))

    def json(self, seconds: float) -> str:
        """One object on one line."""
        import json  # noqa: PLC0415  # only for --stats

        whole = {name: self.sums[name] for name in ("lines_in", "lines_out", "bytes_in", "bytes_out")}
        return json.dumps({**whole, **self.by_reason, "seconds": round(seconds, 6)})


class _Stage:
    """A thread that does one step of the work, batch by batch, beside those of the other steps. Its queue is short."""

    def __init__(self, name: str, step: Callable[[Any], None]) -> None:
        self._step = step
        self._waiting: Queue[Any] = Queue(_WAITING_MAX)
        self._error: BaseException | None = None
        # Not a daemon: no thread may be in the core when the interpreter goes.
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def put(self, batch: object) -> None:
        """Wait for room in the queue and put a batch there. Raises what the step has raised."""
        if self._error is not None:
            raise self._error
        self._waiting.put(batch)

    def finish(self) -> None:
        """Wait for the last batch. Raises what the step has raised."""
        self._waiting.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (batch := self._waiting.get()) is not None:
            if self._error is None:
                try:
                    self._step(batch)
                except BaseException as error:  # noqa: BLE001 (it is raised again where the next batch comes from)
                    self._error = error


class _Filter:
    """One engine and one lane for all files, one after the other; reading, redacting and writing run side by side."""

    def __init__(self, spec: bytes, line_bytes_max: int) -> None:
        self._lane = Engine(spec).lane("redact")
        self._line_bytes_max = line_bytes_max
        self._buffer = ReadBuffer(_BLOCK_BYTES)
        self.totals = _Totals()
        self._owes_newline = False
        self._writing = _Stage("headrig-write", _write)
        self._redacting = _Stage("headrig-core", self._process)

    def feed(self, descriptor: int) -> None:
        """Process a file to its end. Output is whole lines, except a last line without a newline."""
        framer = Framer(self._line_bytes_max)
        while read_bytes := os.readv(descriptor, [self._buffer.room(framer, _READ_BYTES)]):
            self.totals.sums["bytes_in"] += read_bytes
            lines, count = self._buffer.take(read_bytes)
            if count:
                self._redacting.put((lines, False))
        rest, count = framer.finish()
        if count:
            self._redacting.put((rest, True))

    def finish(self) -> None:
        """Wait until everything is written."""
        try:
            self._redacting.finish()
        finally:
            self._writing.finish()

    def _process(self, batch: tuple[RawLines | bytes, bool]) -> None:
        lines, newline_added = batch
        processed = self._lane.process(lines, _ARRIVAL_SECONDS)
        owed, self._owes_newline = self._owes_newline, newline_added
        if owed:
            self._writing.put(b"\n")
        out = memoryview(processed.lines)[:-1] if newline_added else processed.lines
        self.totals.add(processed, len(out) + owed)
        self._writing.put(out)


def execute(arguments: argparse.Namespace) -> int:
    """Redact each file; gives 65 if one could not be read completely, else 0, even if lines were broken."""
    started = time.monotonic()
    settings = _settings(arguments.config)
    if settings is None:
        return os.EX_CONFIG
    # On an interrupt the filter ends at once, even if its reader does not read.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    lines = _Filter(*settings)
    try:
        try:
            failed = [name for name in arguments.files or ["-"] if not _feed(lines, name)]
        finally:
            lines.finish()
    finally:
        if arguments.stats:
            complain(lines.totals.json(time.monotonic() - started))
    return os.EX_DATAERR if failed else os.EX_OK


def _settings(config: str | None) -> tuple[bytes, int] | None:
    """The engine's spec and the line bound; None if the file cannot be used, which has been reported."""
    if config is None:
        return _FILTER, LINE_BYTES_MAX
    import json  # noqa: PLC0415  # without -c nothing is read, so nothing is imported

    from headrig.config import read_filter  # noqa: PLC0415  # same

    settings, errors = read_filter(config, os.environ)
    for error in errors:
        complain(str(error))
    if errors:
        return None
    spec = {**json.loads(settings), **json.loads(_FILTER)}
    return json.dumps(spec).encode(), spec.get("line_bytes_max", LINE_BYTES_MAX)


def _feed(lines: _Filter, name: str) -> bool:
    """Filter one file; False if it could not be read, which has been reported."""
    try:
        descriptor = _STDIN if name == "-" else os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return _unreadable(name, error)
    try:
        lines.feed(descriptor)
    except BrokenPipeError:
        raise
    except OSError as error:
        return _unreadable(name, error)
    finally:
        if descriptor != _STDIN:
            os.close(descriptor)
    return True


def _unreadable(name: str, error: OSError) -> bool:
    complain(f"headrig redact: {name}: {error.strerror}; give a readable file")
    return False


def _write(out: Lines | memoryview | bytes) -> None:
    """Write all bytes. Raises `DeliveryError` if standard output fails for another reason than a closed pipe."""
    _, error = write_lines(_STDOUT, out, 0)
    if error == errno.EPIPE:
        raise BrokenPipeError(error, os.strerror(error))
    if error:
        remedy = _REMEDIES.get(error, "write to another place")
        raise DeliveryError(f"headrig redact: standard output: {os.strerror(error)}; {remedy}", "io")
