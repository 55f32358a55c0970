"""Settings: each wrong file and exactly what is said about it, and what right ones become."""

import json
from pathlib import Path

import msgspec
import pytest

from headrig import config
from headrig.limits import KIB, Limits

DATA = Path("tests/data/config")
ENVIRON = {
    "PORT": "9601",
    "DRAIN": "2s",
    "TOKEN": "fake-token-from-the-environment",
    "MODE": "0600",
    "REQUIRED": "false",
    "WORD": "fake-secret-word",
}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    """
    Paths in errors are as they were given, so all of them are relative to the repository.
    """
    monkeypatch.chdir(Path(__file__).parents[1])


def complaints(path: Path) -> list[str]:
    """The comment a bad file opens with: what follows its name, from the line on where there is one."""
    head = path.read_text().split("\n\n", 1)[0]
    said = [line.removeprefix("# ") for line in head.splitlines()]
    return [f"{path}:{'' if complaint[0].isdigit() else ' '}{complaint}" for complaint in said]


def write(directory: Path, text: str) -> str:
    path = directory / "headrig.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("path", sorted(DATA.glob("bad/*.toml")), ids=lambda path: path.stem)
def test_wrong_file(path):
    """
    A wrong file is told everything that is wrong with it, each with file, line, path and remedy.
    """
    errors = config.check(str(path), ENVIRON)

    assert complaints(path) == [str(error) for error in errors]


@pytest.mark.parametrize("path", sorted(DATA.glob("bad/*.toml")), ids=lambda path: path.stem)
def test_wrong_file_hides_the_environment(path):
    """
    No error shows what a variable holds.
    """
    text = "\n".join(map(str, config.check(str(path), ENVIRON)))

    assert "fake" not in text


@pytest.mark.parametrize("path", sorted(DATA.glob("good/*.toml")), ids=lambda path: path.stem)
def test_right_file(path):
    """
    Nothing is wrong with a right file.
    """
    assert [] == config.check(str(path), ENVIRON)


def test_missing_file():
    """
    A file that is not there is named.
    """
    expected = ["nowhere.toml: cannot be read: No such file or directory; give the path of a readable file"]

    assert expected == [str(error) for error in config.check("nowhere.toml", {})]


def test_file_of_other_bytes(tmp_path):
    """
    Bytes that are not UTF-8 are located.
    """
    path = tmp_path / "headrig.toml"
    path.write_bytes(b'[http]\nlisten = "\xff"\n')

    assert [f"{path}:2:11: not UTF-8; save the file as UTF-8"] == [str(error) for error in config.check(str(path), {})]


def test_load_raises_the_first_error():
    """
    `load` raises what `check` finds first.
    """
    with pytest.raises(config.ConfigError, match="lines_bytes_max: unknown key"):
        config.load(str(DATA / "bad/several.toml"), ENVIRON)


def test_values_of_every_form():
    """
    Sizes, durations and references become what their fields are.
    """
    loaded = config.load(str(DATA / "good/everything.toml"), ENVIRON)
    limits = Limits(line_bytes_max=512 * KIB, idle_seconds_max=5400.0, drain_seconds=2.0, connections_max=12)

    assert limits == loaded.limits
    assert "data" == loaded.data_dir
    assert "127.0.0.1:9601" == loaded.http.listen
    assert "fake-token-from-the-environment" == loaded.sources["web"].token
    assert ("data/${HOME}.log", "0600", False, 0.05) == (
        loaded.sinks["out"].path,
        loaded.sinks["out"].mode,
        loaded.sinks["out"].required,
        loaded.sinks["out"].flush_seconds,
    )


def test_engine_spec():
    """
    The tables of the core become its spec; patterns and expressions stand there as they were written.
    """
    loaded = config.load(str(DATA / "good/everything.toml"), ENVIRON)

    assert {
        "line_bytes_max": 512 * KIB,
        "windows": {"lateness_seconds": 1.5, "bytes_max": 8192 * KIB},
        "fields": {"level": {"path": "sev"}},
        "lanes": {
            "in": {
                "fields": {"duration": {"path": "took", "unit": "s"}},
                "time": "arrival",
                "utc_offset_seconds": -9000,
            }
        },
        "redact": {
            "keys": ["badgeNumber"],
            "allow_keys": ["pin"],
            "token": {"keep_last": 4},
            "rules": [
                {
                    "name": "staff_card",
                    "anchors": ["staff-${"],
                    "pattern": r"staff-\$\{[A-Z]{4}\}",
                    "examples": ["a staff-${CARD} here"],
                    "counterexamples": ["a staff-${CAR} here"],
                },
                {"name": "badge", "anchors": ["badge-"], "pattern": "badge-[0-9]{6}"},
            ],
        },
        "metrics": {
            "rules": [
                {
                    "name": "logins",
                    "kind": "counter",
                    "where": 'event == "login" and price == "$${5}"',
                    "labels": {"user": "user.kind"},
                }
            ]
        },
        "thresholds": [
            {
                "name": "high-latency",
                "metric": "latency.p95",
                "window_seconds": 120.0,
                "aggregate": "p99",
                "group_by": ["route"],
            }
        ],
    } == json.loads(loaded.engine_spec)


def test_secret_from_a_file(tmp_path):
    """
    `token_file` and `hmac_key_file` give what the file holds, without the newline at its end.
    """
    (tmp_path / "token").write_text("fake-token\n")
    (tmp_path / "key").write_text("fake-key-" * 4 + "\n\n")
    smallest = (DATA / "good/smallest.toml").read_text()
    loaded = config.load(
        write(
            tmp_path,
            f'{smallest}\n[sources.web]\ntype = "http"\ntoken_file = "{tmp_path}/token"\n'
            f'[redact]\ntoken = {{ hmac_key_file = "{tmp_path}/key" }}\n',
        ),
        {},
    )

    assert "fake-token" == loaded.sources["web"].token
    assert {"hmac_key": "fake-key-" * 4 + "\n"} == json.loads(loaded.engine_spec)["redact"]["token"]


def test_config_shows_no_secret():
    """
    The settings show their names and nothing they hold.
    """
    loaded = config.load(str(DATA / "good/everything.toml"), ENVIRON)

    assert "Config(path='tests/data/config/good/everything.toml', sources=['in', 'web'], sinks=['out'])" == repr(loaded)


def test_filter_reads_redaction_alone(tmp_path):
    """
    A filter takes `[redact]` and the longest line, and asks for no sources or sinks.
    """
    spec, errors = config.read_filter(
        write(tmp_path, '[redact]\nkeys = ["badge"]\n[limits]\nline_bytes_max = "1KiB"\n[sinks.out]\ntype = "moon"\n'),
        {},
    )

    assert [] == errors
    assert {"keys": ["badge"], "rules": [], "token": {}} == json.loads(spec)["redact"]
    assert 1024 == json.loads(spec)["line_bytes_max"]


def test_settings_are_frozen():
    """
    Settings do not change under a running pipeline.
    """
    loaded = config.load(str(DATA / "good/smallest.toml"), {})

    with pytest.raises(AttributeError):
        loaded.data_dir = "elsewhere"
    assert isinstance(loaded, msgspec.Struct)


def test_byte_order_mark(tmp_path):
    """
    A file saved with a byte order mark is as good as one without.
    """
    (tmp_path / "headrig.toml").write_bytes(b"\xef\xbb\xbf" + (DATA / "good/smallest.toml").read_bytes())

    assert [] == config.check(str(tmp_path / "headrig.toml"), {})


@pytest.mark.parametrize(
    "text",
    [
        f"[{'.'.join('a' * 20_000)}]\nb = 1\n",
        f"{'.'.join('a' * 20_000)} = 1\n",
        f"a = {'[' * 200}{']' * 200}\n",
        f"a = {'{a=' * 5_000}1{'}' * 5_000}\n",
        f"{'[[a]]' + chr(10)}{'[a.' + '.'.join('b' * 900) + ']'}\n",
    ],
    ids=["header", "key", "arrays", "tables", "array of tables"],
)
def test_nested_too_deep(text, tmp_path):
    """
    Tables however deep in each other, by any form that TOML has for them, are one error and never exhaust the stack.
    """
    (error,) = config.check(write(tmp_path, text), {"PORT": "1"})

    assert error.reason == "a number of thousands of digits, or nested too deep"
