"""PNAS: levels, what they reach, and that it searches well on its own cells and elsewhere."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError
from flash.evaluators.by_function import FunctionEvaluator
from flash.evaluators.by_table import TableEvaluator
from flash.methods.pnas import Blocks, Runs, shares
from flash.networks.cell_networks import CellNetwork, canonical_codes
from flash.solving.ground import ground_of
from flash.spaces.network_space import network_space
from flash.spaces.pnas import PNASCells

SMALL = PNASCells(3, repeats=1, filters=4, resolution=8)
WORTH = {"sep3x3": 0.9, "sep5x5": 1.0, "sep7x7": 0.8, "conv1x7-7x1": 0.5, "dil3x3": 0.4}


def accuracies(nets: list[Any]) -> list[float]:
    """Made-up accuracies: convolutions, different inputs, and pools beside convolutions."""
    found = []
    for net in nets:
        total = 0.0
        for a, b, p, q in net.blocks:
            first, second = WORTH.get(p, 0.1), WORTH.get(q, 0.1)
            total += max(first, second) + 0.2 * (a != b) + 0.2 * (("max3x3" in (p, q)) and p != q)
        found.append(0.5 + 0.3 * (total / 4.2) + 0.01 * len(net.blocks))
    return found


class Space:
    """What `Runs` needs of a task."""

    def __init__(self, lengths: Any, groups: Any, tabled: bool = False) -> None:
        self.lengths = np.array(lengths)
        self.groups = tuple(np.array(group) for group in groups)
        self.ground = self
        self.tabled = tabled


def runs_in(row: Any) -> int:
    return 1 + sum(a != b for a, b in itertools.pairwise(row))


def test_levels_of_cells() -> None:
    """136 one-block cells; expanded, they reach all 31,620 of two blocks, and no others."""
    rng = np.random.default_rng(0)
    growth = Blocks(SMALL)
    first = growth.first(rng)
    kept = {canonical_codes(SMALL.codes(row)) for row in first.tolist()}
    assert len(first) == len(kept) == 136
    second = growth.expand(first, 1 << 20, rng)
    assert len(second) == 136 * 300
    codes = [SMALL.codes(row) for row in second.tolist()]
    assert {len(cell) for cell in codes} == {2}
    assert len({canonical_codes(cell) for cell in codes}) == 31_620
    some = growth.expand(first, 1000, rng)
    assert len(some) == 1000
    assert {tuple(row) for row in some.tolist()} <= {tuple(row) for row in second.tolist()}
    tokens = growth.tokens(np.concatenate([first[:1], second[:1]]))
    assert (tokens[0, 1:] == -1).all()
    assert (tokens[1, 2:] == -1).all()
    assert (tokens[1, :2] >= 0).all()


def test_levels_of_runs() -> None:
    """Networks of one kind of cell, then of two runs, ...; the last level reaches everything."""
    rng = np.random.default_rng(0)
    growth = Runs(Space([3] * 5, [[k] for k in range(5)]))  # type: ignore[arg-type]
    rows = growth.first(rng)
    assert sorted(map(tuple, rows.tolist())) == [(0,) * 5, (1,) * 5, (2,) * 5]
    reached = {tuple(row) for row in rows.tolist()}
    for level in range(2, growth.levels + 1):
        rows = growth.expand(np.array(sorted(reached)), 1 << 20, rng)
        reached |= {tuple(row) for row in rows.tolist()}
        assert max(map(runs_in, reached)) == level
        assert {row for row in reached if runs_in(row) == level} == {
            row for row in np.ndindex((3,) * 5) if runs_in(row) == level
        }
    assert len(reached) == 3**5


def test_what_cells_share_is_a_level_of_its_own() -> None:
    rng = np.random.default_rng(0)
    growth = Runs(Space([4, 2, 3, 2, 3], [[0], [1, 2], [3, 4]], True))  # type: ignore[arg-type]
    first = growth.first(rng)
    assert len({tuple(row) for row in first.tolist()}) == 4 * 6 == growth.simplest
    assert (first[:, 1:3] == first[:, 3:]).all()
    rows = growth.expand(first[:1], 1 << 20, rng)
    changed = {tuple((row != first[0]).tolist()) for row in rows}
    assert (True, False, False, False, False) in changed
    assert not any(one[0] and any(one[1:]) for one in changed)
    assert growth.levels == 3


@pytest.mark.slow
def test_more_simple_networks_than_an_integer_holds() -> None:
    lengths = [1 << 20, 1 << 21, 1 << 22, 1 << 23, 5, 5]
    growth = Runs(Space(lengths, [[0], [1], [2], [3], [4], [5]], True))  # type: ignore[arg-type]
    assert growth.simplest == 5 << 86
    rows = growth.first(np.random.default_rng(0))
    assert (rows >= 0).all()
    assert (rows < np.array(lengths)).all()
    assert (rows[:, 4] == rows[:, 5]).all()
    assert (rows.max(axis=0)[:4] > np.array(lengths)[:4] // 2).all()


def test_a_space_without_equal_groups_is_read_by_variables() -> None:
    space = network_space("nas-bench-201")
    growth = Runs(Space(space.lengths, space.groups))  # type: ignore[arg-type]
    assert (growth.levels, growth.simplest) == (6, 5)


def search(space: Any = SMALL, **given: Any) -> Any:
    given = {"method": "pnas", "evaluator": FunctionEvaluator(accuracies), **given}
    given.setdefault("options", {"surrogate": "ridge"})
    return flash.search(space, "cpu-x86", certify=False, **given)


def test_it_finds_good_cells_by_levels() -> None:
    result = search(options={"surrogate": "ridge", "beam": 20})
    assert result.nfev == 136 + 2 * 20
    net = SMALL.decode(result.x)
    assert len(net.blocks) == 3  # steps are no answers
    assert result.accuracy == accuracies([net])[0]
    assert (result.params, result.macs) == (net.params, net.macs)
    luck = search(method="random", options={}, max_evals=result.nfev)
    assert result.accuracy > luck.accuracy
    best = max(accuracies(SMALL.sample(20_000, seed=0)))
    assert result.accuracy > best - 0.01
    again = search(options={"surrogate": "ridge", "beam": 20})
    assert (again.x, [step[:2] for step in again.trace]) == (
        result.x,
        [step[:2] for step in result.trace],
    )
    read = flash.SearchResult.from_json(result.to_json())
    assert (read.x, read.space) == (result.x, SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", pytest.param("lstm", marks=pytest.mark.torch)])
def test_other_surrogates(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "lstm":
        from flash.methods._lstm import LSTM

        monkeypatch.setattr(LSTM, "STEPS", 40)
    options = {"surrogate": name, "beam": 8, "candidates": 2000}
    result = search(PNASCells(2, 1, 4, 8), options=options)
    assert result.nfev == 144
    luck = search(PNASCells(2, 1, 4, 8), method="random", options={}, max_evals=144)
    assert result.accuracy >= luck.accuracy


def test_max_evals_is_shared_out_among_the_levels() -> None:
    result = search(max_evals=40)
    assert result.nfev == 40
    assert len(SMALL.decode(result.x).blocks) == 3


@pytest.mark.slow
def test_budgets_hold() -> None:
    free = search(max_evals=60)
    limit = 0.8 * free.params
    result = search(max_evals=60, max_params=limit)
    assert result.params <= limit
    assert result.status == "FEASIBLE"
    nothing = search(max_evals=60, max_params=10)
    assert nothing.x is None
    assert nothing.nfev == 0


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    journal = tmp_path / "run.jsonl"
    options = {"surrogate": "ridge", "beam": 10}
    whole = search(options=options)

    def stop(event: Any) -> bool:
        return event.nfev >= 140

    part = search(options=options, journal=journal, callback=stop)
    assert part.stopped == "callback"
    assert 140 <= part.nfev < whole.nfev
    kept = len(journal.read_text().splitlines())
    called = []

    def counted(nets: list[Any]) -> list[float]:
        called.extend(nets)
        return accuracies(nets)

    rest = search(
        options=options, journal=journal, evaluator=FunctionEvaluator(counted, "accuracies")
    )
    assert (rest.x, rest.accuracy, rest.nfev) == (whole.x, whole.accuracy, whole.nfev)
    assert len(called) == whole.nfev - (kept - 1)
    assert all(json.loads(line) for line in journal.read_text().splitlines())


@pytest.mark.parametrize(
    ("space", "target", "budgets"),
    [
        ("densenet", "rram", {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}),
        ("mobilenet-v2", "cpu-x86", {"max_latency_ms": 20.0}),
    ],
)
def test_families(space: str, target: str, budgets: dict[str, float]) -> None:
    options = {"surrogate": "ridge"}
    found = flash.search(
        space, target, method="pnas", options=options, max_evals=200, seed=3, **budgets
    )
    luck = flash.search(space, target, method="random", max_evals=200, seed=3, **budgets)
    assert found.nfev == 200
    assert luck.objective < found.objective <= found.upper_bound
    assert all(getattr(found, name[4:]) <= value for name, value in budgets.items())


def test_a_table_of_accuracies() -> None:
    """A smooth made-up table: the best of 6,561 in 120 evaluations."""
    space = network_space("nas-bench-macro")
    gains = np.array([[0.0, 0.5 + k % 3, 1.0 + (k * 5) % 4] for k in range(8)])
    table = {}
    for row in np.ndindex(space.lengths):
        total = gains[np.arange(8), list(row)].sum() + 0.3 * runs_in(row)
        table[space.name(row)] = float(1.0 / (1.0 + np.exp(-total / 10.0)))
    rows = np.array(list(np.ndindex(space.lengths)))
    same = map(space.name, space.canonical(rows).tolist())
    # networks that are the same have the accuracy of the one that stands for them
    table = {space.name(row): table[one] for row, one in zip(rows.tolist(), same, strict=True)}
    result = flash.search(
        space,
        "cpu-x86",
        method="pnas",
        evaluator=TableEvaluator(table),
        options={"surrogate": "ridge"},
        max_evals=120,
        certify=False,
    )
    assert result.nfev <= 120
    better = sum(value > result.accuracy for value in table.values())
    assert better <= 5


@pytest.mark.torch
def test_cells_are_trained(tmp_path: Path) -> None:
    """flash.train takes cell networks; by training, PNAS goes on where it was stopped."""
    pytest.importorskip("torch")
    from flash.evaluators.by_training import TrainingEvaluator

    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = rng.normal(size=(60, 8, 8)) * 0.1 + labels[:, None, None]
    space = PNASCells(1, repeats=1, filters=4, resolution=8, num_classes=3)
    folder = tmp_path / "trained"
    options = {"surrogate": "ridge", "first": 2}
    judge = TrainingEvaluator((images, labels), folder, epochs=1)
    result = search(space, evaluator=judge, options=options)
    assert result.nfev == 2
    again = TrainingEvaluator((images, labels), folder, epochs=1)
    assert search(space, evaluator=again, options=options).accuracy == result.accuracy
    listed = [
        CellNetwork.from_dict(one) for one in json.loads((folder / "networks.json").read_text())
    ]
    kept = flash.train(listed, (images, labels), epochs=1, out=folder / "trainings")
    assert max(kept.accuracies) == result.accuracy
    assert kept.architectures == listed
    assert "1 x 1 blocks" in str(kept)


def test_refused_options() -> None:
    with pytest.raises(ArgumentError, match=r"surrogate.*did you mean 'lstm'"):
        search(options={"surrogate": "lstn"})
    with pytest.raises(ArgumentError, match="it takes surrogate, beam, first, candidates"):
        search(options={"width": 3})
    with pytest.raises(ArgumentError, match="beam"):
        search(options={"beam": -1})


def test_steps_cost_and_are_charged() -> None:
    ground = ground_of(SMALL, flash.Target.load("cpu-x86"))
    step = SMALL.row_of(((0, 9),))
    metrics = ground.charge(np.array([step]))
    assert metrics[4, 0] == SMALL.decode(step).params
    assert not ground.is_member(np.array([step]))[0]  # type: ignore[index]


@pytest.mark.parametrize("most", [5, 6, 12])
def test_few_evaluations_are_kept_for_whole_cells(most: int) -> None:
    space = flash.PNASCells(filters=8, resolution=8)
    result = flash.search(
        space,
        "cpu-x86",
        method="pnas",
        max_evals=most,
        evaluator=lambda nets: [0.5 + 0.001 * len(str(net)) for net in nets],
        options={"candidates": 500, "surrogate": "ridge"},
    )
    assert result.status == "FEASIBLE"
    assert result.nfev <= most


@pytest.mark.parametrize("target", ["cpu-x86", "rram"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_a_budget_that_draws_meet_is_met_with_few_evaluations(target: str, share: float) -> None:
    """At the least that 40 draws cost, levels find nothing that fits: costs are asked."""
    costs = [flash.Target.load(target).cost(net).latency_ms for net in SMALL.sample(40, seed=9)]
    limit = float(np.quantile(costs, share))
    for most in (3, 5, 12):
        for seed in range(3):
            result = flash.search(
                SMALL,
                target,
                method="pnas",
                max_latency_ms=limit,
                max_evals=most,
                seed=seed,
                evaluator=FunctionEvaluator(accuracies, "fake"),
                options={"candidates": 300, "surrogate": "ridge"},
            )
            assert result.status == "FEASIBLE"
            assert result.nfev <= most
            assert result.latency_ms is not None
            assert result.latency_ms <= limit


def test_a_run_of_any_space_that_would_end_without_an_answer_asks_for_costs() -> None:
    """Equal cells do not fit, and few evaluations leave no way to what does."""
    space = flash.DenseNet(widths=[8, 64], depths=[2, 12], skips=[0], resolution=8, cells=3)
    costs = sorted(net.params for net in map(space.decode, range(space.size)))
    result = flash.search(
        space,
        "cpu-x86",
        method="pnas",
        max_params=costs[0],
        max_evals=1,
        evaluator=lambda nets: [0.5] * len(nets),
        options={"surrogate": "ridge"},
    )
    assert (result.status, result.params) == ("FEASIBLE", costs[0])


@pytest.mark.parametrize(
    ("levels", "limit", "options", "wanted"),
    [
        (5, None, {}, (136, (256,) * 4)),
        (5, 2000, {}, (136, (256,) * 4)),
        (5, 1160, {}, (136, (256,) * 4)),  # the paper's number
        (5, 500, {}, (125, (62, 62, 62, 189))),
        (5, 16, {}, (4, (2, 2, 2, 6))),
        (5, 5, {}, (1, (1, 1, 1, 1))),
        (2, 16, {}, (4, (12,))),
        (1, 16, {}, (4, ())),
        (5, 60, {"first": 20, "beam": 10}, (20, (10,) * 4)),
    ],
)
def test_shares_of_the_levels(
    levels: int, limit: int | None, options: dict[str, int], wanted: Any
) -> None:
    """Cells of fewer blocks are no answers: half of what is left is for the last level."""
    given = {"first": 0, "beam": 0, **options}
    first, beams = wanted
    found = shares(limit, given, Blocks(PNASCells(levels)), True)
    assert found == wanted
    if limit is not None:
        assert first + sum(beams[:-1]) < limit or levels == 1
        assert first + sum(beams) <= limit


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"first": 12},
            "must leave an evaluation for cells of 3 blocks, got 12 evaluations for 12",
        ),
        ({"first": 5, "beam": 7}, "got 12 evaluations for 5 of one block and 1 times 7 on the way"),
    ],
)
def test_options_that_leave_nothing_for_an_answer_are_refused(
    options: dict[str, int], message: str
) -> None:
    asked: list[object] = []
    with pytest.raises(ArgumentError, match=message):
        flash.search(
            SMALL,
            "cpu-x86",
            method="pnas",
            max_evals=12,
            evaluator=lambda nets: asked.extend(nets) or [0.5] * len(nets),  # type: ignore[func-returns-value]
            options=options,
        )
    assert not asked


def test_fewer_evaluations_than_levels_are_refused() -> None:
    asked: list[object] = []
    with pytest.raises(ArgumentError, match="max_evals must be at least 5 for method 'pnas'"):
        flash.search(
            flash.PNASCells(filters=8, resolution=8),
            "cpu-x86",
            method="pnas",
            max_evals=4,
            evaluator=lambda nets: asked.extend(nets) or [0.5] * len(nets),  # type: ignore[func-returns-value]
        )
    assert not asked
