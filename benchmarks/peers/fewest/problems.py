"""Tables of real accuracies as problems: candidates, what a training gives, and which are good.

A problem is a list of candidates. A method sees their rows of choice indices and their features,
and learns the accuracy of those that it trains; goals are judged by `truth`. Where a table holds
several trainings of a network, one training gives their mean, for all methods alike.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.common.files import HERE
from flash.spaces.network_space import network_space

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

SHARES = {"best 1 %": 0.01, "best 0.1 %": 0.001, "the best": 0.0}
FEW = {"best 10 %": 0.1, "best 5 %": 0.05, "the best": 0.0}  # 1 % of 79 is the best alone
SEED_NOISE = 0.0085  # between trainings of one network of benchmarks/training: 0.85 points
TRAINED = HERE / "training" / "results.json"


@dataclass(frozen=True, eq=False)
class Problem:
    """A list of candidates.

    Attributes
    ----------
    name : str
        Its name on the command line and in files.
    labels : tuple of str
        What the table calls the candidates.
    rows : int array (n, variables)
        Choice indices of each; no two are the same.
    lengths : tuple of int
        Choices of each variable.
    ordered : tuple of bool
        Which variables are steps of a number, not kinds.
    features : float array (n, features)
        For models: one-hot of kinds, numbers scaled to 0 to 1.
    accuracy : float array (n,)
        What a training gives, 0 to 1.
    truth : float array (n,)
        By what goals are judged.
    goals : dict of str to float
        The least truth that meets each.
    space : str, optional
        The family of flash's own space with these rows.
    others : dict of str to float array (n,)
        Accuracies of the same networks on other data sets, NaN where there is none: what a method
        that takes what was known before may be given.
    """

    name: str
    labels: tuple[str, ...]
    rows: Ints
    lengths: tuple[int, ...]
    ordered: tuple[bool, ...]
    features: Floats
    accuracy: Floats
    truth: Floats
    goals: dict[str, float]
    space: str | None = None
    others: dict[str, Floats] = field(default_factory=dict, repr=False)
    kept: dict[int, Ints] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def places(self) -> dict[tuple[int, ...], int]:
        """The candidate of each row."""
        return {tuple(row): number for number, row in enumerate(self.rows.tolist())}

    @cached_property
    def complete(self) -> bool:
        """Whether every row within the lengths is a candidate."""
        return len(self) == int(np.prod(self.lengths))

    def distances(self, number: int) -> Floats:
        """Return squared distances of features from one candidate to all."""
        far = self.features - self.features[number]
        return np.asarray(np.square(far).sum(axis=1))

    def neighbours(self, number: int) -> Ints:
        """Return the candidates with one choice changed; the 8 nearest where some are missing."""
        if number not in self.kept:
            if self.complete:
                found = np.flatnonzero((self.rows != self.rows[number]).sum(axis=1) == 1)
            else:
                order = np.argsort(self.distances(number), kind="stable")
                found = order[order != number][:8]
            self.kept[number] = found
        return self.kept[number]

    def snapped(self, row: Sequence[int], held: NDArray[np.bool_]) -> int:
        """Return the candidate of a row; where there is none, the nearest one not yet held."""
        number = self.places.get(tuple(row))
        if number is not None:
            return number
        far = np.abs(self.rows - np.asarray(row)) / (np.asarray(self.lengths) - 1)
        kinds = ~np.asarray(self.ordered)
        far[:, kinds] = far[:, kinds] > 0
        far = far.sum(axis=1)
        far[held] = np.inf
        return int(far.argmin())


def _goals(truth: Floats, shares: dict[str, float]) -> dict[str, float]:
    ranked = np.sort(truth)[::-1]
    return {name: float(ranked[int(len(ranked) * share)]) for name, share in shares.items()}


def _one_hot(rows: Ints, lengths: Sequence[int]) -> Floats:
    parts = [np.eye(length)[rows[:, k]] for k, length in enumerate(lengths)]
    return np.concatenate([np.empty((len(rows), 0)), *parts], axis=1)


def _scaled(values: Floats) -> Floats:
    low, high = values.min(axis=0), values.max(axis=0)
    return np.asarray((values - low) / np.where(high > low, high - low, 1.0))


def _levels(values: NDArray[np.generic]) -> tuple[Ints, int]:
    """Return the place of each value among those that occur, and how many there are."""
    found, places = np.unique(values, return_inverse=True)
    return places.astype(np.int64), len(found)


def _table(data: Path, name: str) -> list[dict[str, str]] | None:
    """Return a table's rows as text, or None where the file is absent."""
    path = next((p for p in (data / "accuracy" / name, data / name) if p.exists()), None)
    if path is None:
        return None
    raw = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    return list(csv.DictReader(raw.decode("utf-8").splitlines()))


def _benchmark(
    name: str, file: str, space: str, key: str, columns: tuple[str, ...], data: Path
) -> Problem | None:
    """Return a table of one of flash's own spaces."""
    table = _table(data, file)
    if table is None:
        return None
    home = network_space(space)
    labels = tuple(row[key] for row in table)
    rows = np.array([home.parse(label) for label in labels], dtype=np.int64)
    means = [np.mean([float(row[column]) for column in columns]) / 100.0 for row in table]
    accuracy = np.array(means, dtype=float)
    features = _one_hot(rows, home.lengths)
    kinds = (False,) * len(home.lengths)
    goals = _goals(accuracy, SHARES)
    return Problem(
        name, labels, rows, home.lengths, kinds, features, accuracy, accuracy, goals, space
    )


