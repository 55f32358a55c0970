"""Has the thresholds evaluated after each batch and once a second, and passes each transition on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

from headrig import telemetry
from headrig.alerts.machine import Transition
from headrig.alerts.threshold import Threshold
from headrig.alerts.ticks import Evaluator
from headrig.delivery.condition import Degraded
from headrig.delivery.rate_limited_log import RateLimitedLog
from headrig.delivery.retry import pause
from headrig.engine import Engine
from headrig.limits import ALERTS_PER_THRESHOLD_MAX, EVALUATE_SECONDS, JUDGED_SECONDS_MAX, MISSED_SECONDS
from headrig.model import Clock
from headrig.telemetry import Metrics


class Evaluation:
    """Has thresholds looked at for as long as the run lasts. `notify` is given each transition, in order."""

    def __init__(
        self,
        thresholds: Mapping[str, Threshold],
        engine: Engine,
        notify: Callable[[Transition], None],
        *,
        clock: Clock,
        warnings: RateLimitedLog,
    ) -> None:
        self.holdback_seconds = 0.0
        """A source that is further behind the clock than this is warned of."""
        self._evaluator = Evaluator(thresholds, engine)
        self._thresholds = bool(thresholds)
        self._engine = engine
        self._notify = notify
        self._clock = clock
        self._warnings = warnings
        self._newest: dict[str, float] = {}
        """Time of the newest event by lane, as it was a second ago."""
        self._turn = asyncio.Lock()
        """Ticks are looked at by one task at a time, and so in order."""
        self._failure: Degraded | None = None
        """Why the last look failed."""
        self._crowded: dict[str, Degraded] = {}
        """Thresholds with more label sets than have alerts, by name."""
        self._behind: Degraded | None = None
        """Why thresholds on events wait."""
        self._missed: Degraded | None = None
        """That windows had no room for events, in the last `MISSED_SECONDS`."""
        self._missed_events = 0.0
        """How many those were so far."""
        self._missed_until = 0.0
        """When that is over, by the clock of the loop."""
        self._loop = asyncio.get_running_loop()
        self._looked_at = self._loop.time()
        """When the last look ended, by the clock of the loop."""
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
            self._notify(transition)

    async def advance(self) -> None:
        """Look at every tick that is due. Cheap when there is none; call it after each batch."""
        try:
            if self._evaluator.due(self._clock()):
                async with self._turn:
                    refused = self._evaluator.machine.refused.copy()
                    await self._evaluator.advance(self._clock(), self._notify)
                    self._note_crowded(refused)
            self._failure, self._looked_at = None, self._loop.time()
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 (a panic is no Exception)
            # Lines go on without alerts; the text may quote one.
            text = f"thresholds could not be looked at: {type(error).__name__}"
            self._failure = self._failure or Degraded(text, self._clock())
            self._warnings.warn("alerts", text)

    def end(self) -> list[asyncio.Task[None]]:
        """Time is watched no longer. The task that then ends."""
        self._ending.set()
        return [self._watching] if self._watching else []

    def components(self) -> Iterator[tuple[str, bool, Degraded | None]]:
        """Each threshold by the path of its table: whether time is watched, and why the threshold is not judged as it should."""
        alive = self._watching is None or not self._watching.done()
        for name, domain in self._engine.time_domains().items():
            degraded = self._failure or self._unwatched() or self._crowded.get(name)
            if domain == "events":
                degraded = degraded or self._behind
            yield f"thresholds.{name}", alive, degraded or self._missed

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

    def _unwatched(self) -> Degraded | None:
        waited_seconds = self._loop.time() - self._looked_at
        if waited_seconds <= JUDGED_SECONDS_MAX:
            return None
        return Degraded(f"it was last looked at {waited_seconds:.0f} s ago", self._clock() - waited_seconds)

    def _note_crowded(self, before: Mapping[str, int]) -> None:
        """Which thresholds had more label sets at these ticks than may have alerts; `before` counts those of earlier ones."""
        now, refused = self._clock(), self._evaluator.machine.refused
        text = f"it has more than {ALERTS_PER_THRESHOLD_MAX} label sets: the others have no alerts"
        crowded = [name for name, count in refused.items() if count > before.get(name, 0)]
        self._crowded = {name: self._crowded.get(name, Degraded(text, now)) for name in crowded}
        if crowded:
            self._warnings.warn("refused", f"thresholds.{crowded[0]}: {text}")

    async def _watch(self) -> None:
        """Time passes also when no lines come."""
        while not self._ending.is_set():
            await self.advance()
            self._warn_of_lanes()
            self._note_missed()
            await pause(EVALUATE_SECONDS, self._ending)

    def _note_missed(self) -> None:
        """Events for which windows had no room, at once or before a tick asked for them: no threshold has seen those."""
        counts = self._engine.state()
        events = counts["window_dropped"] + counts["unjudged"]
        if events > self._missed_events:
            text = f"windows had no room for {events:.0f} events so far: raise windows.bytes_max"
            since = self._missed.since_seconds if self._missed is not None else self._clock()
            self._missed, self._missed_until = Degraded(text, since), self._loop.time() + MISSED_SECONDS
        elif self._loop.time() >= self._missed_until:
            self._missed = None
        self._missed_events = events

    def _warn_of_lanes(self) -> None:
        """A source that is read and far behind the clock does not hold the others back, and so alerts nobody."""
        now = self._clock()
        newest = {lane: now - seconds for lane, seconds in self._engine.lanes_behind(now).items()}
        behind = None
        for lane, time_seconds in newest.items():
            moved = abs(time_seconds - self._newest.get(lane, 0.0)) > 1e-3
            if moved and self._thresholds and now - time_seconds > self.holdback_seconds:
                text = f"sources.{lane} is {now - time_seconds:.0f} s behind the clock: thresholds wait until it catches up"
                self._warnings.warn(f"behind.{lane}", text)
                behind = behind or Degraded(text, self._behind.since_seconds if self._behind is not None else now)
        self._newest, self._behind = newest, behind
