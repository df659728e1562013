"""Budgets on peak memory and on weights: equal to complete enumeration of the networks' own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_search_within import columns
from flash.cli.main import main
from flash.errors import ArgumentError, ArgumentTypeError, FormatError

DEPTHS = flash.Range(1, 4)
SPACES: dict[str, Any] = {
    "densenet": flash.DenseNet(
        width_multipliers=[0.5, 1], depths=DEPTHS, skips=[0, 5, 40], cells=[1, 2], resolution=16
    ),
    "densenet, free widths": flash.DenseNet(
        widths=[6, 8, 20], depths=[1, 3, 4], skips=[0, 7], cells=2, resolution=[24, 96]
    ),
    "resnet": flash.ResNet(width_multipliers=[0.5, 1], depths=[1, 3], skips=[0, 8, 64], cells=3),
    "wide-resnet": flash.WideResNet(
        widths=[8, 16, 24], depths=[1, 2], skips=[0, 8, 16], cells=2, resolution=[16, 80]
    ),
    "mobilenet-v2": flash.MobileNetV2(
        widths=[8, 16], depths=[1, 2], skips=[0, 8, 16], expansions=[1, 3], kernels=3, cells=2,
        resolution=[16, 96], num_classes=1000,
    ),
}  # fmt: skip
TARGET = "raspberry-pi-4"


def enumerated(space: Any) -> dict[str, Any]:
    """All configurations' metrics, with the peak memory of the schedule on their layers."""
    table = columns(space, {"": TARGET})
    nets = [space.decode(i) for i in range(space.size)]
    table["memory_kib"] = np.array([net.peak_memory_kib for net in nets])
    table["weights_kib"] = np.array([net.weights_kib for net in nets])
    return table


TABLES: dict[str, Any] = {}


