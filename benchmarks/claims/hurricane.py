"""What HURRICANE claims, measured: ``python -m benchmarks.claims.hurricane FOLDER``.

numeric    the pool's size where layers are cells of thousands of numeric choices (densenet on rram,
           three budgets, the problems of the section "methods"): gap, evaluations used
operators  a small instance of the space `flash.Hurricane` on scikit-learn's digits: two stages and
           the early stop against SPOS at equal supernet passes, pools per target against a common
           one; winners trained alone judge

Leaves hurricane.json beside this file after every seed, and of it papers/hurricane.json, the table
of the paper's claims. What is trained is kept in the folder given: the same call goes on from it.

    python -m benchmarks.claims.hurricane FOLDER --only numeric --seeds 10
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np

import flash
from benchmarks.claims.claim import Claim, judged, write
from benchmarks.common.files import write_json
from flash.comparing.statistics import interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from flash import SearchResult

KEPT = Path(__file__).with_name("hurricane.json")
SEEDS = 10
BUDGETS = {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}
POOLS = (5, 16, 64, 256, 0)
NUMERIC_EVALS = 2000

# ten operators of each of four layers, 8 x 8 pixels
SPACE = flash.Hurricane(
    widths=(8, 16), layers=(2, 2), strides=(2, 2), stem_stride=1, resolution=8, num_classes=10,
    kernels=3,
)  # fmt: skip
DATA: dict[str, Any] = {"test_fraction": 0.5, "batch_size": 32}
EPOCHS, ALONE, EVALS, POOL = 12, 5, 40, 4
TARGETS = ("cpu-x86", "rram")
EVOLUTION = {"population": 10, "parents": 5}


def numeric(folder: Path, seeds: int, kept: Callable[[Any], None]) -> dict[str, Any]:
    """Gap and evaluations used against the pool's size."""
    out: dict[str, Any] = {"budgets": BUDGETS, "max_evals": NUMERIC_EVALS, "of": {}}
    for name, predictor in (("NN-Degree", None), ("default predictor", "default")):
        best = flash.search("densenet", "rram", predictor=predictor, **BUDGETS).objective
        runs: dict[str, Any] = {}
        for label, method, options in [
            ("spos", "spos", {}),
            *((f"pool {size}", "hurricane", {"pool": size}) for size in POOLS),
        ]:
            found = [
                flash.search(
                    "densenet", "rram", predictor=predictor, method=method, seed=seed,
                    max_evals=NUMERIC_EVALS, options=options, certify=False, **BUDGETS,
                )
                for seed in range(seeds)
            ]  # fmt: skip
            runs[label] = {
                "gap": [1.0 - (one.objective or 0.0) / best for one in found],
                "evaluations": [one.nfev for one in found],
            }
        out["of"][name] = {"optimum": best, "runs": runs}
        kept(out)
    return out


def limit_of(target: str) -> float:
    """Return the latency that a third of the space's networks keep, in ms."""
    index = SPACE.sample_indices(400, 0)
    told: Any = flash.evaluate(SPACE, target, index)
    return float(np.quantile(told["latency_ms"], 0.33))


def searched(folder: Path, seed: int, name: str, method: str, **options: Any) -> dict[str, Any]:
    """Search by supernets trained for it; return what was found and what it took."""
    evaluator = flash.SupernetEvaluator(
        "digits", folder / f"{name}-{seed}", epochs=EPOCHS, sampling="single-path", seed=seed,
        recipe={"augment": "none"}, **DATA,
    )  # fmt: skip
    began = process_time()
    found = flash.search(
        SPACE, TARGETS[0], method=method, evaluator=evaluator, max_latency_ms=limit_of(TARGETS[0]),
        max_evals=EVALS, seed=seed, certify=False, options={**EVOLUTION, **options},
    )  # fmt: skip
    spent = process_time() - began
    passes = sum(
        json.loads(path.read_text())["recipe"]["epochs"]
        for path in (folder / f"{name}-{seed}").rglob("run.json")
    )
    return {
        **_told(found), "processor_s": spent, "epochs": passes,
        "stopped": "early layers stay" in found.message,
        "evaluator": evaluator,
    }  # fmt: skip


