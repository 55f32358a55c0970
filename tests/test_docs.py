"""
The documents are true: configurations are validated, queries parsed, examples run, names looked up.
"""

import ast
import doctest
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from headrig import errors

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
DOCUMENTS = {"README.md": README, "ARCHITECTURE.md": ARCHITECTURE, "CONTRIBUTING.md": CONTRIBUTING}

CODE_MAP_WORDS_MAX = 12

PROGRAMS = Path(sys.executable).parent
ENVIRONMENT = {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def section(text: str, heading: str) -> str:
    """What stands under one heading, up to the next of any depth."""
    return re.split(rf"^#+ {re.escape(heading)}$", text, maxsplit=1, flags=re.MULTILINE)[1].split("\n#", 1)[0]


def first_column(text: str) -> list[str]:
    """The code in the first cell of each table row."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


def run(*command: str, cwd: Path, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False, **more)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def smallest_config() -> str:
    return blocks(README, "toml")[0]


@pytest.mark.parametrize("more", ["", *blocks(README, "toml")[1:]])
def test_configurations_are_valid(more, tmp_path):
    """
    `headrig validate` has nothing against the README's smallest configuration, nor against its additions to it.
    """
    (tmp_path / "headrig.toml").write_text(smallest_config() + more)

    done = run("headrig", "validate", "headrig.toml", cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stderr)


def test_rule_is_valid(tmp_path):
    """
    The example of a rule in CONTRIBUTING.md passes as a rule file, its own examples included.
    """
    (rule,) = blocks(CONTRIBUTING, "toml")
    (tmp_path / "rules.toml").write_text(rule)
    (tmp_path / "headrig.toml").write_text(smallest_config() + '[redact]\nrule_files = ["rules.toml"]\n')

    done = run("headrig", "validate", "headrig.toml", cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stderr)


def test_queries_parse(tmp_path):
    """
    Prometheus accepts every query of the README.
    """
    queries = blocks(README, "promql")
    rules = [{"record": f"readme:{number}", "expr": query.strip()} for number, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "readme", "rules": rules}]}))

    done = run("promtool", "check", "rules", "rules.yml", cwd=tmp_path)

    assert 0 == done.returncode, done.stderr
    assert f"{len(queries)} rules found" in done.stdout


def test_queries_name_our_families():
    """
    The queries ask for families that the README lists.
    """
    ours = {*first_column(section(README, "Metrics")), "process_cpu_seconds_total"}
    asked = {name for query in blocks(README, "promql") for name in re.findall(r"\b(\w+)[\[{]", query)}

    assert set() == {re.sub(r"_seconds_bucket$", "_seconds", name) for name in asked} - ours


@pytest.mark.parametrize("block", blocks(README, "console"))
def test_examples_print_what_they_show(block, tmp_path):
    """
    A console block's commands print the lines below them.
    """
    command, shown = block.removeprefix("$ ").split("\n", 1)

    done = run("bash", "-c", command, cwd=tmp_path)

    assert (0, shown) == (done.returncode, done.stdout)


def test_python_examples():
    """
    The README's Python session gives what it shows.
    """
    session = "\n".join(blocks(README, "python"))
    test = doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0)

    assert len(test.examples) > 1
    assert 0 == doctest.DocTestRunner(verbose=False).run(test).failed


def test_service_example(tmp_path):
    """
    The README's service writes the line that it shows; only the time is another.
    """
    program = blocks(section(README, "In a Python service"), "python")[0]
    shown = blocks(section(README, "In a Python service"), "json")[0]
    (tmp_path / "service.py").write_text(program)

    done = run("env", "LOG_FILE=app.log", sys.executable, "service.py", cwd=tmp_path)
    written = (tmp_path / "app.log").read_text()

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert len([line for line in program.splitlines() if line.strip()]) <= 10
    assert timeless(shown) == timeless(written)


def timeless(line: str) -> str:
    return re.sub(r'"timestamp":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', "", line)


MORE_SOURCES = """
[sources.socket]
type = "unix"
path = "data/headrig.sock"

[sources.requests]
type = "http"
"""
FEEDS = blocks(section(README, "Sending lines to it"), "sh")[0].splitlines()
LINES = "".join(f'{{"level":"INFO","message":"line {number}"}}\n' for number in range(1000))


@pytest.mark.parametrize("feed", [line for line in FEEDS if not line.startswith("headrig")])
def test_feeding(feed, tmp_path):
    """
    The smallest configuration, validated, started and fed as the README says, writes the lines to its file.
    """
    ports = {"9600": str(free_port()), "9020": str(free_port())}
    swap = re.compile("|".join(ports))
    config = smallest_config() + MORE_SOURCES
    (tmp_path / "headrig.toml").write_text(swap.sub(lambda port: ports[port[0]], config))
    (tmp_path / "app.log").write_text(LINES)
    validate, start = blocks(section(README, "Configuration"), "sh")[0].splitlines()
    command = shlex.split(start)
    command[0] = str(PROGRAMS / command[0])

    valid = run("bash", "-c", validate, cwd=tmp_path)
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.DEVNULL) as process:
        wait_until_ready(f"http://127.0.0.1:{ports['9600']}/ready", process)
        fed = run("bash", "-c", swap.sub(lambda port: ports[port[0]], feed), cwd=tmp_path)
        process.send_signal(signal.SIGTERM)

    assert (0, 0, 0) == (valid.returncode, fed.returncode, process.returncode)
    assert LINES == (tmp_path / "data/app.log").read_text()


@pytest.mark.parametrize("feed", [line for line in FEEDS if line.startswith("headrig")])
def test_feeding_by_standard_input(feed, tmp_path):
    """
    With a stdin source the run ends with the file, and all of it is written.
    """
    config = smallest_config().replace('type = "tcp"\nlisten = "127.0.0.1:9020"', 'type = "stdin"')
    (tmp_path / "headrig.toml").write_text(config.replace("9600", str(free_port())))
    (tmp_path / "app.log").write_text(LINES)

    done = run("bash", "-c", feed, cwd=tmp_path)

    assert 0 == done.returncode, done.stderr
    assert LINES == (tmp_path / "data/app.log").read_text()


def wait_until_ready(url: str, process: subprocess.Popen) -> None:
    """Ask until the answer is 200; the test's own timeout is the deadline."""
    while process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=60).close()
        except (urllib.error.URLError, ConnectionError):
            os.sched_yield()
        else:
            return
    pytest.fail(f"ended with {process.returncode} before it was ready")


