"""What supernets are worth, by the claims of NetAdaptV2: ``python -m benchmarks.claims.supernets``.

Small networks on scikit-learn's digits (8 x 8 pixels), so that all of it runs on one core in some
minutes; half of the images judge. Leaves supernets.json, of which the report makes a section. What
is trained is kept in the folder given: the same call goes on from it.

    python -m benchmarks.claims.supernets FOLDER
    python -m benchmarks.claims.supernets FOLDER --only cost,rank --seeds 5

rank       Kendall's tau of supernet scores with 24 networks trained alone, after so many passes
           (forward and backward over a batch), ordered dropout against single path
cost       seconds of a score against a training's, of a pass of one sampling against the other's

NetAdaptV2's mechanisms switched on and off: `benchmarks.claims.netadapt_v2`. HURRICANE's stages and
pools: `benchmarks.claims.hurricane`.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from scipy.stats import kendalltau

import flash
from benchmarks.claims.sections import run_sections
from flash.comparing.statistics import Efforts, interval, ratio

if TYPE_CHECKING:
    pass

KEPT = Path(__file__).with_name("supernets.json")
SEEDS = 5
WHOLE = flash.Range(32, 32, unit="width/32")
RANKED = flash.ResNet(widths=[4, 8, 12], depths=[1, 2, 3], skips=WHOLE, cells=2, resolution=8)
TRAINED = 24
EPOCHS = (3, 8, 24)
DATA: dict[str, Any] = {"dataset": "digits", "test_fraction": 0.5, "batch_size": 32}
ALONE = 8  # epochs of a network trained alone


class Bench:
    """Where trainings are kept, and how many seeds."""

    def __init__(self, folder: Path, seeds: int) -> None:
        self.folder = folder
        self.seeds = range(seeds)

    def supernet(self, name: str, space: Any, seed: int, epochs: int, sampling: str) -> Any:
        """Train a supernet, or find it trained."""
        out = self.folder / f"{name}-{sampling}-{epochs}-{seed}"
        return flash.train_supernet(
            space, **DATA, out=out, seed=seed, epochs=epochs, sampling=sampling
        )

    def alone(self, name: str, networks: list[Any], seed: int = 0) -> list[Any]:
        """Train networks alone; return the samples in their order."""
        return list(
            flash.train(
                networks, **DATA, out=self.folder / f"alone-{name}-{seed}", epochs=ALONE,
                seed=seed, workers=1,
            ).samples
        )  # fmt: skip


def effect(first: list[float], second: list[float]) -> dict[str, Any]:
    """Return the mean difference of pairs (second - first), its interval and its effect size.

    The interval of 95 % is by bootstrap over pairs; the effect size is the mean difference over its
    standard deviation (Cohen's d of pairs).
    """
    differences = [b - a for a, b in zip(first, second, strict=True)]
    spread = statistics.stdev(differences) if len(differences) > 1 else 0.0
    mean, low, high = interval(differences)
    return {
        "first": statistics.fmean(first),
        "second": statistics.fmean(second),
        "difference": [mean, low, high],
        "effect_size": mean / spread if spread else None,
        "n": len(differences),
    }


def passes_until(
    values: dict[str, list[list[float]]], epochs: tuple[int, ...], base: str, own: str
) -> dict[str, Any]:
    """Return the passes that two need, in expectation, to what the first reaches at the end.

    All passes of a seed that never comes there are counted, over the seeds that do (as
    `flash.compare` counts evaluations); the ratio is the first's over the second's.
    """
    quality = statistics.fmean(values[base][-1])
    efforts = {}
    for name in (base, own):
        spent, came = [], []
        for seed in range(len(values[name][0])):
            found = [e for k, e in enumerate(epochs) if values[name][k][seed] >= quality]
            spent.append(float((found or [epochs[-1]])[0] * passes_per_epoch()))
            came.append(bool(found))
        efforts[name] = Efforts(spent, spent, spent, came)
    return {
        "quality": quality,
        "passes": {name: one.expected("evaluations") for name, one in efforts.items()},
        "reached": {name: one.reached for name, one in efforts.items()},
        "ratio": _finite(ratio(efforts[base], efforts[own], "evaluations")),
    }


def _finite(triple: Any) -> Any:
    return triple and [None if one - one != 0.0 else one for one in triple]


def rank(bench: Bench) -> dict[str, Any]:
    """Rank correlation with stand-alone training against passes, with and without."""
    nets = RANKED.sample(TRAINED, seed=1)
    truth = [sample.accuracy for sample in bench.alone("rank", nets)]
    again = [sample.accuracy for sample in bench.alone("rank", nets, seed=1)]
    taus: dict[str, dict[int, list[float]]] = {}
    seconds: dict[str, dict[int, list[float]]] = {}
    means: dict[str, dict[int, list[float]]] = {}
    for sampling in ("single-path", "ordered-dropout"):
        taus[sampling], seconds[sampling], means[sampling] = {}, {}, {}
        for epochs in EPOCHS:
            found = [bench.supernet("rank", RANKED, seed, epochs, sampling) for seed in bench.seeds]
            scores = [one.score(nets) for one in found]
            taus[sampling][epochs] = [float(kendalltau(truth, own)[0]) for own in scores]
            means[sampling][epochs] = [statistics.fmean(own) for own in scores]
            seconds[sampling][epochs] = [one.seconds for one in found]
    by_epoch = {name: [taus[name][e] for e in EPOCHS] for name in taus}
    return {
        "until": passes_until(by_epoch, EPOCHS, "single-path", "ordered-dropout"),
        "networks": TRAINED,
        "noise": float(kendalltau(truth, again)[0]),
        "accuracies": [min(truth), statistics.median(truth), max(truth)],
        "passes_per_epoch": passes_per_epoch(),
        "epochs": list(EPOCHS),
        "tau": by_epoch,
        "score": {name: [means[name][e] for e in EPOCHS] for name in means},
        "seconds": {name: [seconds[name][e] for e in EPOCHS] for name in seconds},
        "against": [effect(taus["single-path"][e], taus["ordered-dropout"][e]) for e in EPOCHS],
        "score_against": [
            effect(means["single-path"][e], means["ordered-dropout"][e]) for e in EPOCHS
        ],
    }


def passes_per_epoch() -> int:
    """Return the forward and backward passes of an epoch."""
    from flash.training.data import read

    images = read(DATA["dataset"], None, DATA["test_fraction"], 0)
    count, size = len(images.train_y), DATA["batch_size"]
    return count // size + (count % size > 1)


def trained_alone(supernet: Any, row: Any, seed: int) -> float:
    """Return the accuracy of a subnet's structure trained alone, from weights of its own."""
    import torch

    from flash.supernet.cutting import cut_subnet
    from flash.supernet.epochs import one_thread
    from flash.supernet.modules import build_module
    from flash.training import Recipe
    from flash.training.loop import fit

    fresh = build_module(supernet.weights.backbone, seed + 1000).train()
    module = cut_subnet(fresh, supernet.subnet(row))
    data = {name: tensor.numpy() for name, tensor in supernet.data.items()}
    with one_thread(torch, "cpu"):
        recipe = Recipe(epochs=ALONE, batch_size=DATA["batch_size"], augment="shift")
        return fit(module, data, recipe, seed=seed)["accuracy"]


def cost(bench: Bench) -> dict[str, Any]:
    """Seconds of a score against seconds of a training, of the same networks, default recipes."""
    nets = RANKED.sample(6, seed=2)
    supernet = flash.train_supernet(
        RANKED, "digits", out=bench.folder / "cost", epochs=2, sampling="single-path"
    )
    trained = flash.train(nets, "digits", out=bench.folder / "cost-alone", workers=1)
    scores, ratios = [], []
    for net, sample in zip(nets, trained.samples, strict=True):
        supernet.score([net])
        began = perf_counter()
        supernet.score([net] * 5)
        scores.append((perf_counter() - began) / 5)
        ratios.append(sample.seconds / scores[-1])
    passes: dict[str, list[float]] = {"single-path": [], "ordered-dropout": []}
    for turn in range(5):  # in turns, so that both have what the machine does meanwhile
        for sampling, spent in passes.items():
            out = bench.folder / f"pass-{sampling}-{turn}"
            one = flash.train_supernet(RANKED, **DATA, out=out, epochs=1, sampling=sampling)
            spent.append(one.seconds / passes_per_epoch())
    pairs = zip(passes["single-path"], passes["ordered-dropout"], strict=True)
    return {
        "pass_s": passes,
        "pass_ratio": interval([b / a for a, b in pairs]),
        "score_s": scores,
        "training_s": [sample.seconds for sample in trained.samples],
        "epochs": 10,
        "ratio": interval(ratios),
    }


SECTIONS = {"cost": cost, "rank": rank}


def main() -> None:
    """Measure, section by section."""
    of_bench = {
        name: lambda folder, seeds, _, section=section: section(Bench(folder, seeds))
        for name, section in SECTIONS.items()
    }
    run_sections(__doc__, of_bench, KEPT, SEEDS)


if __name__ == "__main__":
    main()
