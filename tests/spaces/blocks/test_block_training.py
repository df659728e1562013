"""Spaces of blocks in training, and what becomes of the weights."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins.processes import Run
from twins.small_block_spaces import of_blocks, plain, stem

import flash
from flash import BlockSpace, Stage
from flash.errors import ArgumentError, TrainingError
from flash.training.results import TrainingResult

pytestmark = [pytest.mark.torch, pytest.mark.processes]

GIVEN: dict[str, Any] = {"epochs": 1, "progress": False}


def head_of_rows(in_channels: int, out_channels: int, stride: int) -> list[dict[str, Any]]:
    return [
        {"kind": "pool", "mode": "global_avg"},
        {"kind": "linear", "out_channels": out_channels, "bias": True},
    ]


def of_functions() -> BlockSpace:
    return BlockSpace(
        [Stage({"plain": plain, "none": None}, 8, [1, 2], stride=2, name="a")],
        input=(3, 8, 8),
        stem=Stage(stem, 8, name="stem"),
        head=head_of_rows,
        num_classes=10,
        name="trained",
    )


def test_networks_of_functions_train_here(tmp_path: Path) -> None:
    space = of_functions()
    found = flash.train(space, "digits", n=2, out=tmp_path / "t", keep_weights=True, **GIVEN)
    assert [one.architecture.family for one in found.samples] == ["trained"] * 2
    again = TrainingResult.load(tmp_path / "t")
    assert again.architectures == found.architectures
    assert again.accuracies == found.accuracies
    best = again.best.architecture
    weights = again.weights()
    module = best.to_torch()
    flash.load_weights(module, weights)
    other = best.to_torch(seed=5, weights=weights)
    best.to_onnx(tmp_path / "best.onnx", weights=weights)
    with pytest.raises(ArgumentError, match="weights cannot be given with a module"):
        best.to_onnx(tmp_path / "best.onnx", weights=weights, module=module)
    import torch

    with torch.no_grad():
        images = torch.randn(2, 3, 8, 8)
        assert torch.equal(module.eval()(images), other.eval()(images))
    with pytest.raises(ArgumentError, match="classes"):
        flash.train(of_blocks(num_classes=5), "digits", n=1, out=tmp_path / "u", **GIVEN)


def test_names_train_at_the_size_of_the_images(tmp_path: Path) -> None:
    small = {"family": "mobilenet-v3", "depths": [2], "kernels": 3, "expansions": 3}
    small |= {"width_multipliers": 0.25}
    found = flash.train(small, "digits", n=1, out=tmp_path / "t", **GIVEN)
    (network,) = found.architectures
    assert network.family == "mobilenet-v3"
    assert network.input_shape == (3, 8, 8)
    assert network.space.num_classes == 10
    assert TrainingResult.load(tmp_path / "t").architectures == [network]
    with pytest.raises(ArgumentError, match="networks of 'decoder' take no images"):
        flash.train("decoder", "digits", n=1, out=tmp_path / "u", **GIVEN)
    with pytest.raises(ArgumentError, match=r"'mobilenet-v3', .*got 'mobilenet-v4'; did you mean"):
        flash.train("mobilenet-v4", "digits", n=1, out=tmp_path / "u", **GIVEN)


def test_evaluators(tmp_path: Path) -> None:
    space = of_functions()
    judge = flash.TrainingEvaluator("digits", tmp_path / "t", epochs=1, keep_weights=True)
    given: dict[str, Any] = {"method": "random", "max_evals": 2, "certify": False}
    found = flash.search(space, "cpu-x86", evaluator=judge, **given)
    assert found.scored_by is not None
    assert found.architecture is not None
    assert Path(judge.weights(found.architecture)).exists()
    fresh = flash.TrainingEvaluator("digits", tmp_path / "t", epochs=1, keep_weights=True)
    again = flash.search(space, "cpu-x86", evaluator=fresh, **given)
    assert again.accuracy == found.accuracy
    supernet = flash.SupernetEvaluator("digits", tmp_path / "s", epochs=1)
    scored = flash.search(space, "cpu-x86", evaluator=supernet, **given)
    assert scored.scored_by == "supernet"
    assert scored.architecture is not None
    assert scored.accuracy == supernet.trained(space).score([scored.architecture])[0]


def test_measured_as_torch_runs_them() -> None:
    network = of_functions().decode(1)
    measured = flash.measure(network, runtime="torch", passes=1)
    assert measured.latency_ms > 0


def test_options_that_are_torch_modules(tmp_path: Path) -> None:
    import torch
    from torch import nn

    def block(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (1, 3)) -> Any:
        return nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
        )

    def ends(in_channels: int, out_channels: int, stride: int) -> Any:
        return nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, out_channels)
        )

    space = BlockSpace(
        [Stage({"block": block, "skip": None}, [8, 16], [1, 2], stride=2, name="a")],
        input=(3, 16, 16),
        head=ends,
        num_classes=10,
        name="modules",
    )
    costs = []
    device = flash.Target.load("cpu-x86")
    for index in range(space.size):
        network = space.decode(index)
        module = network.to_torch()
        read = flash.Network.from_torch(module, (3, 16, 16))
        assert read.params == network.params == sum(one.numel() for one in module.parameters())
        assert device.cost(read).latency_ms == device.cost(network).latency_ms
        costs.append(device.cost(network).latency_ms)
    assert flash.evaluate(space, device, range(space.size))["latency_ms"].tolist() == costs
    limit = float(np.quantile(costs, 0.4))
    found = flash.search(space, device, max_latency_ms=limit, where="kernel_a_0 == 3")
    assert found.proven
    assert found.architecture is not None
    path = tmp_path / "n.onnx"
    found.to_onnx(path)
    assert flash.Network.from_onnx(path).macs == found.macs
    with ThreadPoolExecutor(1) as pool:
        trained = flash.train(space.sample(1), "digits", executor=pool, out=tmp_path / "e", **GIVEN)
    assert trained.architectures == space.sample(1)
    assert isinstance(found.to_torch(), torch.nn.Module)


def test_executors_of_other_processes(tmp_path: Path) -> None:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pytest.raises(ArgumentError, match="which other processes are not given"):
            flash.sweep(of_functions(), "cpu-x86", executor=pool)
        with pytest.raises(TrainingError, match="blocks that are functions"):
            flash.train(of_functions(), "digits", n=1, executor=pool, out=tmp_path / "p", **GIVEN)


def test_on_the_command_line(tmp_path: Path, cli: Run) -> None:
    (tmp_path / "s.toml").write_text(TOML)
    told = cli("train", "s.toml", "--data", "digits", "--n", "2", "--epochs", "1", "--quiet",
               "--out", "t", "--keep-weights", "--json")  # fmt: skip
    assert len(json.loads(told.stdout)["networks"]) == 2
    told = cli("export", "t", "--onnx", "best.onnx")
    assert "best.onnx: mine, " in told.stdout
    cli("search", "s.toml", "cpu-x86", "--json", "r.json")
    cli("export", "r.json", "--onnx", "r.onnx")
    read = flash.Network.from_onnx(tmp_path / "r.onnx")
    assert read.macs == flash.SearchResult.from_json(tmp_path / "r.json").macs
    weights = sorted((tmp_path / "t" / "weights").iterdir())[0]
    told = cli("export", str(weights), "--torch", "w.pt")
    assert "w.pt: mine, " in told.stdout
    failed = cli("train", "mobilenet-v3", "--data", "digits", "--depths", "2", code=2).stderr
    assert "--depths is of the families' spaces: 'mobilenet-v3' takes none" in failed


TOML = """
family = "blocks"
name = "mine"
input = [3, 8, 8]
num_classes = 10

[stem]
options = ["mobile-stem"]
widths = 8

[[stages]]
name = "a"
options = {ir = {block = "inverted-residual", choices = {kernel = [3, 5], expansion = 3}}}
widths = [8, 16]
stride = 2

[head]
options = ["mobile-head"]
widths = 10
"""
