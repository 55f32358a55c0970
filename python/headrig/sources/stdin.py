"""Lines from standard input, read by a thread."""

from __future__ import annotations

from headrig.model import Part


class StdinConfig(Part, frozen=True, kw_only=True, tag="stdin"):
    """Read standard input to its end."""
