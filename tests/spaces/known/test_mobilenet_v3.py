"""The space mobilenet-v3: its size, the published networks in it, and its costs."""

from __future__ import annotations

import random

import numpy as np
import pytest

import flash
from flash.problem.blocks import peaks_of
from flash.spaces.known.homes import known_space
from flash.spaces.known.mobilenet_v3 import MobileNetV3, published

# torchvision 0.28: parameters of mobilenet_v3_large() and _small(), and multiply-accumulates of an
# image of 3 x 224 x 224
PUBLISHED = {"large": (5_483_032, 216_589_760), "small": (2_542_856, 56_510_400)}
TARGETS = ("cpu-x86", "raspberry-pi-4", "rram", "gtx-1080ti", "systolic-32")


def drawn(space: flash.BlockSpace, n: int, seed: int = 0) -> list[flash.BlockNetwork]:
    rng = random.Random(seed)
    return [space.decode(rng.randrange(space.size)) for _ in range(n)]


@pytest.fixture(scope="module")
def space() -> flash.BlockSpace:
    return known_space("mobilenet-v3")


def test_the_size_is_the_papers(space: flash.BlockSpace) -> None:
    assert space.size == (9**2 + 9**3 + 9**4) ** 5
    assert space.size / 2e19 == pytest.approx(1, rel=0.1)  # "roughly 2 x 10^19"
    sizes = flash.Range(128, 224, 4)
    assert MobileNetV3(width_multipliers=(1, 1.2), resolution=sizes).size == 2 * 25 * space.size


def test_channels_are_the_papers() -> None:
    both = MobileNetV3(width_multipliers=(1, 1.2))
    plain = flash.BlockNetwork(both, {})
    wider = flash.BlockNetwork(both, {"width_multiplier": 1})

    def widths(net: flash.BlockNetwork) -> list[int]:
        return list(dict.fromkeys(out for _, _, out in net.blocks))

    assert widths(plain) == [16, 24, 40, 80, 112, 160, 1000]
    assert widths(wider) == [24, 32, 48, 96, 136, 192, 1000]
    heads = [[layer.out_channels for layer in net.network().layers[-4:]] for net in (plain, wider)]
    assert heads == [[960, 960, 1280, 1000], [1152, 1152, 1536, 1000]]


def test_strides_activations_and_squeeze_and_excitation_are_the_papers(space) -> None:
    parts = {name: one.network for name, one in flash.BlockNetwork(space, {}).named()}
    assert {
        name: (
            net.layers[0].activation,
            any(layer.kind == "mul" for layer in net.layers),
            net.layers[-1].out_height,
        )
        for name, net in parts.items()
        if not name.endswith("_1")
    } == {
        "stem": ("hardswish", False, 112),
        "first": ("relu", False, 112),
        "stage1_0": ("relu", False, 56),
        "stage2_0": ("relu", True, 28),
        "stage3_0": ("hardswish", False, 14),
        "stage4_0": ("hardswish", True, 14),
        "stage5_0": ("hardswish", True, 7),
        "head": ("hardswish", False, 1),
    }


@pytest.mark.parametrize("variant", PUBLISHED)
def test_published_networks_are_networks_of_it(variant: str) -> None:
    net = published(variant)
    assert (net.params, net.macs) == PUBLISHED[variant]
    assert net.space.name == "mobilenet-v3"
    assert net.space.decode(net.space.index(net.row)) == net
    hidden = {"large": 1280, "small": 1024}[variant]
    assert published(variant, num_classes=10).params == net.params - 990 * (hidden + 1)


@pytest.mark.torch
@pytest.mark.parametrize("variant", PUBLISHED)
def test_modules_hold_what_torchvision_holds(variant: str) -> None:
    models = pytest.importorskip("torchvision.models")
    import torch

    model = getattr(models, f"mobilenet_v3_{variant}")().eval()
    net = published(variant)
    module = net.to_torch().eval()
    state = model.state_dict()
    own = module.state_dict()
    assert [one.shape for one in own.values()] == [one.shape for one in state.values()]
    module.load_state_dict(dict(zip(own, state.values(), strict=True)))
    image = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.allclose(module(image), model(image), atol=1e-5)
    read = flash.Network.from_torch(model, (3, 224, 224))
    assert [layer.replace(cell=None) for layer in net.network().layers] == list(read.layers)
    assert flash.Target.load("cpu-x86").cost(read) == flash.Target.load("cpu-x86").cost(
        net.network()
    )


