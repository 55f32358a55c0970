"""A service cannot print a secret that it holds: its environment and its secret files, in every encoding."""

from __future__ import annotations

import base64
import html
import json
import logging
import random
import string
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest
from headrig_process import headrig as headrig_verb
from service_process import service

import headrig
from headrig.config import load, read_filter
from headrig.engine import EVENT_SECONDS_MAX, Engine
from headrig.errors import ConfigError, RuleError
from headrig.learning import FILE_BYTES_MAX, Learned, learn, worth_masking

ENCODINGS = {
    "raw": lambda value: value,
    "json": lambda value: json.dumps({"a": value}),
    "json, not ascii": lambda value: json.dumps({"a": value}, ensure_ascii=False),
    "json in json": lambda value: json.dumps({"a": json.dumps([value])}),
    "json in json in json": lambda value: json.dumps({"a": json.dumps([json.dumps({"b": value})])}),
    "percent": lambda value: "GET /x?y=" + quote(value, safe=""),
    "percent, small": lambda value: (
        "GET /x?y=" + "".join(c if c.isascii() and c.isalnum() else quote(c, safe="").lower() for c in value)
    ),
    "base64": lambda value: "got " + base64.b64encode(value.encode()).decode(),
    "base64, one before": lambda value: "got " + base64.b64encode(b"a" + value.encode() + b"zz").decode(),
    "base64, two before": lambda value: "got " + base64.urlsafe_b64encode(b"ab" + value.encode() + b"z").decode(),
    "hex": lambda value: "got " + value.encode().hex(),
    "upper hex": lambda value: "got " + value.encode().hex().upper(),
    "html": lambda value: "<b>" + html.escape(value) + "</b>",
}
"""Each gives a line that holds a value. None says that it is secret."""


def planted(count):
    seeded = random.Random(11)
    alphabet = string.ascii_letters + string.digits + "/+-_=!$%&\"'<\\é "
    return [
        "".join(seeded.choices(alphabet, k=seeded.choice([12, 14, 16, 20, 24, 40, 90]))).strip().ljust(14, "7")
        for _ in range(count)
    ]


VALUES = planted(200)


def engine(values):
    return engine_of(tuple(values))


@cache
def engine_of(values):
    spec = {"on_broken": "pass", "metrics": {"builtin": False}, "recent_bytes_max": 0, "redact": {"learned": values}}
    return Engine(json.dumps(spec).encode())


def lane_output(core, lines):
    return bytes(core.lane("test").process(lines.encode(), EVENT_SECONDS_MAX).lines).decode()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_learned_value_is_left_in_any_encoding(encoding):
    """
    Each of 200 values is masked in the encoding, in a batch beside ordinary lines, and in a text alone.
    """
    core = engine(VALUES)
    ordinary = json.dumps({"level": "INFO", "message": "request done", "id": "0af7651916cd43dd8448eb211c80319c"})
    lines = [ENCODINGS[encoding](value) for value in VALUES]
    batch = "".join(f"{line}\n{ordinary}\n" for line in lines)
    for out in (
        lane_output(core, batch).splitlines()[::2],
        [core.redact(line.encode(), True).decode() for line in lines],
    ):
        for line, shown in zip(lines, out, strict=True):
            assert "[REDACTED:" in shown, line
            if line.startswith("{"):
                json.loads(shown)
        assert not [value for value in VALUES if value in "\n".join(out)]
    assert lane_output(core, batch).splitlines()[1::2] == [ordinary] * len(VALUES)


def test_ordinary_lines_are_left_alone_beside_learned_values():
    """
    Of a hundred thousand lines of identifiers, hexadecimal and Base64 not one is touched because of 200 values.
    """
    seeded = random.Random(12)
    lines = "".join(
        json.dumps({"id": seeded.randbytes(16).hex(), "blob": base64.b64encode(seeded.randbytes(30)).decode()}) + "\n"
        for _ in range(100_000)
    )
    assert lane_output(engine(VALUES), lines) == lane_output(engine([]), lines)


def test_batches_and_doors_agree():
    """
    A value is found wherever the batch is cut between lines, and in numbers, keys and broken lines.
    """
    core = engine(["483920174652", "zq-81xk-q0aPw9"])
    for line in ('{"a":483920174652}', '{"zq-81xk-q0aPw9":1}', '{"a":"zq-81xk-q0aPw9', "x zq-81xk-q0aPw9,y"):
        alone = lane_output(core, line + "\n")
        assert "REDACTED:learned" in alone
        assert core.redact(line.encode(), True).decode() + "\n" == alone
        assert lane_output(core, alone) == alone
        assert lane_output(core, f"{{}}\n{line}\n{{}}\n") == "{}\n" + alone + "{}\n"


