"""
A source of lines that a service's own handler has already redacted, to be shipped. `headrig.install()` makes one; no
table of the settings does.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from headrig.component import OpenContext, SourceComponentConfig
from headrig.engine import HandlerCore
from headrig.limits import Limits
from headrig.model import Decision, Intake, Waiters


class ShipQueueConfig(SourceComponentConfig, frozen=True, kw_only=True, tag="ship_queue"):
    """Take lines from the handler in this process."""

    core: Any
    """A `HandlerCore`; msgspec does not know classes of the compiled core."""

    @property
    def where(self) -> str:
        """Of the handler."""
        return "this process"

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[ShipQueueSource]:  # noqa: ARG002
        """Nothing is held before `read`."""
        yield ShipQueueSource(self.core)


class ShipQueueSource:
    """Redacted lines of one handler, oldest first."""

    endless = True
    where = "this process"

    def __init__(self, core: HandlerCore) -> None:
        self._core = core
        self._woken = asyncio.Event()
        self._settled = Waiters()

    async def read(self, intake: Intake) -> None:
        """Hand on lines until stopped and nothing is left. The handler learns what became of each chunk."""
        loop = asyncio.get_running_loop()
        descriptor = self._core.open_ship_queue()
        loop.add_reader(descriptor, self._wake, descriptor)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._stop(intake))
                while True:
                    stopping = intake.stopping.is_set()
                    self._woken.clear()
                    while (lines := self._core.take()) is not None:
                        intake.deliver_ready(lines).add_done_callback(partial(self._settle, lines.count))
                        await intake.room()
                    if stopping:
                        return
                    await self._woken.wait()
        finally:
            loop.remove_reader(descriptor)

    def tune(self, limits: Limits) -> None:
        """The handler has its own bounds."""

    async def emptied(self) -> None:
        """Wait until all lines that the handler offered are decided, or are with sinks that are not required."""
        while self._core.ship_counters()["waiting"]:
            await self._settled.wait()

    async def _stop(self, intake: Intake) -> None:
        await intake.stopping.wait()
        self._woken.set()

    def _wake(self, descriptor: int) -> None:
        with suppress(BlockingIOError):
            os.read(descriptor, 4096)
        self._woken.set()

    def _settle(self, lines: int, decided: asyncio.Future[Decision]) -> None:
        self._core.settle(lines if decided.cancelled() else decided.result().lost)
        self._settled.wake()
