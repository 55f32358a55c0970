"""What a run says about itself: health, readiness, and the numbers behind `/metrics`. Reads, never changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from headrig import telemetry
from headrig.engine import core_version
from headrig.runtime.alerts import Alerting
from headrig.runtime.state import State
from headrig.telemetry import Metrics

INTENTIONAL: Final = frozenset({"blank", "queue_full"})
"""Drops that settings or design ask for, as Vector tells them apart."""


class Status:
    """The views of one run."""

    def __init__(self, state: State, alerting: Alerting) -> None:
        self._state = state
        self._alerting = alerting
        state.metrics.put(telemetry.BUILD, 1, core_version)
        state.metrics.put(telemetry.RELOADS, 0, "success")
        state.metrics.put(telemetry.RELOADS, 0, "failure")
        state.metrics.watch(self._observe)
        state.metrics.watch(lambda: alerting.observe(state.metrics))

    def health(self) -> tuple[bool, Mapping[str, object]]:
        """Good unless it drains or a part of it has died; degraded, and good all the same, while a part is not well."""
        state = self._state
        dead = [f"sources.{each.id}" for each in state.sources.values() if not each.alive]
        dead += [f"sinks.{each.id}" for each in state.sinks.values() if not each.alive]
        dead += self._alerting.dead()
        if state.draining:
            return False, {"status": "draining"}
        if dead:
            return False, {"status": "failing", "dead": dead}
        troubled = self._troubled()
        status = "degraded" if troubled else "ok"
        return True, {"status": status, "ledger_imbalance": state.ledger.imbalance(), "components": troubled}

    def _troubled(self) -> dict[str, Mapping[str, object]]:
        """What is not well, why, and since when, in seconds since the epoch."""
        found = {f"sinks.{each.id}": each.trouble() for each in self._state.sinks.values()}
        found |= {f"notifiers.{name}": trouble for name, trouble in self._alerting.notifiers.troubles()}
        return {
            name: {"status": "degraded", "reason": trouble.reason, "since_seconds": trouble.since_seconds}
            for name, trouble in found.items()
            if trouble is not None
        }

    def ready(self) -> tuple[bool, Mapping[str, object]]:
        """Good when every source takes lines."""
        state = self._state
        sources = {each.id: each.source.where for each in state.sources.values()}
        ready = not state.draining and all(each.reading is not None for each in state.sources.values())
        return ready, {"status": "ready" if ready else "not ready", "sources": sources}

    def refused(self) -> None:
        """A connection to the status server was refused."""
        self._state.metrics.add(telemetry.ERRORS, 1, "http", "server", "http", "connections_max", "connecting")

    def missed(self, error: str, text: str) -> None:
        """A request to the status server was for nothing that it has."""
        self._state.metrics.add(telemetry.ERRORS, 1, "http", "server", "http", error, "receiving")
        self._state.warnings.warn(f"http: {error}", f"http: {text}")

    async def metrics_page(self) -> bytes:
        """Own families, then those derived from log lines."""
        totals = await asyncio.to_thread(self._state.engine.totals)
        return self._state.metrics.page() + totals

    def _observe(self) -> None:
        page = self._state.metrics
        page.clear(telemetry.BUFFER_EVENTS, telemetry.BUFFER_BYTES, telemetry.LINES_IN_FLIGHT, telemetry.LANE_BEHIND)
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
