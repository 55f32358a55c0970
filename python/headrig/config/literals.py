"""
Paths and addresses are taken as they are written. What a shell or a clock would make something else of is refused, so
that no file of that name appears.
"""

import re
from typing import Any, Final, get_args

from headrig.config.environment import Expanded, names_bare
from headrig.errors import ConfigError

_CLOCK: Final = re.compile(r"%[A-Za-z]")


def as_written(made: Any, given: Any, kind: Any, path: str) -> Any:
    """What is used of the value `made` of `given`, a field of this kind. Raises `ConfigError` where it means no name."""
    form = next((meta.extra["form"] for meta in _metas(kind) if meta.extra and "form" in meta.extra), None)
    if isinstance(made, str) and form is not None:
        return _checked(made, given if isinstance(given, str) else made, form, path)
    if isinstance(made, list) and isinstance(given, list):
        return [
            as_written(item, raw, get_args(kind), f"{path}[{index}]")
            for index, (item, raw) in enumerate(zip(made, given, strict=True))
        ]
    return made


def _metas(kind: Any) -> list[Any]:
    """Whatever annotates a type or, in a union, one of its members."""
    if isinstance(kind, tuple):
        return [meta for part in kind for meta in _metas(part)]
    own = [meta for meta in getattr(kind, "__metadata__", ()) if hasattr(meta, "extra")]
    if own or getattr(kind, "__origin__", None) is list:
        return own
    return [meta for part in get_args(kind) for meta in _metas(part)]


def _checked(made: str, given: str, form: str, path: str) -> str:
    if names_bare(given):
        # Only what a file says has dollars to be written otherwise.
        braces = isinstance(given, Expanded) and not given.names
        remedy = "write ${NAME} for a variable, $$ for a dollar" if braces else "write what it stands for"
        raise ConfigError("a variable without braces stays as it is", path=path, remedy=remedy)
    file = made if form == "file" else made.removeprefix("unix:") if made.startswith("unix:") else None
    if file is None:
        return made
    if file.startswith("~"):
        remedy = "write the whole path, or ./~… for a name that begins so"
        raise ConfigError("~ stays as it is", path=path, remedy=remedy)
    if _CLOCK.search(file.replace("%%", "")):
        remedy = "write one name, and %% for a percent sign"
        raise ConfigError("a date is not filled in", path=path, remedy=remedy)
    return made.replace("%%", "%")
