"""Digests the files that settings name. A reload compares their content, not their names or times."""

from __future__ import annotations

import hashlib
import os
import stat

from msgspec import Struct

Seen = tuple[Struct, dict[str, bytes]]
"""The settings of a component, and a digest of every file that they name."""


def seen(part: Struct) -> Seen:
    """A component's settings now. Two results are equal exactly if nothing the component was given has changed."""
    return part, dict(_digests(part))


def _digests(part: Struct) -> list[tuple[str, bytes]]:
    """Every field whose name ends in `_file`, nested tables included: these files are read when a component opens."""
    found: list[tuple[str, bytes]] = []
    for name in part.__struct_fields__:
        value = getattr(part, name)
        if isinstance(value, Struct):
            found += _digests(value)
        elif name.endswith("_file") and isinstance(value, str):
            found.append((value, _digest(value)))
    return found


def _digest(path: str) -> bytes:
    """Digest of the content. An unreadable file has none; opening the component reports why."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            return hashlib.file_digest(file, "sha256").digest() if regular else b""
    except OSError:
        return b""
