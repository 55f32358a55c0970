"""
The health of a run, component by component, as `/health` shows it. It only looks, and remembers since when each has
been so.
"""

from __future__ import annotations

from collections.abc import Iterator

from headrig.delivery.condition import Degraded
from headrig.runtime.alerting import Alerting
from headrig.runtime.state import RunState
from headrig.web.views import ComponentHealth, Health

LEARN = "redact.learn"
DEAD = "it ended and should not have: only a restart helps"


class HealthCheck:
    """Looks at every component, and remembers since when each has been as it is."""

    def __init__(self, state: RunState, alerting: Alerting) -> None:
        self._state = state
        self._alerting = alerting
        self._last: dict[str, ComponentHealth] = {}

    def look(self) -> Health:
        """Each component by the path of its table."""
        found = {at: self._component(at, alive, degraded) for at, alive, degraded in self._components()}
        self._last = found | self._learned()
        if self._state.draining:
            return Health("draining", self._last)
        well = all(each.status == "ok" for each in self._last.values())
        return Health("ok" if well else "degraded", self._last)

    def _components(self) -> Iterator[tuple[str, bool, Degraded | None]]:
        """Path, whether its task runs as it should, and what is wrong with it."""
        state = self._state
        for source in state.sources.values():
            yield f"sources.{source.id}", source.alive, source.bug
        for sink in state.sinks.values():
            yield f"sinks.{sink.id}", sink.alive, sink.degraded()
        yield from self._alerting.components()
        if state.owner is not None:
            yield "data_dir", True, state.owner.degraded

    def _component(self, at: str, alive: bool, degraded: Degraded | None) -> ComponentHealth:
        # While it drains, tasks end one after the other, as they should.
        if not alive and not self._state.draining:
            return ComponentHealth("dead", degraded.reason if degraded else DEAD, self._since(at, "dead"))
        if degraded is not None:
            return ComponentHealth("degraded", degraded.reason, degraded.since_seconds)
        return ComponentHealth("ok", "", self._since(at, "ok"))

    def _learned(self) -> dict[str, ComponentHealth]:
        """What `learn` found. A file that it skipped may hold no secret, so that is a count and no fault."""
        core = self._state.engine.state()
        values, skipped = int(core["learned_values"]), int(core["learned_files_skipped"])
        if not values and not skipped:
            return {}
        reason = f"learned values: {values}, skipped files: {skipped}"
        return {LEARN: ComponentHealth("ok", reason, self._since(LEARN, "ok"))}

    def _since(self, at: str, status: str) -> float:
        before = self._last.get(at)
        return before.since_seconds if before is not None and before.status == status else self._state.clock()
