"""The `headrig` command as a process, the way people and supervisors run it."""

import os
import re
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Self

COMMAND = [sys.executable, "-m", "headrig"]
ANY_PORT = """
import sys
from headrig import cli
from headrig.config import default
default.DEFAULT = default.DEFAULT.replace("127.0.0.1:9020", "127.0.0.1:0")
sys.exit(cli.main())
"""
"""The same, with a TCP port of the system's choice in the defaults: 9020 may be taken where tests run."""
FEW_FILES = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0}))\n"
STARTED = "  stops   "
"""Begins the last line that a run prints when everything listens."""


def environment(**more: str) -> dict[str, str]:
    """Ours, without the variables that headrig reads."""
    ours = {"STATE_DIRECTORY", "PORT", "LOG_LEVEL", "LOG_FILE", "LOG_FILE_BUFFER_SIZE", "LOG_FILE_FLUSH_INTERVAL"}
    channels = ("HEADRIG_", "LOG_HTTP_", "SLACK_", "TELEGRAM_", "SMTP_", "ALERT_")
    kept = {name: value for name, value in os.environ.items() if name not in ours and not name.startswith(channels)}
    return {**kept, **more}


def headrig(*arguments: str, stdin: bytes = b"", cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess:
    """Run a verb to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, cwd=cwd, env=environment(**more), check=False
    )


class Run:
    """
    `headrig run`, from when everything listens; killed at the end if it still runs.

    `stdin` None: a standard input that is closed.
    """

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        files_max: int = 0,
        **more: str,
    ) -> None:
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", FEW_FILES.format(files_max) * (files_max > 0) + ANY_PORT, "run", *arguments],
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment(**more),
            text=True,
            preexec_fn=partial(os.close, 0) if stdin is None else None,  # noqa: PLW1509  # no threads here
        )

    def __enter__(self) -> Self:
        self.until(STARTED)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process.stderr.close()

    def until(self, text: str) -> str:
        """The next line on standard error that contains the text."""
        for line in self.process.stderr:
            self.said.append(line.rstrip("\n"))
            if text in line:
                return self.said[-1]
        raise AssertionError(f"it ended without saying {text!r}: {self.said}")

    def address(self, before: str) -> tuple[str, int]:
        """The `host:port` that it says it listens on, after some words."""
        found = re.search(rf"{re.escape(before)}([0-9.]+):(\d+)", "\n".join(self.said))
        return found[1], int(found[2])

    def send(self, lines: bytes) -> None:
        """Send over a TCP connection of its own, and close it."""
        with socket.create_connection(self.address("tcp ")) as connection:
            connection.sendall(lines)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for the end; the exit code."""
        self.said.extend(self.process.stderr.read().splitlines())
        return self.process.wait()
