"""A bug of a source, or in a reload: it costs nothing else, and says so."""

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from headrig.cli import run as cli_run
from headrig.component import SourceComponentConfig
from headrig.errors import UnavailableError
from headrig.limits import Limits
from headrig.sources import TcpConfig
from headrig.web import HttpServerConfig

pytestmark = pytest.mark.asyncio

TCP = {"in": TcpConfig(listen="127.0.0.1:0")}


class Panic(BaseException):
    """What a panic of the core looks like here."""


def bugs(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if "bug" in record.getMessage()]


class BrokenSource:
    """Passes one line on, then fails once told to."""

    endless = True
    where = "a test's hand"

    def __init__(self, error: BaseException | None, *, tune: BaseException | None = None) -> None:
        self.error = error
        self.fail = asyncio.Event()
        self._tune = tune

    async def read(self, intake) -> None:
        intake.add(b'{"broken":1}\n', 1)
        await self.fail.wait()
        if self.error is not None:
            raise self.error
        await intake.stopping.wait()

    def tune(self, limits) -> None:
        if self._tune is not None:
            raise self._tune


class BrokenSourceConfig(SourceComponentConfig, frozen=True, kw_only=True, tag_field="type", tag="broken"):
    """Settings of a source that a test holds in its hand."""

    sources: Any
    """One for each time it is opened."""
    closed: Any

    @asynccontextmanager
    async def open(self, context):
        yield self.sources.pop(0)
        self.closed.append(context.path)


@pytest.mark.parametrize(
    "kind", [RuntimeError, AssertionError, MemoryError, OSError, TimeoutError, Panic, asyncio.CancelledError]
)
async def test_bug_of_a_source(start, memory, sink, caplog, kind):
    """
    A source that fails by a bug ends alone: what it had passed on is written, the others go on, it lets go of what it held,
    health tells where the bug is, and a reload that changes nothing opens it anew.
    """
    broken, mended, closed = BrokenSource(kind("canary")), BrokenSource(None), []
    config = BrokenSourceConfig(sources=[broken, mended], closed=closed)
    run = await start(TCP | {"bad": config}, memory)
    broken.fail.set()
    await run.until(lambda: closed == ["sources.bad"])
    await run.send(b'{"n":1}\n')
    await run.until(lambda: len(sink.lines) == 2)
    health = run.pipeline.status.health()
    found = health.components["sources.bad"]

    assert (False, "dead", True) == (health.good(), found.status, run.pipeline.failed)
    assert found.reason.startswith(f"read failed: {kind.__name__}, a bug; it takes nothing more until a reload")
    (said,) = bugs(caplog)
    assert said.startswith(f"sources.bad: read failed: {kind.__name__}, a bug; ")
    assert "canary" not in caplog.text

    await run.pipeline.reload(run.pipeline.config)
    await run.until(lambda: len(sink.lines) == 3)
    assert ([], False) == (list(run.health()), run.pipeline.failed)
    await run.stop()


async def test_bug_of_the_last_source(start, memory, sink):
    """
    When a bug has ended every source nothing more can come: the run ends, once everything is written.
    """
    broken = BrokenSource(RuntimeError("canary"))
    run = await start({"bad": BrokenSourceConfig(sources=[broken], closed=[])}, memory)
    broken.fail.set()
    await run.pipeline.finished()

    assert (1, True) == (len(sink.lines), run.pipeline.failed)
    await run.stop()


