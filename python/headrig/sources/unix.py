"""Newline-delimited lines over a Unix stream socket."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import ClassVar

from headrig.component import Claim, OpenContext, SourceComponentConfig
from headrig.errors import ConfigError
from headrig.model import FileMode, FilePath
from headrig.net.sockets import Listener, socket_file_problems
from headrig.sources.stream import StreamSource

_CREDENTIALS = struct.Struct("3i")
"""pid, uid, gid, as SO_PEERCRED gives them."""


class UnixConfig(SourceComponentConfig, frozen=True, kw_only=True, tag="unix"):
    """Listen for newline-delimited lines on a socket file."""

    path: FilePath
    mode: FileMode = "0660"
    """Permissions of the socket file, octal."""
    allow_uids: tuple[int, ...] = ()
    """Users who may connect; empty: whoever the mode lets in."""

    renewable: ClassVar[bool] = True

    @property
    def where(self) -> str:
        """Its socket file."""
        return f"unix {self.path}"

    def claims(self) -> Iterator[Claim]:
        """Its socket file."""
        yield Claim("unix", self.path, "path")

    def problems(self, at: str) -> Iterator[ConfigError]:
        """What is wrong with these settings."""
        yield from socket_file_problems(self.path, f"{at}.path")

    @asynccontextmanager
    async def open(self, context: OpenContext) -> AsyncIterator[StreamSource]:
        """Listen; the socket file goes when the last user does."""
        mode = int(self.mode, 8)
        listener = Listener(
            context.sockets.unix(self.path, mode, f"{context.path}.path", context.created), None, self.path, mode
        )
        source = StreamSource(listener, self.where, context.limits, admit=self._admit if self.allow_uids else None)
        try:
            yield source
        finally:
            context.sockets.release(source.listener.bound)

    def feeding(self, where: str, status: str, *, guarded: bool) -> str:  # noqa: ARG002
        """By netcat."""
        return f"nc -N -U {self.path} < app.log"

    def _admit(self, peer: socket.socket) -> bool:
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        uid: int = _CREDENTIALS.unpack(credentials)[1]
        return uid in self.allow_uids
