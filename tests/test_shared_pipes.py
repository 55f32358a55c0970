"""Several processes write lines to one pipe, as containers' do: every line of at most 4096 bytes arrives whole, once."""

import asyncio
import fcntl
import json
import os
import random
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from headrig_process import COMMAND, environment

from headrig.engine import write_lines
from headrig.sinks import FileConfig
from headrig.testing import context

CHILDREN = 4
LINES = 5000
PIPE_BYTES = 4096
"""A pipe this small is always full, as with a slow reader: that is when writes are cut."""
LOGS = """
import logging, sys
kind, child, lines = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if kind == "headrig":
    import headrig
    handler = headrig.Handler()
else:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter('{"message":"%(message)s"}'))
log = logging.getLogger("many")
log.setLevel(logging.INFO)
log.addHandler(handler)
for number in range(lines):
    log.info("%d-%d %s", child, number, "x" * (number * 37 % 900))
    if kind == "headrig" and number % 500 == 0:
        headrig.flush()
"""
RUN = """
[sources.in]
type = "stdin"
[sinks.out]
type = "stdout"
"""


def read(pipe: int) -> bytes:
    """Everything until the last writer has closed it."""
    got = bytearray()
    while some := os.read(pipe, PIPE_BYTES):
        got += some
    return bytes(got)


def together(commands: Iterable[list[str]], stdin: list[Path] | None = None) -> bytes:
    """What comes out of one pipe that all of them have as standard output."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    inputs = [path.open("rb") for path in stdin] if stdin else None
    started = [
        subprocess.Popen(
            command,
            stdin=inputs[at] if inputs else subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        for at, command in enumerate(commands)
    ]
    os.close(writer)
    try:
        got = read(reader)
        assert [0] * len(started) == [process.wait() for process in started]
    finally:
        os.close(reader)
        for file in inputs or ():
            file.close()
        for process in started:
            process.kill()
            process.wait()
    return got


def lines_of(child: int, count: int) -> bytes:
    """Lines that say whose they are, some of nearly 4096 bytes."""
    lengths = random.Random(child)
    sizes = [lengths.choice((0, 10, 200, 900, 4000)) for _ in range(count)]
    return b"".join(b'{"id":"%d-%d","pad":"%s"}\n' % (child, n, b"x" * size) for n, size in enumerate(sizes))


def inputs(folder: Path, count: int) -> list[Path]:
    """Files of such lines."""
    paths = [folder / f"{child}.log" for child in range(count)]
    for child, path in enumerate(paths):
        path.write_bytes(lines_of(child, LINES // 4))
    return paths


@pytest.mark.parametrize("kind", ["headrig", "stdlib"])
def test_handlers(kind):
    """
    Four services log to one standard output: no line is torn, as with the standard library's handler.
    """
    got = together([sys.executable, "-c", LOGS, kind, str(child), str(LINES)] for child in range(CHILDREN))
    seen = Counter(json.loads(line)["message"].split(" ")[0] for line in got.splitlines())

    assert {f"{child}-{number}" for child in range(CHILDREN) for number in range(LINES)} == set(seen)
    assert {1} == set(seen.values())


@pytest.mark.parametrize("verb", ["run", "redact"])
def test_commands(tmp_path, verb):
    """
    So do two `headrig run` with the sink `stdout`, and two `headrig redact`.
    """
    (tmp_path / "headrig.toml").write_text(RUN)
    files = inputs(tmp_path, 2)
    arguments = ["-c", str(tmp_path / "headrig.toml")] if verb == "run" else []
    got = together([[*COMMAND, verb, *arguments]] * 2, files)

    assert sorted(line for path in files for line in path.read_bytes().splitlines()) == sorted(got.splitlines())


@pytest.mark.parametrize("verb", ["run", "redact"])
def test_pipe_that_does_not_block(tmp_path, verb):
    """
    Where another process made the pipe non-blocking, it is waited for until the reader has made room.
    """
    (tmp_path / "headrig.toml").write_text(RUN)
    file = inputs(tmp_path, 1)
    arguments = ["-c", str(tmp_path / "headrig.toml")] if verb == "run" else []
    unblocking = f"import os; os.set_blocking(1, False); os.execv({COMMAND[0]!r}, {[*COMMAND, verb, *arguments]!r})"

    assert file[0].read_bytes() == together([[sys.executable, "-c", unblocking]], file)


@pytest.mark.asyncio
async def test_named_pipe(tmp_path):
    """
    So do two file sinks on one named pipe.
    """
    fifo = str(tmp_path / "pipe")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDWR)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    lines = [lines_of(child, 500) for child in range(2)]
    got = bytearray()

    def fill() -> None:
        while len(got) < sum(map(len, lines)):
            got.extend(os.read(reader, PIPE_BYTES))

    async with FileConfig(path=fifo).open(context()) as first, FileConfig(path=fifo).open(context()) as second:
        await asyncio.gather(first.write([lines[0]]), second.write([lines[1]]), asyncio.to_thread(fill))
    os.close(reader)

    assert sorted(b"".join(lines).splitlines()) == sorted(got.splitlines())


def sizes_written(lines: bytes) -> list[int]:
    """How many bytes each write had, seen by a socket that keeps messages apart."""
    to, from_ = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with to, from_:
        assert (len(lines), 0) == write_lines(to.fileno(), lines, 0)
        to.shutdown(socket.SHUT_WR)
        messages = []
        while message := from_.recv(1 << 20):
            messages.append(message)
    assert lines == b"".join(messages)
    return [len(message) for message in messages]


@pytest.mark.parametrize(
    ("lengths", "writes"),
    [
        ([10], [10]),
        ([3000, 1096, 1], [4096, 1]),
        ([4096, 4096], [4096, 4096]),
        ([10, 4097, 10, 10], [10, 4097, 20]),
        ([9000], [9000]),
        ([100] * 50, [4000, 1000]),
    ],
)
def test_writes(lengths, writes):
    """
    One write takes as many whole lines as fit into 4096 bytes; a longer line is alone in its own.
    """
    assert writes == sizes_written(b"".join(b"x" * (length - 1) + b"\n" for length in lengths))


def test_regular_file(tmp_path):
    """
    A regular file takes everything in one write, from where it is told to begin.
    """
    lines = b"x" * 99_999 + b"\n" + b"y\n" * 50_000
    with (tmp_path / "out").open("wb", buffering=0) as file:
        assert (len(lines), 0) == write_lines(file.fileno(), lines, 1000)

    assert lines[1000:] == (tmp_path / "out").read_bytes()


def test_reader_that_left():
    """
    What cannot be written any more is told by its number, with what was.
    """
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.close(reader)

    assert (3, 32) == write_lines(writer, b"{}\n[]\n", 3)
    os.close(writer)
