"""Whole lines to standard output, by a thread: a slow reader must not hold the loop. A closed pipe ends quietly."""

from __future__ import annotations

import os
import select
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from headrig.errors import ConfigError, DeliveryError
from headrig.model import Lines, SinkPart
from headrig.sinks.worker import Worker


class StdoutConfig(SinkPart, frozen=True, kw_only=True, tag="stdout"):
    """Write lines to standard output."""

    required: bool = False

    def problems(self, at: str, http_listen: str | None = None) -> Iterator[ConfigError]:  # noqa: ARG002
        """Nothing can be wrong."""
        return iter(())

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[StdoutSink]:  # noqa: ARG002
        """Take file descriptor 1."""
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

    async def write(self, batches: Sequence[Lines]) -> None:
        """Write all of it."""
        await self._thread.call(partial(self._write, batches))

    async def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Leave the descriptor open: it belongs to the process."""
        self._thread.close()

    def _write(self, batches: Sequence[Lines]) -> None:
        for lines in batches:
            rest = memoryview(lines)
            while rest:
                try:
                    rest = rest[os.write(self._descriptor, rest) :]
                except BlockingIOError:
                    # Another process may have made a shared terminal or pipe non-blocking.
                    select.select([], [self._descriptor], [])
                except OSError as error:
                    raise DeliveryError(f"write: {error.strerror or error}", "closed") from error
