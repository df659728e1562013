"""What FLASH claims beside what is measured here: ``python -m benchmarks.claims.flash``.

Leaves ``papers/flash.json``, of which the report makes a table. Only the abstract and the first
paragraphs of the paper could be read: figures are those of the abstract, and where it claims
something without one, what was measured stands by itself as a bound. The mesh of tiles is measured
by `benchmarks.claims.mesh`, and told here.

    python -m benchmarks.claims.flash [--trainings FOLDER] [--seeds 10]

FOLDER keeps the trainings of digits, some minutes; the same call goes on from it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import kendalltau

import flash
from benchmarks.claims import training_free
from benchmarks.claims.claim import Claim, judged, write
from benchmarks.common.files import HERE
from benchmarks.training import judge
from flash.comparing import statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SEEDS = 10
BUDGETS = 12
PAIRS = tuple(
    (family, target)
    for family in ("densenet", "resnet", "wide-resnet", "mobilenet-v2")
    for target in ("rram", "raspberry-pi-3b", "cpu-x86")
    if (family, target) != ("mobilenet-v2", "rram")  # not calibrated
)
SPACE = 63e9  # configurations: more than
SECOND, TENTH, PI_S, ORDERS = 1.0, 0.1, 3.0, 1e4
TAU = 0.43  # NN-Degree, of multiplication-based networks, in NASH's table II
UNSEEN = "the paper's figure was not seen"
SEARCHED = """
import flash
flash.search("densenet", "rram", max_latency_ms=4.0, max_energy_mj=0.04, max_area_mm2=70.0)
"""
RESULTS = HERE / ".results"


def budgets_of(space: Any, target: str) -> list[float]:
    """Return budgets of latency from the lowest tenth of a space's networks to the highest."""
    costs = [flash.Target.load(target).cost(net).latency_ms for net in space.sample(200, seed=0)]
    return [float(np.quantile(costs, q)) for q in np.linspace(0.1, 0.9, BUDGETS)]


def searches() -> Claim:
    """Return the time of a whole call, by the pair of space and target that takes longest."""
    every = {}
    for family, target in PAIRS:
        space = flash.SearchSpace(family)
        every[family, target] = [
            statistics.median(
                training_free.timed_search(space, target, 5, max_latency_ms=budget)[0]
            )
            or 0.0
            for budget in budgets_of(space, target)
        ]
        print(family, target, every[family, target], file=sys.stderr)
    worst = max(every, key=lambda pair: float(np.mean(every[pair])))
    mean, low, high = statistics.interval(every[worst])
    middle = statistics.median([one for own in every.values() for one in own]) or 0.0
    return Claim(
        "the search takes about 0.1 s (hierarchical SHGO)",
        "about 0.1 s",
        f"{1e3 * mean:.2g} ms on average over budgets of {worst[0]} on {worst[1]}, the slowest of "
        f"{len(PAIRS)} pairs of space and target (median of all {1e3 * middle:.2g} ms); the whole "
        "call, proof included",
        (low, high),
        BUDGETS,
        judged((low, high), TENTH, less=True),
        "s of processor time of a server core in a process that runs, compiling the space "
        "included; an interval over budgets of latency, of which the paper's were not seen. The "
        "coarse level is a reconstruction",
    )


def fresh(seeds: int) -> Claim:
    """Return what a new process takes, start and imports included."""
    spent = [_process_s(SEARCHED) for _ in range(seeds)]
    mean, low, high = statistics.interval(spent)
    return Claim(
        "architecture search without training within 1 s",
        "< 1 s",
        f"{1e3 * mean:.3g} ms: a new Python process, import, target, space and search of densenet "
        "on rram under three budgets, proven",
        (low, high),
        seeds,
        judged((low, high), SECOND, less=True),
        "s of processor time, all of the process; a server core instead of the paper's machine, "
        "which was not seen",
    )


