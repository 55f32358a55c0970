"""The contract of components: one file and one line are enough for a new source, sink or notifier."""

import json
import shutil
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from headrig_process import Run, headrig
from running import free_port, until

import headrig as package
from headrig.component import Claim, ComponentConfig
from headrig.config.conflicts import conflicts
from headrig.net.url import address

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
        yield Claim("route", "/toys/{name}", "line")
    def problems(self, at):
        if not self.line:
            raise AssertionError(at)
        yield from ()
    def feeding(self, where, status, *, guarded):
        return f"put a toy into {where} and look at {status}"
    def routes(self, opened):
        from headrig.net.router import Route
        return {("GET", "/toys/{name}"): Route(opened.answer)}
    @asynccontextmanager
    async def open(self, context):
        yield ToySource(self.line.encode() + b"\\n", f"the box of {context.name}")

class ToySource:
    endless = True
    def __init__(self, line, where):
        self.line, self.where = line, where
    async def answer(self, request):
        from aiohttp import web
        return web.Response(body=self.line)
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
[http]
listen = "127.0.0.1:0"
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
    settings.write_text(TABLES.replace('[http]\nlisten = "127.0.0.1:0"\n', ""))
    nowhere = headrig("validate", cwd=tmp_path, PYTHONPATH=toys)

    assert (0, b"") == (right.returncode, right.stderr)
    assert b"headrig.toml: ok (1 source, 1 sink, " in right.stdout
    assert b", 1 notifier)" in right.stdout
    assert [
        "headrig.toml:15: sources.u.line: missing; add line = …",
        "headrig.toml:9: sinks.t.shelve: unknown key; did you mean shelf?",
        "headrig.toml:7: sinks.t.shelf: missing; add shelf = …",
        "headrig.toml:14: sinks.u.type: unknown type; did you mean toy?",
    ] == wrong.stderr.decode().splitlines()
    assert ["headrig.toml:9: sinks.t.shelf: ./toy.box is already taken by sources.t; give each its own"] == (
        taken.stderr.decode().splitlines()
    )
    assert b"sources.t: there is nothing to mount it on; set http.listen" in nowhere.stderr


class Claiming(ComponentConfig, frozen=True, kw_only=True, tag="claiming"):
    """Settings that say what they take."""

    claim: Claim

    def claims(self) -> Iterator[Claim]:
        yield self.claim


@pytest.mark.parametrize(
    ("kind", "one", "other", "conflict"),
    [
        ("tcp", "127.0.0.1:80", "127.0.0.1:80", True),
        ("tcp", "127.0.0.1:80", "127.0.0.1:81", False),
        ("tcp", "127.0.0.1:0", "127.0.0.1:0", False),
        ("tcp", "localhost:80", "127.0.0.1:80", True),
        ("udp", "[::1]:80", "localhost:80", True),
        ("tcp", "[::1]:80", address("http://localhost:80/in"), True),
        ("tcp", "localhost:80", "127.0.0.2:80", False),
        ("udp", "0.0.0.0:80", "127.0.0.2:80", True),
        ("tcp", "no address", "no address", False),
        ("file", "a/../b", "./b", True),
        ("file", "a", "b", False),
        ("file", "a\0", "b", False),
        ("route", "/a/{b}", "/a/{c}", True),
        ("route", "/a/{b}", "/a/{c...}", False),
        ("route", "/a/{b...}", "/a/{c...}", True),
        ("route", "/a/b", "/a/{c}", False),
        ("stdin", "stdin", "stdin", True),
    ],
)
def test_conflicts_come_from_claims(kind, one, other, conflict):
    """
    Two components are in each other's way when their claims mean the same, however that is written, and only then; to send
    where nobody takes is none.
    """
    status = Claiming(claim=Claim("tcp", "127.0.0.1:9", "listen"))
    first, second = (Claiming(claim=Claim(kind, name, "key")) for name in (one, other))
    sending = Claiming(claim=Claim(kind, other, "to", sends=True))
    taken = [str(error) for error in conflicts({"http": status, "sources.a": first, "sinks.b": second})]
    fed = [str(error) for error in conflicts({"http": status, "sinks.b": sending, "sources.a": first})]

    assert conflict == any("sinks.b.key: " in error and "is already taken by sources.a" in error for error in taken)
    assert conflict == any("sinks.b.to: leads back to sources.a" in error for error in fed)
    assert conflict == bool(taken) == bool(fed)


@pytest.mark.parametrize(("one", "other"), [("file", "unix"), ("unix", "file")])
def test_files_and_socket_files_conflict(one, other):
    """
    A file and a socket file have one name space; TCP and UDP have two.
    """
    paths = {kind: Claiming(claim=Claim(kind, "data/x", "path")) for kind in (one, other)}
    ports = {kind: Claiming(claim=Claim(kind, "127.0.0.1:80", "listen")) for kind in ("tcp", "udp")}

    assert [f"{other}.path"] == [error.path for error in conflicts(paths)]
    assert [] == list(conflicts(ports))


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
        served = page("/toys/bear")
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
    assert '{"n":1}\n' == served
    assert "the box of toy" == ready["sources"]["toy"]
