"""What the kernel part of a grown predictor reads: numbers and counts of a network's rows.

Nothing here knows of what space a network is:

numbers of the whole
    what the topology form is linear in; the longest and the shortest way from the image to the end,
    and how many ways there are; how wide convolutions are and where they lie, on average.
numbers of each part
    convolutions, kernels, gates (squeeze and excitation), parameters, MACs, widths, and how much
    wider it is inside than at its end. Parts are cells; or *runs*, of blocks that end with the same
    width at the same size of the map; or *levels*, of rows at each such size (how often the map was
    halved). A fit takes those that all its networks have equally many of.
counts
    of kinds of rows in each part, of kinds at each level by width, and of rows that follow one
    another on a random way.
"""

from __future__ import annotations

from ..base.record import Record
from .cell_terms import cells_of, network_of, terms_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..networks.network import Layer, Network

    Reach = tuple[int, int, int, int, float]

__all__ = ["CHOICES", "DESIGN", "PART", "PARTITIONS", "WHOLE", "Features", "features_of"]

DESIGN = (
    *("saturation", "directness", "size", "reach", "pooling"),
    *("log_macs", "log_params", "strides"),
)
WHOLE = (
    *DESIGN,
    *("longest", "shortest", "longest_spatial", "shortest_spatial", "log_ways"),
    *("convs", "spatial", "gates", "radius", "width", "level", "log_widest"),
)
CHOICES = ("spatial", "log_kernel", "gate_share", "log_widening", "log_out", "pools")
PART = (
    *CHOICES,
    *("convs", "radius", "gates", "longest", "shortest"),
    *("log_params", "log_macs", "log_widest", "log_inside"),
)
PARTITIONS = ("cells", "runs", "levels")
WALK = 3  # rows of a random way that are counted together, at most
LEAST = 1e-3  # expected number of a walk below which it is left out
START: Reach = (0, 0, 0, 0, 0.0)  # of the image


class Features(Record):
    """What is read of one network.

    Parameters
    ----------
    whole : tuple of float
        Values of `WHOLE`: the design of the topology form; convolutions on the longest and the
        shortest way, the same of those with a kernel, and the logarithm of how many ways there are;
        convolutions, those with a kernel, gates, and the sum of (kernel - 1) / 2; means over
        convolutions of the logarithm of the width and of the level; the logarithm of the most
        channels.
    parts : dict of str to tuple of tuple of float
        Values of `PART`, of each of the "cells", "runs" and "levels" in their order, the image's
        first.
    counts : dict of str to dict of (int, str) to float
        Rows by part and kind, likewise.
    widths : dict of (int, str, int) to float
        Rows by level, kind and width in half octaves.
    walks : dict of tuple of str to float
        Expected number of rows of these kinds one after the other on a random way.
    """

    whole: tuple[float, ...]
    parts: dict[str, tuple[tuple[float, ...], ...]]
    counts: dict[str, dict[tuple[int, str], float]]
    widths: dict[tuple[int, str, int], float]
    walks: dict[tuple[str, ...], float]


def features_of(net: object) -> Features:
    """Return what is read of an Architecture, a Network or what can tell its rows; kept with it."""
    network = network_of(net)
    kept: Features | None = network.__dict__.get("_features")
    if kept is None:  # a walk over all rows takes milliseconds
        kept = network.__dict__["_features"] = _read(network)
    return kept


