"""Judge accuracy predictors: fit on a few published networks, compare with all the others.

    python -m benchmarks.models.predictors DATA --out results.json

DATA is the folder that holds accuracy/; a set that is absent there is marked absent. The same code
and features serve every set. Spearman rank correlations and errors are medians over draws of the
networks to fit, with quartiles; every network that was not drawn is judged.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.models import networks
from flash.networks.degree import nn_degree
from flash.networks.network import Network
from flash.predictors.cell_terms import BASIS, TOTALS, terms_of
from flash.predictors.fit import fit_values
from flash.predictors.fitting import spearman
from flash.predictors.predictor import AccuracyPredictor

SIZES = (10, 25, 50, 100)
FIT, LEVEL, SEED = 25, 0.9, 0
SHOWN = 200  # networks of an example: what a plot can show
PROXIES = ("params", "macs", "nn_degree")
Row = dict[str, str]


class Set:
    """Networks of one table with their accuracies on several data sets."""

    def __init__(self, rows: list[Row], nets: Callable[[Row], Network | None]) -> None:
        self.rows: list[Row] = []
        values, degrees = [], []
        self.sample: list[Network] = []
        for row in rows:
            net = nets(row)
            if net is None:
                continue
            self.rows.append(row)
            values.append(terms_of(net).design())
            degrees.append(nn_degree(net))
            if len(self.sample) < 40:  # judged through the public interface too
                self.sample.append(net)
        self.values, self.degrees = np.array(values), np.array(degrees)
        self.left_out = len(rows) - len(self.rows)

    def proxies(self) -> dict[str, Any]:
        """Return the numbers that need no fit."""
        first = len(BASIS)
        logs = {name: self.values[:, first + k] for k, name in enumerate(TOTALS)}
        return {**logs, "nn_degree": self.degrees}


def read(folder: Path, name: str) -> list[Row] | None:
    """Return a table's rows as text, or None where it is absent."""
    path = folder / "accuracy" / name
    if not path.exists():
        return None
    raw = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    return list(csv.DictReader(raw.decode("utf-8").splitlines()))


def quartiles(values: list[float]) -> list[float]:
    """Return the median, and the first and third quartile."""
    return [round(float(q), 4) for q in np.percentile(values, [50, 25, 75])]


def fit(values: Any, degrees: Any, y: Any, kind: str) -> AccuracyPredictor:
    """Return a predictor fitted on networks that are already read."""
    made, evidence = fit_values(values, degrees, y, kind)
    if isinstance(made, tuple):
        return AccuracyPredictor(*made, evidence=evidence)
    return AccuracyPredictor(topology=made, evidence=evidence)


