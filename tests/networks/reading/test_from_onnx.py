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
from onnx import ModelProto, TensorProto, helper  # noqa: E402
from twins.onnx_models import floats, graph, model, node, weights  # noqa: E402

from flash.errors import (  # noqa: E402
    ArgumentError,
    ArgumentTypeError,
    FormatError,
    UnknownOperatorsError,
)
from flash.networks.network import Network  # noqa: E402
from flash.networks.reading.from_onnx.file import read_onnx  # noqa: E402


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
    assert [row.kind for row in net.layers] == ["conv", "conv", "scale", "add", "add"]


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
        ([node("Foo", "x")], "Foo at /y/Foo"),
        ([node("Foo", "x", "y", "my.own")], "my.own.Foo at /y/Foo"),
        ([node("Foo", "x", "r"), node("Bar", "r", "s"), node("TfIdfVectorizer", "x", "t"),
          node("Concat", "s t", axis=1)], "Foo at /r/Foo, TfIdfVectorizer at /t/TfIdf"),
        ([node("Conv", "x v")], r"Conv at /y/Conv \(a window over 4 axes"),
    ],
)  # fmt: skip
def test_unknown_operators_are_named(nodes: list[Any], named: str) -> None:
    shape = (1, 4, 5, 5, 5, 5) if "Conv" in named else ("n", 4, 8, 8)
    with pytest.raises(UnknownOperatorsError, match=named) as caught:
        read([*nodes, node("Relu", "y", "z")], weights(v=floats(4, 4, 1, 1, 1, 1)), shape)
    assert "Bar" not in str(caught.value)  # what follows an unknown one is not named too


def test_what_nothing_reads_is_not_looked_at() -> None:
    nodes = [node("Foo", "x", "f"), conv("x w", "a"), node("LSTM", "f f f", "b")]
    net = Network.from_onnx(model(nodes, weights(w=floats(6, 4, 3, 3)), outputs=["a"]))
    assert (len(net), net.params) == (1, 216)


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
    with pytest.raises(
        ArgumentTypeError,
        match=r"source must be the path of an ONNX file, its bytes or an onnx.ModelProto",
    ):
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
    with pytest.raises(FormatError, match="at most 32 axes of 0 to"):
        read([conv()], [declared("w", [-4, 4, 3, 3])])
    with pytest.raises(FormatError, match="at most 32 axes of 0 to"):
        read([conv()], [declared("w", [1 << 60, 4, 3, 3])])
    with pytest.raises(FormatError, match="of input 'x' must be 1 to"):
        read([conv()], weights(w=floats(6, 4, 3, 3)), ("n", 1 << 50, 8, 8))
    with pytest.raises(FormatError, match="size 1 of input 'x' is open"):
        read([conv()], weights(w=floats(6, 4, 3, 3)), ("n", 0, 8, 8))


def test_external_data_is_not_opened(tmp_path: Path) -> None:
    outside = declared("w", [6, 4, 3, 3])
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "../../../../etc/passwd"
    net = Network.from_onnx(model([conv()], [outside]).SerializeToString())
    assert net.params == 216
    # a constant whose numbers matter cannot lie outside
    outside.name, outside.dims[:], outside.data_type = "m", [2], TensorProto.INT64
    with pytest.raises(FormatError, match="MatMul at /y/MatMul cannot be counted"):
        read([node("Reshape", "x m", "f"), node("MatMul", "f w")],
             [outside, *weights(w=floats(256, 3))])  # fmt: skip


