"""Programs of claims by name: all are known, what they need is asked for before any work."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "claims").exists(),
    reason="the benchmarks are in the repository, not in the package",
)
# Programs that the report runs by itself, or parts of others.
OTHERS = {
    "claim", "fp_nas", "methods", "mobile_networks", "overhead", "programs", "sections",
    "training_free",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_every_program_is_there() -> None:
    from benchmarks.claims.programs import PROGRAMS
    from benchmarks.report.contents import NAMES

    for name, program in PROGRAMS.items():
        assert find_spec(program.words[0]) is not None, name
        assert (ROOT / "benchmarks" / program.kept).exists(), name
        assert program.section in {*NAMES, ""}, name
    modules = {path.stem for path in (ROOT / "benchmarks" / "claims").glob("[a-z]*.py")}
    named = {one.words[0].rpartition(".")[2] for one in PROGRAMS.values()}
    assert modules <= named | OTHERS


def test_every_kept_figure_of_the_report_has_its_program() -> None:
    from benchmarks.claims.programs import PROGRAMS
    from benchmarks.report.contents import SECTIONS

    left = {one.section for one in PROGRAMS.values()}
    assert {name for name, section in SECTIONS.items() if section.kept} - {"aarch64"} <= left


def test_folders_are_put_in_place() -> None:
    from benchmarks.claims.programs import PROGRAMS, words_of

    pnas = words_of(PROGRAMS["pnas"], "/d", None)
    assert pnas[:2] == ["benchmarks.claims.pnas", "/d/accuracy"]
    with pytest.raises(ValueError, match="needs --work FOLDER"):
        words_of(PROGRAMS["hao"], "/d", None)


def test_what_is_missing_is_told_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.claims import __main__ as claims
    from benchmarks.claims.programs import PROGRAMS, Program

    monkeypatch.setattr(claims, "run", lambda *_: pytest.fail("it ran"))
    monkeypatch.setitem(PROGRAMS, "odd", Program(("odd",), packages=("no_such_package",)))
    for words, said in (
        (["--run", "coffee"], "--run: coffee; accepted are mesh, "),
        (["--run", "microcontrollers,mesh"], "mesh needs --data FOLDER"),
        (["--run", "mesh", "--data", str(tmp_path / "no")], "accepted is a folder that is there"),
        (["--run", "odd"], "odd needs packages that are not installed: no_such_package"),
    ):
        with pytest.raises(SystemExit) as ended:
            claims.main(words)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


def test_the_list_says_what_each_took(capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.claims.__main__ import listed, main

    assert main([]) == 0
    assert "| mesh | --data |" in capsys.readouterr().out
    text = listed({"mesh": {"seconds": 65.2, "cpu_s": 60.1}})
    assert "| mesh | --data | 60 | 65 | claims/mesh.json | mesh |" in text


@pytest.mark.processes
def test_a_run_keeps_what_it_took(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from benchmarks.claims.__main__ import run

    kept = tmp_path / "took.json"
    assert run("one", ["timeit", "-n", "1", "-r", "1", "pass"], kept) == 0
    found = json.loads(kept.read_text())
    assert set(found) == {"one"}
    assert found["one"]["seconds"] >= 0.0
    assert run("other", ["no_such_module"], kept) == 1
    assert json.loads(kept.read_text()) == found
    assert "other: ended with 1" in capfd.readouterr().out
