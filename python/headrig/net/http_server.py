"""
An aiohttp server with headrig's bounds: on connections, on header sizes, on peers that never finish a request or stay
idle. Its router decides what answers and may be exchanged at any time; the server knows nothing about paths.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

import msgspec
from aiohttp import web

from headrig.limits import BACKLOG_CONNECTIONS, BODY_IDLE_SECONDS, HEADER_BYTES_MAX, KEEP_ALIVE_SECONDS
from headrig.net.access import Refusal
from headrig.net.router import NotFound, Refused, Route, Router, keep_parameters
from headrig.net.sockets import Listener, is_loopback, leave

log: Final = logging.getLogger("headrig.http")
_silenced: Final = logging.getLogger("headrig.http.aiohttp")
"""aiohttp's own message quotes the peer: a log line sent to the wrong port must not appear in headrig's log."""
_silenced.setLevel(logging.CRITICAL + 1)
_KEEP_FILE: Final[dict[str, Any]] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
"""From Python 3.13 on a loop removes the socket file when a listener is closed, although the next one goes on with it."""
_NAME: Final = {"Server": "headrig"}


def answer(
    status: int, body: Mapping[str, object] | msgspec.Struct, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON response."""
    return web.Response(
        status=status, body=msgspec.json.encode(body) + b"\n", content_type="application/json", headers=headers
    )


def peer(request: web.BaseRequest) -> str:
    """The peer of a request, for people."""
    return request.remote or "a process on this machine"


async def stream(
    request: web.BaseRequest, content_type: str, chunks: AsyncGenerator[bytes, None]
) -> web.StreamResponse:
    """
    Answer with pieces as they come. It ends with them, when the peer is gone or takes none for `BODY_IDLE_SECONDS`, and
    when the server ends; the generator is closed then.
    """
    response = web.StreamResponse(headers={"Content-Type": content_type, **_NAME})
    await response.prepare(request)
    async with aclosing(chunks):
        if request.method == "HEAD":
            return response
        connection = cast("_HttpConnection", request.protocol)
        connection.streaming = asyncio.current_task()
        try:
            async for chunk in chunks:
                async with asyncio.timeout(BODY_IDLE_SECONDS):
                    await response.write(chunk)
        except TimeoutError:
            if request.transport is not None:
                # The peer does not read what waits to be sent.
                request.transport.abort()
            raise ConnectionResetError from None
        finally:
            connection.streaming = None
    await response.write_eof()
    return response


