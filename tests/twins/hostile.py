"""Plain data with one thing wrong: what readers of files must refuse, or be able to keep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**63, 2**70, 10**320, -0.5, 1e-320, 1e308, "x"),
    *([], {}, [[]], [None], {"x": [1]}, [{}]),
)


def places(data: Any, left_out: frozenset[str], at: tuple[Any, ...] = ()) -> Iterator[Any]:
    """Yield the way to each node of plain data; of lists to the first and the last alone.

    What stands below a key that is left out counts not.
    """
    yield at
    if isinstance(data, dict):
        for key in data:
            if key in left_out:
                yield (*at, key)
            else:
                yield from places(data[key], left_out, (*at, key))
    elif isinstance(data, list):
        for k in sorted({0, len(data) - 1} & set(range(len(data)))):
            yield from places(data[k], left_out, (*at, k))


def hostile(text: str, *left_out: str) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, JSON) for every node of a JSON text and every odd value."""
    data = json.loads(text)
    for at in places(data, frozenset(left_out)):
        if not at:
            continue
        inner = data
        for key in at[:-1]:
            inner = inner[key]
        kept = inner[at[-1]]
        for value in ODD:
            inner[at[-1]] = value
            yield f"{'.'.join(map(str, at))}: {value!r}"[:200], json.dumps(data)
        inner[at[-1]] = kept