def test_external_data_beside_the_file_tells_a_shape(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"junk" + np.array([1, -1]).tobytes() + b"more")
    outside = TensorProto(name="m", dims=[2], data_type=TensorProto.INT64,
                          data_location=TensorProto.EXTERNAL)  # fmt: skip
    for key, value in (("location", "data.bin"), ("offset", "4"), ("length", "16")):
        entry = outside.external_data.add()
        entry.key, entry.value = key, value
    nodes = [node("Reshape", "x m", "f"), node("MatMul", "f w")]
    made = model(nodes, [outside, *weights(w=floats(256, 3))])
    (tmp_path / "a.onnx").write_bytes(made.SerializeToString())
    assert Network.from_onnx(tmp_path / "a.onnx").macs == 768
    for bad in ("../data.bin", "link.bin", "absent.bin", str(tmp_path / "data.bin"), ""):
        if bad == "link.bin":
            (tmp_path / bad).symlink_to(tmp_path / "data.bin")
        outside.external_data[0].value = bad
        made.graph.initializer[0].CopyFrom(outside)
        (tmp_path / "a.onnx").write_bytes(made.SerializeToString())
        with pytest.raises(FormatError, match=r"MatMul at .* cannot be counted"):
            Network.from_onnx(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    ("shape", "given", "text"),
    [
        (("n", 4, "h", 8), None, r"size 2 of input 'x' is open \(h\): pass input_shape=\("),
        (("n", None, 8, 8), None, r"size 1 of input 'x' is open \(without a name\)"),
        (None, None, "input 'x' has no shape: pass input_shape="),
        (("n", 4, "h", 8), (4, 8), "must have 4 sizes, or 3 without the batch"),
        (("n", 4, "h", 8), (3, 8, 8), "must agree with the file, which fixes"),
        (("n", 4, "h", "h"), (4, 8, 9), "'h' must be one number, got 8 and 9"),
        (("n", 4, "h", 8), {"z": (4, 8, 8)}, "must name inputs of 'x', got 'z'"),
    ],
)
def test_open_sizes(shape: Any, given: Any, text: str) -> None:
    with pytest.raises((FormatError, ArgumentError), match=text):
        read_onnx(model([conv()], weights(w=floats(6, 4, 3, 3)), shape), given)


def test_input_shapes() -> None:
    made = weights(w=floats(6, 4, 3, 3))
    for sizes in ((4, 10, 8), (1, 4, 10, 8), {"x": (4, 10, 8)}):
        net = read_onnx(model([conv()], made, ("n", 4, "h", 8)), sizes)
        assert (net.macs, net.input_shape) == (216 * 48, (4, 10, 8))
    for bad in ("4, 8, 8", 3.5, (4, 8, "a"), (4, -1, 8)):
        with pytest.raises((ArgumentError, ArgumentTypeError), match="input_shape"):
            read_onnx(model([conv()], made, ("n", 4, "h", 8)), bad)
    # the names of sizes tie inputs together
    nodes = [node("Gather", "w x", "e"), node("Mul", "e m")]
    inputs = {"x": ("n", "t"), "m": ("n", "t", 1)}
    made = model(nodes, weights(w=floats(50, 12)), inputs=inputs, kinds={"x": TensorProto.INT64})
    net = read_onnx(made, {"x": (7,)})
    assert [row.kind for row in net.layers] == ["input", "embedding", "mul"]
    assert net.layers[1].height == 7
    more = {"x": ("n", "t"), "p": ("n", 3, "past", 4), "m": ("n", "past + t", 1)}
    nodes = [node("Gather", "w x", "e"), node("Concat", "p p", "q", axis=2), node("Size", "q", "s"),
             node("Cast", "s", "c", to=1), node("Mul", "e c", "f"), node("ReduceSum", "m", "r"),
             node("Mul", "f r")]  # fmt: skip
    past = model(nodes, weights(w=floats(50, 12)), inputs=more, kinds={"x": TensorProto.INT64})
    net = read_onnx(past, {"x": (7,), "p": (3, 0, 4)})
    assert [(row.kind, row.height) for row in net.layers[:1]] == [("input", 7)]
    with pytest.raises(FormatError, match="size 2 of input 'p' is open"):
        read_onnx(past, {"x": (7,)})
    with pytest.raises(ArgumentError, match="must be a dict by name"):
        read_onnx(made, (7, 7, 7, 7, 7))
    with pytest.raises(FormatError, match=r"input_shape=\{'x': "):
        read_onnx(made)


def test_a_batch_that_is_fixed_is_read_as_one_image() -> None:
    nodes = [
        conv(output="a"),
        node("Reshape", "a s", "f"),
        node("MatMul", "f v", "g"),
    ]
    made = weights(w=floats(6, 4, 3, 3), s=np.array([8, -1]), v=floats(216, 5))
    net = read_onnx(model(nodes, made, (8, 4, 8, 8)))
    assert net.macs == 216 * 36 + 1080


