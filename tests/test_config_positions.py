"""Where settings stand in their file, and what is said of a file that is no TOML."""

import json
import random
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headrig import config
from headrig.config.positions import Positions

KEYS = st.text(st.sampled_from("ab-_9.#'\"= [é\t\\"), min_size=1, max_size=4)
SCALARS = st.one_of(
    st.integers(-9, 9), st.booleans(), st.text(st.sampled_from("a#\"'\\[]{},=\né "), max_size=6), st.just(0.5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(KEYS, st.one_of(VALUES, st.lists(st.dictionaries(KEYS, VALUES, max_size=3), min_size=1)))


class Writer:
    """A document in any of the forms that TOML has for it, and the line of everything in it."""

    def __init__(self, document: dict[str, Any], chance: random.Random) -> None:
        self.text = ""
        self.lines: dict[str, int] = {}
        self.places = 0
        """Everything that was written; more than there are lines when two paths read the same."""
        self._chance = chance
        self._table(document, "", [])

    def _table(self, table: dict[str, Any], at: str, header: list[str]) -> None:
        below = []
        for key, value in table.items():
            here = f"{at}.{key}" if at else key
            tables = isinstance(value, dict) or (
                isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
            )
            if tables and self._chance.random() < 0.6:
                below.append((key, value, here))
            elif isinstance(value, dict) and value and self._chance.random() < 0.5:
                self._dotted(value, here, [*header, key], [key])
            else:
                self._pair(key, value, here)
        for key, value, here in below:
            named = [*header, key]
            if isinstance(value, dict):
                self._place(here)
                self._write(f"[{self._keys(named)}]{self._comment()}\n")
                self._table(value, here, named)
            else:
                for index, item in enumerate(value):
                    self._place(f"{here}[{index}]")
                    self._write(f"[[{self._keys(named)}]]{self._comment()}\n")
                    self._table(item, f"{here}[{index}]", named)

    def _dotted(self, table: dict[str, Any], at: str, header: list[str], keys: list[str]) -> None:
        """Only leaves: what is below is written in place."""
        for key, value in table.items():
            here = f"{at}.{key}"
            if isinstance(value, dict) and value:
                self._dotted(value, here, [*header, key], [*keys, key])
            else:
                self._place(here)
                self._write(f"{self._keys([*keys, key])} = ")
                self._value(value, here)
                self._write(f"{self._comment()}\n")

    def _pair(self, key: str, value: Any, here: str) -> None:
        self._write(self._chance.choice(["", "\n", "  ", "# [x]\n\n"]))
        self._place(here)
        self._write(f"{self._keys([key])}{self._chance.choice([' = ', '=', '	=	'])}")
        self._value(value, here)
        self._write(f"{self._comment()}\n")

    def _value(self, value: Any, at: str) -> None:
        if isinstance(value, dict):
            self._write("{")
            for index, (key, item) in enumerate(value.items()):
                self._write(", " if index else " ")
                self._place(f"{at}.{key}")
                self._write(f"{self._keys([key])} = ")
                self._value(item, f"{at}.{key}")
            self._write(" }")
        elif isinstance(value, list):
            self._write("[")
            for index, item in enumerate(value):
                self._write(("," if index else "") + self._chance.choice(["", " ", "\n", " # ]\n\n"]))
                self._place(f"{at}[{index}]")
                self._value(item, f"{at}[{index}]")
            self._write(self._chance.choice(["", "\n", ",", ",\n # x\n"]) if value else "")
            self._write("]")
        elif isinstance(value, str):
            self._write(self._string(value))
        else:
            self._write(json.dumps(value))

    def _string(self, value: str) -> str:
        forms = [json.dumps(value)]
        if "\n" not in value and "'" not in value:
            forms.append(f"'{value}'")
        if "'''" not in value:
            forms.append(f"'''\n{value}'''" if not value.endswith("'''") else forms[0])
        escaped = value.replace("\\", "\\\\").replace('"""', '""\\"')
        forms.append(f'"""\n{escaped}"""')
        if value[:1] not in ("\n", " "):
            forms.append(f'"""\\\n  {escaped}"""')
        return self._chance.choice(forms)

    def _keys(self, keys: list[str]) -> str:
        return self._chance.choice([".", " . "]).join(map(self._key, keys))

    def _key(self, key: str) -> str:
        forms = [json.dumps(key)]
        if key.isascii() and key.replace("-", "").replace("_", "").isalnum():
            forms.append(key)
        if "'" not in key:
            forms.append(f"'{key}'")
        return self._chance.choice(forms)

    def _comment(self) -> str:
        return self._chance.choice(["", " # x = [", "  "])

    def _place(self, path: str) -> None:
        self.places += 1
        self.lines[path] = self.text.count("\n") + 1

    def _write(self, text: str) -> None:
        self.text += text


def leaves(value: Any, at: str = "") -> Iterator[str]:
    items = (
        [(f"{at}.{key}" if at else key, item) for key, item in value.items()]
        if isinstance(value, dict)
        else [(f"{at}[{index}]", item) for index, item in enumerate(value)]
        if isinstance(value, list)
        else None
    )
    if items is None:
        yield at
    for path, item in items or ():
        yield from leaves(item, path)


@given(DOCUMENTS, st.randoms(use_true_random=False))
def test_every_leaf_has_its_line(document, chance):
    """
    Whatever form of TOML a value is written in, its line is where its key stands, or in an array where it begins.
    """
    made = Writer(document, chance)
    assume(made.places == len(made.lines))
    positions = Positions(made.text)

    assert document == tomllib.loads(made.text)
    assert made.lines == {path: positions.line(path) for path in made.lines}
    assert set(leaves(document)) - {""} <= set(positions.paths())
    assert {} == positions.repeated


@given(st.text(st.sampled_from("a=[]{}\"'#.,\n \\1"), max_size=30))
def test_any_text(text):
    """
    Of a text that is no TOML, or only half of one, there are some places or none, and no error.
    """
    positions = Positions(text)

    assert all(1 <= positions.line(path) <= text.count("\n") + 1 for path in positions.paths() if path)


SETTINGS = '[sources.in]\ntype = "stdin"\n[sinks.out]\n'


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ('{"sources": {}}', [" this is JSON"]),
        ('[1, {"sources": {}}]', [" this is JSON"]),
        ("# all\nsources:\n  in:\n    type: stdin\n", [" this is YAML"]),
        ("---\nsources: {}\n", [" this is YAML"]),
        ("- a\n- b\n", [" this is YAML"]),
        ("'http': {}\n", [" this is YAML"]),
        ("[http]\nlisten = 1 2\n", ["2:12: expected newline or end of document after a statement; correct the TOML"]),
        (SETTINGS + 'type = "file"\ntype = "stdout"\n', ["5:1: sinks.out.type: given twice, first in line 4; keep one of them"]),
        (SETTINGS + 'type = "stdout"\n[sinks.out]\n', ["5:1: sinks.out: given twice, first in line 3; keep one of them"]),
        (SETTINGS + "type = 1\n[http]\n[sinks]\nout.type = 2\n", ["7:1: sinks.out.type: given twice, first in line 4"]),
        ("http = { listen = 1, listen = 2 }\n", ["1:22: http.listen: given twice, first in line 1"]),
    ],
)  # fmt: skip
def test_no_toml(tmp_path, text, complaints):
    """
    JSON and YAML are named as such, a key that is given twice is named with both places, anything else with its place.
    """
    path = tmp_path / "headrig.toml"
    path.write_text(text)
    said = [str(error).removeprefix(f"{path}:") for error in config.check(str(path), {})]

    assert len(complaints) == len(said)
    assert all(one.startswith(start) for one, start in zip(said, complaints, strict=True))


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        (
            SETTINGS + 'pth = "x"\nrequired = "no"\nflush_seconds = "x"\n',
            [
                "3: sinks.out.type: missing; known types: file, forward, http, stdout",
                "4: sinks.out.pth: unknown key; did you mean path?",
                "5: sinks.out.required: expected true or false, got a string; write true or false, without quotes",
                "6: sinks.out.flush_seconds: expected a duration, got a string; write seconds",
            ],
        ),
        (
            SETTINGS + 'type = "flie"\npath = "app.log"\nmode = 640\n',
            [
                "4: sinks.out.type: unknown type; did you mean file?",
                '6: sinks.out.mode: expected permissions, got a number; write octal digits: "0640"',
            ],
        ),
        (SETTINGS + 'type = "${TYPE}"\n', ["4: sinks.out.type: variable TYPE is not set"]),
        (
            SETTINGS + 'type = "file"\npath = "${LOG}"\nmode = "${MODE}"\n',
            ["5: sinks.out.path: variable LOG is not set", "6: sinks.out.mode: variable MODE is not set"],
        ),
        (
            SETTINGS + 'type = "stdout"\n[http]\nlisten = "${LISTEN}"\ntls = { cert_file = "${A}", key_file = "b" }\n',
            ["6: http.listen: variable LISTEN is not set", "7: http.tls.cert_file: variable A is not set"],
        ),
        (
            SETTINGS + 'type = "stdout"\n[redact]\nkeys = ["${KEY}"]\ntoken.hmac_key = "${HMAC}"\n',
            ["6: redact.keys[0]: variable KEY is not set", "7: redact.token.hmac_key: variable HMAC is not set"],
        ),
    ],
)
def test_every_error_once(tmp_path, text, complaints):
    """
    A table without its type shows its other errors too, and a variable that is not set is all that is said of its value.
    """
    path = tmp_path / "headrig.toml"
    path.write_text(text)
    said = [str(error).removeprefix(f"{path}:") for error in config.check(str(path), {})]

    assert len(complaints) == len(said), said
    assert all(one.startswith(start) for one, start in zip(sorted(said), sorted(complaints), strict=True)), said


def test_lines_of_a_rule_file(tmp_path):
    """
    An error in a file of rules says its line there.
    """
    (tmp_path / "rules.toml").write_text('[[rule]]\nname = "a"\npattern = "abc"\n[[rule]]\nname = "b"\npattern = "("\n')
    path = tmp_path / "headrig.toml"
    path.write_text(SETTINGS + 'type = "stdout"\n[redact]\nrule_files = ["rules.toml"]\n')

    assert [f"{tmp_path}/rules.toml:6: rule.b.pattern: column 1: unclosed group; correct it or remove it"] == [
        str(error) for error in config.check(str(path), {})
    ]
