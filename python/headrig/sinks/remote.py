"""
Settings of all sinks that post to another process. Posting itself is in `http_client.py`, which is loaded when a sink
opens: reading settings must not load aiohttp.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta

from headrig.component import SinkComponentConfig
from headrig.limits import MIB, POST_SECONDS
from headrig.model import FilePath, WhenFull


class RemoteSinkConfig(SinkComponentConfig, frozen=True, kw_only=True):
    """What every sink has whose lines go to another process."""

    when_full: WhenFull = "drop_oldest"
    timeout_seconds: Annotated[float, Meta(gt=0, extra={"unit": "seconds"})] = POST_SECONDS
    """Longest wait for an answer; then the request is tried again."""
    body_bytes_max: Annotated[int, Meta(ge=1024, extra={"unit": "bytes"})] = MIB
    """Lines of one request, before compression. A single longer line goes alone."""
    ca_file: FilePath | None = None
    """PEM file of certificate authorities to trust instead of the system's."""
    remote: ClassVar[bool] = True

    def __repr__(self) -> str:
        """Only the kind: settings hold secrets."""
        return f"{type(self).__name__}(…)"