def _process_s(code: str) -> float:
    """Return the processor seconds of a new Python process that runs something."""
    import resource
    import subprocess

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def on_a_pi() -> Claim:
    """Return the estimate by counted instructions of `benchmarks.aarch64`, a bound."""
    told = json.loads((RESULTS / "aarch64.json").read_text())["told"]
    found = told["pi3b_with_kernel_s"]
    return Claim(
        "the search itself runs on a Raspberry Pi 3B in less than 3 s",
        "< 3 s",
        f"{found['central']:.2g} s, {max(found.values()):.2g} s at the most pessimistic",
        None,
        0,
        judged((found["central"], max(found.values())), PI_S, less=True, bound="estimated, no Pi "
               "was at hand"),
        "instructions counted under emulation, over assumed cycles each at 1.2 GHz: "
        "benchmarks/aarch64",
    )  # fmt: skip


def space_size() -> Claim:
    """Return how many configurations the default space has, all of which are searched."""
    space = flash.DenseNet()
    told = json.loads((RESULTS / "whole.json").read_text())["told"]
    counted = next(one["size"] for one in told if one["kind"] == "whole")
    assert counted == space.size
    found = flash.search(space, "rram", max_latency_ms=4.0, max_energy_mj=0.04, max_area_mm2=70.0)
    assert found.proven
    return Claim(
        "a space of more than 63 billion configurations",
        "> 63 billion",
        f"{space.size / 1e9:.4g} billion (DenseNet), each counted by enumeration; of three "
        "budgets the optimum is proven",
        None,
        0,
        judged((space.size, space.size), SPACE),
        "the ranges of the paper's space were not seen: widths, depths and links are chosen anew",
    )


def of_25(seeds: int) -> list[Claim]:
    """Return what predictors fitted on 25 networks are off by, over predicting their mean."""
    networks, trainings = judge.load()
    y = np.array([one[0] for one in trainings])
    names = {
        "NN-Degree, the paper's form": "by 1 / (a + exp(b / g + c)) of NN-Degree",
        "flash: topology": "by flash's own terms of a cell's topology",
    }
    draws = 10 * seeds
    rng = np.random.default_rng(0)
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
    for _ in range(draws):
        order = rng.permutation(len(networks))
        fit, rest = order[: judge.SAMPLES], order[judge.SAMPLES :]
        plain = float(np.sqrt(np.square(y[fit].mean() - y[rest]).mean()))
        for name in names:
            guess = judge.PREDICTORS[name](
                [networks[i] for i in fit], y[fit], [networks[i] for i in rest]
            )
            error = float(np.sqrt(np.square(guess - y[rest]).mean()))
            rows[name].append((error / plain, judge.rank(guess, y[rest]), 100 * error))
    claims = []
    for name, how in names.items():
        share, rank, error = (list(column) for column in zip(*rows[name], strict=True))
        mean, low, high = statistics.interval(share)
        claims.append(
            Claim(
                f"a predictor of accuracy from 25 trained networks, {how}",
                "fitted on 25; its error not seen",
                f"RMSE {np.mean(error):.2f} points on the other 71, {mean:.2g} times that of "
                f"predicting their mean; rank correlation {np.mean(rank):.2f}",
                (low, high),
                draws,
                judged((low, high), 1.0, less=True, bound=UNSEEN),
                "96 DenseNets, CIFAR-10 at 10 x 10 pixels, 4 epochs; draws of 25; the form is a "
                "reconstruction" if "paper" in name else
                "96 DenseNets, CIFAR-10 at 10 x 10 pixels, 4 epochs; draws of 25; not the paper's",
            )
        )  # fmt: skip
    return claims


def degree(draws: int = 2000) -> list[Claim]:
    """Return Kendall's tau of NN-Degree, and of plain sizes, with accuracy; intervals over
    networks."""
    networks, trainings = judge.load()
    y = np.array([float(np.mean(one)) for one in trainings])
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(y), size=(draws, len(y)))
    said = {}
    for name in ("NN-Degree", "params", "MACs"):
        values = np.array([judge.NUMBERS[name](net) for net in networks], float)
        taus = [float(kendalltau(values[one], y[one]).statistic) for one in picks]
        low, high = np.percentile(taus, [2.5, 97.5])
        said[name] = (float(kendalltau(values, y).statistic), float(low), float(high))
    others = ", ".join(
        f"{name} {tau:.2f} [{low:.2f}, {high:.2f}]"
        for name, (tau, low, high) in said.items()
        if name != "NN-Degree"
    )
    tau, low, high = said["NN-Degree"]
    return [
        Claim(
            "NN-Degree correlates with accuracy",
            "correlates; Kendall's tau 0.43 in NASH's table (second hand)",
            f"Kendall's tau {tau:.2f}; of plain sizes {others}",
            (low, high),
            len(y),
            judged((low, high), TAU, neutral=0.0),
            "96 DenseNets, short trainings at 10 x 10 pixels, where links help and depth harms; "
            "the interval is over networks. On published networks trained to the end MACs rank "
            "better (section predictors)",
        )
    ]


