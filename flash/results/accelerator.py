"""A result's accelerator: read from plain data, and shown."""

from __future__ import annotations

from ..base.checks import integer
from ..base.plain import COUNT, TABLE, Check, fields, list_of, table_of, within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypedDict

    from ..base.html import Part

    class Accelerator(TypedDict):
        """What a co-design chose: see `SearchResult.accelerator`."""

        values: dict[str, dict[str, Any]]
        resources: dict[str, Sequence[int]]
        cell_bits: Sequence[int]
        joint: int


__all__ = ["accelerator_parts", "read_accelerator"]

PARTS: dict[str, Check] = {
    "values": table_of(TABLE),
    "resources": table_of(list_of(COUNT, 2)),
    "cell_bits": list_of(within(integer, 1)),
    "joint": within(integer, 1),
}


def read_accelerator(name: str, value: Any) -> Accelerator:
    """Return an accelerator of plain data, checked.

    Raises
    ------
    FormatError
        If a key is unknown or missing, or a value not accepted.
    """
    found = fields(name, value, PARTS, join=".")
    return {
        "values": found["values"],
        "resources": {key: list(both) for key, both in found["resources"].items()},
        "cell_bits": list(found["cell_bits"]),
        "joint": found["joint"],
    }


def accelerator_parts(accelerator: Accelerator) -> list[Part]:
    """Return what a screen shows: what each part is, and what they take together."""
    values = accelerator["values"]
    names = list(dict.fromkeys(name for one in values.values() for name in one))
    rows = [["accelerator", *names]]
    rows += [[part, *(str(one.get(name, "")) for name in names)] for part, one in values.items()]
    lines: list[Part] = [(rows, 1, True)]
    if accelerator["resources"]:
        used = (
            f"{name} {own:,} of {most:,}" for name, (own, most) in accelerator["resources"].items()
        )
        lines.append("takes " + ", ".join(used))
    return lines
