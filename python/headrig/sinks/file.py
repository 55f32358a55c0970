"""Append whole lines to one file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from headrig.limits import Seconds
from headrig.model import SinkPart


class FileConfig(SinkPart, frozen=True, kw_only=True, tag="file"):
    """Append lines to one file."""

    path: str
    mode: int | str = "0640"
    fsync: Literal["never", "always"] = "never"
    flush_entries_max: Annotated[int, Meta(ge=0)] = 100
    """`LOG_FILE_BUFFER_SIZE`: upper bound of lines that wait for company before a write."""
    flush_seconds: Seconds = 0.1
    """`LOG_FILE_FLUSH_INTERVAL`: upper bound of that wait."""
