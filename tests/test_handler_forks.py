"""The handler in forked children: they hang on nothing the parent held, and write what is theirs."""

from collections import Counter

from service_process import FORKS_WHILE_THREADS_LOG, INSTALLED, forked_numbers, numbers, service


def test_forks_while_threads_log(tmp_path):
    """
    30 forks while two threads log: no child hangs; no line is torn, written twice or lost.
    """
    done = service(INSTALLED + FORKS_WHILE_THREADS_LOG, tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert Counter(forked_numbers(done.stdout)) == Counter(numbers(tmp_path))


def test_a_fork_hook_before_ours_may_log(tmp_path):
    """
    A line that a child logs in a hook that was registered before ours is counted and written.
    """
    code = (
        """
import os, logging
os.register_at_fork(after_in_child=lambda: logging.getLogger("app").info("n", extra={"n": 1}))
"""
        + INSTALLED
        + """
log.info("n", extra={"n": 0})
pid = os.fork()
if pid == 0:
    log.info("n", extra={"n": 2})
    counts = headrig.install(path="app.log").counts()
    os._exit(0 if headrig.flush(2.0) and counts["received"] == 2 else 1)
assert 0 == os.waitpid(pid, 0)[1]
"""
    )
    done = service(code, tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert [0, 1, 2] == sorted(numbers(tmp_path))


def test_forks_while_the_engine_is_made(tmp_path):
    """
    A child that is forked while the writer makes the process's first engine still writes its lines.
    """
    code = (
        INSTALLED
        + """
log.error("first")
threading.Event().wait(float(os.environ["WAIT_MS"]) / 1000)
pid = os.fork()
if pid == 0:
    log.info("child")
    os._exit(0 if headrig.flush(20.0) else 1)
assert 0 == os.waitpid(pid, 0)[1]
"""
    )
    for wait_ms in (1, 8, 16, 24, 40):
        done = service(code, tmp_path, WAIT_MS=str(wait_ms))

        assert (0, "") == (done.returncode, done.stderr), wait_ms
    assert 5 == (tmp_path / "app.log").read_text().count('"child"')
