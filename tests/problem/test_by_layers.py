"""Spaces compiled for targets that charge layers, against each network charged by itself."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash
from flash._core.tables.tables import Tables
from flash.base.names import Column
from flash.hardware._layer_rows import differing
from flash.problem import by_layers
from flash.problem.by_layers import layers_of


def time_of(layer: flash.Layer) -> float:
    taken = 0 if layer.channels is None else layer.channels
    return 3e-7 * layer.macs + 1e-6 * layer.numbers_written + 0.004 + 1e-5 * taken


def both(layer: flash.Layer) -> tuple[float, float]:
    return time_of(layer), 2.5 * time_of(layer) + 1e-7 * layer.weights


SPACES: dict[str, flash.SearchSpace] = {
    "densenet": flash.DenseNet(
        width_multipliers=[1, 2], cells=[2, 3], depths=[1, 3, 5], skips=[0, 12, 40]
    ),
    "densenet, large images": flash.DenseNet(
        width_multipliers=[1], cells=[2], depths=[2, 4], skips=[0, 8], resolution=[32, 96]
    ),
    "densenet, free widths": flash.DenseNet(
        widths=[8, 12], cells=[2], depths=[2, 4], skips=[0, 10]
    ),
    "resnet": flash.ResNet(
        width_multipliers=[1, 2], cells=[2, 3], depths=[1, 2, 3], skips=[0, 8, 16]
    ),
    "resnet, free widths": flash.ResNet(
        widths=[8, 16], cells=[3], depths=[1, 2], skips=[0, 8], resolution=[32, 128]
    ),
    "wide-resnet": flash.WideResNet(width_multipliers=[1], cells=[3], depths=[1, 2], skips=[0, 9]),
    "mobilenet-v2": flash.MobileNetV2(
        width_multipliers=[1], cells=[2], depths=[1, 2], skips=[0, 16], expansions=[1, 3],
        kernels=[3, 5],
    ),
    "mobilenet-v2, free widths": flash.MobileNetV2(
        widths=[8, 16], cells=[2], depths=[1, 2], skips=[0, 16], expansions=[1, 3], kernels=[3],
        resolution=[96],
    ),
}  # fmt: skip


def table_of(space: flash.SearchSpace, **options: Any) -> flash.Target:
    rows = []
    for layer in layers_of(space):
        latency, energy = both(layer)
        rows.append({**differing(layer), "latency_ms": latency, "energy_mj": energy})
    return flash.Target.from_layer_table(rows, name="table", **options)


def targets_for(space: flash.SearchSpace) -> dict[str, flash.Target]:
    return {
        "function": flash.LayerTarget(both, name="function", constant=(0.25, 0.5)),
        "table": table_of(space, overhead_ms=0.125),
    }


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("kind", ["function", "table"])
def test_tables_are_networks_charged_by_themselves(name: str, kind: str) -> None:
    space = SPACES[name]
    target = targets_for(space)[kind]
    every = np.arange(space.size) if space.size < 700 else space.sample_indices(300, seed=3)
    found = flash.evaluate(space, target, every)
    core = flash.evaluate(space, "cpu-x86", every)
    for column in ("nn_degree", "params", "macs"):
        assert np.array_equal(found[column], core[column])
    for n, index in enumerate(every.tolist()):
        cost = target.cost(space.decode(index))
        assert (found["latency_ms"][n], found["energy_mj"][n]) == (cost.latency_ms, cost.energy_mj)


@pytest.mark.parametrize("name", SPACES)
def test_searches_find_the_best_of_all_networks(name: str) -> None:
    space = SPACES[name]
    target = targets_for(space)["function"]
    every = flash.evaluate(space, target, np.arange(space.size))
    for part in (0.2, 0.5, 0.8):
        budgets = {
            "max_latency_ms": float(np.quantile(every["latency_ms"], part)),
            "max_energy_mj": float(np.quantile(every["energy_mj"], part)),
        }
        fits = (every["latency_ms"] <= budgets["max_latency_ms"]) & (
            every["energy_mj"] <= budgets["max_energy_mj"]
        )
        result = flash.search(space, target, **budgets)  # type: ignore[arg-type]
        assert result.status == "OPTIMAL"
        assert result.nn_degree == every["nn_degree"][fits].max()
        place = int(result.index)  # type: ignore[arg-type]
        assert result.latency_ms == every["latency_ms"][place]
        assert result.energy_mj == every["energy_mj"][place]


def test_all_ways_of_asking_agree_with_the_enumeration() -> None:
    space = SPACES["resnet"]
    target = targets_for(space)["table"]
    every = flash.evaluate(space, target, np.arange(space.size))
    least = flash.search(space, target, minimize="latency_ms", max_params=200_000)
    fits = every["params"] <= 200_000
    assert least.status == "OPTIMAL"
    assert least.latency_ms == every["latency_ms"][fits].min()
    limit = float(np.median(every["latency_ms"]))
    front = flash.pareto(space, target, ["accuracy", "latency_ms"])
    points = {(one.nn_degree, one.latency_ms) for one in front}
    best = -1.0
    expected = set()
    for time, group in itertools.groupby(
        sorted(zip(every["latency_ms"], -every["nn_degree"], strict=True)), key=lambda one: one[0]
    ):
        score = max(-one[1] for one in group)
        if score > best:
            best = score
            expected.add((score, time))
    assert points == expected
    swept = flash.sweep(space, target, max_latency_ms=limit)
    assert swept.feasible == int((every["latency_ms"] <= limit).sum())
    two = flash.search(space, [target, "cpu-x86"], max_latency_ms=limit)
    assert two[0].nn_degree == every["nn_degree"][every["latency_ms"] <= limit].max()
    within = flash.search(space, target, max_latency_ms=limit, where=["depth_0 == depth_1"])
    assert within.status == "OPTIMAL"
    drawn = flash.search(space, target, method="random", max_latency_ms=limit, max_evals=space.size)
    assert drawn.nn_degree == two[0].nn_degree
    assert flash.SearchResult.from_json(within.to_json()).latency_ms == within.latency_ms


def test_predictors_score_as_on_other_targets() -> None:
    space = SPACES["mobilenet-v2"]
    some = space.sample(40, seed=1)
    values = [0.5 + 0.4 * one.params / (one.params + 1e5) for one in some]
    predictor = flash.AccuracyPredictor.fit(some, values)
    target = targets_for(space)["function"]
    every = np.arange(space.size)
    mine = flash.evaluate(space, target, every, predictor)
    core = flash.evaluate(space, "cpu-x86", every, predictor)
    assert np.array_equal(mine["accuracy"], core["accuracy"])
    limit = float(np.median(mine["latency_ms"]))
    result = flash.search(space, target, max_latency_ms=limit, predictor=predictor)
    fits = mine["latency_ms"] <= limit
    assert result.accuracy == mine["accuracy"][fits].max()


def test_a_space_is_compiled_once_for_what_a_target_says(tmp_path: Path, monkeypatch: Any) -> None:
    space = SPACES["resnet"]
    target = table_of(space)
    target.to_json(tmp_path / "t.json")
    made = []

    class Counted(by_layers.Making):
        def columns(self) -> Any:
            made.append(1)
            return super().columns()

    monkeypatch.setattr(by_layers, "Making", Counted)
    by_layers._kept.clear()
    first = flash.search(space, target, max_latency_ms=5.0)
    again = flash.search(flash.SearchSpace.from_dict(space.to_dict()), target, max_latency_ms=5.0)
    read = flash.search(space, flash.Target.load(tmp_path / "t.json"), max_latency_ms=5.0)
    assert len(made) == 1
    assert first.latency_ms == again.latency_ms == read.latency_ms
    slower = flash.Target.from_layer_table(target.to_dict()["table"]["rows"], name="t", scale=2.0)
    assert flash.search(space, slower).latency_ms > first.latency_ms
    assert len(made) == 2


def test_holes_are_named_before_any_search() -> None:
    space = SPACES["mobilenet-v2"]
    rows = table_of(space).to_dict()["table"]["rows"]
    some = [row for row in rows if row.get("kernel", 1) != 5]
    target = flash.Target.from_layer_table(some, name="t")
    lacking = {json.dumps(row, sort_keys=True) for row in rows if row.get("kernel", 1) == 5}
    with pytest.raises(flash.FlashError) as error:
        flash.search(space, target, max_latency_ms=5.0)
    text = str(error.value)
    assert f"space has {len(lacking)} layers for which t has no cost: depthwise 5x5" in text
    assert f"and {len(lacking) - 4} more" in text
    assert flash.search(space.replace(kernels=((3,), (3,))), target).status == "OPTIMAL"


def test_blocks_are_charged_as_blocks() -> None:
    space = SPACES["resnet"]
    target = table_of(space)
    one = space.decode(space.size - 1).network().layers
    block = [layer for layer in one if layer.cell == 1][2:5]  # a block but the first of its cell
    assert [layer.kind for layer in block] == ["conv", "conv", "add"]
    rows = target.to_dict()["table"]["rows"]
    rows.append(
        {"layers": [differing(layer) for layer in block], "latency_ms": 9.0, "energy_mj": 1.0}
    )
    blocked = flash.Target.from_layer_table(rows, name="blocks")
    every = np.arange(space.size)
    found = flash.evaluate(space, blocked, every)["latency_ms"]
    plain = flash.evaluate(space, target, every)["latency_ms"]
    assert 0 < (found != plain).sum() < space.size
    for index in np.flatnonzero(found != plain)[:20].tolist():
        architecture = space.decode(index)
        assert blocked.cost(architecture).latency_ms == found[index]
        again = flash.Network.from_dict(architecture.network().to_dict())
        assert blocked.cost(again).latency_ms == found[index]


def test_extrapolated_layers_are_flagged_in_results() -> None:
    space = SPACES["wide-resnet"]
    rows = [
        row
        for row in table_of(space).to_dict()["table"]["rows"]
        if row["kind"] != "conv" or row["in_channels"] != 64
    ]
    target = flash.Target.from_layer_table(rows, name="t", outside="flag", free="linear")
    result = flash.search(space, target)
    assert any(flag.startswith("t extrapolates conv 3x3 64>64") for flag in result.flags)
    assert "t charges nothing for linear rows" in result.flags
    assert result.latency_ms == target.cost(result.architecture).latency_ms  # type: ignore[arg-type]


def test_columns_are_put_beside_others() -> None:
    constant = [0.0] * 14
    one = {Column.SCORE: np.array([1.0, 2.0]), Column.PARAMS: np.array([3.0, 4.0])}
    links: dict[str, Any] = {"quantum": (1.0,) * 6, "modelled": 63}
    tables = Tables.from_arrays([(constant, [(1, one, {})])], links)
    more = tables.with_columns({Column.LATENCY: [[np.array([5.0, 6.0])]]}, links)
    assert np.frombuffer(more.column(0, 0, Column.LATENCY) or b"").tolist() == [5.0, 6.0]
    assert np.frombuffer(more.column(0, 0, Column.PARAMS) or b"").tolist() == [3.0, 4.0]
    assert tables.column(0, 0, Column.LATENCY) is None
    other = more.with_columns({Column.LATENCY: [[np.array([7.0, 8.0])]]}, links)
    assert np.frombuffer(other.column(0, 0, Column.LATENCY) or b"").tolist() == [7.0, 8.0]
    for wrong, message in (
        ({14: [[np.zeros(2)]]}, "no column 14"),
        ({Column.LATENCY: [[np.zeros(3)]]}, "has 3 rows, others 2"),
        ({Column.LATENCY: [[np.array([-1.0, 0.0])]]}, "negative"),
    ):
        with pytest.raises(ValueError, match=message):
            tables.with_columns(wrong, links)  # type: ignore[arg-type]
    joined = [(1, one, {}), (1, one, {Column.SCORE: np.zeros(1)})]
    coupled = Tables.from_arrays([(constant, joined)], links)  # type: ignore[list-item]
    assert coupled.joined
    both = coupled.with_columns({Column.PARAMS: [[np.array([5.0, 6.0])] * 2]}, links)
    assert both.joined  # boundaries stay with the columns that have them
    with pytest.raises(ValueError, match="score has boundaries, and keeps its rows"):
        coupled.with_columns({Column.SCORE: [[np.array([5.0, 6.0])] * 2]}, links)
