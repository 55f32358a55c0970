"""
Batches to request bodies. An answer counts by its status alone: 2xx accepts.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from headrig.errors import DeliveryError, Retryable
from headrig.model import Lines
from headrig.posting import Poster

GZIP_LEVEL: Final = 3
"""Log lines shrink to about a tenth at any level; this one costs a third of the default's time."""


class PostSink:
    """Batches to one endpoint, in requests of bounded size."""

    def __init__(self, poster: Poster, *, body_bytes_max: int, array: bool = False, gzip: bool = True) -> None:
        self._poster = poster
        self._body_bytes_max = body_bytes_max
        self._array = array
        self._gzip = gzip
        self._headers = {"Content-Type": "application/json" if array else "application/x-ndjson"}
        if gzip:
            self._headers["Content-Encoding"] = "gzip"
        self.accepted_bytes = 0
        """So much of the current batches was accepted, or refused for good, before a request has to come again."""
        self._refused: list[tuple[DeliveryError, int, int]] = []
        """What was refused of it: why, lines, bytes."""

    async def write(self, batches: Sequence[Lines]) -> None:
        """Post all of it, going on after the last request that was decided."""
        for group in requests(_rest(batches, self.accepted_bytes), self._body_bytes_max):
            body = await asyncio.to_thread(self._body, group)
            size = sum(map(len, group))
            try:
                await self._poster.post(body, self._headers)
            except Retryable:
                raise
            except DeliveryError as error:
                self._refused.append((error, sum(each.count for each in group), size))
            self.accepted_bytes += size
        refused, self._refused, self.accepted_bytes = self._refused, [], 0
        if refused:
            first, lines, sizes = refused[0][0], [each[1] for each in refused], [each[2] for each in refused]
            raise DeliveryError(str(first), first.reason, lines=sum(lines), size=sum(sizes))

    async def flush(self) -> None:
        """Nothing waits here: what was accepted is the other side's."""

    def _body(self, group: Sequence[Lines]) -> bytes:
        """In a thread: compressing takes a while."""
        if self._array:
            body = b"[" + b",".join(each.encode("array").strip()[1:-1] for each in group) + b"]"
        else:
            body = b"".join(memoryview(each) for each in group)
        return zlib.compress(body, GZIP_LEVEL, wbits=31) if self._gzip else body


def requests(batches: Iterable[Lines], bytes_max: int) -> Iterator[list[Lines]]:
    """Whole lines, in order, in groups of at most so many bytes; a single longer line is a group of its own."""
    group: list[Lines] = []
    size = 0
    for batch in batches:
        for piece in _pieces(batch, bytes_max):
            if group and size + len(piece) > bytes_max:
                yield group
                group, size = [], 0
            group.append(piece)
            size += len(piece)
    if group:
        yield group


def _rest(batches: Sequence[Lines], decided_bytes: int) -> Iterator[Lines]:
    """What comes after the bytes that are decided; a line of which only a part is comes again whole."""
    for lines in batches:
        first = bytes(memoryview(lines)[:decided_bytes]).count(b"\n")
        decided_bytes = max(0, decided_bytes - len(lines))
        if first < lines.count:
            yield lines.slice(first, lines.count) if first else lines


def _pieces(lines: Lines, bytes_max: int) -> Iterator[Lines]:
    if len(lines) <= bytes_max or lines.count == 1:
        yield lines
        return
    half = lines.count // 2
    yield from _pieces(lines.slice(0, half), bytes_max)
    yield from _pieces(lines.slice(half, lines.count), bytes_max)
