"""Lines outlive their process, however it ends."""

import pytest
from process_ends import AT_THE_END, SERVICE, WITH_THE_NEXT, End
from service_process import INSTALLED, numbers, script, service


@pytest.mark.parametrize("end", AT_THE_END.values(), ids=AT_THE_END)
def test_lines_are_there_at_the_end(end: End, tmp_path):
    """
    What was logged is in the file, once, when the process has ended.
    """
    done = script(SERVICE + end.code, tmp_path)
    found = numbers(tmp_path)

    assert (end.status, "") == (done.returncode, done.stderr)
    assert (end.lines, end.lines) == (len(found), len(set(found)))


@pytest.mark.parametrize("taken", ["signal.signal(signal.SIGTERM, print)", "faulthandler.register(signal.SIGTERM)"])
def test_sigterm_that_is_taken_stays_with_who_took_it(taken, tmp_path):
    """
    Neither a handler of Python's nor one of C code is replaced, and `on_terminate=False` takes nothing.
    """
    code = f"""
import faulthandler, signal, headrig
def caught():
    status = open("/proc/self/status").read()
    return int(status.split("SigCgt:")[1].split()[0], 16) >> (signal.SIGTERM - 1) & 1
headrig.install(path="app.log", on_terminate=False)
assert not caught()
{taken}
before = signal.getsignal(signal.SIGTERM)
headrig.install(path="app.log")
assert caught() and before == signal.getsignal(signal.SIGTERM)
print("raised", file=__import__("sys").stderr, flush=True)
signal.raise_signal(signal.SIGTERM)
"""
    done = service(code, tmp_path)

    assert 0 == done.returncode
    assert "raised" in done.stderr
    assert ("most recent call first" in done.stderr) == ("faulthandler" in taken)


def test_sigterm_is_given_back(tmp_path):
    """
    `on_terminate=False` after another `install` gives SIGTERM its default back, also where that is restored later.
    """
    code = """
import signal, headrig
def caught():
    status = open("/proc/self/status").read()
    return int(status.split("SigCgt:")[1].split()[0], 16) >> (signal.SIGTERM - 1) & 1
for _ in range(2):
    headrig.install(path="app.log")
    assert caught()
    headrig.install(path="app.log", on_terminate=False)
    assert not caught()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    headrig.install(path="app.log", on_terminate=False)
    assert signal.SIG_IGN == signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert not caught()
"""
    done = service(code, tmp_path)

    assert (0, "") == (done.returncode, done.stderr)


def test_sigusr1_that_c_code_takes_stays_with_it(tmp_path):
    """
    A traceback that faulthandler was told to show on SIGUSR1 is still shown after `install`.
    """
    code = """
import faulthandler, signal, headrig
faulthandler.register(signal.SIGUSR1)
headrig.install(path="app.log")
signal.raise_signal(signal.SIGUSR1)
"""
    done = service(code, tmp_path)

    assert 0 == done.returncode
    assert "most recent call first" in done.stderr


def test_sigterm_waits_for_no_disk(tmp_path):
    """
    A disk that takes nothing delays SIGTERM by half a second, not for ever.
    """
    code = """
import logging, os, signal, headrig
headrig.install(path="/dev/full")
logging.getLogger("app").error("x")
os.kill(os.getpid(), signal.SIGTERM)
"""
    done = service(code, tmp_path, seconds_max=20.0)

    assert -15 == done.returncode


def test_a_child_begins_with_the_compiled_rules(tmp_path):
    """
    The first line of a forked child is written in the fraction of the time that compiling the rules takes.
    """
    code = """
import logging, os, time, headrig
headrig.install(path="app.log")
log = logging.getLogger("app")
began = time.monotonic()
log.info("first")
assert headrig.flush(5.0)
compiled = time.monotonic() - began
times = []
for _ in range(9):
    reading, writing = os.pipe()
    if os.fork() == 0:
        began = time.monotonic()
        log.info("password=hunter2")
        assert headrig.flush(5.0)
        os.write(writing, repr(time.monotonic() - began).encode())
        os._exit(0)
    os.wait()
    times.append(float(os.read(reading, 100)))
print(compiled, sorted(times)[4])
"""
    done = service(code, tmp_path)
    compiled, inherited = map(float, done.stdout.split())

    assert (0, "") == (done.returncode, done.stderr)
    assert inherited < compiled / 3
    assert 9 == (tmp_path / "app.log").read_text().count("[REDACTED:password]")


def test_a_process_that_is_forked_has_one_thread(tmp_path):
    """
    The writer ends before a fork, so that Python does not warn of threads; what waits meanwhile is written all the same.
    """
    code = """
import logging, os, headrig
headrig.install(path="app.log")
log = logging.getLogger("app")
for n in range(50):
    log.info("n", extra={"n": n})
    pid = os.fork()
    if pid == 0: os._exit(0)
    os.waitpid(pid, 0)
    print(open("/proc/self/stat").read().rpartition(") ")[2].split()[17])
"""
    done = service(code, tmp_path)
    threads = done.stdout.split()

    assert 0 == done.returncode
    # On a machine that is busy the writer does not always end in time.
    assert threads.count("1") >= 40
    assert 50 == len(threads)
    assert list(range(50)) == numbers(tmp_path)


