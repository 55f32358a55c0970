"""
What lines say of the lines after them: private keys and documents that come line by line, through whatever passes them on.
"""

import base64
import itertools
import json
import pprint
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from headrig_process import headrig as run
from hypothesis import given
from hypothesis import strategies as st
from redaction_forms import FILTER, assert_untouched, filtered, secrets

import headrig
from headrig.engine import EVENT_SECONDS_MAX, Engine

PASSERS: dict[str, Callable[[int, str], str]] = {
    "bare": lambda _, line: line,
    "crlf": lambda _, line: line + "\r",
    "docker_spaced": lambda i, line: json.dumps(
        {"log": line + "\n", "stream": "stdout", "time": f"2026-11-30T09:10:00.{i}Z"}
    ),
    "docker": lambda i, line: f'{{"log":{json.dumps(line + chr(10))},"stream":"stdout","time":"{i}"}}',
    "coloured": lambda _, line: f"\x1b[36m{line}\x1b[0m",
    "cri": lambda i, line: f"2026-11-30T09:10:00.{i:09}Z stdout F {line}",
    "syslog": lambda i, line: f"Nov 30 09:10:{i % 60:02} web1 app[123]: {line}",
    "level": lambda i, line: f"2026-11-30 09:10:00,{i:03} INFO [main] com.example.Loader - {line}",
}
"""What programs and their keepers write around each line of a text."""

KEY_PASSERS: dict[str, Callable[[int, str], str]] = {
    **PASSERS,
    "indented": lambda _, line: "      " + line,
    "quoted_mail": lambda _, line: "> " + line,
    "compose": lambda _, line: "web_1  | " + line,
    "comment": lambda _, line: "# " + line,
    "slashes": lambda _, line: "// " + line,
    "diff_added": lambda _, line: "+" + line,
    "diff_removed": lambda _, line: "-" + line,
    "numbered": lambda i, line: f"{i + 1:6}\t{line}",
    "repr": lambda _, line: f"    {line + chr(10)!r}",
    "array": lambda _, line: f'    "{line}",',
    "joined": lambda _, line: f'  "{line}\\n" +',
    "logfmt": lambda i, line: f'ts=2026-11-30T09:10:00.{i}Z level=info msg="{line}" pid=12',
    "message": lambda i, line: json.dumps({"time": f"2026-11-30T09:10:00.{i}Z", "level": "INFO", "message": line}),
    "other_text_between": lambda i, line: f"{line}\n2026-11-30T09:10:00.{i}Z INFO request done in 12ms",
    "other_json_between": lambda i, line: f'{line}\n{{"level":"INFO","message":"request {i} done","id":"a1B2c3D4e5"}}',
}


def passed(passer: Callable[[int, str], str], text: str) -> str:
    return "\n".join(passer(number, line) for number, line in enumerate(text.split("\n")))


def body(seeded: random.Random, kind: str) -> list[str]:
    """Lines of base64 as wide as the kind has them."""
    width = {"OPENSSH": 70, "PGP": 64}.get(kind.split(maxsplit=1)[0], 64)
    encoded = base64.b64encode(seeded.randbytes(seeded.randint(400, 1700))).decode()
    return [encoded[at : at + width] for at in range(0, len(encoded), width)]


KINDS = (
    "RSA PRIVATE KEY",
    "PRIVATE KEY",
    "EC PRIVATE KEY",
    "DSA PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
)


def pem(kind: str, lines: list[str]) -> str:
    headers = {"PGP": "Version: GnuPG v2\n\n", "DSA": "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"}
    return (
        f"-----BEGIN {kind}-----\n{headers.get(kind.split(maxsplit=1)[0], '')}"
        + "\n".join(lines)
        + f"\n-----END {kind}-----"
    )


def putty(lines: list[str]) -> str:
    return (
        "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: me@web1\nPublic-Lines: 2\n"
        + "\n".join(lines[:2])
        + f"\nPrivate-Lines: {len(lines) - 2}\n"
        + "\n".join(lines[2:])
        + "\nPrivate-MAC: "
        + "0123456789abcdef" * 4
    )


def ssh2(lines: list[str]) -> str:
    head = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: me\n"
    return head + "\n".join(lines) + "\n---- END SSH2 ENCRYPTED PRIVATE KEY ----"


@pytest.mark.parametrize("passer", KEY_PASSERS)
@pytest.mark.parametrize("kind", [*KINDS, "putty", "ssh2"])
def test_a_private_key_that_comes_line_by_line_is_gone(kind: str, passer: str):
    """
    No line of the body of a key is left, whoever passed its lines on; what others wrote in between stays.
    """
    seeded = random.Random(f"{kind} {passer}")
    for _ in range(3):
        lines = body(seeded, kind)
        key = {"putty": putty, "ssh2": ssh2}.get(kind, lambda lines: pem(kind, lines))(lines)
        log = passed(KEY_PASSERS[passer], key)
        out = filtered(log)
        assert [] == [line for line in lines if line in out]
        assert out.count("done") == log.count("done")
        assert out.count("a1B2c3D4e5") == log.count("a1B2c3D4e5")
        assert out.count("\n") == log.count("\n")
        assert filtered(out) == out


