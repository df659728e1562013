"""Plain data with one thing wrong: what readers of files must refuse or be able to keep."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**63, 2**70, 10**320, -0.5, 1e-320, 1e308, "", "x", "\x00"),
    *([], {}, [[]], [None], {"family": {}}, {"x": [1]}, [{}], ["x"], [[1, 2], [3]]),
)


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each node of plain data; of long lists to the first and the last alone."""
    yield at
    if isinstance(data, dict):
        for key in data:
            yield from places(data[key], (*at, key))
    elif isinstance(data, list):
        for k in sorted({0, len(data) - 1} & set(range(len(data)))):
            yield from places(data[k], (*at, k))


def changed(data: Any, at: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of plain data in which one node is another."""
    if not at:
        return copy.deepcopy(value)
    new = copy.deepcopy(data)
    inner = new
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = copy.deepcopy(value)
    return new


def hostile(data: Any) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Yield (way, what stands there instead, the whole) for every node and every odd value."""
    for at in places(data):
        for value in ODD:
            yield at, value, changed(data, at, value)