@pytest.mark.parametrize("kind", [RuntimeError, Panic])
async def test_bug_in_renewing_the_status_server(start, memory, sink, caplog, monkeypatch, kind):
    """
    A status server that fails by a bug as it goes over to other settings costs neither the reload nor the run.
    """

    async def broken(*_):
        raise kind("canary")

    monkeypatch.setattr("headrig.web.server.StatusServer.renew", broken)
    http = HttpServerConfig(listen="127.0.0.1:0")
    run = await start(TCP, memory, http=http)
    await run.pipeline.reload(msgspec.structs.replace(run.pipeline.config, http=HttpServerConfig(listen="localhost:0")))
    await run.until(lambda: bugs(caplog) != [])
    await run.send(b'{"n":1}\n')
    await run.until(lambda: len(sink.lines) == 1)

    assert bugs(caplog)[0].startswith(f"http: renew failed: {kind.__name__}, a bug; it goes on as it can")
    assert "canary" not in caplog.text
    await run.stop()


@pytest.mark.parametrize("kind", [RuntimeError, Panic])
async def test_bug_in_tuning_a_source(start, memory, sink, caplog, kind):
    """
    A source that fails at taking other bounds costs no reload; it goes on, degraded, and the next reload opens it anew.
    """
    broken, mended = BrokenSource(None, tune=kind("canary")), BrokenSource(None)
    run = await start(TCP | {"bad": BrokenSourceConfig(sources=[broken, mended], closed=[])}, memory)
    changed = msgspec.structs.replace(run.pipeline.config, limits=Limits(idle_seconds_max=3000))
    await run.pipeline.reload(changed)
    health = run.pipeline.status.health()

    assert (True, ["sources.bad"], False) == (health.good(), list(run.health()), run.pipeline.failed)
    assert bugs(caplog)[0].startswith(f"sources.bad: tune failed: {kind.__name__}, a bug; it goes on as it was")
    assert "canary" not in caplog.text
    await run.pipeline.reload(changed)
    await run.until(lambda: len(sink.lines) == 2)
    assert [] == list(run.health())
    await run.stop()


@pytest.mark.parametrize("kind", [RuntimeError, OSError, MemoryError, Panic, asyncio.CancelledError])
async def test_bug_at_opening_in_a_reload(start, memory, sink, caplog, kind):
    """
    A component that fails by a bug when a reload opens it costs that reload and nothing else: what was opened beside it is
    closed, the old settings stay, and its text appears nowhere.
    """

    class Unopenable(SourceComponentConfig, frozen=True, kw_only=True, tag_field="type", tag="unopenable"):
        @asynccontextmanager
        async def open(self, context):
            raise kind("canary")
            yield

    run = await start(TCP, memory)
    closed = []
    beside = BrokenSourceConfig(sources=[BrokenSource(None)], closed=closed)
    changed = msgspec.structs.replace(run.pipeline.config, sources=TCP | {"new": beside, "bad": Unopenable()})
    with pytest.raises(UnavailableError) as refused:
        await run.pipeline.reload(changed)
    await run.send(b'{"n":1}\n')
    await run.until(lambda: len(sink.lines) == 1)

    assert f"sources.bad: open failed: {kind.__name__}, a bug" == str(refused.value)
    assert (["sources.new"], TCP) == (closed, run.pipeline.config.sources)
    assert "\n  headrig/runtime/builder.py:" in bugs(caplog)[0]
    assert "canary" not in caplog.text
    assert 1 == run.page()['headrig_config_reloads_total{result="failure"}']
    await run.stop()


async def test_bug_in_reading_settings_again(start, memory, caplog, monkeypatch):
    """
    What reads the settings for a reload may fail by a bug: the run goes on with those it has, and says where the bug is.
    """

    async def read_quiet(*_):
        raise RecursionError("canary")

    monkeypatch.setattr(cli_run, "read_quiet", read_quiet)
    caplog.set_level(logging.ERROR, "headrig")
    run = await start(TCP, memory)
    await cli_run._Run(run.pipeline.config, "headrig.toml", "no", "")._reload(run.pipeline)

    assert bugs(caplog)[0].startswith(
        "SIGHUP: the old settings stay: read failed: RecursionError, a bug\n  headrig/cli/run.py:"
    )
    assert "canary" not in caplog.text
    assert 1 == run.page()['headrig_config_reloads_total{result="failure"}']
    await run.stop()
