"""What runs without a file, and what the runbook's variables change."""

import os

import pytest

from headrig import config
from headrig.config.default import stdin_intent
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
            "set the address that takes the lines, or unset LOG_HTTP_AUTH_HEADER"
        )
    ] == [str(error) for error in errors]


def test_empty_variables_are_unset():
    """
    An empty variable changes nothing.
    """
    file = ("LOG_FILE", "LOG_FILE_BUFFER_SIZE", "LOG_FILE_FLUSH_INTERVAL", "PORT")
    names = (*file, *(f"LOG_HTTP_{name}" for name in ("ENDPOINT", "AUTH_HEADER", "BUFFER_SIZE", "FLUSH_INTERVAL")))

    assert config.load(None, {}) == config.load(None, dict.fromkeys(names, ""))


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PORT", "http", "'http' is not a port; set a whole number up to 65535, or unset it"),
        ("PORT", "65536", "'65536' is not a port; set a whole number up to 65535, or unset it"),
        ("LOG_FILE_BUFFER_SIZE", "-1", "'-1' is not entries; set a whole number, or unset it"),
        ("LOG_FILE_FLUSH_INTERVAL", "5s", "'5s' is not milliseconds; set a whole number, or unset it"),
        (
            "LOG_FILE",
            "/dev/null/app.log",
            "/dev/null is not a directory; give a path in a directory that this user may write to",
        ),
        ("LOG_HTTP_ENDPOINT", "canary", "not an address; write https://host/path"),
        ("LOG_HTTP_BUFFER_SIZE", "all", "'all' is not entries; set a whole number, or unset it"),
        ("LOG_HTTP_FLUSH_INTERVAL", "10s", "'10s' is not milliseconds; set a whole number, or unset it"),
        ("PORT", "9020", None),
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


def test_intent_of_a_file(tmp_path):
    """
    A file on standard input is the only source, empty or not.
    """
    with (tmp_path / "lines").open("w+b") as file:
        assert "only" == stdin_intent(file.fileno())


def test_intent_of_a_pipe():
    """
    A pipe with data is the only source, a silent one is read beside the listeners, a closed one is nothing.
    """
    reading, writing = os.pipe()
    try:
        silent = stdin_intent(reading)
        os.write(writing, b"{}\n")
        fed = stdin_intent(reading)
        os.read(reading, 3)
    finally:
        os.close(writing)
    closed = stdin_intent(reading)
    os.close(reading)

    assert ("also", "only", "no") == (silent, fed, closed)


def test_intent_of_a_device():
    """
    /dev/null and a descriptor that is closed mean nothing.
    """
    with open(os.devnull, "rb") as device:
        descriptor = device.fileno()
        assert "no" == stdin_intent(descriptor)
    assert "no" == stdin_intent(descriptor)
