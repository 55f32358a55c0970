"""Alerts that an application sends and resolves itself, without a threshold."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import msgspec

from headrig import telemetry
from headrig.alerts.stages import Stages
from headrig.delivery.rate_limited_log import RateLimitedLog
from headrig.errors import ConfigError
from headrig.limits import SENT_ALERTS_MAX
from headrig.model import Category, Clock, Notice, Severity
from headrig.telemetry import Metrics


class SentAlerts:
    """Those that fire."""

    def __init__(self, stages: Stages, clock: Clock, warnings: RateLimitedLog) -> None:
        self._stages = stages
        self._clock = clock
        self._warnings = warnings
        self._firing: dict[str, Notice] = {}
        """By key, the oldest first."""

    def send(
        self,
        title: str,
        message: str,
        *,
        severity: str = Severity.WARNING,
        category: str = Category.SYSTEM,
        labels: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> str:
        """
        Send an alert by hand; gives its key, which `resolve` takes. The key of an alert that fires updates what its end
        will say and sends nothing. Raises `ConfigError` for a severity nobody knows.
        """
        known = str(severity).lower()
        if known not in tuple(Severity):
            raise ConfigError("unknown value", path="severity", remedy=f"known values: {', '.join(Severity)}")
        key = key or made_key()
        now = self._clock()
        before = self._firing.get(key)
        notice = Notice(
            key=key,
            status="firing",
            reason="manual",
            title=title,
            message=message,
            severity=Severity(known),
            category=category,
            labels=dict(labels or {}),
            time_seconds=now,
            since_seconds=before.since_seconds if before else now,
        )
        # It is kept for as long as it fires: without its secrets.
        self._firing[key] = notice = self._stages.redacted(notice)
        if before is None:
            self._stages.notice(notice)
            if len(self._firing) > SENT_ALERTS_MAX:
                del self._firing[next(iter(self._firing))]
                self._warnings.warn("sent", f"more than {SENT_ALERTS_MAX} alerts fire: the oldest is forgotten")
        return key

    def resolve(self, key: str) -> bool:
        """End an alert that was sent by hand, with one notice; False when none of that key fires."""
        notice = self._firing.pop(key, None)
        if notice is None:
            return False
        self._stages.notice(msgspec.structs.replace(notice, status="resolved", time_seconds=self._clock()))
        return True

    def observe(self, page: Metrics) -> None:
        """Put their number on the page."""
        page.put(telemetry.ALERTS_SENT, len(self._firing))


def made_key() -> str:
    """A key for an alert that was given none."""
    return secrets.token_hex(8)
