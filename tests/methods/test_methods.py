"""Search methods of other papers: budgets, limits, seeds, several targets, the shell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from twins.method_runs import (
    ANYWHERE,
    BRIEF,
    BUDGETS,
    CHEAP,
    DESCENTS,
    QUICK,
    SMALL,
    VARIED,
    fake,
    plain,
)
from twins.places import ROOT

import flash
from flash.errors import ArgumentError, ArgumentTypeError
from flash.evaluators import EvaluationError
from flash.evaluators.by_function import FunctionEvaluator
from flash.evaluators.by_predictor import PredictorEvaluator
from flash.methods import METHODS, module_of, options_for
from flash.methods import _task as task_module
from flash.methods._task import Stop, Task
from flash.predictors.predictor import as_predictor
from flash.problem.objective import PLAIN
from flash.results.result import SearchResult
from flash.solving.ground import TableGround, ground_of
from flash.spaces.network_space import NetworkSpace

if TYPE_CHECKING:
    from twins.processes import Run


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


def test_methods_are_told_the_accuracies_that_a_search_reports() -> None:
    """To the last bit: numpy's own exponential is off by one in some of a hundred."""
    space = flash.SearchSpace("densenet")
    for predictor in (
        as_predictor("default", "densenet"),
        flash.AccuracyPredictor(1.03, 60.0, -3.0),
    ):
        ground = ground_of(space, flash.Target.load("rram"), predictor)
        rows = np.array([space.encode(net) for net in space.sample(3000, seed=1)])
        metrics = ground.charge(rows)
        told, _ = PredictorEvaluator(predictor).evaluate(ground, rows, metrics)
        asked = flash.evaluate(space, "rram", rows, predictor)["accuracy"]
        assert told.tolist() == asked.tolist()
        assert told[:50].tolist() == [predictor.accuracy_of(z) for z in metrics[0, :50].tolist()]


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
    assert any(plain(other).replace(seed=3) != plain(first) for other in others)


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


@pytest.mark.slow
@pytest.mark.parametrize("method", [name for name in CHEAP if name not in DESCENTS])
def test_the_time_limit_and_the_callback_end_a_search(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10**9))
    monkeypatch.setattr(task_module, "perf_counter", lambda: float(next(clock)))
    ground = ground_of(SMALL, flash.Target.load("rram"))
    task = Task(
        ground, flash.PredictorEvaluator(), PLAIN, [np.inf] * 6,
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


@pytest.mark.slow
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
    shares = np.array([float(b) for b in space.combinations]) / float(sum(space.combinations))
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


@pytest.mark.slow
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
    for target in ("cpu-x86", ["cpu-x86", "rram"]):
        with pytest.raises(ArgumentError, match=f"{name} is not used by method 'shgo'.*'random'"):
            flash.search(SMALL, target, **{name: "x"})


def test_the_error_of_an_evaluator_names_the_methods_that_take_one() -> None:
    with pytest.raises(ArgumentError, match="these methods take it: 'flash', 'random'") as told:
        flash.search("densenet", "rram", evaluator=lambda nets: [0.5] * len(nets))
    assert "'hao'" not in str(told.value)


def test_a_method_that_is_no_name_gets_the_list_of_all() -> None:
    for target in ("rram", ["rram", "cpu-x86"]):
        with pytest.raises(ArgumentTypeError, match=r"'shgo', .*'spos', or a function .*got 3 "):
            flash.search("densenet", target, method=3)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda nets: ["x"] * len(nets), r"got \['x', 'x', 'x', 'x'\] \(list\)"),
        (lambda nets: [[0.5]] * len(nets), r"\(list, an array of shape \(4, 1\)\)"),
        (lambda nets: None, r"got None \(NoneType"),
    ],
)
def test_what_an_evaluator_returned_is_shown(wrong: Any, told: str) -> None:
    with pytest.raises(EvaluationError, match=told):
        flash.search("densenet", "rram", method="random", max_evals=4, evaluator=wrong)


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
    assert "--out, --epochs and --keep-weights need --train" in error.stderr


def test_every_method_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "howto" / "methods.md").read_text(encoding="utf-8")
    for name, method in METHODS.items():
        assert f"| `{name}` | {method.about} | {'yes' if method.ends else 'no'} |" in text


def test_the_matrix_in_the_documentation_is_the_code() -> None:
    from flash.comparing.matrix import matrix

    text = ROOT / "docs" / "howto" / "methods.md"
    if text.exists():  # the repository's; the package comes without
        assert matrix() in text.read_text(encoding="utf-8")


def test_every_space_of_another_paper_is_a_network_space() -> None:
    from flash.spaces.network_space import HOMES, network_space

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


def test_binding_budgets_are_those_of_a_search() -> None:
    space = flash.DenseNet(cells=2, depths=[2, 3], skips=[0, 16])
    given: Any = {"max_latency_ms": 0.9, "max_params": 3e5}
    found = flash.search(space, "rram", method="random", max_evals=300, seed=1, **given)
    assert found.status == "OPTIMAL"
    assert found.binding
    assert found.binding == flash.search(space, "rram", **given).binding