def _nas_bench_201(name: str, column: str) -> Callable[[Path], Problem | None]:
    file = "nb201_tss_accuracy.csv.gz"

    def made(data: Path) -> Problem | None:
        found = _benchmark(name, file, "nas-bench-201", "arch_str", (column,), data)
        table = _table(data, file)
        if found is not None and table is not None and column != "acc_cifar10":
            known = [float(row["acc_cifar10"]) / 100.0 for row in table]
            found.others["cifar10"] = np.array(known)
        return found

    return made


def _macro(data: Path) -> Problem | None:
    file, columns = "nas_bench_macro_cifar10.csv.gz", ("acc1", "acc2", "acc3")
    return _benchmark("nas-bench-macro", file, "nas-bench-macro", "arch", columns, data)


def _listed(
    name: str,
    labels: Sequence[str],
    kinds: NDArray[np.str_],
    numbers: Floats,
    accuracy: Floats,
    shares: dict[str, float],
) -> Problem:
    """Return a list of networks that are told by some kinds and some numbers."""
    columns = [_levels(one) for one in (*kinds.T, *numbers.T)]
    rows = np.stack([places for places, _ in columns], axis=1)
    lengths = tuple(length for _, length in columns)
    count = kinds.shape[1]
    features = np.concatenate([_one_hot(rows[:, :count], lengths[:count]), _scaled(numbers)], 1)
    ordered = (False,) * count + (True,) * numbers.shape[1]
    goals = _goals(accuracy, shares)
    return Problem(name, tuple(labels), rows, lengths, ordered, features, accuracy, accuracy, goals)


def _zoo(name: str, column: str) -> Callable[[Path], Problem | None]:
    """imgclsmob: family, attention, pre-activation, bottleneck; depth, widths and groups."""

    def made(data: Path) -> Problem | None:
        table = _table(data, "imgclsmob_cifar_svhn.csv")
        if table is None:
            return None
        known = [row for row in table if row["family"] and row[column]]
        kinds, numbers = [], []
        for row in known:
            model = row["model"]
            attention = model[:3] if model[:3] in ("SE-", "DIA") else ""
            bottleneck = "BN" in model or "BC" in model or "bottleneck" in row["family"]
            found = [float(text) for text in re.findall(r"\d+", model)]
            extra = found[-1] if len(found) > 1 else 0.0  # factor, growth, alpha, width of groups
            groups = found[1] if len(found) > 2 else 1.0
            family = row["family"].split("_")[0]
            kinds.append((family, attention, "Pre" * ("Pre" in model), str(bottleneck)))
            widest = float(row["widths"].split("-")[-1])
            numbers.append([np.log(v) for v in (found[0], widest, 1.0 + extra, groups)])
        accuracy = np.array([1.0 - float(row[column]) / 100.0 for row in known])
        labels = [row["model"] for row in known]
        problem = _listed(name, labels, np.array(kinds), np.array(numbers), accuracy, FEW)
        if column != "err_cifar10":
            errors = [float(row["err_cifar10"] or "nan") for row in known]
            problem.others["cifar10"] = 1.0 - np.array(errors) / 100.0
        return problem

    return made


def _trained(data: Path) -> Problem | None:
    """Our own trainings: width multiplier, three depths, three numbers of links."""
    networks = json.loads(TRAINED.read_text())["networks"]
    numbers = np.array([[one["multiplier"], *one["depths"], *one["skips"]] for one in networks])
    means = [np.mean([run["accuracy"] for run in one["trainings"]]) for one in networks]
    accuracy = np.array(means, dtype=float)
    accuracy = accuracy / (100.0 if accuracy.max() > 1.0 else 1.0)
    labels = [str(one["number"]) for one in networks]
    none = np.empty((len(networks), 0), dtype=str)
    found = _listed("trained", labels, none, numbers.astype(float), accuracy, {"the best": 0.0})
    best = found.goals["the best"]
    found.goals.clear()
    found.goals.update({"within noise of the best": best - SEED_NOISE, "the best": best})
    return found


PROBLEMS: dict[str, Callable[[Path], Problem | None]] = {
    "nas-bench-201-cifar10": _nas_bench_201("nas-bench-201-cifar10", "acc_cifar10"),
    "nas-bench-201-cifar100": _nas_bench_201("nas-bench-201-cifar100", "acc_cifar100"),
    "nas-bench-201-imagenet16": _nas_bench_201("nas-bench-201-imagenet16", "acc_in16_120"),
    "nas-bench-macro": _macro,
    "imgclsmob-cifar10": _zoo("imgclsmob-cifar10", "err_cifar10"),
    "imgclsmob-cifar100": _zoo("imgclsmob-cifar100", "err_cifar100"),
    "imgclsmob-svhn": _zoo("imgclsmob-svhn", "err_svhn"),
    "trained": _trained,
}