@pytest.fixture(params=SPACES)
def both(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    name = request.param
    if name not in TABLES:
        TABLES[name] = enumerated(SPACES[name])
    return SPACES[name], TABLES[name]


def levels(values: Any) -> list[float]:
    """Budgets below all, at, between and above values."""
    some = np.unique(values)
    picked = some[:: max(1, len(some) // 6)]
    return [float(some[0]) * 0.99, *map(float, picked), float(picked[-1]) * 1.001]


def check(result: Any, mask: Any, values: Any) -> None:
    assert result.proven
    if not mask.any():
        assert result.status == "INFEASIBLE"
        return
    assert mask[result.index]
    assert result.objective == pytest.approx(values[mask].max(), rel=1e-12)
    assert values[result.index] == pytest.approx(result.objective, rel=1e-12)


def test_equal_complete_enumeration(both: Any) -> None:
    space, table = both
    memory, weights, degrees = table["memory_kib"], table["weights_kib"], table["nn_degree"]
    for most in levels(memory):
        result = flash.search(space, TARGET, max_memory_kib=most)
        check(result, memory <= most, degrees)
        if result.success:
            assert result.memory_kib == memory[result.index]
            assert result.weights_kib == weights[result.index]
        strict = flash.search(space, TARGET, where=f"memory_kib < {most!r}")
        check(strict, memory < most, degrees)
        least = flash.search(space, TARGET, where=f"memory_kib >= {most!r}", minimize="latency_ms")
        check(least, memory >= most, -table["latency_ms"])
        exact = flash.search(space, TARGET, where=f"memory_kib == {most!r}")
        check(exact, memory == most, degrees)
    for most in levels(weights):
        result = flash.search(space, TARGET, max_weights_kib=most)
        check(result, weights <= most, degrees)
    for most in levels(memory)[1:6:2]:
        for heavy in levels(weights)[1:6:2]:
            mask = (memory <= most) & (weights <= heavy)
            result = flash.search(space, TARGET, max_memory_kib=most, max_weights_kib=heavy)
            check(result, mask, degrees)


def test_as_objectives_and_in_sums(both: Any) -> None:
    space, table = both
    memory, weights, degrees = table["memory_kib"], table["weights_kib"], table["nn_degree"]
    every = np.ones(space.size, bool)
    check(flash.search(space, TARGET, minimize="memory_kib"), every, -memory)
    half = float(np.median(degrees))
    result = flash.search(space, TARGET, minimize=["memory_kib", "weights_kib"], min_nn_degree=half)
    check(result, degrees >= half, -memory)
    best = (degrees >= half) & (memory == memory[result.index])
    assert weights[result.index] == weights[best].min()
    wanted: Any = {"sum": {"nn_degree": 1, "memory_kib": -0.2}}
    check(flash.search(space, TARGET, objective=wanted), every, degrees - 0.2 * memory)
    product: Any = {"accuracy": 1, "memory_kib": -1}
    check(flash.search(space, TARGET, objective=product), every, degrees / memory)
    limit = float(np.median(memory + 0.1 * weights))
    mask = memory + 0.1 * weights <= limit
    result = flash.search(space, TARGET, where=f"memory_kib + 0.1 * weights_kib <= {limit!r}")
    check(result, mask, degrees)


def test_the_best_few_differ_and_fit() -> None:
    space = SPACES["resnet"]
    table = enumerated(space)
    most = float(np.median(table["memory_kib"]))
    result = flash.search(space, TARGET, max_memory_kib=most, k=5)
    found = [result, *result.alternatives]
    assert len({one.architecture for one in found}) == 5
    assert all(one.memory_kib <= most for one in found)


def test_fronts_and_sweeps_hold_them(both: Any) -> None:
    space, table = both
    most = float(np.quantile(table["memory_kib"], 0.4))
    heavy = float(np.quantile(table["weights_kib"], 0.6))
    for memory, weights in ((most, None), (None, heavy), (most, heavy)):
        mask = np.ones(space.size, bool)
        if memory is not None:
            mask &= table["memory_kib"] <= memory
        if weights is not None:
            mask &= table["weights_kib"] <= weights
        budgets: Any = {"max_memory_kib": memory, "max_weights_kib": weights}
        points = {
            (-g, t)
            for g, t in zip(table["nn_degree"][mask], table["latency_ms"][mask], strict=True)
        }
        best = {
            a for a in points if not any(b != a and b[0] <= a[0] and b[1] <= a[1] for b in points)
        }
        front = flash.pareto(space, TARGET, **budgets)
        assert front.complete
        told = set(zip(-front.metrics["nn_degree"], front.metrics["latency_ms"], strict=True))
        assert np.array(sorted(told)) == pytest.approx(np.array(sorted(best)))
        assert flash.ParetoFront.from_json(front.to_json()) == front
        sweep = flash.sweep(space, TARGET, **budgets, top=1)
        assert sweep.feasible == mask.sum()
        assert sweep.top[0].proven
        assert sweep.top[0].objective == table["nn_degree"][mask].max()
        assert flash.SweepResult.from_json(sweep.to_json()).budgets == sweep.budgets
    where = f"memory_kib <= {most!r} and weights_kib > {heavy!r}"
    some = (table["memory_kib"] <= most) & (table["weights_kib"] > heavy)
    assert flash.sweep(space, TARGET, where=where).feasible == some.sum()


def test_what_nothing_meets_is_explained() -> None:
    space = SPACES["resnet"]
    table = enumerated(space)
    least = float(table["memory_kib"].min())
    result = flash.search(space, TARGET, max_memory_kib=least / 2, max_weights_kib=1e6)
    assert result.status == "INFEASIBLE"
    assert result.proven
    assert result.conflicts == ({"max_memory_kib": least},)
    assert result.remedies == ({"max_memory_kib": least},)
    assert flash.SearchResult.from_json(result.to_json()) == result
    both = flash.search(
        space, TARGET, max_memory_kib=least, min_nn_degree=float(table["nn_degree"].max())
    )
    top = table["nn_degree"] == table["nn_degree"].max()
    (conflict,) = both.conflicts
    assert conflict["max_memory_kib"] == table["memory_kib"][top].min()
    nothing = flash.pareto(space, TARGET, max_weights_kib=0.5)
    assert not len(nothing)
    assert "max_weights_kib alone is met by none" in nothing.message
    swept = flash.sweep(space, TARGET, max_memory_kib=0.5)
    assert swept.message is not None
    assert "max_memory_kib alone is met by none" in swept.message


def test_they_bind() -> None:
    space = SPACES["resnet"]
    table = enumerated(space)
    most = float(np.quantile(table["memory_kib"], 0.3))
    result = flash.search(space, TARGET, max_memory_kib=most, max_weights_kib=1e6)
    assert result.binding is not None
    assert set(result.binding) == {"max_memory_kib"}
    own = result.binding["max_memory_kib"]
    more = table["memory_kib"] <= most * 1.01
    assert own["unlimited"] == pytest.approx(table["nn_degree"].max())
    assert own["one_percent"] == pytest.approx(table["nn_degree"][more].max())
    assert "max_memory_kib binds" in str(result)
    assert "peak memory" in str(result)


def test_results_round_trip_and_are_checked() -> None:
    space = SPACES["densenet"]
    result = flash.search(space, TARGET, max_memory_kib=60, max_weights_kib=400)
    data = result.to_dict()
    assert data["memory_kib"] == result.memory_kib <= 60
    assert flash.SearchResult.from_dict(data) == result
    data["budgets"]["max_memory_kib"] = result.memory_kib * 0.9
    with pytest.raises(FormatError, match=r"memory_kib .* breaks max_memory_kib"):
        flash.SearchResult.from_dict(data)
    plain = flash.search(space, TARGET, max_latency_ms=100)
    assert "memory_kib" not in plain.to_dict()
    assert plain.memory_kib == plain.architecture.peak_memory_kib


def test_lists_of_targets_and_several_devices() -> None:
    space = SPACES["resnet"]
    table = enumerated(space)
    most = float(np.quantile(table["memory_kib"], 0.3))
    fleet = flash.search(space, [TARGET, "pixel-3"], max_memory_kib=[most, None])
    assert fleet[0].memory_kib <= most
    assert "max_memory_kib" not in fleet[1].budgets
    assert fleet[1].objective == table["nn_degree"].max()
    devices = flash.together(pi=TARGET, phone="pixel-3")
    one = flash.search(space, devices, max_memory_kib=most)
    assert one.proven
    assert one.objective == fleet[0].objective


def test_targets_of_several_tiles() -> None:
    space = flash.ResNet(width_multipliers=[1, 2, 4], depths=[1, 3], skips=[0, 32], cells=3)
    memory = np.array([space.decode(i).peak_memory_kib for i in range(space.size)])
    degrees = flash.evaluate(space, "rram-neurosim", np.arange(space.size))["nn_degree"]
    most = float(np.median(memory))
    result = flash.search(space, "rram-neurosim", max_memory_kib=most)
    check(result, memory <= most, degrees)
    assert (
        flash.sweep(space, "rram-neurosim", max_memory_kib=most).feasible == (memory <= most).sum()
    )


@pytest.mark.parametrize("name", ["max_memory_kib", "max_weights_kib"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 0, "1", True])
def test_wrong_values_are_refused(name: str, value: Any) -> None:
    for ask in (flash.search, flash.pareto, flash.sweep):
        with pytest.raises((ArgumentError, ArgumentTypeError), match=f"{name} must be"):
            ask(SPACES["resnet"], TARGET, **{name: value})


def test_what_cannot_hold_them_says_so() -> None:
    space: Any = "resnet"
    with pytest.raises(ArgumentError, match="did you mean 'memory_kib'"):
        flash.search(space, TARGET, where="memry_kib <= 3")
    with pytest.raises(ArgumentError, match=r"method must be one of .* with .*max_memory_kib"):
        flash.search(space, TARGET, max_memory_kib=9, method="evolution")
    with pytest.raises(ArgumentError, match=r"codesign does not go with .*max_weights_kib"):
        flash.search(space, "fpga-zu3eg", max_weights_kib=9, codesign=True)
    with pytest.raises(ArgumentError, match=r"codesign does not go with .*max_weights_kib"):
        flash.pareto(space, "fpga-zu3eg", max_weights_kib=9, codesign=True)
    with pytest.raises(ArgumentError, match=r"epsilon does not go with .*max_memory_kib"):
        flash.pareto(space, TARGET, max_memory_kib=900, epsilon=0.1)
    with pytest.raises(ArgumentError, match=r"max_memory_kib.* are of the families' spaces"):
        flash.search("nas-bench-201", TARGET, max_memory_kib=9)


SMALL = ["--depths", "1,3", "--skips", "0,8", "--cells", "2"]


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    budgets = ["--max-memory-kib", "200", "--max-weights-kib", "500"]
    assert main(["search", "resnet", TARGET, *budgets, *SMALL, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["memory_kib"] <= 200
    assert told["weights_kib"] <= 500
    assert told["proven"]
    file = tmp_path / "budgets.toml"
    file.write_text("max_memory_kib = 200\nmax_weights_kib = 500\n")
    assert main(["search", "resnet", TARGET, "--budgets", str(file), *SMALL, "--json"]) == 0
    same = json.loads(capsys.readouterr().out)
    assert same["x"] == told["x"]
    assert same["budgets"] == told["budgets"]
    assert main(["pareto", "resnet", TARGET, *budgets, *SMALL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["budgets"] == told["budgets"]
    assert main(["sweep", "resnet", TARGET, *budgets, *SMALL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["top"][0]["objective"] == told["objective"]
    assert main(["search", "resnet", TARGET, "--max-memory-kib", "1", *SMALL]) == 1
    assert "max_memory_kib alone is met by none" in capsys.readouterr().out
    assert main(["search", "resnet", TARGET, "--max-memory-kib", "-1", *SMALL]) == 2
    assert "max_memory_kib must be" in capsys.readouterr().err
    assert main(["compare", "resnet", TARGET, "--max-memory-kib", "9"]) == 2
    assert "--max-memory-kib: the methods of other papers" in capsys.readouterr().err


def test_a_folder_of_targets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    for name in ("a", "b"):
        flash.Target.load(TARGET).to_json(folder / f"{name}.json")
    file = tmp_path / "budgets.json"
    file.write_text('{"b": {"max_memory_kib": 150}}')
    words = ["search", "resnet", "--targets", str(folder), "--budgets", str(file), *SMALL]
    assert main([*words, "--json"]) == 0
    a, b = map(json.loads, capsys.readouterr().out.splitlines())
    assert "max_memory_kib" not in a["budgets"]
    assert b["memory_kib"] <= 150
