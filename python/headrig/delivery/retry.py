"""How long to wait before the same thing is tried again, and what an HTTP answer means for it. The only place that knows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from headrig.errors import DeliveryError, DeliveryReason, Misconfigured, Retryable
from headrig.limits import RETRY_AFTER_SECONDS_MAX

_RETRIED: dict[int, DeliveryReason] = {408: "timeout", 425: "client", 429: "rate_limit"}
"""Refusals of a request that may be taken later; 5xx is not listed, all of it may."""
_CONTENT: Final = {
    400: "see what the other side wants of a line; a format that it does not take at all is a setting",
    413: "let the other side take larger bodies, or write shorter lines",
    422: "see what the other side wants of a line",
}
"""Refusals of what was sent. Other 4xx, and every 3xx, refuse whatever is sent this way: nothing is lost over them."""
_SETTINGS: Final = {
    401: "check the token or header that proves who sends",
    403: "check the token or header that proves who sends, and whom the other side lets in",
    404: "check the address, its path, and that the other side serves it",
    405: "check the address and its path: what is there takes no POST",
    407: "check the proxy in between",
    415: "check format and compression, and what the other side takes",
}


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
    """
    The error for an HTTP answer with this status and `Retry-After`; None when it accepts (2xx).

    `Retryable` for what may be accepted as it is, `Misconfigured` for what may be once settings are mended; any other
    `DeliveryError` refuses this content.
    """
    if 200 <= status < 300:
        return None
    text = f"answered {status}"
    if status in _RETRIED or status >= 500:
        after_seconds, at_seconds = _retry_after(retry_after or "")
        reason = _RETRIED.get(status, "server")
        return Retryable(text, reason, retry_after_seconds=after_seconds, retry_at_seconds=at_seconds)
    if status in _CONTENT:
        return DeliveryError(text, "client", remedy=_CONTENT[status])
    remedy = _SETTINGS.get(status, "check the address and the settings of both sides")
    if 300 <= status < 400:
        text, remedy = f"{text}, and redirects are not followed", "give the address that it leads to"
    return Misconfigured(text, "auth" if status in (401, 403, 407) else "client", remedy=remedy)


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
