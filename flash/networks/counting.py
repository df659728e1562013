"""Which rows of a network count: the one meaning of it, for all that counts rows.

A row counts where an output of the network is made of it. A row is made of what it reads; zeros (a
pool of mode "zero") are made of nothing, and an addition is not made of those of its inputs that
are zeros: where one is left, it is no addition. So a branch that nobody reads does not count, nor
does one whose result is zeroed, while a convolution of zeros does where its result is read.
Parameters, MACs, NN-Degree, NN-Mass and predictors take the rows that count. So do costs, but for
targets whose runtime executes every row as it is written (``Target.runs_every_row``): of these
every row is charged.

A convolution of zeros runs, and has parameters, but hands on a constant. Where there are zeros,
what looks at the ways from the image to the end (NN-Degree, NN-Mass, predictors) passes such rows
over too, as if they were the zeros that they read: `from_image`.
"""

from __future__ import annotations

from ..errors import ArgumentError
from .layer import Layer
from .network import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["counted_inputs", "counting", "every_row", "from_image", "need_connections"]


def counting(net: Network) -> Network:
    """Return the network of the rows that count: itself where all do.

    Zeros that a row other than an addition reads stay in its table, as rows that read the image.
    """
    found = net.counted
    if found is None:
        return net
    made: Network | None = net.__dict__.get("_counting")
    if made is None:
        made = net.__dict__["_counting"] = _reduced(net, found)
    return made


def from_image(net: Network) -> Network:
    """Return the network of the rows that count and are made of the image."""
    if all(layer.mode != "zero" for layer in net.layers):
        return counting(net)
    made: Network | None = net.__dict__.get("_from_image")
    if made is None:
        found = _found(net, _constants(net.layers))
        made = net.__dict__["_from_image"] = _reduced(net, found)
    return made


def every_row(net: Network) -> Network:
    """Return the network in which every row counts, as a runtime that executes all sees it.

    Zeros become a pass over what they read: a pool of kernel 1.
    """
    if net.counted is None:
        return net
    made: Network | None = net.__dict__.get("_every_row")
    if made is None:
        layers = [one.replace(mode="avg") if one.mode == "zero" else one for one in net.layers]
        read = {row for layer in layers for row in layer.inputs or ()}
        ends = [row for row in range(len(layers)) if row not in read]
        outputs = {*ends, *(net.outputs or ())}
        made = net.__dict__["_every_row"] = net.replace(layers=layers, outputs=sorted(outputs))
    return made


def need_connections(net: Network, what: str) -> None:
    """Refuse a network without connections.

    Raises
    ------
    ArgumentError
        If `net` is one of ``connected=False``; what: who needs them.
    """
    if not net.connected:
        raise ArgumentError(
            f"{what} needs to know which layers read which, got a network of connected=False: "
            "give Network.from_layers the inputs of its rows"
        )


def counted_inputs(net: Network) -> list[tuple[int, ...] | None] | None:
    """Return the inputs that each row counts with; see `Network.counted`."""
    if not net.connected:
        return None
    zeros = _zeros(net.layers)
    if not any(zeros):
        last = len(net.layers) - 1
        read = {row for layer in net.layers for row in layer.inputs or ()}
        read.update(net.outputs or (last,))
        if all(row in read for row in range(last + 1)):
            return None
    return _found(net, zeros)


def _found(net: Network, zeros: Sequence[bool]) -> list[tuple[int, ...] | None]:
    layers = net.layers
    last = len(layers) - 1
    outputs = net.outputs or (last,)
    found: list[tuple[int, ...] | None] = [None] * (last + 1)
    wanted = [False] * (last + 1)
    for row in outputs:
        wanted[row] = True
    for number in range(last, -1, -1):
        if not wanted[number] or zeros[number]:
            continue
        inputs = tuple(layers[number].inputs or (-1,))
        if layers[number].kind == "add":
            inputs = tuple(row for row in inputs if row < 0 or not zeros[row]) or inputs[:1]
        found[number] = inputs
        for row in inputs:
            if row >= 0:
                wanted[row] = True
    return _without_sums_of_one(layers, found, outputs)


def _without_sums_of_one(
    layers: Sequence[Layer], found: list[tuple[int, ...] | None], outputs: Sequence[int]
) -> list[tuple[int, ...] | None]:
    """Let rows read what is left of a sum of which one input is left."""
    places: dict[int, int] = {}
    for number, inputs in enumerate(found):
        if inputs is None:
            continue
        inputs = tuple(places.get(row, row) for row in inputs)
        layer = layers[number]
        one = layer.kind == "add" and len(inputs) == 1 < len(layer.inputs or ())
        if one and not layer.norm and number not in outputs:
            places[number] = inputs[0]
            found[number] = None
        else:
            found[number] = inputs
    return found


def _zeros(layers: Sequence[Layer]) -> list[bool]:
    """Return which rows hand on zeros."""
    zeros = [layer.mode == "zero" and not layer.norm for layer in layers]
    if any(zeros):
        for number, layer in enumerate(layers):
            if layer.kind in ("add", "concat") and not layer.norm:
                zeros[number] = all(row >= 0 and zeros[row] for row in layer.inputs or (-1,))
    return zeros


def _constants(layers: Sequence[Layer]) -> list[bool]:
    """Return which rows hand on what no image changes."""
    found: list[bool] = []
    for layer in layers:
        inputs = layer.inputs or (-1,)
        found.append(layer.mode == "zero" or all(row >= 0 and found[row] for row in inputs))
    return found


def _reduced(net: Network, found: Sequence[tuple[int, ...] | None]) -> Network:
    outputs = net.outputs or (len(net.layers) - 1,)
    read = {row for inputs in found if inputs is not None for row in inputs}
    places = {-1: -1}
    rows: list[Layer] = []
    for number, (layer, inputs) in enumerate(zip(net.layers, found, strict=True)):
        if inputs is not None:
            inputs = tuple(places[row] for row in inputs)
            if layer.kind == "add" and len(inputs) < len(layer.inputs or ()):
                channels = layer.channels if len(inputs) > 1 else None
                layer = layer.replace(inputs=inputs, channels=channels)
            elif inputs != layer.inputs:
                layer = layer.replace(inputs=inputs)
        elif number in read or number in outputs:  # zeros
            layer = _nothing(layer)
        else:
            continue
        places[number] = len(rows)
        rows.append(layer)
    ends = tuple(sorted({places[row] for row in outputs}))
    made = object.__new__(Network)  # unchecked: zeros read no image of their shape
    made.__dict__.update(
        layers=tuple(rows),
        input_shape=net.input_shape,
        outputs=None if ends == (len(rows) - 1,) else ends,
        connected=True,
        counted=None,
    )
    return made


def _nothing(layer: Layer) -> Layer:
    """Return zeros of the shape that a layer hands on."""
    size = (layer.out_channels, layer.out_height, layer.out_width)
    return Layer("pool", size[0], *size, mode="zero", inputs=(-1,), cell=layer.cell)
