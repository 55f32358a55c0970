"""The page of numbers: valid, complete, and without collisions."""

import subprocess

import pytest

from headrig import families
from headrig.families import FAMILIES, RESERVED_PREFIXES, Metrics
from headrig.sources import TcpConfig
from headrig.web import HttpServerConfig


@pytest.fixture
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
    assert [] == [name for name in names if not name.startswith(RESERVED_PREFIXES)]
    samples = {line.partition(b"{")[0].partition(b" ")[0].decode() for line in full_page.page().splitlines()}
    assert set(names) <= samples


def test_counting():
    """
    Numbers add up, are set, and can be forgotten; watchers put theirs before the page is read.
    """
    page = Metrics()
    page.add(families.BROKEN, 2, "utf8")
    page.add(families.BROKEN, 1, "utf8")
    page.put(families.LANE_BEHIND, 5, "in")
    page.clear(families.LANE_BEHIND)
    page.watch(lambda: page.put(families.IMBALANCE, 7))

    assert 3 == page.value(families.BROKEN, "utf8")
    assert 0 == page.value(families.LANE_BEHIND, "in")
    assert b"headrig_ledger_imbalance 7.0" in page.page()


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
