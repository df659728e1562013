"""Reading a table of accuracies: CSV, JSON or Parquet, checked line by line."""

from __future__ import annotations

import os

from ..base.checks import parse_json, read_text, shown
from ..errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

__all__ = ["Entry", "read_runs", "read_table"]

NAMES = ("arch", "arch_str", "name", "architecture", "index")
ACCURACIES = ("accuracy", "mean_acc", "acc_mean", "test_acc", "test_accuracy", "acc", "acc_cifar10")
Entry = tuple[str, float, float]  # name, accuracy, seconds


def read_table(
    path: str | os.PathLike[str],
    name: str | None = None,
    accuracy: str | None = None,
    seconds: str | None = None,
) -> dict[str, tuple[float, float]]:
    """Return {name: (accuracy as in the file, seconds)}.

    Parameters
    ----------
    path : path
        ``.csv``, ``.json`` or ``.parquet``, the first two perhaps with ``.gz``. Lines of a CSV that
        start with ``#`` are comments. JSON is a list of objects, or an object from names to objects
        or accuracies.
    name, accuracy, seconds : str, optional
        Columns. Usually the first of `NAMES` and of `ACCURACIES` that is there; no seconds.

    Raises
    ------
    FormatError
        If it is no such file, a column is missing, a network is there twice, or a number is none;
        the message names the line.
    """
    where = os.fspath(path)
    table: dict[str, tuple[float, float]] = {}
    places: dict[str, str] = {}
    for place, text, found, spent in read_runs(path, name, accuracy, seconds):
        if text in table:
            raise FormatError(f"{where}, {place}: network {text!r} is there twice: {places[text]}")
        table[text], places[text] = (sum(found) / len(found), spent or 0.0), place
    return table


def read_runs(
    path: str | os.PathLike[str],
    name: str | None = None,
    accuracy: str | None = None,
    seconds: str | None = None,
    maybe_seconds: str | None = None,
) -> list[tuple[str, str, list[float], float | None]]:
    """Return (place, name, accuracies, seconds or None) of each line of a table, for `read_table`.

    A network may come several times, and a line of JSON have a list of accuracies: of several
    trainings. maybe_seconds: a column that is read where there is one.
    """
    where = os.fspath(path)
    kind = where.lower().removesuffix(".gz").rpartition(".")[2]
    if kind == "csv":
        lines: Iterator[tuple[str, Mapping[str, Any]]] = _csv(path)
    elif kind == "json":
        lines = _json(path, name)
    elif kind == "parquet" and not where.lower().endswith(".gz"):
        lines = _parquet(path)
    else:
        raise FormatError(
            f"a table of accuracies is .csv, .json (perhaps .gz) or .parquet, got {where!r}"
        )
    table: list[tuple[str, str, list[float], float | None]] = []
    for place, line in lines:
        if not table:
            name = _column(where, "name", line, name, NAMES)
            accuracy = _column(where, "accuracy", line, accuracy, ACCURACIES)
            if seconds is not None:
                _column(where, "seconds", line, seconds, ())
            elif maybe_seconds in line:
                seconds = maybe_seconds
        key = line.get(str(name))
        if key is None or key == "":
            raise FormatError(f"{where}, {place}: the column {name!r} is empty")
        found = _numbers(where, place, accuracy, line)
        spent = None if seconds is None else _numbers(where, place, seconds, line)
        each = None if spent is None else sum(spent) / len(spent)
        table.append((place, str(key).strip(), found, each))
    if not table:
        raise FormatError(f"{where} holds no network")
    return table


def _column(
    where: str,
    what: str,
    line: Mapping[str, Any],
    given: str | None,
    usual: tuple[str, ...],
) -> str:
    for one in usual if given is None else (given,):
        if one in line:
            return one
    plural = {"accuracy": "accuracies", "name": "names"}.get(what, what)
    asked = f"column {given!r}" if given is not None else f"column of {plural} ({', '.join(usual)})"
    raise FormatError(f"{where} has no {asked}; it has {', '.join(map(str, line))}")


def _numbers(where: str, place: str, column: str | None, line: Mapping[Any, Any]) -> list[float]:
    value = line.get(column)
    values: list[Any] = value if isinstance(value, list) and value else [value]
    found = []
    for one in values:  # of several trainings
        try:
            if isinstance(one, bool) or one is None:
                raise ValueError
            number = float(one)
        except (TypeError, ValueError):
            number = float("nan")
        if number - number != 0.0:
            raise FormatError(
                f"{where}, {place}: column {column!r} must hold a number, got {shown(one)}"
            )
        found.append(number)
    return found


def _text(path: str | os.PathLike[str]) -> str:
    if not os.fspath(path).lower().endswith(".gz"):
        return read_text(path, "table")
    import gzip
    import zlib

    from ..base.checks import MAX_FILE_BYTES

    try:
        with gzip.open(path, "rb") as file:
            raw = file.read(4 * MAX_FILE_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise FormatError(f"{os.fspath(path)} is no gzip file: {error}") from None
    if len(raw) > 4 * MAX_FILE_BYTES:
        raise FormatError(f"{os.fspath(path)} is larger than {4 * MAX_FILE_BYTES} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{os.fspath(path)} is not UTF-8 text: {error}") from None


def _csv(path: str | os.PathLike[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import csv

    where = os.fspath(path)
    lines = _text(path).splitlines()
    kept = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    reader = csv.reader(line for _, line in kept)
    try:
        head = next(reader, None)
        if head is None:
            return
        if len(set(head)) < len(head):
            twice = next(one for one in head if head.count(one) > 1)
            raise FormatError(f"{where} has the column {twice!r} twice")
        for (number, _), values in zip(kept[1:], reader, strict=False):
            if len(values) != len(head):
                raise FormatError(
                    f"{where}, line {number}: {len(head)} columns are needed, got {len(values)}"
                )
            yield f"line {number}", dict(zip(head, values, strict=True))
    except csv.Error as error:
        raise FormatError(f"{where} is no CSV file: {error}") from None


def _json(
    path: str | os.PathLike[str], name: str | None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    where = os.fspath(path)
    data = parse_json(_text(path), where)
    if isinstance(data, dict):
        column = name or NAMES[0]
        entries: Iterable[Any] = [
            {**(value if isinstance(value, dict) else {ACCURACIES[0]: value}), column: key}
            for key, value in data.items()
        ]
    elif isinstance(data, list):
        entries = data
    else:
        raise FormatError(f"{where} must be a list or an object of networks, got {shown(data)}")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise FormatError(f"{where}, entry {number} must be an object, got {shown(entry)}")
        yield f"entry {number}", entry


def _parquet(path: str | os.PathLike[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    from ..base.extras import need_pyarrow

    read = need_pyarrow().read_table
    from pyarrow import ArrowInvalid

    try:
        rows = read(os.fspath(path)).to_pylist()
    except ArrowInvalid as error:
        raise FormatError(f"{os.fspath(path)} is no Parquet file: {error}") from None
    for number, row in enumerate(rows, 1):
        yield f"row {number}", row