@pytest.mark.parametrize("passer", KEY_PASSERS)
@pytest.mark.parametrize("kind", ["CERTIFICATE", "PUBLIC KEY", "CERTIFICATE REQUEST", "PGP PUBLIC KEY BLOCK"])
def test_what_is_public_stays(kind: str, passer: str):
    """
    Certificates and public keys come out byte for byte, also right behind a private key.
    """
    lines = body(random.Random(kind), kind)
    public = f"-----BEGIN {kind}-----\n" + "\n".join(lines) + f"\n-----END {kind}-----"
    log = passed(KEY_PASSERS[passer], public)
    assert filtered(log) == log

    both = passed(KEY_PASSERS[passer], pem(KINDS[0], ["MIIEowIBAAKCAQEA" + "x1" * 24]) + "\n" + public)
    out = filtered(both)
    assert [] == [line for line in lines if line not in out]


def test_a_key_without_an_end_ends_after_lines_of_others_and_after_a_while():
    """
    What looks like a line of a key is left alone once 64 lines of others came, or 30 seconds passed.
    """
    line = body(random.Random(1), "RSA")[0].encode() + b"\n"
    begin = b"-----BEGIN PRIVATE KEY-----\n"
    others = b"INFO request done\n" * 65
    assert bytes(FILTER.lane("others").process(begin + line, 100.0).lines).count(line) == 0
    assert bytes(FILTER.lane("others").process(others + line, 100.0).lines).count(line) == 1
    lane = FILTER.lane("late")
    assert bytes(lane.process(begin, 100.0).lines) == begin
    assert bytes(lane.process(line, 129.0).lines).count(line) == 0
    assert bytes(lane.process(line, 160.0).lines).count(line) == 1


def test_senders_of_a_lane_have_a_memory_each():
    """
    The lines of one sender say nothing of those of another, however they alternate.
    """
    lines = body(random.Random(2), "RSA")
    lane = FILTER.lane("senders")
    lane.process(b"-----BEGIN PRIVATE KEY-----\n", 100.0, 100.0, [(1, 0)])
    for line in lines:
        encoded = line.encode() + b"\n"
        both = bytes(lane.process(encoded * 2, 100.0, 100.0, [(2, 0), (1, len(encoded))]).lines)
        assert both == encoded + b"[REDACTED:private_key]\n"


def test_a_reload_hands_on_what_is_open():
    """
    A key and a mapping that began before a reload end after it, also where the rules have other numbers then.
    """
    spec = b'{"on_broken":"pass","metrics":{"builtin":false},"redact":{"keys":["badge","locker"],"disable":["jwt"]}}'
    line = body(random.Random(3), "RSA")[0]
    old = Engine(b'{"on_broken":"pass","metrics":{"builtin":false}}')
    old.lane("in").process(b"-----BEGIN PRIVATE KEY-----\n  credentials:\n", 100.0)
    new = Engine(spec, old)
    out = bytes(new.lane("in").process(f"    user: bob81xkq0\n{line}\n".encode(), 101.0).lines)
    assert out == b"    user: [REDACTED:credentials]\n[REDACTED:private_key]\n"


