"""Conditions on targets with the models of several tiles equal complete enumeration."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_distinct import next_best
from conditional.test_search_within import columns, mask_of, random_where

SPACES: dict[str, Any] = {
    "fixed widths": flash.DenseNet(
        width_multipliers=[1, 2, 4], depths=[3, 4], skips=[0, 16], cells=[1, 2, 3], resolution=16
    ),
    "free widths": flash.DenseNet(widths=[12, 16, 48, 96], depths=[3, 5], skips=[0, 16], cells=2),
    "resnet": flash.ResNet(width_multipliers=[1, 2, 4], depths=[1, 3], skips=[0, 32], cells=3),
}


@pytest.mark.parametrize("kind", SPACES)
def test_equals_complete_enumeration(kind: str) -> None:
    from flash.problem.tiling import parts_of

    space = SPACES[kind]
    target = flash.Target.load("rram-neurosim")
    assert len(parts_of(space, target)) > 1
    table = columns(space, {"": target})
    seen = 0
    for seed in range(8):
        draw = random.Random(seed)
        where = random_where(draw, table, space)
        mask = np.ones(space.size, bool)
        for one in where:
            mask &= mask_of(one, table)
        for wanted, values in [
            ({"objective": "accuracy"}, table["nn_degree"]),
            ({"minimize": "latency_ms"}, -table["latency_ms"]),
            (
                {"objective": {"accuracy": 1, "energy_mj": -1}},
                table["nn_degree"] / table["energy_mj"],
            ),
        ]:
            result = flash.search(space, target, where=where, **wanted)
            said = (kind, seed, where, wanted)
            if not mask.any():
                assert result.status == "INFEASIBLE", said
                assert result.conflicts, said
                continue
            seen += 1
            assert result.status == "OPTIMAL", said
            assert mask[result.index], said
            assert values[result.index] == pytest.approx(values[mask].max(), rel=1e-11), said
            assert result.latency_ms == table["latency_ms"][result.index]
            assert result.target == target.name
            assert flash.SearchResult.from_json(result.to_json()) == result
    assert seen > 6


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("distance", [1, 3])
def test_the_k_best(kind: str, distance: int) -> None:
    space = SPACES[kind]
    table = columns(space, {"": "rram-neurosim"})
    limit = float(np.quantile(table["energy_mj"], 0.6))
    mask = table["energy_mj"] <= limit
    result = flash.search(
        space, "rram-neurosim", where=f"energy_mj <= {limit!r}", k=7, min_distance=distance
    )
    every = [result, *result.alternatives]
    assert len(every) == 7
    found: list[tuple[int, ...]] = []
    for one in every:
        assert one.objective == next_best(space, table["nn_degree"], mask, found, distance)
        assert one.proven
        found.append(one.x)


def test_ends_and_several_objectives() -> None:
    space = SPACES["resnet"]
    table = columns(space, {"": "rram-neurosim"})
    result = flash.search(space, "rram-neurosim", minimize=["params", "latency_ms"])
    least = table["params"].min()
    assert result.params == least
    assert result.latency_ms == table["latency_ms"][table["params"] == least].min()
    none = flash.search(space, "rram-neurosim", where=["latency_ms <= 1e-6", "depth_0 == 3"])
    assert none.remedies == ({"latency_ms <= 1e-06": pytest.approx(
        table["latency_ms"][table["depth_0"] == 3].min(), rel=1e-12)},)  # fmt: skip
    few = flash.search(space, "rram-neurosim", where="latency_ms >= 0.1", max_evals=1)
    assert few.stopped == "max_evals"
    assert not few.proven
    ended = flash.search(space, "rram-neurosim", where="macs >= 1", k=50, callback=lambda _: True)
    assert ended.stopped == "callback"
    sure = flash.search(
        space, "rram-neurosim", where="depth_0 == 1", max_latency_ms=1.0, confidence=0.8
    )
    assert sure.status == "OPTIMAL"
    target = flash.Target.load("rram-neurosim")
    ends = [target.interval(space.decode(i), 0.8)["latency_ms"][1] for i in range(space.size)]
    mask = (np.array(ends) <= 1.0) & (table["depth_0"] == 1)
    assert sure.objective == table["nn_degree"][mask].max()
    assert sure.confidence == 0.8
