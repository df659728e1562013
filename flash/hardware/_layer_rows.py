"""What of a layer a table or function of layers goes by: its key and sizes; layers' names."""

from __future__ import annotations

from ..networks.layer import Layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    Key = tuple[Any, ...]

__all__ = [
    "ALWAYS",
    "CALL",
    "TOLD",
    "canonical",
    "differing",
    "key_of",
    "numbers_of",
    "own_layer",
    "sizes_of",
    "structure_of",
    "title",
]

CALL = "call"  # the name of the row that tells what a call of the runtime takes

ALWAYS = (  # by which layers are told apart in any table
    *("kind", "in_channels", "out_channels", "height", "width", "groups", "mode", "size"),
    *("kernel", "kernel_width", "stride", "stride_width", "dilation", "dilation_width"),
    *("transposed", "frames", "kernel_frames", "stride_frames"),
)
SIZED = 6  # the first so many, but for the kind, are sizes
SIZE = ALWAYS.index("size")
# By which they are told apart where a table has anything about them
TOLD = (
    *("activation", "norm", "channels", "bits", "weight_bits", "reads", "padding"),
    *("padding_width", "padding_end", "padding_frames", "dilation_frames"),
)
WEIGHTED = ("conv", "linear")


def canonical(layer: Layer, name: str) -> Any:
    """Return a field of `TOLD` as layers are told apart by it; None where it is as usual.

    A norm on the output of a convolution or linear layer is none: runtimes fold it.
    """
    value = layer.__dict__[name]
    if name == "norm":
        if layer.kind in WEIGHTED:
            return "input" if value in ("input", "both") else None
        return value or None
    if name == "channels":
        return None if layer.kind != "add" or value == layer.out_channels else value
    if name.startswith("padding"):
        if name == "padding" and value == layer._default_padding(layer.kernel, layer.dilation):
            return None
        return tuple(value) if isinstance(value, list) else value or None
    return None if value == Layer._defaults[name] else value


def key_of(layer: Layer, told: Collection[str]) -> Key:
    """Return what a layer is told apart by. told: names of `TOLD`."""
    state = layer.__dict__
    key = tuple([state[name] for name in ALWAYS])
    if layer.kind == "act":
        return (*key, layer.activation)
    if told:
        return (*key, *[canonical(layer, name) for name in told])
    return key


def structure_of(key: Key) -> Key:
    """Return what of a key is no size: layers that are alike in it lie on one scale."""
    into, groups = key[1], key[5]
    if groups == into > 1:
        grouped: Any = "depthwise"
    else:
        grouped = groups if groups == 1 else ("each", into // groups)
    size = None if key[SIZE] is None else "sized"
    return (key[0], grouped, key[6], size, *key[SIZE + 1 :])


def sizes_of(layer: Layer) -> tuple[int, int, int]:
    """Return the sizes between which is interpolated: channels read and written, positions."""
    return layer.in_channels, layer.out_channels, layer.frames * layer.height * layer.width


def numbers_of(layer: Layer) -> tuple[int, int, int, int]:
    """Return what a layer's time grows with: itself, its products, numbers moved, weights."""
    return 1, layer.macs, layer.numbers_read + layer.numbers_written, layer.weights


def own_layer(layer: Layer) -> Layer:
    """Return a layer as such, whatever network it was in: of its inputs their number is left, of a
    concatenation's none."""
    state = dict(layer.__dict__)
    several = len(layer.inputs or ())
    if several > 1 and layer.kind == "concat":
        several = 2
        state["channels"] = None
    state["inputs"] = (-1,) * several if several > 1 else None
    if state["channels"] == layer.out_channels:
        state["channels"] = None
    state["cell"] = None
    return Layer.known(**{name: state[name] for name in Layer.field_names})


def differing(layer: Layer) -> dict[str, Any]:
    """Return a layer as a row of a table: its fields, but those that only a network gives it."""
    data = layer.to_dict()
    for name in ("inputs", "cell"):
        data.pop(name, None)
    return data


def title(layer: Layer) -> str:
    """Return a layer's name for errors: "conv 3x3 16>32 /2 at 32x32"."""
    from .costing import _title

    about = f", {layer.activation}" if layer.activation and layer.kind != "act" else ""
    groups = layer.groups
    grouped = f" in {groups} groups" if 1 < groups < layer.in_channels else ""
    return f"{_title(layer)}{grouped} at {layer.frames * layer.height}x{layer.width}{about}"
