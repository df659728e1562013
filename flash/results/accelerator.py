"""A result's accelerator: read from plain data, and shown."""

from __future__ import annotations

from ..base.checks import integer, known_keys, shown
from ..errors import FormatError

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

KEYS = ("values", "resources", "cell_bits", "joint")


def read_accelerator(value: Any) -> Accelerator:
    """Return an accelerator of plain data, checked.

    Raises
    ------
    FormatError
        If a key is unknown or missing, or a value not accepted.
    """
    table = known_keys("accelerator", value, KEYS)
    for key in KEYS:
        if key not in table:
            raise FormatError(f"accelerator lacks the key {key!r}")
    for key in KEYS[:2]:
        if not isinstance(table[key], dict):
            raise FormatError(f"accelerator.{key} must be a table, got {shown(table[key])}")
    for name, one in (("cell_bits", table["cell_bits"]), *table["resources"].items()):
        if not isinstance(one, (list, tuple)):
            raise FormatError(f"accelerator: {name} must be a list, got {shown(one)}")
    return {
        "values": table["values"],
        "resources": {
            name: [integer(f"accelerator.resources.{name}", one, 0) for one in both]
            for name, both in table["resources"].items()
        },
        "cell_bits": [integer("accelerator.cell_bits", one, 1) for one in table["cell_bits"]],
        "joint": integer("accelerator.joint", table["joint"], 1),
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
