"""What a network's cost prints, shows in a notebook, and is as plain data."""

from __future__ import annotations

from ..base.names import COSTS, UNITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..base.html import Part
    from ..base.pages import Section
    from .costing import Cost, LayerCost

__all__ = ["data", "parts", "read", "sections", "text"]

ROWS = 1000  # layers on a page

KIB = 1024.0


def text(cost: Cost, top: int | None) -> str:
    """Return a cost as text; top: only so many layers, those that take longest."""
    lines: list[str] = []
    for part in parts(cost, top):
        if isinstance(part, str):
            lines.append(part)
        else:
            lines += _aligned([list(row) for row in part[0]])
    return "\n".join(lines)


def _aligned(rows: list[list[str]]) -> list[str]:
    """Return rows as lines, the first and the last column aligned to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    ends = (0, len(widths) - 1)
    return [
        "  ".join(
            cell.ljust(width) if place in ends else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def parts(cost: Cost, top: int | None) -> list[Part]:
    """Return a cost as the parts of a page (see `flash.base.html`)."""
    costs = [name for name in COSTS if getattr(cost, name) is not None]
    has_memory = cost.peak_memory_kib is not None
    head = ["layer", "ms", "%", *(UNITS[name] for name in costs[1:]), "MACs", "KiB moved"]
    head += ["KiB held"] if has_memory else []
    shown = _longest(cost.by_layer, top)
    rows = [[*head, "bound by"]]
    rows += [[*_cells(one, costs, has_memory), one.bound or ""] for one in shown]
    left = len(cost.by_layer) - len(shown)
    if left:
        share = 1.0 - sum(one.share for one in shown)
        rest = [f"{left} more", "", f"{100 * share:.1f}", *[""] * (len(head) - 2)]
        rows.append(rest)
    every = cost.by_layer
    total = [f"{getattr(cost, name):.4g}" for name in costs]
    ends = ["in all", total[0], "100.0" if cost.latency_ms else "0.0", *total[1:]]
    ends += [f"{sum(one.macs for one in every):,}"]
    ends += [f"{sum(one.bytes for one in every) / KIB:,.1f}"]
    ends += [f"{cost.peak_memory_kib:,.1f}"] if has_memory else []
    rows.append([*ends, ""])
    return [
        f"on {cost.target}, one image" if cost.target else "one image",
        (rows, 1, True, 1),
        _bounds(cost),
        _memory(cost),
        *(f"note: {flag}" for flag in cost.flags),
    ]


def sections(cost: Cost, top: int | None) -> list[Section]:
    """Return a cost as the sections of a page."""
    told = parts(cost, ROWS if top is None and len(cost.by_layer) > ROWS else top)
    table = [one for one in told if not isinstance(one, str)]
    said = [one for one in told if isinstance(one, str)]
    return [("", [*said, *cost._charts()]), ("Layer by layer", table)]


def _longest(layers: tuple[LayerCost, ...], top: int | None) -> list[LayerCost]:
    """Return the layers that take longest, in the order of the table."""
    if top is None or top >= len(layers):
        return list(layers)
    order = sorted(range(len(layers)), key=lambda number: -layers[number].latency_ms)
    return [layers[number] for number in sorted(order[:top])]


def _cells(one: LayerCost, costs: list[str], has_memory: bool) -> list[str]:
    values = [getattr(one, name) for name in costs]
    cells = [one.name, f"{values[0]:.4g}", f"{100 * one.share:.1f}"]
    cells += [f"{value:.4g}" for value in values[1:]]
    cells += [f"{one.macs:,}", f"{one.bytes / KIB:,.1f}"]
    return [*cells, f"{one.memory_kib or 0.0:,.1f}"] if has_memory else cells


def _bounds(cost: Cost) -> str:
    from ._bounds import BOUNDS

    shares: dict[str, float] = dict.fromkeys(BOUNDS, 0.0)
    for one in cost.by_layer:
        if one.bound is not None:
            shares[one.bound] += one.share
    told = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items() if share)
    return f"time of layers bound by: {told}" if told else "no layer takes any time"


def _memory(cost: Cost) -> str:
    weights = f"{cost.weights_kib:,.1f} KiB of weights"
    if cost.peak_memory_kib is None:
        return f"{weights}; its peak memory is not known, for its connections are not"
    return f"{cost.peak_memory_kib:,.1f} KiB of values at most, {weights}"


def read(given: Mapping[str, Any]) -> Cost:
    """Return the cost that plain data describes, checked."""
    from ..base.plain import (
        AMOUNT,
        COUNT,
        REAL,
        TABLE,
        TEXT,
        list_of,
        made,
        maybe,
        one_of,
        part,
        plain,
    )
    from ._bounds import BOUNDS
    from .costing import Cost, LayerCost

    layer = {
        "name": TEXT,
        "latency_ms": REAL,
        **dict.fromkeys(("energy_mj", "area_mm2"), maybe(REAL)),
        "share": REAL,
        **dict.fromkeys(("macs", "params"), COUNT),
        "bytes": AMOUNT,
        "bound": maybe(one_of(BOUNDS)),
        "memory_kib": maybe(AMOUNT),
    }
    checks = {
        "target": TEXT,
        "latency_ms": REAL,
        **dict.fromkeys(("energy_mj", "area_mm2"), maybe(REAL)),
        "peak_memory_kib": maybe(AMOUNT),
        "weights_kib": AMOUNT,
        "flags": list_of(TEXT),
        "by_layer": list_of(part(LayerCost, layer)),
        "roofs": maybe(lambda name, value: TABLE(name, plain(name, value))),
    }
    return made(Cost, "the cost", given, checks)


def data(cost: Cost) -> dict[str, Any]:
    """Return a cost as plain data."""
    values = {name: getattr(cost, name) for name in cost.field_names}
    values["flags"] = list(cost.flags)
    values["by_layer"] = [
        {name: getattr(one, name) for name in one.field_names} for one in cost.by_layer
    ]
    layers = values.pop("by_layer")
    return {"target": values.pop("target"), **values, "by_layer": layers}
