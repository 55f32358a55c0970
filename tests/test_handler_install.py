"""`headrig.install()`: the runbook's variables, what it leaves alone, and what it does not import."""

import json
import logging
import re
import subprocess
from pathlib import Path

import pytest
from service_process import service

import headrig
from headrig.errors import ConfigError
from headrig.service.install import _Installed, _Settings

QUERIES = {
    """grep '"level":"ERROR"' app.log | jq '. | select(.traceId == "xyz")' | jq -r .message""": [
        "refused",
        "timed out",
    ],
    """grep '"level":"ERROR"' app.log | jq -r '.error.name' | sort | uniq -c""": ["1 TimeoutError", "1 ValueError"],
    """grep '"event":"request_completed"' app.log | jq '. | select(.duration > 1000)' | jq -c .duration""": ["1500"],
    """grep '"level":"ERROR"' app.log | jq -r '.traceId' | sort | uniq""": ["xyz"],
    """TRACE_ID="xyz"; grep "$TRACE_ID" app.log | jq . | jq -r .message""": ["slow", "refused", "timed out"],
    """grep -E 'api[_-]?key|password|secret' app.log | grep -v REDACTED""": [],
}
SERVICE = """
import logging, headrig
headrig.install()
log = logging.getLogger("app.api")
log.debug("not shown")
log.info("quick", extra={"event": "request_completed", "duration": 12, "api_key": "fake-hunter2-fake"})
with headrig.bind(trace_id="xyz"):
    log.info("slow", extra={"event": "request_completed", "duration": 1500.0})
    for error in (ValueError("password=fake-hunter2-fake"), TimeoutError("database")):
        try:
            raise error
        except type(error):
            log.exception("refused" if isinstance(error, ValueError) else "timed out")
"""


