"""Notices on standard error: one line for people, nothing that steers a terminal."""

import pytest

from headrig.errors import DeliveryError
from headrig.model import Notice, Severity
from headrig.notifiers import ConsoleConfig
from headrig.notifiers.console import shown
from headrig.testing import context

pytestmark = pytest.mark.asyncio


def notice(**more):
    given = {
        "key": "k",
        "status": "firing",
        "reason": "threshold",
        "title": "High Error Rate",
        "message": "Error rate is 7.5%, threshold is 5%",
        "severity": Severity.CRITICAL,
        "category": "error",
        "labels": {"route": "/a"},
        "threshold": "high-error-rate",
        "time_seconds": 1_795_000_000.0,
        "since_seconds": 1_795_000_000.0,
    }
    return Notice(**{**given, **more})


async def test_one_line(capfd):
    """
    When, what, how bad, which, and the message as it is.
    """
    async with ConsoleConfig().open(context()) as console:
        await console.notify(notice())
        await console.notify(notice(status="resolved", reason="recovered", labels={}, threshold=""))

    assert capfd.readouterr().err.splitlines() == [
        '2026-11-18T11:06:40Z FIRING critical high-error-rate: High Error Rate: Error rate is 7.5%, threshold is 5% {route="/a"}',
        "2026-11-18T11:06:40Z RESOLVED critical: High Error Rate: Error rate is 7.5%, threshold is 5%",
    ]


async def test_nothing_steers_the_terminal():
    """
    Control characters of a label are shown, not obeyed; further lines of a message are indented.
    """
    text = shown(notice(message="one\ntwo", labels={"a": "\x1b[2J\r\x07\u2028"}))

    assert "one\n    two" in text
    assert '{a="\\x1b[2J\\x0d\\x07\\x2028"}' in text


async def test_reason():
    """
    Absence of data, and a threshold that is gone, are said.
    """
    assert " FIRING (no data) critical" in shown(notice(reason="no_data"))
    assert " RESOLVED (threshold removed) critical" in shown(notice(status="resolved", reason="removed"))


async def test_no_standard_error(monkeypatch):
    """
    Without a standard error the notice is given up, not tried for a day.
    """
    monkeypatch.setattr("sys.stderr", None)
    async with ConsoleConfig().open(context()) as console:
        with pytest.raises(DeliveryError, match="there is no standard error") as raised:
            await console.notify(notice())

    assert "closed" == raised.value.reason
