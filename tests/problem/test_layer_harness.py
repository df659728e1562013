"""What measures the layers or blocks of a space: written, run and read back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import flash
from flash.hardware._layer_rows import CALL, TOLD, key_of
from flash.hardware.costing import family_and_charged
from flash.problem.by_layers import layers_of
from flash.problem.layer_harness import measure_layers, parts_of

SPACE = flash.ResNet(width_multipliers=[1], cells=[2], depths=[1, 2], skips=[0, 16], resolution=16)
QUICK: dict[str, Any] = {"time_limit_s": 0.01, "passes": 1, "pin": False}


def run(path: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, path, *words], capture_output=True, text=True, timeout=100, check=False
    )


@pytest.mark.parametrize("family", ["densenet", "resnet", "wide-resnet", "mobilenet-v2"])
def test_all_layers_of_a_space_are_there_once(family: str) -> None:
    space = flash.SearchSpace(family)
    layers = layers_of(space)
    known = {key_of(layer, TOLD) for layer in layers}
    target = flash.Target.load("cpu-x86")
    for architecture in space.sample(30, seed=2):
        _, counted = family_and_charged(architecture, target)
        for layer, row in zip(counted.layers, counted.rows, strict=True):
            assert not row or key_of(layer, TOLD) in known or layer.kind == "concat"
    assert len({repr(layer) for layer in layers}) == len(layers)


@pytest.mark.parametrize("family", ["densenet", "mobilenet-v2"])
def test_each_part_is_a_network_of_that_layer(family: str) -> None:
    space = flash.SearchSpace(family)
    layers = layers_of(space)
    first, *parts = parts_of(space)
    assert first["name"] == CALL
    assert len(parts) == len(layers)
    for layer, part in zip(layers, parts, strict=True):
        _, counted = family_and_charged(part["network"])
        (own,) = [a for a, row in zip(counted.layers, counted.rows, strict=True) if row]
        assert key_of(own, TOLD) == key_of(layer, TOLD)


@pytest.mark.torch
def test_a_harness_measures_and_is_read_back(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    folder = tmp_path / "board"
    path = flash.layer_harness(SPACE, folder, **QUICK)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["settings"]["turns"] is False  # single layers are measured in loops
    names = [one["name"] for one in manifest["networks"]]
    assert names[0] == CALL
    assert len(names) == 1 + len(layers_of(SPACE))
    assert "conv 3x3 16>32 /2 at 16x16, relu" in names
    place = names.index("conv 3x3 16>32 /2 at 16x16, relu")
    row = manifest["networks"][place]["subject"]["network"]["layers"][0]
    assert (row["in_channels"], row["out_channels"], row["stride"]) == (16, 32, 2)
    assert (folder / manifest["networks"][place]["file"]).exists()
    done = run(path, "--energy", str(folder / "none.csv"))
    assert done.returncode == 2
    assert "none.csv cannot be read" in done.stderr
    done = run(path)
    assert done.returncode == 0, done.stderr
    again = run(path)
    assert "pass" not in again.stderr  # all is finished
    target = flash.Target.from_layer_table(folder / "measurements.jsonl", name="board")
    assert target.table.notes["conditions"]["threads"] == 1
    result = flash.search(SPACE, target)
    assert result.status == "OPTIMAL"
    assert result.flags == ()
    cost = target.cost(result.architecture)  # type: ignore[arg-type]
    assert cost.latency_ms == result.latency_ms
    assert min(one.latency_ms for one in cost.by_layer) > 0.0
    with pytest.raises(flash.FlashError, match="which holds something"):
        flash.layer_harness(SPACE, folder, **QUICK)


class Fragment:
    """Stands for a block of a space."""

    def __init__(self, width: int) -> None:
        import torch
        from torch import nn

        torch.manual_seed(width)
        self.name = f"stage 1, block, width {width} at 8x8"
        self.module = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1, bias=False), nn.BatchNorm2d(2 * width), nn.Hardswish(),
            nn.Conv2d(2 * width, width, 3, padding=1),
        ).eval()  # fmt: skip
        self.network = flash.Network.from_torch(self.module, (width, 8, 8))

    def to_torch(self) -> Any:
        return self.module


class Blocks:
    def fragments(self) -> list[Fragment]:
        return [Fragment(8), Fragment(16)]


@pytest.mark.torch
def test_blocks_of_a_space_are_measured_as_blocks(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    blocks = Blocks()
    path = flash.layer_harness(blocks, tmp_path / "board", **QUICK)
    done = run(path)
    assert done.returncode == 0
    assert "network 1 of 3: call and 2 more" in done.stderr  # in turns
    target = flash.Target.from_layer_table(tmp_path / "board" / "measurements.jsonl", name="board")
    assert [one.name for one in target.table.entries] == [one.name for one in blocks.fragments()]
    for entry, one in zip(target.table.entries, blocks.fragments(), strict=True):
        cost = target.cost(one.network)
        assert cost.latency_ms == pytest.approx(entry.costs[0], rel=1e-6)
        assert len(entry.layers) >= 2
    from torch import nn

    # two measured blocks in a row, read from torch again
    twice = nn.Sequential(Fragment(8).module, nn.Identity(), Fragment(8).module)
    whole = target.cost(flash.Network.from_torch(twice.eval(), (8, 8, 8)))
    assert whole.latency_ms == pytest.approx(2 * target.table.entries[0].costs[0], rel=1e-6)
    found = measure_layers(blocks, tmp_path / "here.jsonl", **QUICK)
    assert [one.name for one in found] == [CALL, *(one.name for one in blocks.fragments())]
    here = flash.Target.from_layer_table(tmp_path / "here.jsonl", name="here")
    assert here.table.lengths == target.table.lengths


def test_what_is_no_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(flash.FlashError, match="space must be a SearchSpace, a space of blocks"):
        flash.layer_harness(3, tmp_path / "x")  # type: ignore[arg-type]
    with pytest.raises(flash.FlashError, match="passes must be"):
        flash.layer_harness("resnet", tmp_path / "x", passes=0)
    assert not (tmp_path / "x").exists()


@pytest.mark.torch
def test_blocks_on_tokens_run_as_they_are_laid_out(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("torch")
    space = flash.ViT(embed=24, heads=[1, 2], depth=1, head_dim=8, input=(3, 16, 16), patch=8)
    folder = tmp_path / "layers"
    flash.layer_harness(space, folder)
    files = sorted(folder.glob("*.onnx"))
    assert len(files) == 1 + len(space.fragments())  # and the smallest layer there is
    shapes = set()
    for file in files:
        (given,) = onnx.load(file).graph.input
        shapes.add(tuple(one.dim_value for one in given.type.tensor_type.shape.dim)[1:])
    assert shapes >= {(3, 16, 16), (5, 24)}
