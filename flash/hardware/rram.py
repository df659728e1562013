"""RRAM compute-in-memory: weights stationary on tiles, layers one after another.

A layer of R = kernel^2 * in_channels rows and C = 8 * out_channels columns (8-bit weights, a
column a bit) fills ``ceil(R/512) x ceil(C/512)`` tiles of 4x4 subarrays (128 x 128); a small layer
is copied inside its tile (``copies``), and works on several of its P output positions at once.

==========  =====================================================================================
tiles       tiles of the layer; their total T selects the class of the chip (its tile grid)
adc_cycles  P / copies: reads of a subarray, each converted by shared ADCs
tile_adds   P where a tile adds up several PEs
chip_adds   P * out_channels * stages of the adder tree between tiles
in_chip     P * R, out_chip  P * out_channels: numbers through the global buffer
in_tile     P * min(R, 512), out_tile  P * min(out_channels, 64): through a tile's buffer
bus_words   P * (R per row of tiles + out_channels per column of tiles): on the chip's bus
subarrays   P * subarrays that work; columns, rows: P * their used columns and rows
in_tiles, out_tiles, in_pes  P * numbers that reach all tiles, leave them, reach all PEs
maps        P * in_channels * columns of tiles
==========  =====================================================================================

A partly filled last tile of an uncopied layer works twice (columns, rows, subarrays, in_pes).
The chip: ``rows = ceil(sqrt T)``, ``cols = ceil(T / rows)``. Class g holds while T <= its bound;
then latency = L + f[g] * bus latency, energy = D + h[g] * bus energy + leakage * T * latency, and
area = A + a[g]. The tables f, h, a go on past their end by the formulas in `links`.
"""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FEATURES = (
    "tiles",
    "adc_cycles",
    "tile_adds",
    "chip_adds",
    "in_chip",
    "out_chip",
    "in_tile",
    "out_tile",
    "bus_words",
    "subarrays",
    "columns",
    "rows",
    "in_tiles",
    "out_tiles",
    "in_pes",
    "maps",
)
# energies are small here: 2^-44 mJ is 0.06 femtojoule, and totals end at 512 mJ
QUANTUM = (2.0**-36, 2.0**-36, 2.0**-44, 2.0**-36, 1.0, 1.0)
LINKS = ("grid", "beyond", "leakage_w_per_tile")
MAX_TILES = 1 << 20


def links(data: dict[str, Any]) -> dict[str, Any]:
    """Return the core's links: the classes of the tile grid, and leakage."""
    grid = data["grid"]
    classes = list(
        zip(
            map(float, grid["tiles_max"]),
            map(float, grid["latency_factor"]),
            map(float, grid["energy_factor"]),
            map(float, grid["area_mm2"]),
            strict=True,
        )
    )
    classes += _beyond(int(classes[-1][0]), data["beyond"])
    last = classes[-1]
    classes[-1] = (math.inf, *last[1:])
    return {"classes": tuple(classes), "leakage": float(data["leakage_w_per_tile"])}


def _beyond(tiles: int, data: dict[str, float]) -> list[tuple[float, float, float, float]]:
    """Classes from `tiles` on: bounds r(r - 1) and r r, the last T of each grid."""
    result = []
    per_row, per_col = int(data["rows_per_cycle"]), int(data["cols_per_cycle"])
    u, v = data["latency_row_share"], data["energy_row_share"]
    side = math.isqrt(tiles)
    while side * side <= MAX_TILES:
        for rows, cols in ((side, side - 1), (side, side)):
            if rows * cols <= tiles:
                continue
            latency = u * rows * -(-rows // per_row) + (1 - u) * cols * -(-cols // per_col)
            energy = v * -(-cols // 2) + (1 - v) * (rows // 2)
            area = data["area_mm2_const"] + data["area_mm2_per_side"] * math.sqrt(rows * cols)
            result.append((float(rows * cols), latency, energy, area))
        side += 1
    return result
