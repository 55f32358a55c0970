"""What a run reports about itself: health, readiness, and the numbers on `/metrics`. It reads and never changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from headrig import telemetry
from headrig.engine import core_version
from headrig.runtime.alerting import Alerting
from headrig.runtime.health import HealthCheck
from headrig.runtime.state import RunState
from headrig.telemetry import Metrics
from headrig.web.views import Health, Readiness

INTENTIONAL: Final = frozenset({"blank", "queue_full"})
"""Drops that settings or design ask for, as Vector tells them apart."""


class RunStatus:
    """The views of one run."""

    def __init__(self, state: RunState, alerting: Alerting) -> None:
        self._state = state
        self._health = HealthCheck(state, alerting)
        state.metrics.put(telemetry.BUILD, 1, core_version)
        state.metrics.put(telemetry.RELOADS, 0, "success")
        state.metrics.put(telemetry.RELOADS, 0, "failure")
        state.metrics.watch(self._observe)
        state.metrics.watch(lambda: alerting.observe(state.metrics))

    def health(self) -> Health:
        """How each component is."""
        return self._health.look()

    def ready(self) -> Readiness:
        """Whether every source takes lines."""
        state = self._state
        sources = {each.id: each.source.where for each in state.sources.values()}
        ready = not state.draining and all(each.reading is not None for each in state.sources.values())
        return Readiness("ready" if ready else "not ready", sources)

    async def metrics_page(self) -> bytes:
        """Own families, then those derived from log lines."""
        totals = await asyncio.to_thread(self._state.engine.totals)
        return self._state.metrics.page() + totals

    def _observe(self) -> None:
        page = self._state.metrics
        page.clear(telemetry.BUFFER_EVENTS, telemetry.BUFFER_BYTES, telemetry.LINES_IN_FLIGHT, telemetry.LANE_BEHIND)
        page.clear(telemetry.SOURCE_LANES)
        self._sources(page)
        self._sinks(page)
        page.put(telemetry.PARTIAL_BYTES, self._state.partials.bytes)
        page.put(telemetry.IMBALANCE, self._state.ledger.imbalance())
        self._core(page)

    def _sources(self, page: Metrics) -> None:
        for account in self._state.ledger.sources.values():
            labels = (account.id, "source", account.type)
            page.put(telemetry.RECEIVED_EVENTS, account.received, *labels)
            page.put(telemetry.RECEIVED_BYTES, account.received_bytes, *labels)
            page.put(telemetry.SENT_EVENTS, account.left, *labels)
            page.put(telemetry.LINES_RECEIVED, account.received, account.id)
            for reason, lines in account.rejected.items():
                page.put(telemetry.LINES_REJECTED, lines, account.id, reason)
                page.put(telemetry.DISCARDED_EVENTS, lines, *labels, "false", reason)
            self._dropped(page, labels, account.dropped)
            self._waiting(page, labels, account.waiting())
        for source in self._state.sources.values():
            page.put(telemetry.BUFFER_BYTES, source.queue.size, source.id, "source", source.queue.account.type)
            page.put(telemetry.SOURCE_LANES, source.queue.lanes, source.id)

    def _sinks(self, page: Metrics) -> None:
        for sink in self._state.sinks.values():
            sink.account()
        for account in self._state.ledger.sinks.values():
            labels = (account.id, "sink", account.type)
            page.put(telemetry.RECEIVED_EVENTS, account.accepted, *labels)
            page.put(telemetry.SENT_EVENTS, account.delivered, *labels)
            page.put(telemetry.SENT_BYTES, account.delivered_bytes, *labels)
            page.put(telemetry.LINES_DELIVERED, account.delivered, account.id)
            self._dropped(page, labels, account.dropped)
            self._waiting(page, labels, account.waiting())
        for sink in self._state.sinks.values():
            page.put(telemetry.BUFFER_BYTES, sink.buffer.size, sink.id, "sink", sink.buffer.account.type)

    def _dropped(self, page: Metrics, labels: tuple[str, str, str], dropped: Mapping[str, int]) -> None:
        for reason, lines in dropped.items():
            page.put(telemetry.LINES_DROPPED, lines, labels[0], labels[1], reason)
            intentional = "true" if reason in INTENTIONAL else "false"
            page.put(telemetry.DISCARDED_EVENTS, lines, *labels, intentional, reason)

    def _waiting(self, page: Metrics, labels: tuple[str, str, str], lines: int) -> None:
        page.put(telemetry.BUFFER_EVENTS, lines, *labels)
        page.put(telemetry.LINES_IN_FLIGHT, lines, labels[0], labels[1])

    def _core(self, page: Metrics) -> None:
        engine, now = self._state.engine, self._state.clock()
        page.put_core(engine.state())
        for lane, seconds in engine.lanes_behind(now).items():
            page.put(telemetry.LANE_BEHIND, seconds, lane)
        watermark = engine.watermark(now)
        if watermark is not None:
            page.put(telemetry.WATERMARK, watermark)
            page.put(telemetry.LAG, now - watermark)
