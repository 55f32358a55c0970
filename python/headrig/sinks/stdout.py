"""Whole lines to standard output, by a thread: a slow reader must not hold the loop. A closed pipe ends quietly."""

from __future__ import annotations

import fcntl
import os
import select
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from headrig.errors import ConfigError, DeliveryError, Retryable
from headrig.model import Lines, SinkPart
from headrig.worker import Worker


class StdoutConfig(SinkPart, frozen=True, kw_only=True, tag="stdout"):
    """Write lines to standard output."""

    required: bool = False

    def problems(self, at: str, http_listen: str | None = None) -> Iterator[ConfigError]:  # noqa: ARG002
        """Nothing can be wrong."""
        return iter(())

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[StdoutSink]:
        """Take file descriptor 1."""
        if fcntl.fcntl(1, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise ConfigError(
                "standard output is closed", path=f"sinks.{name}", remedy="connect it, or remove the sink"
            )
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
        """How much of the current batches is written already, after a failure halfway."""

    async def write(self, batches: Sequence[Lines]) -> None:
        """Write all of it."""
        await self._thread.call(partial(self._write, batches))
        self.accepted_bytes = 0

    async def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Leave the descriptor open: it belongs to the process."""
        self._thread.close()

    def _write(self, batches: Sequence[Lines]) -> None:
        skip = self.accepted_bytes
        for lines in batches:
            rest = memoryview(lines)[skip:]
            skip = max(0, skip - len(lines))
            while rest:
                written = self._write_some(rest)
                self.accepted_bytes += written
                rest = rest[written:]

    def _write_some(self, rest: memoryview) -> int:
        while True:
            try:
                return os.write(self._descriptor, rest)
            except BlockingIOError:
                # Another process may have made a shared terminal or pipe non-blocking.
                wait = select.poll()
                wait.register(self._descriptor, select.POLLOUT)
                wait.poll()
            except BrokenPipeError as error:
                raise DeliveryError(f"write: {error.strerror}", "closed") from error
            except OSError as error:
                # A file behind a redirection: its disk may have space again.
                raise Retryable(f"write: {error.strerror or error}", "io") from error
