"""What issue 3 requires of models, as figures: targets, predictors, intervals."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.common import MAIN, PREDICTED
from benchmarks.report_models import OWN, PI_RANK, RANK_GOALS, SETS, beyond, covered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Line = tuple[str, str, str | None, bool | None]  # claim, required, measured, whether it holds

METRICS = ("area", "energy", "latency")
RRAM = {
    "rram": "rram, NeuroSim pinned",
    "rram densenet": "rram, NeuroSim on DenseNet-type cells",
    "rram own floorplan": "rram, NeuroSim's own floorplan",
}
RRAM_GOALS = {
    "rram": (0.6, 2.0, 2.0),
    "rram densenet": (0.5, 1.0, 1.0),
    "rram own floorplan": (10.0, 4.0, 5.0),
}
OTHERS = {
    "onnxruntime": ("onnxruntime, one x86 thread", 5.0),
    "torch": ("torch eager, one x86 thread", 9.0),
    "raspberry-pi-4": ("Raspberry Pi 4, NAS-Bench-201", 15.0),
    "xeon-gold-6240": ("Xeon Gold 6240, NAS-Bench-201", 5.0),
    "xeon-silver-4114": ("Xeon Silver 4114, NAS-Bench-201", 5.0),
}
COVER = (85.0, 95.0)
FIT_MS, COST_US, SEARCH_MS = 10.0, 10.0, 2.0  # "milliseconds", "microseconds", "under 2 ms"


def lines(told: dict[str, Any]) -> Iterator[Line]:
    """Yield every claim about models."""
    yield from _targets(told.get("targets"))
    yield from _ranks(told.get("predictors"), told.get("training"))
    yield _coverage(told)
    searched = {one["case"] for one in told.get("search", ())}
    yield from _times(told.get("predicted"), PREDICTED in searched)


def _targets(told: dict[str, Any] | None) -> Iterator[Line]:
    seen = {line["name"]: line for line in told["lines"]} if told else {}
    for key, title in RRAM.items():
        goals = RRAM_GOALS[key]
        found = [seen.get(f"{key} {metric}") for metric in METRICS]
        required = " / ".join(f"{goal:g}" for goal in goals) + " %"
        text = holds = None
        if all(found):
            errors = [line["mape"] for line in found if line]
            text = " / ".join(f"{error:.2g}" for error in errors) + " %"
            holds = all(error <= goal for error, goal in zip(errors, goals, strict=True))
        yield f"{title}: error in area / energy / latency", required, text, holds
    cycles = [line["mape"] for name, line in seen.items() if name.startswith("systolic")]
    text = f"off by {max(cycles):.2g} % at most" if cycles else None
    yield "systolic 32 and 128, os and ws, cycles", "3 %", text, bool(cycles) and max(cycles) <= 3
    for key, (title, goal) in OTHERS.items():
        line, required = seen.get(key), f"{goal:g} %"
        if key == "raspberry-pi-4":
            required += f", rank {PI_RANK:g}"
        if line is None:
            yield f"{title}: error", required, None, None
            continue
        holds, text = line["mape"] <= goal, f"{line['mape']:.1f} %"
        if key == "raspberry-pi-4":
            holds, text = holds and line["rank"] >= PI_RANK, f"{text}, rank {line['rank']:.3f}"
        if not holds and "twins" in line:
            text += f" (noise alone {line['twins']:.1f} %, beyond it {beyond(line):.1f} %)"
        yield f"{title}: error", required, text, holds


def _ranks(told: dict[str, Any] | None, training: dict[str, Any] | None) -> Iterator[Line]:
    for key, title in SETS.items():
        goal = RANK_GOALS[key]
        one = told["sets"].get(key) if told else None
        text = holds = None
        if isinstance(one, dict):
            rank = one["cifar10"]["topology"]["25"]["rank"][0]
            plain = one["cifar10"]["proxies"]
            text = (
                f"{rank:.3f} (params {plain['params']:.2f}, MACs {plain['macs']:.2f}, "
                f"NN-Degree {plain['nn_degree']:.2f})"
            )
            holds = rank >= goal
        yield f"{title}, CIFAR-10: rank from 25 samples", f"{goal:g}", text, holds
    text = holds = None
    if training:
        own, plain = training["predictors"]["flash: topology"], training["numbers"]
        noise = training["ceiling"]["mae"]
        text = (
            f"{own['rank'][0]:.3f} (params {plain['params']['all']:.2f}, MACs "
            f"{plain['MACs']['all']:.2f}, NN-Degree {plain['NN-Degree']['all']:.2f}); error "
            f"{own['mae'][0]:.2f} points, noise alone {noise:.2f}"
        )
        holds = own["rank"][0] >= 0.9 and own["mae"][0] <= 2 * noise
    required = "rank 0.9; error near (at most twice) the seed noise's"
    yield f"{OWN}: rank and error from 25 samples", required, text, holds


def _coverage(told: dict[str, Any]) -> Line:
    """Coverage of every kind of interval; a line of targets that has its own goes before the
    calibration's, which has the same networks."""
    shares: dict[str, float | None] = {}
    targets = told.get("targets") or {"lines": [], "calibrate": {}}
    for name, metrics in targets["calibrate"].items():
        shares |= {f"flash.calibrate, {name}, {m}": covered(row) for m, row in metrics.items()}
    shares |= {line["name"]: covered(line) for line in targets["lines"]}
    for key, one in told.get("predictors", {}).get("sets", {}).items():
        if isinstance(one, dict):
            for data, found in one.items():
                share = covered({"coverage": found["topology"]["25"]["mean_coverage"]})
                shares[f"{key} {data}"] = share
    if "training" in told:
        shares[OWN] = covered(told["training"]["intervals"])
    known = {name: share for name, share in shares.items() if share is not None}
    required = f"cover {COVER[0]:g} to {COVER[1]:g} % of unseen networks"
    if not known:
        return "90 % intervals", required, None, None
    least, most = (f(known, key=lambda name: known[name]) for f in (min, max))
    inside = sum(COVER[0] <= share <= COVER[1] for share in known.values())
    text = (
        f"{inside} of {len(known)} sets; from {known[least]:.0f} % ({least}) to "
        f"{known[most]:.0f} % ({most})"
    )
    return "90 % intervals", required, text, inside == len(known)


