"""
Where bounds live: in `limits.*` of their side, or, explained, in the one room whose algorithm's or protocol's constant
they are. None stands on both sides.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from headrig import engine

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / "python/headrig"
RUST = [ROOT / "rust" / crate / "src" for crate in ("core", "handler", "py")]
BOUND = re.compile(r"_?[A-Z][A-Z0-9_]*_(MAX|MIN|BYTES|SECONDS)(_[A-Z]+)?")
BINDING = "rust/py/src/lib.rs"
"""Gives the core's bounds to Python under their own names; it has none."""


class Bound(NamedTuple):
    """One constant that bounds something."""

    path: Path
    room: str
    """The folder or file directly below the source that it is in."""
    name: str
    explained: bool


def room(path: Path, source: Path) -> str:
    return path.relative_to(source).parts[0]


def python_bounds() -> Iterator[Bound]:
    """Numbers with a bound's name at the top of a module, `limits.py` included."""
    for path in sorted(PYTHON.rglob("*.py")):
        text = path.read_text()
        lines, body = text.splitlines(), ast.parse(text).body
        for node, after in zip(body, [*body[1:], None], strict=True):
            if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
                continue
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            named = isinstance(target, ast.Name) and BOUND.fullmatch(target.id)
            if named and isinstance(node.value, ast.Constant | ast.BinOp):
                documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                above = lines[node.lineno - 2].startswith("#")
                yield Bound(path, room(path, PYTHON), ast.unparse(target), documented or above)


def rust_bounds() -> Iterator[Bound]:
    """Numbers with a bound's name, tests left out."""
    for source in RUST:
        for path in sorted(source.rglob("*.rs")):
            if path.name.endswith("tests.rs") or str(path.relative_to(ROOT)) == BINDING:
                continue
            lines = path.read_text().split("#[cfg(test)]")[0].splitlines()
            for above, line in zip(["", *lines], lines, strict=False):
                found = re.match(r"\s*(?:pub(?:\([a-z]+\))? )?const (\w+): (?:[uif]\d+|[ui]size|Duration) =", line)
                if found and BOUND.fullmatch(found[1]):
                    yield Bound(path, room(path, source), found[1], above.strip().startswith("///") or "// " in line)


def outside(bounds: list[Bound]) -> list[Bound]:
    return [bound for bound in bounds if bound.path.stem != "limits"]


def shown(bound: Bound) -> str:
    return f"{bound.path.relative_to(ROOT)}: {bound.name}"


def test_bounds_are_found():
    """
    The readers see the bounds of both sides, in `limits.*` and beside an algorithm.
    """
    names = {bound.name for bound in (*python_bounds(), *rust_bounds())}

    assert {
        "SECRET_BYTES_MAX",
        "SECTION_CHARACTERS_MAX",
        "LINE_BYTES_MAX",
        "BUFFER_BYTES_MAX",
        "SEGMENT_BYTES",
    } <= names
    assert len(names) > 100


def test_bounds_are_explained():
    """
    Every bound has its reason beside it, wherever it lives.
    """
    bounds = [*python_bounds(), *rust_bounds()]
    plain_units = re.compile("[KMG]IB")

    assert [] == [shown(bound) for bound in bounds if not bound.explained and not plain_units.fullmatch(bound.name)]


def test_python_bounds_of_one_room():
    """
    Outside `limits.py` no module imports a bound from another room.
    """
    found = []
    for path in sorted(PYTHON.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("headrig."):
                _, home, *_ = (node.module or "").split(".")
                own = home in (room(path, PYTHON), room(path, PYTHON).removesuffix(".py"), "limits", "engine", "_core")
                found += [
                    f"{path.relative_to(ROOT)}: {alias.name}"
                    for alias in node.names
                    if not own and BOUND.fullmatch(alias.name)
                ]

    assert [] == found


def test_rust_bounds_of_one_room():
    """
    Outside `limits.rs` a bound is used in its own room alone, or in the kernels, which work for another one.
    """
    bounds = outside(list(rust_bounds()))
    found = []
    for source in RUST:
        for path in sorted(source.rglob("*.rs")):
            text = path.read_text()
            imported = set(
                re.findall(r"\b[A-Z][A-Z0-9_]+\b", " ".join(re.findall(r"^\s*use [^;]+;", text, re.MULTILINE)))
            )
            imported |= set(re.findall(r"(?:::)([A-Z][A-Z0-9_]+)\b", text))
            declared = {
                bound.name for bound in bounds if source in bound.path.parents and bound.room == room(path, source)
            }
            limits = (
                set(re.findall(r"const (\w+):", (source / "limits.rs").read_text()))
                if (source / "limits.rs").exists()
                else set()
            )
            for bound in bounds:
                foreign = source in bound.path.parents and room(path, source) not in (bound.room, "simd")
                if foreign and bound.name in imported - declared - limits:
                    found.append(f"{path.relative_to(ROOT)}: {bound.name}")

    assert [] == found


def test_no_bound_has_two_homes():
    """
    What the core gives to Python has no number of its own there.
    """
    given = {name for name in engine.__all__ if BOUND.fullmatch(name)}

    assert {"PANE_SECONDS", "WINDOW_SECONDS_MAX", "LINE_BYTES_MAX"} <= given
    assert [] == [shown(bound) for bound in python_bounds() if bound.name.lstrip("_") in given]
