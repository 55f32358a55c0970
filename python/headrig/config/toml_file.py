"""A TOML file from disk; what cannot be read or parsed is an error with line and column."""

import os
import re
import stat
import tomllib
from typing import Any

from headrig.errors import ConfigError

_WHERE = re.compile(r"(.*?) ?\(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


def signature(path: str) -> tuple[int, ...] | None:
    """
    What is another after a write to the file; None when there is no file. Raises `ConfigError` when it is none that
    can be read a second time, such as a pipe.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError("not a regular file", file=path, remedy="give settings that can be read again in a file")
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def parse(path: str, errors: list[ConfigError]) -> dict[str, Any] | None:
    """The file's tables; None, and one error, when there are none to be had."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        errors.append(ConfigError(reason, file=path, remedy="give the path of a readable file"))
        return None
    return tables(content, path, errors)


def tables(content: bytes, path: str, errors: list[ConfigError]) -> dict[str, Any] | None:
    """What a file that was read holds; None, and one error, when it is no TOML."""
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        where = _position(content[: error.start].decode())
        errors.append(ConfigError("not UTF-8", file=path, path=where, remedy="save the file as UTF-8"))
        return None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _WHERE.fullmatch(str(error))
        reason = match[1] if match else str(error)
        where = f"line {match[2]}, column {match[3]}" if match and match[2] else _position(text)
        reason = reason[:1].lower() + reason[1:]
        errors.append(ConfigError(reason, file=path, path=where, remedy="correct the TOML"))
        return None
    except (ValueError, RecursionError):
        reason = "a number of thousands of digits, or nested too deep"
        errors.append(ConfigError(reason, file=path, remedy="correct the TOML"))
        return None


def _position(before: str) -> str:
    """Where text that begins with `before` goes on."""
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"
