"""Finds the settings that are paths or addresses and refuses those that only a shell or a clock could fill in."""

from typing import Any, Literal, get_args

from headrig.config.environment import Expanded, bare_names
from headrig.errors import ConfigError
from headrig.literals import meant, refusal


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


def _form(kind: Any) -> Literal["file", "address"] | None:
    """`file` or `address`, when the type is one, may be one or is a list of them."""
    own = (meta.extra.get("form") for meta in getattr(kind, "__metadata__", ()) if getattr(meta, "extra", None))
    return next(filter(None, (*own, *map(_form, get_args(kind)))), None)


def _checked(made: str, given: str, form: Literal["file", "address"], path: str) -> str:
    wrong = refusal(made, form, bare_names(given))
    if wrong is not None:
        reason, _, remedy = wrong.partition("; ")
        # Only what a file says has dollars to be written otherwise.
        braces = isinstance(given, Expanded) and not given.names
        dollars = "write ${NAME} for a variable, $$ for a dollar" if braces else "write what it stands for"
        raise ConfigError(reason, path=path, remedy=remedy or dollars)
    return meant(made, form)
