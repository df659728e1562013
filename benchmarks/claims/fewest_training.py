"""Own training in the loop on CIFAR-10: 60 trainings by flash against 60 by other methods.

    python -m benchmarks.claims.fewest_training DATA WORK [--methods flash,gp] [--seeds 5]
    python -m benchmarks.claims.fewest_training DATA WORK --show

DATA is a folder with ``cifar10_jpeg.npz`` (as for benchmarks.training.train_cifar), WORK one that
keeps what is trained: a run that was stopped goes on from there. `--problem digits` takes
scikit-learn's digits instead, which need no DATA (give any word).

The space has 13,824 networks of three stages: widths, one or two blocks, and which (convolutions
with kernels of 1, 3 and 5, separable ones of 3 and 5, residual ones). Real trainings, of seconds:
CIFAR-10 reduced to 8 x 8 pixels by area. The budget is a latency on cpu-x86 that about a third of
the networks meet. Every network is trained under seed 0, once for all methods, so that they see
the same accuracies; an evaluation is a network that a method asks for, whoever trained it first.
What a search sees of its own best is too good, being the best of 60 noisy ones: so the answer of
each run is trained again under ten other seeds, on the same images ("judged").

- flash: ``method="flash"`` with gain=0, so that it does not end by itself; flash-default: it does.
- gp: scikit-learn's Gaussian process (a constant times Matern 5/2, and white noise; three restarts)
  on one-hot choices, ten random networks first, then the largest expected improvement over all
  networks within the budget: the best peer on tables of accuracies.
- tpe: Optuna's, multivariate, ten random ones first; what is over the budget or trained before is
  told as failed, and after 50 such answers in turn a random network within the budget is trained.
- evolution (population 20, samples of 5), pnas, random: flash's own reconstructions.

Means over seeds have 95 % t intervals; "flash is ahead" is a difference with Welch's interval. A
run that never meets a goal counts as 61 evaluations: that flatters it. What an answer's own ten
trainings leave open is not in the intervals: runs with the same answer have the same figure.
Seconds are of a machine that others use too; `load` says how much.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

import flash
from benchmarks.common.files import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]
    Row = dict[str, Any]

KEPT = Path(__file__).with_suffix(".json")
TARGET = "cpu-x86"
EVALS, SEEDS = 60, 5
STEPS = (10, 20, 30, 60)  # evaluations after which the best seen is told
SHARE = 0.35  # of the networks that the budget lets in, about
JUDGED = 10  # trainings of an answer, under the seeds 1 to 10
SIDE = 8
IMAGES = {"cifar10": (2000, 3000)}  # to train on, and to judge by
RECIPES: dict[str, dict[str, Any]] = {
    "cifar10": {"epochs": 3, "batch_size": 64, "augment": "flip", "precision": "float32"},
    "digits": {"epochs": 2, "batch_size": 64, "augment": "none", "precision": "float32"},
}
FIRST, RESTARTS = 10, 3  # of the Gaussian process

# The space


def _norm(**more: Any) -> Row:
    return {"kind": "conv", "norm": True, "activation": "relu", **more}


def conv(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (1, 3, 5)) -> list[Row]:
    """Return a convolution."""
    sizes = {"in_channels": in_channels, "out_channels": out_channels}
    return [_norm(**sizes, kernel=kernel, stride=stride)]


def separable(
    in_channels: int, out_channels: int, stride: int, *, kernel: Any = (3, 5)
) -> list[Row]:
    """Return a depthwise convolution and one over channels."""
    own = {"in_channels": in_channels, "out_channels": in_channels, "groups": in_channels}
    return [
        _norm(**own, kernel=kernel, stride=stride),
        _norm(in_channels=in_channels, out_channels=out_channels, kernel=1),
    ]


def residual(in_channels: int, out_channels: int, stride: int) -> list[Row]:
    """Return the basic block of a ResNet."""
    sizes = {"in_channels": in_channels, "out_channels": out_channels, "stride": stride}
    rows = [
        _norm(**sizes, kernel=3, inputs=[-1]),
        {"kind": "conv", "out_channels": out_channels, "kernel": 3, "norm": True, "inputs": [0]},
    ]
    if stride == 1 and in_channels == out_channels:
        return [*rows, {"kind": "add", "inputs": [-1, 1], "activation": "relu"}]
    return [
        *rows,
        {"kind": "conv", **sizes, "kernel": 1, "norm": True, "inputs": [-1]},
        {"kind": "add", "inputs": [1, 2], "activation": "relu"},
    ]


def head(in_channels: int, out_channels: int, stride: int) -> list[Row]:
    """Return the classifier."""
    sizes = {"in_channels": in_channels, "out_channels": out_channels}
    return [{"kind": "pool", "mode": "global_avg"}, {"kind": "linear", **sizes, "bias": True}]


@cache
def space() -> flash.BlockSpace:
    """Return the space."""
    blocks = {"conv": conv, "separable": separable, "residual": residual}
    widths = {"fine": [12, 24], "middle": [24, 48], "coarse": [48, 96]}
    stages = [
        flash.Stage(
            blocks, widths=own, repeats=[1, 2], shared=True, stride=1 + (name != "fine"), name=name
        )
        for name, own in widths.items()
    ]
    return flash.BlockSpace(
        stages, input=(3, SIDE, SIDE), head=head, num_classes=10, name="small-images"
    )


@cache
def budget() -> float:
    """Return the budget in ms, of two digits."""
    found = flash.evaluate(space(), TARGET, every_row(space()))["latency_ms"]
    return float(f"{np.quantile(found, SHARE):.2g}")


def every_row(of: Any) -> Rows:
    """Return all rows of choice indices."""
    places = np.unravel_index(np.arange(int(np.prod(of.lengths))), tuple(of.lengths))
    return np.stack(places, axis=1).astype(np.int64)


# Trainings


@cache
def dataset(problem: str, data: Path) -> Any:
    """Return what `flash.train` takes: pairs of images and labels, to train on and to judge by."""
    if problem == "digits":
        from sklearn.datasets import load_digits

        whole = load_digits()
        images = np.repeat(whole.images[:, None].astype(np.float32), 3, axis=1)
        place = np.random.default_rng(0).permutation(len(images))
        train, test = place[:900], place[900:]
        labels = whole.target
        return (images[train], labels[train]), (images[test], labels[test])
    from benchmarks.training import train_cifar

    counts = IMAGES[problem]
    train_cifar.SETTING.update(resolution=SIDE, train_images=counts[0], test_images=counts[1])
    found = train_cifar.images(data)
    return tuple((found[f"{part}_x"], found[f"{part}_y"]) for part in ("train", "test"))


class Trained(flash.TrainingEvaluator):
    """Trains in this process what no other search has trained, and notes what it takes.

    `flash.TrainingEvaluator` itself starts a process for whatever a method asks for at a time, here
    for each training: that imports torch, and takes longer than a training. And what it looks at
    for each is the whole list of networks in its folder: so each search has a folder of its own,
    and takes what others trained from their journals.
    """

    def __init__(self, problem: str, data: Path, work: Path, name: str) -> None:
        super().__init__(dataset(problem, data), work / name, recipe=RECIPES[problem])
        self.settings["executor"] = ThreadPoolExecutor(1)
        self.workers: Any = None
        self.away_s = 0.0
        self.trainings = 0
        self.known: dict[tuple[int, ...], tuple[float, float]] = {}
        for journal in sorted(work.glob("*.jsonl")):
            for line in lines_in(journal):
                self.known[tuple(line["row"])] = (line["accuracy"], line["seconds"])

    def evaluate(self, ground: Any, rows: Rows, metrics: Floats) -> tuple[Floats, Floats]:
        """Train the rows that are not known."""
        started = perf_counter()
        keys = [tuple(row) for row in rows.tolist()]
        fresh = [place for place, key in enumerate(keys) if key not in self.known]
        if fresh:
            found = super().evaluate(ground, rows[fresh], metrics[:, fresh])
            for place, accuracy, seconds in zip(
                fresh, *(one.tolist() for one in found), strict=True
            ):
                self.known[keys[place]] = (accuracy, seconds)
        self.trainings += len(fresh)
        out = np.array([self.known[key] for key in keys])
        self.away_s += perf_counter() - started
        return out[:, 0].copy(), out[:, 1].copy()


def lines_in(journal: Path) -> list[dict[str, Any]]:
    """Return the evaluations of a journal, in their order."""
    return [json.loads(line) for line in journal.read_text().splitlines()[1:]]


def judged(problem: str, data: Path, out: Path, network: Any) -> list[float]:
    """Return the accuracies of a network under other seeds, trained where they are not known."""
    found = flash.train(
        [network],
        dataset(problem, data),
        recipe=RECIPES[problem],
        seed=1,
        repeats=JUDGED,
        executor=ThreadPoolExecutor(1),
        out=out,
    )
    return [one.accuracy for one in found.samples]


# Peers


def affordable(task: flash.Task) -> Rows:
    """Return all networks within the budget, each once."""
    rows = np.unique(task.canonical(every_row(task)), axis=0)
    return np.asarray(rows[task.excess(rows) == 0.0])


def gaussian(task: flash.Task, *, first: int = FIRST, restarts: int = RESTARTS) -> None:
    """Search by scikit-learn's Gaussian process and expected improvement."""
    from scipy.stats import norm
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    rows = affordable(task)
    x = np.concatenate(
        [np.eye(length)[rows[:, k]] for k, length in enumerate(task.lengths.tolist())], axis=1
    )
    seed = int(task.rng.integers(1 << 31))
    held = task.rng.permutation(len(rows))[:first].tolist()
    accuracy = task.evaluate(rows[held]).accuracy.tolist()
    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(1.0, (5e-2, 5e1), nu=2.5)
    kernel = kernel + WhiteKernel(1e-2, (1e-6, 1.0))
    while len(held) < len(rows):
        y = np.array(accuracy)
        y = (y - y.mean()) / (y.std() or 1.0)
        model = GaussianProcessRegressor(kernel, n_restarts_optimizer=restarts, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x[held], y)
        mean, total = model.predict(x, return_std=True)
        noise = float(np.exp(model.kernel_.theta[-1]))
        spread = np.sqrt(np.maximum(total**2 - noise, 1e-12))  # of the function, without the noise
        u = (mean - y.max()) / spread
        gain = spread * (u * norm.cdf(u) + norm.pdf(u))
        gain[held] = -np.inf
        place = int(task.rng.choice(np.flatnonzero(gain >= gain.max())))
        held.append(place)
        accuracy += task.evaluate(rows[[place]]).accuracy.tolist()


