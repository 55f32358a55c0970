"""A Python service as a process of its own: what a test can only see from outside, with an end to every wait."""

import json
import os
import subprocess
import sys
from pathlib import Path

OURS = ("LOG_", "HEADRIG_", "SLACK_", "TELEGRAM_", "SMTP_", "ALERT_EMAIL_")
"""What the names of the variables that headrig reads begin with."""
DEADLINE_SECONDS = 60.0
INSTALLED = (
    "import logging, os, sys, threading, headrig\nheadrig.install(path='app.log')\nlog = logging.getLogger('app')\n"
)
"""Begins a service that logs into `app.log`."""
TOLD = """
import os, select
os.dup2(os.open('go', os.O_RDONLY), 0)
def until_told():
    # A signal that comes just before a call that blocks is seen after it: none blocks for long.
    while not select.select([0], [], [], 0.05)[0]: pass
"""
"""Begins a service that waits for a line in the pipe `go`, and sees signals meanwhile."""

FORKS_WHILE_THREADS_LOG = """
import warnings
# From 3.12 on Python warns of the threads that follow here.
warnings.simplefilter("ignore", DeprecationWarning)
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
"""30 forks while two threads log; behind what installs a handler. Prints how many lines each thread logged."""


def forked_numbers(printed: str) -> list[int]:
    """The `n` of every line that `FORKS_WHILE_THREADS_LOG` logged, given what it printed."""
    first, second = map(int, printed.split())
    return [
        *(100_000_000 + n for n in range(first)),
        *(200_000_000 + n for n in range(second)),
        *(1_000_000_000 + child * 1000 + n for child in range(30) for n in range(20)),
    ]


def environment(**more: str) -> dict[str, str]:
    """Ours, without the variables that headrig reads."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(OURS)}, **more}


def numbers(path: Path) -> list[int]:
    """`n` of each line in the `app.log` of a directory."""
    return [json.loads(line)["n"] for line in (path / "app.log").read_text().splitlines()]


def service(
    code: str, cwd: Path, seconds_max: float = DEADLINE_SECONDS, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; one that hangs is killed and fails the test."""
    return _ended(["-c", code], cwd, seconds_max, more)


def script(
    code: str, cwd: Path, seconds_max: float = DEADLINE_SECONDS, **more: str
) -> subprocess.CompletedProcess[str]:
    """The same from a file, as children that start anew need it."""
    (cwd / "main.py").write_text(code)
    return _ended(["main.py"], cwd, seconds_max, more)


def _ended(
    arguments: list[str], cwd: Path, seconds_max: float, more: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=seconds_max,
        check=False,
    )


class Started(subprocess.Popen):
    """A service that runs. One that a failed test leaves behind is not waited for."""

    def __exit__(self, kind: type[BaseException] | None, *more: object) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, *more)


def started(code: str, cwd: Path, **more: str) -> Started:
    """The same, left running; its standard output is a pipe."""
    return Started([sys.executable, "-c", code], cwd=cwd, env=environment(**more), stdout=subprocess.PIPE, text=True)
