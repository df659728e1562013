"""What rows of every kind are charged, what targets say of those they have no cost for, and that a
network of them runs as a torch module."""

from __future__ import annotations

from typing import Any

import pytest
from twins import reference

from flash.errors import ArgumentError, ArgumentTypeError
from flash.hardware import KINDS, Target, costing
from flash.hardware._parts import features_of
from flash.networks.network import Network
from flash.networks.operations import charged

Row = dict[str, Any]
TOKENS = (24, 10, 1)  # ten tokens of 24 features
MAPS = (16, 12, 12)
SUBS = (*reference.PASSES, "unroll", "reorder", *reference.SLOW)


def net(*rows: Row, image: tuple[int, int, int] = TOKENS, outputs: Any = None) -> Network:
    return Network.from_layers(list(rows), image, outputs or [len(rows) - 1])


def counted(network: Network) -> dict[str, float]:
    """The features that are not 0, by name."""
    names = KINDS["cpu"].FEATURES
    values = features_of("cpu", charged(network), (1, 1))
    return {name: one for name, one in zip(names, values, strict=True) if one}


def added(*parts: list[float]) -> dict[str, float]:
    totals = [sum(column) for column in zip(*parts, strict=True)]
    return {name: one for name, one in zip(KINDS["cpu"].FEATURES, totals, strict=True) if one}


