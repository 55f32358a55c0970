"""Chooses the folder that keeps state: the one in the settings, else the one that a variable names."""

from collections.abc import Iterator, Mapping
from typing import Final

from headrig.config.decode import Findings, value
from headrig.config.variables import Program
from headrig.delivery.owner import holder, lock_obstacle
from headrig.errors import ConfigError
from headrig.filesystem import directory_obstacle
from headrig.model import FilePath

DATA_DIR: Final = "HEADRIG_DATA_DIR"
STATE_DIRECTORY: Final = "STATE_DIRECTORY"
"""systemd.exec(5): the folders that it made for a unit, with colons between. In a service they are the application's."""


def named(environ: Mapping[str, str], program: Program) -> tuple[str, str] | None:
    """The variable that names a folder, and the folder."""
    if folder := environ.get(DATA_DIR):
        return DATA_DIR, folder
    if program == "run" and (folder := environ.get(STATE_DIRECTORY, "").partition(":")[0]):
        return STATE_DIRECTORY, folder
    return None


def data_dir(given: object, environ: Mapping[str, str], program: Program, errors: Findings) -> str | None:
    """The folder; `given` is what the settings say, None if nothing. None: state is kept nowhere."""
    if given is not None:
        return _folder(given, "data_dir", errors)
    found = named(environ, program)
    if found is None:
        return None
    of_variable = Findings()
    folder = _folder(found[1], found[0], of_variable)
    for error in of_variable:
        error.file = "environment"
    errors.extend(of_variable)
    return folder


def _folder(given: object, path: str, errors: Findings) -> str | None:
    folder = value(given, FilePath, "data_dir", path, errors)
    if not isinstance(folder, str):
        return None
    if (reason := directory_obstacle(folder) or lock_obstacle(folder)) is not None:
        errors.append(ConfigError(reason, path=path, remedy="give another directory"))
    return folder


def kept_now(folder: str | None) -> Iterator[str]:
    """A line that says who keeps the state there now: of no matter if it is the run that is to be replaced."""
    if folder is not None and (who := holder(folder)) is not None:
        yield f"data_dir: {who} keeps the state in {folder} now"