class _Part:
    """Sums over the rows of one part of a network."""

    def __init__(self, start: Reach = START) -> None:
        self.convs = self.spatial = self.radius = self.gates = self.pools = 0.0
        self.params = self.macs = 0
        self.widest = self.out = 1
        self.log_kernels = self.log_widening = 0.0
        self.start = self.end = start

    def add(self, layer: Layer, reach: Reach | None, gated: bool) -> None:
        """Add a row, with the ways to its end where it lies on one."""
        from math import log

        self.params += layer.params
        self.macs += layer.macs
        if reach is None:
            return
        self.end, self.out = reach, layer.out_channels
        if layer.kind in ("conv", "linear"):
            self.convs += 1
            self.widest = max(self.widest, layer.out_channels)
            wider = log(layer.out_channels / layer.in_channels)
            self.log_widening = max(self.log_widening, wider)
            if layer.kernel > 1:
                self.spatial += 1
                self.radius += 0.5 * (layer.kernel - 1)
                self.log_kernels += log(layer.kernel)
        elif layer.kind == "pool" and layer.stride == 1 and layer.mode in ("avg", "max"):
            self.pools += 1
        self.gates += gated

    def values(self) -> tuple[float, ...]:
        """Return the values of `PART`."""
        from math import log

        spatial = max(1.0, self.spatial)
        return (
            *(self.spatial, self.log_kernels / spatial, self.gates / spatial, self.log_widening),
            *(log(self.out), self.pools, self.convs, self.radius, self.gates),
            float(self.end[0] - self.start[0]),
            float(self.end[1] - self.start[1]),
            *(log(1 + self.params), log(1 + self.macs), log(self.widest)),
            log(self.widest) - log(self.out),
        )


def _read(given: Network) -> Features:
    from math import log, log2

    from ..networks.counting import from_image, need_connections
    from ..networks.ways import ways_of

    need_connections(given, "a predictor")
    network = from_image(given)
    ways, levels = ways_of(network), _levels(network)
    placed = {
        "cells": cells_of(network),
        "runs": _runs(network.layers, ways, levels),
        "levels": levels,
    }
    whole = _Part()
    parts: dict[str, dict[int, _Part]] = {name: {} for name in PARTITIONS}
    counts: dict[str, dict[tuple[int, str], float]] = {name: {} for name in PARTITIONS}
    reaches: list[Reach] = []
    end = START
    widths = places = convs = 0.0
    by_width: dict[tuple[int, str, int], float] = {}
    signs: list[str] = []
    for number, (layer, inputs) in enumerate(zip(network.layers, ways, strict=True)):
        level = levels[number]
        before = end
        reach = None
        if inputs is not None:
            reach = end = _reached(
                layer, [reaches[k] if k >= 0 else START for k in inputs or (-1,)]
            )
        reaches.append(end)
        # a product of which a smaller factor lies on no way
        gated = layer.kind == "mul" and inputs is not None and len(inputs) < len(layer.inputs or ())
        sign = _sign(layer, inputs is not None)
        signs.append(sign)
        whole.add(layer, reach, gated)
        for name, places_of in placed.items():
            at = places_of[number]
            parts[name].setdefault(at, _Part(before)).add(layer, reach, gated)
            counts[name][at, sign] = counts[name].get((at, sign), 0.0) + 1.0
        if reach is not None and layer.kind == "conv":
            convs += 1.0
            widths += log(layer.out_channels)
            places += level
        width = round(2.0 * log2(layer.out_channels))
        by_width[level, sign, width] = by_width.get((level, sign, width), 0.0) + 1.0
    numbers = (
        *terms_of(given).design(),
        *map(float, end[:4]),
        end[4],
        *(whole.convs, whole.spatial, whole.gates, whole.radius),
        *(widths / max(1.0, convs), places / max(1.0, convs), log(whole.widest)),
    )
    nothing = _Part()
    return Features(
        numbers,
        {
            name: tuple([own.get(key, nothing).values() for key in range(max(own) + 1)])
            for name, own in parts.items()
        },
        counts,
        by_width,
        _walks(signs, network.layers, ways),
    )


