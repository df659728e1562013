"""The benchmarks' report: what was not measured is said so, what falls short is called missed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "report").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def line(name: str, mape: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "networks": 49, "mape": mape, **more}


TARGETS = {
    "fit_on": 25,
    "draws": 30,
    "lines": [
        line("rram area", 0.5, baseline=0.9, goal=0.6),
        line("pixel-3", 10.0, rank=0.97, twins=6.0, drift=0.0),
        line("xeon-gold-6240", 7.5, rank=0.96, twins=6.0, drift=0.5, goal=5.0),
        line("raspberry-pi-4", 11.0, rank=0.94, twins=7.0, drift=0.0, goal=15.0, coverage=0.9),
        {"name": "x86", "absent": "cpu_latency_nets.csv.gz"},
    ],
    "calibrate": {},
}


def test_nothing_measured() -> None:
    from benchmarks.report.contents import SECTIONS
    from benchmarks.report.writing import claims

    found = claims({})
    assert len(found) > 30
    assert {(one.measured, one.verdict) for one in found} == {("not measured", "-")}
    text = "\n".join(section.write({}, []) for section in SECTIONS.values())
    assert "--only targets --data FOLDER" in text
    assert "--only predictors --data FOLDER" in text


def test_lines_without_some_columns() -> None:
    from benchmarks.report.sections.targets import write

    text = write({"targets": TARGETS}, [])
    rows = {r.split(" | ")[0][2:]: r for r in text.splitlines() if r.startswith("| ")}
    assert rows["rram area"].endswith("| holds |")
    assert rows["pixel-3"].endswith("| - |")
    # sqrt(7.5^2 - 6^2) is what noise leaves unexplained
    assert "beyond it 4.5 %" in rows["xeon-gold-6240"]
    assert rows["xeon-gold-6240"].endswith("| **missed** |")
    assert " 90 % " in rows["raspberry-pi-4"]  # of a share of 0.9
    assert rows["raspberry-pi-4"].endswith("| **missed** |")  # its rank is below .95
    assert "Absent from the data: x86" in text


def test_claims_of_what_there_is() -> None:
    from benchmarks.report.sections import intervals, targets

    lines = [*targets.claims({"targets": TARGETS}), *intervals.claims({"targets": TARGETS})]
    found = {what: (measured, holds) for what, _, measured, holds in lines}
    assert found["Xeon Gold 6240, NAS-Bench-201: error"] == (
        "7.5 % (noise alone 6.0 %, beyond it 4.5 %)",
        False,
    )
    pi = "11.0 %, rank 0.940 (noise alone 7.0 %, beyond it 8.5 %)"
    assert found["Raspberry Pi 4, NAS-Bench-201: error"] == (pi, False)
    assert found["rram, NeuroSim pinned: error in area / energy / latency"] == (None, None)
    assert found["90 % intervals"][1] is True


def test_the_report_is_of_this_code() -> None:
    """RESULTS.md has every claim that the code makes; --only none writes it again."""
    from benchmarks.report.sections import intervals, predicted, predictors, targets

    text = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    lines = [
        line for part in (targets, predictors, intervals, predicted) for line in part.claims({})
    ]
    named = [what for what, *_ in lines if not what.startswith("search with")]
    assert [what for what in named if f"| {what} |" not in text] == []


def test_every_section_is_listed() -> None:
    from benchmarks.report.contents import CLAIMED, CLAIMED_FIRST, FRAGMENTS, MEASURED_FIRST, NAMES

    folder = ROOT / "benchmarks" / "report" / "sections"
    assert set(NAMES) == {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert len(CLAIMED) == len(NAMES) == len(set(NAMES))
    assert set(CLAIMED_FIRST) <= set(NAMES)
    assert set(MEASURED_FIRST) <= set(FRAGMENTS)
    assert all(section.measure for section in FRAGMENTS.values())


def test_pictures_of_the_report_are_there() -> None:
    folder = ROOT / "benchmarks"
    text = (folder / "RESULTS.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^]]*\]\(([^)]*)\)", text)
    assert len(shown) == 7
    assert [name for name in shown if not (folder / name).is_file()] == []


@pytest.mark.processes
def test_json_of_a_program(tmp_path: Path) -> None:
    from benchmarks.report.measuring import told_by

    script = tmp_path / "script.py"
    script.write_text("import sys\nopen(sys.argv[1], 'w').write('[1]')\n")
    assert told_by(str(script)) == [1]
    script.write_text("raise SystemExit('no data')\n")
    with pytest.raises(RuntimeError, match="no data"):
        told_by(str(script))


@pytest.mark.parametrize(
    ("section", "name"),
    {
        "plain_exact": "plain compiled exact loop",
        "cpsat": "OR-tools CP-SAT",
        "highs": "HiGHS",
        "scipy_de": "scipy differential_evolution",
        "pymoo_peer": "pymoo's genetic algorithm",
        "scipy_shgo": "scipy shgo",
        "optuna_peer": "Optuna's NSGA-II",
        "nevergrad_peer": "nevergrad's NGOpt",
    }.items(),
)
def test_the_tour_says_what_the_peers_took(section: str, name: str) -> None:
    """Whole calls and the solver alone, by processor time; what was reached, and by what."""
    from benchmarks.common.files import RESULTS
    from benchmarks.report.sections.peers import least

    summary = json.loads((RESULTS / f"{section}.json").read_text())["told"]["summary"]
    (line,) = [
        one
        for one in (ROOT / "docs" / "tour.md").read_text(encoding="utf-8").splitlines()
        if one.startswith(f"| {name}")
    ]
    _, _, reached, whole, alone, _ = (cell.strip() for cell in line.split("|"))
    mark = least(summary).replace(">=", ">= ")
    assert whole == f"{mark}{summary['whole_cpu_ratio']:,.0f}x"
    assert alone == f"{mark}{summary['cpu_ratio']:,.0f}x"
    if section != "scipy_shgo":  # which ends by itself
        assert f"{summary['finished']} of {summary['n']}" in reached
    if summary["gap"] > 1e-3:
        assert f"{100 * summary['gap']:.2g} % short" in reached
    if summary["evaluations"]:
        assert f"{summary['evaluations']:,.0f} evaluations" in reached
