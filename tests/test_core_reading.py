"""Reading without a copy: whoever's bytes come, in whatever pieces, each line is whole and stays where it was read."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrig.engine import CUT_SLACK_BYTES, Engine, Framer, RawLines, ReadBuffer

pieces = st.one_of(
    st.sampled_from([b"\n", b"\n\n", b"\r\n", b'{"n":1}\n', b"x" * 300, b"y" * CUT_SLACK_BYTES]), st.binary(max_size=40)
)
streams = st.lists(st.lists(pieces, max_size=12).map(b"".join), min_size=1, max_size=4)
turns = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 700), st.integers(1, 900)), max_size=60)
LINE_BYTES_MAX = 64


def whole(stream: bytes) -> tuple[bytes, int]:
    """The lines of a stream that comes in one piece."""
    framer = Framer(LINE_BYTES_MAX)
    lines, count = framer.feed(stream)
    rest, more = framer.finish()
    return lines + rest, count + more


def read(buffer: ReadBuffer, framer: Framer, chunk: bytes, bytes_max: int = 1024) -> tuple[RawLines, int, int]:
    """What the loop does: ask for room, fill some of it, tell how much. Gives lines, their number, bytes read."""
    view = memoryview(buffer.room(framer, bytes_max))
    size = min(len(view), len(chunk))
    view[:size] = chunk[:size]
    lines, count = buffer.take(size)
    # As uvloop does, which lets go of it only now.
    view.release()
    return lines, count, size


@settings(max_examples=300)
@given(streams, turns, st.integers(1, 2000))
def test_cuts_and_company_never_show(streams: list[bytes], turns: list[tuple[int, int, int]], block_bytes: int) -> None:
    """
    Any chunks of several connections in any order give the lines that each stream has by itself, and nothing that was
    read is changed by what is read after it.
    """
    buffer = ReadBuffer(block_bytes)
    framers = [Framer(LINE_BYTES_MAX) for _ in streams]
    got: list[list[tuple[RawLines | bytes, int]]] = [[] for _ in streams]
    at = [0] * len(streams)
    copies: list[tuple[RawLines, bytes]] = []

    def turn(who: int, size: int, bytes_max: int) -> None:
        lines, count, size = read(buffer, framers[who], streams[who][at[who] : at[who] + size], bytes_max)
        at[who] += size
        got[who].append((lines, count))
        copies.append((lines, bytes(memoryview(lines))))

    for who, size, bytes_max in turns:
        turn(who % len(streams), size, bytes_max)
    for who, stream in enumerate(streams):
        while at[who] < len(stream):
            turn(who, len(stream), 4096)
        got[who].append(framers[who].finish())

    for stream, parts in zip(streams, got, strict=True):
        together = b"".join(memoryview(lines) for lines, _ in parts), sum(count for _, count in parts)
        assert whole(stream) == together
    assert [copy for _, copy in copies] == [bytes(memoryview(lines)) for lines, _ in copies]
    joined = RawLines.join([lines for lines, _ in copies]) if copies else b""
    assert b"".join(copy for _, copy in copies) == bytes(memoryview(joined))


def test_neighbours_are_joined_where_they_lie():
    """
    What was read one after the other, from whatever connection, becomes one piece without a copy; the core takes it.
    """
    buffer, one, two = ReadBuffer(4096), Framer(), Framer()
    first, _, _ = read(buffer, one, b'{"n":1}\n{"n"')
    second, _, _ = read(buffer, two, b'{"n":2}\n')
    third, _, _ = read(buffer, one, b":3}\n")

    assert second.follows(first)
    assert third.follows(second)
    assert not third.follows(first)
    assert not third.follows(b"")
    assert b'{"n":1}\n{"n":2}\n{"n":3}\n' == bytes(
        Engine().lane("in").process(RawLines.join([first, second, third]), 0.0).lines
    )
    assert b'{"n":2}\nx' == bytes(memoryview(RawLines.join([second, b"x"])))


def test_lines_outlive_their_buffer():
    """
    Lines, and a view that somebody forgot, keep their memory when the buffer is gone.
    """
    buffer = ReadBuffer(64)
    forgotten = memoryview(buffer.room(Framer(), 8))
    lines, _, _ = read(buffer, Framer(), b'{"n":1}\n')
    for _ in range(50):
        read(buffer, Framer(), b"x" * 60 + b"\n")
    del buffer
    forgotten[:2] = b"ok"

    assert (b'{"n":1}\n', b"ok") == (bytes(memoryview(lines)), bytes(forgotten[:2]))


def test_lines_cannot_be_written():
    """
    What was taken is read-only.
    """
    lines, _, _ = read(ReadBuffer(64), Framer(), b"{}\n")
    view = memoryview(lines)

    with pytest.raises(TypeError):
        view[0] = 0


def test_room_is_asked_for_first():
    """
    Without room, beyond the room, and with a framer that has gone on since, nothing can be taken.
    """
    buffer, framer = ReadBuffer(4096), Framer()
    with pytest.raises(ValueError, match="more was taken than room was given"):
        buffer.take(0)
    with pytest.raises(BufferError, match="no room was given"):
        memoryview(buffer)
    buffer.room(framer, 10)
    with pytest.raises(ValueError, match="more was taken than room was given"):
        buffer.take(11)
    buffer.room(framer, 10)
    framer.feed(b"partial")
    with pytest.raises(ValueError, match="the framer was used since room was given"):
        buffer.take(1)

    assert 0 == len(buffer)


def test_system_calls_write_into_it():
    """
    A socket and a file read into it as into any buffer.
    """
    here, there = socket.socketpair()
    buffer, framer = ReadBuffer(4096), Framer()
    with here, there:
        there.sendall(b'{"n":1}\n{"n')
        size = here.recv_into(buffer.room(framer, 1024))
        first, _ = buffer.take(size)
        there.sendall(b'":2}\n')
        size = os.readv(here.fileno(), [buffer.room(framer, 1024)])
        second, _ = buffer.take(size)

    assert b'{"n":1}\n{"n":2}\n' == bytes(memoryview(RawLines.join([first, second])))
