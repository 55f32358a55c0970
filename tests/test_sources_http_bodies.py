"""Bodies made to be slow: work grows with their size and no faster, and others have their turn meanwhile."""

import asyncio
import gzip
import random
import zlib
from types import SimpleNamespace

import aiohttp
import pytest

from headrig.errors import DecodeError
from headrig.limits import BODY_FRAMES_MAX, DECODE_BYTES, READ_BYTES
from headrig.sources import HttpSourceConfig, bodies
from headrig.sources.bodies import DECOMPRESSORS, zstd

SIZE = 4 * DECODE_BYTES
ZSTD = b"\x28\xb5\x2f\xfd"


def many(part: bytes, size: int = SIZE) -> bytes:
    return part * (size // len(part))


def flushed(mode: int, size: int = SIZE) -> bytes:
    """A gzip body that ends a block behind each line."""
    packer, packed = zlib.compressobj(wbits=31), bytearray()
    while len(packed) < size:
        packed += packer.compress(b"%d\n" % len(packed)) + packer.flush(mode)
    return bytes(packed + packer.flush())


def named(size: int = SIZE) -> bytes:
    """A gzip member with a file name as long as the body."""
    return b"\x1f\x8b\x08\x08" + b"\0" * 5 + b"\x03" + b"x" * size + b"\0" + zlib.compress(b"", wbits=-15) + b"\0" * 8


FRAMES = {
    "zstd frames": ("zstd", ZSTD + b"\x20\0\1\0\0"),
    "skippable zstd frames": ("zstd", b"\x50\x2a\x4d\x18\0\0\0\0"),
    "gzip members": ("gzip", gzip.compress(b"")),
    "gzip members with a line": ("gzip", gzip.compress(b"{}\n")),
}
BODIES = {
    "empty zstd blocks": ("zstd", ZSTD + b"\0\x58" + many(b"\0\0\0") + b"\1\0\0"),
    "zstd blocks of one byte": ("zstd", ZSTD + b"\0\x58" + many(b"\x08\0\0\n") + b"\1\0\0"),
    "zstd runs of one byte": ("zstd", ZSTD + b"\0\x58" + many(b"\x0a\0\0\n") + b"\1\0\0"),
    "zstd of much": ("zstd", zstd.compress(b"x\n" * (3 * READ_BYTES))),
    "empty gzip blocks": ("gzip", gzip.compress(b"")[:10] + many(b"\0\0\0\xff\xff") + b"\1\0\0\xff\xff" + b"\0" * 8),
    "gzip flushes": ("gzip", flushed(zlib.Z_SYNC_FLUSH)),
    "gzip flushes that forget": ("gzip", flushed(zlib.Z_FULL_FLUSH)),
    "gzip name": ("gzip", named()),
    "gzip of much": ("gzip", gzip.compress(b"x\n" * (3 * READ_BYTES))),
    "newlines": ("", b"\n" * SIZE),
    "lines of one byte": ("", many(b"1\n")),
}


class Spied:
    """A decompressor that notes how many bytes it was given."""

    given: list[int]

    def __init__(self, decoder: object) -> None:
        self._decoder = decoder

    def decompress(self, data: bytes, size_max: int) -> bytes:
        self.given.append(len(data))
        return self._decoder.decompress(data, size_max)

    def __getattr__(self, name: str) -> object:
        return getattr(self._decoder, name)


@pytest.fixture
def given(monkeypatch) -> list[int]:
    """Sizes of what decoders are given, one after the other."""
    Spied.given = []
    packed = SimpleNamespace(decompressobj=lambda **how: Spied(zlib.decompressobj(**how)), error=zlib.error)
    framed = SimpleNamespace(
        ZstdDecompressor=lambda **how: Spied(zstd.ZstdDecompressor(**how)),
        DecompressionParameter=zstd.DecompressionParameter,
        ZstdError=zstd.ZstdError,
    )
    monkeypatch.setattr(bodies, "zlib", packed)
    monkeypatch.setattr(bodies, "zstd", framed)
    return Spied.given


@pytest.mark.parametrize("name", BODIES)
def test_pieces(given, name):
    """
    Each piece is bounded, in what comes out and in what it is made of, and every byte is given to a decoder once.
    """
    encoding, body = BODIES[name]
    decoder = DECOMPRESSORS[encoding]()
    pieces = [len(piece) for piece in decoder.feed(body)]

    assert max(pieces) <= READ_BYTES
    if encoding:
        assert len(body) <= sum(given) <= len(body) + DECODE_BYTES * sum(piece == READ_BYTES for piece in pieces)
        assert max(given) <= DECODE_BYTES
        assert len(given) == len(pieces)


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("times", [1, 2, 10])
def test_frames(given, name, times):
    """
    So many frames are taken and no more, and the work ends there: a body ten times as long is no more of it.
    """
    encoding, frame = FRAMES[name]
    good, bad = DECOMPRESSORS[encoding](), DECOMPRESSORS[encoding]()
    assert BODY_FRAMES_MAX == len(list(good.feed(frame * BODY_FRAMES_MAX)))
    good.finish()
    given.clear()

    with pytest.raises(DecodeError, match=f"more than {BODY_FRAMES_MAX} .*; compress it as one"):
        list(bad.feed(frame * (BODY_FRAMES_MAX * times + 1)))
    assert BODY_FRAMES_MAX == len(given)
    assert sum(given) <= BODY_FRAMES_MAX * DECODE_BYTES


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_chunks_do_not_matter(encoding):
    """
    However a body is cut into chunks and frames, the same comes out.
    """
    chance = random.Random(7)
    pack = {"gzip": gzip.compress, "zstd": zstd.compress}[encoding]
    for _ in range(50):
        texts = [chance.randbytes(20) * chance.choice((0, 1, 50, 40_000)) for _ in range(chance.randint(1, 6))]
        body, decoder, got, at = b"".join(map(pack, texts)), DECOMPRESSORS[encoding](), bytearray(), 0
        while at < len(body):
            size = chance.choice((1, 2, 7, 100, 100_000))
            got += b"".join(decoder.feed(body[at : at + size]))
            at += size
        decoder.finish()

        assert b"".join(texts) == got


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_bodies_that_end_early(encoding):
    """
    A body cut anywhere within a frame is known to be cut; between two frames, and empty, it is whole.
    """
    frame = {"gzip": gzip.compress, "zstd": zstd.compress}[encoding](b"some text\n" * 3)
    for end in range(2 * len(frame) + 1):
        decoder = DECOMPRESSORS[encoding]()
        list(decoder.feed((frame * 2)[:end]))
        if end % len(frame):
            with pytest.raises(DecodeError, match="ends too early"):
                decoder.finish()
        else:
            decoder.finish()


def test_dictionary():
    """
    A frame that needs a dictionary, which nobody has, is refused.
    """
    with pytest.raises(DecodeError, match="not valid zstd"):
        list(DECOMPRESSORS["zstd"]().feed(ZSTD + b"\x21\x05\0\x01\0\0"))


@pytest.mark.asyncio
@pytest.mark.parametrize("name", [*BODIES, *FRAMES])
async def test_others_have_their_turn(start, memory, monkeypatch, name):
    """
    A body gives way to others after each piece, also after one of which nothing came.
    """
    encoding, body = BODIES.get(name) or (FRAMES[name][0], FRAMES[name][1] * (BODY_FRAMES_MAX + 1))
    run = await start({"in": HttpSourceConfig(listen="127.0.0.1:0")}, memory)
    url = run.pipeline.state.sources["in"].source.where
    pieces = yields = 0
    sleep, decode = asyncio.sleep, DECOMPRESSORS[encoding].feed

    async def slept(seconds: float, *more: object) -> None:
        nonlocal yields
        yields += seconds == 0
        await sleep(seconds, *more)

    def fed(*what: object):
        nonlocal pieces
        for piece in decode(*what):
            pieces += 1
            yield piece

    monkeypatch.setattr(asyncio, "sleep", slept)
    monkeypatch.setattr(DECOMPRESSORS[encoding], "feed", fed)
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": encoding or "identity"}
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        # Empty blocks have no check sum that fits: they are refused at their end.
        assert answer.status in (200, 400)

    assert pieces >= (len(body) // DECODE_BYTES if encoding and name in BODIES else 1)
    assert yields >= pieces - 1
