"""Lists of image files with labels: folders by class, CSV and JSON lines of paths."""

from __future__ import annotations

import os

from ..base.checks import parse_json, read_text, shown
from ..base.record import Record
from ..errors import ArgumentError, FormatError
from .labels import told
from .pixels import ENDINGS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["Listed", "listed"]

TRAIN = ("train", "training")
TEST = ("val", "valid", "validation", "test")  # judged by the first that is there
COLUMNS = ("path", "label", "split")


class Listed(Record):
    """Image files and their labels.

    Parameters
    ----------
    train, test : list of (path, label)
        `test` is None where nothing says which images to judge by.
    name : str
    """

    train: list[tuple[str, str]]
    test: list[tuple[str, str]] | None
    name: str


def listed(what: str, path: str, name: str) -> Listed:
    """Return the images of a folder by class, or of a table of paths and labels.

    Raises
    ------
    ArgumentError, FormatError
        If there are none, or a class has none; the message says where.
    """
    if os.path.isdir(path):
        return _folder(what, path, name)
    return _table(what, path, name)


# Folders


def _folder(what: str, path: str, name: str) -> Listed:
    below = _folders(path)
    train = next((one for one in TRAIN if one in below), None)
    test = next((one for one in TEST if one in below), None)
    if train is None:
        return Listed(_by_class(what, path), None, name)
    return Listed(
        _by_class(what, os.path.join(path, train)),
        None if test is None else _by_class(what, os.path.join(path, test)),
        name,
    )


def _folders(path: str) -> list[str]:
    return sorted(
        one
        for one in os.listdir(path)
        if not one.startswith((".", "__")) and os.path.isdir(os.path.join(path, one))
    )


def _by_class(what: str, path: str) -> list[tuple[str, str]]:
    """Return the images of a folder that has one folder for each class."""
    labels = _folders(path)
    if not labels:
        loose = sum(one.lower().endswith(ENDINGS) for one in os.listdir(path))
        raise ArgumentError(
            f"{what} must be a folder with a folder of images for each class, {path!r} has no "
            f"folders" + (f", but {loose} images of its own" if loose else "")
        )
    found: list[tuple[str, str]] = []
    empty: list[str] = []
    for label in labels:
        own = [(file, label) for file in _images(os.path.join(path, label))]
        found += own
        if not own:
            empty.append(label)
    if empty and not found:
        raise ArgumentError(
            f"{what} must have images ({', '.join(ENDINGS)}), got none in {path!r} "
            f"(folders {told(empty)})"
        )
    if empty:
        raise ArgumentError(
            f"{what} must have images ({', '.join(ENDINGS)}) of every class, got none in "
            f"{told(empty)} of {path!r}"
        )
    return found


def _images(path: str) -> Iterator[str]:
    for folder, below, files in os.walk(path):
        below.sort()
        for file in sorted(files):
            if file.lower().endswith(ENDINGS) and not file.startswith("."):
                yield os.path.join(folder, file)


# Tables


def _table(what: str, path: str, name: str) -> Listed:
    parts: dict[str, list[tuple[str, str]]] = {}
    seen: dict[str, int] = {}
    below = os.path.dirname(path)
    for line, row in _rows(path):
        where = f"{path}, line {line}"
        given, label, split = row
        for column, value in (("path", given), ("label", label)):
            if not value:
                raise FormatError(f"{where} has no {column}")
        file = os.path.join(below, given)
        if not os.path.isfile(file):
            raise FormatError(f"{where} names an image that is not there: {file!r}")
        known = os.path.normpath(file)
        if known in seen:
            raise FormatError(f"{where} names {given!r} again, after line {seen[known]}")
        seen[known] = line
        part = split.lower() or "train"
        if part not in (*TRAIN, *TEST):
            raise FormatError(
                f"{where} must have a split of {', '.join((*TRAIN, *TEST))}, or none, got {split!r}"
            )
        parts.setdefault("train" if part in TRAIN else part, []).append((file, label))
    test = next((one for one in TEST if one in parts), None)
    if not parts.get("train"):
        raise ArgumentError(f"{what} must have images to train on, {path!r} has none")
    return Listed(parts["train"], None if test is None else parts[test], name)


def _rows(path: str) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """Yield (line, (path, label, split)) of a CSV file or of JSON lines."""
    text = read_text(path, "the dataset file").removeprefix("\ufeff")
    if path.lower().endswith(".jsonl"):
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield number, _from_json(line, f"{path}, line {number}")
        return
    import csv

    reader = csv.reader(text.splitlines())
    titles: list[str] | None = None
    try:
        for row in reader:
            if not any(row):
                continue
            if titles is None:
                titles = [one.strip().lower() for one in row]
                _check_titles(path, titles)
                continue
            where = f"{path}, line {reader.line_num}"
            if len(row) != len(titles):
                raise FormatError(f"{where} has {len(row)} values, for {len(titles)} columns")
            cells = dict(zip(titles, (one.strip() for one in row), strict=True))
            yield reader.line_num, (cells["path"], cells["label"], cells.get("split", ""))
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: {error}") from None
    if titles is None:
        raise FormatError(
            f"{path} must have the columns path, label and perhaps split, it is empty"
        )


def _check_titles(path: str, titles: list[str]) -> None:
    for name in COLUMNS[:2]:
        if titles.count(name) != 1:
            raise FormatError(
                f"{path} must name the columns path, label and perhaps split in its first line, "
                f"got {', '.join(map(repr, titles))}"
            )
    if titles.count("split") > 1:
        raise FormatError(f"{path} names the column 'split' {titles.count('split')} times")


def _from_json(line: str, where: str) -> tuple[str, str, str]:
    data: Any = parse_json(line, where)
    if not isinstance(data, dict):
        raise FormatError(f"{where} must be an object with path, label and perhaps split")
    found = []
    for name in COLUMNS:
        value = data.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and name == "label":
            value = str(value)
        if value is None and name == "split":
            value = ""
        if not isinstance(value, str):
            raise FormatError(f"{where} must have a text as {name}, got {shown(value)}")
        found.append(value.strip())
    return found[0], found[1], found[2]
