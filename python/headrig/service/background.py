"""
A pipeline inside a service: one daemon thread with an event loop of its own, never the application's. Every method may be
called from any thread, and waits at most as long as its timeout says.
"""

from __future__ import annotations

import asyncio
import logging
import os
import selectors
import signal
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

import msgspec

import headrig.net.http_client

# Imported here, in the caller's thread: a child that is forked while another thread imports would wait for that import
# for ever.
import headrig.net.http_server
import headrig.sinks.http_client
import headrig.web.pages  # noqa: F401
from headrig.alerts.threshold import Threshold
from headrig.config import Config
from headrig.engine import Engine, HandlerCore
from headrig.errors import UnavailableError
from headrig.limits import BACKGROUND_CALLS_MAX, BACKGROUND_THREADS
from headrig.model import Clock
from headrig.runtime.pipeline import Pipeline, run
from headrig.service.handler import say
from headrig.sources.ship_queue import ShipQueueSource
from headrig.telemetry import Metrics

log: Final = logging.getLogger("headrig")

FAULTS: Final = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT, signal.SIGTRAP})
"""Signals of a fault in a thread itself, of which `faulthandler` shows the traceback."""

P = ParamSpec("P")
T = TypeVar("T")


class Background:
    """The thread, its loop and its pipeline. One start, one end; a forked child has none and begins its own."""

    def __init__(
        self,
        config: Config,
        core: HandlerCore,
        *,
        clock: Clock,
        observe: Callable[[Metrics], None],
        failed: Callable[[Background], None],
        engine: Engine | None = None,
    ) -> None:
        self._config = config
        self._core = core
        self._clock = clock
        self._observe = observe
        self._failed = failed
        self._engine = engine
        self._selector = selectors.EpollSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._threads = _Threads()
        self._opened: Future[Pipeline] = Future()
        self._stop = asyncio.Event()
        self._calls: deque[Callable[[], object]] = deque()
        """Calls for the loop, in order. No lock: a signal handler may interrupt a call."""
        self._asked: Future[bool] | None = None
        self._thread = threading.Thread(target=self._run, name="headrig-loop", daemon=True)

    def start(self, timeout_seconds: float = 0.0) -> None:
        """Start the thread. Raises what opening the pipeline raised, if that happened within the timeout."""
        self._loop.set_default_executor(self._threads)
        with _no_signals():
            self._threads.start()
            self._thread.start()
        if timeout_seconds > 0:
            try:
                self._opened.result(timeout_seconds)
            except TimeoutError:
                log.warning("the background of the service is slow to open")

    @property
    def alive(self) -> bool:
        """It runs, or is about to."""
        return self._thread.is_alive()

    def call(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Queue a call for the loop, to be made once the pipeline is open; False if too many wait already."""
        if not self.alive or len(self._calls) >= BACKGROUND_CALLS_MAX:
            return False
        self._calls.append(partial(function, *args, **kwargs))
        try:
            self._loop.call_soon_threadsafe(self._call_next)
        except RuntimeError:  # it has ended meanwhile
            return False
        return True

    def _call_next(self) -> None:
        if not self.opened or not self._calls:
            return
        try:
            self._calls.popleft()()
        except Exception:
            log.exception("a call failed")

    @property
    def opened(self) -> bool:
        """Its pipeline is open."""
        return self._opened.done() and self._opened.exception() is None

    @property
    def pipeline(self) -> Pipeline:
        """The open pipeline, for functions that `call` runs."""
        return self._opened.result(0)

    def set_thresholds(self, thresholds: Mapping[str, Threshold], engine: Engine) -> bool:
        """Judge these thresholds, which `engine` knows; False if too many calls wait already."""
        return self.call(lambda: self.pipeline.set_thresholds(thresholds, engine))

    def page(self, timeout_seconds: float) -> bytes:
        """Prometheus text. Raises TimeoutError."""

        async def shown() -> bytes:
            pipeline = await asyncio.wrap_future(self._opened)
            return await pipeline.status.metrics_page()

        try:
            return self._submit(shown()).result(timeout_seconds)
        except CancelledError:
            raise TimeoutError("the background has ended") from None

    def retry_now(self) -> None:
        """End the back-off of every sink. Does not wait."""
        if self.opened:
            with suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._retry_now)

    def _retry_now(self) -> None:
        for sink in self.pipeline.state.sinks.values():
            sink.flush_now()

    def flush(self, timeout_seconds: float) -> bool:
        """Deliver everything that came before; with a timeout of 0, start that and return at once."""
        if not self.alive:
            return not any(self.waiting().values())
        if timeout_seconds <= 0:
            if self._asked is None or self._asked.done():
                self._asked = self._submit(self._flush(timeout_seconds))
            return False
        asked = self._submit(self._flush(timeout_seconds))
        try:
            return asked.result(timeout_seconds)
        except TimeoutError:
            asked.cancel()
        except Exception as error:  # noqa: BLE001  # whatever it failed with has been told; who flushes is not to blame
            log.debug("flush: %s", error)
        return False

    def waiting(self) -> dict[str, int]:
        """Lines and notices that would be lost with the process, besides those in the handler."""
        if not self.opened:
            return {}
        ledger = self.pipeline.state.ledger
        # The handler itself counts shipped lines as waiting.
        beside = [name for name in self._config.sinks if name != "forward"]
        posted = self._core.ship_counters()["waiting"] if beside else 0
        posted += sum(account.waiting() for name, account in ledger.sinks.items() if name != "forward")
        # The handler counts a chunk as waiting until all of it is decided.
        sinks = self.pipeline.state.sinks
        decided = sinks["forward"].decided() if "forward" in sinks else 0
        notices = sum(account.waiting() for account in ledger.notifiers.values())
        return {"lines not written": -decided, "lines not posted": posted, "notices not delivered": notices}

    def failures(self) -> int:
        """Attempts to ship that failed."""
        sinks = self.pipeline.state.sinks if self.opened else {}
        return sinks["forward"].failures if "forward" in sinks else 0

    def stop(self, timeout_seconds: float) -> None:
        """Drain and end; lines that cannot be delivered in time are dropped and counted."""
        if self.alive:
            with suppress(RuntimeError):  # it ends by itself
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout_seconds)
        self._core.abandon()

    def detach(self) -> None:
        """
        In a forked child, detach from everything that belongs to the parent: its connections, its listener and the
        loop's own descriptors become /dev/null here, so that leftovers cannot touch what both processes share.
        """
        if self._loop.is_closed():
            return
        listening = self.pipeline.components.listening() if self.opened else []
        shared = {self._selector.fileno(), *(self._selector.get_map() or ()), *listening}
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for descriptor in shared:
            os.dup2(nothing, descriptor, inheritable=False)
        os.close(nothing)

    async def _flush(self, timeout_seconds: float) -> bool:
        pipeline = await asyncio.wrap_future(self._opened)
        if timeout_seconds <= 0:
            # Without a timeout nobody waits for the handler's writer, which may still have lines.
            await asyncio.to_thread(self._core.flush, pipeline.state.limits.drain_seconds)
        for source in pipeline.state.sources.values():
            if isinstance(source.source, ShipQueueSource):
                await source.source.emptied()
        written = await pipeline.flush()
        return written and await pipeline.alerting.notifiers.flush()

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop is closed
            coroutine.close()
            over: Future[T] = Future()
            over.cancel()
            return over

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        except BaseException as error:  # a thread has nobody to raise to
            log.error("the background of the service has failed: %s", error, exc_info=error)  # noqa: TRY400
            if not self._opened.done():
                self._opened.set_exception(error)
            self._failed(self)
        self._close()
        if self._calls:
            log.error("%d calls came too late for the background of the service", len(self._calls))

    def _close(self) -> None:
        """Cancel all tasks that are left and close the loop."""
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._threads.end()
        self._loop.close()

    async def _main(self) -> None:
        """Run the pipeline; if the port is taken, without the status pages."""
        engine = self._engine or await asyncio.to_thread(engine_with_thresholds, self._config, self._core)
        try:
            await run(self._config, clock=self._clock, stop=self._stop, on_start=self._started, engine=engine)
        except UnavailableError as error:
            if self._config.http is None or self._opened.done():
                raise
            log.warning("HEADRIG_HTTP_LISTEN: %s; the service goes on without its status pages", error.reason)
            self._config = msgspec.structs.replace(self._config, http=None)
            await run(self._config, clock=self._clock, stop=self._stop, on_start=self._started, engine=engine)

    def _started(self, pipeline: Pipeline) -> None:
        pipeline.state.metrics.watch(lambda: self._observe(pipeline.state.metrics))
        pipeline.state.report = say
        if self._config.thresholds and self._config.data_dir is None:
            log.info("alerts are forgotten at a restart: set HEADRIG_DATA_DIR")
        self._opened.set_result(pipeline)
        while self._calls:
            self._call_next()


def engine_with_thresholds(config: Config, core: HandlerCore) -> Engine:
    """Give the handler an engine that knows the thresholds, and return it. Compiling rules takes a moment."""
    engine = core.engine()
    if config.thresholds:
        engine = Engine(config.engine_spec, engine)
        core.set_engine(engine)
    return engine


@contextmanager
def _no_signals() -> Generator[None]:
    """Threads that are started within take no signal: C code that ends the process in a handler waits for all threads there."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - FAULTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Threads(ThreadPoolExecutor):
    """
    The loop's executor: daemon threads, all started at once. The standard library's pool accepts no work once the main
    thread has ended, which is when the last lines are shipped; nor can a thread be started then.
    """

    def __init__(self) -> None:
        super().__init__(1)
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

    def start(self) -> None:
        """Start the threads."""
        for number in range(BACKGROUND_THREADS):
            threading.Thread(target=self._work, name=f"headrig-worker-{number}", daemon=True).start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a call in one of the threads."""
        future: Future[T] = Future()

        def job() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(fn(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001  # raised again where the future is awaited
                    future.set_exception(error)

        self._jobs.put(job)
        return future

    def end(self) -> None:
        """End the threads."""
        for _ in range(BACKGROUND_THREADS):
            self._jobs.put(None)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing to wait for: they are daemons."""

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
