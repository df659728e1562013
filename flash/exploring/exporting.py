"""What the explorer gives out as files: the answer and the front, in the formats that flash has."""

from __future__ import annotations

import os
import tempfile

from ..errors import ArgumentError
from .shown import File

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..fronts.front import ParetoFront
    from ..results.result import SearchResult

__all__ = ["EXPORTS", "csv_of", "file_of", "front_rows"]

EXPORTS = (
    ("json", "the answer as JSON"),
    ("onnx", "the network as ONNX"),
    ("torch", "the network as code that needs torch alone"),
    ("table", "the answer as a table (CSV)"),
    ("front-json", "the front as JSON"),
    ("front-table", "the front as a table (CSV)"),
)
JSON, CSV, ONNX = "application/json", "text/csv", "application/octet-stream"
PYTHON = "text/x-python"


def file_of(
    what: str,
    name: str,
    answer: Callable[[], SearchResult[Any]],
    front: Callable[[], ParetoFront],
) -> File:
    """Return a file of an answer or a front.

    Raises
    ------
    ArgumentError
        If there is no network to write.
    """
    if what == "front-json":
        return File(f"{name}-front.json", JSON, (front().to_json() + "\n").encode())
    if what == "front-table":
        return File(f"{name}-front.csv", CSV, csv_of(*front_rows(front())))
    result = answer()
    if what == "json":
        return File(f"{name}.json", JSON, (result.to_json() + "\n").encode())
    if what == "table":
        from ..results.result import frame_rows

        rows = frame_rows(result)
        names = list(dict.fromkeys(key for row in rows for key in row))
        return File(
            f"{name}.csv", CSV, csv_of(names, [[row.get(k) for k in names] for row in rows])
        )
    if result.x is None:
        raise ArgumentError(f"there is no network to write: {result.status}, {result.message}")
    if what == "onnx":
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "network.onnx")
            result.to_onnx(path)
            with open(path, "rb") as file:
                return File(f"{name}.onnx", ONNX, file.read())
    if what == "torch":
        return File(f"{name.replace('-', '_')}.py", PYTHON, result.to_torch_code().encode())
    raise ArgumentError(f"export: nothing is called {what!r}")


def front_rows(front: ParetoFront) -> tuple[list[str], list[Sequence[Any]]]:
    """Return a front as a table: names of columns, and a row for each point, without pandas."""
    from ..spaces.codec import cell_columns

    columns: dict[str, Any] = {name: one.tolist() for name, one in front.metrics.items()}
    columns["index"] = [front.space.index(tuple(row)) for row in front.x.tolist()]
    if front.accelerators is not None:
        from ..fronts.text import accelerator_columns

        columns |= accelerator_columns(front)
    columns |= cell_columns(front.space, front.x)
    return list(columns), list(zip(*columns.values(), strict=True))


def csv_of(
    names: Sequence[str], rows: Sequence[Sequence[Any]] | Sequence[Mapping[str, Any]]
) -> bytes:
    """Return a table as CSV, numbers in full; what is not known is empty."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["" if one is None else _plain(one) for one in row] for row in rows])
    return text.getvalue().encode()


def _plain(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else value
