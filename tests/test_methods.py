"""Search methods of other papers: budgets, limits, seeds, resuming, and what each method does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flash
from flash import solver as solver_module
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.evaluators import EvaluationError
from flash.evaluators.by_function import FunctionEvaluator
from flash.methods import METHODS, module_of, options_for
from flash.methods import _task as task_module
from flash.methods import running as running_module
from flash.methods._ground import TableGround, ground_of
from flash.methods._journal import Journal
from flash.methods._task import Stop, Task
from flash.methods.fp_nas import Distribution, Scale, count_for
from flash.network_space import NetworkSpace
from flash.result import SearchResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Run

BUDGETS = {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}
SMALL = flash.DenseNet(width_multipliers=[1, 2], depths=flash.Range(5, 9), skips=[0, 16, 64])
# every kind of variable, a number of cells that varies, and widths that are handed on
VARIED = (
    flash.MobileNetV2(cells=[2, 3], depths=[1, 2], kernels=[3, 5], expansions=[2, 3]),
    flash.DenseNet(cells=[1, 3], depths=[3, 5], skips=[0, 8], resolution=[16, 32]),
    flash.DenseNet(widths=[8, 12], depths=[3, 4], skips=[0, 8], cells=3),
)
ANYWHERE = [name for name in METHODS if name != "hao"]  # hao: see test_hao.py
CHEAP = [name for name in METHODS if name not in ("flash", "hao")]  # by a predictor or NN-Degree
# the perceptrons of PNAS take seconds, and have tests of their own
QUICK: dict[str, Any] = {"pnas": {"surrogate": "ridge"}}
# methods that end where their steps do: a few evaluations, none of chance in "netadapt"
DESCENTS = ("netadapt-v2", "netadapt")
BRIEF = (*DESCENTS, "hurricane", "spos")


def plain(result: SearchResult) -> SearchResult:
    """A result without the times in it."""
    trace = tuple((a, n, 0.0, v) for a, n, _, v in result.trace)
    return result._replace(elapsed_s=0.0, trace=trace, spent_s=None)


def fake(nets: list[Any]) -> list[float]:
    """Accuracies that rise with parameters: one number per network."""
    return [0.5 + 0.4 * (1.0 - 1.0 / (1.0 + 1e-5 * net.params)) for net in nets]


@pytest.mark.parametrize("method", CHEAP)
def test_a_method_respects_every_budget(method: str) -> None:
    limits = {**BUDGETS, "max_params": 3e6, "max_macs": 5e8, "min_accuracy": 0.4}
    for predictor in (None, "default"):
        given = {k: v for k, v in limits.items() if predictor or k != "min_accuracy"}
        found = flash.search(
            "densenet", "rram", method=method, predictor=predictor, max_evals=600,
            options=QUICK.get(method), **given,
        )  # fmt: skip
        assert found.success
        values = flash.evaluate("densenet", "rram", [found.x], predictor)
        for name, limit in given.items():
            value = values[name[4:]][0]
            assert value == getattr(found, name[4:])
            assert value >= limit if name == "min_accuracy" else value <= limit
        assert values["nn_degree"][0] == found.nn_degree
        assert found.objective == (found.accuracy if predictor else found.nn_degree)


@pytest.mark.parametrize("method", ANYWHERE)
def test_the_same_seed_gives_the_same_answer(method: str) -> None:
    given: dict[str, Any] = {"method": method, "max_evals": 60, "max_params": 8e5}
    given["options"] = QUICK.get(method)
    if method == "flash":
        given["evaluator"] = FunctionEvaluator(fake)
    first, again = (flash.search(SMALL, "cpu-x86", seed=3, **given) for _ in range(2))
    assert plain(first) == plain(again)
    assert first.seed == 3
    assert first.method == method
    if method == "netadapt":
        return
    others = [flash.search(SMALL, "cpu-x86", seed=seed, **given) for seed in range(4, 9)]
    assert any(plain(other)._replace(seed=3) != plain(first) for other in others)


@pytest.mark.parametrize("method", CHEAP)
@pytest.mark.parametrize("limit", [1, 7, 200])
def test_max_evals_is_never_exceeded(method: str, limit: int) -> None:
    found = flash.search(
        "densenet", "rram", method=method, max_evals=limit, options=QUICK.get(method)
    )
    assert found.nfev <= limit
    if METHODS[method].ends is False:
        assert found.nfev == limit
        assert found.stopped == "max_evals"
    assert found.success


@pytest.mark.parametrize("method", [name for name in CHEAP if name not in DESCENTS])
def test_the_time_limit_and_the_callback_end_a_search(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10**9))
    monkeypatch.setattr(task_module, "perf_counter", lambda: float(next(clock)))
    ground = ground_of(SMALL, flash.Target.load("rram"))
    task = Task(
        ground, flash.PredictorEvaluator(), flash._objective.PLAIN, [np.inf] * 6,
        options=options_for(method, None), ends_at=40.0,
    )  # fmt: skip
    with pytest.raises(Stop) as stop:
        module_of(method).run(task)
    assert stop.value.why == "time_limit_s"
    assert task.best is not None
    monkeypatch.undo()

    events: list[Any] = []

    def third(event: Any) -> bool:
        events.append(event)
        return len(events) == 3

    found = flash.search("densenet", "rram", method=method, callback=third)
    assert found.stopped == "callback"
    assert len(events) == 3
    assert [event.nfev for event in events] == sorted(event.nfev for event in events)


@pytest.mark.parametrize("space", VARIED, ids=lambda space: space.family)
@pytest.mark.parametrize("method", CHEAP)
def test_methods_approach_the_optimum_of_small_spaces(method: str, space: Any) -> None:
    best = flash.search(space, "cpu-x86", max_params=4e5)
    gaps = []
    for seed in range(5):
        found = flash.search(
            space, "cpu-x86", method=method, max_params=4e5, max_evals=1500, seed=seed,
            options=QUICK.get(method),
        )  # fmt: skip
        assert found.upper_bound == best.objective
        assert found.proven == (found.objective == best.objective)
        if found.proven:
            assert found.gap == 0.0
        gaps.append(found.gap)
    assert np.median(gaps) <= (0.15 if method in ("fp-nas", "parsec", *DESCENTS) else 0.02)


def test_random_search_finds_the_optimum_and_sees_each_network_once() -> None:
    space = VARIED[1]
    found = flash.search(space, "cpu-x86", method="random", max_evals=10**6)
    assert found.proven
    assert found.status == "OPTIMAL"
    assert found.nfev == space.size  # of configurations, surplus cells apart
    assert found.stopped is None


@pytest.mark.parametrize("space", VARIED, ids=lambda space: space.family)
def test_the_ground_charges_as_evaluate_does(space: Any) -> None:
    ground = ground_of(space, flash.Target.load("cpu-x86"))
    assert isinstance(ground, TableGround)
    rng = np.random.default_rng(0)
    rows = ground.draw(rng, 500)
    metrics = ground.charge(rows)
    values = flash.evaluate(space, "cpu-x86", rows)
    for k, name in ((0, "nn_degree"), (1, "latency_ms"), (4, "params"), (5, "macs")):
        assert (metrics[k] == values[name]).all()
    flat = [space.index(row) for row in rows.tolist()]
    assert [tuple(row) for row in rows.tolist()] == [
        tuple(space.encode(space.decode(i))) if len(space.cells) == 1 else tuple(row)
        for i, row in zip(flat, rows.tolist(), strict=True)
    ]
    # each configuration as likely as any other: the number of cells by its configurations
    counts = np.bincount(rows[:, 1], minlength=len(space.cells)) / len(rows)
    shares = np.array([float(b) for b in space._blocks]) / float(sum(space._blocks))
    assert np.abs(counts - shares).max() < 0.1


def test_a_product_is_searched_and_reported_as_the_solver_reports_it() -> None:
    weights = {"accuracy": 1, "latency_ms": -1, "energy_mj": -0.5}
    best = flash.search(SMALL, "rram", objective=weights)
    found = flash.search(
        SMALL, "rram", objective=weights, method="evolution", max_evals=10**5, seed=1
    )
    assert found.proven
    assert (found.objective, found.x) == (best.objective, best.x)
    assert found.objective_name == best.objective_name


@pytest.mark.parametrize("method", CHEAP)
def test_budgets_that_nothing_meets(method: str) -> None:
    found = flash.search("densenet", "rram", method=method, max_latency_ms=1e-6, max_evals=50)
    assert found.status == "INFEASIBLE"
    assert found.proven
    assert found.least is not None
    assert found.least["max_latency_ms"] > 1e-6
    assert "max_latency_ms would have to be at least" in found.message
    assert SearchResult.from_json(found.to_json()) == found


def test_the_trace_tells_every_improvement_in_order() -> None:
    found = flash.search("densenet", "rram", method="random", max_evals=500, **BUDGETS)
    asked, nfev, seconds, objective = zip(*found.trace, strict=True)
    assert list(objective) == sorted(set(objective))
    assert objective[-1] == found.objective
    assert list(nfev) == sorted(nfev)
    assert list(asked) == sorted(asked)
    assert list(seconds) == sorted(seconds)
    assert all(a >= n for a, n in zip(asked, nfev, strict=True))
    assert SearchResult.from_json(found.to_json()).trace == found.trace


@pytest.mark.parametrize("method", [name for name in CHEAP if name not in BRIEF])
def test_work_per_evaluation_is_a_few_array_operations(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The overhead is bounded by counting calls, which no busy machine changes: at most one of the
    # core for every two evaluations on average, and FP-NAS's own two draws in its last iterations.
    calls = [0]
    charge = TableGround.charge

    def counted(self: TableGround, rows: Any) -> Any:
        calls[0] += 1
        return charge(self, rows)

    monkeypatch.setattr(TableGround, "charge", counted)
    found = flash.search("densenet", "rram", method=method, max_evals=2000, certify=False)
    assert calls[0] <= found.nfev / 2
    assert found.nfev >= 900  # PNAS ends by itself: 136 + 3 * 256


def test_several_targets() -> None:
    given: dict[str, Any] = {"method": "random", "max_evals": 20, "seed": 5}
    budgets = [1.0, None]
    found = flash.search(SMALL, ["cpu-x86", "rram"], max_latency_ms=budgets, **given)
    assert isinstance(found, flash.FleetResult)
    for one, target, budget in zip(found, ("cpu-x86", "rram"), budgets, strict=True):
        assert plain(one) == plain(flash.search(SMALL, target, max_latency_ms=budget, **given))
    with pytest.raises(ArgumentError, match=r"1 of 2 targets can't be used:\n  target\[1\]"):
        flash.search(SMALL, ["cpu-x86", "rramm"], **given)
    with pytest.raises(ArgumentError, match="one per target"):
        flash.search(SMALL, ["cpu-x86", "rram"], max_latency_ms=[1.0], **given)


def test_ctrl_c_ends_the_search_for_all_targets() -> None:
    def interrupted(nets: list[Any]) -> list[float]:
        raise KeyboardInterrupt

    found = flash.search(SMALL, ["cpu-x86", "rram"], method="random", evaluator=interrupted)
    assert [one.stopped for one in found] == ["interrupt", "interrupt"]
    assert found[1].nfev == 0


def test_a_folder_of_targets_from_the_shell(cli: Run, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    folder.mkdir()
    for name in ("rram", "cpu-x86"):
        flash.Target.load(name).to_json(folder / f"{name}.json")
    words = ("search", "densenet", "--targets", str(folder), "--method", "evolution")
    done = cli(*words, "--max-evals", "150", "--option", "population=20", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["target"] for line in lines] == ["cpu-x86", "rram"]
    assert {line["method"] for line in lines} == {"evolution"}


# journals and evaluators of one's own


@pytest.mark.parametrize("method", ANYWHERE)
def test_a_run_goes_on_where_it_was_stopped(method: str, tmp_path: Path) -> None:
    asked: list[int] = []

    def counted(nets: list[Any]) -> list[float]:
        asked.append(len(nets))
        return fake(nets)

    def broken(nets: list[Any]) -> list[float]:
        if sum(asked) >= 8:
            raise OSError("the power is gone")
        return counted(nets)

    given: dict[str, Any] = {"method": method, "max_evals": 45, "max_params": 8e5, "seed": 2}
    given["options"] = QUICK.get(method)
    whole = flash.search(SMALL, "cpu-x86", evaluator=FunctionEvaluator(fake, chunk=4), **given)
    path = tmp_path / "journal.jsonl"
    with pytest.raises(EvaluationError, match=r"raised OSError on \d networks?: the power is gone"):
        flash.search(
            SMALL, "cpu-x86", evaluator=FunctionEvaluator(broken, "fake", 4), journal=path, **given
        )
    kept = len(path.read_text().splitlines()) - 1
    assert kept == sum(asked) >= 8
    with path.open("ab") as file:  # killed while it wrote
        file.write(b'{"row": [0, 0')
    asked.clear()
    done = flash.search(
        SMALL, "cpu-x86", evaluator=FunctionEvaluator(counted, "fake", 4), journal=path, **given
    )
    assert plain(done) == plain(whole)
    assert sum(asked) == done.nfev - kept


@pytest.mark.parametrize("method", [name for name in ANYWHERE if name not in DESCENTS])
def test_an_interrupted_run_keeps_its_best(method: str, tmp_path: Path) -> None:
    calls = [0]

    def interrupted(nets: list[Any]) -> list[float]:
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        return fake(nets)

    path = tmp_path / "journal.jsonl"
    evaluator = FunctionEvaluator(interrupted, chunk=4)
    given: dict[str, Any] = {"method": method, "options": QUICK.get(method), "max_evals": 40}
    found = flash.search(SMALL, "cpu-x86", evaluator=evaluator, journal=path, **given)
    assert found.stopped == "interrupt"
    assert 1 < found.nfev <= 8
    assert found.success
    assert len(path.read_text().splitlines()) == 1 + found.nfev
    done = flash.search(SMALL, "cpu-x86", evaluator=evaluator, journal=path, **given)
    whole = flash.search(SMALL, "cpu-x86", evaluator=FunctionEvaluator(fake), **given)
    assert plain(done) == plain(whole)
    assert done.objective is not None
    assert done.objective >= (found.objective or 0.0)


@pytest.mark.parametrize("method", ANYWHERE)
def test_by_an_evaluator_that_takes_time(
    method: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Budgets hold, progress is shown, and the time limit ends the run."""
    given: dict[str, Any] = {"method": method, "options": QUICK.get(method), "max_params": 8e5}
    found = flash.search(SMALL, "cpu-x86", evaluator=fake, max_evals=40, progress=True, **given)
    assert found.x is not None
    assert flash.evaluate(SMALL, "cpu-x86", [found.x])["params"][0] == found.params <= 8e5
    assert found.nfev <= 40
    assert found.samples is not None
    assert found.spent_s is not None
    assert found.samples >= found.nfev
    assert found.spent_s >= found.trace[-1][2]
    shown = capfd.readouterr().err
    assert shown.startswith("\rEvent(objective=")
    assert shown.endswith("\n")

    now = [0.0]
    for module in (task_module, running_module):
        if hasattr(module, "perf_counter"):
            monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    monkeypatch.setattr(solver_module, "perf_counter", lambda: now[0])

    def slow(nets: list[Any]) -> list[float]:
        now[0] += len(nets)
        return fake(nets)

    evaluator = FunctionEvaluator(slow, chunk=2)
    stopped = flash.search(SMALL, "cpu-x86", evaluator=evaluator, time_limit_s=7.0, **given)
    assert stopped.stopped == "time_limit_s"
    assert stopped.status == "TIME_LIMIT"
    assert 7 <= stopped.nfev <= 8  # one by one, or by twos
    assert stopped.spent_s is not None
    assert stopped.spent_s >= 7.0