def test_several_inputs() -> None:
    made = weights(w=floats(6, 4, 3, 3))
    nodes = [conv("z w", "a"), node("GlobalAveragePool", "a", "g"), node("Flatten", "g", "f"),
             node("Add", "f x")]  # fmt: skip
    net = read_onnx(model(nodes, made, inputs={"x": ("n", 6), "z": ("n", 4, 8, 8)}))
    assert net.input_shape == (4, 8, 8)
    assert [row.kind for row in net.layers] == ["input", "conv", "pool", "add"]
    # a weight that is listed as an input too
    old = model([conv()], made, inputs={"x": ("n", 4, 8, 8), "w": (6, 4, 3, 3)})
    assert read_onnx(old).params == 216


@pytest.mark.parametrize(
    ("nodes", "outputs"),
    [
        ([node("ArgMax", "c", "y", axis=1)], "y"),
        ([node("NonZero", "c", "n"), node("Transpose", "n", "t"),
          node("Slice", "t a b", "y")], "y"),
        ([node("Flatten", "c", "f"), node("ReduceMax", "f", "m", keepdims=0, axes=[0]),
          node("TopK", "m k", "v i"), node("NonZero", "c", "o"),
          node("Transpose", "o", "n", perm=[1, 0]), node("GatherND", "c n", "y")], "v y"),
        ([node("ArrayFeatureExtractor", "c k", "e", "ai.onnx.ml"),
          node("ZipMap", "e", "y", "ai.onnx.ml")], "y"),
    ],
)  # fmt: skip
def test_heads_after_the_last_layer(nodes: list[Any], outputs: str) -> None:
    nodes = [conv("x w", "c"), *nodes]
    made = weights(w=floats(6, 4, 3, 3), a=np.array([0]), b=np.array([5]), k=np.array([3]))
    net = read_onnx(model(nodes, made, outputs=outputs.split()))
    assert (net.layers[0].kind, net.params, net.macs) == ("conv", 216, 216 * 36)


def test_sizes_that_depend_on_the_data_before_a_layer() -> None:
    nodes = [node("NonZero", "x", "n"), node("Cast", "n", "c", to=1), node("MatMul", "v c")]
    with pytest.raises(FormatError, match="MatMul at /y/MatMul cannot be counted: the shape"):
        read(nodes, weights(v=floats(3, 4)))
    nodes = [node("NonZero", "x", "n"), node("Cast", "n", "c", to=1), node("Mul", "c v")]
    with pytest.raises(FormatError, match="Mul at /y/Mul cannot be counted"):
        read(nodes, weights(v=floats(4, 1)))


def test_branches() -> None:
    made = weights(w=floats(6, 4, 3, 3), v=floats(6, 4, 1, 1), yes=np.array(True),
                   zero=np.float32(0))  # fmt: skip
    large, small = graph([conv("x w", "a")], "a"), graph([conv("x v", "b")], "b")
    for chosen, params in ((large, 216), (small, 24)):
        other = small if chosen is large else large
        net = read([node("If", "yes", then_branch=chosen, else_branch=other)], made)
        assert net.params == params
    condition = [node("ReduceMax", "x", "m", keepdims=0), node("Greater", "m zero", "c")]
    for pair in ((large, small), (small, large)):
        with pytest.warns(UserWarning, match="If at /y/If: its condition depends on the data"):
            net = read(
                [*condition, node("If", "c", then_branch=pair[0], else_branch=pair[1])], made
            )
        assert (net.params, net.macs) == (216, 216 * 36)
    broken = graph([conv("x w", "a", dilations=[9, 9])], "a")
    with pytest.warns(UserWarning, match="If at /y/If"):
        net = read([*condition, node("If", "c", then_branch=broken, else_branch=small)], made)
    assert net.params == 24
    with pytest.raises(FormatError, match="kernel must fit"):
        read([*condition, node("If", "c", then_branch=broken, else_branch=broken)], made)


