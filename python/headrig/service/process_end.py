"""
Processes that end without `atexit`: forked children, and those of `multiprocessing` and `billiard`. Nothing else is touched.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from headrig import engine

if TYPE_CHECKING:
    from collections.abc import Callable

FORKED_WITHOUT_EXEC: Final = 0x40
"""`PF_FORKNOEXEC` among the flags in `/proc/PID/stat` (Linux, include/linux/sched.h)."""
FLAGS_FIELD: Final = 6
"""Their place there, counted from the first field behind the name (proc_pid_stat(5))."""
LIBRARIES: Final = ("multiprocessing", "billiard")
"""They run finalizers of their own in place of `atexit`, and end their children by `os._exit`."""


class _Settled:
    on_terminate = False
    process: int | None = None
    libraries: frozenset[str] = frozenset()


def settle_process_end(at_exit: Callable[[], None], before_os_exit: Callable[[], None]) -> None:
    """
    Have a process that ends without `atexit` flush all the same. Once per process; later calls see what was imported since.

    `at_exit` runs in a finalizer of `multiprocessing` and of `billiard`, `before_os_exit` when `os._exit` is called in a
    forked process that runs no other program, or in a child of one of these libraries.
    """
    forked = False
    if _Settled.process != os.getpid():
        _Settled.process, _Settled.libraries = os.getpid(), frozenset()
        forked = _forked_without_exec()
        if _Settled.on_terminate:
            engine.flush_on_terminate()
    loaded = frozenset(name for name in LIBRARIES if f"{name}.util" in sys.modules)
    for name in loaded - _Settled.libraries:
        # In a child: a parent's finalizers run at its exit hooks anyway.
        if _child_of(name):
            forked = True
            with suppress(Exception):  # a library that has changed
                sys.modules[f"{name}.util"].Finalize(None, at_exit, exitpriority=0)
    _Settled.libraries = loaded
    if forked and not hasattr(os._exit, "headrig"):
        os._exit = _flushing_exit(os._exit, before_os_exit)


def flush_on_terminate(*, wanted: bool) -> None:
    """Have SIGTERM end this process and its forked children after a flush, or at once, wherever nobody else takes it."""
    _Settled.on_terminate = wanted
    if not wanted:
        engine.end_on_terminate()
        return
    engine.flush_on_terminate()
    if not hasattr(signal.signal, "headrig"):
        signal.signal = _noticing_default(signal.signal)


def _noticing_default(set_handler: Callable[[Any, Any], Any]) -> Any:
    """`signal.signal` that takes SIGTERM again once it has its default back: uvicorn restores that and dies of it at once."""

    @wraps(set_handler)
    def set_and_notice(signalnum: Any, handler: Any) -> Any:
        before = set_handler(signalnum, handler)
        if signalnum == signal.SIGTERM and handler == signal.SIG_DFL and _Settled.on_terminate:
            engine.flush_on_terminate()
        return before

    set_and_notice.headrig = True  # type: ignore[attr-defined]
    return set_and_notice


def _flushing_exit(exit_now: Callable[[int], Any], before: Callable[[], None]) -> Any:
    def _exit(status: int) -> None:
        """Exit to the system with specified status, after log lines are written."""
        with suppress(Exception):
            before()
        exit_now(status)

    _exit.headrig = True  # type: ignore[attr-defined]
    return _exit


def _forked_without_exec() -> bool:
    try:
        with open("/proc/self/stat", "rb") as file:
            behind_name = file.read().rpartition(b") ")[2].split()
        return bool(int(behind_name[FLAGS_FIELD]) & FORKED_WITHOUT_EXEC)
    except (OSError, ValueError, IndexError):
        return False


def _child_of(library: str) -> bool:
    process: Any = sys.modules.get(f"{library}.process")
    current = getattr(process, "current_process", lambda: None)()
    # A spawned child imports the main module before it is told what it is.
    spawned = getattr(current, "_inheriting", False)
    return current is not None and (spawned or type(current).__name__ != "_MainProcess")
