"""What tests of the alert path share: a clock that a test moves, request lines, and a Slack-shaped endpoint."""

from __future__ import annotations

import json

from aiohttp import web
from endpoint import Answer, Endpoint

from headrig.config.spec import with_thresholds
from headrig.config.thresholds import threshold
from headrig.notifiers import SlackConfig
from headrig.sources import TcpConfig

NOW_SECONDS = 1_795_000_000.0
"""A pane border."""
HOOK = "/services/T0FAKE/B0FAKE/hookcanary"
TCP = {"in": TcpConfig(listen="127.0.0.1:0")}


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW_SECONDS

    def __call__(self) -> float:
        return self.now


def rule(name="errors", **more):
    """The runbook's high error rate over one minute, unless told otherwise."""
    given = {"metric": "error.rate", "operator": "gt", "value": 5, "window": "1m", "severity": "critical"}
    message = "Error rate is ${value}%, threshold is ${threshold}%"
    return threshold(name, **{**given, "category": "error", "title": "High Error Rate", "message": message, **more})


def settings(*rules, notifiers=None):
    """What `start` takes for these thresholds."""
    thresholds = {each.name: each for each in rules}
    return {
        "thresholds": thresholds,
        "engine_spec": with_thresholds(b"", thresholds),
        "notifiers": notifiers or {},
    }


def requests(seconds: float, good: int, bad: int, **more) -> bytes:
    """So many completed requests at one time."""
    record = {"ts": seconds, "event": "request_completed", "route": "/a", "duration": 5, **more}
    lines = [json.dumps({**record, "status": status}) for status in [200] * good + [503] * bad]
    return "".join(line + "\n" for line in lines).encode()


def slack(endpoint: Endpoint, **more) -> dict[str, SlackConfig]:
    """The table `[notifiers]` with one webhook, `slack`."""
    return {"slack": SlackConfig(url=endpoint.url + HOOK, **more)}


async def ok(_: web.Request) -> web.StreamResponse:
    """Take a notice as Slack does."""
    return web.Response(text="ok")


def taken(endpoint: Endpoint) -> list[tuple[str, str]]:
    """Header and message of every request so far."""
    bodies = [json.loads(body) for _, _, body in endpoint.requests]
    return [(body["blocks"][0]["text"]["text"], body["blocks"][1]["text"]["text"]) for body in bodies]


def always(*answers: Answer) -> list[Answer]:
    """These answers, then Slack's yes for the rest of a test."""
    return [*answers, *[ok] * 100]
