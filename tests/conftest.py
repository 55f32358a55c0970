"""A pipeline under test: real sockets on loopback, a clock that stands still, and a ledger that must close."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import hypothesis
import pytest
import pytest_asyncio
import uvloop

from headrig.component import OpenContext, SinkComponentConfig
from headrig.config import Config
from headrig.limits import Limits
from headrig.runtime.pipeline import Pipeline, run
from headrig.testing import MemorySink

# How long an example takes says something about the machine, not about what is tested.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

WAIT_SECONDS = 60.0
"""Longest wait for what a test expects: uvloop takes no exception from a timer signal."""
NOW_SECONDS = 1_795_000_000.0


class MemoryConfig(SinkComponentConfig, frozen=True, kw_only=True, tag="memory"):
    """Settings of a sink that a test holds in its hand."""

    sink: Any

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[MemorySink]:
        yield self.sink


class Run:
    """A pipeline that runs as a task."""

    def __init__(self, pipeline: Pipeline, task: asyncio.Task[None], stop: asyncio.Event) -> None:
        self.pipeline = pipeline
        self.task = task
        self._stop = stop

    async def stop(self) -> None:
        """Stop it as SIGTERM does, and wait for its end."""
        self._stop.set()
        await self.end()

    async def end(self) -> None:
        """Wait for its end."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.task

    def port(self, name: str = "in") -> int:
        """The port of a source with `listen = "127.0.0.1:0"`."""
        return self.pipeline.state.sources[name].source.port

    @property
    def url(self) -> str:
        """Of the status server."""
        return self.pipeline.components.http[0].where

    async def send(self, data: bytes, name: str = "in") -> None:
        """Over TCP, closing the connection."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.port(name))
        writer.write(data)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def leave_in_backlog(self, data: bytes, name: str = "in") -> None:
        """Connect, send and close before the loop can accept the connection."""
        with socket.create_connection(("127.0.0.1", self.port(name))) as peer:
            peer.sendall(data)

    async def until(self, done: Callable[[], bool]) -> None:
        """Let the loop turn until something is so."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not done():  # noqa: ASYNC110 (what a test waits for has no event)
                await asyncio.sleep(0.001)

    def health(self) -> dict[str, tuple[str, str]]:
        """Status and reason of every component that is not well."""
        components = self.pipeline.status.health().components
        return {at: (each.status, each.reason) for at, each in components.items() if each.status != "ok"}

    def page(self) -> dict[str, float]:
        """Every sample of headrig's own families."""
        lines = self.pipeline.state.metrics.page().decode().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


Start = Callable[..., Awaitable[Run]]


def pytest_asyncio_loop_factories(config, item):
    """The loop that `headrig run` uses."""
    return {"uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    """Start pipelines; whatever a test does with them, they stop afterwards and their ledgers close."""
    runs: list[Run] = []

    async def starter(sources: dict[str, Any], sinks: dict[str, Any], **settings: Any) -> Run:
        limits = settings.pop("limits", Limits(drain_seconds=2.0))
        clock = settings.pop("clock", lambda: NOW_SECONDS)
        config = Config(sources=sources, sinks=sinks, limits=limits, **settings)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        started: asyncio.Future[Pipeline] = loop.create_future()
        task = loop.create_task(run(config, clock=clock, stop=stop, on_start=started.set_result))
        await asyncio.wait((task, started), return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            await task
        runs.append(Run(started.result(), task, stop))
        return runs[-1]

    yield starter
    for each in runs:
        each.pipeline.state.ledger.check()
        await each.stop()
        each.pipeline.state.ledger.check()
        assert 0 == sum(source.waiting() for source in each.pipeline.state.ledger.sources.values())


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def memory(sink: MemorySink) -> dict[str, MemoryConfig]:
    """The table `[sinks]` with one sink in memory, `out`."""
    return {"out": MemoryConfig(sink=sink)}