def hardware() -> list[Claim]:
    """Return how far the models are off on networks that no fit has seen."""
    unseen = {
        name: (flash.Target.load(name).residuals or {})["default"]
        for name in ("cpu-x86", "cpu-x86-torch")
    }
    text = "; ".join(
        f"{name}: {one['imagenet']['not_fitted']['error_pct']:.2g} % on "
        f"{one['imagenet']['not_fitted']['networks']} networks of 160 to 224 pixels before any was "
        f"fitted, {one['kept_aside']['error_pct']:.2g} % on {one['kept_aside']['networks']} of "
        "other types"
        for name, one in unseen.items()
    )
    rram = (flash.Target.load("rram").residuals or {})["densenet"]["held_out"]
    mesh = json.loads((HERE / "claims" / "mesh.json").read_text(encoding="utf-8"))
    light, every = mesh["packets"]["light"], mesh["packets"]["all"]
    boards = []
    for name in ("raspberry-pi-3b", "odroid-mc1"):
        told = (flash.Target.load(name).provenance or {})["power_w"]
        low, high = told["range"]
        boards.append(f"{name} latency x {told['busy']:.3g} W ({low:.3g} to {high:.3g} W)")
    return [
        Claim(
            "latency models fine-tuned and validated by inference on the target",
            "models of latency; errors not seen",
            text,
            None,
            0,
            judged((0.0, 0.0), 1.0, bound=UNSEEN),
            "a server core with two runtimes; no Raspberry Pi 3B or Odroid MC1 was at hand",
        ),
        Claim(
            "models of area, latency and energy of in-memory computing",
            "analytical models; errors not seen",
            "rram, left out: "
            + ", ".join(f"{metric} {one['mape_pct']:.2g} %" for metric, one in rram.items()),
            None,
            0,
            judged((0.0, 0.0), 1.0, bound=UNSEEN),
            "against NeuroSim's runs with its bus; whether the paper had this version is unknown",
        ),
        Claim(
            "the network on chip, by BookSim",
            "average latency of packets by BookSim; errors not seen",
            f"rram-mesh: {100 * light['mean']:.2g} % off on average over {light['runs']} runs of "
            f"BookSim away from saturation, {light['over']} of them by more than 5 %; "
            f"{100 * every['mean']:.2g} % over all {every['runs']} stable runs. Searches of the "
            f"default spaces on it proven in at most "
            f"{max(one['ms'] for one in mesh['searches'] if 'free' not in one['space']):.2g} ms",
            None,
            0,
            judged((0.0, 0.0), 1.0, bound=UNSEEN),
            "a model of packets' latency, each side of the mesh judged by a fit to the others; the "
            "procedure of the authors' group; energy and area of routers are estimates",
        ),
        Claim(
            "energy on a Raspberry Pi 3B and an Odroid MC1",
            "models of energy; errors not seen",
            "estimates: " + "; ".join(boards),
            None,
            0,
            judged((0.0, 0.0), 1.0, bound="not measured, published powers of busy boards"),
            "measured energy is a matter of flash.measure(energy=...) and flash.calibrate, where "
            "there is a counter or a meter",
        ),
    ]


READINGS = {
    "slower": "search alone, without the training of either's answer",
    "slower_trained": "the answers' training counted alike",
}


def orders(folder: Path, seeds: int) -> list[Claim]:
    """Return how many times longer search with training in the loop takes, in both readings."""
    on_digits = training_free.digits(folder / "digits", seeds)
    claims = [_on_cifar(reading, seeds) for reading in READINGS]
    claims += [_on_digits(on_digits, reading, seeds) for reading in READINGS]
    claims.append(_against_best(on_digits, seeds))
    return claims


