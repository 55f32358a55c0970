"""`headrig verify`: fake secrets through a copy of the settings; whatever comes out is looked at, or said not to be."""

import os
import re
import signal
import subprocess
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from headrig_process import COMMAND, environment, headrig

SOURCES = {
    "tcp": '[sources.in]\ntype = "tcp"\nlisten = "127.0.0.1:9020"\n',
    "udp": '[sources.in]\ntype = "udp"\nlisten = "127.0.0.1:9020"\nallow_from = ["10.0.0.0/8"]\n',
    "unix": '[sources.in]\ntype = "unix"\npath = "in.sock"\n',
    "http": '[sources.in]\ntype = "http"\nlisten = "127.0.0.1:9020"\ntoken = "fake-token-fake-token-fake-token"\n',
    "mounted": '[http]\nlisten = "127.0.0.1:9600"\ntoken = "fake-token-fake-token-fake-token"\n[sources.in]\ntype = "http"\n',
    "stdin": '[sources.in]\ntype = "stdin"\n',
}
SINKS = {
    "file": '[sinks.out]\ntype = "file"\npath = "made/out.log"\n',
    "stdout": '[sinks.out]\ntype = "stdout"\n',
    "http": '[sinks.out]\ntype = "http"\nendpoint = "https://logs.example/x"\nauth_header = "Bearer fake"\n',
    "array": '[sinks.out]\ntype = "http"\nendpoint = "https://logs.example"\nformat = "array"\ncompression = "none"\n',
    "forward": '[sinks.out]\ntype = "forward"\nto = "http://logs.example:9600"\ntoken = "fake-token-fake-token-fake-token"\n',
    "socket": '[sinks.out]\ntype = "forward"\nto = "unix:/nowhere/headrig.sock"\n',
}
NOTIFIERS = {
    "console": '[notifiers.me]\ntype = "console"\n',
    "slack": '[notifiers.me]\ntype = "slack"\nurl = "https://hooks.slack.com/services/T0/B0/EXAMPLE-EXAMPLE"\n',
}
PLAIN = SOURCES["tcp"] + SINKS["file"]


def verify(settings: str, folder: Path, *more: str) -> subprocess.CompletedProcess:
    (folder / "headrig.toml").write_text(settings)
    return headrig("verify", "-c", "headrig.toml", *more, cwd=folder)


def all_of(kind: str, tables: dict[str, str]) -> str:
    """One settings file with every kind of a component."""
    return "".join(
        re.sub(rf"\[{kind}\.\w+\]", f"[{kind}.{name}]", text).replace(":9020", f":{9020 + at}")
        for at, (name, text) in enumerate(tables.items())
    )


ALL = all_of("sources", SOURCES) + all_of("sinks", SINKS) + all_of("notifiers", NOTIFIERS)
WAYS = {
    *(f"sources.{source} -> sinks.{sink}" for source in SOURCES for sink in SINKS),
    *(f"sources.{source} -> /metrics" for source in SOURCES),
    *(f"notices -> notifiers.{notifier}" for notifier in NOTIFIERS),
    "handler -> its file",
}


def test_every_way(tmp_path):
    """
    Every kind of source, sink and notifier is looked at, whatever keeps others out or lies on another machine; nothing that
    the settings name is made or asked.
    """
    done = verify(ALL, tmp_path)
    *ways, last = done.stdout.decode().splitlines()

    assert (0, b"") == (done.returncode, done.stderr)
    assert {f"{way}: clean" for way in WAYS} == set(ways)
    assert f"{len(WAYS)} ways: {len(WAYS)} clean, 0 with leaks, 0 not looked at" == last
    assert ["headrig.toml"] == os.listdir(tmp_path)


LOOSE = {
    "off": "[redact]\nenabled = false\n",
    "a rule": '[redact]\ndisable = ["github_token"]\n',
    "a key": '[redact]\nallow_keys = ["password"]\n',
}


@pytest.mark.parametrize("loose", LOOSE)
def test_leaks(loose, tmp_path):
    """
    A secret that comes out is a leak, at every sink and in every notice, and ends with 1; it is not printed.
    """
    done = verify(ALL + LOOSE[loose], tmp_path)
    ways = dict(line.split(": ", 1) for line in done.stdout.decode().splitlines())

    assert 1 == done.returncode
    for way in WAYS - {"handler -> its file"}:
        assert ways[way].startswith("LEAK: ") or (way.endswith("/metrics") and loose == "a key")
    assert "clean" == ways["handler -> its file"]
    assert b"ghp_" not in done.stdout


