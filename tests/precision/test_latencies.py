"""What an FPGA takes for each layer of a torch module at each number of bits, chosen by."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError
from flash.hardware import Target
from flash.networks.network import Network

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch
BITS = (2, 4, 8)
ROWS: list[dict[str, Any]] = [  # of `small`
    {"kind": "conv", "out_channels": 8, "kernel": 3},
    {"kind": "conv", "out_channels": 8, "kernel": 3, "stride": 2, "groups": 8},
    {"kind": "conv", "out_channels": 12, "kernel": 1},
    {"kind": "pool", "mode": "global_avg"},
    {"kind": "linear", "out_channels": 10},
]


def small() -> Any:
    nn = torch.nn
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, padding=1, groups=8),
        nn.Conv2d(8, 12, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 10),
    )


def serial() -> Target:
    """The ZU3EG with units that take a bit of each factor at a time: fewer bits are faster."""
    target = Target.load("fpga-zu3eg")
    unit = {"into": 9, "out": 16, "bits": 1, "mac": "lut", "weights_kib": 16, "maps_kib": 16}
    names = ("conv", "depthwise", "pointwise")
    parameters = {**(target.parameters or {}), "units": dict.fromkeys(names, unit)}
    return target.replace(parameters=parameters, design=None)


def table_of(module: Any, side: int = 8, **given: Any) -> flash.Sensitivities:
    random = np.random.default_rng(0)
    data = random.normal(size=(16, 3, side, side)).astype("float32"), np.arange(16) % 10
    return flash.sensitivities(module, data, bits=BITS, **given)


def test_layers_add_up_to_what_the_network_takes() -> None:
    module, target = small(), serial()
    table = table_of(module, measure="hessian", probes=2)
    found = table.latencies(module, (3, 8, 8), target)
    assert tuple(found) == table.layers
    for bits in BITS:
        own = target.replace(parameters={**(target.parameters or {}), "bits": bits})
        whole = own.cost(Network.from_layers(ROWS, (3, 8, 8))).latency_ms
        assert sum(one[bits] for one in found.values()) == pytest.approx(whole, abs=1e-7)
    assert all(one[2] < one[4] < one[8] for one in found.values())


@pytest.mark.parametrize("measure", ["hessian", "loss"])
def test_one_call_chooses_the_bits_within_a_latency(measure: str) -> None:
    """The whole way, against all combinations of bits."""
    module, target = small(), serial()
    table = table_of(module, measure=measure)
    layers = table.layers
    times = table.latencies(module, (3, 8, 8), target)
    cap = sum(one[4] for one in times.values())
    answer = flash.choose(table.problem(times), minimize="loss", where=f"latency_ms <= {cap!r}")
    assert answer.status == "OPTIMAL"
    assert answer.choices is not None
    chosen = {layer: int(str(bits)) for layer, bits in answer.choices.items()}
    assert sum(times[layer][bits] for layer, bits in chosen.items()) <= cap + 1e-12
    best = min(
        table.totals(dict(zip(layers, picks, strict=True)))["loss"]
        for picks in product(BITS, repeat=4)
        if sum(times[layer][b] for layer, b in zip(layers, picks, strict=True)) <= cap + 1e-12
    )
    assert table.totals(chosen)["loss"] == pytest.approx(best, rel=1e-12)
    quantised = flash.quantised(module, answer)
    assert quantised(torch.zeros(1, 3, 8, 8)).shape == (1, 10)


def test_a_layer_called_twice_takes_twice_the_time() -> None:
    class Twice(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 3, (3, 1), padding=(1, 0), bias=False)
            self.out = torch.nn.Linear(3, 10)

        def forward(self, x: Any) -> Any:
            return self.out(self.conv(self.conv(x)).mean((2, 3)))

    module = Twice()
    table = table_of(module, 8, measure="hessian", probes=1)
    target = serial()
    found = table.latencies(module, [3, 8, 8], target)
    parameters = target.parameters or {}
    # 3 taps, one step of 9 in and 16 out channels, 64 positions, 4 passes of a bit by a bit
    moved = 3 * 3 * 3 * 2 + 2 * 3 * 64 * 2
    once = max(3 * 64 * 4, moved / (parameters["bandwidth_gb_s"] * 8e3 / 200)) * 5e-6
    once += moved * 1.15294e-08 + 0.0239
    assert found["conv"][2] == pytest.approx(2 * once, abs=1e-8)


@pytest.mark.parametrize(
    ("target", "shape", "text"),
    [
        ("rram", (3, 8, 8), "target must be one whose layers take bits of their own"),
        ("fpga-zu3eg", (3, 8, 0), r"input_shape\[2\] must be an integer from 1"),
        ("fpga-zu3eg", (5, 8, 8), "input_shape: .* refuses one sample of"),
    ],
)
def test_what_is_refused(target: str, shape: tuple[int, ...], text: str) -> None:
    module = small()
    table = table_of(module, measure="hessian", probes=1)
    with pytest.raises(ArgumentError, match=text):
        table.latencies(module, shape, target)


def test_modules_that_are_refused() -> None:
    table = table_of(small(), measure="hessian", probes=1)
    with pytest.raises(ArgumentError, match="must be the one that was measured"):
        table.latencies(torch.nn.Sequential(torch.nn.Linear(3, 3)), (3,), "fpga-zu3eg")
    module = torch.nn.Sequential(
        torch.nn.Conv1d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(24, 10)
    )
    random = np.random.default_rng(0)
    data = random.normal(size=(16, 3, 8)).astype("float32"), np.arange(16) % 10
    own = flash.sensitivities(module, data, bits=BITS, measure="hessian", probes=1)
    with pytest.raises(ArgumentError, match="'0', a Conv1d, is not known"):
        own.latencies(module, (3, 8), "fpga-zu3eg")


def test_latencies_of_ones_own() -> None:
    table = table_of(small(), measure="hessian", probes=1)
    times = {layer: {2: 1.0, 4: 2.0, 8: 4.0} for layer in table.layers}
    answer = flash.choose(table.problem(times), minimize="loss", where="latency_ms <= 1000")
    assert set((answer.choices or {}).values()) == {"8"}
    with pytest.raises(ArgumentError, match="at 8 bits is missing"):
        table.problem({layer: {2: 1.0, 4: 2.0} for layer in table.layers})
    with pytest.raises(ArgumentError, match="at least 0"):
        table.problem({layer: {2: -1.0, 4: 2.0, 8: 3.0} for layer in table.layers})
    wrong: Any = 3
    with pytest.raises(ArgumentTypeError, match="latency_ms must be a dict of layers"):
        table.problem(wrong)
