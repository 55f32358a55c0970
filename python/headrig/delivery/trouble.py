"""What goes wrong again and again is said seldom, and what stays wrong once: nobody reads the same line a thousand times."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from headrig.errors import DeliveryError, Misconfigured
from headrig.limits import BUG_SECONDS, WARN_SECONDS
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
    """How it stands with a part: fine, its settings refused by the other side, or failing by a bug; why and since when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: tuple[object, str] | None = None
        self._refusal: Trouble | None = None
        self._bug: Trouble | None = None
        self._bug_seconds = 0.0
        """When it last failed by a bug, since the epoch."""
        self._bugs_said: set[str] = set()
        self.failing: Trouble | None = None
        """What the first try since something was taken failed with; None when the last one did not."""

    def refused(self, by: object, error: Misconfigured) -> bool:
        """
        Note a refusal; gives whether to say so: once, and again when the answer is another one, when something was taken
        in between, or when `by`, the open part, is another one.
        """
        self._fails(str(error))
        self._refusal = Trouble(str(error), self._refusal.since_seconds if self._refusal else self._clock())
        said, self._said = self._said, (by, str(error))
        return said != self._said

    def failed(self, text: str, place: str) -> bool:
        """Note a bug; gives whether to say so: once for each kind and place in the code."""
        self._fails(text)
        self._bug_seconds = self._clock()
        self._bug = Trouble(text, self._bug.since_seconds if self._bug else self._bug_seconds)
        new = text + place not in self._bugs_said
        self._bugs_said.add(text + place)
        return new

    @property
    def trouble(self) -> Trouble | None:
        """The refusal, while it lasts; a bug, for `BUG_SECONDS`."""
        if self._bug and not 0 <= self._clock() - self._bug_seconds < BUG_SECONDS:
            self._bug = None
        return self._refusal or self._bug

    def unanswered(self, error: DeliveryError) -> None:
        """The last try had no such answer: it says nothing about the settings."""
        self._fails(str(error))
        self._refusal = None

    def taken(self) -> None:
        """The other side took something."""
        self._refusal = self._said = self.failing = None

    def renewed(self) -> None:
        """Another part has taken its place: what is known of the one before says nothing about it."""
        self._bug = None
        self._bugs_said.clear()

    def _fails(self, text: str) -> None:
        self.failing = self.failing or Trouble(text, self._clock())
