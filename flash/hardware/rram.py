"""RRAM compute-in-memory: weights stationary on tiles, layers one after another.

A layer of R = kernel^2 * in_channels rows and C = 8 * out_channels columns (8-bit weights, a
column a bit) fills ``ceil(R/512) x ceil(C/512)`` tiles of 4x4 subarrays (128 x 128); a small layer
is copied inside its tile (``copies``), and works on several of its P output positions at once. The
side of a tile, 512 cells here, is the parameter `tile`; an element (PE) is half of it wide. Other
parameters are `subarray` (128 here) and `columns_per_weight` (8).

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

from .._core.tables import square_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..network import Network

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
COLUMNS = ("latency_ms", "ic_latency_ms", "energy_mj", "ic_energy_mj", "area_mm2")
SCALE = "tiles"  # the feature whose total selects the class
GROUPED = False  # grouped convolutions count as dense ones
# energies are small here: 2^-44 mJ is 0.06 femtojoule, and totals end at 512 mJ
QUANTUM = (2.0**-36, 2.0**-36, 2.0**-44, 2.0**-36, 1.0, 1.0)
LINKS = ("grid", "beyond", "leakage_w_per_tile")
TABLES = ("tiles_max", "latency_factor", "energy_factor", "area_mm2")
BEYOND = (
    "rows_per_cycle",
    "cols_per_cycle",
    "latency_row_share",
    "energy_row_share",
    "area_mm2_const",
    "area_mm2_per_side",
)
TILES = (256, 512, 1024, 2048)  # sides of a tile, in cells
SUBARRAYS = (32, 64, 128, 256)  # sides of a subarray
DIMENSIONS = ("tile", "subarray", "columns_per_adc", "bits_per_cell", "adc_bits")
OWN = ("tile", "subarray", "columns_per_adc", "cell_bits", "adc_bits")  # as parameters call them
MAX_TILES = 1 << 16  # two billion weights; a larger chip has the factors of this one


def check_links(data: Any, where: str) -> dict[str, Any]:
    """Return the links of a target file, checked; see `links` for what they say.

    Raises
    ------
    FormatError
        If a key is missing or unknown, or a table is not of rising bounds and positive,
        non-decreasing factors that the formulas beyond it carry on.
    """
    from ..errors import FormatError
    from ._format import integer, number, numbers, table

    table(data, where, LINKS, LINKS)
    grid = table(data["grid"], f"{where}.grid", TABLES, TABLES)
    bounds = numbers(grid["tiles_max"], f"{where}.grid.tiles_max", 1, 2**53, rising=True)
    if any(bound % 1.0 for bound in bounds):
        raise FormatError(f"{where}.grid.tiles_max must hold whole numbers, got a fraction")
    tables: dict[str, list[float]] = {"tiles_max": bounds}
    for name in TABLES[1:]:
        low = 0.0 if name == "area_mm2" else 1e-9
        tables[name] = numbers(grid[name], f"{where}.grid.{name}", low, 1e9, length=len(bounds))
    beyond = table(data["beyond"], f"{where}.beyond", BEYOND, BEYOND)
    rest: dict[str, float] = {}
    for name in BEYOND:
        at = f"{where}.beyond.{name}"
        if name.endswith("_per_cycle"):
            rest[name] = integer(beyond[name], at, 1, 2**20)
        else:
            rest[name] = number(beyond[name], at, 0.0, 1.0 if name.endswith("_share") else 1e9)
    following = next(iter(_beyond(int(bounds[-1]), rest)), None)
    for k, name in enumerate(TABLES):
        if following is not None and following[k] < tables[name][-1]:
            raise FormatError(
                f"{where}.beyond must carry {name} on without a fall, got {following[k]} after "
                f"{tables[name][-1]}"
            )
    leakage = number(data["leakage_w_per_tile"], f"{where}.leakage_w_per_tile", 0.0, 1e9)
    return {"grid": tables, "beyond": rest, "leakage_w_per_tile": leakage}


def array(parameters: dict[str, Any], where: str) -> tuple[int, ...]:
    """Return the rows and columns of a tile in cells, the side of a subarray, and how many columns
    a weight has.

    Raises
    ------
    FormatError
        If the parameter `tile` is not 256, 512, 1024 or 2048, or a `subarray` none of 32, 64, 128
        and 256, or too large for the tile's elements.
    """
    from ..errors import FormatError
    from ._format import integer

    tile = integer(parameters.get("tile", 512), f"{where}.tile", min(TILES), max(TILES))
    if tile not in TILES:
        raise FormatError(f"{where}.tile must be one of {', '.join(map(str, TILES))}, got {tile}")
    side = integer(parameters.get("subarray", 128), f"{where}.subarray", 32, 256)
    if side not in SUBARRAYS or side > tile // 2:
        raise FormatError(
            f"{where}.subarray must be one of {', '.join(map(str, SUBARRAYS))}, and at most half "
            f"the tile, got {side}"
        )
    each = integer(parameters.get("columns_per_weight", 8), f"{where}.columns_per_weight", 1, 64)
    return tile, tile, side, each


# Design spaces: see designs.py


def check_design(data: Any, where: str) -> dict[str, Any]:
    """Return a design space, checked."""
    from ..errors import FormatError
    from ._format import check_values, number, table, text

    table(data, where, (*DIMENSIONS, "adc_area_mm2", "references"), (*DIMENSIONS, "adc_area_mm2"))
    result: dict[str, Any] = {
        name: check_values(data[name], f"{where}.{name}", 1 << 12) for name in DIMENSIONS
    }
    for name, known in (("tile", TILES), ("subarray", SUBARRAYS), ("bits_per_cell", (1, 2, 4, 8))):
        for value in result[name]:
            if value not in known:
                raise FormatError(
                    f"{where}.{name} must hold {', '.join(map(str, known))} only, got {value}"
                )
    result["adc_area_mm2"] = number(data["adc_area_mm2"], f"{where}.adc_area_mm2", 0.0, 1e3)
    own = table(data.get("references", {}), f"{where}.references")
    result["references"] = {
        name: text(one, f"{where}.references.{name}", 100) for name, one in own.items()
    }
    return result


def design_parts(
    design: Mapping[str, Any], parameters: Mapping[str, Any], family: str
) -> tuple[list[Any], dict[str, int]]:
    """Return the chips that there are: those whose converters are no coarser than the reference's
    against what a column adds up, and whose converters divide a subarray's columns."""
    from itertools import product

    from .designs import Part

    options = []
    for row in product(*(design[name] for name in DIMENSIONS)):
        one = dict(zip(DIMENSIONS, row, strict=True))
        if (
            one["adc_bits"] >= needed_bits(one["subarray"], one["bits_per_cell"], parameters)
            and one["subarray"] % one["columns_per_adc"] == 0
            and one["subarray"] <= one["tile"] // 2
        ):
            options.append(one)
    better = [  # converters of more bits than needed are dearer; else nothing is comparable
        (
            *(k for name in DIMENSIONS[:-1] for k in (one[name], 2**13 - one[name])),
            2**13 - one["adc_bits"],
        )
        for one in options
    ]
    return [Part("chip", tuple(options), ((),) * len(options), tuple(better))], {}


