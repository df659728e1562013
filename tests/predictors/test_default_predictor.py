"""The predictor that comes with flash, and the experiments that it and the theory rest on."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from twins.places import ROOT

import flash
from flash.errors import ArgumentError
from flash.predictors.predictor import as_predictor

needs_scripts = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "training").is_dir(),
    reason="the experiments are in the repository, not in the package",
)


def script(name: str) -> Any:
    """Return a module of the experiments."""
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module(f"benchmarks.training.{name}")
    finally:
        sys.path.remove(str(ROOT))


def test_the_default_comes_for_densenet_spaces_only() -> None:
    predictor = as_predictor("default", "densenet")
    assert predictor is not None
    assert predictor.kind == "topology"
    provenance = predictor.provenance or {}
    assert provenance["networks"] >= 75
    assert "CIFAR-10" in provenance["data"]
    assert "full training" in provenance["meaning"]
    with pytest.raises(ArgumentError, match="comes for densenet only, got a space of resnet"):
        as_predictor("default", "resnet")


def test_links_raise_the_predicted_accuracy_of_deep_networks() -> None:
    predictor = as_predictor("default", "densenet")
    assert predictor is not None
    networks = [
        flash.Architecture(
            "densenet", [flash.Cell(16 * 2**k, 12, share * 16 * 2**k) for k in range(3)]
        )
        for share in (0, 1, 2)
    ]
    bare, some, many = predictor.predict(networks)
    assert bare + 0.05 < some < many + 0.01


@needs_scripts
def test_the_default_is_the_fit_to_the_shipped_table(tmp_path: Path) -> None:
    judge, fit_default = script("judge"), script("fit_default")
    networks, accuracies = judge.load()
    assert len(networks) >= 75
    assert len(set(networks)) == len(networks)
    # Far less noise than differences between networks: the table can tell predictors apart.
    y = np.array([one[0] for one in accuracies])
    assert 5 * judge.noise(accuracies) < y.std()
    assert sum(len(one) > 1 for one in accuracies) >= 6

    fitted = [net for net, own in zip(networks, accuracies, strict=True) for _ in own]
    again = flash.AccuracyPredictor.fit(
        [net.replace(resolution=32) for net in fitted],
        [one for own in accuracies for one in own],
        kind="topology",
    )
    shipped = flash.AccuracyPredictor.load(fit_default.SHIPPED)
    large = [net.replace(resolution=32) for net in networks]
    np.testing.assert_allclose(shipped.predict(large), again.predict(large), rtol=1e-6)
    assert spearmanr(shipped.predict(large), y).statistic > 0.95
    assert np.abs(shipped.predict(large) - y).mean() < 0.015


@needs_scripts
def test_the_experiment_says_what_it_did() -> None:
    """The table's networks keep to the stated space, and are repeated where they should be."""
    design, train_cifar, judge = script("design"), script("train_cifar"), script("judge")
    networks, accuracies = judge.load()
    for net in networks:
        assert net.resolution == design.RESOLUTION
        assert net.macs <= design.MAX_MACS
        assert all(design.DEPTHS[0] <= cell.depth <= design.DEEP[1] for cell in net.cells)
    jobs = train_cifar.jobs()
    assert len(jobs) == len(set(jobs))
    assert sum(seed > 0 for _, seed in jobs) == 2 * train_cifar.REPEATED
    assert sum(len(one) - 1 for one in accuracies) <= 2 * train_cifar.REPEATED


@needs_scripts
def test_a_draw_is_judged_by_hand() -> None:
    judge = script("judge")
    accuracies = [[0.5, 0.54], [0.4], [0.3, 0.32, 0.34]]
    # squares about the means: 2 * 0.02^2 and 2 * 0.02^2, over 1 + 2 degrees of freedom
    assert judge.noise(accuracies) == pytest.approx(np.sqrt(4 * 0.02**2 / 3))
    g = [flash.Architecture("densenet", [flash.Cell(width, 3)]) for width in (8, 16, 24, 32, 48)]
    degrees = np.array([8.0, 16.0, 24.0, 32.0, 48.0])  # without links NN-Degree is the width
    y = 1 / (1.1 + np.exp(12 / degrees - 2))
    np.testing.assert_allclose(judge.paper_form(g[:4], y[:4], g[4:]), y[4:], rtol=1e-4)
    flat = judge.ridge(lambda arch: [arch.cells[0].width], 0.0)(g[:4], y[:4] * 0 + 0.3, g[4:])
    np.testing.assert_allclose(flat, 0.3)
    assert judge.rank(np.zeros(3), np.arange(3)) == 0.0


@pytest.mark.torch
@needs_scripts
def test_links_raise_the_mean_singular_value_of_layers() -> None:
    pytest.importorskip("torch")
    isometry = script("isometry")
    for family, shares in (("densenet", (0, 4, 16)), ("resnet", (0, 2, 4))):
        means = []
        for skips in shares:
            arch = flash.Architecture(family, [flash.Cell(4, 6, skips)], resolution=4)
            values = isometry.singular_values(arch, "fan in")
            assert len(values) == (5 if family == "densenet" else 6)
            assert all(len(one) == 64 for one in values)  # 4 channels of 4 x 4 pixels
            means.append(np.mean([one.mean() for one in values]))
        assert means == sorted(means)


@pytest.mark.torch
@needs_scripts
def test_a_jacobian_is_the_one_of_the_layer() -> None:
    """Of a block without links, its own weights give the same matrix, column by column."""
    torch = pytest.importorskip("torch")
    isometry = script("isometry")
    arch = flash.Architecture("densenet", [flash.Cell(2, 2)], resolution=2)
    (values,) = isometry.singular_values(arch, "fan in")
    module = arch.to_torch(seed=0)
    generator = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None
    noise = torch.randn(isometry.BATCH, 3, 2, 2, generator=generator)
    first, second = module.cells[0].layers
    with torch.no_grad():
        x = first(noise)
        layer = second
        norm, conv = layer.norm, layer.conv
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=True)
        scale = norm.weight / torch.sqrt(variance + norm.eps)
        normed = (x[:1] - mean[:, None, None]) * scale[:, None, None]
        open_ = (normed > 0).float()
        columns = []
        for channel in range(2):
            for pixel in range(4):
                unit = torch.zeros(1, 2, 2, 2)
                unit[0, channel, pixel // 2, pixel % 2] = scale[channel]
                columns.append(conv(unit * open_).flatten())
        by_hand = torch.linalg.svdvals(torch.stack(columns, 1).double()).numpy()
    np.testing.assert_allclose(values, by_hand, rtol=1e-4, atol=1e-6)