@pytest.fixture
def others():
    """Another machine: its address, what came there by path, and what it answers to whom."""
    came: dict[str, list[str]] = {}
    answers: dict[str, tuple[int, bytes]] = {}

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = zlib.decompress(body, wbits=31) if self.headers["Content-Encoding"] == "gzip" else body
            came.setdefault(self.path, []).append(f"{self.headers['Authorization']} {body.decode()}")
            status, text = answers.get(self.path, (200, b"ok"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", came, answers
        finally:
            server.shutdown()
            serving.join()


REMOTE = """
[sinks.lines]
type = "http"
endpoint = "{0}/lines?key=fake"
auth_header = "Bearer fake-lines-token"
[sinks.next]
type = "forward"
to = "{0}"
token = "fake-token-fake-token-fake-token"
[notifiers.me]
type = "slack"
url = "{0}/services/T0/B0/EXAMPLE-EXAMPLE"
"""


def test_remote(others, tmp_path):
    """
    When asked for, what was clean is sent to where the settings say, with their credentials, and each side tells whether it
    took all of it. Without, nothing is sent.
    """
    url, came, _ = others
    settings = PLAIN + REMOTE.format(url)
    assert 0 == verify(settings, tmp_path).returncode
    assert {} == came

    done = verify(settings, tmp_path, "--remote")
    said = done.stdout.decode().splitlines()
    taken = [f"{path} -> {url}: clean, and taken" for path in ("sinks.lines", "sinks.next", "notifiers.me")]
    assert (0, b"") == (done.returncode, done.stderr)
    assert taken == said[-5:-2]
    assert {"/lines?key=fake", "/ingest", "/services/T0/B0/EXAMPLE-EXAMPLE"} == set(came)
    for path, credential in (("/lines?key=fake", "fake-lines-token"), ("/ingest", "fake-token-fake-token-fake-token")):
        text = "".join(came[path])
        assert text.count("canary") == 5
        assert credential in text
        assert "[REDACTED" in text
        assert "ghp_" not in text


def test_remote_is_sent_nothing_that_is_not_clean(others, tmp_path):
    """
    Where a secret would come out, nothing is sent; the leak ends it with 1 as before.
    """
    url, came, _ = others
    done = verify(PLAIN + REMOTE.format(url) + LOOSE["a rule"], tmp_path, "--remote")

    assert 1 == done.returncode
    assert f"sinks.lines -> {url}: not looked at: nothing is sent that is not clean\n" in done.stdout.decode()
    assert {} == came


def test_remote_refuses(others, tmp_path):
    """
    A side that does not take it is named with the reason, without a credential, and is no success.
    """
    url, _, answers = others
    answers |= {"/lines?key=fake": (401, b"no"), "/services/T0/B0/EXAMPLE-EXAMPLE": (403, b"invalid_token")}
    done = verify(PLAIN + REMOTE.format(url), tmp_path, "--remote")
    said = done.stdout.decode()

    assert 69 == done.returncode
    assert f"sinks.next -> {url}: clean, and taken\n" in said
    for path, status in (("sinks.lines", "401"), ("notifiers.me", "403")):
        line = next(line for line in said.splitlines() if line.startswith(f"{path} -> {url}"))
        assert ": not looked at: the other side took 0 of 5: " in line
        assert status in line
    assert not any(word in said for word in ("fake", "EXAMPLE"))


def test_defaults(tmp_path):
    """
    Without a file the built-in defaults are verified, also while a run has their ports.
    """
    done = headrig("verify", cwd=tmp_path)

    assert (0, b"") == (done.returncode, done.stderr)
    assert [] == os.listdir(tmp_path)


def test_what_is_not_looked_at(tmp_path):
    """
    What did not come to a sink is said, and is no success.
    """
    (tmp_path / "headrig.toml").write_text(PLAIN)
    code = (
        "import sys\nfrom headrig.cli import main, rehearsal\n"
        "rehearsal.Rehearsal.written = lambda *_: ''\nsys.exit(main(['verify', '-c', 'headrig.toml']))"
    )
    blind = subprocess.run([COMMAND[0], "-c", code], cwd=tmp_path, env=environment(), capture_output=True, check=False)

    assert 69 == blind.returncode
    assert b"sources.in -> sinks.out: not looked at: 5 of 5 lines did not come\n" in blind.stdout


def test_bad_settings(tmp_path):
    """
    Settings that cannot be used end it with 78; a wrong usage with 64.
    """
    assert 78 == verify("[redact]\nkey = 1\n", tmp_path).returncode
    assert 64 == headrig("verify", "file", cwd=tmp_path).returncode


def test_signal(tmp_path):
    """
    A signal ends it, and nothing stays behind.
    """
    (tmp_path / "headrig.toml").write_text(PLAIN)
    (tmp_path / "tmp").mkdir()
    more = environment(TMPDIR=str(tmp_path / "tmp"))
    with subprocess.Popen(
        [*COMMAND, "verify", "-c", "headrig.toml"], cwd=tmp_path, env=more, stdout=-1, stderr=-1
    ) as verifying:
        while verifying.poll() is None and not list((tmp_path / "tmp").glob("*/*")):
            os.sched_yield()
        verifying.send_signal(signal.SIGINT)
        assert b"Traceback" not in verifying.communicate(timeout=30)[1]

    assert verifying.returncode in (130, 0)
    assert [] == os.listdir(tmp_path / "tmp")
