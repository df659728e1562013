"""Network.from_onnx on files written node by node: operators, and files that mean harm."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from flash.errors import ArgumentTypeError, FormatError, UnknownOperatorsError  # noqa: E402
from flash.networks.network import Network  # noqa: E402

Shape = tuple[Any, ...]


def weights(**arrays: Any) -> list[Any]:
    return [numpy_helper.from_array(np.asarray(a), name) for name, a in arrays.items()]


def floats(*shape: int) -> Any:
    return np.ones(shape, np.float32)


def model(
    nodes: list[Any],
    constants: list[Any] | None = None,
    shape: Shape = ("n", 4, 8, 8),
    opset: int = 17,
    inputs: tuple[str, ...] = ("x",),
) -> Any:
    """Return a model whose last node's first output is its output."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [value(name, TensorProto.FLOAT, shape) for name in inputs],
        [value(nodes[-1].output[0], TensorProto.FLOAT, None)] if nodes else [],
        constants or [],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(kind: str, inputs: str, output: str = "y", **fields: Any) -> Any:
    return helper.make_node(kind, inputs.split(), output.split(), f"/{output}/{kind}", **fields)


def read(*args: Any, **more: Any) -> Network:
    return Network.from_onnx(model(*args, **more).SerializeToString())


def conv(inputs: str = "x w", output: str = "y", **fields: Any) -> Any:
    return node("Conv", inputs, output, **fields)


@pytest.mark.parametrize(
    ("fields", "kernel", "size"),
    [
        ({}, (3, 3), (6, 6)),
        ({"pads": [1, 1, 1, 1]}, (3, 3), (8, 8)),
        ({"pads": [0, 1, 1, 2], "strides": [2, 1]}, (3, 3), (4, 9)),
        ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (3, 3), (4, 4)),
        ({"auto_pad": "SAME_LOWER", "strides": [3, 1]}, (3, 3), (3, 8)),
        ({"auto_pad": "VALID", "dilations": [2, 3]}, (3, 3), (4, 2)),
        ({"pads": [0, 3, 0, 3]}, (1, 7), (8, 8)),
    ],
)
def test_windows(fields: dict[str, Any], kernel: tuple[int, int], size: tuple[int, int]) -> None:
    net = read([conv(**fields)], weights(w=floats(6, 4, *kernel)))
    layer = net.layers[0]
    assert (layer.out_height, layer.out_width) == size
    assert layer.macs == 6 * 4 * kernel[0] * kernel[1] * size[0] * size[1]
    assert layer.kernel_size == kernel


@pytest.mark.parametrize(
    ("kind", "fields", "size"),
    [
        ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]}, (4, 4)),
        ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}, (4, 4)),
        ("AveragePool", {"kernel_shape": [3, 2], "pads": [1, 0, 1, 0]}, (8, 7)),
        ("GlobalAveragePool", {}, (1, 1)),
        ("GlobalMaxPool", {}, (1, 1)),
        ("ReduceMean", {"axes": [-1, -2]}, (1, 1)),
        ("ReduceMean", {"axes": [2, 3], "keepdims": 0}, (1, 1)),
    ],
)
def test_pools(kind: str, fields: dict[str, Any], size: tuple[int, int]) -> None:
    layer = read([node(kind, "x", **fields)]).layers[0]
    assert (layer.kind, layer.out_height, layer.out_width) == ("pool", *size)


def test_reduce_mean_of_opset_18() -> None:
    net = read([node("ReduceMean", "x a")], weights(a=np.array([2, 3])), opset=18)
    assert net.layers[0].mode == "global_avg"


def test_linear_layers_and_what_becomes_their_bias() -> None:
    net = read(
        [
            node("Flatten", "x", "f"),
            node("Gemm", "f w b", "g", transB=1),
            node("Relu", "g", "r"),
            node("MatMul", "r v", "m"),
            node("Add", "c m", "y"),
        ],
        weights(w=floats(5, 256), b=floats(5), v=floats(5, 3), c=floats(3)),
    )
    rows = [(row.kind, row.in_channels, row.out_channels, row.bias) for row in net.layers]
    assert rows == [("linear", 256, 5, True), ("linear", 5, 3, True)]
    assert net.layers[0].activation == "relu"


def test_structure() -> None:
    net = read(
        [
            conv("x w", "a", pads=[1, 1, 1, 1]),
            node("BatchNormalization", "a s s s s", "n"),
            node("Clip", "n zero six", "r"),
            conv("r w", "b", pads=[1, 1, 1, 1]),
            node("Mul", "b half", "h"),
            node("Add", "h r", "j"),
            node("Mul", "r mask", "k"),
            node("Add", "j k", "l"),
            node("Gather", "l some", "t", axis=1),
            node("Split", "r two", "p q", axis=1),
            node("Concat", "l t q", "y", axis=1),
        ],
        weights(
            w=floats(4, 4, 3, 3),
            s=floats(4),
            zero=np.float32(0),
            six=np.float32(6),
            half=np.float32(0.5),
            mask=np.array([1, 0, 1, 1], np.float32).reshape(1, 4, 1, 1),
            some=np.array([0, 3, -2]),
            two=np.array([1, 3]),
        ),
    )
    assert [row.kind for row in net.layers] == ["conv", "conv", "add", "add"]


