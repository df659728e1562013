"""Tables of layers as source code: a line of `forward` for each row."""

from __future__ import annotations

from ....errors import ArgumentError
from ...counting import need_connections
from ...layer import FAMILY_KINDS
from .cells import counts, same_weights
from .file import Written
from .layout import Group, call, group, raw, statement
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ...layer import Layer
    from ...network import Network

__all__ = ["is_plain", "of_network"]

HEAD = """\
    def __init__(self) -> None:
        super().__init__()
        self.operations = nn.ModuleDict()
        self.norms_in = nn.ModuleDict()
        self.norms_out = nn.ModuleDict()
"""


def is_plain(layer: Layer) -> bool:
    """Whether a row is of a kind that families have, and reads maps as they are."""
    by_position = layer.kind == "linear" and layer.height * layer.width > 1
    framed = layer.frames > 1 or layer.kernel_frames > 1
    other = layer.transposed or layer.reshaped or framed or by_position or layer.mode == "lp"
    return layer.kind in FAMILY_KINDS and not other


def of_network(net: Network, about: Sequence[str], name: str = "TableNetwork") -> Written:
    """Return the source code of the module of a table of layers.

    Raises
    ------
    ArgumentError
        If the connections are not known, or a row does not say what it computes.
    """
    need_connections(net, "to_torch_code()")
    for number, layer in enumerate(net.layers):
        if not is_plain(layer):
            kind = layer.activation if layer.kind == "act" else layer.mode
            raise ArgumentError(
                f"to_torch_code(): layers[{number}] ({' '.join(filter(None, (layer.kind, kind)))}) "
                "says how much it reads and computes, not what: only conv, linear, pool, add and "
                "concat of maps are written as code. Of a torch module of your own its source is "
                "the code; an option of a BlockSpace is written where its function, or "
                "Option(..., module=function), gives torch's layers in nn.Sequential"
            )
    lines = _Lines(net)
    channels, height, width = net.input_shape
    return Written(
        name,
        "nn.Module",
        [
            f"{len(net)} layers, as rows of a table; inputs of {channels} x {height} x {width}.",
            counts(net.params, net.macs, "input"),
            *about,
            *bits_told(net),
            "Where an addition or a concatenation takes some of the channels of what it reads, it "
            "takes the first ones. " + same_weights("Network"),
        ],
        ("from torch import Tensor", *lines.imports),
        Source(),
        [],
        HEAD + lines.made + lines.forward,
    )


def bits_told(net: Network) -> list[str]:
    """Return a paragraph where rows are told at other bits than torch computes in."""
    bits = {one.bits for one in net.layers} | {one.weight_bits for one in net.layers}
    if bits <= {32}:
        return []
    told = " and ".join(str(one) for one in sorted(bits))
    return [f"Memory was counted at {told} bits. This module computes in float32."]


