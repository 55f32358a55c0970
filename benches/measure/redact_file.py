"""
`headrig redact FILE > out` beside the core alone on the same bytes with the same settings, and beside `cat FILE > out`,
which is what reading and writing cost without a look. Rates are by the clock on the wall, as a user waits: the command
reads, redacts and writes side by side. CPU time is printed as well, since a busy machine stretches the other.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from measure.machine import memory_folder

CORPUS = "line_540"
MEGABYTE = 1_000_000
BATCH_BYTES = 256 * 1024
GOAL = 0.7


class WrongAnswerError(Exception):
    """The filter did not write what the core gives."""


class Filtered(NamedTuple):
    """For people, and for the record."""

    text: str
    rows: list[Mapping[str, object]]


class Seconds(NamedTuple):
    """What one pass over the file took."""

    wall: float
    cpu: float


def core_alone(source: Path, target: Path) -> Seconds:
    """The core over whole lines in batches. Reading, and writing to `target`, are not timed."""
    from headrig.cli.filtering import FILTER  # noqa: PLC0415  # in the process that does nothing else
    from headrig.engine import Engine  # noqa: PLC0415  # same

    lines = source.read_bytes()
    lane = Engine(FILTER).lane("bench")
    wall, cpu, start = 0.0, 0.0, 0
    with target.open("wb", buffering=0) as out:
        while start < len(lines):
            end = lines.rfind(b"\n", start, start + BATCH_BYTES) + 1
            batch = lines[start:end]
            wall_begin, cpu_begin = time.perf_counter(), time.process_time()
            processed = lane.process(batch, 1e12)
            cpu += time.process_time() - cpu_begin
            wall += time.perf_counter() - wall_begin
            out.write(memoryview(processed.lines))
            start = end
    return Seconds(wall, cpu)


def command(words: list[str], target: Path) -> Seconds:
    """A whole command with its output in `target`: start-up, reading, writing, in user and system time."""
    target.unlink(missing_ok=True)
    with target.open("wb") as out:
        begin = time.perf_counter()
        process = subprocess.Popen(words, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise WrongAnswerError(f"{words[0]} ended with {process.returncode}")
    return Seconds(wall, usage.ru_utime + usage.ru_stime)


def once(folder: Path) -> tuple[Seconds, Seconds, Seconds]:
    """Each in turn. Raises `WrongAnswerError` when the command does not give what the core gives."""
    source, by_core, by_filter = (folder / name for name in ("in", "core", "filter"))
    alone = [sys.executable, "-m", "measure.redact_file", str(source), str(by_core)]
    done = subprocess.run(alone, capture_output=True, text=True, check=True)
    headrig = os.path.join(os.path.dirname(sys.executable), "headrig")
    filtered = command([headrig, "redact", str(source)], by_filter)
    if by_core.read_bytes() != by_filter.read_bytes() or by_core.read_bytes() == source.read_bytes():
        raise WrongAnswerError("headrig redact: its output is not the core's, or nothing was redacted")
    return Seconds(*json.loads(done.stdout)), filtered, command(["cat", str(source)], by_filter)


def measure(generator: Path, megabytes: int, reps: int) -> Filtered:
    """All of them, `reps` times. Raises `WrongAnswerError` as `once`."""
    with tempfile.TemporaryDirectory(prefix="headrig-bench-", dir=memory_folder()) as folder:
        source = Path(folder) / "in"
        with source.open("wb") as file:
            subprocess.run([generator, "corpus", CORPUS, "--mb", str(megabytes)], stdout=file, check=True)
        size = source.stat().st_size
        runs = [once(Path(folder)) for _ in range(reps)]
    share = {
        clock: statistics.median(getattr(core, clock) / getattr(whole, clock) for core, whole, _ in runs)
        for clock in Seconds._fields
    }
    names = ("core alone", "headrig redact", "cat")
    medians = [Seconds(*map(statistics.median, zip(*of_one, strict=True))) for of_one in zip(*runs, strict=True)]
    core, whole, cat = medians
    text = (
        f"headrig redact FILE: {size / whole.wall / 1e9:.3f} GB/s, {share['wall']:.2f} of the core alone"
        f" ({size / core.wall / 1e9:.3f}); goal {GOAL:g}; of its CPU time {share['cpu']:.2f},"
        f" while cat FILE alone takes {cat.cpu / core.cpu:.2f} of the core's"
    )
    rows = [
        {
            "corpus": CORPUS,
            "target": name,
            "bytes": size,
            "wall_seconds": f"{seconds.wall:.3f}",
            "cpu_seconds": f"{seconds.cpu:.3f}",
        }
        for name, seconds in zip(names, medians, strict=True)
    ]
    return Filtered(text, rows)


if __name__ == "__main__":
    print(json.dumps(core_alone(Path(sys.argv[1]), Path(sys.argv[2]))))