def parzen(task: flash.Task, *, first: int = FIRST, idle: int = 50) -> None:
    """Search by Optuna's multivariate TPE; what it asks for in vain is told as failed."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = affordable(task)
    left = set(map(tuple, rows.tolist()))
    space_: dict[str, optuna.distributions.BaseDistribution] = {
        f"x{k}": optuna.distributions.CategoricalDistribution(tuple(range(length)))
        for k, length in enumerate(task.lengths.tolist())
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # multivariate is marked experimental
        sampler = optuna.samplers.TPESampler(
            seed=int(task.rng.integers(1 << 31)), multivariate=True, n_startup_trials=first
        )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    while left:
        for _ in range(idle):
            trial = study.ask(space_)
            row = tuple(int(trial.params[name]) for name in space_)
            if row in left:
                study.tell(trial, float(task.evaluate(np.array([row])).accuracy[0]))
                break
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            row = sorted(left)[int(task.rng.integers(len(left)))]
            params = dict(zip(space_, row, strict=True))
            value = float(task.evaluate(np.array([row])).accuracy[0])
            made = optuna.trial.create_trial(params=params, distributions=space_, value=value)
            study.add_trial(made)
        left.discard(row)


METHODS: dict[str, tuple[str | Callable[..., None], dict[str, Any]]] = {
    "flash": ("flash", {"gain": 0.0}),
    "flash-default": ("flash", {}),
    "gp": (gaussian, {}),
    "tpe": (parzen, {}),
    "random": ("random", {}),
    "evolution": ("evolution", {"population": 20, "sample": 5}),
    "pnas": ("pnas", {}),
}


# Runs


def run(problem: str, data: Path, work: Path, name: str, seed: int) -> dict[str, Any]:
    """Return what one search comes to."""
    method, options = METHODS[name]
    load = os.getloadavg()[0]
    judge = Trained(problem, data, work, f"{name}-{seed}")
    started = perf_counter()
    journal = work / f"{name}-{seed}.jsonl"
    work.mkdir(parents=True, exist_ok=True)
    result = flash.search(
        space(), TARGET, max_latency_ms=budget(), method=method, options=options, seed=seed,
        evaluator=judge, max_evals=EVALS, certify=False, journal=journal,
    )  # fmt: skip
    whole, lines = perf_counter() - started, lines_in(journal)
    network = result.architecture
    assert network is not None
    seen = [line["accuracy"] for line in lines]
    best = [
        [n, round(one, 5)] for n, one in enumerate(seen, 1) if one > max(seen[: n - 1], default=-1)
    ]
    return {
        "evaluations": result.nfev,
        "best": best,  # (evaluations, accuracy) whenever a better one was seen
        "answer": list(network.row),
        "latency_ms": round(result.latency_ms or 0.0, 6),
        "training_s": round(sum(line["seconds"] for line in lines), 1),
        "trainings": judge.trainings,
        "away_s": round(judge.away_s, 1),
        "own_s": round(whole - judge.away_s, 2),
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
    }


def measure(
    problem: str, data: Path, work: Path, names: Sequence[str], seeds: int, kept: Path
) -> dict[str, Any]:
    """Run what is missing, and return all runs as plain data; each is kept as it is done."""
    out = read(kept)
    entry = out.setdefault(problem, about(problem))
    if entry["budget_ms"] != budget() or entry["recipe"] != RECIPES[problem]:
        raise ValueError(f"{kept} holds runs of another setting: take another file")
    for seed, name in product(range(seeds), names):
        runs = entry["methods"].setdefault(name, {})
        if str(seed) in runs:
            continue
        one = run(problem, data, work, name, seed)
        place = work / "judged" / "-".join(map(str, one["answer"]))
        network = space().decode(tuple(one["answer"]))
        one["judged"] = judged(problem, data, place, network)
        runs[str(seed)] = one
        write(kept, out)
        print(
            f"{problem} {name} {seed}: {one['evaluations']} evaluations, {one['trainings']} of "
            f"them trained in {one['away_s']} s, own {one['own_s']} s; best seen "
            f"{one['best'][-1][1]:.4f}, judged {np.mean(one['judged']):.4f}",
            file=sys.stderr,
            flush=True,
        )
    return out


def about(problem: str) -> dict[str, Any]:
    """Return what a problem is."""
    return {
        "networks": space().size,
        "target": TARGET,
        "budget_ms": budget(),
        "side": SIDE,
        "images": list(IMAGES[problem]) if problem in IMAGES else [900, 897],
        "recipe": RECIPES[problem],
        "evaluations": EVALS,
        "processors": os.cpu_count(),
        "methods": {},
    }


def write(kept: Path, data: dict[str, Any]) -> None:
    """Write runs, each in a line."""
    bare: dict[str, Any] = json.loads(json.dumps(data))
    lines: dict[str, str] = {}
    for problem, entry in bare.items():
        for name, runs in entry["methods"].items():
            for seed, one in runs.items():
                key = f"{problem}/{name}/{seed}"
                runs[seed], lines[json.dumps(key)] = key, json.dumps(one)
    text = json.dumps(bare, indent=1)
    for key, line in lines.items():
        text = text.replace(key, line)
    write_bytes(kept, (text + "\n").encode())


def read(kept: Path) -> dict[str, Any]:
    """Return what is kept."""
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    return found


# The table


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return a mean and half of its 95 % t interval; NaN of one value."""
    from scipy.stats import t

    n = len(values)
    if n < 2:
        return float(np.mean(values)), float("nan")
    half = t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return float(np.mean(values)), float(half)


