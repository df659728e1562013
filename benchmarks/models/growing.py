"""Judge predictors that go on learning: fitted on 25, 50 and 100 networks of published tables.

    python -m benchmarks.models.growing DATA --out benchmarks/models/growing.json

DATA is the folder that holds accuracy/. Beside `AccuracyPredictor.fit` (kind "auto") and its
additive part (kind "topology") stand plain models on what a table says of its networks: ridge
regression, a random forest and a Gaussian process of scikit-learn, on one-hot choices (or, where
networks have names, on the family, the numbers in the name, parameters and MACs). Medians over
draws of the networks to fit; at most 3,000 that were not drawn are judged.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.models import networks
from benchmarks.models.predictors import LEVEL, SEED, predicted, quartiles, read
from benchmarks.training import judge as trained
from flash.networks.degree import nn_degree
from flash.predictors.cell_terms import terms_of
from flash.predictors.features import features_of
from flash.predictors.fit import fit_values
from flash.predictors.fitting import logit, spearman
from flash.predictors.growing import FEWEST, columns_of, grow_features, partition_of
from flash.predictors.grown import read as values_of
from flash.predictors.predictor import AccuracyPredictor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from flash.predictors.features import Features
    from flash.predictors.grown import Grown

    Array = NDArray[np.float64]

SIZES = (25, 50, 100)
JUDGED = 3000
PLAIN = ("ridge", "forest", "gaussian process")


class Table:
    """Networks as they are read, with what a table says of them and their accuracies."""

    def __init__(self, nets: Sequence[Any], raw: Sequence[Sequence[float]], y: Any) -> None:
        self.features: list[Features] = []
        designs, degrees = [], []
        for net in nets:
            self.features.append(features_of(net))
            designs.append(terms_of(net).design())
            degrees.append(nn_degree(net))
        self.designs, self.degrees = np.array(designs), np.array(degrees)
        raw_values = np.array(raw, dtype=float)
        spread = raw_values.std(axis=0)
        told = spread > 0
        self.raw = (raw_values[:, told] - raw_values[:, told].mean(axis=0)) / spread[told]
        self.accuracies: dict[str, Array] = y
        self.partition = partition_of(self.features)
        columns = columns_of(self.features, self.partition)
        self.at = {column: place for place, column in enumerate(columns)}
        self.values = values_of(self.features, columns, self.partition)

    def features_at(self, use: NDArray[np.intp], grown: Grown) -> Array:
        """Return what a grown predictor reads of some networks."""
        places = [self.at.get(column, -1) for column in grown.columns]
        same = grown.partition == self.partition
        found = self.values[use][:, places]
        left = [k for k, at in enumerate(places) if at < 0 or not same]
        if left:
            nets = [self.features[number] for number in use.tolist()]
            found[:, left] = values_of(nets, [grown.columns[k] for k in left], grown.partition)
        return found


def one_hot(rows: Sequence[Sequence[Any]]) -> list[list[float]]:
    """Return each choice of each place as a number that is 0 or 1."""
    options = [sorted(set(column)) for column in zip(*rows, strict=True)]
    return [
        [float(value == one) for value, own in zip(row, options, strict=True) for one in own]
        for row in rows
    ]


def nas_bench_201(folder: Path) -> Table | None:
    """NAS-Bench-201: raw are the operations of its six edges."""
    rows = read(folder, "nb201_tss_accuracy.csv.gz")
    if rows is None:
        return None
    nets, raw, kept = [], [], []
    for row in rows:
        net = networks.nas_bench_201(row["arch_str"])
        if net is not None:
            features_of(net)
            nets.append(net)
            raw.append(re.findall(r"([a-z_0-9]+)~", row["arch_str"]))
            kept.append(row)
    names = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "in16_120"}
    y = {k: np.array([float(r[f"acc_{v}"]) / 100 for r in kept]) for k, v in names.items()}
    return Table(nets, one_hot(raw), y)


def macro(folder: Path) -> Table | None:
    """NAS-Bench-Macro: raw are its eight layers."""
    rows = read(folder, "nas_bench_macro_cifar10.csv.gz")
    if rows is None:
        return None
    y = np.array([np.mean([float(row[f"acc{k}"]) / 100 for k in (1, 2, 3)]) for row in rows])
    nets = [networks.nas_bench_macro(row["arch"]) for row in rows]
    return Table(nets, one_hot([list(row["arch"]) for row in rows]), {"cifar10": y})


def imgclsmob(folder: Path) -> Table | None:
    """imgclsmob: raw are the family, squeeze and excitation or DIA, the numbers of the name,
    parameters and MACs."""
    rows = read(folder, "imgclsmob_cifar_svhn.csv")
    if rows is None:
        return None
    nets, raw, kept = [], [], []
    families = sorted({row["family"] for row in rows if row["family"]})
    for row in rows:
        net = networks.imgclsmob(row["model"]) if row["family"] else None
        if net is None:
            continue
        numbers = [float(text) for text in re.findall(r"\d+", row["model"])][:3]
        raw.append([
            *[float(row["family"] == one) for one in families],
            *[float(row["model"].startswith(one)) for one in ("SE-", "DIA-")],
            *np.log1p([*numbers, 0.0, 0.0, 0.0][:3]),
            *np.log([net.params, net.macs]),
        ])  # fmt: skip
        nets.append(net)
        kept.append(row)
    y = {
        name: np.array([1 - float(r[f"err_{name}"] or "nan") / 100 for r in kept])
        for name in ("cifar10", "cifar100", "svhn")
    }
    return Table(nets, raw, y)


def densenets(folder: Path) -> Table:
    """The DenseNet-type networks that were trained for flash: raw are widths, depths and skips."""
    nets, accuracies = trained.load()
    raw = [[float(v) for c in net.cells for v in (c.width, c.depth, c.skips)] for net in nets]
    return Table(nets, raw, {"cifar10": np.array([np.mean(one) for one in accuracies])})


TABLES: dict[str, Callable[[Path], Table | None]] = {
    "densenets": densenets,
    "imgclsmob": imgclsmob,
    "nas-bench-macro": macro,
    "nas-bench-201": nas_bench_201,
}


def plain(raw: Array, y: Array, other: Array) -> Iterator[tuple[str, Array]]:
    """Yield the predictions of plain models, where scikit-learn is installed."""
    try:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
        from sklearn.linear_model import RidgeCV
    except ImportError:
        return
    z = logit(y)
    yield "ridge", RidgeCV(np.logspace(-3, 3, 13)).fit(raw, z).predict(other)
    yield "forest", RandomForestRegressor(100, random_state=0).fit(raw, y).predict(other)
    kernel = ConstantKernel(1.0) * RBF(raw.shape[1] ** 0.5) + WhiteKernel(0.1)
    process = GaussianProcessRegressor(kernel, normalize_y=True)
    yield "gaussian process", np.asarray(process.fit(raw, z).predict(other))


def judge(table: Table, y: Array, size: int, draws: int) -> dict[str, Any]:
    """Return quartiles of rank correlations, and of the predictor's errors and intervals."""
    random = np.random.default_rng([SEED, size])
    known = np.flatnonzero(~np.isnan(y))
    ranks: dict[str, list[float]] = {}
    more: dict[str, list[float]] = {"mae": [], "coverage": [], "width": [], "fit_s": []}
    grew = 0
    for _ in range(draws):
        order = known[random.permutation(len(known))]
        use, rest = order[:size], order[size : size + JUDGED]
        start = time.perf_counter()
        made, evidence = fit_values(table.designs[use], table.degrees[use], y[use], "topology")
        assert not isinstance(made, tuple)
        additive = AccuracyPredictor(topology=made, evidence=evidence)
        grown = None
        if size >= FEWEST:
            grown = grow_features([table.features[i] for i in use], y[use], evidence.report)
        more["fit_s"].append(time.perf_counter() - start)
        z, variance = predicted(additive, table.designs[rest], table.degrees[rest])
        ranks.setdefault("topology", []).append(spearman(z, y[rest]))
        half = evidence.half_width(evidence.centre, LEVEL) / np.sqrt(1 + evidence.base)
        if grown is not None:
            grew += 1
            z, variance = grown.judge_values(table.features_at(rest, grown), z)
            half = grown.half_width(0.0, LEVEL)
        low, high = (1 / (1 + np.exp(-(z + s * half * np.sqrt(1 + variance)))) for s in (-1, 1))
        ranks.setdefault("auto", []).append(spearman(z, y[rest]))
        more["mae"].append(float(np.abs(1 / (1 + np.exp(-z)) - y[rest]).mean()))
        more["coverage"].append(float(((low <= y[rest]) & (y[rest] <= high)).mean()))
        more["width"].append(float(np.median(high - low)))
        for name, guess in plain(table.raw[use], y[use], table.raw[rest]):
            rank = spearman(guess, y[rest])
            ranks.setdefault(name, []).append(0.0 if np.isnan(rank) else rank)
    return {
        "rank": {name: quartiles(found) for name, found in ranks.items()},
        **{name: quartiles(found) for name, found in more.items()},
        "mean_coverage": round(float(np.mean(more["coverage"])), 4),
        "grown": round(grew / draws, 4),
    }


