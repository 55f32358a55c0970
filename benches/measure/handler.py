"""
What one structured log call costs, on the calling thread and in all, beside other loggers. Rounds go around the targets,
so that the weather of the machine meets all alike; the ratio is the median over rounds of ratios within a round.
After each round the lines in the file are counted.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from measure.handler_targets import BASE, FIELDS, MESSAGE, SECRET, TARGETS, Target
from measure.machine import headline, memory_folder, record

ROUNDS, CALLS = 61, 1000
LATENCY_ROUNDS, LATENCY_CALLS = 9, 8000
QUICK_DIVISOR = 6
GOAL = 0.80
"""Highest share of the base that the handler may cost its caller."""


class WrongAnswerError(Exception):
    """A target did not write what it was given."""


@dataclass
class Worker:
    """A target's process and what it has answered."""

    target: Target
    path: Path
    process: subprocess.Popen[str]
    commands: IO[str]
    answers: IO[str]
    version: str = ""
    read_bytes: int = 0
    rounds: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def ask(self, **command: object) -> dict[str, float]:
        """One command, one answer."""
        self.commands.write(json.dumps(command) + "\n")
        self.commands.flush()
        return self.answer()

    def answer(self) -> dict[str, float]:
        line = self.answers.readline()
        if not line:
            reason = self.path.with_suffix(".err").read_text().strip().splitlines() or ["no reason given"]
            raise WrongAnswerError(f"{self.target.name} ended: {reason[-1]}")
        return json.loads(line)

    def stop(self) -> None:
        """End the process."""
        self.commands.close()
        self.process.wait()

    def new_lines(self) -> list[bytes]:
        """Lines that came to the file since the last time."""
        if not self.target.writes:
            return []
        with self.path.open("rb") as file:
            file.seek(self.read_bytes)
            new = file.read()
        self.read_bytes += len(new)
        return new.splitlines(keepends=True)


def start(target: Target, folder: Path) -> Worker | None:
    """Start a target and look at its first lines; None, and a word, when it cannot be had here."""
    path = folder / f"{TARGETS.index(target)}.log"
    with path.with_suffix(".err").open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "measure.handler_worker", target.name, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    worker = Worker(target, path, process, process.stdin, process.stdout)
    try:
        ready = worker.answer()
        check(target, worker.new_lines(), int(ready["lines"]))
    except WrongAnswerError as error:
        worker.stop()
        if not target.needs or target.name == BASE:
            raise
        print(f"skipped: {error}", file=sys.stderr)
        return None
    worker.version = str(ready["version"])
    return worker


def check(target: Target, lines: list[bytes], expected: int) -> None:
    """The first lines are right: all there, with every field; the secret is gone if the target redacts."""
    if not target.writes:
        return
    whole = b"".join(lines)
    found = SECRET.encode() in whole
    if len(lines) != expected or found == target.redacts:
        secret = "in" if found else "not in"
        raise WrongAnswerError(f"{target.name}: {len(lines)} lines of {expected}, the secret is {secret} them")
    last = lines[-1]
    if target.structured:
        held = dict(members(json.loads(last)))
        wrong = [name for name, value in FIELDS.items() if held.get(name) != value]
    else:
        wrong = [str(value) for value in (MESSAGE, *FIELDS.values()) if str(value).encode() not in last]
    if wrong:
        raise WrongAnswerError(f"{target.name}: without {wrong}: {last!r}")


def members(value: object) -> Iterator[tuple[str, object]]:
    """Every member of a JSON value, at any depth."""
    if isinstance(value, dict):
        yield from value.items()
        for inner in value.values():
            yield from members(inner)


def measure(workers: list[Worker], what: str, rounds: int, calls: int, cpu: list[int]) -> None:
    """Rounds around all targets, each beginning with another one."""
    for number in range(rounds):
        first = number % len(workers)
        for worker in workers[first:] + workers[:first]:
            answer = worker.ask(measure=what, calls=calls, cpu=cpu)
            lines = worker.new_lines()
            answer["delivered"] = len(lines) / calls
            answer["line_bytes"] = sum(map(len, lines)) / max(1, len(lines))
            worker.rounds.setdefault(what, []).append(answer)


