"""
Who keeps the state in a `data_dir`: the one process that has locked `owner.lock` there. A POSIX record lock (fcntl(2),
F_SETLK): the kernel gives it back when its process ends, however it ends, no fork inherits it, and nobody waits for it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

from headrig.delivery.condition import Degraded
from headrig.errors import ConfigError
from headrig.filesystem import Created
from headrig.model import Clock

FILE: Final = "owner.lock"
_ADDRESS: Final = re.compile(r"https?://[!-~]{1,250}")
_PASSING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE})
_FLOCK: Final = struct.Struct("hhqqi4x")
"""`struct flock` where `off_t` has 64 bits: l_type, l_whence, l_start, l_len, l_pid."""


class Holder(NamedTuple):
    """Who has the lock."""

    pid: int
    """0 when it cannot be seen from here: in another container, or on another machine."""
    address: str
    """Of its status server; empty if it has none."""

    def __str__(self) -> str:
        """For people."""
        who = f"process {self.pid}" if self.pid > 0 else "a process of another container or machine"
        return f"{who} ({self.address})" if self.address else who


@dataclass(slots=True, eq=False)
class _Lock:
    """One file that this process has locked. Closing any other descriptor of it would give the lock back."""

    descriptor: int
    identity: tuple[int, int]
    """Device and inode."""
    users: int = 1


_locks: Final[list[_Lock]] = []


def _forget_all() -> None:
    """In a forked child: what is locked is the parent's."""
    for lock in _locks:
        with suppress(OSError):
            os.close(lock.descriptor)
        lock.descriptor = -1
    _locks.clear()


os.register_at_fork(after_in_child=_forget_all)


class Owner:
    """This process's claim to keep the state in one folder."""

    def __init__(self, data_dir: str, clock: Clock, created: Created | None = None) -> None:
        """
        Make the folder and take the lock if it is free. Raises `ConfigError` when the folder cannot be used; a disk that is
        full or fails for now is no fault of the settings.
        """
        self.data_dir = data_dir
        self._clock = clock
        self._refused = ""
        """Why it is not held."""
        self._beside = False
        """It is not held because another process had it."""
        self._since_seconds = clock()
        self._lock: _Lock | None = None
        self._path = os.path.join(data_dir, FILE)
        try:
            (created or Created()).directories(data_dir)
            self.take()
        except OSError as error:
            reason = f"cannot keep state in {data_dir}: {error.strerror or error}"
            if error.errno in _PASSING:
                self._refused = reason
                return
            remedy = "give a folder that can be written, or remove data_dir: alerts are then forgotten at a restart"
            raise ConfigError(reason, path="data_dir", remedy=remedy) from error

    @property
    def held(self) -> bool:
        """It is this process that keeps the state: not a parent of it, and by the file that others look at."""
        lock = self._lock
        return lock is not None and lock.descriptor >= 0 and lock.identity == _identity(self._path)

    def take(self) -> bool:
        """Try once more, without waiting; gives whether it is held. Raises OSError when the file cannot be used."""
        if self.held:
            return True
        self.release()
        self._lock = _shared(self._path) or self._locked()
        return self.held

    @property
    def degraded(self) -> Degraded | None:
        """Why the state is not kept by this process; None while it is."""
        if self.held:
            return None
        reason = (
            self._refused or f"{self._path} was removed or replaced: send SIGHUP, and this process takes the new one"
        )
        if self._beside and holder(self.data_dir) is None:
            reason = f"nobody keeps the state in {self.data_dir} any more: send SIGHUP, and this process does"
        return Degraded(reason, self._since_seconds)

    def announce(self, address: str) -> None:
        """Tell those who look at the lock where its holder's status is served."""
        if self.held and self._lock is not None:
            with suppress(OSError):  # a full disk costs only this word
                os.ftruncate(self._lock.descriptor, 0)
                os.pwrite(self._lock.descriptor, f"{address}\n".encode(), 0)

    def release(self) -> None:
        """Give it back, as far as nobody else in this process has it. The file stays: a lock is on it, not on its name."""
        lock, self._lock = self._lock, None
        if lock is None or lock.descriptor < 0:
            return
        lock.users -= 1
        if lock.users == 0:
            _locks.remove(lock)
            os.close(lock.descriptor)
            lock.descriptor = -1

    def _locked(self) -> _Lock | None:
        """A lock on the file that is there now; None with the reason."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self._path, flags, 0o600)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, f"{FILE} is no regular file")
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._beside = error.errno in (errno.EACCES, errno.EAGAIN)
            if self._beside:
                who = _holder(descriptor) or "another process"
                self._refused = (
                    f"{who} keeps the state in {self.data_dir}: give each its own data_dir, or stop that one"
                )
            else:
                self._refused = f"{self.data_dir} is on a file system without locks: {error.strerror or error}"
            os.close(descriptor)
            return None
        self._refused, self._beside, self._since_seconds = "", False, self._clock()
        with suppress(OSError):  # what the one before has said is over
            os.ftruncate(descriptor, 0)
        lock = _Lock(descriptor, (found.st_dev, found.st_ino))
        _locks.append(lock)
        return lock


def lock_obstacle(data_dir: str) -> str | None:
    """Why no process could take the lock there, whoever has it now. None: nothing that can be seen. Changes nothing."""
    path = os.path.join(data_dir, FILE)
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return None
    if not stat.S_ISREG(mode):
        return f"{path} is no regular file"
    return None if os.access(path, os.R_OK | os.W_OK, effective_ids=True) else f"no permission to write {path}"


def holder(data_dir: str) -> Holder | None:
    """Who keeps the state there; None if nobody does, or it cannot be told. Changes nothing and leaves nothing."""
    path = os.path.join(data_dir, FILE)
    identity = _identity(path)
    own = next((lock for lock in _locks if lock.identity == identity), None)
    if own is not None:
        return Holder(os.getpid(), _address(own.descriptor))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return _holder(descriptor)
    finally:
        os.close(descriptor)


def _shared(path: str) -> _Lock | None:
    """The lock that this process has on that file already: a second descriptor of it must never be opened."""
    identity = _identity(path)
    for lock in _locks:
        if lock.identity == identity:
            lock.users += 1
            return lock
    return None


def _holder(descriptor: int) -> Holder | None:
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        kind, _, _, _, pid = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    except OSError:
        return None
    return None if kind == fcntl.F_UNLCK else Holder(max(pid, 0), _address(descriptor))


def _address(descriptor: int) -> str:
    """What the holder has written, if it looks like an address: anyone who may write to the folder could have."""
    with suppress(OSError):
        said = os.pread(descriptor, 512, 0).decode("ascii", "replace").strip()
        if _ADDRESS.fullmatch(said):
            return said
    return ""


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
