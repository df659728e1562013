"""Network and accelerator together: what docs/howto/codesign.md claims, measured.

    python -m benchmarks.claims.codesign [--data FOLDER] [--quick]

writes codesign.json, from which `benchmarks.report` makes its section. FOLDER holds
``hardware/scalesim_layers.csv.gz`` (runs of SCALE-Sim 3, MIT); without it the comparison with
SCALE-Sim keeps what was measured before, or is said to be missing.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import statistics
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

import flash
from benchmarks.common.files import write_json
from flash._core.search.exact import Query
from flash.codesign.joint import Codesign, joint_size
from flash.hardware import Target
from flash.methods._design_ip import least_latency
from flash.methods.hao import (
    OPTIONS,
    AcceleratorGround,
    _networks,
    _subgraphs,
    _with_bits,
    front_of,
)
from flash.networks.network import Layer, Network
from flash.problem.compiling import as_space

KEPT = Path(__file__).with_name("codesign.json")
INF = float("inf")
BUDGETS = 20
CASES = (
    ("densenet", "fpga-zu3eg"),
    ("resnet", "fpga-zu3eg"),
    ("mobilenet-v2", "fpga-zu3eg"),
    ("densenet", "fpga-zu9eg"),
    ("mobilenet-v2", "fpga-zu9eg"),
    ("densenet", "rram"),
    ("densenet", "systolic-128"),
    ("densenet", "systolic-dram"),
)
LARGE = (5, 10, 20, 50, 100, 200, 300)  # options of each of three parts


def latencies(family: str, name: str) -> list[float]:
    """Return 20 budgets, from a fortieth to half of what the fixed accelerator's best takes."""
    base = flash.search(family, name).latency_ms or 1.0
    return [base * k / 40 for k in range(1, BUDGETS + 1)]


def integer_programs(quick: bool) -> dict[str, Any]:
    """HAO's integer program against enumeration: 200 small cases, and larger ones."""
    random = np.random.default_rng(0)
    equal, times = 0, []
    for _ in range(200):
        parts, resources = int(random.integers(1, 5)), int(random.integers(1, 4))
        case = random_case(random, [int(random.integers(1, 10)) for _ in range(parts)], resources)
        started = perf_counter()
        found = least_latency(*case)
        times.append(perf_counter() - started)
        equal += cost_of(case, found) == enumerated(*case)
    large = []
    for options in LARGE[: 4 if quick else None]:
        case = random_case(random, [options] * 3, 3)
        started = perf_counter()
        found = least_latency(*case)
        program = perf_counter() - started
        started = perf_counter()
        wanted = enumerated(*case)
        large.append(
            {
                "options": options,
                "combinations": options**3,
                "milp_s": program,
                "enumeration_s": perf_counter() - started,
                "equal": cost_of(case, found) == wanted,
            }
        )
    return {"cases": 200, "equal": equal, "median_s": statistics.median(times), "large": large}


def random_case(random: Any, sizes: list[int], resources: int) -> tuple[Any, Any, Any]:
    costs = [random.integers(1, 10_000, n).astype(float) for n in sizes]
    uses = [random.integers(0, 300, (n, resources)) for n in sizes]
    limits = random.integers(40, 150 * len(sizes) + 50, resources).tolist()
    return costs, uses, limits


def cost_of(case: tuple[Any, Any, Any], choice: tuple[int, ...] | None) -> float | None:
    if choice is None:
        return None
    return float(sum(c[k] for c, k in zip(case[0], choice, strict=True)))


def enumerated(costs: Any, uses: Any, limits: Any) -> float | None:
    """Look at all combinations, the last two parts at a time as arrays."""
    while len(costs) < 3:
        costs, uses = [np.zeros(1), *costs], [np.zeros((1, len(limits)), np.int64), *uses]
    if len(costs) > 3:  # join the first two
        joined = (costs[0][:, None] + costs[1][None]).ravel()
        taken = (uses[0][:, None] + uses[1][None]).reshape(-1, len(limits))
        return enumerated([joined, *costs[2:]], [taken, *uses[2:]], limits)
    tail = costs[1][:, None] + costs[2][None]
    tail_uses = uses[1][:, None] + uses[2][None]
    best = INF
    for cost, used in zip(costs[0], uses[0], strict=True):
        fits = (tail_uses <= np.array(limits) - used).all(axis=2)
        if fits.any():
            best = min(best, float(cost + tail[fits].min()))
    return best if best < INF else None


