"""Sweep results as JSON: there and back, and refused where they are damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import flash
from flash import Range
from flash.errors import FormatError

SPACE = flash.DenseNet(depths=Range(3, 5), skips=[0, 16, 40], cells=3)
RESULT = flash.sweep(
    SPACE, "rram", max_latency_ms=1.5, top=4, bins=8, pareto=("accuracy", "latency_ms")
)


@pytest.mark.parametrize(
    "given",
    [
        {"max_latency_ms": 1.5, "top": 3},
        {"max_latency_ms": 1e-9},
        {"sample": 50, "seed": 3, "where": "macs > 0", "bins": 0},
        {"pareto": ("accuracy", "area_mm2", "params"), "objective": {"accuracy": 1, "macs": -1}},
        {"predictor": flash.AccuracyPredictor(1.02, 30.0, -2.5), "min_accuracy": 0.05, "top": 2},
        {"where": "macs > 0", "chunk": 10, "callback": lambda event: True},
    ],
)
def test_round_trip(given: dict[str, Any], tmp_path: Path) -> None:
    result = flash.sweep(SPACE, "rram", **given)
    again = flash.SweepResult.from_dict(result.to_dict())
    assert again == result
    assert str(again) == str(result)
    assert flash.SweepResult.from_json(result.to_json(tmp_path / "sweep.json")) == result
    assert flash.SweepResult.from_json(tmp_path / "sweep.json") == result


def test_round_trip_of_rows(tmp_path: Path) -> None:
    result = flash.sweep(SPACE, "rram", out=tmp_path / "rows", where="macs > 0", chunk=100)
    again = flash.SweepResult.from_json(result.to_json())
    assert again == result
    assert (again.rows, again.out) == (SPACE.size, str(tmp_path / "rows"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "has format 2; this flash reads 1"),
        ({"counts": 1}, "counts"),
        ({"size": SPACE.size + 1}, "size must be"),
        ({"count": SPACE.size + 1}, "count must be"),
        ({"feasible": -1}, "feasible must be"),
        ({"target": 3}, "target must be text, got 3"),
        ({"budgets": {"max_watts": 3}}, "max_watts"),
        ({"stopped": "rain"}, "stopped must be"),
        ({"top": {}}, "top must be a list"),
        ({"top": [{}]}, "lacks the key"),
        ({"remade": [1]}, r"remade\[0\] must be text"),
        ({"elapsed_s": -1.0}, "elapsed_s must be"),
        ({"histograms": {"watts": {}}}, "watts"),
        ({"histograms": {"macs": {"low": 0.0, "high": 1.0}}}, "macs lacks the key 'counts'"),
        (
            {"histograms": {"macs": {"low": 0.0, "high": 1.0, "counts": [0.5]}}},
            r"counts\[0\] must be",
        ),
        ({"front": {"index": [1], "latency_ms": []}}, "different lengths"),
        ({"front": {"index": [1.5]}}, r"front.index\[0\] must be"),
        ({"sample": 0}, "sample must be"),
    ],
)
def test_damage_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        flash.SweepResult.from_dict({**RESULT.to_dict(), **change})


def test_missing_keys_and_no_json() -> None:
    for key in RESULT.to_dict():
        if key in ("complete", "message"):
            continue
        data = {name: value for name, value in RESULT.to_dict().items() if name != key}
        with pytest.raises(FormatError, match=f"lacks the key '{key}'"):
            flash.SweepResult.from_dict(data)
    with pytest.raises(FormatError):
        flash.SweepResult.from_json(RESULT.to_json()[:-3])
    other = flash.search(flash.DenseNet(depths=5), "rram").to_dict()
    with pytest.raises(FormatError, match="another space"):
        flash.SweepResult.from_dict({**RESULT.to_dict(), "top": [other]})