def ahead(own: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Return a difference of means and half of Welch's 95 % interval."""
    from scipy.stats import t

    parts = [np.var(one, ddof=1) / len(one) for one in (own, other)]
    total = float(sum(parts))
    if total == 0.0:
        return float(np.mean(own) - np.mean(other)), 0.0
    freedom = total**2 / sum(
        part**2 / (len(one) - 1) for part, one in zip(parts, (own, other), strict=True)
    )
    return float(np.mean(own) - np.mean(other)), float(t.ppf(0.975, freedom) * np.sqrt(total))


def until(best: Sequence[tuple[int, float]], goal: float) -> int:
    """Return the evaluations until a goal is met; one more than are allowed where it never is."""
    return next((n for n, value in best if value >= goal), EVALS + 1)


def by_then(best: Sequence[tuple[int, float]], step: int) -> float:
    """Return the best accuracy that was seen within so many evaluations."""
    return max(value for n, value in best if n <= step)


def goals_of(entry: dict[str, Any]) -> dict[str, float]:
    """Return the goals: half a point of accuracy below the best that any run saw, and that."""
    runs = [one for each in entry["methods"].values() for one in each.values()]
    top = max(one["best"][-1][1] for one in runs)
    return {"within 0.5 points": top - 0.005, "the best seen": top}


def lines_of(found: dict[str, Any]) -> list[str]:
    """Return the table in Markdown: accuracies in percent, and evaluations until the goals."""
    goals = list(goals_of(next(iter(found.values())))) if found else []
    titles = ["problem", "method", "seeds", "evaluations"]
    titles += [f"seen after {step}" for step in STEPS] + ["judged", "flash is ahead, judged"]
    titles += [f"evaluations to {goal}" for goal in goals] + ["own s"]
    out = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for problem, entry in found.items():
        told = {name: list(runs.values()) for name, runs in entry["methods"].items() if runs}
        mine = [float(np.mean(one["judged"])) for one in told.get("flash", [])]
        for name, runs in told.items():
            cells = [f"{np.mean([one['evaluations'] for one in runs]):.0f}"]
            for step in STEPS:
                cells.append(_percent(interval([by_then(one["best"], step) for one in runs])))
            own = [float(np.mean(one["judged"])) for one in runs]
            cells.append(_percent(interval(own)))
            both = not name.startswith("flash") and len(own) > 1 and len(mine) > 1
            cells.append(_percent(ahead(mine, own), "+") if both else "")
            for goal in goals_of(entry).values():
                counts = [until(one["best"], goal) for one in runs]
                met = sum(count <= EVALS for count in counts)
                middle, half = interval(counts)
                text = f"{middle:.1f} ± {half:.1f}"
                cells.append(text if met == len(runs) else f"{text} (met in {met} of {len(runs)})")
            cells.append(f"{np.mean([one['own_s'] for one in runs]):.1f}")
            out.append(f"| {problem} | {name} | {len(runs)} | {' | '.join(cells)} |")
    return out


def _percent(value: tuple[float, float], sign: str = "") -> str:
    middle, half = value
    return f"{100 * middle:{sign}.2f} ± {100 * half:.2f}"


def main() -> None:
    """Measure what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--problem", choices=sorted(RECIPES), default="cifar10")
    parser.add_argument("--methods", default=",".join(METHODS), help="names with commas")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--json", type=Path, default=KEPT)
    parser.add_argument("--show", action="store_true", help="the table of what is kept, no runs")
    given = parser.parse_args()
    if not given.show:
        import torch

        torch.set_num_threads(1)
        names, work = given.methods.split(","), given.work / given.problem
        measure(given.problem, given.data, work, names, given.seeds, given.json)
    print("\n".join(lines_of(read(given.json))))


if __name__ == "__main__":
    main()
