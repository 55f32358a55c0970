"""
Reads a TOML file and notes where its keys stand. A file that cannot be read or parsed is an error with line and
column.
"""

import json
import os
import re
import stat
import tomllib
from typing import Any, Final, NamedTuple

from headrig.config.positions import Positions
from headrig.errors import ConfigError
from headrig.limits import SETTINGS_DEPTH_MAX

_WHERE: Final = re.compile(r"(.*?) ?\(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_YAML: Final = re.compile(r"---\s*$|%YAML\b|- |[\w.-]+:(\s|$)|[\"'][^\"']*[\"']:(\s|$)")
"""How the first line of YAML looks, and none of TOML."""
_AS_TOML: Final = "write tables as [sources.in] and what is in them as key = value"


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


class Document(NamedTuple):
    """What a file holds."""

    tables: dict[str, Any]
    positions: Positions


def parse(path: str, errors: list[ConfigError]) -> Document | None:
    """The file's tables and where they stand; None, and one error, when there are none to be had."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        errors.append(ConfigError(reason, file=path, remedy="give the path of a readable file"))
        return None
    return document(content, path, errors)


def document(content: bytes, path: str, errors: list[ConfigError]) -> Document | None:
    """The same of a file that was read; None, and one error, when it is no TOML."""
    try:
        text = content.decode().removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        wrong = ConfigError("not UTF-8", file=path, remedy="save the file as UTF-8")
        errors.append(_at(wrong, *_end_of(before)))
        return None
    tables = None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        errors.append(_refusal(str(error), text, path))
        return None
    except (ValueError, RecursionError):
        pass
    # tomllib takes a dotted key of any length, and everything that reads the tables walks down them.
    if tables is None or _deeper(tables, SETTINGS_DEPTH_MAX):
        reason = "a number of thousands of digits, or nested too deep"
        errors.append(ConfigError(reason, file=path, remedy="correct the TOML"))
        return None
    return Document(tables, Positions(text))


def _deeper(tables: dict[str, Any], depth_max: int) -> bool:
    """More tables and arrays are in each other than that."""
    level: list[Any] = [tables]
    for _ in range(depth_max):
        inner = [each for outer in level for each in (outer.values() if isinstance(outer, dict) else outer)]
        level = [each for each in inner if isinstance(each, dict | list)]
    return bool(level)


def _refusal(said: str, text: str, path: str) -> ConfigError:
    """What tomllib refuses, in the words of the settings."""
    other = _other_format(text)
    if other is not None:
        return ConfigError(f"this is {other}, and settings are TOML", file=path, remedy=_AS_TOML)
    match = _WHERE.fullmatch(said)
    line, column = (int(match[2]), int(match[3])) if match and match[2] else _end_of(text)
    positions = Positions(text)
    # Of keys that are given twice tomllib refuses the first; what it read until then it could read.
    for key, (first, second) in positions.repeated.items():
        if positions.at(second) <= (line, column):
            reason = f"given twice, first in line {positions.at(first).line}"
            wrong = ConfigError(reason, path=key, file=path, remedy="keep one of them")
            return _at(wrong, *positions.at(second))
    reason = match[1] if match else said
    reason = reason[:1].lower() + reason[1:]
    return _at(ConfigError(reason, file=path, remedy="correct the TOML"), line, column)


def _other_format(text: str) -> str | None:
    """What a text that is no TOML is instead, when that is plain to see."""
    if text.lstrip().startswith("{"):
        return "JSON"
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        pass
    else:
        return "JSON"
    first = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
    return "YAML" if _YAML.match(first) else None


def _at(error: ConfigError, line: int, column: int) -> ConfigError:
    error.line, error.column = line, column
    return error


def _end_of(before: str) -> tuple[int, int]:
    """Where text that begins with `before` goes on."""
    return before.count("\n") + 1, len(before) - before.rfind("\n")