class _Lines:
    """What the rows are made of, and how they are computed, as text."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.imports: set[str] = set()
        made = (self._made(str(number), layer) for number, layer in enumerate(net.layers))
        self.made = "".join(made)
        self.forward = self._forward()

    def _made(self, name: str, layer: Layer) -> str:
        into, out = layer.in_channels, layer.out_channels
        text = ""
        if layer.kind == "conv":
            more: dict[str, Any] = {}
            if layer.strides != (1, 1):
                more["stride"] = _side(layer.strides)
            if _is_even(layer) and layer.paddings[:2] != (0, 0):
                more["padding"] = _side(layer.paddings[:2])
            if layer.dilations != (1, 1):
                more["dilation"] = _side(layer.dilations)
            if layer.groups != 1:
                more["groups"] = layer.groups
            if not layer.bias:
                more["bias"] = False
            made = call("nn.Conv2d", [into, out, _side(layer.kernel_size)], more)
            text += statement(f'self.operations["{name}"]', made, 8)
        elif layer.kind == "linear":
            made = call("nn.Linear", [into, out], {} if layer.bias else {"bias": False})
            text += statement(f'self.operations["{name}"]', made, 8)
        norm = "nn.BatchNorm1d" if layer.kind == "linear" else "nn.BatchNorm2d"
        if layer.norm in ("input", "both"):
            text += statement(f'self.norms_in["{name}"]', call(norm, [into]), 8)
        if layer.norm in ("output", "both"):
            text += statement(f'self.norms_out["{name}"]', call(norm, [out]), 8)
        return text

    def _forward(self) -> str:
        """Return `forward`: a value has a name of its own where a later row than the next reads
        it."""
        layers = self.net.layers
        outputs = self.net.outputs or (len(layers) - 1,)
        last = {row: n for n, layer in enumerate(layers) for row in layer.inputs or ()}
        last.update(dict.fromkeys(outputs, len(layers)))
        kept = {row for row, reader in last.items() if reader > row + 1}
        text = "image = x\n" if -1 in kept else ""
        for number, layer in enumerate(layers):
            read = [
                "x" if row == number - 1 else "image" if row < 0 else f"row_{row}"
                for row in layer.inputs or ()
            ]
            text += self._row(str(number), layer, read)
            if number in kept:
                text += f"row_{number} = x\n"
        names = ["x" if row == len(layers) - 1 else f"row_{row}" for row in outputs]
        *lines, end = text.splitlines()
        if names == ["x"] and end.startswith("x = "):
            lines.append(end.replace("x = ", "return ", 1))
        else:
            lines += [end, f"return {', '.join(names)}"]
        returned = "Tensor" if len(outputs) == 1 else "tuple[Tensor, ...]"
        body = "".join(f"        {line}\n" for line in lines)
        shape = f"(batch, {', '.join(map(str, self.net.input_shape))})"
        handed = "the last row gives" if len(outputs) == 1 else f"the {len(outputs)} outputs are"
        return (
            f"\n    def forward(self, x: Tensor) -> {returned}:\n"
            f'        """Return what {handed} for inputs of shape {shape}."""\n{body}'
        )

    def _row(self, name: str, layer: Layer, read: list[str]) -> str:
        """Return the lines that leave a row's value in x."""
        text, x = "", read[0]
        if layer.kind == "linear" and not self._is_flat(layer):
            text, x = f"x = {x}.flatten(1)\n", "x"
        if layer.norm in ("input", "both"):
            normed = self._activated(f'self.norms_in["{name}"]({x})', layer)
            text, x = f"{text}x = {normed}\n", "x"
        if not _is_even(layer) and (layer.kind == "conv" or layer.mode in ("max", "avg")):
            text, x = f"{text}x = {self._pad(x, layer)}\n", "x"
        if layer.kind in ("conv", "linear"):
            found = f'self.operations["{name}"]({x})'
        elif layer.kind == "pool":
            more, found = self._pooled(x, layer)
            text += more
        elif layer.kind == "add":
            more, found = self._added(x, read[1:], layer)
            text += more
        elif len(read) == 1:
            found = x if layer.channels is None else f"{x}[:, :{layer.channels}]"
        else:
            more, found = self._joined(x, read[1:], layer.channels)
            text += more
        if layer.norm in ("output", "both"):
            found = f'self.norms_out["{name}"]({found})'
        if layer.norm != "input":
            found = self._activated(found, layer)
        return text + (f"x = {found}\n" if found != "x" else "")

    def _is_flat(self, layer: Layer) -> bool:
        """Whether what a linear layer reads is the result of another."""
        assert layer.inputs
        row = layer.inputs[0]
        return row >= 0 and self.net.layers[row].kind == "linear"

    def _function(self, name: str) -> str:
        self.imports.add("from torch.nn import functional")
        return f"functional.{name}"

    def _activated(self, x: str, layer: Layer) -> str:
        if layer.activation is None:
            return x
        more = ", dim=1" if "softmax" in layer.activation else ""
        return f"{self._function(layer.activation)}({x}{more})"

    def _pad(self, x: str, layer: Layer) -> str:
        """Pad what the operation itself cannot."""
        top, left, bottom, right = layer.paddings
        return f"{self._function('pad')}({x}, ({left}, {right}, {top}, {bottom}))"

    def _pooled(self, x: str, layer: Layer) -> tuple[str, str]:
        if layer.mode == "global_avg":
            return "", f"{x}.mean((2, 3), keepdim=True)"
        if layer.mode == "zero":
            if (layer.out_height, layer.out_width) == layer.shape_in[1:]:
                return "", f"{x} * 0.0"
            return "", f"{x}.new_zeros(*{x}.shape[:2], {layer.out_height}, {layer.out_width})"
        even = layer.paddings[:2] if _is_even(layer) else (0, 0)
        text = ""
        if any(2 * pad > side for pad, side in zip(even, layer.kernel_size, strict=True)):
            text, x, even = f"x = {self._pad(x, layer)}\n", "x", (0, 0)
        kind = self._function("max_pool2d" if layer.mode == "max" else "avg_pool2d")
        sides = ", ".join(str(_side(one)) for one in (layer.kernel_size, layer.strides, even))
        return text, f"{kind}({x}, {sides})"

    def _added(self, x: str, others: list[str], layer: Layer) -> tuple[str, str]:
        taken = layer.channels
        if taken is None and len(others) < 4:
            return "", " + ".join([x, *others])
        text = f"total = {x}\n"
        for one in others:
            if taken is None:
                text += f"total = total + {one}\n"
            elif taken == layer.in_channels:
                text += f"total = total + {one}[:, :{taken}]\n"
            else:
                self.imports.add("import torch")
                text += f"first = total[:, :{taken}] + {one}[:, :{taken}]\n"
                text += f"total = torch.cat([first, total[:, {taken}:]], 1)\n"
        return text, "total"

    def _joined(self, x: str, others: list[str], taken: int | None) -> tuple[str, str]:
        self.imports.add("import torch")
        if taken is None:
            text, found = statement("joined", _cat([x, *others])), "joined"
            flat = text.removeprefix("joined = ").rstrip("\n")
            return ("", flat) if "\n" not in flat else (text, found)
        if len(others) == 1:
            return "", f"torch.cat([{x}, {others[0]}[:, :{taken}]], 1)"
        return statement("rest", _cat(others)), f"torch.cat([{x}, rest[:, :{taken}]], 1)"


def _cat(names: Sequence[str]) -> Group:
    return call("torch.cat", [group([raw(one) for one in names], "[]"), 1])


def _side(pair: tuple[int, ...]) -> Any:
    return pair[0] if pair[0] == pair[1] else tuple(pair)


def _is_even(layer: Layer) -> bool:
    """Whether top and bottom, left and right are padded alike."""
    top, left, bottom, right = layer.paddings
    return (top, left) == (bottom, right)
