"""The page of numbers: valid, complete, and without collisions."""

import json
import re
import subprocess
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from headrig import telemetry
from headrig.engine import RESERVED_PREFIXES, Engine
from headrig.errors import RuleError
from headrig.sources import TcpConfig
from headrig.telemetry import CORE_STATE, FAMILIES, Metrics
from headrig.web import HttpServerConfig


@pytest.fixture(scope="module")
def full_page():
    """A page on which every family has a series."""
    page = Metrics()
    for family in FAMILIES:
        page.put(family, 1, *(f"{label}_value" for label in family.labels))
    return page


def promtool(text: bytes) -> str:
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode() + (f"exit {done.returncode}" if done.returncode else "")


def test_promtool_finds_nothing(full_page):
    """
    Names, units and help texts are as Prometheus wants them.
    """
    assert "" == promtool(full_page.page())


def test_every_family_is_listed_once(full_page):
    """
    Every family is on the page under its own name, beginning with a reserved prefix.
    """
    names = [family.name for family in FAMILIES]

    assert len(names) == len(set(names))
    assert [] == [name for name in names if not name.startswith(tuple(RESERVED_PREFIXES))]
    samples = {line.partition(b"{")[0].partition(b" ")[0].decode() for line in full_page.page().splitlines()}
    assert set(names) <= samples


def test_what_else_is_on_a_page_is_reserved():
    """
    What the client library puts on a page about the process and the interpreter begins with a reserved prefix, too.
    """
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    names = {family.name for family in text_string_to_metric_families(generate_latest(registry).decode())}

    assert {"process_open_fds", "python_info", "python_gc_collections"} <= names
    assert [] == [name for name in names if not name.startswith(tuple(RESERVED_PREFIXES))]


KINDS = ("counter", "gauge", "histogram", "quantile", "ratio")
STEMS = st.sampled_from(
    [*(f"{prefix}open_fds" for prefix in RESERVED_PREFIXES), "component", "jobs", "http_requests", "log_events", "a.b"]
)
NAMES = st.builds(
    "{}{}".format,
    STEMS,
    st.sampled_from(["", "_total", "_created", "_bucket", "_sum", "_count", "_info", "_total_total"]),
)
METRICS = st.lists(st.tuples(NAMES, st.sampled_from(KINDS)), max_size=5, unique_by=lambda metric: metric[0])


@settings(max_examples=100)  # an engine takes some ten milliseconds to make
@given(METRICS)
def test_any_metrics_give_one_page(full_page, metrics):
    """
    Whatever metrics are accepted, the page has each name once, for the strict parsers of Prometheus and of OpenMetrics.
    """
    accepted = []
    for name, kind in metrics:
        rule = {"name": name, "kind": kind, "help": "x", **({"value": "n"} if kind not in ("counter", "ratio") else {})}
        try:
            Engine(json.dumps({"metrics": {"rules": [*accepted, rule]}}).encode())
        except RuleError:
            continue
        accepted.append(rule)
    engine = Engine(json.dumps({"metrics": {"rules": accepted}}).encode())
    engine.lane("in").process(b'{"n":1,"status":200,"method":"GET","route":"/","duration":1,"level":"error"}\n', 1.0)
    text = (full_page.page() + engine.totals()).decode()
    families = list(text_string_to_metric_families(text))
    taken = Counter(name for family in families for name in {family.name, *(sample.name for sample in family.samples)})

    assert [] == [
        name for name, times in Counter(re.findall("^# TYPE ([^ ]+)", text, re.MULTILINE)).items() if times > 1
    ]
    assert [] == [name for name, times in taken.items() if times > 1]
    assert {rule["name"] for rule in accepted if "." not in rule["name"] and rule["kind"] != "ratio"} <= {
        *taken,
        *(f"{name}_total" for name in taken),
    }


