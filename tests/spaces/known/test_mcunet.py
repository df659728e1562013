"""The space mcunet: its size, its networks, and memory budgets on it."""

from __future__ import annotations

import random

import numpy as np
import pytest

import flash
from flash.spaces.known.homes import known_space
from flash.spaces.known.mcunet import MCUNet

SMALL = {
    "kernels": (3, 5),
    "expansions": 3,
    "depths": (1, 2),
    "width_multipliers": (0.3, 0.5),
    "resolution": (48, 64),
    "num_classes": 10,
}


@pytest.fixture(scope="module")
def pair() -> flash.BlockSpace:
    return MCUNet(width_multipliers=(0.3, 0.5), resolution=(96, 160))


def drawn(space: flash.BlockSpace, n: int, seed: int = 0) -> list[flash.BlockNetwork]:
    rng = random.Random(seed)
    return [space.decode(rng.randrange(space.size)) for _ in range(n)]


def test_size_and_choices() -> None:
    space = known_space("mcunet")
    assert space.size == 12 * 9 * (9**2 + 9**3 + 9**4) ** 5 * 9
    assert space.bits == 8
    assert space.choices_of("input") == tuple(range(48, 225, 16))
    assert space.choices_of("width_multiplier") == (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def test_channels_of_the_published_supernet() -> None:
    net = flash.BlockNetwork(known_space("mcunet"), {"width_multiplier": 8, "input": 11})
    assert net.input_shape == (3, 224, 224)
    assert list(dict.fromkeys(out for _, _, out in net.blocks)) == [
        *(32, 16, 24, 40, 80, 96, 192, 320, 1000),
    ]
    sides = [fragment.shape_out[1] for name, fragment in net.named() if name.endswith(("_0", "t"))]
    assert sides == [112, 56, 28, 14, 14, 7, 7]
    assert {layer.bits for layer in net.network().layers} == {8}


@pytest.mark.torch
def test_networks_are_those_of_their_modules(pair: flash.BlockSpace) -> None:
    for net in drawn(pair, 4, seed=1):
        module = net.to_torch()
        assert sum(one.numel() for one in module.parameters()) == net.params
        read = flash.Network.from_torch(module, net.input_shape)
        assert read.macs == net.macs
        told = [one.replace(cell=None, bits=32, weight_bits=32) for one in net.network().layers]
        assert told == [one.replace(cell=None) for one in read.layers]


@pytest.mark.parametrize("name", ["cortex-m7", "cpu-x86"])
def test_costs_through_tables_are_those_of_the_networks(name: str, pair) -> None:
    target = flash.Target.load(name)
    nets = drawn(pair, 10, seed=2)
    found = flash.evaluate(pair, target, [net.row for net in nets])
    assert found["latency_ms"].tolist() == [target.cost(n.network()).latency_ms for n in nets]
    assert found["params"].tolist() == [net.params for net in nets]


@pytest.mark.parametrize("given", [{"depths": 1}, {"kernels": 3}], ids=str)
def test_memory_budgets_are_kept_as_complete_enumeration_does(given) -> None:
    space = MCUNet(**{**SMALL, **given})
    nets = [space.decode(i) for i in range(space.size)]
    degrees = np.array([flash.nn_degree(net.network()) for net in nets])
    peaks = np.array([net.peak_memory_kib for net in nets])
    weights = np.array([net.weights_kib for net in nets])
    for at in (0.02, 0.3, 0.7):
        budgets = {
            "max_memory_kib": float(np.quantile(peaks, at)),
            "max_weights_kib": float(np.quantile(weights, 0.4)),
        }
        fits = (peaks <= budgets["max_memory_kib"]) & (weights <= budgets["max_weights_kib"])
        answer = flash.search(space, "cortex-m7", **budgets)
        if not fits.any():
            assert answer.status == "INFEASIBLE"
            continue
        assert answer.proven
        assert answer.nn_degree == degrees[fits].max()
        assert answer.architecture.peak_memory_kib <= budgets["max_memory_kib"]


def test_one_call_for_320_kib_of_memory_and_1_mib_of_flash(pair: flash.BlockSpace) -> None:
    answer = flash.search(pair, "cortex-m7", max_memory_kib=320, max_weights_kib=1024)
    net = answer.architecture.network()
    assert answer.proven
    assert net.peak_memory_kib <= 320
    assert net.weights_kib <= 1024
    assert flash.Target.load("cortex-m7").cost(net).latency_ms == answer.latency_ms


def test_it_is_known_by_name_and_read_back() -> None:
    assert known_space("mcunet").to_dict() == {"family": "mcunet"}
    given = MCUNet(**SMALL)
    assert given.to_dict() == {
        "family": "mcunet",
        "kernels": [3, 5],
        "expansions": [3],
        "depths": [1, 2],
        "width_multipliers": [0.3, 0.5],
        "resolution": [48, 64],
        "num_classes": 10,
    }
    assert flash.BlockSpace.from_dict(given.to_dict()) == given


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kernels": (3, 4)}, "kernels must be odd, got 4"),
        ({"bits": 3}, "bits must be one of 4, 8, 16, 32, got 3"),
        ({"width_multipliers": ()}, "width_multipliers must be 1 to .* choices, got 0"),
    ],
)
def test_bad_input(given, told: str) -> None:
    with pytest.raises(flash.FlashError, match=told):
        MCUNet(**given)
