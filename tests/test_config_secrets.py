"""No error repeats what a setting was given: a secret may have been written into any place, the wrong one included."""

from __future__ import annotations

import itertools
import json
import logging
import re
import signal
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from headrig_process import Run, headrig

import headrig as package
from headrig import config
from headrig.alerts.threshold import Threshold
from headrig.config.channels import CHANNELS
from headrig.config.spec import (
    FieldTable,
    LaneTable,
    MetricTable,
    RedactTable,
    RuleTable,
    TokenTable,
    WindowsTable,
)
from headrig.config.variables import variables
from headrig.errors import HeadrigError
from headrig.limits import Limits
from headrig.net.sockets import TlsConfig
from headrig.notifiers import NotifierConfig
from headrig.sinks import SinkConfig
from headrig.sources import SourceConfig
from headrig.web import HttpServerConfig

MARKER = "fAkE-5ecret"
NUMBER = 80866421157330
WRONG = {
    "text": MARKER,
    "broken": f"({MARKER}' \"{MARKER}",
    "reference": f"${{NO PE:-{MARKER}}}",
    "array": [MARKER, [MARKER]],
    "table": {"x": MARKER, "type": MARKER},
    "number": NUMBER,
}
"""By kind: at most one of them is what a key takes."""

BY_DESIGN = {"path", "listen", "data_dir", "rule_files", "name", "metric"}
"""Names, files and addresses are shown at every start. A text is no wrong type for them."""

GOOD = {
    "tcp": {"listen": "127.0.0.1:0"},
    "udp": {"listen": "127.0.0.1:0"},
    "unix": {"path": "in.sock"},
    "file": {"path": "app.log"},
    "http": {"endpoint": "https://a.example/in"},
    "forward": {"to": "https://a.example"},
    "slack": {"url": "https://a.example/hook"},
}
RULE = {"name": "own", "anchors": ["abcd"], "pattern": "abcd[0-9]+"}
METRIC = {"kind": "gauge", "value": "size", "labels": {"a": "b"}}
THRESHOLD = {
    "metric": "error.rate",
    "operator": "gt",
    "value": 5,
    "window_seconds": 60,
    "severity": "high",
    "category": "error",
    "title": "a",
    "message": "b",
}
TABLES: dict[str, tuple[type[msgspec.Struct], dict[str, Any]]] = {
    "http": (HttpServerConfig, {}),
    "http.tls": (TlsConfig, {"cert_file": "a", "key_file": "b"}),
    "limits": (Limits, {}),
    "windows": (WindowsTable, {}),
    "fields.duration": (FieldTable, {"path": "took"}),
    "sources.in": (LaneTable, {"type": "stdin"}),
    "redact": (RedactTable, {}),
    "redact.token": (TokenTable, {}),
    "redact.rules.0": (RuleTable, RULE),
    "metrics.own": (MetricTable, METRIC),
    "thresholds.own": (Threshold, THRESHOLD),
}


def parts() -> Iterator[tuple[str, type[msgspec.Struct], dict[str, Any]]]:
    """Each part: its place, its struct, and a table that is right."""
    for kind, union in (("sources", SourceConfig), ("sinks", SinkConfig), ("notifiers", NotifierConfig)):
        for member in get_args(union):
            tag = str(member.__struct_config__.tag)
            good = {} if (kind, tag) == ("sources", "http") else GOOD.get(tag, {})
            yield f"{kind}.{tag}", member, {"type": tag, **good}


@cache
def tables() -> dict[str, tuple[list[str], dict[str, Any]]]:
    """Every table: its place, its keys and one that nobody knows, and how it is right."""
    every = [*((at, *table) for at, table in TABLES.items()), *parts()]
    return {
        at: (
            [*struct.__struct_encode_fields__, *(f"{key}_file" for key in secret_keys(struct)), "unknown_key", "type"],
            good,
        )
        for at, struct, good in every
    }


def secret_keys(struct: type[msgspec.Struct]) -> list[str]:
    """Fields that may stand in a file of their own."""
    return [field.name for field in msgspec.structs.fields(struct) if "'secret': True" in str(field.type)]


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """
    What is wrong, and settings that are right but for it. A text may be right where it stands and wrong by what it says,
    so each stands alone; what is of a wrong type stands in all keys of a table at once.
    """
    for at, (keys, _) in tables().items():
        for key in keys:
            kinds = () if key in BY_DESIGN else ("text", "broken")
            yield from ((f"{at}.{key} {kind}", document(at, {key: WRONG[kind]})) for kind in kinds)
        for kind in ("array", "table", "number", "reference"):
            yield f"{at} {kind}", document(at, {key: WRONG[kind] for key in keys if key != "type"})
    places = [*tables(), "sources", "sinks", "notifiers", "metrics", "thresholds", "data_dir", "fields", "nonsense"]
    for place, kind in itertools.product(places, WRONG):
        if (place, kind) != ("data_dir", "text"):
            yield f"{place} {kind}", document(place, WRONG[kind])


