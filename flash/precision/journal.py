"""A journal of layers: one JSON line each, so that none is measured twice.

The first line says what is measured on what; a journal of something else is refused.
"""

from __future__ import annotations

import json
from contextlib import contextmanager

from ..base.checks import append_bytes, writable
from ..base.lock import Held, Lock
from ..errors import ArgumentError, FormatError
from ..training.ledger import read_lines
from .table import rows_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from typing import Any

    from .table import Sensitivity

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
    """Layers that are measured, kept in a file where there is one.

    Parameters
    ----------
    path : str or None
        A last line cut short by a kill is cut off.
    facts : dict
        Plain data that say what is measured.

    Raises
    ------
    ArgumentError
        If the file is a journal of another measurement; the message names the first difference.
    FormatError
        If it is no journal.
    """

    def __init__(self, path: str | None, facts: dict[str, Any]) -> None:
        self.path = path
        self._rows: dict[str, tuple[Sensitivity, ...]] = {}
        if path is None:
            return
        head: dict[str, Any] = {"format": FORMAT, "sensitivities": json.loads(json.dumps(facts))}
        lines = read_lines(path, repair=True)
        if not lines:
            self._append(head)
            return
        kept = lines[0].get("sensitivities")
        if lines[0].get("format") != FORMAT or not isinstance(kept, dict):
            raise FormatError(f"{path} is no journal of sensitivities")
        for name in sorted({*kept, *facts}):
            if kept.get(name) != head["sensitivities"].get(name):
                raise ArgumentError(
                    f"journal must be of the same {name}: {path!r} holds another; take a new file"
                )
        for number, line in enumerate(lines[1:], 2):
            rows = rows_of(f"{path}, line {number}", line.get("rows"))
            if rows:
                self._rows[rows[0].layer] = rows

    def recall(self, layer: str) -> tuple[Sensitivity, ...] | None:
        """Return the rows of a layer, None where it was never measured."""
        return self._rows.get(layer)

    def write(self, rows: tuple[Sensitivity, ...]) -> None:
        """Keep the rows of a layer; they are on the disk when this returns."""
        if self.path is not None:
            self._append({"rows": [one.to_dict() for one in rows]})

    def _append(self, line: dict[str, Any]) -> None:
        assert self.path is not None
        append_bytes(self.path, (json.dumps(line, allow_nan=False) + "\n").encode())
