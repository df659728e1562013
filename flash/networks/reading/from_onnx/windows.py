"""ONNX operators that go over windows: convolutions, pools, and other sizes of maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .calls import Call, Unknown
from .values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["WINDOWS", "convolved", "pooled"]

MAX_AXES = 3


def _window(call: Call, kernel: list[int], sides: Sequence[int], pool: bool) -> dict[str, Any]:
    """Return the fields of a window, padding worked out."""
    axes = len(kernel)
    strides = call.int_list("strides") or [1] * axes
    dilations = call.int_list("dilations") or [1] * axes
    pads = call.int_list("pads") or [0] * (2 * axes)
    auto = call.attribute("auto_pad", b"NOTSET")
    if not 1 <= axes <= MAX_AXES:
        raise Unknown(f"a window over {axes} axes, not 1 to 3")
    if not len(strides) == len(dilations) == len(sides) == axes or len(pads) != 2 * axes:
        raise call.wrong(
            f"kernel, strides, dilations and pads must be of the {len(sides)} axes that it reads, "
            f"got {kernel}, {strides}, {dilations} and {pads}"
        )
    if min(kernel + strides + dilations) < 1 or min(pads) < 0:
        raise call.wrong(
            f"kernel, strides and dilations must be at least "
            f"1 and pads 0, got {kernel}, {strides}, {dilations} and {pads}"
        )
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    if auto in (b"SAME_UPPER", b"SAME_LOWER"):
        pads = [0] * (2 * axes)
        for axis in range(axes):
            out = -(-sides[axis] // strides[axis])
            extra = max(0, (out - 1) * strides[axis] + reach[axis] - sides[axis])
            small, large = extra // 2, extra - extra // 2
            upper = auto == b"SAME_UPPER"
            pads[axis], pads[axis + axes] = (small, large) if upper else (large, small)
    elif auto == b"VALID":
        pads = [0] * (2 * axes)
    if pool and call.attribute("ceil_mode", 0):
        for axis in range(axes):
            room = sides[axis] + pads[axis] + pads[axis + axes] - reach[axis]
            out = -(-room // strides[axis]) + 1
            if (out - 1) * strides[axis] >= sides[axis] + pads[axis]:
                out -= 1  # no window may start in the padding at the end
            needed = (out - 1) * strides[axis] + reach[axis] - sides[axis] - pads[axis]
            pads[axis + axes] = max(pads[axis + axes], needed)
    return {"kernel": tuple(kernel), "stride": tuple(strides), "padding": tuple(pads),
            "dilation": tuple(dilations)}  # fmt: skip


def _slid(call: Call, sides: Sequence[int], window: dict[str, Any]) -> list[int]:
    """Return the sizes that a window hands on."""
    axes = len(sides)
    result = []
    for axis, side in enumerate(sides):
        kernel, dilation = window["kernel"][axis], window["dilation"][axis]
        pads = window["padding"][axis] + window["padding"][axis + axes]
        out = (side + pads - dilation * (kernel - 1) - 1) // window["stride"][axis] + 1
        if out < 1:
            raise call.wrong(
                f"kernel must fit into the padded input, got {list(window['kernel'])} for "
                f"{list(sides)} with padding {list(window['padding'])}"
            )
        result.append(out)
    return result


def convolved(
    call: Call,
    value: Value,
    weight: Value,
    bias: Value | None,
    place: int | None = 0,
    dtype: int | None = None,
) -> Value:
    """Give a convolution."""
    shape, dims = call.shape_of(value), call.shape_of(weight)
    groups = int(call.attribute("group", 1))
    if len(dims) < 3 or len(shape) != len(dims):
        raise call.wrong(f"it must read as many axes as its weights have, got {shape} and {dims}")
    if groups < 1 or dims[1] * groups != shape[1] or dims[0] % groups or not dims[0]:
        raise call.wrong(
            f"groups must divide its channels: it reads {shape[1]} channels with weights {dims} "
            f"and {groups} groups"
        )
    given = call.int_list("kernel_shape")
    if given is not None and given != list(dims[2:]):
        raise call.wrong(f"kernel_shape must be {list(dims[2:])}, that of its weights, got {given}")
    window = _window(call, list(dims[2:]), shape[2:], pool=False)
    out = [shape[0], dims[0], *_slid(call, shape[2:], window)]
    if weight.number is not None:
        return _dynamic(call, value, weight, bias, out, groups, place, dtype)
    own, later = call.split_bias(bias)
    implied = math.prod(dims) + (dims[0] if own is not None else 0)
    if len(dims) == 5 and shape[0] > 1 and value.number is not None:
        return _of_several(call, value, weight, (own, later), window, out, place, dtype)
    made = call.give(
        "conv", [value], out, place, dtype,
        in_channels=shape[1], out_channels=dims[0], groups=groups, bias=own is not None,
        weight_bits=weight.bits, **window,
        **call.counted(value, weight, own, implied=implied),
    )  # fmt: skip
    return call.add_later(made, later, place)


def _of_several(
    call: Call,
    value: Value,
    weight: Value,
    biases: tuple[Value | None, Value | None],
    window: dict[str, Any],
    out: list[int],
    place: int | None,
    dtype: int | None,
) -> Value:
    """A 3-d convolution of several images: one of as many groups, whose weights are the same."""
    shape, dims = call.shape_of(value), call.shape_of(weight)
    many, own = shape[0], biases[0]
    seen = call.view(value, (1, many * shape[1], *shape[2:]), None)
    implied = many * (math.prod(dims) + (dims[0] if own is not None else 0))
    made = call.give(
        "conv", [seen], (1, many * dims[0], *out[2:]), None, dtype,
        in_channels=many * shape[1], out_channels=many * dims[0],
        groups=many * shape[1] // dims[1], bias=own is not None, weight_bits=weight.bits, **window,
        **call.counted(value, weight, own, implied=implied),
    )  # fmt: skip
    return call.add_later(call.view(made, out, place), biases[1], place)


def _dynamic(
    call: Call,
    value: Value,
    weight: Value,
    bias: Value | None,
    out: list[int],
    groups: int,
    place: int | None,
    dtype: int | None,
) -> Value:
    """A convolution whose weights are computed is a product of two values."""
    dims = call.shape_of(weight)
    inner = math.prod(dims[1:])
    spots = out[0] * math.prod(out[2:])
    columns = call.give("move", [value], (groups, spots, inner), None, mode="gather")
    product = call.give(
        "matmul", [columns, weight], (groups, spots, dims[0] // groups), None, dtype,
        batch=groups, rows=spots, inner=inner, columns=dims[0] // groups,
    )  # fmt: skip
    return call.add_later(call.view(product, out, place), bias, place)


def _conv(call: Call) -> None:
    convolved(call, call.value(0), call.value(1), call.get(2))


def _deformed(call: Call) -> None:
    """DeformConv: numbers are gathered where offsets say, then weighted."""
    value = call.value(0)
    read = [value, call.value(2), *([call.value(4)] if call.has(4) else [])]
    moved = call.give("move", read, call.shape(0), None, mode="gather")
    convolved(call, moved, call.value(1), call.get(3))


def _causal(call: Call) -> None:
    """CausalConvWithState: of each channel, after those of the tokens before."""
    value, weight, bias = call.value(0), call.value(1), call.get(2)
    shape, dims = call.shape(0), call.shape(1)
    if len(shape) != 3 or len(dims) != 3 or dims[:2] != (shape[1], 1) or weight.number is not None:
        raise call.wrong(f"its weights {dims} do not fit {shape}")
    before = dims[2] - 1
    padded = (*shape[:2], shape[2] + before)
    past = call.get(3)
    read = [one for one in (past, value) if one is not None and one.number is not None]
    whole = call.give("move", read or [value], padded, None, mode="concat") if before else value
    own, later = call.split_bias(bias)
    implied = math.prod(dims) + (shape[1] if own is not None else 0)
    made = call.give(
        "conv", [whole], shape, 0, None,
        in_channels=shape[1], out_channels=shape[1], groups=shape[1], bias=own is not None,
        kernel=(dims[2],), stride=(1,), dilation=(1,), padding=(0, 0), weight_bits=weight.bits,
        **call.counted(value, weight, own, implied=implied),
    )  # fmt: skip
    made = call.add_later(made, later, 0)
    if call.attribute("activation", b"none") in (b"silu", b"swish"):
        call.give("act", [made], shape, name="silu")
    if before and call.wants(1):
        call.give("view", [whole], (*shape[:2], before), 1, partly=True)


def _transposed(call: Call) -> None:
    value, weight, bias = call.value(0), call.value(1), call.get(2)
    shape, dims = call.shape(0), call.shape(1)
    groups = int(call.attribute("group", 1))
    axes = len(dims) - 2
    if axes < 1 or len(shape) != len(dims) or groups < 1 or dims[0] != shape[1]:
        raise call.wrong(f"its weights {dims} do not fit {shape}")
    if shape[1] % groups:
        raise call.wrong(f"groups must divide {shape[1]} channels, got {groups}")
    if axes > MAX_AXES:
        raise Unknown(f"a window over {axes} axes, not 1 to 3")
    kernel = list(dims[2:])
    strides = call.int_list("strides") or [1] * axes
    dilations = call.int_list("dilations") or [1] * axes
    pads = call.int_list("pads") or [0] * (2 * axes)
    more = call.int_list("output_padding") or [0] * axes
    wanted = call.int_list("output_shape")
    if not len(strides) == len(dilations) == len(more) == axes or len(pads) != 2 * axes:
        raise call.wrong(f"strides, dilations and pads must be of {axes} axes")
    if min(kernel + strides + dilations) < 1 or min(pads) < 0 or min(more) < 0:
        raise call.wrong("kernel, strides and dilations must be at least 1 and pads 0")
    auto = call.attribute("auto_pad", b"NOTSET")
    sides = []
    for axis in range(axes):
        side, reach = shape[axis + 2], dilations[axis] * (kernel[axis] - 1) + 1
        whole = strides[axis] * (side - 1) + more[axis] + reach
        if wanted is not None:
            sides.append(wanted[-axes:][axis])
        elif auto in (b"SAME_UPPER", b"SAME_LOWER"):
            sides.append(side * strides[axis])
        elif auto == b"VALID":
            sides.append(whole)
        else:
            sides.append(whole - pads[axis] - pads[axis + axes])
        if sides[-1] < 1:
            raise call.wrong(f"its result must be at least 1 wide, got {sides[-1]}")
        if wanted is not None or auto != b"NOTSET":
            extra = max(0, whole - sides[-1])
            pads[axis], pads[axis + axes] = extra // 2, extra - extra // 2
    channels = dims[1] * groups
    out = [shape[0], channels, *sides]
    if weight.number is not None:
        raise Unknown("its weights are computed")
    own, later = call.split_bias(bias)
    implied = math.prod(dims) + (channels if own is not None else 0)
    made = call.give(
        "conv", [value], out, 0, None,
        in_channels=shape[1], out_channels=channels, groups=groups, bias=own is not None,
        transposed=True, weight_bits=weight.bits,
        kernel=tuple(kernel), stride=tuple(strides), padding=tuple(pads), dilation=tuple(dilations),
        **call.counted(value, weight, own, implied=implied),
    )  # fmt: skip
    call.add_later(made, later, 0)


def pooled(call: Call, mode: str, value: Value, place: int | None = 0) -> Value:
    """Give a pool over windows that attributes tell."""
    shape = call.shape_of(value)
    kernel = call.int_list("kernel_shape") or []
    if len(shape) < 3 or len(kernel) != len(shape) - 2:
        raise call.wrong(f"kernel_shape must be of the axes of {shape} after two, got {kernel}")
    window = _window(call, kernel, shape[2:], pool=True)
    out = [*shape[:2], *_slid(call, shape[2:], window)]
    if len(kernel) == 3 and shape[0] > 1 and value.number is not None:
        seen = call.view(value, (1, shape[0] * shape[1], *shape[2:]), None)
        whole = (1, shape[0] * shape[1], *out[2:])
        return call.view(call.give("pool", [seen], whole, None, mode=mode, **window), out, place)
    return call.give("pool", [value], out, place, mode=mode, **window)


def _pool(mode: str) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        made = pooled(call, mode, call.value(0))
        call.same(made, 1, dtype=7)  # the places of maxima

    return handler


def everywhere(call: Call, mode: str, value: Value, place: int | None = 0) -> Value:
    """Give a pool over all positions of each channel."""
    shape = call.shape_of(value)
    if len(shape) < 3:
        return call.view(value, shape, place)
    out = [*shape[:2], *[1] * (len(shape) - 2)]
    if mode == "avg":
        return call.give("pool", [value], out, place, mode="global_avg")
    if len(shape) > 5:
        return call.give("reduce", [value], out, place, name=mode)
    axes = len(shape) - 2
    ones = (1,) * axes
    return call.give(
        "pool", [value], out, place,
        mode=mode, kernel=tuple(shape[2:]), stride=ones, dilation=ones, padding=(0,) * (2 * axes),
    )  # fmt: skip


def _global(mode: str) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        everywhere(call, mode, call.value(0))

    return handler


def _unpool(call: Call) -> None:
    value, shape = call.value(0), call.shape(0)
    if call.has(2):
        out = call.ints(2)
    else:
        kernel = call.int_list("kernel_shape") or []
        axes = len(kernel)
        strides = call.int_list("strides") or [1] * axes
        pads = call.int_list("pads") or [0] * (2 * axes)
        if axes != len(shape) - 2 or len(strides) != axes or len(pads) != 2 * axes:
            raise call.wrong(f"kernel_shape must be of the axes of {shape} after two")
        out = [*shape[:2]]
        for axis in range(axes):
            whole = strides[axis] * (shape[axis + 2] - 1) + kernel[axis]
            out.append(whole - pads[axis] - pads[axis + axes])
    call.give("move", [value, call.value(1)], out, mode="scatter")


def _scaled(call: Call) -> None:
    """Resize and Upsample, in all their versions."""
    shape = call.shape(0)
    rank = len(shape)
    axes = [call.axis(one, rank) for one in call.int_list("axes") or range(rank)]
    out = list(shape)
    scales: list[float] | None = None
    sizes: list[int] | None = None
    if call.operator == "Upsample" or call.reader.opset < 11:
        given = call.attribute("scales")
        if given is None and rank == 4 and call.attribute("height_scale", 0.0):
            given = [1.0, 1.0, call.attribute("height_scale", 1.0),
                     call.attribute("width_scale", 1.0)]  # fmt: skip
        scales = call.floats(1) if given is None else [float(one) for one in given]
    else:
        sizes = call.ints(3) if call.has(3) and call.shape(3) != (0,) else None
        if sizes is None and call.has(2):
            scales = call.floats(2)
    given_sizes = sizes if sizes is not None else scales
    if given_sizes is None or len(given_sizes) != len(axes):
        raise call.wrong(f"it must have scales or sizes of {len(axes)} axes")
    if sizes is not None:
        policy = call.attribute("keep_aspect_ratio_policy", b"stretch")
        if policy != b"stretch":
            ratios = [size / shape[axis] for size, axis in zip(sizes, axes, strict=True)]
            ratio = min(ratios) if policy == b"not_larger" else max(ratios)
            sizes = [math.floor(ratio * shape[axis] + 0.5) for axis in axes]
        for axis, size in zip(axes, sizes, strict=True):
            out[axis] = size
    else:
        for axis, scale in zip(axes, scales or [], strict=True):
            if not 0 < scale < 1 << 20:
                raise call.wrong(f"scales must be above 0, got {scale}")
            out[axis] = math.floor(shape[axis] * scale)
    if min(out, default=1) < 1:
        raise call.wrong(f"its result must be at least 1 wide, got {out}")
    _resized(call, out)


def _resized(call: Call, out: list[int]) -> None:
    value, shape = call.value(0), call.shape(0)
    if out == list(shape):
        return call.same(value)
    mode = {
        b"nearest": "nearest",
        b"linear": "linear",
        b"bilinear": "linear",
        b"cubic": "cubic",
    }.get(call.attribute("mode", b"nearest"), "linear")
    if len(shape) > 2 and out[:2] == list(shape[:2]):
        call.give("resize", [value], out, mode=mode)
    else:
        call.give("elementwise", [value], out, name="resize")
    return None


def _sampled(call: Call) -> None:
    """GridSample: numbers are gathered where a grid says."""
    shape, grid = call.shape(0), call.shape(1)
    if len(grid) < 3 or len(grid) != len(shape):
        raise call.wrong(f"its grid must have the {len(shape)} axes of what it reads, got {grid}")
    out = [shape[0], shape[1], *grid[1:-1]]
    call.give("move", [call.value(0), call.value(1)], out, mode="gather")


def _regions(call: Call) -> None:
    """RoiAlign and MaxRoiPool."""
    shape, regions = call.shape(0), call.shape(1)
    pooled_shape = call.int_list("pooled_shape")
    if pooled_shape is None:
        pooled_shape = [call.attribute("output_height", 1), call.attribute("output_width", 1)]
    if len(shape) != 4 or len(regions) != 2 or len(pooled_shape) != 2 or min(pooled_shape) < 1:
        raise call.wrong(f"it must read maps and regions, got {shape} and {regions}")
    read = [call.value(0), call.value(1)]
    call.give("move", read, [regions[0], shape[1], *pooled_shape], mode="gather")


WINDOWS: dict[str, Callable[[Call], None]] = {
    "Conv": _conv,
    "DeformConv": _deformed,
    "CausalConvWithState": _causal,
    "ConvTranspose": _transposed,
    "MaxPool": _pool("max"),
    "AveragePool": _pool("avg"),
    "LpPool": _pool("lp"),
    "GlobalAveragePool": _global("avg"),
    "GlobalMaxPool": _global("max"),
    "GlobalLpPool": _global("lp"),
    "MaxUnpool": _unpool,
    "Resize": _scaled,
    "Upsample": _scaled,
    "GridSample": _sampled,
    "RoiAlign": _regions,
    "MaxRoiPool": _regions,
}