def documents(value: str) -> dict[str, str]:
    """Documents over several lines that hold a secret and keep `keepsake`."""
    kept = {"other": {"note": "keepsake"}}
    shown = {
        "name_value": {"env": [{"name": "DB_PASSWORD", "value": value}], **kept},
        "name_between": {"env": [{"name": "DB_PASSWORD", "type": "x", "value": value, "n": 1}], **kept},
        "capital_name": {"env": [{"Name": "DB_PASSWORD", "Value": value}], **kept},
        "key_value": {"env": [{"key": "api_key", "value": value}], **kept},
        "object": {"credentials": {"user": value, "more": [value, {"a": value}], "n": 12345}, **kept},
        "array": {"passwords": [value, value + "2"], **kept},
        "array_of_objects": {"secrets": [{"a": value}, {"b": {"c": value}}], **kept},
        "pair": {"headers": [["authorization", value], ["accept", "keepsake"]]},
        "headers": {"raw": ["Host", "keepsake", "Authorization", value, "Cookie", value]},
        "value_object": {"env": [{"name": "DB_PASSWORD", "value": {"a": value}}], **kept},
    }
    python = {"credentials": {"password": value + "1", "user": value, "n": list(range(30))}, "other": "keepsake"}
    return {
        **{f"json_{name}": json.dumps(document, indent=2) for name, document in shown.items()},
        **{f"json4_{name}": json.dumps(document, indent=4) for name, document in shown.items()},
        "json_tab": json.dumps(shown["object"], indent="\t"),
        "json_two_lines": f'{{\n  "password":\n    "{value}",\n  "note": "keepsake"\n}}',
        "pprint": pprint.pformat(python),
        "pprint_joined": pprint.pformat({"password": " ".join([value] * 20), "x": "keepsake"}),
        "formatter": f'{{\n    "password": (\n        "{value}"\n    ),\n    "b": "keepsake",\n}}',
        "yaml_block": f"a: 1\npassword: |\n  {value}\n  b{value}\nb: keepsake",
        "yaml_folded": f"a: 1\nclient_secret: >-\n  {value}\n  b{value}\nb: keepsake",
        "yaml_block_indent": f"x:\n  password: |+2\n      {value}\n\n      b{value}\n  b: keepsake",
        "yaml_list": f'passwords:\n  - {value}\n  - "{value}"\nb: keepsake',
        "yaml_flush_list": f"passwords:\n- {value}\n- '{value}'\nb: keepsake",
        "yaml_mapping": f'credentials:\n  user: {value}\n  more:\n    pw: "{value}"\nb: keepsake',
        "yaml_name_value": f"env:\n  - name: DB_PASSWORD\n    value: {value}\n  - name: A\n    value: keepsake",
        "yaml_flush_name_value": f'env:\n- name: DB_PASSWORD\n  value: "{value}"\n- name: A\n  value: keepsake',
        "yaml_next_line": f"password:\n  {value}\nb: keepsake",
        "yaml_quoted": f'password: "aaa bb\n  {value}\n  {value}"\nb: keepsake',
        "toml_string": f'password = """\n{value}\n{value}"""\nb = "keepsake"',
        "rust": (
            f'Config {{\n    credentials: Credentials {{\n        user: "{value}",\n        n: 12345,\n    }},\n'
            f'    password: Some(\n        "{value}",\n    ),\n    b: "keepsake",\n}}'
        ),
        "node": f"Loaded credentials: {{\n  user: '{value}',\n  n: 3\n}}\nkeepsake",
        "var_dump": f'array(1) {{\n  ["password"]=>\n  string(20) "{value}"\n  ["b"]=>\n  string(8) "keepsake"\n}}',
        "print_r": (
            f"Array\n(\n    [credentials] => Array\n        (\n            [user] => {value}\n        )\n\n"
            "    [b] => keepsake\n)"
        ),
        "xml": f"<a>\n  <password>\n    {value}\n  </password>\n  <b>\n    keepsake\n  </b>\n</a>",
    }


@pytest.mark.parametrize("passer", PASSERS)
@pytest.mark.parametrize("name", documents(""))
def test_a_document_that_comes_line_by_line_is_redacted_as_it_is_whole(name: str, passer: str):
    """
    The secret of an indented document is gone, line by line; what lies beside it stays, and so does the number of lines.
    """
    for secret in secrets(20):
        log = passed(PASSERS[passer], documents(secret)[name])
        out = filtered(log)
        assert secret not in out, out
        assert "keepsake" in out, out
        assert out.count("\n") == log.count("\n")
        assert filtered(out) == out


@pytest.mark.parametrize("name", documents(""))
def test_a_document_in_one_message_is_redacted_with_its_line_ends(name: str):
    """
    In one text or in one string of an event the same secrets go: as a handler and `redact()` see them.
    """
    for secret in secrets(20):
        document = documents(secret)[name]
        for shown in (document, json.dumps({"level": "INFO", "message": document}), {"message": document}):
            out = headrig.redact(shown)
            assert secret not in str(out), out
            assert "keepsake" in str(out), out
            assert headrig.redact(out) == out


ORDINARY = (
    '{\n  "users": [\n    "password",\n    "email",\n    "name"\n  ]\n}',
    '{\n  "fields": [\n    "username",\n    "password"\n  ],\n  "n": 1\n}',
    '[\n  "authorization",\n  "host",\n  "accept"\n]',
    '{\n  "env": [\n    {\n      "name": "HOME",\n      "value": "/root"\n    }\n  ]\n}',
    '{\n  "env": [\n    {\n      "name": "DB_PASSWORD"\n    },\n    {\n      "value": "keep"\n    }\n  ]\n}',
    "env:\n- name: DB_PASSWORD\n  valueFrom:\n    fieldRef:\n      key: x\n- name: A\n  value: keep",
    "Password:\nnext line of the program",
    "Enter password:\n    at com.example.Main.run(Main.java:3)",
    "password: |\nnext: x",
    "credentials:\nuser: bob",
    "author: |\n  Bob Miller\n  and others",
    '"author": {\n  "name": "Bob",\n  "mail": "none"\n}',
    "if password:\n    return user",
    "def login(user, password):\n    session = None",
    "  File app.py, line 3\n    if token:\n        call(a)",
    "fn f(key: &'static str) {\n    let inner = ser::SerializeStruct::end(self.inner)?;\n}",
    "max_tokens:\n  - 500\n  - 600",
    "password:\n  # set below\nother: 1",
    "<author>\n  Bob\n</author>",
    'expected "-----BEGIN PRIVATE KEY-----" in file\nx8Ab/kCAQEAx1x2x3x4x5x6x7x8x9x0x1x2x3x4x5x6x7x8x9',
    '{\n  "password": null,\n  "user": "bob"\n}',
)


