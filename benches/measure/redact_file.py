"""
`headrig redact FILE > out` beside the core alone on the same bytes with the same settings, both by CPU time: a shared
machine stretches wall time as it likes.
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
SPEC = b'{"on_broken":"pass","blank":"keep","metrics":{"builtin":false},"recent_bytes_max":0}'
"""What `headrig redact` asks of the core."""
BATCH_BYTES = 256 * 1024
GOAL = 0.7


class WrongAnswerError(Exception):
    """The filter did not write what the core gives."""


class Filtered(NamedTuple):
    """For people, and for the record."""

    text: str
    rows: list[Mapping[str, object]]


def core_seconds(source: Path, target: Path) -> float:
    """The core over whole lines in batches, without reading and writing; the result goes to `target` afterwards."""
    from headrig.engine import Engine  # noqa: PLC0415  # in the process that does nothing else

    lines = source.read_bytes()
    lane = Engine(SPEC).lane("bench")
    seconds, out, start = 0.0, [], 0
    while start < len(lines):
        end = lines.rfind(b"\n", start, start + BATCH_BYTES) + 1
        batch = lines[start:end]
        begin = time.process_time()
        processed = lane.process(batch, 0.0)
        seconds += time.process_time() - begin
        out.append(processed.lines)
        start = end
    target.write_bytes(b"".join(map(bytes, map(memoryview, out))))
    return seconds


def filter_seconds(source: Path, target: Path) -> float:
    """The whole command: start-up, reading, writing, in user and system time."""
    command = [os.path.join(os.path.dirname(sys.executable), "headrig"), "redact", str(source)]
    with target.open("wb") as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise WrongAnswerError(f"headrig redact ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def measure(generator: Path, megabytes: int, reps: int) -> Filtered:
    """Both, in turn. Raises `WrongAnswerError` when they differ."""
    with tempfile.TemporaryDirectory(prefix="headrig-bench-", dir=memory_folder()) as folder:
        source, by_core, by_filter = (Path(folder) / name for name in ("in", "core", "filter"))
        with source.open("wb") as file:
            subprocess.run([generator, "corpus", CORPUS, "--mb", str(megabytes)], stdout=file, check=True)
        size = source.stat().st_size
        pairs = []
        for _ in range(reps):
            alone = [sys.executable, "-m", "measure.redact_file", str(source), str(by_core)]
            done = subprocess.run(alone, capture_output=True, text=True, check=True)
            pairs.append((json.loads(done.stdout), filter_seconds(source, by_filter)))
            if by_core.read_bytes() != by_filter.read_bytes() or by_core.read_bytes() == source.read_bytes():
                raise WrongAnswerError("headrig redact: its output is not the core's, or nothing was redacted")
    share = statistics.median(core / whole for core, whole in pairs)
    rates = [size / statistics.median(seconds) / 1e9 for seconds in zip(*pairs, strict=True)]
    text = f"headrig redact FILE: {rates[1]:.3f} GB per CPU-second, {share:.2f} of the core alone ({rates[0]:.3f}); goal {GOAL:g}"
    names = ("core alone", "headrig redact")
    rows = [
        {"corpus": CORPUS, "target": name, "bytes": size, "cpu_seconds": f"{size / rate / 1e9:.3f}"}
        for name, rate in zip(names, rates, strict=True)
    ]
    return Filtered(text, rows)


if __name__ == "__main__":
    print(json.dumps(core_seconds(Path(sys.argv[1]), Path(sys.argv[2]))))