def test_shared_weights_count_once_and_selections_join() -> None:
    nodes = [
        conv("x w", "a", pads=[1, 1, 1, 1]),
        node("Gather", "a some", "t", axis=1),
        node("Concat", "x t", "c", axis=1),
        conv("c v", "d", pads=[1, 1, 1, 1]),
        node("Add", "d d", "y"),
    ]
    made = weights(w=floats(4, 4, 3, 3), v=floats(2, 7, 3, 3), some=np.array([0, 3, -2]))
    net = read(nodes, made)
    assert [(row.kind, row.inputs, row.channels) for row in net.layers] == [
        ("conv", (-1,), None),
        ("concat", (-1, 0), 3),
        ("conv", (1,), None),
        ("add", (2, 2), None),
    ]
    nodes = [conv("x w", "a"), node("Identity", "w", "u"), conv("a u", "b"), conv("b w", "y")]
    net = read(nodes, weights(w=floats(4, 4, 3, 3)))
    assert net.params == 144
    assert net.macs == 144 * (36 + 16 + 4)


def test_flattening_by_sizes_read_from_the_image() -> None:
    net = read(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "n", axis=0),
            node("Unsqueeze", "n axes", "u"),
            node("Concat", "u rest", "target", axis=0),
            node("Reshape", "x target", "f"),
            node("MatMul", "f w", "y"),
        ],
        weights(
            zero=np.array(0), axes=np.array([0]), rest=np.array([-1]), w=np.ones((256, 3), "f4")
        ),
    )
    assert net.params == 768


@pytest.mark.parametrize(
    ("nodes", "named"),
    [
        ([node("ConvTranspose", "x w")], "ConvTranspose at /y/ConvTranspose"),
        ([node("LayerNormalization", "x s")], "LayerNormalization at"),
        ([node("Transpose", "x", perm=[0, 2, 3, 1])], "Transpose at /y/Transpose .of dimensions"),
        ([node("PRelu", "x s")], "PRelu"),
        ([node("Mul", "x s")], r"Mul at /y/Mul .with a constant of shape \(4, 1, 1\)"),
        ([node("Add", "x s")], r"Add at /y/Add .with a constant of shape \(4, 1, 1\)"),
        ([node("Concat", "x x", axis=2)], "Concat at /y/Concat .along axis 2"),
        ([node("MatMul", "x m")], "MatMul at /y/MatMul .on 4 dimensions"),
        ([node("ReduceMean", "x", axes=[1])], "ReduceMean"),
        ([node("Relu", "x", "r"), node("Conv", "r r")], "Conv"),
        ([node("Slice", "x one two one")], None),
        ([node("Foo", "x")], "Foo at /y/Foo"),
        ([helper.make_node("Foo", ["x"], ["y"], "f", domain="my.own")], "my.own.Foo at f"),
        ([node("Resize", "x", "r"), node("Einsum", "r", equation="a")], "Resize at .*, Einsum at"),
    ],
)
def test_unknown_operators_are_named(nodes: list[Any], named: str | None) -> None:
    made = weights(
        w=floats(4, 4, 3, 3), s=2 * floats(4, 1, 1), m=floats(8, 3), one=np.array([1]),
        two=np.array([3]),
    )  # fmt: skip
    if named is None:
        assert read([*nodes, node("Relu", "y", "z"), conv("z v", "o")], [
            *made, *weights(v=floats(3, 2, 1, 1))]).layers[0].channels == 2  # fmt: skip
        return
    with pytest.raises(UnknownOperatorsError, match=named) as caught:
        read([*nodes, node("Relu", "y", "z")], made)
    assert "Supported: 2-d convolution" in str(caught.value)


