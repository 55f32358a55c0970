"""Where and when a run took place, and the file it is recorded in. The counterpart of `src/machine.rs` and `record.rs`."""

import csv
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

BENCHES = Path(__file__).parents[1]
RECORD = BENCHES / "record"


def cpu_model() -> str:
    """Name, family and model, as the kernel has them."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^([^\t:]+)\t*: (.*)$", info, re.MULTILINE))
    return (
        "{model name} (family {cpu family} model {model})".format_map(fields) if "model name" in fields else "unknown"
    )


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", BENCHES, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def revision() -> str:
    """Short hash, with `-dirty` when the tree differs from it."""
    name = _git("rev-parse", "--short=10", "HEAD") or "unknown"
    return name + ("-dirty" if _git("status", "--porcelain", "--untracked-files=no") else "")


def about() -> dict[str, str]:
    """The first columns of every record."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "revision": revision(),
        "cpu": cpu_model(),
        "cores": str(len(os.sched_getaffinity(0))),
        "python": platform.python_version(),
    }


def headline() -> str:
    """The same for people."""
    return "{cpu}, {cores} cores, Python {python}; {date}, revision {revision}".format_map(about())


def record(kind: str, rows: Iterable[Mapping[str, object]]) -> str:
    """Write the rows of a full run as `record/<date>-<revision>-<kind>.csv`; gives the path below the repository."""
    first = about()
    rows = [{**first, **row} for row in rows]
    path = RECORD / f"{first['date']}-{first['revision']}-{kind}.csv"
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return str(path.relative_to(BENCHES.parent))


def memory_folder() -> str | None:
    """A folder in memory, so that no disk is measured; None where there is none."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
