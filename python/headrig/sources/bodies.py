"""Request bodies in pieces: decompression with a bound on what comes out, then newline text or JSON documents as lines."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from typing import Final, Literal, Protocol

from headrig.engine import Framer, JsonSplitter
from headrig.errors import DecodeError
from headrig.limits import BODY_FRAMES_MAX, DECODE_BYTES, READ_BYTES
from headrig.model import Received

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_WINDOW_LOG_MAX: Final = 23
"""Largest window a zstd body may ask for, as a power of two (8 MiB): it is allocated before a byte is seen."""


Framing = Literal["lines", "documents", "sequence"]
"""What separates the events of a body: newlines, nothing but their own brackets, or record separators (RFC 7464)."""
NEWLINE_TYPES: Final = frozenset(
    {
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/jsonlines",
    }
)
CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii"})
"""JSON between systems is UTF-8 (RFC 8259 section 8.1), and what is ASCII is that as well."""


def framing(content_type: str) -> Framing | None:
    """How a content type separates events; None for one that is not JSON."""
    if content_type in NEWLINE_TYPES:
        return "lines"
    if not content_type.startswith("application/"):
        return None
    if content_type.endswith(("/json-seq", "+json-seq")):
        return "sequence"
    return "documents" if content_type.endswith(("/json", "+json")) else None


class Decompressor(Protocol):
    """Takes a body as it comes, gives it decompressed in bounded pieces."""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """
        Pieces of at most `READ_BYTES`, made of at most `DECODE_BYTES` and one frame each, so that some are empty:
        between two pieces others may have their turn. `DecodeError` when it cannot be decompressed.
        """

    def finish(self) -> None:
        """The body ended. `DecodeError` when something is missing."""


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
            raise DecodeError(f"the {self.name} body ends too early")

    def _begin(self) -> None:
        self._frames += 1
        if self._frames > BODY_FRAMES_MAX:
            raise DecodeError(f"the body has more than {BODY_FRAMES_MAX} {self.frame}s; compress it as one")
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
            raise DecodeError("the body is not valid gzip") from error
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
            raise DecodeError("the body is not valid zstd, or its window is too large") from error
        self._within = not self._decoder.eof
        return piece, b"" if self._within else self._decoder.unused_data


DECOMPRESSORS: Final[dict[str, type[Decompressor]]] = {
    "": Identity,
    "identity": Identity,
    "gzip": Gzip,
    "x-gzip": Gzip,
    "zstd": Zstd,
}
"""By Content-Encoding."""


class Body:
    """One body to lines: the `Decoder` of a compression, a framing and a longest line."""

    def __init__(self, encoding: str, framed: Framing, line_bytes_max: int) -> None:
        self._decompressor = DECOMPRESSORS[encoding]()
        self._framer: Framer | JsonSplitter = (
            Framer(line_bytes_max) if framed == "lines" else JsonSplitter(line_bytes_max, sequence=framed == "sequence")
        )
        self._decoded_bytes = 0

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the body so far, decompressed."""
        return self._decoded_bytes

    @property
    def partial_bytes(self) -> int:
        """Bytes held of an event that is not whole."""
        return self._framer.partial_bytes

    def feed(self, chunk: bytes) -> Iterator[tuple[Received, int]]:
        """The lines that a chunk completes, in bounded pieces."""
        for piece in self._decompressor.feed(chunk):
            self._decoded_bytes += len(piece)
            yield self._framer.feed(piece)

    def finish(self) -> tuple[Received, int]:
        """The last line."""
        self._decompressor.finish()
        return self._framer.finish()