def test_a_fork_waits_for_no_disk(tmp_path):
    """
    A disk that takes nothing delays a fork by some milliseconds, and the child is not held by it.
    """
    code = """
import logging, os, time, headrig
headrig.install(path="/dev/full")
log = logging.getLogger("app")
log.info("x")
assert not headrig.flush(0.1)
began = time.monotonic()
for _ in range(5):
    pid = os.fork()
    if pid == 0: os._exit(0)
    assert 0 == os.waitpid(pid, 0)[1]
print(time.monotonic() - began)
os._exit(0)
"""
    done = service(code, tmp_path)

    assert 0 == done.returncode
    assert float(done.stdout) < 5


def test_os_exit_is_left_alone_elsewhere(tmp_path):
    """
    `os._exit` is as it was in a process that was started as a program, and waits a second at most in a forked one.
    """
    code = """
import logging, os, sys, headrig
before = os._exit
headrig.install(path="/dev/full")
logging.getLogger().error("x")
assert os._exit is before
pid = os.fork()
if pid == 0:
    logging.getLogger().error("y")
    assert os._exit is not before
    os._exit(3)
assert 3 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
before(0)
"""
    done = service(code, tmp_path)

    assert 0 == done.returncode
    assert "headrig: gave up at os._exit: lines not written: 1\n" in done.stderr


@pytest.mark.parametrize("end", [*WITH_THE_NEXT.values(), *AT_THE_END.values()], ids=[*WITH_THE_NEXT, *AT_THE_END])
def test_lines_that_are_written_through_are_there_at_any_end(end: End, tmp_path):
    """
    With `sync` every line is in the file at the end, also of a process that is killed, and there is no ring.
    """
    done = script((SERVICE + end.code).replace('"app.log")', '"app.log", sync=True)'), tmp_path)
    found = numbers(tmp_path)

    assert (end.status, "") == (done.returncode, done.stderr)
    assert (end.lines, end.lines) == (len(found), len(set(found)))
    assert [] == list(tmp_path.glob(".app.log.*"))


def test_each_call_returns_with_its_line_written(tmp_path):
    """
    With `sync` a line is in the file when its call returns, whichever thread logs it, and in a forked child.
    """
    code = """
import logging, os, threading, warnings, headrig
# From 3.12 on Python may warn of threads that end while it forks: those of this test.
warnings.simplefilter("ignore", DeprecationWarning)
headrig.install(path="app.log", sync=True)
log = logging.getLogger("app")
missing = []
def work(k):
    for n in range(k, k + 100):
        log.info("n", extra={"n": n})
        if f'"n":{n}}}' not in open("app.log").read(): missing.append(n)
threads = [threading.Thread(target=work, args=(k,)) for k in (0, 100, 200)]
for thread in threads: thread.start()
for thread in threads: thread.join()
pid = os.fork()
work(300 if pid == 0 else 400)
assert not missing, missing
if pid == 0: os.kill(os.getpid(), 9)
assert 9 == os.waitpid(pid, 0)[1]
"""
    done = script(code, tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
    assert list(range(500)) == sorted(numbers(tmp_path))


def test_a_disk_that_takes_nothing_is_waited_for_once(tmp_path):
    """
    With `sync` the first line waits a second for a disk that takes nothing, and the others for no longer.
    """
    code = """
import logging, os, time, headrig
handler = headrig.install(path="/dev/full", sync=True)
began = time.monotonic()
for n in range(100): logging.getLogger("app").info("n")
assert 100 == handler.counts()["waiting"]
print(time.monotonic() - began)
os._exit(0)
"""
    done = service(code, tmp_path)

    assert 0 == done.returncode
    assert float(done.stdout) < 20


@pytest.mark.parametrize("end", WITH_THE_NEXT.values(), ids=WITH_THE_NEXT)
def test_lines_are_there_with_the_next_process(end: End, tmp_path):
    """
    What a process could not write is in the file, once, when headrig is installed on that path again; no ring is left.
    """
    done = script(SERVICE + end.code, tmp_path)
    service("import headrig; headrig.install(path='app.log')", tmp_path)
    found = numbers(tmp_path)

    assert (end.status, "") == (done.returncode, done.stderr)
    assert (end.lines, end.lines) == (len(found), len(set(found)))
    assert [] == list(tmp_path.glob(".app.log.*"))


@pytest.mark.parametrize("variables", ["", "os.environ['HEADRIG_HTTP_LISTEN'] = '127.0.0.1:0'\n"])
def test_no_thread_of_ours_takes_a_signal(variables, tmp_path):
    """
    A signal for the process is handled in a thread of the service: uWSGI ends a worker in its handler, and waits there for all
    threads but the one that this runs in.
    """
    code = (
        f"import os\n{variables}{INSTALLED}"
        """
log.info("n", extra={"n": 0})
headrig.flush()
sent = sum(1 << number - 1 for number in (1, 2, 10, 15, 17))
def blocked(thread):
    with open(f"/proc/self/task/{thread}/status") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith("SigBlk"))
ours = [blocked(thread) for thread in os.listdir("/proc/self/task") if int(thread) != os.getpid()]
print(len(ours) > 0, all(mask & sent == sent for mask in ours), blocked(os.getpid()))
"""
    )
    done = service(code, tmp_path)

    assert ("True True 0\n", "") == (done.stdout, done.stderr)
