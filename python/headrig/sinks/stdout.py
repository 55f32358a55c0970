"""Whole lines to standard output."""

from __future__ import annotations

from headrig.model import SinkPart


class StdoutConfig(SinkPart, frozen=True, kw_only=True, tag="stdout"):
    """Write lines to standard output."""

    required: bool = False
