"""
The stages that every notice passes, in order: transition -> notice -> redact -> outboxes. There is no other way into
an outbox.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import msgspec

from headrig.alerts.machine import Transition
from headrig.alerts.template import number, render
from headrig.limits import NOTICE_LABELS_MAX, NOTICE_TEXT_CHARACTERS_MAX
from headrig.model import Notice

Stage = Callable[[Notice], Iterable[Notice]]
"""What comes of a notice: itself, changed, or none."""


class Stages:
    """
    The list of stages, and both ends of it.

    `redact` does to a JSON document what the core does to a line; `outboxes` takes what came through.
    """

    def __init__(self, redact: Callable[[bytes], bytes], outboxes: Callable[[Notice], None]) -> None:
        self._redact = redact
        self._outboxes = outboxes
        self._stages: tuple[Stage, ...] = (
            lambda notice: [self.redacted(notice)],
            # mute: what is silenced ends here
            # group: what belongs together waits for company and becomes one
            # route: to which notifiers
            # repeat: again, until somebody acknowledges
        )

    def transition(self, transition: Transition) -> None:
        """Have what a transition says delivered."""
        self.notice(notice_of(transition))

    def notice(self, notice: Notice) -> None:
        """Have a notice delivered."""
        notices: Iterable[Notice] = [notice]
        for stage in self._stages:
            notices = [changed for each in notices for changed in stage(each)]
        for each in notices:
            self._outboxes(each)

    def redacted(self, notice: Notice) -> Notice:
        """
        As it may leave: what came out of labels, or out of an application, is redacted like a line. Twice does no more than
        once.
        """
        labels = dict(islice(notice.labels.items(), NOTICE_LABELS_MAX))
        shown = {"title": notice.title, "message": notice.message, "category": notice.category, "labels": labels}
        redacted: dict[str, Any] = msgspec.json.decode(self._redact(msgspec.json.encode(_bounded(shown))))
        return msgspec.structs.replace(notice, **redacted)


def notice_of(transition: Transition) -> Notice:
    """What a transition says, as its threshold's templates say it. Not redacted yet."""
    threshold, labels = transition.threshold, transition.labels
    names = {
        "value": "unknown" if transition.value is None else number(transition.value),
        "threshold": threshold.limit,
        "severity": threshold.severity.value,
        "category": threshold.category,
        "name": threshold.name,
        "metric": threshold.metric,
    }
    return Notice(
        key=f"{threshold.name} {sorted(labels.items())}",
        status=transition.status,
        reason=transition.reason,
        title=render(threshold.title, names, labels),
        message=render(threshold.message, names, labels),
        severity=threshold.severity,
        category=threshold.category,
        labels=labels,
        threshold=threshold.name,
        time_seconds=transition.tick_seconds,
        since_seconds=transition.since_seconds,
    )


def _bounded(value: object) -> object:
    """Texts of bounded length that are Unicode, whatever an application gave."""
    if isinstance(value, dict):
        return {str(_bounded(str(key))): _bounded(text) for key, text in value.items()}
    text = str(value).encode("utf-8", "replace").decode()
    return text if len(text) <= NOTICE_TEXT_CHARACTERS_MAX else text[: NOTICE_TEXT_CHARACTERS_MAX - 1] + "…"
