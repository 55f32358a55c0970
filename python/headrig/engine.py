"""
The one door to the compiled core. Everything else imports the core's names from here, bounds included, so that a
constant has one home.
"""

from headrig._core import (
    BATCH_BYTES_MAX,
    CUT_SLACK_BYTES,
    DEPTH_MAX,
    EVENT_SECONDS_MAX,
    HOLDBACK_SECONDS_MAX,
    LINE_BYTES_MAX,
    PANE_SECONDS,
    RECORD_LINE_BYTES_MAX,
    RECORD_WAIT_SECONDS_MAX,
    RESERVED_PREFIXES,
    WINDOW_SECONDS_MAX,
    Engine,
    Framer,
    HandlerCore,
    JsonSplitter,
    Lane,
    Lines,
    Processed,
    RawLines,
    ReadBuffer,
    Values,
    write_lines,
)
from headrig._core import __version__ as core_version

__all__ = [
    "BATCH_BYTES_MAX",
    "CUT_SLACK_BYTES",
    "DEPTH_MAX",
    "EVENT_SECONDS_MAX",
    "HOLDBACK_SECONDS_MAX",
    "LINE_BYTES_MAX",
    "PANE_SECONDS",
    "RECORD_LINE_BYTES_MAX",
    "RECORD_WAIT_SECONDS_MAX",
    "RESERVED_PREFIXES",
    "WINDOW_SECONDS_MAX",
    "Engine",
    "Framer",
    "HandlerCore",
    "JsonSplitter",
    "Lane",
    "Lines",
    "Processed",
    "RawLines",
    "ReadBuffer",
    "Values",
    "core_version",
    "write_lines",
]
