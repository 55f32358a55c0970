"""What is installed with headrig, and what its verbs build: floors above known holes, and one build for tests and users."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FIXED = {
    "aiohttp": ["3.12.14", "3.13.3", "3.14.3", "3.14.4"],
}
"""Releases that fixed a hole which headrig's doors would have: CVE-2025-53643, CVE-2025-692xx, CVE-2026-69243,
CVE-2026-111750 (the parser where there is no wheel)."""


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


FLOORS = dict(re.match(r"([a-z.-]+)>=([0-9.]+)", each).groups() for each in PROJECT["dependencies"])
CONSTRAINTS = dict(re.findall(r"^([A-Za-z0-9._-]+)==([0-9.]+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))


def make(*arguments: str) -> str:
    """What make would do, if nothing were there."""
    done = subprocess.run(
        ["make", "-n", "-B", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    return done.stdout


def test_every_package_has_a_floor():
    """
    Each package that headrig needs says from which release on.
    """
    assert len(PROJECT["dependencies"]) == len(FLOORS)


def test_no_release_with_a_known_hole():
    """
    No floor lies below a release that fixed a hole.
    """
    holes = {
        name: fixed for name, releases in FIXED.items() for fixed in releases if number(FLOORS[name]) < number(fixed)
    }

    assert {} == holes


@pytest.mark.parametrize("name", FLOORS)
def test_what_is_tested_is_allowed(name):
    """
    The release that the tests were passed with, which the image installs too, is not below the floor.
    """
    tested = CONSTRAINTS.get(name) or CONSTRAINTS[name.replace("-", "_")]

    assert number(FLOORS[name]) <= number(tested)
    assert "--constraint /tmp/constraints.txt /tmp/wheels" in (ROOT / "docker/Dockerfile").read_text()


def test_a_run_is_built_apart():
    """
    `make run` shows its progress and builds by a profile, into a folder and for an environment of its own.
    """
    done = make("run")
    build = next(line for line in done.splitlines() if "maturin build" in line)

    assert ".venv-run/bin/maturin build --profile quick --target-dir target/run --out target/run/wheels" in build
    assert "--quiet" not in build
    assert " .venv/" not in done


@pytest.mark.parametrize("verb", ["test", "check", "bench-pipeline"])
def test_what_is_tested_is_what_is_shipped(verb):
    """
    What is tested and measured is the release, and nothing of what `make run` has built.
    """
    done = make(verb)
    build = next(line for line in done.splitlines() if "maturin build" in line)

    assert [".venv/bin/maturin build --out target/wheels"] == [build.partition("PYO3")[0].strip()]
    assert "target/run" not in done
    assert ".venv-run" not in done


def test_each_interpreter_has_its_own_environment():
    """
    With another interpreter the tests run in another environment; the wheel is the same, and built once.
    """
    done = make("test", "PYTHON=python3.13")

    assert ".venv-python3.13/bin/python -m pip" in done
    assert ".venv-python3.13/bin/pytest" in done
    assert " target/wheels/" in done
    assert " .venv/" not in done
    assert ".venv-python3.13-run" in make("run", "PYTHON=/usr/bin/python3.13")


def test_clean_removes_it_all():
    """
    `make clean` leaves no environment, whichever interpreter it was of, and nothing built.
    """
    removed = make("clean").split("\n")[0].split()

    assert {".venv", ".venv-*", "target", "dist"} <= set(removed)
