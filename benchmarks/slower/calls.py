"""Times calls of the build that is first on the path, as its standard input asks.

Run by `benchmarks.slower.check`, once for each build, with ``-P`` and the build's folder as
PYTHONPATH. The first line of the output is JSON: where flash was found, and for each call why it
can't be timed (null where it can). Then for each line "name" of the input one line follows: the
processor seconds of one call, the mean of as many as take about `LEAST_S`.

Only what users call is called, so that older builds can be asked too.
"""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import flash

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LEAST_S = 0.02
BUDGETS = 5  # of the twenty of a case
HERE = Path(__file__).resolve().parents[1]
DRAWN = HERE / "common" / "budgets.json"
PUBLISHED = HERE.parent / "tests" / "data" / "accuracies" / "nas_bench_macro.csv"
PRODUCT = {"accuracy": 1.0, "latency_ms": -0.7, "energy_mj": -0.3, "area_mm2": -0.2}
FRESH = (
    "import flash; assert flash.search('densenet', 'rram', max_latency_ms=4.0, max_energy_mj=0.04, "
    "max_area_mm2=70.0).proven"
)


def _searches(case: str, space: Any, target: str, **more: Any) -> Callable[[], Any]:
    """Return a call that searches under each of some drawn budgets."""
    each = json.loads(DRAWN.read_text())[f"budgets: {case}"]["drawn"]["each"][:BUDGETS]
    given = [{f"max_{cost}": value for cost, value in budgets.items()} for budgets in each]

    def call() -> None:
        for budgets in given:
            flash.search(space, target, **budgets, **more)

    return call


def _published() -> Any:
    """Return a predictor fitted on 25 published networks."""
    sys.path.insert(0, str(HERE.parent))  # flash is here already: only what stands beside it
    from benchmarks.models.networks import nas_bench_macro

    lines = PUBLISHED.read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))[:25]
    networks = [nas_bench_macro(row["arch"]) for row in rows]
    return flash.AccuracyPredictor.fit(networks, [float(row["accuracy"]) / 100 for row in rows])


def _evaluate() -> Callable[[], Any]:
    space = flash.DenseNet()
    rows = space.sample_indices(20_000, seed=1)
    return lambda: flash.evaluate(space, "rram", rows)


def _choose() -> Callable[[], Any]:
    """Return a choice of 32 x 54 under three budgets, drawn: what is lost falls as costs grow."""
    draw = random.Random(7)
    sizes = [sorted(draw.random() for _ in range(54)) for _ in range(32)]
    lost = [[round(1e4 * (1.0 - s) * draw.uniform(0.8, 1.2)) for s in row] for row in sizes]
    table: dict[str, Any] = {"value": lost}
    where = []
    for k in range(3):
        costs = [[round(1e4 * s * draw.uniform(0.7, 1.3)) for s in row] for row in sizes]
        table[f"cost_{k}"] = costs
        where.append(f"cost_{k} <= {sum(sum(row) / len(row) for row in costs):.0f}")

    def call() -> None:
        problem = flash.ChoiceProblem.from_arrays(table)
        assert flash.choose(problem, minimize="value", where=where).proven

    return call


def _fresh() -> None:
    subprocess.run([sys.executable, "-P", "-c", FRESH], check=True)


def makers() -> dict[str, Callable[[], Callable[[], Any]]]:
    """Return what makes each call ready, by the call's name."""
    mobile = "mobilenet-v2"
    return {
        "fresh process with a search": lambda: _fresh,
        "densenet x rram": partial(_searches, "densenet x rram", "densenet", "rram"),
        "densenet x rram, default predictor": partial(
            _searches, "densenet x rram", "densenet", "rram", predictor="default"
        ),
        "densenet of 5 cells x rram": lambda: _searches(
            "densenet of 5 cells x rram", flash.DenseNet(cells=5), "rram"
        ),
        "mobilenet-v2 x rram": partial(_searches, f"{mobile} x rram", mobile, "rram"),
        "mobilenet-v2 x cpu-x86": partial(_searches, f"{mobile} x cpu-x86", mobile, "cpu-x86"),
        "mobilenet-v2 x rram, fitted predictor": lambda: _searches(
            f"{mobile} x rram", mobile, "rram", predictor=_published()
        ),
        "weighted product": lambda: partial(flash.search, "densenet", "rram", objective=PRODUCT),
        "front of two objectives": lambda: partial(
            flash.pareto, "densenet", "rram", ["accuracy", "latency_ms"]
        ),
        "co-design": lambda: partial(
            flash.search, "resnet", "fpga-zu3eg", codesign=True, max_latency_ms=5.0
        ),
        "evaluate 20,000 rows": _evaluate,
        "sweep of 200,000": lambda: partial(
            flash.sweep, "densenet", "rram", sample=200_000, max_latency_ms=2.0, top=10
        ),
        "choose, 32 x 54, 3 budgets": _choose,
    }


def used() -> float:
    """Return the processor seconds of this process and of all that it waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


def took(call: Callable[[], Any], times: int) -> float:
    """Return the mean processor seconds of some calls in a row."""
    start = used()
    for _ in range(times):
        call()
    return (used() - start) / times


def serve(names: list[str]) -> None:
    """Make the calls ready, tell which are, and time what is asked for until the input ends."""
    ready: dict[str, tuple[Callable[[], Any], int]] = {}
    told: dict[str, str | None] = {}
    every = makers()
    for name in names:
        try:
            call = every[name]()
            call()
        # of a build that hasn't got it; any other fault of a call is told in the same way
        except Exception as error:
            told[name] = f"{type(error).__name__}: {error}"
            continue
        told[name] = None
        ready[name] = call, max(1, round(LEAST_S / max(took(call, 1), 1e-6)))
    print(json.dumps({"flash": flash.__file__, "calls": told}), flush=True)
    for line in sys.stdin:
        print(took(*ready[line.strip()]), flush=True)


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    serve(sys.argv[1:] or list(makers()))
