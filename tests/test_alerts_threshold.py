"""Thresholds as they are written: keywords, the runbook's mapping, and what is said about wrong ones."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrig.alerts.presets import PRESETS
from headrig.alerts.template import Template, number, render
from headrig.config.thresholds import threshold
from headrig.errors import ConfigError
from headrig.model import Category, Severity

GOOD = {
    "metric": "orders",
    "operator": "gt",
    "value": 5,
    "window": "5m",
    "severity": "high",
    "category": "error",
    "title": "Orders",
    "message": "${value}",
}

HIGH_ERROR_RATE = {
    "metric": "error.rate",
    "operator": "gt",
    "value": 5,
    "window": 300000,
    "severity": Severity.CRITICAL,
    "category": Category.ERROR,
    "title": "High Error Rate",
    "message": "Error rate is ${value}%, threshold is ${threshold}%",
}
LOW_MEMORY = {
    "metric": "memory.available",
    "operator": "lt",
    "value": 100 * 1024 * 1024,
    "window": 60000,
    "severity": Severity.WARNING,
    "category": Category.SYSTEM,
    "title": "Low Memory",
    "message": "Available memory is ${value} bytes",
}


def test_the_runbooks_own_mapping():
    """
    Both examples of the runbook are taken unchanged; their windows are milliseconds.
    """
    errors, memory = threshold("high-error-rate", HIGH_ERROR_RATE), threshold("low-memory", LOW_MEMORY)

    assert (300.0, 5.0, "critical") == (errors.window_seconds, errors.value, errors.severity)
    assert (60.0, "104857600", 0.0) == (memory.window_seconds, memory.limit, memory.for_seconds)
    assert memory.breached(104857599)
    assert not memory.breached(104857600)


def test_keywords_and_mapping_are_the_same():
    """
    Keywords with durations of any form, and camelCase with milliseconds, make the same threshold.
    """
    keywords = {**GOOD, "window": 300, "for_": timedelta(minutes=1), "keep_firing_for": "30s", "resolve_value": 4}
    more = {"for": 60000, "keepFiringFor": 30000, "resolveValue": 4, "minSamples": 20, "noData": "ok"}

    assert threshold("t", **keywords, min_samples=20, no_data="ok", group_by=["route"]) == threshold(
        "t", {**GOOD, "window": 300000, **more, "groupBy": ["route"]}
    )
    assert threshold("t", **GOOD) == threshold("t", GOOD)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"operator": ">"}, "operator: unknown value; did you mean gt?"),
        ({"operator": "<="}, "operator: unknown value; did you mean lte?"),
        ({"operator": "!="}, "operator: unknown value; did you mean ne?"),
        ({"operator": "~"}, "operator: unknown value; known values: gt, gte, lt, lte, eq, ne, within, outside"),
        ({"operator": "gtt"}, "operator: unknown value; did you mean gt?"),
        ({"severity": "critcal"}, "severity: unknown value; did you mean critical?"),
        ({"no_data": "hold"}, "no_data: unknown value; known values: keep, ok, alert, ignore"),
        (
            {"value": "5"},
            "value: expected a number, got a string; write a number; for within and outside [lowest, highest]",
        ),
        (
            {"value": True},
            "value: expected a number, got true; write a number; for within and outside [lowest, highest]",
        ),
        (
            {"value": 10**400},
            "value: expected a number, got a number of that size; write a number; for within and outside [lowest, highest]",
        ),
        (
            {"value": float("nan")},
            "value: expected a number, got nan; write a number",
        ),
        ({"operator": "within"}, "value: within needs two numbers; write [lowest, highest]"),
        ({"operator": "outside", "value": [3, 2]}, "value: the first is above the second; write [lowest, highest]"),
        ({"value": [1, 2]}, "value: gt needs one number; write one"),
        ({"window": 45}, "window: 45 s is no multiple of 10 s; give 40 or 50 s"),
        ({"window": 5}, "window: 5 s is no multiple of 10 s; give 10 or 20 s"),
        ({"window": 0}, "window: 0 s is no window; give 10 s up to 7 days"),
        ({"window": "8d"}, "window: 691200 s is no window; give 10 s up to 7 days"),
        ({"window": "5 minutes"}, "window: expected a duration, got a string"),
        ({"for_": -1}, "for_: expected a duration >= 0, got -1; write 0 or more"),
        ({"resolve_value": 6}, "resolve_value: 6 is on the wrong side of gt 5; give 5 or less"),
        ({"operator": "lt", "resolve_value": 4}, "resolve_value: 4 is on the wrong side of lt 5; give 5 or more"),
        ({"operator": "eq", "resolve_value": 4}, "resolve_value: eq has no side to come back to; remove it"),
        ({"aggregate": "median"}, "aggregate: unknown value; known values: mean, sum, count, min, max, rate"),
        ({"min_samples": -1}, "min_samples: expected a whole number >= 0, got -1; write 0 or more"),
        ({"group_by": ["a-b"]}, "group_by: not a label name; use A-Z a-z 0-9 _, no digit first"),
        ({"message": "${vlaue}"}, "message: unknown name ${vlaue}; did you mean ${value}?"),
        ({"message": "${labels.route}"}, "message: unknown name ${labels.route}; add 'route' to group_by"),
        ({"title": "costs $5"}, "title: the dollar at character 7 begins no name; write $$ for a dollar"),
        ({"title": " "}, "title: expected a text; write one of 1 to 2000 characters"),
        ({"windows": 10}, "windows: unknown key; did you mean window?"),
        ({"window": None}, "window: missing; add window"),
    ],
)
def test_wrong_ones(change, complaint):
    """
    What is wrong names the threshold, the key as it was written, and the remedy.
    """
    with pytest.raises(ConfigError) as raised:
        threshold("t", **{**GOOD, **change})

    assert str(raised.value).startswith(f"thresholds.t.{complaint}")


def test_wrong_mapping():
    """
    In the runbook's shape an unknown key is told the nearest of that shape; a name must be one.
    """
    with pytest.raises(ConfigError, match=r"resolveVlaue: unknown key; did you mean resolveValue\?"):
        threshold("t", {**GOOD, "resolveVlaue": 3})
    with pytest.raises(ConfigError, match="a b: not a name"):
        threshold("a b", GOOD)
    with pytest.raises(ConfigError, match="a mapping and keywords"):
        threshold("t", GOOD, value=3)


def test_labels_of_a_built_in_metric():
    """
    A metric that is grouped by itself lets templates name its labels.
    """
    assert threshold("t", **{**GOOD, "metric": "ai.error.rate", "message": "${labels.provider}"})


def test_presets():
    """
    The runbook's four: one minute each, held for the time stated.
    """
    shown = {name: (p.metric, p.limit, p.window_seconds, p.for_seconds, p.min_samples) for name, p in PRESETS.items()}

    assert {
        "high-error-rate": ("error.rate", "5", 60.0, 300.0, 20),
        "high-latency": ("latency.p95", "2", 60.0, 300.0, 20),
        "memory-usage-high": ("memory.heap", "90", 60.0, 600.0, 0),
        "ai-provider-errors": ("ai.error.rate", "10", 60.0, 300.0, 20),
    } == shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(5, "5"), (7.5, "7.5"), (104857600.0, "104857600"), (1e22, "1" + "0" * 22), (1e-7, "0.0000001"), (-0.0, "0")],
)
def test_numbers(value, text):
    """
    Numbers are the shortest exact decimal, never with an exponent.
    """
    assert text == number(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_exact(value):
    """
    The text of a number is that number.
    """
    text = number(value)

    assert value == float(text)
    assert "e" not in text.lower()


def test_templates_are_filled_once():
    """
    A dollar in what fills a template is text; `$$` is a dollar; a label that is not there is empty.
    """
    text = render("$$ ${value}. $value.x ${labels.a}${labels.b} [${labels}]", {"value": "${labels.a}"}, {"a": "$value"})

    assert "$ ${labels.a}. ${labels.a}.x $value [a=$value]" == text
    assert ["value", "labels.a"] == list(Template("${value} ${labels.a}").names)
