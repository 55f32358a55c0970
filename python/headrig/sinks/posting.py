"""
Batches to request bodies, and one request at a time. An answer counts by its status alone: 2xx accepts. What the
server wrote, where it lives beyond its host, and the headers that were sent never reach an error or a log.
"""

from __future__ import annotations

import asyncio
import io
import ssl
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

import aiohttp

from headrig.engine import core_version
from headrig.errors import DeliveryError, Retryable
from headrig.limits import ANSWER_BYTES_MAX, ANSWER_SECONDS_MAX
from headrig.model import Lines
from headrig.retry import refusal

GZIP_LEVEL: Final = 3
"""Log lines shrink to about a tenth at any level; this one costs a third of the default's time."""


class Poster:
    """One endpoint."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        timeout_seconds: float,
        tls: ssl.SSLContext | None = None,
        socket_path: str | None = None,
    ) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._deadline: asyncio.Timeout | None = None
        """Of the request that is under way."""
        self._closed = False
        connector = aiohttp.UnixConnector(socket_path) if socket_path else aiohttp.TCPConnector(ssl=tls or True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": f"headrig/{core_version}", **headers},
            timeout=aiohttp.ClientTimeout(),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Return once it answered 2xx. `Retryable` or `DeliveryError` otherwise."""
        if self._closed:
            raise Retryable("the settings change", "closed")
        try:
            async with asyncio.timeout(self._timeout_seconds) as self._deadline:
                # A stream is sent in pieces: one large write would hold the loop.
                data = io.BytesIO(body)
                response = await self._session.post(self._url, data=data, headers=headers, allow_redirects=False)
        except TimeoutError:
            if self._closed:
                raise Retryable("the settings change", "closed") from None
            raise Retryable(f"no answer within {self._timeout_seconds:g} s", "timeout") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a name that no resolver can take. The text of these errors quotes what the server sent.
            raise Retryable(_worded(error), "io") from None
        finally:
            self._deadline = None
        try:
            refused = refusal(response.status, response.headers.get("Retry-After"))
            if refused is not None:
                raise refused
        finally:
            await self._finish(response)

    async def close(self) -> None:
        """Disconnect, also within a request: it counts as not delivered."""
        self._closed = True
        if self._deadline is not None:
            self._deadline.reschedule(0.0)
        await self._session.close()

    async def _finish(self, response: aiohttp.ClientResponse) -> None:
        """Read what is left of an answer, within bounds, so that its connection serves again."""
        rest_bytes = ANSWER_BYTES_MAX
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                while rest_bytes > 0 and (chunk := await response.content.readany()):
                    rest_bytes -= len(chunk)
                if rest_bytes > 0:
                    response.release()
        response.close()


class PostSink:
    """Batches to one endpoint, in requests of bounded size."""

    def __init__(self, poster: Poster, *, body_bytes_max: int, array: bool = False, gzip: bool = True) -> None:
        self._poster = poster
        self._body_bytes_max = body_bytes_max
        self._array = array
        self._gzip = gzip
        self._headers = {"Content-Type": "application/json" if array else "application/x-ndjson"}
        if gzip:
            self._headers["Content-Encoding"] = "gzip"
        self.accepted_bytes = 0
        """So much of the current batches was accepted, or refused for good, before a request has to come again."""
        self._refused: list[tuple[DeliveryError, int, int]] = []
        """What was refused of it: why, lines, bytes."""

    async def write(self, batches: Sequence[Lines]) -> None:
        """Post all of it, going on after the last request that was decided."""
        for group in requests(_rest(batches, self.accepted_bytes), self._body_bytes_max):
            body = await asyncio.to_thread(self._body, group)
            size = sum(map(len, group))
            try:
                await self._poster.post(body, self._headers)
            except Retryable:
                raise
            except DeliveryError as error:
                self._refused.append((error, sum(each.count for each in group), size))
            self.accepted_bytes += size
        refused, self._refused, self.accepted_bytes = self._refused, [], 0
        if refused:
            first, lines, sizes = refused[0][0], [each[1] for each in refused], [each[2] for each in refused]
            raise DeliveryError(str(first), first.reason, lines=sum(lines), size=sum(sizes))

    async def flush(self) -> None:
        """Nothing waits here: what was accepted is the other side's."""

    def _body(self, group: Sequence[Lines]) -> bytes:
        """In a thread: compressing takes a while."""
        if self._array:
            body = b"[" + b",".join(each.encode("array").strip()[1:-1] for each in group) + b"]"
        else:
            body = b"".join(memoryview(each) for each in group)
        return zlib.compress(body, GZIP_LEVEL, wbits=31) if self._gzip else body


def requests(batches: Iterable[Lines], bytes_max: int) -> Iterator[list[Lines]]:
    """Whole lines, in order, in groups of at most so many bytes; a single longer line is a group of its own."""
    group: list[Lines] = []
    size = 0
    for batch in batches:
        for piece in _pieces(batch, bytes_max):
            if group and size + len(piece) > bytes_max:
                yield group
                group, size = [], 0
            group.append(piece)
            size += len(piece)
    if group:
        yield group


def _rest(batches: Sequence[Lines], decided_bytes: int) -> Iterator[Lines]:
    """What comes after the bytes that are decided; a line of which only a part is comes again whole."""
    for lines in batches:
        first = bytes(memoryview(lines)[:decided_bytes]).count(b"\n")
        decided_bytes = max(0, decided_bytes - len(lines))
        if first < lines.count:
            yield lines.slice(first, lines.count) if first else lines


def _pieces(lines: Lines, bytes_max: int) -> Iterator[Lines]:
    if len(lines) <= bytes_max or lines.count == 1:
        yield lines
        return
    half = lines.count // 2
    yield from _pieces(lines.slice(0, half), bytes_max)
    yield from _pieces(lines.slice(half, lines.count), bytes_max)


def _worded(error: Exception) -> str:
    """What went wrong with a connection, in words that hold nothing of the other side's."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the server's certificate cannot be trusted"
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        return "the answer is not HTTP"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server closed the connection"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the server's name cannot be resolved"
    if isinstance(error, OSError) and error.strerror:
        return f"no connection: {error.strerror}"
    return f"no connection: {type(error).__name__}"
