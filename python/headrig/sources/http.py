"""`POST /ingest`: newline JSON or one JSON array, acknowledged once every required sink accepted it."""

from __future__ import annotations

from headrig.listen import TlsConfig
from headrig.model import Part


class HttpConfig(Part, frozen=True, kw_only=True, tag="http"):
    """Take lines by HTTP, on the status server or on an address of its own."""

    listen: str | None = None
    path: str = "/ingest"
    tls: TlsConfig | None = None
    token: str | None = None
    token_file: str | None = None
    insecure_listen: bool = False
