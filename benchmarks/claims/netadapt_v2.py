"""What NetAdaptV2 claims (arXiv 2104.00031): ``python -m benchmarks.claims.netadapt_v2 FOLDER``.

A small backbone on scikit-learn's digits (8 x 8 pixels), half of the images to judge by. Leaves
netadapt_v2.json, of which the report makes a section, and papers/netadapt-v2.json. Supernets and
what was measured are kept in the folder given: the same call goes on from it.

    python -m benchmarks.claims.netadapt_v2 FOLDER --only switches,sweep,measured

switches   each of the paper's three mechanisms on and off, all eight: channel-level bypass against
           plain choices of filters, ordered dropout against a single path at equal passes, several
           layers at a time against one at equal evaluations; answers within one latency, trained
           alone
sweep      budgets of latency from the least that there is to the largest network's, on three
           targets, against random search at equal evaluations: by supernet and by NN-Degree
measured   budgets of latency measured here
"""

from __future__ import annotations

import json
import statistics
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import flash
from benchmarks.claims.claim import Claim, judged
from benchmarks.claims.sections import run_sections
from benchmarks.claims.supernets import effect, trained_alone
from benchmarks.common.files import write_json
from flash.comparing.statistics import interval
from flash.solving.lookups import lookups_of

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = Path(__file__).with_name("netadapt_v2.json")
SEEDS = 10
EPOCHS = 16
DATA: dict[str, Any] = {"test_fraction": 0.5, "batch_size": 32}
BACKBONE = flash.Architecture("resnet", [flash.Cell(8, 2, 8), flash.Cell(16, 2, 16)], resolution=8)
SPACES = {
    "bypass": flash.BypassSpace(BACKBONE),
    "plain": flash.BypassSpace(BACKBONE, bypass=False),
}
SAMPLING = ("ordered-dropout", "single-path")
DESCENTS = ("netadapt-v2", "netadapt")
TARGET, SHARE = "raspberry-pi-4", 0.5  # of the switches
TARGETS = ("pixel-3", "raspberry-pi-4", "rram")
SHARES = (0.5, 0.25, 0.75)
EVALS = 40
MEASURED = 0.6


class Bench:
    """Where supernets and finished figures are kept."""

    def __init__(self, folder: Path, seeds: int) -> None:
        self.folder = folder
        self.seeds = range(seeds)
        self._nets: dict[str, Any] = {}

    def supernet(self, space: str, sampling: str, seed: int) -> Any:
        """Train a supernet, or find it trained."""
        name = f"{space}-{sampling}-{EPOCHS}-{seed}"
        if name not in self._nets:
            self._nets[name] = flash.train_supernet(
                SPACES[space], "digits", **DATA, seed=seed, epochs=EPOCHS, sampling=sampling,
                out=self.folder / name,
            )  # fmt: skip
        return self._nets[name]

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return a figure that was made before, or make and keep it."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            write_json(path, make())
        return json.loads(path.read_text(encoding="utf-8"))


def budget(target: str, share: float) -> float:
    """Return a latency between the least of the bypass space (0) and its largest network's (1)."""
    space = SPACES["bypass"]
    lookups = lookups_of(space, flash.Target.load(target))
    assert lookups is not None
    rows = [lookups.least(lambda metrics: metrics[1])[:1], np.array([space.largest])]
    low, high = (float(lookups.charge(one)[1, 0]) for one in rows)
    return low * (high / low) ** share


def switches(bench: Bench) -> dict[str, Any]:
    """All three mechanisms, on and off."""
    limit = budget(TARGET, SHARE)
    runs: dict[str, list[Any]] = {}
    for seed in bench.seeds:
        for space, sampling in product(SPACES, SAMPLING):
            name = f"switches-{space}-{sampling}-{seed}"
            for key, run in bench.once(
                name, lambda s=space, m=sampling, n=seed: _both(bench, s, m, n, limit)
            ).items():
                runs.setdefault(f"{space}, {sampling}, {key}", []).append(run)
            print(name, flush=True)
    full, none = (", ".join(one) for one in zip(SPACES, SAMPLING, DESCENTS, strict=True))
    off = {
        "bypass": f"plain, {SAMPLING[0]}, {DESCENTS[0]}",
        "ordered dropout": f"bypass, {SAMPLING[1]}, {DESCENTS[0]}",
        "several layers": f"bypass, {SAMPLING[0]}, {DESCENTS[1]}",
        "all": none,
    }
    alone = {key: [run["alone"] for run in many] for key, many in runs.items()}
    return {
        "target": TARGET,
        "max_latency_ms": limit,
        "epochs": EPOCHS,
        "runs": runs,
        "full": full,
        "off": {what: {"system": key, **effect(alone[key], alone[full])}
                for what, key in off.items()},
        "main": _main_effects(runs),
        "seconds": {  # search alone: training of the supernet, and evaluations
            key: [run["supernet_s"] + run["search_s"] for run in many]
            for key, many in runs.items()
        },
    }  # fmt: skip