def _told(found: SearchResult) -> dict[str, Any]:
    return {"x": found.x, "score": found.accuracy, "evaluations": found.nfev}


def alone(folder: Path, seed: int, supernet: Any, row: Any) -> float:
    """Return the accuracy of a network trained from weights of its own."""
    import torch

    from flash.supernet.epochs import one_thread
    from flash.training import Recipe
    from flash.training.loop import fit

    data = {name: tensor.numpy() for name, tensor in supernet.data.items()}
    recipe = Recipe(epochs=ALONE, batch_size=DATA["batch_size"], augment="none")
    with one_thread(torch, "cpu"):
        module = SPACE.decode(row).to_torch(seed=seed)
        return fit(module, data, recipe, seed=seed)["accuracy"]


def operators(folder: Path, seeds: int, kept: Callable[[Any], None]) -> dict[str, Any]:
    """Two stages, the early stop and pools per target, on a space of operator types."""
    out: dict[str, Any] = {
        "space": SPACE.size, "epochs": EPOCHS, "max_evals": EVALS, "pool": POOL, "alone": ALONE,
        "max_latency_ms": {target: limit_of(target) for target in TARGETS}, "seeds": [],
    }  # fmt: skip
    for seed in range(seeds):
        one: dict[str, Any] = {
            "spos": searched(folder, seed, "spos", "spos"),
            "two stages": searched(folder, seed, "stages", "hurricane", pool=POOL, worth=0.0),
            "early stop": searched(folder, seed, "stop", "hurricane", pool=POOL),
        }
        supernet = one["spos"]["evaluator"].supernet
        for run in one.values():
            del run["evaluator"]
        for target in TARGETS:
            for profile in ("macs", "model"):
                one[f"{target} {profile}"] = _told(
                    flash.search(
                        SPACE, target, method="hurricane", seed=seed, max_evals=EVALS,
                        evaluator=flash.SupernetEvaluator(supernet), certify=False,
                        max_latency_ms=out["max_latency_ms"][target],
                        options={**EVOLUTION, "pool": POOL, "profile": profile},
                    )
                )  # fmt: skip
        known: dict[Any, float] = {}
        for run in one.values():
            row = run["x"]
            if row is not None and row not in known:
                known[row] = alone(folder, seed, supernet, row)
            run["alone"] = known.get(row, 0.0)
        out["seeds"].append(one)
        kept(out)
    return out


def _of(told: dict[str, Any], run: str, what: str) -> list[float]:
    return [float(one[run][what]) for one in told["operators"]["seeds"]]


def _points(told: dict[str, Any], first: str, second: str) -> tuple[float, float, float]:
    """Return the mean difference in points of accuracy trained alone, with its interval."""
    pairs = zip(_of(told, first, "alone"), _of(told, second, "alone"), strict=True)
    mean, low, high = interval([100 * (b - a) for a, b in pairs])
    return mean, low, high


