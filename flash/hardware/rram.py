"""RRAM compute-in-memory: weights stationary on tiles, layers one after another.

A layer of R = kernel^2 * in_channels rows and C = 8 * out_channels columns (8-bit weights, a
column a bit) fills ``ceil(R/512) x ceil(C/512)`` tiles of 4x4 subarrays (128 x 128); a small layer
is copied inside its tile (``copies``), and works on several of its P output positions at once. The
side of a tile, 512 cells here, is the parameter `tile`; an element (PE) is half of it wide. Other
parameters are `subarray` (128 here) and `columns_per_weight` (8). With the parameter `floorplan`
a rule names the tile of each network (see `floorplan` below), and the target holds for those that
are given its own; with the models of the rule's other tiles beside it (`tiles` of a Target), for
all networks, each by the model of its tile.

==========  =====================================================================================
tiles       tiles of the layer; their total T selects the class of the chip (its tile grid)
adc_cycles  P / copies: reads of a subarray, each converted by shared ADCs
tile_adds   P where a tile adds up several PEs
chip_adds   P * out_channels * stages of the adder tree between tiles
in_chip     P * R, out_chip  P * out_channels: numbers through the global buffer
in_tile     P * min(R, 512), out_tile  P * min(out_channels, 64): through a tile's buffer
in_words    P * R / rows of tiles, out_words  P * out_channels / columns of tiles: on the chip's bus
subarrays   P * subarrays that work; columns, rows: P * their used columns and rows
roots       P * used columns * square root of the rows that work in each subarray: what converters
            take grows less than the current does
image       columns of a layer that reads an image (3 channels), whose values are not sparse
in_tiles, out_tiles, in_pes  P * numbers that reach all tiles, leave them, reach all PEs
buffers     blocks of 16,384 bits that the layer's padded input of 8 bits fills; a chip has those
            of its largest layer
tile_rows   rows of tiles of the layer; a chip has the adders and buses of its tallest layer
mesh_...    of a mesh, which a layer's inputs pass from the tiles of the layer before it: cycles;
            links: flits times the links that each passes; routers: flits times routers
==========  =====================================================================================

A partly filled last row of tiles of an uncopied layer works twice, and so does a partly filled last
column (columns, rows, roots, subarrays, in_pes); the former's second pass leaves out an element
with a single column of subarrays.

The chip is a grid, ``rows = ceil(sqrt T)``, ``cols = ceil(T / rows)``. A word of inputs goes
``ceil(cols / 2)`` tiles far, one of outputs ``rows // 2 - 1``; each tile takes `cycles_per_tile`
of a clock cycle, and a word whole cycles. So

    latency  = L + rows * cycles(inputs) * in + cols * cycles(outputs) * out
    energy   = E + tiles(inputs) * E_in + tiles(outputs) * E_out + leakage
    leakage  = T * power of a tile * (latency of each layer, more by `leakage_step` for each further
               row of subarrays that its last element needs)
    area     = T * tile + the bus + the largest layer's buffers

With the parameter ``"interconnect": "mesh"`` a mesh of routers is in the bus's place (mesh.py): no
class then, but for leakage plain sums over layers, of which each costs more or less by the tiles of
the one before it.

Source: the structure of NeuroSim V1.4's runs, worked out on them and checked on 205 networks; the
idle power of a layer's own tiles lies in E.
"""

from __future__ import annotations

from .._core.tables.tables import Classes, square_root
from ..base.checks import choice, integer, real, table, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..networks.network import Network
    from ..networks.operations import Charged