def test_loops() -> None:
    made = weights(
        w=floats(4, 4, 3, 3), three=np.array(3), yes=np.array(True), many=np.array(1 << 40)
    )
    body = graph([conv("s w", "t", pads=[1, 1, 1, 1]), node("Identity", "c", "d")], "d t", "i c s")
    net = read([node("Loop", "three yes x", "y", body=body)], made)
    assert (len(net), net.params, net.macs) == (3, 144, 3 * 144 * 64)
    with pytest.raises(FormatError, match="a loop must have at most 4096 rounds"):
        read(
            [
                node(
                    "Loop",
                    "many yes x",
                    "y",
                    body=graph(
                        [node("Relu", "s", "t"), node("Identity", "c", "d")], "d t", "i c s"
                    ),
                )
            ],
            made,
        )
    trips = [node("ReduceMax", "x", "m", keepdims=0), node("Cast", "m", "n", to=7)]
    with pytest.raises(
        FormatError, match=r"Loop at .* cannot be counted: the number of its rounds"
    ):
        read([*trips, node("Loop", "n yes x", "y", body=body)], made)
    scanned = graph([node("MatMul", "i v", "o"), node("Add", "o s", "t")], "t o", "s i")
    made = weights(v=floats(8, 8), z=np.zeros((4, 8), "f4"))
    net = read([node("Scan", "z x", "u y", body=scanned, num_scan_inputs=1,
                     scan_input_axes=[2])], made, ("n", 4, 8, 8), outputs=["y"])  # fmt: skip
    assert net.params == 64


def test_functions_of_the_model() -> None:
    value = helper.make_opsetid("", 17)
    block = helper.make_function(
        "my.own", "Block", ["a", "k", "b"], ["z"],
        [helper.make_node("Conv", ["a", "k", "b"], ["c"], "c"), node("Relu", "c", "z")],
        [value], ["strides"],
    )  # fmt: skip
    for attribute in ("strides",):
        one = block.node[0].attribute.add()
        one.name, one.ref_attr_name, one.type = attribute, attribute, onnx.AttributeProto.INTS
    made = weights(w=floats(4, 4, 3, 3))
    nodes = [
        node("Block", "x w", "h", "my.own", strides=[2, 2]),
        node("Block", "h w", "y", "my.own"),
    ]
    net = Network.from_onnx(model(nodes, made, functions=[block]))
    assert [(row.kind, row.stride, row.activation) for row in net.layers] == [
        ("conv", 2, "relu"), ("conv", 1, "relu")]  # fmt: skip
    assert net.params == 144
    calls = [node("Block", "a k b", "z", "my.own")]
    endless = helper.make_function("my.own", "Block", ["a", "k", "b"], ["z"], calls, [value])
    with pytest.raises(FormatError, match="must be at most 32 deep"):
        Network.from_onnx(model(nodes, made, functions=[endless]))


