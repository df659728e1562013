"""A journal of evaluations: one JSON line each, so that nothing expensive is done twice.

The first line says what was evaluated: space and evaluator. A run that finds its networks there
takes their accuracies from it and, having the same seed, repeats itself up to where it was stopped
and goes on. Methods may share a journal: an accuracy does not depend on who asks for it.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, contextmanager

from ..base.checks import append_bytes, log, path_of, real, writable
from ..base.lock import Held, Lock
from ..base.plain import COUNT, REAL, Check, fields, list_of, within
from ..errors import ArgumentError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Journal", "held"]

FORMAT = 1
CHECKS: dict[str, Check] = {  # of a line
    "row": list_of(COUNT),
    "accuracy": REAL,
    "seconds": within(real, 0.0),
}


@contextmanager
def held(journal: str | os.PathLike[str] | None, folder: str | None) -> Iterator[None]:
    """Let nobody else work with a journal, and in the folder of an evaluator, meanwhile.

    Whoever holds them may again: several searches one after the other hold them throughout.

    Raises
    ------
    ArgumentError
        If another process or thread has one of them; the message says which.
    """
    with ExitStack() as locks:
        try:
            if journal is not None:
                path = writable("journal", journal)
                locks.enter_context(Lock(f"{path}.lock", f"journal: {path!r}", again=True))
            if folder is not None:
                os.makedirs(folder, exist_ok=True)
                locks.enter_context(Lock(os.path.join(folder, "lock"), repr(folder), again=True))
        except Held as error:
            raise ArgumentError(f"{error}: wait for it, or take another") from None
        yield


class Journal:
    """Evaluations kept in a file.

    Parameters
    ----------
    path : path
        Made where it is missing; a last line cut short by a kill is cut off.
    facts : dict
        Plain data that say what is evaluated; a journal of something else is refused.

    Raises
    ------
    ArgumentError
        If the file is a journal of another space or evaluator.
    FormatError
        If it is no journal.
    """

    def __init__(self, path: str | os.PathLike[str], facts: dict[str, Any]) -> None:
        self.path: str = path_of("journal", path)
        self._lines: dict[tuple[int, ...], tuple[float, float]] = {}
        head = {"format": FORMAT, **json.loads(json.dumps(facts))}
        lines = self._read()
        if lines:
            held = lines[0]
            if held.get("format") != FORMAT or "space" not in held:
                raise FormatError(f"{self.path} is no journal of evaluations")
            for name in sorted({*held, *head}):
                if held.get(name) != head.get(name):
                    raise ArgumentError(
                        f"journal must be of the same {name}: {self.path!r} holds another; "
                        "take a new file"
                    )
        else:
            self._append([head])
        for number_, line in enumerate(lines[1:], 2):
            self._keep(f"{self.path}, line {number_}", line)
        log("methods", "journal %s: %d evaluations so far", self.path, len(self._lines))

    def __len__(self) -> int:
        return len(self._lines)

    def _read(self) -> list[dict[str, Any]]:
        from ..training.ledger import read_lines

        return read_lines(self.path, repair=True)

    def _keep(self, where: str, line: dict[str, Any]) -> None:
        found = fields(where, line, CHECKS)
        self._lines[found["row"]] = (found["accuracy"], found["seconds"])

    def recall(self, rows: NDArray[np.int64]) -> list[tuple[float, float] | None]:
        """Return (accuracy, seconds) of each row, None where it was never evaluated."""
        return [self._lines.get(tuple(row)) for row in rows.tolist()]

    def write(
        self, rows: NDArray[np.int64], accuracy: NDArray[np.float64], seconds: NDArray[np.float64]
    ) -> None:
        """Keep evaluations; they are on the disk when this returns."""
        lines = [
            {"row": row, "accuracy": a, "seconds": round(s, 6)}
            for row, a, s in zip(rows.tolist(), accuracy.tolist(), seconds.tolist(), strict=True)
        ]
        self._append(lines)
        for line in lines:
            self._lines[tuple(line["row"])] = (line["accuracy"], line["seconds"])

    def _append(self, lines: list[dict[str, Any]]) -> None:
        append_bytes(self.path, "".join(json.dumps(line) + "\n" for line in lines).encode())
