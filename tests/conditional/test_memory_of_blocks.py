"""Memory budgets on spaces of blocks: equal to complete enumeration, in integers of 8 bits too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_device_memory import ends, sized
from flash.hardware import Target

TARGETS = {
    "cortex-m7": Target.load("cortex-m7"),  # in integers of 8 bits
    "cpu-x86": Target.load("cpu-x86").with_memory(int8=False),
}
Rows = list[dict[str, Any]]


def residual(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (1, 3)) -> Rows:
    """Two convolutions, and what is read added where it has their shape."""
    own = {"kind": "conv", "out_channels": out_channels, "kernel": kernel, "norm": True}
    rows: Rows = [{**own, "stride": stride, "activation": "relu"}, {**own, "activation": None}]
    if stride == 1 and in_channels == out_channels:
        rows.append({"kind": "add", "inputs": [1, -1]})
    return rows


def widened(in_channels: int, out_channels: int, stride: int, *, expansion: Any = (2, 5)) -> Rows:
    """A wide middle of single channels, whose activation takes a second map."""
    wide = in_channels * expansion
    own = {"kind": "conv", "norm": True}
    return [
        {**own, "out_channels": wide, "activation": "silu"},
        {**own, "out_channels": wide, "kernel": 3, "stride": stride, "groups": wide},
        {**own, "out_channels": out_channels},
    ]


def head(in_channels: int, out_channels: int, stride: int) -> Rows:
    return [
        {"kind": "pool", "mode": "global_avg"},
        {"kind": "linear", "out_channels": out_channels, "bias": True},
    ]


def stem(in_channels: int, out_channels: int, stride: int) -> Rows:
    return [{"kind": "conv", "out_channels": out_channels, "kernel": 3, "stride": stride}]


def made(bits: int, **more: Any) -> flash.BlockSpace:
    """Skips, widths, several inputs; one stage whose blocks have one choice."""
    stages = [
        flash.Stage([residual, widened, None], [6, 12], repeats=[1, 2], name="fine"),
        flash.Stage([widened, residual], [16], repeats=[1, 2], stride=2, shared=True, name="last"),
    ]
    given: dict[str, Any] = {"input": [(3, 9, 9), (3, 24, 24)], "stem": flash.Stage(stem, 6)}
    return flash.BlockSpace(
        stages, head=head, num_classes=10, bits=bits, name="small", **{**given, **more}
    )


SPACES = {
    "plain": made(32),
    "eight bits": made(8),
    "no stem": made(32, stem=None, input=(3, 11, 14)),
    "multipliers": made(8, input=(3, 12, 12), width_multipliers=[1, 2]),
}
TABLES: dict[tuple[str, bool], dict[str, Any]] = {}


def enumerated(name: str, int8: bool) -> dict[str, Any]:
    """What each network takes, from the network itself."""
    key = name, int8
    if key not in TABLES:
        nets = [SPACES[name].decode(i).network() for i in range(SPACES[name].size)]
        counted = [net.with_bits(8) for net in nets] if int8 else nets
        TABLES[key] = {
            "memory": np.array([net.peak_memory_kib for net in counted]),
            "weights": np.array([net.weights_kib for net in counted]),
            "degrees": np.array([flash.nn_degree(net) for net in nets]),
            "latency": {
                one: np.array([target.cost(net).latency_ms for net in nets])
                for one, target in TARGETS.items()
            },
        }
    return TABLES[key]


@pytest.mark.parametrize("on", TARGETS)
@pytest.mark.parametrize("name", SPACES)
def test_searches_equal_complete_enumeration(name: str, on: str) -> None:
    space, target = SPACES[name], TARGETS[on]
    table = enumerated(name, target.int8)
    memory, weights, degrees = table["memory"], table["weights"], table["degrees"]
    latency = table["latency"][on]
    assert 100 < space.size < 3000
    assert len(set(memory)) >= 7
    met = 0
    for most in ends(memory):
        for heavy in ends(weights):
            fits = (memory <= most) & (weights <= heavy)
            budgets = {"max_memory_kib": most, "max_weights_kib": heavy}
            best = flash.search(space, target, **budgets)
            fast = flash.search(space, target, minimize="latency_ms", **budgets)
            if not fits.any():
                assert best.status == fast.status == "INFEASIBLE"
                continue
            met += 1
            assert best.proven
            assert fast.proven
            assert best.nn_degree == pytest.approx(degrees[fits].max(), abs=1e-9)
            assert fast.latency_ms == latency[fits].min()
            for one in (best, fast):
                assert fits[one.index]
                assert one.memory_kib == memory[one.index]
                assert one.weights_kib == weights[one.index]
            by_itself = flash.search(space, sized(target, most, heavy))
            assert by_itself.index == best.index
    assert 6 <= met < 25


@pytest.mark.parametrize("on", TARGETS)
def test_a_front_holds_memory_as_complete_enumeration_does(on: str) -> None:
    space, target = SPACES["plain"], TARGETS[on]
    table = enumerated("plain", target.int8)
    most = float(np.quantile(table["memory"], 0.4))
    front = flash.pareto(space, target, max_memory_kib=most)
    fits = table["memory"] <= most
    latency, degrees = table["latency"][on][fits], table["degrees"][fits]
    best = [
        (ms, worth)
        for ms, worth in set(zip(latency, degrees, strict=True))
        if not ((latency <= ms) & (degrees > worth + 1e-9)).any()
        and not ((latency < ms) & (degrees >= worth - 1e-9)).any()
    ]
    assert len(best) > 2
    assert sorted(one.latency_ms for one in front) == sorted({ms for ms, _ in best})
