"""`headrig redact` in place and to a file: whole or not at all, and never over what is being read."""

import gzip
import os
import signal
import stat
import subprocess

import pytest
from headrig_process import COMMAND, headrig

from headrig.cli.filtering import LONG_LINE_BYTES_MAX

LINES = '{"user":"adä","password":"fake-correct-horse"}\r\n\r\nplain 日本 password=fake-hunter2 \U0001f600\n'
REDACTED = '{"user":"adä","password":"[REDACTED:password]"}\r\n\r\nplain 日本 password=[REDACTED:password] \U0001f600\n'
SELF = {
    "truncated": '"$@" redact x > x',
    "standard input": '"$@" redact < x > x',
    "appended": '"$@" redact x >> x',
    "both ways": '"$@" redact x 1<> x',
    "other name": 'ln -s x y; "$@" redact y >> x',
    "hard link": 'ln x y; "$@" redact y >> x',
}


@pytest.mark.parametrize("command", SELF.values(), ids=SELF)
def test_input_is_output(command, tmp_path):
    """
    Output to the file that is being read is refused, as `cat` does it: it would be read for ever, or lost.
    """
    (tmp_path / "x").write_bytes(b"line\n")
    done = subprocess.run(["/bin/sh", "-c", command, "sh", *COMMAND], cwd=tmp_path, capture_output=True, check=False)

    assert 65 == done.returncode
    assert b": input file is output file; write to another one, or use --in-place\n" in done.stderr
    assert (tmp_path / "x").read_bytes() == (b"" if command.endswith(" > x") else b"line\n")


def test_in_place(tmp_path):
    """
    `--in-place` replaces each file and keeps its mode and attributes; a file without a secret is not touched.
    """
    (tmp_path / "a").write_text(LINES)
    (tmp_path / "b").write_bytes(b"nothing\r\n")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "link").symlink_to("a")
    before = (tmp_path / "b").stat()
    done = headrig("redact", "--in-place", "link", "b", cwd=tmp_path)

    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)
    assert REDACTED.encode() == (tmp_path / "a").read_bytes()
    assert 0o640 == stat.S_IMODE((tmp_path / "a").stat().st_mode)
    assert (tmp_path / "link").is_symlink()
    assert (before.st_ino, before.st_mtime_ns) == ((tmp_path / "b").stat().st_ino, (tmp_path / "b").stat().st_mtime_ns)
    assert ["a", "b", "link"] == sorted(os.listdir(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_stays(tmp_path):
    """
    The owner of a file stays, and who may not give it away leaves it as it is.
    """
    (tmp_path / "a").write_text(LINES)
    os.chown(tmp_path / "a", 1234, 4321)

    assert 0 == headrig("redact", "-i", "a", cwd=tmp_path).returncode
    assert (1234, 4321) == ((tmp_path / "a").stat().st_uid, (tmp_path / "a").stat().st_gid)


def not_replaced(folder):
    """Files that are left as they are, with what is said."""
    (folder / "truncated.gz").write_bytes(gzip.compress(LINES.encode() * 100)[:-12])
    (folder / "long").write_bytes(b"x" * (LONG_LINE_BYTES_MAX + 500_000))
    (folder / "linked").write_text(LINES)
    (folder / "other").hardlink_to(folder / "linked")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    return {
        "truncated.gz": "its gzip data ends too early; what came before was read; it is as it was",
        "long": "this line is longer than 16 MiB",
        "linked": "has another name (a hard link), which would keep the secrets; use --output",
        "folder": "is no regular file; read it without --in-place",
        "missing": "No such file or directory; give a readable file; it is as it was",
    }


def test_not_replaced(tmp_path):
    """
    A file that cannot be read whole, or replaced, is left as it is, and said; the others are replaced.
    """
    said = not_replaced(tmp_path)
    (tmp_path / "good").write_text(LINES)
    before = {name: (tmp_path / name).read_bytes() for name in ("truncated.gz", "long", "linked")}
    done = headrig("redact", "-i", *said, "good", cwd=tmp_path)

    assert 0 != done.returncode
    for line, (name, what) in zip(done.stderr.decode().splitlines(), said.items(), strict=True):
        assert line.startswith(f"headrig redact: {name}:")
        assert what in line
    assert before == {name: (tmp_path / name).read_bytes() for name in before}
    assert REDACTED.encode() == (tmp_path / "good").read_bytes()
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_killed_in_place(number, tmp_path):
    """
    Killed in the midst of it, the old file is whole; but for SIGKILL nothing is left beside it.
    """
    content = (LINES * 200_000).encode()
    (tmp_path / "a").write_bytes(content)
    with subprocess.Popen([*COMMAND, "redact", "-i", "a"], cwd=tmp_path, stderr=-1) as filtering:
        while filtering.poll() is None and not any(
            name.endswith(".tmp") and (tmp_path / name).stat().st_size for name in os.listdir(tmp_path)
        ):
            os.sched_yield()
        filtering.send_signal(number)
        assert -number == filtering.wait(timeout=20)

    assert content == (tmp_path / "a").read_bytes()
    assert number == signal.SIGKILL or ["a"] == os.listdir(tmp_path)


def test_output(tmp_path):
    """
    `--output` is there when everything was read, and may be an input; else it stays away, or as it was.
    """
    (tmp_path / "a").write_text(LINES)
    umask = os.umask(0o027)
    try:
        made = headrig("redact", "a", "-", "-o", "new", stdin=b"more", cwd=tmp_path)
    finally:
        os.umask(umask)
    same = headrig("redact", "a", "--output", "a", cwd=tmp_path)
    short = headrig("redact", "a", "missing", "-o", "none", cwd=tmp_path)

    assert (0, REDACTED.encode() + b"more") == (made.returncode, (tmp_path / "new").read_bytes())
    assert 0o640 == stat.S_IMODE((tmp_path / "new").stat().st_mode)
    assert (0, REDACTED.encode()) == (same.returncode, (tmp_path / "a").read_bytes())
    assert (65, False) == (short.returncode, (tmp_path / "none").exists())
    assert b"headrig redact: none: not written, because not everything could be read\n" in short.stderr


@pytest.mark.parametrize("target", ["/dev/full", "missing/out", "/proc/out", ".", "file/out"])
def test_output_that_cannot_be_written(target, tmp_path):
    """
    An output that takes nothing is a failure with a word, not a traceback.
    """
    (tmp_path / "file").write_bytes(b"")
    done = headrig("redact", "-o", target, stdin=b"line\n", cwd=tmp_path)

    assert done.returncode in (73, 74)
    assert target.encode() in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [["-i", "-o", "x", "a"], ["-i", "--explain", "a"], ["--explain", "--stats", "json"], ["-i"], ["-i", "-"], ["-o"]],
    ids=" ".join,
)
def test_usage(words):
    """
    Options that say two things, or `--in-place` without a file, are a wrong usage.
    """
    assert 64 == headrig("redact", *words, stdin=b"line\n").returncode
