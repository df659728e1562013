"""Layerwise dynamic isometry against NN-Degree and NN-Mass: the theory behind the two, checked.

    python -m benchmarks.training.isometry [--json isometry.json] [--plot isometry.png]

The propositions (arXiv 1910.00780 for NN-Mass, arXiv 2108.00568 for NN-Degree; the latter's wording
could not be read) say that the singular values of a layer's input-output Jacobian at initialisation
have a mean that grows with the metric. Here that is measured on real modules: single cells of
concatenation (densenet) and addition (resnet), every width, depth and number of links below, each
with `SEEDS` draws of links and weights. A layer is what `Architecture.to_torch` makes one: norm,
activation and convolution on the concatenated input (densenet), or a block with its residual
(resnet). Jacobians are exact, of one image of noise; batch norms hold the statistics of a batch of
noise. Two initialisations: He's with fan in, whose variance falls as links are added (what flash
and common practice use), and one of variance 2 / (9 width), which does not see the links, as the
propositions assume.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

import flash

WIDTHS = (4, 6, 8)
DEPTHS = (6, 10, 14)
SHARES = {"densenet": (0.0, 0.5, 1.0, 2.0, 4.0), "resnet": (0.0, 0.25, 0.5, 0.75, 1.0)}
SEEDS = 2
SIDE = 4
BATCH = 64
INITS = ("fan in", "fixed")


def cells() -> list[flash.Architecture]:
    """Return the networks, each a single cell."""
    return [
        flash.Architecture(
            family,
            [flash.Cell(width, depth // (1 if family == "densenet" else 2), int(share * width))],
            resolution=SIDE,
            link_seed=seed,
        )
        for family, shares in SHARES.items()
        for width in WIDTHS
        for depth in DEPTHS
        for share in shares
        for seed in range(SEEDS)
    ]


def singular_values(arch: flash.Architecture, init: str) -> list[np.ndarray[Any, Any]]:
    """Return the singular values of each layer's (block's) Jacobian, all but the image's layer."""
    import torch

    module = arch.to_torch(seed=arch.link_seed)
    generator = torch.Generator().manual_seed(arch.link_seed)
    if init == "fixed":
        for part in module.modules():
            if isinstance(part, torch.nn.Conv2d):
                deviation = math.sqrt(2 / (9 * arch.cells[0].width))
                with torch.no_grad():
                    part.weight.normal_(0.0, deviation, generator=generator)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None  # the running statistics become those of the batch below
    cell = module.cells[0]
    layers = list(cell.layers)[1:] if arch.family == "densenet" else list(cell)
    inputs: dict[int, Any] = {}
    hooks = [
        layer.register_forward_pre_hook(
            lambda _, given, number=number: inputs.__setitem__(number, given[0][:1].clone())
        )
        for number, layer in enumerate(layers)
    ]
    noise = torch.randn(BATCH, 3, arch.resolution, arch.resolution, generator=generator)
    with torch.no_grad():
        module(noise)
        module.eval()
        module(noise)
    for hook in hooks:
        hook.remove()
    found = []
    for number, layer in enumerate(layers):
        jacobian = torch.func.jacrev(layer)(inputs[number])
        rows = jacobian[0].numel() // inputs[number].numel()
        matrix = jacobian.reshape(rows, -1).detach().double()
        found.append(torch.linalg.svdvals(matrix).numpy())
    return found


def measure() -> list[dict[str, Any]]:
    """Return one row per network and initialisation."""
    rows = []
    for arch in cells():
        cell = arch.cells[0]
        for init in INITS:
            values = singular_values(arch, init)
            means = [float(one.mean()) for one in values]
            rows.append(
                {
                    "family": arch.family,
                    "init": init,
                    "width": cell.width,
                    "depth": cell.depth,
                    "skips": cell.skips,
                    "seed": arch.link_seed,
                    "nn_degree": round(float(flash.nn_degree(arch)), 4),
                    "nn_mass": round(float(flash.nn_mass(arch)), 4),
                    "mean": round(float(np.mean(means)), 4),
                    "between_layers": round(float(np.std(means)), 4),
                    "least": round(float(np.mean([one.min() for one in values])), 4),
                    "largest": round(float(np.mean([one.max() for one in values])), 4),
                }
            )
    return rows


def correlations(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rank correlations of the mean singular value with the metrics.

    Over all networks of a family, and within each (width, depth), where only links vary: the mean
    over these groups.
    """
    from scipy.stats import spearmanr

    result = []
    for family in SHARES:
        for init in INITS:
            part = [row for row in rows if row["family"] == family and row["init"] == init]
            line: dict[str, Any] = {"family": family, "init": init}
            for metric in ("nn_degree", "nn_mass", "width", "depth"):
                pairs = np.array([(row[metric], row["mean"]) for row in part])
                line[metric] = round(float(spearmanr(*pairs.T).statistic), 3)
            groups = []
            for width in WIDTHS:
                for depth in sorted({row["depth"] for row in part}):
                    chosen = [r for r in part if r["width"] == width and r["depth"] == depth]
                    pairs = np.array([(row["nn_degree"], row["mean"]) for row in chosen])
                    groups.append(float(spearmanr(*pairs.T).statistic))
            line["links_only"] = round(float(np.mean(groups)), 3)
            line["links_only_least"] = round(float(np.min(groups)), 3)
            means = [row["mean"] for row in part]
            line["mean_from"], line["mean_to"] = round(min(means), 3), round(max(means), 3)
            result.append(line)
    return result


def plot(rows: list[dict[str, Any]], path: str) -> None:
    """Draw mean singular values over both metrics."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 4, figsize=(13, 6), sharey="col", layout="constrained")
    columns = [(family, init) for family in SHARES for init in INITS]
    titles = {"densenet": "concatenation", "resnet": "addition"}
    for column, (family, init) in enumerate(columns):
        for row, (metric, label) in enumerate((("nn_degree", "NN-Degree"), ("nn_mass", "NN-Mass"))):
            axis = axes[row][column]
            for width, marker in zip(WIDTHS, "os^", strict=True):
                part = [
                    one
                    for one in rows
                    if (one["family"], one["init"], one["width"]) == (family, init, width)
                ]
                axis.scatter(
                    [one[metric] for one in part],
                    [one["mean"] for one in part],
                    s=14,
                    marker=marker,
                    label=f"width {width}",
                )
            axis.axhline(1.0, color="grey", linewidth=0.8, linestyle=":")
            axis.set_xlabel(label)
            if column == 0:
                axis.set_ylabel("mean singular value of a layer")
            if row == 0:
                axis.set_title(f"{titles[family]}, weights: {init}", fontsize=10)
    axes[0][0].legend(fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    """Measure, print the correlations, and write what is asked for."""
    import torch

    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    reader.add_argument("--json", metavar="FILE")
    reader.add_argument("--plot", metavar="FILE")
    args = reader.parse_args()
    torch.set_num_threads(1)
    rows = measure()
    found = correlations(rows)
    for line in found:
        print(line)
    if args.json:
        data = {"correlations": found, "rows": rows}
        Path(args.json).write_text(json.dumps(data, indent=None) + "\n")
    if args.plot:
        plot(rows, args.plot)


if __name__ == "__main__":
    main()
