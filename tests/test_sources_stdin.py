"""Lines from standard input: files, pipes, and an end in the middle."""

import asyncio
import os
from contextlib import asynccontextmanager
from typing import Any

import pytest

from headrig.component import OpenContext, SourceComponentConfig
from headrig.limits import Limits
from headrig.sources import StdinConfig, TcpConfig
from headrig.sources.stdin import StdinSource
from headrig.testing import context

pytestmark = pytest.mark.asyncio


class DescriptorConfig(SourceComponentConfig, frozen=True, kw_only=True, tag="descriptor"):
    """Standard input with another number: the tests' own is in use."""

    descriptor: Any

    @asynccontextmanager
    async def open(self, context: OpenContext):
        yield StdinSource(self.descriptor, context.limits)


@pytest.fixture
def pipe():
    read, write = os.pipe()
    with os.fdopen(read, "rb") as reader, os.fdopen(write, "wb", buffering=0) as writer:
        yield reader, writer


async def test_file_to_its_end(start, memory, sink, tmp_path):
    """
    A redirected file is read to its end, and then the run ends by itself with everything written.
    """
    text = b"".join(b'{"n":%d}\n' % n for n in range(100_000))
    (tmp_path / "in.log").write_bytes(text + b'{"last":1}')
    with (tmp_path / "in.log").open("rb") as file:
        run = await start({"in": DescriptorConfig(descriptor=file.fileno())}, memory)
        await run.end()

    assert text + b'{"last":1}\n' == sink.text


async def test_pipe_to_its_end(start, memory, sink, pipe):
    """
    A pipe is read until its writer closes it.
    """
    reader, writer = pipe
    run = await start({"in": DescriptorConfig(descriptor=reader.fileno())}, memory)
    writer.write(b'{"n":1}\n{"n"')
    await run.until(lambda: sink.lines == [b'{"n":1}'])
    writer.write(b":2}\n")
    writer.close()
    await run.end()

    assert b'{"n":1}\n{"n":2}\n' == sink.text


async def test_other_sources_go_on(start, memory, sink, pipe):
    """
    The end of standard input ends the run only when no other source can still bring lines.
    """
    reader, writer = pipe
    writer.close()
    sources = {"stdin": DescriptorConfig(descriptor=reader.fileno()), "in": TcpConfig(listen="127.0.0.1:0")}
    run = await start(sources, memory)
    await run.until(run.pipeline.state.sources["stdin"].processing.done)
    await run.send(b"{}\n")
    await run.until(lambda: sink.lines == [b"{}"])

    assert not run.task.done()
    assert "ok" == run.pipeline.status.health().status


async def test_stop_while_waiting(start, memory, sink, pipe):
    """
    A stop ends a run whose standard input is open and silent, and nothing read is lost.
    """
    reader, writer = pipe
    run = await start({"in": DescriptorConfig(descriptor=reader.fileno())}, memory)
    writer.write(b'{"n":1}\n{"n":2}')
    await run.stop()

    assert b'{"n":1}\n{"n":2}\n' == sink.text


async def test_waits_for_room(start, memory, sink, pipe):
    """
    While a blocking sink holds, standard input is not read beyond the queues.
    """
    reader, writer = pipe
    sink.open.clear()
    limits = Limits(core_queue_bytes_max=1000, sink_queue_bytes_max=1000, sink_queue_batches_max=2, drain_seconds=2.0)
    run = await start({"in": DescriptorConfig(descriptor=reader.fileno())}, memory, limits=limits)
    os.set_blocking(writer.fileno(), False)
    line = b"x" * 999 + b"\n"
    sent = 0

    def stuck() -> bool:
        nonlocal sent
        try:
            sent += os.write(writer.fileno(), line * 4)
        except BlockingIOError:
            return run.pipeline.state.sources["in"].queue.full
        return False

    await run.until(stuck)
    received = run.pipeline.state.ledger.sources["in"].received
    assert received * 1000 < sent
    sink.open.set()
    writer.close()
    await run.end()
    assert sent == 1000 * len(sink.lines)


async def at_its_end(start, memory, sink, pipe):
    """A run whose input has ended while its sink holds, and that may not take any time to drain."""
    reader, writer = pipe
    sink.open.clear()
    run = await start({"in": DescriptorConfig(descriptor=reader.fileno())}, memory, limits=Limits(drain_seconds=0.0))
    writer.write(b"{}\n")
    writer.close()
    await run.until(run.pipeline.ended.is_set)
    for _ in range(20):
        await asyncio.sleep(0)
    return run


async def test_end_takes_its_time(start, memory, sink, pipe):
    """
    After the last line nothing is dropped for being slow to write: nobody asked to stop.
    """
    run = await at_its_end(start, memory, sink, pipe)
    assert not run.pipeline.state.draining
    sink.open.set()
    await run.end()

    assert b"{}\n" == sink.text


async def test_stop_after_the_end(start, memory, sink, pipe):
    """
    A stop does not wait for a slow sink, input or no input.
    """
    run = await at_its_end(start, memory, sink, pipe)
    await run.stop()

    assert {"shutdown": 1} == dict(run.pipeline.state.ledger.sinks["out"].dropped)


async def test_config_reads_descriptor_zero():
    """
    The source of the settings is standard input, which ends.
    """
    async with StdinConfig().open(context("sources.in")) as source:
        assert (False, "standard input", 0) == (source.endless, source.where, source._descriptor)
