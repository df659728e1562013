"""Accuracies by a table of trained networks."""

from __future__ import annotations

import os

import numpy as np

from ..base.checks import choice, public, shown
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from ..spaces.network_space import NetworkSpace
from . import EvaluationError, Evaluator
from ._table_file import read_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy.typing import NDArray

    from ..solving.ground import Ground
    from .task import Task

__all__ = ["TableEvaluator"]

INF = float("inf")
CHUNK = 64  # networks charged at a time on the way to the optimum


@public
class TableEvaluator(Evaluator):
    """Evaluates by a table of real accuracies, in the style of NAS-Bench.

    Parameters
    ----------
    table : path or dict
        A CSV, JSON or Parquet file (see `flash.evaluators._table_file.read_table`), or a dict from
        names to accuracies. A network's name is what its space calls it: the digits of
        NAS-Bench-Macro, the arch_str of NAS-Bench-201; of a `SearchSpace` its flat index.
    accuracy, name, seconds : str, optional
        Columns of the file; seconds are what a network's training took.
    percent : bool, optional
        Whether accuracies are percent. Usually where the greatest is above 1.
    missing : {"error", "skip"}, default "error"
        What of networks that are not in the table: an error, or they do not belong to the space.

    Raises
    ------
    FormatError
        If the file is no such table: see `read_table`.
    """

    def __init__(
        self,
        table: str | os.PathLike[str] | Mapping[str, float],
        *,
        accuracy: str | None = None,
        name: str | None = None,
        seconds: str | None = None,
        percent: bool | None = None,
        missing: str = "error",
    ) -> None:
        choice("missing", missing, ("error", "skip"))
        if percent is not None and percent is not True and percent is not False:
            raise ArgumentTypeError(f"percent must be None, True or False, got {shown(percent)}")
        if isinstance(table, (str, os.PathLike)):
            self.path: str | None = os.fspath(table)
            given = read_table(table, name, accuracy, seconds)
            self.name: str = f"table {os.path.basename(self.path)}"
        elif hasattr(table, "items"):
            from ..base.checks import number

            self.path = None
            given = {
                str(key): (float(number(f"table[{key!r}]", value)), 0.0)
                for key, value in table.items()
            }
            self.name = "table"
            if not given:
                raise ArgumentError("table must hold at least one network, got an empty one")
        else:
            raise ArgumentTypeError(f"table must be a path or a dict, got {shown(table)}")
        where = self.path or "table"
        top = max(value for value, _ in given.values())
        scale = 100.0 if (top > 1.0 if percent is None else percent) else 1.0
        for key, (value, _) in given.items():
            if not 0.0 <= value <= scale:
                raise FormatError(
                    f"{where}: the accuracy of {key!r} must be from 0 to {scale:g}, got {value!r}"
                )
        self.accuracies: dict[str, tuple[float, float]] = {
            key: (value / scale, spent) for key, (value, spent) in given.items()
        }
        self.missing = missing
        self.usual_evals: int = min(1000, len(given))
        self._places: dict[Any, dict[tuple[int, ...], tuple[float, float]]] = {}

    def __len__(self) -> int:
        return len(self.accuracies)

    def facts(self) -> dict[str, Any]:
        import hashlib

        text = repr(sorted(self.accuracies.items()))
        digest = hashlib.sha256(text.encode()).hexdigest()
        return {"evaluator": "table", "table": digest, "networks": len(self)}

    def unfit(self, space: Any) -> str | None:
        try:
            self._of(space)
        except FormatError as error:
            return f"the table does not fit the space {space.family!r}: {error}"
        return None

    def _of(self, space: Any) -> dict[tuple[int, ...], tuple[float, float]]:
        """Return {row: (accuracy, seconds)}, worked out once per space."""
        found = self._places.get(space)
        if found is not None:
            return found
        found = {}
        names: dict[tuple[int, ...], list[str]] = {}
        for name, (accuracy, _) in self.accuracies.items():
            row = self._row(space, name)
            if row in names and self.accuracies[names[row][0]][0] != accuracy:
                raise FormatError(
                    f"{name!r} and {names[row][0]!r} are the same network, and have other "
                    "accuracies"
                )
            names.setdefault(row, []).append(name)
        for row, same in names.items():
            spent = sorted(self.accuracies[name][1] for name in same)
            found[row] = (self.accuracies[same[0]][0], sum(spent) / len(spent))
        self._places[space] = found
        return found

    def _row(self, space: Any, name: str) -> tuple[int, ...]:
        if isinstance(space, NetworkSpace):
            row = np.array([space.parse(name)], dtype=np.int64)
            return tuple(space.canonical(row)[0].tolist())
        from ..spaces.index import row_at

        if not name.isdecimal() or int(name) >= space.size:
            raise FormatError(
                f"a network of {space.family} is a flat index below {space.size}, got {name!r}"
            )
        return tuple(row_at(space, int(name)))

    def knows(self, ground: Ground, rows: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        if self.missing == "error":
            return None
        table = self._of(ground.space)
        return np.array([tuple(row) in table for row in rows.tolist()], dtype=bool)

    def listed(self, ground: Ground) -> NDArray[np.int64] | None:
        if self.missing == "error":
            return None
        return np.array(sorted(self._of(ground.space)), dtype=np.int64)

    def evaluate(
        self, ground: Ground, rows: NDArray[np.int64], metrics: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        space = ground.space
        table = self._of(space)
        out = np.empty((2, len(rows)))
        for place, row in enumerate(rows.tolist()):
            entry = table.get(tuple(row))
            if entry is None:
                known = isinstance(space, NetworkSpace)
                raise EvaluationError(
                    f"{self.path or 'the table'} does not hold the network "
                    f"{space.name(row) if known else space.index(row)!r} of {space.family} "
                    f"({len(table)} of {ground.distinct} are there); missing='skip' "
                    "(--skip-missing) keeps the search to those that are"
                )
            out[:, place] = entry
        return out[0], out[1]

    def optimum(self, task: Task) -> tuple[float | None, bool]:
        """Look through the table, the most accurate first: the best within the budgets."""
        from time import perf_counter

        table = self._of(task.ground.space)
        rows = np.array(list(table), dtype=np.int64)
        accuracy = np.array([entry[0] for entry in table.values()])
        order = np.argsort(-accuracy, kind="stable")
        best = -INF
        product = task.objective.exponents is not None
        for first in range(0, len(order), CHUNK):
            if perf_counter() >= task.ends_at:
                return None, False
            part = order[first : first + CHUNK]
            metrics = task.ground.charge(rows[part])
            merit = task.merits(accuracy[part], metrics)
            best = max(best, float(merit.max()))
            if best > -INF and not product:
                break
        return best, True
