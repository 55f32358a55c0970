"""`headrig verify`: fake secrets through a copy of the settings; whatever comes out is looked at, or said not to be."""

import os
import re
import signal
import subprocess
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


def verify(settings: str, folder: Path) -> subprocess.CompletedProcess:
    (folder / "headrig.toml").write_text(settings)
    return headrig("verify", "-c", "headrig.toml", cwd=folder)


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
