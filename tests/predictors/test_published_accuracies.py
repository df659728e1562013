"""The predictor on published accuracies: extracts of imgclsmob and NAS-Bench-Macro."""

from __future__ import annotations

import csv
import importlib.util
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from twins.places import ACCURACIES, BENCHMARKS

from flash import AccuracyPredictor
from flash.predictors.cell_terms import terms_of
from flash.predictors.fit import fit_values
from flash.predictors.fitting import spearman

BUILDERS = BENCHMARKS / "models" / "networks.py"
pytestmark = pytest.mark.skipif(
    not BUILDERS.exists(), reason="the builders are in the repository, not in the package"
)


@pytest.fixture(scope="module")
def builders() -> ModuleType:
    spec = importlib.util.spec_from_file_location("published_networks", BUILDERS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(name: str) -> list[dict[str, str]]:
    lines = (ACCURACIES / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def ranks(designs: Any, y: Any, draws: int = 40) -> list[float]:
    """Rank correlations on the rest, fitted on 25 at random."""
    random, found = np.random.default_rng(0), []
    for _ in range(draws):
        order = random.permutation(len(y))
        use, rest = order[:25], order[25:]
        made, _ = fit_values(designs[use], np.ones(25), y[use], "topology")
        assert not isinstance(made, tuple)
        coefficients = np.array([*made.cell, *made.totals, made.strides])
        found.append(spearman(designs[rest] @ coefficients, y[rest]))
    return found


def test_imgclsmob(builders: ModuleType) -> None:
    rows = table("imgclsmob.csv")
    nets = [builders.imgclsmob(row["model"]) for row in rows]
    for row, net in zip(rows, nets, strict=True):
        if not row["model"].startswith(("SE-", "DIA-")):  # units that no row of a table stands for
            assert net.params == int(row["params"]), row["model"]
    designs = np.array([terms_of(net).design() for net in nets])
    y = np.array([1 - float(row["err_cifar10"]) / 100 for row in rows])
    assert np.median(ranks(designs, y)) > 0.93
    assert spearman([net.params for net in nets], y) < 0.87


def test_nas_bench_macro(builders: ModuleType) -> None:
    rows = table("nas_bench_macro.csv")
    nets = [builders.nas_bench_macro(row["arch"]) for row in rows]
    for row, net in zip(rows, nets, strict=True):
        assert (net.params, net.macs) == (int(row["params"]), int(row["macs"]))
    designs = np.array([terms_of(net).design() for net in nets])
    y = np.array([float(row["accuracy"]) / 100 for row in rows])
    assert np.median(ranks(designs, y)) > 0.95
    fitted = AccuracyPredictor.fit(nets[:25], y[:25])
    assert fitted.report is not None
    assert fitted.report.earns_its_keep


def test_nas_bench_201_as_published(builders: ModuleType) -> None:
    # Parameters of arXiv 2001.00326's implementation (C=16, N=5), its smallest and largest cells.
    conv = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|"
    assert builders.nas_bench_201(conv + "nor_conv_3x3~2|").params == 1_531_546
    cell = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|"
    net = builders.nas_bench_201(cell + "skip_connect~2|")
    # The published 15.64737 million count the biases of the last layer.
    assert (net.params, net.macs + 10) == (129_306, 15_647_370)
    nothing = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    assert builders.nas_bench_201(nothing) is None
