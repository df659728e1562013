"""NetAdaptV2 and NetAdapt, HURRICANE and SPOS: steps, pools and stages; search by a supernet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError
from flash.evaluators import Evaluator
from flash.evaluators.by_function import FunctionEvaluator
from flash.methods import options_for
from flash.methods._evolving import evolve
from flash.methods._task import Stop, Task
from flash.methods.hurricane import default, profiles, ranked, size_for, split
from flash.methods.netadapt import _one_layer
from flash.methods.netadapt_v2 import Descent, _several_layers
from flash.problem.objective import PLAIN
from flash.solving.ground import ground_of

if TYPE_CHECKING:
    from twins.processes import Run

WHOLE = flash.Range(32, 32, unit="width/32")
SPACE = flash.MobileNetV2(
    widths=[8, 16], depths=[1, 2], expansions=[1, 2, 3], kernels=[3, 5], cells=3, skips=[0]
)
BYPASS = flash.BypassSpace(
    flash.Architecture("resnet", [flash.Cell(8, 2, 8), flash.Cell(16, 2, 16)], resolution=8)
)
INF = float("inf")
TINY = flash.ResNet(widths=[2, 4], depths=[1, 2], cells=2, skips=WHOLE, resolution=8)


def by_macs(nets: list[Any]) -> list[float]:
    """Accuracies that rise with MACs: the best network is the largest within the budget."""
    return [1.0 - 1.0 / (2.0 + 1e-6 * net.macs) for net in nets]


def task_of(
    space: Any, target: str = "cpu-x86", macs: float = INF, method: str = "netadapt-v2",
    evaluator: Evaluator | None = None, **more: Any,
) -> Task:  # fmt: skip
    limits = [INF, more.pop("latency", INF), INF, INF, INF, macs]
    judge = evaluator or FunctionEvaluator(by_macs)
    return Task(
        ground_of(space, flash.Target.load(target)), judge, PLAIN, limits,
        options=options_for(method, more.pop("options", None)), **more,
    )  # fmt: skip


# descents


@pytest.mark.parametrize("space", [SPACE, BYPASS], ids=["families", "bypass"])
def test_a_descent_starts_from_the_largest_network(space: Any) -> None:
    task = task_of(space, macs=1.0)
    at = Descent(task)
    row = at.largest()
    every = space.sample_indices(500, 0)
    rows = np.array([space.row(i) if space is BYPASS else space.encode(space.decode(i))
                     for i in every])  # fmt: skip
    assert (at.usage(rows) <= at.usage(row)).all()
    targets = at.targets(8.0, 20)
    assert targets[-1] == 1.0
    ratios = np.log(np.array([8.0, *targets[:-1]]) / np.array(targets))
    assert (ratios > 0).all()
    np.testing.assert_allclose(ratios[1:] / ratios[:-1], 0.96)


@pytest.mark.parametrize("space", [SPACE, BYPASS], ids=["families", "bypass"])
def test_a_step_shrinks_one_layer_or_several(space: Any) -> None:
    task = task_of(space, macs=1.0)
    at = Descent(task)
    row = at.largest()
    first = float(at.usage(row)[0])
    at.wanted = 30

    def changed(rows: Any) -> list[int]:
        return [
            sum(bool((one[group] != row[0, group]).any()) for group in task.groups) for one in rows
        ]

    single = _one_layer(at, row, 0.9 * first)
    assert set(changed(single)) == {1}
    assert len(single) <= len(task.groups)
    for one in single:  # none of the layer's other choices is larger and holds the target
        used = float(at.usage(one[None])[0])
        assert used < first
    several = _several_layers(at, row, 0.5 * first)
    assert (at.usage(several) <= 0.5 * first).all()
    assert max(changed(several)) >= 2
    assert len(np.unique(several, axis=0)) == len(several) >= 5
    task.options["layers"] = 1
    assert set(changed(_several_layers(at, row, 0.97 * first))) == {1}


@pytest.mark.parametrize("method", ["netadapt", "netadapt-v2"])
@pytest.mark.parametrize("name", ["latency_ms", "macs", "params"])
def test_descents_meet_any_budget_and_come_near_the_best(method: str, name: str) -> None:
    target = flash.Target.load("cpu-x86")
    ends = [SPACE.decode([0, 0, 0, *row * 3]) for row in ([0, 0, 0, 0, 0], [1, 1, 0, 2, 1])]
    if name == "latency_ms":
        low, high = (target.cost(net).latency_ms for net in ends)
    else:
        low, high = (float(getattr(net, name)) for net in ends)
    limit = low + 0.4 * (high - low)
    found = flash.search(
        SPACE, target, method=method, evaluator=FunctionEvaluator(by_macs),
        **{f"max_{name}": limit},
    )  # fmt: skip
    assert found.success
    assert low + 0.2 * (high - low) <= getattr(found, name) <= limit
    if name == "macs":  # which is what this accuracy follows
        best = flash.search(
            SPACE, target, method="evolution", evaluator=FunctionEvaluator(by_macs),
            max_macs=limit, max_evals=300,
        )  # fmt: skip
        assert best.accuracy is not None
        assert found.accuracy is not None
        assert found.accuracy >= 0.97 * best.accuracy


def test_a_time_limit_ends_a_descent(monkeypatch: pytest.MonkeyPatch) -> None:
    from flash.methods import _task, netadapt_v2

    clock = iter(range(10**9))
    monkeypatch.setattr(_task, "perf_counter", lambda: float(next(clock)))
    task = task_of(SPACE, macs=1e6, ends_at=60.0)
    with pytest.raises(Stop) as stop:
        netadapt_v2.run(task)
    assert stop.value.why == "time_limit_s"


def test_measured_latency_steers_a_descent(monkeypatch: pytest.MonkeyPatch) -> None:
    from flash.hardware import measuring

    seen: list[int] = []

    class Told:
        def __init__(self, macs: int) -> None:
            self.latency_ms = macs / 1e5

    def fake(net: Any, **given: Any) -> Told:
        seen.append(net.macs)
        return Told(net.macs)

    monkeypatch.setattr(measuring, "measure", fake)
    largest = BYPASS.decode(BYPASS.largest).macs
    limit = 0.5 * largest / 1e5
    found = flash.search(
        BYPASS, "cpu-x86", method="netadapt-v2", evaluator=FunctionEvaluator(by_macs),
        max_latency_ms=limit, max_evals=60, options={"measure": True, "iterations": 5},
    )  # fmt: skip
    assert found.success
    assert found.macs / 1e5 <= limit  # the target alone would let the largest pass
    assert flash.Target.load("cpu-x86").cost(BYPASS.decode(BYPASS.largest)).latency_ms < limit
    assert found.latency_ms == found.macs / 1e5  # the result tells what was measured
    assert len(seen) > 10
    with pytest.raises(ArgumentError, match="needs an evaluator"):
        flash.search(BYPASS, "cpu-x86", method="netadapt-v2", options={"measure": True})


# evolution and HURRICANE


def test_evolution_stays_within_pools_and_budgets() -> None:
    task = task_of(SPACE, macs=8e6, method="spos")
    base = np.zeros((1, len(task.lengths)), dtype=np.int64)
    group = task.groups[0]
    pools = [(group, np.array([[0, 0, 0, 0], [1, 1, 2, 1]])[:, : len(group)])]
    asked: list[Any] = []
    evaluate = task.evaluate
    task.evaluate = lambda rows, **more: (asked.append(rows), evaluate(rows, **more))[1]  # type: ignore[method-assign]
    row, merit = evolve(task, pools, base, population=6, generations=3, parents=3, mutation=0.1)
    rows = np.concatenate(asked)
    rest = np.setdiff1d(np.arange(rows.shape[1]), group)
    assert (rows[:, rest] == 0).all()
    assert {tuple(one) for one in rows[:, group].tolist()} <= {
        tuple(one) for one in pools[0][1].tolist()
    }
    assert task.excess(row)[0] == 0.0
    assert merit == task.evaluate(row).merit[0]


def test_operators_are_ranked_by_capacity_against_cost() -> None:
    cost = np.array([1.0, 2.0, 2.0, 3.0, 4.0, INF])
    capacity = np.array([1.0, 0.5, 3.0, 3.0, 5.0, 9.0])
    assert ranked(cost, capacity, 3) == [0, 2, 4]  # what no other beats in both
    assert ranked(cost, capacity, 4) == [0, 1, 2, 4]  # of the second rank (1, 3) the cheapest ...
    assert ranked(cost, capacity, 5) == [0, 1, 2, 3, 4]
    assert ranked(cost, capacity, 9) == [0, 1, 2, 3, 4]  # and none without a cost
    assert ranked(cost, capacity, 2) == [0, 4]
    assert ranked(cost, capacity, 1) == [2]
    line = np.arange(100.0)
    assert ranked(line**2, line, 5) == [0, 49, 70, 86, 99]  # evenly over cost


def pools_of(task: Any, size: int, profile: str = "model") -> list[Any]:
    return [one.pool(size) for one in profiles(task, profile)]


def test_pools_are_a_targets_own() -> None:
    pools = pools_of(task_of(SPACE, method="hurricane"), 4)
    assert [len(values) for _, values in pools] == [4, 4, 4]
    # another target, another pool: a systolic array pays little for wider layers
    other = pools_of(task_of(SPACE, "systolic-128-ws", method="hurricane"), 4)
    assert any(a.tolist() != b.tolist() for (_, a), (_, b) in zip(pools, other, strict=True))
    common = [
        pools_of(task_of(SPACE, target, method="hurricane"), 4, "macs")
        for target in ("cpu-x86", "systolic-128-ws")
    ]
    for (_, a), (_, b) in zip(*common, strict=True):
        assert a.tolist() == b.tolist()


def test_the_default_keeps_to_the_budgets_by_one_place_in_all_pools() -> None:
    for macs in (4e6, 8e6, 16e6):
        task = task_of(SPACE, macs=macs, method="hurricane")
        pools = pools_of(task, 6)
        base = default(task, pools[:1], pools[1:])
        assert task.excess(base)[0] == 0.0
        places = [values.tolist().index(base[0, columns].tolist()) for columns, values in pools]
        assert len(set(places)) == 1
        if places[0] < 5:
            row = base.copy()
            for columns, values in pools:
                row[0, columns] = values[places[0] + 1]
            assert task.excess(row)[0] > 0.0  # a place further is over budget
    free = task_of(SPACE, method="hurricane")
    pools = pools_of(free, 5)
    base = default(free, pools[:1], pools[1:])
    assert all(base[0, columns].tolist() == values[2].tolist() for columns, values in pools)


def test_pools_fit_what_may_be_evaluated() -> None:
    task = task_of(SPACE, method="hurricane")
    layers = profiles(task)
    early, late, shared = split(task, layers, 0.6)
    assert not shared
    size = size_for(late, 100)
    sizes = [len(one.values) for one in late]
    held = [np.prod([min(k, n) for n in sizes]) for k in (size - 1, size)]
    assert held[0] < 400 <= held[1]
    assert size_for(early, 10**9) == len(early[0].values)  # more than there are
    assert size_for(late, 1) == 5
    with pytest.raises(ArgumentError, match=r"'pool'\] must be at most the 60 evaluations.* 61"):
        flash.search(SPACE, "cpu-x86", method="hurricane", max_evals=60, options={"pool": 61})
    with pytest.raises(ArgumentError, match=r"'pool'\] must be at most the 40 evaluations.* 41"):
        flash.search(
            SPACE, "cpu-x86", method="hurricane",
            options={"pool": 41, "population": 10, "generations": 4},
        )  # fmt: skip
    found = flash.search(
        SPACE, "cpu-x86", method="hurricane", max_evals=500, max_macs=8e6, options={"pool": 3}
    )
    assert "pools of 3 hold 12 networks, fewer than the 500 evaluations" in found.message


def test_late_layers_come_first_and_what_all_share_with_them() -> None:
    free = task_of(SPACE, method="hurricane")
    early, late, shared = split(free, profiles(free), 0.6)
    assert [one.columns[0] for one in early] == [3]
    assert [one.columns[0] for one in late] == [8, 13]
    assert not shared
    task = task_of(flash.MobileNetV2(cells=3), method="hurricane")
    early, late, shared = split(task, profiles(task), 0.6)
    assert shared[0].columns.tolist() == [0]
    assert (len(early), len(late)) == (1, 2)
    # of blocks the first variable is a layer's, where the space has no global choice
    blocks = flash.Hurricane(
        widths=(16, 32), layers=(2, 3), strides=(1, 2), stem_stride=1, resolution=8, kernels=3
    )
    task = task_of(blocks, method="hurricane")
    early, late, shared = split(task, profiles(task), 0.6)
    assert ([one.columns.tolist() for one in early], shared) == ([[0], [1]], [])
    assert [one.columns.tolist() for one in late] == [[2], [3], [4]]
    assert all(len(one.values) == 10 for one in early + late)


def test_blocks_are_measured_alone_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from flash.hardware import measuring

    seen: list[Any] = []

    class Told:
        def __init__(self, macs: int) -> None:
            self.latency_ms = macs / 1e5

    def fake(net: Any, **given: Any) -> Told:
        seen.append(net)
        return Told(net.macs)

    monkeypatch.setattr(measuring, "measure", fake)
    space = flash.Hurricane(
        widths=(16, 32), layers=(2, 2), strides=(1, 2), stem_stride=1, resolution=8, kernels=3
    )
    task = task_of(space, "rram", method="hurricane")
    layers = profiles(task, "measure")
    blocks = {id(one.network) for one in space.fragments()}
    assert {id(net) for net in seen} == blocks
    assert len(seen) == len(blocks)
    base = task.canonical((task.lengths[None] // 2).astype(np.int64))
    row = base[0].copy()
    row[layers[1].columns] = layers[1].values[7]
    assert layers[1].cost[7] == pytest.approx(space.decode(row).macs / 1e5)
    by_macs_ = profiles(task, "macs")  # the same costs, so the same pools
    for a, b in zip(layers, by_macs_, strict=True):
        assert a.pool(4)[1].tolist() == b.pool(4)[1].tolist()


def test_early_layers_are_left_where_they_could_gain_nothing() -> None:
    flat = FunctionEvaluator(lambda nets: [0.5] * len(nets))
    rising = FunctionEvaluator(lambda nets: [float(np.log(net.macs)) / 40.0 for net in nets])
    given: dict[str, Any] = {"method": "hurricane", "options": {"population": 10}}
    left = flash.search(SPACE, "cpu-x86", evaluator=flat, max_evals=100, **given)
    assert "early layers stay at their default: they could gain 0 % at most" in left.message
    more = flash.search(SPACE, "cpu-x86", evaluator=rising, max_evals=100, **given)
    assert "early layers" not in more.message
    assert more.nfev > left.nfev


class Focusing(FunctionEvaluator):
    """Remembers which parts it was asked to know."""

    parts: list[Any]

    def __init__(self) -> None:
        super().__init__(by_macs)
        self.parts = []

    def focused(self, ground: Any, pools: Any, share: float = 1.0) -> Any:
        self.parts.append((pools, share))
        return self, 100.0


def test_hurricane_trains_and_searches_in_two_stages() -> None:
    judge = Focusing()
    found = flash.search(
        SPACE, "cpu-x86", method="hurricane", evaluator=judge, max_macs=8e6,
        options={"population": 8, "generations": 4, "pool": 4},
    )  # fmt: skip
    assert found.success
    assert [share for _, share in judge.parts] == pytest.approx([2 / 3, 1 / 3])
    first, second = (pools for pools, _ in judge.parts)
    assert [columns for columns, _ in first[:2]] == [[8, 9, 11, 12], [13, 14, 16, 17]]
    assert len(first[-1][1]) == 1  # the early layers are fixed
    assert [columns for columns, _ in second[:1]] == [[3, 4, 6, 7]]
    fixed = dict(zip(second[-1][0], second[-1][1][0], strict=True))
    assert found.x is not None
    assert all(found.x[k] == value for k, value in fixed.items())  # as the first stage found
    assert found.trace[-1][2] >= 200.0  # its trainings are counted in
    best = flash.search(
        SPACE, "cpu-x86", method="spos", evaluator=FunctionEvaluator(by_macs), max_macs=8e6
    )
    assert best.objective is not None
    assert found.objective is not None
    assert best.objective >= found.objective > 0.9 * best.objective


def test_the_second_stage_stops_early() -> None:
    nfev = [
        flash.search(
            flash.MobileNetV2(cells=5, widths=[8, 16, 24]), "cpu-x86", method="hurricane",
            evaluator=FunctionEvaluator(lambda nets: [0.5] * len(nets)),
            options={"patience": patience, "generations": 40, "population": 10, "worth": 0.0},
        ).nfev
        for patience in (1, 40)
    ]  # fmt: skip
    assert nfev[0] < nfev[1]


# by a supernet


@pytest.mark.torch
def test_every_method_searches_by_a_supernet(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    from flash.methods import METHODS

    judge = flash.SupernetEvaluator("digits", tmp_path / "one", epochs=1)
    given: dict[str, Any] = {"evaluator": judge, "max_macs": 3e5, "max_evals": 12}
    for method in METHODS:
        if method == "hao":  # it needs a predictor or NN-Degree
            continue
        options = {"population": 4, "generations": 2, "parents": 2}
        found = flash.search(
            TINY, "cpu-x86", method=method, **given,
            options=options if method in ("hurricane", "spos") else None,
        )  # fmt: skip
        assert found.status in ("OPTIMAL", "FEASIBLE"), method
        assert found.macs <= 3e5
        if method != "hurricane":  # whose supernet is its own
            assert judge.supernet is not None
            assert judge.supernet.score([found.architecture]) == [found.accuracy]
        assert found.trace[-1][2] < 60.0 or method == "hurricane"
    assert len(list(tmp_path.glob("one/part-*"))) == 2  # HURRICANE's stages


@pytest.mark.torch
def test_a_bypass_space_is_searched_by_a_supernet(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    judge = flash.SupernetEvaluator("digits", tmp_path / "one", epochs=1)
    limit = BYPASS.decode(BYPASS.largest).macs // 2
    journal = tmp_path / "journal.jsonl"
    first, again = (
        flash.search(
            BYPASS, "cpu-x86", method="netadapt-v2", evaluator=judge, max_macs=limit,
            max_evals=20, journal=journal,
        )
        for _ in range(2)
    )  # fmt: skip
    assert first.success
    assert (first.x, first.accuracy, first.nfev) == (again.x, again.accuracy, again.nfev)
    result = type(first).from_json(first.to_json())
    assert result == first
    assert result.space == BYPASS
    assert first.x is not None
    assert judge.supernet is not None
    cut = judge.supernet.cut(first.x)
    assert sum(part.numel() for part in cut.parameters()) == first.params


@pytest.mark.torch
def test_a_budget_below_the_smallest_subnet_is_refused_before_training(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    for space in (TINY, BYPASS):
        judge = flash.SupernetEvaluator("digits", tmp_path / "one", epochs=1)
        for method in ("random", "netadapt-v2", "hurricane"):
            with pytest.raises(ArgumentError, match="max_macs would have to be at least"):
                flash.search(space, "cpu-x86", method=method, evaluator=judge, max_macs=10)
    assert not list(tmp_path.iterdir())


@pytest.mark.torch
def test_supernets_that_do_not_fit(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    judge = flash.SupernetEvaluator("digits", tmp_path / "a")
    for space in ("densenet", "nas-bench-macro", flash.ResNet(resolution=[8, 16])):
        with pytest.raises(ArgumentError, match="evaluator by supernet does not fit"):
            flash.search(space, "cpu-x86", method="random", evaluator=judge)
    supernet = flash.train_supernet(TINY, "digits", epochs=1, out=tmp_path / "b")
    own = flash.SupernetEvaluator(supernet)
    part = flash.ResNet(widths=[2], depths=[1, 2], cells=2, skips=WHOLE, resolution=8)
    given: dict[str, Any] = {"method": "random", "evaluator": own, "max_evals": 2}
    assert flash.search(part, "cpu-x86", **given).success
    for other in (
        flash.ResNet(widths=[2, 8], depths=[1, 2], cells=2, skips=WHOLE, resolution=8),
        flash.ResNet(widths=[2, 4], depths=[1, 3], cells=2, skips=WHOLE, resolution=8),
        BYPASS,
    ):
        with pytest.raises(ArgumentError, match="one of another space"):
            flash.search(other, "cpu-x86", **given)
    for arguments, message in (
        (("digits",), "out must be the path"),
        ((supernet, "x"), "belong to a dataset"),
    ):
        with pytest.raises((ArgumentError, TypeError), match=message):
            flash.SupernetEvaluator(*arguments)
    with pytest.raises(ArgumentError, match="takes no 'epoch'; did you mean 'epochs'"):
        flash.SupernetEvaluator("digits", "x", epoch=3)


@pytest.mark.torch
def test_from_the_shell(cli: Run, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    out = str(tmp_path / "run")
    done = cli(
        "search", "resnet", "cpu-x86", "--widths", "2,4", "--depths", "1:2", "--cells", "2",
        "--resolution", "8", "--supernet", "digits", "--out", out, "--epochs", "1",
        "--method", "random", "--max-evals", "3",
    )  # fmt: skip
    assert "accuracy" in done.stdout
    error = cli("search", "resnet", "cpu-x86", "--method", "random", "--supernet", "digits", code=2)
    assert "--supernet needs --out" in error.stderr
    error = cli("search", "resnet", "cpu-x86", "--method", "random", "--supernet", "digits",
                "--train", "digits", "--out", out, code=2)  # fmt: skip
    assert "--train and --supernet must not both be given" in error.stderr
