"""Ticks of a run: after each batch, and each second, thresholds are looked at, and what changed goes on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from headrig import telemetry
from headrig.alerts.evaluator import Evaluator
from headrig.alerts.machine import Transition
from headrig.alerts.threshold import Threshold
from headrig.delivery.retry import pause
from headrig.delivery.trouble import Seldom
from headrig.engine import Engine
from headrig.limits import ALERTS_PER_THRESHOLD_MAX, EVALUATE_SECONDS
from headrig.model import Clock
from headrig.telemetry import Metrics


class Evaluation:
    """Has thresholds looked at for as long as the run lasts. `tell` is given each transition, in order."""

    def __init__(
        self,
        thresholds: Mapping[str, Threshold],
        engine: Engine,
        tell: Callable[[Transition], None],
        *,
        clock: Clock,
        warnings: Seldom,
    ) -> None:
        self.holdback_seconds = 0.0
        """A source that is further behind the clock than this is warned of."""
        self._evaluator = Evaluator(thresholds, engine)
        self._thresholds = bool(thresholds)
        self._engine = engine
        self._tell = tell
        self._clock = clock
        self._warnings = warnings
        self._newest: dict[str, float] = {}
        """Time of the newest event by lane, as it was a second ago."""
        self._turn = asyncio.Lock()
        """Ticks are looked at by one task at a time, and so in order."""
        self._watching: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Let the clock tick."""
        self._watching = tasks.create_task(self._watch())

    def replace(self, thresholds: Mapping[str, Threshold], engine: Engine) -> None:
        """
        Go over to other thresholds, and to the engine whose spec holds them. States of those that stay are kept; a
        firing alert whose threshold is gone is resolved, with that reason.
        """
        self._thresholds = bool(thresholds)
        self._engine = engine
        for transition in self._evaluator.replace(thresholds, engine, self._clock()):
            self._tell(transition)

    async def advance(self) -> None:
        """Look at every tick that is due. Cheap when there is none; call it after each batch."""
        try:
            if not self._evaluator.due(self._clock()):
                return
            async with self._turn:
                refused = self._evaluator.machine.refused.total()
                await self._evaluator.advance(self._clock(), self._tell)
                if self._evaluator.machine.refused.total() > refused:
                    text = f"a threshold has more than {ALERTS_PER_THRESHOLD_MAX} label sets: the others have no alerts"
                    self._warnings.warn("refused", text)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 (a panic is no Exception)
            # Lines go on without alerts; the text may quote one.
            self._warnings.warn("alerts", f"thresholds could not be looked at: {type(error).__name__}")

    def end(self) -> list[asyncio.Task[None]]:
        """Time is watched no longer. The task that then ends."""
        self._ending.set()
        return [self._watching] if self._watching else []

    @property
    def alive(self) -> bool:
        """Time is watched."""
        return self._watching is None or not self._watching.done()

    def observe(self, page: Metrics) -> None:
        """Put its numbers on the page."""
        page.clear(telemetry.ALERTS, telemetry.ALERTS_REFUSED)
        for name, state, count in self._evaluator.machine.states():
            page.put(telemetry.ALERTS, count, name, state)
        for name, count in self._evaluator.machine.refused.items():
            page.put(telemetry.ALERTS_REFUSED, count, name)
        now = self._clock()
        for domain, tick in self._evaluator.ticks.items():
            page.put(telemetry.EVALUATION_LAG, now - tick, domain)

    async def _watch(self) -> None:
        """Time passes also when no lines come."""
        while not self._ending.is_set():
            await self.advance()
            self._warn_of_lanes()
            await pause(EVALUATE_SECONDS, self._ending)

    def _warn_of_lanes(self) -> None:
        """A source that is read and far behind the clock does not hold the others back, and so alerts nobody."""
        now = self._clock()
        newest = {lane: now - seconds for lane, seconds in self._engine.lanes_behind(now).items()}
        for lane, time_seconds in newest.items():
            moved = abs(time_seconds - self._newest.get(lane, 0.0)) > 1e-3
            if moved and self._thresholds and now - time_seconds > self.holdback_seconds:
                text = f"sources.{lane} is {now - time_seconds:.0f} s behind the clock: thresholds wait until it catches up"
                self._warnings.warn(f"behind.{lane}", text)
        self._newest = newest
