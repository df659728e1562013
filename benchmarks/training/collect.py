"""Make the shipped table of a run of `train_cifar`, with its provenance.

python -m benchmarks.training.collect results.jsonl [results.json]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from .judge import RESULTS
from .train_cifar import RECIPE, SETTING

PROVENANCE = (
    "Trained by benchmarks/training/train_cifar.py on CIFAR-10 images (Krizhevsky 2009; JPEG of "
    "quality 75) reduced to 10 x 10 pixels by area: 5000 of the training images, judged on 5000 of "
    "the test images. torch 2.13.0, one thread of an AMD EPYC (Zen 4), bfloat16 autocast, "
    "link_seed 0; weights and order of images by seed. cpu_s: processor seconds of a training."
)


def main() -> None:
    """Read the lines and write the table."""
    lines = [json.loads(one) for one in Path(sys.argv[1]).read_text().splitlines()]
    networks: dict[int, dict[str, Any]] = {}
    for line in sorted(lines, key=lambda one: (one["number"], one["seed"])):
        cells = line["architecture"]["cells"]
        row = networks.setdefault(
            line["number"],
            {
                "number": line["number"],
                "multiplier": cells[0]["width"] // 16,
                "depths": [cell["depth"] for cell in cells],
                "skips": [cell["skips"] for cell in cells],
                "trainings": [],
            },
        )
        row["trainings"].append(
            {
                "seed": line["seed"],
                "accuracy": line["accuracy"],
                "loss": round(line["loss"], 4),
                "cpu_s": line["cpu_seconds"],
            }
        )
    head = {
        "provenance": PROVENANCE,
        "resolution": SETTING["resolution"],
        "setting": SETTING,
        "recipe": RECIPE.to_dict(),
    }
    rows = ",\n".join("  " + json.dumps(row) for row in networks.values())
    body = json.dumps(head, indent=1)[:-2]
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else RESULTS
    target.write_text(f'{body},\n "networks": [\n{rows}\n ]\n}}\n')


if __name__ == "__main__":
    main()
