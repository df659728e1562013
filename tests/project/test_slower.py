"""What became slower: verdicts of made-up times, builds that are found, plans of a report."""

from __future__ import annotations

import json
import random
import subprocess
from contextlib import ExitStack
from math import comb
from pathlib import Path

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "slower").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def pairs_of(factor: float, n: int = 11, seed: int = 0) -> list[tuple[list[float], list[float]]]:
    """Times of a call that takes 1, and `factor` of it after a change; none is below either."""
    draw = random.Random(seed)

    def rounds(least: float) -> list[float]:
        return [least * (1.0 + draw.uniform(0.0, 0.01)), least * draw.uniform(1.02, 3.0)]

    return [(rounds(1.0), rounds(factor)) for _ in range(n)]


@pytest.mark.parametrize(
    ("factor", "word"),
    [(1.0, "as before"), (1.01, "as before"), (1.1, "SLOWER"), (2.0, "SLOWER"), (0.8, "faster")],
)
@pytest.mark.parametrize("seed", range(5))
def test_verdicts(factor: float, word: str, seed: int) -> None:
    from benchmarks.slower.judging import judged

    found = judged(pairs_of(factor, seed=seed), margin=0.03)
    assert found.word == word
    assert found.low <= found.median <= found.high
    assert abs(found.least - factor) <= 0.02 * factor


def test_one_slow_process_of_many_is_no_change() -> None:
    from benchmarks.slower.judging import judged

    pairs = [*pairs_of(1.0, 10), *pairs_of(3.0, 1)]
    assert judged(pairs, margin=0.03).word == "as before"
    half = [*pairs_of(1.0, 6), *pairs_of(1.2, 5)]
    assert judged(half, margin=0.03).word == "not told apart"


@pytest.mark.parametrize("n", range(1, 60))
def test_the_interval_covers_the_median(n: int) -> None:
    """By the sign test: outside lies at most 5 %, and one value more would be too much."""
    from benchmarks.slower.judging import outside

    def beyond(left: int) -> float:
        return 2.0 * sum(comb(n, k) for k in range(left + 1)) / 2**n

    left = outside(n)
    assert 0 <= 2 * left < n
    if n >= 6:
        assert beyond(left) <= 0.05 or left == 0
        assert beyond(left + 1) > 0.05 or 2 * (left + 1) >= n


def test_builds_are_asked_in_turns() -> None:
    from benchmarks.slower.check import Team, timed

    asked: list[str] = []

    def begin(pair: int, running: ExitStack) -> tuple[Team, Team]:
        running.callback(lambda: asked.append("end"))

        def team(which: str, seconds: float, absent: dict[str, str]) -> Team:
            def ask(name: str) -> float:
                asked.append(which)
                return seconds

            return Team(absent, ask)

        return team("a", 1.0, {"new": "TypeError: no such keyword"}), team("b", 2.0, {})

    found, absent = timed(begin, ["call", "new"], pairs=2, rounds=2)
    assert "".join(asked) == "abbaendbaabend"
    assert found == {"call": [([1.0] * 2, [2.0] * 2)] * 2}
    assert absent == {"new": "before: TypeError: no such keyword"}


