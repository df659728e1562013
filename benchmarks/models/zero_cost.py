"""`flash.zero_cost_scores` on NAS-Bench-201, beside published scores and trained accuracies.

    python -m benchmarks.models.zero_cost DATA [--networks 150] [--batch 16] [--dataset digits]

Spearman's rank correlation of each score with the accuracy on CIFAR-10 after training, with the
same score as others published it, and with parameters and MACs; those of parameters, MACs and the
published scores with the accuracy beside them. Images are noise, or those of `--dataset`. Networks
are drawn from those with published scores by `--seed`, which is that of the scores, too.

Two modules are made of each network: "layers" is what ``to_torch()`` makes of flash's layers, in
which ReLU follows the convolution and its batch norm, and "cells" a module of the benchmark's own
order, written here: ReLU, convolution, batch norm.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

import flash
from flash.spaces.network_space import network_space

if TYPE_CHECKING:
    from collections.abc import Sequence

PUBLISHED = {"synflow": "synflow", "nwot": "nwot", "grad_norm": "grad_norm"}
DATASET = "cifar10"
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


class Cell(nn.Module):
    """Four nodes, six edges."""

    def __init__(self, row: Sequence[int], width: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList(edge(OPERATIONS[op], width) for op in row)

    def forward(self, x: Any) -> Any:
        """Sum what arrives at each node."""
        nodes, at = [x], 0
        for node in (1, 2, 3):
            nodes.append(sum(self.edges[at + source](nodes[source]) for source in range(node)))
            at += node
        return nodes[3]


class Nothing(nn.Module):
    """The edge that hands on zeros."""

    def forward(self, x: Any) -> Any:
        return x * 0.0


class Reduction(nn.Module):
    """The residual block of stride 2 between stages."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            convolution(width, 2 * width, 3, 2), convolution(2 * width, 2 * width, 3)
        )
        self.short = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(width, 2 * width, 1, bias=False))

    def forward(self, x: Any) -> Any:
        return self.way(x) + self.short(x)


def convolution(read: int, width: int, kernel: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(read, width, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(width))


def edge(name: str, width: int) -> nn.Module:
    if name.startswith("nor_conv"):
        return convolution(width, width, int(name[-1]))
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, 1, 1, count_include_pad=False)
    return nn.Identity() if name == "skip_connect" else Nothing()


def by_cells(row: Sequence[int], seed: int) -> nn.Module:
    """Return a network in the order in which the benchmark runs it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts: list[nn.Module] = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)]
        for stage in range(3):
            parts += [Reduction(8 << stage)] if stage else []
            parts += [Cell(row, 16 << stage) for _ in range(5)]
        parts += [nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        return nn.Sequential(*parts, nn.Linear(64, 10))


def table(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rank(a: Any, b: Any) -> float:
    """Return Spearman's correlation over the networks that have both numbers."""
    both = ~(np.isnan(a) | np.isnan(b))
    return float(spearmanr(a[both], b[both])[0])


def judged(
    folder: Path, count: int, batch: int, seed: int, dataset: str | None = None
) -> list[dict[str, Any]]:
    """Return a line for each score of each kind of module."""
    accuracies = {one["arch_idx"]: one for one in table(folder / "nb201_tss_accuracy.csv.gz")}
    scored = [
        one
        for one in table(folder / "nb201_zero_cost_proxies.csv.gz")
        if one["dataset"] == DATASET and accuracies[one["arch_idx"]]["connected"] == "True"
    ]
    chosen = np.random.default_rng(seed).choice(len(scored), min(count, len(scored)), False)
    drawn = [scored[at] for at in sorted(chosen)]
    names = [accuracies[one["arch_idx"]]["arch_str"] for one in drawn]
    accuracy = np.array([float(accuracies[one["arch_idx"]]["acc_cifar10"]) for one in drawn])
    told = {name: np.array([float(one[name]) for one in drawn]) for name in PUBLISHED.values()}
    space: Any = network_space("nas-bench-201")
    made: dict[str, list[Any]] = {
        "layers": [space.decode(name) for name in names],
        "cells": [by_cells(space.parse(name), seed) for name in names],
    }
    lines: list[dict[str, Any]] = []
    for kind, networks in made.items():
        start = time.process_time()
        found = flash.zero_cost_scores(
            networks,
            dataset,
            input_shape=(3, 32, 32) if kind == "cells" else None,
            batch_size=batch,
            seed=seed,
        )
        seconds = (time.process_time() - start) / len(networks)
        lines += [
            {
                "modules": kind,
                "score": name,
                "networks": int((~np.isnan(values)).sum()),
                "accuracy": rank(values, accuracy),
                "published": rank(values, told[PUBLISHED[name]]) if name in PUBLISHED else None,
                "params": rank(values, found["params"]),
                "macs": rank(values, found["macs"]),
                "seconds_a_network": seconds,
            }
            for name, values in found.items()
        ]
    lines += [
        {"modules": "published", "score": name, "networks": len(values),
         "accuracy": rank(values, accuracy)}
        for name, values in told.items()
    ]  # fmt: skip
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Zero-cost scores on NAS-Bench-201.")
    parser.add_argument("data", help="the data folder: the one that holds accuracy/")
    parser.add_argument("--networks", type=int, default=150, help="how many (150)")
    parser.add_argument("--batch", type=int, default=16, help="images in a batch (16)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw and the scores (0)")
    parser.add_argument("--dataset", help="images that flash.train takes, such as digits (noise)")
    parser.add_argument("--json", metavar="FILE", help="write the figures, too")
    args = parser.parse_args()
    warnings.simplefilter("always")
    found = judged(Path(args.data) / "accuracy", args.networks, args.batch, args.seed, args.dataset)
    for line in found:
        numbers = {k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}
        print(", ".join(f"{k} {v}" for k, v in numbers.items()))
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
