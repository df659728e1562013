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
clock_ghz for the reader: the coefficient is the cycle's length. Operands are there in time (what
SCALE-Sim calls total cycles without prefetching), unless `parameters` hold ``bandwidth_gb_s``,
``clock_ghz``, ``bits``, ``weights_kib`` and ``maps_kib``: then a layer takes at least as long as
its traffic, by the formula of fpga.py. All else than convolutions and linear layers is free.

A `design` names values of ``rows``, ``columns``, ``dataflow`` (os, ws) and, with a memory, of the
buffers, and how many processing elements (``pes``) and kibibytes (``sram_kib``) there may be.
"""

from __future__ import annotations

from ..base.checks import integer, real, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FEATURES = ("cycles_os", "cycles_ws")
COLUMNS = ("latency_ms",)
SCALE = None  # no classes
GROUPED = True
QUANTUM = (2.0**-36, 2.0**-36, 2.0**-36, 2.0**-36, 1.0, 1.0)
LINKS: tuple[str, ...] = ()
MAX_SIDE = 1 << 16
MEMORY = ("bandwidth_gb_s", "clock_ghz", "bits", "weights_kib", "maps_kib")
BUFFERS = ("weights_kib", "maps_kib")
DATAFLOWS = ("os", "ws")
RESOURCES = ("pes", "sram_kib")


def check_links(where: str, data: Any) -> dict[str, Any]:
    """Return the links of a target file, checked: there are none."""
    return dict(table(where, data, LINKS))


def links(data: dict[str, Any]) -> dict[str, Any]:
    """Return the core's links: none, latency is a plain sum."""
    return {}


def array(parameters: dict[str, Any], where: str) -> tuple[float, ...]:
    """Return the rows and columns of the array; with a memory also bits a number, bits a cycle,
    and room for weights and for inputs in bits.

    Raises
    ------
    FormatError
        If `parameters` lack them, or they are no integers of 1 to 65536.
    """
    names = ("array_rows", "array_columns")
    table(where, parameters, None, names)
    sides = tuple(integer(f"{where}.{n}", parameters[n], 1, MAX_SIDE) for n in names)
    if "bandwidth_gb_s" not in parameters:
        return sides
    table(where, parameters, None, MEMORY)
    speed = real(f"{where}.bandwidth_gb_s", parameters["bandwidth_gb_s"], 1e-3, 1e5)
    clock = real(f"{where}.clock_ghz", parameters["clock_ghz"], 1e-3, 100.0)
    bits = integer(f"{where}.bits", parameters["bits"], 1, 64)
    rooms = [8192.0 * integer(f"{where}.{n}", parameters[n], 1, 1 << 24) for n in BUFFERS]
    return (*sides, float(bits), 8.0 * speed / clock, *rooms)


# Design spaces: see designs.py


def check_design(where: str, data: Any) -> dict[str, Any]:
    """Return a design space, checked."""
    from ._notes import check_values

    needed = ("rows", "columns", "dataflow")
    table(where, data, (*needed, *BUFFERS, "limits"), (*needed, "limits"))
    limits = table(f"{where}.limits", data["limits"], RESOURCES)
    return {
        **{n: check_values(f"{where}.{n}", data[n], MAX_SIDE) for n in needed[:2]},
        "dataflow": check_values(f"{where}.dataflow", data["dataflow"], DATAFLOWS),
        **{n: check_values(f"{where}.{n}", data[n], 1 << 24) for n in BUFFERS if n in data},
        "limits": {n: integer(f"{where}.limits.{n}", limits[n], 1, 1 << 32) for n in limits},
    }


def design_parts(
    design: Mapping[str, Any], parameters: Mapping[str, Any], family: str
) -> tuple[list[Any], dict[str, int]]:
    """Return the arrays that there are, largest first, and what they may take."""
    from itertools import product

    from .designs import Part

    names = [n for n in ("rows", "columns", "dataflow", *BUFFERS) if n in design]
    options = [dict(zip(names, one, strict=True)) for one in product(*(design[n] for n in names))]
    options.sort(key=lambda one: -one["rows"] * one["columns"])
    limits = dict(design["limits"])
    uses = []
    for one in options:
        sram = sum(one.get(n, 0) for n in BUFFERS)
        taken = {"pes": one["rows"] * one["columns"], "sram_kib": sram}
        uses.append(tuple(taken[n] for n in limits))
    better = []
    for one in options:  # comparable where all but the buffers are equal
        sides = [one["rows"], one["columns"], 1 + DATAFLOWS.index(one["dataflow"])]
        pairs = [k for side in sides for k in (side, 2 * MAX_SIDE - side)]
        better.append((*pairs, *(one.get(n, 1) for n in BUFFERS)))
    return [Part("array", tuple(options), tuple(uses), tuple(better))], limits


def configured(target: Any, chosen: Mapping[str, Any], bits: int | None) -> dict[str, Any]:
    """Return the fields of the target that has this array."""
    one = chosen["array"]
    flow = "output-stationary" if one["dataflow"] == "os" else "weight-stationary"
    parameters = {**target.parameters, "array_rows": one["rows"], "array_columns": one["columns"],
                  "dataflow": flow, **{n: one[n] for n in BUFFERS if n in one}}  # fmt: skip
    cycle = next(iter(next(iter(target.coefficients.values()))["latency_ms"].values()))
    latency = {f"cycles_{one['dataflow']}": cycle}
    coefficients = {name: {"latency_ms": latency} for name in target.coefficients}
    return {"parameters": parameters, "coefficients": coefficients}
