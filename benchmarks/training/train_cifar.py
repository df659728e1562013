"""Train the networks of the 25-sample experiment on small CIFAR-10 images, one core.

    python -m benchmarks.training.train_cifar FOLDER results.jsonl

FOLDER holds ``cifar10_jpeg.npz`` (jpeg, offsets, labels, split). Each finished network is one line
of results.jsonl; started again, the script goes on where it stopped. The setting is `SETTING` and
`RECIPE`: images reduced to 10 x 10 pixels by area, 5000 for training and 5000 for judging, the same
for all, 4 epochs. Every `REPEAT_EVERY`-th of the first networks is trained under three seeds, which
gives the noise.
"""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from flash.training.loop import Recipe, fit

from .design import RESOLUTION, deep_networks, networks

SETTING = {"resolution": RESOLUTION, "train_images": 5000, "test_images": 5000, "data_seed": 0}
RECIPE = Recipe(epochs=4, batch_size=64, learning_rate=0.1, augment="flip", precision="bfloat16")
NETWORKS = 80
REPEAT_EVERY = 5
REPEATED = 8
DEEP_NETWORKS = 16
DEEP_FROM, DEEP_EVERY = 40, 2  # a deep network after every second one from the 40th on


def images(folder: Path) -> dict[str, Any]:
    """Return the experiment's images, reduced and normalised by the training images' statistics."""
    import torch

    from flash.base.extras import require

    require("reading the images", "bench", "PIL.Image")
    from PIL import Image

    with np.load(folder / "cifar10_jpeg.npz") as file:
        jpeg, offsets = file["jpeg"], file["offsets"]
        labels, split = file["labels"].astype(np.int64), file["split"]
    draw = np.random.default_rng(SETTING["data_seed"])
    train = draw.permutation(np.flatnonzero(split == 0))[: SETTING["train_images"]]
    test = draw.permutation(np.flatnonzero(split == 1))[: SETTING["test_images"]]

    def decoded(rows: Any) -> Any:
        whole = np.stack(
            [
                np.asarray(Image.open(io.BytesIO(jpeg[offsets[i] : offsets[i + 1]].tobytes())))
                for i in rows
            ]
        )
        tensor = torch.from_numpy(whole).permute(0, 3, 1, 2).float()
        side = SETTING["resolution"]
        return torch.nn.functional.interpolate(tensor, size=(side, side), mode="area").numpy()

    x, judged = decoded(train), decoded(test)
    mean = x.mean(axis=(0, 2, 3), keepdims=True)
    deviation = x.std(axis=(0, 2, 3), keepdims=True)
    return {
        "train_x": np.ascontiguousarray((x - mean) / deviation, dtype=np.float32),
        "train_y": labels[train],
        "test_x": np.ascontiguousarray((judged - mean) / deviation, dtype=np.float32),
        "test_y": labels[test],
    }


def jobs() -> list[tuple[int, int]]:
    """Return (number of network, seed) in the order of training."""
    result = []
    for number in range(NETWORKS):
        result.append((number, 0))
        if number % REPEAT_EVERY == 0 and number < REPEAT_EVERY * REPEATED:
            result += [(number, 1), (number, 2)]
        deep, rest = divmod(number - DEEP_FROM, DEEP_EVERY)
        if rest == 0 and 0 <= deep < DEEP_NETWORKS:
            result.append((NETWORKS + deep, 0))
    return result


def main() -> None:
    """Train what the results lack."""
    import torch

    torch.set_num_threads(1)
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    lines = out.read_text().splitlines() if out.exists() else []
    done = {(one["number"], one["seed"]) for one in map(json.loads, lines)}
    chosen = networks(NETWORKS) + deep_networks(DEEP_NETWORKS)
    data = images(folder)
    for number, seed in jobs():
        if (number, seed) in done:
            continue
        arch, start = chosen[number], time.process_time()
        found = fit(arch.to_torch(seed=seed), data, RECIPE, seed=seed)
        row = {
            "number": number,
            "seed": seed,
            "accuracy": found["accuracy"],
            "loss": found["loss"],
            "train_loss": found["train_loss"],
            "cpu_seconds": round(time.process_time() - start, 2),
            "architecture": arch.to_dict(),
        }
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