def test_functions_that_multiply_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of twenty functions calls the next one twice: a million nodes of forty."""
    functions = []
    for level in range(20):
        kind = f"F{level + 1}" if level < 19 else "Relu"
        domain = "my.own" if level < 19 else ""
        calls = [node(kind, "a", "b", domain), node(kind, "b", "z", domain)]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("my.own", 1)]
        functions.append(helper.make_function("my.own", f"F{level}", ["a"], ["z"], calls, opsets))
    monkeypatch.setattr("flash.networks.reading.from_onnx.walk.MAX_VISITS", 1 << 10)
    with pytest.raises(FormatError, match="must run at most 1024 nodes"):
        Network.from_onnx(model([node("F0", "x", "y", "my.own")], functions=functions))


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([node("Relu", "b", "a"), node("Relu", "a", "b")], "reads 'b', which nothing before it"),
        ([node("Relu", "a", "a")], "reads 'a', which nothing before it"),
        ([node("Relu", "x", "a"), node("Relu", "x", "a")], "'a' is made twice"),
        ([node("Relu", "x", "x")], "'x' is made twice"),
        ([conv(strides=[0, 1])], "strides"),
        ([conv(group=3)], "Conv at /y/Conv: groups must divide its channels"),
        ([conv(group=0)], "Conv at /y/Conv: groups must divide its channels"),
        ([conv(dilations=[99, 1])], "Conv at /y/Conv: kernel must fit"),
        ([conv(pads=[-1, 0, 0, 0])], "pads 0"),
        ([conv(strides=b"ab")], "strides is of the wrong type"),
        ([node("Split", "x w2", "a b", axis=1)], "sizes must be 2 that add up to 4"),
        ([node("Gather", "x w3", axis=1)], "indices must be below 4"),
        ([node("Reshape", "x w2")], "cannot become"),
        ([node("Concat", "x w", axis=1)], "do not join along axis 1"),
        ([node("Add", "x w")], "do not broadcast"),
        ([node("MatMul", "x w")], "do not fit"),
        ([node("Transpose", "x", perm=[0, 0, 1, 2])], "perm must be an order"),
        ([node("Squeeze", "x", axes=[1])], "axes"),
        ([node("Resize", "x")], "it must have scales or sizes"),
        ([node("Upsample", "x", scales=[1.0, 1.0, 0.0, 2.0])], "scales must be above 0"),
        ([node("TopK", "x w2", "a b", axis=1)], "k must be one number"),
        ([node("BatchNormalization", "x w2 w2 w2 w2")], "it must read"),
        ([node("Einsum", "x x", equation="ab,cd->a")], "does not fit shape"),
        ([node("Conv", "x")], "input 1 is missing"),
        ([node("Relu", "_")], "input 0 is missing"),
        ([node("LSTM", "x w w", hidden_size=2)], "its weights"),
        ([node("If", "w2")], "it must have two branches"),
        ([node("Loop", "_ _ x")], "it must have a body"),
        ([node("Constant", "")], "holds no value"),
        ([node("Expand", "x big")], "a shape must hold at most"),
        ([node("Range", "zero big1 one")], "shape must"),
    ],
)
def test_inconsistent_files(nodes: list[Any], text: str) -> None:
    made = weights(
        w=floats(6, 4, 3, 3), w2=np.array([3, 3]), w3=np.array([0, 9]), zero=np.array(0),
        one=np.array(1), big=np.array([1 << 39, 1 << 39, 1, 4, 8, 8]), big1=np.array(1 << 62),
    )  # fmt: skip
    with pytest.raises(FormatError, match=text):
        read(nodes, made)


def test_a_stride_of_zero_in_a_branch() -> None:
    """Old onnx divides by it where it infers shapes, and takes the process with it."""
    made = weights(w=floats(6, 4, 3, 3), yes=np.array(True))
    branch = graph([conv(output="a", strides=[0, 1])], "a")
    with pytest.raises(FormatError, match="strides and dilations must be at least 1"):
        read([node("If", "yes", then_branch=branch, else_branch=branch)], made)


def test_opsets_and_inputs() -> None:
    made = weights(w=floats(6, 4, 3, 3))
    for opset in (7, 9, 11, 13, 20, 22):
        assert read([conv()], made, opset=opset).params == 216
    with pytest.raises(FormatError, match=r"must be of opset 1 to .*, got 99999"):
        read([conv()], made, opset=99999)
    with pytest.raises(FormatError, match=r"must be of opset 1 to .*, got 0"):
        read([conv()], made, opset=0)
    with pytest.raises(FormatError, match="must hold at least one layer"):
        read([node("Shape", "x")])
    with pytest.raises(FormatError, match="must have an input"):
        read([conv("w w")], made, inputs=())


def test_deep_branches() -> None:
    """Protobuf itself ends what is more than a hundred messages deep."""
    deep = graph([node("Relu", "x", "a")], "a")
    for _ in range(25):
        deep = graph([node("If", "yes", "a", then_branch=deep, else_branch=graph([], "x"))], "a")
    net = read(
        [node("If", "yes", then_branch=deep, else_branch=graph([], "x"))],
        weights(yes=np.array(True)),
    )
    assert [row.activation for row in net.layers] == ["relu"]


def test_models_and_protobufs() -> None:
    made = model([conv()], weights(w=floats(6, 4, 3, 3)))
    before = made.SerializeToString(deterministic=True)
    assert isinstance(made, ModelProto)
    assert Network.from_onnx(made).params == 216
    assert made.SerializeToString(deterministic=True) == before
