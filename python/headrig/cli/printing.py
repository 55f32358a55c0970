"""Standard output of a verb that filters or finds: bytes out whole, and an error that says what to do."""

import errno
import os

from headrig.engine import Lines, write_lines
from headrig.errors import DeliveryError

STDOUT = 1
_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f)",
    errno.EBADF: "it is closed, or open for reading only: give it a file or a pipe",
}


def write(descriptor: int, out: Lines | memoryview | bytes, where: str) -> None:
    """
    Write all bytes to what is called `where` in errors. Raises `BrokenPipeError` for a closed pipe, else `DeliveryError`.
    """
    _, error = write_lines(descriptor, out, 0)
    if error == errno.EPIPE:
        raise BrokenPipeError(error, os.strerror(error))
    if error:
        raise failed(where, error)


def failed(where: str, error: int) -> DeliveryError:
    """What is said of something that takes no more."""
    return DeliveryError(f"{where}: {os.strerror(error)}; {_REMEDIES.get(error, 'write to another place')}", "io")


def say(verb: str, lines: list[str]) -> None:
    """Print lines of text. Raises as `write`."""
    if lines:
        text = "".join(f"{shown(line)}\n" for line in lines)
        write(STDOUT, text.encode("utf-8", "backslashreplace"), f"headrig {verb}: standard output")


def shown(text: str) -> str:
    """A name or a path as a terminal may show it: what could move a cursor is escaped."""
    return (
        text
        if text.isprintable()
        else "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    )
