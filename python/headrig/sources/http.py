"""
Settings of the HTTP source: `POST /ingest`, on the status server or on an address of its own.

Serving is in `http_server.py`, which is loaded when a source opens: reading settings must not load aiohttp.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from headrig.component import Claim, OpenContext, Routes, SourceComponentConfig
from headrig.errors import ConfigError
from headrig.model import Address, FileMode, RoutePath, Secret
from headrig.net.access import Guard, bearer, token_problems
from headrig.net.sockets import Listener, TlsConfig, address_problems, socket_file_problems

if TYPE_CHECKING:
    from headrig.sources.http_server import IngestSource

_GUARD = "a token"
_UNIX = "unix:"


class HttpSourceConfig(SourceComponentConfig, frozen=True, kw_only=True, tag="http"):
    """Take lines by HTTP. Each request is answered once every required sink accepted its lines."""

    listen: Address | None = None
    """`host:port` or `unix:/path` of its own; without it the path is mounted on the status server."""
    mode: FileMode = "0660"
    """Permissions of the socket file, octal. Only with `listen = "unix:…"`."""
    path: RoutePath = "/ingest"
    tls: TlsConfig | None = None
    """Only with `listen`."""
    token: Secret | None = None
    """Bearer token that a request must show."""
    insecure_listen: bool = False
    """Accept that others can reach an address without a token."""

    def __repr__(self) -> str:
        """Only the kind: the token is a secret."""
        return "HttpSourceConfig(…)"

    renewable: ClassVar[bool] = True

    @property
    def where(self) -> str:
        """Its address and path."""
        if self.listen is None:
            return f"http {self.path} on the status server"
        if self.listen.startswith(_UNIX):
            return f"http {self.path} on unix {self.listen.removeprefix(_UNIX)}"
        return f"{'https' if self.tls else 'http'}://{self.listen}{self.path}"

    @property
    def _guarded(self) -> bool:
        return self.token is not None

    def claims(self) -> Iterator[Claim]:
        """The address of its own, or a path of the status server."""
        if self.listen is None:
            yield Claim("route", self.path, "path", guarded=self._guarded or self.insecure_listen)
        elif self.listen.startswith(_UNIX):
            yield Claim("unix", self.listen.removeprefix(_UNIX), "listen")
        else:
            yield Claim("tcp", self.listen, "listen")

    def problems(self, at: str) -> Iterator[ConfigError]:
        """What is wrong with these settings."""
        yield from token_problems(self.token, at)
        if self.listen is not None and self.listen.startswith(_UNIX):
            yield from socket_file_problems(self.listen.removeprefix(_UNIX), f"{at}.listen")
            if self.tls is not None:
                remedy = "remove it: the socket file's mode says who may connect"
                yield ConfigError("a socket file has no tls", path=f"{at}.tls", remedy=remedy)
            return
        if self.listen is not None:
            yield from address_problems(
                self.listen, at, guarded=self._guarded, insecure_listen=self.insecure_listen, guard=_GUARD
            )
            if self.tls is not None:
                yield from self.tls.problems(f"{at}.tls")
            return
        if self.tls is not None:
            yield ConfigError(
                "tls needs an address of its own", path=f"{at}.tls", remedy=f"set {at}.listen, or use http.tls"
            )

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[IngestSource]:
        """Listen, or prepare to be mounted."""
        # aiohttp is loaded by what serves, not by what only reads settings.
        from headrig.sources.http_server import IngestSource  # noqa: PLC0415

        guard = Guard(bearer(self.token), insecure=self.insecure_listen)
        listener, host = (None, None) if self.listen is None else self._listener(self.listen, context)
        source = IngestSource(self.path, guard, context.limits, listener, host)
        try:
            async with source.serve():
                yield source
        finally:
            if source.listener is not None:
                context.sockets.release(source.listener.bound)

    def routes(self, opened: Any) -> Routes:
        """`POST` of its path, unless it has an address of its own."""
        if self.listen is not None:
            return {}
        return {("POST", self.path): opened.route}

    def feeding(self, where: str, status: str, *, guarded: bool) -> str:
        """By curl."""
        url = where if self.listen is not None else f"{status}{self.path}"
        if self.listen is not None and self.listen.startswith(_UNIX):
            url = f"--unix-socket {where.rpartition(' ')[2]} http://localhost{self.path}"
        wants_token = self._guarded or (guarded and self.listen is None)
        bearer = " -H 'Authorization: Bearer TOKEN'" if wants_token else ""
        return f"curl -sS --data-binary @app.log -H 'Content-Type: application/x-ndjson'{bearer} {url}"

    def _listener(self, listen: str, context: OpenContext) -> tuple[Listener, str | None]:
        """Where it listens, and the name of that."""
        at, sockets = context.path, context.sockets
        if listen.startswith(_UNIX):
            file, mode = listen.removeprefix(_UNIX), int(self.mode, 8)
            return Listener(sockets.unix(file, mode, f"{at}.listen", context.created), None, file, mode), None
        tls = self.tls.context(f"{at}.tls") if self.tls else None
        return Listener(sockets.tcp(listen, f"{at}.listen"), tls), listen.rpartition(":")[0]
