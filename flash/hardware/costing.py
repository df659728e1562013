"""What one network costs on a target: its layers charged one by one, and what lies outside.

Which rows of a network a target charges for (the same rule in flash/_core/blocks.pxd and in the
fits of benchmarks/calibration): convolutions and linear layers; concatenations of several inputs;
additions, once per input after the first; poolings; and norms that cannot be folded into a
convolution, those that follow an addition or a concatenation and those on the output of a row that
is no convolution. All other norms and the activations are free, or a part of their convolution. A
kind of target may give some of these no features.
"""

from __future__ import annotations

from .._record import Record
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from ..architecture import Architecture
    from ..network import Layer, Network
    from . import Target

    Operation = tuple[int, int, int, int, int, int, int, int, int, int]

__all__ = ["Cost", "LayerCost", "cost", "family_and_network", "flags_for", "operations"]

CONV, ELEMENTWISE, ADD, POOL = range(4)
MAX_KEPT = 8  # costs that a network keeps
COLUMNS = 6  # latency, bus latency, energy, bus energy, tiles, area
MAX_PRODUCT = 1 << 56  # of a layer's weights, so that counts of bits and of copies fit 62 bits


class LayerCost(Record):
    """One row's share of a network's cost (see `Cost.by_layer`).

    Parameters
    ----------
    name : str
        Number, kind and channels of the row: "3 conv 3x3 16>32 /2" (/2: its stride).
    latency_ms : float
    energy_mj, area_mm2 : float or None
        None where the target does not model it.
    """

    name: str
    latency_ms: float
    energy_mj: float | None
    area_mm2: float | None


class Cost(Record):
    """What a network costs on a target.

    Parameters
    ----------
    latency_ms : float
        Per image, batch 1, in milliseconds.
    energy_mj : float or None
        Per image, in millijoules, leakage included; None where the target does not model it.
    area_mm2 : float or None
        Of the chip, in square millimetres; None where the target does not model it.
    by_layer : tuple of LayerCost
        The share of each row of the network. What depends on the whole chip is shared out:
        interconnect by the layers' own traffic, leakage by their latency, the chip's area beyond
        its tiles by their tiles; so the shares add up to the whole but for rounding.
    flags : tuple of str
        What lies outside the range that the target was calibrated in.
    """

    latency_ms: float
    energy_mj: float | None
    area_mm2: float | None
    by_layer: tuple[LayerCost, ...] = ()
    flags: tuple[str, ...] = ()


def operations(net: Network) -> list[list[Operation]]:
    """Return what each row of a network is charged for, by the rule of this module.

    Returns
    -------
    list of list of tuple
        (0 a convolution, 1 an elementwise pass, 2 an addition or 3 a pooling, kernel, input
        channels, output channels, groups, height and width of the output, width of the kernel,
        positions along the height and across the width with those that have only begun at an edge).
    """
    found: list[list[Operation]] | None = net.__dict__.get("_operations")
    if found is None:
        layers = net.layers
        found = net.__dict__["_operations"] = [list(_operations(layers, row)) for row in layers]
    return found


def _operations(layers: Any, layer: Layer) -> Iterator[Operation]:
    inputs = layer.inputs or (-1,)
    source = layers[inputs[0]] if inputs[0] >= 0 else None
    if source is not None and layer.norm in ("input", "both") and source.kind in ("add", "concat"):
        yield _sweep(source.out_channels, source.out_height, source.out_width)
    size = (layer.out_height, layer.out_width)
    kernel, across = layer.kernel_size
    into, out = layer.in_channels, layer.out_channels
    if layer.kind in ("conv", "linear"):
        yield (CONV, kernel, into, out, layer.groups, *size, across, *_begun(layer))
        return
    if layer.kind == "concat" and len(inputs) > 1:
        yield _sweep(out, *size)
    elif layer.kind == "add":
        for _ in inputs[1:]:
            yield (ADD, 1, 1, layer.channels or out, 1, *size, 1, *size)
    elif layer.kind == "pool":
        if layer.mode == "global_avg":
            kernel, across = layer.height, layer.width
        yield (POOL, kernel, 1, out, 1, *size, across, *size)
    if layer.norm in ("output", "both"):
        yield _sweep(out, *size)


def _begun(layer: Layer) -> tuple[int, int]:
    pads = layer.paddings
    return tuple(
        1 - (dilation * (kernel - 1) + 1 - side - before - after) // stride
        for side, kernel, stride, dilation, before, after in zip(
            (layer.height, layer.width),
            layer.kernel_size,
            layer.strides,
            layer.dilations,
            pads[:2],
            pads[2:],
            strict=True,
        )
    )


