"""A bug of one part: what it costs, who hears of it, and that everyone else goes on."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from endpoint import Pauses

from headrig.component import ComponentConfig
from headrig.delivery.loop import ends
from headrig.errors import UnavailableError
from headrig.limits import BUG_ATTEMPTS_MAX, BUG_SECONDS
from headrig.sources import TcpConfig
from headrig.testing import MemorySink

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}
NOW_SECONDS = 1_795_000_000.0


class Panic(BaseException):
    """What a panic of the core looks like here."""


BUGS = [RuntimeError, TypeError, AssertionError, MemoryError, KeyError, StopIteration, TimeoutError, Panic]
BUGS += [asyncio.CancelledError]


class Clock:
    """Stands still until a test moves it."""

    now = NOW_SECONDS

    def __call__(self) -> float:
        return self.now


class BrokenNotifier:
    """Fails so many times, then takes every notice."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.titles: list[str] = []

    async def notify(self, notice) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.titles.append(notice.title)


class BrokenConfig(ComponentConfig, frozen=True, kw_only=True, tag_field="type", tag="broken"):
    """Settings of a notifier that a test holds in its hand."""

    notifier: Any

    @asynccontextmanager
    async def open(self, context):
        yield self.notifier


class ClosingConfig(BrokenConfig, frozen=True, kw_only=True, tag_field="type", tag="closing"):
    """The same, and closing it fails."""

    error: Any

    @asynccontextmanager
    async def open(self, context):
        yield self.notifier
        raise self.error


@pytest.fixture
def two(start, memory, sink):
    """Start with one sink that a test breaks, `sink`, and a healthy one beside it."""

    async def starter(**settings):
        healthy = MemorySink()
        clock = Clock()
        sinks = memory | {"healthy": msgspec.structs.replace(memory["out"], sink=healthy)}
        run = await start(TCP, sinks, clock=clock, **settings)
        run.clock, run.healthy = clock, healthy
        run.account = run.pipeline.state.ledger.sinks["out"]
        run.pipeline.state.pause = run.pauses = Pauses()
        return run

    return starter


def bugs(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if "bug" in record.getMessage()]


@pytest.mark.parametrize("kind", BUGS)
async def test_bug_once(two, sink, caplog, kind):
    """
    A sink that fails by a bug gets its batch again; the run and the other sinks go on, and for a while it is degraded.
    """
    sink.errors = [kind("canary")]
    run = await two()
    await run.send(b'{"n":1}\n')
    await run.until(lambda: run.pauses.asked != [])
    health = run.pipeline.status.health()
    assert (True, "degraded", ["sinks.out"]) == (health.good(), health.status, list(run.health()))
    run.pauses.let_go()
    await run.send(b'{"n":2}\n')
    await run.until(lambda: len(sink.lines) == len(run.healthy.lines) == 2)

    assert [b'{"n":1}', b'{"n":2}'] == sink.lines
    assert 0 == run.account.dropped.total()
    errors = 'component_errors_total{component_id="out",component_kind="sink",component_type="memory",error_type="bug",stage="sending"}'
    assert 1 == run.page()[errors]
    assert "degraded" == run.pipeline.status.health().status
    run.clock.now += BUG_SECONDS
    assert "ok" == run.pipeline.status.health().status


@pytest.mark.parametrize("kind", BUGS)
async def test_bug_for_ever(two, sink, caplog, kind):
    """
    What a sink fails on again and again is dropped, counted as `bug`; the next batch is tried, and others go on.
    """
    sink.errors = [kind("canary") for _ in range(2 * BUG_ATTEMPTS_MAX)]
    run = await two()
    run.pauses.let_go(100)
    for n in range(3):
        await run.send(b'{"n":%d}\n' % n)
        await run.until(lambda n=n: len(run.healthy.lines) == n + 1)
        await run.until(lambda: run.account.waiting() == 0)

    assert {"bug": 2} == dict(run.account.dropped)
    assert [b'{"n":2}'] == sink.lines
    assert not run.task.done()


async def test_bug_is_said_once(two, sink, caplog):
    """
    A bug is logged once with where it is in our code, and never with what the exception says: that may quote a line.
    """
    sink.errors = [RuntimeError("canary"), RuntimeError("canary"), ValueError("canary")]
    run = await two()
    run.pauses.let_go(100)
    for n in range(2):
        await run.send(b'{"n":"canary"}\n')
        await run.until(lambda n=n: run.account.waiting() == 0 and len(run.healthy.lines) == n + 1)

    said = [text for text in bugs(caplog) if "\n" in text]
    assert 2 == len(said)
    assert said[0].startswith("sinks.out: write failed: RuntimeError, a bug")
    assert "headrig/testing.py:" in said[0]
    assert "in write" in said[0]
    assert "canary" not in caplog.text


@pytest.mark.parametrize("kind", BUGS)
async def test_bug_in_flush(two, sink, caplog, monkeypatch, kind):
    """
    A flush that fails by a bug is not taken for one that succeeded, and has the other sinks flushed all the same.
    """
    run = await two()

    async def fail():
        raise kind("canary")

    monkeypatch.setattr(sink, "flush", fail)
    await run.send(b"{}\n")

    assert not await run.pipeline.flush()
    assert (1, 1) == (run.healthy.flushes, len(sink.lines))
    assert ["sinks.out"] == list(run.health())
    assert "canary" not in caplog.text
    monkeypatch.undo()
    assert await run.pipeline.flush()


