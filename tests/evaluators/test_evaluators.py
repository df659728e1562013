"""Evaluators: tables of real accuracies and their spaces, trainings."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from twins.places import ACCURACIES

import flash
from flash import TableEvaluator, TrainingEvaluator
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.evaluators import EvaluationError
from flash.evaluators._table_file import read_table
from flash.results.result import SearchResult
from flash.spaces.nas_bench import NasBench201, NasBenchMacro
from flash.spaces.network_space import network_space

if TYPE_CHECKING:
    pass

PART = ACCURACIES / "nas_bench_macro.csv"
SMALL = flash.DenseNet(width_multipliers=[1, 2], depths=[3, 4], skips=[0, 8], cells=2)
OTHER_FAMILIES = ("pnas", "nas-bench-macro", "nas-bench-201")


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def part(**more: Any) -> TableEvaluator:
    return TableEvaluator(PART, missing="skip", **more)


# tables


def test_nas_bench_macro_as_published() -> None:
    table = part()
    assert len(table) == 300
    assert table.accuracies["00001012"] == (0.809067, 0.0)
    space = NasBenchMacro()
    assert space.size == 6561
    net = space.decode("00001012")
    assert (net.params, net.macs) == (1726634, 33825280)  # of the same line of the file


def test_nas_bench_201_names_and_networks() -> None:
    space = NasBench201()
    assert space.size == 15625
    name = (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+"
        "|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    assert space.name(space.parse(name)) == name
    assert space.decode(name).params == 129_306  # arXiv 2001.00326, network 0
    nothing = space.row(0)
    assert space.network(nothing) is None
    with pytest.raises(ArgumentError, match="nothing of the image reaches its end"):
        space.decode(nothing)
    with pytest.raises(FormatError, match="is an arch_str such as"):
        space.parse(name.replace("avg_pool", "max_pool"))


@pytest.mark.parametrize("method", ["random", "evolution", "fp-nas", "parsec", "flash"])
def test_a_search_by_a_table(method: str) -> None:
    table = part()
    found = flash.search(
        "nas-bench-macro", "cpu-x86", method=method, evaluator=table, max_latency_ms=1.2,
        max_evals=15, time_limit_s=60.0, certify=False,
    )  # fmt: skip
    assert found.success
    assert found.nfev <= 15
    space = network_space("nas-bench-macro")
    assert found.x is not None
    same = {tuple(space.canonical(np.array([space.parse(name)]))[0].tolist()): value
            for name, (value, _) in table.accuracies.items()}  # fmt: skip
    assert found.accuracy == same[tuple(found.x)]
    cost = flash.Target.load("cpu-x86").cost(space.decode(found.x))
    assert found.latency_ms == cost.latency_ms <= 1.2
    assert SearchResult.from_json(found.to_json()) == found
    assert space.name(found.x) in str(found)


@pytest.mark.slow
def test_the_optimum_of_a_table_is_that_of_looking_through_it() -> None:
    names = list(part().accuracies)[:40]
    table = TableEvaluator({n: part().accuracies[n][0] for n in names}, missing="skip")
    space = NasBenchMacro()
    target = flash.Target.load("cpu-x86")
    costs = {n: target.cost(space.decode(n)).latency_ms for n in names}
    limit = sorted(costs.values())[15]
    best = max(v[0] for n, v in table.accuracies.items() if costs[n] <= limit)
    found = flash.search(
        space, target, method="random", evaluator=table, max_latency_ms=limit, max_evals=2
    )
    assert found.upper_bound == best
    assert found.gap == pytest.approx(1 - found.objective / best)
    product = {"accuracy": 2, "latency_ms": -1}
    found = flash.search(
        space, target, method="random", evaluator=table, objective=product, max_evals=2
    )
    top = max(v[0] ** 2 / costs[n] for n, v in table.accuracies.items())
    assert found.upper_bound == pytest.approx(top)
    none = flash.search(
        space, target, method="random", evaluator=table, max_latency_ms=1e-6, max_evals=2
    )
    assert none.status == "INFEASIBLE"
    assert none.proven


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arch,accuracy\n00000000,90\n00000001,91\n00000000,92\n",
         "line 4: network '00000000' is there twice: line 2"),
        ("arch,accuracy\n00000000,ninety\n", "line 2: column 'accuracy' must hold a number"),
        ("arch,accuracy\n00000000,nan\n", "line 2: column 'accuracy' must hold a number"),
        ("# note\narch,accuracy\n00000000,\n", "line 3: column 'accuracy' must hold a number"),
        ("arch,accuracy\n,90\n", "line 2: the column 'arch' is empty"),
        ("arch,accuracy\n00000000,90,3\n", "line 2: 2 columns are needed, got 3"),
        ("arch,top1\n00000000,90\n", "has no column of accuracies"),
        ("net,accuracy\n00000000,90\n", "has no column of names"),
        ("arch,arch\n0,90\n", "has the column 'arch' twice"),
        ("arch,accuracy\n", "holds no network"),
        ("", "holds no network"),
        ("arch,accuracy\n00000000,190\n", "accuracy of '00000000' must be from 0 to 100"),
        ("arch,accuracy\n00000000,-1\n", "accuracy of '00000000' must be from 0 to 1"),
    ],
)  # fmt: skip
def test_bad_tables(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", text)
    with pytest.raises(FormatError, match=message):
        TableEvaluator(path)


def test_a_table_and_the_space(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", "arch,accuracy\n0000000,90\n")
    with pytest.raises(ArgumentError, match="8 digits 0, 1 or 2, got '0000000'"):
        flash.search("nas-bench-macro", "cpu-x86", method="random", evaluator=path)
    with pytest.raises(
        EvaluationError, match=r"does not hold the network '.{8}' of nas-bench-macro"
    ):
        flash.search(
            "nas-bench-macro", "cpu-x86", method="random", evaluator=TableEvaluator(PART),
            max_evals=50,
        )  # fmt: skip
    with pytest.raises(ArgumentError, match="a flat index below 128, got '00001012'"):
        flash.search(
            flash.DenseNet(width_multipliers=[1, 2], depths=[3, 4], skips=[0, 8, 9, 10], cells=2),
            "cpu-x86", method="random", evaluator=part(),
        )  # fmt: skip
    whole = TableEvaluator({str(i): i / SMALL.size for i in range(SMALL.size)})
    found = flash.search(SMALL, "cpu-x86", method="random", evaluator=whole, max_evals=1000)
    assert found.index == SMALL.size - 1
    assert found.proven
    assert found.nfev == SMALL.size


def test_the_formats_of_a_table_say_the_same(tmp_path: Path) -> None:
    expected = {"00000000": (80.5, 0.0), "00000001": (90.25, 0.0)}
    csv = write(tmp_path / "a.csv", "arch,accuracy\n00000000,80.5\n00000001,90.25\n")
    assert read_table(csv) == expected
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write(csv.read_text())
    assert read_table(tmp_path / "a.csv.gz") == expected
    plain = {"00000000": 80.5, "00000001": 90.25}
    assert read_table(write(tmp_path / "a.json", json.dumps(plain))) == expected
    # as NAS-Bench-Macro publishes: several trainings and their mean
    full = {k: {"test_acc": [v - 1, v + 1], "mean_acc": v, "params": 1} for k, v in plain.items()}
    path = write(tmp_path / "b.json", json.dumps(full))
    assert read_table(path) == read_table(path, accuracy="test_acc") == expected
    listed = [{"arch": k, "accuracy": v, "seconds": 7} for k, v in plain.items()]
    path = write(tmp_path / "c.json", json.dumps(listed))
    assert read_table(path, seconds="seconds") == {k: (v, 7.0) for k, (v, _) in expected.items()}
    with pytest.raises(FormatError, match="entry 2: network '0' is there twice"):
        read_table(write(tmp_path / "d.json", '[{"arch": "0", "acc": 1}, {"arch": 0, "acc": 1}]'))
    with pytest.raises(FormatError, match=r"\.csv, \.json"):
        read_table(write(tmp_path / "a.txt", "x"))
    with pytest.raises(FormatError, match="no gzip file"):
        read_table(write(tmp_path / "e.csv.gz", "arch,accuracy\n"))
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "missing.csv")


@pytest.mark.slow
def test_a_parquet_table(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.table({"arch": ["00000000"], "accuracy": [0.9]}), path)
    assert read_table(path) == {"00000000": (0.9, 0.0)}
    with pytest.raises(FormatError, match="is no Parquet file"):
        read_table(write(tmp_path / "b.parquet", "PAR"))
    # the same table says the same, whatever its format
    with PART.open(newline="") as file:
        lines = [line for line in file if not line.startswith("#")]
    read = [dict(zip(lines[0].strip().split(","), line.strip().split(","), strict=True))
            for line in lines[1:]]  # fmt: skip
    names = [row["arch"] for row in read]
    values = [float(row[next(k for k in row if k != "arch")]) for row in read]
    column = next(k for k in read[0] if k != "arch")
    table = arrow.table({"arch": names, column: values, "train_s": [float(n) for n in range(300)]})
    parquet.write_table(table, path)
    given: dict[str, Any] = {"method": "evolution", "max_evals": 30, "seed": 1}
    csv, par = (
        flash.search("nas-bench-macro", "cpu-x86", evaluator=judge, **given)
        for judge in (
            TableEvaluator(PART, accuracy=column, missing="skip"),
            TableEvaluator(path, accuracy=column, seconds="train_s", missing="skip"),
        )
    )
    assert (csv.x, csv.accuracy, csv.nfev) == (par.x, par.accuracy, par.nfev)
    assert par.spent_s is not None
    assert csv.spent_s is not None
    assert par.spent_s > csv.spent_s + 30.0  # what the trainings took
    # whole numbers name networks of flash's own spaces
    parquet.write_table(arrow.table({"index": [3, 5], "accuracy": [40.0, 60.0]}), path)
    found = flash.search(SMALL, "cpu-x86", method="random",
                         evaluator=TableEvaluator(path, missing="skip"))  # fmt: skip
    assert (found.index, found.accuracy, found.proven) == (5, 0.6, True)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"arch": ["1", "1"], "accuracy": [0.5, 0.6]}, "row 2: network '1' is there twice"),
        ({"arch": ["1", "2"], "accuracy": [0.5, None]}, "row 2"),
        ({"arch": ["1", None], "accuracy": [0.5, 0.6]}, "row 2"),
        ({"arch": ["1", "2"], "accuracy": ["0.5", "high"]}, "row 2"),
        ({"arch": ["1", "2"], "accuracy": [0.5, float("nan")]}, "row 2"),
        ({"arch": ["1"], "loss": [0.5]}, "accuracy"),
        ({"arch": [], "accuracy": []}, "no network"),
    ],
)
def test_bad_parquet_tables(columns: dict[str, Any], message: str, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.table(columns), path)
    with pytest.raises(FormatError, match=message):
        read_table(path)


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"needs pyarrow: pip install 'pyarrow>="):
        read_table(tmp_path / "a.parquet")


def test_bad_arguments_of_evaluators(tmp_path: Path) -> None:
    with pytest.raises(ArgumentTypeError, match="table must be a path or a dict"):
        TableEvaluator(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="missing must be one of"):
        TableEvaluator(PART, missing="ignore")
    with pytest.raises(ArgumentTypeError, match="percent must be None"):
        TableEvaluator(PART, percent=3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="at least one network"):
        TableEvaluator({})
    with pytest.raises(ArgumentError, match="did you mean 'epochs'"):
        TrainingEvaluator("digits", tmp_path, epoch=3)
    with pytest.raises(ArgumentTypeError, match="out must be the path of a folder"):
        TrainingEvaluator("digits", "")
    with pytest.raises(ArgumentError, match="does not fit the space 'nas-bench-201'"):
        flash.search(
            "nas-bench-201", "cpu-x86", method="random",
            evaluator=TrainingEvaluator("digits", tmp_path),
        )  # fmt: skip


# training


@pytest.mark.torch
def test_training_is_kept_and_gone_on_with(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    space = flash.DenseNet(widths=[4, 6], depths=[2, 3], skips=[0, 4], cells=1, resolution=8)
    folder = tmp_path / "trainings"

    def run(**more: Any) -> SearchResult:
        judge = TrainingEvaluator("digits", folder, epochs=1)
        given = {"method": "random", "max_evals": 3, **more}
        found: SearchResult = flash.search(space, "cpu-x86", evaluator=judge, **given)
        return found

    first = run()
    lines = (folder / "trainings" / "results.jsonl").read_text().splitlines()
    assert len(lines) == first.nfev == 3
    assert first.accuracy == max(json.loads(line)["accuracy"] for line in lines)
    again = run()
    assert (again.x, again.accuracy, again.nfev) == (first.x, first.accuracy, 3)
    assert (folder / "trainings" / "results.jsonl").read_text().splitlines() == lines
    spent = sum(json.loads(line)["seconds"] for line in lines)
    assert again.trace[-1][2] <= spent + again.elapsed_s


# comparing


@pytest.mark.parametrize(
    "family", [pytest.param(one, marks=pytest.mark.torch) for one in OTHER_FAMILIES]
)
def test_results_of_spaces_of_other_papers(family: str, tmp_path: Path) -> None:
    found = flash.search(family, "cpu-x86", method="random", max_evals=3)
    text = str(found)
    assert found.x is not None
    assert network_space(family).name(found.x) in text
    assert "layers, images of 32 x 32" in text
    assert SearchResult.from_json(found.to_json()) == found
    assert found.plot().axes
    assert found.architecture is not None
    # the module holds every row, those that nobody reads too
    held = sum(p.numel() for p in found.to_torch().parameters())
    assert held == sum(layer.params for layer in found.architecture.network().layers)
