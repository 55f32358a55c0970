"""
Resolves `${NAME}`, `${NAME:-default}` and `${NAME:?message}` in settings, after parsing and only in strings. A default
may hold references itself. Patterns, expressions and templates are left alone.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrig.errors import ConfigError
from headrig.literals import BARE

REFERENCES_MAX: Final = 16
"""References inside defaults of references: nobody writes so many."""
_NAME: Final = re.compile(r"[A-Z_][A-Z0-9_]*")

_VERBATIM: Final = {
    "redact": frozenset({"pattern", "anchors", "examples", "counterexamples", "allow_values"}),
    "metrics": frozenset({"where"}),
    "thresholds": frozenset({"title", "message"}),
}
"""Keys, by top-level table, in which a dollar is the user's own."""


class Expanded(str):
    """A string in which a dollar stood: what it means, and what it was made of. Errors never show it."""

    __slots__ = ("bare", "names", "whole")

    names: tuple[str, ...]
    """The variables it was made of."""
    whole: bool
    """It was one reference and nothing else, so it takes its field's type."""
    bare: tuple[str, ...]
    """Each `$NAME` without braces in it, which stays as it is; `$$NAME` was none."""


class Unresolved(str):
    """A string whose reference was refused. That error is all there is to say about it."""

    __slots__ = ()


def resolve(value: Any, environ: Mapping[str, str], path: str, errors: list[ConfigError]) -> Any:
    """The settings with every reference replaced; one error per leaf that cannot be."""
    if isinstance(value, str):
        return _expand(value, environ, path, errors) if "$" in value else value
    if isinstance(value, list):
        return [resolve(item, environ, f"{path}[{index}]", errors) for index, item in enumerate(value)]
    if isinstance(value, dict):
        verbatim = _VERBATIM.get(path.split(".", 1)[0].split("[", 1)[0], frozenset())
        return {
            key: item if key in verbatim else resolve(item, environ, f"{path}.{key}" if path else key, errors)
            for key, item in value.items()
        }
    return value


def bare_names(value: str) -> list[str]:
    """Each `$NAME` without braces in a string of settings or of a variable."""
    return list(value.bare) if isinstance(value, Expanded) else BARE.findall(value)


def _expand(text: str, environ: Mapping[str, str], path: str, errors: list[ConfigError]) -> str:
    reading = _Reading(text, environ, path)
    try:
        expanded = Expanded(reading.text())
    except ConfigError as error:
        errors.append(error)
        return Unresolved(text)
    expanded.names = tuple(reading.names)
    expanded.whole = reading.whole
    expanded.bare = tuple(reading.bare)
    return expanded


class _Reading:
    """One string leaf, read from left to right. As in the shell: with `:-` and `:?` an empty variable counts as unset."""

    def __init__(self, text: str, environ: Mapping[str, str], path: str) -> None:
        self._text = text
        self._environ = environ
        self._path = path
        self._at = 0
        self.names: list[str] = []
        self.whole = False
        self.bare: list[str] = []

    def text(self) -> str:
        """All of it with every reference replaced. Raises `ConfigError` for one that cannot be."""
        return "".join(self._pieces(inside=0))

    def _pieces(self, inside: int) -> Iterator[str]:
        """What the text becomes, up to its end or, `inside` a reference, up to the brace that closes that."""
        text = self._text
        while self._at < len(text) and not (inside and text[self._at] == "}"):
            begin = self._at
            if text.startswith("$$", begin):
                self._at += 2
                yield "$"
            elif text.startswith("${", begin):
                yield self._reference(inside)
                self.whole = begin == 0 and self._at == len(text)
            else:
                if (bare := BARE.match(text, begin)) is not None:
                    self.bare.append(bare[0])
                self._at += 1
                yield text[begin]

    def _reference(self, inside: int) -> str:
        name = _NAME.match(self._text, self._at + 2)
        if name is None or inside >= REFERENCES_MAX:
            raise self._unreadable()
        self._at = name.end()
        self.names.append(name[0])
        value, default, refusal = self._environ.get(name[0]), None, None
        operator = self._text[self._at : self._at + 2]
        if operator == ":-":
            self._at += 2
            # A default that is not needed may name what is not set.
            default = None if value else "".join(self._pieces(inside + 1))
            if value:
                self._over()
        elif operator == ":?":
            begin = self._at + 2
            self._over()
            refusal = None if value else f": {self._text[begin : self._at]}"
        if not self._text.startswith("}", self._at):
            raise self._unreadable()
        self._at += 1
        if refusal is not None:
            raise ConfigError(f"variable {name[0]} is not set{refusal}", path=self._path, remedy=f"set {name[0]}")
        if default is not None:
            return default
        if value is None:
            remedy = f"set it, or write ${{{name[0]}:-default}}"
            raise ConfigError(f"variable {name[0]} is not set", path=self._path, remedy=remedy)
        self.bare += BARE.findall(value)
        return value

    def _over(self) -> None:
        """Go to the brace that closes what is open."""
        depth = 0
        while self._at < len(self._text) and (depth or self._text[self._at] != "}"):
            if self._text.startswith("$$", self._at):
                self._at += 1
            elif self._text.startswith("${", self._at):
                depth += 1
            elif self._text[self._at] == "}":
                depth -= 1
            self._at += 1

    def _unreadable(self) -> ConfigError:
        remedy = "write ${NAME} with NAME in A-Z, 0-9 and _, or $$ for a dollar"
        return ConfigError("not a reference", path=self._path, remedy=remedy)