def _sweep(channels: int, height: int, width: int) -> Operation:
    return (ELEMENTWISE, 1, 1, channels, 1, height, width, 1, height, width)


def cost(target: Target, net: Architecture | Network) -> Cost:
    """Charge one network; see `Target.cost`.

    A network keeps its costs on the last few targets: neither of them changes.
    """
    kept: dict[int, tuple[Target, Cost]] = getattr(net, "__dict__", {}).get("_costs") or {}
    if id(target) in kept:
        return kept[id(target)][1]
    result = _cost(target, net)
    kept = net.__dict__.setdefault("_costs", {})
    if len(kept) >= MAX_KEPT:
        kept.clear()
    kept[id(target)] = (target, result)  # holding the target keeps its id its own
    return result


def _cost(target: Target, net: Architecture | Network) -> Cost:
    from . import KINDS

    family, network = family_and_network(net)
    model = target.model(family)
    rows = _charged(model, operations(network))
    totals = [sum(row[k] for row in rows) for k in range(COLUMNS)]
    metrics = model.metrics((0, *totals, network.params, network.macs))
    latency = metrics[1]
    energy = metrics[2] if "energy_mj" in target.metrics else None
    area = metrics[3] if "area_mm2" in target.metrics else None
    known: dict[str, float | None] = {
        "latency_ms": latency,
        "energy_mj": energy,
        "area_mm2": area,
        "tiles": totals[4],
        "params": network.params,
        "macs": network.macs,
        "layers": sum(map(_has_weights, network.layers)),
    }
    flags = flags_for(target, family, known, *_extents(network))
    flags += _flags_of_groups(target, family, network)
    flags += _flags_of_features(target, family, network)
    links = target.network_links(family)
    shares = _shares(KINDS[target.kind].QUANTUM, links, network, rows, totals[4], energy, area)
    return Cost(latency, energy, area, tuple(shares), flags)


def family_and_network(net: Architecture | Network) -> tuple[str, Network]:
    """Return whose coefficients a network takes, and its layers.

    An Architecture takes the coefficients of its family. A Network takes those of "densenet" where
    a cell of it holds a concatenation (rows say their cell where an Architecture made them), and
    otherwise those of no family: the set "default".

    Raises
    ------
    ArgumentTypeError
        If `net` is neither.
    ArgumentError
        If a layer is too large to be counted.
    """
    from ..architecture import Architecture
    from ..network import Network

    if isinstance(net, Architecture):
        family, network = net.family, net.network()
    elif isinstance(net, Network):
        network = net
        linked = any(layer.kind == "concat" and layer.cell is not None for layer in net.layers)
        family = "densenet" if linked else ""
    else:
        raise ArgumentTypeError(
            f"net must be an Architecture or a Network, got {type(net).__name__}"
        )
    _refuse_huge(network)
    return family, network


def _charged(model: Any, rows: list[list[Operation]]) -> list[list[int]]:
    """Return each row's columns, exact integers: latency, bus, energy, bus, tiles, area."""
    columns = iter(model.charge([operation for row in rows for operation in row]))
    result = []
    for row in rows:
        sums = [0] * COLUMNS
        for _ in row:
            charged = next(columns)
            for k in range(COLUMNS):
                sums[k] += int(charged[k + 1])
        result.append(sums)
    return result


def _shares(
    quantum: tuple[float, ...],
    links: dict[str, Any],
    network: Network,
    rows: list[list[int]],
    tiles: int,
    energy: float | None,
    area: float | None,
) -> Iterator[LayerCost]:
    _, latency_factor, energy_factor, chip = next(
        (one for one in links.get("classes", ()) if tiles <= one[0]), (0.0, 0.0, 0.0, 0.0)
    )
    _, q_latency, q_energy, q_area, _, _ = quantum
    leakage = links.get("leakage", 0.0) * tiles
    for number, (layer, row) in enumerate(zip(network.layers, rows, strict=True)):
        own = q_latency * row[0] + latency_factor * (q_latency * row[1])
        dynamic = q_energy * row[2] + energy_factor * (q_energy * row[3])
        yield LayerCost(
            f"{number} {_title(layer)}",
            own,
            None if energy is None else dynamic + leakage * own,
            None if area is None else q_area * row[5] + (chip * row[4] / tiles if tiles else 0.0),
        )


