"""A network of rows of any kind as a torch module that does the same work.

Rows say how many numbers they read and hand on, not in which order these lie: where that is not
told, as of what is cut out or exchanged, the module takes the first ones. So what it computes is
not what the original does, but it takes as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from ..errors import ArgumentError
from ..networks.counting import need_connections

if TYPE_CHECKING:
    from torch import Tensor

    from ..networks.layer import Layer
    from ..networks.network import Network

__all__ = ["RebuiltModule"]

GROUPS = (32, 16, 8, 4, 2, 1)  # of a group norm, of which a row does not say how many
INTERPOLATED = {"nearest": "nearest", "linear": "bilinear", "cubic": "bicubic", "area": "area"}
REDUCED = ("sum", "mean", "amax", "amin", "prod")
OF_TWO: dict[str, Any] = {
    **{name: getattr(torch, name) for name in ("sub", "div", "maximum", "minimum", "eq", "gt")},
    "pow": lambda x, y: x * y,  # as cheap as the power of two that nearly all of them are
}
OF_ONE = (
    *("abs", "ceil", "cos", "erf", "exp", "floor", "log", "neg", "reciprocal", "round", "rsqrt"),
    *("sign", "sin", "sqrt", "square", "tanh"),
)


class _Laid:
    """A value: its numbers either as maps (batch, channels, height, width), or as tokens (batch,
    positions, channels)."""

    __slots__ = ("as_tokens", "shape", "x")

    def __init__(self, x: Tensor, shape: tuple[int, int, int], as_tokens: bool) -> None:
        self.x, self.shape, self.as_tokens = x, shape, as_tokens

    def maps(self, shape: tuple[int, int, int] | None = None) -> Tensor:
        """Return the numbers as maps, of another shape where one is given."""
        if shape is not None and shape != self.shape:
            return self.x.reshape(-1, *shape)
        x = self.x
        if self.as_tokens:
            x = x.transpose(1, 2).reshape(-1, *self.shape)
        return x

    def tokens(self, channels: int | None = None) -> Tensor:
        """Return the numbers as tokens, of other features where these are given."""
        if channels is not None and channels != self.shape[0]:
            return self.x.reshape(self.x.shape[0], -1, channels)
        return self.x if self.as_tokens else self.x.flatten(2).transpose(1, 2)

    def handed_on(self) -> Tensor:
        """Return the numbers as a network hands them on: features alone of a single token."""
        return self.x.flatten(1) if self.as_tokens and self.x.shape[1] == 1 else self.x

    def flat(self) -> Tensor:
        """Return the numbers of each image in a row."""
        return self.x.flatten(1)


class RebuiltModule(nn.Module):
    """A Network of rows of any kind; weights as torch draws them."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        need_connections(network, "running a network")
        self.network = network
        self.operations, self.norms_in, self.norms_out = (nn.ModuleDict() for _ in range(3))
        self.scales = nn.ParameterDict()
        for number, layer in enumerate(network.layers):
            self._make(str(number), layer)

    def _make(self, name: str, layer: Layer) -> None:
        made = _operation(layer)
        if made is not None:
            self.operations[name] = made
        if layer.norm in ("input", "both"):
            self.norms_in[name] = nn.BatchNorm2d(layer.in_channels)
        if layer.norm in ("output", "both"):
            self.norms_out[name] = nn.BatchNorm2d(layer.out_channels)
        if layer.kind == "scale":
            own = layer.shape_in[0] * layer.shape_in[1] * layer.shape_in[2]
            count = max(layer.extra_params, (layer.reads or own) - own)
            wide = layer.in_channels if count >= layer.in_channels else 1
            self.scales[name] = nn.Parameter(torch.ones(own if count >= own else wide))
        elif layer.kind == "input":
            self.scales[name] = nn.Parameter(torch.ones(layer.shape_out), requires_grad=False)

    def forward(self, x: Tensor) -> Any:
        """Run the rows in order; what no later row reads is dropped."""
        image = _Laid(x.reshape(-1, *self.network.input_shape), self.network.input_shape, False)
        values: list[Any] = []
        layers = self.network.layers
        last = {row: n for n, layer in enumerate(layers) for row in layer.inputs or ()}
        outputs = self.network.outputs or (len(layers) - 1,)
        last.update(dict.fromkeys(outputs, len(layers)))
        for number, layer in enumerate(layers):
            read = [image if row < 0 else values[row] for row in layer.inputs or ()]
            values.append(self._row(str(number), layer, read, image))
            for row in layer.inputs or ():
                if row >= 0 and last[row] == number:
                    values[row] = None
        results = [values[row].handed_on() for row in outputs]
        return tuple(results) if len(results) > 1 else results[0]

    def _row(self, name: str, layer: Layer, read: list[_Laid], image: _Laid) -> _Laid:
        if layer.kind == "input":
            own = self.scales[name].expand(image.x.shape[0], -1, -1, -1)
            return _Laid(own, layer.shape_out, False)
        result = getattr(self, f"_{layer.kind}")(name, layer, read)
        if not isinstance(result, _Laid):
            tokens = result.dim() == 3
            result = _Laid(result, layer.shape_out, tokens)
        if name in self.norms_out:
            result = _Laid(self.norms_out[name](result.maps()), layer.shape_out, False)
        if layer.kind != "act" and layer.norm != "input" and layer.activation is not None:
            result = _Laid(_activated(result, layer), layer.shape_out, result.as_tokens)
        return result

    def _first(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        """Return what a row reads first as maps, with the norm and activation before it."""
        x = read[0].maps(layer.shape_in)
        if name in self.norms_in:
            x = self.norms_in[name](x)
            if layer.activation is not None:
                x = _activated(_Laid(x, layer.shape_in, False), layer)
        return x

    # Products

    def _conv(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        x = self._first(name, layer, read)
        run: Any = self.operations[name]
        if layer.frames > 1 or layer.kernel_frames > 1:
            channels, _, width = layer.shape_in
            x = x.reshape(-1, channels, layer.frames, layer.height, width)
            return run(x).reshape(-1, *layer.shape_out)
        if layer.transposed:
            return run(x, output_size=[layer.out_height, layer.out_width])
        top, left, bottom, right = layer.paddings
        if (top, left) != (bottom, right):
            x = functional.pad(x, (left, right, top, bottom))
        result: Tensor = run(x)
        return result

    def _linear(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        if name in self.norms_in:
            x = self._first(name, layer, read).flatten(2).transpose(1, 2)
        elif layer.height * layer.width == 1:
            x = read[0].flat()[:, None]
        else:
            x = read[0].tokens(layer.in_channels)
        result: Tensor = self.operations[name](x)
        return result

    def _matmul(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        groups, rows = layer.groups, layer.height * layer.width
        inner, columns = layer.in_channels // groups, layer.out_channels // groups
        x, y = read[0].x.reshape(-1, rows, inner), read[1].x.reshape(-1, inner, columns)
        return torch.bmm(x, y).reshape(read[0].x.shape[0], rows, layer.out_channels)

    def _embedding(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        numbers = read[0].flat().long().clamp(0, layer.in_channels - 1)
        result: Tensor = self.operations[name](numbers)
        return result

    def _recurrent(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        result: Tensor = self.operations[name](read[0].tokens(layer.in_channels))[0]
        return result

    # Windows

    def _pool(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        from ._engines import pooled

        x = self._first(name, layer, read)
        if layer.frames == 1 and layer.mode != "lp":
            return pooled(x, layer)
        if layer.mode == "global_avg":
            return x.mean((2, 3), keepdim=True)
        if layer.mode == "lp":
            return functional.lp_pool2d(x, 2.0, layer.kernel_size, layer.strides)
        own = _framed(layer)
        x = x.reshape(-1, layer.in_channels, layer.frames, layer.height, layer.width)
        run: Any = functional.max_pool3d if layer.mode == "max" else functional.avg_pool3d
        result: Tensor = run(x, own["kernel_size"], own["stride"], own["padding"])
        return result.reshape(-1, *layer.shape_out)

    def _resize(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        x = read[0].maps(layer.shape_in)
        size = (layer.out_height, layer.out_width)
        return functional.interpolate(x, size, mode=INTERPOLATED[str(layer.mode)])

    # Functions of each number

    def _norm(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        mode = layer.mode
        if mode == "l2":
            return functional.normalize(read[0].tokens(layer.in_channels), dim=-1)
        if mode == "local":
            return functional.local_response_norm(read[0].maps(layer.shape_in), 5)
        run: Any = self.operations[name]
        by_token = mode in ("layer", "rms")
        x = read[0].tokens(layer.in_channels) if by_token else read[0].maps(layer.shape_in)
        result: Tensor = run(x)
        return result

    def _act(self, name: str, layer: Layer, read: list[_Laid]) -> _Laid:
        return _Laid(_activated(read[0], layer), layer.shape_out, read[0].as_tokens)

    def _add(self, name: str, layer: Layer, read: list[_Laid]) -> _Laid:
        return self._combined(torch.add, layer, read)

    def _mul(self, name: str, layer: Layer, read: list[_Laid]) -> _Laid:
        return self._combined(torch.mul, layer, read)

    def _scale(self, name: str, layer: Layer, read: list[_Laid]) -> _Laid:
        weight, run = self.scales[name], torch.mul if layer.mode == "mul" else torch.add
        x = read[0]
        if weight.numel() == layer.in_channels > 1:
            y = run(x.x, weight if x.as_tokens else weight[:, None, None])
        elif weight.numel() == 1:
            y = run(x.x, weight)
        else:
            y = run(x.x, weight.reshape(x.x.shape[1:]))
        return _fitted(_Laid(y, x.shape, x.as_tokens), layer)

    def _elementwise(self, name: str, layer: Layer, read: list[_Laid]) -> _Laid:
        mode = str(layer.mode)
        if len(read) > 1:
            return self._combined(OF_TWO.get(mode, torch.sub), layer, read)
        x = read[0]
        run: Any = getattr(torch, mode) if mode in OF_ONE else torch.neg
        y = x.x * x.x if mode == "pow" else run(x.x)
        return _fitted(_Laid(y, x.shape, x.as_tokens), layer)

    def _combined(self, run: Any, layer: Layer, read: list[_Laid]) -> _Laid:
        """Return a function of several values; smaller ones are broadcast."""
        first = read[0]
        y = first.x
        for other in read[1:]:
            y = run(y, _broadcast(other, first, layer))
        return _fitted(_Laid(y, first.shape, first.as_tokens), layer)

    def _reduce(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        mode = str(layer.mode)
        channels, height, width = layer.shape_out
        x, wanted = read[0].flat(), channels * height * width
        count = x.shape[1]
        if count == wanted:
            y = x.cumsum(1) if "cum" in mode else x.sort(1)[0] if "sort" in mode else x.clone()
        elif count % wanted == 0:
            run: Any = getattr(torch, mode) if mode in REDUCED else torch.mean
            y = run(x.reshape(x.shape[0], wanted, count // wanted), 2)
        else:
            y = x.sort(1)[0][:, :wanted]
        return y.reshape(-1, *layer.shape_out)

    # Places

    def _concat(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        if layer.channels is None and all(one.as_tokens for one in read):
            return torch.cat([one.x for one in read], 2)
        joined = torch.cat([one.maps() for one in read], 1)
        return joined[:, : layer.out_channels]

    def _move(self, name: str, layer: Layer, read: list[_Laid]) -> Tensor:
        channels, height, width = layer.shape_out
        wanted, mode = channels * height * width, layer.mode
        x = read[0]
        if mode == "permute" and x.flat().shape[1] == wanted:
            turned = x.x.transpose(1, 2).contiguous()
            return turned.reshape(-1, height * width, channels)
        if mode == "concat":
            y = torch.cat([one.flat() for one in read], 1)
        elif mode == "gather":
            y = x.flat().index_select(1, torch.arange(wanted) % x.flat().shape[1])
        else:
            y = x.flat()
        count = y.shape[1]
        if count < wanted:
            y = y.repeat(1, -(-wanted // count))
        y = y[:, :wanted]
        if mode in ("copy", "scatter"):
            y = y.clone()
        return y.reshape(-1, height * width, channels)


def _operation(layer: Layer) -> nn.Module | None:
    """Return what holds a row's weights."""
    into, out = layer.in_channels, layer.out_channels
    if layer.kind == "conv":
        return _convolution(layer)
    if layer.kind == "linear":
        return nn.Linear(into, out, bias=layer.bias)
    if layer.kind == "embedding":
        return nn.Embedding(into, out)
    if layer.kind == "recurrent":
        hidden = out // layer.groups
        both = layer.groups == 2
        if layer.groups > 2:
            raise ArgumentError(f"a recurrent row must have 1 or 2 directions, got {layer.groups}")
        make: Any = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[str(layer.mode)]
        made: nn.Module = make(into, hidden, bias=layer.bias, batch_first=True, bidirectional=both)
        return made
    if layer.kind != "norm":
        return None
    learned = layer.extra_params > 0
    if layer.mode == "layer":
        return nn.LayerNorm(into, elementwise_affine=learned)
    if layer.mode == "rms":
        return nn.RMSNorm(into, elementwise_affine=learned)
    if layer.mode == "instance":
        return nn.InstanceNorm2d(into, affine=learned)
    if layer.mode == "group":
        return nn.GroupNorm(next(n for n in GROUPS if into % n == 0), into, affine=learned)
    return nn.BatchNorm2d(into, affine=learned) if layer.mode == "batch" else None


def _framed(layer: Layer) -> dict[str, Any]:
    """Return a 3-d window as torch takes it."""
    (down, across), (step, over) = layer.kernel_size, layer.strides
    top, left, bottom, right = layer.paddings
    before = layer.padding_frames
    if (top, left) != (bottom, right) or not isinstance(before, int):
        raise ArgumentError("frames that are padded by unequal numbers cannot be run")
    return {
        "kernel_size": (layer.kernel_frames, down, across),
        "stride": (layer.stride_frames, step, over),
        "padding": (before, top, left),
    }


def _convolution(layer: Layer) -> nn.Module:
    shape = (layer.in_channels, layer.out_channels)
    more: dict[str, Any] = {"groups": layer.groups, "bias": layer.bias}
    if layer.frames > 1 or layer.kernel_frames > 1:
        if layer.transposed:
            raise ArgumentError("a transposed convolution of frames cannot be run")
        dilations = (layer.dilation_frames, *layer.dilations)
        return nn.Conv3d(*shape, **_framed(layer), dilation=dilations, **more)
    top, left, bottom, right = layer.paddings
    more["dilation"] = layer.dilations
    if not layer.transposed:
        even = (top, left) == (bottom, right)
        return nn.Conv2d(
            *shape, layer.kernel_size, layer.strides, (top, left) if even else 0, **more
        )
    pads = []
    for axis, (side, wanted) in enumerate(
        ((layer.height, layer.out_height), (layer.width, layer.out_width))
    ):
        kernel, stride, dilation = (
            layer.kernel_size[axis],
            layer.strides[axis],
            layer.dilations[axis],
        )
        whole = (side - 1) * stride + dilation * (kernel - 1) + 1
        pads.append(max(0, -(-(whole - wanted) // 2)))
    return nn.ConvTranspose2d(*shape, layer.kernel_size, layer.strides, tuple(pads), **more)


def _activated(value: _Laid, layer: Layer) -> Tensor:
    run: Any = getattr(functional, str(layer.activation))
    if "softmax" in str(layer.activation):
        result: Tensor = run(value.x, dim=-1 if value.as_tokens else 1)
    else:
        result = run(value.x)
    return result


def _broadcast(other: _Laid, first: _Laid, layer: Layer) -> Tensor:
    """Return the numbers of a value so that they broadcast over those of a first one."""
    channels, height, width = first.shape
    count = other.x[0].numel()
    if count == channels * height * width:
        return (
            other.maps()
            if not first.as_tokens and other.shape == first.shape
            else (other.x.reshape(first.x.shape))
        )
    if count == channels:
        flat = other.flat()
        return flat[:, None] if first.as_tokens else flat[:, :, None, None]
    if count == height * width:
        flat = other.flat()
        return flat[:, :, None] if first.as_tokens else flat.reshape(-1, 1, height, width)
    flat = other.flat()
    if count == 1:
        return flat[:, None] if first.as_tokens else flat[:, :, None, None]
    whole = channels * height * width
    return flat.repeat(1, -(-whole // count))[:, :whole].reshape(first.x.shape)


def _fitted(value: _Laid, layer: Layer) -> _Laid:
    """Return a value of the shape that a row hands on: repeated where that has more numbers."""
    if value.shape == layer.shape_out:
        return value
    channels, height, width = layer.shape_out
    wanted = channels * height * width
    flat = value.flat()
    if flat.shape[1] != wanted:
        flat = flat.repeat(1, -(-wanted // flat.shape[1]))[:, :wanted]
    return _Laid(flat.reshape(-1, height * width, channels), layer.shape_out, True)
