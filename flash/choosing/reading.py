"""Tables of options from files and from what other libraries hold."""

from __future__ import annotations

from ..base.checks import hint, shown
from ..errors import ArgumentError, ArgumentTypeError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from ..base.progress import Progress, Watching
    from .problem import ChoiceProblem

__all__ = ["columns_of", "read_table"]

LINES = 20_000  # rows between two looks at the clock
ENDINGS = (".csv", ".parquet", ".jsonl", ".json")


def read_table(
    cls: type[ChoiceProblem],
    source: Any,
    group: str,
    option: str,
    metrics: Sequence[str] | None,
    peaks: tuple[str, ...],
    until: str | None,
    takes: str | None,
    gives: str | None,
    progress: Watching,
) -> ChoiceProblem:
    """Make a problem of a table: see `ChoiceProblem.from_table`."""
    if progress:
        from ..base.progress import Progress

        with Progress(progress, "reading") as seen:
            columns = _columns(source, group, option, seen)
            seen.update(told=f"{len(next(iter(columns.values()), ())):,} rows")
    else:
        columns = _columns(source, group, option, None)
    if not columns or not len(next(iter(columns.values()))):
        raise ArgumentError("source must have at least one row, got none")
    named = {
        "group": group, "option": option, "until": until, "takes": takes, "gives": gives,
    }  # fmt: skip
    for what, name in named.items():
        if name is not None and name not in columns:
            raise ArgumentError(
                f"{what} names a column that is not there: {shown(name)}"
                f"{hint(name, columns)}; the columns are {', '.join(map(str, columns))}"
            )
    own = {name for name in named.values() if name is not None}
    rest = [name for name in columns if name not in own]
    if metrics is None:
        chosen = [name for name in rest if _numeric(columns[name])]
        if not chosen:
            raise ArgumentError(
                "source has no column of which every entry is a number, to be a metric; beside "
                f"{group} and {option} there are {', '.join(rest) or 'none'}"
            )
    else:
        chosen = list(dict.fromkeys((*metrics, *peaks)))
        for name in chosen:
            if name not in columns:
                raise ArgumentError(
                    f"metrics names a column that is not there: {shown(name)}{hint(name, rest)}; "
                    f"the columns are {', '.join(map(str, rest))}"
                )
    order, options = _grouped(columns[group], columns[option], group, option)

    def sorted_column(name: str) -> list[Any]:
        column = columns[name]
        return [column[i] for i in order]

    return cls(
        options,
        {name: [_number(name, one) for one in sorted_column(name)] for name in chosen},
        peaks=peaks,
        until=None if until is None else sorted_column(until),
        takes=None if takes is None else sorted_column(takes),
        gives=None if gives is None else sorted_column(gives),
        attributes={
            name: [_plain(one) for one in sorted_column(name)]
            for name in rest
            if name not in chosen
        },
        group_name=group,
        option_name=option,
    )


def _grouped(
    groups: Sequence[Any], options: Sequence[Any], group: str, option: str
) -> tuple[list[int], dict[str, list[str]]]:
    """Return the rows' order, group after group as they first appear, and the groups' options."""
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(groups):
        if name is None or name != name or name == "":
            raise ArgumentError(f"row {i} has no {group}")
        if options[i] is None or options[i] != options[i] or options[i] == "":
            raise ArgumentError(f"row {i} ({group} {shown(name)}) has no {option}")
        rows.setdefault(str(name), []).append(i)
    order = [i for some in rows.values() for i in some]
    return order, {name: [str(options[i]) for i in some] for name, some in rows.items()}


def _numeric(column: Sequence[Any]) -> bool:
    return all(_is_number(one) for one in column)


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return hasattr(value, "__float__") and not isinstance(value, bool)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"metrics: {shown(name)} holds {shown(value)}, which is no number"
        ) from None


def _plain(value: Any) -> Any:
    """Return an attribute as a number where it is one, else as text; None where it is missing."""
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return float(value) if _is_number(value) else value
    return float(value) if _is_number(value) else str(value)


def columns_of(source: Any, group: str, option: str) -> dict[str, Any]:
    """Return a table's columns, whatever it is."""
    return _columns(source, group, option, None)


