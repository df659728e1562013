"""Bits for layers as users give them: an answer, or a table of layers and bits."""

from __future__ import annotations

from ..base.checks import hint, integer, items, shown
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

__all__ = ["MOST_BITS", "bits_list", "bits_of"]

MOST_BITS = 16


def bits_list(bits: Any) -> tuple[int, ...]:
    """Return the numbers of bits to choose from, in rising order; an error where they are none."""
    given = items("bits", bits, MOST_BITS)
    found = [integer(f"bits[{n}]", one, 1, MOST_BITS) for n, one in enumerate(given)]
    if not found:
        raise ArgumentError("bits must hold a number of bits, got none")
    if len(set(found)) != len(found):
        raise ArgumentError(f"bits must hold no number twice, got {shown(bits)}")
    return tuple(sorted(found))


def bits_of(
    choices: Any, layers: Collection[str], left: Mapping[str, str], argument: str = "choices"
) -> dict[str, int]:
    """Return the bits of each layer that is named.

    Parameters
    ----------
    choices : mapping, or an object with one as ``choices``
        An answer of `flash.choose`; {layer: bits}. Bits may be text, as tables hold them.
    layers : collection of str
        Those that there are.
    left : mapping
        Why others are none.
    argument : str
        What they are called in errors.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If it is none, names a layer that is not there, or bits outside 1 to 16.
    """
    table: Any = choices if hasattr(choices, "keys") else getattr(choices, "choices", None)
    if not hasattr(table, "keys") or not hasattr(table, "__getitem__"):
        status = getattr(choices, "status", None)
        if isinstance(status, str):
            raise ArgumentError(
                f"{argument} must name bits for layers, got an answer that is {status}"
            )
        raise ArgumentTypeError(
            f"{argument} must be an answer of flash.choose, or a table {{layer: bits}}, got "
            f"{shown(choices)} ({type(choices).__name__})"
        )
    found: dict[str, int] = {}
    for name in table.keys():  # noqa: SIM118 - of anything that has keys
        if not isinstance(name, str) or name not in layers:
            why = left.get(name, "") if isinstance(name, str) else ""
            near = f": {why}" if why else hint(name, layers) if isinstance(name, str) else ""
            raise ArgumentError(f"{argument}: no layer {shown(name)} to quantise{near}")
        bits = table[name]
        if isinstance(bits, str) and bits.isdecimal() and len(bits) <= 2:
            bits = int(bits)
        found[name] = integer(f"{argument}[{name!r}]", bits, 1, MOST_BITS)
    if not found:
        raise ArgumentError(f"{argument} must name a layer, got none")
    return found
