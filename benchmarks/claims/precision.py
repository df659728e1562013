"""Bits for each layer: do mixed ones beat uniform ones and a greedy choice, at equal size?

Two networks are trained on scikit-learn's digits by `flash.train`, half of the images held out
(a seed: of the weights, the order of images and the split). On the training images
`flash.sensitivities` measures what each layer loses at 2 to 8 bits. Each way chooses bits for the
layers that take no more than a budget: the size of all layers at 3 and at 4 bits, and halfway
between whole bits. The held-out images judge the weights so rounded, without any tuning.

- "uniform": as many bits for all layers; at 2.5 and 3.5 bits "uniform, less": 2 and 3, which take
  less.
- "greedy": from the most bits down, next the layer that loses least for each KiB saved; "greedy by
  loss": that loses least; "greedy up": from the fewest bits, next the layer that gains most for
  each KiB, of those that fit. All three from the same table.
- "greedy again": "greedy" from up to three more tables, each measured around the answer before, as
  long as the loss on the training images falls.
- "one table": the least loss added up, proven.
- "k best": of the 20 best by that table the one of the least measured loss
  (`flash.best_measured`).
- "k best around": a table measured around that one, the 20 best by it, and the best measured.

Intervals are of the mean over the seeds, 95 %, by Student's t; differences are paired. The design
was settled on seeds 0 to 3; the seeds from 100 on had no part in it.

    python -m benchmarks.claims.precision FOLDER [--json out.json]

FOLDER keeps trainings and tables; started again, the script goes on where it stopped.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flash
from benchmarks.common.files import HERE, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Bits = dict[str, int]

FIRST, SEEDS = 100, 10
EPOCHS = 10
BITS = (2, 3, 4, 5, 6, 8)
BUDGETS = (2.5, 3, 3.5, 4)  # the size of all layers at so many bits
OURS = "k best around"
K = 20
ROUNDS = 3  # of measuring around the answer before, of the greedy choice
HALF = 0.5
T_975 = {
    2: 4.303,
    3: 3.182,
    4: 2.776,
    5: 2.571,
    6: 2.447,
    7: 2.365,
    8: 2.306,
    9: 2.262,
}  # Student's t, by degrees of freedom
NETWORKS = {
    "densenet": flash.Architecture(
        "densenet",
        [flash.Cell(width=8, depth=4, skips=12), flash.Cell(width=16, depth=4, skips=24)],
        resolution=8,
    ),
    "resnet": flash.Architecture(
        "resnet",
        [flash.Cell(width=8, depth=2, skips=8), flash.Cell(width=16, depth=2, skips=16)],
        resolution=8,
    ),
}


def best(table: flash.Sensitivities, budget: float, k: int = 1) -> flash.ChoiceResult:
    """Return the bits of the least losses added up within a size, proven."""
    answer = flash.choose(table.problem(), minimize="loss", where=f"weights_kib <= {budget!r}", k=k)
    if not answer.proven or answer.choices is None:
        raise SystemExit(f"not proven: {answer}")
    return answer


def greedy(table: flash.Sensitivities, budget: float, each: bool = True) -> Bits:
    """Return the bits that a greedy choice ends with.

    From the most bits, the layer whose next fewer bits lose least, or (`each`) least for each KiB
    that they save, gets them, until all fit.
    """
    rows = {(row.layer, row.bits): row for row in table.rows}
    now = dict.fromkeys(table.layers, max(table.bits))
    while table.totals(now)["weights_kib"] > budget:
        steps = []
        for layer, bits in now.items():
            fewer = [one for one in table.bits if one < bits]
            if fewer:
                here, there = rows[layer, bits], rows[layer, fewer[-1]]
                saved = here.weights_kib - there.weights_kib if each else 1.0
                steps.append(((there.loss - here.loss) / saved, layer, fewer[-1]))
        _, layer, bits = min(steps)
        now[layer] = bits
    return now


def greedy_up(table: flash.Sensitivities, budget: float) -> Bits:
    """Return the bits that a greedy choice from the fewest bits ends with."""
    rows = {(row.layer, row.bits): row for row in table.rows}
    now = dict.fromkeys(table.layers, min(table.bits))
    while True:
        left = budget - table.totals(now)["weights_kib"]
        steps = []
        for layer, bits in now.items():
            more = [one for one in table.bits if one > bits]
            if more:
                here, there = rows[layer, bits], rows[layer, more[0]]
                added = there.weights_kib - here.weights_kib
                if added <= left:
                    steps.append(((here.loss - there.loss) / added, layer, more[0]))
        if not steps:
            return now
        _, layer, bits = max(steps)
        now[layer] = bits


def budget_of(table: flash.Sensitivities, bits: float) -> float:
    """Return the size of all layers at so many bits; halves are halfway."""
    below, above = (table.totals(one)["weights_kib"] for one in (int(bits), int(bits) + 1))
    return below + (bits - int(bits)) * (above - below)


def whole(answer: flash.ChoiceResult) -> Bits:
    """Return an answer's bits as numbers."""
    return {layer: int(str(bits)) for layer, bits in (answer.choices or {}).items()}


