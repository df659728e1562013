"""What a sweep's folder holds, read again without running anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import flash
from flash.errors import FormatError
from flash.sweeps.opening import kept_sweep

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("pyarrow")

SPACE = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2])


def test_a_sweep_is_read_as_it_ended(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    result = flash.sweep(
        SPACE, "rram", max_latency_ms=4.0, max_params=2_000_000, where="energy_mj < 1", top=3,
        objective={"accuracy": 1, "latency_ms": -1}, pareto=["accuracy", "latency_ms"], bins=8,
        out=folder,
    )  # fmt: skip
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    again = kept_sweep(folder)
    assert again.replace(elapsed_s=result.elapsed_s) == result
    assert before == {one.name: one.read_bytes() for one in folder.iterdir()}


def test_a_sweep_that_is_not_complete_is_what_was_found_so_far(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    ended = flash.sweep(
        "densenet", "rram", sample=40_000, chunk=2000, threads=1, out=folder,
        callback=lambda event: event.units == 2,
    )  # fmt: skip
    again = kept_sweep(folder)
    assert not again.complete
    assert (again.count, again.feasible, again.size) == (ended.count, ended.feasible, 40_000)


def test_a_damaged_one_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kept_sweep(tmp_path)
    flash.sweep(SPACE, "rram", sample=9, out=tmp_path / "s")
    manifest = tmp_path / "s" / "_manifest.json"
    data = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**data, "units": 3}))
    with pytest.raises(FormatError, match="damaged"):
        kept_sweep(tmp_path / "s")
