"""
Code that TCP and Unix sources share: connections that carry newline-delimited lines. One framer per connection, one
read buffer and one intake per source. Nothing here knows an address.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import cast
from weakref import WeakSet

from headrig.engine import LINE_BYTES_MAX, Framer, ReadBuffer
from headrig.limits import (
    BACKLOG_CONNECTIONS,
    BLOCK_BYTES,
    GREETING_SECONDS,
    READ_BYTES,
    READ_BYTES_WHEN_FULL,
    SILENCE_SECONDS,
    TLS_HANDSHAKE_SECONDS,
    Limits,
)
from headrig.model import Intake, Waiters
from headrig.net.sockets import Listener, count_failed_handshakes, leave

Admit = Callable[[socket.socket], bool]


class Connection(asyncio.BufferedProtocol):
    """One peer: bytes in, whole lines to the intake."""

    def __init__(self, source: StreamSource, intake: Intake) -> None:
        self._source = source
        self._intake = intake
        self._sender = intake.sender()
        self._line_bytes_max = source.line_bytes_max
        self._framer = Framer(self._line_bytes_max)
        self._partial_bytes = 0
        self.seen = source.now()
        """Loop time of the last byte."""
        self.paused = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, or refuse it."""
        # uvloop's transports are not asyncio's by class.
        stream = cast("asyncio.Transport", transport)
        refusal = self._source.refusal(stream)
        if refusal is None:
            self.transport = stream
            self._source.joined(self)
        else:
            self._intake.failed(refusal, "connecting")
            stream.abort()

    def get_buffer(self, sizehint: int) -> ReadBuffer:  # noqa: ARG002
        """Room in the source's read buffer: it is filled and taken in the same turn of the loop."""
        bytes_max = READ_BYTES_WHEN_FULL if self._intake.full else READ_BYTES
        if self._line_bytes_max != self._source.line_bytes_max and not self._partial_bytes:
            self._line_bytes_max = self._source.line_bytes_max
            self._framer = Framer(self._line_bytes_max)
        return self._source.buffer.room(self._framer, bytes_max)

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on the complete lines; pause reading if the intake is full."""
        intake = self._intake
        self.seen = self._source.now()
        intake.received_bytes(nbytes)
        lines, count = self._source.buffer.take(nbytes)
        if count:
            intake.add(lines, count, self._sender)
        partial_bytes = self._framer.partial_bytes
        if not intake.hold_partial(partial_bytes - self._partial_bytes):
            self._partial_bytes = partial_bytes
            self._give_up_partial()
            return
        self._partial_bytes = partial_bytes
        if intake.full:
            self._source.pause(self)

    def eof_received(self) -> bool:
        """The peer has finished; the loop closes the transport."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on a last line without a newline as a whole line, so that nothing is lost silently."""
        if self.transport is None:
            return
        lines, count = self._framer.finish()
        self._release_partial()
        self._intake.add(lines, count, self._sender)
        if exc is not None:
            self._intake.failed("connection_reset")
        self._source.left(self)
        self.transport = None

    def close(self) -> None:
        """Disconnect; `connection_lost` follows."""
        if self.transport is not None:
            self.transport.abort()

    def _give_up_partial(self) -> None:
        self._framer.finish()
        self._release_partial()
        self._intake.reject("partial_limit", 1)
        self.close()

    def _release_partial(self) -> None:
        self._intake.hold_partial(-self._partial_bytes)
        self._partial_bytes = 0


