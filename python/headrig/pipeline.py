"""
The flow, from top to bottom: sources -> batches -> core -> sinks and alerts, and the order of start, reload and stop.
Parts raise, the pipeline retries, counts and reports. Nothing here touches a line.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

import msgspec

from headrig import families
from headrig.alerting import Alerting
from headrig.alerts.threshold import Threshold
from headrig.config import Config
from headrig.config.spec import with_thresholds
from headrig.engine import BATCH_BYTES_MAX, Engine, Processed
from headrig.errors import DeliveryError, HeadrigError
from headrig.families import Metrics
from headrig.ledger import Ledger
from headrig.listen import Sockets, host_port
from headrig.model import Batch, Clock, Sink, Source
from headrig.opening import Opened, open_parts
from headrig.parts import RunningSink, RunningSource, Seldom, State, offer
from headrig.queues import CoreQueue, Partials, RawBatch, Ready, SinkQueue
from headrig.sinks import SinkConfig
from headrig.sources import HttpConfig, SourceConfig
from headrig.sources.ingest import IngestSource
from headrig.status import Status
from headrig.web.server import StatusServer

log: Final = logging.getLogger("headrig")

READING_SHARE: Final = 0.6
"""Share of the drain time that sources may still read; the rest is for the core and the sinks."""


async def run(
    config: Config,
    *,
    clock: Clock,
    stop: asyncio.Event,
    on_start: Callable[[Pipeline], None] | None = None,
    engine: Engine | None = None,
) -> None:
    """
    Run until `stop` is set or every source has ended; then drain.

    `on_start` is called once everything listens. `engine` is one that others feed as well. Raises `ConfigError` or `UnavailableError` when something cannot be
    opened. A second stop is the caller's: cancel this.
    """
    pipeline = Pipeline(config, clock, engine)
    try:
        await pipeline.open()
        async with asyncio.TaskGroup() as tasks:
            pipeline.start(tasks)
            if on_start is not None:
                on_start(pipeline)
            stopped = tasks.create_task(stop.wait())
            ended = tasks.create_task(pipeline.finished())
            await asyncio.wait((stopped, ended), return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
            ended.cancel()
            await pipeline.drain()
    finally:
        await pipeline.close()


class Pipeline:
    """One run."""

    def __init__(self, config: Config, clock: Clock, engine: Engine | None = None) -> None:
        self.config = config
        self.ended = asyncio.Event()
        """Every source has come to its end, or nobody takes what the sinks write."""
        self.state = State(
            clock=clock,
            limits=config.limits,
            engine=engine or Engine(config.engine_spec),
            ledger=Ledger(),
            metrics=Metrics(),
            partials=Partials(config.limits.partial_bytes_max),
            warnings=Seldom(clock),
        )
        self.alerting = Alerting(config, self.state)
        self.status = Status(self.state, self.alerting)
        self._sockets = Sockets()
        self._http: tuple[StatusServer, AsyncExitStack] | None = None
        self._opened: Opened | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def where(self) -> list[str]:
        """Where it listens and reads, for people."""
        sources = [running.source.where for running in self.state.sources.values()]
        return [*sources, *([f"{self._http[0].where}/metrics"] if self._http else [])]

    async def open(self) -> None:
        """Open every part; nothing stays open when one cannot be."""
        self._opened = await self._open(self.config, self.config.sources)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Let everything run that was opened."""
        assert self._opened is not None
        self._tasks = tasks
        opened, self._opened = self._opened, None
        self._http = opened.http
        self.alerting.start(tasks, self.config, opened.notifiers)
        for name, (sink, closing) in opened.sinks.items():
            self._start_sink(name, sink, closing)
        for name, (source, closing) in opened.sources.items():
            self._start_source(name, source, closing)
        self._loop.set_exception_handler(self._loop_failed)

    async def reload(self, config: Config) -> None:
        """
        Go over to new settings. Unchanged sources go on undisturbed; every sink is opened anew.

        Raises `ConfigError` or `UnavailableError` when anything cannot be opened, and then everything is as before.
        """
        state = self.state
        changed = {
            name: source
            for name, source in config.sources.items()
            if name not in state.sources
            or (state.sources[name].config, state.sources[name].limits) != (source, config.limits)
        }
        try:
            opened = await self._open(config, changed)
            try:
                engine = Engine(config.engine_spec, state.engine)
            except BaseException:
                await opened.close()
                raise
        except HeadrigError:
            state.metrics.add(families.RELOADS, 1, "failure")
            raise
        state.engine, state.limits, self.config = engine, config.limits, config
        state.partials.bytes_max = config.limits.partial_bytes_max
        await self._switch(opened)
        self.alerting.replace(config.thresholds, engine)
        await self.alerting.renew(config, opened.notifiers)
        state.metrics.add(families.RELOADS, 1, "success")

    def set_thresholds(self, thresholds: Mapping[str, Threshold], engine: Engine | None = None) -> None:
        """
        Go over to these thresholds, presets included only if they are among them; nothing else changes.

        States and windows of those that stay are kept. `engine` is one that knows them already. Raises `RuleError` when
        the core cannot answer for one.
        """
        spec = with_thresholds(self.config.engine_spec, thresholds)
        engine = engine or Engine(spec, self.state.engine)
        self.config = msgspec.structs.replace(self.config, thresholds=dict(thresholds), engine_spec=spec)
        self.state.engine = engine
        self.alerting.replace(thresholds, engine)

    async def finished(self) -> None:
        """Wait for the end of all input, and until it is written: nobody asked to stop, so it may take its time."""
        await self.ended.wait()
        await asyncio.gather(*(sink.queue.flushed() for sink in self.state.sinks.values()))

    async def flush(self) -> bool:
        """
        Have everything that was received so far written, and made durable.

        False when a sink did not manage within `drain_seconds`; it goes on trying.
        """
        try:
            async with asyncio.timeout(self.state.limits.drain_seconds):
                await asyncio.gather(*(source.queue.flushed() for source in self.state.sources.values()))
                await asyncio.gather(*(sink.flush() for sink in self.state.sinks.values()))
        except (TimeoutError, DeliveryError) as error:
            log.warning("flush: not everything is written yet%s", f": {error}" if str(error) else "")
            return False
        return True

    async def drain(self) -> None:
        """Read what is on its way, write what waits, within `drain_seconds`; the rest is dropped, counted, logged."""
        state = self.state
        state.draining = True
        deadline = self._loop.time() + state.limits.drain_seconds
        sources = [*state.sources.values(), *(each for each in state.leaving if isinstance(each, RunningSource))]
        sinks = [*state.sinks.values(), *(each for each in state.leaving if isinstance(each, RunningSink))]
        for source in sources:
            source.queue.stopping.set()
        reading_seconds = state.limits.drain_seconds * READING_SHARE
        await _settle((source.reading for source in sources), reading_seconds)
        for sink in sinks:
            sink.rush()
        await _settle((source.processing for source in sources), deadline - self._loop.time())
        lost = sum(self._drop_raw(source) for source in sources)
        await self.alerting.advance()
        notifying = self.alerting.end()
        for sink in sinks:
            sink.queue.end()
        await _settle((*(sink.writing for sink in sinks), *notifying), deadline - self._loop.time())
        lost += sum(sink.queue.drop_all("shutdown") for sink in sinks)
        self.alerting.drop_all()
        if lost:
            log.error("%d lines were not written within %g s and are dropped", lost, state.limits.drain_seconds)

    async def close(self) -> None:
        """Close whatever is open, at whatever point the run ended."""
        if self._opened is not None:
            await self._opened.close()
        for running in (*self.state.sources.values(), *self.state.sinks.values(), *self.state.leaving):
            await running.close()
        await self.alerting.close()
        if self._http is not None:
            await self._http[1].aclose()

    async def _open(self, config: Config, sources: Mapping[str, SourceConfig]) -> Opened:
        """Open these sources, every sink, and what else changed: the notifiers, the status server."""
        http = config.http if self._http is None or config.http != self.config.http else None
        return await open_parts(
            config, sources, self.alerting.changed(config), http, status=self.status, sockets=self._sockets
        )

    async def _switch(self, opened: Opened) -> None:
        """Replace, start and let go of parts; what is let go of finishes by itself."""
        state, config = self.state, self.config
        for name in [name for name in state.sources if name not in config.sources or name in opened.sources]:
            leaving = state.sources.pop(name)
            state.leaving.add(leaving)
            leaving.queue.stopping.set()
            self._unmount(leaving)
        for name in [name for name in state.sinks if name not in config.sinks]:
            sink = state.sinks.pop(name)
            state.leaving.add(sink)
            sink.queue.end()
        for source in state.sources.values():
            source.queue.tune(config.limits)
        await self._switch_http(opened)
        for name, (new, closing) in opened.sinks.items():
            if name in state.sinks:
                self._tune(state.sinks[name].queue, name)
                await state.sinks[name].replace(config.sinks[name], new, closing)
            else:
                self._start_sink(name, new, closing)
        for name, (source_new, closing) in opened.sources.items():
            self._start_source(name, source_new, closing)

    async def _switch_http(self, opened: Opened) -> None:
        if opened.http is None and self.config.http is not None:
            return
        old, self._http = self._http, opened.http
        for source in self.state.sources.values():
            self._mount(source)
        if old is not None:
            await old[1].aclose()

    def _start_source(self, name: str, source: Source, closing: AsyncExitStack) -> None:
        assert self._tasks is not None
        state, config = self.state, self.config.sources[name]
        account = state.ledger.source(name, _kind(config))
        queue = CoreQueue(
            account,
            state.metrics,
            state.partials,
            clock=state.clock,
            limits=state.limits,
            batch_bytes_max=BATCH_BYTES_MAX,
        )
        running = state.sources[name] = RunningSource(name, config, source, queue, limits=state.limits, closing=closing)
        self._mount(running)
        running.reading = self._tasks.create_task(running.read())
        running.processing = self._tasks.create_task(self._process(running))
        running.processing.add_done_callback(lambda _: self._finished(running))

    def _start_sink(self, name: str, sink: Sink, closing: AsyncExitStack) -> None:
        assert self._tasks is not None
        state, config = self.state, self.config.sinks[name]
        queue = SinkQueue(state.ledger.sink(name, _kind(config)), state.limits)
        running = state.sinks[name] = RunningSink(name, config, sink, queue, closing)
        self._tune(queue, name)
        running.writing = self._tasks.create_task(running.write(state, self._reader_gone))
        running.writing.add_done_callback(lambda _: self._finished(running))

    def _tune(self, queue: SinkQueue, name: str) -> None:
        config = self.config.sinks[name]
        queue.account.type = _kind(config)
        queue.tune(self.state.limits, config.when_full, config.flush_entries_max, config.flush_seconds)

    async def _process(self, running: RunningSource) -> None:
        """Batches of one lane through the core, in order, and on to every sink."""
        queue, state = running.queue, self.state
        while (raw := await queue.next()) is not None:
            try:
                processed = raw.ready or await self._through_core(running, raw)
            except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # noqa: BLE001 (a panic is no Exception)
                # A panic of the core costs this batch, not the process. Its text may quote a line.
                kind = type(error).__name__
                log.error("sources.%s: the core failed on %d lines: %s", running.id, raw.count, kind)  # noqa: TRY400
                self._drop(running, raw, "core_failure")
                continue
            self._hand_on(running, raw, processed)
            await self.alerting.advance()
            for sink in list(state.sinks.values()):
                await sink.queue.room()

    async def _through_core(self, running: RunningSource, raw: RawBatch) -> Processed:
        process = self.state.engine.lane(running.id).process
        return await running.core.call(partial(process, raw.joined(), raw.arrival_seconds))

    def _hand_on(self, running: RunningSource, raw: RawBatch, processed: Processed | Ready) -> None:
        """One step for everyone who looks at the ledger: out of the queue, into the sinks' queues."""
        account, page = running.queue.account, self.state.metrics
        running.queue.done(raw)
        account.left += processed.lines_out
        account.dropped.update(processed.dropped)
        for family, counts in (
            (families.BROKEN, processed.broken),
            (families.REDACTIONS, processed.redactions),
            (families.NORMALIZED, processed.normalized),
        ):
            for name, count in counts.items():
                page.add(family, count, name)
        if processed.lines_out:
            batch = Batch(processed.lines, processed.lines_out, len(processed.lines))
            offer(batch, raw.receipts, self.state.sinks)
        for receipt in raw.receipts:
            receipt.settle()

    def _drop(self, running: RunningSource, raw: RawBatch, reason: str) -> int:
        running.queue.done(raw)
        running.queue.account.dropped[reason] += raw.count
        for receipt in raw.receipts:
            receipt.settle(accepted=False)
        return raw.count

    def _drop_raw(self, running: RunningSource) -> int:
        return sum(self._drop(running, raw, "shutdown") for raw in running.queue.waiting())

    def _finished(self, running: RunningSource | RunningSink) -> None:
        """A part has come to its end: close it if a reload let go of it, and see whether that was the last source."""
        state = self.state
        if running in state.leaving and not state.draining and self._tasks is not None:
            state.leaving.discard(running)
            self._tasks.create_task(running.close())
        if all(each.processing is not None and each.processing.done() for each in state.sources.values()):
            self.ended.set()

    def _reader_gone(self) -> None:
        """Like any filter, a run whose only reader is gone ends."""
        if all(sink.closed_by_reader for sink in self.state.sinks.values()):
            self.ended.set()

    def _mount(self, running: RunningSource) -> None:
        """Put an HTTP source without an address of its own on the status server."""
        if self._http is not None and (path := _mounted_path(running)) and isinstance(running.source, IngestSource):
            assert self.config.http is not None
            running.source.mounted_on(host_port(self.config.http.listen, "http.listen")[0])
            self._http[0].httpd.mount(path, running.source.routes)

    def _unmount(self, running: RunningSource) -> None:
        if self._http is not None and (path := _mounted_path(running)):
            self._http[0].httpd.unmount(path)

    def _loop_failed(self, _: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """What a peer can cause, such as a failed handshake, is worth one line now and then; the rest is a bug."""
        error = context.get("exception")
        message = context.get("message", "")
        if isinstance(error, OSError):
            self.state.warnings.warn(type(error).__name__, f"a connection failed: {error.strerror or error}: {message}")
        else:
            log.error("unexpected: %s", message, exc_info=error)


async def _settle(tasks: Iterable[asyncio.Task[None] | None], seconds: float) -> None:
    """Wait for tasks to end, then end those that have not."""
    running = [task for task in tasks if task is not None and not task.done()]
    if running:
        _, late = await asyncio.wait(running, timeout=max(0.0, seconds))
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


def _kind(config: SourceConfig | SinkConfig) -> str:
    return str(config.__struct_config__.tag)


def _mounted_path(running: RunningSource) -> str | None:
    config = running.config
    return config.path if isinstance(config, HttpConfig) and config.listen is None else None
