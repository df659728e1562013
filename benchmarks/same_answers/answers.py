"""Solves drawn problems with the flash that is importable; each answer becomes a line of JSON.

Run as a file by `benchmarks.same_answers`, once for each build: of flash it uses public names
alone, and of this project nothing else. Each problem is drawn from its own seed, so that the first
n of more are the n of fewer. No problem has a time limit: where one is too large, `max_evals` ends
it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, Any

import flash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FAMILIES = ("densenet", "resnet", "wide-resnet", "mobilenet-v2")
DESIGNS = ("fpga-zu3eg", "fpga-zu9eg", "fpga-z7020", "fpga-zu7ev", "fpga-k26", "fpga-u200",
           "rram", "systolic-128", "systolic-dram")  # fmt: skip
ANSWERS = {"SearchResult", "ParetoFront", "SweepResult"}  # a FleetResult is a list of results
TIMES = {"elapsed_s", "spent_s"}
LISTED = 256  # elements of an array; of a longer one a digest
KEPT: list[Path] = []  # the folder of fitted predictors, where one is given
SAMPLED = 20  # of sequences that make their elements when asked


def plain(value: Any) -> Any:
    """Return a value as JSON, every float by its bits."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value.hex()
    if type(value).__name__ in ANSWERS:
        return {**_fields(value), "to_dict()": plain(value.to_dict())}
    if isinstance(value, Mapping):
        return {str(key): plain(own) for key, own in value.items() if key not in TIMES}
    if isinstance(value, (list, tuple)):
        return [plain(own) for own in value]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        if value.ndim == 0:
            return plain(value.item())
        kind = f"{value.dtype} {value.shape}"
        if value.size <= LISTED:
            return {kind: plain(value.tolist())}
        return {kind: hashlib.sha256(value.tobytes()).hexdigest()}
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if hasattr(value, "__len__") and hasattr(value, "__getitem__"):
        step = max(1, len(value) // SAMPLED)
        return {"length": len(value), "some": [plain(value[k]) for k in range(0, len(value), step)]}
    return f"<{type(value).__name__}>"  # what was searched, such as a compiled problem


def _fields(value: Any) -> dict[str, Any]:
    """Return every public field of an object, those that are worked out when asked too."""
    found: dict[str, Any] = {"__type__": type(value).__name__}
    for name in dir(value):
        if name.startswith("_") or name in TIMES or name == "field_names":  # a field by itself
            continue
        try:
            own = getattr(value, name)
        except (flash.FlashError, AttributeError, ValueError) as error:
            own = f"{type(error).__name__}: {error}"
        if not callable(own):
            found[name] = plain(own)
    return found


def some(random: Random, values: Any, least: int = 1) -> list[Any]:
    """Return some of the values, in their order."""
    kept = random.sample(range(len(values)), random.randint(least, len(values)))
    return [values[k] for k in sorted(kept)]


def span(random: Random, low: int, high: int) -> Any:
    """Return a range between two numbers."""
    first = random.randint(low, high)
    return flash.Range(first, random.randint(first, high))


def space_of(random: Random, least: int = 1, most: float = float("inf")) -> flash.SearchSpace:
    """Return a space of so many configurations: choices of every kind, fixed and free widths."""
    while True:
        space = _space(random)
        if least <= space.size <= most:
            return space


def _space(random: Random) -> flash.SearchSpace:
    family = random.choice(FAMILIES)
    if random.random() < 0.2:
        return flash.SearchSpace(family)
    mobile = family == "mobilenet-v2"
    choices: dict[str, Any] = {"link_seed": random.choice((0, 0, 7))}
    cells = random.randint(1, 7 if mobile else 5)
    choices["cells"] = cells
    if cells > 1 and random.random() < 0.15:
        choices["cells"] = [cells - 1, cells]
    if random.random() < 0.3:
        wide = [8 * k for k in range(1, 17)]
        choices["widths"] = sorted(random.sample(wide, random.randint(1, 4)))
        if random.random() < 0.5:
            choices["widths"] = tuple(
                sorted(random.sample(wide, random.randint(1, 3))) for _ in range(cells)
            )
    elif random.random() < 0.8:
        choices["width_multipliers"] = some(random, (0.5, 0.75, 1, 1.5) if mobile else (1, 2, 3))
    choices["depths"] = span(random, 1, 4 if mobile else 12)
    if random.random() < 0.3:
        choices["depths"] = some(random, (1, 2, 3, 5, 8))
    if not mobile:
        choices["skips"] = flash.Range(0, random.randint(0, 40), unit="width/32")
        if random.random() < 0.3:
            choices["skips"] = some(random, (0, 3, 8, 16, 64))
    elif random.random() < 0.8:
        choices["skips"] = some(random, (0, 10_000))
        choices["expansions"] = some(random, (1, 2, 3, 4, 6))
        choices["kernels"] = some(random, (3, 5, 7))
    if random.random() < 0.25:
        choices["resolution"] = random.choice(([24, 32], [32, 48, 64], 64, 128, 224))
    return flash.SearchSpace(family, **choices)


def budgets_of(
    random: Random, space: Any, target: Any, free: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return budgets near what random networks cost, now and then below what any does."""
    table = flash.evaluate(space, target, space.sample_indices(32, seed=random.randrange(1000)))
    budgets = {}
    for cost in (*flash.Target.load(target).metrics, "params", "macs"):
        if random.random() < 0.5:
            continue
        costs = sorted(map(float, table[cost]))
        value = costs[random.randrange(len(costs))] * random.uniform(0.9, 1.1)
        if random.random() < 0.05:
            value = 0.3 * costs[0]
        budgets[f"max_{cost}"] = value
    return budgets


def predictor_of(random: Random, space: flash.SearchSpace) -> Any:
    """Return none, the shipped one, or one fitted on made-up accuracies."""
    kind = random.random()
    if kind < 0.5:
        return None
    if kind < 0.65 and space.family == "densenet":
        return "default"
    nets = flash.SearchSpace(space.family).sample(30, seed=random.randrange(1000))
    degrees = [flash.nn_degree(net) for net in nets]
    top = max(degrees)
    accuracies = [0.5 + 0.4 * d / top + random.uniform(-0.03, 0.03) for d in degrees]
    form = random.choice(("topology", "nn-degree"))
    if not KEPT:
        return flash.AccuracyPredictor.fit(nets, accuracies, form)
    name = hashlib.sha256(repr((space.family, accuracies, form)).encode()).hexdigest()[:16]
    path = KEPT[0] / f"{name}.json"
    if not path.exists():
        flash.AccuracyPredictor.fit(nets, accuracies, form).to_json(path)
    return flash.AccuracyPredictor.load(path)


def product_of(random: Random, target: str) -> dict[str, float]:
    """Return the exponents of a weighted product."""
    costs = some(random, (*flash.Target.load(target).metrics, "params", "macs"))
    return {"accuracy": 1.0, **{cost: -random.uniform(0.05, 1.5) for cost in costs}}


def speed(metrics: Mapping[str, Any]) -> Any:
    """A user's own objective."""
    return metrics["nn_degree"] / metrics["latency_ms"]


def searches(random: Random) -> Any:
    """Search a space within budgets."""
    space, target = space_of(random), random.choice(flash.targets())
    given: dict[str, Any] = {"seed": random.randrange(100)}
    predictor = predictor_of(random, space)
    if predictor is not None:
        given["predictor"] = predictor
        if random.random() < 0.3:
            given["min_accuracy"] = random.uniform(0.3, 0.95)
    given["method"] = random.choice(("shgo", "shgo", "exact"))
    if given["method"] == "shgo" and random.random() < 0.3:
        given["certify"] = False
    if random.random() < 0.35:
        given["objective"] = product_of(random, target)
    elif given["method"] == "shgo" and random.random() < 0.1:
        given |= {"objective": speed, "compile_objective": False}
    given["max_evals"] = random.choice((100, 2_000, 20_000, 1_000_000, 1_000_000))
    budgets = budgets_of(random, space, target)
    if random.random() < 0.05:
        metrics = flash.Target.load(target).metrics
        alike = [one for one in flash.targets() if flash.Target.load(one).metrics == metrics]
        return flash.search(space, [target, random.choice(alike)], **given, **budgets)
    return flash.search(space, target, **given, **budgets)


def fronts(random: Random) -> Any:
    """Find the front of two or three objectives."""
    target = random.choice(flash.targets())
    costs = [*flash.Target.load(target).metrics, "params", "macs"]
    objectives = ("accuracy", *random.sample(costs, random.choice((1, 1, 2))))
    if random.random() < 0.1:
        objectives = tuple(random.sample(costs, 2))
    space = space_of(random, 100, 1e12 if len(objectives) == 2 else 1e7)
    given: dict[str, Any] = {"epsilon": random.choice((0.0, 0.0, 0.001, 0.02))}
    predictor = predictor_of(random, space)
    if predictor is not None and "accuracy" in objectives:
        given["predictor"] = predictor
    return flash.pareto(space, target, objectives, **given, **budgets_of(random, space, target))


def sweeps(random: Random) -> Any:
    """Look at every configuration of a small space, or at a sample of a large one."""
    target = random.choice(flash.targets())
    costs = [*flash.Target.load(target).metrics, "params", "macs"]
    given: dict[str, Any] = {"top": random.randint(1, 20), "threads": random.choice((1, 2))}
    given["bins"] = random.choice((0, 0, 5, 64))
    if random.random() < 0.3:
        given["pareto"] = ["accuracy", *random.sample(costs, random.randint(1, min(3, len(costs))))]
    conditional = random.random() < 0.3
    most = 2e4 if conditional or "pareto" in given or given["bins"] else 1e8
    if random.random() < 0.3:
        most = float("inf")
        given |= {"sample": random.randint(10, 5000), "seed": random.randrange(100)}
    space = space_of(random, 10, most)
    if conditional:
        table = flash.evaluate(space, target, space.sample_indices(8))
        latest = float(max(table["latency_ms"]))
        given["where"] = f"latency_ms < {latest!r} and nn_degree > 20"
    if random.random() < 0.3:
        given["predictor"] = predictor_of(random, space)
    if random.random() < 0.3:
        given["objective"] = product_of(random, target)
    return flash.sweep(space, target, **given, **budgets_of(random, space, target))


def codesigns(random: Random) -> Any:
    """Choose network and accelerator together, or find their front."""
    target = random.choice(DESIGNS)
    if random.random() < 0.2:
        space = space_of(random, 10, 500)
        return flash.pareto(space, target, ("accuracy", "latency_ms"), codesign=True)
    space = space_of(random)
    given: dict[str, Any] = {"max_evals": random.choice((2_000, 20_000, 1_000_000))}
    predictor = predictor_of(random, space)
    if predictor is not None:
        given["predictor"] = predictor
    budgets = budgets_of(random, space, target)
    return flash.search(space, target, codesign=True, **given, **budgets)


KINDS: dict[str, Callable[[Random], Any]] = {
    "searches": searches,
    "fronts": fronts,
    "sweeps": sweeps,
    "codesigns": codesigns,
}


def lines(counts: Mapping[str, int], seed: int) -> Iterator[dict[str, Any]]:
    """Yield the answer of each problem; a refusal is one too, its words aside."""
    yield {"flash": str(Path(flash.__file__).resolve().parent)}
    for kind, solve in KINDS.items():
        for number in range(counts[kind]):
            started = perf_counter()
            try:
                found = solve(Random(f"{seed}, {kind}, {number}"))
                answer, outcome = plain(found), getattr(found, "status", type(found).__name__)
            except flash.FlashError as error:
                answer, outcome = None, type(error).__name__
            line = {"kind": kind, "number": number, "outcome": outcome, "answer": answer}
            yield {**line, "seconds": perf_counter() - started}


def main() -> None:
    """Write the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=int, required=True)
    parser.add_argument(
        "--predictors",
        type=Path,
        help="folder: fitted predictors are kept in it, and read where they are; a fit hangs on "
        "the BLAS of its machine in its last bits",
    )
    given = vars(parser.parse_args())
    if given["predictors"]:
        given["predictors"].mkdir(exist_ok=True)
        KEPT.append(given["predictors"])
    warnings.simplefilter("ignore")
    for line in lines(given, given["seed"]):
        sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
