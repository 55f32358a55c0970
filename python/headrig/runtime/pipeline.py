"""
The way of a batch from top to bottom: receive -> core -> hand on -> sinks | alerts; then the order of start and stop.
`reload.py` exchanges the settings. Nothing here touches a single line.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from headrig import telemetry
from headrig.alerts.threshold import Threshold
from headrig.config import Config
from headrig.config.spec import with_thresholds
from headrig.delivery.ledger import Ledger
from headrig.delivery.rate_limited_log import RateLimitedLog
from headrig.engine import Engine, Processed
from headrig.errors import DeliveryError
from headrig.model import Batch, Clock
from headrig.runtime.alerting import Alerting
from headrig.runtime.components import Components
from headrig.runtime.lane_queue import LaneQueue, RawBatch, Ready
from headrig.runtime.reload import Reload
from headrig.runtime.running import RunningSink, RunningSource, offer
from headrig.runtime.source_queue import Partials
from headrig.runtime.state import RunState
from headrig.runtime.status import RunStatus
from headrig.telemetry import Metrics

log: Final = logging.getLogger("headrig")

READING_SHARE: Final = 0.6
"""Share of the drain time that sources may still read; the rest is for the core and the sinks."""


class Pipeline:
    """One run: of each source a task for `receive` and one for `process`, of each sink one for `deliver`."""

    def __init__(self, config: Config, clock: Clock, engine: Engine | None = None) -> None:
        self.ended = asyncio.Event()
        """Every source has come to its end, or nobody takes what the sinks write."""
        self.state = RunState(
            clock=clock,
            limits=config.limits,
            engine=engine or Engine(config.engine_spec),
            ledger=Ledger(),
            metrics=Metrics(),
            partials=Partials(config.limits.partial_bytes_max),
            warnings=RateLimitedLog(clock),
        )
        self.alerting = Alerting(config, self.state)
        self.status = RunStatus(self.state, self.alerting)
        self.components = Components(config, self.state, self.alerting, status=self.status, flow=self)
        self.components.review = self._review
        self._reload = Reload(self.state, self.alerting, self.components)
        self._loop = asyncio.get_running_loop()
        self._given_up = 0
        """Lines that sinks had given up when a flush last said so."""

    # The way of a batch

    async def receive(self, source: RunningSource) -> None:
        """Source -> the queue of a lane, where whole lines become batches; until the source has ended."""
        await source.read()

    async def process(self, source: RunningSource) -> None:
        """Queue -> core -> sinks and alerts, every lane of a source by itself, until nothing more comes."""
        async with asyncio.TaskGroup() as lanes:
            source.queue.serve(lambda lane: lanes.create_task(self._process_lane(source, lane)))

    async def _process_lane(self, source: RunningSource, lane: LaneQueue) -> None:
        """One batch of a lane after the other."""
        while (raw := await lane.next()) is not None:
            processed = await self._through_core(source, lane, raw)
            if processed is not None:
                self._hand_on(lane, raw, processed)
                await self._alert()
                await self._room()
        if lane is not source.queue.own:
            source.queue.gone(lane)
            # What took over from this source in a reload may have one of that name.
            if not any(other.queue.has(lane.name) for other in self.state.sources.values()):
                self.state.engine.close_lane(lane.name)

    async def _through_core(self, source: RunningSource, lane: LaneQueue, raw: RawBatch) -> Processed | Ready | None:
        """Parsed, redacted and counted, in a thread. None: the core failed, and the batch is dropped."""
        try:
            return raw.ready or await source.core.call(partial(raw.through, self.state.engine.lane(lane.name)))
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 (a panic is no Exception)
            # A panic of the core costs this batch, not the process. Its text may quote a line.
            kind = type(error).__name__
            log.error("sources.%s: the core failed on %d lines: %s", source.id, raw.count, kind)  # noqa: TRY400
            lane.drop(raw, "core_failure")
            return None

    def _hand_on(self, lane: LaneQueue, raw: RawBatch, processed: Processed | Ready) -> None:
        """One step for everyone who looks at the ledger: out of the queue, into the buffer of every sink."""
        account, page = lane.account, self.state.metrics
        lane.done(raw)
        account.left += processed.lines_out
        account.dropped.update(processed.dropped)
        for family, counts in (
            (telemetry.BROKEN, processed.broken),
            (telemetry.REDACTIONS, processed.redactions),
            (telemetry.NORMALIZED, processed.normalized),
        ):
            for name, count in counts.items():
                page.add(family, count, name)
        if processed.lines_out:
            batch = Batch(processed.lines, processed.lines_out, len(processed.lines))
            offer(batch, raw.receipts, self.state.sinks)
        for receipt in raw.receipts:
            receipt.settle()

    async def deliver(self, sink: RunningSink) -> None:
        """Buffer -> sink, by `delivery.loop`: tried again, refused, dropped or accepted; until nothing more comes."""
        await sink.run()

    async def _alert(self) -> None:
        """Windows that the batch has completed -> thresholds -> stages of a notice -> outboxes -> notifiers."""
        await self.alerting.evaluation.advance()

    async def _room(self) -> None:
        """A sink that is full and blocks holds back the source, and so whoever sends to it."""
        for sink in list(self.state.sinks.values()):
            await sink.buffer.room()

    # What it consists of

    @property
    def config(self) -> Config:
        """The settings as they are now."""
        return self.components.config

    @property
    def where(self) -> list[str]:
        """Where it listens and reads, for people."""
        sources = [running.source.where for running in self.state.sources.values()]
        http = self.components.http
        return [*sources, *([f"{http[0].where}/metrics"] if http else [])]

    @property
    def failed(self) -> bool:
        """A bug has ended one of its sources."""
        return any(running.bug is not None and not running.alive for running in self.state.sources.values())

    # Start and stop

    async def open(self) -> None:
        """Open every component; nothing stays open when one cannot be."""
        await self._reload.open(self.config)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Let everything run that was opened."""
        self._reload.start(tasks)
        self._loop.set_exception_handler(self._loop_failed)

    async def reload(self, config: Config) -> None:
        """Go over to new settings, or stay with the old ones entirely and raise: see `Reload.reload`."""
        await self._reload.reload(config)

    def set_thresholds(self, thresholds: Mapping[str, Threshold], engine: Engine | None = None) -> None:
        """
        Go over to these thresholds, presets included only if they are among them; nothing else changes.

        States and windows of those that stay are kept. `engine` is one that knows them already. Raises `RuleError` when
        the core cannot answer for one.
        """
        spec = with_thresholds(self.config.engine_spec, thresholds)
        engine = engine or Engine(spec, self.state.engine)
        self.components.config = msgspec.structs.replace(self.config, thresholds=dict(thresholds), engine_spec=spec)
        self.state.engine = engine
        self.alerting.evaluation.replace(thresholds, engine)

    async def finished(self) -> None:
        """
        Wait for the end of all input, and until it is written: nobody asked to stop, so it may take its time. It is no
        end any more when a reload brings new input meanwhile.
        """
        while True:
            await self.ended.wait()
            await asyncio.gather(*(sink.buffer.flushed() for sink in self.state.sinks.values()))
            if self.ended.is_set():
                return

    async def flush(self) -> bool:
        """
        Have everything that was received so far written, and made durable.

        False when a sink did not manage within `drain_seconds`, and then goes on trying, or gave lines up since the last
        flush that ended.
        """
        try:
            async with asyncio.timeout(self.state.limits.drain_seconds):
                await asyncio.gather(*(source.queue.flushed() for source in self.state.sources.values()))
                sinks = list(self.state.sinks.values())
                failed = await asyncio.gather(*(sink.flush() for sink in sinks), return_exceptions=True)
            for error in failed:
                if error is not None:
                    raise error
        except (TimeoutError, DeliveryError) as error:
            log.warning("flush: not everything is written yet%s", f": {error}" if str(error) else "")
            return False
        before, self._given_up = self._given_up, self.state.ledger.given_up()
        if lines := self._given_up - before:
            # In a service the log is what is shipped: it would be refused as well, and the next flush fail for it.
            self.state.report(f"flush: {lines} lines were given up")
        return not lines

    async def drain(self) -> None:
        """Read what is on its way, write what waits, within `drain_seconds`; the rest is dropped, counted, logged."""
        state = self.state
        await self._reload.stand_still()
        deadline = self._loop.time() + state.limits.drain_seconds
        sources = [*state.sources.values(), *(each for each in state.leaving if isinstance(each, RunningSource))]
        sinks = [*state.sinks.values(), *(each for each in state.leaving if isinstance(each, RunningSink))]
        for source in sources:
            source.queue.stopping.set()
        reading_seconds = state.limits.drain_seconds * READING_SHARE
        await _settle((source.reading for source in sources), reading_seconds)
        for sink in sinks:
            sink.stop_waiting()
        await _settle((source.processing for source in sources), deadline - self._loop.time())
        lost = sum(source.queue.drop_all("shutdown") for source in sources)
        await self._alert()
        notifying = self.alerting.end()
        for sink in sinks:
            sink.buffer.end()
        await _settle((*(sink.writing for sink in sinks), *notifying), deadline - self._loop.time())
        await _settle(list(self.components.going_over.values()), 0.0)
        lost += sum(sink.drop_all("shutdown") for sink in sinks)
        self.alerting.notifiers.drop_all()
        if lost:
            log.error("%d lines were not written within %g s and are dropped", lost, state.limits.drain_seconds)

    async def close(self) -> None:
        """Close whatever is open, at whatever point the run ended."""
        await self._reload.close()
        await self.components.close()

    def _review(self) -> None:
        """
        Whether this is the end: every source has ended by itself or, as with any filter, all readers are gone. Asked of
        the components that are meant to run now; those that a reload let go of do not count.
        """
        sources, sinks = self.state.sources.values(), self.state.sinks.values()
        ended = bool(sources) and all(source.ended for source in sources)
        if ended or (sinks and all(sink.closed_by_reader for sink in sinks)):
            self.ended.set()
        else:
            self.ended.clear()

    def _loop_failed(self, _: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """What a peer can cause, such as a failed handshake, is worth one line now and then; the rest is a bug."""
        error = context.get("exception")
        message = context.get("message", "")
        if isinstance(error, OSError):
            self.state.warnings.warn(type(error).__name__, f"a connection failed: {error.strerror or error}: {message}")
        else:
            log.error("unexpected: %s", message, exc_info=error)


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

    `on_start` is called once everything listens. `engine` is an engine that is also used elsewhere in the process. Raises
    `ConfigError` or `UnavailableError` if something cannot be opened. To stop at once, the caller cancels this.
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
            try:
                await asyncio.wait((stopped, ended), return_when=asyncio.FIRST_COMPLETED)
            finally:
                # From here on no component may start, whatever a reload is about to do.
                pipeline.state.draining = True
            stopped.cancel()
            ended.cancel()
            await pipeline.drain()
    finally:
        await pipeline.close()


async def _settle(tasks: Iterable[asyncio.Task[None] | None], seconds: float) -> None:
    """Wait for tasks to end, then end those that have not."""
    running = [task for task in tasks if task is not None and not task.done()]
    if running:
        _, late = await asyncio.wait(running, timeout=max(0.0, seconds))
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
