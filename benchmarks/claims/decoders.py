"""The budgeted choice of blocks of a decoder from a table of scores, beside HiGHS.

    python -m benchmarks.claims.decoders [--seeds 3] [--json FILE]

Parents of 34 and 82 groups, 30 and 45 options a layer, two and three budgets; the scores are drawn,
the costs are those of a roofline (150 TFLOP/s, 600 GB/s) and of the config. HiGHS by scipy, gap 0,
one thread, at most 20 s; processor time of `flash.choose` and of `scipy.optimize.milp`, models made
before."""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

import flash

PARENTS = ("llama-3.1-8b", "llama-3.1-70b")
WIDTHS = {30: (1.0, 0.75, 0.5, 0.25, 0.1), 45: (1.0, 0.87, 0.75, 0.5, 0.3, 0.25, 0.2, 0.1)}
LIMIT_S = 20.0


def roofline(layer: flash.Layer) -> float:
    """Milliseconds of a layer on an accelerator of 150 TFLOP/s and 600 GB/s."""
    moved = layer.bytes_read + layer.bytes_written
    return 1e3 * max(2 * layer.macs / 150e12, moved / 600e9)


def scores(problem: Any, seed: int) -> list[dict[str, Any]]:
    """Draw a loss for each option: the more, the less is left of the layer."""
    rng = random.Random(seed)
    rows = []
    for group in problem.groups:
        options = problem.options(group)
        if len(options) < 2:
            continue
        whole = _number("ffn_width", options[0])
        heads, width = rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.5)
        for option in options:
            kept, left = _number("kv_heads", option), _number("ffn_width", option)
            loss = 0.05 * heads * (1 - (kept / 8) ** 0.5)
            loss += 0.1 * width * (1 - (left / whole) ** 0.5)
            loss *= rng.uniform(0.9, 1.1)
            rows.append({"layer": group, "option": option, "loss": round(loss, 6)})
    return rows


def _number(name: str, option: str) -> int:
    found = re.search(rf"{name} (\d+)", option)
    return int(found[1]) if found else 0


def limits(problem: Any, count: int) -> list[tuple[tuple[str, ...], float]]:
    """Return budgets: metrics that are added, and what they are at most."""
    starts = problem._start[:-1]

    def whole(name: str) -> float:
        return float(sum(problem.values(name)[k] for k in starts))

    if count == 2:
        both = ("weights_kib", "cache_kib")
        return [
            (("latency_ms",), 0.7 * whole("latency_ms")),
            (both, 0.65 * sum(map(whole, both))),
        ]
    return [
        (("latency_ms",), 0.7 * whole("latency_ms")),
        (("weights_kib",), 0.65 * whole("weights_kib")),
        (("cache_kib",), 0.5 * whole("cache_kib")),
    ]


def solve(problem: Any, count: int) -> dict[str, Any]:
    """Solve one problem by both."""
    asked = limits(problem, count)
    where = [f"{' + '.join(names)} <= {limit}" for names, limit in asked]
    began, clock = process_time(), perf_counter()
    found = flash.choose(problem, minimize="loss", where=where)
    took, wall = process_time() - began, perf_counter() - clock
    starts = problem._start
    n = int(starts[-1])
    group = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    each = csr_matrix((np.ones(n), (group, np.arange(n))))
    sums = np.array([sum(problem.values(name) for name in names) for names, _ in asked])
    most = np.array([limit for _, limit in asked])
    constraints = [LinearConstraint(each, 1, 1), LinearConstraint(sums, -np.inf, most)]
    began, clock = process_time(), perf_counter()
    other = milp(
        problem.values("loss"), integrality=np.ones(n), bounds=Bounds(0, 1),
        constraints=constraints, options={"mip_rel_gap": 0, "time_limit": LIMIT_S},
    )  # fmt: skip
    highs, highs_wall = process_time() - began, perf_counter() - clock
    return {
        "budgets": count,
        "flash_s": took,
        "flash_wall_s": wall,
        "proven": found.proven,
        "loss": found.objective,
        "highs_s": highs,
        "highs_wall_s": highs_wall,
        "highs_proven": other.status == 0,
        "highs_loss": None if other.fun is None else float(other.fun),
    }


def measure(seeds: int) -> list[dict[str, Any]]:
    """Solve all problems."""
    device = flash.LayerTarget(roofline, name="roofline")
    rows = []
    for name in PARENTS:
        for options, widths in WIDTHS.items():
            space = flash.Decoder(name, sequence=1024, context=8192, sequences=8, ffn=widths)
            drawn = space.choices(device)
            for seed in range(1, seeds + 1):
                problem = space.choices(device, scores=scores(drawn, seed))
                for count in (2, 3):
                    row = solve(problem, count)
                    row |= {"parent": name, "options": options, "seed": seed}
                    row["groups"] = len(problem.groups)
                    rows.append(row)
                    print(json.dumps(row), flush=True)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    rows = measure(args.seeds)
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
