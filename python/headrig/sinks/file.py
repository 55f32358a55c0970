"""
Append whole lines to one file, which may be rotated. Accepted means that write(2) returned, with `fsync = "always"` that
fsync did. How lines stay whole, and how a file is rotated, is the core's: `LogFile`.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from headrig.component import Claim, OpenContext, SinkComponentConfig, Variable
from headrig.engine import LogFile
from headrig.errors import ConfigError, Retryable
from headrig.filesystem import file_obstacle
from headrig.limits import Bytes, Count, Seconds
from headrig.model import Clock, FileMode, FilePath, Lines
from headrig.rotation import VARIABLES, Rotation
from headrig.worker import Worker

log: Final = logging.getLogger("headrig.sinks.file")
_REMEDY: Final = "give a path in a directory that this user may write to"


class FileConfig(SinkComponentConfig, frozen=True, kw_only=True, tag="file"):
    """
    Append lines to one file. Directories are created. A file that is renamed or removed is made anew with the next line.
    """

    path: FilePath
    mode: FileMode = "0640"
    """Permissions of a new file, octal."""
    fsync: Literal["never", "always"] = "never"
    rotate_bytes: Bytes | None = None
    """The file gets another name before it would exceed this size: `app.log.20261130T203722-0000`."""
    rotate_seconds: Seconds | None = None
    """… or when lines of a new period come; periods are counted from 1970 in UTC, so that `"1d"` ends at midnight."""
    keep: Count | None = None
    """Rotated files that are kept; the oldest ones go."""
    total_bytes_max: Bytes | None = None
    """Upper bound of the file and the rotated ones together; the oldest ones go."""
    compress: Literal["gzip", "zstd"] | None = None
    """Rotated files are compressed, by a thread of low priority."""
    compress_delay: Annotated[int, Meta(ge=0)] = 0
    """Newest rotated files that are not compressed yet."""
    flush_entries_max: Annotated[int, Meta(ge=0)] = 100
    """Upper bound of lines that wait for company before a write."""
    flush_seconds: Seconds = 0.1
    """Upper bound of that wait."""
    # In a service the file is the handler's, which reads the same variables.
    env: ClassVar = {
        "LOG_FILE": Variable("path", program="run", needed=True),
        "LOG_FILE_BUFFER_SIZE": Variable("flush_entries_max", "entries", program="run"),
        "LOG_FILE_FLUSH_INTERVAL": Variable("flush_seconds", "milliseconds", program="run"),
        **{name: Variable(field, unit, program="run") for name, (field, unit) in VARIABLES.items()},
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
        for name, reason, remedy in self._rotation().problems():
            yield ConfigError(reason, path=f"{at}.{name}", remedy=remedy)

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[FileSink]:
        """Open the file for appending."""
        path = f"{context.path}.path"
        try:
            context.created.directories(os.path.dirname(self.path))
            flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
            os.close(context.created.open(self.path, flags, int(self.mode, 8)))
        except OSError as error:
            raise ConfigError(
                f"cannot write {self.path}: {error.strerror or error}", path=path, remedy=_REMEDY
            ) from error
        sink = FileSink(self._log_file(), path=self.path, clock=context.clock, fsync=self.fsync == "always")
        try:
            yield sink
        finally:
            sink.close()

    def _log_file(self) -> LogFile:
        return LogFile(
            self.path, mode=int(self.mode, 8), fsync=self.fsync == "always", rotation=self._rotation().core()
        )

    def _rotation(self) -> Rotation:
        return Rotation(*(getattr(self, name) for name in Rotation._fields))


class FileSink:
    """One log file and the thread that writes it."""

    def __init__(self, file: LogFile, *, path: str, clock: Clock, fsync: bool = False) -> None:
        self._file = file
        self._clock = clock
        self._path = path
        self._fsync = fsync
        self._thread = Worker("headrig-file")
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
        self._thread.close(self._file.close)

    def _write(self, batches: Sequence[Lines]) -> None:
        self.accepted_bytes, reason = self._file.append(batches, self.accepted_bytes, self._clock())
        for change in self._file.changes():
            log.warning("%s %s", self._path, change)
        if reason is not None:
            raise Retryable(f"write: {reason}", "io")
        if self._fsync:
            self._sync()

    def _sync(self) -> None:
        try:
            self._file.sync()
        except OSError as error:
            # A pipe or a device cannot be synced.
            if error.errno not in (errno.EINVAL, errno.EROFS, errno.ENOTSUP):
                raise Retryable(f"fsync: {error.strerror or error}", "io") from error
