"""A Python service as a process of its own: what a test can only see from outside, with an end to every wait."""

import os
import subprocess
import sys
from pathlib import Path

OURS = ("LOG_", "HEADRIG_", "SLACK_", "TELEGRAM_", "SMTP_", "ALERT_EMAIL_")
"""What the names of the variables that headrig reads begin with."""
DEADLINE_SECONDS = 9.0


def environment(**more: str) -> dict[str, str]:
    """Ours, without the variables that headrig reads."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(OURS)}, **more}


def service(
    code: str, cwd: Path, seconds_max: float = DEADLINE_SECONDS, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; one that hangs is killed and fails the test."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=seconds_max,
        check=False,
    )


def started(code: str, cwd: Path, **more: str) -> subprocess.Popen[str]:
    """The same, left running; its standard output is a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=cwd, env=environment(**more), stdout=subprocess.PIPE, text=True
    )