def document(place: str, wrong: Any) -> dict[str, Any]:
    """Settings with something wrong at one place: in some keys of a table, or in place of it."""
    made: dict[str, Any] = {"sources": {"in": {"type": "stdin"}}, "sinks": {"out": {"type": "stdout"}}}
    known = tables().get(place)
    put(
        made,
        place,
        {**known[1], **wrong} if known and isinstance(wrong, dict) and wrong is not WRONG["table"] else wrong,
    )
    return made


def put(tables: dict[str, Any], place: str, value: Any) -> None:
    here: Any = tables
    *before, last = place.split(".")
    for name in before:
        here = here[int(name)] if isinstance(here, list) else here.setdefault(name, [{}] if name == "rules" else {})
    if isinstance(here, list):
        here[int(last)] = value
    else:
        here[last] = value


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def written(directory: Path, tables: dict[str, Any]) -> str:
    path = directory / "headrig.toml"
    path.write_text("\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in tables.items()) + "\n")
    return str(path)


def said(path: str, environ: dict[str, str] | None = None) -> str:
    """All that reading the settings says, also what nobody prints."""
    loaded, errors = config.read(path, environ or {})
    about = [repr(loaded), *(loaded.warnings if loaded else ())]
    return "\n".join([*about, *map(str, errors), *map(repr, errors)])


def shows(text: str) -> bool:
    """Where a number belongs, one that does not do is shown."""
    rest = re.sub(rf"expected a (whole )?(number|size|duration)[^,]*, got {NUMBER}|keep_last is {NUMBER}", "", text)
    return MARKER in rest or str(NUMBER) in rest


def by_table() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """The documents by the table that holds what is wrong."""
    found: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for about, made in documents():
        found[about.split(" ")[0].rpartition(".")[0]].append((about, made))
    return found


WRONG_DOCUMENTS = by_table()


@pytest.mark.parametrize("table", sorted(WRONG_DOCUMENTS))
def test_no_value_is_shown(tmp_path, monkeypatch, table):
    """
    Whatever stands at a place of the settings, right or wrong: no error, warning or repr repeats it.
    """
    monkeypatch.chdir(tmp_path)
    texts = {about: said(written(tmp_path, made)) for about, made in WRONG_DOCUMENTS[table]}

    assert {} == {about: text for about, text in texts.items() if shows(text)}


def test_wrong_types_are_refused(tmp_path, monkeypatch):
    """
    The test above looks at errors: an array in every key of a table is one in each.
    """
    monkeypatch.chdir(tmp_path)
    refused = {
        at: config.check(written(tmp_path, document(at, {key: [] for key in keys})), {})
        for at, (keys, _) in tables().items()
    }

    assert [] == [at for at, errors in refused.items() if not errors]


@pytest.mark.parametrize(
    "text",
    [
        f"token = {MARKER}",
        f'token = "{MARKER}',
        f'token = "\\q{MARKER}"',
        f'token = "a" {MARKER}',
        f'token = "a"\ntoken = "{MARKER}"',
        f'[redact]\ntoken = "{MARKER}"\n[redact]\n',
        f'[redact]\ntoken = "{MARKER}"\n[redact.token]\nkeep_last = 1',
        f'token = ["{MARKER}"',
        f'token = {{ a = "{MARKER}"',
        f"= {MARKER}",
        f"{MARKER}",
        f'token = """{MARKER}',
        f"token = 2026-13-45 # {MARKER}",
        f"token = {'9' * 5000}",
        f"token = {'[' * 5000}",
    ],
    ids=lambda text: text[:30],
)
def test_no_line_is_shown(tmp_path, text):
    """
    What is wrong with TOML is told by line and column, in settings and in a file of rules.
    """
    path, rules = tmp_path / "headrig.toml", tmp_path / "rules.toml"
    path.write_text(text)
    rules.write_text(text)
    (tmp_path / "asking").mkdir()
    asking = written(tmp_path / "asking", {**document("redact", {}), "redact": {"rule_files": [str(rules)]}})
    both = [said(str(path)), said(asking)]

    assert [] == [each for each in both if MARKER in each or "9" * 20 in each]
    assert all(re.search("correct the TOML|given twice, first in line [0-9]+; keep one of them", each) for each in both)


VARIABLES = sorted({*variables("run"), *variables("service"), *CHANNELS, "LOG_LEVEL", "LOG_STRUCTURED"} - {"LOG_FILE"})


@pytest.fixture
def alone(monkeypatch):
    """
    None of the variables is set, and nothing is left of what was installed.
    """
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = before, level


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("value", [MARKER, f"{MARKER}\n'", f"https://me:{MARKER}@a.example/{MARKER}"])
def test_no_variable_is_shown(alone, monkeypatch, name, value):
    """
    A variable that cannot be used is named, by both doors, and its value is not.
    """
    monkeypatch.setenv(name, value)
    about = "\n".join(map(str, config.read(None, {name: value})[1]))
    try:
        package.install()
    except (HeadrigError, ValueError, TypeError, OSError) as error:
        about += f"{error} {error!r} {error.__context__!r}"

    assert MARKER not in about


@pytest.mark.parametrize(
    "argument", ["level", "to", "token", "flush_entries_max", "flush_seconds", "nonsense", "structured"]
)
@pytest.mark.parametrize("value", [MARKER, [MARKER], {"a": MARKER}, NUMBER])
def test_no_argument_is_shown(alone, tmp_path, argument, value):
    """
    Nor is an argument of `install()`.
    """
    about = ""
    try:
        package.install(**{"path": tmp_path / "app.log", argument: value})
    except (HeadrigError, ValueError, TypeError, AttributeError, OverflowError) as error:
        about = f"{error} {error!r} {error.__context__!r}"

    assert (False, False) == (MARKER in about, str(NUMBER) in about)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((MARKER,), "headrig: unknown verb; known verbs: run, validate, redact, leaks, rules, verify"),
        (("run", f"--token={MARKER}"), "headrig run: unknown option --token"),
        (("run", "--token", MARKER), "headrig run: unknown option --token"),
        (("run", MARKER), "headrig run: more arguments than it takes"),
        (("redact", f"--stats={MARKER}"), "argument --stats: unknown value; known values: json"),
        (("redact", f"--help={MARKER}"), "argument -h/--help: takes no value"),
    ],
)
def test_no_typed_value_is_shown(arguments, complaint):
    """
    Nor what was typed after an option that there is none of.
    """
    done = headrig(*arguments)

    assert 64 == done.returncode
    assert complaint in done.stderr.decode()
    assert MARKER not in done.stderr.decode()


