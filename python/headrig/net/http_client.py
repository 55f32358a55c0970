"""
An HTTP client for one endpoint, with one request at a time. The server's answer, the address beyond its host, and the
request headers never reach an error or a log.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

import aiohttp

from headrig.delivery.retry import refusal
from headrig.engine import core_version
from headrig.errors import DeliveryError, Retryable
from headrig.limits import ANSWER_BYTES_MAX, ANSWER_SECONDS_MAX


class Answer(NamedTuple):
    """The answer of an endpoint."""

    status: int
    refusal: DeliveryError | None
    """The error that the status stands for; None for 2xx."""
    body: bytes
    """The body, cut at a bound. Must not go into an error or a log."""


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
        """The connection of the current request."""
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
        """Post a body; return once the answer is 2xx. Raises `Retryable` or another `DeliveryError` otherwise."""
        answer = await self.exchange(body, headers)
        if answer.refusal is not None:
            raise answer.refusal

    async def exchange(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body; gives the answer, whatever it is. Raises `Retryable` if there is none."""
        if self._closed:
            raise Retryable("the settings change", "closed")
        try:
            async with asyncio.timeout(self._timeout_seconds) as self._deadline:
                # A stream goes out in chunks: one large write would block the loop.
                data = io.BytesIO(body)
                response = await self._session.post(self._url, data=data, headers=headers, allow_redirects=False)
        except TimeoutError:
            if self._closed:
                raise Retryable("the settings change", "closed") from None
            raise Retryable(f"no answer within {self._timeout_seconds:g} s", "timeout") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: a name that no resolver accepts. The text of these errors may quote the server.
            raise Retryable(_worded(error), "io") from None
        finally:
            self._deadline = None
        refused = refusal(response.status, response.headers.get("Retry-After"))
        return Answer(response.status, refused, await self._rest(response))

    async def close(self) -> None:
        """Disconnect, even during a request, which then counts as not delivered."""
        self._closed = True
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(0.0)
        await self._session.close()

    async def _rest(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the body of an answer, within bounds, so that the connection can be reused."""
        body = b""
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                while len(body) < ANSWER_BYTES_MAX and (chunk := await response.content.readany()):
                    body += chunk
                if len(body) < ANSWER_BYTES_MAX:
                    response.release()
        response.close()
        return body


def _worded(error: Exception) -> str:
    """Describe a connection error without any text of the other side."""
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
