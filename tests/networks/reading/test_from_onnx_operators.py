"""Network.from_onnx, operator by operator: kinds of rows, parameters and products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper
from twins.onnx_models import floats, graph, model, node, weights

from flash.networks.network import Network
from flash.networks.reading.from_onnx.file import read_onnx

MS = "com.microsoft"
INT8 = np.arange(-60, 60, dtype=np.int8)
MAP = (1, 4, 8, 8)
TOKENS = (1, 6, 16)


def ints(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


def net_of(nodes: list[Any], shape: Any = MAP, opset: int = 17, **constants: Any) -> Network:
    return read_onnx(model(nodes, weights(**constants), shape, opset))


def told(net: Network) -> tuple[list[str], int, int]:
    return [row.kind for row in net.layers], net.params, net.macs


CASES: dict[str, tuple[list[Any], dict[str, Any], tuple[list[str], int, int]]] = {
    # products
    "conv 1d": (
        [node("Conv", "x w b", pads=[1, 1])],
        {"shape": (1, 4, 9), "w": floats(6, 4, 3), "b": floats(6)},
        (["conv"], 78, 648),
    ),
    "conv 3d": (
        [node("Conv", "x w", strides=[1, 2, 2], pads=[1] * 6)],
        {"shape": (1, 4, 5, 8, 8), "w": floats(6, 4, 3, 3, 3)},
        (["conv"], 648, 648 * 5 * 4 * 4),
    ),
    "conv and pool 3d of several": (
        [
            node("Reshape", "x s", "r"),
            node("Conv", "r w b", "c", group=2),
            node("MaxPool", "c", kernel_shape=[2, 2, 2]),
        ],
        {"shape": (1, 8, 5, 8, 8), "s": ints(2, 4, 5, 8, 8), "w": floats(6, 2, 3, 3, 3),
         "b": floats(6)},
        (["conv", "pool"], 330, 2 * 324 * 3 * 36),
    ),
    "conv and a bias that is added": (
        [node("Conv", "x w", "c"), node("Add", "c b")],
        {"w": floats(6, 4, 3, 3), "b": floats(1, 6, 1, 1)},
        (["conv"], 222, 216 * 36),
    ),
    "conv with computed weights": (
        [node("Reshape", "x s", "w"), node("Conv", "x w")],
        {"s": ints(4, 4, 4, 4)},
        (["move", "matmul"], 0, 4 * 25 * 64),
    ),
    "transposed conv": (
        [node("ConvTranspose", "x w b", strides=[2, 2], output_padding=[1, 1], group=2)],
        {"w": floats(4, 3, 3, 3), "b": floats(6)},
        (["conv"], 114, 108 * 64),
    ),
    "transposed conv to a given size": (
        [node("ConvTranspose", "x w", strides=[2, 2], output_shape=[16, 15])],
        {"w": floats(4, 3, 3, 3)},
        (["conv"], 108, 108 * 64),
    ),
    "deformable conv": (
        [node("Conv", "x v", "o", pads=[1] * 4), node("DeformConv", "x w o", pads=[1] * 4)],
        {"opset": 19, "w": floats(6, 4, 3, 3), "v": floats(18, 4, 3, 3)},
        (["conv", "move", "conv"], 864, 864 * 64),
    ),
    "gemm": (
        [node("Flatten", "x", "f"), node("Gemm", "f w b", transB=1)],
        {"w": floats(5, 256), "b": floats(5)},
        (["linear"], 1285, 1280),
    ),
    "gemm with a computed third matrix": (
        [
            node("Flatten", "x", "f"),
            node("Gemm", "f w", "g"),
            node("Gemm", "f w g"),
        ],
        {"w": floats(256, 5)},
        (["linear", "linear", "add"], 1280, 2560),
    ),
    "matmul on tokens with a bias": (
        [node("MatMul", "x w", "m"), node("Add", "b m")],
        {"shape": TOKENS, "w": floats(16, 7), "b": floats(7)},
        (["linear"], 119, 6 * 112),
    ),
    "matmul with weights on the left": (
        [node("MatMul", "w x")],
        {"shape": TOKENS, "w": floats(5, 6)},
        (["linear"], 30, 30 * 16),
    ),
    "matmul with weights for each head": (
        [node("MatMul", "x w")],
        {"w": floats(4, 8, 3)},
        (["conv"], 96, 96 * 8),
    ),
    "matmul of two values": (
        [node("Transpose", "x", "t", perm=[0, 1, 3, 2]), node("MatMul", "x t")],
        {},
        (["move", "matmul"], 0, 4 * 512),
    ),
    "matmul of values that broadcast": (
        [node("ReduceMax", "x", "m", axes=[1]), node("MatMul", "x m")],
        {},
        (["reduce", "matmul"], 0, 4 * 512),
    ),
    "einsum of tokens and weights": (
        [node("Einsum", "x w", equation="btc,hcd->bhtd")],
        {"shape": TOKENS, "w": floats(4, 16, 5)},
        (["linear", "move"], 320, 320 * 6),
    ),
    "einsum of two values": (
        [node("Einsum", "x x", equation="bhqd,bhkd->bhqk")],
        {},
        (["matmul"], 0, 4 * 512),
    ),
    "einsum by an ellipsis": (
        [node("Einsum", "x w", equation="...c,cd->...d")],
        {"shape": TOKENS, "w": floats(16, 3)},
        (["linear"], 48, 288),
    ),
    "einsum that sums and multiplies": (
        [node("Einsum", "x x", equation="bchw,bcij->bchw")],
        {},
        (["reduce", "mul"], 0, 0),
    ),
    "lstm": (
        [node("LSTM", "x w r b", "y h c", hidden_size=5, direction="bidirectional")],
        {
            "shape": (6, 1, 16),
            "w": floats(2, 20, 16),
            "r": floats(2, 20, 5),
            "b": floats(2, 40),
        },
        (["recurrent"], 2 * 20 * 23, 6 * 2 * 20 * 21),
    ),
    "gru": (
        [node("GRU", "x w r", "y", hidden_size=5)],
        {"shape": (6, 1, 16), "w": floats(1, 15, 16), "r": floats(1, 15, 5)},
        (["recurrent"], 15 * 21, 6 * 15 * 21),
    ),
    "rnn": (
        [node("RNN", "x w r", "_ y", hidden_size=5)],
        {"shape": (6, 1, 16), "w": floats(1, 5, 16), "r": floats(1, 5, 5)},
        (["recurrent"], 5 * 21, 6 * 5 * 21),
    ),
    "attention": (
        [node("Attention", "x x x", q_num_heads=4, kv_num_heads=4)],
        {"shape": TOKENS, "opset": 23},
        (["matmul", "scale", "act", "matmul"], 0, 2 * 4 * 36 * 4),
    ),
    "linear attention": (
        [node("LinearAttention", "x x x", q_num_heads=4, kv_num_heads=4)],
        {"shape": TOKENS, "opset": 27},
        (["matmul", "matmul"], 0, 2 * 4 * 6 * 16),
    ),
    "causal conv with a state": (
        [node("CausalConvWithState", "x w b", activation="silu")],
        {"shape": (1, 16, 6), "opset": 27, "w": floats(16, 1, 4), "b": floats(16)},
        (["move", "conv"], 80, 64 * 6),
    ),
    "gated activation": ([node("SwiGLU", "x x")], {"opset": 28}, (["act", "mul"], 0, 0)),
    # norms
    "batch norm": (
        [node("BatchNormalization", "x s b m v")],
        {"s": floats(4), "b": floats(4), "m": floats(4), "v": floats(4)},
        (["concat"], 8, 0),
    ),
    "batch norm of old": (
        [node("BatchNormalization", "x s b m v", "y o1 o2 o3 o4", spatial=1)],
        {"opset": 7, "s": floats(4), "b": floats(4), "m": floats(4), "v": floats(4)},
        (["concat"], 8, 0),
    ),
    "instance norm": (
        [node("InstanceNormalization", "x s b")],
        {"s": floats(4), "b": floats(4)},
        (["norm"], 8, 0),
    ),
    "group norm": (
        [node("GroupNormalization", "x s b", num_groups=2)],
        {"opset": 21, "s": floats(4), "b": floats(4)},
        (["norm"], 8, 0),
    ),
    "layer norm": (
        [node("LayerNormalization", "x s b", axis=-1)],
        {"shape": TOKENS, "s": floats(16), "b": floats(16)},
        (["norm"], 32, 0),
    ),
    "layer norm over a map": (
        [node("LayerNormalization", "x s", axis=1)],
        {"s": floats(4, 8, 8)},
        (["norm"], 256, 0),
    ),
    "rms norm": (
        [node("RMSNormalization", "x s")],
        {"shape": TOKENS, "opset": 23, "s": floats(16)},
        (["norm"], 16, 0),
    ),
    "l2 norm": ([node("LpNormalization", "x", axis=1)], {}, (["norm"], 0, 0)),
    "local norm": ([node("LRN", "x", size=5)], {}, (["norm"], 0, 0)),
    "mean and variance": ([node("MeanVarianceNormalization", "x")], {}, (["norm"], 0, 0)),
    # numbers
    "prelu": ([node("PRelu", "x s")], {"s": floats(4, 1, 1)}, (["elementwise"], 4, 0)),
    "learned scale": ([node("Mul", "x s")], {"s": floats(4, 1, 1)}, (["scale"], 4, 0)),
    "position embedding": (
        [node("Add", "x p")],
        {"shape": TOKENS, "p": floats(1, 6, 16)},
        (["scale"], 96, 0),
    ),
    "a number is no parameter": ([node("Div", "x s")], {"s": np.float32(8)}, (["scale"], 0, 0)),
    "a mask is no parameter": (
        [node("Add", "x m")],
        {"m": np.where(np.tri(8) > 0, 0, -1e30).astype("f4")},
        (["scale"], 0, 0),
    ),
    "squeeze and excitation": (
        [
            node("GlobalAveragePool", "x", "g"),
            node("Conv", "g w", "c"),
            node("Sigmoid", "c", "s"),
            node("Mul", "x s"),
        ],
        {"w": floats(4, 4, 1, 1)},
        (["pool", "conv", "mul"], 16, 16),
    ),
    "several sums": ([node("Sum", "x x x")], {}, (["add", "add"], 0, 0)),
    "comparisons": (
        [
            node("Greater", "x z", "g"),
            node("Where", "g x z", "w"),
            node("Max", "w x", "m"),
            node("Pow", "m two"),
        ],
        {"z": np.float32(0), "two": np.float32(2)},
        (["elementwise"] * 4, 0, 0),
    ),
    "cast to half and back": (
        [node("Cast", "x", "h", to=10), node("Cast", "h", to=1)],
        {},
        (["elementwise", "elementwise"], 0, 0),
    ),
    "clip by attributes": (
        [node("Clip", "x", "a", min=0.0, max=6.0), node("Softplus", "a")],
        {"opset": 7},
        (["act", "act"], 0, 0),
    ),
    "softmax and gelu": (
        [node("Softmax", "x", "s", axis=-1), node("Gelu", "s", "g"), node("Mish", "g", "m"),
         node("HardSwish", "m", "h"), node("Erf", "h")],
        {"opset": 20},
        (["act", "act", "act", "act", "elementwise"], 0, 0),
    ),
    # windows
    "pools": (
        [
            node("MaxPool", "x", "a i", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
            node("AveragePool", "a", "b", kernel_shape=[2, 2], auto_pad="SAME_UPPER"),
            node("LpPool", "b", "c", kernel_shape=[2, 2], p=2),
            node("GlobalMaxPool", "c", "y"),
        ],
        {},
        (["pool"] * 4, 0, 0),
    ),
    "unpooling": (
        [
            node("MaxPool", "x", "a i", kernel_shape=[2, 2], strides=[2, 2]),
            node("MaxUnpool", "a i", kernel_shape=[2, 2], strides=[2, 2]),
        ],
        {},
        (["pool", "move"], 0, 0),
    ),
    "global pool of tokens": (
        [node("GlobalAveragePool", "x")],
        {"shape": (1, 4, 9)},
        (["pool"], 0, 0),
    ),
    "resize by sizes": (
        [node("Resize", "x _ _ s", mode="linear")],
        {"s": ints(1, 4, 16, 12)},
        (["resize"], 0, 0),
    ),
    "resize by scales of two axes": (
        [node("Resize", "x _ s", axes=[2, 3], mode="cubic")],
        {"opset": 19, "s": np.array([2, 1.5], "f4")},
        (["resize"], 0, 0),
    ),
    "resize of opset 10": (
        [node("Resize", "x s")],
        {"opset": 10, "s": np.array([1, 1, 2, 2], "f4")},
        (["resize"], 0, 0),
    ),
    "upsample by attributes": (
        [node("Upsample", "x", scales=[1.0, 1.0, 2.0, 2.0], mode="nearest")],
        {"opset": 7},
        (["resize"], 0, 0),
    ),
    "upsample by an input": (
        [node("Upsample", "x s", mode="linear")],
        {"opset": 9, "s": np.array([1, 1, 2, 2], "f4")},
        (["resize"], 0, 0),
    ),
    "grid sample": (
        [node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("Slice", "t a b c", "g"),
         node("GridSample", "x g")],
        {"a": ints(0), "b": ints(2), "c": ints(3)},
        (["move", "move", "move"], 0, 0),
    ),
    "regions": (
        [node("RoiAlign", "x r i", output_height=3, output_width=3)],
        {"r": floats(5, 4), "i": ints(0, 0, 0, 0, 0)},
        (["move"], 0, 0),
    ),
    # sums
    "reductions": (
        [node("ReduceSum", "x a", "s", keepdims=0), node("ReduceL2", "s", "l", axes=[0]),
         node("ArgMax", "l", axis=2)],
        {"a": ints(1)},
        (["reduce"] * 3, 0, 0),
    ),
    "mean of a map": ([node("ReduceMean", "x", axes=[2, 3], keepdims=0)], {}, (["pool"], 0, 0)),
    "top-k and cumulative sum": (
        [node("TopK", "x k", "v i", axis=1), node("CumSum", "v a")],
        {"k": ints(2), "a": np.array(1)},
        (["reduce", "reduce"], 0, 0),
    ),
    # places
    "concat along tokens": (
        [node("Relu", "x", "r"), node("Concat", "x r", "c", axis=1), node("Relu", "c")],
        {"shape": TOKENS},
        (["act", "concat", "act"], 0, 0),
    ),
    "class token": (
        [node("Concat", "t x", axis=1)],
        {"shape": TOKENS, "t": floats(1, 1, 16)},
        (["elementwise"], 16, 0),
    ),
    "shuffle of channels": (
        [
            node("Reshape", "x a", "r"),
            node("Transpose", "r", "t", perm=[0, 2, 1, 3, 4]),
            node("Reshape", "t b", "s"),
            node("Relu", "s"),
        ],
        {"a": ints(1, 2, 2, 8, 8), "b": ints(0, 4, 8, -1)},
        (["act"], 0, 0),
    ),
    "channels last": (
        [
            node("Transpose", "x", "a", perm=[0, 3, 1, 2]),
            node("Conv", "a w", "c"),
            node("Transpose", "c", "y", perm=[0, 2, 3, 1]),
        ],
        {"shape": (1, 8, 8, 4), "w": floats(6, 4, 3, 3)},
        (["move", "conv", "move"], 216, 216 * 36),
    ),
    "moves": (
        [
            node("DepthToSpace", "x", "a", blocksize=2),
            node("SpaceToDepth", "a", "b", blocksize=4),
            node("Tile", "b t", "c"),
            node("Expand", "c e", "d"),
            node("Trilu", "d", "f"),
            node("Pad", "f p"),
        ],
        {"t": ints(1, 1, 2, 1), "e": ints(2, 16, 8, 4), "p": ints(0, 1, 0, 0, 0, 0, 0, 0)},
        (["move", "move", "move", "move", "elementwise", "move"], 0, 0),
    ),
    "padding before a conv": (
        [node("Pad", "x p", "q"), node("Conv", "q w")],
        {"p": ints(0, 0, 1, 1, 0, 0, 1, 1), "w": floats(6, 4, 3, 3)},
        (["conv"], 216, 216 * 64),
    ),
    "padding of opset 7": (
        [node("Pad", "x", "q", pads=[0, 0, 1, 1, 0, 0, 1, 1]), node("Conv", "q w")],
        {"opset": 7, "w": floats(6, 4, 3, 3)},
        (["conv"], 216, 216 * 64),
    ),
    "axes as attributes": (
        [
            node("Unsqueeze", "x", "a", axes=[2]),
            node("Squeeze", "a", "b", axes=[2]),
            node("Slice", "b", "c", starts=[1], ends=[9], axes=[2]),
            node("ReduceSum", "c", axes=[1], keepdims=0),
        ],
        {"opset": 9},
        (["move", "reduce"], 0, 0),
    ),
    "embedding": (
        [node("ArgMax", "x", "i", axis=1, keepdims=0), node("Gather", "w i")],
        {"shape": TOKENS, "w": floats(50, 12)},
        (["reduce", "embedding"], 600, 0),
    ),
    "gather and scatter": (
        [
            node("ArgMax", "x", "i", axis=1),
            node("GatherElements", "x i", "g", axis=1),
            node("ScatterElements", "x i g", "s", axis=1),
            node("ArgMin", "s", "j", axis=1, keepdims=0),
            node("OneHot", "j d v"),
        ],
        {"d": ints(4), "v": np.array([0, 1], "f4")},
        (["reduce", "move", "move", "reduce", "elementwise"], 0, 0),
    ),
    "sequences": (
        [
            node("SplitToSequence", "x two", "s", axis=1),
            node("SequenceAt", "s one", "a"),
            node("SequenceInsert", "s a", "t"),
            node("ConcatFromSequence", "t", "c", axis=1),
            node("Relu", "c"),
        ],
        {"two": np.array(2), "one": np.array(1)},
        (["move", "move", "concat", "act"], 0, 0),
    ),
    "map of a sequence": (
        [
            node("SplitToSequence", "x two", "s", axis=1),
            node("SequenceMap", "s", "t", body=graph([node("Conv", "i w", "o")], "o", "i")),
            node("ConcatFromSequence", "t", "c", axis=1),
            node("Relu", "c"),
        ],
        {"two": np.array(2), "w": floats(3, 2, 3, 3)},
        (["move", "move", "conv", "conv", "concat", "act"], 54, 2 * 54 * 36),
    ),
    # weights that are worked out
    "weights by way of others": (
        [
            node("Cast", "w", "a", to=1),
            node("Transpose", "a", "b", perm=[1, 0]),
            node("Reshape", "b s", "c"),
            node("Identity", "c", "d"),
            node("Flatten", "x", "f"),
            node("MatMul", "f d"),
        ],
        {"w": floats(5, 256).astype("f2"), "s": ints(256, -1)},
        (["linear"], 1280, 1280),
    ),
    "weights of a gain": (
        [node("Mul", "w g", "v"), node("Conv", "x v")],
        {"w": floats(6, 4, 3, 3), "g": floats(6, 1, 1, 1)},
        (["conv"], 222, 216 * 36),
    ),
    "weights that are standardised": (
        [
            node("ReduceMean", "w", "m", axes=[1, 2, 3]),
            node("Sub", "w m", "d"),
            node("Mul", "d g", "v"),
            node("Add", "v small", "u"),
            node("Conv", "x u"),
        ],
        {"w": floats(6, 4, 3, 3), "g": floats(6, 1, 1, 1), "small": np.float32(1e-5)},
        (["conv"], 222, 216 * 36),
    ),
    "weights split in three": (
        [
            node("Split", "w", "a b c", axis=1),
            node("MatMul", "x a", "q"),
            node("MatMul", "x b", "k"),
            node("MatMul", "x c", "v"),
            node("Sum", "q k v"),
        ],
        {"shape": TOKENS, "w": floats(16, 48)},
        (["linear"] * 3 + ["add"] * 2, 768, 768 * 6),
    ),
    "a shape worked out": (
        [
            node("Shape", "x", "s"),
            node("Slice", "s zero one", "n"),
            node("ConstantOfShape", "one", "m", value=numpy_helper.from_array(ints(-1))),
            node("Concat", "n m", "t", axis=0),
            node("Reshape", "x t", "f"),
            node("Gemm", "f w"),
        ],
        {"zero": ints(0), "one": ints(1), "w": floats(256, 3)},
        (["linear"], 768, 768),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operator(name: str) -> None:
    nodes, given, expected = CASES[name]
    net = net_of(nodes, **given)
    assert told(net) == expected
    assert Network.from_json(net.to_json()) == net


def q(inputs: str, output: str) -> Any:
    return node("QuantizeLinear", f"{inputs} s z", output)


def dq(inputs: str, output: str) -> Any:
    return node("DequantizeLinear", f"{inputs} s z", output)


SCALES = {"s": np.float32(0.1), "z": np.int8(0)}


def test_quantised_by_pairs() -> None:
    w = np.resize(INT8, (6, 4, 3, 3))
    net = net_of(
        [
            q("x", "a"),
            dq("a", "b"),
            dq("w", "v"),
            node("Conv", "b v c", "d"),
            node("Relu", "d", "e"),
            q("e", "f"),
            dq("f", "y"),
        ],
        w=w,
        c=floats(6),
        **SCALES,
    )
    assert told(net) == (["elementwise", "conv"], 222, 216 * 36)
    assert [(row.bits, row.weight_bits) for row in net.layers] == [(8, 32), (8, 8)]


def test_quantised_operators() -> None:
    w, m = np.resize(INT8, (6, 4, 3, 3)), np.resize(INT8, (216, 5))
    net = net_of(
        [
            q("x", "a"),
            node("QLinearConv", "a s z w s z s z b", "c"),
            node("QLinearAdd", "c s z c s z s z", "d", MS),
            node("QLinearGlobalAveragePool", "d s z s z", "g", MS),
            node("Flatten", "c", "f"),
            node("QLinearMatMul", "f s z m s z s z", "h"),
            node("QGemm", "h s z n s z _ s z", "i", MS),
            dq("i", "y"),
        ],
        w=w,
        m=m,
        n=np.resize(INT8, (5, 3)),
        b=np.arange(6, dtype=np.int32),
        **SCALES,
    )
    kinds, params, macs = told(net)
    assert kinds == ["elementwise", "conv", "linear", "linear"]
    assert (params, macs) == (216 + 6 + 1080 + 15, 216 * 36 + 1080 + 15)
    assert {row.weight_bits for row in net.layers[1:]} == {8}
    assert {row.bits for row in net.layers} == {8}
    dynamic = net_of(
        [
            node("Flatten", "x", "f"),
            node("DynamicQuantizeLinear", "f", "a t u"),
            node("MatMulInteger", "a m u", "i"),
            node("Cast", "i", "c", to=1),
            node("Mul", "c t"),
        ],
        m=np.resize(INT8, (256, 5)),
    )
    assert told(dynamic) == (["elementwise", "linear", "elementwise", "scale"], 1280, 1280)
    assert [(row.bits, row.weight_bits) for row in dynamic.layers[:2]] == [(8, 32), (32, 8)]


def test_weights_of_four_bits() -> None:
    packed = np.resize(np.arange(256, dtype=np.uint8), (7, 1, 8))
    net = net_of(
        [node("MatMulNBits", "x w c", "y", MS, K=16, N=7, bits=4, block_size=16)],
        TOKENS,
        w=packed,
        c=floats(7),
    )
    assert told(net) == (["linear"], 112, 672)
    assert net.layers[0].weight_bits == 4
    four = helper.make_tensor("w", TensorProto.INT4, [16, 4], [3, -2] * 32)
    more = weights(s=np.float32(0.1))
    made = model([node("DequantizeLinear", "w s", "v"), node("MatMul", "x v")], [four, *more],
                 TOKENS, 21)  # fmt: skip
    net = read_onnx(made)
    assert told(net) == (["linear"], 64, 384)
    assert net.layers[0].weight_bits == 4


FUSED: dict[str, tuple[list[Any], dict[str, Any], tuple[list[str], int, int]]] = {
    "FusedConv": (
        [node("FusedConv", "x w b x6", "y", MS, activation="Relu", pads=[1] * 4)],
        {"w": floats(4, 4, 3, 3), "b": floats(4), "x6": floats(1, 4, 8, 8)},
        (["conv", "scale", "act"], 148 + 256, 144 * 64),
    ),
    "NhwcFusedConv": (
        [node("NhwcFusedConv", "x w b", "y", MS, activation="Relu")],
        {"shape": (1, 8, 8, 4), "w": floats(6, 4, 3, 3), "b": floats(6)},
        (["conv"], 222, 216 * 36),
    ),
    "FusedMatMul": (
        [node("FusedMatMul", "x w", "y", MS, transB=1)],
        {"shape": TOKENS, "w": floats(7, 16)},
        (["linear"], 112, 672),
    ),
    "FusedGemm": (
        [node("Flatten", "x", "f"), node("FusedGemm", "f w b", "y", MS, activation="Relu")],
        {"w": floats(256, 5), "b": floats(5)},
        (["linear"], 1285, 1280),
    ),
    "BiasGelu": (
        [node("MatMul", "x w", "m"), node("BiasGelu", "m b", "y", MS)],
        {"shape": TOKENS, "w": floats(16, 7), "b": floats(7)},
        (["linear"], 119, 672),
    ),
    "SkipLayerNormalization": (
        [node("SkipLayerNormalization", "x x g b", "y", MS)],
        {"shape": TOKENS, "g": floats(16), "b": floats(16)},
        (["add", "norm"], 32, 0),
    ),
    "SimplifiedLayerNormalization": (
        [node("SimplifiedLayerNormalization", "x g", "y")],
        {"shape": TOKENS, "g": floats(16)},
        (["norm"], 16, 0),
    ),
    "Attention": (
        [node("Attention", "x w b", "y", MS, num_heads=4)],
        {"shape": TOKENS, "w": floats(16, 48), "b": floats(48)},
        (["linear", "move", "move", "move", "matmul", "scale", "act", "matmul"], 816,
         768 * 6 + 2 * 4 * 36 * 4),
    ),
    "MultiHeadAttention": (
        [node("MultiHeadAttention", "x x x", "y", MS, num_heads=4)],
        {"shape": TOKENS},
        (["matmul", "scale", "act", "matmul"], 0, 2 * 4 * 36 * 4),
    ),
    "GroupQueryAttention": (
        [
            node("MatMul", "x k", "a"),
            node("GroupQueryAttention", "x a a", "y", MS, num_heads=4, kv_num_heads=2),
        ],
        {"shape": TOKENS, "k": floats(16, 8)},
        (["linear", "move", "move", "matmul", "scale", "act", "matmul"], 128,
         768 + 2 * 4 * 36 * 4),
    ),
    "RotaryEmbedding": (
        [node("RotaryEmbedding", "x p c c", "y", MS)],
        {"shape": TOKENS, "p": ints(0), "c": floats(6, 8)},
        (["elementwise"], 0, 0),
    ),
    "GroupNorm": (
        [node("GroupNorm", "x g b", "y", MS, groups=2, activation=1)],
        {"shape": (1, 8, 8, 4), "g": floats(4), "b": floats(4)},
        (["norm", "act"], 8, 0),
    ),
    "EmbedLayerNormalization": (
        [
            node("ArgMax", "x", "i", axis=2, keepdims=0),
            node("EmbedLayerNormalization", "i _ w p _ g b", "y m", MS),
        ],
        {"shape": TOKENS, "w": floats(9, 8), "p": floats(10, 8), "g": floats(8), "b": floats(8)},
        (["reduce", "embedding", "scale", "norm"], 72 + 80 + 16, 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FUSED)
def test_operators_of_onnxruntime(name: str) -> None:
    nodes, given, expected = FUSED[name]
    assert told(net_of(nodes, **given)) == expected
