"""
One daemon thread that makes blocking calls in order. Not a pool from the standard library: those are joined at exit,
and a write to a reader that hangs would then hold the process for ever.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = tuple[Callable[[], None], asyncio.Future[None] | None]


class Worker:
    """Blocking calls, one after the other."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, job: Callable[[], None]) -> None:
        """Run `job` in the thread; raises what it raises. A cancelled caller leaves the job running."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._jobs.put((job, done))
        await done

    def close(self, last: Callable[[], None] | None = None) -> None:
        """End the thread after what it still has to do, and after `last`."""
        if last is not None:
            self._jobs.put((last, None))
        self._jobs.put(None)

    def _run(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, done = entry
            error: BaseException | None = None
            try:
                job()
            except BaseException as caught:  # noqa: BLE001 (it is raised again where `call` waits)
                error = caught
            if done is not None:
                self._tell(done, error)

    def _tell(self, done: asyncio.Future[None], error: BaseException | None) -> None:
        def settle() -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        # The loop may be closed when a write outlives the drain.
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(settle)
