"""What each operator of torch is as an operation. Imports torch.

A handler takes (recorder, call) and returns the number of the result's value, a list of them for
several results, or NotImplemented where the operator is to be taken apart. Operators without one
are views or functions of each number where their schema says so, or are taken apart, or unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from ...layer import ACTIVATIONS
from . import views
from .calls import bits_of, tensors_in
from .products import PRODUCTS, QUANTIZED
from .shapes import sides

if TYPE_CHECKING:
    from collections.abc import Callable

    from .calls import Call
    from .recorder import Recorder

    Handler = Callable[[Recorder, Call], Any]

__all__ = ["FACTORIES", "HANDLERS", "IDLE", "READS", "by_number", "handler_of"]

_FACTORIES = (
    "zeros_like ones_like empty_like full_like rand_like randn_like randint_like new_zeros",
    "new_ones new_full new_empty new_empty_strided _new_zeros_with_same_feature_meta",
    "_shape_as_tensor _has_compatible_shallow_copy_type sym_size sym_numel sym_stride size numel",
    "stride dim is_same_size _assert_tensor_metadata is_pinned storage_offset sym_storage_offset",
    "result_type is_floating_point is_complex is_nonzero_static can_cast get_device",
)
FACTORIES = frozenset(name for line in _FACTORIES for name in line.split())
# operators that hand numbers to Python
READS = frozenset(
    [
        "item",
        "_local_scalar_dense",
        "is_nonzero",
        "equal",
        "allclose",
        "_is_all_true",
        "_is_any_true",
    ]
)
# operators that leave what they are given as it is, but for its values
IDLE = frozenset(["embedding_renorm"])
_ACTIVATIONS = (
    "celu elu gelu hardsigmoid hardswish hardtanh leaky_relu log_softmax logsigmoid mish relu",
    "relu6 selu sigmoid silu softmax softplus softsign tanh clamp clamp_min clip",
)
OTHER_NAMES = {
    "_softmax": "softmax",
    "_safe_softmax": "softmax",
    "_log_softmax": "log_softmax",
    "log_sigmoid": "logsigmoid",
    "log_sigmoid_forward": "logsigmoid",
    "special_expit": "sigmoid",
    "special_softmax": "softmax",
    "special_log_softmax": "log_softmax",
}


def _act(recorder: Recorder, call: Call) -> Any:
    number = recorder.number(call.first())
    if number is None:
        return by_number(recorder, call)
    name: str | None = OTHER_NAMES.get(call.info.name, call.info.name)
    if name in ("hardtanh", "clamp", "clip", "clamp_min"):
        names = ("min_val", "max_val") if name == "hardtanh" else ("min", "max")
        defaults = (-1, 1) if name == "hardtanh" else (None, None)
        low, high = (call.get(key, other) for key, other in zip(names, defaults, strict=True))
        if isinstance(low, Tensor) or isinstance(high, Tensor):
            return by_number(recorder, call)
        name = {(0, 6): "relu6", (0, None): "relu"}.get((low, high), "hardtanh")
    result = next(tensors_in(call.result))
    made = recorder.add("act", [number], result, name=name if name in ACTIVATIONS else None)
    return made if isinstance(call.result, Tensor) else [made, None]


def by_number(recorder: Recorder, call: Call) -> Any:
    """List a function of each number, of one value or several; learned ones are read with it."""
    inputs = [one for one in (recorder.number(t) for t in call.tensors) if one is not None]
    results = list(tensors_in(call.result))
    mask = recorder.constant_mask(call.tensors)
    name = call.info.name if call.info.space == "aten" else call.info.name.strip("_")
    made = recorder.add("elementwise", inputs, results[0], mask, name=name)
    return made if len(results) == 1 else [made] * len(results)


def _sum(recorder: Recorder, call: Call) -> Any:
    return _binary(recorder, call, "add")


def _product(recorder: Recorder, call: Call) -> Any:
    if call.get("rounding_mode") is not None:
        return by_number(recorder, call)
    return _binary(recorder, call, "mul")


def _binary(recorder: Recorder, call: Call, kind: str) -> Any:
    first, second = call.args[:2] if len(call.args) > 1 else (call.args[0], call.get("other"))
    numbers = [recorder.number(one) for one in (first, second)]
    result = call.result
    if numbers[0] is not None and numbers[1] is not None:
        return recorder.add(kind, [numbers[0], numbers[1]], result)
    at = 0 if numbers[0] is not None else 1
    constant, number = (first, second)[1 - at], numbers[at]
    assert number is not None
    if not isinstance(constant, Tensor):
        return recorder.add("scale", [number], result, mode=kind, count=1, params=0)
    mask = recorder.mask(constant)
    if (
        kind == "mul"
        and not mask
        and constant.numel() > 1
        and call.info.name in ("mul", "multiply")
    ):
        found = _masked(recorder, number, result, constant)
        if found is not None:
            return found
    count = constant.numel()
    if count > result.numel():
        return recorder.add("elementwise", [number], result, mask, name=call.info.name)
    return recorder.add("scale", [number], result, mask, mode=kind, count=count)


def _masked(recorder: Recorder, number: int, result: Tensor, constant: Tensor) -> int | None:
    """List a product with zeros and ones for the channels."""
    channels = result.shape[1] if result.dim() == 4 else 0
    if tuple(constant.shape) not in ((1, channels, 1, 1), (channels, 1, 1)) or constant.is_meta:
        return None
    if recorder.store(constant).image:
        return None
    values = set(constant.unique().tolist())
    if not values <= {0, 1}:
        return None
    kept = int(constant.count_nonzero())
    if kept == channels:
        return number
    return recorder.add("mask", [number], result, count=kept) if kept else None


def _norm(mode: str) -> Handler:
    def handler(recorder: Recorder, call: Call) -> Any:
        x = call.first()
        number = recorder.number(x)
        results = list(tensors_in(call.result))
        if number is None or any(recorder.number(one) is not None for one in call.tensors[1:]):
            return by_number(recorder, call)
        fields: dict[str, Any] = {"mode": mode}
        if mode in ("layer", "rms"):
            axes = len(call.get("normalized_shape", (1,)))
            if axes > 1:
                fields["axis"] = x.dim() - 1
        mask = recorder.constant_mask(call.tensors)
        made = recorder.add("norm", [number], results[0], mask, **fields)
        return made if len(results) == 1 else [made, *(None for _ in results[1:])]

    return handler


def _pool(recorder: Recorder, call: Call) -> Any:
    x = call.first()
    name = call.info.name.removeprefix("mkldnn_").removeprefix("quantized_")
    axes = int(name[8])
    number = recorder.number(x)
    results = list(tensors_in(call.result))
    result = results[0]
    assert number is not None
    kernel = sides(call.get("kernel_size"), axes)
    stride = sides(call.get("stride") or kernel, axes)
    padding = sides(call.get("padding"), axes, 0)
    dilation = sides(call.get("dilation"), axes)
    into, out = x.shape[-axes:], result.shape[-axes:]
    # what ceil_mode adds is padding at the end
    ends = [
        max(p, (o - 1) * s + d * (k - 1) + 1 - side - p)
        for p, o, s, d, k, side in zip(padding, out, stride, dilation, kernel, into, strict=True)
    ]
    window = {"kernel": kernel, "stride": stride, "dilation": dilation}
    pads = (*padding, *ends)
    made = _pooled(recorder, x, number, result, axes, mode=name[:3], padding=pads, **window)
    return made if len(results) == 1 else [made] * len(results)


def _pooled(
    recorder: Recorder, x: Tensor, number: int, result: Tensor, axes: int, **fields: Any
) -> int:
    into, shape = tuple(x.shape), tuple(result.shape)
    if x.dim() == axes + 1:
        into, shape = (1, *into), (1, *shape)
    elif axes == 3 and into[0] > 1:  # of several videos, each is pooled by itself
        into, shape = (1, into[0] * into[1], *into[2:]), (1, shape[0] * shape[1], *shape[2:])
    else:
        return recorder.add("pool", [number], result, **fields)
    bits = bits_of(x)
    number = recorder.add_shaped("view", [number], into, bits)
    made = recorder.add_shaped("pool", [number], shape, bits, **fields)
    return recorder.add("view", [made], result)


def _adaptive(recorder: Recorder, call: Call) -> Any:
    x = call.first()
    name = call.info.name
    axes = int(name.rstrip("d")[-1])
    number = recorder.number(x)
    results = list(tensors_in(call.result))
    result = results[0]
    assert number is not None
    into, out = tuple(x.shape[-axes:]), tuple(result.shape[-axes:])
    mode = "avg" if "avg" in name else "max"
    if out == into and mode == "avg":
        made = number
    elif out == (1,) * axes and mode == "avg":
        made = _pooled(recorder, x, number, result, axes, mode="global_avg")
    elif any(o > i for o, i in zip(out, into, strict=True)):
        made = recorder.add("resize", [number], result, mode="area")
    else:
        stride = tuple(a // b for a, b in zip(into, out, strict=True))
        kernel = tuple(a - (b - 1) * s for a, b, s in zip(into, out, stride, strict=True))
        pads = (0,) * (2 * axes)
        fields = {"kernel": kernel, "stride": stride, "padding": pads}
        made = _pooled(recorder, x, number, result, axes, mode=mode, **fields)
    return made if len(results) == 1 else [made] * len(results)


def _mean(recorder: Recorder, call: Call) -> Any:
    x, dims = call.first(), call.get("dim")
    rank = x.dim()
    dims = [dims] if isinstance(dims, int) else dims or range(rank)
    number = recorder.number(x)
    assert number is not None
    maps = rank in (4, 5) and x.shape[0] == 1
    if maps and sorted(one % rank for one in dims) == list(range(2, rank)):
        return recorder.add("pool", [number], call.result, mode="global_avg")
    return _reduce(recorder, call)


def _reduce(recorder: Recorder, call: Call) -> Any:
    inputs = [one for one in (recorder.number(t) for t in call.tensors) if one is not None]
    mask = recorder.constant_mask(call.tensors)
    results = list(tensors_in(call.result))
    if mask:
        inputs += [
            recorder.value_of(t)
            for t in call.tensors
            if recorder.mask(t) and recorder.number(t) is None
        ]
    name = call.info.name.strip("_")
    made = recorder.add("reduce", inputs, results[0], name=name)
    numbers: list[Any] = [made]
    for one in results[1:]:
        if one.numel() == results[0].numel():
            numbers.append(made)
        else:
            numbers.append(recorder.add("reduce", inputs, one, name=name))
    return made if len(results) == 1 else numbers


def _maximum(recorder: Recorder, call: Call) -> Any:
    other = call.get("other")
    return by_number(recorder, call) if isinstance(other, Tensor) else _reduce(recorder, call)


def _resize(mode: str) -> Handler:
    def handler(recorder: Recorder, call: Call) -> Any:
        number = recorder.number(call.first())
        assert number is not None
        return recorder.add("resize", [number], call.result, mode=mode)

    return handler


def _dropout(recorder: Recorder, call: Call) -> Any:
    number = recorder.number(call.first())
    results = list(tensors_in(call.result))
    if call.get("train", call.get("training", False)):
        made: Any = by_number(recorder, call)
        return made
    return number if len(results) == 1 else [number, *(None for _ in results[1:])]


def _quantise(recorder: Recorder, call: Call) -> Any:
    """What hands a value on at other bits: so many has what makes it."""
    number = recorder.number(call.first())
    if number is None:
        return None
    results = list(tensors_in(call.result))
    made = recorder.made.get(number)
    if made is not None and results[0].element_size() * 8 < made.bits:
        made.bits = results[0].element_size() * 8
        recorder.narrowed.add(number)
    return number if len(results) == 1 else [number] * len(results)


def _index_put(recorder: Recorder, call: Call) -> Any:
    return views.moved("scatter")(recorder, call)


def _clone(recorder: Recorder, call: Call) -> Any:
    x = call.first()
    number = recorder.number(x)
    assert number is not None
    if call.result is x:
        return number
    mode = "copy" if x.is_contiguous() else "permute"
    return recorder.add("move", [number], call.result, mode=mode)


def _nothing(recorder: Recorder, call: Call) -> Any:
    """What puts constants into a tensor."""
    given = [one for one in call.tensors[1:] if recorder.number(one) is not None]
    return recorder.number(given[0]) if given else None


def _where(recorder: Recorder, call: Call) -> Any:
    return by_number(recorder, call) if len(call.args) > 1 else NotImplemented


def _sample(recorder: Recorder, call: Call) -> Any:
    return by_number(recorder, call)


def _known_by(handler: Handler, *names: str) -> dict[str, Handler]:
    return dict.fromkeys((name for line in names for name in line.split()), handler)


HANDLERS: dict[str, Handler] = {
    **PRODUCTS,
    **_known_by(_act, *_ACTIVATIONS, *OTHER_NAMES),
    **_known_by(_sum, "add sub subtract rsub add_relu"),
    **_known_by(_product, "mul div multiply divide true_divide"),
    **_known_by(by_number, "pow floor_divide complex polar prelu _prelu_kernel glu masked_fill"),
    **_known_by(
        by_number, "clamp_max maximum minimum rrelu_with_noise isin bucketize searchsorted"
    ),
    **_known_by(
        by_number, "lerp addcmul addcdiv tril triu nan_to_num bernoulli cross linalg_cross"
    ),
    **_known_by(by_number, "hardshrink softshrink threshold fake_quantize_per_tensor_affine"),
    **_known_by(by_number, "fake_quantize_per_channel_affine _masked_softmax cosine_similarity"),
    **_known_by(by_number, "fake_quantize_per_tensor_affine_cachemask addr bilinear _trilinear"),
    **_known_by(by_number, "fake_quantize_per_channel_affine_cachemask pairwise_distance"),
    **_known_by(by_number, "fused_moving_avg_obs_fake_quant view_as_complex_copy renorm"),
    **_known_by(_where, "where"),
    **_known_by(_norm("batch"), "batch_norm native_batch_norm _native_batch_norm_legit"),
    **_known_by(_norm("batch"), "_native_batch_norm_legit_no_training _batch_norm_impl_index"),
    **_known_by(_norm("batch"), "_batch_norm_no_update _batch_norm_with_update"),
    **_known_by(_norm("batch"), "_native_batch_norm_legit_functional quantized_batch_norm"),
    **_known_by(_norm("layer"), "layer_norm native_layer_norm"),
    **_known_by(_norm("group"), "group_norm native_group_norm"),
    **_known_by(_norm("instance"), "instance_norm"),
    **_known_by(_norm("rms"), "rms_norm _fused_rms_norm"),
    **_known_by(_pool, "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d"),
    **_known_by(_pool, "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices"),
    **_known_by(_pool, "mkldnn_max_pool2d mkldnn_max_pool3d quantized_max_pool1d"),
    **_known_by(_pool, "quantized_max_pool2d quantized_max_pool3d"),
    **_known_by(_adaptive, "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d"),
    **_known_by(_adaptive, "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool1d"),
    **_known_by(_adaptive, "adaptive_max_pool2d adaptive_max_pool3d mkldnn_adaptive_avg_pool2d"),
    **_known_by(_adaptive, "fractional_max_pool2d fractional_max_pool3d"),
    **_known_by(_mean, "mean"),
    **_known_by(
        _reduce, "sum nansum nanmean prod amax amin aminmax _aminmax argmax argmin var std"
    ),
    **_known_by(
        _reduce, "var_mean std_mean norm native_norm linalg_vector_norm linalg_norm any all"
    ),
    **_known_by(_reduce, "logsumexp cumsum cumprod cummax cummin logcumsumexp _logcumsumexp sort"),
    **_known_by(
        _reduce, "argsort topk kthvalue median nanmedian mode count_nonzero histc bincount"
    ),
    **_known_by(
        _reduce, "trace cdist _cdist_forward _euclidean_dist _pdist_forward dist hash_tensor"
    ),
    **_known_by(_reduce, "frobenius_norm nuclear_norm linalg_matrix_norm msort multinomial"),
    **_known_by(_reduce, "_fft_c2c _fft_c2r _fft_r2c mse_loss nll_loss_forward nll_loss2d_forward"),
    **_known_by(_reduce, "binary_cross_entropy binary_cross_entropy_with_logits smooth_l1_loss"),
    **_known_by(_reduce, "huber_loss linalg_inv_ex linalg_qr linalg_cholesky_ex linalg_matrix_exp"),
    **_known_by(_reduce, "linalg_lu_factor_ex linalg_solve_triangular _linalg_svd _linalg_eigh"),
    **_known_by(_reduce, "_linalg_det _linalg_slogdet _linalg_solve_ex segment_reduce"),
    **_known_by(_reduce, "nonzero nonzero_static masked_select unique_consecutive unique_dim"),
    **_known_by(_reduce, "_unique _unique2 nms argwhere"),
    **_known_by(_maximum, "max min"),
    **_known_by(_resize("nearest"), "upsample_nearest1d upsample_nearest2d upsample_nearest3d"),
    **_known_by(_resize("nearest"), "_upsample_nearest_exact1d _upsample_nearest_exact2d"),
    **_known_by(_resize("nearest"), "_upsample_nearest_exact3d"),
    **_known_by(_resize("linear"), "upsample_linear1d upsample_bilinear2d upsample_trilinear3d"),
    **_known_by(_resize("linear"), "_upsample_bilinear2d_aa"),
    **_known_by(_resize("cubic"), "upsample_bicubic2d _upsample_bicubic2d_aa"),
    **_known_by(_resize("cubic"), "_upsample_lanczos2d_aa"),
    **_known_by(_sample, "grid_sampler grid_sampler_2d grid_sampler_3d affine_grid_generator"),
    **_known_by(_sample, "roi_align roi_pool ps_roi_align ps_roi_pool"),
    **_known_by(views.select, "slice narrow select split split_with_sizes unsafe_split chunk"),
    **_known_by(views.select, "unsafe_split_with_sizes unsafe_chunk tensor_split unbind"),
    **_known_by(views.view, "reshape _unsafe_view _reshape_copy view_copy as_strided unfold"),
    **_known_by(views.index_select, "index_select"),
    **_known_by(views.index, "index _unsafe_index"),
    **_known_by(views.moved("gather"), "gather take take_along_dim im2col index_fill"),
    **_known_by(views.moved("scatter"), "scatter scatter_add scatter_reduce index_add index_copy"),
    **_known_by(views.moved("scatter"), "col2im max_unpool2d max_unpool3d masked_scatter put"),
    **_known_by(views.moved("scatter"), "select_scatter slice_scatter diagonal_scatter"),
    **_known_by(views.moved("scatter"), "as_strided_scatter diag_embed index_reduce block_diag"),
    **_known_by(_index_put, "index_put _unsafe_index_put _index_put_impl"),
    **_known_by(views.moved("permute"), "pixel_shuffle pixel_unshuffle channel_shuffle roll flip"),
    **_known_by(views.moved("permute"), "native_channel_shuffle rot90 lu_unpack"),
    **_known_by(views.moved("expand"), "repeat tile repeat_interleave"),
    **_known_by(views.moved("pad"), "reflection_pad1d reflection_pad2d reflection_pad3d"),
    **_known_by(views.moved("pad"), "replication_pad1d replication_pad2d replication_pad3d"),
    **_known_by(views.pad, "pad constant_pad_nd"),
    **_known_by(views.cat, "cat concat concatenate"),
    **_known_by(views.stack, "stack"),
    **_known_by(views.copy, "copy"),
    **_known_by(_nothing, "fill zero"),
    **_known_by(views.convert, "to _to_copy type_as"),
    **_known_by(_clone, "clone contiguous lift lift_fresh"),
    **_known_by(_dropout, "dropout feature_dropout alpha_dropout feature_alpha_dropout"),
    **_known_by(_dropout, "native_dropout"),
    **_known_by(_quantise, "quantize_per_tensor quantize_per_channel dequantize int_repr"),
    **_known_by(_quantise, "quantize_per_tensor_dynamic quantize_per_token dequantize_per_tensor"),
    **_known_by(_quantise, "dequantize_per_channel dequantize_per_token"),
}
_QUANTIZED: dict[str, Handler] = {
    **QUANTIZED,
    **_known_by(_sum, "add add_relu add_scalar add_scalar_relu"),
    **_known_by(_product, "mul mul_relu mul_scalar mul_scalar_relu"),
    **_known_by(views.cat, "cat cat_relu"),
    **_known_by(_act, "hardswish leaky_relu sigmoid elu celu relu6 softmax hardtanh"),
}


def handler_of(space: str, name: str) -> Handler | None:
    """Return what handles an operator of a namespace, if anything does."""
    if space == "quantized":
        return _QUANTIZED.get(name)
    return HANDLERS.get(name)
