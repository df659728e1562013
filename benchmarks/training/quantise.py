"""What lower bits cost in accuracy: trained networks of the 25-sample experiment, quantised.

    python -m benchmarks.training.quantise FOLDER lines.jsonl [NETWORKS]
    python -m benchmarks.training.quantise --collect lines.jsonl FILE

The first networks of `train_cifar` are trained exactly as there (seed 0). Then weights and inputs
of every convolution and linear layer are rounded to 8, 6, 4, 3 and 2 bits after training, without
any tuning: weights symmetrically with a scale for each output channel, inputs with one scale for a
layer (unsigned where they follow a ReLU), each scale the one of `SCALES` with the least squared
error, inputs on `CALIBRATION` training images. Once for all cells together, and once for each cell
alone; a head goes with the last cell. Each network is a line of lines.jsonl; started again, the
script goes on where it stopped. FILE is flash/data/quantisation/cifar10.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .design import networks
from .train_cifar import NETWORKS, RECIPE, SETTING, images

BITS = (8, 6, 4, 3, 2)
SCALES = [0.2 + 0.05 * k for k in range(17)]
CALIBRATION = 512
PROVENANCE = (
    "DenseNet-type networks trained as in benchmarks/training/train_cifar.py (CIFAR-10, Krizhevsky "
    "2009, JPEG of quality 75, 10 x 10 pixels, 5000 training images, 4 epochs, seed 0), then "
    "quantised after training by benchmarks/training/quantise.py: weights and inputs of every "
    "layer, no tuning. Accuracies on 5000 test images; torch 2.13.0, one thread, 2026-11-23."
)


def rounded(x: Any, scale: Any, low: int, high: int) -> Any:
    """Return x on the grid of a scale."""
    import torch

    return torch.clamp(torch.round(x / scale), low, high) * scale


def fitted(x: Any, bits: int, signed: bool, rows: bool) -> Any:
    """Return the scale of least squared error: one for each row, or one for all."""
    import torch

    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    low = -(2 ** (bits - 1)) if signed else 0
    flat = x.flatten(1) if rows else x.flatten()[None]
    top = flat.abs().amax(1, keepdim=True).clamp_min(1e-12)
    best, least = top / high, torch.full_like(top, float("inf"))
    for share in SCALES:
        scale = share * top / high
        error = ((rounded(flat, scale, low, high) - flat) ** 2).mean(1, keepdim=True)
        best, least = torch.where(error < least, scale, best), torch.minimum(error, least)
    return best.reshape(-1, *[1] * (x.dim() - 1)) if rows else best.reshape(())


class Quantised:
    """A trained module whose layers round what they are told to."""

    def __init__(self, module: Any, sample: Any) -> None:
        import torch

        self.module, self.bits = module, dict[int, int]()
        self.layers: list[Any] = []
        cells = len(module.cells)
        for name, layer in module.named_modules():
            if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
                parts = name.split(".")
                cell = int(parts[1]) if parts[0] == "cells" else cells - 1
                self.layers.append((layer, 0 if parts[0] == "stem" else cell, layer.weight.data))
        seen: dict[Any, Any] = {}
        hooks = [
            layer.register_forward_pre_hook(lambda m, x: seen.__setitem__(m, x[0].clone()))
            for layer, _, _ in self.layers
        ]
        with torch.no_grad():
            module(sample)
        for hook in hooks:
            hook.remove()
        self.weights: dict[Any, Any] = {}
        self.inputs: dict[Any, Any] = {}
        for layer, _, weight in self.layers:
            signed = bool(seen[layer].min() < 0)
            for bits in BITS:
                high, low = 2 ** (bits - 1) - 1, -(2 ** (bits - 1))
                self.weights[layer, bits] = rounded(weight, fitted(weight, bits, True, True), low,
                                                    high)  # fmt: skip
                scale = fitted(seen[layer], bits, signed, False)
                ends = (low, high) if signed else (0, 2**bits - 1)
                self.inputs[layer, bits] = (scale, *ends)
        for layer, cell, _ in self.layers:
            layer.register_forward_pre_hook(self._hook(cell))

    def _hook(self, cell: int) -> Any:
        def hook(layer: Any, x: Any) -> Any:
            bits = self.bits.get(cell)
            return None if bits is None else (rounded(x[0], *self.inputs[layer, bits]),)

        return hook

    def accuracy(self, bits: dict[int, int], x: Any, y: Any) -> float:
        """Return the accuracy with the given cells quantised."""
        import torch

        self.bits = bits
        for layer, cell, weight in self.layers:
            layer.weight.data = self.weights[layer, bits[cell]] if cell in bits else weight
        with torch.no_grad():
            right = sum(
                int((self.module(x[i : i + 500]).argmax(1) == y[i : i + 500]).sum())
                for i in range(0, len(x), 500)
            )
        return right / len(x)


def measure(folder: Path, out: Path, count: int) -> None:
    """Train and quantise what the lines lack."""
    import torch

    from flash.training.loop import fit

    torch.set_num_threads(1)
    lines = out.read_text().splitlines() if out.exists() else []
    done = {json.loads(line)["number"] for line in lines}
    data = images(folder)
    x, y = torch.from_numpy(data["test_x"]), torch.from_numpy(data["test_y"])
    for number, arch in enumerate(networks(NETWORKS)[:count]):
        if number in done:
            continue
        module = arch.to_torch(seed=0)
        fit(module, data, RECIPE, seed=0)
        module = module.float().eval()
        quantised = Quantised(module, torch.from_numpy(data["train_x"][:CALIBRATION]))
        cells = range(len(arch.cells))
        row = {"number": number, "float": quantised.accuracy({}, x, y)}
        row["all"] = {b: quantised.accuracy(dict.fromkeys(cells, b), x, y) for b in BITS}
        row["alone"] = [{b: quantised.accuracy({c: b}, x, y) for b in BITS} for c in cells]
        row["architecture"] = arch.to_dict()
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(number, row["float"], row["all"], flush=True)


def collect(lines: Path, out: Path) -> None:
    """Write what flash ships: for each number of bits what is left of accuracy, cell by cell."""
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    kept: dict[str, Any] = {}
    for bits in BITS:
        key = str(bits)
        alone = [[row["alone"][c][key] / row["float"] for c in range(3)] for row in rows]
        every = [row["all"][key] / row["float"] for row in rows]
        by_cell = [sum(one[c] for one in alone) / len(rows) for c in range(3)]
        product = [one[0] * one[1] * one[2] for one in alone]
        error = sum(abs(p - e) for p, e in zip(product, every, strict=True)) / len(rows)
        kept[key] = {
            "one_cell": round(sum(by_cell) / 3, 5),
            "by_cell": [round(one, 5) for one in by_cell],
            "all_cells": round(sum(every) / len(rows), 5),
            "error_of_product": round(error, 5),
        }
    accuracy = [round(row["float"], 4) for row in rows]
    data = {
        "format": 1,
        "provenance": PROVENANCE,
        "networks": len(rows),
        "accuracy": accuracy,
        "setting": SETTING,
        "kept": kept,
    }
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "--collect":
        collect(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        measure(Path(sys.argv[1]), Path(sys.argv[2]), int((*sys.argv, 16)[3]))
