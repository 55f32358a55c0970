"""Fakes for tests of code that uses headrig."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from headrig.model import Lines


class MemorySink:
    """
    A sink that keeps what it was given in `text`.

    Clear `open` to make it wait; put errors into `errors` to have them raised by the next writes, one each.
    """

    def __init__(self) -> None:
        self.text = b""
        self.accepted_bytes = 0
        self.writes = 0
        self.flushes = 0
        self.errors: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()

    @property
    def lines(self) -> list[bytes]:
        """Every line accepted so far, without its newline."""
        return self.text.splitlines()

    async def write(self, batches: Sequence[Lines]) -> None:
        """Accept, once `open`."""
        await self.open.wait()
        self.writes += 1
        if self.errors:
            raise self.errors.pop(0)
        self.text += b"".join(memoryview(lines) for lines in batches)

    async def flush(self) -> None:
        """Count the call."""
        self.flushes += 1