def proofs(quick: bool) -> list[dict[str, Any]]:
    """Proven co-design over 20 budgets: joint sizes and times."""
    out = []
    for family, name in CASES[: 2 if quick else None]:
        target, space = Target.load(name), as_space(family)
        design = target.design_space(family)
        seconds, cpu, proven, fit = [], [], 0, 0
        for budget in latencies(family, name):
            used_s = process_time()
            found = flash.search(
                space, target, codesign=True, max_latency_ms=budget, time_limit_s=30.0
            )
            cpu.append(process_time() - used_s)
            seconds.append(found.elapsed_s)
            proven += found.proven
            used = (found.accelerator or {"resources": {}})["resources"]
            fit += all(own <= most for own, most in used.values())
        out.append(
            {
                "family": family,
                "target": name,
                "accelerators": design.feasible,
                "candidates": len(design.candidates),
                "fit": fit,
                "joint": float(joint_size(space, design, design.feasible)),
                "proven": proven,
                "median_s": statistics.median(seconds),
                "median_cpu_s": statistics.median(cpu),
                "most_s": max(seconds),
                "most_cpu_s": max(cpu),
            }
        )
        print(out[-1], flush=True)
    return out


def gains(quick: bool) -> list[dict[str, Any]]:
    """Proven co-design against the one accelerator that is best over all budgets, with bits chosen
    too, and against the target's own at 8 bits."""
    out = []
    for family, name in CASES[: 2 if quick else None]:
        target, space = Target.load(name), as_space(family)
        design = target.design_space(family)
        columns = 1 | target.columns(family)
        budgets = latencies(family, name)
        best: list[Any] = []
        for budget in budgets:
            run = _run(space, design, budget, columns)
            best.append(run.best)
        wanted = [0.0 if one is None else one.objective for one in best]
        chosen = {one.choice for one in best if one is not None}
        fixed = {
            choice: [_objective(_run(space, design, b, columns, choice)) for b in budgets]
            for choice in design.candidates
        }
        top = max(fixed, key=lambda choice: sum(fixed[choice]))
        own = [flash.search(space, target, max_latency_ms=b).objective or 0.0 for b in budgets]
        out.append(
            {
                "family": family,
                "target": name,
                "accelerators": len(chosen),
                "of": len(fixed),
                "fixed": design.describe(top),
                "over_fixed": _ratios(wanted, fixed[top]),
                "over_own": _ratios(wanted, own),
            }
        )
        print(out[-1], flush=True)
    return out


def _run(space: Any, design: Any, budget: float, columns: int, choice: Any = None) -> Codesign:
    query = Query([INF, budget, INF, INF, INF, INF])
    if choice is not None:
        parts = [
            part.replace(
                options=(part.options[k],),
                uses=(part.uses[k],),
                better=None if part.better is None else (part.better[k],),
            )
            for part, k in zip(design.parts, choice, strict=True)
        ]
        design = design.replace(parts=tuple(parts))
    run = Codesign(space, design, None, query, columns, ends_at=perf_counter() + 30.0)
    run.run()
    return run


def _objective(run: Codesign) -> float:
    return 0.0 if run.best is None else run.best.objective


def _ratios(wanted: list[float], other: list[float]) -> dict[str, Any]:
    """Return how much better, over the budgets that both meet, and how many only one does."""
    ratios = [a / b - 1.0 for a, b in zip(wanted, other, strict=True) if a > 0.0 and b > 0.0]
    return {
        "median": statistics.median(ratios),
        "mean": statistics.fmean(ratios),
        "least": min(ratios),
        "most": max(ratios),
        "budgets": len(ratios),
        "only_codesign": sum(a > 0.0 and b <= 0.0 for a, b in zip(wanted, other, strict=True)),
    }


FRONTS = (
    ("resnet", "fpga-zu3eg", ("accuracy", "latency_ms")),
    ("densenet", "fpga-zu3eg", ("accuracy", "latency_ms")),
    ("mobilenet-v2", "fpga-zu3eg", ("accuracy", "latency_ms")),
    ("densenet", "systolic-dram", ("accuracy", "latency_ms")),
    ("densenet", "rram", ("accuracy", "latency_ms")),
    ("densenet", "rram", ("accuracy", "latency_ms", "energy_mj")),
)


def fronts(quick: bool) -> list[dict[str, Any]]:
    """Exact fronts, and HAO's sampled ones of score and latency against them."""
    out = []
    for family, name, objectives in FRONTS[: 1 if quick else None]:
        space, target = as_space(family), Target.load(name)
        used_s = process_time()
        exact = flash.pareto(space, target, objectives, codesign=True, time_limit_s=580.0)
        used_s = process_time() - used_s
        chosen: Any = exact.chosen
        row: dict[str, Any] = {
            "family": family,
            "target": name,
            "objectives": list(objectives),
            "accelerators": target.design_space(family).feasible,
            "exact_points": len(exact),
            "exact_accelerators": len(set(map(tuple, chosen.tolist()))),
            "exact_complete": exact.complete,
            "exact_s": exact.elapsed_s,
            "exact_cpu_s": used_s,
        }
        if name.startswith("fpga"):
            row |= _against(exact, space, target)
        out.append(row)
        print(row, flush=True)
    return out


