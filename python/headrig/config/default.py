"""What runs when no file is given, and what the runbook's environment variables change in it."""

import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from os import fstat
from typing import Any, Final, Literal

from headrig.config.channels import CHANNELS, SLACK, channels
from headrig.errors import ConfigError
from headrig.net.sockets import host_port, is_loopback

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
"""The settings of `headrig run` that finds no file."""

HTTP_LISTEN: Final = "HEADRIG_HTTP_LISTEN"
VARIABLES: Final = (
    *("LOG_FILE", "LOG_FILE_BUFFER_SIZE", "LOG_FILE_FLUSH_INTERVAL"),
    *("LOG_HTTP_ENDPOINT", "LOG_HTTP_AUTH_HEADER", "LOG_HTTP_BUFFER_SIZE", "LOG_HTTP_FLUSH_INTERVAL"),
    *(HTTP_LISTEN, "PORT"),
    *CHANNELS,
)
"""All that change the defaults."""

_ORIGINS = {
    "sinks.file.path": ("LOG_FILE",),
    "sinks.http.endpoint": ("LOG_HTTP_ENDPOINT",),
    "sinks.http.auth_header": ("LOG_HTTP_AUTH_HEADER",),
    "notifiers.slack.url": (SLACK,),
    "http.listen": (HTTP_LISTEN, "PORT"),
}


def stdin_kind(descriptor: int) -> str | None:
    """
    What standard input is: `file`, `pipe` or `socket`, which somebody connected and which come to an end.

    None for a terminal, `/dev/null` or a descriptor that is closed. Whether there is data yet says nothing: a producer
    may be slow to start.
    """
    try:
        mode = fstat(descriptor).st_mode
    except OSError:
        return None
    return {stat.S_IFREG: "file", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}.get(stat.S_IFMT(mode))


def defaults(environ: Mapping[str, str], stdin: Stdin, errors: list[ConfigError]) -> dict[str, Any]:
    """The default tables as the variables change them."""
    given = tomllib.loads(DEFAULT)
    if stdin == "only":
        # It ends by itself and may run beside another, or beside the service whose PORT this is: it has no address.
        del given["http"]
    elif (listen := _status_address(environ, errors)) is not None:
        given["http"] = {"listen": listen}
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
    return given


def without_effect(written: Mapping[str, Any] | None, environ: Mapping[str, str], stdin: Stdin) -> Iterator[str]:
    """A warning that names the variables that are set and change nothing; `written` is a file's tables, if it is one."""
    if written is not None:
        text = repr(written)
        names = [name for name in VARIABLES if environ.get(name) and not re.search(rf"\$\{{{name}[:}}]", text)]
        if names:
            yield f"{', '.join(names)}: without effect: settings from a file take a variable where they say ${{NAME}}"
    elif stdin == "only" and environ.get(HTTP_LISTEN):
        yield f"{HTTP_LISTEN}: without effect: nothing is served while standard input is all that is read"


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
    return next((variable for variable in _ORIGINS.get(path, ()) if environ.get(variable)), None)


def _status_address(environ: Mapping[str, str], errors: list[ConfigError]) -> str | None:
    """Where the variables want the status server; None when they do not say."""
    listen = environ.get(HTTP_LISTEN)
    if not listen:
        port = _number("PORT", "a port", environ, errors, most=65535)
        return None if port is None else f"127.0.0.1:{port}"
    try:
        host, _ = host_port(listen, HTTP_LISTEN)
    except ConfigError as error:
        error.file = "environment"
        errors.append(error)
        return None
    if not is_loopback(host):
        reason = f"{listen} is reachable from other machines and would take lines without a token"
        remedy = "listen on 127.0.0.1, or write a file of settings in which the source has a token"
        errors.append(ConfigError(reason, file="environment", path=HTTP_LISTEN, remedy=remedy))
        return None
    return listen


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
            f"not {what}",
            file="environment",
            path=name,
            remedy=f"set a whole number{bound}, or unset it",
        )
    )
    return None