@pytest.mark.processes
def test_what_cannot_be_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.report.__main__ import main as report
    from benchmarks.slower.check import main

    for words, said in (
        (["no-such-commit"], "no-such-commit: neither a folder nor a commit"),
        ([str(tmp_path)], "no built flash there"),
        (["HEAD", "--calls", "coffee"], "coffee: no such call; there are fresh process"),
        (["HEAD", "--pairs", "0"], "--pairs: 0; accepted are whole numbers from 1"),
        (["HEAD", "--margin", "2"], "--margin: 2; accepted is a share"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        report(["--check", str(tmp_path)])
    assert ended.value.code == 2
    assert "no built flash there" in capsys.readouterr().err


def git(folder: Path, *words: str) -> str:
    named = ["-c", "user.name=a", "-c", "user.email=a@b.invalid"]
    done = subprocess.run(
        ["git", "-C", str(folder), *named, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.processes
def test_the_commit_before(tmp_path: Path) -> None:
    """A changed flash is compared with the last commit, an unchanged one with its parent; the
    core of equal sources is copied, and the worktree goes."""
    from benchmarks.slower.builds import find, prepared

    core = tmp_path / "flash" / "_core"
    core.mkdir(parents=True)
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*.so\n")
    (core / "a.pxd").write_text("sources\n")
    (tmp_path / "setup.py").write_text("raise SystemExit('nothing compiles here')\n")
    commits = []
    for k in range(2):
        (tmp_path / "flash" / "a.py").write_text(f"a = {k}\n")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", f"number {k}")
        commits.append(git(tmp_path, "rev-parse", "HEAD"))
    assert find(None, tmp_path).commit == commits[0]
    (tmp_path / "flash" / "a.py").write_text("a = 2\n")
    assert find(None, tmp_path).commit == commits[1]
    (core / "a.so").write_bytes(b"core")
    wanted = find(commits[0][:8], tmp_path)
    with prepared(wanted, tmp_path) as build:
        assert build.name.endswith("number 0")
        assert build.how == "core of the same sources, copied"
        assert (build.folder / "flash" / "a.py").read_text() == "a = 0\n"
        assert (build.folder / "flash" / "_core" / "a.so").read_bytes() == b"core"
        kept = build.folder
    assert not kept.exists()
    assert "flash-before-" not in git(tmp_path, "worktree", "list")
    (core / "a.pyx").write_text("other sources\n")
    with (
        pytest.raises(RuntimeError, match=r"does not build:\nnothing compiles here"),
        prepared(wanted, tmp_path),
    ):
        pass
    assert "flash-before-" not in git(tmp_path, "worktree", "list")


@pytest.mark.processes
def test_one_call_of_this_build_beside_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Both sides answer; what they take is not judged here."""
    from benchmarks.slower.builds import built
    from benchmarks.slower.check import main

    if not built(ROOT):
        pytest.skip("no core in the checkout")
    words = ["--calls", "weighted product", "--pairs", "1", "--rounds", "1"]
    assert main([str(ROOT), *words]) in (0, 1)
    said = capsys.readouterr().out
    assert "| weighted product |" in said
    assert "not timed" not in said


def test_a_plan(tmp_path: Path) -> None:
    from benchmarks.report.planning import carried_out, minutes, planned, told

    kept = {"build": "now", "seconds": 60.0, "date": "today"}
    (tmp_path / "search.json").write_text(json.dumps(kept))
    (tmp_path / "training.json").write_text(json.dumps({**kept, "build": "old"}))
    (tmp_path / "aarch64.json").write_text(json.dumps({**kept, "build": "old"}))
    wanted = ["search", "start", "training", "aarch64", "targets"]
    steps, left = planned(wanted, tmp_path, data=False, resume=True, build="now")
    assert [one.name for one in steps] == ["start", "aarch64", "training"]
    assert left == {"search": "measured with this build, today", "targets": "needs --data"}
    assert (minutes(steps, 1), minutes(steps, 2)) == (2.0, 1.0)
    text = told(steps, left, 2)
    assert "| start | not known | alone |" in text
    assert "| training | 60 | up to 2 at once |" in text
    assert text.endswith("about 1 minutes in all, and 1 whose time is not known\n")
    steps, left = planned(wanted, tmp_path, data=True, resume=False, build="now")
    assert sorted(one.name for one in steps) == sorted(wanted)
    made: list[str] = []

    def measure(name: str) -> bool:
        made.append(name)
        return name != "training"

    assert carried_out(steps, 2, measure) == ["training"]
    assert sorted(made) == sorted(wanted)
    assert {"search", "start"} == set(made[:2])  # timed ones first, alone
