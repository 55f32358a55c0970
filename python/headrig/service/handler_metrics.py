"""Metrics of a service's handlers, under the same names as those of any source and sink."""

from __future__ import annotations

from collections.abc import Mapping

from headrig import telemetry
from headrig.engine import HandlerCore
from headrig.telemetry import Metrics

KINDS = {"redactions": telemetry.REDACTIONS, "broken": telemetry.BROKEN, "normalized": telemetry.NORMALIZED}


def observe(page: Metrics, cores: Mapping[str, HandlerCore]) -> None:
    """Put the counters of handlers, by name, on the page. Call it after `RunStatus`, to whose imbalance it adds."""
    imbalance = page.value(telemetry.IMBALANCE)
    for name, core in cores.items():
        counts = core.counts()
        received, waiting, full = counts["received"], counts["waiting"], counts["dropped_full"]
        labels = (name, "source", "handler")
        page.put(telemetry.RECEIVED_EVENTS, received, *labels)
        page.put(telemetry.SENT_EVENTS, counts["written"], *labels)
        page.put(telemetry.LINES_RECEIVED, received, name)
        page.put(telemetry.LINES_DELIVERED, counts["written"], name)
        page.put(telemetry.BUFFER_EVENTS, waiting, *labels)
        page.put(telemetry.LINES_IN_FLIGHT, waiting, name, "source")
        page.put(telemetry.ERRORS, counts["write_errors"], *labels, "io", "writing")
        for reason, lines in (("queue_full", full), ("not_delivered", counts["dropped"] - full)):
            page.put(telemetry.LINES_DROPPED, lines, name, "source", reason)
            intentional = "true" if reason == "queue_full" else "false"
            page.put(telemetry.DISCARDED_EVENTS, lines, *labels, intentional, reason)
        imbalance += abs(received - counts["written"] - counts["dropped"] - waiting)
    page.put(telemetry.IMBALANCE, imbalance)
    first = next(iter(cores.values()), None)
    if first is not None:
        _core(page, first)


def _core(page: Metrics, core: HandlerCore) -> None:
    """What the core did to the lines of the first handler; a second one has the same lines."""
    for kind, name, count in core.tally():
        page.put(KINDS[kind], count, name)
    shipped = core.ship_counters()
    if shipped["offered"]:
        page.put(telemetry.LINES_DROPPED, shipped["dropped"], "ship_queue", "source", "queue_full")
