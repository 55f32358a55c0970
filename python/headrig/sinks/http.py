"""Post batches to an HTTP endpoint. Accepted means that it answered 2xx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from headrig.component import Claim, OpenContext, Variable
from headrig.errors import ConfigError
from headrig.limits import Seconds
from headrig.model import Address, Secret
from headrig.net.url import address, client_tls, origin, tls_problems, url_problems, value_problems
from headrig.sinks.remote import RemoteSinkConfig

if TYPE_CHECKING:
    from headrig.sinks.http_client import PostSink


class HttpSinkConfig(RemoteSinkConfig, frozen=True, kw_only=True, tag="http"):
    """Post batches of lines to an HTTP endpoint."""

    endpoint: Address
    """http or https."""
    auth_header: Secret | None = None
    """The whole value, such as `Bearer …`."""
    auth_header_name: Annotated[str, Meta(pattern="^[A-Za-z0-9-]+$")] = "Authorization"
    format: Literal["ndjson", "array"] = "ndjson"
    compression: Literal["gzip", "none"] = "gzip"
    flush_entries_max: Annotated[int, Meta(ge=0)] = 50
    """Lines that wait for company before a request."""
    flush_seconds: Seconds = 10.0
    """Longest such wait."""
    env: ClassVar = {
        "LOG_HTTP_ENDPOINT": Variable("endpoint", needed=True),
        "LOG_HTTP_AUTH_HEADER": Variable("auth_header"),
        "LOG_HTTP_BUFFER_SIZE": Variable("flush_entries_max", "entries"),
        "LOG_HTTP_FLUSH_INTERVAL": Variable("flush_seconds", "milliseconds"),
    }

    @property
    def where(self) -> str:
        """The other side: paths and queries hold secrets."""
        return origin(self.endpoint)

    def claims(self) -> Iterator[Claim]:
        """Nothing, but it sends."""
        yield Claim("tcp", address(self.endpoint), "endpoint", sends=True)

    def problems(self, at: str) -> Iterator[ConfigError]:
        """What is wrong with these settings."""
        yield from url_problems(self.endpoint, f"{at}.endpoint")
        yield from tls_problems(self.endpoint, self.ca_file, at)
        yield from value_problems(self.auth_header, f"{at}.auth_header")

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[PostSink]:
        """Prepare; the first connection is made when there are lines."""
        # aiohttp is loaded by what serves or sends, not by what only reads settings.
        from headrig.net.http_client import Poster  # noqa: PLC0415
        from headrig.sinks.http_client import PostSink  # noqa: PLC0415

        at = context.path
        secret = self.auth_header
        tls = client_tls(self.ca_file, f"{at}.ca_file") if self.endpoint.lower().startswith("https:") else None
        headers = {self.auth_header_name: secret.strip()} if secret is not None else {}
        poster = Poster(self.endpoint, headers, timeout_seconds=self.timeout_seconds, tls=tls)
        try:
            yield PostSink(
                poster,
                body_bytes_max=self.body_bytes_max,
                array=self.format == "array",
                gzip=self.compression == "gzip",
            )
        finally:
            await poster.close()
