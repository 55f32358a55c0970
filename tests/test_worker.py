"""Blocking calls in a thread, also where the interpreter starts none any more."""

import threading

import pytest

from headrig.worker import Worker


class Interpreter:
    """One that starts no thread; `leaving` says whether that is because it ends."""

    def __init__(self, monkeypatch):
        self.leaving = True
        monkeypatch.setattr(threading.Thread, "start", self._refuse)
        monkeypatch.setattr(threading, "main_thread", lambda: self)

    def is_alive(self):
        return not self.leaving

    @staticmethod
    def _refuse(*_):
        raise RuntimeError("can't create new thread at interpreter shutdown")


@pytest.mark.asyncio
@pytest.mark.parametrize("daemon", [True, False])
async def test_calls_at_exit(daemon, monkeypatch):
    """
    Where the interpreter that ends starts no thread, calls are made all the same: in order, with their errors.
    """
    Interpreter(monkeypatch)
    worker = Worker("test", daemon=daemon)
    done = []

    assert 3 == await worker.call(lambda: done.append("first") or 3)
    with pytest.raises(ZeroDivisionError):
        await worker.call(lambda: 1 // 0)
    worker.close(lambda: done.append("last"))
    assert ["first", "last"] == done


@pytest.mark.asyncio
async def test_no_thread_to_be_had(monkeypatch):
    """
    A process that lives on without a thread for its blocking calls says so: they would hold up everything else.
    """
    Interpreter(monkeypatch).leaving = False

    with pytest.raises(RuntimeError):
        Worker("test")
