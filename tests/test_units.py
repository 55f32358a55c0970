"""Sizes and durations as people write them."""

import pytest

from headrig.units import scaled, unit_of


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0B", 0),
        ("512B", 512),
        ("1kB", 1000),
        ("1KiB", 1024),
        ("256MiB", 256 * 1024**2),
        ("256 mib", 256 * 1024**2),
        ("1.5GiB", 1536 * 1024**2),
        ("2TB", 2 * 10**12),
        ("0.3B", None),
        ("256", None),
        ("256M", None),
        ("-1KiB", None),
        ("MiB", None),
        ("1KiBs", None),
        ("٣KiB", None),
    ],
)
def test_size(text, size_bytes):
    """
    A size is a number with a unit of whole bytes, decimal or binary.
    """
    assert size_bytes == scaled(text, "bytes")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0.0),
        ("5m", 300.0),
        ("50ms", 0.05),
        ("1.5s", 1.5),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("10ns", 1e-8),
        ("1h30m", 5400.0),
        ("2d", 172800.0),
        ("5", None),
        ("5 m", None),
        ("-5m", None),
        ("5M", None),
        ("five minutes", None),
        ("", None),
    ],
)
def test_duration(text, seconds):
    """
    A duration is one number with a unit, or several.
    """
    assert seconds == scaled(text, "seconds")


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("rotate_bytes_max", "bytes"),
        ("bytes_max", "bytes"),
        ("flush_seconds", "seconds"),
        ("idle_seconds_max", "seconds"),
        ("flush_entries_max", None),
        ("megabytes_max", None),
    ],
)
def test_unit(name, unit):
    """
    A field's name says what its number counts.
    """
    assert unit == unit_of(name)