def test_a_value_that_cannot_be_learned_is_refused_and_not_shown():
    """
    The error names its number alone.
    """
    with pytest.raises(RuleError) as caught:
        engine(["long-enough-9x", "short9x"])
    assert "value 2" in str(caught.value)
    assert "short9x" not in str(caught.value)


def test_variables_with_secret_names_and_forms_are_learned():
    """
    What redaction takes from a variable is learned; names of settings, words and paths are not.
    """
    environ = {
        "DB_PASSWORD": "zq81xkq0aPw9",
        "STRIPE_KEY": "kq81xkq0aPw9vB8tTr",
        "DATABASE_URL": "postgres://app:hunter2-0aPw9xkq@db.example:5432/main",
        "SECRET_NAME": "team-a-db-credential",
        "SESSION_SECRET": "administrator",
        "API_TOKEN": "short1",
        "HOME": "/home/app/src-12345",
        "PATH": "/usr/bin:/bin:/usr/local/sbin",
        "AUTH_TOKEN": "bytes\udce9\udce8-9xkq0aPw9",
    }
    learned = learn(["env"], headrig.redact, environ)
    assert learned.values == ("zq81xkq0aPw9", "kq81xkq0aPw9vB8tTr", "hunter2-0aPw9xkq")
    assert "zq81" not in repr(learned)
    assert learn([], headrig.redact, environ) == Learned(())


