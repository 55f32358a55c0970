"""
Ship lines to another headrig, which answers once its required sinks have them. It redacts them again, which changes
nothing: redaction applied twice equals redaction applied once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from headrig.component import Claim, OpenContext, Variable
from headrig.errors import ConfigError
from headrig.limits import Seconds
from headrig.model import Address, RoutePath, Secret
from headrig.net.sockets import unix_path_problems
from headrig.net.url import address, client_tls, origin, tls_problems, url_problems, value_problems
from headrig.sinks.remote import RemoteSinkConfig

if TYPE_CHECKING:
    from headrig.sinks.http_client import PostSink

_UNIX = "unix:"
_FORMS = "write unix:/path, http://host:port or https://host:port"


class ForwardConfig(RemoteSinkConfig, frozen=True, kw_only=True, tag="forward"):
    """Ship lines to the `/ingest` of another headrig."""

    to: Address
    """`http://host:port`, `https://host:port` or `unix:/path`."""
    path: RoutePath = "/ingest"
    token: Secret | None = None
    """Bearer token that the other side requires."""
    compression: Literal["gzip", "none"] | None = None
    """None: gzip, but nothing over a Unix socket."""
    flush_entries_max: Annotated[int, Meta(ge=0)] = 1000
    """Lines that wait for company before a request."""
    flush_seconds: Seconds = 0.2
    """Longest such wait."""
    env: ClassVar = {
        "HEADRIG_TO": Variable("to", program="service", needed=True),
        "HEADRIG_TOKEN": Variable("token", program="service"),
    }

    @property
    def where(self) -> str:
        """The other side."""
        return self.to if self._socket else origin(self.to)

    def claims(self) -> Iterator[Claim]:
        """Nothing, but it sends."""
        if self._socket:
            yield Claim("unix", self._socket, "to", sends=True)
        else:
            yield Claim("tcp", address(self.to), "to", sends=True)

    @property
    def _socket(self) -> str | None:
        return self.to.removeprefix(_UNIX) if self.to.startswith(_UNIX) else None

    def problems(self, at: str) -> Iterator[ConfigError]:
        """What is wrong with these settings."""
        if self._socket is not None:
            yield from unix_path_problems(self._socket, f"{at}.to")
        else:
            wrong = list(url_problems(self.to, f"{at}.to", remedy=_FORMS))
            yield from wrong
            if not wrong and (urlsplit(self.to).path not in ("", "/") or urlsplit(self.to).query):
                remedy = "write them alone, and a path other than /ingest into the key `path`"
                yield ConfigError("goes beyond host and port", path=f"{at}.to", remedy=remedy)
        yield from tls_problems(self.to, self.ca_file, at)
        yield from value_problems(self.token, f"{at}.token")

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[PostSink]:
        """Prepare; the first connection is made when there are lines."""
        # aiohttp is loaded by what serves or sends, not by what only reads settings.
        from headrig.net.http_client import Poster  # noqa: PLC0415
        from headrig.sinks.http_client import PostSink  # noqa: PLC0415

        at = context.path
        tls = client_tls(self.ca_file, f"{at}.ca_file") if self.to.lower().startswith("https:") else None
        headers = {"Authorization": f"Bearer {self.token.strip()}"} if self.token is not None else {}
        # Over a Unix socket the other side requires a name of this machine in Host, as from any loopback client.
        base = "http://localhost" if self._socket else self.to.rstrip("/")
        poster = Poster(
            base + self.path, headers, timeout_seconds=self.timeout_seconds, tls=tls, socket_path=self._socket
        )
        gzip = self.compression == "gzip" or (self.compression is None and self._socket is None)
        try:
            yield PostSink(poster, body_bytes_max=self.body_bytes_max, gzip=gzip)
        finally:
            await poster.close()
