"""`headrig redact` and the forms of files: compressed, in other encodings, damaged, long lines; in place and to a file."""

import codecs
import gzip
import os
import random
import socket
import subprocess
import time
from pathlib import Path

import pytest
from headrig_process import COMMAND, headrig
from hypothesis import given, settings
from hypothesis import strategies as st

from headrig.cli.filtering import FILTER, LONG_LINE_BYTES_MAX
from headrig.cli.redact import _to_descriptor, _Totals
from headrig.engine import Engine

ENGINE = Engine(FILTER)
PARTS = [
    *(
        b"\n",
        b"\r\n",
        b"\r",
        b"\r\r\n",
        b"\n\n",
        b"\0",
        b" ",
        b"\t",
        b"\x0b",
        b"\x0c",
        b"\x1b[0m",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
    ),
    *("\u2028", "\u0085", "\u00a0", "é", "日本", "\U0001f600"),
    *('{"a":1}', '{"a": [1, 2.50, -0, 1E5, NaN, -Infinity]}', '{"a":"\\ud83d"}', '{"a":"\\u00e9\\/"}', '{"a":1,"a":2}'),
    *('{"cut":', "[1, 2]", "{", "}", '"', "plain text", "x" * 300, "2026-11-30 12:00:00 INFO started", "[]", "null"),
]
"""What no rule takes, in all the ways in which a line may end, begin and be broken."""
SECRET_FREE = st.lists(
    st.sampled_from([part if isinstance(part, bytes) else part.encode() for part in PARTS]), max_size=40
)
LINES = '{"user":"adä","password":"fake-correct-horse"}\r\n\r\nplain 日本 password=fake-hunter2 \U0001f600\n'
REDACTED = '{"user":"adä","password":"[REDACTED:password]"}\r\n\r\nplain 日本 password=[REDACTED:password] \U0001f600\n'
ENCODINGS = {
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def zstd(lines: bytes, *options: str) -> bytes:
    return subprocess.run(["zstd", "-qc", *options], input=lines, capture_output=True, check=True).stdout


def unzstd(lines: bytes) -> bytes:
    return subprocess.run(["zstd", "-dqc"], input=lines, capture_output=True, check=True).stdout


COMPRESSIONS = {"gzip": (gzip.compress, gzip.decompress), "zstd": (zstd, unzstd)}


def filtered(content: bytes, folder: Path) -> bytes:
    """A file through the verb, in this process."""
    source, target = folder / "in", folder / "out"
    source.write_bytes(content)
    with target.open("wb") as out:
        code = _to_descriptor(ENGINE, _Totals(), [str(source)], out.fileno(), "out")
    assert 0 == code
    return target.read_bytes()


@given(parts=SECRET_FREE)
@settings(max_examples=150, deadline=None)
def test_nothing_else_changes(parts, tmp_path_factory):
    """
    What no rule takes comes out byte for byte: line ends of any sort, marks, zeros, blank lines, broken ones, no last newline.
    """
    content = b"a" + b"".join(parts)

    assert content == filtered(content, tmp_path_factory.getbasetemp())


@given(
    parts=SECRET_FREE,
    encoding=st.sampled_from(sorted(ENCODINGS)),
    mark=st.booleans(),
    rest=st.sampled_from([b"", b"a"]),
)
@settings(max_examples=100, deadline=None)
def test_nothing_else_changes_in_other_encodings(parts, encoding, mark, rest, tmp_path_factory):
    """
    So it is in UTF-16, with a byte order mark or without, and UTF-32; also a last byte that is no character.
    """
    text = b"ab" + b"".join(part for part in parts if part != b"\xff\xfe")
    mark = mark or encoding.startswith("utf-32")
    content = ENCODINGS[encoding] * mark + text.decode().encode(encoding) + rest

    assert content == filtered(content, tmp_path_factory.getbasetemp())


def line_ends():
    """Twenty files with secrets between line ends of all sorts."""
    seeded = random.Random(16)
    ends = [b"\n", b"\r\n", b"\r\r\n", b"\n\r\n"]
    for _ in range(20):
        kept = [
            seeded.choice([b"", b"\xef\xbb\xbf"]) + seeded.choice([b'{"n":1,"password":"%b"}', b"x password=%b"])
            for _ in range(9)
        ]
        yield b"".join(line + seeded.choice(ends) for line in kept) + seeded.choice([b"", b"\r", b"last", b"last\r"])


@pytest.mark.parametrize("content", list(line_ends()), ids=range(20))
def test_line_ends(content, tmp_path):
    """
    A byte order mark before a line and a carriage return behind it hide no secret, and stay where they were.
    """
    secret, token = b"fake-correct-horse-1", b"[REDACTED:password]"

    assert content.replace(b"%b", token) == filtered(content.replace(b"%b", secret), tmp_path)


@pytest.mark.parametrize("form", COMPRESSIONS)
@pytest.mark.parametrize("door", ["file", "pipe", "in_place", "output"])
def test_compressed(form, door, tmp_path):
    """
    A compressed file is redacted, and written as it was compressed, by whatever name and way it comes.
    """
    compress, decompress = COMPRESSIONS[form]
    source, content = tmp_path / "app.log", compress(LINES.encode() * 3000)
    source.write_bytes(content)
    words = {"file": ["app.log"], "pipe": [], "in_place": ["-i", "app.log"], "output": ["app.log", "-o", "new"]}
    done = headrig("redact", *words[door], stdin=content, cwd=tmp_path)
    out = {"in_place": source, "output": tmp_path / "new"}.get(door)

    assert (0, b"") == (done.returncode, done.stderr)
    assert REDACTED.encode() * 3000 == decompress(done.stdout if out is None else out.read_bytes())


@pytest.mark.parametrize("form", COMPRESSIONS)
@pytest.mark.parametrize("cut", [0, 1, 17, 46, 47, 60])
def test_members(form, cut, tmp_path):
    """
    Members and frames one behind the other are one text, also where a line is cut between them.
    """
    compress, decompress = COMPRESSIONS[form]
    text = LINES.encode()
    (tmp_path / "app.log").write_bytes(compress(text[:cut]) + compress(text[cut:]) + compress(b""))

    assert REDACTED.encode() == decompress(headrig("redact", "app.log", cwd=tmp_path).stdout)


@pytest.mark.parametrize("form", COMPRESSIONS)
def test_truncated(form, tmp_path):
    """
    Compressed data that ends too early or is damaged ends it with 65 and a word; what came before is there, redacted.
    """
    compress, decompress = COMPRESSIONS[form]
    text = b"".join(b'{"n":%d,"password":"fake-%d"}\n' % (n, n * 7919 % 10007) for n in range(20_000))
    whole = compress(text)
    said = set()
    for cut in [10, *range(len(whole) // 2, len(whole), len(whole) // 12)]:
        done = headrig("redact", stdin=whole[:cut])
        said.add((done.returncode, done.stderr))
        before = decompress(done.stdout) if done.stdout else b""
        assert b"fake-" not in before
        assert before.count(b"\n") > 1000 or cut < len(whole) // 2 or form == "zstd"
    damaged = headrig("redact", stdin=whole[: len(whole) // 2] + b"\0" * 500 + whole[len(whole) // 2 :])

    assert {(65, b"headrig redact: -: its %b data ends too early; what came before was read\n" % form.encode())} == said
    assert (65, b"headrig redact: -: its %b data is damaged; what came before was read\n" % form.encode()) == (
        damaged.returncode,
        damaged.stderr,
    )


@pytest.mark.parametrize("form", COMPRESSIONS)
def test_bomb(form, tmp_path):
    """
    A small file that decompresses to very much is read block by block: memory is bounded.
    """
    compress, _ = COMPRESSIONS[form]
    line = b"a line of three hundred bytes  " * 10 + b"\n"
    (tmp_path / "bomb").write_bytes(compress(line * 600_000))
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_DATA, (160 << 20, 160 << 20))\n"
    code += "from headrig.cli import main; sys.exit(main(['redact', 'bomb', '--stats', 'json']))"
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run([COMMAND[0], "-c", code], stdout=out, stderr=-1, cwd=tmp_path, check=False)

    assert 0 == done.returncode, done.stderr[-300:]
    assert b'"lines_in": 600000' in done.stderr


FOREIGN = {
    "bzip2": b"BZh91AY&SY\0\0\0\0",
    "xz": b"\xfd7zXZ\0\0\x04",
    "lz4": b"\x04\x22\x4d\x18d@",
    "zip": b"PK\x03\x04\x14\0",
    "compress": b"\x1f\x9d\x90a",
    "7-Zip": b"7z\xbc\xaf\x27\x1c\0\4",
    "lzip": b"LZIP\1\x0c",
    "lzop": b"\x89LZO\0\r\n\x1a\n",
    "snappy": b"\xff\x06\0\0sNaPpY",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_other_compressions_are_refused(name):
    """
    A compression that is not read is refused by name, with a command that reads it, and nothing of it comes out.
    """
    done = headrig("redact", stdin=FOREIGN[name] + b"password=fake-hunter2")

    assert (65, b"") == (done.returncode, done.stdout)
    assert f"is in the form of {name}, which is not read; give the output of ".encode() in done.stderr


def test_large_window():
    """
    A frame that wants more memory than `zstd -d` gives is refused by name, with the command that reads it.
    """
    # RFC 8878 section 3.1.1: no flags, a window of 2^31 bytes, and one raw block, the last.
    frame = b"\x28\xb5\x2f\xfd\x00\xa8" + (7 << 3 | 1).to_bytes(3, "little") + b"a line\n"
    done = headrig("redact", stdin=frame)
    said = b"is in the form of zstd with a window of more than 128 MiB, which is not read; give the output of zstd -dc --long=31"

    assert (65, b"", b"headrig redact: -: %b\n" % said) == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("form", COMPRESSIONS)
def test_nothing_compressed(form):
    """
    Nothing, compressed, is a file too: it comes out as one.
    """
    compress, decompress = COMPRESSIONS[form]
    done = headrig("redact", stdin=compress(b""))

    assert 0 == done.returncode
    assert done.stdout
    assert b"" == decompress(done.stdout)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("compressed", [False, True])
def test_encodings(encoding, compressed):
    """
    A text in UTF-16 or UTF-32 is redacted and keeps its encoding and its mark, compressed or not.
    """
    before, after = ((ENCODINGS[encoding] + text.encode(encoding)) * 1 for text in (LINES * 500, REDACTED * 500))
    done = headrig("redact", stdin=gzip.compress(before) if compressed else before)

    assert (0, b"") == (done.returncode, done.stderr)
    assert after == (gzip.decompress(done.stdout) if compressed else done.stdout)


def test_no_utf32():
    """
    What says that it is UTF-32 and is none is refused.
    """
    done = headrig("redact", stdin=codecs.BOM_UTF32_LE + b"password=fake-hunter2")

    assert 65 == done.returncode
    assert b"its UTF-32 data is damaged" in done.stderr


def test_forms_are_not_mixed(tmp_path):
    """
    A file in another form than that of the output is refused by name; empty ones have none.
    """
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "one.gz").write_bytes(gzip.compress(b"one\n"))
    (tmp_path / "two").write_bytes(b"two\n")
    done = headrig("redact", "empty", "one.gz", "two", "one.gz", cwd=tmp_path)

    assert (65, b"one\none\n") == (done.returncode, gzip.decompress(done.stdout))
    assert (
        b"headrig redact: two: is plain where the output is gzip already; give it to a command of its own\n"
        == done.stderr
    )


def test_text_is_not_waited_for():
    """
    A line of a pipe comes out before there is a second one, however short it is.
    """
    with subprocess.Popen([*COMMAND, "redact"], stdin=-1, stdout=-1) as filtering:
        for line in (b"a\n", b"\n", b"{}\n"):
            filtering.stdin.write(line)
            filtering.stdin.flush()
            assert line == filtering.stdout.readline()
        filtering.stdin.close()


@pytest.mark.parametrize(
    "size", [256 * 1024 - 20, 256 * 1024 + 1, 300_000, 1_000_000, 5_000_000, LONG_LINE_BYTES_MAX - 100]
)
@pytest.mark.parametrize("form", ['{"a":"%s","password":"fake-hunter2"}', "%s password=fake-hunter2 and"])
def test_long_lines(size, form, tmp_path):
    """
    A long line is redacted whole, JSON or text, and nothing of it is cut.
    """
    line = (form % ("x y " * (size // 4))).encode()

    assert line.replace(b"fake-hunter2", b"[REDACTED:password]") + b"\nz" == filtered(line + b"\nz", tmp_path)


def test_too_long_lines(tmp_path):
    """
    A line that is longer than memory should hold ends its file with 65 and a word that names it; the next file is read.
    """
    (tmp_path / "long").write_bytes(
        b"one\n\n" + b"x" * (LONG_LINE_BYTES_MAX + 500_000) + b"password=fake-hunter2\nfour\n"
    )
    (tmp_path / "next").write_bytes(b"next\n")
    done = headrig("redact", "long", "next", cwd=tmp_path)

    assert (65, b"one\n\nnext\n") == (done.returncode, done.stdout)
    assert b"headrig redact: long:3: this line is longer than 16 MiB; break it in lines (jq -c '.[]')\n" == done.stderr


def test_other_inputs(tmp_path):
    """
    A FIFO and `/dev/stdin` are read; a folder is not, and neither is a socket.
    """
    os.mkfifo(tmp_path / "fifo")
    with (
        socket.socket(socket.AF_UNIX) as listener,
        subprocess.Popen(["/bin/sh", "-c", "echo fifo > fifo"], cwd=tmp_path),
    ):
        listener.bind(str(tmp_path / "socket"))
        done = headrig("redact", ".", "socket", "fifo", "/dev/stdin", stdin=b"stdin", cwd=tmp_path)

    assert (65, b"fifo\nstdin") == (done.returncode, done.stdout)
    assert 2 == len(done.stderr.splitlines())


def test_time_is_linear(tmp_path):
    """
    A long line costs per byte what a shorter one does.
    """

    def seconds(size: int) -> float:
        content = (b'{"a":"' + b'x:"=\\\\' * (size // 6) + b'"}\n') * (8_000_000 // size)
        began = time.process_time()
        assert content == filtered(content, tmp_path)
        return time.process_time() - began

    assert seconds(8_000_000) < 4 * seconds(80_000) + 0.5
