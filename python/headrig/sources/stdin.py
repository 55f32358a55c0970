"""Reads lines from standard input, in a thread and in blocks: an event loop cannot poll a redirected file."""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from headrig.component import Claim, OpenContext, SourceComponentConfig
from headrig.engine import LINE_BYTES_MAX, Framer, ReadBuffer
from headrig.errors import ConfigError
from headrig.limits import BLOCK_BYTES, PIPE_BYTES_MAX, READ_BYTES, Limits
from headrig.model import Intake


class StdinConfig(SourceComponentConfig, frozen=True, kw_only=True, tag="stdin"):
    """Read standard input to its end."""

    @property
    def where(self) -> str:
        """Of the process."""
        return "standard input"

    def claims(self) -> Iterator[Claim]:
        """There is one standard input."""
        yield Claim("stdin", "stdin", "type")

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[StdinSource]:
        """Take file descriptor 0."""
        if fcntl.fcntl(0, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY:
            raise ConfigError("standard input is closed", path=context.path, remedy="connect it, or remove the source")
        yield StdinSource(0, context.limits)


class StdinSource:
    """Reads blocks of one file descriptor in a thread of its own."""

    endless = False
    where = "standard input"

    def __init__(self, descriptor: int, limits: Limits) -> None:
        self._line_bytes_max = limits.line_bytes_max or LINE_BYTES_MAX
        self._framer = Framer(self._line_bytes_max)
        self._retune = False
        self._buffer = ReadBuffer(BLOCK_BYTES)
        self._partial_bytes = 0
        self._descriptor = descriptor
        self._wanted = threading.Semaphore(0)
        """One permit per block that the loop is ready for; the block is the thread's until it reports what it read."""
        self._broken_off = False
        """Standard input could not be read to its end."""

    async def read(self, intake: Intake) -> None:
        """Read until EOF; after a stop, at most as much as a pipe can still hold."""
        loop = asyncio.get_running_loop()
        self._wake = _Wake()
        blocks: asyncio.Queue[int] = asyncio.Queue()
        self._want()
        thread = threading.Thread(target=self._read_blocks, args=(loop, blocks), name="headrig-stdin", daemon=True)
        thread.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(self._wake_on_stop(intake))
                while read_bytes := await blocks.get():
                    self._take(read_bytes, intake)
                    await intake.room()
                    self._want()
                if self._broken_off:
                    intake.failed("io")
                lines, count = self._framer.finish()
                self._hold(intake)
                intake.add(lines, count)
                watch.cancel()
        finally:
            self._wake.end()
            self._wanted.release()
            await asyncio.to_thread(thread.join)
            self._wake.close()

    def tune(self, limits: Limits) -> None:
        """Take new bounds, from the next line on."""
        self._line_bytes_max = limits.line_bytes_max or LINE_BYTES_MAX
        self._retune = True

    def _want(self) -> None:
        if self._retune and not self._framer.partial_bytes:
            self._framer, self._retune = Framer(self._line_bytes_max), False
        self._buffer.room(self._framer, READ_BYTES)
        self._wanted.release()

    def _take(self, read_bytes: int, intake: Intake) -> None:
        intake.received_bytes(read_bytes)
        lines, count = self._buffer.take(read_bytes)
        intake.add(lines, count)
        if not self._hold(intake):
            self._framer.finish()
            self._hold(intake)
            intake.reject("partial_limit", 1)

    def _hold(self, intake: Intake) -> bool:
        change_bytes = self._framer.partial_bytes - self._partial_bytes
        self._partial_bytes += change_bytes
        return intake.hold_partial(change_bytes)

    async def _wake_on_stop(self, intake: Intake) -> None:
        await intake.stopping.wait()
        self._wake.stop()

    def _read_blocks(self, loop: asyncio.AbstractEventLoop, blocks: asyncio.Queue[int]) -> None:
        """Runs in the thread: reads one block at a time and reports its size, 0 at the end."""
        ready = select.poll()
        ready.register(self._descriptor, select.POLLIN)
        ready.register(self._wake.descriptor, select.POLLIN)
        bytes_after_stop = 0
        while True:
            self._wanted.acquire()
            events = {descriptor for descriptor, _ in ready.poll()}
            if self._wake.ended:
                return
            read_bytes = 0
            if self._descriptor in events and bytes_after_stop <= PIPE_BYTES_MAX:
                try:
                    read_bytes = os.readv(self._descriptor, [self._buffer])
                except BlockingIOError:
                    self._wanted.release()
                    continue
                except OSError:
                    self._broken_off = True
            if self._wake.descriptor in events:
                bytes_after_stop += read_bytes
            loop.call_soon_threadsafe(blocks.put_nowait, read_bytes)
            if not read_bytes:
                return


class _Wake:
    """A pipe that ends a poll in the reading thread; written to when the source must stop."""

    def __init__(self) -> None:
        self.descriptor, self._write = os.pipe()
        self.ended = False

    def stop(self) -> None:
        os.write(self._write, b"\n")

    def end(self) -> None:
        self.ended = True
        self.stop()

    def close(self) -> None:
        os.close(self._write)
        os.close(self.descriptor)