def _against(exact: Any, space: Any, target: Target) -> dict[str, Any]:
    """HAO's sampled front, three times: how many points, seconds, and share of the volume."""
    seconds, shares, sizes = [], [], []
    reference = float(exact.latency_ms.max())
    whole = _volume(exact.values("accuracy"), exact.latency_ms, reference)
    for seed in range(3):
        started = perf_counter()
        scores, costs = _sampled(space, target, seed)
        seconds.append(perf_counter() - started)
        kept = front_of(scores, costs)
        sizes.append(len(kept))
        shares.append(_volume(scores[kept], costs[kept], reference) / whole)
    return {"hao_points": sizes, "hao_s": seconds, "hypervolume_share": shares}


def _sampled(space: Any, target: Target, seed: int) -> tuple[Any, Any]:
    """Return scores and latencies of what the method looks at, with its usual options."""

    class Draws:
        def __init__(self, ground: AcceleratorGround) -> None:
            self.ground, self.rng = ground, np.random.default_rng(seed)

        def draw(self, n: int) -> Any:
            return self.ground.draw(self.rng, n)

    ground = AcceleratorGround(space, target, None)
    draws: Any = Draws(ground)
    drawn = _subgraphs(draws, ground, OPTIONS["subgraphs"].default)
    first = _with_bits(draws, ground, drawn)
    metrics = ground.charge(first)[:2]
    kept = first[front_of(metrics[0], metrics[1])]
    networks = _networks(draws, ground, kept, OPTIONS["samples"].default)
    more = ground.charge(_with_bits(draws, ground, networks))[:2]
    both = np.concatenate([metrics, more], axis=1)
    return both[0], both[1]


def _volume(scores: Any, costs: Any, reference: float) -> float:
    """Return the area that a front dominates, up to a latency, above a score of 0."""
    order = np.argsort(costs)
    scores, costs = scores[order], np.minimum(costs[order], reference)
    widths = np.diff(np.append(costs, reference))
    return float((np.maximum.accumulate(scores) * widths).sum())


def scale_sim(folder: Path) -> list[dict[str, Any]]:
    """Cycles of chosen arrays against SCALE-Sim's rows."""
    design = Target.load("systolic-128").design_space("resnet")
    options = design.parts[0].options
    found: dict[tuple[int, str], list[float]] = {}
    with gzip.open(folder / "hardware" / "scalesim_layers.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            side, flow = int(row["array"]), row["dataflow"]
            k = options.index({"rows": side, "columns": side, "dataflow": flow})
            height, width, into = int(row["H"]), int(row["W"]), int(row["Cin"])
            groups = int(row["repeat_groups"])
            kernel, stride, pad = int(row["k"]), int(row["s"]), int(row["p"])
            layer = Layer(
                "conv", into, int(row["Cout"]), height, width, kernel, stride, groups, padding=pad
            )
            target = _target(design, k)
            cycles = target.cost(Network([layer], (into, height, width))).latency_ms * 1e6
            wanted = float(row["Total Cycles"]) * groups
            found.setdefault((side, flow), []).append(abs(cycles / wanted - 1.0))
    return [
        {"side": side, "dataflow": flow, "layers": len(errors), "mean": statistics.fmean(errors),
         "most": max(errors)}
        for (side, flow), errors in sorted(found.items())
    ]  # fmt: skip


_targets: dict[int, Target] = {}


def _target(design: Any, k: int) -> Target:
    if k not in _targets:
        _targets[k] = design.target_of((k,))
    return _targets[k]


def main() -> None:
    """Measure, and write the file section by section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="ilp,proofs,gains,fronts,scale_sim")
    args = parser.parse_args()
    told: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    work = {
        "ilp": lambda: integer_programs(args.quick),
        "proofs": lambda: proofs(args.quick),
        "gains": lambda: gains(args.quick),
        "fronts": lambda: fronts(args.quick),
        "scale_sim": lambda: scale_sim(args.data) if args.data else told.get("scale_sim"),
    }
    for name in args.only.split(","):
        told[name] = work[name]()
        print(name, "done", flush=True)
        write_json(KEPT, told)


if __name__ == "__main__":
    main()
