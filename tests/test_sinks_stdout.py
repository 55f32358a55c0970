"""Standard output: whole lines, a slow reader, a reader that went away."""

import os
import resource
from contextlib import asynccontextmanager
from typing import Any

import pytest

from headrig.component import OpenContext, SinkComponentConfig
from headrig.errors import DeliveryError, Retryable
from headrig.sinks import StdoutConfig
from headrig.sinks.stdout import StdoutSink
from headrig.sources import TcpConfig
from headrig.testing import context

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}


class DescriptorConfig(SinkComponentConfig, frozen=True, kw_only=True, tag="descriptor"):
    """Standard output with another number: the tests' own is in use."""

    descriptor: Any

    @asynccontextmanager
    async def open(self, context: OpenContext):
        sink = StdoutSink(self.descriptor)
        yield sink
        sink.close()


@pytest.fixture
def pipe():
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as reader, os.fdopen(write, "wb", buffering=0) as writer:
        yield reader, writer


async def test_lines_come_out(start, pipe):
    """
    Lines come out as they went in.
    """
    reader, writer = pipe
    run = await start(TCP, {"out": DescriptorConfig(descriptor=writer.fileno())})
    await run.send(b'{"n":1}\n{"n":2}\n')
    await run.until(lambda: run.pipeline.state.ledger.sinks["out"].delivered == 2)

    assert b'{"n":1}\n{"n":2}\n' == reader.read(100)


async def test_slow_reader_of_a_non_blocking_pipe(start, pipe):
    """
    A pipe that somebody made non-blocking is waited for.
    """
    reader, writer = pipe
    os.set_blocking(writer.fileno(), False)
    os.set_blocking(reader.fileno(), False)
    text = b"".join(b'{"n":%d}\n' % n for n in range(50_000))
    run = await start(TCP, {"out": DescriptorConfig(descriptor=writer.fileno())})
    await run.send(text)
    got = b""

    def whole() -> bool:
        nonlocal got
        got += reader.read(10_000) or b""
        return len(got) == len(text)

    await run.until(whole)
    assert text == got


async def test_reader_goes_away(start, pipe):
    """
    When nobody reads any more the run ends by itself, quietly, and the lines are counted.
    """
    reader, writer = pipe
    reader.close()
    run = await start(TCP, {"out": DescriptorConfig(descriptor=writer.fileno())})
    await run.send(b"{}\n")
    await run.end()

    assert {"closed": 1} == dict(run.pipeline.state.ledger.sinks["out"].dropped)


async def test_closed_pipe_is_told_apart(pipe):
    """
    The sink itself says that the pipe is closed.
    """
    reader, writer = pipe
    reader.close()
    sink = StdoutSink(writer.fileno())
    with pytest.raises(DeliveryError) as caught:
        await sink.write([b"{}\n"])

    assert "closed" == caught.value.reason
    sink.close()


async def test_full_disk_behind_a_redirection(tmp_path):
    """
    A file that takes no more is not a reader that went away: the batch comes again, and goes on where it stopped.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "out").open("wb", buffering=0) as file:
        sink = StdoutSink(file.fileno())
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, before[1]))
        try:
            with pytest.raises(Retryable, match="File too large") as caught:
                await sink.write([b"{}\n", b"[]\n"])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        assert ("io", 5) == (caught.value.reason, sink.accepted_bytes)
        await sink.write([b"{}\n", b"[]\n"])
        assert (b"{}\n[]\n", 0) == ((tmp_path / "out").read_bytes(), sink.accepted_bytes)
        sink.close()


async def test_settings():
    """
    Nobody waits for standard output unless told to.
    """
    assert (False, "block") == (StdoutConfig().required, StdoutConfig().when_full)
    assert [] == list(StdoutConfig().problems("sinks.out"))
    async with StdoutConfig().open(context()) as sink:
        assert 1 == sink._descriptor
