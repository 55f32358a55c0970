"""
What the verbs that read log files share: the engine's spec of a filter, and a file in batches of whole lines, whatever its
form. Imports next to nothing, so that a filter starts at once.
"""

import os
import stat
from collections.abc import Iterator
from typing import Self

from headrig.cli import complain
from headrig.cli.printing import shown
from headrig.engine import EVENT_SECONDS_MAX, FileReader, Framer, RawLines, ReadBuffer
from headrig.errors import DecodeError, HeadrigError

LONG_LINE_BYTES_MAX = 16 * 1024 * 1024
"""Longest line that a filter reads whole: one JSON document is often one line. Memory is several times that at most."""
READ_BYTES = 256 * 1024
"""Read at a time, as the sources do. `limits` would bring msgspec into a filter that is to start at once."""
ARRIVAL_SECONDS = EVENT_SECONDS_MAX
"""A time later than any other: a filter has no windows, so no event is in its future."""
_BLOCK_BYTES = 4 * READ_BYTES
"""Memory that is read into before the next such block is taken."""
_KEPT = b'"non_finite":"pass","lone_surrogates":"pass"'
"""What a filter leaves as it is, unless settings say otherwise."""
_FIXED = (
    b'"on_broken":"pass","blank":"keep","line_ends":"keep","metrics":{"builtin":false},"recent_bytes_max":0,'
    b'"line_bytes_max":%d' % (LONG_LINE_BYTES_MAX + 2 * READ_BYTES)
)
"""A filter wraps nothing, drops nothing, trims nothing and has no windows. Longer lines never come to the core."""
FILTER = b"{%b,%b}" % (_KEPT, _FIXED)
"""The spec of a filter's engine."""
_STDIN = 0


class UnreadableError(HeadrigError):
    """A file cannot be read, or not to its end. Says which, why and what to do."""

    exit_code = os.EX_DATAERR


def filter_spec(config: str | None) -> bytes | None:
    """The engine's spec; None if the settings cannot be used, which has been reported."""
    if config is None:
        return FILTER
    import json  # noqa: PLC0415  # without -c nothing is read, so nothing is imported

    from headrig.config import read_filter  # noqa: PLC0415  # same

    settings, errors = read_filter(config, os.environ)
    for error in errors:
        complain(str(error))
    if errors:
        return None
    given = json.loads(settings)
    if skipped := given.get("redact", {}).get("learned_files_skipped", 0):
        from headrig.learning import skipped_warning  # noqa: PLC0415  # it was loaded to read them

        complain(f"{config}: {skipped_warning(skipped)}")
    kept, fixed = (json.loads(b"{%b}" % part) for part in (_KEPT, _FIXED))
    return json.dumps({**kept, **given, **fixed}).encode()


class InputFile:
    """One file to be read; `-` is standard input. `UnreadableError` when that does not go."""

    def __init__(self, verb: str, name: str) -> None:
        self._verb = verb
        self.name = name
        self.bytes_in = 0
        self.lines_in = 0
        try:
            self.descriptor = _STDIN if name == "-" else os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unreadable(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.descriptor != _STDIN:
            os.close(self.descriptor)

    def reader(self) -> FileReader:
        """Its text; raises as `batches`."""
        try:
            return FileReader(self.descriptor)
        except (OSError, DecodeError) as error:
            raise self._unreadable(error) from None

    def is_same_as(self, descriptor: int) -> bool:
        """That is the very same file, and no terminal, pipe or device."""
        try:
            ours, other = os.fstat(self.descriptor), os.fstat(descriptor)
        except OSError:
            return False
        return stat.S_ISREG(ours.st_mode) and os.path.samestat(ours, other)

    def batches(self, reader: FileReader, buffer: ReadBuffer) -> Iterator[tuple[RawLines | bytes, bool]]:
        """
        Whole lines, each with its newline, and whether that of the last one was added. What could be read comes before
        an error is raised.
        """
        framer = Framer(LONG_LINE_BYTES_MAX + READ_BYTES)
        failed: UnreadableError | None = None
        while True:
            try:
                bytes_read = reader.read_into(buffer.room(framer, READ_BYTES))
            except (OSError, DecodeError) as error:
                failed = self._unreadable(error)
                break
            if not bytes_read:
                break
            self.bytes_in += bytes_read
            lines, count = buffer.take(bytes_read)
            if count:
                self.lines_in += count
                yield lines, False
            if framer.partial_bytes > LONG_LINE_BYTES_MAX:
                what = f"this line is longer than {LONG_LINE_BYTES_MAX >> 20} MiB; break it in lines (jq -c '.[]')"
                raise self.error(what, self.lines_in + 1)
        rest, count = framer.finish()
        if count:
            self.lines_in += count
            yield rest, True
        if failed is not None:
            raise failed

    def check_unchanged(self, since: os.stat_result) -> None:
        """Raise if somebody has written to it since then."""
        now = os.fstat(self.descriptor)
        if (now.st_size, now.st_mtime_ns) != (since.st_size, since.st_mtime_ns):
            raise self.error("was written to meanwhile; stop who writes to it, or redact it once it is rotated")

    def error(self, what: str, line: int | None = None) -> UnreadableError:
        """An error about this file."""
        name = shown(self.name) or "''"
        where = name if line is None else f"{name}:{line}"
        return UnreadableError(f"headrig {self._verb}: {where}: {what}")

    def _unreadable(self, error: OSError | DecodeError) -> UnreadableError:
        if isinstance(error, DecodeError):
            return self.error(str(error))
        return self.error(f"{error.strerror}; give a readable file")


def read_buffer() -> ReadBuffer:
    """Where all files of a verb are read, one after the other."""
    return ReadBuffer(_BLOCK_BYTES)
