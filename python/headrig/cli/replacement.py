"""
A file that takes another's place once it is whole. It is written beside the other one, so that whatever happens the old
file or the new one is there, never a part.
"""

import os
import signal
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress

from headrig.cli.printing import shown
from headrig.errors import HeadrigError

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MODE_MASK = 0o777
"""Of the permission bits; set-uid and its kin mean nothing in a log."""


class NotReplacedError(HeadrigError):
    """A file is left as it is. Says why and what to do."""

    exit_code = os.EX_CANTCREAT


class Replacement:
    """
    A new content of `path`, whose links are followed. Mode, owner and extended attributes of a file that is there stay.
    Raises `NotReplacedError`.
    """

    def __init__(self, verb: str, path: str) -> None:
        self._where = f"headrig {verb}: {shown(path)}"
        self.path = os.path.realpath(path)
        self._old: os.stat_result | None = None
        try:
            with suppress(FileNotFoundError):
                self._old = os.stat(self.path)
        except OSError as error:
            raise self._failed(error) from None
        if self._old is not None and not stat.S_ISREG(self._old.st_mode):
            raise NotReplacedError(f"{self._where}: is no regular file; read it without --in-place")
        if self._old is not None and self._old.st_nlink > 1:
            raise NotReplacedError(
                f"{self._where}: has another name (a hard link), which would keep the secrets; use --output"
            )
        try:
            self.descriptor, self._temporary = tempfile.mkstemp(".tmp", ".headrig-", os.path.dirname(self.path))
        except OSError as error:
            raise self._failed(error) from None
        self._handlers = {number: signal.signal(number, self._end) for number in _ENDING}

    def commit(self) -> None:
        """Put it in place of the old file, for good."""
        try:
            if self._old is None:
                os.fchmod(self.descriptor, 0o666 & ~_umask())
            else:
                self._take_over(self._old)
            os.fsync(self.descriptor)
            os.rename(self._temporary, self.path)
            _sync_folder(os.path.dirname(self.path))
        except OSError as error:
            self.discard()
            raise self._failed(error) from None
        self._close()

    def discard(self) -> None:
        """Leave the old file."""
        with suppress(OSError):
            os.unlink(self._temporary)
        self._close()

    def _take_over(self, old: os.stat_result) -> None:
        new = os.fstat(self.descriptor)
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            os.fchown(self.descriptor, old.st_uid, old.st_gid)
        for name in _attributes(self.path):
            with suppress(OSError):
                os.setxattr(self.descriptor, name, os.getxattr(self.path, name))
        # After the attributes: an access list sets them as well.
        os.fchmod(self.descriptor, old.st_mode & _MODE_MASK)

    def _failed(self, error: OSError) -> NotReplacedError:
        what = "its owner cannot be kept" if isinstance(error, PermissionError) and self._old else error.strerror
        return NotReplacedError(f"{self._where}: cannot be replaced: {what}; write to another place with --output")

    def _close(self) -> None:
        os.close(self.descriptor)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _end(self, number: int, _: object) -> None:
        """Leave nothing behind, then end by the signal as anybody does."""
        with suppress(OSError):
            os.unlink(self._temporary)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _attributes(path: str) -> Iterable[str]:
    try:
        return os.listxattr(path)
    except OSError:
        return ()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
