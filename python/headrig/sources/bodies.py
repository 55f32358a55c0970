"""Request bodies in pieces: decompression with a bound on what comes out, and JSON arrays as lines."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from typing import Final, Protocol

import msgspec

from headrig.limits import READ_BYTES

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_WINDOW_LOG_MAX: Final = 23
"""Largest window a zstd body may ask for, as a power of two (8 MiB): it is allocated before a byte is seen."""
_ELEMENTS_AT_ONCE: Final = 500_000
"""An array that may have more elements is not made into objects: they would take ten times its size."""
_NEWLINES_TO_SPACES: Final = bytes.maketrans(b"\r\n", b"  ")
_ARRAY_MARKS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},]', re.DOTALL)


class BadBodyError(Exception):
    """The body is not what its headers say."""


class Decoder(Protocol):
    """Takes a body as it comes, gives it decoded in bounded pieces."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Pieces of at most `READ_BYTES`. `BadBodyError` when it cannot be decoded."""

    def finish(self) -> None:
        """The body ended. `BadBodyError` when something is missing."""


class Identity:
    """Not compressed."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Give it as it is."""
        yield chunk

    def finish(self) -> None:
        """Nothing can be missing."""


class Gzip:
    """gzip, several members one after the other included."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Give what it decodes to."""
        try:
            while chunk:
                if self._member.eof:
                    self._member = zlib.decompressobj(wbits=31)
                self._begun = True
                piece = self._member.decompress(chunk, READ_BYTES)
                if piece:
                    yield piece
                chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        except zlib.error as error:
            raise BadBodyError("the body is not valid gzip") from error

    def finish(self) -> None:
        """Refuse a body that ends within a compressed part."""
        if self._begun and not self._member.eof:
            raise BadBodyError("the gzip body ends too early")


class Zstd:
    """zstd, several frames one after the other included."""

    def __init__(self) -> None:
        self._frame = self._new()
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Give what it decodes to."""
        try:
            while True:
                if self._frame.eof:
                    chunk = self._frame.unused_data + chunk
                    if not chunk:
                        return
                    self._frame = self._new()
                self._begun = self._begun or bool(chunk)
                piece = self._frame.decompress(chunk, READ_BYTES)
                chunk = b""
                if piece:
                    yield piece
                elif not self._frame.eof:
                    return
        except zstd.ZstdError as error:
            raise BadBodyError("the body is not valid zstd, or its window is too large") from error

    def finish(self) -> None:
        """Refuse a body that ends within a compressed part."""
        if self._begun and not self._frame.eof:
            raise BadBodyError("the zstd body ends too early")

    def _new(self) -> zstd.ZstdDecompressor:
        return zstd.ZstdDecompressor(options={int(zstd.DecompressionParameter.window_log_max): ZSTD_WINDOW_LOG_MAX})


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
    if body.count(b",") <= _ELEMENTS_AT_ONCE:
        elements = msgspec.json.decode(body.translate(_NEWLINES_TO_SPACES), type=list[msgspec.Raw])
        return b"".join(piece for element in elements for piece in (element, b"\n")), len(elements)
    return _small_elements(body)


def _small_elements(body: bytes | bytearray) -> tuple[bytes, int]:
    """The same for a body that would become too many objects: slower, in the memory of its lines."""
    lines = bytearray()
    count = depth = start = 0
    for mark in _ARRAY_MARKS.finditer(body):
        kind = mark[0][0]
        if kind in b"[{":
            depth += 1
            if depth == 1:
                start = mark.end()
        elif kind in b"]},":
            depth -= kind != 0x2C
            if depth == 0 or (depth == 1 and kind == 0x2C):
                element = body[start : mark.start()].strip()
                start = mark.end()
                if element:
                    lines += element.translate(_NEWLINES_TO_SPACES) + b"\n"
                    count += 1
    return bytes(lines), count
