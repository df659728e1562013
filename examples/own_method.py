"""A search method of one's own, beside flash's proof and beside random search.

python examples/own_method.py
"""

from __future__ import annotations

import math

import numpy as np

import flash


def annealing(task: flash.Task, *, draws: int = 60, cooling: float = 0.97) -> None:
    """Simulated annealing: one choice changes at a time, and a step down is ever less likely.

    The keywords are its options. It ends at a limit, by an exception of the task.
    """
    rows = task.draw(draws)
    merits = task.evaluate(rows).merit
    row, merit, heat = rows[[merits.argmax()]], float(merits.max()), 0.1
    while True:
        step = row.copy()
        place = int(task.rng.integers(len(task.lengths)))
        step[0, place] = task.rng.integers(task.lengths[place])
        found = float(task.evaluate(step).merit[0])  # -inf over a budget, which costs nothing
        scale = abs(merit) if np.isfinite(merit) else 1.0
        if found >= merit or task.rng.random() < math.exp((found - merit) / (heat * scale)):
            row, merit = step, found
        heat *= cooling


def main() -> None:
    space, target, most = "mobilenet-v2", "pixel-3", 20.0
    best = flash.search(space, target, max_latency_ms=most)
    print(f"proven: NN-Degree {best.nn_degree:.1f}")

    # The function itself takes the place of a method's name ...
    found = flash.search(
        space,
        target,
        max_latency_ms=most,
        method=annealing,
        options={"cooling": 0.98},
        max_evals=200,
    )
    print(f"annealing: {found.nn_degree:.1f}, {found.nfev} evaluations, gap {found.gap:.1%}")

    # ... and so does a name, once it is registered: on the command line too, where a plugin does.
    flash.register("method", "annealing", annealing)
    methods = ["random", "annealing"]
    print(
        flash.compare(space, target, max_latency_ms=most, methods=methods, seeds=3, max_evals=200)
    )


if __name__ == "__main__":
    main()
