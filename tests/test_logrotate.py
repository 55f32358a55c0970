"""Debian's logrotate with the runbook's stanza, forced under load: a service of two processes, and `headrig run`."""

import gzip
import json
import shutil
import subprocess
from collections import Counter

import pytest
from running import running, until
from service_process import INSTALLED, started

LOGROTATE = shutil.which("logrotate") or "/usr/sbin/logrotate"
pytestmark = pytest.mark.skipif(shutil.which(LOGROTATE) is None, reason="logrotate is not installed")

STANZA = """{folder}/*.log {{
    daily
    rotate 7000
    compress
    delaycompress
    missingok
    notifempty
    {more}
}}
"""
"""The runbook's, but that all files are kept to be counted."""
ROTATIONS = 12
BURSTS = (
    INSTALLED
    + """
import itertools
for n in itertools.count():
    log.info("x" * 100, extra={"n": n, "by": os.getpid()})
    if n % 50 == 49:
        assert headrig.flush()
        if os.path.exists("stop"): break
print(n + 1)
"""
)
"""Logs until the file `stop` is there, no faster than it is written; prints how many lines."""
MORE = {
    "as it stands": "",
    "create": "create 0640",
    "compressed at once": "nodelaycompress",
    "dated": "dateext\n    dateformat -%Y%m%d-%s",
    "with a signal": "create 0640\n    postrotate\n        kill -{signal} {pids}\n    endscript",
}


def rotate(tmp_path, more):
    """Rotate once. A second rotation within a second, whose name by date is taken, is none."""
    settings = tmp_path / "logrotate.conf"
    settings.write_text(STANZA.format(folder=tmp_path, more=more))
    command = [LOGROTATE, "--force", "--state", str(tmp_path / "state"), str(settings)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr) or ("dateext" in more and "already exists" in done.stderr)


def until_new(tmp_path):
    """Until there are lines under the name that was just rotated away."""
    log = tmp_path / "app.log"
    until(lambda: log.exists() and log.stat().st_size > 0)


def counted(tmp_path):
    """How often each line stands in all files together."""
    lines = []
    for path in tmp_path.glob("app.log*"):
        lines += (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).splitlines()
    return Counter((line["by"], line["n"]) for line in map(json.loads, lines))


@pytest.mark.parametrize("more", MORE.values(), ids=MORE)
def test_service(tmp_path, more):
    """
    Each line of both processes is in one of the files, once and whole, and each rotation finds new lines under the old name.
    """
    with started(BURSTS, tmp_path) as one, started(BURSTS, tmp_path) as other:
        until_new(tmp_path)
        for _ in range(ROTATIONS):
            rotate(tmp_path, more.format(signal="USR1", pids=f"{one.pid} {other.pid}"))
            until_new(tmp_path)
        (tmp_path / "stop").touch()
        numbers = {each.pid: int(each.communicate()[0]) for each in (one, other)}
    lines = counted(tmp_path)

    assert {(by, n) for by, count in numbers.items() for n in range(count)} == set(lines)
    assert {1} == set(lines.values())
    assert not list(tmp_path.glob("*.backup"))
    assert ("dateext" in more) or ROTATIONS < len(list(tmp_path.glob("app.log*")))


@pytest.mark.parametrize("more", MORE.values(), ids=MORE)
def test_run(tmp_path, more):
    """
    The same for the file sink of `headrig run`: 100 lines at a time come over TCP, whatever is rotated meanwhile.
    """
    sent = 0
    with running(tmp_path) as run:
        for _ in range(ROTATIONS):
            for _ in range(10):
                run.send(b"".join(b'{"by":0,"n":%d}\n' % (sent + n) for n in range(100)))
                sent += 100
            until_new(tmp_path)
            rotate(tmp_path, more.format(signal="HUP", pids=run.process.pid))
        run.send(b'{"by":0,"n":%d}\n' % sent)
        until(lambda: sum(counted(tmp_path).values()) >= sent + 1)
    lines = counted(tmp_path)

    assert {(0, n) for n in range(sent + 1)} == set(lines)
    assert {1} == set(lines.values())
    assert not list(tmp_path.glob("*.backup"))
