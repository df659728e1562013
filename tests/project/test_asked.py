"""What users expect: the common problem, how answers to it are judged, and the tables."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "peers" / "asked").exists(),
    reason="the benchmarks are in the repository, not in the package",
)
ASKED = ROOT / "benchmarks" / "peers" / "asked"


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_the_common_problem_has_answers_and_none() -> None:
    from benchmarks.peers.asked.common import drawn, every, front, impossible, within

    problem = drawn()
    assert problem == drawn()
    found = every(problem)
    assert 0 < len(found) < 6**6
    assert all(within(problem, picks) for _, _, picks in found)
    assert every(impossible(problem)) == []
    best = min(value for value, _, _ in found)
    # both budgets bind: without either the best is better
    for k in range(2):
        free = {
            **problem,
            "limits": [10**9 if j == k else x for j, x in enumerate(problem["limits"])],
        }
        assert min(value for value, _, _ in every(free)) < best
    points = front(problem)
    for value, spent, _ in found:
        assert any(v <= value and s <= spent[0] for v, s in points)
        assert (value, spent[0]) in points or any(
            v <= value and s <= spent[0] and (v, s) != (value, spent[0]) for v, s in points
        )


def test_flash_itself_answers() -> None:
    from benchmarks.peers.asked.common import drawn, every, front, impossible, sums, within

    path = ASKED / "tools" / "flash.py"
    spec = importlib.util.spec_from_file_location("asked_flash", path)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    problem = drawn()
    picks, proven, _ = tool.solve(problem, 0)
    assert proven
    assert within(problem, picks)
    assert sums(problem, picks)[0] == min(value for value, _, _ in every(problem))
    picks, proven, said = tool.solve(impossible(problem), 0)
    assert (picks, proven) == (None, True)
    assert "cost_0" in said
    points = {(v, s[0]) for v, s in (sums(problem, one) for one in tool.front(problem, 0))}
    assert points == front(problem)


def run_of(**changed: Any) -> dict[str, Any]:
    """What a tool's process writes that always finds the optimum and proves it."""
    from benchmarks.peers.asked.common import drawn, every

    best = list(min(every(drawn()))[2])
    times = {
        f"{one}{kind}": 1.0 for one in ("import", "first", "later") for kind in ("_s", "_cpu_s")
    }
    return {
        "version": "1", "python": "3", **times, "answers": [best] * 10, "proven": [True] * 10,
        "again": [["a"], ["a"]], "hopeless": [None, True, "no"], "front": None, **changed,
    }  # fmt: skip


def test_judging() -> None:
    from benchmarks.peers.asked.__main__ import judged
    from benchmarks.peers.asked.common import drawn, within

    good = judged([run_of(), run_of(import_s=3.0), run_of(import_s=2.0)])
    assert (good["calls"], good["kept"], good["best"], good["proven"]) == (30, 30, 30, 30)
    assert (good["import_s"], good["whole_cpu_s"]) == (2.0, 2.0)
    assert good["worst"] == good["optimum"]
    over = [5] * 6
    assert not within(drawn(), over)
    bad = judged([run_of(answers=[over, None, *run_of()["answers"][2:]], again=[["a"], ["b"]])])
    assert (bad["calls"], bad["kept"], bad["best"], bad["same"]) == (10, 8, 8, False)
    fronts = judged([run_of(front=[run_of()["answers"][0], over])])["front"]
    assert fronts[0] == 1
    assert fronts[1] > 1


def test_the_section_says_where_flash_is_slower() -> None:
    from benchmarks.peers.asked.__main__ import judged
    from benchmarks.report.sections.asked import write

    own = judged([run_of(first_s=0.5, first_cpu_s=0.5)])
    other = judged(
        [run_of(first_cpu_s=0.25, again=[["a"], ["b"]], hopeless=[[0] * 6, False, "ok"])]
    )
    text = write({"flash": own, "HiGHS": other})
    assert (
        "Faster than flash in processor time: first call: HiGHS; both: the first answer: HiGHS."
        in text
    )
    assert (
        "| the best within budgets | yes, proven | not run | not run | yes, proven | not run |"
        in text
    )
    assert "no: an answer over budget" in text
    assert text.count("(d)") > 70
    looked = {"version": "2", "python": "3", "looked": "lists nothing"}
    assert "nn-Meter 2 on Python 3, as its package index has it: lists nothing." in write(
        {"nn-Meter": looked}
    )


def test_tables_are_whole() -> None:
    from benchmarks.peers.asked.__main__ import MODULES
    from benchmarks.peers.asked.documented import SOURCES, TASKS, TOOLS

    assert all(len(row) == len(TOOLS) for row in TASKS.values())
    assert set(SOURCES) == set(TOOLS) == set(MODULES)
    assert all((ASKED / "tools" / f"{one}.py").is_file() for one, _ in MODULES.values())
    kept = json.loads((ASKED / "answers.json").read_text())
    assert set(kept) <= set(TOOLS)
    assert kept["flash"]["best"] == kept["flash"]["calls"] == kept["flash"]["proven"]


def test_bad_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.peers.asked.__main__ import main

    for words, said in (
        (["--only", "coffee"], "--only: coffee; accepted are flash, Optuna"),
        (["--python", "coffee=/x"], "--python: coffee; accepted are flash, Optuna"),
        (["--python", f"Optuna={tmp_path / 'x'}"], "no interpreter there"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