def test_families_are_the_presets():
    """
    The README lists the built-in metric families, all and no others.
    """
    presets = tomllib.loads((ROOT / "python/headrig/rules/metrics.toml").read_text())

    # A name with a dot is asked for by thresholds and never exposed.
    exposed = {metric["name"] for metric in presets["metric"] if "." not in metric["name"]}

    assert exposed == set(first_column(section(README, "Metrics")))


def test_exit_codes_are_listed():
    """
    Every exit code an error can end with has a row.
    """
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", section(README, "Operating it"), re.MULTILINE)}
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}

    assert set() == codes - listed


def test_verbs_exist():
    """
    Every `make` verb a document names is in the Makefile.
    """
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {verb for text in DOCUMENTS.values() for verb in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)}

    assert {"run", "test", "check"} <= named
    assert set() == named - verbs


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    """
    Links between documents have an end.
    """
    targets = [target for target in re.findall(r"\]\(([^)#]+)", DOCUMENTS[name]) if "://" not in target]

    assert [] == [target for target in targets if not (ROOT / target).exists()]


def code_map(text: str) -> dict[str, str]:
    """Each folder (with a slash) and file of the code map, from the root, and what it is said to decide."""
    placed, folder = {}, ""
    part = text.split("\n## Code map\n", 1)[1].split("\n### Layers\n", 1)[0]
    for name, decides in re.findall(r"^\| `([^`]+)` \| (.+) \|$", part, re.MULTILINE):
        folder = name if name.endswith("/") else folder
        path = name if name.endswith("/") else folder + name
        assert path not in placed, f"{path} stands there twice"
        placed[path] = decides
    return placed


