"""States of alerts: what each tick makes of them, what absence does, and that each episode fires and resolves once."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrig.alerts.machine import Machine
from headrig.config.thresholds import threshold
from headrig.limits import ALERTS_PER_THRESHOLD_MAX


def rule(name="t", **more):
    given_ = {"metric": "m", "operator": "gt", "value": 5, "window": 20, "severity": "high", "category": "error"}
    return threshold(name, **{**given_, "title": "T", "message": "${value}", **more})


def play(values, **more):
    """What came of one value per tick, None for no data: (tick, status, reason)."""
    machine = Machine({"t": rule(**more)})
    made = []
    for tick, value in enumerate(values):
        rows = [] if value is None else [("t", {}, value, 100)]
        made += [(tick, each.status, each.reason) for each in machine.step(tick * 10.0, ["t"], rows)]
    return made


FIRED = (1, "firing", "threshold")


@pytest.mark.parametrize(
    ("values", "more", "expected"),
    [
        ([1, 6, 7, 1], {}, [FIRED, (3, "resolved", "recovered")]),
        ([1, 5, 6], {}, [(2, "firing", "threshold")]),
        ([1, 5, 6], {"operator": "gte"}, [FIRED]),
        ([6, 5, 4], {"operator": "lt", "value": 6}, [FIRED]),
        ([6, 5, 6], {"operator": "lte"}, [FIRED, (2, "resolved", "recovered")]),
        ([4, 5, 4], {"operator": "eq"}, [FIRED, (2, "resolved", "recovered")]),
        ([5, 4, 5], {"operator": "ne"}, [FIRED, (2, "resolved", "recovered")]),
        ([1, 2, 3, 4], {"operator": "within", "value": (2, 3)}, [FIRED, (3, "resolved", "recovered")]),
        ([2, 1, 3], {"operator": "outside", "value": [2, 3]}, [FIRED, (2, "resolved", "recovered")]),
        # A condition must hold for as long as `for_` says, and from the beginning again after one good tick.
        ([6, 6, 6, 6], {"for_": 30}, [(3, "firing", "threshold")]),
        ([6, 6, 6, 1, 6, 6, 6], {"for_": 30}, []),
        # Without data the clock of a pending alert stands still.
        ([6, 6, None, None, 6, 6], {"for_": 30}, [(5, "firing", "threshold")]),
        ([6, None, None, None, None, 6, 6, 6], {"for_": 30}, []),
        # Between `value` and `resolve_value` a firing alert stays, and one that is not firing begins nothing.
        ([1, 6, 4, 3, 2], {"resolve_value": 3}, [FIRED, (3, "resolved", "recovered")]),
        ([4, 4, 4], {"resolve_value": 3}, []),
        # It must be good for `keep_firing_for`; a bad tick, and one in between, begins that again.
        ([1, 6, 1, 1, 1], {"keep_firing_for": 20}, [FIRED, (4, "resolved", "recovered")]),
        ([1, 6, 1, 6, 1, 1, 1], {"keep_firing_for": 20}, [FIRED, (6, "resolved", "recovered")]),
        ([1, 6, 1, 4, 1, 1, 1], {"keep_firing_for": 20, "resolve_value": 3}, [FIRED, (5, "resolved", "recovered")]),
        ([1, 6, 1, None, 1, 1], {"keep_firing_for": 20}, [FIRED, (5, "resolved", "recovered")]),
        # Absence is not recovery: two windows of it are said once, and what then comes decides.
        ([1, 6, *[None] * 9, 6, 1], {}, [FIRED, (5, "firing", "no_data"), (12, "resolved", "recovered")]),
        ([1, 6, *[None] * 9, 1], {"no_data": "ignore"}, [FIRED, (11, "resolved", "recovered")]),
        ([1, 6, *[None] * 9], {"no_data": "ok"}, [FIRED, (5, "resolved", "no_data")]),
        ([1, 6, None, None, None, 6], {"no_data": "ok"}, [FIRED]),
        ([1, *[None] * 9, 1], {"no_data": "alert"}, [(4, "firing", "no_data"), (10, "resolved", "recovered")]),
        ([None] * 9, {"no_data": "alert"}, [(4, "firing", "no_data")]),
        ([None] * 9, {}, []),
    ],
)
def test_ticks(values, more, expected):
    """
    One value per tick, and what came of them.
    """
    assert expected == play(values, **more)


def test_few_samples_are_no_data():
    """
    A share of fewer events than `min_samples` neither fires nor resolves.
    """
    machine = Machine({"t": rule(min_samples=20)})
    made = [
        machine.step(tick * 10.0, ["t"], [("t", {}, value, samples)])
        for tick, value, samples in [(0, 100.0, 19), (1, 100.0, 20), (2, 0.0, 19), (3, 0.0, 20)]
    ]

    assert [[], ["firing"], [], ["resolved"]] == [[each.status for each in step] for step in made]


def test_label_sets_are_alerts_of_their_own():
    """
    Each label set fires and resolves by itself, and a tick that was seen changes nothing.
    """
    machine = Machine({"t": rule(group_by=("route",))})
    a, b = {"route": "/a"}, {"route": "/b"}
    made = machine.step(10.0, ["t"], [("t", a, 6.0, 1), ("t", b, 1.0, 1)])
    made += machine.step(20.0, ["t"], [("t", a, 6.0, 1), ("t", b, 7.0, 1)])
    made += machine.step(20.0, ["t"], [("t", a, 1.0, 1), ("t", b, 1.0, 1)])
    made += machine.step(30.0, ["t"], [("t", a, 1.0, 1), ("t", b, 7.0, 1)])

    assert [("/a", "firing"), ("/b", "firing"), ("/a", "resolved")] == [(m.labels["route"], m.status) for m in made]
    assert [("t", "pending", 0), ("t", "firing", 1), ("t", "recovering", 0)] == list(machine.states())


def test_alerts_are_bounded():
    """
    Beyond the bound of a threshold new label sets are refused and counted; those that are there go on.
    """
    machine = Machine({"t": rule(group_by=("user",))})
    rows = [("t", {"user": f"{n:05}"}, 6.0, 1) for n in range(ALERTS_PER_THRESHOLD_MAX + 3)]
    fired = machine.step(10.0, ["t"], rows)
    resolved = machine.step(20.0, ["t"], [(name, labels, 1.0, n) for name, labels, _, n in rows])

    assert (ALERTS_PER_THRESHOLD_MAX, ALERTS_PER_THRESHOLD_MAX) == (len(fired), len(resolved))
    assert {"t": 6} == dict(machine.refused)


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ({"t": rule()}, []),
        ({"t": rule(message="other", severity="info")}, []),
        ({"t": rule(for_="1h")}, []),
        ({"t": rule(value=50)}, []),
        ({"t": rule(metric="other")}, [("resolved", "changed")]),
        ({"t": rule(aggregate="max")}, [("resolved", "changed")]),
        ({"t": rule(group_by=("a",))}, [("resolved", "changed")]),
        ({"u": rule("u")}, [("resolved", "removed")]),
    ],
)
def test_replacing(new, expected):
    """
    A firing alert goes on while its threshold asks the same question; else it is resolved, with the reason.
    """
    machine = Machine({"t": rule()})
    machine.step(10.0, ["t"], [("t", {}, 6.0, 1)])
    made = machine.replace(new, 20.0)

    assert expected == [(each.status, each.reason) for each in made]
    assert (1 if not expected else 0) == sum(n for _, state, n in machine.states() if state == "firing")


def test_what_goes_on_is_judged_anew():
    """
    After a change of the limit the next tick resolves what is no longer above it.
    """
    machine = Machine({"t": rule()})
    machine.step(10.0, ["t"], [("t", {}, 6.0, 1)])
    machine.replace({"t": rule(value=50)}, 20.0)

    assert ["resolved"] == [each.status for each in machine.step(20.0, ["t"], [("t", {}, 6.0, 1)])]


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 10)), max_size=60),
    st.sampled_from([0, 10, 30]),
    st.sampled_from([0, 10, 30]),
    st.sampled_from([None, 3]),
    st.sampled_from(["keep", "ok", "alert", "ignore"]),
)
def test_firing_and_resolved_alternate(values, for_, keep, resolve, no_data):
    """
    Whatever comes, an alert that fired resolves before it fires again, and is resolved only once.
    """
    made = play(values, for_=for_, keep_firing_for=keep, resolve_value=resolve, no_data=no_data)
    told = [(status, reason) for _, status, reason in made]

    assert [] == told[:1] or told[0][0] == "firing"
    # Of a firing alert it may be said once more that its data are missing.
    assert all(first[0] != second[0] or second == ("firing", "no_data") for first, second in itertools.pairwise(told))


@given(st.lists(st.one_of(st.none(), st.integers(0, 10)), max_size=60), st.sampled_from(["keep", "ok", "alert"]))
def test_skipping_is_looking(values, no_data):
    """
    To skip ticks without data, up to the deadline the machine names, is the same as to look at each.
    """
    machine = Machine({"t": rule(for_=20, keep_firing_for=20, no_data=no_data)})
    made = []
    for tick, value in enumerate(values):
        deadline = machine.deadline(["t"])
        if value is not None or (deadline is not None and tick * 10.0 >= deadline):
            rows = [] if value is None else [("t", {}, value, 100)]
            made += [(tick, each.status, each.reason) for each in machine.step(tick * 10.0, ["t"], rows)]

    assert play(values, for_=20, keep_firing_for=20, no_data=no_data) == made
