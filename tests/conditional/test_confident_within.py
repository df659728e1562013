"""Budgets that hold with confidence, beside conditions, equal complete enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_search_within import columns, mask_of
from flash.errors import ArgumentError

SPACES: dict[str, Any] = {
    "densenet": flash.DenseNet(
        width_multipliers=[1, 2], depths=flash.Range(3, 5), skips=[0, 16, 40], cells=2
    ),
    "resnet": flash.ResNet(width_multipliers=[1], depths=[1, 2, 4], skips=[0, 16], cells=3),
    "free widths": flash.DenseNet(widths=[12, 16, 24], depths=[3, 5], skips=[0, 16], cells=2),
    "mobilenet": flash.MobileNetV2(
        width_multipliers=[1], depths=[1, 2], skips=[0], expansions=[3, 6], kernels=[3, 5], cells=2
    ),
}
LEVEL = 0.8


def ends_of(space: Any, target: str) -> dict[str, Any]:
    """The upper end of each cost of every network."""
    own = flash.Target.load(target)
    every = [own.interval(space.decode(i), LEVEL) for i in range(space.size)]
    return {name: np.array([one[name][1] for one in every]) for name in every[0]}


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("target", ["raspberry-pi-4", "rram", "cpu-x86"])
def test_one_device(kind: str, target: str) -> None:
    space = SPACES[kind]
    table, ends = columns(space, {"": target}), ends_of(space, target)
    assert ends
    for share, where in ((0.3, "depth_0 <= depth_1"), (0.6, "macs >= 3e6"), (0.5, "depth_0 != 3")):
        budgets = {f"max_{name}": float(np.quantile(one, share)) for name, one in ends.items()}
        mask = mask_of(where, table)
        for name, one in ends.items():
            mask = mask & (one <= budgets[f"max_{name}"])
        result = flash.search(space, target, where=where, confidence=LEVEL, k=2, **budgets)
        if not mask.any():
            assert result.status == "INFEASIBLE"
            continue
        assert result.status == "OPTIMAL", (kind, target, share)
        assert mask[result.index]
        best = table["nn_degree"][mask].max()
        assert result.objective == best
        assert result.confidence == LEVEL
        assert "80%" in result.message
        for other in result.alternatives:
            assert mask[other.index]
            assert other.proven
        least = flash.search(
            space, target, where=where, confidence=LEVEL, minimize="latency_ms", **budgets
        )
        assert least.latency_ms == pytest.approx(table["latency_ms"][mask].min(), rel=1e-11)
        assert mask[least.index]


def test_the_k_best_are_those_of_complete_enumeration() -> None:
    space = SPACES["densenet"]
    table, ends = columns(space, {"": "rram"}), ends_of(space, "rram")
    budget = float(np.quantile(ends["latency_ms"], 0.5))
    mask = ends["latency_ms"] <= budget
    asked: Any = {"max_latency_ms": budget, "confidence": LEVEL, "k": 6}
    result = flash.search(space, "rram", **asked)
    nets = {}
    for i in np.flatnonzero(mask).tolist():
        nets.setdefault(repr(space.decode(i)), float(table["nn_degree"][i]))
    wanted = sorted(nets.values(), reverse=True)[:6]
    assert [one.objective for one in (result, *result.alternatives)] == wanted
    # conditions of the text are on the cost itself
    plain = flash.search(
        space, "rram", max_latency_ms=budget, confidence=LEVEL, where=f"latency_ms <= {budget!r}"
    )
    assert plain.objective == result.objective
    assert flash.SearchResult.from_json(plain.to_json()) == plain


def test_several_devices() -> None:
    space = SPACES["resnet"]
    devices = {"pi": "raspberry-pi-4", "chip": "rram"}
    table = columns(space, devices)
    ends = {name: ends_of(space, target)["latency_ms"] for name, target in devices.items()}
    budget = float(np.quantile(ends["pi"], 0.3))
    mask = (ends["pi"] <= budget) & (ends["chip"] <= budget) & (table["depth_0"] <= 2)
    result = flash.search(
        space, flash.together(**devices), max_latency_ms=budget, confidence=LEVEL,
        where="depth_0 <= 2",
    )  # fmt: skip
    assert mask[result.index]
    assert result.objective == table["nn_degree"][mask].max()


def test_nothing_and_refusals() -> None:
    space = SPACES["resnet"]
    ends = ends_of(space, "rram")["latency_ms"]
    budget = float(ends.min()) * 0.999
    # the cost itself is within the budget, its interval is not
    asked: Any = {"max_latency_ms": budget, "where": "depth_0 <= 2"}
    assert flash.search(space, "rram", **asked).status == "OPTIMAL"
    none = flash.search(space, "rram", confidence=LEVEL, **asked)
    assert none.status == "INFEASIBLE"
    assert none.proven
    assert "max_latency_ms alone is met by none" in none.message
    for given, message in [
        ({"confidence": 0.3, "max_latency_ms": 3}, "confidence"),
        ({"confidence": 0.9}, "needs a budget on a cost with intervals"),
        ({"confidence": 0.9, "max_params": 1e9}, "needs a budget on a cost with intervals"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            flash.search(space, "rram", where="depth_0 <= 2", **given)
