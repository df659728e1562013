"""How long do predictors take: fitted on 25 networks, asked of an imported one, and in a search
that proves the highest predicted accuracy? How long does costing an imported network take?"""

from __future__ import annotations

import csv
import json
import statistics
import warnings
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import pytest

import flash
from benchmarks.common.cases import CASES, MAIN, budgets_of, keywords
from benchmarks.common.files import ACCURACIES
from benchmarks.common.timing import Took, by_both_clocks
from benchmarks.models import networks

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

N_FIT = 25
GIVE_UP_S = 2.0
PUBLISHED = ACCURACIES / "nas_bench_macro.csv"
# the shipped predictor on the space that it was fitted for, and one fitted on published networks
SEARCHES = {
    MAIN: "shipped",
    "densenet x cpu-x86": "shipped",
    "mobilenet-v2 x cpu-x86": "NAS-Bench-Macro",
    "mobilenet-v2 x rram": "NAS-Bench-Macro",
}


def published() -> tuple[list[flash.Network], list[float]]:
    """Return 25 networks of NAS-Bench-Macro as read from a table, and their accuracies."""
    lines = PUBLISHED.read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))[:N_FIT]
    nets = [networks.nas_bench_macro(row["arch"]) for row in rows]
    return nets, [float(row["accuracy"]) / 100 for row in rows]


def again(net: flash.Network) -> flash.Network:
    """Return the same network as one that nothing is known of yet."""
    return flash.Network.from_dict(net.to_dict())


def fresh(nets: list[flash.Network], call: Any) -> Took:
    """Return the times of a call on each of some networks, never seen before."""
    took = Took([], [])
    for net in nets:
        new = again(net)
        start, used = perf_counter(), process_time()
        call(new)
        took.cpu.append(process_time() - used)
        took.wall.append(perf_counter() - start)
    return took


def warm(call: Callable[[], Any], rounds: int) -> Took:
    """Return the times of a call that was made before."""
    return by_both_clocks([call], rounds)[0]


def test_imported(benchmark: Any, quick: bool) -> None:
    nets, accuracies = published()
    target = flash.Target.load("cpu-x86")
    found = flash.AccuracyPredictor.fit(nets, accuracies)
    milliseconds = [target.cost(net).latency_ms for net in nets]
    rounds = 5 if quick else 25
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jobs = {
            "cost, the first of a network": fresh(nets, target.cost),
            "cost, again": warm(lambda: target.cost(nets[0]), 20 * rounds),
            "predict, the first of a network": fresh(nets, found.predict),
            "predict, again": warm(lambda: found.predict(nets[0]), 20 * rounds),
            "interval": warm(lambda: found.interval(nets[0]), 20 * rounds),
            "AccuracyPredictor.fit": warm(
                lambda: flash.AccuracyPredictor.fit(nets, accuracies), rounds
            ),
            "flash.calibrate": warm(
                lambda: flash.calibrate("cpu-x86", nets, latency_ms=milliseconds), rounds
            ),
        }
    layers = statistics.median(len(net) for net in nets)
    benchmark.extra_info.update(
        kind="imported",
        seconds={job: statistics.median(took.wall) for job, took in jobs.items()},
        cpu_s={job: statistics.median(took.cpu) for job, took in jobs.items()},
        networks=len(nets),
        layers=layers,
    )
    benchmark.pedantic(lambda: target.cost(nets[0]), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("name", SEARCHES)
def test_search(benchmark: Any, name: str, quick: bool) -> None:
    case = CASES[name]
    space = case.space()
    predictor: Any = "default"
    if SEARCHES[name] != "shipped":
        predictor = flash.AccuracyPredictor.fit(*published())
    drawn = budgets_of(name, 3 if quick else 20)

    def search_with(budgets: dict[str, float]) -> Any:
        return flash.search(
            space, case.target, predictor=predictor, time_limit_s=GIVE_UP_S, **keywords(budgets)
        )

    rows = []
    for budgets in drawn.each:
        used = process_time()
        result = search_with(budgets)
        took = {"whole": result.elapsed_s, "whole_cpu": process_time() - used}
        if result.proven and result.elapsed_s < 0.1:
            calls = 3 if quick else 11
            took = warm(lambda b=budgets: search_with(b), calls).entries("whole")
        row = {**took, "proven": result.proven, "status": result.status}
        rows.append({**row, "accuracy": result.accuracy, "gap": result.gap, "budgets": budgets})
    benchmark.extra_info.update(
        kind="search",
        case=name,
        size=space.size,
        predictor=SEARCHES[name],
        limit_s=GIVE_UP_S,
        binding=drawn.binding,
        rows=json.loads(json.dumps(rows, default=float)),
    )
    benchmark.pedantic(search_with, (drawn.each[0],), rounds=1)
