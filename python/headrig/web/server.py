"""The status server: `/metrics`, `/health`, `/ready`, and what components mount on it. `net.access` judges who may ask."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from headrig import telemetry
from headrig.component import Claim, ComponentConfig, OpenContext, Routes, Variable
from headrig.delivery.rate_limited_log import RateLimitedLog
from headrig.errors import ConfigError
from headrig.model import Address, Secret
from headrig.net.access import Access, bearer, token_problems
from headrig.net.sockets import Listener, TlsConfig, host_port, is_loopback
from headrig.web.views import Views

if TYPE_CHECKING:
    from headrig.net.http_server import Httpd

PAGES: Final = ("/metrics", "/health", "/ready")
"""Paths that nothing else may be mounted on."""
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")


class HttpServerConfig(ComponentConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[http]` table: status for anyone who can reach it, and what components serve, for those who may."""

    listen: Address = "127.0.0.1:9600"
    """`host:port`."""
    tls: TlsConfig | None = None
    hosts: tuple[str, ...] = ()
    """Names of this machine that a client may use in Host; addresses and `localhost` always pass."""
    token: Secret | None = None
    """Bearer token for everything but `/metrics`, `/health` and `/ready`."""
    env: ClassVar = {
        "HEADRIG_HTTP_LISTEN": Variable("listen", needed=True),
        # In a service it is the service's own.
        "PORT": Variable("listen", "port", program="run"),
    }

    def __repr__(self) -> str:
        """Only where: the token is a secret."""
        return f"HttpServerConfig(listen={self.listen!r}, …)"

    @property
    def where(self) -> str:
        """Its address."""
        return f"{'https' if self.tls else 'http'}://{self.listen}"

    def claims(self) -> Iterator[Claim]:
        """Its address and its pages."""
        yield Claim("tcp", self.listen, "listen", guarded=self.token is not None)
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
        yield from token_problems(self.token, at)
        if not all(_HOST.fullmatch(host.lower()) for host in self.hosts):
            remedy = 'write names alone, without scheme or port, such as "logs.example"'
            yield ConfigError("not a host name", path=f"{at}.hosts", remedy=remedy)

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[StatusServer]:
        """Take the address; pages are served from `StatusServer.start` on."""
        # aiohttp is loaded by what serves, not by what only reads settings.
        from headrig.net.http_server import Httpd  # noqa: PLC0415

        tls = self.tls.context(f"{context.path}.tls") if self.tls else None
        token = bearer(self.token)
        listener = Listener(context.sockets.tcp(self.listen, f"{context.path}.listen"), tls)
        host = self.listen.rpartition(":")[0]
        where = f"{'https' if tls else 'http'}://{host}:{listener.port}"
        server = StatusServer(listener, where, self._access(token), context)
        server.httpd = Httpd(context.limits.connections_max, server.refused, server.missed)
        try:
            async with server.httpd.serve():
                yield server
        finally:
            context.sockets.release(server.listener.bound)

    def _access(self, token: bytes | None) -> Access:
        loopback = is_loopback(host_port(self.listen, "http.listen")[0])
        return Access(loopback, token, frozenset(host.lower() for host in self.hosts), "http.")


class StatusServer:
    """The running server."""

    httpd: Httpd

    def __init__(self, listener: Listener, where: str, access: Access, context: OpenContext) -> None:
        self.listener = listener
        self.where = where
        """Its URL, with the port it really has."""
        self._access = access
        self._telemetry = context.telemetry
        self._warnings = RateLimitedLog(context.clock)
        self._pages: Routes = {}
        self._mounted: Routes = {}

    async def start(self, views: Views) -> None:
        """Show these, and let peers in."""
        from headrig.web.pages import pages  # noqa: PLC0415  # as above

        self._pages = pages(views)
        self._settle_in()
        await self.httpd.listen(self.listener)

    def mount(self, routes: Routes) -> None:
        """Serve these beside the pages, and no others."""
        self._mounted = routes
        self._settle_in()

    def refused(self) -> None:
        """Count a connection that was one too many."""
        self._telemetry.add(telemetry.ERRORS, 1, "http", "server", "http", "connections_max", "connecting")

    def missed(self, error: str, text: str) -> None:
        """Count a request that was for nothing that is here, or that may not ask, and say so now and then."""
        self._telemetry.add(telemetry.ERRORS, 1, "http", "server", "http", error, "receiving")
        self._warnings.warn(error, f"http: {text}")

    async def renew(self, changed: StatusServer) -> None:
        """Go on with the listener of one that was opened with other settings, which gets the listener of this one."""
        self.listener, changed.listener = changed.listener, self.listener
        self.where, self._access = changed.where, changed._access
        self._settle_in()
        await self.httpd.listen(self.listener)

    def _settle_in(self) -> None:
        """In one step, so that no request meets half of it."""
        from headrig.net.router import Router  # noqa: PLC0415  # as above

        self.httpd.router = Router({**self._pages, **self._mounted}, self._access)