@pytest.mark.parametrize("name", TARGETS)
def test_costs_through_tables_are_those_of_the_networks(name: str, space) -> None:
    target = flash.Target.load(name)
    nets = drawn(space, 10, seed=3)
    found = flash.evaluate(space, target, [net.row for net in nets])
    for metric in target.metrics:
        told = [getattr(target.cost(net.network()), metric) for net in nets]
        assert found[metric].tolist() == told
    assert found["params"].tolist() == [net.params for net in nets]
    assert found["macs"].tolist() == [net.macs for net in nets]
    assert found["nn_degree"].tolist() == [flash.nn_degree(net.network()) for net in nets]


@pytest.mark.torch
def test_costs_are_those_of_exported_and_read_modules(space, tmp_path) -> None:
    pytest.importorskip("onnx")
    target = flash.Target.load("cpu-x86")
    nets = drawn(space, 10, seed=4)
    found = flash.evaluate(space, target, [net.row for net in nets])["latency_ms"]
    for number, net in enumerate(nets):
        module = net.to_torch()
        assert sum(one.numel() for one in module.parameters()) == net.params
        read = flash.Network.from_torch(module, net.input_shape)
        assert target.cost(read).latency_ms == found[number]
        if number < 2:
            net.to_onnx(tmp_path / "net.onnx", module=module)
            read = flash.Network.from_onnx(tmp_path / "net.onnx")
            assert target.cost(read).latency_ms == found[number]


def test_peak_memory_of_tables_is_that_of_the_networks(space) -> None:
    for net in drawn(space, 10, seed=5):
        variant, rows = space.numbering.rows_of(net.row)
        peaks = peaks_of(space, variant)
        told = max(float(peak[row]) for peak, row in zip(peaks, rows, strict=True))
        assert told / 1024 == net.network().peak_memory_kib


SMALL = {
    "one width": {"kernels": (3, 5), "expansions": 6, "depths": (1, 2)},
    "widths": {
        "kernels": 3,
        "expansions": (3, 6),
        "depths": 1,
        "width_multipliers": (0.5, 1),
        "resolution": (32, 64),
    },
    "blocks alone": {"kernels": (3, 5), "expansions": 3, "depths": (1, 2)},
}


@pytest.mark.parametrize("case", SMALL)
def test_the_answer_is_that_of_complete_enumeration(case: str) -> None:
    made = MobileNetV3("small", num_classes=10, **{"resolution": 32, **SMALL[case]})
    if case == "blocks alone":
        stages = [one.replace(cell=None if one.shared else "block") for one in made.stages]
        made = made.replace(stages=stages, origin=None)
    target = flash.Target.load("raspberry-pi-4")
    rows = np.array([made.decode(i).row for i in range(made.size)])
    found = flash.evaluate(made, target, rows)
    for share in (0.05, 0.4):
        budgets = {
            "max_latency_ms": float(np.quantile(found["latency_ms"], share)),
            "max_params": float(np.quantile(found["params"], 0.5)),
        }
        fits = (found["latency_ms"] <= budgets["max_latency_ms"]) & (
            found["params"] <= budgets["max_params"]
        )
        answer = flash.search(made, target, **budgets)
        if not fits.any():
            assert answer.status == "INFEASIBLE"
            continue
        assert answer.proven
        assert answer.nn_degree == found["nn_degree"][fits].max()


def test_it_is_known_by_name_and_read_back() -> None:
    assert known_space("mobilenet-v3").to_dict() == {"family": "mobilenet-v3"}
    given = MobileNetV3("small", depths=(2, 3), resolution=flash.Range(128, 224, 32), bias=True)
    data = given.to_dict()
    assert data == {
        "family": "mobilenet-v3",
        "variant": "small",
        "depths": [2, 3],
        "resolution": {"low": 128, "high": 224, "step": 32},
        "bias": True,
    }
    assert flash.BlockSpace.from_dict(data) == given


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"variant": "medium"}, "variant must be one of 'large', 'small', got 'medium'"),
        ({"kernels": 4}, "kernels must be odd, got 4"),
        ({"expansions": 0}, "expansions must be a finite number above 0, at most 64, got 0"),
        ({"depths": (2, 2)}, "depths must hold each choice once, got 2 twice"),
        ({"resolution": 0}, "resolution must be .*got 0"),
        ({"num_classes": 0}, "num_classes must be .*got 0"),
        ({"bias": 1}, "bias must be True or False, got 1"),
    ],
)
def test_bad_input(given, told: str) -> None:
    with pytest.raises(flash.FlashError, match=told):
        MobileNetV3(**given)
