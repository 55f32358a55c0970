"""
The one door to the compiled core. Everything else imports the core's names from here, bounds included, so that a
constant has one home.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from headrig._core import (
    BATCH_BYTES_MAX,
    CUT_SLACK_BYTES,
    DEPTH_MAX,
    EVENT_SECONDS_MAX,
    HOLDBACK_SECONDS_MAX,
    LEARNED_BYTES_MAX,
    LEARNED_BYTES_MIN,
    LINE_BYTES_MAX,
    PANE_SECONDS,
    RECORD_LINE_BYTES_MAX,
    RECORD_WAIT_SECONDS_MAX,
    RESERVED_PREFIXES,
    WINDOW_SECONDS_MAX,
    Engine,
    FileReader,
    FileWriter,
    Framer,
    HandlerCore,
    JsonSplitter,
    Lane,
    Lines,
    LogFile,
    Processed,
    RawLines,
    ReadBuffer,
    Values,
    end_on_terminate,
    flush_on_terminate,
    signal_is_default,
    write_lines,
)
from headrig._core import __version__ as core_version

__all__ = [
    "BATCH_BYTES_MAX",
    "CUT_SLACK_BYTES",
    "DEPTH_MAX",
    "EVENT_SECONDS_MAX",
    "HOLDBACK_SECONDS_MAX",
    "LEARNED_BYTES_MAX",
    "LEARNED_BYTES_MIN",
    "LINE_BYTES_MAX",
    "PANE_SECONDS",
    "RECORD_LINE_BYTES_MAX",
    "RECORD_WAIT_SECONDS_MAX",
    "RESERVED_PREFIXES",
    "WINDOW_SECONDS_MAX",
    "Engine",
    "FileReader",
    "FileWriter",
    "Framer",
    "HandlerCore",
    "JsonSplitter",
    "Lane",
    "Lines",
    "LogFile",
    "Processed",
    "RawLines",
    "ReadBuffer",
    "Values",
    "core_version",
    "end_on_terminate",
    "engine_of",
    "engine_spec",
    "flush_on_terminate",
    "signal_is_default",
    "write_lines",
]

ALONE: Final[Mapping[str, Any]] = MappingProxyType({"metrics": {"builtin": False}, "recent_bytes_max": 0})
"""What an engine is told that only redacts."""
_ENGINES_MAX: Final = 64
"""Compiled settings that are kept: some milliseconds and a few megabytes each."""


def engine_spec(redact: Mapping[str, Any], base: Mapping[str, Any] = ALONE) -> bytes:
    """The spec of an engine with these settings of redaction; beside them it is told `base`."""
    import json  # noqa: PLC0415  # a filter without settings starts without it

    return json.dumps({**base, "redact": redact}, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


@lru_cache(_ENGINES_MAX)
def engine_of(spec: bytes) -> Engine:
    """The engine of a spec, compiled once per process; safe to share between threads."""
    return Engine(spec)


# Another thread may have been compiling a rule as the process forked.
os.register_at_fork(after_in_child=engine_of.cache_clear)
