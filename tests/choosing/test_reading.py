"""Tables of options: the same problem from whatever holds it, and there and back."""

from __future__ import annotations

import copy
import json
import pickle
import random
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from twins.choices import Table, random_problem, write_blocks

import flash
from flash.errors import ArgumentError, FormatError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

ROWS: list[dict[str, Any]] = [
    {"group": "conv1", "option": "int4", "loss": 0.3, "ms": 1, "kind": "conv", "until": "conv2"},
    {"group": "conv2", "option": "int4", "loss": 0.25, "ms": 2, "kind": "conv", "until": None},
    {"group": "conv1", "option": "int8", "loss": 0.1, "ms": 3, "kind": "conv", "until": None},
    {"group": "conv2", "option": "int8", "loss": 0.05, "ms": 4, "kind": "mb", "until": None},
]
COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
NESTED = {
    group: {
        row["option"]: {name: row[name] for name in ("loss", "ms", "kind", "until")}
        for row in ROWS
        if row["group"] == group
    }
    for group in ("conv1", "conv2")
}
EXPECTED = flash.ChoiceProblem(
    {"conv1": ["int4", "int8"], "conv2": ["int4", "int8"]},
    {"loss": [0.3, 0.1, 0.25, 0.05], "ms": [1, 3, 2, 4]},
    peaks=["ms"],
    until=["conv2", None, None, None],
    attributes={"kind": ["conv", "conv", "conv", "mb"]},
)


def read(source: Any) -> flash.ChoiceProblem:
    return flash.ChoiceProblem.from_table(source, peaks=["ms"], until="until")


