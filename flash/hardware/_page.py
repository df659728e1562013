"""What a target shows in a notebook."""

from __future__ import annotations

from ..base.html import facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..base.html import Part
    from . import Target

__all__ = ["parts"]


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
