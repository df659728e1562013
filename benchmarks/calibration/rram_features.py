"""Layer features and tile grid of the `rram` target: the obvious twin of the compiled kernel.

The accelerator is the one that NeuroSim V1.4 was run on: crossbar subarrays of 128 x 128 one-bit
cells, 2 x 2 of them in a processing element (PE, 256 x 256), 2 x 2 PEs in a tile (512 x 512).
A convolution is a matrix of ``k*k*Cin`` rows and ``Cout*8`` columns (8-bit weights, one column per
bit), cut into tiles; a layer smaller than a tile is duplicated inside it and so works on several
output positions at once. Each feature counts one kind of work; a column of the cost model is a sum
of features times non-negative coefficients. Only convolutions and linear layers have features:
pooling, concatenation, addition and normalisation cost nothing of their own in this model (their
traffic is that of the buffers which the next convolution reads).

Every feature is a product of integers, ceiling divisions and minima; `adc_cycles` alone is then
divided, by a power of two, so that all values below 2**53 are exact in float64.
"""

from __future__ import annotations

from math import isqrt, sqrt

SUBARRAY = 128  # rows and columns
PE = 256
TILE = 512
WEIGHT_BITS = 8  # columns per output channel
ROWS_PER_CYCLE = 22  # tiles that a word of inputs (outputs) passes in one clock cycle; the runs
COLS_PER_CYCLE = 24  # place the second cycle between 21 and 23 rows, 23 and 26 columns

NAMES = (
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


def ceil_div(a: int, b: int) -> int:
    """Return the ceiling of ``a / b`` for integers ``a >= 0`` and ``b > 0``."""
    return -(-a // b)


def features(in_channels: int, kernel: int, out_channels: int, positions: int) -> list[float]:
    """Return the features of one convolution or linear layer, in the order of ``NAMES``.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels (a linear layer: its inputs and outputs). Grouped convolutions are mapped as dense
        block-diagonal ones, so the number of groups does not enter.
    kernel : int
        Side of the kernel (a linear layer: 1).
    positions : int
        Output height times output width (a linear layer: 1). NeuroSim counts
        ``(H - kernel + 1) / stride`` on the padded height, which is the same for even sizes.

    Returns
    -------
    list of float
        ``len(NAMES)`` non-negative values; the first is the layer's number of tiles.
    """
    p, co = positions, out_channels
    r, c = kernel * kernel * in_channels, WEIGHT_BITS * out_channels
    tr, tc = ceil_div(r, TILE), ceil_div(c, TILE)  # tiles down and across
    pr, pc = ceil_div(r, PE), ceil_div(c, PE)
    sr, sc = ceil_div(r, SUBARRAY), ceil_div(c, SUBARRAY)

    # Copies of the weights: of PEs inside a tile times of subarrays inside a PE (1, 2, 4, 8, 16).
    dup = max(1, 2 // pr) * max(1, 2 // pc) * max(1, 2 // sr) * max(1, 2 // sc)

    # A last tile that at most half fills a tile of an unduplicated layer works twice in NeuroSim:
    # its rows (columns) are copied to the idle PEs, but the positions are not shared among them.
    rest_r, rest_c = r - (tr - 1) * TILE, c - (tc - 1) * TILE
    twice_r = dup == 1 and rest_r <= PE
    twice_c = dup == 1 and rest_c <= PE
    work_r = r + (rest_r if twice_r else 0)
    work_c = c + (rest_c if twice_c else 0)
    work_sr = sr + (ceil_div(rest_r, SUBARRAY) if twice_r else 0)
    work_sc = sc + (ceil_div(rest_c, SUBARRAY) if twice_c else 0)
    work_pc = pc + (1 if twice_c else 0)

    # Levels of the adder tree over the tiles of a column; five of them take two clock cycles.
    levels = (tr - 1).bit_length()
    stages = ceil_div(2 * levels, 5)

    return [
        tr * tc,  # tiles
        p / dup,  # adc_cycles: rounds of conversions
        p if pr > 1 else 0,  # tile_adds: sums over the PEs of a tile
        p * co * stages,  # chip_adds: sums over the tiles of a column
        p * r,  # in_chip: words from the global buffer
        p * co,  # out_chip: words to the global buffer, through the activation unit
        p * min(r, TILE),  # in_tile: words from a tile's buffer (tiles work side by side)
        p * min(co, TILE // WEIGHT_BITS),  # out_tile
        p * (ceil_div(r, tr) + ceil_div(co, tc)),  # bus_words: of one tile, over the chip's bus
        p * work_sr * work_sc,  # subarrays that work
        p * work_sr * work_c,  # columns that are converted
        p * work_r * work_sc,  # rows that are driven
        p * r * tc,  # in_tiles: words into all tiles
        p * co * tr,  # out_tiles: words out of all tiles
        p * work_r * work_pc,  # in_pes: words into all PEs
        p * in_channels * tc,  # maps: activations held, once per tile column
    ]


def grid(tiles: int) -> tuple[int, int]:
    """Return the rows and columns of the tile grid of a chip: as square as possible."""
    rows = isqrt(tiles - 1) + 1
    return rows, ceil_div(tiles, rows)


def grid_bounds(last_row: int) -> list[int]:
    """Return the largest number of tiles of each grid with at most ``last_row`` rows."""
    return [t for r in range(1, last_row + 1) for t in (r * (r - 1), r * r) if t > 0]


def latency_factor(tiles: int, row_share: float) -> float:
    """Return f(T): clock cycles of a word on the bus, inputs along rows, outputs along columns."""
    rows, cols = grid(tiles)
    down = rows * ceil_div(rows, ROWS_PER_CYCLE)
    across = cols * ceil_div(cols, COLS_PER_CYCLE)
    return row_share * down + (1 - row_share) * across


def energy_factor(tiles: int, row_share: float) -> float:
    """Return h(T): mean distance of a word on the bus, inputs along columns, outputs along rows."""
    rows, cols = grid(tiles)
    return row_share * ceil_div(cols, 2) + (1 - row_share) * (rows // 2)


def grid_area(tiles: int, const: float, per_side: float) -> float:
    """Return a(T): a constant and the chip's bus and margin, in proportion to the grid's side."""
    rows, cols = grid(tiles)
    return const + per_side * sqrt(rows * cols)
