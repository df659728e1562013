"""Fit the predictor that ships as ``predictor="default"`` for densenet spaces.

    python -m benchmarks.training.fit_default [results.json] [densenet.json]

It is fitted on all trainings of the shipped table. The networks enter at 32 x 32 pixels, the size
of the default space: a prediction is the accuracy of the network of these cells in the small
setting of the experiment, not what it reaches on CIFAR-10 itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

import flash

from .judge import RESULTS, load, noise

SHIPPED = Path(flash.__file__).parent / "data" / "predictors" / "densenet.json"


def main() -> None:
    """Fit and write."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    networks, accuracies = load(source)
    fitted = [net for net, own in zip(networks, accuracies, strict=True) for _ in own]
    predictor = flash.AccuracyPredictor.fit(
        [net.replace(resolution=32) for net in fitted],
        [one for own in accuracies for one in own],
        kind="topology",
        provenance={
            "networks": len(networks),
            "trainings": len(fitted),
            "seed_noise": round(noise(accuracies), 4),
            "accuracies": np.quantile([own[0] for own in accuracies], [0, 1]).tolist(),
            "data": json.loads(source.read_text())["provenance"],
            "fitted_by": "benchmarks/training/fit_default.py, the networks taken as of 32 x 32",
            "meaning": "accuracy after 4 epochs on 5000 images of 10 x 10 pixels: it ranks "
            "networks, and says nothing of their accuracy after a full training",
            "only_ranks": "its networks were trained for 4 epochs on 5000 images of 10 x 10 "
            "pixels, which says nothing of the accuracy after a full training",
            "licence": "MIT",
        },
    ).replace(trained=())  # their accuracies are those of that setting: none to be named
    print(predictor.report)
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else SHIPPED
    target.parent.mkdir(exist_ok=True)
    predictor.to_json(target)


if __name__ == "__main__":
    main()
