"""
Who takes lines over TCP and writes them to a file: `headrig run`, and Debian's rsyslog (imtcp to omfile). Each runs in
its own process, on a free port, with nothing configured that is not needed.
"""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from measure.process import until

START_SECONDS = 20.0
STOP_SECONDS = 20.0
RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="64k")
main_queue(queue.workerThreads="1")
module(load="imtcp")
module(load="mmjsonparse")
template(name="as_received" type="string" string="%rawmsg%\\n")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="to_file")
ruleset(name="to_file") {{
    {parse}
    action(type="omfile" file="{out}" template="as_received")
}}
"""
PARSE_JSON = 'action(type="mmjsonparse" cookie="")'


class Running(NamedTuple):
    """A process that listens."""

    pid: int
    port: int
    out: Path
    page: Callable[[], str]
    """Its metrics; empty where there are none."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def raise_files_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def process(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run it until the end of the block, then ask it to stop."""
    with (folder / "said").open("wb") as said:
        running = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextmanager
def headrig(folder: Path) -> Iterator[Running]:
    """`headrig run` with a TCP source, a file sink, default redaction and built-in metrics."""
    port, http, out = free_port(), free_port(), folder / "out.log"
    (folder / "headrig.toml").write_text(
        f'data_dir = "{folder}"\n[http]\nlisten = "127.0.0.1:{http}"\n'
        f'[sources.in]\ntype = "tcp"\nlisten = "127.0.0.1:{port}"\n[sinks.out]\ntype = "file"\npath = "{out}"\n'
    )
    url = f"http://127.0.0.1:{http}"

    def page(path: str = "/metrics") -> str:
        with urllib.request.urlopen(url + path, timeout=START_SECONDS) as answer:
            return str(answer.read().decode())

    def ready() -> bool:
        if running.poll() is not None:
            raise RuntimeError((folder / "said").read_text())
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            return bool(page("/ready"))
        return False

    command = [os.path.join(os.path.dirname(sys.executable), "headrig"), "run", "-c", "headrig.toml"]
    with process(command, folder) as running:
        until(ready, "headrig run: ready", START_SECONDS)
        yield Running(running.pid, port, out, page)


@contextmanager
def rsyslog(folder: Path, parse: str = "") -> Iterator[Running]:
    """Debian's rsyslog: lines as they came, without a look into them."""
    port, out = free_port(), folder / "out.log"
    (folder / "rsyslog.conf").write_text(RSYSLOG.format(folder=folder, port=port, out=out, parse=parse))
    command = ["rsyslogd", "-n", "-f", str(folder / "rsyslog.conf"), "-i", str(folder / "rsyslog.pid")]

    def listens() -> bool:
        if running.poll() is not None:
            raise RuntimeError((folder / "said").read_text())
        listening = Path("/proc/net/tcp").read_text(encoding="utf-8")
        return re.search(rf":{port:04X} \S+ 0A", listening) is not None

    with process(command, folder) as running:
        until(listens, "rsyslogd: listens", START_SECONDS)
        yield Running(running.pid, port, out, lambda: "")


TARGETS = {
    "headrig": headrig,
    "rsyslog": rsyslog,
    "rsyslog+json": lambda folder: rsyslog(folder, PARSE_JSON),
}
"""
The last one also parses every line as JSON, and does nothing with it. Neither rsyslog redacts or counts. Both have one
worker, as two would not keep the order of lines.
"""
