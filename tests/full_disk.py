"""Disks that fill up in the middle of a line, and have room again: a file system of some pages, a process's limit."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = 4096
BASE = 64 * 1024 * 1024
"""Where the lines begin under a limit: no other file of the process is as large, so the limit hits none."""


class LimitedFile:
    """The process's limit of a file's size, in the way of one file."""

    reason = "File too large"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.base = BASE
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        with path.open("wb") as file:
            file.seek(BASE - 1)
            file.write(b"\n")

    def limit(self, room: int) -> None:
        """From now on there is room for so many bytes."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.path.stat().st_size + room, self._before[1]))

    def free(self) -> None:
        """There is room again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)

    def written(self) -> bytes:
        """What was appended since."""
        with self.path.open("rb") as file:
            file.seek(self.base)
            return file.read()


class SmallDisk:
    """A file system of its own, which another file fills. Lines begin so far before the end of a page as there is room."""

    reason = "No space left on device"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.base = 0
        self._filler = path.parent / "filler"

    def limit(self, room: int) -> None:
        """From now on there is room for so many bytes, fewer than a page."""
        with self.path.open("ab") as file:
            file.write(b"." * (2 * PAGE - room - 1 - file.tell() % PAGE) + b"\n")
        self.base = self.path.stat().st_size
        with self._filler.open("wb", buffering=0) as filler:
            os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(self.path.parent).free)

    def free(self) -> None:
        """There is room again."""
        self._filler.unlink(missing_ok=True)

    written = LimitedFile.written


@contextlib.contextmanager
def disk_that_fills(kind: str, path: Path) -> Iterator[LimitedFile | SmallDisk]:
    """The disk for a file that is not there yet; `kind` is `limit` or `disk`, which is skipped without the right to mount."""
    path.parent.mkdir(parents=True)
    if kind == "limit":
        disk: LimitedFile | SmallDisk = LimitedFile(path)
        try:
            yield disk
        finally:
            disk.free()
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0750", "headrig-test", str(path.parent)]
    may = os.geteuid() == 0 and shutil.which("mount") is not None
    if not may or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a small file system")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path.parent)], check=True)
