"""
One target in a process of its own, so that a library that patches `logging` touches nobody else. Reads one command a
line from standard input and answers with one JSON object a line.
"""

import array
import gc
import importlib.metadata
import json
import os
import sys
import threading
import time

from measure.handler_targets import SECRET, TARGETS, Log, Running, Target

WARM_CALLS = 500
SLOW_NS = 100_000
"""Only of calls slower than this it is asked how long the kernel kept the thread from a CPU."""


def cost(log: Log, flush, calls: int) -> dict[str, float]:
    """Nanoseconds a record: CPU and wall time on the calling thread, CPU of the whole process until all is written."""
    process, wall, thread = time.process_time_ns(), time.perf_counter_ns(), time.thread_time_ns()
    for number in range(calls):
        log(number)
    thread, wall = time.thread_time_ns() - thread, time.perf_counter_ns() - wall
    flush()
    process = time.process_time_ns() - process
    return {"caller_ns": thread / calls, "wall_ns": wall / calls, "total_ns": process / calls}


def latency(log: Log, flush, calls: int) -> dict[str, float]:
    """
    Microseconds of single calls while another Python thread computes.

    Net of the time that the kernel let the thread wait for a CPU although it could run: other programs cause that.
    Waiting for the interpreter or for a lock does not count as such. Raw figures beside it.
    """
    raw, net = array.array("q", bytes(8 * calls)), array.array("q", bytes(8 * calls))
    stop = threading.Event()

    def compute() -> None:
        value = 0
        while not stop.is_set():
            for _ in range(20_000):
                value += 1

    computing = threading.Thread(target=compute, daemon=True)
    computing.start()
    clock, read = time.perf_counter_ns, os.pread
    delays = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    for number in range(calls):
        before = read(delays, 64, 0)
        begin = clock()
        log(number)
        took = clock() - begin
        raw[number] = net[number] = took
        if took > SLOW_NS:
            waited = int(read(delays, 64, 0).split()[1]) - int(before.split()[1])
            net[number] = max(0, took - waited)
    os.close(delays)
    stop.set()
    computing.join()
    flush()
    return {
        f"{prefix}p{name}_us": sorted(values)[int(calls * share)] / 1e3
        for prefix, values in (("", net), ("raw_", raw))
        for name, share in (("50", 0.5), ("99", 0.99), ("999", 0.999))
    }


MEASURES = {"cost": cost, "latency": latency}


def start(target: Target, path: str) -> Running:
    """Set it up, log the secret, warm up."""
    running = target.start(path)
    log, flush, leak = running
    leak(SECRET)
    for number in range(WARM_CALLS):
        log(number)
    flush()
    gc.collect()
    gc.freeze()
    return running


def main() -> None:
    target = next(target for target in TARGETS if target.name == sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # What a logger prints is not an answer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    log, flush, _ = start(target, sys.argv[2])
    version = importlib.metadata.version(target.needs) if target.needs else ""
    answers.write(json.dumps({"version": version, "lines": WARM_CALLS + 1}) + "\n")
    for line in sys.stdin:
        command = json.loads(line)
        if cpu := command.get("cpu"):
            os.sched_setaffinity(0, cpu)
        answers.write(json.dumps(MEASURES[command["measure"]](log, flush, command["calls"])) + "\n")


if __name__ == "__main__":
    main()
