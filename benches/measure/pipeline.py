"""
What a line costs from a TCP connection to a file in memory: CPU time and memory of the process, beside rsyslog. Also
`headrig redact` on a file, beside the core's own rate. No number is printed before the file was compared.
"""

import argparse
import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from measure import redact_file
from measure.feeder import IDLE_LINE
from measure.machine import BENCHES, headline, memory_folder, record
from measure.pipeline_targets import TARGETS, Running, raise_files_limit
from measure.process import Cpu, cpu, memory_max_bytes, until

MEGABYTE = 1_000_000
MIB = 1024 * 1024
GENERATOR = BENCHES.parent / "target/release/headrig-bench"
CORPORA = ("request_218_20", "request_218_100")
EVENT_LINES_PER_SECOND = 100_000
"""Event time passes so fast: the whole corpus happened within seconds of now, as in a live stream of that rate."""
REPS = 3
IDLE_CONNECTIONS = 1000
RUN_SECONDS = 60.0
"""A run that takes longer has failed."""
SECRET = b"correct-horse-fake"
LEAKS = 50
"""Lines with a secret at the end of each feed: redaction is on, and is seen to be."""
GOAL_LINES_PER_CPU_SECOND = 2e6
GOAL_MEMORY_BYTES = 96 * MIB


class WrongAnswerError(Exception):
    """Something is missing in the file, or in the books."""


@dataclass
class Feed:
    """What is sent, and what must be in the file."""

    corpus: str
    path: Path
    lines: int
    requests: int
    size: int
    tail: bytes
    """The lines with a secret, which end the file."""

    def expected(self, *, redacts: bool) -> bytes:
        sent = self.path.read_bytes()
        return sent[: -len(self.tail)] + redacted(self.tail) if redacts else sent


def redacted(lines: bytes) -> bytes:
    return lines.replace(SECRET, b"[REDACTED:password]")


def generate(corpus: str, megabytes: int, folder: Path) -> Feed:
    """Lines of right now, then those with a secret."""
    path = folder / f"{corpus}-{megabytes}.log"
    times = ["--start", str(int(time.time() * 1000)), "--rate", str(EVENT_LINES_PER_SECOND)]
    with path.open("wb") as file:
        subprocess.run([GENERATOR, "corpus", corpus, "--mb", str(megabytes), *times], stdout=file, check=True)
        tail = b'{"level":"INFO","message":"a login","password":"%s"}\n' % SECRET * LEAKS
        file.write(tail)
    sent = path.read_bytes()
    requests = sent.count(b'"event":"request_completed"')
    return Feed(corpus, path, sent.count(b"\n"), requests, len(sent), tail)


@dataclass
class Cost:
    """One run."""

    target: str
    feed: Feed
    lines: int
    wall_seconds: float
    cpu: Cpu
    memory_bytes: int
    idle: int = 0

    @property
    def lines_per_cpu_second(self) -> float:
        return self.lines / self.cpu.both


def one_run(target: str, feed: Feed, idle: int = 0) -> Cost:
    """Start the target, feed it, look at everything it did."""
    redacts = target == "headrig"
    with tempfile.TemporaryDirectory(prefix="headrig-bench-", dir=memory_folder()) as folder:
        with TARGETS[target](Path(folder)) as running:
            size = feed.size + 2 * idle * len(IDLE_LINE)
            if redacts:
                size += len(redacted(feed.tail)) - len(feed.tail)
            before, begin = cpu(running.pid), time.perf_counter()
            feeder = [sys.executable, "-m", "measure.feeder", str(running.port), str(feed.path), str(idle)]
            with subprocess.Popen(feeder) as feeding:
                until(
                    lambda: has(running.out, size) or bool(feeding.poll()),
                    f"{target}: {size} bytes in the file",
                    RUN_SECONDS,
                )
                wall_seconds = time.perf_counter() - begin
            spent = cpu(running.pid).since(before)
            if feeding.returncode:
                raise WrongAnswerError(f"{target}: the feeder ended with {feeding.returncode}")
            lines = feed.lines + 2 * idle
            if redacts:
                check_books(running, feed, lines)
            memory_bytes = memory_max_bytes(running.pid)
        check_file(running.out, feed, redacts=redacts, idle=idle)
    return Cost(target, feed, lines, wall_seconds, spent, memory_bytes, idle)


