"""
Append whole lines to one file. Accepted means that write(2) returned, with `fsync = "always"` that fsync did.
A file that a crash left without a final newline gets one first, so that the next line is intact.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from headrig.component import Claim, OpenContext, SinkComponentConfig, Variable
from headrig.engine import write_lines
from headrig.errors import ConfigError, Retryable
from headrig.filesystem import file_obstacle
from headrig.limits import Seconds
from headrig.model import FileMode, FilePath, Lines
from headrig.worker import Worker

log: Final = logging.getLogger("headrig.sinks.file")
_REMEDY: Final = "give a path in a directory that this user may write to"


class FileConfig(SinkComponentConfig, frozen=True, kw_only=True, tag="file"):
    """Append lines to one file. Directories are created; SIGHUP opens the path anew."""

    path: FilePath
    mode: FileMode = "0640"
    """Permissions of a new file, octal."""
    fsync: Literal["never", "always"] = "never"
    flush_entries_max: Annotated[int, Meta(ge=0)] = 100
    """Upper bound of lines that wait for company before a write."""
    flush_seconds: Seconds = 0.1
    """Upper bound of that wait."""
    # In a service the file is the handler's, which reads the same variables.
    env: ClassVar = {
        "LOG_FILE": Variable("path", program="run", needed=True),
        "LOG_FILE_BUFFER_SIZE": Variable("flush_entries_max", "entries", program="run"),
        "LOG_FILE_FLUSH_INTERVAL": Variable("flush_seconds", "milliseconds", program="run"),
    }

    @property
    def accepts_partly(self) -> bool:
        """With `fsync = "always"`, lines are accepted only once the disk has them."""
        return self.fsync == "never"

    @property
    def where(self) -> str:
        """Its path."""
        return self.path

    def claims(self) -> Iterator[Claim]:
        """Its file."""
        yield Claim("file", self.path, "path")

    def problems(self, at: str) -> Iterator[ConfigError]:
        """Errors in the path that show without creating anything."""
        if (reason := file_obstacle(self.path)) is not None:
            yield ConfigError(reason, path=f"{at}.path", remedy=_REMEDY)

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[FileSink]:
        """Open the file for appending."""
        path = f"{context.path}.path"
        try:
            context.created.directories(os.path.dirname(self.path))
            descriptor = context.created.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, int(self.mode, 8))
        except OSError as error:
            raise ConfigError(
                f"cannot write {self.path}: {error.strerror or error}", path=path, remedy=_REMEDY
            ) from error
        sink = FileSink(descriptor, fsync=self.fsync == "always")
        try:
            yield sink
        finally:
            sink.close()


class FileSink:
    """One open file and the thread that writes it."""

    def __init__(self, descriptor: int, *, fsync: bool = False) -> None:
        self._descriptor = descriptor
        self._fsync = fsync
        self._regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._thread = Worker("headrig-file")
        self._mended = not self._regular
        self.accepted_bytes = 0
        """Bytes of the current batches that are in the file already, after a failure halfway."""

    async def write(self, batches: Sequence[Lines]) -> None:
        """Append the batches, from where a failed attempt at the same ones stopped."""
        await self._thread.call(partial(self._write, batches))
        self.accepted_bytes = 0

    async def flush(self) -> None:
        """Sync the file to the disk."""
        await self._thread.call(self._sync)

    def close(self) -> None:
        """Close the file after a write that still runs."""
        self._thread.close(partial(os.close, self._descriptor))

    def _write(self, batches: Sequence[Lines]) -> None:
        try:
            if not self._mended:
                self._mend()
            if self._regular:
                self._append(batches)
            else:
                self._pass_on(batches)
            if self._fsync:
                os.fsync(self._descriptor)
        except OSError as error:
            self.accepted_bytes -= self._untear(batches)
            raise Retryable(f"write: {error.strerror or error}", "io") from error

    def _append(self, batches: Sequence[Lines]) -> None:
        """Write all batches in as few calls as possible."""
        views = [memoryview(lines) for lines in batches]
        skip = self.accepted_bytes
        while views and skip >= len(views[0]):
            skip -= len(views.pop(0))
        if skip:
            views[0] = views[0][skip:]
        while views:
            written = os.writev(self._descriptor, views)
            self.accepted_bytes += written
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if written:
                views[0] = views[0][written:]

    def _pass_on(self, batches: Sequence[Lines]) -> None:
        """Write to a named pipe or a device, which others may share: the size of each write keeps lines whole."""
        skip = self.accepted_bytes
        for lines in batches:
            begin = min(skip, len(lines))
            skip -= begin
            written, error = write_lines(self._descriptor, lines, begin)
            self.accepted_bytes += written - begin
            if error:
                raise OSError(error, os.strerror(error))

    def _mend(self) -> None:
        """End a line that a crash cut off, so that the next one is intact."""
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            os.write(self._descriptor, b"\n")
            log.warning("the file ended within a line, which was ended first")
        self._mended = True

    def _untear(self, batches: Sequence[Lines]) -> int:
        """
        Remove the beginning of a line whose end did not fit; gives the bytes removed.

        Only if the file still ends with it, because another process may append as well.
        """
        if not self.accepted_bytes or not self._regular:
            return 0
        written = b"".join(memoryview(lines) for lines in batches)[: self.accepted_bytes]
        torn = len(written) - (written.rfind(b"\n") + 1)
        if torn == 0:
            return 0
        with suppress(OSError):
            size = os.fstat(self._descriptor).st_size
            if os.pread(self._descriptor, torn, size - torn) == written[-torn:]:
                os.ftruncate(self._descriptor, size - torn)
                return torn
        return 0

    def _sync(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            # A pipe or a device cannot be synced.
            if error.errno not in (errno.EINVAL, errno.EROFS, errno.ENOTSUP):
                raise Retryable(f"fsync: {error.strerror or error}", "io") from error
