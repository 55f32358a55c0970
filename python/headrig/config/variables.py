"""
Environment variables that replace settings where no file has them, in `headrig run` and in a service. The classes of
the components declare them; none is named here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, get_args

from headrig.component import ComponentConfig, Variable
from headrig.config.conflicts import STATUS
from headrig.errors import ConfigError
from headrig.notifiers import NotifierConfig
from headrig.sinks import SinkConfig
from headrig.sources import SourceConfig
from headrig.units import scaled
from headrig.web import HttpServerConfig

Program = Literal["run", "service"]

_FOLDERS: Final = (("sources", SourceConfig), ("sinks", SinkConfig), ("notifiers", NotifierConfig))
_PORT_MAX: Final = 65535
"""Ports have sixteen bits (RFC 9293)."""
_NUMBER_MAX: Final = 2**53
"""Larger whole numbers are not exact as seconds."""


def components(program: Program) -> Iterator[tuple[str, type[ComponentConfig]]]:
    """Every component that variables can make in this program, with the path of the table that it then has."""
    yield STATUS, HttpServerConfig
    for folder, union in _FOLDERS:
        # The one source of a service is its handler.
        if folder != "sources" or program == "run":
            for component in get_args(union):
                yield f"{folder}.{component.__struct_config__.tag}", component


def variables(program: Program, *folders: str) -> dict[str, tuple[str, Variable]]:
    """Every variable that this program obeys, with the path of its component; only those below some folders, if any are given."""
    return {
        name: (at, variable)
        for at, component in components(program)
        if not folders or at.partition(".")[0] in folders
        for name, variable in component.env.items()
        if variable.program in (None, program)
    }


def fill(tables: dict[str, Any], environ: Mapping[str, str], program: Program, errors: list[ConfigError]) -> None:
    """
    Have the variables change these tables: those of components that are there, and of those that the variables make.

    An error for each value that cannot be used, and for each variable that is missing though another of its component
    is set that is of no use without it.
    """
    for at, component in components(program):
        given = {
            name: variable
            for name, variable in component.env.items()
            if variable.program in (None, program) and environ.get(name)
        }
        values: dict[str, Any] = {}
        for name, variable in given.items():
            # Of two variables for one field the first has it, and the other is not even looked at.
            if variable.field not in values and (value := _value(name, variable, environ, errors)) is not None:
                values[variable.field] = value
        if (there := _table(tables, at)) is not None:
            there.update(values)
            continue
        needed = [
            name for name, variable in component.env.items() if variable.needed and variable.program in (None, program)
        ]
        missing = [name for name in needed if name not in given]
        if needed and not missing:
            _put(tables, at, values)
        elif of_no_use := [name for name, variable in given.items() if variable.unit == "text"]:
            errors.extend(half_set(name, of_no_use[0]) for name in missing)


def makes(folder: str, environ: Mapping[str, str], program: Program) -> bool:
    """The variables make a component of that folder."""
    needed: dict[str, list[bool]] = {}
    for name, (at, variable) in variables(program, folder).items():
        if variable.needed:
            needed.setdefault(at, []).append(bool(environ.get(name)))
    return any(all(found) for found in needed.values())


def half_set(missing: str, given: str) -> ConfigError:
    """The error for a variable that is missing though another one is set that is of no use without it."""
    remedy = f"set it, or unset {given}"
    return ConfigError(f"is not set, though {given} is", file="environment", path=missing, remedy=remedy)


def origin(path: str, environ: Mapping[str, str], program: Program) -> str | None:
    """The variable that the setting at this path came from, if it did."""
    return next(
        (
            name
            for name, (at, variable) in variables(program).items()
            if environ.get(name) and path == f"{at}.{variable.field}"
        ),
        None,
    )


def number(
    name: str, what: str, environ: Mapping[str, str], errors: list[ConfigError], number_max: int = _NUMBER_MAX
) -> int | None:
    """A whole number from a variable; None when it is unset, empty or wrong."""
    text = environ.get(name, "")
    if text == "":
        return None
    if text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= number_max:
        return int(text)
    bound = f" up to {number_max}" if number_max < _NUMBER_MAX else ""
    remedy = f"set a whole number{bound}, or unset it"
    errors.append(ConfigError(f"not {what}", file="environment", path=name, remedy=remedy))
    return None


def _value(name: str, variable: Variable, environ: Mapping[str, str], errors: list[ConfigError]) -> Any:
    """As the field has it; None after an error."""
    match variable.unit:
        case "text":
            return environ[name]
        case "port":
            port = number(name, "a port", environ, errors, _PORT_MAX)
            return None if port is None else f"127.0.0.1:{port}"
        case "milliseconds":
            milliseconds = number(name, "milliseconds", environ, errors)
            return None if milliseconds is None else milliseconds / 1000
        case "entries":
            return number(name, "entries", environ, errors)
        case "bytes" | "seconds" as unit:
            value = scaled(environ[name].strip(), unit)
            return number(name, unit, environ, errors) if value is None else value


def _table(tables: Mapping[str, Any], at: str) -> dict[str, Any] | None:
    folder, _, kind = at.partition(".")
    table: dict[str, Any] | None = tables.get(folder, {}).get(kind) if kind else tables.get(folder)
    return table


def _put(tables: dict[str, Any], at: str, values: dict[str, Any]) -> None:
    folder, _, kind = at.partition(".")
    if kind:
        tables.setdefault(folder, {})[kind] = {"type": kind, **values}
    else:
        tables[folder] = values