def has(path: Path, size: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size >= size
    return False


def check_file(path: Path, feed: Feed, *, redacts: bool, idle: int) -> None:
    """Every line is there, in order, byte for byte; only the secrets are gone."""
    written = path.read_bytes()
    if idle:
        quiet = written.count(IDLE_LINE)
        if quiet != 2 * idle:
            raise WrongAnswerError(f"{quiet} lines of the quiet connections, not {2 * idle}")
        written = written.replace(IDLE_LINE, b"")
    if written != feed.expected(redacts=redacts):
        found = written.count(b"\n")
        raise WrongAnswerError(f"the file has {found} lines of {feed.lines}, or they differ from what was sent")


def check_books(running: Running, feed: Feed, lines: int) -> None:
    """The ledger closes, every line was delivered, secrets and requests are counted."""
    page = running.page()
    found = {
        "imbalance": total(page, "headrig_ledger_imbalance"),
        "received": total(page, "component_received_events_total"),
        "redactions": total(page, "headrig_redactions_total"),
        "requests": total(page, "http_requests_total"),
    }
    wanted = {"imbalance": 0, "received": lines, "redactions": LEAKS, "requests": feed.requests}
    if found != wanted:
        raise WrongAnswerError(f"headrig's books say {found}, not {wanted}")


def total(page: str, family: str) -> int:
    """Sum over the series of a family; those of sinks left out."""
    samples = re.findall(rf"^{family}(?:_total)?(\{{.*?\}})? (\S+)$", page, re.MULTILINE)
    return int(sum(float(value) for labels, value in samples if 'component_kind="sink"' not in labels))


def runs(options: argparse.Namespace) -> Iterator[Cost]:
    """Small and large volumes, many connections, and the peer in between."""
    small, large = (40, 160) if options.quick else (150, 600)
    reps = 1 if options.quick else REPS
    with tempfile.TemporaryDirectory(prefix="headrig-bench-", dir=memory_folder()) as folder:
        for corpus in CORPORA:
            for _ in range(reps):
                for target in TARGETS:
                    yield one_run(target, generate(corpus, small, Path(folder)))
            yield one_run("headrig", generate(corpus, large, Path(folder)))
            yield one_run("headrig", generate(corpus, small, Path(folder)), idle=IDLE_CONNECTIONS)


def show(cost: Cost) -> None:
    connections = cost.idle + 1
    print(
        f"{cost.feed.corpus:<17}{cost.target:<13}{cost.lines:>9}{connections:>6}"
        f"{cost.lines / cost.wall_seconds / 1e6:>9.3f}{cost.cpu.user:>8.2f}{cost.cpu.system:>8.2f}"
        f"{cost.lines_per_cpu_second / 1e6:>10.3f}{cost.memory_bytes / MIB:>9.1f}  ok",
        flush=True,
    )


def rows(costs: list[Cost]) -> Iterator[Mapping[str, object]]:
    """The record."""
    for cost in costs:
        yield {
            "corpus": cost.feed.corpus,
            "target": cost.target,
            "lines": cost.lines,
            "connections": cost.idle + 1,
            "wall_seconds": f"{cost.wall_seconds:.3f}",
            "user_seconds": f"{cost.cpu.user:.2f}",
            "system_seconds": f"{cost.cpu.system:.2f}",
            "lines_per_cpu_second": round(cost.lines_per_cpu_second),
            "memory_max_mib": f"{cost.memory_bytes / MIB:.1f}",
        }


def judge(costs: list[Cost]) -> None:
    """Each corpus against the goal and the peer."""
    print()
    for corpus in CORPORA:
        alone = [cost for cost in costs if cost.feed.corpus == corpus and not cost.idle]
        rates = {
            target: statistics.median(cost.lines_per_cpu_second for cost in alone if cost.target == target)
            for target in TARGETS
        }
        print(
            f"{corpus}: {rates['headrig'] / 1e6:.3f} M lines per CPU-second, goal {GOAL_LINES_PER_CPU_SECOND / 1e6:g} M;"
            f" {rates['headrig'] / rates['rsyslog']:.2f} x rsyslog that looks into no line,"
            f" {rates['headrig'] / rates['rsyslog+json']:.2f} x rsyslog that parses"
        )
    held = [cost.memory_bytes / MIB for cost in costs if cost.target == "headrig"]
    print(
        f"memory at most {max(held):.1f} MiB, at least {min(held):.1f}; goal {GOAL_MEMORY_BYTES / MIB:g} MiB and flat"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="measure.pipeline", description="TCP to file, beside rsyslog")
    parser.add_argument("--quick", action="store_true", help="a quarter of the lines, once; records nothing")
    options = parser.parse_args()
    raise_files_limit()
    print(headline())
    print(
        f"\n{'corpus':<17}{'who':<13}{'lines':>9}{'conn.':>6}{'M/s wall':>9}{'user s':>8}{'sys s':>8}"
        f"{'M/CPU-s':>10}{'max MiB':>9}  answer"
    )
    costs = []
    try:
        for cost in runs(options):
            show(cost)
            costs.append(cost)
        filtered = redact_file.measure(
            GENERATOR, megabytes=110 if options.quick else 500, reps=1 if options.quick else REPS
        )
    except (WrongAnswerError, redact_file.WrongAnswerError, TimeoutError, RuntimeError) as error:
        print(f"measure.pipeline: {error}", file=sys.stderr)
        return 1
    judge(costs)
    print(filtered.text)
    if not options.quick:
        print(f"recorded in {record('pipeline', [*rows(costs), *filtered.rows])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