def test_secret_files_are_learned_where_they_are_mounted(tmp_path: Path):
    """
    Files of a mount, of a versioned one, those that a variable names; certificates, folders and large ones are not.
    """
    mount = tmp_path / "secrets"
    versioned = mount / "k8s" / "..2026_11_30"
    versioned.mkdir(parents=True)
    (versioned / "token").write_text("kq81xkq0aPw9vB8tTr\n")
    (mount / "k8s" / "token").symlink_to("..2026_11_30/token")
    (mount / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ\n-----END CERTIFICATE-----\n")
    (mount / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIE\n-----END PRIVATE KEY-----\n")
    (mount / "app.json").write_text(json.dumps({"db": {"pw": "json-9xkq0aPw9"}, "name": "service-name"}))
    (mount / "app.env").write_text("A=1\nDB_PW='env-9xkq0aPw9'\n")
    (mount / "large").write_text("x" * (FILE_BYTES_MAX + 1))
    (mount / "binary").write_bytes(bytes(range(128, 256)))
    named = tmp_path / "pw"
    named.write_text("named-9xkq0aPw9")
    environ = {"DB_PASSWORD_FILE": str(named), "LOG_FILE": str(tmp_path / "log"), "X_TOKEN_FILE": "/no/such/file"}
    learned = learn(["files"], headrig.redact, environ, [str(mount), str(tmp_path / "none")])
    assert learned.files_skipped == 3
    found = set(learned.values)
    assert {"kq81xkq0aPw9vB8tTr", "MC4CAQAwBQYDK2VwBCIE", "json-9xkq0aPw9", "env-9xkq0aPw9", "named-9xkq0aPw9"} <= found
    assert not {"MIIBszCCAVmgAwIBAgIUQ", "service-name", "-----END PRIVATE KEY-----"} & found


@pytest.mark.parametrize(
    ("value", "worth"),
    [
        ("hunter2hunter2", True),
        ("correct-horse-battery-staple", True),
        ("483920174652", True),
        ("kq81xkq0aPw9", True),
        ("shorter9x", False),
        ("administrator", False),
        ("my-service-name", False),
        ("2026-11-30 12:00:00", False),
        ("/run/secrets/db/password/file", False),
        ("https://service.example.com/path", False),
        ("------------", False),
        ("-----BEGIN RSA PRIVATE KEY-----", False),
        ("[REDACTED:password]", False),
    ],
)
def test_words_and_numbers_of_others_are_not_learned(value, worth):
    """
    A value that other texts hold as well would be masked there.
    """
    assert worth_masking(value) is worth


SECRET = "zq81-xk+q0aPw9"


def test_code_learns_at_every_door(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """
    `learn` masks a value of the environment in a call, a redactor, a handler and a filter with settings.
    """
    monkeypatch.setenv("APP_DB_PASSWORD", SECRET)
    text = f"connect failed: {base64.b64encode(SECRET.encode()).decode()} {SECRET}"
    expected = "connect failed: [REDACTED:learned]== [REDACTED:learned]"
    expected = expected.replace("==", base64.b64encode(SECRET.encode()).decode()[-2:])
    assert SECRET in headrig.redact(text)
    redacted = headrig.redact(text, learn=["env"])
    assert SECRET not in redacted
    assert redacted.count("[REDACTED:learned]") == 2
    assert headrig.Redactor(learn=["env"]).redact(text) == redacted
    log = tmp_path / "app.log"
    handler = headrig.Handler(log, redact={"learn": ["env"]})
    handler.emit(logging.LogRecord("app", logging.INFO, __file__, 1, text, (), None))
    named = ({"pin": "4711", "what": SECRET},)
    handler.emit(logging.LogRecord("app", logging.INFO, __file__, 1, "%(pin)s of %(what)s", named, None))
    handler.close()
    messages = [json.loads(line)["message"] for line in log.read_text().splitlines()]
    assert messages == [redacted, "[REDACTED:pin] of [REDACTED:learned]"]
    config = tmp_path / "headrig.toml"
    config.write_text('[redact]\nlearn = ["env"]\n')
    spec, errors = read_filter(str(config), {"APP_DB_PASSWORD": SECRET})
    assert errors == []
    assert Engine(spec).redact(text.encode(), False).decode() == redacted


def test_a_run_learns_the_secrets_of_its_settings(tmp_path: Path):
    """
    A token that the settings hold is masked wherever it appears; it is in no error and no repr.
    """
    config = tmp_path / "headrig.toml"
    config.write_text(
        f'[http]\nlisten = "127.0.0.1:0"\ntoken = "{SECRET}"\n'
        '[sources.in]\ntype = "tcp"\nlisten = "127.0.0.1:0"\n[sinks.out]\ntype = "stdout"\n[redact]\nlearn = ["files"]\n'
    )
    loaded = load(str(config), {})
    assert SECRET not in repr(loaded)
    assert SECRET.encode() not in Engine(loaded.engine_spec).redact(f"got {SECRET}".encode(), False)


def test_a_kind_that_cannot_be_learned_is_refused(tmp_path: Path):
    """
    The error names the place and what to write, in code and in a file.
    """
    with pytest.raises(ConfigError, match=r"redact\.learn\[1\].*env or files|learn\[1\].*env or files"):
        headrig.Redactor(learn=["env", "vault"])
    config = tmp_path / "headrig.toml"
    config.write_text('[redact]\nlearn = ["vault"]\n')
    _, errors = read_filter(str(config), {})
    assert [error.path for error in errors] == ["redact.learn[0]"]


@pytest.mark.parametrize(
    "more",
    [
        {"replacement": "***"},
        {"token": {"hmac_key": "k" * 32}},
        {"token": {"keep_last": 2}},
        {"remove": ["APP_DB_PASSWORD"]},
        {"paths": ["user.name"], "pii": ["email"]},
    ],
)
def test_learning_does_not_depend_on_how_secrets_are_written(monkeypatch: pytest.MonkeyPatch, more):
    """
    What replaces a secret, and which members are taken out of a line, change nothing of what is learned.
    """
    monkeypatch.setenv("APP_DB_PASSWORD", SECRET)
    assert SECRET not in headrig.redact(f"connect failed {SECRET}", learn=["env"], **more)


SKIPPED = "redact.learn: 1 files were skipped: they cannot be read, are no text or hold more than 64 KiB"
LEARNING = """
import json, logging, headrig
from pathlib import Path
headrig.install(redact={"learn": ["env", "files"]})
headrig.install(redact={"learn": ["env", "files"]})
logging.getLogger("app").info("failed with %s", "zq81-xk+q0aPw9")
headrig.flush()
page = headrig.metrics()._page().decode()
assert "headrig_learned_values 1.0\\n" in page and "headrig_learned_files_skipped 1.0\\n" in page, page
print(json.dumps([json.loads(line)["message"] for line in Path("app.log").read_text().splitlines()]))
"""


def test_a_service_is_told_once_of_files_that_were_skipped(tmp_path: Path):
    """
    `install` writes one warning to its own file; what was learned and what was skipped are on the page of metrics.
    """
    variables = {"APP_DB_PASSWORD": SECRET, "APP_TOKEN_FILE": "/no/such/file", "LOG_FILE": "app.log"}
    done = service(LEARNING, tmp_path, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [SKIPPED, "failed with [REDACTED:learned]"]


def test_code_and_filters_are_told_once_of_files_that_were_skipped(tmp_path: Path):
    """
    However often a call, a redactor or a handler learns, a process warns of it once; a filter says it on standard error.
    """
    code = (
        "import headrig\nfor _ in range(3): headrig.redact('x', learn=['files'])\n"
        "redactor = headrig.Redactor(learn=['files'])\nheadrig.Handler('app.log', redact=redactor)\n"
        "headrig.Handler('app.log', redact={'learn': ['files']})"
    )
    told = service(code, tmp_path, APP_TOKEN_FILE="/no/such/file")
    assert (told.returncode, told.stderr) == (0, SKIPPED + "\n")
    (tmp_path / "headrig.toml").write_text('[redact]\nlearn = ["files"]\n')
    for verb in ("redact", "leaks"):
        filtered = headrig_verb(verb, "-c", "headrig.toml", cwd=tmp_path, APP_TOKEN_FILE="/no/such/file")
        assert (filtered.returncode, filtered.stderr.decode()) == (0, f"headrig.toml: {SKIPPED}\n")
