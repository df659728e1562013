"""Answers as rows of a file, CSV or Parquet, complete or not there at all."""

from __future__ import annotations

import os

import numpy as np

from ..base.checks import shown
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .problem import ChoiceProblem

__all__ = ["ENDINGS", "Writer", "write_columns", "writer_of"]

ENDINGS = (".csv", ".parquet")


class Writer:
    """Writes rows as they come: metrics, then each group's option. `close` puts the file in its
    place, `drop` leaves nothing behind."""

    def __init__(self, path: str, problem: ChoiceProblem) -> None:
        self.path, self.problem = path, problem
        self.part = f"{path}.{os.urandom(6).hex()}.part"
        self.rows = 0
        self.labels = np.array([*problem._labels, None], object)  # the last: covered
        self.scales = [problem.exact(name).scale for name in problem.metrics]
        taken = set(problem.metrics)
        groups = [f"group {name}" if name in taken else name for name in problem.groups]
        self.names = [*problem.metrics, *groups]
        self.open()

    def open(self) -> None:
        raise NotImplementedError

    def put(self, columns: dict[str, Any]) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError

    def write(self, picks: Any, sums: Any) -> None:
        """Write answers: the option of each group by its place, and the metrics' integers."""
        if not len(picks):
            return
        numbers = [
            [float(scale * int(one)) for one in sums[:, j].tolist()]
            for j, scale in enumerate(self.scales)
        ]
        texts = [self.labels[column] for column in picks.T]
        self.put(dict(zip(self.names, (*numbers, *texts), strict=True)))
        self.rows += len(picks)

    def close(self) -> None:
        self.end()
        os.replace(self.part, self.path)

    def drop(self) -> None:
        self.end()
        if os.path.exists(self.part):
            os.unlink(self.part)


class CsvWriter(Writer):
    """Rows as lines with commas."""

    def open(self) -> None:
        import csv

        self.file = open(self.part, "x", encoding="utf-8", newline="")  # noqa: SIM115 - till end()
        self.lines = csv.writer(self.file, lineterminator="\n")
        self.lines.writerow(self.names)

    def put(self, columns: dict[str, Any]) -> None:
        self.lines.writerows(zip(*columns.values(), strict=True))

    def end(self) -> None:
        self.file.close()


class ParquetWriter(Writer):
    """Rows as a Parquet file."""

    def open(self) -> None:
        from ..base.extras import require

        self.parquet = require("Parquet", "parquet", "pyarrow.parquet")
        import pyarrow as pa

        n = len(self.problem.metrics)
        self.schema = pa.schema(
            [(name, pa.float64() if i < n else pa.string()) for i, name in enumerate(self.names)]
        )
        self.file = self.parquet.ParquetWriter(self.part, self.schema)

    def put(self, columns: dict[str, Any]) -> None:
        import pyarrow as pa

        self.file.write_table(pa.Table.from_pydict(columns, schema=self.schema))

    def end(self) -> None:
        self.file.close()


def writer_of(path: str, problem: ChoiceProblem) -> Writer:
    """Return what writes a file by its ending; it is open.

    Raises
    ------
    ArgumentError, MissingExtraError
    """
    if path.lower().endswith(".csv"):
        return CsvWriter(path, problem)
    if path.lower().endswith(".parquet"):
        return ParquetWriter(path, problem)
    raise ArgumentError(f"out must end in {' or '.join(ENDINGS)}, got {shown(path)}")


def write_columns(path: str, columns: dict[str, list[Any]]) -> None:
    """Write columns as a file, CSV or Parquet by its ending, complete or not at all."""
    if path.lower().endswith(".parquet"):
        import io

        from ..base.checks import write_bytes_atomic
        from ..base.extras import need_pyarrow

        parquet = need_pyarrow()
        import pyarrow as pa

        data = io.BytesIO()
        parquet.write_table(pa.table(columns), data)
        write_bytes_atomic(path, data.getvalue())
        return
    import csv
    import io

    from ..base.checks import write_text_atomic

    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(columns)
    lines.writerows(zip(*columns.values(), strict=True))
    write_text_atomic(path, text.getvalue())