def _times(told: list[dict[str, Any]] | None, main_too: bool) -> Iterator[Line]:
    """main_too: the main case's search is a claim of the section of searches already."""
    one = next((t["seconds"] for t in told or () if t["kind"] == "imported"), None)
    text = holds = None
    if one:
        first, again = (1e6 * one[f"cost, {k}"] for k in ("the first of a network", "again"))
        text = f"{first:.3g} us the first time, {again:.3g} us again"
        holds = max(first, again) <= COST_US
    yield "costing an imported network", f"microseconds (at most {COST_US:g})", text, holds
    text = holds = None
    if one:
        fit = 1e3 * one["AccuracyPredictor.fit"]
        text, holds = f"{fit:.2g} ms with its report", fit <= FIT_MS
    yield "fitting a predictor on 25 networks", f"milliseconds (at most {FIT_MS:g})", text, holds
    for one in told or ():
        if one["kind"] == "search" and not (main_too and one["case"] == MAIN):
            whole = [run["whole"] for run in one["rows"]]
            proven = sum(run["proven"] for run in one["rows"])
            middle = 1e3 * statistics.median(whole)
            yield (
                f"{one['case']}, search with a topology predictor",
                f"all proven, median at most {SEARCH_MS:g} ms",
                f"{proven} of {len(whole)} (within {one['limit_s']:g} s); "
                + (f"{middle:.3g} ms" if middle < 100 else f"{middle:,.0f} ms"),
                proven == len(whole) and middle <= SEARCH_MS,
            )
    if not told:
        yield "search with a topology predictor", f"median at most {SEARCH_MS:g} ms", None, None
