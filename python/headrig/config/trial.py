"""
Tries what a start would find on this machine, without starting and without disturbing anyone: addresses are bound and
released at once, files and folders are only looked at. Nothing is created, sent or connected to.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from headrig.component import Claim, ComponentConfig
from headrig.errors import ConfigError, UnavailableError
from headrig.net.sockets import try_address

_KINDS: Final = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


class Tried(NamedTuple):
    """What came of it."""

    errors: list[ConfigError]
    """A start would be refused for these, whoever else runs."""
    notes: list[str]
    """What is in use now: of no matter if it is by the run that is to be replaced."""


def tried(components: Mapping[str, ComponentConfig], wrong: Collection[str] = ()) -> Tried:
    """Try what these components claim, but for settings that are known to be wrong, by their paths."""
    found = Tried([], [])
    for at, component in components.items():
        for claim in component.claims():
            if not claim.sends and (path := f"{at}.{claim.key}") not in wrong:
                _try(claim, path, found)
    return found


def _try(claim: Claim, path: str, found: Tried) -> None:
    if claim.kind in _KINDS:
        try:
            try_address(claim.name, _KINDS[claim.kind], path)
        except ConfigError as error:
            found.errors.append(error)
        except UnavailableError as error:
            found.notes.append(f"{path}: {error.reason} now")
    elif claim.kind == "unix":
        with suppress(OSError):
            if stat.S_ISSOCK(os.lstat(claim.name).st_mode):
                found.notes.append(f"{path}: {claim.name} is there now: served, or left behind and then replaced")