def _main_effects(runs: dict[str, list[Any]]) -> dict[str, Any]:
    """Return what each mechanism adds in the mean over the other two, on and off."""
    found = {}
    for what, (place, on) in {
        "bypass": (0, "bypass"), "ordered dropout": (1, SAMPLING[0]),
        "several layers": (2, DESCENTS[0]),
    }.items():  # fmt: skip
        means: dict[bool, list[float]] = {}
        for state in (False, True):
            many = [own for key, own in runs.items() if (key.split(", ")[place] == on) is state]
            means[state] = [
                statistics.fmean(own[seed]["alone"] for own in many) for seed in range(len(many[0]))
            ]
        found[what] = effect(means[False], means[True])
    return found


def _both(bench: Bench, space: str, sampling: str, seed: int, limit: float) -> dict[str, Any]:
    """Return both descents on one supernet, at equal evaluations."""
    net = bench.supernet(space, sampling, seed)
    found: dict[str, Any] = {}
    for method in reversed(DESCENTS):
        given: dict[str, Any] = {
            "method": method, "evaluator": flash.SupernetEvaluator(net), "max_latency_ms": limit,
            "seed": seed, "certify": False,
        }  # fmt: skip
        result = None
        for most in _most(found):
            result = flash.search(SPACES[space], TARGET, **given, **most)
            if not found or result.nfev <= found["netadapt"]["evaluations"]:
                break
        assert result is not None
        found[method] = {
            "evaluations": result.nfev,
            "score": result.accuracy,
            "latency_ms": result.latency_ms,
            # nothing found: what guessing the most frequent digit gives
            "alone": 0.1 if result.x is None else trained_alone(net, result.x, seed),
            "found": result.x is not None,
            "search_s": result.elapsed_s,
            "supernet_s": net.seconds,
        }
    return found


