"""FPGAs: an accelerator of compute units, one for each kind of operator, after HAO.

HAO (Dong et al., FCCM 2021, arXiv 2104.12766) gives a subgraph's operators a unit each and lets an
integer program size them; the formulas here are a reconstruction from published engineering, since
the paper's own were not at hand. The units are ``conv`` (dense and grouped convolutions),
``depthwise`` and ``pointwise`` (1 x 1; without it these run on ``conv``, as does the linear layer).
Layers follow one another, each on its unit. With b bits a number, a layer takes the longer of

=========  ======================================================================================
computing  kernel^2 * groups * ceil(cin / into) * ceil(cout / out) * positions * passes cycles, cin
           and cout of a group; depthwise ceil(kernel^2 / into) * ceil(channels / out) * ...;
           passes = ceil(b / bits)^2: wider numbers than the multipliers' pass several times
traffic    weights, input and output, b bits a number, at the memory's bandwidth; where neither
           weights nor input fit their buffer one of them is read again for each part of the other:
           min(input * ceil(weights / room) + weights, weights * ceil(input / room) + input), and
           output
=========  ======================================================================================

``cycles`` is that, in cycles; ``bits_moved`` the traffic, ``macs`` and ``layers`` as they say.
Latency has a coefficient of three of them: of cycles the clock's; of the traffic the share that
computing does not hide (the first tiles are read before it begins, the last written after it ends,
and the memory stalls) at the memory's bandwidth; and a constant of each layer, pipelines filled and
drained, instructions fetched, driver and host in one. The shipped targets' last two are fitted on
published latencies of other accelerators (benchmarks/calibration/fpga_dpu.py), and by how much
those differ from the model is in `parameters` as ``published_factor``, which results tell.
Additions, concatenations, norms and activations are free: they happen on the way to memory.

A unit takes (`uses`): *dsp* ``ceil(into * out / n)`` with n = 4 multipliers of up to 4 bits, or 2
of up to 8, in a DSP slice; *lut* by the formula of FINN-R (Blott et al., ACM TRETS 2018) as FINN
computes it, ``300 + 1.1 out (into m + (2 into - 1) 2b + 32)`` with
``m = (2 ceil(2b / 6) - 1) 2b`` for a multiplier of LUTs and 0 for one of DSPs; *bram* (of 36 kbit)
for its two buffers, twice for filling one while the other is read, at least as many as deliver
``into`` numbers a cycle (72 bits a block). `parameters` hold what the device has (``resources``)
and which share of it a design may take (``usable``).
"""

from __future__ import annotations

from ..base.checks import choice, integer, real, table, text
from ..networks.families import FAMILIES
from ..networks.operations import CONVOLUTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

FEATURES = ("cycles", "bits_moved", "macs", "layers")
COLUMNS = ("latency_ms", "energy_mj")
SCALE = None  # no classes
GROUPED = True
QUANTUM = (2.0**-36, 2.0**-36, 2.0**-36, 2.0**-36, 1.0, 1.0)
LINKS: tuple[str, ...] = ()
UNITS = ("conv", "depthwise", "pointwise")
RESOURCES = ("dsp", "lut", "bram")
BETTER = ("into", "out", "bits", "weights_kib", "maps_kib")  # more is never slower
MOST = {"dsp": 100_000, "lut": 10_000_000, "bram": 100_000}
KINDS_OF_MAC = ("dsp", "lut")
BRAM_BITS, PORT_BITS = 36_864, 72
ACCUMULATOR = 32


def check_links(where: str, data: Any) -> dict[str, Any]:
    """Return the links of a target file, checked: there are none."""
    return dict(table(where, data, LINKS))


def links(data: dict[str, Any]) -> dict[str, Any]:
    """Return the core's links: none, latency is a plain sum."""
    return {}


def array(parameters: Mapping[str, Any], where: str) -> tuple[float, ...]:
    """Return the core's numbers: bits, bits per cycle, and five of each unit (0 where there is
    none): into, out, bits, room for weights and for inputs in bits.

    Raises
    ------
    FormatError
        If `parameters` lack something, or hold what no device has.
    """
    from ..errors import FormatError

    names = ("clock_mhz", "bandwidth_gb_s", "bits", "resources", "units")
    table(where, parameters, None, names)
    clock = real(f"{where}.clock_mhz", parameters["clock_mhz"], 1.0, 10_000.0)
    speed = real(f"{where}.bandwidth_gb_s", parameters["bandwidth_gb_s"], 1e-3, 10_000.0)
    limits(parameters, where)
    units = table(f"{where}.units", parameters["units"], UNITS)
    if not units:
        raise FormatError(f"{where}.units must hold one of {', '.join(UNITS)}, got none")
    numbers = [float(integer(f"{where}.bits", parameters["bits"], 1, 16))]
    numbers.append(speed * 8e3 / clock)
    for name in UNITS:
        if name not in units:
            numbers += [0.0, 1.0, 1.0, 1.0, 1.0]
            continue
        numbers += core_unit(check_unit(f"{where}.units.{name}", units[name]))
    return tuple(numbers)


