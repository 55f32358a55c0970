"""
One aiohttp server with headrig's bounds: connections, header sizes, peers that never finish a request. Paths are
looked up per request, so that parts can come and go while it runs. Knows nothing of what the paths mean.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, cast

import msgspec
from aiohttp import web

from headrig.limits import BACKLOG_CONNECTIONS, BODY_IDLE_SECONDS, HEADER_BYTES_MAX
from headrig.listen import Door, leave

log: Final = logging.getLogger("headrig.http")
_silenced: Final = logging.getLogger("headrig.http.aiohttp")
"""What aiohttp would say quotes what a peer sent: a log line that went to the wrong port must not show up in ours."""
_silenced.setLevel(logging.CRITICAL + 1)
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Missed = Callable[[str, str], None]
"""Takes the name under which a request for nothing that is here is counted, and what to say: never the path, which may
hold somebody's secret."""


def answer(status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON response."""
    return web.Response(
        status=status, body=msgspec.json.encode(body) + b"\n", content_type="application/json", headers=headers
    )


def peer(request: web.BaseRequest) -> str:
    """From where a request came, for people."""
    return request.remote or "a process on this machine"


class Httpd:
    """Methods and paths to handlers."""

    def __init__(self, connections_max: int, refused: Callable[[], None], missed: Missed) -> None:
        self._routes: dict[str, dict[str, Handler]] = {}
        self.connections_max = connections_max
        self._refused = refused
        self._missed = missed
        self._loop = asyncio.get_running_loop()
        self._server = web.Server(
            self._dispatch,
            access_log=None,
            logger=_silenced,
            auto_decompress=False,
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
        )
        self._listener: asyncio.AbstractServer | None = None
        self._door: Door | None = None
        self._silent: dict[asyncio.BaseProtocol, float] = {}
        """Connections that have not sent a whole request yet, since when. aiohttp times out the others by itself."""

    def mount(self, path: str, methods: Mapping[str, Handler]) -> None:
        """Serve `path`; replaces what was there."""
        self._routes[path] = dict(methods)

    def unmount(self, path: str) -> None:
        """No longer serve `path`."""
        self._routes.pop(path, None)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Answer whoever comes by `listen`, for as long as the context lasts; then end what is being answered."""
        self._sweep()
        try:
            yield
        finally:
            self._timer.cancel()
            if self._listener is not None:
                self._listener.close()
            # Peers that keep a connection open without a request are not waited for.
            self._server.pre_shutdown()
            await self._server.shutdown(1.0)

    async def listen(self, door: Door | None) -> None:
        """Take connections there, and no longer where it did before. Those that are open go on."""
        listener = None
        if door is not None:
            make = self._loop.create_unix_server if door.bound.family == socket.AF_UNIX else self._loop.create_server
            listener = await make(self._connection, sock=door.bound, backlog=BACKLOG_CONNECTIONS, ssl=door.tls)
        before, self._listener = self._listener, listener
        left, self._door = self._door, door
        if before is not None and left is not None:
            await leave(before, left, door)

    def _connection(self) -> asyncio.Protocol:
        if len(self._server.connections) >= self.connections_max:
            self._refused()
            return _Refused()
        protocol = self._server()
        self._silent[protocol] = self._loop.time()
        return protocol

    def _sweep(self) -> None:
        """Disconnect peers that opened a connection and never finished a request."""
        late = self._loop.time() - BODY_IDLE_SECONDS
        self._silent = {each: self._silent[each] for each in self._server.connections if each in self._silent}
        for protocol in self._server.connections:
            if self._silent.get(protocol, late) < late:
                protocol.force_close()
        self._timer = self._loop.call_later(BODY_IDLE_SECONDS / 4, self._sweep)

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        self._silent.pop(request.protocol, None)
        methods = self._routes.get(request.path)
        if methods is None:
            here = ", ".join(sorted(self._routes))
            self._missed("path", f"answered 404 to {peer(request)}, who asks for another path than {here}")
            return answer(404, {"error": "not found", "paths": sorted(self._routes)})
        handler = methods.get(request.method)
        if handler is None:
            takes = ", ".join(sorted(methods))
            self._missed("method", f"answered 405 to {peer(request)}: {request.path} takes {takes}")
            return answer(405, {"error": "method not allowed"}, {"Allow": ", ".join(sorted(methods))})
        try:
            return await handler(request)
        except (ConnectionError, asyncio.CancelledError, web.HTTPException):
            raise
        except Exception:
            log.exception("answering a request failed")
            return answer(500, {"error": "internal error"})


class _Refused(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say nothing."""
        # uvloop's transports are not asyncio's by class.
        cast("asyncio.Transport", transport).abort()
