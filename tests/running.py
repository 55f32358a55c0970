"""A real `headrig run` on loopback for tests that look at it from outside."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

WAIT_SECONDS = 60.0
"""Longest wait for something another process does."""


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class Running:
    """The process and where it listens."""

    process: subprocess.Popen[bytes]
    http: int
    tcp: int
    out: Path
    unix: Path

    def get(self, path: str) -> str:
        """A page of the status server."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=WAIT_SECONDS) as answer:
            return str(answer.read().decode())

    def send(self, data: bytes) -> None:
        """Bytes over TCP, then the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.tcp)) as connection:
            connection.sendall(data)

    def metric(self, sample: str) -> float:
        """One sample of /metrics, by its name and labels as they stand there; 0 when it is not there."""
        for line in self.get("/metrics").splitlines():
            if line.startswith(sample + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def lines(self, count: int) -> list[bytes]:
        """The lines of the output file, once there are as many."""
        until(lambda: self.out.exists() and self.out.read_bytes().count(b"\n") >= count)
        return self.out.read_bytes().splitlines(keepends=True)


def until(done: Callable[[], bool]) -> None:
    """Look again and again at what another process does, for as long as a test may wait."""
    never = select.poll()
    for _ in range(int(WAIT_SECONDS / 0.02)):
        if done():
            return
        never.poll(20)
    raise AssertionError("what the test waits for did not happen")


@contextlib.contextmanager
def running(folder: Path, more: str = "", environ: dict[str, str] | None = None) -> Iterator[Running]:
    """`headrig run` with TCP, Unix and HTTP sources and a file sink in `folder`."""
    http, tcp = free_port(), free_port()
    config = folder / "headrig.toml"
    config.write_text(
        f"""
        data_dir = "{folder}"
        [http]
        listen = "127.0.0.1:{http}"
        [sources.tcp]
        type = "tcp"
        listen = "127.0.0.1:{tcp}"
        [sources.unix]
        type = "unix"
        path = "{folder}/in.sock"
        [sources.http]
        type = "http"
        [sinks.out]
        type = "file"
        path = "{folder}/app.log"
        {more}
        """
    )
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "headrig", "run", "-c", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            env={**os.environ, **(environ or {})},
        )
    run = Running(process, http, tcp, folder / "app.log", folder / "in.sock")

    def ready() -> bool:
        assert process.poll() is None, (folder / "stderr").read_text()
        with contextlib.suppress(OSError):
            return "ready" in run.get("/ready")
        return False

    try:
        until(ready)
        yield run
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