def part_array(
    parameters: Mapping[str, Any], names: Sequence[str], part: str, option: Mapping[str, Any],
    bits: int | None,
) -> tuple[float, ...]:  # fmt: skip
    """Return the core's numbers of one unit of a design, as `array` does: the layers of the other
    units, `names`, are charged elsewhere."""
    numbers = [float(parameters["bits"] if bits is None else bits)]
    numbers.append(parameters["bandwidth_gb_s"] * 8e3 / parameters["clock_mhz"])
    for name in UNITS:
        if name == part:
            numbers += core_unit(option)
        else:
            numbers += [-1.0 if name in names else 0.0, 1.0, 1.0, 1.0, 1.0]
    return tuple(numbers)


def core_unit(unit: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the core's five numbers of a unit."""
    return (
        float(unit["into"]),
        float(unit["out"]),
        float(unit["bits"]),
        8192.0 * unit["weights_kib"],
        8192.0 * unit["maps_kib"],
    )


def check_unit(where: str, data: Any) -> Mapping[str, Any]:
    """Return a unit's values, checked."""
    table(where, data, (*BETTER, "mac"), (*BETTER, "mac"))
    choice(f"{where}.mac", data["mac"], KINDS_OF_MAC)
    for name, most in zip(BETTER, (1024, 1024, 16, 65_536, 65_536), strict=True):
        integer(f"{where}.{name}", data[name], 1, most)
    checked: Mapping[str, Any] = data
    return checked


def limits(parameters: Mapping[str, Any], where: str) -> dict[str, int]:
    """Return how much of each resource a design may take."""
    own = table(f"{where}.resources", parameters.get("resources"), RESOURCES, RESOURCES)
    share = table(f"{where}.usable", parameters.get("usable", {}), RESOURCES)
    return {
        name: int(
            integer(f"{where}.resources.{name}", own[name], 1, MOST[name])
            * real(f"{where}.usable.{name}", share.get(name, 1.0), 0.01, 1.0)
        )
        for name in RESOURCES
    }


def uses(unit: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the DSP slices, LUTs and blocks of RAM that a unit takes."""
    into, out, bits = unit["into"], unit["out"], unit["bits"]
    both, packed = 2 * bits, 4 if bits <= 4 else 2 if bits <= 8 else 1
    multiplier = 0 if unit["mac"] == "dsp" else (2 * -(-both // 6) - 1) * both
    lut = 300 + -(-11 * out * (into * multiplier + (2 * into - 1) * both + ACCUMULATOR) // 10)
    return (
        -(-into * out // packed) if unit["mac"] == "dsp" else 0,
        lut,
        sum(2 * blocks(8192 * unit[name], into * bits) for name in ("weights_kib", "maps_kib")),
    )


def blocks(bits: int, width: int) -> int:
    """Return the blocks of RAM of a buffer that is read `width` bits a cycle."""
    banks = -(-width // PORT_BITS)
    return banks * max(1, -(-bits // (banks * BRAM_BITS)))


def shortage(used: Mapping[str, int], limit: Mapping[str, int]) -> str | None:
    """Return which resources are short and by how much, or None."""
    parts = [
        f"{name}: {used[name]} needed, {most} usable, {used[name] - most} short"
        for name, most in limit.items()
        if used[name] > most
    ]
    return "; ".join(parts) or None


def total(units: Mapping[str, Any]) -> dict[str, int]:
    """Return what all units take together."""
    each = [uses(unit) for unit in units.values()]
    return {name: sum(one[k] for one in each) for k, name in enumerate(RESOURCES)}


def published_factor(parameters: Mapping[str, Any], where: str) -> Mapping[str, Any] | None:
    """Return by which factor published latencies are the model's, checked; None where unknown.

    Returns
    -------
    mapping or None
        "low", "median" and "high", at least 0.01 and rising, and "source"; and "paper", where HAO's
        own figures imply one for this device: "low", "high" and "source".

    Raises
    ------
    FormatError
    """
    from ..errors import FormatError

    found = parameters.get("published_factor")
    if found is None:
        return None
    where = f"{where}.published_factor"
    keys = ("low", "median", "high", "source")
    known: Mapping[str, Any] = table(where, found, (*keys, "paper"), keys)
    asked: list[tuple[str, Mapping[str, Any], tuple[str, ...]]] = [(where, known, keys[:3])]
    if "paper" in known:
        place, own = f"{where}.paper", ("low", "high", "source")
        asked.append((place, table(place, known["paper"], own, own), own[:2]))
    for place, told, names in asked:
        factors = [real(f"{place}.{key}", told[key], 0.01, 100.0) for key in names]
        if factors != sorted(factors):
            raise FormatError(f"{place} must rise from low to high, got {factors}")
        text(f"{place}.source", told["source"])
    return known


def beside(parameters: Mapping[str, Any]) -> str:
    """Return what is said of a target that is not calibrated, beside that."""
    known = published_factor(parameters, "parameters")
    if known is None:
        return ""
    told = (
        f"; published accelerators take {known['low']:g} to {known['high']:g} times as long as "
        f"their models (median {known['median']:g}): {known['source']}"
    )
    paper = known.get("paper")
    if paper is not None:
        told += f"; {paper['low']:g} to {paper['high']:g} times by {paper['source']}"
    return told


def check_parameters(where: str, parameters: Mapping[str, Any]) -> None:
    """Refuse units that the device has no room for.

    Raises
    ------
    FormatError
        That names the resource and says by how much it is short.
    """
    from ..errors import FormatError

    published_factor(parameters, where)

    short = shortage(total(parameters["units"]), limits(parameters, where))
    if short is not None:
        raise FormatError(f"{where}.units do not fit the device: {short}")


def needs(family: str) -> tuple[str, ...]:
    """Return the units that a family's networks cannot do without."""
    return UNITS if family == "mobilenet-v2" else ("conv",)


def missing(parameters: Mapping[str, Any], operations: Any) -> str | None:
    """Return which unit an operation of a network lacks, or None.

    operations : iterable of tuples, as `flash.hardware.costing.operations` has them, flat
    """
    units = parameters["units"]
    for kind, kernel, into, out, groups, *_ in operations:
        if kind not in CONVOLUTIONS:
            continue
        name = "depthwise" if groups == into > 1 else "conv"
        if name == "conv" and kernel == 1 and groups == 1 and "pointwise" in units:
            continue
        if name not in units:
            return f"a {name} unit, for a convolution of {into} to {out} channels, groups {groups}"
    return None


# Design spaces: see designs.py


def check_design(where: str, data: Any) -> dict[str, Any]:
    """Return a design space, checked: values of each dimension, for all units or one of them."""
    from ._notes import check_values

    table(where, data, (*BETTER, "mac", "cell_bits", *UNITS, "families"))
    result: dict[str, Any] = _check_units(where, data)
    result["cell_bits"] = check_values(f"{where}.cell_bits", data.get("cell_bits", [8]), 16)
    own = table(f"{where}.families", data.get("families", {}), FAMILIES)
    result["families"] = {
        family: _check_units(at, {**data, **table(at, one, UNITS)})
        for family, one in own.items()
        for at in [f"{where}.families.{family}"]
    }
    return result


def _check_units(where: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of every unit's dimensions: its own, or those for all units."""
    from ._notes import check_values

    result: dict[str, Any] = {}
    most = dict(zip(BETTER, (1024, 1024, 16, 65_536, 65_536), strict=True))
    for name in UNITS:
        own = table(f"{where}.{name}", data.get(name, {}), (*BETTER, "mac"))
        result[name] = {}
        for key in (*BETTER, "mac"):
            at = f"{where}.{name}.{key}" if key in own else f"{where}.{key}"
            values = own.get(key, data.get(key))
            result[name][key] = check_values(
                at, values, KINDS_OF_MAC if key == "mac" else most[key]
            )
    return result


def design_parts(
    design: Mapping[str, Any], parameters: Mapping[str, Any], family: str
) -> tuple[list[Any], dict[str, int]]:
    """Return the units that a family needs, with all that each may be, and what they may take."""
    from itertools import product

    from .designs import Part

    parts = []
    names: tuple[str, ...] = (*BETTER, "mac")
    for name in needs(family):
        own = design["families"].get(family, design)[name]
        options: list[dict[str, Any]] = [
            dict(zip(names, row, strict=True)) for row in product(*(own[n] for n in names))
        ]
        parts.append(
            Part(
                name,
                tuple(options),
                tuple(uses(one) for one in options),
                tuple(tuple(one[n] for n in BETTER) for one in options),
            )
        )
    return parts, limits(parameters, "parameters")


def configured(target: Any, chosen: Mapping[str, Any], bits: int | None) -> dict[str, Any]:
    """Return the fields of the target that has these units, and numbers of so many bits."""
    parameters = {**target.parameters, "units": {name: dict(one) for name, one in chosen.items()}}
    if bits is not None:
        parameters["bits"] = bits
    return {"parameters": parameters}
