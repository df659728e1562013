"""Networks with rows of every kind: nothing that walks over layers stumbles, or is wrong in
silence."""

from __future__ import annotations

from typing import Any

import pytest

import flash
from flash import Network
from flash.errors import ArgumentError
from flash.networks.layer import ACTIVATIONS, KINDS, MODES
from flash.networks.memory import memory_of
from flash.predictors.cell_terms import terms_of

SPOTS: dict[str, Any] = {"in_channels": 8, "height": 64}
ROWS: list[dict[str, Any]] = [
    {"kind": "conv", "out_channels": 8, "kernel": 3, "norm": True, "activation": "relu"},
    {"kind": "conv", "out_channels": 8, "kernel": 2, "stride": 2, "transposed": True,
     "size": [16, 16], "padding": 0},
    {"kind": "pool", "kernel": 2, "stride": 2, "mode": "max"},
    {"kind": "norm", "mode": "layer", "extra_params": 16},
    {"kind": "act", "activation": "gelu"},
    {"kind": "scale", "mode": "mul", "extra_params": 8},
    {"kind": "pool", "mode": "global_avg"},
    {"kind": "conv", "out_channels": 8, "kernel": 1, "activation": "sigmoid"},
    {"kind": "mul", "inputs": [5, 7], "reads": 520},
    {"kind": "move", "mode": "permute", "size": [64, 1], "out_channels": 8},
    {"kind": "linear", "out_channels": 8, "bias": True, **SPOTS},
    {"kind": "matmul", "inputs": [9, 10], "out_channels": 128, "groups": 2, **SPOTS},
    {"kind": "act", "activation": "softmax"},
    {"kind": "matmul", "inputs": [12, 10], "out_channels": 8, "groups": 2,
     "in_channels": 128, "height": 64},
    {"kind": "add", "inputs": [9, 13]},
    {"kind": "recurrent", "mode": "lstm", "out_channels": 8, "bias": True, **SPOTS},
    {"kind": "elementwise", "mode": "erf"},
    {"kind": "move", "mode": "view", "size": [8, 8], "out_channels": 8},
    {"kind": "resize", "mode": "nearest", "size": [16, 16]},
    {"kind": "input", "in_channels": 4, "height": 1, "width": 1},
    {"kind": "embedding", "inputs": [19], "in_channels": 10, "height": 4, "width": 1,
     "out_channels": 512},
    {"kind": "move", "mode": "view", "inputs": [20], "size": [16, 16], "out_channels": 8},
    {"kind": "concat", "inputs": [18, 21]},
    {"kind": "reduce", "mode": "mean", "size": [1, 1]},
    {"kind": "linear", "out_channels": 3},
]  # fmt: skip


@pytest.fixture(scope="module")
def net() -> Network:
    return Network.from_layers(ROWS, (3, 8, 8))


def test_all_kinds_are_there(net: Network) -> None:
    assert {layer.kind for layer in net.layers} == set(KINDS)
    assert net.counted is None


def test_it_is_shown_and_kept(net: Network) -> None:
    text = str(net)
    for shown in ("transposed conv", "norm layer", "act softmax", "move permute", "KiB read"):
        assert shown in text
    assert text.splitlines()[-1].endswith("KiB of values at most")
    assert "move permute" in net._repr_html_()
    assert Network.from_dict(net.to_dict()) == net


def test_it_is_counted(net: Network) -> None:
    assert net.params == sum(layer.params for layer in net.layers)
    assert net.weights_kib == net.params / 256
    assert memory_of(net).peak_kib >= max(one.bytes_written for one in net.layers) / 1024
    assert flash.nn_degree(net) > 0
    terms = terms_of(net)
    assert (terms.params, terms.macs) == (net.params, net.macs)


@pytest.mark.parametrize("name", flash.targets())
def test_every_target_charges_it_or_says_what_it_lacks(name: str, net: Network) -> None:
    target = flash.Target.load(name)
    if "units" in (target.parameters or {}) and "depthwise" not in target.parameters["units"]:
        with pytest.raises(ArgumentError, match="net needs what target"):
            target.cost(net)
        return
    cost = target.cost(net)
    assert cost.latency_ms > 0
    assert len(cost.by_layer) == len(net)
    held = net.with_bits(8) if target.int8 else net
    assert cost.peak_memory_kib == memory_of(held).peak_kib
    assert str(cost)
    assert cost.flags


@pytest.mark.torch
def test_a_module_of_it_runs(net: Network) -> None:
    import torch

    module = net.to_torch().eval()
    with torch.no_grad():
        out = module(torch.zeros(1, *net.input_shape))
    assert out.numel() == 3


@pytest.mark.torch
def test_every_activation_of_a_family_row_runs() -> None:
    import torch

    assert set(MODES) <= set(KINDS)
    for name in ACTIVATIONS:
        rows = [{"kind": "conv", "out_channels": 4, "kernel": 3, "activation": name}]
        with torch.no_grad():
            out = Network.from_layers(rows, (3, 8, 8)).to_torch().eval()(torch.zeros(1, 3, 8, 8))
        assert out.shape == (1, 4, 8, 8)