def csv_text() -> str:
    lines = [",".join(COLUMNS)]
    lines += [",".join("" if one is None else str(one) for one in row.values()) for row in ROWS]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "kind", ["csv", "csv with BOM", "csv of Windows", "jsonl", "json", "nested"]
)
def test_files(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"table.{kind.split()[0].replace('nested', 'json')}"
    if kind.startswith("csv"):
        text = csv_text()
        if "BOM" in kind:
            text = "\ufeff" + text
        if "Windows" in kind:
            text = text.replace("\n", "\r\n")
        path.write_bytes(text.encode())
    elif kind == "jsonl":
        path.write_text("\n\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    else:
        path.write_text(json.dumps(ROWS if kind == "json" else NESTED), encoding="utf-8")
    assert read(path) == EXPECTED
    assert read(str(path)) == EXPECTED


@pytest.mark.parametrize("source", [ROWS, COLUMNS, NESTED, tuple(ROWS)])
def test_objects(source: Any) -> None:
    before = copy.deepcopy(source)
    assert read(source) == EXPECTED
    assert source == before


@pytest.mark.skipif(find_spec("pandas") is None, reason="needs pandas")
def test_frames() -> None:
    import pandas as pd

    assert read(pd.DataFrame(ROWS)) == EXPECTED
    assert read(EXPECTED.to_frame()) == EXPECTED


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="needs pyarrow")
def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "table.parquet"
    pq.write_table(pa.table(COLUMNS), path)
    assert read(path) == EXPECTED
    path.write_bytes(b"no parquet")
    with pytest.raises(FormatError, match=r"table\.parquet cannot be read"):
        read(path)
    with pytest.raises(FileNotFoundError, match=r"none\.parquet"):
        read(tmp_path / "none.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match="Parquet needs pyarrow"):
        read(path)


def test_arrays() -> None:
    ragged = flash.ChoiceProblem.from_arrays(
        {"loss": [[0.3, 0.1], np.array([0.25, 0.05, 1])], "ms": [[1, 3], (2, 4, 9)]},
        groups=["conv1", "conv2"],
        options=[["int4", "int8"], ["int4", "int8", "fp16"]],
    )
    assert ragged.groups == ("conv1", "conv2")
    assert ragged.options("conv2") == ("int4", "int8", "fp16")
    assert ragged.values("ms").tolist() == [1, 3, 2, 4, 9]
    assert ragged.size == 6
    square = flash.ChoiceProblem.from_arrays({"loss": np.ones((3, 2))})
    assert square.groups == ("0", "1", "2")
    assert square.options("1") == ("0", "1")
    with pytest.raises(ValueError, match="read-only"):
        square.values("loss")[0] = 2.0


def test_which_columns_are_metrics(tmp_path: Path) -> None:
    path = tmp_path / "blocks.csv"
    write_blocks(path)
    problem = flash.ChoiceProblem.from_table(path)
    assert problem.metrics == ("loss", "latency_ms", "memory_mib", "sram_kib")
    assert set(problem.attributes) == {"remark"}
    some = flash.ChoiceProblem.from_table(path, metrics=["loss"], peaks=["sram_kib"])
    assert some.metrics == ("loss", "sram_kib")
    assert some.peaks == ("sram_kib",)
    assert set(some.attributes) == {"latency_ms", "memory_mib", "remark"}
    # an attribute is a number of one group, and no sum
    found = flash.choose(some, minimize="loss", where='latency_ms["layer_0"] <= 2')
    assert found.proven
    with pytest.raises(ArgumentError, match=r'latency_ms\["layer_0"\]'):
        flash.choose(some, minimize="loss", where="latency_ms <= 2")


def test_many_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "long.csv"
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("group,option,loss,ms\n")
        for g in range(6000):
            file.writelines(
                f"g{g},o{k},{draw.randint(0, 1000)},{draw.randint(0, 97)}\n" for k in range(20)
            )
    problem = flash.ChoiceProblem.from_table(path, progress=True)
    told = capsys.readouterr().err
    assert re.match(r"reading: .*120,000 rows, in \d\.\d s\n$", told)
    assert (len(problem.groups), len(problem.values("loss"))) == (6000, 120_000)
    found = flash.choose(problem, minimize="loss", where="ms <= 180000", max_nodes=5000)
    assert found.metrics is not None
    assert found.metrics["ms"] <= 180_000


@pytest.mark.parametrize("seed", range(0, 90, 3))
def test_there_and_back(seed: int, tmp_path: Path) -> None:
    problem = random_problem(seed)
    again = flash.ChoiceProblem.from_json(problem.to_json(tmp_path / "problem.json"))
    assert again == problem
    assert hash(again) == hash(problem)
    assert flash.ChoiceProblem.from_json(tmp_path / "problem.json") == problem
    assert pickle.loads(pickle.dumps(problem)) == problem
    assert again.size == problem.size == sum(1 for _ in Table(problem).answers())


def test_problems_that_differ() -> None:
    assert flash.ChoiceProblem.from_table(ROWS, until="until") != EXPECTED
    assert EXPECTED != 5
    assert repr(EXPECTED) == "ChoiceProblem(2 groups, 4 options, metrics loss, ms)"
    assert "<table>" in EXPECTED._repr_html_()


TABLES: list[tuple[str, str, str]] = [
    ("ragged.csv", "group,option,m\na,x,1\nb,y\n", r"ragged\.csv, line 3: 2 entries for 3 columns"),
    ("twice.csv", "group,option,m,m\na,x,1,2\n", "has a column twice"),
    ("empty.csv", "", "at least one row, got none"),
    ("head.csv", "group,option,m\n", "at least one row, got none"),
    ("missing.csv", "layer,option,m\na,x,1\n", "group names a column that is not there: 'group'"),
    ("near.csv", "group,opton,m\na,x,1\n", "'option'; did you mean 'opton'"),
    ("blank.csv", "group,option,m\n,x,1\n", "row 0 has no group"),
    ("unnamed.csv", "group,option,m\na,,1\n", r"row 0 \(group 'a'\) has no option"),
    ("same.csv", "group,option,m\na,x,1\na,x,2\n", "group 'a' has the option 'x' twice"),
    ("nan.csv", "group,option,m\na,x,nan\n", "'m' must hold finite numbers, got nan"),
    ("infinite.csv", "group,option,m\na,x,inf\n", "'m' must hold finite numbers, got inf"),
    ("texts.csv", "group,option,m\na,x,fast\n", "no column of which every entry is a number"),
    ("table.txt", "group,option,m\na,x,1\n", r"must end in \.csv, \.parquet, \.jsonl, \.json"),
    ("broken.json", "{", "is not valid JSON"),
    ("number.json", "3", "must hold a list of rows, or options by group"),
    ("numbers.json", "[1, 2]", "a row must be a table of columns, got 1"),
    ("flat.json", '{"a": {"x": 3}}', "'a', 'x' must hold a table of metrics, got 3"),
    ("none.json", '{"a": {"x": {"m": 1}}, "b": {}}', "group 'b' has no option"),
    ("mixed.json", '{"a": [1, 2], "b": [1]}', "columns of one length, or options by group"),
    ("nan.json", '{"a": {"x": {"m": NaN}}}', "holds NaN"),
    ("deep.json", "[" * 100_000, "nested too deeply"),
    ("broken.jsonl", '{"group": "a", "option": "x", "m": 1}\n{\n', "line 2 is not valid JSON"),
    ("list.jsonl", "[1]\n", "a row must be a table of columns"),
]


@pytest.mark.parametrize(("name", "text", "told"), TABLES, ids=[one[0] for one in TABLES])
def test_what_is_no_table(name: str, text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ArgumentError, match=told):
        flash.ChoiceProblem.from_table(tmp_path / name)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "json"])