def decides_something(path: Path) -> bool:
    """It is more than the docstring of its package."""
    return path.name != "__init__.py" or len(ast.parse(path.read_text()).body) > 1


def must_be_placed() -> set[str]:
    """The modules that need a row."""
    patterns = (
        *("python/headrig/**/*.py", "rust/core/src/**/*.rs", "rust/handler/src/**/*.rs", "rust/py/src/**/*.rs"),
        *("benches/src/**/*.rs", "benches/*.py", "benches/measure/*.py", "tests/[!t]*.py"),
    )
    found = (path for pattern in patterns for path in ROOT.glob(pattern))
    return {str(path.relative_to(ROOT)) for path in found if decides_something(path)}


def unplaced(text: str) -> set[str]:
    """Modules without a row."""
    return must_be_placed() - code_map(text).keys()


def ghosts(text: str) -> set[str]:
    """What has a row, or is named in the text as a Python or Rust file or as a folder, and does not exist."""
    folders = ("python", "rust", "tests", "benches", "docs", "docker")
    below = [path for folder in folders for path in (ROOT / folder, *(ROOT / folder).rglob("*"))]
    known = [f"/{path.relative_to(ROOT)}{'/' * path.is_dir()}" for path in below if path.suffix in ("", ".py", ".rs")]
    named = set(re.findall(r"`([a-z_0-9/]+(?:\.py|\.rs|/))`", text)) | code_map(text).keys()
    return {name for name in named if not any(path.endswith(f"/{name}") for path in known)}


def test_code_map_is_the_code():
    """
    Every module has a row of the code map, and nothing is named that does not exist.
    """
    assert set() == unplaced(ARCHITECTURE)
    assert set() == ghosts(ARCHITECTURE)


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ("| `retry.py` |", "python/headrig/delivery/retry.py"),
        ("| `window/store.rs` |", "rust/core/src/metrics/window/store.rs"),
        ("| `gate.rs` |", "rust/handler/src/gate.rs"),
        ("| `endpoint.py` |", "tests/endpoint.py"),
    ],
)
def test_code_map_omissions_are_found(row, path):
    """
    A module whose row is taken out of the code map is missed.
    """
    rest = "\n".join(line for line in ARCHITECTURE.splitlines() if not line.startswith(row))

    assert {path} == unplaced(rest)


@pytest.mark.parametrize(
    ("before", "planted", "ghost"),
    [
        ("| `retry.py` |", "| `patience.py` | waits |", "python/headrig/delivery/patience.py"),
        ("## Glossary", "It is counted in `delivery/patience.py`.", "delivery/patience.py"),
        ("## Glossary", "Kernels live in `kernels/`.", "kernels/"),
        ("## Glossary", "Held by `tests/test_patience.py`.", "tests/test_patience.py"),
    ],
)
def test_code_map_ghosts_are_found(before, planted, ghost):
    """
    A file or folder that does not exist is found, in the code map and in the text.
    """
    assert ghost in ghosts(ARCHITECTURE.replace(before, f"{planted}\n{before}", 1))


def test_code_map_rows_are_short():
    """
    A row of the code map says in at most twelve words what a file decides.
    """
    words = {
        path: len(re.findall(r"\w[^ ]*", text)) for path, text in code_map(ARCHITECTURE).items() if path[-1] != "/"
    }

    assert {} == {path: count for path, count in words.items() if count > CODE_MAP_WORDS_MAX}


def test_glossary_explains_each_word_once():
    """
    The glossary has each word of the code once.
    """
    words = re.findall(r"^\| (?!word )([a-z ,()]+) \|", section(ARCHITECTURE, "Glossary"), re.MULTILINE)

    assert sorted(set(words)) == sorted(words)
    assert {"line", "event", "batch", "lane", "drop", "drain", "component", "time domain", "reference"} <= set(words)