class StreamSource:
    """A listening socket and its connections."""

    endless = True

    def __init__(
        self,
        listener: Listener,
        where: str,
        limits: Limits,
        *,
        admit: Admit | None = None,
    ) -> None:
        self.where = where
        self.listener = listener
        self.line_bytes_max = limits.line_bytes_max or LINE_BYTES_MAX
        """Longest line of a connection, from its next line on."""
        self.buffer = ReadBuffer(BLOCK_BYTES)
        self._limits = limits
        self._admit = admit
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._connections: set[Connection] = set()
        self._greeting: WeakSet[Connection] = WeakSet()
        """Connections whose handshake still runs. If it fails, the loop drops them without a call."""
        self._paused: deque[Connection] = deque()
        self._change = Waiters()
        self._tuned = Waiters()
        self._intake: Intake | None = None
        self._servers: list[asyncio.AbstractServer] = []

    @property
    def port(self) -> int:
        """The port bound, for a `listen` with port 0."""
        return self.listener.port

    async def read(self, intake: Intake) -> None:
        """Serve until the stop; then serve the backlog, and read every connection until EOF or silence."""
        self._intake = intake
        self._servers = await self._listen(intake)
        try:
            async with asyncio.TaskGroup() as tasks:
                chores = (tasks.create_task(self._resume(intake)), tasks.create_task(self._close_idle()))
                await intake.stopping.wait()
                await leave(self._servers, self.listener, None)
                await self._silence()
                for chore in chores:
                    chore.cancel()
        finally:
            for server in self._servers:
                server.close()
            for connection in list(self._connections):
                connection.close()
            # Transports call connection_lost in a later turn of the loop.
            while self._connections:  # noqa: ASYNC110 (the loop has no event for it)
                await asyncio.sleep(0)

    async def renew(self, changed: StreamSource) -> None:
        """Go on with other settings; connections stay."""
        self.listener, changed.listener = changed.listener, self.listener
        self.where, self._admit = changed.where, changed._admit
        if self._intake is None or not self._servers or self._intake.stopping.is_set():
            return
        self.listener.unlock()
        before, self._servers = self._servers, await self._listen(self._intake)
        await leave(before, changed.listener, self.listener)

    def tune(self, limits: Limits) -> None:
        """Take new bounds."""
        self._limits = limits
        self.line_bytes_max = limits.line_bytes_max or LINE_BYTES_MAX
        self._tuned.wake()

    async def _listen(self, intake: Intake) -> list[asyncio.AbstractServer]:
        listener = self.listener
        if listener.tls is not None:
            count_failed_handshakes(listener.tls, lambda: intake.failed("tls_handshake", "connecting"))
        return [
            await self._loop.create_server(
                lambda: self._greet(Connection(self, intake)),
                sock=bound,
                backlog=BACKLOG_CONNECTIONS,
                ssl=listener.tls,
                ssl_handshake_timeout=TLS_HANDSHAKE_SECONDS if listener.tls else None,
            )
            for bound in listener.bound
        ]

    def refusal(self, transport: asyncio.Transport) -> str | None:
        """The reason to refuse this connection; None if it is accepted."""
        if len(self._connections) >= self._limits.connections_max:
            return "connections_max"
        if self._admit is not None and not self._admit(transport.get_extra_info("socket")):
            return "peer_refused"
        return None

    def joined(self, connection: Connection) -> None:
        """Note an accepted connection."""
        self._greeting.discard(connection)
        self._connections.add(connection)
        self._changed()

    def left(self, connection: Connection) -> None:
        """Note a closed connection."""
        self._connections.discard(connection)
        self._changed()

    def _greet(self, connection: Connection) -> Connection:
        self._greeting.add(connection)
        return connection

    def pause(self, connection: Connection) -> None:
        """Stop reading from a connection until there is room."""
        if connection.transport is not None and not connection.paused:
            connection.paused = True
            connection.transport.pause_reading()
            self._paused.append(connection)
            self._change.wake()

    def _changed(self) -> None:
        if self._intake is not None:
            self._intake.connections(len(self._connections))
        self._change.wake()

    async def _resume(self, intake: Intake) -> None:
        while True:
            while self._paused:
                await intake.room()
                connection = self._paused.popleft()
                connection.paused = False
                connection.seen = self.now()
                self._change.wake()
                if connection.transport is not None and not connection.transport.is_closing():
                    connection.transport.resume_reading()
                # One at a time: each may fill the queue again before the next one resumes.
                await asyncio.sleep(0)
            await self._change.wait()

    async def _close_idle(self) -> None:
        while True:
            idle_seconds_max = self._limits.idle_seconds_max
            with suppress(TimeoutError):
                async with asyncio.timeout(idle_seconds_max / 4 or None):
                    await self._tuned.wait()
                    continue
            self._close_quiet(idle_seconds_max, since=-math.inf)

    async def _silence(self) -> None:
        """Wait until every connection has ended or has been silent for a second since the stop."""
        stopped = self.now()
        while self._greeting and self.now() - stopped < SILENCE_SECONDS:  # noqa: ASYNC110 (a failed one tells nobody)
            await asyncio.sleep(GREETING_SECONDS)
        while self._connections:
            seen = [max(each.seen, stopped) for each in self._connections if not each.paused]
            wait_seconds = max(0.0, min(seen) + SILENCE_SECONDS - self.now()) if seen else None
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._change.wait()
            self._close_quiet(SILENCE_SECONDS, since=stopped)
            await asyncio.sleep(0)

    def _close_quiet(self, seconds: float, since: float) -> None:
        now = self.now()
        for connection in list(self._connections):
            if not connection.paused and now - max(connection.seen, since) >= seconds:
                connection.close()
