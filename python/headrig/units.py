"""Sizes and durations as people write them: `"256MiB"`, `"5m"`, `"1h30m"`. Which one a field is, its name says."""

import re
from decimal import Decimal

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([KMGT]i?)?B", re.IGNORECASE)
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|ms|s|m|h|d))+")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d)")

_SECONDS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}

EXAMPLES = {
    "bytes": 'bytes, or a size such as "256MiB"',
    "seconds": 'seconds, or a duration such as "50ms" or "5m"',
}
"""What to write, by unit: the remedy of a value that is neither."""


def unit_of(name: str) -> str | None:
    """`bytes` or `seconds`, when that is a word of the field's name (`rotate_bytes_max`, `flush_seconds`)."""
    return next((word for word in name.split("_") if word in EXAMPLES), None)


def scaled(text: str, unit: str) -> int | float | None:
    """Bytes or seconds that the text says; None when it is no size or duration, or not whole bytes."""
    return _bytes(text) if unit == "bytes" else _seconds(text)


def _bytes(text: str) -> int | None:
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    prefix = (match[2] or "").upper()
    base = 1024 if prefix.endswith("I") else 1000
    exact = Decimal(match[1]) * base ** " KMGT".index(prefix[:1] or " ")
    return int(exact) if exact == int(exact) else None


def _seconds(text: str) -> float | None:
    if _DURATION.fullmatch(text) is None:
        return None
    return float(sum(Decimal(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text)))
