"""What may be asked of a run that changes something, by signals and by requests alike. What only reads is in `views`."""

from __future__ import annotations

from typing import Protocol


class Commands(Protocol):
    """A run that does as it is told. A request may call these only by a route that wants a token beyond loopback."""

    async def flush(self) -> bool:
        """Have everything written that was received so far; False when that is not so in time, or lines were given up."""
