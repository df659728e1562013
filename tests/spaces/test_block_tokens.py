"""Blocks on tokens: rows and modules are read as they stand in the whole network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flash
from flash.base.names import Column, Metric
from flash.problem.blocks import compile_blocks

CPU = flash.Target.load("cpu-x86")
POSITIONS = 10


def latency_of(problem: Any, net: flash.BlockNetwork) -> float:
    """Return what the compiled tables say of a network."""
    variant, rows = (one[0] for one in problem.space.numbering.places_of(np.array([net.row])))
    totals = [0.0] * (Column.MACS + 1)
    for column in (Column.LATENCY, Column.PARAMS, Column.MACS):
        for cell, row in enumerate(rows):
            held = problem.tables.column(int(variant), cell, column)
            totals[column] += np.frombuffer(held)[row]
    assert (totals[Column.PARAMS], totals[Column.MACS]) == (net.params, net.macs)
    found: float = problem.model.metrics(totals)[Metric.LATENCY]
    return found


def mixer(in_channels: int, out_channels: int, stride: int, *, wide: Any = (1, 2)) -> list[Any]:
    """Rows of a block on tokens with an addition around it."""
    wider = wide * out_channels
    return [
        {"kind": "norm", "mode": "layer", "extra_params": 2 * in_channels, "inputs": [-1]},
        linear(in_channels, wider),
        linear(wider, out_channels),
        {"kind": "add", "inputs": [2, -1]},
    ]


def linear(into: int, out: int) -> dict[str, Any]:
    return {"kind": "linear", "in_channels": into, "out_channels": out, "height": POSITIONS}


def first(in_channels: int, out_channels: int, stride: int) -> list[Any]:
    return [
        {"kind": "norm", "mode": "layer", "extra_params": 2 * in_channels, "inputs": [-1]},
        {"kind": "move", "mode": "slice", "size": (1, 1)},
        {"kind": "linear", "in_channels": in_channels, "out_channels": out_channels, "bias": True},
    ]


def words(in_channels: int, out_channels: int, stride: int) -> list[Any]:
    row = {"kind": "embedding", "in_channels": 50, "out_channels": out_channels}
    return [{**row, "height": POSITIONS}]


def patches(in_channels: int, out_channels: int, stride: int) -> list[Any]:
    sides = {"kernel": 4, "stride": 4, "padding": 0}
    return [
        {"kind": "conv", "out_channels": out_channels, **sides},
        {"kind": "move", "mode": "view", "size": (POSITIONS, 1)},
    ]


def space(given: Any, stem: Any = None, **options: Any) -> flash.BlockSpace:
    first_stage = None if stem is None else flash.Stage(stem, 24, name="stem")
    return flash.BlockSpace(
        [flash.Stage(mixer, repeats=2, cell="block", name="body")],
        input=given, stem=first_stage, head=first, num_classes=7, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "stem"), [((POSITIONS, 24), None), (POSITIONS, words), ((3, 8, 20), patches)]
)
def test_rows_on_tokens_follow_one_another(given: Any, stem: Any) -> None:
    own = space(given, stem)
    shapes = [(one.shape_in, one.shape_out) for one in own.fragments()]
    assert shapes[-1] == ((POSITIONS, 24), (7,))
    assert all(pair == ((POSITIONS, 24),) * 2 for pair in shapes[stem is not None : -1])
    problem = compile_blocks(own, CPU)
    for index in range(own.size):
        net = own.decode(index)
        costs = CPU.cost(net.network())
        assert latency_of(problem, net) == costs.latency_ms
        checked = flash.Network(net.network().layers, net.network().input_shape)
        assert checked.macs == net.macs
        assert {one.height for one in checked.layers if one.kind == "linear"} == {POSITIONS, 1}


def test_a_map_of_one_column_stays_a_map() -> None:
    def narrow(in_channels: int, out_channels: int, stride: int) -> list[Any]:
        return [{"kind": "conv", "out_channels": out_channels, "kernel": (3, 5), "padding": (1, 0)}]

    own = flash.BlockSpace([flash.Stage(narrow, 8)], input=(3, 9, 5))
    assert own.fragments()[0].shape_out == (8, 9, 1)


@pytest.mark.torch
def test_modules_on_tokens_are_read_as_in_the_whole_network() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Patches(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, out: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, out, 4, 4)
            self.token = nn.Parameter(torch.zeros(1, 1, out))

        def forward(self, x: Any) -> Any:
            own = self.conv(x).flatten(2).transpose(1, 2)
            return torch.cat([self.token.expand(len(x), -1, -1), own], 1)

    class Mixer(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, out: int, wide: int) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(out)
            self.one, self.two = nn.Linear(out, wide), nn.Linear(wide, out)

        def forward(self, x: Any) -> Any:
            return x + self.two(nn.functional.gelu(self.one(self.norm(x))))

    class Head(nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self, into: int, out: int) -> None:
            super().__init__()
            self.linear = nn.Linear(into, out)

        def forward(self, x: Any) -> Any:
            return self.linear(x.mean(1))

    def block(in_channels: int, out_channels: int, stride: int, *, wide: Any = (1, 2)) -> Any:
        return Mixer(out_channels, wide * out_channels)

    own = flash.BlockSpace(
        [flash.Stage(block, repeats=3, name="body")],
        stem=flash.Stage(lambda i, o, s: Patches(o), [24, 32], name="patches"),
        input=(3, 12, 12), head=lambda i, o, s: Head(i, o), num_classes=7,
    )  # fmt: skip
    for net in own.sample(4, seed=1):
        module = net.to_torch()
        assert module(torch.zeros(2, 3, 12, 12)).shape == (2, 7)
        whole = flash.Network.from_torch(module, (3, 12, 12))
        assert CPU.cost(whole).latency_ms == CPU.cost(net.network()).latency_ms
        assert (whole.params, whole.macs) == (net.params, net.macs)
        assert whole.peak_memory_kib == net.peak_memory_kib
        kinds = [layer.replace(cell=None) for layer in net.network().layers]
        assert kinds == [layer.replace(cell=None) for layer in whole.layers]


@pytest.mark.torch
def test_rows_alone_make_a_module_that_hands_on_features() -> None:
    torch = pytest.importorskip("torch")
    own = space(POSITIONS, words)
    module = own.decode(0).to_torch()
    assert module(torch.zeros(2, POSITIONS, dtype=torch.long)).shape == (2, 7)