def _columns(source: Any, group: str, option: str, seen: Progress | None) -> dict[str, Any]:
    """Return a table's columns, whatever it is."""
    import os

    if isinstance(source, (str, os.PathLike)):
        return _from_file(os.fspath(source), group, option, seen)
    if hasattr(source, "columns") and hasattr(source, "__getitem__"):  # pandas, polars
        return {str(name): list(source[name]) for name in source.columns}
    if isinstance(source, dict):
        return _from_mapping(source, group, option)
    if isinstance(source, (list, tuple)):
        return _from_rows(source, "row")
    raise ArgumentTypeError(
        f"source must be a path, a DataFrame, a mapping or a list of rows, got {shown(source)} "
        f"({type(source).__name__})"
    )


def _from_file(path: str, group: str, option: str, seen: Progress | None) -> dict[str, Any]:
    import os
    from errno import ENOENT

    from ..base.checks import path_of, read_text

    path = path_of("source", path)
    ending = next((one for one in ENDINGS if path.lower().endswith(one)), None)
    if ending is None:
        raise ArgumentError(f"source must end in {', '.join(ENDINGS)}, got {shown(path)}")
    if ending == ".parquet":
        from ..base.extras import need_pyarrow

        need_pyarrow()
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not os.path.exists(path):
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise FormatError(f"{path} cannot be read: {error}") from None
        return {name: table.column(name).to_pylist() for name in table.column_names}
    if ending == ".json":
        from ..base.checks import parse_json

        data = parse_json(read_text(path, "source"), path)
        if isinstance(data, dict):
            return _from_mapping(data, group, option)
        if not isinstance(data, list):
            raise FormatError(f"{path} must hold a list of rows, or options by group")
        return _from_rows(data, path)
    lines = _lines(path, seen)
    if ending == ".csv":
        return _from_csv(lines, path)
    return _from_rows(_json_lines(lines, path), path)


def _lines(path: str, seen: Progress | None) -> Iterator[str]:
    import os

    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            size = os.fstat(file.fileno()).st_size
            for i, line in enumerate(file):
                if seen is not None and i % LINES == 0:
                    read: Any = file.buffer
                    share = read.tell() / size if size else None  # not of a pipe
                    seen.update(share, f"{i:,} lines", total=None if share is None else 1.0)
                yield line
    except UnicodeDecodeError:
        raise FormatError(f"{path} is no text in UTF-8") from None


def _json_lines(lines: Iterable[str], path: str) -> Iterator[Any]:
    from ..base.checks import parse_json

    for i, line in enumerate(lines):
        if line.strip():
            yield parse_json(line, f"{path}, line {i + 1}")


def _from_csv(lines: Iterable[str], path: str) -> dict[str, Any]:
    import csv

    reader = csv.reader(lines)
    try:
        names = next(reader, [])
        if len(set(names)) < len(names):
            raise FormatError(f"{path} has a column twice: {', '.join(names)}")
        columns: list[list[str]] = [[] for _ in names]
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                raise FormatError(
                    f"{path}, line {reader.line_num}: {len(row)} entries for {len(names)} columns"
                )
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: {error}") from None
    return dict(zip(names, columns, strict=True))


def _from_rows(rows: Iterable[Any], where: str) -> dict[str, Any]:
    columns: dict[str, list[Any]] = {}
    for i, row in enumerate(rows):
        if not isinstance(row, dict):
            raise FormatError(f"{where} {i}: a row must be a table of columns, got {shown(row)}")
        for name in row:
            if name not in columns:
                columns[name] = [None] * i
        for name, column in columns.items():
            column.append(row.get(name))
    return columns


def _from_mapping(data: Mapping[Any, Any], group: str, option: str) -> dict[str, Any]:
    """Return columns of a mapping of columns, or of options by group and metrics by option."""
    if not data:
        raise ArgumentError("source must have at least one row, got none")
    if all(isinstance(one, dict) for one in data.values()):
        rows: list[dict[str, Any]] = []
        for name, options in data.items():
            if not options:
                raise ArgumentError(f"{group} {shown(name)} has no option")
            for label, numbers in options.items():
                if not isinstance(numbers, dict):
                    raise FormatError(
                        f"source: {shown(name)}, {shown(label)} must hold a table of metrics, got "
                        f"{shown(numbers)}"
                    )
                rows.append({group: name, option: label, **numbers})
        return _from_rows(rows, "source")
    lengths = {str(name): len(one) for name, one in data.items() if hasattr(one, "__len__")}
    if len(lengths) != len(data) or len(set(lengths.values())) != 1:
        raise ArgumentError(
            "source must hold columns of one length, or options by group; got "
            + ", ".join(f"{name}: {n}" for name, n in lengths.items())
        )
    return {str(name): list(one) for name, one in data.items()}
