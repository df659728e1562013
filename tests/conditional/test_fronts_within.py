"""Fronts and sweeps under conditions equal complete enumeration."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_search_within import SPACES, columns, mask_of
from flash.errors import ArgumentError, FormatError

GOALS = [("accuracy", "latency_ms"), ("accuracy", "latency_ms", "params"), ("params", "latency_ms")]
SPACE = flash.DenseNet(depths=flash.Range(3, 5), skips=[0, 16, 40], cells=[2, 3], resolution=16)


def front_of(values: Any) -> set[tuple[float, ...]]:
    """The rows that no other betters, each once."""
    kept: list[int] = []
    for i in np.lexsort(values.T[::-1]):
        if not any((values[j] <= values[i]).all() for j in kept):
            kept.append(int(i))
    return {tuple(values[i].tolist()) for i in kept}


def points_of(front: flash.ParetoFront, goals: tuple[str, ...]) -> set[tuple[float, ...]]:
    columns_ = [
        -front.metrics["nn_degree"] if one == "accuracy" else front.metrics[one] for one in goals
    ]
    return {tuple(map(float, row)) for row in zip(*columns_, strict=True)}


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("target", ["raspberry-pi-4", "rram"])
def test_fronts(kind: str, target: str) -> None:
    for seed in range(2):
        draw = random.Random(seed)
        space = SPACES[kind](draw)
        table = columns(space, {"": target})
        least = 0.6 * float(draw.choice(table["latency_ms"].tolist()))
        second = draw.choice(["depth_0 == depth_1", "depth_0 >= depth_1", "macs <= 2.5e7"])
        where = [f"latency_ms >= {least!r}", second]
        mask = mask_of(where[0], table) & mask_of(where[1], table)
        for goals in GOALS:
            front = flash.pareto(space, target, goals, where=where)
            values = [-table["nn_degree"] if g == "accuracy" else table[g] for g in goals]
            wanted = front_of(np.stack(values, 1)[mask].astype(float))
            assert points_of(front, goals) == wanted, (seed, goals, where)
            assert front.where == tuple(where)
            assert front.exact
            assert len(front) == len(wanted)
            assert flash.ParetoFront.from_json(front.to_json()) == front
            for one in list(front)[:3]:
                assert mask[one.index]
                assert one.where == tuple(where)


def test_a_front_within_budgets_with_a_predictor() -> None:
    nets = [SPACE.decode(i) for i in range(0, SPACE.size, 151)]
    rng = np.random.default_rng(1)
    accuracies = [0.9 - 2e5 / (1e6 + net.macs) + rng.normal(0, 0.002) for net in nets]
    predictor = flash.AccuracyPredictor.fit(nets, accuracies)
    table = flash.evaluate(SPACE, "cpu-x86", np.arange(SPACE.size), predictor=predictor)
    least = float(np.quantile(table["accuracy"], 0.7))
    front = flash.pareto(
        SPACE, "cpu-x86", ("accuracy", "latency_ms"), predictor=predictor,
        where=f"accuracy >= {least!r} and cells == 3", max_params=2e6,
    )  # fmt: skip
    counts = np.array([len(SPACE.decode(i).cells) for i in range(SPACE.size)])
    mask = (table["accuracy"] >= least) & (counts == 3) & (table["params"] <= 2e6)
    wanted = front_of(np.stack([-table["accuracy"], table["latency_ms"]], 1)[mask])
    got = {(-a, b) for a, b in zip(front.accuracy.tolist(), front.latency_ms.tolist(), strict=True)}
    assert got == wanted
    assert len(wanted) > 5
    best = front.at(max_latency_ms=float(np.median(front.latency_ms)))
    assert best.proven
    assert best.where == front.where


def test_ends_and_refusals_of_fronts() -> None:
    empty = flash.pareto(SPACE, "rram", where=["latency_ms <= 1e-6", "depth_0 == 3"])
    assert empty.status == "INFEASIBLE"
    assert "latency_ms <= 1e-06 alone is met by none" in empty.message
    late = flash.pareto("densenet", "rram", where="depth_0 == depth_1", time_limit_s=0.5)
    assert late.stopped == "time_limit_s"
    assert "time_limit_s" in late.message
    seen: list[flash.FrontEvent] = []
    ended = flash.pareto(
        SPACE, "rram", where="depth_0 == 3", callback=lambda e: seen.append(e) or len(seen) == 3
    )
    assert ended.stopped == "callback"
    assert 0 < len(ended) <= 3
    for given, message in [
        ({"epsilon": 0.1}, "epsilon does not go with where"),
        ({"codesign": True}, "codesign does not go with where"),
        ({"where": "latency <= 3"}, "did you mean 'latency_ms'"),
        ({"where": "latency_ms <= 3 or depth_0 == 3"}, "take the better answer"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            flash.pareto(SPACE, "rram", **{"where": "depth_0 == 3", **given})  # type: ignore[arg-type]
    data = json.loads(ended.to_json())
    data["where"] = 3
    with pytest.raises(FormatError, match="where"):
        flash.ParetoFront.from_dict(data)
    del data["where"]
    assert flash.ParetoFront.from_dict(data).where == ()


@pytest.mark.parametrize("kind", SPACES)
def test_sweeps_know_the_choices(kind: str) -> None:
    draw = random.Random(3)
    space = SPACES[kind](draw)
    table = columns(space, {"": "cpu-x86"})
    for name in space.variables:
        value = draw.choice([x for x in table[name].tolist() if x == x])
        for sign in ("==", "!=", "<=", ">"):
            text = f"{name} {sign} {value:g}"
            found = flash.sweep(space, "cpu-x86", where=text, top=1, bins=0)
            assert found.feasible == mask_of(text, table).sum(), text
            below = flash.sweep(space, "cpu-x86", where=f"not ({text})", top=0, bins=0)
            missing = np.isnan(table[name]).sum()
            assert below.feasible == space.size - found.feasible - missing, text
    both = flash.sweep(space, "cpu-x86", where=["depth_0 == depth_1", "latency_ms / macs < 1e-6"])
    mask = (table["depth_0"] == table["depth_1"]) & (table["latency_ms"] / table["macs"] < 1e-6)
    assert both.feasible == mask.sum()
    with pytest.raises(ArgumentError, match="unknown column 'depth'; did you mean 'depth_"):
        flash.sweep(space, "cpu-x86", where="depth == 3")


def test_a_sample_s_rows_are_those_of_its_choices(tmp_path: Any) -> None:
    pytest.importorskip("pyarrow")
    found = flash.sweep(
        "densenet",
        "rram",
        sample=3000,
        where="depth_1 >= depth_0 and skips_0 > 8",
        out=tmp_path / "a",
    )
    from pyarrow.dataset import dataset

    index = dataset(tmp_path / "a", exclude_invalid_files=True).to_table()["index"].to_pylist()
    assert len(index) == found.feasible > 100
    space = flash.DenseNet()
    for i in index:
        first, second = space.decode(i).cells[:2]
        assert second.depth >= first.depth
        assert first.skips > 8
