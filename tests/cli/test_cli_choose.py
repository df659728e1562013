"""flash choose, and tables for flash pareto and flash sweep, as users type them."""

from __future__ import annotations

import csv
import json
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from twins.choices import write_blocks

import flash
from flash.cli import main as cli_main

if TYPE_CHECKING:
    from twins.processes import Run


@pytest.fixture
def blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> flash.ChoiceProblem:
    """The table of the examples, in the folder where commands run."""
    monkeypatch.chdir(tmp_path)
    write_blocks(tmp_path / "blocks.csv")
    write_blocks(tmp_path / "layers.csv", "layer", "block")
    return flash.ChoiceProblem.from_table("blocks.csv", peaks=["sram_kib"])


def run(line: str) -> int:
    return cli_main.main(shlex.split(line))


WHERE = "latency_ms <= 12 and memory_mib <= 220"
CHOOSE = f"choose blocks.csv --minimize loss --where '{WHERE}'"


def test_choose(blocks: flash.ChoiceProblem, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{CHOOSE} --k 3 --min-distance 2 --peaks sram_kib --json") == 0
    told = flash.ChoiceResult.from_json(capsys.readouterr().out)
    found = flash.choose(blocks, minimize="loss", where=WHERE, k=3, min_distance=2)
    assert told.choices == found.choices
    assert told.objective == found.objective
    assert told.metrics == found.metrics
    assert [one.objective for one in told.alternatives] == [
        one.objective for one in found.alternatives
    ]
    assert run(CHOOSE) == 0
    assert "OPTIMAL: proven" in capsys.readouterr().out


def test_choose_writes(
    blocks: flash.ChoiceProblem, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"{CHOOSE} --k 2 --json answer.json --table chosen.csv") == 0
    assert "OPTIMAL" in capsys.readouterr().out
    answer = flash.ChoiceResult.from_json(tmp_path / "answer.json")
    with (tmp_path / "chosen.csv").open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    assert names == ["group", "option", "option_2"]
    assert {row[0]: row[1] for row in rows} == answer.choices
    assert run(f"{CHOOSE} --start answer.json") == 0
    (tmp_path / "start.json").write_text(json.dumps(answer.choices), encoding="utf-8")
    assert run(f"{CHOOSE} --start start.json") == 0
    if find_spec("pyarrow") is not None:
        import pyarrow.parquet as pq

        assert run(f"{CHOOSE} --table chosen.parquet") == 0
        assert pq.read_table("chosen.parquet").column("group").to_pylist() == list(blocks.groups)


@pytest.mark.usefixtures("blocks")
def test_several_objectives_and_conditions(capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for line in (
        "--minimize loss,latency_ms --where 'latency_ms <= 12' --where 'memory_mib <= 220'",
        "--minimize loss --minimize latency_ms --where 'latency_ms <= 12 and memory_mib <= 220'",
    ):
        assert run(f"choose blocks.csv {line}") == 0
        texts.append(capsys.readouterr().out.splitlines()[:-1])
    assert texts[0] == texts[1]
    assert "loss, then latency_ms minimised" in texts[0][1]
    assert run('choose blocks.csv --maximize \'{"product": {"loss": 1, "latency_ms": -1}}\'') == 0
    assert "product of loss (1), latency_ms (-1) maximised" in capsys.readouterr().out


@pytest.mark.usefixtures("blocks")
def test_exit_codes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("choose blocks.csv --minimize loss --where 'latency_ms <= 1'") == 1
    assert "INFEASIBLE: proven" in capsys.readouterr().out
    assert run("pareto --choices blocks.csv --minimize loss,latency_ms --where 'loss < 0'") == 1
    assert run("sweep --choices blocks.csv --where 'loss < 0'") == 1
    capsys.readouterr()

    def stopped(*_: Any, **__: Any) -> flash.ChoiceResult:
        return flash.ChoiceResult(status="NOT_FOUND", stopped="interrupt")

    monkeypatch.setattr(flash, "choose", stopped)
    assert run(CHOOSE) == 130


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("choose none.csv --minimize loss", "none.csv: No such file"),
        ("choose blocks.csv", "one of minimize and maximize"),
        ("choose blocks.csv --minimize los", "did you mean 'loss'"),
        ("choose layers.csv --minimize loss", "group names a column that is not there"),
        (f"{CHOOSE} --k 0", "k must be an integer from 1"),
        (f"{CHOOSE} --min-distance 7", "from 1 to 6, got 7"),
        (f"{CHOOSE} --start none.json", "none.json: No such file"),
        (f"{CHOOSE} --start blocks.csv", "is not valid JSON"),
        (f"{CHOOSE} --table chosen.txt", "--table must end in .csv or .parquet, got 'chosen.txt'"),
        (f"{CHOOSE} --table none/chosen.csv", "none/chosen.csv: No such file"),
        (f"{CHOOSE} --json none/answer.json", "none/answer.json: No such file"),
        (f"{CHOOSE} --minimise loss", "did you mean '--minimize'"),
        ("pareto", "SPACE and TARGET, or --choices, must be given"),
        ("pareto densenet", "TARGET must be given"),
        ("pareto densenet --choices blocks.csv", "SPACE and --choices cannot be used together"),
        ("pareto --choices blocks.csv --minimize loss", "got 1; for one there is flash.choose"),
        ("pareto --choices blocks.csv --minimize loss,latency_ms --epsilon 0.1", "are of a space"),
        (
            "pareto --choices blocks.csv --minimize loss,latency_ms --depths 3",
            "--depths is of a sp",
        ),
        ("pareto --choices blocks.csv --minimize loss,latency_ms --max-macs 3", "is of a space"),
        ("pareto --choices blocks.csv --minimize loss,latency_ms --plot x.bmp", "must end in one"),
        (
            "pareto densenet rram --minimize loss,latency_ms",
            "minimize is for a flash.ChoiceProblem",
        ),
        ("pareto densenet rram --group layer", "--group is of a table, given by --choices"),
        ("sweep --choices blocks.csv --out rows.txt", "out must end in .csv or .parquet"),
        ("sweep --choices blocks.csv --no-resume", "--no-resume is of a space"),
        ("sweep --choices blocks.csv --objective accuracy", "--objective is of a space"),
        ("sweep resnet", "TARGET must be given"),
    ],
)
def test_what_is_not_accepted(
    line: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    try:
        code = run(line)
    except SystemExit as end:  # argparse's own
        code = int(end.code or 0)
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert told in captured.err
    assert sorted(tmp_path.iterdir()) == before


def test_pareto(blocks: flash.ChoiceProblem, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"pareto --choices blocks.csv --minimize loss,latency_ms --where '{WHERE}'"
    assert run(f"{line} --json") == 0
    told = flash.ChoiceFront.from_json(capsys.readouterr().out)
    front = flash.pareto(blocks, minimize=["loss", "latency_ms"], where=WHERE)
    assert [one.values for one in told] == [one.values for one in front]
    assert run(f"{line} --json front.json --progress") == 0
    assert "loss against latency_ms: OPTIMAL" in capsys.readouterr().out
    assert flash.ChoiceFront.from_json("front.json").objectives == ("loss", "latency_ms")


@pytest.mark.usefixtures("blocks")
@pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs matplotlib")
def test_a_picture(tmp_path: Path) -> None:
    line = "pareto --choices layers.csv --group layer --option block --minimize loss,latency_ms"
    assert run(f"{line} --plot front.png") == 0
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


def test_sweep(blocks: flash.ChoiceProblem, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"sweep --choices blocks.csv --where '{WHERE}' --minimize loss --top 4"
    assert run(f"{line} --json --out rows.csv") == 0
    told = flash.ChoiceSweep.from_json(capsys.readouterr().out)
    swept = flash.sweep(blocks, where=WHERE, minimize="loss", top=4)
    assert (told.size, told.feasible) == (3**6, swept.feasible)
    assert [one.objective for one in told.top] == [one.objective for one in swept.top]
    with Path("rows.csv").open(encoding="utf-8", newline="") as file:
        assert sum(1 for _ in file) == 1 + swept.feasible
    assert run(f"{line} --sample 100 --seed 3 --bins 4") == 0
    assert "a sample of 100 of 729 answers" in capsys.readouterr().out


def test_examples_of_the_help_run(cli: Run, tmp_path: Path) -> None:
    write_blocks(tmp_path / "blocks.csv")
    write_blocks(tmp_path / "layers.csv", "layer", "block")
    text = cli("choose", "--help").stdout.replace("\\\n", " ")
    text += "".join(re.findall(r"^  flash pareto --choices .*\n", cli("pareto", "--help").stdout,
                               re.MULTILINE))  # fmt: skip
    examples = re.findall(r"^  flash (.*)$", text, re.MULTILINE)
    assert len(examples) == 5
    for example in examples:
        cli(*shlex.split(example))
    assert (tmp_path / "chosen.csv").exists()