def _title(layer: Layer) -> str:
    if layer.kind not in ("conv", "linear"):
        return f"{layer.kind} {layer.out_channels}"
    title = f"{layer.in_channels}>{layer.out_channels}"
    if layer.kind == "linear":
        return f"linear {title}"
    kind = "depthwise" if layer.groups == layer.in_channels > 1 else "conv"
    down, across = layer.kernel_size
    return f"{kind} {down}x{across} {title}" + (f" /{layer.stride}" if layer.stride > 1 else "")


def _has_weights(layer: Layer) -> bool:
    return layer.kind in ("conv", "linear")


def _refuse_huge(network: Network) -> None:
    for number, layer in enumerate(network.layers):
        down, across = layer.kernel_size
        product = down * across * layer.in_channels * layer.out_channels
        if _has_weights(layer) and product > MAX_PRODUCT:
            raise ArgumentError(
                f"net is too large to cost: kernel^2 x in_channels x out_channels of "
                f"layers[{number}] must be at most 2**56, got {product}"
            )


# What lies outside the calibrated range


def flags_for(
    target: Target,
    architecture_family: str,
    metrics: Mapping[str, float | None],
    max_channels: int | None = None,
    kernel: int | None = None,
    resolution: int | None = None,
) -> tuple[str, ...]:
    """Return what lies outside the range that a target was calibrated in.

    Parameters
    ----------
    target : Target
    architecture_family : str
        Selects the coefficient set; "" for none.
    metrics : mapping of str to float
        Of the network: any of "latency_ms", "energy_mj", "area_mm2", "macs", "params", "tiles",
        "layers"; other keys and None are passed over.
    max_channels : int, optional
        The most channels that a convolution reads or writes.
    kernel : int, optional
        The largest kernel side.
    resolution : int, optional
        Height and width of the image in pixels.

    Returns
    -------
    tuple of str
        One sentence each; empty where all is within.
    """
    flags = []
    if architecture_family in target.not_calibrated_families:
        fitted = [one for families in target.sets.values() for one in families]
        flags.append(
            f"{architecture_family} on {target.name} is not calibrated: its costs are read from "
            f"coefficients fitted on {', '.join(fitted) or 'other networks'}"
        )
    ranges = target.calibrated_ranges.get(target.set_for(architecture_family))
    if not ranges:
        return tuple(flags)
    for name, (low, high) in ranges["network"].items():
        value = metrics.get(name)
        if value is not None and not low <= value <= high:
            flags.append(_outside(name, value, low, high))
    layer = ranges["layer"]
    if max_channels is not None and "in_channels" in layer:
        low, high = layer["in_channels"]
        if "out_channels" in layer:
            low, high = min(low, layer["out_channels"][0]), max(high, layer["out_channels"][1])
        if max_channels > high:
            flags.append(_outside("channels", max_channels, low, high))
    if kernel is not None and "kernel" in layer and kernel > layer["kernel"][1]:
        flags.append(_outside("kernel", kernel, *layer["kernel"]))
    if resolution is not None and "positions" in layer:
        low, high = layer["positions"]
        if resolution * resolution > high:
            flags.append(_outside("resolution", resolution, int(low**0.5), int(high**0.5)))
    return tuple(flags)


def _outside(name: str, value: float, low: float, high: float) -> str:
    return f"{name} {value:.6g} is outside the calibrated range, {low:.6g} to {high:.6g}"


def _extents(network: Network) -> tuple[int, int, int]:
    """Return the most channels, the largest kernel and the larger side of the image."""
    channels = kernel = 0
    for layer in network.layers:
        if layer.kind == "conv":
            channels = max(channels, layer.in_channels, layer.out_channels)
            kernel = max(kernel, *layer.kernel_size)
    return channels, kernel, max(network.input_shape[1:])


def _flags_of_groups(target: Target, family: str, network: Network) -> tuple[str, ...]:
    from . import KINDS

    if KINDS[target.kind].GROUPED or family in target.not_calibrated_families:
        return ()
    if all(layer.groups == 1 for layer in network.layers):
        return ()
    return (f"grouped convolutions on {target.name} are not calibrated: they are costed as dense",)


def _flags_of_features(target: Target, family: str, network: Network) -> tuple[str, ...]:
    """Return what the network is charged for that no network of the calibration had."""
    ranges = target.calibrated_ranges.get(target.set_for(family))
    unseen = [name for name, (_, high) in (ranges or {}).get("features", {}).items() if high == 0]
    if not unseen:
        return ()
    from . import KINDS
    from ._terms import totals

    found = totals(target.kind, [network], target.array)[0].tolist()
    named = dict(zip(KINDS[target.kind].FEATURES, found, strict=True))
    return tuple(
        f"{name} {named[name]:.6g} is outside the calibrated range: no network had any"
        for name in unseen
        if named[name] > 0
    )
