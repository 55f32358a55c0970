"""Several lanes of one source: each has an order, a time and receipts of its own, and goes when it is not used."""

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from headrig.component import OpenContext, SourceComponentConfig
from headrig.limits import SOURCE_LANES_MAX, Limits

pytestmark = pytest.mark.asyncio

BROKEN = b"no JSON\n"


class Streams:
    """A source whose lanes a test holds in its hand."""

    endless = True
    where = "streams"

    def __init__(self) -> None:
        self.intake: Any = None
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def read(self, intake) -> None:
        self.intake = intake
        intake.monotonic = lambda: 0.0
        await intake.stopping.wait()
        await self.may_end.wait()

    def tune(self, limits) -> None:
        """Nothing here has a bound."""


class StreamsConfig(SourceComponentConfig, frozen=True, kw_only=True, tag="streams"):
    """Settings of that source."""

    source: Any

    @asynccontextmanager
    async def open(self, context: OpenContext):
        yield self.source


@pytest.fixture
def streams(start, memory):
    """Start with one source of several streams; gives the run and its intake."""

    async def starter(sinks=None, **settings):
        source = Streams()
        run = await start({"in": StreamsConfig(source=source)}, sinks or memory, **settings)
        await run.until(lambda: source.intake is not None)
        return run, source.intake

    return starter


def event(second: int) -> bytes:
    return b'{"timestamp":"2026-11-18T11:06:%02dZ"}\n' % second


def times(lines: list[bytes]) -> list[str]:
    """When each line that was wrapped counts for."""
    found = [json.loads(line) for line in lines]
    return [each["timestamp"] for each in found if "headrig" in each]


async def test_a_time_of_their_own(streams, sink):
    """
    What has no time takes that of its lane, not that of another lane of the source.
    """
    run, intake = await streams()
    early, late = intake.lane("early"), intake.lane("late")
    # Each by the turn of the other, so that nothing but the lane tells them apart.
    await early.deliver([(event(1), 1)])
    await late.deliver([(event(31), 1)])
    await early.deliver([(BROKEN, 1)])
    await late.deliver([(BROKEN, 1)])
    await intake.deliver([(BROKEN, 1)])

    seconds = [time[17:19] for time in times(sink.lines)]
    assert ["01", "31"] == seconds[:2]
    assert b'"time":"unknown"' in sink.lines[-1]
    behind = run.pipeline.state.engine.lanes_behind(run.pipeline.state.clock())
    assert {"in/early", "in/late"} == set(behind)
    assert 30 == behind["in/early"] - behind["in/late"]


async def test_an_order_of_their_own(streams, sink):
    """
    Lines of a lane stay in order, whatever the others hand in meanwhile.
    """
    _, intake = await streams()
    lanes = [intake, *(intake.lane(str(n)) for n in range(4))]
    for count in range(50):
        for n, lane in enumerate(lanes):
            lane.add(b'{"lane":%d,"n":%d}\n' % (n, count), 1)
        await asyncio.sleep(0)
    await asyncio.gather(*(lane.deliver([(b'{"lane":%d,"n":50}\n' % n, 1)]) for n, lane in enumerate(lanes)))

    seen = [json.loads(line) for line in sink.lines]
    for n in range(5):
        assert list(range(51)) == [each["n"] for each in seen if each["lane"] == n]


async def test_receipts_of_their_own(streams, sink):
    """
    A lane's receipt tells of its own lines alone: one is acknowledged while another still waits.
    """
    run, intake = await streams()
    first, second = intake.lane("0"), intake.lane("1")
    assert (0, False) == await first.deliver([(b'{"a":1}\n', 1)])
    sink.open.clear()
    waiting = second.deliver([(b'{"b":1}\n{"b":2}\n', 2)])
    nothing = first.deliver([])
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].accepted == 3)

    assert (0, False) == await nothing
    assert not waiting.done()
    sink.open.set()
    assert (0, False) == await waiting


async def test_same_lane(streams):
    """
    A key names one lane until it is closed; one that gets lines again before it was forgotten goes on.
    """
    run, intake = await streams()
    lane = intake.lane("0")
    assert lane is intake.lane("0")
    assert lane is not intake.lane("1")
    intake.close_lane("0")
    assert lane is intake.lane("0")

    assert (0, False) == await lane.deliver([(b"{}\n", 1)])
    assert 3 == intake.lanes
    assert 3 == (await page(run))["lanes"]


async def page(run) -> dict[str, float]:
    """What the page of metrics says of the lanes."""
    await run.pipeline.status.metrics_page()
    samples = run.page()
    return {
        "lanes": samples['headrig_source_lanes{component_id="in"}'],
        "refused": sum(count for name, count in samples.items() if 'error_type="lanes_max"' in name),
        "behind": sum(name.startswith("headrig_lane_behind_seconds") for name in samples),
    }


