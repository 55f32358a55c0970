"""What a process costs, from /proc: CPU time of all its threads, and the most memory it ever held."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
KIB = 1024
LOOK_SECONDS = 0.005
"""How often it is looked whether something has happened."""


class Cpu(NamedTuple):
    """Seconds of CPU time."""

    user: float
    system: float

    @property
    def both(self) -> float:
        return self.user + self.system

    def since(self, before: "Cpu") -> "Cpu":
        return Cpu(self.user - before.user, self.system - before.system)


def cpu(pid: int) -> Cpu:
    """CPU time so far, of every thread there was, waited-for children left out."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return Cpu(int(fields[11]) * TICK_SECONDS, int(fields[12]) * TICK_SECONDS)


def memory_max_bytes(pid: int) -> int:
    """The most memory that was ever resident (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * KIB
    raise RuntimeError(f"process {pid} has no memory any more")


def until(done: Callable[[], bool], what: str, seconds: float) -> None:
    """Wait for what another process does. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(LOOK_SECONDS)
