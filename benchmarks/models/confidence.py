"""Whether networks chosen with confidence meet their budgets when measured.

    python -m benchmarks.models.confidence DATA [--networks 2000] [--draws 200] [--seed 1]

For each shipped device of NAS-Bench-201: of networks that its target was not fitted to, drawn anew
each time, the most accurate one is taken whose predicted latency is within a budget, and the most
accurate one of which the upper end of the interval is. Said is in how many draws the *measured*
latency is within the budget, and what accuracy that costs. Budgets are measured latencies from the
10th to the 90th per cent of a draw.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "calibration"))
from devices import DEVICES, read, sample
from fit_devices import DRAWN, SEED

import flash
from flash.spaces.network_space import network_space

if TYPE_CHECKING:
    from typing import Any

POOL = 200  # networks of a draw
LEVELS = (0.5, 0.8, 0.9)


def judged(data: str, count: int, draws: int, seed: int) -> list[dict[str, Any]]:
    """Return a line for each device and level: the shares within budget, and the accuracies."""
    records = read(data)
    used = {r["arch_idx"] for r in sample(records, DRAWN, SEED)}
    chosen = sample([r for r in records if r["arch_idx"] not in used], count, seed)
    space = network_space("nas-bench-201")
    nets = [space.decode(r["arch_str"]) for r in chosen]
    accuracy = np.array([float(r["acc_cifar10"]) for r in chosen])
    lines: list[dict[str, Any]] = []
    for name, device in DEVICES.items():
        target = flash.Target.load(name)
        measured = np.array([float(r[device.column]) for r in chosen])
        said = np.array([target.cost(net).latency_ms for net in nets])
        for level in LEVELS:
            upper = np.array([target.interval(net, level)["latency_ms"][1] for net in nets])
            rng = np.random.default_rng(seed)
            within: dict[str, list[bool]] = {"plain": [], "confident": []}
            lost: list[float] = []
            for _ in range(draws):
                pool = rng.choice(len(nets), POOL, replace=False)
                budget = np.quantile(measured[pool], rng.uniform(0.1, 0.9))
                best = []
                for ends, kind in ((said, "plain"), (upper, "confident")):
                    fits = pool[ends[pool] <= budget]
                    if not len(fits):
                        continue
                    one = fits[np.argmax(accuracy[fits])]
                    within[kind].append(bool(measured[one] <= budget))
                    best.append(accuracy[one])
                if len(best) == 2:
                    lost.append(best[0] - best[1])
            lines.append(
                {
                    "name": name,
                    "level": level,
                    "answers": len(within["confident"]),
                    "within": 100 * float(np.mean(within["confident"])),
                    "within_plain": 100 * float(np.mean(within["plain"])),
                    "accuracy_lost": float(np.mean(lost)),
                }
            )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Answers with confidence, when measured.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/, accuracy/")
    parser.add_argument("--networks", type=int, default=2000, help="how many to draw from (2000)")
    parser.add_argument("--draws", type=int, default=200, help="budgets (200)")
    parser.add_argument("--seed", type=int, default=1, help="which of them (1)")
    args = parser.parse_args()
    print("device, level: answers, within the budget (without confidence), accuracy lost in points")
    for line in judged(args.data, args.networks, args.draws, args.seed):
        print(
            f"{line['name']}, {line['level']:g}: {line['answers']}, {line['within']:.0f} % "
            f"({line['within_plain']:.0f} %), {line['accuracy_lost']:.2f}"
        )


if __name__ == "__main__":
    main()