def median(worker: Worker, what: str, name: str) -> float:
    return statistics.median(row[name] for row in worker.rounds[what])


def ratio(worker: Worker, base: Worker, name: str) -> float:
    """Median over rounds of this target's cost over the base's in the same round."""
    pairs = zip(worker.rounds["cost"], base.rounds["cost"], strict=True)
    return statistics.median(row[name] / other[name] for row, other in pairs)


def summary(worker: Worker, base: Worker) -> dict[str, object]:
    """One row of the record."""
    rounds = [*worker.rounds["cost"], *worker.rounds["latency"]]
    row: dict[str, object] = {"target": worker.target.name, "version": worker.version}
    for name in ("caller_ns", "wall_ns", "total_ns"):
        row[name] = round(median(worker, "cost", name))
        row[name.replace("_ns", "_ratio")] = round(ratio(worker, base, name), 3)
    for name in ("p50_us", "p99_us", "p999_us", "raw_p999_us"):
        row[name] = round(median(worker, "latency", name), 1)
    row["line_bytes"] = round(median(worker, "cost", "line_bytes"))
    if worker.target.writes:
        row["delivered_percent"] = round(100 * statistics.mean(each["delivered"] for each in rounds), 3)
    return row


def show(rows: list[Mapping[str, object]]) -> None:
    print(
        f"\n{'target':<28}{'caller ns':>10}{'x':>7}{'total ns':>10}{'x':>7}{'B/line':>8}{'written':>9}"
        f"{'p50 us':>9}{'p99':>9}{'p99.9':>9}  note"
    )
    notes = {target.name: target.note for target in TARGETS}
    for row in rows:
        written = f"{row['delivered_percent']:.6g} %" if "delivered_percent" in row else "-"
        print(
            f"{row['target']:<28}{row['caller_ns']:>10}{row['caller_ratio']:>7.2f}{row['total_ns']:>10}"
            f"{row['total_ratio']:>7.2f}{row['line_bytes']:>8}{written:>9}"
            f"{row['p50_us']:>9}{row['p99_us']:>9}{row['p999_us']:>9}  {notes[str(row['target'])]}"
        )


def run(options: argparse.Namespace) -> list[Mapping[str, object]]:
    divisor = QUICK_DIVISOR if options.quick else 1
    rounds, latency_rounds = ROUNDS // divisor, max(2, LATENCY_ROUNDS // divisor)
    cpus = sorted(os.sched_getaffinity(0))
    print(headline())
    print(f"{rounds} rounds of {CALLS} calls on one CPU; x: against {BASE}, median of ratios within a round")
    print(
        f"latency: {latency_rounds} rounds of {LATENCY_CALLS} calls beside a thread that computes, on all CPUs",
        flush=True,
    )
    chosen = [target for target in TARGETS if target.name in (BASE, *options.only) or not options.only]
    with tempfile.TemporaryDirectory(prefix="headrig-bench-", dir=memory_folder()) as folder:
        workers = [worker for target in chosen if (worker := start(target, Path(folder)))]
        try:
            measure(workers, "cost", rounds, CALLS, cpus[-1:])
            measure(workers, "latency", latency_rounds, LATENCY_CALLS, cpus)
        finally:
            for worker in workers:
                worker.stop()
    base = next(worker for worker in workers if worker.target.name == BASE)
    return [summary(worker, base) for worker in workers]


def main() -> int:
    parser = argparse.ArgumentParser(prog="measure.handler", description="cost of a log call beside other loggers")
    parser.add_argument("--quick", action="store_true", help="a sixth of the rounds; records nothing")
    parser.add_argument("--only", action="append", default=[], metavar="TARGET", help="one target beside the base")
    options = parser.parse_args()
    try:
        rows = run(options)
    except WrongAnswerError as error:
        print(f"measure.handler: {error}", file=sys.stderr)
        return 1
    show(rows)
    for row in rows:
        if row["target"] == "headrig.Handler":
            verdict = "met" if float(str(row["caller_ratio"])) <= GOAL else "missed"
            print(f"\ngoal {GOAL:.2f} of {BASE} on the caller's thread, redaction on: {row['caller_ratio']}, {verdict}")
    if not options.quick and not options.only:
        print(f"recorded in {record('handler', rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