@pytest.mark.parametrize("prefix", RESERVED_PREFIXES)
@pytest.mark.parametrize("kind", KINDS)
def test_reserved(prefix, kind):
    """
    A metric of any kind is refused under each reserved prefix, also where only its samples would have it.
    """
    for name in (f"{prefix}open_fds", prefix, *([prefix.rstrip("_")] if kind not in ("gauge", "ratio") else [])):
        of = ["log_events_total", "http_requests_total"] if kind == "ratio" else []
        rule = {"name": name, "kind": kind, "value": "n", "of": of}
        with pytest.raises(
            RuleError, match=f"{name}: {prefix} is reserved for names that headrig itself puts on the page"
        ):
            Engine(json.dumps({"metrics": {"rules": [rule]}}).encode())


def test_counting():
    """
    Numbers add up, are set, and can be forgotten; watchers put theirs before the page is read.
    """
    page = Metrics()
    page.add(telemetry.BROKEN, 2, "utf8")
    page.add(telemetry.BROKEN, 1, "utf8")
    page.put(telemetry.LANE_BEHIND, 5, "in")
    page.clear(telemetry.LANE_BEHIND)
    page.watch(lambda: page.put(telemetry.IMBALANCE, 7))

    assert 3 == page.value(telemetry.BROKEN, "utf8")
    assert 0 == page.value(telemetry.LANE_BEHIND, "in")
    assert b"headrig_ledger_imbalance 7.0" in page.page()


def test_the_core_keeps_no_number_to_itself():
    """
    Whatever the core counts is on the page: each of its names has a series, and no two share one.
    """
    state = Engine().state()
    page = Metrics()
    page.put_core({name: number for number, name in enumerate(state)})

    assert set(state) == set(CORE_STATE)
    assert list(range(len(state))) == [page.value(family, *labels) for family, labels in map(CORE_STATE.get, state)]


def test_what_windows_lose_is_shown():
    """
    Each way of losing events to thresholds, seen with an engine that has little room: the page says how many, and which.
    """
    threshold = {"name": "t", "metric": "latency.p95", "window_seconds": 60, "group_by": ["user"]}
    line = '{"ts":%d,"event":"request_completed","duration":1,"user":"%d"}\n'

    def dropped(bytes_max: int, *lines: str) -> dict[str, float]:
        engine = Engine(json.dumps({"windows": {"bytes_max": bytes_max}, "thresholds": [threshold]}).encode())
        for each in lines:
            engine.lane("in").process(each.encode(), 2e9)
        page = Metrics()
        page.put_core(engine.state())
        reasons = ("late", "window_bytes", "unjudged")
        return {each: page.value(telemetry.WINDOW_DROPPED, each) for each in reasons}

    old, new = line % (2e9 - 3600, 0), line % (2e9, 0)
    assert {"late": 0, "window_bytes": 0, "unjudged": 0} == dropped(1 << 20, old, new)
    assert {"late": 1, "window_bytes": 0, "unjudged": 0} == dropped(1 << 20, new, old)
    users = dropped(4096, "".join(line % (2e9, user) for user in range(100)))
    assert users["window_bytes"] > 80
    assert (0, 0) == (users["late"], users["unjudged"])
    backlog = dropped(16384, *(line % (2e9 - 36000 + second, 0) for second in range(0, 36000, 10)))
    assert backlog["unjudged"] > 3000
    assert (0, 0) == (backlog["late"], backlog["window_bytes"])


def test_process_is_shown():
    """
    The runbook asks for `process_cpu_seconds_total`.
    """
    assert b"\nprocess_cpu_seconds_total " in Metrics().page()


@pytest.mark.asyncio
async def test_page_of_a_run(start, memory, sink):
    """
    Both halves of the page of a real run together are valid, and no family is on both.
    """
    run = await start({"in": TcpConfig(listen="127.0.0.1:0")}, memory, http=HttpServerConfig(listen="127.0.0.1:0"))
    await run.send(
        b'{"timestamp":1795000000,"level":"ERROR","event":"request_completed","route":"/a","status":500,'
        b'"method":"GET","duration":12,"password":"correct horse"}\nplain\n\n'
    )
    await run.until(lambda: len(sink.lines) == 2)
    page = await run.pipeline.status.metrics_page()

    assert "" == promtool(page)
    types = [line.split()[2] for line in page.splitlines() if line.startswith(b"# TYPE")]
    assert len(types) == len(set(types))
    assert b"\nhttp_requests_total{" in page
