"""How long to wait, and what an HTTP answer means for it."""

import itertools
import random

import pytest

from headrig.delivery.retry import asked_seconds, refusal, waits
from headrig.errors import DeliveryError, Misconfigured, Retryable
from headrig.limits import RETRY_AFTER_SECONDS_MAX

NOW_SECONDS = 1_794_992_800.0
"""Wed, 18 Nov 2026 09:06:40 GMT."""


class Most(random.Random):
    """Chance at its longest."""

    def uniform(self, a, b):
        return b


def test_waits_double_up_to_a_bound():
    """
    The bound of each wait doubles from the first to the longest.
    """
    assert [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] == list(itertools.islice(waits(1.0, 300.0, chance=Most()), 11))


def test_waits_are_spread():
    """
    Each wait is drawn from all of its bound, so that many senders do not come back together.
    """
    first = [next(waits(1.0, 300.0, chance=random.Random(seed))) for seed in range(1000)]

    assert 0 <= min(first) < 0.05
    assert 0.95 < max(first) <= 1.0


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success(status):
    """
    Any 2xx accepts.
    """
    assert refusal(status) is None


@pytest.mark.parametrize(
    ("status", "reason"), [(408, "timeout"), (425, "client"), (429, "rate_limit"), (500, "server"), (599, "server")]
)
def test_may_succeed_later(status, reason):
    """
    408, 425, 429 and every 5xx are worth another try.
    """
    error = refusal(status)

    assert (Retryable, reason) == (type(error), error.reason)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_refuses_the_content(status):
    """
    400, 413 and 422 are about what was sent: final, with what may be done about it.
    """
    error = refusal(status)

    assert (DeliveryError, "client", True) == (type(error), error.reason, error.remedy != "")


@pytest.mark.parametrize("status", [*range(300, 309), *sorted(set(range(401, 452)) - {408, 413, 422, 425, 429})])
def test_refuses_the_settings(status):
    """
    Every redirect and every other 4xx, unknown ones included, is about the settings: it may succeed once they are mended.
    """
    error = refusal(status)

    assert ("auth" if status in (401, 403, 407) else "client") == error.reason
    assert (Misconfigured, True) == (type(error), error.remedy != "")
    assert isinstance(error, Retryable)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("999999", RETRY_AFTER_SECONDS_MAX),
        ("9" * 400, RETRY_AFTER_SECONDS_MAX),
        ("Wed, 18 Nov 2026 09:07:10 GMT", 30),
        ("Wed, 18 Nov 2026 09:07:10 +0100", 0),
        ("Wed, 18 Nov 2026 09:00:00 GMT", 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", RETRY_AFTER_SECONDS_MAX),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("1.5", 0),
        ("Wed, 99 Nov 2026 09:07:10 GMT", 0),
        ("١٢", 0),
    ],
)
def test_retry_after(text, seconds):
    """
    Retry-After counts as seconds or as a date, within an hour; anything else does not count.
    """
    assert seconds == asked_seconds(refusal(429, text), NOW_SECONDS)