def judge(
    values: Any, degrees: Any, y: Any, kind: str, size: int, draws: int
) -> dict[str, list[float]]:
    """Return quartiles of rank correlation, error and coverage over draws of `size` networks."""
    random = np.random.default_rng([SEED, size])
    ranks, errors, covered, widths, seconds = [], [], [], [], []
    for _ in range(draws):
        order = random.permutation(len(y))
        use, rest = order[:size], order[size:]
        start = time.perf_counter()
        fitted = fit(values[use], degrees[use], y[use], kind)
        seconds.append(time.perf_counter() - start)
        evidence = fitted.evidence
        assert evidence is not None
        z, variance = predicted(fitted, values[rest], degrees[rest])
        accuracy = 1 / (1 + np.exp(-z))
        half = evidence.half_width(evidence.centre, LEVEL) / np.sqrt(1 + evidence.base)
        low, high = (1 / (1 + np.exp(-(z + s * half * np.sqrt(1 + variance)))) for s in (-1, 1))
        ranks.append(spearman(z, y[rest]))
        errors.append(float(np.abs(accuracy - y[rest]).mean()))
        covered.append(float(((low <= y[rest]) & (y[rest] <= high)).mean()))
        widths.append(float(np.median(high - low)))
    found = {"rank": ranks, "mae": errors, "coverage": covered, "width": widths, "fit_s": seconds}
    result = {key: quartiles(numbers) for key, numbers in found.items()}
    result["mean_coverage"] = [round(float(np.mean(covered)), 4)]
    result["median_draw"] = [int(np.argsort(ranks)[len(ranks) // 2])]
    return result


def predicted(fitted: AccuracyPredictor, values: Any, degrees: Any) -> tuple[Any, Any]:
    """Return logits and variances, as the predictor's own but for many networks at once."""
    evidence = fitted.evidence
    assert evidence is not None
    if fitted.topology is not None:
        score = fitted.topology
        z = score.intercept + values @ np.array([*score.cell, *score.totals, score.strides])
        x = values - np.array(evidence.centre)
    else:
        assert fitted.a is not None
        assert fitted.b is not None
        assert fitted.c is not None
        grown = np.exp(np.minimum(700.0, fitted.b / degrees + fitted.c))
        z = -np.log(np.maximum(fitted.a + grown - 1, 1e-12))
        slope = -1 / np.maximum(fitted.a + grown - 1, 1e-12)
        x = np.stack([slope * fitted.a, slope * grown * fitted.b / degrees, slope * grown], axis=1)
    return z, evidence.base + np.einsum("ij,jk,ik->i", x, np.array(evidence.spread), x)


def example(data: Set, y: Any, number: int) -> dict[str, Any]:
    """Return one draw for a plot: real accuracies, and what both kinds predict of them."""
    random = np.random.default_rng([SEED, FIT])
    order = [random.permutation(len(y)) for _ in range(number + 1)][number]
    use, rest = order[:FIT], order[FIT : FIT + SHOWN]
    found = {"real": y[rest].round(5).tolist()}
    for kind in ("topology", "nn-degree"):
        fitted = fit(data.values[use], data.degrees[use], y[use], kind)
        z, _ = predicted(fitted, data.values[rest], data.degrees[rest])
        found[kind] = (1 / (1 + np.exp(-z))).round(5).tolist()
    return found


def check(data: Set, y: Any) -> None:
    """The public interface gives what the arrays give."""
    n = len(data.sample)
    fitted = AccuracyPredictor.fit(data.sample[: n - 5], y[: n - 5])
    z, variance = predicted(fitted, data.values[n - 5 : n], data.degrees[n - 5 : n])
    ends = fitted.interval(data.sample[-5:])
    assert fitted.evidence is not None
    half = fitted.evidence.half_width(fitted.evidence.centre, LEVEL)
    half = half / np.sqrt(1 + fitted.evidence.base) * np.sqrt(1 + variance)
    assert np.allclose(ends[:, 0], 1 / (1 + np.exp(half - z)), rtol=1e-9)


def report(data: Set, y: Any, draws: int) -> dict[str, Any]:
    """Return everything about one set of accuracies."""
    check(data, y)
    result: dict[str, Any] = {
        "networks": len(y),
        "left_out": data.left_out,
        "proxies": {k: round(spearman(v, y), 4) for k, v in data.proxies().items()},
    }
    for kind in ("topology", "nn-degree"):
        result[kind] = {
            size: judge(data.values, data.degrees, y, kind, size, draws)
            for size in SIZES
            if len(y) >= size + 25 and (kind == "topology" or size == FIT)
        }
    result["example"] = example(data, y, int(result["topology"][FIT]["median_draw"][0]))
    return result


def ceiling(data: Set, y: Any) -> dict[str, float]:
    """Return what the features reach when there are many networks to fit on."""
    if len(y) < 2000:
        return {}
    large = judge(data.values, data.degrees, y, "topology", 1000, 10)
    return {"these features, 1000 networks to fit": large["rank"][0]}


def macro(folder: Path, draws: int) -> dict[str, Any] | None:
    """NAS-Bench-Macro: with the ceiling that its seed noise sets."""
    rows = read(folder, "nas_bench_macro_cifar10.csv.gz")
    if rows is None:
        return None
    data = Set(rows, lambda row: networks.nas_bench_macro(row["arch"]))
    runs = np.array([[float(row[f"acc{k}"]) / 100 for k in (1, 2, 3)] for row in data.rows])
    one = [spearman(runs[:, k], np.delete(runs, k, 1).mean(axis=1)) for k in range(3)]
    result = {"cifar10": report(data, runs.mean(axis=1), draws)}
    result["cifar10"]["ceiling"] = {"one run against the mean of two": round(min(one), 4)}
    result["cifar10"]["ceiling"] |= ceiling(data, runs.mean(axis=1))
    return result


def imgclsmob(folder: Path, draws: int) -> dict[str, Any] | None:
    """imgclsmob: with what equal networks tell of the noise."""
    rows = read(folder, "imgclsmob_cifar_svhn.csv")
    if rows is None:
        return None
    known = [row for row in rows if row["family"]]
    result = {}
    for name in ("cifar10", "cifar100", "svhn"):
        present = [row for row in known if row[f"err_{name}"]]
        data = Set(present, lambda row: networks.imgclsmob(row["model"]))
        y = np.array([1 - float(row[f"err_{name}"]) / 100 for row in data.rows])
        one = result[name] = report(data, y, draws)
        equal: dict[tuple[float, ...], list[int]] = {}
        for number, design in enumerate(data.values.tolist()):
            equal.setdefault(tuple(design), []).append(number)
        twins = [at for at in equal.values() if len(at) > 1]
        spread = [float(np.log(1 - y[at]).std(ddof=1)) for at in twins]
        one["ceiling"] = {
            "networks that a table of layers cannot tell apart": sum(map(len, twins)),
            "spread of their errors, percent": round(100 * float(np.mean(spread)), 2),
            "true accuracy against itself with that spread": noisy(y, float(np.mean(spread))),
        }
    return result


def noisy(y: Any, spread: float) -> float:
    """Return the rank correlation that noise of this relative spread of errors leaves."""
    random = np.random.default_rng(SEED)
    error = np.log(1 - y)
    drawn = [spearman(-(error + spread * random.normal(size=len(y))), y) for _ in range(200)]
    return round(float(np.median(drawn)), 4)


def nas_bench_201(folder: Path, draws: int) -> dict[str, Any] | None:
    """NAS-Bench-201: with the published training-free proxies."""
    rows = read(folder, "nb201_tss_accuracy.csv.gz")
    if rows is None:
        return None
    data = Set(rows, lambda row: networks.nas_bench_201(row["arch_str"]))
    at = {row["arch_idx"]: number for number, row in enumerate(data.rows)}
    proxies = read(folder, "nb201_zero_cost_proxies.csv.gz")
    result = {}
    for name, column in (
        ("cifar10", "acc_cifar10"),
        ("cifar100", "acc_cifar100"),
        ("imagenet16-120", "acc_in16_120"),
    ):
        y = np.array([float(row[column]) / 100 for row in data.rows])
        one = result[name] = report(data, y, draws)
        one["ceiling"] = ceiling(data, y)
        if proxies is None or name != "cifar10":
            continue
        joined = [p for p in proxies if p["dataset"] == "cifar10" and p["arch_idx"] in at]
        truth = [y[at[p["arch_idx"]]] for p in joined]
        names = list(joined[0])[list(joined[0]).index("synflow") :]
        one["zero_cost"] = {
            k: round(spearman([float(p[k]) for p in joined], truth), 4) for k in names
        }
        one["zero_cost_networks"] = len(joined)
    return result


SETS = {"nas-bench-macro": macro, "imgclsmob": imgclsmob, "nas-bench-201": nas_bench_201}


def main() -> None:
    """Judge, print and store."""
    parser = argparse.ArgumentParser(description="Judge accuracy predictors on published networks.")
    parser.add_argument("data", type=Path, help="the data folder: the one that holds accuracy/")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--draws", type=int, default=100, help="of the networks to fit")
    args = parser.parse_args()
    found: dict[str, Any] = {"fit_on": FIT, "draws": args.draws, "level": LEVEL, "sets": {}}
    print(f"medians (quartiles) over {args.draws} draws of {FIT} networks, the rest judged")
    for name, make in SETS.items():
        result = found["sets"][name] = make(args.data, args.draws) or "absent"
        if isinstance(result, str):
            print(f"{name}: absent")
            continue
        for title, one in result.items():
            show(f"{name} {title}", one)
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


def show(title: str, one: dict[str, Any]) -> None:
    """Print one set."""
    print(f"{title}: {one['networks']} networks")
    for kind in ("topology", "nn-degree"):
        for size, got in one[kind].items():
            rank, low, high = got["rank"]
            print(
                f"  {kind:10} {size:4} fitted: rank {rank:.3f} ({low:.3f}-{high:.3f})"
                f"  error {100 * got['mae'][0]:.2f} %  {LEVEL:.0%} interval covers"
                f" {got['mean_coverage'][0]:.1%}, {100 * got['width'][0]:.1f} % wide"
                f"  {1e3 * got['fit_s'][0]:.1f} ms"
            )
    for key in ("proxies", "zero_cost", "ceiling"):
        if key in one:
            print(f"  {key}: " + ", ".join(f"{k} {v}" for k, v in one[key].items()))


if __name__ == "__main__":
    main()
