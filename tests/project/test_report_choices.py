"""The benchmark of problems of choices: its problems can be met, and it tells who is refuted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "peers" / "choices").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def one(objective: float | None, seconds: float = 1.0, **more: Any) -> dict[str, Any]:
    found = {"found": True, "proven": True, "bound": objective, "nodes": 1, "limit_s": 20.0}
    return {**found, "objective": objective, "seconds": seconds, **more}


def row(name: str = "0", greatest: bool = False, **solvers: Any) -> dict[str, Any]:
    names = {"flash": "flash", "highs": "HiGHS", "cpsat": "CP-SAT"}
    return {
        "family": "2 x 2, 1",
        "name": name,
        "groups": 2,
        "options": 2,
        "budgets": 1,
        "greatest": greatest,
        "whole": True,
        "solvers": {names[key]: solver for key, solver in solvers.items()},
    }


@pytest.mark.parametrize("kind", ["falling", "correlated", "doubles"])
@pytest.mark.parametrize("seed", range(4))
def test_a_seed_is_one_problem_that_can_be_met(kind: str, seed: int) -> None:
    from benchmarks.peers.choices.flash_choose import solve
    from benchmarks.peers.choices.problems import Family, drawn

    family = Family("small", kind, 6, 5, 3, 1, 1)
    problem, again = drawn(family, seed), drawn(family, seed)
    assert np.array_equal(problem.costs, again.costs)
    assert np.array_equal(problem.limits, again.limits)
    assert problem.whole == (kind != "doubles") == np.array_equal(problem.costs, problem.costs // 1)
    answer = solve(problem, 20.0)
    assert answer.picks is not None
    own = problem.objective(answer.picks)
    assert own is not None
    # no option of a group by itself is better within the budgets
    for group in range(6):
        for option in range(5):
            picks = [*answer.picks]
            picks[group] = option
            other = problem.objective(picks)
            assert other is None or (other <= own if problem.greatest else other >= own)


def test_an_answer_over_a_budget_is_none() -> None:
    from benchmarks.peers.choices.problems import Choosing

    costs = np.array([[[2.0, 1.0], [2.0, 1.0]]])
    problem = Choosing("two", np.array([[0.0, 1.0], [0.0, 3.0]]), False, costs, np.array([3.0]))
    assert problem.objective([1, 0]) == 1.0
    assert problem.objective([0, 0]) is None
    assert problem.objective([1]) is None
    assert problem.objective([1, 2]) is None


def test_who_is_refuted() -> None:
    from benchmarks.peers.choices.summary import contradictions

    assert contradictions([row(flash=one(5.0), highs=one(5.0), cpsat=one(5.0))]) == []
    late = one(6.0, proven=False, bound=4.0)
    assert contradictions([row(flash=one(5.0), highs=late)]) == []
    [(name, text)] = contradictions([row(flash=one(5.0), highs=one(6.0, bound=5.0))])
    assert name == "HiGHS"
    assert text == "2 x 2, 1 #0: HiGHS proves 6.0, 5.0 is there"
    worse = one(5.0, bound=5.0)
    assert {name for name, _ in contradictions([row(greatest=True, flash=worse, highs=one(6.0))])} \
        == {"flash"}  # fmt: skip
    [(name, text)] = contradictions([row(flash=one(5.0), highs=one(None, bound=None))])
    assert text.endswith("the answer of HiGHS breaks a budget")
    nothing = one(None, found=False, bound=None)
    [(name, text)] = contradictions([row(flash=nothing, highs=one(5.0))])
    assert name == "flash"
    assert "there is none" in text
    [(name, text)] = contradictions([row(flash=one(5.0), cpsat=one(5.0, proven=False, bound=5.5))])
    assert text.endswith("CP-SAT bounds by 5.5, 5.0 is there")


def test_ratios_and_losses() -> None:
    from benchmarks.peers.choices.summary import losses, ratio, summaries

    rows = [
        row("0", flash=one(1.0, 0.01), highs=one(1.0, 4.0), cpsat=one(1.0, 2.0)),
        row("1", flash=one(1.0, 4.0), highs=one(1.0, 9.0, proven=False), cpsat=one(1.0, 2.0)),
        row("2", flash=one(1.0, 20.0, proven=False, bound=0.9), highs=one(1.0, 5.0),
            cpsat=one(1.0, 2.0, proven=False)),
        row("3", flash=one(1.0, 0.1)),
    ]  # fmt: skip
    assert [ratio(own) for own in rows] == [200.0, 0.5, 0.25, None]
    assert losses(rows) == [("2 x 2, 1 #2", 0.25, False), ("2 x 2, 1 #1", 0.5, True)]
    [found] = summaries(rows)
    assert (found["n"], found["tried"], found["proven"]) == (4, 3, 3)
    assert (found["ratio"], found["least"], found["least_both"]) == (0.5, 0.25, 0.5)
    assert found["away"] == pytest.approx(0.1)


def test_the_section_tells_losses_and_contradictions() -> None:
    from benchmarks.report.sections.choices import claims, write

    rows = [row(flash=one(6.0, 4.0), highs=one(5.0, 2.0), cpsat=one(5.0, 8.0))]
    rows[0]["family"] = "32 x 54, 2"
    told = {"rows": rows, "load": [3.0], "complete": True}
    text = write(told)
    assert "**Contradictions**: 32 x 54, 2 #0: flash proves 6.0, 5.0 is there" in text
    assert "32 x 54, 2 #0 (0.5)" in text
    held = [holds for *_, holds in claims({"choices": told})]
    assert held == [False, None, None, None, None, None, False]
