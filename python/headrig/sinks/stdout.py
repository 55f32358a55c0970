"""
Write whole lines to standard output, in a thread: a slow reader must not block the loop. A closed pipe ends quietly.
Lines of at most 4096 bytes stay whole even if other processes write there as well.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from headrig.component import OpenContext, SinkComponentConfig
from headrig.engine import write_lines
from headrig.errors import ConfigError, DeliveryError, Retryable
from headrig.model import Lines
from headrig.worker import Worker


class StdoutConfig(SinkComponentConfig, frozen=True, kw_only=True, tag="stdout"):
    """Write lines to standard output."""

    required: bool = False

    @property
    def where(self) -> str:
        """Of the process."""
        return "standard output"

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[StdoutSink]:
        """Take file descriptor 1."""
        if fcntl.fcntl(1, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise ConfigError("standard output is closed", path=context.path, remedy="connect it, or remove the sink")
        sink = StdoutSink(1)
        try:
            yield sink
        finally:
            sink.close()


class StdoutSink:
    """One file descriptor and the thread that writes it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._thread = Worker("headrig-stdout")
        self.accepted_bytes = 0
        """Bytes of the current batches that are written already, after a failure halfway."""

    async def write(self, batches: Sequence[Lines]) -> None:
        """Write the batches."""
        await self._thread.call(partial(self._write, batches))
        self.accepted_bytes = 0

    async def flush(self) -> None:
        """Nothing to do: there is no buffer here."""

    def close(self) -> None:
        """Leave the descriptor open: it belongs to the process."""
        self._thread.close()

    def _write(self, batches: Sequence[Lines]) -> None:
        skip = self.accepted_bytes
        for lines in batches:
            begin = min(skip, len(lines))
            skip -= begin
            written, error = write_lines(self._descriptor, lines, begin)
            self.accepted_bytes += written - begin
            if error == errno.EPIPE:
                raise DeliveryError(f"write: {os.strerror(error)}", "closed")
            if error:
                # A redirection to a file: its disk may have space again.
                raise Retryable(f"write: {os.strerror(error)}", "io")
