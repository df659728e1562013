"""Bits for each layer: do mixed ones beat uniform ones and a greedy choice, at equal size?

Two networks are trained on scikit-learn's digits by `flash.train`, half of the images held out,
with five seeds (of the weights, the order of images and the split). On the training images
`flash.sensitivities` measures what each layer loses at 2 to 8 bits. For the size of all layers at
3, at 4 and at 5 bits each way chooses bits for the layers, which take no more; the held-out images
judge the weights so rounded, without any tuning. "mixed" are the bits of the least loss added up,
"mixed again" and "greedy again" those after up to three more tables, each measured around the
answer before, as long as the loss on the training images falls. Intervals are of the mean over the
seeds, 95 %, by Student's t; differences are paired.

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
    from collections.abc import Sequence

    Bits = dict[str, int]

SEEDS = 5
EPOCHS = 10
BITS = (2, 3, 4, 5, 6, 8)
BUDGETS = (3, 4, 5)  # the size of all layers at so many bits
OURS = "mixed again"
ROUNDS = 3  # of measuring around the answer before
HALF = 0.5
T_975 = {2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262}  # Student's t, by degrees of freedom
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


def mixed(table: flash.Sensitivities, budget: float) -> Bits:
    """Return the bits of the least loss within a size, proven."""
    answer = flash.choose(table.problem(), minimize="loss", where=f"weights_kib <= {budget!r}")
    if not answer.proven or answer.choices is None:
        raise SystemExit(f"not proven: {answer}")
    return {layer: int(str(bits)) for layer, bits in answer.choices.items()}


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


def loss_of(module: Any, bits: Bits, x: Any, y: Any) -> float:
    """Return the loss on the training images with these bits."""
    import torch

    rounded = flash.quantised(module, bits, trainable=False)
    with torch.no_grad():
        return float(torch.nn.functional.cross_entropy(rounded(x), y))


def measured(folder: Path, seed: int) -> list[dict[str, Any]]:
    """Return what each way loses, of each network and size, with one seed."""
    import torch

    from flash.training.data import read
    from flash.training.preparing import statistics_of
    from flash.training.worker import scaled

    torch.set_num_threads(1)
    run = flash.train(
        list(NETWORKS.values()), "digits", seed=seed, epochs=EPOCHS, test_fraction=HALF,
        keep_weights=True, out=folder / f"train-{seed}",
    )  # fmt: skip
    images = read("digits", None, HALF, seed)
    told = statistics_of(images)
    x, y = torch.from_numpy(scaled(images.train_x, 8, told)), torch.from_numpy(images.train_y)
    judged = torch.from_numpy(scaled(images.test_x, 8, told)), torch.from_numpy(images.test_y)

    def accuracy(module: Any) -> float:
        with torch.no_grad():
            return float((module(judged[0]).argmax(1) == judged[1]).double().mean())

    lines = []
    for number, (name, arch) in enumerate(NETWORKS.items()):
        module = arch.to_torch(seed=seed).eval()
        weights = Path(run.folder) / "weights" / f"{number:04d}-0.pt"
        module.load_state_dict(torch.load(weights, weights_only=True))
        table = flash.sensitivities(
            module, (x, y), bits=BITS, journal=folder / f"{name}-{seed}.jsonl"
        )
        for bits in BUDGETS:
            budget = table.totals(bits)["weights_kib"]
            ways = {
                "uniform": dict.fromkeys(table.layers, bits),
                "greedy by loss": greedy(table, budget, each=False),
                "greedy by loss a KiB": greedy(table, budget, each=True),
                "mixed": mixed(table, budget),
            }
            for start, choose in (("greedy by loss a KiB", greedy), ("mixed", mixed)):
                now = ways[start]
                for turn in range(ROUNDS):
                    around = flash.sensitivities(
                        module, (x, y), bits=BITS, others=now,
                        journal=folder / f"{name}-{seed}-{bits}-{choose.__name__}-{turn}.jsonl",
                    )  # fmt: skip
                    again = choose(around, budget)
                    if loss_of(module, again, x, y) >= loss_of(module, now, x, y):
                        break
                    now = again
                ways[f"{choose.__name__} again"] = now
            for way, chosen in ways.items():
                rounded = flash.quantised(module, chosen, trainable=False)
                total = table.totals(chosen)
                lines.append({
                    "network": name, "seed": seed, "budget": bits, "way": way,
                    "accuracy": accuracy(rounded), "float": accuracy(module),
                    "kib": total["weights_kib"], "kib_at_most": budget,
                    "loss_added_up": total["loss"], "bits": list(chosen.values()),
                })  # fmt: skip
    return lines


def mean_of(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half of its 95 % interval."""
    n = len(values)
    mean = sum(values) / n
    deviation = math.sqrt(sum((one - mean) ** 2 for one in values) / (n - 1))
    return mean, T_975[n - 1] * deviation / math.sqrt(n)


def summary(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, for each network and size, each way's accuracy and what mixed bits have more."""
    found = []
    for name in NETWORKS:
        for budget in BUDGETS:
            own = [one for one in lines if (one["network"], one["budget"]) == (name, budget)]
            ways: dict[str, dict[int, float]] = {}
            for one in own:
                ways.setdefault(one["way"], {})[one["seed"]] = one["accuracy"]
            best = ways[OURS]
            found.append({
                "network": name,
                "budget": budget,
                "kib": own[0]["kib_at_most"],
                "float": mean_of([one["float"] for one in own if one["way"] == "uniform"]),
                "accuracy": {way: mean_of(list(of.values())) for way, of in ways.items()},
                "more": {
                    way: mean_of([best[seed] - of[seed] for seed in best])
                    for way, of in ways.items() if way != OURS
                },
            })  # fmt: skip
    return found


def shown(found: list[dict[str, Any]]) -> str:
    """Return a summary as text, in per cent and points."""

    def text(pair: tuple[float, float], sign: str = "") -> str:
        return f"{100 * pair[0]:{sign}.1f} ± {100 * pair[1]:.1f}"

    lines = []
    for one in found:
        lines.append(
            f"{one['network']}, the size of {one['budget']} bits ({one['kib']:.2f} KiB), "
            f"float {text(one['float'])}"
        )
        for way, pair in one["accuracy"].items():
            more = one["more"].get(way)
            tail = "" if more is None else f"   mixed again has {text(more, '+')} points"
            lines.append(f"  {way:20} {text(pair):>12}{tail}")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path, default=HERE / "claims" / "precision.json")
    parser.add_argument("--seeds", type=int, default=SEEDS, choices=[n + 1 for n in T_975])
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for seed in range(given.seeds):
        lines += measured(given.folder, seed)
        print(f"seed {seed} is done", file=sys.stderr, flush=True)
    found = summary(lines)
    write_json(given.json, {"summary": found, "lines": lines})
    print(shown(found))


if __name__ == "__main__":
    main(sys.argv[1:])
