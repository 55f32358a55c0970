"""An HTTP server under test and its peers, byte by byte: what a client library would hide."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import asynccontextmanager

from aiohttp import web
from conftest import WAIT_SECONDS

from headrig.net.access import OPEN
from headrig.net.http_server import Httpd, answer, stream
from headrig.net.router import Route, Router, parameters
from headrig.net.sockets import Listener

GET = b"GET /quick HTTP/1.1\r\nHost: localhost\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345"


async def until(done: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not done():  # noqa: ASYNC110 (what a test waits for has no event)
            await asyncio.sleep(0.001)


class Peer:
    """One client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def status(self) -> int:
        """Of the next answer, read whole; 0 when the connection has been closed instead."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await self._reader.readexactly(int(length.split(b":")[1]))
        return int(head.split(b" ")[1])

    async def ask(self, request: bytes = GET) -> int:
        self.send(request)
        return await self.status()

    async def until(self, end: bytes) -> bytes:
        """What comes up to this."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._reader.readuntil(end)

    async def rest(self) -> bytes:
        """What comes until the connection ends."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._reader.read()

    def close(self) -> None:
        self._writer.close()


class Server:
    """An `Httpd` of few connections with a handler that waits."""

    def __init__(self, family: socket.AddressFamily, address: str) -> None:
        self.refused = 0
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self.httpd = Httpd(3, self._refuse, lambda *_: None)
        self.ended = asyncio.Event()
        paths = {"/quick": self._quick, "/slow": self._slow, "/unread": self._quick, "/stream/{kind}": self._stream}
        routes = {(method, path): Route(handler, OPEN) for path, handler in paths.items() for method in ("GET", "POST")}
        self.httpd.router = Router(routes)
        self._bound = socket.socket(family, socket.SOCK_STREAM)
        self._bound.bind(address if family == socket.AF_UNIX else (address, 0))
        self._bound.listen()
        self._bound.setblocking(False)
        self._peers: list[Peer] = []

    def _refuse(self) -> None:
        self.refused += 1

    async def _quick(self, _: web.BaseRequest) -> web.StreamResponse:
        return answer(200, {})

    async def _slow(self, _: web.BaseRequest) -> web.StreamResponse:
        self.begun.set()
        await self.go.wait()
        return answer(200, {})

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        return await stream(request, "text/event-stream", self._chunks(parameters(request)["kind"]))

    async def _chunks(self, kind: str):
        try:
            yield b"first;"
            if kind == "endless":
                while True:
                    yield bytes(100_000)
            self.begun.set()
            await self.go.wait()
            if kind == "bug":
                raise RuntimeError("canary")
            yield b"last."
        finally:
            self.ended.set()

    async def peer(self) -> Peer:
        """Connect."""
        address = self._bound.getsockname()
        if self._bound.family == socket.AF_UNIX:
            self._peers.append(Peer(*await asyncio.open_unix_connection(address)))
        else:
            self._peers.append(Peer(*await asyncio.open_connection(*address)))
        return self._peers[-1]

    async def peers(self, count: int) -> list[Peer]:
        """So many that were answered once, one after the other, and idle."""
        made = [await self.peer() for _ in range(count)]
        assert [200] * count == [await peer.ask() for peer in made]
        await self.settled(count)
        return made

    async def settled(self, idle: int) -> None:
        """Wait until so many connections idle: a client has its answer before the server has done with it."""
        await until(lambda: len(self.httpd._idle) == idle)

    @asynccontextmanager
    async def serving(self):
        async with self.httpd.serve():
            await self.httpd.listen(Listener((self._bound,)))
            yield self
            self.go.set()
            for peer in self._peers:
                peer.close()
        self._bound.close()


def served(kind, folder):
    """A server on a TCP port or on a Unix socket in this folder."""
    family, address = (socket.AF_INET, "127.0.0.1") if kind == "tcp" else (socket.AF_UNIX, str(folder / "http.sock"))
    return Server(family, address).serving()
