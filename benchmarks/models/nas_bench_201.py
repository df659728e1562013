"""How near the shipped devices come to NAS-Bench-201's latencies, through the public space.

    python -m benchmarks.models.nas_bench_201 DATA [--networks 2000] [--seed 1] [--json FILE]

Each network is what ``flash``'s space "nas-bench-201" gives for its ``arch_str``, charged by the
shipped target as it is. Judged are networks that the target was not fitted to (the others of
`benchmarks/calibration/fit_devices.py`), without the near-empty ones, in which nothing of the image
reaches the end. Beside the mean absolute relative error stands its goal, and Spearman's rank
correlation.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1] / "calibration"))
from devices import DEVICES, read, sample
from fit_devices import DRAWN, SEED

import flash
from flash.spaces.network_space import network_space

GOALS = {
    "raspberry-pi-4": 12.0,
    "gtx-1080ti": 3.0,
    "xeon-gold-6240": 9.0,
    "xeon-silver-4114": 9.0,
}


def judged(data: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Return a line for each device: networks judged, error in percent, goal, rank."""
    records = read(data)
    used = {r["arch_idx"] for r in sample(records, DRAWN, SEED)}
    chosen = sample([r for r in records if r["arch_idx"] not in used], count, seed)
    space = network_space("nas-bench-201")
    nets = [space.decode(r["arch_str"]) for r in chosen]
    lines: list[dict[str, Any]] = []
    for name, device in DEVICES.items():
        target = flash.Target.load(name)
        measured = np.array([float(r[device.column]) for r in chosen])
        predicted = np.array([target.cost(net).latency_ms for net in nets])
        lines.append(
            {
                "name": name,
                "networks": len(nets),
                "mape": float(100 * np.abs(predicted / measured - 1).mean()),
                "goal": GOALS.get(name),
                "rank": float(spearmanr(predicted, measured)[0]),
            }
        )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Shipped devices on NAS-Bench-201.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/, accuracy/")
    parser.add_argument("--networks", type=int, default=2000, help="how many to judge (2000)")
    parser.add_argument("--seed", type=int, default=1, help="which of them (1)")
    parser.add_argument("--json", metavar="FILE", help="write the figures, too")
    args = parser.parse_args()
    found = judged(args.data, args.networks, args.seed)
    for line in found:
        numbers = {k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}
        print(", ".join(f"{k} {v}" if k != "name" else str(v) for k, v in numbers.items()))
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
