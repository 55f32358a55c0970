"""Fakes for tests of code that uses headrig."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from headrig.component import OpenContext
from headrig.limits import Limits
from headrig.model import Lines
from headrig.net.sockets import Sockets
from headrig.telemetry import Metrics


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
        self.errors: list[BaseException] = []
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


def context(path: str = "sinks.out", **given: Any) -> OpenContext:
    """What a component is given when it opens; by default the time stands still, and nothing else knows its sockets."""
    default: dict[str, Any] = {
        "clock": lambda: 0.0,
        "limits": Limits(),
        "data_dir": None,
        "sockets": Sockets(),
        "telemetry": Metrics(),
    }
    return OpenContext(path=path, **{**default, **given})
