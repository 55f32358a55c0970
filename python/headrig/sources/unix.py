"""Newline-delimited lines over a Unix stream socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

from msgspec import Meta

from headrig.errors import ConfigError
from headrig.limits import Limits
from headrig.model import Part
from headrig.net.sockets import Door, Sockets, unix_path_problems
from headrig.sources.stream import StreamSource

_CREDENTIALS = struct.Struct("3i")
"""pid, uid, gid, as SO_PEERCRED gives them."""


class UnixConfig(Part, frozen=True, kw_only=True, tag="unix"):
    """Listen for newline-delimited lines on a socket file."""

    path: str
    mode: Annotated[str, Meta(pattern="^0?[0-7]{3}$")] = "0660"
    """Permissions of the socket file, octal."""
    allow_uids: tuple[int, ...] = ()
    """Users who may connect; empty: whoever the mode lets in."""

    @property
    def address(self) -> str:
        """What no other part may listen on."""
        return f"unix:{self.path}"

    def problems(self, at: str, http_listen: str | None = None) -> Iterator[ConfigError]:  # noqa: ARG002
        """What is wrong with these settings."""
        yield from unix_path_problems(self.path, f"{at}.path")

    @asynccontextmanager
    async def open(self, name: str, limits: Limits, sockets: Sockets) -> AsyncIterator[StreamSource]:
        """Listen; the socket file goes when the last user does."""
        mode = int(self.mode, 8)
        door = Door(sockets.unix(self.path, mode, f"sources.{name}.path"), None, self.path, mode)
        source = StreamSource(door, f"unix {self.path}", limits, admit=self._admit if self.allow_uids else None)
        try:
            yield source
        finally:
            sockets.release(source.door.bound)

    def _admit(self, peer: socket.socket) -> bool:
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        uid: int = _CREDENTIALS.unpack(credentials)[1]
        return uid in self.allow_uids
