"""
The rules of the house that no linter knows. Each test lists every offender, so that one run shows all there is to do.
"""

import ast
import itertools
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from rust_source import functions

from headrig import notifiers, sinks, sources

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python/headrig"
FOLDERS = ("python", "rust", "tests", "benches")

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
HEADER_LINES_MAX = 5
RULES_MIN = 60
EXAMPLES_MIN = 1
COUNTEREXAMPLES_MIN = 2


def files(*suffixes: str, below: tuple[str, ...] = FOLDERS) -> Iterator[Path]:
    """Our source files; never what a tool has built."""
    for folder in below:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and not {"target", "__pycache__", ".venv"} & set(path.parts):
                yield path


def shown(path: Path, *more: object) -> str:
    return ": ".join([str(path.relative_to(ROOT)), *map(str, more)])


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def python_functions(path: Path) -> list[tuple[str, int]]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(n.name, n.end_lineno - n.lineno + 1) for n in ast.walk(tree(path)) if isinstance(n, kinds)]


def imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """Every import as (module, name), relative ones made absolute; name is None for `import module`."""
    package = ["headrig", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((module, alias.name) for alias in node.names)


def header_lines(path: Path) -> int:
    """Lines of the first paragraph of the module's header, 0 when there is none; a picture may follow it."""
    text = path.read_text()
    if path.suffix == ".rs":
        return len(re.match(r"(//! .*\n)*", text)[0].splitlines())
    return len((ast.get_docstring(tree(path)) or "").split("\n\n")[0].splitlines())


def rules() -> list[tuple[Path, dict]]:
    return [
        (path, rule)
        for path in files(".toml", below=("python",))
        for rule in tomllib.loads(path.read_text()).get("rule", [])
    ]


def tags(union: object) -> list[str]:
    """The `type = "…"` of every member of a union of parts."""
    return [member.__struct_config__.tag for member in get_args(union) or (union,)]


UNIONS = {"source": sources.SourceConfig, "sink": sinks.SinkConfig, "notifier": notifiers.NotifierConfig}
PARTS = [(kind, tag) for kind, union in UNIONS.items() for tag in tags(union)]


def test_files_are_short():
    """
    A file has at most 400 lines.
    """
    lengths = [(path, len(path.read_text().splitlines())) for path in files(".py", ".pyi", ".rs", ".toml")]

    assert [] == [shown(path, lines) for path, lines in lengths if lines > FILE_LINES_MAX]


def test_python_functions_are_short():
    """
    A Python function has at most 60 lines.
    """
    found = [(path, *function) for path in files(".py") for function in python_functions(path)]

    assert [] == [shown(*function) for function in found if function[-1] > FUNCTION_LINES_MAX]


def test_rust_functions_are_short():
    """
    A Rust function has at most 60 lines.
    """
    found = [(path, *function) for path in files(".rs") for function in functions(path.read_text())]

    assert [] == [shown(*function) for function in found if function[-1] > FUNCTION_LINES_MAX]


def test_rust_reader():
    """
    The Rust reader is not fooled by braces in literals, comments or array types, nor by lifetimes.
    """
    source = """
    trait Part { fn declared(&self, four: [u8; 4]); }
    fn short<'a>(text: &'a str) -> [u8; 2] { b"{{" ; '{'; r#"{"{"#; text.len() } // {
    fn three(
    ) { /* } */
        if '\\'' == '}' { "\\"}" } }
    """

    assert [("short", 1), ("three", 3)] == functions(source)


def test_headers():
    """
    Every module says in at most five lines what lives in it.
    """
    headers = [(path, header_lines(path)) for path in files(".py", ".rs")]

    assert [] == [shown(path, lines) for path, lines in headers if not 1 <= lines <= HEADER_LINES_MAX]


def test_data_has_headers():
    """
    Every file of rules opens with a comment that says what is in it.
    """
    assert [] == [shown(path) for path in files(".toml", below=("python",)) if not path.read_text().startswith("# ")]


def test_names_say_something():
    """
    No file is a drawer: what it holds has a name.
    """
    drawers = {"util", "utils", "helper", "helpers", "manager", "managers", "misc", "common", "stuff"}

    assert [] == [shown(path) for path in files(".py", ".rs") if drawers & set(re.split(r"[_.]", path.name))]


def test_one_name_one_class():
    """
    No two classes of the Python package have the same name, a leading underscore aside; `Lines` is a class of the core and
    the protocol that stands for it.
    """
    names = Counter(
        node.name.removeprefix("_")
        for path in files(".py", below=("python",))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    )

    assert [] == [name for name, times in names.items() if times > 1]


def test_nothing_is_left_for_later():
    """
    Sources carry no notes of unfinished work.
    """
    note = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b|\b(to[d]o|unimplemente[d])!")

    assert [] == [shown(path) for path in files(".py", ".pyi", ".rs", ".toml") if note.search(path.read_text())]


def test_core_has_one_door():
    """
    Only engine.py imports the compiled core, and always by name.
    """
    found = {
        shown(path, module, name)
        for path in files(".py", below=("python",))
        for module, name in imports(path)
        if (module == "headrig._core" and (path.name != "engine.py" or name is None))
        or module.startswith("headrig._core.")
        or (module, name) == ("headrig", "_core")
    }

    assert set() == found


def test_core_is_used():
    """
    The door is open: engine.py does import the core, so the test above looks at the right file.
    """
    assert "headrig._core" in {module for module, _ in imports(PACKAGE / "engine.py")}


def test_package_root_is_the_roof():
    """
    No module imports the package root: it is the public face, and imports from below.
    """
    found = [
        shown(path, module, name)
        for path in files(".py", below=("python",))
        for module, name in imports(path)
        if module == "headrig"
        and (name is None or not ((PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()))
    ]

    assert [] == found


def test_there_are_enough_rules():
    """
    The built-in pack knows at least sixty credential formats, each under its own name.
    """
    names = Counter(rule["name"] for _, rule in rules())

    assert [] == [name for name, times in names.items() if times > 1]
    assert len(names) >= RULES_MIN


def test_rules_carry_their_proof():
    """
    Every rule shows what it masks and at least two things near it that it must leave alone.
    """
    unproven = [
        shown(path, rule["name"])
        for path, rule in rules()
        if len(rule.get("examples", [])) < EXAMPLES_MIN
        or len(set(rule.get("counterexamples", []))) < COUNTEREXAMPLES_MIN
    ]

    assert [] == unproven


def test_rule_names_read_well():
    """
    A rule's name is lower-case words, so that it reads well in `[REDACTED:name]` and as a label.
    """
    assert [] == [rule["name"] for _, rule in rules() if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", rule["name"])]


@pytest.mark.parametrize(("kind", "tag"), PARTS)
def test_parts_are_tested(kind, tag):
    """
    Every source, sink and notifier has a test file that bears its name.
    """
    named = [
        path.name
        for path in files(".py", below=("tests",))
        if re.fullmatch(rf"test_.*{kind}s?_.*{tag}.*\.py", path.name)
    ]

    assert named, f"no tests/test_{kind}s_{tag}.py"


@pytest.mark.parametrize(("kind", "tag"), PARTS)
def test_parts_are_documented(kind, tag):
    """
    Every source, sink and notifier has a row in the README.
    """
    table = (ROOT / "README.md").read_text().split(f"### {kind.capitalize()}s", 1)[1].split("\n#", 1)[0]

    assert re.search(rf"^\| `{tag}` +\|", table, re.MULTILINE), f"no row for the {kind} {tag}"


def test_python_bounds_are_explained():
    """
    Every bound in limits.py has a comment above it or a docstring below it; a plain unit needs none.
    """
    path = PACKAGE / "limits.py"
    lines = path.read_text().splitlines()
    body = tree(path).body
    bare = []
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign | ast.AnnAssign) and not re.match(r"[KMG]IB\b", lines[node.lineno - 1]):
            documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if not documented and not lines[node.lineno - 2].startswith("#"):
                bare.append(lines[node.lineno - 1])

    assert [] == bare


def test_rust_bounds_are_explained():
    """
    Every bound in limits.rs has a doc comment above it.
    """
    lines = (ROOT / "rust/core/src/limits.rs").read_text().splitlines()

    assert [] == [
        line
        for above, line in itertools.pairwise(lines)
        if line.startswith("pub const") and not above.startswith("///")
    ]