class Httpd:
    """A server for the routes of its router."""

    def __init__(self, connections_max: int, refused: Callable[[], None], missed: Refused) -> None:
        self.router = Router()
        """May be exchanged at any time: a request uses the router that is in place when its header is complete."""
        self.connections_max = connections_max
        self._refused = refused
        self._missed = missed
        self._loop = asyncio.get_running_loop()
        self._server = web.Server(self._dispatch)
        self._listeners: list[asyncio.Server] = []
        self._listener: Listener | None = None
        self._open: set[_HttpConnection] = set()
        """Open connections. Each is silent, being answered, or idle."""
        self._silent: dict[_HttpConnection, float] = {}
        """Connections without a complete request yet, and since when; oldest first."""
        self._idle: dict[_HttpConnection, None] = {}
        """Connections that were answered and have sent nothing since; longest idle first. aiohttp ends them in time."""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Serve the connections of `listen` while the context lasts; then end the answers under way."""
        self._sweep()
        try:
            yield
        finally:
            self._timer.cancel()
            for listener in self._listeners:
                listener.close()
            for connection in self._open:
                if connection.streaming is not None:
                    connection.streaming.cancel()
            # Do not wait for peers that keep a connection open without a request.
            self._server.pre_shutdown()
            await self._server.shutdown(1.0)

    async def listen(self, listener: Listener | None) -> None:
        """Take connections there, and no longer where it did before. Those that are open go on."""
        listeners = []
        for bound in listener.bound if listener is not None else ():
            make: Callable[..., Awaitable[asyncio.Server]] = self._loop.create_server
            if bound.family == socket.AF_UNIX:
                make = partial(self._loop.create_unix_server, **_KEEP_FILE)
            tls = listener.tls if listener is not None else None
            listeners.append(await make(self._connection, sock=bound, backlog=BACKLOG_CONNECTIONS, ssl=tls))
        before, self._listeners = self._listeners, listeners
        left, self._listener = self._listener, listener
        if left is not None:
            await leave(before, left, listener)

    def _connection(self) -> asyncio.Protocol:
        return _HttpConnection(self, self._server, self._loop)

    def admit(self, connection: _HttpConnection) -> bool:
        """Take a new connection. If there are too many, close the longest idle one, or refuse the new one."""
        while len(self._open) >= self.connections_max and self._idle:
            idle = next(iter(self._idle))
            self.remove(idle)
            idle.force_close()
        if len(self._open) >= self.connections_max:
            self._refused()
            return False
        self._open.add(connection)
        self._silent[connection] = self._loop.time()
        return True

    def hear(self, connection: _HttpConnection) -> None:
        """Note incoming data: a connection that was answered begins another request."""
        if connection in self._idle:
            del self._idle[connection]
            self._silent[connection] = self._loop.time()
        elif connection.request is not None and connection.request.content.is_eof():
            connection.ahead = True

    def remove(self, connection: _HttpConnection) -> None:
        """Note that a connection is closed, or about to be."""
        self._open.discard(connection)
        self._silent.pop(connection, None)
        self._idle.pop(connection, None)
        connection.request = None

    def _begin(self, request: web.BaseRequest) -> None:
        """Note a complete header: the connection is busy until the answer is written and the body read."""
        connection = cast("_HttpConnection", request.protocol)
        connection.request, connection.ahead = request, False
        self._silent.pop(connection, None)
        self._idle.pop(connection, None)
        answering = cast("asyncio.Task[None]", asyncio.current_task())
        # One turn of the loop later, when a pipelined request has begun.
        answering.add_done_callback(lambda _: self._loop.call_soon(self._answered, connection, request))

    def _answered(self, connection: _HttpConnection, request: web.BaseRequest) -> None:
        def rest() -> None:
            if connection.request is not request:
                return
            connection.request = None
            if connection.ahead:
                self._silent[connection] = self._loop.time()
            else:
                self._idle[connection] = None

        request.content.on_eof(rest)

    def _sweep(self) -> None:
        """Disconnect peers that began a request and never finished it."""
        late = self._loop.time() - BODY_IDLE_SECONDS
        for connection in [each for each, since in self._silent.items() if since < late]:
            connection.force_close()
        self._timer = self._loop.call_later(BODY_IDLE_SECONDS / 4, self._sweep)

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        self._begin(request)
        found = self.router.find(request.method, request.rel_url.raw_path)
        if isinstance(found, NotFound):
            return self._miss(request, found)
        local = cast("_HttpConnection", request.protocol).local
        if (refusal := self.router.access.judge(request.headers, found.route.guard, local=local)) is not None:
            return self._refuse(request, refusal, found.route)
        keep_parameters(request, found)
        try:
            return await found.route.handler(request)
        except (ConnectionError, asyncio.CancelledError, web.HTTPException):
            raise
        except Exception:
            log.exception("answering a request failed")
            if request.writer.output_size:
                # The answer has begun and can only break off.
                cast("_HttpConnection", request.protocol).force_close()
                raise ConnectionResetError from None
            return answer(500, {"error": "internal error"})

    def _miss(self, request: web.BaseRequest, found: NotFound) -> web.Response:
        """Nothing is there for this method, or at this path."""
        if found.path:
            takes = ", ".join(found.methods)
            self._missed("method", f"answered 405 to {peer(request)}: {found.path} takes {takes}")
            return answer(405, {"error": "method not allowed"}, {"Allow": takes})
        paths = self.router.paths
        here = ", ".join(paths)
        self._missed("path", f"answered 404 to {peer(request)}, who asks for another path than {here}")
        return answer(404, {"error": "not found", "paths": paths})

    def _refuse(self, request: web.BaseRequest, refusal: Refusal, route: Route) -> web.Response:
        """Counted by whom the route belongs to."""
        remedy = f"; {refusal.remedy}" if refusal.remedy else ""
        text = f"answered {refusal.status} to {peer(request)}: {refusal.reason}{remedy}"
        (route.refused or self._missed)(refusal.kind, text)
        return answer(refusal.status, {"error": refusal.reason}, refusal.headers)


class _HttpConnection(web.RequestHandler):
    """
    aiohttp's side of one connection, which tells what it sees. No answer names versions or repeats what a peer sent.
    """

    def __init__(self, httpd: Httpd, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            access_log=cast("logging.Logger", None),
            logger=_silenced,
            auto_decompress=False,
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
        )
        self._httpd = httpd
        self.request: web.BaseRequest | None = None
        """What is being answered."""
        self.ahead = False
        """Something has come behind it."""
        self.local = False
        """It came to an address that only this machine can reach."""
        self.streaming: asyncio.Task[Any] | None = None
        """Answers in pieces, for as long as there is somebody to take them."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or end without a word."""
        address = transport.get_extra_info("sockname")
        self.local = not isinstance(address, tuple) or is_loopback(address[0])
        if self._httpd.admit(self):
            super().connection_made(transport)
        else:
            # uvloop's transports are not asyncio's by class.
            cast("asyncio.Transport", transport).abort()

    def data_received(self, data: bytes) -> None:
        """Say that something came. aiohttp also calls this with nothing, to go on with what it has."""
        if data:
            self._httpd.hear(self)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Say that it is over."""
        self._httpd.remove(self)
        if self.streaming is not None:
            self.streaming.cancel()
        super().connection_lost(exc)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send it, under our name."""
        resp.headers.update(_NAME)
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  # it quotes the request
    ) -> web.StreamResponse:
        """The answer to what is no request."""
        super().handle_error(request, status, exc)
        response = answer(status, {"error": HTTPStatus(status).phrase.lower()})
        response.force_close()
        return response
