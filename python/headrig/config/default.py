"""The settings that run when no file is given, and how the runbook's environment variables change them."""

import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from os import fstat
from typing import Any, Final, Literal

from headrig.config.channels import CHANNELS, channel_problems
from headrig.config.data_dir import DATA_DIR, named
from headrig.config.variables import fill, variables
from headrig.errors import ConfigError
from headrig.net.sockets import host_port, is_loopback
from headrig.web import HttpServerConfig

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

[notifiers.console]
type = "console"
"""
"""The settings of `headrig run` that finds no file."""

HTTP_LISTEN: Final = "HEADRIG_HTTP_LISTEN"
VARIABLES: Final = (*variables("run"), *CHANNELS)
"""All that change the defaults."""


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
    if stdin == "only" or named(environ, "run"):
        # What any number of may run side by side keeps no state unless it is told where.
        del given["data_dir"]
    if stdin == "only":
        # It ends by itself and may run beside another, or beside the service whose PORT this is: it has no address.
        del given["http"]
        environ = {name: value for name, value in environ.items() if name not in HttpServerConfig.env}
    if stdin != "no":
        sources = {} if stdin == "only" else given["sources"]
        given["sources"] = {**sources, "stdin": {"type": "stdin"}}
    fill(given, environ, "run", errors)
    _check_status_address(given.get("http"), environ, errors)
    channel_problems(environ, errors)
    return given


def without_effect(written: Mapping[str, Any] | None, environ: Mapping[str, str], stdin: Stdin) -> Iterator[str]:
    """A warning that names the variables that are set and change nothing; `written` is a file's tables, if it is one."""
    if written is not None:
        text = repr(written)
        known = [*VARIABLES, *([DATA_DIR] if "data_dir" in written else [])]
        names = [name for name in known if environ.get(name) and not re.search(rf"\$\{{{name}[:}}]", text)]
        if names:
            yield f"{', '.join(names)}: without effect: settings from a file take a variable where they say ${{NAME}}"
    elif stdin == "only" and environ.get(HTTP_LISTEN):
        yield f"{HTTP_LISTEN}: without effect: nothing is served while standard input is all that is read"


def _check_status_address(http: dict[str, Any] | None, environ: Mapping[str, str], errors: list[ConfigError]) -> None:
    """The source that is mounted there by default has no token. What is refused here is not looked at again."""
    listen = environ.get(HTTP_LISTEN)
    if http is None or not listen:
        return
    try:
        host, _ = host_port(listen, HTTP_LISTEN)
    except ConfigError as error:
        found = error
    else:
        if is_loopback(host):
            return
        reason = f"{listen} is reachable from other machines and would take lines without a token"
        remedy = "listen on 127.0.0.1, or write a file of settings in which the source has a token"
        found = ConfigError(reason, path=HTTP_LISTEN, remedy=remedy)
    found.file = "environment"
    errors.append(found)
    del http["listen"]
