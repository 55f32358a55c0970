"""A service that ships to a `headrig run` in the same folder: how both begin, and what arrived."""

import json
from contextlib import contextmanager

from running import running

SHIP = """
[sources.ship]
type = "http"
listen = "unix:{folder}/ship.sock"
"""
START = """
import logging, os, sys, threading, headrig
handler = headrig.install(to="unix:ship.sock")
log = logging.getLogger("app")
"""


@contextmanager
def central(folder):
    """A `headrig run` that takes lines over a Unix socket in this folder."""
    with running(folder, SHIP.format(folder=folder)) as run:
        yield run


def events(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]
