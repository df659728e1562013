"""flash.evaluate at scale: the same columns however they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash
import flash.evaluating
from flash.errors import ArgumentError, ArgumentTypeError

SPACE = flash.DenseNet(depths=flash.Range(3, 20), cells=[2, 3])
COUPLED = flash.ResNet(widths=[8, 16, 24], depths=[2, 3], cells=3)


def rows_of(space: Any, n: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.array(space.lengths), (n, len(space.lengths)))


def same(one: Any, other: Any) -> None:
    assert list(one) == list(other)
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize("space", [SPACE, COUPLED], ids=["densenet", "free widths"])
@pytest.mark.parametrize("target", ["rram", "cpu-x86"])
@pytest.mark.parametrize("predictor", [None, "default", (1.02, 30.0, -2.5)])
def test_any_type_and_any_number_of_threads(
    space: Any, target: str, predictor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if predictor == "default" and space is COUPLED:
        pytest.skip("the shipped predictor is for densenet")
    if isinstance(predictor, tuple):
        predictor = flash.AccuracyPredictor(*predictor)
    monkeypatch.setattr(flash.evaluating, "ALONE", 100)
    monkeypatch.setattr(flash.evaluating, "SHARE", 1234)
    rows = rows_of(space, 5000)
    plain = flash.evaluate(space, target, rows.tolist(), predictor)
    for kind in ("i1", "u1", "i2", "u2", "i4", "i8"):
        for threads in (1, 2, 8):
            got = flash.evaluate(space, target, rows.astype(kind), predictor, threads=threads)
            same(got, plain)
    same(flash.evaluate(space, target, np.asfortranarray(rows), predictor), plain)
    index = [space.index(row) for row in rows[:300].tolist()]
    surplus = flash.evaluate(space, target, index, predictor)
    same(surplus, {name: column[:300] for name, column in plain.items()})
    monkeypatch.setattr(flash.evaluating, "FLAT", 64)
    for threads in (1, 2, 8):
        same(flash.evaluate(space, target, np.array(index), predictor, threads=threads), surplus)
        few = np.array(index[:90], np.int32 if max(index) < 2**31 else np.int64)
        short = flash.evaluate(space, target, few, predictor, threads=threads)
        same(short, {name: column[:90] for name, column in plain.items()})
    one = flash.search(space, target, predictor=predictor, certify=False)
    cost = flash.evaluate(space, target, np.array([one.x]), predictor)
    assert cost["latency_ms"][0] == one.latency_ms
    assert cost["macs"][0] == one.macs


def test_the_first_bad_choice_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flash.evaluating, "ALONE", 100)
    monkeypatch.setattr(flash.evaluating, "SHARE", 1000)
    rows = rows_of(SPACE, 5000).astype("i2")
    rows[4321, 4] = 200
    rows[4322, 3] = -1
    with pytest.raises(ArgumentError, match=r"choices\[4321\]\[4\] \(skips_0\) must be in 0..\d+"):
        flash.evaluate(SPACE, "rram", rows, threads=2)
    for index in (-1, SPACE.size):
        flat = np.array([0, SPACE.size - 1, index, -5])
        with pytest.raises(
            ArgumentError, match=rf"choices\[2\] must be .*{SPACE.size - 1}.*{index}"
        ):
            flash.evaluate(SPACE, "rram", flat)
    with pytest.raises(ArgumentError, match="integers of shape"):
        flash.evaluate(SPACE, "rram", rows[:, :-1])
    with pytest.raises(ArgumentError, match="integers of shape"):
        flash.evaluate(SPACE, "rram", rows.astype(float))
    with pytest.raises(ArgumentError, match="threads"):
        flash.evaluate(SPACE, "rram", rows, threads=0)
    with pytest.raises(ArgumentError, match="iterator only where out"):
        flash.evaluate(SPACE, "rram", iter([rows]))
    with pytest.raises(ArgumentTypeError, match="choices must be an array"):
        flash.evaluate(SPACE, "rram", 5, out="rows.parquet")


def test_frames_and_files(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = rows_of(SPACE, 2000).astype("i2")
    table = flash.evaluate(SPACE, "rram", rows)
    assert table.rows == 2000
    assert isinstance(table, dict)
    pandas.testing.assert_frame_equal(table.to_frame(), pandas.DataFrame(dict(table)))
    assert table.to_arrow().column_names == list(table)
    table.to_parquet(tmp_path / "whole.parquet")
    streams = {
        "array": rows,
        "parts": iter([rows[:700], rows[700:701], rows[701:]]),
        "generator": (rows[i : i + 300] for i in range(0, 2000, 300)),
    }
    for name, choices in streams.items():
        path = tmp_path / f"{name}.parquet"
        assert flash.evaluate(SPACE, "rram", choices, out=path, chunk=512) == 2000
        read = parquet.read_table(path).to_pandas()
        same({column: read[column].to_numpy() for column in read}, dict(table))
    assert parquet.ParquetFile(tmp_path / "array.parquet").num_row_groups == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        [f"{name}.parquet" for name in streams] + ["whole.parquet"]
    )


def test_a_failed_file_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    rows = rows_of(SPACE, 100).astype("i2")
    bad = rows.copy()
    bad[50, 0] = 99
    with pytest.raises(ArgumentError, match="width_multiplier"):
        flash.evaluate(SPACE, "rram", iter([rows, bad]), out=tmp_path / "rows.parquet")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match=r"rows\.parquet"):
        flash.evaluate(SPACE, "rram", rows, out=tmp_path / "no" / "rows.parquet")
