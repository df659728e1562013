"""A target with the models of several tiles: a floorplanner gives each network one of them.

The target's own fields are those of its parameter `tile`; the others' are in its field `tiles`.
Whoever charges a network, or parts a space by tile, goes on with the target of one tile: `on_tile`.
"""

from __future__ import annotations

from ..base.checks import integer, shown
from ..errors import ArgumentError, ArgumentTypeError
from . import KINDS, Target, as_target
from ._format import TILE
from .costing import family_and_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any, NoReturn

    from ..networks.cell_networks import Net

__all__ = [
    "by_tile",
    "entry_of",
    "on_tile",
    "refuse_several",
    "several",
    "tile_of",
    "with_tiles",
]


def by_tile(target: Target) -> dict[int, Target]:
    """Return the target of each tile, by its side in cells, in rising order."""
    found = {int(_parameters(target)["tile"]): target.replace(tiles=None)}
    for side, entry in (target.tiles or {}).items():
        found[int(side)] = target.replace(tiles=None, ablation=None, **entry)
    return dict(sorted(found.items()))


def on_tile(target: Target, side: int) -> Target:
    """Return the target of one tile: see `Target.on_tile`."""
    found: Target | None = target._by_tile.get(integer("side", side)) if target.tiles else None
    if found is not None:
        return found
    if target.tiles is None and side == _parameters(target).get("tile"):
        return target
    sides = target._by_tile if target.tiles else [_parameters(target).get("tile", "no tile")]
    raise ArgumentError(
        f"side must be that of a tile of {target.name!r} ({', '.join(map(str, sides))}), got {side}"
    )


def tile_of(target: Target, net: Net) -> int:
    """Return the side of the tile that a target's floorplanner gives a network, in cells."""
    _, network = family_and_network(net, target)
    side: int = KINDS[target.kind].floorplan(network)
    return side


def several(target: Target) -> str:
    """Return the tiles of a target as text."""
    return " and ".join(map(str, target._by_tile))


def refuse_several(target: Target, where: str = "here") -> NoReturn:
    """Refuse a target with the models of several tiles where one is needed.

    Raises
    ------
    ArgumentError
    """
    raise ArgumentError(
        f"target must have the model of one tile {where}, got {target.name!r}, which has those of "
        f"{several(target)} cells: flash.search (by 'shgo' or 'exact', without codesign), "
        "flash.evaluate, flash.pareto and flash.sweep take it as it is; "
        f"elsewhere use target.on_tile({next(iter(target._by_tile))})"
    )


def with_tiles(
    target: Target, others: Sequence[Target | str | os.PathLike[str]], name: str | None
) -> Target:
    """Return a target with the models of other tiles beside its own: see `Target.with_tiles`."""
    parameters = _parameters(target)
    sides: tuple[int, ...] = getattr(KINDS[target.kind], "sides_of", lambda _: ())(parameters)
    if not sides:
        raise ArgumentError(
            f"target {target.name!r} must name a floorplan in its parameters to have several tiles"
        )
    if name is not None and not isinstance(name, str):
        raise ArgumentTypeError(f"name must be text, got {shown(name)}")
    own, *wanted = sides
    entries: dict[str, dict[str, Any]] = {}
    models = [as_target(other) for other in others]
    for other in models:
        side = _parameters(other).get("tile")
        if other.kind != target.kind or side not in wanted or str(side) in entries:
            raise ArgumentError(
                f"others must be of kind {target.kind!r}, one for each of the tiles "
                f"{', '.join(map(str, wanted))}, got {other.name!r} of kind {other.kind!r}"
                + ("" if side is None else f" with tiles of {side}")
            )
        if other.tiles is not None:
            other = other.on_tile(side)
        entries[str(side)] = entry_of(other, parameters["floorplan"])
    if len(entries) < len(wanted):
        raise ArgumentError(
            f"others must have a target for each of the tiles {', '.join(map(str, wanted))}, got "
            f"{', '.join(entries) or 'none'}"
        )
    data = target.to_dict()
    data["name"] = f"{target.kind}-{parameters['floorplan']}" if name is None else name
    named = dict(zip(entries, models, strict=True))
    tiles = ", ".join(f"of {side} x {side} cells {one.name}" for side, one in named.items())
    data["description"] = (
        f"The models of several tiles, of {own} x {own} cells {target.name}, {tiles}: each network "
        f"is charged by that of the tile which the floorplan {parameters['floorplan']!r} gives it."
    )
    data["provenance"] = {
        **data.get("provenance", {}),
        "other tiles": {
            side: {"target": one.name, **(one.provenance or {})} for side, one in named.items()
        },
    }
    for key in ("design", "ablation"):
        data.pop(key, None)
    data["tiles"] = entries
    return Target.from_dict(data, "the target")


def entry_of(target: Target, floorplan: str) -> dict[str, Any]:
    """Return what a target of one tile is under `tiles` of another, as plain data."""
    data = target.to_dict()
    data["parameters"] = {**data["parameters"], "floorplan": floorplan}
    return {key: data[key] for key in TILE if key in data}


def _parameters(target: Target) -> Mapping[str, Any]:
    """Return a target's parameters, its tile said."""
    own = target.parameters or {}
    return {"tile": target.array[0], **own} if target.kind == "rram" else own
