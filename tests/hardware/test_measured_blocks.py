"""A table of the blocks of mobilenet-v3, measured once, against whole networks measured with it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from twins.places import DATA

import flash

MEASURED = json.loads((DATA / "mobilenet_v3_blocks.json").read_text())


@pytest.fixture(scope="module")
def space() -> flash.BlockSpace:
    return flash.MobileNetV3()


@pytest.fixture(scope="module")
def table(space: flash.BlockSpace) -> flash.Target:
    rows = [
        {
            "name": one.name,
            "layers": list(one.network.layers),
            "latency_ms": MEASURED["blocks"][one.name],
        }
        for one in space.fragments()
    ]
    return flash.Target.from_layer_table(rows, name="measured")


def off(space: flash.BlockSpace, target: flash.Target) -> tuple[float, float, float]:
    """Return (mean error in percent, greatest, rank) on the networks held out."""
    from scipy.stats import spearmanr

    rows = [space.decode(int(index)).row for index, _ in MEASURED["held_out"]]
    told = np.array([one for _, one in MEASURED["held_out"]])
    found = flash.evaluate(space, target, rows)["latency_ms"]
    error = 100.0 * np.abs(found / told - 1.0)
    return float(error.mean()), float(error.max()), float(spearmanr(found, told)[0])


def test_all_blocks_of_the_space_were_measured(space: flash.BlockSpace) -> None:
    assert {one.name for one in space.fragments()} == set(MEASURED["blocks"])


def test_sums_of_measured_blocks_tell_whole_networks(
    space: flash.BlockSpace, table: flash.Target
) -> None:
    mean, most, rank = off(space, table)
    assert mean < 8.0
    assert most < 8.0
    assert rank > 0.98


def test_a_table_fitted_with_a_few_networks_tells_the_others(
    space: flash.BlockSpace, table: flash.Target
) -> None:
    some = [space.decode(int(index)).network() for index, _ in MEASURED["fitted"]]
    fitted = table.fitted(some, latency_ms=[one for _, one in MEASURED["fitted"]])
    mean, most, rank = off(space, fitted)
    assert mean < 8.0
    assert most < 8.0
    assert rank > 0.98
    shipped_mean, _, shipped_rank = off(space, flash.Target.load("cpu-x86"))
    assert mean < shipped_mean
    assert rank > shipped_rank


@pytest.mark.torch
def test_the_best_under_two_budgets_is_proven_and_costs_what_its_module_does(
    space: flash.BlockSpace, table: flash.Target
) -> None:
    result = flash.search(space, table, max_latency_ms=7.5, max_params=5_200_000)
    assert result.proven
    assert isinstance(result.latency_ms, float)
    assert result.latency_ms <= 7.5
    net = result.architecture
    assert isinstance(net, flash.BlockNetwork)
    read = flash.Network.from_torch(net.to_torch(), net.input_shape)
    assert table.cost(read).latency_ms == result.latency_ms
    assert read.params == result.params <= 5_200_000
    costs = flash.evaluate(
        space, table, [space.decode(int(i)).row for i, _ in MEASURED["held_out"]]
    )
    within = (costs["latency_ms"] <= 7.5) & (costs["params"] <= 5_200_000)
    assert within.any()
    assert costs["nn_degree"][within].max() <= result.nn_degree
