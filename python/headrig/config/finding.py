"""
Finds the settings to use: the file given, the one in `$HEADRIG_CONFIG`, `./headrig.toml`, or the built-in defaults.
"""

import os
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from headrig.errors import ConfigError

VARIABLE: Final = "HEADRIG_CONFIG"
FILE: Final = "headrig.toml"
"""Looked for in the working directory."""


class SettingsFile(NamedTuple):
    """The settings to use."""

    path: str | None
    """The file as it is named; None stands for the built-in defaults."""
    by: Literal["argument", "variable", "directory", "defaults"]
    """Who named it."""

    def explain(self, error: ConfigError) -> ConfigError:
        """Say in an error about the file as a whole why it was read: nobody may have typed its name."""
        if error.file == self.path and not error.path:
            if self.by == "variable":
                error.file, error.path, error.reason = "environment", VARIABLE, f"{self.path} {error.reason}"
                error.remedy = "give the path of a readable file, or unset it"
            elif self.by == "directory":
                error.remedy = "make it a readable file, or give the path of another"
        return error


def find(named: str | None, environ: Mapping[str, str]) -> SettingsFile:
    """
    The file that was named, else `$HEADRIG_CONFIG`, else `./headrig.toml`, else the built-in defaults.

    A file that is there and cannot be read is found all the same: settings are never passed over. Raises `ConfigError`
    when the name given is empty.
    """
    if named == "":
        raise ConfigError("the name of the settings file is empty", remedy="give the path of a readable file")
    if named is not None:
        return SettingsFile(named, "argument")
    if set_to := environ.get(VARIABLE):
        return SettingsFile(set_to, "variable")
    try:
        os.lstat(FILE)
    except FileNotFoundError:
        return SettingsFile(None, "defaults")
    except OSError:
        # It may be there; whoever reads it says what is in the way.
        pass
    return SettingsFile(FILE, "directory")
