"""The contract of components: one file and one line are enough for a new source, sink or notifier."""

import json
import shutil
import signal
import urllib.request
from pathlib import Path

import pytest
from headrig_process import Run, headrig
from running import free_port, until

import headrig as package

SOURCE = '''
"""A source that hands on the line it was given."""
from contextlib import asynccontextmanager
from typing import ClassVar
from headrig.component import Claim, SourceComponentConfig, Variable

class ToyConfig(SourceComponentConfig, frozen=True, kw_only=True, tag="toy"):
    """Take one line."""
    line: str
    box: str = "toy.box"
    env: ClassVar = {"TOY_LINE": Variable("line", needed=True)}
    where = "a box"
    def claims(self):
        yield Claim("file", self.box, "box")
    def problems(self, at):
        if not self.line:
            raise AssertionError(at)
        yield from ()
    def feeding(self, where, status):
        return f"put a toy into {where} and look at {status}"
    @asynccontextmanager
    async def open(self, context):
        yield ToySource(self.line.encode() + b"\\n", f"the box of {context.name}")

class ToySource:
    endless = True
    def __init__(self, line, where):
        self.line, self.where = line, where
    async def read(self, intake):
        intake.received_bytes(len(self.line))
        intake.add(self.line, 1)
        await intake.stopping.wait()
    def tune(self, limits):
        pass
'''
SINK = '''
"""A sink that puts lines into a file, whole."""
from contextlib import asynccontextmanager
from typing import ClassVar
from headrig.component import Claim, SinkComponentConfig, Variable

class ToyConfig(SinkComponentConfig, frozen=True, kw_only=True, tag="toy"):
    """Keep lines."""
    shelf: str
    env: ClassVar = {
        "TOY_SHELF": Variable("shelf", needed=True),
        "TOY_PATIENCE": Variable("flush_seconds", "milliseconds"),
    }
    @property
    def where(self):
        return f"the shelf {self.shelf}"
    def claims(self):
        yield Claim("file", self.shelf, "shelf")
    @asynccontextmanager
    async def open(self, context):
        with open(self.shelf, "ab", buffering=0) as file:
            yield ToySink(file)

class ToySink:
    accepted_bytes = 0
    def __init__(self, file):
        self.file = file
    async def write(self, batches):
        self.file.write(b"".join(map(memoryview, batches)))
    async def flush(self):
        pass
'''
NOTIFIER = '''
"""A notifier that nobody hears."""
from contextlib import asynccontextmanager
from typing import ClassVar
from headrig.component import ComponentConfig, Variable

class ToyConfig(ComponentConfig, frozen=True, kw_only=True, tag="toy"):
    """Ring."""
    tone: str
    env: ClassVar = {"TOY_TONE": Variable("tone", needed=True)}
    where = "a little bell"
    @asynccontextmanager
    async def open(self, context):
        yield self
    async def notify(self, notice):
        pass
'''
TOYS = {"sources": ("SourceConfig", SOURCE), "sinks": ("SinkConfig", SINK), "notifiers": ("NotifierConfig", NOTIFIER)}
TABLES = """
[sources.t]
type = "toy"
line = "{}"
[sinks.t]
type = "toy"
shelf = "toys"
[notifiers.t]
type = "toy"
tone = "c"
"""


