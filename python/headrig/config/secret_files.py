"""
The one reader of secrets in files. What a file holds counts whole but for one newline at its end, which every editor
adds. No error shows any of it.
"""

import os
import stat
from typing import Any, Final

from headrig.errors import ConfigError
from headrig.limits import SECRET_BYTES_MAX

_REMEDY: Final = "give a readable file that holds the secret alone"


def read_secrets(values: dict[str, Any], at: str, errors: list[ConfigError], warnings: list[str]) -> None:
    """Where a table has both fields, `token_file` gives `token` what is in the file. The file's name is not kept."""
    for name, file in [(name, values.get(f"{name}_file")) for name in values]:
        if file is None:
            continue
        path = f"{at}.{name}_file"
        if values[name]:
            errors.append(ConfigError(f"{name} is given as well", path=path, remedy="give one of the two"))
            continue
        try:
            values[name] = _content(file, path, warnings)
        except ConfigError as error:
            errors.append(error)
        values[f"{name}_file"] = None


def _content(file: str, path: str, warnings: list[str]) -> str:
    try:
        # A pipe that nobody writes to must not hold up the start, nor a terminal become the process's own.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(descriptor, "rb") as opened:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError("not a regular file", path=path, remedy=_REMEDY)
            content = opened.read(SECRET_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "unreadable"
        raise ConfigError(f"cannot read the file: {reason}", path=path, remedy=_REMEDY) from None
    if len(content) > SECRET_BYTES_MAX:
        raise ConfigError(f"the file is larger than {SECRET_BYTES_MAX} bytes", path=path, remedy=_REMEDY)
    try:
        secret = content.removesuffix(b"\r\n" if content.endswith(b"\r\n") else b"\n").decode()
    except UnicodeDecodeError:
        raise ConfigError("cannot read the file: not UTF-8 text", path=path, remedy=_REMEDY) from None
    if not secret:
        raise ConfigError("the file is empty", path=path, remedy="put the secret into it")
    if found.st_mode & stat.S_IROTH:
        warnings.append(f"{path}: every user of this machine can read the file; chmod o= it")
    return secret
