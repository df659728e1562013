"""Samples of spaces whose flat indices 64 bits do not hold."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError
from flash.spaces.index import table_rows
from flash.sweeps.drawing import LARGEST, draw_places, indices_at

WIDE = flash.ResNet(cells=[8, 9], widths=[[16, 24, 32]] * 9, depths=flash.Range(3, 60), skips=0)
PLAIN = flash.ResNet(cells=[2, 3], widths=[[16, 24]] * 3, depths=flash.Range(3, 5), skips=0)


def problem_of(space: flash.SearchSpace) -> Any:
    from flash.problem.compiling import compile_problem

    return compile_problem(space, flash.Target.load("cpu-x86"))


def test_rows_of_a_sample_are_what_evaluate_says(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert WIDE.size >= LARGEST
    given: dict[str, Any] = {"sample": 3000, "top": 4, "chunk": 500, "max_latency_ms": 40.0}
    given |= {"pareto": ("accuracy", "latency_ms"), "where": "depth_3 >= 20 and index >= 1"}
    found = flash.sweep(WIDE, "cpu-x86", **given, out=tmp_path / "a")
    rows = parquet.read_table(tmp_path / "a").to_pydict()
    assert found.rows == len(rows["index"]) == found.feasible > 100
    indices = [int(text) for text in rows["index"]]
    assert len(set(indices)) == len(indices)
    assert max(indices) > 2**64
    told = flash.evaluate(WIDE, "cpu-x86", indices)
    for name in ("nn_degree", "latency_ms", "params", "macs"):
        assert (told[name] == np.array(rows[name])).all()
    assert told["latency_ms"].max() <= 40.0
    assert [one.index for one in found.top] == [WIDE.index(one.x or ()) for one in found.top]
    best = sorted(rows["nn_degree"])[-4:]
    assert [one.nn_degree for one in found.top] == best[::-1]
    assert found.front is not None
    again = flash.evaluate(WIDE, "cpu-x86", list(map(int, found.front["index"])))
    assert tuple(again["latency_ms"].tolist()) == found.front["latency_ms"]
    assert flash.SweepResult.from_json(found.to_json()).front == found.front
    # the same by one thread, and gone on with from a part of it
    flash.sweep(WIDE, "cpu-x86", **given, out=tmp_path / "b", threads=1)
    flash.sweep(
        WIDE, "cpu-x86", **given, out=tmp_path / "c", threads=1, callback=lambda event: True
    )
    flash.sweep(WIDE, "cpu-x86", **given, out=tmp_path / "c")
    files = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "abc"
    ]
    assert files[0] == files[1] == files[2]


def test_a_longer_sample_begins_with_a_shorter_one() -> None:
    tables = problem_of(WIDE).tables
    long, short = np.zeros(900, np.int32), np.zeros(300, np.int32)
    rows, fewer = np.zeros((900, 9), np.int32), np.zeros((300, 9), np.int32)
    draw_places(tables, 7, 0, long, rows)
    draw_places(tables, 7, 200, short, fewer)
    assert (long[200:500] == short).all()
    assert (rows[200:500] == fewer).all()
    draw_places(tables, 8, 200, short, fewer)
    assert not (rows[200:500] == fewer).all()


def test_places_are_drawn_evenly() -> None:
    tables = problem_of(PLAIN).tables
    count = 200_000
    variants, rows = np.zeros(count, np.int32), np.zeros((count, 3), np.int32)
    draw_places(tables, 0, 0, variants, rows)
    indices = indices_at(tables, variants, rows).astype(np.int64)
    told, places = table_rows(PLAIN, indices)
    assert (told == variants).all()
    cells = np.array(PLAIN.cells)[variants]
    there = np.arange(3) < cells[:, None]
    assert (places[there] == rows[there]).all()
    drawn = np.bincount(indices, minlength=PLAIN.size)
    assert len(drawn) == PLAIN.size
    expected = count / PLAIN.size
    assert abs(drawn - expected).max() < 6 * math.sqrt(expected)


def test_all_of_it_is_refused() -> None:
    for given in ({"where": "params < 1e6"}, {"pareto": ("accuracy", "macs")}):
        with pytest.raises(ArgumentError, match=r"need sample=N for a space of 2\^63"):
            flash.sweep(WIDE, "cpu-x86", **given)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="sample=N looks at some of them"):
        flash.sweep(WIDE, "cpu-x86")


def test_a_space_of_blocks() -> None:
    found = flash.sweep("mobilenet-v3", "cpu-x86", sample=2000, top=2, where="depth_stage1 == 2")
    assert found.space.size >= LARGEST
    assert 0 < found.feasible < 2000
    for one in found.top:
        assert one.architecture is not None
        assert flash.Target.load("cpu-x86").cost(one.architecture).latency_ms == one.latency_ms
        assert sum(stage == "stage1" for stage, _, _ in one.architecture.blocks) == 2
