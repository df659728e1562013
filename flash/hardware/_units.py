"""Models that carry single features: how a kind of target counts, whatever its coefficients."""

from __future__ import annotations

from .._core.compile import Model

__all__ = ["UNIT", "unit_models"]

UNIT = 2.0**-8  # features are counts, or such over the copies of a layer: up to 256 on a tile
_CARRIERS = (1, 2, 3, 4, 6)  # columns of a cost model that can carry a feature each

_made: dict[tuple[str, tuple[float, ...]], list[tuple[dict[int, int], Model]]] = {}


def unit_models(kind: str, array: tuple[float, ...]) -> list[tuple[dict[int, int], Model]]:
    """Return models that carry a feature in each column, in units: ({feature: column}, model)."""
    from . import KINDS

    found = _made.get((kind, array))
    if found is None:
        count = len(KINDS[kind].FEATURES)
        found = _made[kind, array] = []
        for start in range(0, count, len(_CARRIERS)):
            chosen = dict(zip(range(start, count), _CARRIERS, strict=False))
            rows = [[float(k == chosen.get(i)) for k in range(7)] for i in range(count)]
            found.append((chosen, Model(kind, rows, (UNIT,) * 6, {}, array)))
    return found
