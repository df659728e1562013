"""What lower bits cost in accuracy: trained networks of the 25-sample experiment, quantised.

    python -m benchmarks.training.quantise FOLDER lines.jsonl [NETWORKS]

The first networks of `train_cifar` are trained exactly as there (seed 0), and a few of two and of
four cells. Then weights and inputs of every convolution and linear layer are rounded to 8, 6, 4, 3
and 2 bits after training, without any tuning: weights symmetrically with a scale for each output
channel, inputs with one scale for a layer (unsigned where they follow a ReLU), each scale that of
least squared error (flash/precision/rounding.py), inputs on `CALIBRATION` training images. Every
mix of bits over the cells is judged (`mixes_of`) on the first `JUDGED` test images; a stem goes
with the first cell, a head with the last. Each network, cheapest first, is a line of lines.jsonl;
started again, the script goes on where it stopped. `quantise_fit` makes of the lines what flash
ships.
"""

from __future__ import annotations

import json
import math
import sys
import time
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import flash

from .design import DEPTHS, RESOLUTION, networks
from .quantise_fit import BITS
from .train_cifar import RECIPE, images

if TYPE_CHECKING:
    from flash import Architecture

    Mix = tuple[int | None, ...]

MOST_MIXES = 125
JUDGED = 2500  # test images
FIRST_OTHER = 1000  # numbers of the networks of other than three cells
CALIBRATION = 512


class Quantised:
    """A trained module whose layers round what they are told to."""

    def __init__(self, module: Any, sample: Any) -> None:
        import torch

        from flash.precision.rounding import fitted, rounded

        self.module, self.bits = module, dict[int, int | None]()
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
        from flash.precision.rounding import rounded

        def hook(layer: Any, x: Any) -> Any:
            bits = self.bits.get(cell)
            return None if bits is None else (rounded(x[0], *self.inputs[layer, bits]),)

        return hook

    def set(self, cell: int, bits: int | None) -> None:
        """Give a cell its bits; None: as it was trained."""
        self.bits[cell] = bits
        for layer, own, weight in self.layers:
            if own == cell:
                layer.weight.data = weight if bits is None else self.weights[layer, bits]

    def right(self, mixes: list[Mix], x: Any, y: Any) -> dict[Mix, int]:
        """Return how many answers are right under each mix of bits over the cells.

        What cells make of a batch is worked out once for all mixes that begin alike.
        """
        import torch

        found = dict.fromkeys(mixes, 0)

        def follow(values: Any, wanted: Any, mixes: list[Mix], cell: int) -> None:
            if cell == len(self.module.cells):
                found[mixes[0]] += int((self.module.head(values).argmax(1) == wanted).sum())
                return
            for bits in dict.fromkeys(mix[cell] for mix in mixes):
                self.set(cell, bits)
                entering = self.module.stem(values) if cell == 0 else values
                own = [mix for mix in mixes if mix[cell] == bits]
                follow(self.module.cells[cell](entering), wanted, own, cell + 1)

        with torch.no_grad():
            for i in range(0, len(x), 500):
                follow(x[i : i + 500], y[i : i + 500], mixes, 0)
        return found


def mixes_of(cells: int, number: int) -> list[Mix]:
    """Return the mixes that are measured: none quantised, one cell alone, all of them; of more or
    fewer cells than three, where there are too many, all alike and some drawn."""
    plain: Mix = (None,) * cells
    alone = [(*plain[:c], bits, *plain[c + 1 :]) for c in range(cells) for bits in BITS]
    every: list[Mix] = list(product(BITS, repeat=cells))
    if len(every) > MOST_MIXES:
        draw = np.random.default_rng(number)
        alike: list[Mix] = [(bits,) * cells for bits in BITS]
        picked = draw.choice(len(every), MOST_MIXES - len(BITS), replace=False)
        every = sorted({*alike, *(every[k] for k in picked.tolist())}, reverse=True)
    return [plain, *alone, *every]


def jobs(count: int) -> list[tuple[int, Architecture]]:
    """Return (number, network), cheapest first: those of three cells, and a few of two and four."""
    own = list(enumerate(networks(count)))
    return sorted(own + others(), key=lambda job: job[1].macs)


def others(each: int = 3, most: float = 15e6) -> list[tuple[int, Architecture]]:
    """Return networks of two and of four cells, otherwise drawn as those of three."""
    found: list[tuple[int, Architecture]] = []
    for cells in (2, 4):
        draw = np.random.default_rng(cells)
        while len(found) < each * (cells // 2):
            factor, level = int(draw.integers(1, 3)), draw.random()
            drawn = []
            for number in range(cells):
                width = 16 * factor * 2**number
                step = math.ceil(width / 32)
                links = step * int(level * 2.5 * width / step)
                drawn.append(flash.Cell(width, int(draw.integers(DEPTHS[0], DEPTHS[1] + 1)), links))
            arch = flash.Architecture("densenet", drawn, resolution=RESOLUTION)
            if arch.macs <= most:
                found.append((FIRST_OTHER + len(found), arch))
    return found


def measure(folder: Path, out: Path, count: int) -> None:
    """Train and quantise what the lines lack."""
    import torch

    from flash.training.loop import fit

    torch.set_num_threads(1)
    lines = out.read_text().splitlines() if out.exists() else []
    done = {json.loads(line)["number"] for line in lines}
    data = images(folder)
    x, y = torch.from_numpy(data["test_x"][:JUDGED]), torch.from_numpy(data["test_y"][:JUDGED])
    for number, arch in jobs(count):
        if number in done:
            continue
        start = time.process_time()
        module = arch.to_torch(seed=0)
        fit(module, data, RECIPE, seed=0)
        module = module.float().eval()
        quantised = Quantised(module, torch.from_numpy(data["train_x"][:CALIBRATION]))
        trained = time.process_time() - start
        right = quantised.right(mixes_of(len(arch.cells), number), x, y)
        row = {
            "number": number,
            "architecture": arch.to_dict(),
            "images": len(x),
            "right": [["".join("-" if b is None else str(b) for b in mix), n]
                      for mix, n in right.items()],
            "cpu_seconds": [round(trained, 1), round(time.process_time() - start - trained, 1)],
        }  # fmt: skip
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(number, row["cpu_seconds"], flush=True)


if __name__ == "__main__":
    measure(Path(sys.argv[1]), Path(sys.argv[2]), int([*sys.argv, "24"][3]))