def loss_of(module: Any, bits: Bits, data: tuple[Any, Any]) -> float:
    """Return the loss on the training images with these bits."""
    import torch

    rounded = flash.quantised(module, bits, trainable=False)
    with torch.no_grad():
        return float(torch.nn.functional.cross_entropy(rounded(data[0]), data[1]))


def ways_of(
    module: Any, data: tuple[Any, Any], table: flash.Sensitivities, bits: float, kept: Path
) -> dict[str, tuple[Bits, int]]:
    """Return the bits that each way chooses, and by how many passes over the data."""

    def around(chosen: Bits, what: str) -> flash.Sensitivities:
        journal = f"{kept}-{bits}-{what}.jsonl"
        return flash.sensitivities(module, data, bits=BITS, others=chosen, journal=journal)

    budget, passes = budget_of(table, bits), 1 + len(table)
    one = best(table, budget, K)
    tried = f"{kept}-tried.jsonl"
    first = flash.best_measured(module, data, one, journal=tried)
    two = best(around(first.choices, "around"), budget, K)
    second = flash.best_measured(module, data, [first, two], journal=tried)
    now, again = greedy(table, budget), passes
    for turn in range(ROUNDS):
        then = greedy(around(now, f"greedy-{turn}"), budget)
        again += passes + 1
        if loss_of(module, then, data) >= loss_of(module, now, data):
            break
        now = then
    uniform = "uniform" if bits == int(bits) else "uniform, less"
    return {
        uniform: (dict.fromkeys(table.layers, int(bits)), 0),
        "greedy by loss": (greedy(table, budget, each=False), passes),
        "greedy": (greedy(table, budget), passes),
        "greedy up": (greedy_up(table, budget), passes),
        "greedy again": (now, again),
        "one table": (whole(one), passes),
        "k best": (first.choices, passes + len(first)),
        OURS: (second.choices, 2 * passes + len(first) + len(second) - 1),
    }


def measured(folder: Path, seed: int) -> list[dict[str, Any]]:
    """Return what each way loses, of each network and size, with one seed."""
    import torch

    from flash.training.data import Images, read
    from flash.training.worker import scaled

    torch.set_num_threads(1)
    run = flash.train(
        list(NETWORKS.values()), "digits", seed=seed, epochs=EPOCHS, test_fraction=HALF,
        keep_weights=True, out=folder / f"train-{seed}",
    )  # fmt: skip
    images = read("digits", None, HALF, seed)
    assert isinstance(images, Images)  # digits come as arrays
    told = images.statistics()
    x, y = torch.from_numpy(scaled(images.train_x, 8, told)), torch.from_numpy(images.train_y)
    judged = torch.from_numpy(scaled(images.test_x, 8, told)), torch.from_numpy(images.test_y)

    def accuracy(module: Any) -> float:
        with torch.no_grad():
            return float((module(judged[0]).argmax(1) == judged[1]).double().mean())

    lines = []
    for number, name in enumerate(NETWORKS):
        module = run.to_torch(number)
        table = flash.sensitivities(
            module, (x, y), bits=BITS, journal=folder / f"{name}-{seed}.jsonl"
        )
        for bits in BUDGETS:
            budget = budget_of(table, bits)
            ways = ways_of(module, (x, y), table, bits, folder / f"{name}-{seed}")
            for way, (chosen, passes) in ways.items():
                rounded = flash.quantised(module, chosen, trainable=False)
                total = table.totals(chosen)
                if total["weights_kib"] > budget:
                    raise SystemExit(f"{way} takes more than {budget} KiB")
                lines.append({
                    "network": name, "seed": seed, "budget": bits, "way": way,
                    "accuracy": accuracy(rounded), "float": accuracy(module),
                    "loss": loss_of(module, chosen, (x, y)), "loss_added_up": total["loss"],
                    "kib": total["weights_kib"], "kib_at_most": budget, "passes": passes,
                    "bits": " ".join(map(str, chosen.values())),
                })  # fmt: skip
    return lines


