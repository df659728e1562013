"""A model of what bits cost in accuracy, fitted on quantised networks and judged on others.

    python -m benchmarks.training.quantise_fit lines.jsonl    # -> quantised.json
    python -m benchmarks.training.quantise_fit                # -> what flash ships, `SHIPPED`

lines.jsonl is of `quantise`; quantised.json holds every measured accuracy, and `judged`: errors of
`RULES` on networks that were left out of their fits, one at a time. An exact solver adds up what
cells lose, so each rule is a sum over cells (of logits, or of logarithms: factors). Predictions
below chance count as chance; so do measurements: what lies there says only that a mix is no good.
Fits are of accuracies, by least squares that grow linear beyond `KNEE` (soft L1), monotone in bits.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

HERE = Path(__file__).parent
TABLE = HERE / "quantised.json"
SHIPPED = HERE.parents[1] / "flash" / "data" / "quantisation" / "cifar10.json"
BITS = (8, 6, 4, 3, 2)
CELLS = 3  # of the networks that the model is fitted on
CHANCE = 0.1
KNEE = 0.02
CHOSEN = "logit, cells alike"
PROVENANCE = (
    "DenseNet-type networks of three cells trained as in benchmarks/training/train_cifar.py "
    "(CIFAR-10, Krizhevsky 2009, JPEG of quality 75, 10 x 10 pixels, 5000 training images, 4 "
    "epochs, seed 0), then quantised after training by benchmarks/training/quantise.py: weights "
    "and inputs of every layer, every mix of bits over the cells, no tuning. Accuracies on test "
    "images (benchmarks/training/quantised.json); torch 2.13.0, one thread, 2026-11-23. Fitted by "
    "benchmarks/training/quantise_fit.py."
)


class Quantised(NamedTuple):
    """What was measured of a network.

    `mixes` (n, cells) holds numbers into `BITS`, `accuracy` (n,) what goes with them, `alone`
    (cells, bits) that of one cell quantised, the others not.
    """

    cells: int
    plain: float
    mixes: NDArray[np.int64]
    accuracy: Array
    alone: Array

    def alike(self, k: int) -> float:
        """Return the accuracy with the k-th bits in every cell."""
        return float(self.accuracy[(self.mixes == k).all(axis=1)][0])


def read(row: dict[str, Any]) -> Quantised:
    """Return a network of quantised.json."""
    cells = len(row["architecture"]["cells"])
    share = {mix: right / row["images"] for mix, right in row["right"].items()}
    names = "".join(map(str, BITS))
    full = [mix for mix in share if "-" not in mix]
    alone = [
        [share["-" * c + name + "-" * (cells - c - 1)] for name in names] for c in range(cells)
    ]
    return Quantised(
        cells,
        share["-" * cells],
        np.array([[names.index(one) for one in mix] for mix in full]),
        np.array([share[mix] for mix in full]),
        np.array(alone),
    )


def load(cells: int | None = CELLS) -> list[Quantised]:
    """Return the networks of so many cells; None: of all."""
    nets = [read(row) for row in json.loads(TABLE.read_text())["networks"]]
    return [net for net in nets if cells in (None, net.cells)]


def logit(accuracy: Any) -> Any:
    """Return log odds."""
    return np.log(accuracy) - np.log1p(-np.asarray(accuracy))


def logistic(z: Any) -> Any:
    """Return what `logit` takes."""
    return 1.0 / (1.0 + np.exp(-z))


def lost(of_place: Array, net: Quantised) -> Array:
    """Return what each mix loses, added up: one row for all cells, or for the first, those
    between, and the last."""
    total = np.zeros(len(net.mixes))
    for c in range(net.cells):
        place = 0 if c == 0 or len(of_place) == 1 else 1 if c < net.cells - 1 else 2
        total += of_place[place][net.mixes[:, c]]
    return total


def fitted(nets: Sequence[Quantised], places: int, logits: bool) -> Array:
    """Return what a cell loses at each place (places, bits): no more for more bits."""
    from scipy.optimize import least_squares

    wanted = np.concatenate([np.maximum(CHANCE, net.accuracy) for net in nets])

    def error(steps: Array) -> Array:
        losses = np.cumsum(steps.reshape(places, -1), axis=1)
        guessed = [added(losses, logits)(net) for net in nets]
        return np.asarray(np.concatenate(guessed) - wanted)

    start = np.full(places * len(BITS), 0.05)
    found = least_squares(error, start, bounds=(0.0, 5.0), loss="soft_l1", f_scale=KNEE)
    return np.asarray(np.cumsum(found.x.reshape(places, -1), axis=1))


def added(losses: Array, logits: bool) -> Callable[[Quantised], Array]:
    """Return the rule that adds losses up, of logits or of logarithms."""

    def rule(net: Quantised) -> Array:
        total = lost(losses, net)
        guess = logistic(logit(net.plain) - total) if logits else net.plain * np.exp(-total)
        return np.asarray(np.maximum(CHANCE, guess))

    return rule


def shares(nets: Sequence[Quantised]) -> Callable[[Quantised], Array]:
    """Return the rule that shares out evenly, as logits, what all cells lose together."""
    whole = float(np.mean([net.plain for net in nets]))
    kept = np.mean([[net.alike(k) / net.plain for k in range(len(BITS))] for net in nets], axis=0)
    kept = np.minimum.accumulate(np.minimum(kept, 1.0))
    return added((logit(whole) - logit(whole * kept))[None] / CELLS, True)


def alone(nets: Sequence[Quantised]) -> Callable[[Quantised], Array]:
    """Return the rule that multiplies what is left with each cell alone, place by place."""
    kept = np.mean([net.alone / net.plain for net in nets], axis=0)
    return added(-np.log(kept), False)


RULES: dict[str, Callable[[Sequence[Quantised]], Callable[[Quantised], Array]]] = {
    "equal shares of what all lose": shares,
    "measured alone, multiplied": alone,
    "factors, by place": lambda nets: added(fitted(nets, 3, False), False),
    "logit, by place": lambda nets: added(fitted(nets, 3, True), True),
    CHOSEN: lambda nets: added(fitted(nets, 1, True), True),
}


def judge(nets: Sequence[Quantised], name: str) -> dict[str, Any]:
    """Return a rule's errors on each network, fitted on all others: in points of accuracy, means
    over networks of means over mixes (all, and by the fewest bits of a mix), and the median of
    Kendall's tau over a network's mixes (all, and those of at least 3 bits)."""
    points, ranks, upper = [], [], []
    by_least: list[list[float]] = []
    for k, net in enumerate(nets):
        guess = RULES[name]([*nets[:k], *nets[k + 1 :]])(net)
        error, rank, high = errors(guess, net)
        points.append(error.mean())
        least = net.mixes.max(axis=1)
        by_least.append([error[least == b].mean() for b in range(len(BITS))])
        ranks.append(rank)
        upper.append(high)
    return {
        "points": round(float(np.mean(points)), 3),
        "points_by_least_bits": dict(
            zip(map(str, BITS), np.mean(by_least, axis=0).round(3).tolist(), strict=True)
        ),
        "tau": round(float(np.median(ranks)), 3),
        "tau_from_3_bits": round(float(np.median(upper)), 3),
    }


def errors(guess: Array, net: Quantised) -> tuple[Array, float, float]:
    """Return (errors in points, Kendall's tau, the same of mixes of at least 3 bits)."""
    from scipy.stats import kendalltau

    measured = np.maximum(CHANCE, net.accuracy)
    upper = net.mixes.max(axis=1) < BITS.index(2)
    return (
        100.0 * np.abs(guess - measured),
        float(kendalltau(guess, measured).statistic),
        float(kendalltau(guess[upper], measured[upper]).statistic),
    )


def elsewhere(nets: Sequence[Quantised], others: Sequence[Quantised]) -> dict[str, Any]:
    """Return errors in points on networks of other numbers of cells: where a cell costs what one of
    three does, and where all cells together cost what three do."""
    losses = fitted(nets, 1, True)
    told: dict[str, Any] = {}
    for cells in sorted({net.cells for net in others}):
        own = [net for net in others if net.cells == cells]
        each = [errors(added(losses, True)(net), net) for net in own]
        whole = [errors(added(losses * CELLS / cells, True)(net), net)[0] for net in own]
        told[str(cells)] = {
            "networks": len(own),
            "each_cell": round(float(np.mean([e[0].mean() for e in each])), 3),
            "shared": round(float(np.mean([e.mean() for e in whole])), 3),
            "tau": round(float(np.median([e[1] for e in each])), 3),
        }
    return told


def additivity(nets: Sequence[Quantised]) -> dict[str, Any]:
    """Return for each number of bits what one cell alone loses as a logit, times three, what three
    cells lose together, and by the fit; and the accuracy of these three, measured and by the fit:
    means over networks."""
    losses = fitted(nets, 1, True)[0]
    told = {}
    for k, bits in enumerate(BITS):
        single = [(logit(n.plain) - logit(np.maximum(CHANCE, n.alone[:, k]))).sum() for n in nets]
        every = [logit(n.plain) - logit(max(CHANCE, n.alike(k))) for n in nets]
        told[str(bits)] = {
            "thrice_alone": round(float(np.mean(single)), 3),
            "together": round(float(np.mean(every)), 3),
            "fit": round(float(CELLS * losses[k]), 3),
            "accuracy": round(float(np.mean([n.alike(k) for n in nets])), 3),
            "accuracy_by_fit": round(
                float(
                    np.mean(
                        [max(CHANCE, logistic(logit(n.plain) - CELLS * losses[k])) for n in nets]
                    )
                ),
                3,
            ),
        }
    return told


def judged() -> dict[str, Any]:
    """Return what quantised.json says of the rules."""
    nets = load()
    return {
        "chosen": CHOSEN,
        "rules": {name: judge(nets, name) for name in RULES},
        "other_cells": elsewhere(nets, [net for net in load(None) if net.cells != CELLS]),
        "additivity": additivity(nets),
    }


def shipped() -> dict[str, Any]:
    """Return what cifar10.json holds."""
    nets = load()
    chosen = json.loads(TABLE.read_text())["judged"]["rules"][CHOSEN]
    losses = [round(one, 4) for one in fitted(nets, 1, True)[0].tolist()]
    accuracy = [round(net.plain, 4) for net in nets]
    alike = [[net.alike(k) / net.plain for k in range(len(BITS))] for net in nets]
    single = [net.alone.mean(axis=0) / net.plain for net in nets]
    return {
        "format": 2,
        "provenance": PROVENANCE,
        "networks": len(nets),
        "accuracy": accuracy,
        "chance": CHANCE,
        "cells": CELLS,
        "shift": dict(zip(map(str, BITS), losses, strict=True)),
        "measured": {
            str(bits): {
                "one_cell": round(float(np.mean([one[k] for one in single])), 5),
                "all_cells": round(float(np.mean([one[k] for one in alike])), 5),
            }
            for k, bits in enumerate(BITS)
        },
        "held_out": {"points": chosen["points"], "tau": chosen["tau"]},
    }


def write(told: dict[str, Any], out: Path) -> None:
    """Write JSON, each network on a line of its own."""
    text = json.dumps({**told, "networks": None} if "judged" in told else told, indent=1)
    if "judged" in told:
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in told["networks"])
        text = text.replace('"networks": null', f'"networks": [\n{rows}\n ]')
    out.write_text(text + "\n")


def collect(lines: Path) -> None:
    """Write quantised.json."""
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    rows.sort(key=lambda row: int(row["number"]))
    own = [
        {
            "number": row["number"],
            "architecture": row["architecture"],
            "images": row["images"],
            "right": dict(row["right"]),
        }
        for row in rows
    ]
    told = {"format": 1, "judged": {}, "networks": own}
    write(told, TABLE)
    write({**told, "judged": judged()}, TABLE)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        collect(Path(sys.argv[1]))
    else:
        write(shipped(), SHIPPED)