def _most(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return arguments that bring the descent to the evaluations of the one before, or just below.

    Steps that take it further than they had to leave some of `max_evals`, so more are offered, and
    less where they are taken.
    """
    if not found:
        return [{}]
    equal = found["netadapt"]["evaluations"]
    offered = [round(equal * factor) for factor in (2.0, 1.6, 1.3, 1.0)]
    return [{"max_evals": most, "options": {"refine": 0.0}} for most in offered]


def sweep(bench: Bench) -> dict[str, Any]:
    """Budgets from the least latency to the largest network's, against random search."""
    lines = []
    for share, judge, target in product(SHARES, ("nn-degree", "supernet"), TARGETS):
        name = f"sweep-{target}-{judge}-{share}"
        lines.append(bench.once(name, lambda t=target, j=judge, s=share: _against(bench, t, j, s)))
        line = lines[-1]
        print(name, line["found"], line["difference"], flush=True)
    lines.sort(key=lambda line: (line["judge"], line["target"], line["share"]))
    return {"evaluations": EVALS, "lines": lines}


def _against(bench: Bench, target: str, judge: str, share: float) -> dict[str, Any]:
    limit = budget(target, share)
    values: dict[str, list[float | None]] = {"netadapt-v2": [], "random": []}
    spent: dict[str, list[int]] = {name: [] for name in values}
    for seed in bench.seeds:
        given: dict[str, Any] = {}
        if judge == "supernet":
            net = bench.supernet("bypass", "ordered-dropout", seed)
            given["evaluator"] = flash.SupernetEvaluator(net)
        for method, own in values.items():
            result = flash.search(
                SPACES["bypass"], target, method=method, max_latency_ms=limit, max_evals=EVALS,
                seed=seed, certify=False, **given,
            )  # fmt: skip
            own.append(result.objective)
            spent[method].append(result.nfev)
    pairs = [
        (a, b)
        for a, b in zip(values["random"], values["netadapt-v2"], strict=True)
        if a is not None and b is not None
    ]
    return {
        "target": target,
        "judge": judge,
        "share": share,
        "max_latency_ms": limit,
        "values": values,
        "evaluations": {name: statistics.fmean(own) for name, own in spent.items()},
        "found": {name: sum(one is not None for one in own) for name, own in values.items()},
        "pairs": len(pairs),
        "difference": list(interval([b - a for a, b in pairs])) if len(pairs) > 1 else None,
        "worse": sum(b < a for a, b in pairs),
    }


def measured(bench: Bench) -> dict[str, Any]:
    """Budgets of latency measured here: a metric with no derivative, and noise."""
    space = SPACES["bypass"]
    largest = flash.measure(space.decode(space.largest), time_limit_s=0.5, passes=2).latency_ms
    limit = MEASURED * largest

    def one(seed: int) -> dict[str, Any]:
        net = bench.supernet("bypass", "ordered-dropout", seed)
        result = flash.search(
            space, "cpu-x86", method="netadapt-v2", evaluator=flash.SupernetEvaluator(net),
            max_latency_ms=limit, max_evals=12, seed=seed, certify=False,
            options={"measure": True, "iterations": 4},
        )  # fmt: skip
        return {"found": result.x is not None, "latency_ms": result.latency_ms,
                "score": result.accuracy, "evaluations": result.nfev}  # fmt: skip

    runs = [bench.once(f"measured-{seed}", lambda s=seed: one(s)) for seed in bench.seeds]
    return {"largest_ms": largest, "max_latency_ms": limit, "runs": runs}


def claims(told: dict[str, Any]) -> list[Claim]:
    """Return the paper's claims, as far as they were measured."""
    found = []
    small = (
        f"digits of 8 x 8 pixels, a resnet of 4 blocks, {TARGET}'s cost model, 8 epochs of "
        "training alone; ImageNet and the paper's backbone are out of reach"
    )
    one = told.get("switches")
    if one:
        limit = f"within {one['max_latency_ms']:.3g} ms"
        seeds = len(next(iter(one["runs"].values())))
        titles = {
            "bypass": "bypassed filters are better than removed ones (each switched off alone)",
            "ordered dropout": "several widths in one pass are better than one, at equal passes",
            "several layers": "several layers at a time are better than one, at equal evaluations",
            "all": "the three mechanisms together are better than none of them",
        }
        for what, title in titles.items():
            change = one["off"][what]["difference"]
            low, high = (100 * end for end in change[1:])
            whole = what == "all"
            paper = "+1.8 points over MobileNetV3, the whole system" if whole else "no figure seen"
            differs = "; the baseline is this system with all switched off" if whole else ""
            if what == "several layers":
                asked = [
                    statistics.fmean(run["evaluations"] for run in one["runs"][key])
                    for key in (one["full"], one["off"][what]["system"])
                ]
                differs = "; {:.0f} evaluations against {:.0f}, of which it left some".format(
                    *asked
                )
            known = judged((low, high), 1.8, bound="another baseline, another scale")
            ours = f"{100 * change[0]:+.2f} points, answers trained alone {limit}"
            if what in one["main"]:
                mean, *ends = (100 * end for end in one["main"][what]["difference"])
                ours += (
                    f"; in the mean over the other two, on and off, {mean:+.2f} "
                    f"[{ends[0]:+.2f}, {ends[1]:+.2f}]"
                )
            found.append(
                Claim(
                    title, paper, ours, (low, high), seeds,
                    known if whole else _better(low, high), small + differs,
                )
            )  # fmt: skip
        full = np.array(one["seconds"][one["full"]])
        none = np.array(one["seconds"][one["off"]["all"]["system"]])
        ratio, low, high = interval((none / full).tolist())
        found.append(
            Claim(
                "total search time is less",
                "up to 5.8x on ImageNet, 2.4x on NYU Depth V2",
                f"{ratio:.2f}x: all switched off over all switched on, at equal passes and "
                "evaluations",
                (low, high),
                seeds,
                judged((low, high), 5.8, bound="another scale, and another baseline"),
                small + "; with equal passes a pass of several widths costs more, and what they "
                "save is not in it",
            )
        )
    one = told.get("measured")
    if one:
        runs = one["runs"]
        met = [run["found"] and run["latency_ms"] <= one["max_latency_ms"] for run in runs]
        found.append(
            Claim(
                "any metric, also one without a derivative, can be the budget",
                "yes",
                f"{sum(met)} of {len(met)} answers within {one['max_latency_ms']:.3g} ms measured "
                "on this processor",
                None,
                len(met),
                "reproduced" if all(met) else "refuted",
                "latency measured by flash.measure on a CPU, not on a phone",
            )
        )
    return found


def _better(low: float, high: float) -> str:
    """Return what an interval of a difference says of a claim that has no figure."""
    if low > 0.0:
        return "reproduced in kind"
    return "refuted" if high < 0.0 else "not decided: the interval holds zero"


SECTIONS = {"switches": switches, "sweep": sweep, "measured": measured}


def main() -> None:
    """Measure, section by section."""
    of_bench = {
        name: lambda folder, seeds, _, section=section: section(Bench(folder, seeds))
        for name, section in SECTIONS.items()
    }
    run_sections(__doc__, of_bench, KEPT, SEEDS, ("netadapt-v2", claims))


if __name__ == "__main__":
    main()
