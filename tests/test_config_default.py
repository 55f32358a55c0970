"""What runs without a file, and what the runbook's variables change."""

import os
import socket

import pytest

from headrig import config
from headrig.config.default import VARIABLES, stdin_kind
from headrig.config.finding import find
from headrig.errors import ConfigError
from headrig.sinks import HttpSinkConfig


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path, monkeypatch):
    """
    The defaults are relative to where the process starts.
    """
    monkeypatch.chdir(tmp_path)


def test_defaults():
    """
    TCP, a Unix socket and HTTP on loopback, everything into one file.
    """
    loaded = config.load(None, {})

    assert "127.0.0.1:9600" == loaded.http.listen
    assert "127.0.0.1:9020" == loaded.sources["tcp"].listen
    assert "data/headrig.sock" == loaded.sources["unix"].path
    assert loaded.sources["http"].listen is None
    assert {"file": "data/app.log"} == {name: sink.path for name, sink in loaded.sinks.items()}


def test_runbook_variables():
    """
    The runbook's variables keep their entries and milliseconds.
    """
    environ = {
        "LOG_FILE": "logs/app.log",
        "LOG_FILE_BUFFER_SIZE": "7",
        "LOG_FILE_FLUSH_INTERVAL": "250",
        "PORT": "3000",
    }
    loaded = config.load(None, environ)
    sink = loaded.sinks["file"]

    assert ("logs/app.log", 7, 0.25) == (sink.path, sink.flush_entries_max, sink.flush_seconds)
    assert "127.0.0.1:3000" == loaded.http.listen


def test_http_sink():
    """
    An endpoint adds a sink beside the file, with the runbook's entries and milliseconds.
    """
    environ = {
        "LOG_HTTP_ENDPOINT": "https://logs.example.com/ingest",
        "LOG_HTTP_AUTH_HEADER": "Bearer token123",
        "LOG_HTTP_BUFFER_SIZE": "7",
        "LOG_HTTP_FLUSH_INTERVAL": "2500",
    }
    sinks = config.load(None, environ).sinks

    assert {
        "file": config.load(None, {}).sinks["file"],
        "http": HttpSinkConfig(
            endpoint="https://logs.example.com/ingest",
            auth_header="Bearer token123",
            flush_entries_max=7,
            flush_seconds=2.5,
        ),
    } == sinks


def test_http_sink_defaults():
    """
    An endpoint alone is enough: 50 entries, 10 seconds, oldest dropped first; without one there is no such sink.
    """
    sink = config.load(None, {"LOG_HTTP_ENDPOINT": "https://logs.example.com"}).sinks["http"]

    assert (50, 10.0, "drop_oldest") == (sink.flush_entries_max, sink.flush_seconds, sink.when_full)
    assert ["file"] == list(config.load(None, {"LOG_HTTP_BUFFER_SIZE": "7"}).sinks)


def test_half_an_http_sink():
    """
    A secret without an address to send it to is an error that names the missing variable and not the secret.
    """
    _, errors = config.read(None, {"LOG_HTTP_AUTH_HEADER": "Bearer canary"})

    assert [
        (
            "environment: LOG_HTTP_ENDPOINT: is not set, though LOG_HTTP_AUTH_HEADER is; "
            "set it, or unset LOG_HTTP_AUTH_HEADER"
        )
    ] == [str(error) for error in errors]


def test_empty_variables_are_unset():
    """
    An empty variable changes nothing.
    """
    assert config.load(None, {}) == config.load(None, dict.fromkeys(VARIABLES, ""))


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PORT", "http", "not a port; set a whole number up to 65535, or unset it"),
        ("PORT", "65536", "not a port; set a whole number up to 65535, or unset it"),
        ("LOG_FILE_BUFFER_SIZE", "-1", "not entries; set a whole number, or unset it"),
        ("LOG_FILE_FLUSH_INTERVAL", "5s", "not milliseconds; set a whole number, or unset it"),
        (
            "LOG_FILE",
            "/dev/null/app.log",
            "/dev/null is not a directory; give a path in a directory that this user may write to",
        ),
        ("LOG_HTTP_ENDPOINT", "canary", "not an address; write https://host/path"),
        ("LOG_HTTP_BUFFER_SIZE", "all", "not entries; set a whole number, or unset it"),
        ("LOG_HTTP_FLUSH_INTERVAL", "10s", "not milliseconds; set a whole number, or unset it"),
        ("HEADRIG_HTTP_LISTEN", "9600", 'not an address; write host:port, such as "127.0.0.1:9020"'),
        (
            "HEADRIG_HTTP_LISTEN",
            "0.0.0.0:9600",
            (
                "0.0.0.0:9600 is reachable from other machines and would take lines without a token; "
                "listen on 127.0.0.1, or write a file of settings in which the source has a token"
            ),
        ),
        ("PORT", "9020", None),
        ("HEADRIG_HTTP_LISTEN", "127.0.0.1:9020", None),
    ],
)
def test_bad_variable(name, value, complaint):
    """
    A variable that cannot be used is named.
    """
    _, errors = config.read(None, {name: value})
    conflict = "sources.tcp.listen: 127.0.0.1:9020 is already taken by http; give each its own"
    expected = f"environment: {name}: {complaint}" if complaint else f"built-in defaults: {conflict}"

    assert [expected] == [str(error) for error in errors]