@pytest.mark.parametrize("kind", BUGS)
@pytest.mark.parametrize("when", ["reload", "stop"])
async def test_bug_in_close(start, memory, sink, caplog, kind, when):
    """
    A part that fails to close costs neither a reload nor the others their end.
    """
    closed = []

    class Closing(type(memory["out"]), frozen=True, kw_only=True, tag_field="type", tag="closing"):
        @asynccontextmanager
        async def open(self, context):
            yield self.sink
            closed.append(self.sink)
            raise kind("canary")

    other = MemorySink()
    run = await start(TCP, {"out": Closing(sink=sink), "other": Closing(sink=other)})
    await run.send(b"{}\n")
    if when == "reload":
        await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sinks=memory))
        await run.until(lambda: len(closed) == 2)
        await run.send(b"{}\n")
        await run.until(lambda: len(sink.lines) == 2)
    await run.stop()

    assert [other, sink] == sorted(closed, key=lambda each: each is sink)
    assert "canary" not in caplog.text
    assert "close failed" in caplog.text


@pytest.mark.parametrize("kind", BUGS)
async def test_bug_of_a_notifier(start, memory, caplog, kind):
    """
    A notifier that fails by a bug gets the notice again, and is given up within bounds; other notifiers go on.
    """
    broken, healthy = BrokenNotifier(*[kind("canary") for _ in range(BUG_ATTEMPTS_MAX + 1)]), BrokenNotifier()
    notifiers = {"broken": BrokenConfig(notifier=broken), "healthy": BrokenConfig(notifier=healthy)}
    run = await start(TCP, memory, notifiers=notifiers)
    run.pipeline.state.pause = pauses = Pauses()
    pauses.let_go(100)
    for title in ("one", "two"):
        run.pipeline.alerting.sent.send(title, "canary")
    await run.until(lambda: len(broken.titles) == 1 and len(healthy.titles) == 2)

    assert (["two"], ["one", "two"]) == (broken.titles, healthy.titles)
    assert {"bug": 1} == dict(run.pipeline.state.ledger.notifiers["broken"].dropped)
    assert ["notifiers.broken"] == list(run.health())
    assert "canary" not in caplog.text
    assert 1 == len([text for text in bugs(caplog) if "\n" in text])


async def test_bug_in_closing_a_notifier(start, memory, caplog):
    """
    A notifier that fails to close does not keep the others from it.
    """
    closing = ClosingConfig(notifier=BrokenNotifier(), error=RuntimeError("canary"))
    run = await start(TCP, memory, notifiers={"a": closing, "b": closing})
    await run.stop()

    assert ["notifiers.a: close failed: RuntimeError", "notifiers.b: close failed: RuntimeError"] == [
        text.split(", a bug")[0] for text in bugs(caplog)
    ]


@pytest.mark.parametrize("kind", [RuntimeError, Panic, asyncio.CancelledError])
@pytest.mark.parametrize("when", ["reload", "stop"])
async def test_bug_in_closing_a_source(start, memory, sink, caplog, kind, when):
    """
    A source that fails to close costs neither a reload nor the lines of the others.
    """

    class Closing(TcpConfig, frozen=True, kw_only=True, tag="closing"):
        @asynccontextmanager
        async def open(self, context):
            async with super().open(context) as source:
                yield source
            raise kind("canary")

    run = await start(TCP | {"bad": Closing(listen="127.0.0.1:0")}, memory)
    await run.send(b"{}\n", "bad")
    if when == "reload":
        await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sources=TCP))
        await run.until(lambda: "close failed" in caplog.text)
    await run.send(b"{}\n")
    await run.until(lambda: len(sink.lines) == 2)
    await run.stop()

    assert f"sources.bad: close failed: {kind.__name__}, a bug" in caplog.text
    assert "canary" not in caplog.text


async def test_bug_in_closing_what_was_opened_in_vain(start, memory, sink, caplog):
    """
    A reload that cannot open a component says so, and not what failed when the others were closed again.
    """

    class Closing(type(memory["out"]), frozen=True, kw_only=True, tag="closing"):
        @asynccontextmanager
        async def open(self, context):
            yield self.sink
            raise RuntimeError("canary")

    class Refusing(type(memory["out"]), frozen=True, kw_only=True, tag="refusing"):
        @asynccontextmanager
        async def open(self, context):
            raise UnavailableError("the port is in use")
            yield

    run = await start(TCP, memory)
    sinks = {"a": Closing(sink=sink), "b": Closing(sink=sink), "c": Refusing(sink=sink)}
    with pytest.raises(UnavailableError, match="the port is in use"):
        await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, sinks=sinks))
    await run.send(b"{}\n")
    await run.until(lambda: len(sink.lines) == 1)

    assert ["sinks.a: close failed: RuntimeError", "sinks.b: close failed: RuntimeError"] == [
        text.split(", a bug")[0] for text in bugs(caplog)
    ]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
async def test_what_is_no_bug(kind):
    """
    An interrupt is not contained, nor is the end of a task that somebody cancelled; an exception of the same kind that a
    component raises by itself is.
    """
    cancelled = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            cancelled.append(ends(error))

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    await task

    assert ends(kind())
    assert [True] == cancelled
    assert not ends(asyncio.CancelledError())


async def test_bug_that_was_mended(two, sink):
    """
    A reload opens the sink anew: bugs of the old one no longer count, and one of the new one is said again.
    """
    sink.errors = [RuntimeError("canary")]
    run = await two()
    await run.send(b"{}\n")
    await run.until(lambda: run.pauses.asked != [])
    run.pauses.let_go()
    await run.until(lambda: len(sink.lines) == 1)
    await run.pipeline.reload(run.pipeline.config)

    assert "ok" == run.pipeline.status.health().status