def mean_of(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half of its 95 % interval."""
    n = len(values)
    mean = sum(values) / n
    deviation = math.sqrt(sum((one - mean) ** 2 for one in values) / (n - 1))
    return mean, T_975[n - 1] * deviation / math.sqrt(n)


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each way's accuracy and what ours has more, of each network and size, and of all.

    Of all sizes or networks together (None) each seed counts with its mean over those that a way
    has.
    """
    found = []
    for name, budget in [
        *((name, budget) for name in NETWORKS for budget in (*BUDGETS, None)),
        (None, None),
    ]:
        own = [
            one for one in lines
            if name in (one["network"], None) and budget in (one["budget"], None)
        ]  # fmt: skip
        cases = {(one["way"], one["seed"], one["network"], one["budget"]): one for one in own}
        ways: dict[str, dict[int, list[dict[str, Any]]]] = {}
        for one in own:
            ways.setdefault(one["way"], {}).setdefault(one["seed"], []).append(one)

        def per_seed(
            way: str, value: Callable[[dict[str, Any]], float], ways: Any = ways
        ) -> tuple[float, float]:
            return mean_of([sum(map(value, of)) / len(of) for of in ways[way].values()])

        def more(one: dict[str, Any], cases: Any = cases) -> float:
            ours = cases[OURS, one["seed"], one["network"], one["budget"]]
            return float(ours["accuracy"] - one["accuracy"])

        found.append({
            "network": name,
            "budget": budget,
            "seeds": len(ways[OURS]),
            "kib": None if budget is None else own[0]["kib_at_most"],
            "float": per_seed(OURS, lambda one: float(one["float"])),
            "accuracy": {way: per_seed(way, lambda one: float(one["accuracy"])) for way in ways},
            "more": {way: per_seed(way, more) for way in ways if way != OURS},
            "loss": {
                way: sum(one["loss"] for one in own if one["way"] == way)
                / sum(one["way"] == way for one in own)
                for way in ways
            },
            "passes": {
                way: sum(one["passes"] for one in own if one["way"] == way)
                / sum(one["way"] == way for one in own)
                for way in ways
            },
        })  # fmt: skip
    return found


def shown(found: list[dict[str, Any]]) -> str:
    """Return a summary as text, in per cent and points."""

    def text(pair: tuple[float, float], sign: str = "") -> str:
        return f"{100 * pair[0]:{sign}.1f} ± {100 * pair[1]:.1f}"

    lines = []
    for one in found:
        size = "all sizes" if one["budget"] is None else f"{one['budget']} bits"
        told = f"{one['network'] or 'both'}, {size}, {one['seeds']} seeds"
        size = "" if one["kib"] is None else f"{one['kib']:.2f} KiB, "
        lines.append(f"{told}, {size}float {text(one['float'])}")
        for way, pair in one["accuracy"].items():
            more = one["more"].get(way)
            tail = "" if more is None else f"   ours has {text(more, '+')} points"
            lines.append(f"  {way:16} {text(pair):>12} {one['passes'][way]:5.0f} passes{tail}")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, default=HERE / "claims" / "precision.json")
    parser.add_argument("--seeds", type=int, default=SEEDS, choices=[n + 1 for n in T_975])
    parser.add_argument("--first", type=int, default=FIRST)
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for seed in range(given.first, given.first + given.seeds):
        lines += measured(given.folder, seed)
        print(f"seed {seed} is done", file=sys.stderr, flush=True)
    found = summary(lines)
    write_json(given.json, {"summary": found, "lines": lines})
    print(shown(found))


if __name__ == "__main__":
    main(sys.argv[1:])
