"""Shipping over forks, and over a failure of headrig's own thread."""

from collections import Counter

from service_process import FORKS_WHILE_THREADS_LOG, forked_numbers, service
from shipping import START, central, events


def test_forks_while_threads_log(tmp_path):
    """
    30 forks while two threads log: no child hangs; no line is torn, shipped twice or lost, and the parent's connection
    goes on.
    """
    with central(tmp_path) as run:
        done = service(START + FORKS_WHILE_THREADS_LOG, tmp_path)
        found = Counter(event["n"] for event in events(run.out) if "n" in event)

    assert (0, "") == (done.returncode, done.stderr)
    assert Counter(forked_numbers(done.stdout)) == found


def test_children_of_multiprocessing(tmp_path):
    """
    A forked child of multiprocessing, which runs no exit hooks, ships what it logged.
    """
    code = (
        START
        + """
import multiprocessing
def work(n):
    log.info("n", extra={"n": n})
context = multiprocessing.get_context("fork")
children = [context.Process(target=work, args=(n,)) for n in range(4)]
for child in children: child.start()
for child in children: child.join()
"""
    )
    with central(tmp_path) as run:
        done = service(code, tmp_path)
        found = events(run.out)

    assert (0, "") == (done.returncode, done.stderr)
    assert [0, 1, 2, 3] == sorted(event["n"] for event in found)


def test_a_background_that_fails_begins_anew(tmp_path):
    """
    After a failure of headrig's own thread, which is a bug, a later record starts another one; nothing is lost.
    """
    code = (
        "import headrig.limits\nheadrig.limits.BACKGROUND_RESTART_SECONDS = 0.0\n"
        + START
        + """
from headrig.service.api import service
log.info("before")
assert headrig.flush(5.0)
failed = service.background()
async def fail(): raise ZeroDivisionError
failed.call(lambda: failed.pipeline.components._tasks.create_task(fail()))
failed._thread.join(60)
log.info("after")
assert headrig.flush(5.0)
assert service.background() is not failed
counts = handler.counts()
assert counts["received"] == counts["written"], counts
"""
    )
    with central(tmp_path) as run:
        done = service(code, tmp_path)
        found = [event["message"] for event in events(run.out)]

    assert (0, "") == (done.returncode, done.stderr)
    assert ["before", "after"] == [message for message in found if message in ("before", "after")]
    assert any("the background of the service has failed" in message for message in found)
