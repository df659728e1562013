"""`flash suggest`, `flash tell` and `flash fit`, as a user types them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from twins.processes import environment

import flash
from flash.cli.main import main

if TYPE_CHECKING:
    from twins.processes import Run

SPACE = ("--depths", "5:8", "--skips", "1,2", "--width-multipliers", "1")
SMALL = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2], width_multipliers=[1])


def table(path: Path, n: int = 12, percent: bool = False) -> str:
    lines = [f"{31 * k},{(0.5 + k / 50) * (100 if percent else 1)},{k + 1}\n" for k in range(n)]
    path.write_text("index,accuracy,seconds\n" + "".join(lines))
    return str(path)


def test_suggest_prints_what_the_function_returns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path / "t.csv")
    line = ["suggest", "densenet", "rram", *SPACE, "--measured", path, "--n", "3",
            "--max-latency-ms", "4", "--max-params", "2M", "--cost", "seconds", "--noise", "0.01",
            "--seed", "2"]  # fmt: skip
    assert main([*line, "--json"]) == 0
    own = flash.suggest(
        SMALL, "rram", path, 3, max_latency_ms=4, max_params=2e6, cost="seconds", noise=0.01, seed=2
    )
    assert json.loads(capsys.readouterr().out) == own.to_dict()
    out = tmp_path / "next.json"
    assert main([*line, "--json", str(out)]) == 0
    assert capsys.readouterr().out == str(own) + "\n"
    assert json.loads(out.read_text()) == own.to_dict()


def test_other_kinds_of_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    for space in ("mobilenet-v3", "nas-bench-201", "pnas"):
        assert main(["suggest", space, "cpu-x86", "--n", "1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["networks"][0]["network"]


def test_nothing_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suggest", "densenet", "rram", "--max-latency-ms", "1e-6"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "measured: 0" in told.err
    assert "max_latency_ms" in told.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("suggest densenet rram --n 0", "n must be"),
        ("suggest densenet rram --n x", "an integer"),
        ("suggest densenet rram --cost much", "cost must be one of 'none', 'macs', 'seconds'"),
        ("suggest densenet rram --measured none.csv", "none.csv"),
        ("suggest densenet rram --max-memory-kib 5", "--max-memory-kib"),
        ("suggest densenet", "TARGET"),
        ("suggest densent rram", "did you mean 'densenet'"),
        ("suggest densenet rram --json nowhere/x.json", "nowhere"),
        ("suggest densenet cpu-x86 --max-area-mm2 5", "does not model area_mm2"),
        ("tell nowhere 0001 0.5", "one of flash.suggest"),
        ("tell nowhere 0001 good", "from 0 to 1"),
        ("tell nowhere", "ID, ACCURACY"),
        ("fit none.csv", "--space"),
        ("fit none.csv --space densenet", "none.csv"),
        ("fit .", "folder of neither"),
        ("fit few.csv --space densenet", "at least 8"),
        ("fit few.csv --space densenet --kind magic", "kind must be one of"),
        ("fit few.csv --space densenet --out nowhere/p.json", "nowhere"),
    ],
)
def test_what_is_not_accepted(
    line: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "few.csv", 3)
    try:
        code = main(line.split())
    except SystemExit as stop:  # argparse's own
        code = int(str(stop.code))
    told = capsys.readouterr()
    assert code == 2
    assert message in told.err
    assert told.out == ""


@pytest.mark.processes
def test_the_examples_of_the_help_run(cli: Run, tmp_path: Path) -> None:
    space = flash.DenseNet()
    rows = "".join(f"{i},{0.5 + n / 99}\n" for n, i in enumerate(space.sample_indices(12, 1)))
    (tmp_path / "trained.csv").write_text("index,accuracy\n" + rows)
    texts = [cli(name, "--help").stdout for name in ("suggest", "tell", "fit")]
    examples = re.findall(r"^  flash (.*)$", "".join(texts), re.MULTILINE)
    assert len(examples) == 10
    for example in examples:
        code = 0
        if "runs/" in example:
            code = 2  # no such folder
        if example == "fit asked --kind nn-degree":
            code = 2  # one network is told of
        done = cli(*example.split(), code=code)
        assert done.stdout or code
    listed = cli("--help").stdout
    for name in ("suggest", "tell", "fit"):
        assert f"               flash {name} " in listed


@pytest.mark.processes
def test_the_loop_through_a_folder(cli: Run, tmp_path: Path) -> None:
    line = ("suggest", "densenet", "rram", *SPACE, "--folder", "asked", "--max-latency-ms", "4")
    for turn in range(3):
        told = cli(*line, "--n", "4").stdout
        ids = [f"{4 * turn + n:04d}" for n in range(1, 5)]
        assert f"asked for in asked: {', '.join(ids)}" in told
        for n, one in enumerate(ids):
            ask = json.loads((tmp_path / "asked" / "asked" / f"{one}.json").read_text())
            net = flash.Architecture.from_dict(ask["network"])
            assert SMALL.decode(ask["index"]) == net
            accuracy = f"{0.5 + net.params / 1e8:.6f}"
            if (turn, n) == (1, 2):
                assert json.loads(cli("tell", "asked", one, "failed", "--json").stdout)["id"] == one
            else:
                path = cli("tell", "asked", one, accuracy, "--seconds", "3").stdout.strip()
                assert (tmp_path / path).exists()
    told = cli(*line).stdout
    assert "best of 11 measured (11 trainings)" in told
    assert "note: failed, and not asked for again: 0007" in told
    fitted = cli("fit", "asked", "--out", "p.json").stdout
    assert "fitted to 11 trainings of 11 networks" in fitted
    predictor = flash.AccuracyPredictor.load(tmp_path / "p.json")
    assert len(predictor.trained) == 11
    assert cli("search", "densenet", "rram", "--predictor", "p.json").stdout


def test_fit_prints_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path / "t.csv", percent=True)
    out = str(tmp_path / "p.json")
    assert main(["fit", path, "--space", "densenet", *SPACE, "--out", out]) == 0
    told = capsys.readouterr().out
    assert "predictor (topology), fitted to 12 trainings of 12 networks" in told
    assert "left-out errors" in told
    assert "note: accuracies of" in told
    assert f"written to {out}" in told
    made = flash.AccuracyPredictor.load(out)
    nets = [SMALL.decode(31 * k) for k in range(12)]
    own = flash.AccuracyPredictor.fit(nets, [0.5 + k / 50 for k in range(12)])
    assert made.predict(nets) == pytest.approx(own.predict(nets), abs=1e-9)
    assert main(["fit", path, "--space", "densenet", *SPACE, "--kind", "nn-degree", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["kind"], data["trainings"], data["networks"]) == ("nn-degree", 12, 12)
    assert data["report"][0]["name"] == "nn-degree"


def test_fit_reads_journals_and_trainings_by_themselves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "journal.jsonl"

    def judge(nets: list[flash.Architecture]) -> list[float]:
        return [0.5 + net.params / 1e8 for net in nets]

    flash.search(SMALL, "rram", method="random", evaluator=judge, max_evals=12, journal=journal)
    assert main(["fit", str(journal), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["networks"] == 12
    folder = tmp_path / "run"
    folder.mkdir()
    lines = [
        {"format": 1, "index": n // 2, "repeat": n % 2, "seed": n, "accuracy": 0.5 + n / 100,
         "architecture": SMALL.decode(31 * (n // 2)).to_dict(), "loss": 1.0, "train_loss": 1.0,
         "seconds": 5.0, "conditions": {}}
        for n in range(20)
    ]  # fmt: skip
    (folder / "results.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    assert main(["fit", str(folder), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["trainings"], data["networks"]) == (20, 10)


@pytest.mark.processes
@pytest.mark.skipif(os.name == "nt", reason="no Ctrl-C for a child")
def test_ctrl_c(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from flash.suggesting import proposing\n"
        "def slowly(*given, **more):\n"
        "    print('in', file=sys.stderr, flush=True)\n"
        "    time.sleep(60)\n"
        "proposing.propose = slowly\n"
        "from flash.cli.main import main\n"
        "sys.exit(main(['suggest', 'densenet', 'rram', '--folder', 'asked']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline() == "in\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "flash: interrupted\n"
    assert process.returncode == 130
    assert not list((tmp_path / "asked" / "asked").iterdir())
    assert not (tmp_path / "asked" / "lock").exists()
