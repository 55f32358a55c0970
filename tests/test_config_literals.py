"""Paths and addresses are taken as they are written; what a shell or a clock would fill in is refused there."""

import re
from collections.abc import Iterator

import msgspec
import pytest
from test_config_secrets import TABLES, parts

from headrig import config
from headrig.config.decode import Findings, value
from headrig.config.environment import resolve
from headrig.model import FilePath

ENVIRON = {"HOME": "/home/a", "ODD": "/data/$HOME"}
NO_PATHS = {"fields.duration.path", "sources.http.path", "sinks.forward.path"}
"""Keys of that name that are no path of the machine: of a field in an event, of a URL."""
BARE = "a variable without braces stays as it is"
TILDE = "~ stays as it is"
CLOCK = "a date is not filled in"


def leaves() -> Iterator[tuple[str, object, str]]:
    """Every key of the settings that is a path or an address: where it is, its type, and which of the two."""
    yield "data_dir", FilePath, "file"
    structs = [*((at, struct) for at, (struct, _) in TABLES.items()), *((at, struct) for at, struct, _ in parts())]
    for at, struct in structs:
        for field in msgspec.structs.fields(struct):
            form = re.search("'form': '(file|address)'", str(field.type))
            if form:
                yield f"{at}.{field.encode_name}", field.type, form[1]


LEAVES = list(leaves())


def read(kind: object, at: str, text: str) -> tuple[object, list[str]]:
    """What a text of the settings becomes as a value of this kind, and what is wrong with it."""
    errors = Findings()
    many = "list[" in str(kind)
    given = resolve([text] if many else text, ENVIRON, at, errors)
    made = value(given, kind, at.rpartition(".")[2], at, errors)
    return made[0] if many and isinstance(made, list) else made, [error.reason for error in errors]


def test_every_path_and_address_is_one_by_its_type():
    """
    A key whose name says that it is a path or an address has the type of one.
    """
    structs = [*((at, struct) for at, (struct, _) in TABLES.items()), *((at, struct) for at, struct, _ in parts())]
    named = {
        f"{at}.{name}"
        for at, struct in structs
        for name in struct.__struct_encode_fields__
        if re.fullmatch("path|listen|endpoint|to|url|rule_files|.*_file|.*_dir", name)
    }

    assert named - NO_PATHS == {at for at, *_ in LEAVES} - {"data_dir"}


@pytest.mark.parametrize(("at", "kind", "form"), LEAVES, ids=[at for at, *_ in LEAVES])
def test_taken_literally(at, kind, form):
    """
    `$NAME`, and in paths `~` and `%Y`, would be taken literally: refused, by itself or out of a variable.
    """
    file = form == "file"
    dollars = ["$HOME/a", "a-$HOSTNAME", "${HOME}/$HOST/a", "${NONE:-$HOME}/a", "${ODD}/a"]
    refused = {
        **{key: [BARE] for key in [*dollars, *(["$home/a"] if file else [])]},
        **{key: [TILDE] for key in (["~", "~/a", "~root/a", "${NONE:-~/a}"] if file else ["unix:~/a"])},
        **{key: [CLOCK] for key in (["a-%Y.log", "%d/a", "%%%H"] if file else ["unix:/run/%H.sock"])},
    }
    taken = {
        "a": "a",
        "$$HOME/a": "$HOME/a",
        "${HOME}/a": "/home/a/a",
        "a$": "a$",
        "a$5": "a$5",
        "./~a": "./~a",
        "a~": "a~",
        **(
            {"100%": "100%", "100%%-a": "100%-a", "a-%%Y": "a-%Y", "5%-10%": "5%-10%"}
            if file
            else {"https://a/?$filter=b%2Fc&d=%Y": "https://a/?$filter=b%2Fc&d=%Y", "unix:/100%%": "unix:/100%"}
        ),
    }

    assert refused == {text: read(kind, at, text)[1] for text in refused}
    assert {text: (made, []) for text, made in taken.items()} == {text: read(kind, at, text) for text in taken}


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("sinks.out.path", '[sinks.out]\ntype = "file"\npath = "$HOME/app-%Y.log"\n'),
        ("data_dir", 'data_dir = "~/data"\n[sinks.out]\ntype = "stdout"\n'),
        (
            "redact.rule_files[1]",
            '[sinks.out]\ntype = "stdout"\n[redact]\nrule_files = ["/dev/null", "~/rules.toml"]\n',
        ),
        ("http.listen", '[http]\nlisten = "$HOST:9600"\n[sinks.out]\ntype = "stdout"\n'),
    ],
)
def test_in_a_file(tmp_path, at, text):
    """
    It is one error at its key, with what to write.
    """
    path = tmp_path / "headrig.toml"
    path.write_text(f'{text}[sources.in]\ntype = "stdin"\n')
    errors = config.check(str(path), ENVIRON)

    assert [at] == [error.path for error in errors]
    assert all(error.line and error.remedy.startswith("write ") for error in errors)


def test_out_of_a_variable(tmp_path, monkeypatch):
    """
    A variable that nobody expanded is refused by its name.
    """
    monkeypatch.chdir(tmp_path)
    _, errors = config.read(None, {"LOG_FILE": "~/app.log"})

    assert ["environment: LOG_FILE: ~ stays as it is; write the whole path, or ./~… for a name that begins so"] == [
        str(error) for error in errors
    ]