def test_a_journal_belongs_to_one_space_and_evaluator(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    given: dict[str, Any] = {"method": "random", "max_evals": 3, "journal": path}
    flash.search(SMALL, "cpu-x86", evaluator=FunctionEvaluator(fake), **given)
    with pytest.raises(ArgumentError, match="journal must be of the same space"):
        flash.search(VARIED[2], "cpu-x86", evaluator=FunctionEvaluator(fake), **given)
    with pytest.raises(ArgumentError, match="journal must be of the same evaluator"):
        flash.search(SMALL, "cpu-x86", evaluator=FunctionEvaluator(fake, "other"), **given)
    lines = path.read_text().splitlines()
    for line, message in (
        ('{"row": [0], "accuracy": "high", "seconds": 0}', "accuracy must be a finite number"),
        ('{"row": [0], "seconds": 0}', "line 2 is no evaluation"),
        ("[]", "line 2 is no JSON object"),
    ):
        path.write_text("\n".join([lines[0], line, ""]))
        with pytest.raises(FormatError, match=message):
            flash.search(SMALL, "cpu-x86", evaluator=FunctionEvaluator(fake), **given)
    path.write_text("{}\n")
    with pytest.raises(FormatError, match="is no journal of evaluations"):
        Journal(path, {"space": 1})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda nets: [0.5] * (len(nets) + 1), "must return one accuracy for each"),
        (lambda nets: "many", "must return one accuracy for each"),
        (lambda nets: [float("nan")] * len(nets), "must give numbers in \\[0, 1\\], got nan"),
        (lambda nets: [93.5] * len(nets), "must give numbers in \\[0, 1\\], got 93.5"),
        (lambda nets: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_an_evaluator_that_fails(answer: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        flash.search(SMALL, "cpu-x86", method="random", max_evals=5, evaluator=answer)


def test_an_expensive_evaluator_is_never_asked_twice() -> None:
    seen: set[Any] = set()

    def once(nets: list[Any]) -> list[float]:
        assert not seen & set(nets)
        seen.update(nets)
        return fake(nets)

    for method in ANYWHERE:
        seen.clear()
        found = flash.search(
            SMALL, "cpu-x86", method=method, evaluator=once, max_evals=50, max_params=9e5
        )
        assert found.nfev == len(seen) <= 50


# what each method is


def test_regularised_evolution_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    # With a sample as large as a draw can make it, parents come from the living alone: once the
    # first generations are gone, no child is a neighbour of the founders only.
    batches: list[Any] = []
    evaluate = Task.evaluate

    def noted(self: Task, rows: Any, **more: Any) -> Any:
        batches.append(np.array(rows))
        return evaluate(self, rows, **more)

    monkeypatch.setattr(Task, "evaluate", noted)
    flash.search(
        "densenet", "rram", method="evolution", max_evals=400, seed=1,
        options={"population": 20, "sample": 5, "batch": 1},
    )  # fmt: skip
    rows = np.concatenate(batches)
    living = [tuple(row) for row in rows[:20].tolist()]
    for child in rows[20:].tolist():
        distance = min(sum(a != b for a, b in zip(child, one, strict=True)) for one in living)
        assert distance <= 1  # one choice changed of somebody alive
        living = [*living[1:], tuple(child)]


def test_fp_nas_draws_in_proportion_to_the_entropy() -> None:
    assert count_for(10.0, 10.0, 14, True) == 14
    assert count_for(5.0, 10.0, 14, True) == 7
    assert count_for(0.0, 10.0, 14, True) == 2
    assert count_for(0.0, 10.0, 14, False) == 14
    at = Distribution([np.array([0]), np.array([1, 2])], np.array([4, 3, 5]))
    assert at.entropy == pytest.approx(np.log(60.0))
    assert at.p[0, :4].sum() == pytest.approx(1.0)
    assert at.p[1, :15].sum() == pytest.approx(1.0)


def test_fp_nas_moves_along_the_gradient() -> None:
    rng = np.random.default_rng(0)
    lengths = np.array([4, 3, 5])
    at = Distribution([np.array([0]), np.array([1, 2])], lengths)
    at.logits[np.isfinite(at.logits)] = rng.normal(size=19)
    at.refresh()
    _, picks = at.draw(rng, 6)
    weights = rng.normal(size=6)

    def value(logits: Any) -> float:
        other = Distribution(at.columns, lengths)
        other.logits[:] = logits
        other.refresh()
        return float((weights * np.log(other.p[[0, 1], picks]).sum(axis=1)).sum())

    before = at.logits.copy()
    at.move(picks, weights, 1.0)
    for f, k in np.argwhere(np.isfinite(before)):
        up, down = before.copy(), before.copy()
        up[f, k] += 1e-5
        down[f, k] -= 1e-5
        slope = (value(up) - value(down)) / 2e-5
        assert at.logits[f, k] - before[f, k] == pytest.approx(slope, abs=1e-6)


def test_fp_nas_goes_from_coarse_to_fine_without_a_jump() -> None:
    rng = np.random.default_rng(1)
    lengths = np.array([4, 3, 5])
    at = Distribution([np.array([0]), np.array([1]), np.array([2])], lengths)
    at.logits[np.isfinite(at.logits)] = rng.normal(size=12)
    at.refresh()
    joint = at.joined([np.array([0]), np.array([1, 2])], lengths)
    assert joint.entropy == pytest.approx(at.entropy)
    p = np.outer(at.p[1, :3], at.p[2, :5]).ravel()
    assert np.allclose(joint.p[1, :15], p)
    assert (joint.mode() == at.mode()).all()
    rows, _ = joint.draw(rng, 4000)
    for k in range(3):
        shares = np.bincount(rows[:, k], minlength=lengths[k]) / 4000
        assert np.abs(shares - at.p[k, : lengths[k]]).max() < 0.04


def test_fp_nas_reads_large_variables_by_digits() -> None:
    rng = np.random.default_rng(2)
    lengths = np.array([3, 37])
    columns = [np.array([0]), np.array([1]), np.array([1])]
    at = Distribution(columns, lengths, [None, (7, 6), (1, 7)])
    at.logits[np.isfinite(at.logits)] = rng.normal(size=3 + 6 + 7)
    at.refresh()
    rows, picks = at.draw(rng, 20_000)
    assert set(rows[:, 1].tolist()) == set(range(37))
    assert (rows[:, 1] == np.minimum(7 * picks[:, 1] + picks[:, 2], 36)).all()
    joint = at.joined([np.array([0]), np.array([1])], lengths)
    wanted = np.outer(at.p[1, :6], at.p[2, :7]).ravel()[:37]
    assert np.allclose(joint.p[1, :37], wanted / wanted.sum())
    assert np.allclose(joint.p[0, :3], at.p[0, :3])
    shares = np.bincount(rows[:, 1], minlength=37) / 20_000
    assert np.abs(shares[:36] - wanted[:36]).max() < 0.01


def test_fp_nas_weighs_by_likelihood() -> None:
    class Said:
        likely = np.array([1.0, 2.0, np.nan, 4.0])

    weights = Scale().weights(Said(), 1.0)  # type: ignore[arg-type]
    assert weights.sum() == pytest.approx(1.0)
    assert weights[2] == 0.0
    assert weights[3] > weights[1] > weights[0] > 0.0
    ratio = np.log(weights[3] / weights[0])
    assert ratio == pytest.approx(3.0 / np.std([1.0, 2.0, 4.0]))


def test_fp_nas_asks_for_fewer_as_it_becomes_sure() -> None:
    sizes: list[int] = []

    def noted(self: Task, rows: Any, **more: Any) -> Any:
        sizes.append(len(rows))
        return Task_evaluate(self, rows, **more)

    Task_evaluate = Task.evaluate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "evaluate", noted)
        flash.search(SMALL, "rram", method="fp-nas")
        adaptive = list(sizes)
        sizes.clear()
        flash.search(SMALL, "rram", method="parsec")
    assert adaptive[0] == 14
    assert min(adaptive[:-1]) < 7
    assert set(sizes[:-1]) == {16}


def test_flash_fits_a_predictor_and_proves_by_it() -> None:
    best = max(range(SMALL.size), key=lambda i: SMALL.decode(i).params)
    found = flash.search(SMALL, "cpu-x86", method="flash", evaluator=fake)
    assert found.nfev <= 30
    assert found.architecture is not None
    # the predictor's best is among the largest of 6750 networks, which 25 draws are not
    assert found.architecture.params > 0.9 * SMALL.decode(best).params
    with pytest.raises(ArgumentError, match="method 'shgo' searches by a predictor"):
        flash.search(SMALL, "cpu-x86", method="flash")


# bad input


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "evolutoin"}, "did you mean 'evolution'"),
        ({"options": {"populaton": 3}}, "did you mean 'population'"),
        ({"options": {"population": 1}}, "options\\['population'\\] must be an integer from 2"),
        ({"options": 3}, "options must be a dict"),
        ({"max_evals": 0}, "max_evals must be an integer"),
        ({"time_limit_s": -1}, "time_limit_s must be a finite number above 0"),
        ({"min_accuracy": 0.4}, "min_accuracy needs a predictor or an evaluator"),
        ({"evaluator": 3}, "evaluator must be None, an evaluator"),
        ({"evaluator": fake, "predictor": "default"}, "must not both be given"),
        ({"certify": 1}, "certify must be True or False"),
        ({"callback": 1}, "callback must be callable"),
        ({"objective": lambda d: d["nn_degree"]}, "searched by method 'shgo' only"),
        ({"seed": -1}, "seed must be an integer"),
    ],
)
def test_bad_arguments(given: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.search(SMALL if "predictor" not in given else "densenet", "cpu-x86",
                     **{"method": "evolution", **given})  # fmt: skip


@pytest.mark.parametrize("name", ["evaluator", "options", "journal"])
def test_what_only_other_methods_take(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"{name} is not used by method 'shgo'"):
        flash.search(SMALL, "cpu-x86", **{name: "x"})


def test_from_the_shell(cli: Run, tmp_path: Path) -> None:
    done = cli("search", "densenet", "rram", "--max-latency-ms", "4", "--method", "evolution",
               "--max-evals", "200", "--option", "population=20", "--json")  # fmt: skip
    data = json.loads(done.stdout)
    twin = flash.search(
        "densenet", "rram", max_latency_ms=4.0, method="evolution", max_evals=200,
        options={"population": 20},
    )  # fmt: skip
    assert plain(SearchResult.from_dict(data)) == plain(twin)
    error = cli("search", "densenet", "rram", "--method", "evolution", "--option", "size", code=2)
    assert "--option must be like samples=8" in error.stderr
    error = cli("search", "densenet", "rram", "--method", "random", "--out", "x", code=2)
    assert "--out and --epochs need --train" in error.stderr


def test_the_matrix_in_the_documentation_is_the_code() -> None:
    from pathlib import Path

    from flash.methods.matrix import matrix

    text = Path(__file__).parent.parent.joinpath("docs", "methods.md")
    if text.exists():  # the repository's; the package comes without
        assert matrix() in text.read_text(encoding="utf-8")


def test_every_space_of_another_paper_is_a_network_space() -> None:
    from flash.network_space import HOMES, network_space

    for family in HOMES:
        space = network_space(family)
        assert isinstance(space, NetworkSpace)
        assert network_space(space.to_dict()) == space
        for i in {0, 1, space.size // 3, space.size - 1}:
            row = space.row(i)
            assert space.index(row) == i
            assert space.parse(space.name(row)) == row
        groups = [k for group in space.groups for k in group]
        assert sorted(groups) == list(range(len(space.lengths)))
