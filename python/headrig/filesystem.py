"""
Paths that are to be written: whether they could be, found by looking alone, and what was made on the way to them, so that a
start that is refused leaves nothing behind. What is found by looking is what a start would find, but for its timing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

DIRECTORY_MODE: Final = 0o750
"""Of what is made on the way to a file."""
NAME_BYTES_MAX: Final = 255
"""Longest name of one file or directory that any common file system of Linux takes (NAME_MAX)."""
_NOTHING_CAN_BE_MADE: Final = frozenset(
    {
        *("autofs", "binder", "binfmt_misc", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs"),
        *("fusectl", "nsfs", "proc", "pstore", "resctrl", "securityfs", "selinuxfs", "smackfs", "sysfs", "tracefs"),
    }
)
"""File systems of the kernel's own: permission says yes there, and making a file fails (their pages in the kernel's docs)."""


def file_obstacle(path: str) -> str | None:
    """Why no file at this path could be written, directories on the way made if need be. None: nothing that can be seen."""
    if not path or path.endswith("/") or "\0" in path:
        return f"{path!r} is not the name of a file"
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if os.path.islink(path):
            # Directories are made on the way to the link, not on the way to what it names.
            return _directory(os.path.dirname(os.path.realpath(path)), may_be_made=False)
        return directory_obstacle(os.path.dirname(path), os.path.basename(path))
    except NotADirectoryError:
        return directory_obstacle(os.path.dirname(path))
    except OSError as error:
        return f"cannot look at {path}: {error.strerror}"
    if stat.S_ISDIR(mode) or stat.S_ISSOCK(mode):
        return f"{path!r} is not the name of a file"
    # It is read as well: a line that a crash tore is found at its end.
    return None if _may(path, os.R_OK | os.W_OK) else f"no permission to write {path}"


def directory_obstacle(directory: str, name: str = "") -> str | None:
    """Why no file of that name could be made in a directory, itself made if need be. None: nothing that can be seen."""
    if "\0" in directory:
        return "a name has no zero byte"
    if any(len(os.fsencode(each)) > NAME_BYTES_MAX for each in (*directory.split("/"), name)):
        return f"a name has at most {NAME_BYTES_MAX} bytes"
    return _directory(directory, may_be_made=True)


def _directory(directory: str, *, may_be_made: bool) -> str | None:
    nearest = os.path.abspath(directory)
    while may_be_made and not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        return f"{nearest} is not a directory"
    if not _may(nearest, os.W_OK | os.X_OK):
        return f"no permission to write in {nearest}"
    kind = _file_system(nearest)
    return f"no file can be made in {nearest}, which is {kind}" if kind in _NOTHING_CAN_BE_MADE else None


def _may(path: str, how: int) -> bool:
    return os.access(path, how, effective_ids=True)


def _file_system(path: str) -> str:
    """The type of the file system that a path is on, by proc_pid_mountinfo(5); empty when it cannot be told."""
    device = os.stat(path).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
        for mount in mounts:
            before, _, after = mount.partition(" - ")
            if before.split(" ", 3)[2] == wanted:
                return after.split(" ", 1)[0]
    return ""


class Created:
    """Files and directories that were made while components opened."""

    def __init__(self) -> None:
        self._directories: list[str] = []
        self._files: list[tuple[str, tuple[int, int]]] = []
        """With device and inode."""

    def directories(self, directory: str) -> None:
        """Make a directory and those on the way to it, unless they are there. Raises OSError."""
        for missing in reversed(list(_missing(directory))):
            with suppress(FileExistsError):
                os.mkdir(missing, DIRECTORY_MODE)
                self._directories.append(os.path.abspath(missing))

    def open(self, path: str, flags: int, mode: int) -> int:
        """The descriptor of a file, which is made with that mode unless it is there. Raises OSError."""
        with suppress(FileNotFoundError):
            return os.open(path, flags)
        made = os.path.realpath(path)
        try:
            descriptor = os.open(made, flags | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            # Somebody else was faster.
            return os.open(path, flags | os.O_CREAT, mode)
        found = os.fstat(descriptor)
        self._files.append((made, (found.st_dev, found.st_ino)))
        return descriptor

    def undo(self) -> None:
        """Remove what is empty of it, and still the same."""
        for path, identity in self._files:
            with suppress(OSError):
                found = os.lstat(path)
                if (found.st_dev, found.st_ino) == identity and not found.st_size:
                    os.unlink(path)
        for directory in reversed(self._directories):
            with suppress(OSError):
                os.rmdir(directory)
        self._files, self._directories = [], []


def _missing(directory: str) -> Iterator[str]:
    while directory and not os.path.isdir(directory):
        yield directory
        directory = os.path.dirname(directory)
