"""The status server."""

from __future__ import annotations

import msgspec

from headrig.listen import TlsConfig


class HttpServerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[http]` table."""

    listen: str = "127.0.0.1:9600"
    tls: TlsConfig | None = None
