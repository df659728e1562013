"""What a target shows, in a notebook and on a page."""

from __future__ import annotations

from ..base.html import facts, flat, told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..base.html import Part, Row
    from ..base.pages import Section
    from . import Target

__all__ = ["parts", "sections"]


def parts(target: Target) -> list[Part]:
    """Return its kind, what it models, and how far off it was where it was calibrated."""
    rows = [["set", "families", "networks", *(f"{metric}, error" for metric in target.metrics)]]
    tiles = {"": target} if target.tiles is None else target._by_tile
    for tile, one in tiles.items():
        for name in one.coefficients:
            notes = (one.residuals or {}).get(name)
            held = [_error(notes, metric) for metric in one.metrics]
            title = f"{name}, tiles of {tile}" if tile else name
            rows.append([title, ", ".join(one.sets.get(name, ())), _count(notes), *held])
    return [
        f"{target.name}: {target.description}",
        facts({"kind": target.kind, "models": ", ".join(target.metrics)}),
        (rows, 2, True),
        f"not calibrated for {', '.join(target.not_calibrated_families)}"
        if target.not_calibrated_families
        else "",
    ]


def _count(notes: Any) -> str:
    """Return how many networks a set was fitted to; of notes anything may be said in a file."""
    count = notes.get("networks") if isinstance(notes, dict) else None
    return f"{count:,}" if isinstance(count, int) and count else ""


def _error(notes: Any, metric: str) -> str:
    """Return the mean error of left-out networks, or of all where none was left out."""
    at: Any = notes if isinstance(notes, dict) else {}
    at = at.get("held_out", at.get("all_networks"))
    for key in (metric, "mape_pct"):
        at = at.get(key) if isinstance(at, dict) else None
    return f"{at:.2g} %" if isinstance(at, (int, float)) else ""


def sections(target: Target) -> list[Section]:
    """Return a target as the sections of a page: how it was calibrated, and what it holds."""
    found: list[Section] = [("", [*parts(target), *target._charts()])]
    for title, data in (("Residuals", target.residuals), ("Provenance", target.provenance)):
        if data:
            found.append((title, [(flat(data), 2, False)]))
    if target.tiles is not None:
        for tile, one in target._by_tile.items():
            found.append((f"Tiles of {tile}: residuals", [(flat(one.residuals or {}), 2, False)]))
    ranges = _ranges(target)
    if len(ranges) > 1:
        found.append(("Calibrated ranges", [(ranges, 3, True)]))
    coefficients = _coefficients(target)
    if len(coefficients) > 1:
        found.append(("Coefficients", [(coefficients, 3, True)]))
    for title, data in (
        ("Links", target.links),
        ("Parameters", target.parameters),
        ("Units", target.units),
        ("Ablation", target.ablation),
        ("Open to choice", target.design),
    ):
        rows = flat(data) if data else []
        if any(value != "none" for _, value in rows):
            found.append((title, [(rows, 2, False)]))
    return found


def _ranges(target: Target) -> list[Row]:
    """Return what was seen in fitting: of networks, layers and features, least and greatest."""
    rows: list[Row] = [["set", "of", "what", "least", "greatest"]]
    for name, kinds in target.calibrated_ranges.items():
        for kind, values in kinds.items() if hasattr(kinds, "items") else ():
            for what, ends in values.items() if hasattr(values, "items") else ():
                if isinstance(ends, (list, tuple)) and len(ends) == 2:
                    rows.append([name, kind, what, *map(told, ends)])
    return rows


def _coefficients(target: Target) -> list[Row]:
    rows: list[Row] = [["set", "column", "feature", "coefficient"]]
    for name, columns in target.coefficients.items():
        for column, features in columns.items():
            rows += [[name, column, feature, told(one)] for feature, one in features.items()]
    return rows