NAMED = (
    "random search until a network is as accurate as the one that the timed search returned, "
    "trained alike; the paper's baselines were not seen. "
)
GROWS = " of processor time a training, with which the ratio grows"
BOUND = " of processor time a training; the ratio is about how many trainings the other needs"


def _on_cifar(reading: str, seeds: int) -> Claim:
    """Return the claim over all trainings of FLASH's answers under the four budgets."""
    found = training_free.draws_of_shipped(seeds)
    each = [training_free.ratios_of(one.drawn, one.answer_s, one.flash_s) for one in found]
    said = ", ".join(f"{one[reading][0]:.2g}x" for one in each if one[reading])
    answer_s = [value for one in found for value in one.answer_s]
    drawn = [one for budget in found for one in budget.drawn]
    flash_s = statistics.median([one.flash_s for one in found]) or 0.0
    whole = training_free.ratios_of(drawn, answer_s, flash_s)
    ends = _ends(whole[reading])
    cost = found[0].line["training_s"]
    return Claim(
        f"faster than random search with training in the loop, CIFAR-10: {READINGS[reading]}",
        "> 4 orders of magnitude",
        f"{whole[reading][0]:.2g}x over four budgets of MACs ({said})",
        ends,
        len(answer_s),
        judged(ends, ORDERS),
        f"{NAMED}10 x 10 pixels, 96 networks to draw from, {cost:.2g} s"
        + (GROWS if reading == "slower" else BOUND)
        + "; seeds are trainings of FLASH's four answers, with draws for each",
    )


def _on_digits(lines: Sequence[dict[str, Any]], reading: str, seeds: int) -> Claim:
    """Return the claim at the budget that speaks most against it."""
    triples = [one["methods"]["random"][reading] for one in lines]
    worst = min(triples, key=lambda one: one[1])
    cost = float(np.mean([one["training_s"] for one in lines]))
    return Claim(
        f"faster than random search with training in the loop, digits: {READINGS[reading]}",
        "> 4 orders of magnitude",
        ", ".join(f"{one[0]:.2g}x" for one in triples)
        + " at two budgets of MACs; the interval is of the lesser",
        _ends(worst),
        seeds,
        judged(_ends(worst), ORDERS),
        f"{NAMED}8 x 8 pixels, 64 networks, {cost:.2g} s"
        + (GROWS if reading == "slower" else BOUND),
    )


def _against_best(lines: Sequence[dict[str, Any]], seeds: int) -> Claim:
    """Return the same against the method that comes nearest, at the budget where it does."""
    every = [
        (other["slower"], method, one["budget"])
        for one in lines
        for method, other in one["methods"].items()
        if other["slower"]
    ]
    worst, method, budget = min(every, key=lambda one: one[0][1])
    return Claim(
        "faster than every method here with training in the loop, digits: search alone",
        "> 4 orders of magnitude",
        f"{worst[0]:.2g}x against {method} at {budget:.3g} MACs, the nearest of "
        f"{len(training_free.TRAINERS)} methods",
        _ends(worst),
        seeds,
        judged(_ends(worst), ORDERS),
        "evolution, PNAS, FP-NAS, PARSEC and FLASH with a predictor from 12 trainings, each until "
        f"the quality; {np.mean([one['training_s'] for one in lines]):.2g} s a training",
    )


def _ends(triple: Sequence[float | None]) -> tuple[float, float]:
    """Return an interval's ends; an end that is None is as large as any number."""
    low, high = triple[1], triple[2]
    return (0.0 if low is None else low, sys.float_info.max if high is None else high)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--trainings", type=Path, help="folder that keeps the trainings")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    args = parser.parse_args(arguments)
    if args.seeds < SEEDS:
        parser.error(f"--seeds must be at least {SEEDS}, got {args.seeds}")
    parts: list[Callable[[], Any]] = [
        lambda: fresh(args.seeds),
        searches,
        on_a_pi,
        space_size,
        lambda: of_25(args.seeds),
        degree,
        hardware,
    ]
    claims: list[Claim] = []
    for part in parts:
        found = part()
        claims += [found] if isinstance(found, Claim) else found
        print(claims[-1], file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        claims += orders(args.trainings or Path(folder), args.seeds)
    write("flash", claims)


if __name__ == "__main__":
    main()