@pytest.fixture(scope="module")
def toys(tmp_path_factory) -> str:
    """A copy of the package with one file and one line more for each kind of component."""
    copy = tmp_path_factory.mktemp("with_toys") / "headrig"
    shutil.copytree(Path(package.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for folder, (union, toy) in TOYS.items():
        (copy / folder / "toy.py").write_text(toy)
        with (copy / folder / "__init__.py").open("a") as registry:
            registry.write(f"from headrig.{folder}.toy import ToyConfig; {union} |= ToyConfig\n")
    return str(copy.parent)


def test_validate_knows_them(toys, tmp_path):
    """
    `validate` takes what is right, names what is wrong in them, their claims included, and suggests their types.
    """
    settings = tmp_path / "headrig.toml"
    settings.write_text(TABLES)
    right = headrig("validate", cwd=tmp_path, PYTHONPATH=toys)
    settings.write_text(TABLES.replace("shelf =", "shelve =") + '[sinks.u]\ntype = "tor"\n[sources.u]\ntype = "toy"\n')
    wrong = headrig("validate", cwd=tmp_path, PYTHONPATH=toys)
    settings.write_text(TABLES.replace('"toys"', '"./toy.box"'))
    taken = headrig("validate", cwd=tmp_path, PYTHONPATH=toys)

    assert (0, b"") == (right.returncode, right.stderr)
    assert b"headrig.toml: ok (1 source, 1 sink, " in right.stdout
    assert b", 1 notifier)" in right.stdout
    assert [
        "headrig.toml:13: sources.u.line: missing; add line = …",
        "headrig.toml:7: sinks.t.shelve: unknown key; did you mean shelf?",
        "headrig.toml:5: sinks.t.shelf: missing; add shelf = …",
        "headrig.toml:12: sinks.u.type: unknown type; did you mean toy?",
    ] == wrong.stderr.decode().splitlines()
    assert ["headrig.toml:7: sinks.t.shelf: ./toy.box is already taken by sources.t; give each its own"] == (
        taken.stderr.decode().splitlines()
    )


def test_variables_make_them(toys, tmp_path):
    """
    Their variables make them, are refused when they cannot be used, and are warned of where a file takes their place.
    """
    few = {"TOY_LINE": "{}", "TOY_SHELF": "toys", "TOY_TONE": "c", "TOY_PATIENCE": "soon"}
    wrong = headrig("validate", cwd=tmp_path, PYTHONPATH=toys, **few)
    (tmp_path / "headrig.toml").write_text(TABLES)
    beside = headrig("validate", cwd=tmp_path, PYTHONPATH=toys, **few)

    assert ["environment: TOY_PATIENCE: not milliseconds; set a whole number, or unset it"] == (
        wrong.stderr.decode().splitlines()
    )
    assert b"headrig.toml: TOY_LINE, TOY_SHELF, TOY_PATIENCE, TOY_TONE: without effect" in beside.stdout


def test_run_has_them(toys, tmp_path):
    """
    Made by variables alone, they run: lines flow, a person is told where, and the ledger, `/metrics` and `/health` have them.
    """
    port = free_port()
    more = {"TOY_LINE": '{"n":1}', "TOY_SHELF": "toys", "TOY_TONE": "c", "PORT": str(port), "PYTHONPATH": toys}

    def page(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.read().decode()

    with Run(cwd=tmp_path, **more) as run:
        until(lambda: (tmp_path / "toys").read_bytes() == b'{"n":1}\n')
        metrics, health, ready = page("/metrics"), json.loads(page("/health")), json.loads(page("/ready"))
        run.signal(signal.SIGTERM)
        code = run.end()

    assert 0 == code
    assert {
        "  reads   the box of toy",
        f"          put a toy into the box of toy and look at http://127.0.0.1:{port}",
        "  writes  the shelf toys",
        "  alerts  4 thresholds, told to console (standard error), toy (a little bell)",
    } <= set(run.said)
    assert {
        'component_received_events_total{component_id="toy",component_kind="source",component_type="toy"} 1.0',
        'component_sent_events_total{component_id="toy",component_kind="sink",component_type="toy"} 1.0',
        'headrig_lines_received_total{component_id="toy"} 1.0',
        'headrig_lines_delivered_total{component_id="toy"} 1.0',
        'headrig_notices_accepted_total{component_id="toy"} 0.0',
        "headrig_ledger_imbalance 0.0",
    } <= set(metrics.splitlines())
    assert {"sources.toy": "ok", "sinks.toy": "ok", "notifiers.toy": "ok"}.items() <= {
        name: each["status"] for name, each in health["components"].items()
    }.items()
    assert "the box of toy" == ready["sources"]["toy"]
