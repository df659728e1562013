"""Models that carry single features: how a kind of target counts, whatever its coefficients."""

from __future__ import annotations

from .._core.model.compile import Model
from ..base.names import N_METRICS, Column

__all__ = ["UNIT", "unit_models"]

UNIT = 2.0**-8  # features are counts, or such over the copies of a layer: up to 256 on a tile
# Columns of a cost model that can carry a feature each; that of the largest layer carries one of
# which a network has a maximum.
_SUMS = (*range(Column.LATENCY, Column.LEAK), Column.AREA)
_COLUMNS = range(Column.PARAMS)

_made: dict[tuple[str, tuple[float, ...]], list[tuple[dict[int, int], Model]]] = {}


def unit_models(kind: str, array: tuple[float, ...]) -> list[tuple[dict[int, int], Model]]:
    """Return models that carry a feature in each column, in units: ({feature: column}, model)."""
    from . import KINDS

    found = _made.get((kind, array))
    if found is None:
        names = KINDS[kind].FEATURES
        maxima = getattr(KINDS[kind], "MAXIMA", ())
        plain = [i for i, name in enumerate(names) if name not in maxima]
        peaks = [i for i, name in enumerate(names) if name in maxima]
        found = _made[kind, array] = []
        while plain or peaks:
            chosen: dict[int, int] = dict(zip(plain, _SUMS, strict=False))
            del plain[: len(_SUMS)]
            if peaks:
                chosen[peaks.pop()] = Column.PEAK
            rows = [[float(k == chosen.get(i)) for k in _COLUMNS] for i in range(len(names))]
            found.append((chosen, Model(kind, rows, (UNIT,) * N_METRICS, {}, array)))
    return found