@pytest.fixture
def root():
    """The root logger, as it was before when the test is over."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield root
    for handler in _Installed.handlers:
        handler.close()
    _Installed.settings, _Installed.handlers = None, ()
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """None of the variables set, and a directory of our own."""
    for name in ("LOG_LEVEL", "LOG_STRUCTURED", "LOG_FILE", "LOG_FILE_BUFFER_SIZE", "LOG_FILE_FLUSH_INTERVAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_runbook(tmp_path):
    """
    A service with only the runbook's variables set writes a file that answers each of the runbook's queries.
    """
    variables = {
        "LOG_LEVEL": "info",
        "LOG_STRUCTURED": "true",
        "LOG_FILE": "app.log",
        "LOG_FILE_BUFFER_SIZE": "100",
        "LOG_FILE_FLUSH_INTERVAL": "5000",
    }
    done = service(SERVICE, tmp_path, **variables)

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    for query, expected in QUERIES.items():
        said = subprocess.run(["bash", "-c", query], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (query, "", expected) == (query, said.stderr, [line.strip() for line in said.stdout.splitlines()])


def test_readme(tmp_path):
    """
    The README's service writes the line that the README shows.
    """
    text = (Path(__file__).parents[1] / "README.md").read_text().split("## In a Python service", 1)[1]
    code, shown = (
        re.search(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[1] for language in ("python", "json")
    )
    done = service(code, tmp_path, LOG_FILE="app.log")
    time = re.compile(r'"timestamp":"[^"]*"')

    assert (0, "") == (done.returncode, done.stderr)
    assert time.sub("", shown) == time.sub("", (tmp_path / "app.log").read_text())


def test_readme_calls(tmp_path):
    """
    The README's thresholds and alerts of a service run as they stand, and tell of the alert on standard error.
    """
    text = (Path(__file__).parents[1] / "README.md").read_text().split("### Thresholds and alerts of a service", 1)[1]
    code = re.search(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[1]
    done = service(code, tmp_path, LOG_FILE="app.log")
    said = done.stderr.splitlines()

    assert 0 == done.returncode
    assert ["FIRING high", "RESOLVED high"] == [line.split(" ", 1)[1].split(":")[0] for line in said]


def test_without_variables(tmp_path):
    """
    With nothing set, lines go to standard output, from INFO on.
    """
    done = service(SERVICE, tmp_path)

    assert ["quick", "slow", "refused", "timed out"] == [
        json.loads(line)["message"] for line in done.stdout.splitlines()
    ]


def test_text_for_people(tmp_path):
    """
    With LOG_STRUCTURED=false, text goes to standard error, redacted too, with the stack below its line; a file still
    gets JSON.
    """
    done = service(SERVICE, tmp_path, LOG_STRUCTURED="false", LOG_FILE="app.log")
    said = done.stderr.splitlines()

    assert said[0].endswith(" INFO  app.api: quick event=request_completed duration=12 api_key=[REDACTED:api_key]")
    assert "  ValueError: password=[REDACTED:password]" in said
    assert "" == done.stdout
    assert 4 == len([json.loads(line) for line in (tmp_path / "app.log").read_text().splitlines()])


def test_twice(root, tmp_path):
    """
    A second call changes nothing; one with other settings replaces the handler, and one that was removed comes back.
    """
    before = len(root.handlers)
    first = headrig.install(path="a.log")

    assert first is headrig.install(path="a.log")
    assert before + 1 == len(root.handlers)
    root.removeHandler(first)
    assert headrig.install(path="a.log") in root.handlers
    second = headrig.install(path="b.log")
    assert first not in root.handlers
    assert second in root.handlers
    assert before + 1 == len(root.handlers)


def test_others_are_left_alone(root):
    """
    Other handlers stay, and what they saw before they still see.
    """
    seen = []
    other = logging.Handler()
    other.emit = seen.append
    root.addHandler(other)
    root.setLevel(logging.DEBUG)
    ours = headrig.install(path="app.log", level="error")
    logging.getLogger("x").debug("low")
    logging.getLogger("x").error("high")
    ours.flush()

    assert ["low", "high"] == [record.msg for record in seen]
    assert 1 == ours.counts()["received"]


def test_arguments_come_before_variables(root, monkeypatch, tmp_path):
    """
    What is given as an argument is not taken from a variable.
    """
    monkeypatch.setenv("LOG_FILE", "variable.log")
    monkeypatch.setenv("LOG_LEVEL", "error")
    headrig.install(path=tmp_path / "argument.log", level=logging.DEBUG)
    logging.getLogger("x").debug("low")

    assert headrig.flush(5.0)
    assert ["argument.log"] == [path.name for path in tmp_path.glob("[!.]*")]
    assert '"low"' in (tmp_path / "argument.log").read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "loud"),
        ("LOG_STRUCTURED", "maybe"),
        ("LOG_FILE_BUFFER_SIZE", "-1"),
        ("LOG_FILE_FLUSH_INTERVAL", "5s"),
        ("LOG_HTTP_BUFFER_SIZE", "many"),
        ("LOG_HTTP_FLUSH_INTERVAL", "-1"),
    ],
)
def test_unusable_variables(root, monkeypatch, name, value):
    """
    A variable that cannot be used is an error that names it, and nothing is installed.
    """
    before = list(root.handlers)
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=f"environment: {name}: cannot be used; set"):
        headrig.install()
    assert before == root.handlers


def test_settings_show_no_secret():
    """
    What is kept of the settings does not show the secrets among them.
    """
    more = (("SLACK_WEBHOOK_URL", "https://hooks.example.com/canary"),)
    settings = _Settings(20, True, None, 100, 0.1, "http://127.0.0.1:9", "canary", more)

    assert "canary" not in f"{settings} {settings!r}"


def test_unusable_file(tmp_path):
    """
    A file that cannot be opened is an error that names its variable, and nothing else is said at exit.
    """
    done = service("import headrig\nheadrig.install()", tmp_path, LOG_FILE=str(tmp_path))
    said = [line for line in done.stderr.splitlines() if not line.startswith(" ")]

    assert 1 == done.returncode
    assert [
        "Traceback (most recent call last):",
        (
            f"headrig.errors.ConfigError: environment: LOG_FILE: cannot write '{tmp_path}': Is a directory; "
            "give a path that this process may write to"
        ),
    ] == said


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("~/app.log", "~ stays as it is; write the whole path"),
        ("$HOME/app.log", "a variable without braces stays as it is; write what it stands for"),
        ("app-%Y.log", "a date is not filled in; write one name"),
    ],
)
def test_file_that_nobody_expanded(root, monkeypatch, path, reason):
    """
    `LOG_FILE` is refused where it would be taken literally, as in a run.
    """
    monkeypatch.setenv("LOG_FILE", path)

    with pytest.raises(ConfigError, match=f"environment: LOG_FILE: {re.escape(reason)}"):
        headrig.install()
    assert [] == [handler for handler in root.handlers if isinstance(handler, headrig.Handler)]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            {"path": "/etc/passwd/x"},
            "path: cannot write '/etc/passwd/x': a folder on the way to it is a file; give a path",
        ),
        ({"path": "/proc/x.log"}, "path: cannot write '/proc/x.log': No such file or directory; give a path"),
        ({"path": "/"}, "path: cannot write '/': Is a directory; give a path"),
        ({"path": ""}, "path: cannot write '': No such file or directory; give a path"),
        ({"path": "a\0b"}, "path: cannot write 'a\\x00b': "),
        ({"path": 7}, "path: cannot be used: a number; give a path"),
        ({"level": "loud"}, "level: unknown value; give a number, or one of debug"),
        ({"structured": "no"}, "structured: cannot be used: a string; give True or False"),
        ({"flush_entries_max": -1}, "flush_entries_max: cannot be used: -1; give a whole number, 0 or more"),
        ({"flush_entries_max": 0.5}, "flush_entries_max: cannot be used: 0.5; give a whole number, 0 or more"),
        ({"flush_seconds": "1s"}, "flush_seconds: cannot be used: a string; give seconds, 0 or more"),
        ({"flush_seconds": -1}, "flush_seconds: cannot be used: -1; give seconds, 0 or more"),
        ({"flush_seconds": float("nan")}, "flush_seconds: cannot be used: nan; give seconds, 0 or more"),
        ({"ring": 0}, "ring: cannot be used: a number; give True or False"),
        ({"sync": "yes"}, "sync: cannot be used: a string; give True or False"),
        (
            {"sync": True, "to": "unix:/x"},
            "sync: lines that are shipped are not waited for; leave it out, or give no to",
        ),
        ({"to": "nowhere"}, "to: not an address; write unix:/path"),
        ({"token": "fake-s3cret"}, "to: is not set, though token is; set it"),
    ],
)
def test_unusable_arguments(root, arguments, complaint):
    """
    Any argument that cannot be used is a `ConfigError` that names it and what to give, and changes nothing.
    """
    before = list(root.handlers)

    with pytest.raises(ConfigError) as raised:
        headrig.install(**arguments)

    assert str(raised.value).startswith(complaint)
    assert "s3cret" not in str(raised.value)
    assert before == root.handlers


def test_imports(tmp_path):
    """
    A file-only install imports neither msgspec nor asyncio nor aiohttp, and `import headrig` imports nothing of ours.
    """
    code = """
import sys, threading
import headrig
assert not [name for name in sys.modules if name.startswith("headrig.")]
headrig.install()
import logging
logging.getLogger().info("x")
headrig.flush()
assert [] == sorted({"msgspec", "asyncio", "aiohttp", "uvloop", "prometheus_client"} & set(sys.modules))
assert 1 == threading.active_count()
"""
    done = service(code, tmp_path, LOG_FILE="app.log")

    assert (0, "") == (done.returncode, done.stderr)
