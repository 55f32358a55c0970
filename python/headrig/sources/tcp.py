"""Newline-delimited lines over TCP, with or without TLS."""

from __future__ import annotations

from headrig.listen import TlsConfig
from headrig.model import Part


class TcpConfig(Part, frozen=True, kw_only=True, tag="tcp"):
    """Listen for newline-delimited lines."""

    listen: str
    tls: TlsConfig | None = None
    insecure_listen: bool = False