def test_no_file_at_all(tmp_path: Path) -> None:
    good = model([conv()], weights(w=floats(6, 4, 3, 3))).SerializeToString()
    assert Network.from_onnx(good).params == 216
    assert Network.from_onnx(memoryview(good)).params == 216
    for bad in (b"", b"\0", b"hello there", b"\x08", bytes(1000), b"{" * 100):
        (tmp_path / "bad.onnx").write_bytes(bad)
        with pytest.raises(FormatError, match="truncated or none at all"):
            Network.from_onnx(tmp_path / "bad.onnx")
    with pytest.raises(FileNotFoundError):
        Network.from_onnx(tmp_path / "absent.onnx")
    with pytest.raises(FormatError, match="is no path"):
        Network.from_onnx("a\0b")
    with pytest.raises(ArgumentTypeError, match="source must be the path"):
        Network.from_onnx(3)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damaged_files(data: st.DataObject) -> None:
    """Cut short or with bytes changed: a network or a clear error, nothing else."""
    good = model(
        [conv("x w", "a"), node("Relu", "a", "r"), node("Flatten", "r", "f"), node("Gemm", "f v")],
        weights(w=floats(2, 4, 3, 3), v=floats(72, 3)),
    ).SerializeToString()
    bad = bytearray(good[: data.draw(st.integers(0, len(good)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if bad:
            bad[data.draw(st.integers(0, len(bad) - 1))] = data.draw(st.integers(0, 255))
    with suppress(FormatError, UnknownOperatorsError):
        Network.from_onnx(bytes(bad))


def declared(name: str, dims: list[int], raw: bytes = b"") -> Any:
    return TensorProto(name=name, dims=dims, data_type=TensorProto.FLOAT, raw_data=raw)


def test_sizes_that_lie() -> None:
    with pytest.raises(FormatError, match=r"'w': its dimensions .* ask for 1099511627776 numbers"):
        read([conv()], [declared("w", [1 << 20, 1 << 20, 1, 1], b"\0" * 16)])
    with pytest.raises(FormatError, match="dimensions must be 0 to"):
        read([conv()], [declared("w", [-4, 4, 3, 3])])
    with pytest.raises(FormatError, match="dimensions must be 0 to"):
        read([conv()], [declared("w", [1 << 60, 4, 3, 3])])
    for shape in (("n", 1 << 50, 8, 8), ("n", 4, 1 << 20, 8), ("n", 0, 8, 8)):
        with pytest.raises(FormatError, match="of input 'x' must be 1 to"):
            read([conv()], weights(w=floats(6, 4, 3, 3)), shape)


def test_external_data_is_not_opened(tmp_path: Path) -> None:
    outside = declared("w", [6, 4, 3, 3])
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "../../../../etc/passwd"
    net = Network.from_onnx(model([conv()], [outside]).SerializeToString())
    assert net.params == 216
    # a constant whose numbers matter cannot lie outside
    outside.name, outside.dims[:] = "m", [1, 4, 1, 1]
    with pytest.raises(UnknownOperatorsError, match="Mul"):
        read([node("Mul", "x m")], [outside])


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (("n", 4, "h", 8), "the height of input 'x' must be fixed, got 'h'"),
        (("n", None, 8, 8), "the channels of input 'x' must be fixed, got none"),
        (("n", 4), r"must be \(batch, channels, height, width\), got 2 dimensions"),
    ],
)
def test_open_sizes(shape: Shape, text: str) -> None:
    with pytest.raises(FormatError, match=text):
        read([conv()], weights(w=floats(6, 4, 3, 3)), shape)


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([node("Relu", "b", "a"), node("Relu", "a", "b")], "reads 'b', which nothing before it"),
        ([node("Relu", "a", "a")], "reads 'a', which nothing before it"),
        ([node("Relu", "x", "a"), node("Relu", "x", "a")], "'a' is made twice"),
        ([node("Relu", "x", "x")], "'x' is made twice"),
        ([conv(strides=[0, 1])], "strides"),
        ([conv(group=3)], "conv at y.Conv: "),
        ([conv(group=0)], "conv at y.Conv: "),
        ([conv(dilations=[99, 1])], "conv at y.Conv: kernel must fit"),
        ([node("Split", "x w2", "a b", axis=1)], "sizes must be 2 that add up to 4"),
        ([node("Gather", "x w3", axis=1)], "indices must be below 4"),
    ],
)
def test_inconsistent_files(nodes: list[Any], text: str) -> None:
    made = weights(w=floats(6, 4, 3, 3), w2=np.array([3, 3]), w3=np.array([0, 9]))
    with pytest.raises(FormatError, match=text):
        read(nodes, made)


def test_a_stride_of_zero_in_a_branch() -> None:
    """Old onnx divides by it where it infers shapes, and takes the process with it."""
    made = weights(w=floats(6, 4, 3, 3), yes=np.array(True))
    outputs = [helper.make_tensor_value_info("a", TensorProto.FLOAT, None)]
    branch = helper.make_graph([conv(output="a", strides=[0, 1])], "b", [], outputs)
    with pytest.raises(UnknownOperatorsError, match="If"):
        read(
            [node("If", "yes", then_branch=branch, else_branch=branch), node("If", "x", "z")], made
        )


def test_opsets_and_inputs() -> None:
    made = weights(w=floats(6, 4, 3, 3))
    with pytest.raises(FormatError, match=r"must be of opset 13 to .*, got 12"):
        read([conv()], made, opset=12)
    with pytest.raises(FormatError, match=r"must be of opset 13 to .*, got 99999"):
        read([conv()], made, opset=99999)
    with pytest.raises(FormatError, match="must have one input, the image, got 'x', 'z'"):
        read([conv()], made, inputs=("x", "z"))
    with pytest.raises(FormatError, match="must hold at least one layer"):
        read([node("Shape", "x")])