FEATURES = (
    "tiles",
    "adc_cycles",
    "tile_adds",
    "chip_adds",
    "in_chip",
    "out_chip",
    "in_tile",
    "out_tile",
    "in_words",
    "out_words",
    "subarrays",
    "columns",
    "rows",
    "roots",
    "image",
    "in_tiles",
    "out_tiles",
    "in_pes",
    "buffers",
    "tile_rows",
    "mesh_cycles",
    "mesh_links",
    "mesh_routers",
)
BETWEEN = FEATURES[-3:]  # of two layers, and of nothing where there is no mesh
MAXIMA = ("buffers", "tile_rows")  # a network has that of one layer, not the sum
COLUMNS = (
    *("latency_ms", "bus_in_ms", "bus_out_ms"),
    *("energy_mj", "bus_in_mj", "bus_out_mj"),
    *("area_mm2", "peak_mm2"),
)
SCALE = "tiles"  # the feature whose total selects the class
GROUPED = False  # grouped convolutions count as dense ones
# energies are small here: 2^-44 mJ is 0.06 femtojoule, and totals end at 512 mJ
QUANTUM = (2.0**-36, 2.0**-36, 2.0**-44, 2.0**-36, 1.0, 1.0)
GRID_AREA = ("const", "per_row", "per_col")
ON_MESH = ("leakage_w_per_tile", "leakage_step")  # links where there is no bus
LINKS = ("cycles_per_tile", "grid_area_mm2", "leakage_w_per_tile", "leakage_step", "leak_out")
TILES = (256, 512, 1024, 2048)  # sides of a tile, in cells
SUBARRAYS = (32, 64, 128, 256)  # sides of a subarray
CONVERTED = ("subarrays", "columns", "roots", "image")  # energies that go with a converter's
DIMENSIONS = ("tile", "subarray", "columns_per_adc", "bits_per_cell", "adc_bits")
OWN = ("tile", "subarray", "columns_per_adc", "cell_bits", "adc_bits")  # as parameters call them
BESIDE = ", and have no intervals: no chip with these values was run"  # where none was
# rules that name a network's tile, with the tiles that they give: see `floorplan`
FLOORPLANS = {"neurosim": (512, 1024)}
NARROW = 64  # channels: 512 columns of cells
MAX_SIDE = 256  # rows of the largest grid: two billion weights; a larger chip has its factors


def refuse_older(data: Mapping[str, Any], where: str) -> None:
    """Refuse a target file of flash up to 0.1, whose bus stepped at other grids than the
    simulator's.

    Raises
    ------
    FormatError
    """
    from ..errors import FormatError

    links = data.get("links")
    sets = links.values() if isinstance(links, dict) else ()
    if any(isinstance(one, dict) and "grid" in one for one in sets):
        raise FormatError(
            f"{where}: the grid in links is of an older rram target, whose bus stepped at the "
            "wrong grids of tiles (latencies up to 28 % too low): load 'rram' or 'rram-1024' and "
            "calibrate again"
        )


def check_links(where: str, data: Any) -> dict[str, Any]:
    """Return the links of a target file, checked; see the module for what they say.

    Raises
    ------
    FormatError
        If a key is missing or unknown, or a number not accepted.
    """
    limits = {
        "cycles_per_tile": (1e-6, 1e3),
        "leakage_w_per_tile": (0.0, 1e9),
        "leakage_step": (0.0, 1e3),
        "leak_out": (0.0, 1e3),
    }
    if isinstance(data, dict) and set(data) == set(ON_MESH):
        return {name: real(f"{where}.{name}", data[name], *limits[name]) for name in ON_MESH}
    table(where, data, LINKS, LINKS)
    area = table(f"{where}.grid_area_mm2", data["grid_area_mm2"], GRID_AREA, GRID_AREA)
    return {
        "grid_area_mm2": {
            name: real(f"{where}.grid_area_mm2.{name}", area[name], 0.0, 1e9) for name in GRID_AREA
        },
        **{name: real(f"{where}.{name}", data[name], *ends) for name, ends in limits.items()},
    }


def array(parameters: dict[str, Any], where: str) -> tuple[float, ...]:
    """Return the rows and columns of a tile in cells, the side of a subarray, how many columns a
    weight has, and the numbers of a mesh (`mesh.numbers_of`) where tiles lie on one.

    Raises
    ------
    FormatError
        If the parameter `tile` is not 256, 512, 1024 or 2048, or a `subarray` none of 32, 64, 128
        and 256, or too large for the tile's elements.
    """
    from ..errors import FormatError

    tile = integer(f"{where}.tile", parameters.get("tile", 512), min(TILES), max(TILES))
    if tile not in TILES:
        raise FormatError(f"{where}.tile must be one of {', '.join(map(str, TILES))}, got {tile}")
    side = integer(f"{where}.subarray", parameters.get("subarray", 128), 32, 256)
    if side not in SUBARRAYS or side > tile // 2:
        raise FormatError(
            f"{where}.subarray must be one of {', '.join(map(str, SUBARRAYS))}, and at most half "
            f"the tile, got {side}"
        )
    each = integer(f"{where}.columns_per_weight", parameters.get("columns_per_weight", 8), 1, 64)
    if "interconnect" not in parameters and "mesh" not in parameters:
        return tile, tile, side, each
    from .mesh import numbers_of

    return tile, tile, side, each, *numbers_of(parameters, where)


