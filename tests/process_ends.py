"""
Ways in which a process of a service ends, each as a program. Every program uses `install()` and `log` of `SERVICE`, prints
nothing, and logs as many numbered lines as its row says.
"""

from typing import NamedTuple

SERVICE = """
import logging, multiprocessing, os, signal, sys, threading, time
log = logging.getLogger("app")
def install():
    import headrig
    return headrig.install(path="app.log")
def line(n): log.info("n", extra={"n": n})
def error(n): log.error("n", extra={"n": n})
"""
"""Begins a program."""


class End(NamedTuple):
    lines: int
    code: str
    status: int = 0


FORKED = """
install()
for k in range({children}):
    pid = {fork}
    if pid == 0:
        for n in range({lines}): line(k * 1000 + n)
        error(k * 1000 + {lines})
        os._exit(0)
    os.waitpid(pid, 0)
"""
LIBC = "import ctypes\nlibc = ctypes.PyDLL(None)\n"
POOL = """
def work(n): line(n)
def main():
    {first}
    with multiprocessing.get_context("{method}").Pool(2{more}) as pool: pool.map(work, range(100))
if __name__ == "__main__": main()
"""
PROCESSES = """
def work(n):
    {child}
    line(n)
def main():
    {first}
    processes = [{process}(target=work, args=(n,)) for n in range(10)]
    for process in processes: process.start()
    for process in processes: process.join()
if __name__ == "__main__": main()
"""
KILLED = "install()\n{logs}\nos.kill(os.getpid(), signal.{signal})\nwhile True: time.sleep(1)\n"
BURST = "for n in range(1000): {log}(n)"
EXECUTOR = """
from concurrent.futures import ProcessPoolExecutor
def work(n): line(n)
def main():
    context = multiprocessing.get_context("{method}")
    with ProcessPoolExecutor(2, mp_context=context, initializer=install) as pool: list(pool.map(work, range(100)))
if __name__ == "__main__": main()
"""
FORK_PROCESS = 'multiprocessing.get_context("fork").Process'

AT_THE_END = {
    "os._exit of one child": End(1, FORKED.format(children=1, lines=0, fork="os.fork()")),
    "os._exit of many children": End(88, FORKED.format(children=8, lines=10, fork="os.fork()")),
    "a worker that installs in the child": End(
        88,
        """
for k in range(8):
    pid = os.fork()
    if pid == 0:
        install()
        for n in range(10): line(k * 1000 + n)
        error(k * 1000 + 10)
        os._exit(0)
    os.waitpid(pid, 0)
""",
    ),
    "a child of a child": End(
        2,
        """
install()
if os.fork() == 0:
    if os.fork() == 0:
        line(1)
        os._exit(0)
    os.wait()
    line(2)
    os._exit(0)
os.wait()
""",
    ),
    "forks made in C": End(44, LIBC + FORKED.format(children=4, lines=10, fork="libc.fork()")),
    "a fork made in C that ends as a script does": End(
        11, LIBC + FORKED.format(children=1, lines=10, fork="libc.fork()").replace("os._exit(0)", "sys.exit(0)")
    ),
    "a fork pool that is terminated": End(100, POOL.format(first="install()", method="fork", more="")),
    "a fork pool that installs": End(100, POOL.format(first="", method="fork", more=", initializer=install")),
    "a forkserver pool": End(100, POOL.format(first="", method="forkserver", more=", initializer=install")),
    "a spawn pool": End(100, POOL.format(first="", method="spawn", more=", initializer=install")),
    "a fork executor that installs": End(100, EXECUTOR.format(method="fork")),
    "a forkserver executor": End(100, EXECUTOR.format(method="forkserver")),
    "a spawn executor": End(100, EXECUTOR.format(method="spawn")),
    "fork processes": End(10, PROCESSES.format(first="install()", child="", process=FORK_PROCESS)),
    "fork processes that install": End(10, PROCESSES.format(first="", child="install()", process=FORK_PROCESS)),
    "spawned children that end by os._exit": End(
        6,
        """
install()
def work(n):
    line(n)
    if n % 2: os._exit(0)
if __name__ == "__main__":
    children = [multiprocessing.get_context("spawn").Process(target=work, args=(n,)) for n in range(6)]
    for child in children: child.start()
    for child in children: child.join()
""",
    ),
    "a burst, then SIGTERM": End(1000, KILLED.format(logs=BURST.format(log="line"), signal="SIGTERM"), -15),
    "a burst of errors, then SIGTERM": End(1000, KILLED.format(logs=BURST.format(log="error"), signal="SIGTERM"), -15),
    "one line, then SIGTERM": End(1, KILLED.format(logs="line(0)", signal="SIGTERM"), -15),
    "SIGTERM's default restored after the import": End(
        2,
        """
signal.signal(signal.SIGTERM, lambda number, frame: None)
install()
line(0); line(1)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.raise_signal(signal.SIGTERM)
""",
        -15,
    ),
    "a signal of a loop, then SIGTERM": End(
        2,
        """
import asyncio
install()
async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, print)
    loop.remove_signal_handler(signal.SIGTERM)
asyncio.run(main())
line(0); line(1)
signal.raise_signal(signal.SIGTERM)
""",
        -15,
    ),
    "a handler that was dropped": End(
        1,
        """
import headrig
def f():
    handler = headrig.Handler("app.log")
    log.addHandler(handler)
    log.setLevel(10)
    line(1)
    log.removeHandler(handler)
f()
""",
    ),
}
"""What is in the file once the process has ended."""

WITH_THE_NEXT = {
    "an error, then SIGKILL 5 ms later": End(
        1, KILLED.format(logs="error(0); time.sleep(0.005)", signal="SIGKILL"), -9
    ),
    "a burst, then SIGKILL": End(1000, KILLED.format(logs=BURST.format(log="line"), signal="SIGKILL"), -9),
    "abort": End(10, "install()\nfor n in range(10): line(n)\nos.abort()", -6),
    "os._exit of a process that was not forked": End(10, "install()\nfor n in range(10): line(n)\nos._exit(0)"),
    "exec": End(10, "install()\nfor n in range(10): line(n)\nos.execv('/bin/true', ['true'])"),
    "a child that is killed": End(
        10,
        """
install()
pid = os.fork()
if pid == 0:
    for n in range(10): line(n)
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(pid, 0)
os._exit(0)
""",
    ),
}
"""What is in the file once headrig is installed there again."""

STDLIB = SERVICE.replace(
    'import headrig\n    return headrig.install(path="app.log")',
    """\
handler = logging.FileHandler("app.log")
    handler.setFormatter(logging.Formatter('{"n":%(n)s}'))
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(20)""",
)
"""The same with the standard library's handler, for comparison."""
