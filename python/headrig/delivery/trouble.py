"""What goes wrong again and again is said seldom, and what stays wrong once: nobody reads the same line a thousand times."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from headrig.errors import Misconfigured
from headrig.limits import WARN_SECONDS
from headrig.model import Clock

log: Final = logging.getLogger("headrig")


class Seldom:
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


class Trouble(NamedTuple):
    """Why a part is not well, though it lives."""

    reason: str
    since_seconds: float
    """Since the epoch."""


class Standing:
    """How a part's settings stand with the other side: fine, or refused, why and since when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: tuple[object, str] | None = None
        self.refusal = ""
        """What the last answer was, if it refused the settings."""
        self.since_seconds = 0.0
        """When that began, since the epoch."""

    def refused(self, by: object, error: Misconfigured) -> bool:
        """
        Note a refusal; gives whether to say so: once, and again when the answer is another one, when something was taken
        in between, or when `by`, the open part, is another one.
        """
        if not self.refusal:
            self.since_seconds = self._clock()
        self.refusal = str(error)
        said, self._said = self._said, (by, self.refusal)
        return said != self._said

    @property
    def trouble(self) -> Trouble | None:
        """The refusal, while it lasts."""
        return Trouble(self.refusal, self.since_seconds) if self.refusal else None

    def unanswered(self) -> None:
        """The last try had no such answer: it says nothing about the settings."""
        self.refusal = ""

    def taken(self) -> None:
        """The other side took something."""
        self.refusal, self._said = "", None
