"""The best of a sweep are different networks, and the same ones however it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash
import flash.sweeps.work as work
from flash import Range

SATURATING = flash.ResNet(width_multipliers=[1], depths=[2, 3], skips=[0, 16, 32, 64, 128])
SPACES = {
    "one width": SATURATING,
    "free widths": flash.ResNet(widths=[8, 24], depths=[1, 2], skips=[0, 8, 16, 32], cells=2),
    "equal factors": flash.MobileNetV2(
        width_multipliers=[1.0, 1.01, 1.5], depths=[1, 2], cells=[1, 2], resolution=[32, 64],
        expansions=2, kernels=[3, 5],
    ),
    "several sizes": flash.WideResNet(
        width_multipliers=[1, 2], depths=Range(1, 2), skips=[0, 40, 50], cells=[1, 2],
        resolution=[32, 48],
    ),
}  # fmt: skip


def best_of(space: flash.SearchSpace, top: int, **budgets: Any) -> list[tuple[int, float]]:
    """Return (smallest index, objective) of the best networks, of all configurations."""
    table = flash.evaluate(space, "cpu-x86", range(space.size))
    found: dict[Any, tuple[Any, ...]] = {}
    for i in range(space.size):
        if table["latency_ms"][i] > budgets.get("max_latency_ms", np.inf):
            continue
        key = (-table["nn_degree"][i], table["latency_ms"][i], i)
        network = space.decode(i)
        found[network] = min(found.get(network, key), key)
    order = sorted(found.values())[:top]
    return [(index, -degree) for degree, _, index in order]


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("top", [1, 7, 40, 300])
def test_they_are_those_of_complete_enumeration(name: str, top: int) -> None:
    space = SPACES[name]
    latencies = np.sort(flash.evaluate(space, "cpu-x86", range(space.size))["latency_ms"])
    for given in ({}, {"max_latency_ms": float(latencies[len(latencies) // 2])}):
        expected = best_of(space, top, **given)
        for how in ({}, {"bins": 0}, {"sample": space.size}, {"where": "params > 0", "chunk": 37}):
            result = flash.sweep(space, "cpu-x86", top=top, **given, **how)
            assert [(one.index, one.objective) for one in result.top] == expected
            assert len({one.architecture for one in result.top}) == len(result.top)


def test_counts_are_of_configurations() -> None:
    result = flash.sweep(SATURATING, "rram", top=2000)
    assert result.count == result.feasible == SATURATING.size == 1000
    assert len(result.top) == len({SATURATING.decode(i) for i in range(1000)}) < 1000
    assert "1,000 configurations within the budgets" in str(result)


@pytest.mark.parametrize("most", [1, 8, 64])
def test_ranges_are_halved_where_room_is_short(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(work, "MOST_ROOM", most)
    monkeypatch.setattr(work, "SLICE", 400)
    space = flash.ResNet(width_multipliers=[1], depths=[1, 2], skips=Range(8, 40), cells=2)
    expected = best_of(space, 12)
    for threads in (1, 3):
        result = flash.sweep(space, "cpu-x86", top=12, bins=0, threads=threads)
        assert [(one.index, one.objective) for one in result.top] == expected


def test_of_a_sample_the_smallest_index_that_was_drawn(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    result = flash.sweep(SATURATING, "rram", top=30, sample=300, seed=3, out=tmp_path / "rows")
    drawn = parquet.read_table(tmp_path / "rows")["index"].to_pylist()
    assert len(drawn) == 300
    first: dict[Any, int] = {}
    for index in sorted(drawn):
        first.setdefault(SATURATING.decode(index), index)
    assert [one.index for one in result.top] == [first[one.architecture] for one in result.top]
    assert len(result.top) == 30


@pytest.mark.parametrize("complete", [True, False])
def test_what_an_older_flash_left_is_done_again(tmp_path: Path, complete: bool) -> None:
    """Its best were configurations: the same network several times, and others left out."""
    pytest.importorskip("pyarrow")
    given: dict[str, Any] = {"top": 5, "chunk": 100, "out": tmp_path / "rows"}
    whole = flash.sweep(SATURATING, "rram", **given)
    before = {path.name: path.read_bytes() for path in (tmp_path / "rows").iterdir()}
    manifest = tmp_path / "rows" / "_manifest.json"
    data = json.loads(manifest.read_text())
    del data["sha256"]
    data["result"]["top"] = [data["result"]["top"][0]] * 5
    if not complete:
        lines = [
            {"unit": unit, "part": part, **data["result"]}
            for unit, part in enumerate(data["parts"])
        ]
        (tmp_path / "rows" / "_journal.jsonl").write_text(
            "\n".join(json.dumps({**one, "sha256": work_checksum(one)}) for one in lines)
        )
        data |= {"complete": False, "result": None, "parts": []}
    manifest.write_text(json.dumps({**data, "sha256": work_checksum(data)}))
    again = flash.sweep(SATURATING, "rram", **given)
    assert again.top == whole.top
    assert {path.name: path.read_bytes() for path in (tmp_path / "rows").iterdir()} == before


def work_checksum(data: Any) -> str:
    from flash.sweeps.store import _checksum

    return _checksum(data)
