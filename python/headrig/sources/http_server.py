"""
`POST /ingest`: newline JSON, JSON documents or arrays, and JSON sequences, plain, gzip or zstd. A body is taken whole
or not at all, and answered once every required sink accepted its lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from headrig.engine import LINE_BYTES_MAX
from headrig.errors import DecodeError
from headrig.limits import BODY_IDLE_SECONDS, Limits
from headrig.model import Decoder, Intake, Received, Waiters
from headrig.net.access import Access, Guard
from headrig.net.http_server import Httpd, answer, peer
from headrig.net.router import Route, Router
from headrig.net.sockets import Listener, is_loopback
from headrig.sources.bodies import CHARSETS, DECOMPRESSORS, Body, framing

RETRY_AFTER: Final = {"Retry-After": "1"}
Chunks = list[tuple[Received, int]]


class RequestRefused(Exception):
    """A request is refused: the status, the reason, and the name it is counted under."""

    def __init__(self, status: int, reason: str, kind: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.response = answer(status, {"error": reason}, headers)
        self.kind = kind


class IngestSource:
    """Turns requests into lines."""

    endless = True

    def __init__(self, path: str, guard: Guard, limits: Limits, listener: Listener | None, host: str | None) -> None:
        self.path = path
        self.listener = listener
        """Of its own; without one it is mounted on the status server."""
        self.host = host
        """The name in its address. None: a socket file, or no listener."""
        self.route = Route(self.ingest, guard, self._missed)
        """What answers at its path, on whichever server. Requests that may not are counted here."""
        self._limits = limits
        self._intake: Intake | None = None
        self._requests = 0
        self._bodies_bytes = 0
        """Bytes of all bodies under way, after decompression."""
        self._senders: dict[asyncio.BaseTransport, int] = {}
        """Senders by connection: the next body of a connection continues its time."""
        self._change = Waiters()
        self._httpd = Httpd(limits.connections_max, self._refused, self._missed)
        self._settle_in()

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Answer requests to a listener of its own, from `read` on."""
        async with self._httpd.serve():
            yield

    async def read(self, intake: Intake) -> None:
        """Accept requests until the stop, then answer those that have begun."""
        self._intake = intake
        await self._httpd.listen(self.listener)
        await intake.stopping.wait()
        while self._requests:
            await self._change.wait()

    async def renew(self, changed: IngestSource) -> None:
        """Go on with other settings; connections stay."""
        self.listener, changed.listener = changed.listener, self.listener
        self.host, self.path, self.route.guard = changed.host, changed.path, changed.route.guard
        self._settle_in()
        if self._intake is None or self._intake.stopping.is_set():
            return
        if self.listener is not None:
            self.listener.unlock()
        await self._httpd.listen(self.listener)

    def tune(self, limits: Limits) -> None:
        """Take new bounds."""
        self._limits = limits
        self._httpd.connections_max = limits.connections_max

    def _settle_in(self) -> None:
        """Be at its path, and know where that is."""
        loopback = self.host is None or is_loopback(self.host)
        self._httpd.router = Router({("POST", self.path): self.route}, Access(loopback=loopback))
        if self.listener is None:
            self.where = f"http {self.path} on the status server"
        elif self.host is None:
            self.where = f"http {self.path} on unix {self.listener.file}"
        else:
            scheme = "https" if self.listener.tls else "http"
            self.where = f"{scheme}://{self.host}:{self.listener.port}{self.path}"

    async def ingest(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request: 200 once it is accepted, 4xx if it is refused for good, 503 if it should come again."""
        intake = self._intake
        if intake is None or intake.stopping.is_set():
            return answer(503, {"error": "not taking requests now"}, RETRY_AFTER)
        self._requests += 1
        held = _Held(self, 0)
        try:
            self._check(request)
            chunks = await self._receive(request, intake, held)
            return await self._deliver(intake, chunks, self._sender(intake, request.transport))
        except RequestRefused as refusal:
            intake.refused(refusal.kind, f"answered {refusal.response.status} to {peer(request)}: {refusal}")
            return refusal.response
        finally:
            held.release()
            self._requests -= 1
            self._change.wake()

    def _refused(self) -> None:
        if self._intake is not None:
            self._intake.failed("connections_max", "connecting")

    def _missed(self, error: str, text: str) -> None:
        if self._intake is not None:
            self._intake.refused(error, text)

    def _check(self, request: web.BaseRequest) -> None:
        """Without a token, refuse every request that a web page could have sent unasked."""
        if self.route.guard.token is None and framing(request.content_type) is None:
            raise RequestRefused(
                415,
                f"content type {request.content_type} is not taken; send -H 'Content-Type: application/x-ndjson'",
                "content_type",
            )

    async def _receive(self, request: web.BaseRequest, intake: Intake, held: _Held) -> Chunks:
        """The whole body as framed lines."""
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in DECOMPRESSORS:
            raise RequestRefused(415, "this content encoding is not taken; use gzip or zstd", "content_encoding")
        if (request.charset or "utf-8").lower() not in CHARSETS:
            raise RequestRefused(415, "this charset is not taken; send UTF-8", "charset")
        if (request.content_length or 0) > self._limits.body_bytes_max:
            raise self._too_large()
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        line_bytes_max = self._limits.line_bytes_max or LINE_BYTES_MAX
        body = Body(encoding, framing(request.content_type) or "lines", line_bytes_max)
        try:
            return await self._decode(request, intake, held, body)
        except DecodeError as error:
            raise RequestRefused(400, str(error), "body") from error

    async def _decode(self, request: web.BaseRequest, intake: Intake, held: _Held, body: Decoder) -> Chunks:
        chunks: Chunks = []
        received_bytes = pieces = 0
        while chunk := await self._next(request):
            received_bytes += len(chunk)
            intake.received_bytes(len(chunk))
            if received_bytes > self._limits.body_bytes_max:
                raise self._too_large()
            for lines in body.feed(chunk):
                if not held.grow(body.decoded_bytes - held.bytes):
                    raise RequestRefused(503, "too many bodies at once", "bodies_bytes_max", RETRY_AFTER)
                if held.bytes > self._limits.body_bytes_max:
                    raise self._too_large()
                if lines[1]:
                    chunks.append(lines)
                pieces += 1
                if pieces > 1:
                    # Also after an empty piece: it was as much work.
                    await asyncio.sleep(0)
        last = body.finish()
        return [*chunks, last] if last[1] else chunks

    async def _next(self, request: web.BaseRequest) -> bytes:
        try:
            async with asyncio.timeout(BODY_IDLE_SECONDS):
                return await request.content.readany()
        except TimeoutError as error:
            raise RequestRefused(408, "the body did not arrive", "timeout") from error
        except web.PayloadAccessError as error:
            raise RequestRefused(400, "the body ended too early", "body") from error

    def _sender(self, intake: Intake, connection: asyncio.BaseTransport | None) -> int:
        if connection is None:
            return 0
        sender = self._senders.get(connection)
        if sender is None:
            if len(self._senders) >= self._limits.connections_max:
                self._senders = {each: known for each, known in self._senders.items() if not each.is_closing()}
            sender = self._senders[connection] = intake.sender()
        return sender

    async def _deliver(self, intake: Intake, chunks: Chunks, sender: int) -> web.StreamResponse:
        seconds = self._limits.ack_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                await intake.room()
                decision = await intake.deliver(chunks, sender)
        except TimeoutError as error:
            raise RequestRefused(503, f"not accepted within {seconds:g} s", "ack_timeout", RETRY_AFTER) from error
        if decision.again:
            raise RequestRefused(503, "a sink did not accept it", "not_accepted", RETRY_AFTER)
        return answer(200, {"accepted": sum(count for _, count in chunks)})

    def _too_large(self) -> RequestRefused:
        return RequestRefused(
            413, f"a body has at most {self._limits.body_bytes_max} bytes, also decompressed", "body_bytes_max"
        )


class _Held:
    """The bytes that one body holds, counted towards the bound on all bodies."""

    def __init__(self, source: IngestSource, size: int) -> None:
        self._source = source
        self.bytes = size

    def grow(self, size: int) -> bool:
        self.bytes += size
        self._source._bodies_bytes += size  # noqa: SLF001 (the other half of the same account)
        return self._source._bodies_bytes <= self._source._limits.bodies_bytes_max  # noqa: SLF001

    def release(self) -> None:
        self._source._bodies_bytes -= self.bytes  # noqa: SLF001
        self.bytes = 0