def needed_bits(side: int, bits_per_cell: int, parameters: Mapping[str, Any]) -> int:
    """Return the bits of a converter as coarse as the reference's: log2 of what a column adds up,
    less what the reference drops."""
    full = (side - 1).bit_length() + bits_per_cell
    dropped = (int(parameters["subarray"]) - 1).bit_length() + int(parameters["cell_bits"])
    return max(1, full - dropped + int(parameters["adc_bits"]))


def configured(target: Any, chosen: Mapping[str, Any], bits: int | None) -> dict[str, Any]:
    """Return the fields of the target that a chip amounts to: the reference of its tile, scaled.

    Conversions take as long as columns share a converter; a converter's energy and area go with its
    levels; the area of a tile changes by that of its converters, and what a subarray takes by the
    columns it has. The features count subarrays and columns as they are.
    """
    from . import Target

    one = chosen["chip"]
    own: dict[str, Any] = target.parameters
    design = target.design
    name = design["references"].get(str(one["tile"]))
    base = target if one["tile"] == own["tile"] or name is None else Target.load(name)
    levels = (2 ** one["adc_bits"] - 1) / (2 ** int(own["adc_bits"]) - 1)
    sharing = one["columns_per_adc"] / own["columns_per_adc"]
    wider = one["subarray"] / own["subarray"]
    # of a tile of the reference's size; as many converters as columns, over all subarrays' rows
    more = design["adc_area_mm2"] * (one["tile"] / own["tile"]) ** 2
    more *= levels / (sharing * wider) - 1.0
    coefficients = {}
    for key, columns in base.coefficients.items():
        scaled = {column: dict(values) for column, values in columns.items()}
        scaled["latency_ms"]["adc_cycles"] *= sharing
        for feature in ("subarrays", "columns"):
            if feature in scaled["energy_mj"]:
                factor = levels * (wider if feature == "subarrays" else 1.0)
                scaled["energy_mj"][feature] *= factor
        scaled["area_mm2"]["tiles"] = max(0.0, scaled["area_mm2"]["tiles"] + more)
        coefficients[key] = scaled
    parameters = {
        **(base.parameters or {}),
        "subarray": one["subarray"],
        "adc_bits": one["adc_bits"],
        "columns_per_adc": one["columns_per_adc"],
        "cell_bits": one["bits_per_cell"],
        "columns_per_weight": -(-int(own["weight_bits"]) // one["bits_per_cell"]),
    }
    return {
        "parameters": parameters,
        "coefficients": coefficients,
        "links": base.links,
        "sets": base.sets,
        "calibrated_ranges": base.calibrated_ranges,
        "residuals": base.residuals
        if one == {name: own[key] for name, key in zip(DIMENSIONS, OWN, strict=True)}
        else {key: {"networks": 0} for key in base.coefficients},
    }


def floorplan(net: Network) -> int:
    """Return the side of the tile that NeuroSim's own floorplanner gives a network, in cells.

    512 where every layer has at most 64 output channels (512 columns of cells), else 1024: a rule
    read off its runs, in which it held for every network. A target of a tile holds for networks
    that are given it.

    Parameters
    ----------
    net : Network
    """
    weighted = (layer for layer in net.layers if layer.kind in ("conv", "linear"))
    widest = max((layer.out_channels for layer in weighted), default=0)
    return 512 if 8 * widest <= 512 else 1024


def links(data: dict[str, Any]) -> dict[str, Any]:
    """Return the core's links: the classes of the tile grid, and leakage."""
    grid, beyond = data["grid"], data["beyond"]
    for known in _known_classes:  # variants of a device often share them
        if known[0] == grid and known[1] == beyond:
            return {"classes": known[2], "leakage": data["leakage_w_per_tile"]}
    made = list(zip(*(grid[name] for name in TABLES), strict=True))
    made += _beyond(int(made[-1][0]), beyond)
    made[-1] = (float("inf"), *made[-1][1:])
    classes = tuple(made)
    own = {name: list(values) for name, values in grid.items()}
    _known_classes[:] = [*_known_classes[-1:], (own, dict(beyond), classes)]
    return {"classes": classes, "leakage": data["leakage_w_per_tile"]}


def grid_class(rows: int, cols: int, data: dict[str, float]) -> tuple[float, float, float, float]:
    """Return (most tiles, latency factor, energy factor, area) of a chip of rows x cols tiles.

    A word of inputs crosses the rows, one of outputs the columns; each factor is a weighted mean.
    """
    down = rows * -(-rows // int(data["rows_per_cycle"]))
    across = cols * -(-cols // int(data["cols_per_cycle"]))
    u, v = data["latency_row_share"], data["energy_row_share"]
    return (
        float(rows * cols),
        u * down + (1 - u) * across,
        v * -(-cols // 2) + (1 - v) * (rows // 2),
        data["area_mm2_const"] + data["area_mm2_per_side"] * square_root(rows * cols),
    )


def _beyond(tiles: int, data: dict[str, float]) -> list[tuple[float, float, float, float]]:
    """Return the classes from `tiles` on: bounds r(r - 1) and r r, the last T of each grid."""
    u, v = data["latency_row_share"], data["energy_row_share"]
    area, per_side = data["area_mm2_const"], data["area_mm2_per_side"]
    a, b = 1 - u, 1 - v
    grids = _grids(tiles, int(data["rows_per_cycle"]), int(data["cols_per_cycle"]))
    return [
        (bound, u * down + a * across, v * half_cols + b * half_rows, area + per_side * side)
        for bound, down, across, half_cols, half_rows, side in grids
    ]


def _grids(tiles: int, rows_per_cycle: int, cols_per_cycle: int) -> list[tuple[float, ...]]:
    """Return what `grid_class` weighs, for all grids beyond `tiles`: alike for many chips."""
    key = (tiles, rows_per_cycle, cols_per_cycle)
    found = _known_grids.get(key)
    if found is None:
        found = []
        side = int(square_root(tiles))
        while side * side <= MAX_TILES:
            for rows, cols in ((side, side - 1), (side, side)):
                if rows * cols > tiles:
                    down = rows * -(-rows // rows_per_cycle)
                    across = cols * -(-cols // cols_per_cycle)
                    root = square_root(rows * cols)
                    found.append((float(rows * cols), down, across, -(-cols // 2), rows // 2, root))
            side += 1
        if len(_known_grids) > 16:
            _known_grids.clear()
        _known_grids[key] = found
    return found


_known_classes: list[tuple[dict[str, Any], dict[str, Any], tuple[Any, ...]]] = []
_known_grids: dict[tuple[int, int, int], list[tuple[float, ...]]] = {}
