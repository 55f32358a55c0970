"""What runs when no file is given, and what the runbook's environment variables change in it."""

import select
import stat
import tomllib
from collections.abc import Mapping
from os import fstat
from typing import Any, Literal

from headrig.config.channels import SLACK, channels
from headrig.errors import ConfigError

Stdin = Literal["no", "also", "only"]
"""Whether standard input is a source of the defaults: not at all, beside the listeners, or instead of them."""

DEFAULT_NAME = "built-in defaults"

DEFAULT = """
data_dir = "data"

[http]
listen = "127.0.0.1:9600"

[sources.tcp]
type = "tcp"
listen = "127.0.0.1:9020"

[sources.unix]
type = "unix"
path = "data/headrig.sock"

[sources.http]
type = "http"

[sinks.file]
type = "file"
path = "data/app.log"
"""
"""The settings of `headrig run` without `-c`."""

_ORIGINS = {
    "sinks.file.path": "LOG_FILE",
    "sinks.http.endpoint": "LOG_HTTP_ENDPOINT",
    "sinks.http.auth_header": "LOG_HTTP_AUTH_HEADER",
    "notifiers.slack.url": SLACK,
    "http.listen": "PORT",
}


def stdin_intent(descriptor: int) -> Stdin:
    """
    What `headrig run < file` and `producer | headrig run` mean, and what a stdin nobody thought of means.

    A file, or a pipe that already has data, is the only source, so that the run ends where it ends. A silent pipe is
    read beside the listeners: supervisors leave one open, and a slow producer must not be ignored.
    """
    try:
        mode = fstat(descriptor).st_mode
    except OSError:
        return "no"
    if stat.S_ISREG(mode):
        return "only"
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return "no"
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    events = dict(poll.poll(0)).get(descriptor, 0)
    if events & select.POLLIN:
        return "only"
    return "no" if events else "also"


def defaults(environ: Mapping[str, str], stdin: Stdin, errors: list[ConfigError]) -> dict[str, Any]:
    """The default tables as the variables change them."""
    given = tomllib.loads(DEFAULT)
    if stdin == "only":
        # It ends by itself and may run beside another: it needs no address of its own.
        del given["http"]
    if stdin != "no":
        sources = {} if stdin == "only" else given["sources"]
        given["sources"] = {**sources, "stdin": {"type": "stdin"}}
    sink = given["sinks"]["file"]
    if path := environ.get("LOG_FILE"):
        sink["path"] = path
    if (entries := _number("LOG_FILE_BUFFER_SIZE", "entries", environ, errors)) is not None:
        sink["flush_entries_max"] = entries
    if (milliseconds := _number("LOG_FILE_FLUSH_INTERVAL", "milliseconds", environ, errors)) is not None:
        sink["flush_seconds"] = milliseconds / 1000
    post(given["sinks"], environ, errors)
    given["notifiers"] = channels(environ, errors)
    if (port := _number("PORT", "a port", environ, errors, most=65535)) is not None:
        given["http"] = {"listen": f"127.0.0.1:{port}"}
    return given


def post(sinks: dict[str, Any], environ: Mapping[str, str], errors: list[ConfigError]) -> None:
    """The HTTP sink beside the file, when there is an endpoint."""
    sink: dict[str, Any] = {"type": "http", "endpoint": environ.get("LOG_HTTP_ENDPOINT", "")}
    if header := environ.get("LOG_HTTP_AUTH_HEADER"):
        sink["auth_header"] = header
    if (entries := _number("LOG_HTTP_BUFFER_SIZE", "entries", environ, errors)) is not None:
        sink["flush_entries_max"] = entries
    if (milliseconds := _number("LOG_HTTP_FLUSH_INTERVAL", "milliseconds", environ, errors)) is not None:
        sink["flush_seconds"] = milliseconds / 1000
    if sink["endpoint"]:
        sinks["http"] = sink
    elif "auth_header" in sink:
        reason = "is not set, though LOG_HTTP_AUTH_HEADER is"
        remedy = "set the address that takes the lines, or unset LOG_HTTP_AUTH_HEADER"
        errors.append(ConfigError(reason, file="environment", path="LOG_HTTP_ENDPOINT", remedy=remedy))


def origin(path: str, environ: Mapping[str, str]) -> str | None:
    """The variable that the default at this path came from, if it did."""
    variable = _ORIGINS.get(path, "")
    return variable if environ.get(variable) else None


def _number(
    name: str, what: str, environ: Mapping[str, str], errors: list[ConfigError], most: int = 2**53
) -> int | None:
    """A whole number from a variable; None when it is unset, empty or wrong."""
    text = environ.get(name, "")
    if text == "":
        return None
    if text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= most:
        return int(text)
    bound = f" up to {most}" if most < 2**53 else ""
    errors.append(
        ConfigError(
            f"{text[:40]!r} is not {what}",
            file="environment",
            path=name,
            remedy=f"set a whole number{bound}, or unset it",
        )
    )
    return None
