"""How long to wait before the same thing is tried again. The only place that knows."""

from __future__ import annotations

import random
from collections.abc import Iterator


def waits(first_seconds: float, seconds_max: float, *, chance: random.Random | None = None) -> Iterator[float]:
    """Full-jitter exponential back-off without end: each wait is drawn from [half of it, all of it] of a doubling bound."""
    chance = chance or random.Random()  # noqa: S311 (spreads load, guards nothing)
    bound = first_seconds
    while True:
        yield chance.uniform(bound / 2, bound)
        bound = min(bound * 2, seconds_max)
