"""Request bodies in pieces: decompression with a bound on what comes out, and JSON arrays as lines."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import msgspec

from headrig.engine import element_lines
from headrig.limits import BODY_FRAMES_MAX, DECODE_BYTES, READ_BYTES

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_WINDOW_LOG_MAX: Final = 23
"""Largest window a zstd body may ask for, as a power of two (8 MiB): it is allocated before a byte is seen."""


class BadBodyError(Exception):
    """The body is not what its headers say."""


class Decoder(Protocol):
    """Takes a body as it comes, gives it decoded in bounded pieces."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """
        Pieces of at most `READ_BYTES`, made of at most `DECODE_BYTES` and one frame each, so that some are empty: between
        two pieces others may have their turn. `BadBodyError` when it cannot be decoded.
        """

    def finish(self) -> None:
        """The body ended. `BadBodyError` when something is missing."""


class Identity:
    """Not compressed."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Give it as it is."""
        for start in range(0, len(chunk), READ_BYTES):
            yield chunk[start : start + READ_BYTES]

    def finish(self) -> None:
        """Nothing can be missing."""


class _Framed:
    """A body of frames one after the other, each with an end of its own."""

    name = ""
    frame = ""
    """What a frame is called."""

    def __init__(self) -> None:
        self._frames = 0
        self._within = False
        """A frame has begun and not ended."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Give what it decodes to."""
        for start in range(0, len(chunk), DECODE_BYTES):
            rest = chunk[start : start + DECODE_BYTES]
            while rest or self._more():
                if not self._within:
                    self._begin()
                piece, rest = self._decode(rest)
                yield piece

    def finish(self) -> None:
        """Refuse a body that ends within a compressed part."""
        if self._within:
            raise BadBodyError(f"the {self.name} body ends too early")

    def _begin(self) -> None:
        self._frames += 1
        if self._frames > BODY_FRAMES_MAX:
            raise BadBodyError(f"the body has more than {BODY_FRAMES_MAX} {self.frame}s; compress it as one")
        self._open()
        self._within = True

    def _open(self) -> None:
        """Make a decoder for the next frame."""
        raise NotImplementedError

    def _more(self) -> bool:
        """The decoder holds what did not fit into the last piece."""
        raise NotImplementedError

    def _decode(self, rest: bytes) -> tuple[bytes, bytes]:
        """A piece, and what it was not made of."""
        raise NotImplementedError


class Gzip(_Framed):
    """gzip, several members one after the other included."""

    name = "gzip"
    frame = "gzip member"

    def _open(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    def _more(self) -> bool:
        return False

    def _decode(self, rest: bytes) -> tuple[bytes, bytes]:
        try:
            piece = self._member.decompress(rest, READ_BYTES)
        except zlib.error as error:
            raise BadBodyError("the body is not valid gzip") from error
        self._within = not self._member.eof
        return piece, self._member.unconsumed_tail if self._within else self._member.unused_data


class Zstd(_Framed):
    """zstd, several frames one after the other included."""

    name = "zstd"
    frame = "zstd frame"

    def _open(self) -> None:
        self._decoder = zstd.ZstdDecompressor(
            options={int(zstd.DecompressionParameter.window_log_max): ZSTD_WINDOW_LOG_MAX}
        )

    def _more(self) -> bool:
        return self._within and not self._decoder.needs_input

    def _decode(self, rest: bytes) -> tuple[bytes, bytes]:
        try:
            piece = self._decoder.decompress(rest, READ_BYTES)
        except zstd.ZstdError as error:
            raise BadBodyError("the body is not valid zstd, or its window is too large") from error
        self._within = not self._decoder.eof
        return piece, b"" if self._within else self._decoder.unused_data


DECODERS: Final[dict[str, type[Decoder]]] = {
    "": Identity,
    "identity": Identity,
    "gzip": Gzip,
    "x-gzip": Gzip,
    "zstd": Zstd,
}
"""By Content-Encoding."""


def array_lines(body: bytes | bytearray) -> tuple[bytes, int]:
    """
    The elements of a JSON array, one a line. `BadBodyError` when it is not one valid JSON array.

    Between tokens a newline is only white space, so that replacing it leaves every element as it was.
    """
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadBodyError(
            "the body begins with [ but is not one JSON array; send newline JSON as application/x-ndjson"
        ) from error
    return element_lines(body)
