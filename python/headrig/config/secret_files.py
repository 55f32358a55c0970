"""
Reads secrets from files; nothing else does. The whole content counts except one newline at the end, which editors add.
No error shows any of it.
"""

import os
import stat
from contextlib import suppress
from typing import Final

from headrig.errors import ConfigError
from headrig.limits import SECRET_BYTES_MAX

_REMEDY: Final = "give a readable file that holds the secret alone"


def read_secret(file: str, path: str, warnings: list[str]) -> str:
    """What the file holds that the key at `path` names. Raises `ConfigError`; a file that anyone can read is a warning."""
    try:
        # A pipe that nobody writes to must not hold up the start, nor a terminal become the process's own.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            content = os.read(descriptor, SECRET_BYTES_MAX + 1) if stat.S_ISREG(mode) else None
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "unreadable"
        raise ConfigError(f"cannot read the file: {reason}", path=path, remedy=_REMEDY) from None
    if content is None:
        raise ConfigError("not a regular file", path=path, remedy=_REMEDY)
    if len(content) > SECRET_BYTES_MAX:
        raise ConfigError(f"the file is larger than {SECRET_BYTES_MAX} bytes", path=path, remedy=_REMEDY)
    try:
        secret = content.removesuffix(b"\r\n" if content.endswith(b"\r\n") else b"\n").decode()
    except UnicodeDecodeError:
        raise ConfigError("cannot read the file: not UTF-8 text", path=path, remedy=_REMEDY) from None
    if not secret:
        raise ConfigError("the file is empty", path=path, remedy="put the secret into it")
    _warn_of_readers(mode, path, warnings)
    return secret


def look_at_private(file: str, path: str, warnings: list[str]) -> None:
    """Warn if anyone can read a file that should be private; who uses it says whether it can be read at all."""
    with suppress(OSError, ValueError):
        _warn_of_readers(os.stat(file).st_mode, path, warnings)


def _warn_of_readers(mode: int, path: str, warnings: list[str]) -> None:
    if mode & stat.S_IROTH:
        warnings.append(f"{path}: every user of this machine can read the file; chmod o= it")
