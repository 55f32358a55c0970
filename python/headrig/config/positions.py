"""
Finds the line and column of each key in a TOML document. tomllib gives values without positions, and no maintained
Python library gives both. The text has passed tomllib, or is the part before the error; nothing is checked here.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from contextlib import suppress
from typing import Final, NamedTuple

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY: Final = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')[ \t]*""")
_SCALAR: Final = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[^\s,\]}#"'](?:[^,\]}#\n]*[^\s,\]}#])?''',
    re.DOTALL,
)
"""A string of any kind, or what stands without quotes: a number, a boolean, a date with a blank in it."""


class Position(NamedTuple):
    """Where something begins; both count from 1."""

    line: int
    column: int


class Positions:
    """The places in a document by path, as errors write it: `sinks.out.path`, `redact.rules[0].name`."""

    def __init__(self, text: str) -> None:
        scan = _Scan(text)
        # What comes behind has no place of its own, and errors about it name the file.
        with suppress(ValueError, RecursionError):
            scan.document()
        self._offsets = scan.offsets
        # Not the text: secrets stand in it, and this is kept for as long as the settings are.
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._names: dict[str, str] = {}
        self.repeated = scan.repeated
        """Paths of keys and tables that are given a second time, each with the offsets of both."""

    def call(self, name: str, path: str) -> None:
        """Have errors about what stands at `path` call it `name`."""
        self._names[name] = path

    def line(self, path: str) -> int:
        """The line of the path, or of the nearest table around it; 0 when the document has neither."""
        for name, stands in self._names.items():
            if path == name or path.startswith((f"{name}.", f"{name}[")):
                path = stands + path.removeprefix(name)
                break
        while path and path not in self._offsets:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.at(self._offsets[path]).line if path else 0

    def at(self, offset: int) -> Position:
        """Line and column of a place in the text."""
        before = bisect_left(self._breaks, offset)
        return Position(before + 1, offset - (self._breaks[before - 1] if before else -1))

    def paths(self) -> dict[str, Position]:
        """All of them."""
        return {path: self.at(offset) for path, offset in self._offsets.items()}


class _Scan:
    """One pass over the text. ValueError where it makes no sense."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lengths: dict[str, int] = {}
        """Of arrays of tables, by path."""
        self._given: set[str] = set()
        self.offsets: dict[str, int] = {}
        self.repeated: dict[str, tuple[int, int]] = {}

    def document(self) -> None:
        table = ""
        while self._skip():
            begin = self._at
            if self._took("[["):
                path = self._key("")
                self._lengths[path] = self._lengths.get(path, 0) + 1
                self.offsets.setdefault(path, begin)
                table = self._resolved(path)
                self.offsets[table] = begin
                self._need("]]")
            elif self._took("["):
                table = self._key("")
                self._note(table, begin)
                self._need("]")
            else:
                self._pair(table)

    def _pair(self, table: str) -> None:
        begin = self._at
        path = self._key(table)
        self._note(path, begin)
        self._need("=")
        self._skip()
        self._value(path)

    def _value(self, path: str) -> None:
        if self._took("["):
            index = 0
            while self._skip() and not self._took("]"):
                self.offsets[f"{path}[{index}]"] = self._at
                self._value(f"{path}[{index}]")
                index += 1
                if self._skip() and not self._took(",") and self._text[self._at] != "]":
                    raise ValueError(path)
        elif self._took("{"):
            while self._skip() and not self._took("}"):
                self._pair(path)
                if self._skip() and not self._took(",") and self._text[self._at] != "}":
                    raise ValueError(path)
        else:
            self._at = self._match(_SCALAR).end()

    def _key(self, table: str) -> str:
        """The path that a dotted key names below a table. What it leads through has its first mention as its place."""
        begin, path = self._at, table
        while True:
            part = self._match(_KEY)
            self._at = part.end()
            name = part[1] if part[1][0] not in "\"'" else next(iter(tomllib.loads(f"{part[1]} = 0")))
            path = f"{path}.{name}" if path else name
            if not self._took("."):
                return path
            path = self._resolved(path)
            self.offsets.setdefault(path, begin)

    def _resolved(self, path: str) -> str:
        """Of an array of tables, a header means the last."""
        return f"{path}[{self._lengths[path] - 1}]" if path in self._lengths else path

    def _note(self, path: str, offset: int) -> None:
        if path in self._given:
            self.repeated.setdefault(path, (self.offsets[path], offset))
        else:
            self._given.add(path)
            self.offsets[path] = offset

    def _skip(self) -> bool:
        """Go over blanks and comments; whether anything comes behind them."""
        self._at = self._match(_BLANK).end()
        return self._at < len(self._text)

    def _took(self, sign: str) -> bool:
        found = self._text.startswith(sign, self._at)
        self._at += len(sign) if found else 0
        return found

    def _need(self, sign: str) -> None:
        if not self._took(sign):
            raise ValueError(sign)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(self._at)
        return match
