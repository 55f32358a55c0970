"""What a service records and sends may be anything: it is counted or made to fit, and never raises into who calls."""

import json
import textwrap

import pytest
from service_process import service

CODE = """
import logging, math, sys
import headrig
class Bad:
    def __str__(self): raise RuntimeError("no")
    def __float__(self): raise RuntimeError("no")
if EARLY: CALLS
headrig.install(path="app.log")
if not EARLY: CALLS
headrig.record_metric("good", 1)
print(headrig.service.api.service.page().decode())
sys.exit(not headrig.flush())
"""
VALUES = "[math.nan, math.inf, -math.inf, 'much', None, 10**400, [], Bad(), 1j, '']"
REFUSED = {
    "value": f"[headrig.record_metric('x', value) for value in {VALUES}]",
    "labels": "[headrig.record_metric('x', 1, labels=labels) for labels in (['mail'], 5, [5])]",
    "time": "[headrig.record_metric('x', 1, time_seconds=when) for when in (math.nan, 'now', math.inf)]",
    "name": "[headrig.record_metric(name, 1) for name in ('', None)]",
}
COUNTS = {"value": 10, "labels": 3, "time": 3, "name": 2}
TAKEN = """
[headrig.record_metric("x", 1, labels=labels) for labels in ({1: 2}, {"a": Bad()}, {"\\ud800": "\\ud800"}, {}, None)]
[headrig.record_metric("x", 1, time_seconds=when) for when in (1e300, -1e300, True)]
headrig.record_metric("\\ud800", True)
"""


@pytest.mark.parametrize("early", [False, True], ids=["after install", "before install"])
@pytest.mark.parametrize("reason", REFUSED)
def test_what_cannot_be_recorded(tmp_path, reason, early):
    """
    A recorded value that is none is ignored: counted by reason on the page, warned of once, raised never.
    """
    calls = f"{REFUSED[reason]}; {REFUSED[reason]}"
    done = service(CODE.replace("CALLS", calls).replace("EARLY", str(early)), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "app.log").read_text().splitlines()]

    assert (0, "") == (done.returncode, done.stderr)
    assert f'headrig_recorded_values_refused_total{{reason="{reason}"}} {2.0 * COUNTS[reason]}' in done.stdout
    assert 1 == sum("a recorded value is ignored" in line["message"] for line in lines)


def test_what_can_be_recorded(tmp_path):
    """
    What has a text or a number of its own is taken by that, half of a surrogate pair included.
    """
    done = service(
        CODE.replace("CALLS", "pass").replace("EARLY", "False").replace('headrig.record_metric("good", 1)', TAKEN),
        tmp_path,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "refused_total{" not in done.stdout


def test_alerts_and_fields_of_any_kind(tmp_path):
    """
    An alert is sent and a field bound, whatever they are made of.
    """
    code = """
    import headrig, logging
    class Bad:
        def __str__(self): raise RuntimeError("no")
    headrig.install(path="app.log")
    key = headrig.send_alert(Bad(), "half \\ud800 here", labels=["a"], category=Bad(), key=5)
    headrig.send_alert("second", 7, labels={"a": Bad()})
    [headrig.resolve_alert(key) for key in (5, None, [], Bad(), "\\ud800")]
    for header in (b"x", 5, Bad(), "\\ud800"):
        with headrig.bind(traceparent=header, trace_id=Bad(), span_id=5, **{"\\ud800": Bad()}):
            logging.error("bound")
    assert headrig.flush()
    """
    done = service(textwrap.dedent(code), tmp_path)
    lines = (tmp_path / "app.log").read_text().splitlines()

    assert 0 == done.returncode, done.stderr
    assert 4 == sum(json.loads(line)["message"] == "bound" for line in lines)
    assert [] == [line for line in lines if "a call failed" in line]
    assert ["FIRING", "FIRING", "RESOLVED"] == [line.split(" ")[1] for line in done.stderr.splitlines()]