@pytest.mark.parametrize(
    ("stdin", "sources"),
    [
        ("no", ["tcp", "unix", "http"]),
        ("also", ["tcp", "unix", "http", "stdin"]),
        ("only", ["stdin"]),
    ],
)
def test_standard_input(stdin, sources):
    """
    Standard input is no source, one more, or the only one.
    """
    loaded = config.load(None, {}, stdin)

    assert sources == list(loaded.sources)
    assert (stdin != "only") == (loaded.http is not None)


def test_kind_of_standard_input(tmp_path):
    """
    A file, a pipe and a socket come to an end, whether or not there is data, and whether or not the other side is gone.
    """
    silent, (closed, gone), (one, other) = os.pipe(), os.pipe(), socket.socketpair()
    os.close(gone)
    with (tmp_path / "lines").open("w+b") as file, one, other:
        kinds = [stdin_kind(each) for each in (file.fileno(), silent[0], closed, one.fileno())]
    for each in (*silent, closed):
        os.close(each)

    assert ["file", "pipe", "pipe", "socket"] == kinds


def test_kind_of_what_has_no_end(tmp_path):
    """
    A terminal, /dev/null, a directory and a descriptor that is closed are nothing to read.
    """
    controlling, terminal = os.openpty()
    null, directory, closed = os.open(os.devnull, os.O_RDONLY), os.open(tmp_path, os.O_RDONLY), os.dup(0)
    os.close(closed)
    kinds = [stdin_kind(each) for each in (terminal, null, directory, closed)]
    for each in (controlling, terminal, null, directory):
        os.close(each)

    assert [None] * 4 == kinds


def test_status_address():
    """
    `HEADRIG_HTTP_LISTEN` goes before `PORT`, which belongs to the service beside it and is then not even looked at.
    """
    loaded = config.load(None, {"HEADRIG_HTTP_LISTEN": "[::1]:9700", "PORT": "nonsense"})

    assert "[::1]:9700" == loaded.http.listen


def test_no_status_address():
    """
    What is served nowhere is not looked at, and the variable that is for headrig alone is told of.
    """
    loaded = config.load(None, {"HEADRIG_HTTP_LISTEN": "0.0.0.0:9600", "PORT": "3000"}, "only")

    assert loaded.http is None
    assert (
        "HEADRIG_HTTP_LISTEN: without effect: nothing is served while standard input is all that is read",
    ) == loaded.warnings


@pytest.mark.parametrize(
    ("written", "ignored"),
    [
        ("", [*VARIABLES]),
        ("${LOG_FILE}", [name for name in VARIABLES if name != "LOG_FILE"]),
        ("${LOG_FILE_BUFFER_SIZE:-x}", [name for name in VARIABLES if name != "LOG_FILE_BUFFER_SIZE"]),
    ],
)
def test_variables_beside_a_file(tmp_path, written, ignored):
    """
    The variables of the defaults change nothing in settings from a file that do not name them, which is said in one line.
    """
    path = tmp_path / "headrig.toml"
    path.write_text(f'[sources.in]\ntype = "stdin"\n[sinks.out]\ntype = "file"\npath = "a{written}.log"\n')
    with_them = config.load(str(path), dict.fromkeys(VARIABLES, "fake-1"))
    without = config.load(str(path), {"LOG_FILE": "fake-1", "LOG_FILE_BUFFER_SIZE": "fake-1"} if written else {})

    (warning,) = with_them.warnings
    assert warning.startswith(f"{', '.join(ignored)}: without effect: ")
    assert "fake-1" not in warning
    assert without.sinks == with_them.sinks


@pytest.mark.parametrize(
    ("named", "variable", "there", "expected"),
    [
        ("a.toml", "b.toml", True, ("a.toml", "argument")),
        (None, "b.toml", True, ("b.toml", "variable")),
        (None, "", True, ("headrig.toml", "directory")),
        (None, "", False, (None, "defaults")),
    ],
)
def test_finding(named, variable, there, expected, tmp_path):
    """
    What was named, else what the environment names, else what lies there, else nothing; an empty variable is unset.
    """
    if there:
        (tmp_path / "headrig.toml").symlink_to("gone")

    assert expected == find(named, {"HEADRIG_CONFIG": variable})


def test_finding_an_empty_name():
    """
    An empty name is one that a shell did not know: an error, never the defaults.
    """
    with pytest.raises(
        ConfigError, match=r"^the name of the settings file is empty; give the path of a readable file$"
    ):
        find("", {})