async def test_closed_when_unused(streams, sink):
    """
    A closed lane is forgotten by queue, ledger and core once its lines have left, and not before.
    """
    run, intake = await streams()
    for n in range(10 * SOURCE_LANES_MAX):
        done = intake.lane(str(n)).deliver([(event(n % 60), 1)])
        intake.close_lane(str(n))
        await done
        await run.until(lambda: intake.lanes == 1)

    assert 10 * SOURCE_LANES_MAX == len(sink.lines)
    assert {} == run.pipeline.state.engine.lanes_behind(run.pipeline.state.clock())
    assert {"lanes": 1, "refused": 0, "behind": 0} == await page(run)
    assert 1 == len(run.pipeline.state.ledger.sources["in"].queues)
    intake.close_lane("never opened")


async def test_bounded(streams, sink):
    """
    Beyond the bound lanes are the source's own, which is counted; a place that is free is given again.
    """
    run, intake = await streams()
    lanes = [intake.lane(str(n)) for n in range(SOURCE_LANES_MAX - 1)]
    assert SOURCE_LANES_MAX - 1 == len({id(lane) for lane in lanes})
    assert (0, False) == await intake.lane("more").deliver([(b"{}\n", 1)])
    assert {"lanes": SOURCE_LANES_MAX, "refused": 1, "behind": 0} == await page(run)
    intake.close_lane("7")
    await run.until(lambda: intake.lanes < SOURCE_LANES_MAX)
    again = intake.lane("more")

    assert again not in lanes
    assert again is intake.lane("more")
    assert 1 == (await page(run))["refused"]


async def test_one_room(streams, sink):
    """
    The bounds of the queue are of all lanes together.
    """
    sink.open.clear()
    limits = Limits(core_queue_bytes_max=100, sink_queue_batches_max=1, drain_seconds=0.2)
    _, intake = await streams(limits=limits)
    lanes = [intake.lane(str(n)) for n in range(3)]
    for lane in lanes:
        lane.add(b"x" * 39 + b"\n", 1)

    assert all(lane.full for lane in (intake, *lanes))
    assert 120 == intake.size
    sink.open.set()
    await asyncio.gather(*(lane.room() for lane in lanes))
    assert not intake.full


async def test_stop(streams, sink):
    """
    A stop writes what every lane has, and counts it.
    """
    run, intake = await streams()
    for n in range(5):
        intake.lane(str(n)).add(b'{"n":%d}\n' % n, 1)
    await run.stop()

    assert [0, 1, 2, 3, 4] == sorted(json.loads(line)["n"] for line in sink.lines)
    assert 5 == run.pipeline.state.ledger.sources["in"].left


async def test_stop_that_gives_up(streams, sink):
    """
    What a stop has no time for is dropped, of every lane, and the book closes.
    """
    sink.open.clear()
    limits = Limits(sink_queue_batches_max=1, drain_seconds=0.1)
    run, intake = await streams(limits=limits)
    for _ in range(4):
        for n in range(5):
            intake.lane(str(n)).add(b'{"n":%d}\n' % n, 1)
            intake.lane(str(n)).close_batch()
    await run.stop()

    run.pipeline.state.ledger.check()
    ledger = run.pipeline.state.ledger
    assert 20 == ledger.sources["in"].dropped["shutdown"] + ledger.sinks["out"].dropped["shutdown"]


async def test_settings_of_the_source(streams, sink):
    """
    What the settings say of a source's events holds in each of its lanes, and in no other source's.
    """
    spec = b'{"lanes":{"in":{"time":"arrival"}}}'
    run, intake = await streams(engine_spec=spec)
    await intake.lane("0").deliver([(event(1), 1)])
    await intake.lane("0").deliver([(BROKEN, 1)])
    engine = run.pipeline.state.engine

    assert times(sink.lines) == ["2026-11-18T11:06:40.000Z"]
    assert times([*bytes(engine.lane("inn/0").process(event(1) + BROKEN, 1_795_000_000.0).lines).splitlines()]) == [
        "2026-11-18T11:06:01.000Z"
    ]


async def test_after_the_end(streams, sink):
    """
    Whoever asks for a lane once the source has ended gets none of its own: nobody would empty it.
    """
    run, intake = await streams()
    before = intake.lane("0")
    await run.stop()

    assert intake.own is intake.lane("0") is intake.lane("1")
    assert before is not intake.own


async def test_source_that_is_replaced(start, memory, sink):
    """
    A lane that the source has that took over in a reload goes on when the one before ends, which had it, too.
    """
    old, new = Streams(), Streams()
    run = await start({"in": StreamsConfig(source=old)}, memory)
    await run.until(lambda: old.intake is not None)
    await old.intake.lane("0").deliver([(event(1), 1)])
    old.may_end.clear()
    await run.pipeline.reload(replace(run.pipeline.config, sources={"in": StreamsConfig(source=new)}))
    await run.until(lambda: new.intake is not None)
    lane = new.intake.lane("0")
    old.may_end.set()
    await run.until(lambda: old.intake.lanes == 1)
    await lane.deliver([(BROKEN, 1)])

    assert ["2026-11-18T11:06:01.000Z"] == times(sink.lines)
