"""
One thread that makes blocking calls in order and tells the loop. Leaner than a pool from the standard library, which
costs several times as much per call, and whose threads are joined at exit.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
Job = tuple[Callable[[], Any], asyncio.Future[Any] | None]


class Worker:
    """
    Blocking calls, one after the other.

    A `daemon` is not waited for at exit: a write to a reader that hangs must not hold the process for ever. What calls
    into the core is no daemon: its calls end, and a thread must not be inside when the interpreter goes. It starts with
    the first job: a component without work must not keep a service alive. A daemon starts at once, because its first job may
    come at the exit, when Python 3.12 starts no thread any more. A worker that is made only then works on the loop, where it
    delays nothing that the exit does not wait for.
    """

    def __init__(self, name: str, *, daemon: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=daemon)
        self._threadless = False
        if daemon:
            self._start()

    async def call(self, job: Callable[[], T]) -> T:
        """Give what `job` gives or raises in the thread. A cancelled caller leaves the job running."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._put((job, done))
        return await done

    def close(self, last: Callable[[], None] | None = None) -> None:
        """End the thread after what it still has to do, and after `last`."""
        if last is not None:
            self._put((last, None))
        self._jobs.put(None)

    def _put(self, job: Job) -> None:
        self._jobs.put(job)
        if self._thread.ident is None and not self._threadless:
            self._start()
        if self._threadless:
            self._jobs.put(None)
            self._run()

    def _start(self) -> None:
        try:
            self._thread.start()
        except RuntimeError:
            if threading.main_thread().is_alive():
                raise
            self._threadless = True

    def _run(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, done = entry
            result: Any = None
            error: BaseException | None = None
            try:
                result = job()
            except BaseException as caught:  # noqa: BLE001 (it is raised again where `call` waits)
                error = caught
            if done is not None:
                # The loop may be closed when a write outlives the drain.
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(_settle, done, result, error)
            # What it held must not wait for the next job.
            del entry, job, done, result, error


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
