"""Newline-delimited lines over TCP, with or without TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import ClassVar

from headrig.component import Claim, OpenContext, SourceComponentConfig
from headrig.errors import ConfigError
from headrig.model import Address
from headrig.net.sockets import Listener, TlsConfig, address_problems, host_port
from headrig.sources.stream import StreamSource


class TcpConfig(SourceComponentConfig, frozen=True, kw_only=True, tag="tcp"):
    """Listen for newline-delimited lines."""

    listen: Address
    """`host:port`."""
    tls: TlsConfig | None = None
    insecure_listen: bool = False
    """Accept that others can reach an address without TLS."""

    renewable: ClassVar[bool] = True

    @property
    def where(self) -> str:
        """Its address."""
        return f"tcp {self.listen}"

    def claims(self) -> Iterator[Claim]:
        """Its address."""
        yield Claim("tcp", self.listen, "listen")

    def problems(self, at: str) -> Iterator[ConfigError]:
        """What is wrong with these settings."""
        yield from address_problems(
            self.listen, at, guarded=self.tls is not None, insecure_listen=self.insecure_listen, guard="tls"
        )
        if self.tls is not None:
            yield from self.tls.problems(f"{at}.tls")

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[StreamSource]:
        """Listen."""
        tls = self.tls.context(f"{context.path}.tls") if self.tls else None
        listener = Listener(context.sockets.tcp(self.listen, f"{context.path}.listen"), tls)
        host = self.listen.rpartition(":")[0]
        source = StreamSource(listener, f"tcp {host}:{listener.port}", context.limits)
        try:
            yield source
        finally:
            context.sockets.release(source.listener.bound)

    def feeding(self, where: str, status: str, *, guarded: bool) -> str:  # noqa: ARG002
        """By netcat, or by openssl where there is TLS."""
        address = where.removeprefix("tcp ")
        if self.tls is not None:
            return f"openssl s_client -quiet -connect {address} < app.log"
        host, port = host_port(address, "")
        return f"nc -N {host} {port} < app.log"
