"""Trainings until one of the best is held: the ground of the peers, and what is stored of them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "report").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


def test_random_needs_what_chance_says() -> None:
    from benchmarks.peers.fewest.summary import by_chance, median

    assert by_chance(15, 1) == (8.0, 8)
    assert by_chance(3, 2) == (4 / 3, 1)
    assert median([3.0, 5.0, 4.0]) == (4.0, 3.0, 5.0)
    assert median([3.0] * 4 + [math.inf] * 6)[0] == math.inf


@pytest.mark.parametrize("method", ["random", "evolution-20", "local", "ridge"])
def test_methods_find_the_best_of_a_small_table(method: str) -> None:
    from benchmarks.peers.fewest.methods import METHODS
    from benchmarks.peers.fewest.problems import PROBLEMS

    problem = PROBLEMS["trained"](Path())  # ships with the repository
    assert problem is not None
    order = METHODS[method].run(problem, 0, len(problem))
    assert len(set(order)) == len(order)
    assert problem.truth[order[-1]] == problem.truth.max()


def test_absent_tables_are_absent(tmp_path: Path) -> None:
    from benchmarks.peers.fewest.problems import PROBLEMS

    assert [name for name, made in PROBLEMS.items() if made(tmp_path)] == ["trained"]


def test_what_is_stored_is_whole() -> None:
    from benchmarks.peers.fewest.keeping import RESULTS, read
    from benchmarks.peers.fewest.methods import METHODS
    from benchmarks.peers.fewest.problems import PROBLEMS

    paths = sorted(RESULTS.rglob("*.json"))
    assert paths
    for path in paths:
        kept = read(path)
        assert (path.parent.name, path.stem) == (kept.problem, kept.method)
        assert kept.problem in PROBLEMS
        assert kept.method in METHODS
        assert len(kept.seeds) == 20
        for run in kept.seeds.values():
            best = run["best"][-1][1]
            for goal, least in kept.goals.items():
                assert (run["met"][goal] is not None) == (best >= least - 1e-6)
    assert json.loads(paths[0].read_text())


def test_the_section_has_a_table_for_each_problem() -> None:
    from benchmarks.peers.fewest.summary import told
    from benchmarks.report.sections.fewest import SECTION

    text = SECTION.write({}, ())
    assert all(f"### {name}\n" in text for name in told())
