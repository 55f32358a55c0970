"""
Decides which ticks are due and asks the core for every threshold at each, once and in order. Thresholds on events tick
by the watermark, so that a file read in a second gives the same alerts as its lines over an hour; those on recorded
values tick by the clock.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping

from headrig.alerts.machine import Machine, Transition
from headrig.alerts.threshold import Threshold
from headrig.engine import PANE_SECONDS, Engine


class Evaluator:
    """Asks the core and hands what it says to the machine. One call of `advance` at a time."""

    def __init__(self, thresholds: Mapping[str, Threshold], engine: Engine) -> None:
        self.machine = Machine(thresholds)
        self._engine = engine
        self.ticks: dict[str, float] = {}
        """The last tick by time domain, in seconds since the epoch."""

    def due(self, now_seconds: float) -> bool:
        """Whether there is a tick nobody has looked at."""
        return any(_tick(until) > self.ticks.get(domain, -math.inf) for domain, until in self._until(now_seconds))

    async def advance(self, now_seconds: float, notify: Callable[[Transition], None]) -> None:
        """Look at every tick that is due, in order, and tell what came of it."""
        for domain, until in self._until(now_seconds):
            engine, names = None, list[str]()
            while True:
                if engine is not self._engine:
                    engine = self._engine
                    names = [name for name, of in engine.time_domains().items() if of == domain]
                tick = self._next(domain, names, _tick(until)) if names else None
                if tick is None:
                    break
                # In a thread: it may wait for a batch in the core, and a window may hold many series.
                values = await asyncio.to_thread(engine.evaluate, tick, domain)
                if engine is self._engine:
                    self.ticks[domain] = tick
                    for transition in self.machine.step(tick, names, values.rows):
                        notify(transition)
            self.ticks[domain] = max(_tick(until), self.ticks.get(domain, _tick(until)))

    def replace(self, thresholds: Mapping[str, Threshold], engine: Engine, now_seconds: float) -> list[Transition]:
        """Go over to other thresholds and the engine that answers for them."""
        self._engine = engine
        return self.machine.replace(thresholds, self.ticks.get("events", _tick(now_seconds)))

    def _until(self, now_seconds: float) -> list[tuple[str, float]]:
        watermark = self._engine.watermark(now_seconds)
        return [("recorded", now_seconds), *([("events", watermark)] if watermark is not None else [])]

    def _next(self, domain: str, names: list[str], until: float) -> float | None:
        """The next tick that may change anything: those before the oldest pane have nothing to say."""
        oldest = self._engine.oldest_pane_seconds(domain)
        marks = [] if oldest is None else [oldest + PANE_SECONDS]
        last = self.ticks.get(domain)
        # Without a last one: what the windows still hold from before the first watermark is looked at too.
        first = last + PANE_SECONDS if last is not None else min(marks, default=until)
        deadline = self.machine.deadline(names)
        if deadline is not None:
            marks.append(deadline)
        tick = max(min(marks, default=math.inf), first)
        return tick if tick <= until else None


def _tick(seconds: float) -> float:
    """The last pane border that is not after it."""
    return seconds // PANE_SECONDS * PANE_SECONDS
