"""The `/metrics` page as an application in another server: one object for ASGI 2, ASGI 3 and WSGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import partial
from http import HTTPStatus
from typing import Any

from headrig.telemetry import CONTENT_TYPE

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class MetricsApp:
    """
    `page` gives the text and may take a while. Every path answers with the page; the server decides where to mount it.

    WSGI (PEP 3333) calls with two arguments, ASGI 3 with three. A server that does not recognise ASGI 3 calls in the way
    of ASGI 2, with one argument and then with two.
    """

    def __init__(self, page: Callable[[], bytes]) -> None:
        self._page = page

    def __call__(self, first: Any, second: Any = None, third: Any = None) -> Any:
        """Answer one request."""
        if second is None:
            return partial(self._asgi, first)
        if third is None:
            return self._wsgi(first, second)
        return self._asgi(first, second, third)

    def _wsgi(self, environ: Mapping[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        status, headers, body = self._answer(environ.get("REQUEST_METHOD", "GET"))
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    async def _asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, headers, body = await self._answer_aside(scope.get("method", "GET"))
            raw = [(name.lower().encode(), value.encode()) for name, value in headers]
            await send({"type": "http.response.start", "status": status.value, "headers": raw})
            await send({"type": "http.response.body", "body": body})
        else:
            await send({"type": f"{scope['type']}.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        """Acknowledge the server's start and stop; nothing depends on them."""
        while (event := await receive())["type"] in ("lifespan.startup", "lifespan.shutdown"):
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                return

    async def _answer_aside(self, method: str) -> tuple[HTTPStatus, list[tuple[str, str]], bytes]:
        """Make the page in a thread, so that the server's loop can answer other requests."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self._answer(method)
        return await loop.run_in_executor(None, self._answer, method)

    def _answer(self, method: str) -> tuple[HTTPStatus, list[tuple[str, str]], bytes]:
        status, body, more = HTTPStatus.OK, b"", []
        if method not in ("GET", "HEAD"):
            status, more = HTTPStatus.METHOD_NOT_ALLOWED, [("Allow", "GET, HEAD")]
        else:
            try:
                body = self._page()
            except TimeoutError:
                status = HTTPStatus.SERVICE_UNAVAILABLE
        headers = [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body))), *more]
        return status, headers, b"" if method == "HEAD" else body
