"""Newline-delimited lines over TCP, with or without TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from headrig.errors import ConfigError
from headrig.limits import Limits
from headrig.model import Part
from headrig.net.sockets import Door, Sockets, TlsConfig, address_problems
from headrig.sources.stream import StreamSource


class TcpConfig(Part, frozen=True, kw_only=True, tag="tcp"):
    """Listen for newline-delimited lines."""

    listen: str
    """`host:port`."""
    tls: TlsConfig | None = None
    insecure_listen: bool = False
    """Accept that others can reach an address without TLS."""

    @property
    def address(self) -> str:
        """What no other part may listen on."""
        return self.listen

    def problems(self, at: str, http_listen: str | None = None) -> Iterator[ConfigError]:  # noqa: ARG002
        """What is wrong with these settings."""
        yield from address_problems(
            self.listen, at, guarded=self.tls is not None, insecure_listen=self.insecure_listen, guard="tls"
        )
        if self.tls is not None:
            yield from self.tls.problems(f"{at}.tls")

    @asynccontextmanager
    async def open(self, name: str, limits: Limits, sockets: Sockets) -> AsyncIterator[StreamSource]:
        """Listen."""
        at = f"sources.{name}"
        tls = self.tls.context(f"{at}.tls") if self.tls else None
        bound = sockets.tcp(self.listen, f"{at}.listen")
        host = self.listen.rpartition(":")[0]
        source = StreamSource(Door(bound, tls), f"tcp {host}:{bound.getsockname()[1]}", limits)
        try:
            yield source
        finally:
            sockets.release(source.door.bound)
