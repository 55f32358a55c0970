"""One wheel, several paths through the core: chosen by the CPU, forced by the environment, equal in what they write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headrig.engine import Engine

# What the kernel of the system says of a CPU that has them, the slowest first.
FLAGS = {
    "scalar": set(),
    "avx2": {"avx2", "bmi1", "bmi2", "pclmulqdq", "popcnt"},
    "avx512": {"avx512f", "avx512bw", "avx512vl", "avx512vbmi", "avx512_vbmi2", "bmi1", "bmi2", "popcnt"},
}
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


def here() -> list[str]:
    """The paths this CPU has."""
    flags = set(Path("/proc/cpuinfo").read_text().split())
    return [path for path, needed in FLAGS.items() if needed <= flags]


@pytest.mark.parametrize("path", FLAGS)
def test_each_path_is_forced_by_the_environment_and_gives_the_same(path: str) -> None:
    """The path that the environment names is taken, and what comes out does not depend on it."""
    if path not in here():
        pytest.skip(f"this CPU has no {path}")
    chosen, forced = run(""), run(path)
    assert 0 == forced.returncode
    assert chosen.stdout.replace(f"'{Engine().path}'".encode(), f"'{path}'".encode()) == forced.stdout


def test_an_unknown_path_is_refused_with_those_there_are() -> None:
    """A path that this CPU does not have is an error that names the variable and the choices."""
    refused = run("turbo").stderr.decode()
    assert "HEADRIG_CORE_PATH" in refused
    assert "scalar" in refused


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "headrig", "run"],
        ["-m", "headrig", "redact"],
        ["-c", "import headrig; headrig.install()"],
        ["-c", "import headrig; headrig.Handler()"],
    ],
)
def test_an_unknown_path_stops_every_door(tmp_path: Path, words: list[str]) -> None:
    """Nothing starts, and so nothing is lost, when the environment asks for a path that is not there."""
    environment = os.environ | {"HEADRIG_CORE_PATH": "turbo"}
    refused = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert 0 != refused.returncode
    [said] = [line for line in refused.stderr.splitlines() if "HEADRIG_CORE_PATH" in line]
    assert "scalar" in said


def test_the_fastest_path_of_the_cpu_is_the_default() -> None:
    """On a CPU with AVX2 or AVX-512 it is used without being asked for."""
    assert f"'{here()[-1]}'" in run("").stdout.decode()
