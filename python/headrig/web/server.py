"""The status server: `/metrics`, `/health`, `/ready`, and what a source mounts on it. It only reads, through `Status`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from headrig.component import Claim, ComponentConfig, OpenContext, Variable
from headrig.errors import ConfigError
from headrig.model import Address
from headrig.net.sockets import Door, TlsConfig, host_port

if TYPE_CHECKING:
    from headrig.net.http_server import Httpd


PAGES: Final = ("/metrics", "/health", "/ready")
"""Paths that nothing else may be mounted on."""


class Status(Protocol):
    """What the status server shows."""

    def health(self) -> tuple[bool, Mapping[str, object]]:
        """Whether it works, and what to say about it."""

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        """Whether every source listens."""

    def refused(self) -> None:
        """A connection was refused: there are too many."""

    def missed(self, error: str, text: str) -> None:
        """A request was for nothing that is here: count it under this name, and say so now and then."""

    async def metrics_page(self) -> bytes:
        """Prometheus text."""


class HttpServerConfig(ComponentConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[http]` table: status for anyone who can reach it, nothing that writes."""

    listen: Address = "127.0.0.1:9600"
    """`host:port`."""
    tls: TlsConfig | None = None
    env: ClassVar = {
        "HEADRIG_HTTP_LISTEN": Variable("listen", needed=True),
        # In a service it is the service's own.
        "PORT": Variable("listen", "port", door="run"),
    }

    @property
    def where(self) -> str:
        """Its address."""
        return f"{'https' if self.tls else 'http'}://{self.listen}"

    def claims(self) -> Iterator[Claim]:
        """Its address and its pages."""
        yield Claim("tcp", self.listen, "listen")
        for page in PAGES:
            yield Claim("route", page, "listen")

    def problems(self, at: str) -> Iterator[ConfigError]:
        """What is wrong with these settings. Metrics and health need no guard, so any address will do."""
        try:
            host_port(self.listen, f"{at}.listen")
        except ConfigError as error:
            yield error
        if self.tls is not None:
            yield from self.tls.problems(f"{at}.tls")

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[StatusServer]:
        """Take the address; pages are served from `StatusServer.start` on."""
        # aiohttp is loaded by what serves, not by what only reads settings.
        from headrig.net.http_server import Httpd  # noqa: PLC0415

        tls = self.tls.context(f"{context.path}.tls") if self.tls else None
        bound = context.sockets.tcp(self.listen, f"{context.path}.listen")
        host = self.listen.rpartition(":")[0]
        where = f"{'https' if tls else 'http'}://{host}:{bound.getsockname()[1]}"
        server = StatusServer(Door(bound, tls), where)
        server.httpd = Httpd(context.limits.connections_max, server.refused, server.missed)
        try:
            async with server.httpd.serve():
                yield server
        finally:
            context.sockets.release(server.door.bound)


class StatusServer:
    """The running server."""

    httpd: Httpd
    _status: Status

    def __init__(self, door: Door, where: str) -> None:
        self.door = door
        self.where = where
        """Its URL, with the port it really has."""

    async def start(self, status: Status) -> None:
        """Show this, and let peers in."""
        from headrig.web.pages import pages  # noqa: PLC0415  # as above

        self._status = status
        for path, methods in pages(status).items():
            self.httpd.mount(path, methods)
        await self.httpd.listen(self.door)

    def refused(self) -> None:
        """A connection was one too many."""
        self._status.refused()

    def missed(self, error: str, text: str) -> None:
        """A request was for nothing that is here."""
        self._status.missed(error, text)

    async def renew(self, changed: StatusServer) -> None:
        """Go on behind the door of one that was opened with other settings, which gets the door of this one."""
        self.door, changed.door = changed.door, self.door
        self.where = changed.where
        await self.httpd.listen(self.door)
