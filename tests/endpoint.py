"""An HTTP endpoint on loopback that answers as a test tells it, and a clock for what waits to be tried again."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Endpoint:
    """What came in, and what to answer next; without a next answer it takes everything."""

    url: str = ""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """Path, headers, body after decompression."""
    answers: list[Answer] = field(default_factory=list)
    accepted: list[bytes] = field(default_factory=list)
    """Bodies answered 2xx."""

    @property
    def lines(self) -> list[bytes]:
        """Of all accepted bodies."""
        return b"".join(self.accepted).splitlines()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take one request."""
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip":
            body = zlib.decompress(body, wbits=31)
        self.requests.append((request.path_qs, dict(request.headers), body))
        response = await self.answers.pop(0)(request) if self.answers else web.Response(status=204)
        if 200 <= response.status < 300:
            self.accepted.append(body)
        return response


@asynccontextmanager
async def serving(ssl=None, port: int = 0) -> AsyncIterator[Endpoint]:
    """An endpoint that listens."""
    endpoint = Endpoint()
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_route("*", "/{rest:.*}", endpoint.handle)
    # aiohttp would decompress on its own.
    runner = web.AppRunner(app, access_log=None, auto_decompress=False, handler_cancellation=True, shutdown_timeout=0.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=ssl)
    await site.start()
    scheme = "https" if ssl else "http"
    endpoint.url = f"{scheme}://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    try:
        yield endpoint
    finally:
        await runner.cleanup()


def status(code: int, text: str = "", **headers: str) -> Answer:
    """Answer with this status."""

    async def answer(_: web.Request) -> web.StreamResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=text, headers=names)

    return answer


async def hang(_: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def reset(request: web.Request) -> web.StreamResponse:
    """Cut the connection instead of answering."""
    request.transport.abort()
    return web.Response(status=500)


async def reset_halfway(request: web.Request) -> web.StreamResponse:
    """Accept, then cut the connection within the body of the answer."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"half")
    request.transport.abort()
    return response


async def talk_forever(request: web.Request) -> web.StreamResponse:
    """Accept, with an answer that has no end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65536)


class Pauses:
    """Waits that end when a test lets them; takes the place of `RunState.pause`."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._go = asyncio.Semaphore(0)

    async def __call__(self, seconds: float, hurry: asyncio.Event) -> None:
        """Wait for `let_go`, or for a reason to hurry."""
        self.asked.append(seconds)
        waits = [asyncio.ensure_future(each) for each in (self._go.acquire(), hurry.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    def let_go(self, times: int = 1) -> None:
        """End so many waits."""
        for _ in range(times):
            self._go.release()