# Design spaces: see designs.py


def check_design(where: str, data: Any) -> dict[str, Any]:
    """Return a design space, checked."""
    from ..errors import FormatError
    from ._notes import check_values

    table(where, data, (*DIMENSIONS, "adc_area_mm2", "references"), (*DIMENSIONS, "adc_area_mm2"))
    result: dict[str, Any] = {
        name: check_values(f"{where}.{name}", data[name], 1 << 12) for name in DIMENSIONS
    }
    for name, known in (("tile", TILES), ("subarray", SUBARRAYS), ("bits_per_cell", (1, 2, 4, 8))):
        for value in result[name]:
            if value not in known:
                raise FormatError(
                    f"{where}.{name} must hold {', '.join(map(str, known))} only, got {value}"
                )
    result["adc_area_mm2"] = real(f"{where}.adc_area_mm2", data["adc_area_mm2"], 0.0, 1e3)
    own = table(f"{where}.references", data.get("references", {}))
    result["references"] = {
        name: text(f"{where}.references.{name}", one, 100) for name, one in own.items()
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
    levels; the area of a tile changes by that of its converters, and with the side of the tile what
    a word needs to cross it. What a subarray takes goes by the columns it has. The features count
    subarrays and columns as they are.
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
    coefficients, links = {}, {}
    for key, columns in base.coefficients.items():
        scaled = {column: dict(values) for column, values in columns.items()}
        scaled["latency_ms"]["adc_cycles"] *= sharing
        for feature in CONVERTED:
            if feature in scaled["energy_mj"]:
                factor = levels * (wider if feature == "subarrays" else 1.0)
                scaled["energy_mj"][feature] *= factor
        tile = scaled["area_mm2"]["tiles"]
        scaled["area_mm2"]["tiles"] = max(0.0, tile + more)
        side = square_root(scaled["area_mm2"]["tiles"] / tile)
        for column in ("bus_in_mj", "bus_out_mj"):
            scaled[column] = {feature: side * value for feature, value in scaled[column].items()}
        coefficients[key] = scaled
        bus = base.links[key]
        links[key] = {
            **bus,
            "cycles_per_tile": max(side, 1e-3) * bus["cycles_per_tile"],
            "grid_area_mm2": {
                name: value if name == "const" else side * value
                for name, value in bus["grid_area_mm2"].items()
            },
        }
    parameters = {
        **(base.parameters or {}),
        "subarray": one["subarray"],
        "adc_bits": one["adc_bits"],
        "columns_per_adc": one["columns_per_adc"],
        "cell_bits": one["bits_per_cell"],
        "columns_per_weight": -(-int(own["weight_bits"]) // one["bits_per_cell"]),
    }
    # a chip that was run: all but the tile are the target's own, and so are the costs then
    others = {name: own[key] for name, key in zip(DIMENSIONS, OWN, strict=True)}
    run = {**others, "tile": one["tile"]} == one and (base is not target or one == others)
    return {
        "parameters": parameters,
        "coefficients": coefficients,
        "links": links,
        "sets": base.sets,
        "calibrated_ranges": base.calibrated_ranges,
        "intervals": base.intervals if run else None,
        "residuals": base.residuals if run else {key: {"networks": 0} for key in coefficients},
    }


def check_parameters(where: str, parameters: Mapping[str, Any]) -> None:
    """Check the rule by which tiles are given to networks, where a target names one.

    Raises
    ------
    ArgumentError
        If `floorplan` is none of `FLOORPLANS`, or the tile none that it gives.
    """
    if "floorplan" in parameters:
        sides = FLOORPLANS[choice(f"{where}.floorplan", parameters["floorplan"], FLOORPLANS)]
        if parameters.get("tile", 512) not in sides:
            from ..errors import FormatError

            raise FormatError(
                f"{where}.tile must be one that the floorplan gives, "
                f"{' or '.join(map(str, sides))}, got {parameters['tile']}"
            )


def check_fields(where: str, fields: Mapping[str, Any]) -> None:
    """Refuse a target whose coefficients or links are those of another interconnect than its own.

    Raises
    ------
    FormatError
    """
    meshed = fields["parameters"].get("interconnect") == "mesh"
    wrong = None
    if meshed and "floorplan" in fields["parameters"]:
        wrong = "parameters.floorplan"
    for name, links in fields["links"].items():
        if meshed == ("cycles_per_tile" in links):
            wrong = f"links.{name}"
    for name, columns in fields["coefficients"].items():
        for column, values in columns.items():
            if meshed and column.startswith("bus_"):
                wrong = f"coefficients.{name}.{column}"
            elif not meshed and not values.keys().isdisjoint(BETWEEN):
                wrong = f"coefficients.{name}.{column}, with {', '.join(BETWEEN)},"
    if wrong is not None:
        from ..errors import FormatError

        kinds = ("mesh", "bus") if meshed else ("bus", "mesh")
        raise FormatError(
            f"{where}: {wrong} goes with the interconnect {kinds[1]!r}, and the target's is a "
            f"{kinds[0]}"
        )


def doubts(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what no run stands behind, whatever the network."""
    if parameters.get("interconnect") != "mesh":
        return ()
    return (
        "its mesh has no measurements: latency between layers is a model of BookSim's runs, and "
        "energy and area of links and routers are estimates",
    )


def sides_of(parameters: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the sides of the tiles that a target's floorplanner gives, its own tile first; empty
    where the tile is fixed."""
    if "floorplan" not in parameters:
        return ()
    own = parameters.get("tile", 512)
    return (own, *(side for side in FLOORPLANS[parameters["floorplan"]] if side != own))


def other_tile(parameters: Mapping[str, Any], net: Network | Charged) -> int | None:
    """Return the side of the tile that a target's floorplanner gives a network, in cells, where it
    is not the target's own; None where it is, or where the tile is fixed."""
    if "floorplan" not in parameters:
        return None
    side = floorplan(net)
    return None if side == parameters.get("tile", 512) else side


def floorplan(net: Network | Charged) -> int:
    """Return the side of the tile that NeuroSim's own floorplanner gives a network, in cells.

    512 where every layer has at most 64 output channels (512 columns of cells), else 1024: a rule
    read off its runs, in which it held for every network. A target of one tile holds for networks
    that are given it; one with the models of both (`Target.with_tiles`) for all.

    Parameters
    ----------
    net : Network
    """
    layers = net.counting_layers
    weighted = (layer for layer in layers if layer.kind in ("conv", "linear"))
    widest = max((layer.out_channels for layer in weighted), default=0)
    return side_of(widest <= NARROW)


def side_of(narrow: bool) -> int:
    """Return the side of the tile of a network, in cells; narrow: all its layers are."""
    return FLOORPLANS["neurosim"][0 if narrow else 1]


def narrow_widths(
    family: str, widths: Sequence[int], classes: int, imagenet: bool
) -> list[bool] | None:
    """Return for each width that a cell may have whether its layers get the smaller tile; None
    where no network of the family does, whatever the cells' widths.

    With it `floorplan` of an architecture is decided by its cells: the smaller tile is that of
    networks all of whose cells are narrow. Layers of a cell have its width, the stem that of the
    first cell or at most 64, the head's as many as there are classes; mobilenet-v2 ends in at least
    1280 channels.
    """
    from ..networks.families import stem_width

    if family == "mobilenet-v2" or classes > NARROW:
        return None
    if stem_width(family, 1, imagenet) > NARROW:  # beside those that the first cell's width decides
        return None
    return [width <= NARROW for width in widths]


def links(data: dict[str, Any]) -> dict[str, Any]:
    """Return the core's links: the classes of the tile grid (of a bus), leakage and its step."""
    if "grid_area_mm2" not in data:
        return {"leakage": data["leakage_w_per_tile"], "leak_step": data["leakage_step"]}
    area = data["grid_area_mm2"]
    return {
        "classes": Classes.of_grid(
            data["cycles_per_tile"],
            data["leak_out"],
            area["const"],
            area["per_row"],
            area["per_col"],
            MAX_SIDE,
        ),
        "leakage": data["leakage_w_per_tile"],
        "leak_step": data["leakage_step"],
    }


def grid_of(tiles: int) -> tuple[int, int]:
    """Return the rows and columns of the grid that so many tiles are laid out on."""
    from math import isqrt

    rows = isqrt(max(tiles, 1) - 1) + 1
    return rows, -(-tiles // rows)