CASES: dict[str, tuple[Network, list[list[float]]]] = {
    "a view and an input cost nothing": (
        net(
            {"kind": "move", "mode": "view", "out_channels": 10, "size": (24, 1)},
            {"kind": "input", "in_channels": 24, "height": 10},
            outputs=[0, 1],
        ),
        [],
    ),
    "a softmax": (
        net({"kind": "act", "activation": "softmax"}),
        [reference.pass_features("softmax", 240, 240, 240)],
    ),
    "slow activations": (
        net({"kind": "act", "activation": "mish"}, {"kind": "act", "activation": "elu"}),
        [
            reference.pass_features("softplus", 240, 240, 240),
            reference.pass_features("elu", 240, 240, 240),
        ],
    ),
    "an activation of a convolution": (
        net({"kind": "conv", "out_channels": 8, "activation": "silu", "norm": True}, image=MAPS),
        [
            reference.cpu_features(0, 1, 16, 8, 1, 12, 12),
            reference.pass_features("curve", 1152, 1152, 1152),
            reference.pass_features("reorder", 0, 0, 2304),
        ],
    ),
    "norms": (
        net(
            {"kind": "norm", "mode": "layer", "extra_params": 48},
            {"kind": "norm", "mode": "batch", "extra_params": 48},
        ),
        [
            reference.pass_features("norm", 240, 240, 240),
            reference.pass_features("plain", 240, 240, 0),
        ],
    ),
    "attention": (
        net(
            {"kind": "linear", "out_channels": 24, "height": 10, "bias": True},
            {"kind": "move", "mode": "permute", "out_channels": 20, "size": (12, 1), "inputs": [0]},
            {
                "kind": "matmul",
                "in_channels": 24,
                "out_channels": 20,
                "height": 10,
                "groups": 2,
                "inputs": [0, 1],
            },
        ),
        [
            reference.cpu_features(8, 1, 24, 24, 1, 10, 1),
            reference.pass_features("permute", 240, 240, 240),
            reference.product_features(10, 12, 10, 2),
        ],
    ),
    "a sum of tokens": (
        net(
            {"kind": "linear", "out_channels": 24, "height": 10},
            {"kind": "add", "inputs": [0, -1]},
        ),
        [
            reference.cpu_features(8, 1, 24, 24, 1, 10, 1),
            reference.cpu_features(2, 1, 1, 24, 1, 10, 1),
            reference.pass_features("plain", 480, 240, 0),
        ],
    ),
    "an embedding": (
        net({"kind": "embedding", "in_channels": 50, "out_channels": 8, "height": 240}),
        [reference.pass_features("plain", 240 * 9, 240 * 8, 0)],
    ),
    "recurrent layers": (
        net(
            {"kind": "recurrent", "mode": "lstm", "out_channels": 32, "groups": 2, "bias": True},
            {"kind": "recurrent", "mode": "gru", "out_channels": 7},
        ),
        [
            reference.recurrent_features(24, 16, 4, 2, 10),
            reference.recurrent_features(32, 7, 3, 1, 10),
        ],
    ),
    "a transposed convolution": (
        net(
            {
                "kind": "conv",
                "out_channels": 8,
                "kernel": 4,
                "stride": 2,
                "padding": 1,
                "transposed": True,
                "size": (24, 24),
                "bias": True,
            },
            image=MAPS,
        ),
        [
            reference.cpu_features(7, 1, 16, 8 * 16, 1, 12, 12),
            reference.pass_features("unroll", 0, 0, 144 * 8 * 16),
            reference.pass_features("plain", 144 * 8 * 16, 24 * 24 * 8, 0),
        ],
    ),
    "frames": (
        net(
            {
                "kind": "conv",
                "out_channels": 8,
                "kernel": 3,
                "height": 4,
                "frames": 3,
                "kernel_frames": 3,
                "padding_frames": 1,
                "width": 12,
            },
            image=MAPS,
        ),
        [
            reference.cpu_features(0, 9, 16, 8, 1, 12, 12, across=3),
            reference.pass_features("unroll", 0, 0, 144 * 27 * 16),
        ],
    ),
    "a bare convolution": (
        net({"kind": "conv", "out_channels": 8, "kernel": 3, "bias": True}, image=MAPS),
        [reference.cpu_features(7, 3, 16, 8, 1, 12, 12)],
    ),
    "an interpolation and a gate of maps": (
        net(
            {"kind": "conv", "out_channels": 8, "kernel": 3},
            {"kind": "resize", "mode": "linear", "size": (24, 24)},
            {"kind": "pool", "mode": "global_avg", "inputs": [0]},
            {"kind": "mul", "inputs": [0, 2], "reads": 8 * 144 + 8},
            image=MAPS,
            outputs=[1, 3],
        ),
        [
            reference.cpu_features(0, 3, 16, 8, 1, 12, 12),
            reference.pass_features("resize", 8 * 144, 8 * 576, 8 * 576),
            reference.pass_features("reorder", 0, 0, 2 * 8 * 576),
            reference.cpu_features(3, 12, 1, 8, 1, 1, 1),
            reference.pass_features("plain", 8 * 145, 8 * 144, 0),
            reference.pass_features("reorder", 0, 0, 2 * 8 * 144),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_rows_count(name: str) -> None:
    network, parts = CASES[name]
    assert counted(network) == added(*parts, [0.0] * reference.CPU_FEATURES)


def test_large_passes_are_charged_and_larger_ones_refused() -> None:
    target = Target.load("cpu-x86")
    wide = net({"kind": "act", "activation": "gelu"}, image=(1 << 20, 1 << 18, 1 << 10))
    assert target.cost(wide).latency_ms > 0
    with pytest.raises(ArgumentError, match=r"layers\[0\] \(act\) must read and write at most"):
        target.cost(net({"kind": "act", "activation": "gelu"}, image=(1 << 30, 1 << 24, 1 << 10)))
    much = {"kind": "matmul", "in_channels": 1 << 29, "out_channels": 1 << 29, "inputs": [0, 1]}
    read = {"kind": "input", "in_channels": 1 << 29}
    with pytest.raises(ArgumentError, match=r"layers\[2\] \(matmul\) must read and write at most"):
        target.cost(net(read, {**read, "height": 1 << 24, "width": 1 << 5}, much))


MIXED = net(
    {"kind": "linear", "out_channels": 24, "height": 10, "activation": "gelu"},
    {
        "kind": "matmul",
        "in_channels": 24,
        "out_channels": 10,
        "height": 10,
        "inputs": [0, -1],
    },
    {"kind": "recurrent", "mode": "lstm", "out_channels": 16},
)


def test_what_has_no_cost_is_named_by_target() -> None:
    def free(name: str) -> list[str]:
        start = f"{name} charges nothing for "
        told = [one for one in Target.load(name).cost(MIXED).flags if one.startswith(start)]
        return told[0][len(start) :].split(", ") if told else []

    gelu, matmul, lstm = "the activations gelu", "matmul rows", "recurrent (lstm) rows"
    assert free("rram") == [gelu, matmul, lstm]
    assert free("systolic-32") == [gelu, lstm]
    assert free("fpga-zu9eg") == [gelu, matmul, lstm]
    assert free("raspberry-pi-4") == [gelu]
    note = "raspberry-pi-4 charges products of computed values as convolutions"
    assert any(one.startswith(note) for one in Target.load("raspberry-pi-4").cost(MIXED).flags)


@pytest.mark.parametrize("name", ["rram", "systolic-32", "fpga-zu9eg", "raspberry-pi-4"])
def test_strict_costs_refuse_what_has_none(name: str) -> None:
    target = Target.load(name)
    assert target.cost(MIXED).latency_ms > 0
    with pytest.raises(ArgumentError, match=rf"what target '{name}' has no cost for: .*gelu"):
        target.cost(MIXED, strict=True)
    with pytest.raises(ArgumentTypeError, match="strict must be"):
        target.cost(MIXED, strict=1)  # type: ignore[arg-type]
    plain = net({"kind": "conv", "out_channels": 8, "kernel": 3, "norm": True}, image=MAPS)
    assert target.cost(plain, strict=True) == target.cost(plain)


def test_shares_name_their_rows() -> None:
    names = [one.name for one in Target.load("cpu-x86").cost(MIXED).by_layer]
    assert names == ["0 linear 24>24", "1 matmul 10", "2 recurrent lstm 16"]


def test_a_product_on_a_systolic_array_takes_what_a_convolution_does() -> None:
    product = net({"kind": "input", "in_channels": 24, "height": 7}, {
        "kind": "matmul", "in_channels": 24, "out_channels": 7, "height": 10, "inputs": [-1, 0],
    })  # fmt: skip
    linear = net({"kind": "linear", "out_channels": 7, "height": 10})
    for name in ("systolic-32", "systolic-dram"):
        target = Target.load(name)
        assert target.cost(product).latency_ms == target.cost(linear).latency_ms


def test_operations_of_families_are_what_they_were() -> None:
    row = {"kind": "conv", "out_channels": 32, "kernel": 3, "groups": 2}
    network = net({**row, "norm": True}, {**row, "bias": True, "activation": "relu"}, image=MAPS)
    own = (32, 2, 12, 12, 3, 12, 12, 144, 196)
    assert costing.operations(network) == [[(0, 3, 16, *own)], [(0, 3, 32, *own)]]


# As torch modules


@pytest.mark.torch
@pytest.mark.parametrize("name", [*CASES, "all of them"])
def test_networks_of_any_kind_run(name: str) -> None:
    torch = pytest.importorskip("torch")
    network = MIXED if name == "all of them" else CASES[name][0]
    module = network.to_torch(seed=3)
    assert module.network == network
    with torch.no_grad():
        made = module.eval()(torch.randn(2, *network.input_shape))
    found = made if isinstance(made, tuple) else (made,)
    outputs = network.outputs or (len(network) - 1,)
    for one, row in zip(found, outputs, strict=True):
        channels, height, width = network.layers[row].shape_out
        assert one.shape[0] == 2
        assert one[0].numel() == channels * height * width
    weights = sum(one.numel() for one in module.parameters() if one.requires_grad)
    assert weights == network.params


@pytest.mark.torch
@pytest.mark.parametrize(
    "row",
    [
        {"kind": "elementwise", "mode": "rsqrt"},
        {"kind": "elementwise", "mode": "unheard_of"},
        {"kind": "elementwise", "mode": "div", "inputs": [-1, 0]},
        {"kind": "scale", "mode": "add", "extra_params": 16},
        {"kind": "scale", "mode": "mul", "extra_params": 16 * 144},
        {"kind": "reduce", "mode": "amax", "out_channels": 16, "size": (1, 1)},
        {"kind": "reduce", "mode": "argsort"},
        {"kind": "reduce", "mode": "topk", "out_channels": 5, "size": (1, 1)},
        {"kind": "move", "mode": "concat", "inputs": [-1, 0], "size": (24, 12)},
        {"kind": "move", "mode": "gather", "size": (5, 5)},
        {"kind": "move", "mode": "pad", "size": (14, 14)},
        {"kind": "move", "mode": "scatter", "inputs": [-1, 0]},
        {"kind": "move", "mode": "slice", "out_channels": 3, "size": (2, 2)},
        {"kind": "norm", "mode": "group", "extra_params": 32},
        {"kind": "norm", "mode": "instance"},
        {"kind": "norm", "mode": "l2"},
        {"kind": "norm", "mode": "local"},
        {"kind": "norm", "mode": "rms", "extra_params": 16},
        {"kind": "pool", "mode": "lp", "kernel": 2, "stride": 2},
        {
            "kind": "add",
            "inputs": [-1, 0],
            "reshaped": True,
            "in_channels": 48,
            "height": 12,
            "width": 4,
            "out_channels": 48,
        },
    ],
    ids=lambda row: f"{row['kind']} {row.get('mode', '')}",
)
def test_rows_of_other_kinds_run(row: Row) -> None:
    torch = pytest.importorskip("torch")
    first = {"kind": "act", "activation": "hardswish"}
    network = net(first, {"inputs": [-1], **row}, image=MAPS, outputs=[0, 1])
    with torch.no_grad():
        _, made = network.to_torch().eval()(torch.randn(1, *MAPS))
    channels, height, width = network.layers[1].shape_out
    assert made.numel() == channels * height * width
    assert torch.isfinite(made).all() or row.get("mode") in ("rsqrt", "div")


@pytest.mark.torch
def test_what_cannot_run_says_so() -> None:
    pytest.importorskip("torch")
    many = net({"kind": "recurrent", "mode": "gru", "out_channels": 24, "groups": 3})
    with pytest.raises(ArgumentError, match="1 or 2 directions, got 3"):
        many.to_torch()


@pytest.mark.torch
def test_networks_of_any_kind_are_written_as_onnx(tmp_path: Any) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    MIXED.to_onnx(tmp_path / "mixed.onnx", batch=1)
    session = runtime.InferenceSession(str(tmp_path / "mixed.onnx"))
    import numpy as np

    given = {session.get_inputs()[0].name: np.ones((1, *TOKENS), np.float32)}
    assert session.run(None, given)[0].size == 160
