"""Systolic arrays: cycles of a layer-by-layer accelerator of rows x columns processing elements.

A convolution is a matrix product of M = positions, K = kernel^2 * input channels of a group and
N = output channels of a group; groups follow one another, a linear layer has one position. The
array takes it in folds, one after the other, and every fold fills and drains anew:

=========  ======================================================================================
cycles_os  output-stationary: ceil(M / rows) * ceil(N / columns) folds of
           K + rows + columns - 2 cycles
cycles_ws  weight-stationary: ceil(K / rows) * ceil(N / columns) folds of
           M + 2 rows + columns - 2 cycles (its weights are loaded first)
=========  ======================================================================================

both less one cycle a group. These are the formulas of SCALE-Sim (Samajdar et al., ISPASS 2020,
section III: "scale-up", 2 S_R + S_C + T - 2 per fold for weights that stay); as its version 3 does,
a last position that has only begun counts as one along either side of a strided layer, so that a
32 x 32 image read with stride 2 has 17 x 17. `parameters` hold array_rows and array_columns, and
clock_ghz for the reader: the coefficient is the cycle's length. Memory is not modelled: operands
are there in time (what SCALE-Sim calls total cycles without prefetching). All else than
convolutions and linear layers is free.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FEATURES = ("cycles_os", "cycles_ws")
COLUMNS = ("latency_ms",)
SCALE = None  # no classes
GROUPED = True
QUANTUM = (2.0**-36, 2.0**-36, 2.0**-36, 2.0**-36, 1.0, 1.0)
LINKS: tuple[str, ...] = ()
MAX_SIDE = 1 << 16


def check_links(data: Any, where: str) -> dict[str, Any]:
    """Return the links of a target file, checked: there are none."""
    from ._format import table

    return dict(table(data, where, LINKS))


def links(data: dict[str, Any]) -> dict[str, Any]:
    """Return the core's links: none, latency is a plain sum."""
    return {}


def array(parameters: dict[str, Any], where: str) -> tuple[int, int]:
    """Return the rows and columns of the array.

    Raises
    ------
    FormatError
        If `parameters` lack them, or they are no integers of 1 to 65536.
    """
    from ._format import integer, table

    names = ("array_rows", "array_columns")
    table(parameters, where, None, names)
    rows, columns = (integer(parameters[n], f"{where}.{n}", 1, MAX_SIDE) for n in names)
    return rows, columns
