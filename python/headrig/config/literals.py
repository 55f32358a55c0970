"""
Paths and addresses are taken as they are written. What a shell or a clock would make something else of is refused, so
that no file of that name appears.
"""

import re
from typing import Any, Final, get_args

from headrig.config.environment import Expanded, bare_names
from headrig.errors import ConfigError

_CLOCK: Final = re.compile(r"%[A-Za-z]")


def as_written(made: Any, given: Any, kind: Any, path: str) -> Any:
    """What is used of the value `made` of `given`, a field of this kind. Raises `ConfigError` where it means no name."""
    form = _form(kind)
    if form is None:
        return made
    if isinstance(made, list):
        return [
            _checked(item, raw, form, f"{path}[{index}]")
            for index, (item, raw) in enumerate(zip(made, given, strict=True))
        ]
    return _checked(made, given, form, path) if isinstance(made, str) else made


def _form(kind: Any) -> str | None:
    """`file` or `address`, when the type is one, may be one or is a list of them."""
    own = (meta.extra.get("form") for meta in getattr(kind, "__metadata__", ()) if getattr(meta, "extra", None))
    return next(filter(None, (*own, *map(_form, get_args(kind)))), None)


def _checked(made: str, given: str, form: str, path: str) -> str:
    # An address may have parameters that begin with a dollar: `?$filter=` (OData 4.01, 5.1). Variables are in capitals.
    if any(form == "file" or name.isupper() for name in bare_names(given)):
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
