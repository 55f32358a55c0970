"""Newline-delimited lines over a Unix stream socket."""

from __future__ import annotations

from headrig.model import Part


class UnixConfig(Part, frozen=True, kw_only=True, tag="unix"):
    """Listen for newline-delimited lines on a socket file."""

    path: str
    mode: int | str = "0660"
    allow_uids: tuple[int, ...] = ()
