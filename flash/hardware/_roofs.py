"""The greatest rates of a target by its own model: the roofs under which its layers stay.

An accelerator of units multiplies at most so many pairs of numbers a cycle, and its memory moves so
many bits: two roofs. A model that adds up what each feature takes (processors) has the rate of each
kind of product, were there nothing else; what moves numbers is added, so it has no second roof.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import Target

__all__ = ["roofs_of"]

# By feature what a roof is called; "accumulations" are of 16 products at least.
PRODUCTS = {
    "macs_spatial": "convolutions",
    "macs_conv": "convolutions",
    "macs_pointwise": "1 x 1 convolutions",
    "macs_depthwise": "depthwise",
    "macs_linear": "linear layers",
}
LANES = 16.0
WITHOUT = {
    "rram": "crossbars multiply where the weights lie: bytes moved are no roof for them",
    "layers": "what its layers' times are made of is not known: no roof",
}


def roofs_of(target: Target) -> dict[str, Any]:
    """Return a target's roofs as plain data.

    Returns
    -------
    dict
        "macs_per_ms": of each unit or kind of product the greatest rate; "bytes_per_ms": that of
        the memory, or None; "bits": of a number there, where that is not the network's own, or
        None; "note": what is to be said, or None.
    """
    found: dict[str, Any] = {"macs_per_ms": {}, "bytes_per_ms": None, "bits": None, "note": None}
    if target.kind in WITHOUT or target.table is not None:
        found["note"] = f"{target.name}: {WITHOUT.get(target.kind, WITHOUT['layers'])}"
        return found
    table = next(iter(target.coefficients.values()))["latency_ms"]
    if target.kind in ("fpga", "systolic"):
        return found | _of_units(target, table)
    for feature, name in PRODUCTS.items():
        cost = table.get(feature, 0.0)
        if feature == "macs_pointwise":
            cost += table.get("accumulations", 0.0) / LANES
        if cost > 0.0:
            found["macs_per_ms"][name] = 1.0 / cost
    found["note"] = (
        f"{target.name} adds what moving numbers takes to what products take: "
        "its model has no memory roof"
    )
    return found


def _of_units(target: Target, table: dict[str, float]) -> dict[str, Any]:
    """Return the roofs of an accelerator, from the numbers that the core has of it."""
    cycle = next(own for name, own in table.items() if name.startswith("cycles") and own > 0.0)
    array = target.array
    if target.kind == "systolic":
        rows, columns, *memory = array
        rates = {"array": rows * columns / cycle}
        if not memory:
            note = f"{target.name} has its operands in time: its model has no memory roof"
            return {"macs_per_ms": rates, "note": note}
        bits, speed = memory[:2]
    else:
        from .fpga import UNITS

        bits, speed, *units = array
        rates = {}
        for number, name in enumerate(UNITS):
            into, out, wide = units[5 * number : 5 * number + 3]
            if into:
                passes = (-(-bits // wide)) ** 2
                rates[name] = into * out / passes / cycle
    return {"macs_per_ms": rates, "bytes_per_ms": speed / 8.0 / cycle, "bits": int(bits)}