def _runs(
    layers: Sequence[Layer], ways: Sequence[tuple[int, ...] | None], levels: Sequence[int]
) -> list[int]:
    """Return the run of each row: a block ends with its convolution of all channels, at or after
    the one with a kernel; blocks of one width and level, one after the other, are a run."""
    found: list[int] = []
    run, key, seen = 0, None, False  # whether the block has had its kernel
    waiting = 0  # rows of a block that has not ended
    for number, (layer, inputs) in enumerate(zip(layers, ways, strict=True)):
        waiting += 1
        if inputs is None or layer.kind != "conv":
            if not seen and layer.kind in ("add", "concat"):  # what joins belongs to what it joins
                found += [run] * waiting
                waiting = 0
            continue
        seen = seen or layer.kernel > 1
        if seen and layer.groups == 1:
            own = (levels[number], layer.out_channels)
            run += key is not None and own != key
            key, seen = own, False
            found += [run] * waiting
            waiting = 0
    return found + [run] * waiting


def _levels(network: Network) -> list[int]:
    """Return how often the map was halved at each row's end: what has no map is where the row
    before it is."""
    from math import log2

    image = network.input_shape[1] * network.input_shape[2]
    found: list[int] = []
    last = 0
    for layer in network.layers:
        size = layer.out_height * layer.out_width
        if size > 1 and layer.mode != "global_avg":
            last = max(0, round(0.5 * log2(max(1.0, image / size))))
        found.append(last)
    return found


def _reached(layer: Layer, into: Sequence[Reach]) -> Reach:
    """Return convolutions on the longest and shortest way to a row's end, the same of those with a
    kernel, and the logarithm of the number of ways."""
    from math import exp, log

    counted = layer.kind in ("conv", "linear")
    wide = counted and layer.kernel > 1
    most = into[0][4]
    if len(into) > 1:
        most = max(one[4] for one in into)
        most += log(sum([exp(one[4] - most) for one in into]))
    return (
        max([one[0] for one in into]) + counted,
        min([one[1] for one in into]) + counted,
        max([one[2] for one in into]) + wide,
        min([one[3] for one in into]) + wide,
        most,
    )


def _sign(layer: Layer, carries: bool) -> str:
    """Return what a row does in a few letters, without its width; in brackets one on no way."""
    text = layer.kind
    if layer.kind == "conv":
        alone = layer.groups > 1 and layer.groups == layer.in_channels
        text = "depthwise" if alone else "grouped" if layer.groups > 1 else "conv"
        text += "x".join([str(k) for k in dict.fromkeys(layer.kernel_size)])
        if layer.dilation > 1:
            text += f"/{layer.dilation}"
    elif layer.mode:
        text += f".{layer.mode}"
        if layer.kind == "pool" and layer.mode != "global_avg":
            text += str(layer.kernel)
    if layer.stride > 1 and layer.mode != "global_avg":
        text += f":{layer.stride}"
    return text if carries else f"({text})"


def _walks(
    signs: Sequence[str], layers: Sequence[Layer], ways: Sequence[tuple[int, ...] | None]
) -> dict[tuple[str, ...], float]:
    """Return expected numbers of pairs and triples of rows one after the other on a random way.

    It starts at a row and goes back, at each join to any of its inputs alike; joins are passed.
    """
    found: dict[tuple[str, ...], float] = {}
    here: dict[int, dict[tuple[str, ...], float]] = {-1: {("image",): 1.0}}
    for number, inputs in enumerate(ways):
        if inputs is None:
            continue
        sources = inputs or (-1,)
        arriving = here[sources[0]]
        if len(sources) > 1:
            arriving = {}
            for row in sources:
                for walk, weight in here[row].items():
                    arriving[walk] = arriving.get(walk, 0.0) + weight / len(sources)
        if layers[number].kind in ("add", "concat", "mul"):
            here[number] = arriving
            continue
        made: dict[tuple[str, ...], float] = {}
        for walk, weight in arriving.items():
            if weight < LEAST:
                continue
            longer = (*walk, signs[number])
            for length in range(2, len(longer) + 1):
                own = longer[-length:]
                found[own] = found.get(own, 0.0) + weight
            short = longer[1 - WALK :]
            made[short] = made.get(short, 0.0) + weight
        here[number] = made
    return found
