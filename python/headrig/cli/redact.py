"""
`headrig redact`: standard input or files to standard output or in place, at the speed of the core. Imports next to nothing,
so that it starts as fast as a filter should.
"""

import argparse
import os
import signal
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable
from queue import Queue
from typing import TYPE_CHECKING, Any

from headrig.cli import complain
from headrig.cli.filtering import ARRIVAL_SECONDS, InputFile, UnreadableError, filter_spec, read_buffer
from headrig.cli.printing import STDOUT, write
from headrig.engine import Engine, FileReader, FileWriter, Processed, RawLines, ReadBuffer

if TYPE_CHECKING:
    from headrig.cli.replacement import Replacement

_WAITING_MAX = 4
"""Batches that may wait before each step, so that a short delay of one does not stop the others."""


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

    @property
    def changes(self) -> int:
        """Whatever is not as it was."""
        return sum(self.by_reason[name].total() for name in ("dropped", "redactions", "normalized"))

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
    """Files to one output, one after the other; reading, redacting and writing run side by side."""

    def __init__(self, engine: Engine, totals: _Totals, descriptor: int, where: str) -> None:
        self._engine = engine
        self._lane = engine.lane("redact")
        self._totals = totals
        self._descriptor = descriptor
        self._where = f"headrig redact: {where}"
        self._form = ""
        self._compressor: FileWriter | None = None
        self._rest = b""
        self._owes_newline = False
        self._writing = _Stage("headrig-write", self._write)
        self._redacting = _Stage("headrig-core", self._process)

    def feed(self, file: InputFile, buffer: ReadBuffer) -> None:
        """Process a file to its end. Output is whole lines, except a last line without a newline."""
        reader = file.reader()
        if not (reader.is_empty and reader.form == "plain"):
            self._take_form(file, reader)
        self._redacting.put((b"", False))
        try:
            for batch in file.batches(reader, buffer):
                self._redacting.put(batch)
        finally:
            self._rest = reader.rest
            self._totals.sums["bytes_in"] += file.bytes_in

    def finish(self) -> None:
        """Wait until everything is written."""
        try:
            self._redacting.finish()
        finally:
            self._writing.finish()
        if self._compressor is not None:
            write(self._descriptor, self._compressor.finish(self._rest), self._where)

    def _take_form(self, file: InputFile, reader: FileReader) -> None:
        """The output has the form of the first file; another one would make it unreadable."""
        if not self._form:
            self._form = reader.form
            compressor = reader.writer()
            self._compressor = None if compressor.plain else compressor
        if reader.form != self._form:
            what = f"is {reader.form} where the output is {self._form} already; give it to a command of its own"
            raise file.error(what)

    def _process(self, batch: tuple[RawLines | bytes, bool]) -> None:
        lines, newline_added = batch
        if not lines:
            # A file begins: what a lane remembers of one is not true of the next.
            self._engine.close_lane("redact")
            self._lane = self._engine.lane("redact")
            return
        processed = self._lane.process(lines, ARRIVAL_SECONDS)
        owed, self._owes_newline = self._owes_newline, newline_added
        if owed:
            self._writing.put(b"\n")
        out = memoryview(processed.lines)[:-1] if newline_added else processed.lines
        self._totals.add(processed, len(out) + owed)
        self._writing.put(out)

    def _write(self, out: Any) -> None:
        write(self._descriptor, out if self._compressor is None else self._compressor.write(out), self._where)


def execute(arguments: argparse.Namespace) -> int:
    """Redact each file; gives 65 if one could not be read completely, else 0, even if lines were broken."""
    started = time.monotonic()
    spec = filter_spec(arguments.config)
    if spec is None:
        return os.EX_CONFIG
    names = arguments.files or ["-"]
    # On an interrupt the filter ends at once, even if its reader does not read.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    engine, totals = Engine(spec), _Totals()
    if arguments.explain:
        return _explain(engine, names)
    try:
        if arguments.in_place:
            return _in_place(engine, totals, names)
        if arguments.output:
            return _to_file(engine, totals, names, arguments.output)
        return _to_descriptor(engine, totals, names, STDOUT, "standard output")
    finally:
        if arguments.stats:
            complain(totals.json(time.monotonic() - started))


def _explain(engine: Engine, names: list[str]) -> int:
    from headrig.cli.locating import locate  # noqa: PLC0415  # only for --explain

    return os.EX_OK if locate("redact", engine, names, explain=True).whole else os.EX_DATAERR


def _to_descriptor(engine: Engine, totals: _Totals, names: list[str], descriptor: int, where: str) -> int:
    """All files to one output; the exit code."""
    lines, buffer, code = _Filter(engine, totals, descriptor, where), read_buffer(), os.EX_OK
    try:
        for name in names:
            try:
                with InputFile("redact", name) as file:
                    if file.is_same_as(descriptor):
                        raise file.error("input file is output file; write to another one, or use --in-place")
                    lines.feed(file, buffer)
            except UnreadableError as error:
                complain(str(error))
                code = error.exit_code
    finally:
        lines.finish()
    return code


def _to_file(engine: Engine, totals: _Totals, names: list[str], output: str) -> int:
    """All files to one, which is there only when it is whole; the exit code."""
    from headrig.cli.replacement import NotReplacedError, Replacement  # noqa: PLC0415  # not for a filter

    try:
        if not stat.S_ISREG(os.stat(output).st_mode):
            with open(output, "wb", buffering=0) as device:
                return _to_descriptor(engine, totals, names, device.fileno(), output)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise NotReplacedError(f"headrig redact: {output}: {error.strerror}; write to another place") from None
    new = Replacement("redact", output)
    try:
        code = _to_descriptor(engine, totals, names, new.descriptor, output)
    except BaseException:
        new.discard()
        raise
    if code == os.EX_OK:
        new.commit()
    else:
        new.discard()
        complain(f"headrig redact: {output}: not written, because not everything could be read")
    return code


def _in_place(engine: Engine, totals: _Totals, names: list[str]) -> int:
    """Each file in its own place; the exit code of the last that failed."""
    from headrig.cli.replacement import NotReplacedError, Replacement  # noqa: PLC0415  # not for a filter

    code, buffer = os.EX_OK, read_buffer()
    for name in names:
        try:
            with InputFile("redact", name) as file:
                _replace(engine, totals, file, buffer, Replacement("redact", name))
        except (UnreadableError, NotReplacedError) as error:
            complain(f"{error}; it is as it was")
            code = error.exit_code
    return code


def _replace(engine: Engine, totals: _Totals, file: InputFile, buffer: ReadBuffer, new: "Replacement") -> None:
    try:
        before, changes = os.fstat(file.descriptor), totals.changes
        lines = _Filter(engine, totals, new.descriptor, file.name)
        try:
            lines.feed(file, buffer)
        finally:
            lines.finish()
        file.check_unchanged(before)
    except BaseException:
        new.discard()
        raise
    if totals.changes == changes:
        new.discard()
    else:
        new.commit()