def test_what_is_no_text(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"table.{ending}"
    with pytest.raises(FileNotFoundError, match=f"table.{ending}"):
        flash.ChoiceProblem.from_table(path)
    path.write_bytes("group,option,m\ncaf\xe9,x,1\n".encode("latin-1"))
    with pytest.raises(FormatError, match="UTF-8"):
        flash.ChoiceProblem.from_table(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=f"table.{ending}"):
        flash.ChoiceProblem.from_table(path)


@pytest.mark.parametrize(
    ("source", "more", "told"),
    [
        (5, {}, "must be a path, a DataFrame, a mapping or a list of rows, got 5"),
        ({}, {}, "at least one row, got none"),
        ([], {}, "at least one row, got none"),
        (ROWS, {"metrics": ["los"]}, "metrics names a column that is not there: 'los'; did you"),
        (ROWS, {"metrics": "loss"}, "metrics must be a list of names, got 'loss'"),
        (ROWS, {"metrics": ["kind"]}, "'kind' holds 'conv', which is no number"),
        (ROWS, {"peaks": ["mss"]}, "peaks names an unknown metric 'mss'; did you mean 'ms'"),
        (ROWS, {"until": "til"}, "until names a column that is not there: 'til'"),
        (ROWS, {"until": "kind"}, "names an unknown group 'conv'"),
        (ROWS, {"takes": 5}, "takes must be text, got 5"),
        (ROWS, {"group": None}, "group must be text, got None"),
        (ROWS, {"progress": 1}, "progress must be True, False or 'auto'"),
    ],
)
def test_arguments_of_tables(source: Any, more: dict[str, Any], told: str) -> None:
    with pytest.raises(flash.FlashError, match=told):
        flash.ChoiceProblem.from_table(source, **more)


def test_a_damaged_file_of_a_problem() -> None:
    data = EXPECTED.to_dict()
    for key, value, told in (
        ("format", 2, "format must be 'flash-choice-problem-1'"),
        ("options", [1], "options must be a table of names"),
        ("options", {"conv1": 5}, "must be a list of names, got 5"),
        ("metrics", {"loss": [1]}, "must have 4 numbers"),
        ("until", ["conv9"] * 4, "unknown group 'conv9'"),
        ("extra", 1, "unknown key 'extra'"),
    ):
        with pytest.raises(FormatError, match=told):
            flash.ChoiceProblem.from_dict({**data, key: value})
    with pytest.raises(FormatError, match="lacks the key 'metrics'"):
        flash.ChoiceProblem.from_dict({key: one for key, one in data.items() if key != "metrics"})
