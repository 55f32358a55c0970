"""
Turns batches into request bodies and posts them. Only the status of an answer counts: 2xx accepts.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Sequence
from typing import Final

from headrig.errors import DeliveryError, Rejected, Retryable
from headrig.model import Lines
from headrig.net.http_client import Poster

GZIP_LEVEL: Final = 3
"""Log lines shrink to about a tenth at any level; this one costs a third of the default's time."""
TOO_LARGE: Final = 413
LINES_MAX: Final = 1 << 30
"""Stands for no bound: more lines than any request has."""
GROW_AFTER: Final = 32
"""Accepted requests before a larger one is tried again: at most one request in so many is refused for its size."""


class PostSink:
    """Posts batches to one endpoint, in requests of bounded size."""

    def __init__(self, poster: Poster, *, body_bytes_max: int, array: bool = False, gzip: bool = True) -> None:
        self._poster = poster
        self._body_bytes_max = body_bytes_max
        self._array = array
        self._gzip = gzip
        self._headers = {"Content-Type": "application/json" if array else "application/x-ndjson"}
        if gzip:
            self._headers["Content-Encoding"] = "gzip"
        self.accepted_bytes = 0
        """So much of the current batches was accepted, or refused for good and named: whole lines."""
        self._size = _Size(body_bytes_max)

    async def write(self, batches: Sequence[Lines]) -> None:
        """
        Post all of it, request by request. What is refused is sent again in halves, down to the line that is to blame.
        """
        rest = deque(batches)
        self.accepted_bytes = decided = 0
        while group := first(rest, self._size.bytes_max, self._size.lines_max):
            body = await asyncio.to_thread(self._body, group)
            size, lines = sum(map(len, group)), sum(each.count for each in group)
            refusal, status = await self._post(body)
            if refusal is None:
                self._size.accepted()
            else:
                self._size.refused(size, lines, too_large=status == TOO_LARGE)
                if lines > 1:
                    rest.extendleft(reversed(group))
                    continue
            self.accepted_bytes += size
            decided += lines
            if refusal is not None:
                only = range(decided - 1, decided)
                raise Rejected(str(refusal), refusal.reason, lines=only, remedy=refusal.remedy)
        self.accepted_bytes = 0

    async def flush(self) -> None:
        """Nothing to do: accepted lines are with the other side."""

    async def _post(self, body: bytes) -> tuple[DeliveryError | None, int]:
        """Post one body; gives the status if the endpoint refuses its content. Raises every other failure."""
        answer = await self._poster.exchange(body, self._headers)
        if isinstance(answer.refusal, Retryable):
            raise answer.refusal
        return answer.refusal, answer.status

    def _body(self, group: Sequence[Lines]) -> bytes:
        """Encode and compress, in a thread because it takes a while."""
        if self._array:
            body = b"[" + b",".join(each.encode("array").strip()[1:-1] for each in group) + b"]"
        else:
            body = b"".join(memoryview(each) for each in group)
        return zlib.compress(body, GZIP_LEVEL, wbits=31) if self._gzip else body


class _Size:
    """The size of the next request."""

    def __init__(self, bytes_max: int) -> None:
        self._configured = self.bytes_max = bytes_max
        self.lines_max = LINES_MAX
        self._accepted = 0
        """Requests in a row."""

    def refused(self, size: int, lines: int, *, too_large: bool) -> None:
        """
        A request was refused for what is in it. Half of it is tried next: half of the lines until the one is found that is
        to blame; half of the bytes, for longer, when they were too many.
        """
        self._accepted = 0
        if lines > 1 and too_large:
            self.bytes_max = max(1, size // 2)
        self.lines_max = max(1, lines // 2)

    def accepted(self) -> None:
        """A request was accepted: more is tried next, but now and then only where bytes were too many."""
        self.lines_max = min(2 * self.lines_max, LINES_MAX)
        self._accepted += 1
        if self._accepted % GROW_AFTER == 0:
            self.bytes_max = min(2 * self.bytes_max, self._configured)


def first(rest: deque[Lines], bytes_max: int, lines_max: int) -> list[Lines]:
    """The first lines, whole and within these bounds; a single longer line goes alone."""
    group: list[Lines] = []
    while rest and lines_max and bytes_max > 0:
        lines = rest[0]
        count = lines.count
        if len(lines) > bytes_max or count > lines_max:
            count = min(bytes(memoryview(lines)[:bytes_max]).count(b"\n"), lines_max)
            if count == 0 and group:
                break
            count = max(1, count)
        rest.popleft()
        if count < lines.count:
            rest.appendleft(lines.slice(count, lines.count))
            lines = lines.slice(0, count)
        group.append(lines)
        bytes_max -= len(lines)
        lines_max -= count
    return group
