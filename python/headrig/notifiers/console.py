"""Write notices to standard error: one line each, more only if the message has more."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from headrig.component import ComponentConfig, OpenContext
from headrig.errors import DeliveryError
from headrig.model import Notice
from headrig.worker import Worker

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters, which could steer a terminal: a message may come from a log line."""


class ConsoleConfig(ComponentConfig, frozen=True, kw_only=True, tag="console"):
    """Write notices to standard error."""

    @property
    def where(self) -> str:
        """Of the process."""
        return "standard error"

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[ConsoleNotifier]:  # noqa: ARG002
        """Start the thread; nothing else is held."""
        worker = Worker("headrig-console")
        try:
            yield ConsoleNotifier(worker)
        finally:
            worker.close()


class ConsoleNotifier:
    """Writes to standard error in a thread, because its reader may be slow or gone."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def notify(self, notice: Notice) -> None:
        """Write it."""
        await self._worker.call(partial(_write, shown(notice)))


def shown(notice: Notice) -> str:
    """`2026-11-23T06:16:10Z FIRING critical high-error-rate: High Error Rate: Error rate is 7.5% … {route="/a"}`."""
    when = datetime.fromtimestamp(notice.time_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    what = {"no_data": " (no data)", "removed": " (threshold removed)", "changed": " (threshold changed)"}
    status = notice.status.upper() + what.get(notice.reason, "")
    name = f" {notice.threshold}" if notice.threshold else ""
    labels = ", ".join(f'{label}="{text}"' for label, text in notice.labels.items())
    text = f"{when} {status} {notice.severity}{name}: {notice.title}: {notice.message}"
    if labels:
        text += f" {{{labels}}}"
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text).replace("\n", "\n    ")


def _write(text: str) -> None:
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        # Closed or missing: a daemon has no standard error.
        raise DeliveryError("there is no standard error", "closed") from None
