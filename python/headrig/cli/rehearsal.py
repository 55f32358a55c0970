"""
A run of the settings with nothing at stake: the same doors, rules, sinks and notifiers, but on loopback and in a folder of
its own. What a remote sink or notifier would send comes to a server here, but for those that are asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from headrig.component import ComponentConfig, OpenContext, SinkComponentConfig, SourceComponentConfig
from headrig.config import Config
from headrig.model import Notice
from headrig.notifiers.console import ConsoleConfig, shown
from headrig.runtime.pipeline import Pipeline, run
from headrig.sinks.file import FileConfig
from headrig.sinks.stdout import StdoutConfig
from headrig.sources.stdin import StdinConfig
from headrig.sources.unix import UnixConfig
from headrig.web import HttpServerConfig

_ANY_PORT = "127.0.0.1:0"
_NO_GUARD = {"tls": None, "token": None, "token_file": None, "allow_from": (), "allow_uids": (), "ca_file": None}
"""Settings that keep others away. Nobody else reaches a door of the rehearsal, and it shows no credential."""
_END_SECONDS = 0.5
"""Longest wait at the end for lines that nobody takes."""
_NO_WAIT = {"flush_entries_max": 0, "flush_seconds": 0.0}
_ADDRESSES = ("endpoint", "to", "url")
"""The key in which a remote component says where it sends."""


class PrintedNoticesConfig(ComponentConfig, frozen=True, kw_only=True, tag="printed"):
    """Stands in for the console: keeps what would be printed."""

    texts: list[str]

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[PrintedNotices]:  # noqa: ARG002
        """Nothing is held."""
        yield PrintedNotices(self.texts)


class PrintedNotices:
    """A notifier that keeps its notices as text."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts

    async def notify(self, notice: Notice) -> None:
        """Keep it."""
        self._texts.append(shown(notice))


@dataclass
class Rehearsal:
    """What was copied, and what came out of it."""

    folder: Path
    pipeline: Pipeline
    bodies: dict[str, list[str]]
    """Bodies of requests that would have left this machine, by the path of their component."""
    printed: dict[str, list[str]]
    """By the path of a notifier."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Components that are not looked at, and why."""

    def written(self, path: str) -> str:
        """What a sink or notifier got, by its path."""
        if path in self.printed:
            return "\n".join(self.printed[path])
        if path in self.bodies:
            return "\n".join(self.bodies[path])
        file = self.folder / path
        return file.read_text("utf-8", "replace") if file.exists() else ""


@asynccontextmanager
async def rehearsal(config: Config, folder: Path, real: Collection[str] = ()) -> AsyncIterator[Rehearsal]:
    """
    The run, from when everything listens. What sends at the paths in `real` sends to where its settings say. Raises what
    `headrig run` raises when something cannot be opened.
    """
    bodies: dict[str, list[str]] = {}
    async with _server(bodies) as url:
        copy = _Copy(folder, url, bodies, real)
        settings = copy.of(config)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        started: asyncio.Future[Pipeline] = loop.create_future()
        clock = time.time  # noqa: TID251  # the edge: everything below is handed this clock
        task = loop.create_task(run(settings, clock=clock, stop=stop, on_start=started.set_result))
        await asyncio.wait((task, started), return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            await task
        try:
            yield Rehearsal(folder, started.result(), bodies, copy.printed, copy.skipped)
        finally:
            # What was to be looked at has come; what another side refuses is not waited for.
            state = started.result().state
            state.limits = msgspec.structs.replace(state.limits, drain_seconds=_END_SECONDS)
            stop.set()
            await task


class _Copy:
    """Settings in which nothing but what is `real` points outside."""

    def __init__(self, folder: Path, url: str, bodies: dict[str, list[str]], real: Collection[str]) -> None:
        self._folder = folder
        self._real = real
        self._url = url
        self._bodies = bodies
        self.printed: dict[str, list[str]] = {}
        self.skipped: dict[str, str] = {}

    def of(self, config: Config) -> Config:
        """The same rules and limits, and a copy of each component."""
        return msgspec.structs.replace(
            config,
            sources={name: self._source(name, source) for name, source in config.sources.items()},
            sinks=self._known("sinks", config.sinks, self._sink),
            notifiers=self._known("notifiers", config.notifiers, self._notifier),
            http=HttpServerConfig(listen=_ANY_PORT),
            thresholds={},
            data_dir=None,
        )

    def _known(self, kind: str, components: Mapping[str, Any], copied: Any) -> dict[str, Any]:
        copies = {name: copied(f"{kind}.{name}", component) for name, component in components.items()}
        for name, copy in copies.items():
            if copy is None:
                self.skipped[f"{kind}.{name}"] = f"{components[name].kind} has no copy here"
        return {name: copy for name, copy in copies.items() if copy is not None}

    def _source(self, name: str, source: SourceComponentConfig) -> Any:
        if isinstance(source, UnixConfig | StdinConfig):
            return UnixConfig(path=str(self._folder / f"{name}.sock"))
        return _replaced(source, {"listen": _ANY_PORT, **_NO_GUARD})

    def _sink(self, path: str, sink: SinkComponentConfig) -> Any:
        if isinstance(sink, FileConfig | StdoutConfig):
            return FileConfig(path=str(self._folder / path), flush_entries_max=0, flush_seconds=0.0)
        return self._sending(path, sink)

    def _notifier(self, path: str, notifier: ComponentConfig) -> Any:
        if isinstance(notifier, ConsoleConfig):
            return PrintedNoticesConfig(texts=self.printed.setdefault(path, []))
        return self._sending(path, notifier)

    def _sending(self, path: str, component: Any) -> Any:
        """One that sends to this machine; None for a kind of which it is not known how."""
        if path in self._real:
            return _replaced(component, _NO_WAIT)
        key = next((key for key in _ADDRESSES if key in component.__struct_fields__), None)
        if key is None:
            return None
        self._bodies[path] = []
        url = f"{self._url}/{path}"
        here: dict[str, Any] = {"endpoint": {"endpoint": url}, "url": {"url": url}, "to": {"to": self._url}}[key]
        routed = {"path": f"/{path}"} if key == "to" else {}
        return _replaced(component, {**here, **routed, **_NO_GUARD, **_NO_WAIT, "auth_header": None, "url_file": None})


def _replaced(component: Any, changes: Mapping[str, Any]) -> Any:
    """A copy with those of the changes that it has a field for."""
    known = component.__struct_fields__
    return msgspec.structs.replace(component, **{name: value for name, value in changes.items() if name in known})


@asynccontextmanager
async def _server(bodies: dict[str, list[str]]) -> AsyncIterator[str]:
    """Its address; it accepts whatever comes, and keeps the bodies by their path."""

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        bodies.setdefault(request.path.strip("/"), []).append(body.decode("utf-8", "replace"))
        return web.Response(text="ok")

    application = web.Application(client_max_size=0)
    application.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
