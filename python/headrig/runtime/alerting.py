"""
Wires the alert path of a run: ticks -> transitions -> stages of a notice -> one outbox per notifier. `headrig run` and
a service that runs headrig in its own process both use it. Everything here runs on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any

from headrig.alerts.by_hand import SentAlerts
from headrig.alerts.stages import Stages
from headrig.config import Config
from headrig.config.spec import holdback_seconds
from headrig.delivery.condition import Degraded
from headrig.runtime.evaluation import Evaluation
from headrig.runtime.notifiers import Notifiers, OpenedNotifier
from headrig.runtime.state import RunState
from headrig.telemetry import Metrics


class Alerting:
    """The three who take part: who looks at thresholds, who sends by hand, and who delivers; and the stages between."""

    def __init__(self, config: Config, state: RunState) -> None:
        self.notifiers = Notifiers(state, state.ledger)
        self.stages = Stages(lambda document: state.engine.redact(document, True), self.notifiers.offer)
        self.sent = SentAlerts(self.stages, state.clock, state.warnings)
        self.evaluation = Evaluation(
            config.thresholds,
            state.engine,
            self.stages.transition,
            clock=state.clock,
            warnings=state.warnings,
        )
        self.evaluation.holdback_seconds = holdback_seconds(config.engine_spec)

    def start(self, tasks: asyncio.TaskGroup, opened: Mapping[str, OpenedNotifier]) -> None:
        """Let the notifiers run and the clock tick."""
        self.notifiers.start(tasks, opened)
        self.evaluation.start(tasks)

    def renew(self, config: Config, opened: Mapping[str, OpenedNotifier]) -> dict[str, Coroutine[Any, Any, None]]:
        """
        Go over to other notifiers. `opened` are the new and the changed ones; others go on undisturbed. Gives what has
        to be waited for, by the path of the notifier.
        """
        self.evaluation.holdback_seconds = holdback_seconds(config.engine_spec)
        return self.notifiers.renew(config.notifiers, opened)

    def end(self) -> list[asyncio.Task[None]]:
        """Nothing more comes: what waits is tried without back-off. The tasks that then end."""
        return [*self.evaluation.end(), *self.notifiers.end()]

    def components(self) -> Iterator[tuple[str, bool, Degraded | None]]:
        """Each notifier and threshold by the path of its table: whether its task runs, and why it is not well."""
        yield from self.notifiers.components()
        yield from self.evaluation.components()

    def observe(self, page: Metrics) -> None:
        """Put its numbers on the page."""
        self.evaluation.observe(page)
        self.sent.observe(page)
        self.notifiers.observe(page)
