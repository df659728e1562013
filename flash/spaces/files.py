"""Spaces as plain data and files: the inner part of `SearchSpace`."""

from __future__ import annotations

import os

from ..base.checks import parse_json, path_of, read_text, shown, write_text_atomic
from ..base.plain import ANY, made
from ..errors import ArgumentError, FormatError
from ..networks.families import FAMILIES
from .choices import plain
from .space import SearchSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..base.html import Part
    from .choices import Choices
    from .tabled import TabledSpace

__all__ = ["from_dict", "load", "parts", "read", "save", "to_dict"]

LISTED = 12  # choices in a notebook
_GLOBAL = ("width_multipliers", "cells", "resolution")
_PER_CELL = ("depths", "skips", "widths", "expansions", "kernels")


def to_dict(space: SearchSpace) -> dict[str, Any]:
    """Return plain data; a variable that is alike in all cells is written once."""
    data: dict[str, Any] = {}
    for name in space.field_names:
        value = getattr(space, name)
        if value is None:
            continue
        if name in _GLOBAL:
            value = plain(value)
        elif name in _PER_CELL:
            alike = all(one == value[0] for one in value)
            value = plain(value[0]) if alike else [plain(one) for one in value]
        data[name] = value
    return data


def parts(space: SearchSpace) -> list[Part]:
    """Return what a space shows in a notebook: its choices, those per cell cell by cell."""
    rows: list[list[str]] = []
    for name in (*_GLOBAL, "num_classes", "link_seed"):
        value = getattr(space, name)
        if value is not None:
            rows.append([name, str(value) if isinstance(value, int) else _told(value)])
    wide = [(name, getattr(space, name)) for name in _PER_CELL if getattr(space, name) is not None]
    cells = [["", *(f"cell {number}" for number in range(1, len(wide[0][1]) + 1))]]
    cells += [[name, *map(_told, choices)] for name, choices in wide]
    return [space.family, (rows, 2, False), (cells, 1, True), f"{space.size:,} configurations"]


def _told(choices: Choices) -> str:
    if isinstance(choices, tuple):
        more = "" if len(choices) <= LISTED else f", ... ({len(choices)} in all)"
        return ", ".join(map(str, choices[:LISTED])) + more
    step = "" if choices.step == 1 else f", step {choices.step}"
    unit = "" if choices.unit is None else f" x {choices.unit}"
    return f"{choices.low} to {choices.high}{step}{unit}"


def from_dict(data: Mapping[str, Any], where: str = "the space") -> SearchSpace:
    """Make a space from plain data; every fault is a FormatError. One of blocks is a
    `BlockSpace`."""
    family = data.get("family") if hasattr(data, "get") else None
    if (isinstance(family, str) and family not in FAMILIES) or (
        hasattr(data, "keys") and "stages" in data
    ):
        from .known.homes import BLOCKS, KNOWN

        if family in KNOWN or family == BLOCKS or (family is None and "stages" in data):
            from .blocks.files import from_dict as blocks_from_dict

            return blocks_from_dict(data, where)  # type: ignore[return-value]
    return made(SearchSpace, where, data, dict.fromkeys(SearchSpace.field_names, ANY))


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = os.path.splitext(path_of("path", path))[1].lower()
    if suffix not in (".toml", ".json"):
        raise ArgumentError(f"path must end in .toml or .json, got {shown(os.fspath(path))}")
    return suffix


def load(path: str | os.PathLike[str]) -> SearchSpace:
    """Read a space from a TOML or JSON file."""
    return from_dict(read(path), _where(path))


def read(path: str | os.PathLike[str]) -> Any:
    """Return what a TOML or JSON file says of a space, as it stands there."""
    suffix, where = _suffix(path), _where(path)
    text = read_text(path, "the space file")
    if suffix == ".json":
        return parse_json(text, where)
    import tomllib

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise FormatError(f"{where} is nested too deeply") from None
    except ValueError as error:
        raise FormatError(f"{where} is not valid TOML: {error}") from None


def _where(path: str | os.PathLike[str]) -> str:
    return f"the space file {shown(os.fspath(path))}"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise ArgumentError("path must end in .json: TOML has nothing for a choice that is None")
    return _quoted(value) if isinstance(value, str) else repr(value)


def _key(name: str) -> str:
    return name if name.replace("_", "a").isalnum() and name.isascii() else _quoted(name)


def _quoted(text: str) -> str:
    import json

    return json.dumps(text)  # which TOML reads as JSON does


def save(space: TabledSpace, path: str | os.PathLike[str]) -> None:
    """Write a space to a TOML or JSON file, completely or not at all."""
    data = space.to_dict()
    if _suffix(path) == ".json":
        import json

        text = json.dumps(data, indent=2) + "\n"
    else:
        text = "".join(f"{key} = {_toml(value)}\n" for key, value in data.items())
    write_text_atomic(path, text)
