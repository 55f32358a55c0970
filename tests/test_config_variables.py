"""Variables that stand for settings: the classes of the components say which there are, and everything else is held to it."""

import re
from pathlib import Path

import msgspec
import pytest

from headrig import config, rotation
from headrig.config.channels import CHANNELS
from headrig.config.variables import components, fill, variables
from headrig.service import install

README = Path(__file__).parents[1] / "README.md"
OF_NO_COMPONENT = {
    "HEADRIG_CONFIG": ("run",),
    "HEADRIG_DATA_DIR": ("run", "service"),
    "LOG_LEVEL": ("run", "service"),
    "LOG_STRUCTURED": ("service",),
}
OF_THE_HANDLER = ("LOG_FILE", "LOG_FILE_BUFFER_SIZE", "LOG_FILE_FLUSH_INTERVAL", *rotation.VARIABLES)
PROGRAMS = ("run", "service")
EVERY = [(program, at, name) for program in PROGRAMS for name, (at, _) in variables(program).items()]
WRITTEN = {
    "text": ("https://fake.example/x", None),
    "entries": ("7", 7),
    "bytes": ("1KiB", 1024),
    "seconds": ("1d", 86400.0),
    "milliseconds": ("250", 0.25),
}


def rows() -> dict[str, list[str]]:
    """Of the reference: what each variable does in a run, in a service, and unset."""
    section = README.read_text().split("### Environment variables", 1)[1].split("\n#", 1)[0]
    found = [re.split(r" ?\| ?", row.strip("|")) for row in re.findall(r"^\| `.*$", section, re.MULTILINE)]
    return {name: rest for names, *rest in found for name in re.findall(r"`(\w+)`", names)}


def test_reference_is_complete():
    """
    The README's table has every variable there is, and no other.
    """
    assert {*variables("run"), *variables("service"), *CHANNELS, *OF_NO_COMPONENT} == set(rows())


@pytest.mark.parametrize("name", sorted(rows()))
def test_reference_tells_the_programs(name):
    """
    A variable has a text for each program that reads it, and none for another.
    """
    programs = OF_NO_COMPONENT.get(name) or tuple(
        program for program in PROGRAMS if name in variables(program) or name in CHANNELS or name in OF_THE_HANDLER
    )

    assert programs == tuple(program for program, text in zip(PROGRAMS, rows()[name], strict=False) if text.strip())


@pytest.mark.parametrize("name", [name for _, _, name in EVERY if rows()[name][2].strip().isdigit()])
def test_reference_tells_the_default(name):
    """
    The number that a variable has when it is unset is the default of its field.
    """
    (at, variable) = {**variables("service"), **variables("run")}[name]
    component = dict(components("run"))[at]
    default = next(field.default for field in msgspec.structs.fields(component) if field.name == variable.field)
    written = {"milliseconds": lambda: default * 1000, "port": lambda: int(default.rpartition(":")[2])}

    assert int(rows()[name][2]) == written.get(variable.unit, lambda: default)()


@pytest.mark.parametrize(("program", "at", "name"), EVERY)
def test_variable_is_its_field(program, at, name):
    """
    Each variable ends in the field of its component, in that field's unit, wherever what the component needs is set.
    """
    (_, variable) = variables(program)[name]
    needed = {other: "x" for other, (its, each) in variables(program).items() if its == at and each.needed}
    text, value = WRITTEN.get(variable.unit, ("9700", "127.0.0.1:9700"))
    if variable.unit == "port":
        needed = {}
    tables = {"sources": {}, "sinks": {}, "notifiers": {}, **({"http": {}} if variable.unit == "port" else {})}
    errors = []
    fill(tables, {**needed, name: text}, program, errors)
    folder, _, kind = at.partition(".")
    made = tables[folder][kind] if kind else tables[folder]

    assert ([], value or text) == (errors, made[variable.field])


@pytest.mark.parametrize(("program", "at", "name"), EVERY)
def test_half_a_component(program, at, name):
    """
    A text that is of no use without another variable is an error that names that one; a number alone is none.
    """
    (_, variable) = variables(program)[name]
    missing = [
        other for other, (its, each) in variables(program).items() if its == at and each.needed and other != name
    ]
    tables, errors = {}, []
    fill(tables, {name: "1"}, program, errors)

    assert [f"environment: {each}: is not set, though {name} is; set it, or unset {name}" for each in missing] * (
        variable.unit == "text"
    ) == [str(error) for error in errors]
    assert variable.needed == bool(tables)


def test_errors_name_the_variable():
    """
    What is wrong with a setting that came out of a variable is said of the variable.
    """
    _, errors = config.read(None, {"SLACK_WEBHOOK_URL": "no address", "LOG_HTTP_ENDPOINT": "no address"})

    assert ["environment: LOG_HTTP_ENDPOINT", "environment: SLACK_WEBHOOK_URL"] == sorted(
        str(error).rsplit(": ", 1)[0] for error in errors
    )


def test_service_knows_what_starts_more():
    """
    A service that loads no component knows the names of the variables that ask for one.
    """
    beside = {name: variable for name, (at, variable) in variables("service").items() if at != "sinks.forward"}
    text = {name for name, variable in beside.items() if variable.unit == "text"}

    assert {*text, *CHANNELS} == set(install.STARTING)
    assert set(beside) - text == set(install.TUNING)
