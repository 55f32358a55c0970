"""`headrig redact`: a filter of bytes, files or standard input to standard output."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from headrig_process import COMMAND, headrig

SECRET = b'{"user":"ada","password":"fake-correct-horse"}\n'
REDACTED = b'{"user":"ada","password":"[REDACTED:password]"}\n'


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"\n",
        b"\n\n\n",
        b"{}",
        b"{}\n",
        b'{"a": 1.50,\t"b" : "\\u00e9\xc3\xa9"}\n\nplain text\n[1, 2]',
        b"{\x00}\n\xff\xfe\n" * 3,
        b'{"a":"' + b"x" * 3_000_000 + b'"}\n{"short":1}',
        b'{"a":1}\r\n\r\nplain\r\n{"b":2}\r',
        b'\xef\xbb\xbf{"a":1}\n\xef\xbb\xbfplain\n\xef\xbb\xbf\r\n\r',
    ],
    ids=range(10),
)
def test_untouched(lines):
    """
    Bytes without a secret come out as they went in, the missing newline at the end included.
    """
    done = headrig("redact", stdin=lines)

    assert (0, b"") == (done.returncode, done.stderr)
    assert lines == done.stdout


def test_secret():
    """
    A secret is masked, by default rules.
    """
    assert REDACTED * 2 == headrig("redact", stdin=SECRET * 2).stdout


def test_line_ends():
    """
    A byte order mark before a line and a carriage return behind it hide no secret; they stay, so none is counted.
    """
    mark = b"\xef\xbb\xbf"
    done = headrig("redact", "--stats", "json", stdin=b"%b%b\r\n" % (mark, SECRET[:-1]) * 2 + b"password=fake-pw\r\n")

    assert b"%b%b\r\n" % (mark, REDACTED[:-1]) * 2 + b"password=[REDACTED:password]\r\n" == done.stdout
    assert {} == json.loads(done.stderr)["normalized"]


def test_last_line_without_newline():
    """
    A last line without a newline is redacted and gains none.
    """
    assert REDACTED[:-1] == headrig("redact", stdin=SECRET[:-1]).stdout


def test_many_blocks():
    """
    Input of many blocks is one stream of lines.
    """
    lines = b"".join(b'{"n":%d,"pad":"%s"}\n' % (number, b"x" * (number % 977)) for number in range(12_000))
    done = headrig("redact", "--stats", "json", stdin=lines)

    assert lines == done.stdout
    assert 12_000 == json.loads(done.stderr)["lines_in"]


def test_files(tmp_path):
    """
    Files come one after the other, `-` is standard input, and a line never runs into the next file's.
    """
    (tmp_path / "a").write_bytes(SECRET[:-1])
    (tmp_path / "b").write_bytes(b"")
    (tmp_path / "c").write_bytes(b"last")
    done = headrig("redact", "a", "b", "-", "c", stdin=b"middle", cwd=tmp_path)

    assert REDACTED + b"middle\nlast" == done.stdout


def test_missing_file(tmp_path):
    """
    A file that cannot be read is named, the others are processed, and it ends with 65.
    """
    (tmp_path / "here").write_bytes(SECRET)
    done = headrig("redact", "gone", ".", "here", cwd=tmp_path)

    assert (65, REDACTED) == (done.returncode, done.stdout)
    assert [
        b"headrig redact: gone: No such file or directory; give a readable file",
        b"headrig redact: .: Is a directory; give a readable file",
    ] == done.stderr.splitlines()


def test_stats(tmp_path):
    """
    `--stats json` ends standard error with one object that adds up.
    """
    lines = SECRET * 2 + b'{"broken":\n\n{"password":"fake-third-one"}\n'
    done = headrig("redact", "gone", "-", "--stats", "json", stdin=lines, cwd=tmp_path)
    said = done.stderr.decode().splitlines()
    stats = json.loads(said[-1])
    seconds = stats.pop("seconds")

    assert 2 == len(said)
    assert {
        "lines_in": 5,
        "lines_out": 5,
        "bytes_in": len(lines),
        "bytes_out": len(done.stdout),
        "broken": {"truncated": 1},
        "dropped": {},
        "redactions": {"password": 3},
        "normalized": {},
    } == stats
    assert 0 < seconds < 60


def test_broken_lines():
    """
    A line that is no JSON is redacted as text, passes unwrapped, and is no failure.
    """
    done = headrig("redact", stdin=b'login password=fake-hunter2 ok\n{"cut":')

    assert (0, b'login password=[REDACTED:password] ok\n{"cut":') == (done.returncode, done.stdout)


def test_reader_that_leaves():
    """
    A closed pipe ends it quietly.
    """
    with subprocess.Popen([*COMMAND, "redact"], stdin=-1, stdout=-1, stderr=-1) as filtering:
        filtering.stdin.write(b"first\n")
        filtering.stdin.flush()
        first = filtering.stdout.readline()
        filtering.stdout.close()
        filtering.stdin.write(b"second\n")
        filtering.stdin.close()
        said = filtering.stderr.read()

    assert (b"first\n", b"", 0) == (first, said, filtering.returncode)


def test_interrupt(tmp_path):
    """
    An interrupt ends it at once, also while its reader takes nothing.
    """
    (tmp_path / "long").write_bytes(SECRET * 100_000)
    with subprocess.Popen([*COMMAND, "redact", tmp_path / "long"], stdout=-1, stderr=-1) as filtering:
        first = filtering.stdout.read(1)
        filtering.send_signal(signal.SIGINT)

        assert (b"{", -signal.SIGINT) == (first, filtering.wait(timeout=20))


def test_full_disk():
    """
    Standard output that takes no more ends it with 74.
    """
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, "redact"], input=b"line\n", stdout=full, stderr=-1, check=False)

    assert (74, b"headrig redact: standard output: No space left on device; free some space\n") == (
        done.returncode,
        done.stderr,
    )


def test_closed_output():
    """
    Standard output that is closed ends it with 74 and a remedy that fits.
    """
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *COMMAND, "redact"], input=b"line\n", stderr=-1, check=False
    )
    said = b"headrig redact: standard output: Bad file descriptor; it is closed, or open for reading only: "

    assert (74, said + b"give it a file or a pipe\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize("verb", [("redact", "-c"), ("run", "-c"), ("validate",)])
def test_settings_from_a_dash(verb):
    """
    A dash is no settings file.
    """
    done = headrig(*verb, "-")

    assert 64 == done.returncode
    assert b"settings are read from a file, and - names none; write ./- for a file of that name" in done.stderr


def test_settings(tmp_path):
    """
    With `-c` the `[redact]` of a file applies, and nothing else of it.
    """
    settings = tmp_path / "headrig.toml"
    settings.write_text('[redact]\nkeys = ["badge"]\ntoken = { keep_last = 2 }\n[sinks.out]\ntype = "moon"\n')
    done = headrig("redact", "-c", str(settings), stdin=b'{"badge":"fake-1234567890"}\n\n')

    assert (b"", '{"badge":"[REDACTED:badge:…90]"}\n\n') == (done.stderr, done.stdout.decode())


def test_bad_settings(tmp_path):
    """
    Settings that cannot be used end it with 78 before anything is written.
    """
    settings = tmp_path / "headrig.toml"
    settings.write_text("[redact]\nkey = 1\n[[redact.rules]]\nname = 7\n")
    done = headrig("redact", "-c", str(settings), stdin=SECRET)

    assert (78, b"") == (done.returncode, done.stdout)
    assert [
        f"{settings}:2: redact.key: unknown key; did you mean keys?",
        f"{settings}:4: redact.rules[0].name: expected a string, got a number; write it in quotes",
    ] == done.stderr.decode().splitlines()


def test_it_starts_light():
    """
    Without `-c` nothing is imported that a filter has no use for.
    """
    code = "import sys; from headrig.cli import main; main(['redact']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], input=SECRET, capture_output=True, check=True)
    heavy = {"aiohttp", "asyncio", "json", "logging", "msgspec", "prometheus_client", "tomllib", "uvloop"}

    assert REDACTED == done.stdout
    assert set() == heavy & set(done.stderr.decode().split())
