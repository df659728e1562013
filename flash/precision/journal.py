"""A journal of what is measured, a JSON line for each layer or choice, so that none is twice.

The first line says what is measured on what; a journal of something else is refused.
"""

from __future__ import annotations

import json
from contextlib import contextmanager

from ..base.checks import append_bytes, log, writable
from ..base.lock import Held, Lock
from ..errors import ArgumentError, FormatError
from ..training.ledger import read_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Hashable, Iterator
    from typing import Any

    Read = Callable[[str, dict[str, Any]], "tuple[Hashable, Any] | None"]

__all__ = ["Journal", "held"]

FORMAT = 1


@contextmanager
def held(path: str | os.PathLike[str] | None) -> Iterator[str | None]:
    """Let nobody else work with a journal meanwhile; give its path.

    Raises
    ------
    ArgumentError
        If another process or thread has it; the message says which.
    """
    if path is None:
        yield None
        return
    path = writable("journal", path)
    try:
        lock = Lock(f"{path}.lock", f"journal: {path!r}")
    except Held as error:
        raise ArgumentError(f"{error}: wait for it, or take another") from None
    with lock:
        yield path


class Journal:
    """What is measured, kept in a file where there is one.

    Parameters
    ----------
    path : str or None
        A last line cut short by a kill is cut off.
    kind : str
        What it is a journal of.
    facts : dict
        Plain data that say what is measured.
    read : callable
        Takes where a line stands and the line; returns what it is about and what was measured.

    Raises
    ------
    ArgumentError
        If the file is a journal of another measurement; the message names the first difference.
    FormatError
        If it is no journal.
    """

    def __init__(self, path: str | None, kind: str, facts: dict[str, Any], read: Read) -> None:
        self.path = path
        self._kept: dict[Hashable, Any] = {}
        if path is None:
            return
        own = json.loads(json.dumps(facts))
        lines = read_lines(path, repair=True)
        if not lines:
            self._append({"format": FORMAT, kind: own})
            return
        kept = lines[0].get(kind)
        if lines[0].get("format") != FORMAT or not isinstance(kept, dict):
            raise FormatError(f"{path} is no journal of {kind}")
        for name in sorted({*kept, *own}):
            if kept.get(name) != own.get(name):
                raise ArgumentError(
                    f"journal must be of the same {name}: {path!r} holds another; take a new file"
                )
        for number, line in enumerate(lines[1:], 2):
            found = read(f"{path}, line {number}", line)
            if found is not None:
                self._kept[found[0]] = found[1]
        log("precision", "journal %s: %d measured so far", path, len(self._kept))

    def recall(self, what: Hashable) -> Any:
        """Return what was measured of something, None where it never was."""
        return self._kept.get(what)

    def write(self, line: dict[str, Any]) -> None:
        """Keep a line; it is on the disk when this returns."""
        if self.path is not None:
            self._append(line)

    def _append(self, line: dict[str, Any]) -> None:
        assert self.path is not None
        append_bytes(self.path, (json.dumps(line, allow_nan=False) + "\n").encode())
