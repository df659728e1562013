"""A mesh of tiles: packets' latency beside BookSim's own runs, and searches on it.

The model's three numbers are fitted to all side lengths but one, and judged on that one; so for
each. Errors are those of runs that BookSim calls stable: of all of them, of those that are not next
to saturation (the next higher rate of the same curve is stable too, and the latency is less than
twice that of no load), and by traffic. Searches: the whole call, tables and proof with it,
processor time, the least of many.

    python -m benchmarks.claims.mesh FOLDER [--json out.json]

FOLDER holds hardware/booksim_mesh.csv.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flash
from benchmarks.common.files import write_json
from benchmarks.common.timing import by_both_clocks
from flash._core.search.exact import Query, Search
from flash._core.search.shgo import explore
from flash.base.names import Metric
from flash.hardware import mesh
from flash.problem.compiling import compile_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main", "searches"]

TARGET = "rram-mesh"
KEPT = Path(__file__).with_name("mesh.json")
RUNS = 30
NEAR = 2.0  # times the latency without load
WIDTHS = [[16, 32, 48], [32, 64, 96], [64, 128, 192]]
NARROW = [[16, 24, 32], [32, 48], [32, 64]]


def spaces() -> dict[str, tuple[Any, tuple[float, ...]]]:
    """Return the spaces searched, with their budgets in milliseconds."""
    return {
        "densenet": (flash.DenseNet(), (3.0, 6.0, 12.0)),
        "resnet": (flash.ResNet(), (1.0, 2.0, 4.0)),
        "wide-resnet": (flash.WideResNet(), (1.0, 2.0, 4.0)),
        "mobilenet-v2": (flash.MobileNetV2(), (1.0, 3.0, 6.0)),
        "resnet, free widths": (flash.ResNet(widths=WIDTHS), (1.0, 2.0, 4.0)),
        "densenet, free widths": (flash.DenseNet(widths=NARROW), (2.0, 4.0, 8.0)),
    }


def read(path: Path) -> list[dict[str, Any]]:
    """Return the stable runs, and of each whether it is next to saturation."""
    with path.open(encoding="utf-8") as file:
        rows: list[dict[str, Any]] = [
            {
                "side": int(row["k"]),
                "traffic": row["traffic"],
                "rate": float(row["injection_rate_pkt_per_node_cycle"]),
                "flits": int(row["packet_size_flits"]),
                "latency": float(row["pkt_latency_avg"]) if row["unstable"] == "False" else None,
            }
            for row in csv.DictReader(file)
        ]
    for row in rows:
        same = [
            one
            for one in rows
            if all(one[key] == row[key] for key in ("side", "traffic", "flits"))
            and one["rate"] > row["rate"]
        ]
        after = min(same, key=lambda one: float(one["rate"]), default=None)
        alone = mesh.packet_latency(row["side"], row["traffic"], 0.0, row["flits"])
        row["near"] = (after is not None and after["latency"] is None) or (
            row["latency"] is not None and row["latency"] > NEAR * alone
        )
    return [row for row in rows if row["latency"] is not None]


def predicted(row: dict[str, Any], found: Sequence[float]) -> float:
    """Return the model's latency of a run."""
    link, exit_, share = found
    return mesh.packet_latency(
        *(row["side"], row["traffic"], row["rate"], row["flits"]),
        link=link,
        exit_=exit_,
        share=share,
    )


def fitted(rows: list[dict[str, Any]]) -> list[float]:
    """Return link, exit and share of the least errors; as benchmarks/calibration/fit_mesh.py."""
    from scipy.optimize import least_squares

    def off(x: Any) -> list[float]:
        return [math.log(predicted(row, x) / row["latency"]) for row in rows]

    start, ends = (1.6, 1.2, 0.7), ([0.0, 0.0, 0.0], [4.0, 4.0, 2.0])
    found = least_squares(off, start, bounds=ends, loss="soft_l1", f_scale=0.02)
    return [float(one) for one in found.x]


def told(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the errors of some runs."""
    off = sorted(abs(row["error"]) for row in rows)
    return {
        "runs": len(off),
        "mean": statistics.fmean(off),
        "median": statistics.median(off),
        "over": sum(one > 0.05 for one in off),
        "most": off[-1],
    }


def packets(path: Path) -> dict[str, Any]:
    """Return errors on side lengths that were left out of the fit."""
    rows = read(path)
    for side in sorted({row["side"] for row in rows}):
        found = fitted([row for row in rows if row["side"] != side])
        for row in rows:
            if row["side"] == side:
                row["error"] = predicted(row, found) / row["latency"] - 1.0
        print(f"side {side}: fitted to the others {found}", flush=True)
    light = [row for row in rows if not row["near"]]
    result = {
        "all": told(rows),
        "light": told(light),
        "by_traffic": {
            name: told([row for row in light if row["traffic"] == name]) for name in mesh.TRAFFICS
        },
        "by_side": {
            str(side): told([row for row in light if row["side"] == side])
            for side in sorted({row["side"] for row in rows})
        },
        "missed": [
            {key: row[key] for key in ("side", "traffic", "rate", "flits", "latency", "error")}
            for row in light
            if abs(row["error"]) > 0.05
        ],
    }
    print(json.dumps({key: result[key] for key in ("all", "light")}))
    return result


def least_ms(call: Callable[[], Any], name: str) -> dict[str, float]:
    """Return the least processor time of a call, and by the clock."""
    (took,) = by_both_clocks([call], RUNS, warm=1)
    return {name: 1e3 * min(took.cpu), f"{name}_wall": 1e3 * min(took.wall)}


def nodes_of(space: Any, budget: float) -> int:
    """Return the nodes of the proof, after the coarse search that a search starts with."""
    problem = compile_problem(space, flash.Target.load(TARGET))
    maximum = [math.inf] * 6
    maximum[Metric.LATENCY] = budget
    core = Search(problem.tables, Query(maximum))
    explore(core, 0)
    core.prove()
    nodes, *_ = core.counts
    return int(nodes)


def searches() -> list[dict[str, Any]]:
    """Return what searches take: on the mesh, and for comparison on the bus."""
    found = []
    for name, (space, budgets) in spaces().items():
        for budget in budgets:
            result = flash.search(space, TARGET, max_latency_ms=budget)
            assert result.architecture is not None
            again = flash.Target.load(TARGET).cost(result.architecture)
            line = {
                "space": name,
                "budget": budget,
                "networks": space.size,
                "status": str(result.status),
                "proven": bool(result.proven),
                "same": again.latency_ms == result.latency_ms,
                "nn_degree": result.nn_degree,
                "latency_ms": result.latency_ms,
                "evaluations": result.nfev,
                "nodes": nodes_of(space, budget),
                **least_ms(partial(flash.search, space, TARGET, max_latency_ms=budget), "ms"),
                **least_ms(partial(flash.search, space, "rram", max_latency_ms=budget), "bus_ms"),
            }
            found.append(line)
            print(json.dumps(line), flush=True)
    return found


def main() -> None:
    """Measure and leave what was measured."""
    parser = argparse.ArgumentParser(description="Judge the mesh of tiles.")
    parser.add_argument("data", help="folder of the measured data")
    parser.add_argument("--json", default=str(KEPT), help="where to write to")
    args = parser.parse_args()
    result = {
        "packets": packets(Path(args.data) / "hardware" / "booksim_mesh.csv"),
        "searches": searches(),
    }
    write_json(Path(args.json), result)


if __name__ == "__main__":
    main()