@pytest.mark.parametrize("text", ORDINARY)
@pytest.mark.parametrize("passer", PASSERS)
def test_lines_that_only_look_alike_stay(text: str, passer: str):
    """
    Names of fields, code, prompts and texts about keys come out byte for byte, line by line and as one message.
    """
    log = passed(PASSERS[passer], text)
    assert filtered(log) == log


@pytest.mark.parametrize(
    "between",
    [
        '{"level":"INFO","message":"request done"}',
        "2026-11-30T09:10:00Z INFO request done",
        '{"log":"x\\n","stream":"stdout"}',
    ],
)
@pytest.mark.parametrize(
    "opening", ['  "credentials": {', "  credentials:", "  password: |", '  "passwords": [', "  pin:"]
)
def test_a_line_of_another_form_ends_what_a_document_left_open(opening: str, between: str):
    """
    After a line that is no part of the document the lines stand for themselves again.
    """
    log = f'{opening}\n{between}\n    user\n    "user": "b0b81xkq",\n    user: b0b81xkq\n    - b0b81xkq'
    assert filtered(log) == log


LINES = st.sampled_from(
    [
        *(line for document in documents("zq81xkq0aPw9").values() for line in document.split("\n")),
        *pem(KINDS[0], body(random.Random(4), "RSA")[:3]).split("\n"),
        *ORDINARY[0].split("\n"),
        '{"level":"INFO","message":"done"}',
        '{"log":"  \\"credentials\\": {\\n","stream":"stdout"}',
        '{"log":"    \\"user\\": \\"b0b81xkq\\",\\n","stream":"stdout"}',
        "12345",
        '"zq81xkq0aPw9"',
        '  {"user": "b0b81xkq", "n": [12345]}',
        "",
    ]
)


BATCHES = Engine(b'{"on_broken":"pass","blank":"keep","metrics":{"builtin":false},"recent_bytes_max":0}')


@given(lines=st.lists(LINES, max_size=24), cuts=st.sets(st.integers(0, 24)))
def test_how_lines_are_cut_into_batches_changes_nothing(lines: list[str], cuts: set[int]):
    """
    Any lines in any batches come out as they do in one, a second run changes nothing, and valid lines stay valid.
    """
    whole = filtered("\n".join(lines)).split("\n") if lines else []
    BATCHES.close_lane("cut")
    lane = BATCHES.lane("cut")
    parts: list[str] = []
    edges = [0, *sorted(cut for cut in cuts if cut < len(lines)), len(lines)]
    for first, last in itertools.pairwise(edges):
        batch = "".join(line + "\n" for line in lines[first:last]).encode()
        if batch:
            parts.extend(bytes(lane.process(batch, EVENT_SECONDS_MAX).lines).decode().split("\n")[:-1])
    assert parts == whole
    again = filtered("\n".join(whole)).split("\n") if lines else []
    assert again == whole
    for line, out in zip(lines, whole, strict=True):
        if _valid(line):
            assert _valid(out), (line, out)


def _valid(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_ordinary_lines_after_a_document_are_untouched():
    """
    Twenty thousand log lines behind each document come out byte for byte.
    """
    lines = "\n".join(f"2026-11-30T09:10:00.{n:03}Z INFO  request {n} done: user=u{n} took=12ms" for n in range(1000))
    for document in documents("zq81xkq0aPw9").values():
        assert filtered(document + "\n" + lines).endswith(lines)


def test_untouched_helpers_agree():
    """
    The texts that only look alike stay in every form that holds one message.
    """
    for text in ORDINARY[:14]:
        assert_untouched(text, forms=("raw", "json"))


def test_a_file_says_nothing_of_the_next_one(tmp_path: Path):
    """
    The filter forgets at the end of a file what its last line left open.
    """
    line = body(random.Random(5), "RSA")[0] + "\n"
    (tmp_path / "a").write_text("-----BEGIN PRIVATE KEY-----\n" + line)
    (tmp_path / "b").write_text(line)
    done = run("redact", tmp_path / "a", tmp_path / "b")
    assert done.stdout.decode() == f"-----BEGIN PRIVATE KEY-----\n[REDACTED:private_key]\n{line}"
