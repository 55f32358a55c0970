"""How a component is: fine, or degraded, why and since when; and whether that is news worth a line in the log."""

from __future__ import annotations

from typing import NamedTuple

from headrig.errors import DeliveryError, Misconfigured
from headrig.limits import BUG_SECONDS
from headrig.model import Clock


class Degraded(NamedTuple):
    """Why a component is degraded: it works, but an operator should know."""

    reason: str
    since_seconds: float
    """Since the epoch."""


class Condition:
    """The condition of one component: fine, its settings refused by the other side, or failing by a bug."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: tuple[object, str] | None = None
        self._refusal: Degraded | None = None
        self._bug: Degraded | None = None
        self._bug_seconds = 0.0
        """When it last failed by a bug, since the epoch."""
        self._bugs_said: set[str] = set()
        self.failing: Degraded | None = None
        """What the first try since something was taken failed with; None when the last one did not."""

    def refused(self, by: object, error: Misconfigured) -> bool:
        """
        Note a refusal; gives whether to log it: once, and again if the answer differs, if something was taken in between, or
        if `by`, the open component, is a new one.
        """
        self._fails(str(error))
        self._refusal = Degraded(str(error), self._refusal.since_seconds if self._refusal else self._clock())
        said, self._said = self._said, (by, str(error))
        return said != self._said

    def failed(self, text: str, place: str) -> bool:
        """Note a bug; gives whether to log it: once for each type and place in the code."""
        self._fails(text)
        recent = self._recent_bug()
        self._bug = Degraded(text, recent.since_seconds if recent else self._clock())
        self._bug_seconds = self._clock()
        new = text + place not in self._bugs_said
        self._bugs_said.add(text + place)
        return new

    @property
    def degraded(self) -> Degraded | None:
        """The refusal, while it lasts; a bug, for `BUG_SECONDS`."""
        return self._refusal or self._recent_bug()

    def unanswered(self, error: DeliveryError) -> None:
        """The last try had no such answer: it says nothing about the settings."""
        self._fails(str(error))
        self._refusal = None

    def taken(self) -> None:
        """The other side took something."""
        self._refusal = self._said = self.failing = None

    def renewed(self) -> None:
        """Another component has taken its place: bugs of the old one no longer count."""
        self._bug = None
        self._bugs_said.clear()

    def _recent_bug(self) -> Degraded | None:
        return self._bug if 0 <= self._clock() - self._bug_seconds < BUG_SECONDS else None

    def _fails(self, text: str) -> None:
        self.failing = self.failing or Degraded(text, self._clock())
