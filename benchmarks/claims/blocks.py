"""Spaces of blocks: are costs those of the exported networks, and what does a search take?

On the space mobilenet-v3 (2.18e19 networks) and the target cpu-x86, and for searches on the table
of measured blocks of layer_table.json too:

- "costs": random networks are built as torch modules, written as ONNX and read back from both;
  latency and MACs of the tables are compared with `Target.cost` of what was read, and parameters
  (of modules: torch folds batch norms into the files that it writes), and the tables' peak memory
  with `Network.peak_memory_kib`. Equal means equal to the last bit.
- "compile": processor time from nothing to tables, of this space and of mcunet's 108 pairs of
  width multiplier and resolution; what the first search adds to it, which leaves equal rows out;
  and of a search of a space and a target that are made anew, and are equal to those compiled.
- "search": processor time (and wall time) of a whole call of `flash.search` once the space is
  compiled, under one, two and three budgets: quantiles of what 200 random networks take. By
  NN-Degree, and by a topology predictor fitted on 25 random networks whose accuracies are made up:
  they rise with depth and with MACs.
- "highs": the same problems by HiGHS to its proof, one binary for each row of a stage: all rows,
  or only those that no other betters in everything. A stage is one group of rows because its
  NN-Degree is no sum over its blocks: with 20 groups of blocks, and constraints for the depths,
  the objective is not linear.

    python -m benchmarks.claims.blocks [--networks 200] [--files 30] [--only costs] [--json out]

A part alone (costs, compile, search) is added to what the file holds.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import numpy as np

import flash
from benchmarks.common.files import write_json
from benchmarks.common.timing import by_both_clocks
from flash.base.names import Column
from flash.problem.blocks import compile_blocks, peaks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TARGET = "cpu-x86"
BLOCKS = Path(__file__).with_name("layer_table.json")
QUANTILES = (0.1, 0.3, 0.5, 0.7)
REPEAT = 9
LIMIT_S = 60.0
BUDGETS = {"latency_ms": "max_latency_ms", "params": "max_params", "macs": "max_macs"}


def drawn(space: flash.BlockSpace, n: int, seed: int) -> list[flash.BlockNetwork]:
    rng = random.Random(seed)
    return [space.decode(rng.randrange(space.size)) for _ in range(n)]


def taken(call: Callable[[], Any], name: str, repeat: int = REPEAT) -> tuple[dict[str, float], Any]:
    """Return the median processor and wall time of a call, as `name`_s and `name`_wall_s, and what
    it gave."""
    found = call()
    (took,) = by_both_clocks([call], repeat, warm=0)
    times = {f"{name}_s": took.cpu, f"{name}_wall_s": took.wall}
    return {key: statistics.median(own) for key, own in times.items()}, found


def costs(space: flash.BlockSpace, target: flash.Target, n: int, files: int) -> dict[str, int]:
    """Return in how many of n random networks each way agrees with the tables."""
    nets = drawn(space, n, seed=11)
    table = flash.evaluate(space, target, [net.row for net in nets])
    equal = {"from_torch": 0, "from_onnx": 0, "peak_memory": 0, "networks": n, "files": files}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        for k, net in enumerate(nets):
            module = net.to_torch()
            latency, params, macs = (table[name][k] for name in ("latency_ms", "params", "macs"))
            read = flash.Network.from_torch(module, net.input_shape)
            told = (target.cost(read).latency_ms, read.params, read.macs)
            equal["from_torch"] += told == (latency, params, macs)
            variant, rows = space.numbering.rows_of(net.row)
            peaks = peaks_of(space, variant)
            peak = max(float(one[row]) for one, row in zip(peaks, rows, strict=True)) / 1024
            equal["peak_memory"] += read.peak_memory_kib == peak
            if k < files:  # torch folds batch norms when it writes: parameters are others
                net.to_onnx(path, module=module)
                read = flash.Network.from_onnx(path)
                equal["from_onnx"] += (target.cost(read).latency_ms, read.macs) == (latency, macs)
    return equal


def measured_blocks(space: flash.BlockSpace) -> flash.Target:
    """Return the target that is the table of measured blocks."""
    known = json.loads(BLOCKS.read_text())["blocks"]
    rows = [
        {"name": one.name, "layers": list(one.network.layers), "latency_ms": known[one.name]}
        for one in space.fragments()
    ]
    return flash.Target.from_layer_table(rows, name="measured blocks")


def compiled() -> dict[str, float]:
    """Return the processor time that tables take, from nothing."""
    from flash.problem import blocks
    from flash.spaces.blocks import fragments

    found = {}
    for name, make in (("mobilenet-v3", flash.MobileNetV3), ("mcunet", flash.MCUNet)):
        target = flash.Target.load(TARGET)
        target.model("")
        fragments._kept.clear()
        blocks._spaces.clear()
        start = process_time()
        problem = compile_blocks(make(), target)
        found[name] = process_time() - start
        start = process_time()
        rows = problem.searched.rows
        found[f"{name}, equal rows left out"] = process_time() - start
        found[f"{name}, rows"] = sum(map(sum, problem.tables.rows))
        found[f"{name}, rows left"] = sum(map(sum, rows))
    space, target = flash.MobileNetV3(), flash.Target.load(TARGET)
    flash.search(space, target, max_latency_ms=9.0)
    again = flash.Target.from_dict(target.to_dict())
    start = process_time()
    flash.search(flash.MobileNetV3(), again, max_latency_ms=9.0)
    found["mobilenet-v3, made anew: search"] = process_time() - start
    space, target = flash.MobileNetV3(), measured_blocks(flash.MobileNetV3())
    start = process_time()
    compile_blocks(space, target)
    found["mobilenet-v3 on measured blocks"] = process_time() - start
    return found


def made_up(nets: Sequence[flash.BlockNetwork]) -> list[float]:
    """Return accuracies that rise with depth and MACs."""
    return [0.5 + 0.004 * len(net.blocks) + 0.05 * float(np.log10(net.macs / 1e8)) for net in nets]


def budgets_of(space: flash.BlockSpace, target: flash.Target) -> list[dict[str, float]]:
    table = flash.evaluate(space, target, [net.row for net in drawn(space, 200, seed=12)])
    found = []
    for count in (1, 2, 3):
        for share in QUANTILES:
            some = list(BUDGETS.items())[:count]
            found.append({name: float(np.quantile(table[key], share)) for key, name in some})
    return found


class Linear:
    """A problem as a linear solver reads it: groups of rows, one to be chosen of each."""

    def __init__(self, problem: Any, budgets: dict[str, float], quantum: float) -> None:
        rows = problem.tables.rows[0]
        columns = {
            "max_latency_ms": (Column.LATENCY, quantum),
            "max_params": (Column.PARAMS, 1.0),
            "max_macs": (Column.MACS, 1.0),
        }

        def column(number: int) -> list[Any]:
            return [np.frombuffer(problem.tables.column(0, c, number)) for c in range(len(rows))]

        self.score = column(Column.SCORE)
        weights = []
        self.limits = []
        for name, budget in budgets.items():
            number, unit = columns[name]
            self.limits.append(float(np.floor(budget / unit)))
            weights.append(column(number))
        self.weights = [np.array(some) for some in zip(*weights, strict=True)]


def undominated(score: Any, weight: Any) -> Any:
    """Return the rows that no other betters in everything."""
    order = np.lexsort((*weight, -score))
    kept: list[int] = []
    for row in order.tolist():
        if not len(kept) or not (weight[:, kept] <= weight[:, [row]]).all(axis=0).any():
            kept.append(row)
    return np.array(kept)


def highs(score: list[Any], weights: list[Any], limits: list[float]) -> tuple[float, float | None]:
    """Return the processor time of a proof by HiGHS, and the best score; None: no proof."""
    import highspy

    start = process_time()
    sizes = [len(one) for one in score]
    count = sum(sizes)
    scale = max(float(np.abs(one).max()) for one in score)
    model: Any = highspy.Highs()
    model.silent()
    for name, value in (
        *(("threads", 1), ("mip_rel_gap", 0.0), ("mip_abs_gap", 0.0), ("time_limit", LIMIT_S)),
        *(("mip_feasibility_tolerance", 1e-9), ("primal_feasibility_tolerance", 1e-9)),
    ):
        model.setOptionValue(name, value)
    model.addVars(count, np.zeros(count), np.ones(count))
    model.changeColsIntegrality(
        count, np.arange(count), np.full(count, highspy.HighsVarType.kInteger, object)
    )
    model.changeColsCost(count, np.arange(count), -np.concatenate(score) / scale)
    first = 0
    for size in sizes:
        model.addRow(1.0, 1.0, size, np.arange(first, first + size), np.ones(size))
        first += size
    for k, limit in enumerate(limits):
        row = np.concatenate([one[k] for one in weights]) / limit
        model.addRow(-highspy.kHighsInf, 1.0, count, np.arange(count), row)
    model.run()
    spent = process_time() - start
    if model.getModelStatus() == highspy.HighsModelStatus.kOptimal:
        values = np.array(model.getSolution().col_value) > 0.5
        return spent, float(np.concatenate(score)[values].sum())
    return spent, None


def searches(space: flash.BlockSpace, target: flash.Target) -> list[dict[str, Any]]:
    nets = drawn(space, 25, seed=13)
    predictor = flash.AccuracyPredictor.fit([net.network() for net in nets], made_up(nets))
    problem = compile_blocks(space, target, None)
    quantum = target.model("").links["quantum"][1]
    found = []
    for budgets in budgets_of(space, target):
        spent, answer = taken(partial(flash.search, space, target, **budgets), "search")
        by, predicted = taken(
            partial(flash.search, space, target, predictor=predictor, **budgets), "by_predictor"
        )
        linear = Linear(problem, budgets, quantum)
        clock = perf_counter()
        every, best = highs(linear.score, linear.weights, linear.limits)
        every_wall = perf_counter() - clock
        start = process_time()
        kept = [undominated(s, w) for s, w in zip(linear.score, linear.weights, strict=True)]
        filtered = process_time() - start
        clock = perf_counter()
        few, again = highs(
            [s[k] for s, k in zip(linear.score, kept, strict=True)],
            [w[:, k] for w, k in zip(linear.weights, kept, strict=True)],
            linear.limits,
        )
        few_wall = perf_counter() - clock
        own = answer.nn_degree
        found.append(
            {
                "budgets": budgets,
                **spent,
                "proven": answer.proven,
                "nn_degree": own,
                **by,
                "proven_by_predictor": predicted.proven,
                "highs_s": every,
                "highs_wall_s": every_wall,
                "highs_nn_degree": None if best is None else best * 2.0**-36,
                "highs_of_undominated_s": few,
                "highs_of_undominated_wall_s": few_wall,
                "filter_s": filtered,
                "rows_undominated": [len(one) for one in kept],
                "highs_of_undominated_nn_degree": None if again is None else again * 2.0**-36,
            }
        )
        print(found[-1], flush=True)
    return found


def worst(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the longest times, and whether all is proven and as HiGHS has it."""
    times = ("search_s", "by_predictor_s", "highs_s", "highs_of_undominated_s")
    equal = [
        one["nn_degree"] == one["highs_nn_degree"] == one["highs_of_undominated_nn_degree"]
        for one in found
    ]
    return {
        **{
            name: [min(one[name] for one in found), max(one[name] for one in found)]
            for name in times
        },
        "proven": all(one["proven"] and one["proven_by_predictor"] for one in found),
        "as_highs": sum(equal),
        "problems": len(found),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--files", type=int, default=30, help="of them, written as ONNX")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", choices=("costs", "compile", "search"))
    given = parser.parse_args(arguments)
    space, target = flash.MobileNetV3(), flash.Target.load(TARGET)
    answer: dict[str, Any] = {}
    if given.only in (None, "compile"):
        answer["compile_s"] = compiled()
        print(answer["compile_s"], flush=True)
    if given.only in (None, "search"):
        answer["search"] = searches(space, target)
        print(json.dumps(worst(answer["search"])), flush=True)
        answer["search_measured_blocks"] = searches(space, measured_blocks(space))
        print(json.dumps(worst(answer["search_measured_blocks"])), flush=True)
    if given.only in (None, "costs"):
        answer["equal"] = costs(space, target, given.networks, given.files)
        print(answer["equal"], flush=True)
    if given.json is not None:
        known = json.loads(given.json.read_text()) if given.json.exists() else {}
        write_json(given.json, {**known, **answer})
    return 0


if __name__ == "__main__":
    sys.exit(main())
