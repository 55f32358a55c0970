"""One wheel, several paths through the core: chosen by the CPU, forced by the environment, equal in what they write."""

import os
import subprocess
import sys

from headrig.engine import Engine

SCRIPT = """
import sys
from headrig.engine import Engine
engine = Engine()
processed = engine.lane("in").process(sys.stdin.buffer.read(), 1795413700.0)
counts = (processed.lines_in, processed.broken, processed.dropped, processed.redactions, processed.normalized)
sys.stdout.buffer.write(bytes(processed.lines) + engine.totals() + repr((engine.path, counts)).encode())
"""
LINES = (
    b'{"timestamp":"2026-11-23T06:00:00Z","level":"INFO","message":"a \\"b\\" password=hunter22","status":200}\n'
    b'{"timestamp": "2026-11-23T06:00:01Z", "level": "ERROR", "api_key": "0123456789abcdef", "n": NaN}\r\n'
    b'{"cut":"\n\n{"a":1}x\nplain text, token=abcdefghijklmnop0123\n"\\"\n{"last":[1,2,{"k":"v"}]}'
) * 50


def run(path: str) -> subprocess.CompletedProcess[bytes]:
    environment = os.environ | {"HEADRIG_CORE_PATH": path}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], input=LINES, capture_output=True, env=environment, check=False
    )


def test_each_path_is_forced_by_the_environment_and_gives_the_same() -> None:
    """The path that the environment names is taken, and what comes out does not depend on it."""
    chosen = run("")
    path = Engine().path
    forced = {name: run(name) for name in {"scalar", path}}
    assert {0} == {run.returncode for run in forced.values()}
    for name, result in forced.items():
        assert chosen.stdout.replace(f"'{path}'".encode(), f"'{name}'".encode()) == result.stdout


def test_an_unknown_path_is_refused_with_those_there_are() -> None:
    """A path that this CPU does not have is an error that names the variable and the choices."""
    refused = run("turbo").stderr.decode()
    assert "HEADRIG_CORE_PATH" in refused
    assert "turbo" in refused
    assert "scalar" in refused


def test_the_fastest_path_of_the_cpu_is_the_default() -> None:
    """On a CPU with AVX2 it is used without being asked for."""
    with open("/proc/cpuinfo") as cpuinfo:
        fast = {"avx2", "bmi1", "bmi2", "pclmulqdq", "popcnt"} <= set(cpuinfo.read().split())
    expected = "avx2" if fast else "scalar"
    assert f"'{expected}'" in run("").stdout.decode()