def claims(told: dict[str, Any]) -> list[Claim]:
    """Return the paper's claims beside what was measured."""
    found = [
        Claim(
            "ImageNet on three devices: DSP 76.67 % at 16.5 ms, VPU +0.53 points over "
            "Proxyless-mobile, mobile CPU +1.63 points over FBNet-iPhoneX",
            "76.67 % (DSP, Hexagon 685)",
            "not measured",
            None,
            0,
            "bound only: out of reach here (ImageNet, the devices)",
            "no figure stands beside it",
        )
    ]
    if "operators" in told:
        seeds = len(told["operators"]["seeds"])
        small = (
            f"digits, {SPACE.size:,} networks of 10 operators in 4 layers, "
            f"{told['operators']['epochs']} epochs of a supernet"
        )
        for name, run in (("two stages", "two stages"), ("with the early stop", "early stop")):
            mean, low, high = _points(told, "spos", run)
            found.append(
                Claim(
                    f"{name}: a network as good as SPOS's at equal supernet passes"
                    if run == "two stages"
                    else f"{name}: a network as good as SPOS's",
                    "better (no figure seen)",
                    f"{mean:+.2f} points, trained alone ({small})",
                    (low, high),
                    seeds,
                    judged((low, high), 0.0, neutral=0.0),
                    "winners trained alone for a few epochs; pools of 4 of the 10 operators for "
                    "HURRICANE, all of them for SPOS; stages and pools are a reconstruction",
                )
            )
        ratios = [
            b / a
            for a, b in zip(
                _of(told, "spos", "epochs"), _of(told, "early stop", "epochs"), strict=True
            )
        ]
        mean, low, high = interval([100 * (1 - one) for one in ratios])
        stopped = sum(one["early stop"]["stopped"] for one in told["operators"]["seeds"])
        found.append(
            Claim(
                "training time below SPOS's",
                "30.4 %",
                f"{mean:.1f} % fewer passes of supernets ({small}); early layers were left in "
                f"{stopped} of {seeds} seeds",
                (low, high),
                seeds,
                judged((low, high), 30.4, neutral=0.0),
                "passes, not hours; the rule that ends the search after the late layers is a "
                "reconstruction",
            )
        )
        seconds = [
            b / a
            for a, b in zip(
                _of(told, "spos", "processor_s"),
                _of(told, "early stop", "processor_s"),
                strict=True,
            )
        ]
        mean, low, high = interval([100 * (1 - one) for one in seconds])
        found.append(
            Claim(
                "training time below SPOS's, as processor time with the scoring",
                "30.4 %",
                f"{mean:.1f} % less ({small})",
                (low, high),
                seeds,
                judged((low, high), 30.4, neutral=0.0),
                "supernets and scores together; cheaper operators in HURRICANE's pools count too",
            )
        )
        for target in TARGETS:
            mean, low, high = _points(told, f"{target} macs", f"{target} model")
            found.append(
                Claim(
                    f"operators chosen for the device, {target}: better than one pool for all",
                    "better (no figure seen)",
                    f"{mean:+.2f} points, trained alone ({small})",
                    (low, high),
                    seeds,
                    judged((low, high), 0.0, neutral=0.0),
                    "pools by the target's cost model against pools by MACs, the same supernet for "
                    "both",
                )
            )
    if "numeric" in told:
        for name, one in told["numeric"]["of"].items():
            gaps = {label: run["gap"] for label, run in one["runs"].items()}
            used = {
                label: statistics.median(run["evaluations"]) for label, run in one["runs"].items()
            }
            shown = ", ".join(
                f"{label} {100 * statistics.fmean(gap):.2f} % ({used[label]:g})"
                for label, gap in gaps.items()
            )
            pairs = [a - b for a, b in zip(gaps["spos"], gaps["pool 0"], strict=True)]
            mean, low, high = interval([100 * pair for pair in pairs])
            found.append(
                Claim(
                    f"the pool's size, thousands of numeric choices a layer ({name})",
                    "reconstruction",
                    f"gap 1 - found / optimum, evaluations in brackets: {shown}; pools that fit "
                    f"the evaluations (0) are {mean:.2f} points nearer than SPOS",
                    (low, high),
                    len(pairs),
                    judged((low, high), 0.0, neutral=0.0),
                    "densenet on rram under three budgets, 2,000 evaluations at most, no training: "
                    "no claim of the paper, whose layers have some 32 operators",
                )
            )
    return found


SECTIONS = {"numeric": numeric, "operators": operators}


def main() -> None:
    """Measure, section by section; what was measured before stays."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="where trainings are kept")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, by commas")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path, default=KEPT)
    args = parser.parse_args()
    told = json.loads(args.out.read_text()) if args.out.exists() else {}
    for name, section in SECTIONS.items():
        if name in args.only.split(","):

            def kept(so_far: Any, name: str = name) -> None:
                told[name] = so_far
                write_json(args.out, told)

            kept(section(args.folder, args.seeds, kept))
    if args.out == KEPT:
        write("hurricane", claims(told))
    for claim in claims(told):
        print(f"{claim.what}\n  paper {claim.paper}; ours {claim.ours}\n  {claim.verdict}")


if __name__ == "__main__":
    main()
