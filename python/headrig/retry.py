"""How long to wait before the same thing is tried again, and what an HTTP answer means for it. The only place that knows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime

from headrig.errors import DeliveryError, DeliveryReason, Retryable
from headrig.limits import RETRY_AFTER_SECONDS_MAX

_RETRIED: dict[int, DeliveryReason] = {408: "timeout", 425: "client", 429: "rate_limit"}
"""Refusals of a request that may be taken later; 5xx is not listed, all of it may."""


def waits(first_seconds: float, seconds_max: float, *, chance: random.Random | None = None) -> Iterator[float]:
    """Full-jitter exponential back-off without end: each wait is drawn from all of a doubling bound."""
    # Without one of its own it is the process's: making one costs more than a write, and every write begins here.
    uniform = random.uniform if chance is None else chance.uniform  # (spreads load, guards nothing)
    bound = min(first_seconds, seconds_max)
    while True:
        yield uniform(0.0, bound)
        bound = min(bound * 2, seconds_max)


async def pause(seconds: float, hurry: asyncio.Event) -> None:
    """Wait so long, or until there is a reason to hurry."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await hurry.wait()


def asked_seconds(error: Retryable, now_seconds: float) -> float:
    """How long the other side asked to be left alone, within bounds; 0 when it did not ask."""
    seconds = error.retry_after_seconds or 0.0
    if error.retry_at_seconds is not None:
        seconds = max(seconds, error.retry_at_seconds - now_seconds)
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


def refusal(status: int, retry_after: str | None = None) -> DeliveryError | None:
    """The error for an HTTP answer with this status and `Retry-After`; None when it accepts (2xx)."""
    if 200 <= status < 300:
        return None
    text = f"answered {status}"
    if status in _RETRIED or status >= 500:
        after_seconds, at_seconds = _retry_after(retry_after or "")
        reason = _RETRIED.get(status, "server")
        return Retryable(text, reason, retry_after_seconds=after_seconds, retry_at_seconds=at_seconds)
    if 300 <= status < 400:
        text = f"{text}, and redirects are not followed"
    return DeliveryError(text, "auth" if status in (401, 403, 407) else "client")


def _retry_after(text: str) -> tuple[float | None, float | None]:
    """`Retry-After` as seconds to wait or as seconds since the epoch; what is neither is not there."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        # More digits than any bound has mean the bound.
        return (float(text) if len(text) < 10 else RETRY_AFTER_SECONDS_MAX), None
    try:
        at = parsedate_to_datetime(text)
        return None, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None, None