def main() -> None:
    """Judge, print and store."""
    parser = argparse.ArgumentParser(description="Judge predictors that go on learning.")
    parser.add_argument("data", type=Path, help="the data folder: the one that holds accuracy/")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--draws", type=int, default=30, help="of the networks to fit")
    parser.add_argument("--only", choices=tuple(TABLES), nargs="*", default=list(TABLES))
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of scikit-learn: a weight at its bound
    found: dict[str, Any] = {"draws": args.draws, "level": LEVEL, "tables": {}}
    for name in args.only:
        table = TABLES[name](args.data)
        if table is None:
            print(f"{name}: absent")
            continue
        for title, y in table.accuracies.items():
            count = int((~np.isnan(y)).sum())
            sizes = {}
            for size in SIZES:
                if count < size + 15:
                    continue
                got = sizes[size] = judge(table, y, size, args.draws)
                told = ", ".join(f"{key} {value[0]:.3f}" for key, value in got["rank"].items())
                print(
                    f"{name} {title}, {size} of {count}: {told}; grown {got['grown']:.0%}, "
                    f"{LEVEL:.0%} interval covers {got['mean_coverage']:.1%}, "
                    f"{1e3 * got['fit_s'][0]:.0f} ms",
                    flush=True,
                )
            found["tables"].setdefault(name, {})[title] = {"networks": count, "sizes": sizes}
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
