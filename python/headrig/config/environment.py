"""
`${NAME}`, `${NAME:-default}` and `${NAME:?message}` in settings, resolved after parsing and in string leaves only.
Patterns, expressions and templates are never touched.
"""

import re
from collections.abc import Mapping
from typing import Any

from headrig.errors import ConfigError

_DOLLAR = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_REFERENCE = re.compile(r"([A-Z_][A-Z0-9_]*)(?::([-?])(.*))?", re.DOTALL)

_VERBATIM = {
    "redact": frozenset({"pattern", "anchors", "examples", "counterexamples"}),
    "metrics": frozenset({"where"}),
    "thresholds": frozenset({"title", "message"}),
}
"""Keys, by top-level table, in which a dollar is the user's own."""


class Expanded(str):
    """A string that came, in whole or in part, out of the environment. Errors never show it."""

    __slots__ = ("names", "whole")

    names: tuple[str, ...]
    """The variables it was made of."""
    whole: bool
    """It was one reference and nothing else, so it takes its field's type."""


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


def _expand(text: str, environ: Mapping[str, str], path: str, errors: list[ConfigError]) -> str:
    names: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        reference = _REFERENCE.fullmatch(match[1])
        if reference is None or not match[2]:
            raise ConfigError(
                "not a reference",
                path=path,
                remedy="write ${NAME} with NAME in A-Z, 0-9 and _, or $$ for a dollar",
            )
        names.append(reference[1])
        return _value(reference, environ, path)

    try:
        expanded = Expanded(_DOLLAR.sub(replace, text))
    except ConfigError as error:
        errors.append(error)
        return text
    if not names:
        return str(expanded)
    expanded.names = tuple(names)
    expanded.whole = _DOLLAR.fullmatch(text) is not None
    return expanded


def _value(reference: re.Match[str], environ: Mapping[str, str], path: str) -> str:
    """As in the shell: with `:-` and `:?` an empty variable counts as unset."""
    name, operator, word = reference[1], reference[2], reference[3]
    value = environ.get(name)
    if operator == "-":
        return value or word
    if operator == "?" and not value:
        raise ConfigError(f"variable {name} is not set: {word}", path=path, remedy=f"set {name}")
    if value is None:
        raise ConfigError(f"variable {name} is not set", path=path, remedy=f"set it, or write ${{{name}:-default}}")
    return value
