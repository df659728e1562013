"""Locks: one process at a time works in a folder or on a file, and others are told which.

A lock is the operating system's, held on a small file beside what is worked on: the system lets go
of it when the process ends, however it ends. What the file holds (process, host, since when) is for
messages alone; a file that a killed process left behind blocks nobody. A process that ends in order
takes its file away.

Part of the script that measures on another machine: Python 3.8 and its standard library are all
that may be used here.
"""

from __future__ import annotations

import errno
import json
import os
import time
from _thread import allocate_lock, get_ident
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Held", "Lock"]

TRIES, PAUSE_S = 3, 0.03  # a holder that has just begun has not yet written who it is
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EINVAL, getattr(errno, "ENOTSUP", errno.EINVAL)}
FAR = 1 << 30  # the byte that is locked on Windows, where nobody could read a locked one

_guard = allocate_lock()
_held: dict[str, _Handle] = {}  # what this process holds


class Held(Exception):
    """Somebody else holds the lock; the message says who."""


class _Handle:
    """An open lock file, and the thread that may take it again."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.thread = get_ident()
        self.times = 1


class Lock:
    """Holds a lock until it is closed; a context manager.

    On file systems that have no locks nobody is refused.

    Parameters
    ----------
    path : str
        The lock file; its folder must exist.
    what : str
        What the lock is for, in messages.
    again : bool
        Whether the thread that holds it may take it once more. Every other is refused, of this
        process too.

    Raises
    ------
    Held
        If somebody else holds it: "WHAT is in use by process 17 on HOST since 2026-01-31 10:00:00".
    OSError
        If the file cannot be made; it names `what`.
    """

    def __init__(self, path: str, what: str, again: bool = False) -> None:
        self._path: str | None = None
        at = os.path.realpath(path)
        with _guard:
            handle = _held.get(at)
            if again and handle is not None and handle.thread == get_ident():
                handle.times += 1
                self._path = at
                return
            try:
                file = _taken(at)
            except OSError as error:
                raise type(error)(error.errno, error.strerror, what) from None
            if file is not None:
                _held[at] = _Handle(file)
                self._path = at
                return
        raise Held(f"{what} is in use by {_holder(at)}")

    def close(self) -> None:
        """Let go; others may have it."""
        path, self._path = self._path, None
        with _guard:
            handle = None if path is None else _held.get(path)
            if path is None or handle is None:  # closed before, or held by the parent of a fork
                return
            handle.times -= 1
            if not handle.times:
                del _held[path]
                _let_go(path, handle.file)

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _taken(path: str) -> int | None:
    """Return the open file of a lock that is ours now, None where it is another's."""
    for again in range(TRIES):
        if again:
            time.sleep(PAUSE_S)
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                got = _try(file)
                # who held it may have taken the file away since it was opened here
                same = got and _is_at(file, path)
                if same:
                    _say(file)
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)
            if not got:
                break
    return None


def _try(file: int) -> bool:
    """Lock an open file if nobody has; true also where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return _try_windows(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in NO_LOCKS:
            return True
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK):
            return False
        raise
    return True


def _try_windows(file: int) -> bool:
    import msvcrt

    windows: Any = msvcrt
    os.lseek(file, FAR, os.SEEK_SET)
    try:
        windows.locking(file, windows.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True


def _is_at(file: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _say(file: int) -> None:
    """Write who holds it; on a full disk nobody is told."""
    host = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    facts = {"pid": os.getpid(), "host": host, "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    with suppress(OSError):
        os.lseek(file, 0, os.SEEK_SET)
        os.ftruncate(file, 0)
        os.write(file, (json.dumps(facts) + "\n").encode())


def _holder(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            facts = json.loads(file.readline(4096))
        return f"process {facts['pid']} on {facts['host']} since {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"


def _let_go(path: str, file: int) -> None:
    if hasattr(os, "uname"):  # first the file, then the lock: who waits for it looks again
        _unlink(path)
        os.close(file)
    else:  # Windows keeps a file that is open
        os.close(file)
        _unlink(path)


def _unlink(path: str) -> None:
    with suppress(OSError):  # the folder is gone, or somebody else has it open by now
        os.unlink(path)


def _forget() -> None:
    """Let a forked child hold nothing: else it would, after its parent was killed."""
    global _guard
    _guard = allocate_lock()
    for handle in _held.values():
        os.close(handle.file)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
