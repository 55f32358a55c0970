"""The handler in forked children: they hang on nothing the parent held, and write what is theirs."""

from collections import Counter

from service_process import INSTALLED, numbers, service


def test_forks_while_threads_log(tmp_path):
    """
    30 forks while two threads log: no child hangs; no line is torn, written twice or lost.
    """
    code = (
        INSTALLED
        + """
stop = threading.Event()
sent = [0, 0]
def work(k):
    while not stop.is_set():
        log.info("n", extra={"n": (k + 1) * 100_000_000 + sent[k]})
        sent[k] += 1
        if sent[k] % 50 == 0: stop.wait(0.0005)
threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
for thread in threads: thread.start()
for child in range(30):
    stop.wait(0.002)
    pid = os.fork()
    if pid == 0:
        for n in range(20): log.info("n", extra={"n": 1_000_000_000 + child * 1000 + n})
        os._exit(0 if headrig.flush(20.0) else 1)
    assert 0 == os.waitpid(pid, 0)[1]
stop.set()
for thread in threads: thread.join()
print(*sent)
"""
    )
    done = service(code, tmp_path)
    first, second = map(int, done.stdout.split())
    expected = [
        *(100_000_000 + n for n in range(first)),
        *(200_000_000 + n for n in range(second)),
        *(1_000_000_000 + child * 1000 + n for child in range(30) for n in range(20)),
    ]

    assert (0, "") == (done.returncode, done.stderr)
    assert Counter(expected) == Counter(numbers(tmp_path))


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
