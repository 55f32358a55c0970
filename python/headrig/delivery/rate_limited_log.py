"""Warnings that may repeat quickly, at most one of a kind per minute: nobody reads the same line a thousand times."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from headrig.limits import WARN_SECONDS
from headrig.model import Clock

log: Final = logging.getLogger("headrig")


class RateLimitedLog:
    """Warnings that may repeat quickly: each is logged at most once per `WARN_SECONDS`, with how often it was not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def warn(self, key: str, text: str, say: Callable[[str], None] = log.warning) -> None:
        """Say `text`, unless the last one of this `key` was just now."""
        now = self._clock()
        # A clock that was set back must not silence anything until it has caught up.
        if 0 <= now - self._last.get(key, -WARN_SECONDS) < WARN_SECONDS:
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            return
        self._last[key] = now
        unsaid = self._unsaid.pop(key, 0)
        say(f"{text} ({unsaid} more times)" if unsaid else text)