def test_no_value_is_shown_by_a_run(tmp_path):
    """
    Nor do the verbs show one: neither those that refuse the settings, nor a run with secrets where they belong.
    """
    wrong = written(tmp_path, {**document("redact", {"token": MARKER}), "notifiers": {"x": MARKER}, "limits": [MARKER]})
    refused = [headrig(*verb, wrong) for verb in (("validate",), ("run", "-c"), ("redact", "-c"))]
    secret = MARKER * 4
    right = {
        "sources": {
            "in": {"type": "tcp", "listen": "127.0.0.1:0"},
            "web": {"type": "http", "listen": "127.0.0.1:0", "token": secret},
        },
        "sinks": {
            "out": {"type": "file", "path": str(tmp_path / "out.log")},
            "http": {"type": "http", "endpoint": f"http://127.0.0.1:1/{secret}", "auth_header": secret},
            "far": {"type": "forward", "to": "http://127.0.0.1:1", "token": secret},
        },
        "notifiers": {"slack": {"type": "slack", "url": f"http://127.0.0.1:1/{secret}"}},
        "redact": {"token": {"hmac_key": secret}},
        "limits": {"drain_seconds": 0.2},
    }
    with Run("-c", written(tmp_path, right), cwd=tmp_path, LOG_LEVEL="debug") as run:
        run.send(b'{"a":1}\n')
        run.signal(signal.SIGTERM)
        run.end()

    assert [78, 78, 78] == [each.returncode for each in refused]
    assert "" == "".join(line for line in [*run.said, *(each.stderr.decode() for each in refused)] if MARKER in line)


@pytest.mark.parametrize(
    "struct", [struct for _, struct, _ in parts()] + [TokenTable], ids=lambda struct: struct.__name__
)
def test_no_secret_is_in_a_repr(struct):
    """
    Settings with a secret show none of it when a tool prints them.
    """
    keys = set(struct.__struct_fields__)
    secrets = secret_keys(struct) + ["endpoint"] * ("endpoint" in keys)
    good = {key: MARKER for key in struct.__struct_fields__ if key in secrets}
    required = {field.name: MARKER for field in msgspec.structs.fields(struct) if field.required}

    assert not secrets or MARKER not in repr(struct(**required, **{k: v for k, v in good.items() if k not in required}))
