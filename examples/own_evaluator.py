"""An evaluator of one's own: any function from networks to accuracies, or a class that says more.

python examples/own_evaluator.py
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import flash

if TYPE_CHECKING:
    from collections.abc import Sequence


def by_size(nets: Sequence[flash.Architecture]) -> list[float]:
    """Return an accuracy in [0, 1] for each network: made up, and no worse for it here."""
    return [1.0 - 1.0 / math.log(net.params) for net in nets]


class Remembered(flash.Evaluator):
    """Accuracies by `by_size`, a cost in seconds for each, and a name of its own for journals."""

    name = "remembered"
    usual_evals = 60  # of a method that would not end by itself, where no limit is given

    def unfit(self, space: Any) -> str | None:
        """Say which spaces it can't judge, before anything is searched."""
        return None if isinstance(space, flash.SearchSpace) else "it knows the families alone"

    def evaluate(
        self, ground: Any, rows: np.ndarray[Any, Any], metrics: np.ndarray[Any, Any]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return accuracies, and what each would have cost."""
        nets = [ground.space.decode(tuple(row)) for row in rows.tolist()]
        return np.array(by_size(nets)), np.full(len(nets), 30.0)


def main() -> None:
    space = flash.ResNet(depths=[1, 2, 3, 4], skips=[0, 16])
    given: dict[str, Any] = {"method": "evolution", "max_latency_ms": 8.0, "seed": 1}

    # A function itself, an evaluator itself, or the name of a registered one.
    for evaluator in (by_size, Remembered()):
        found = flash.search(space, "cpu-x86", evaluator=evaluator, **given)
        print(f"{found.scored_by}: {found.accuracy:.4f} after {found.nfev} evaluations")
    flash.register("evaluator", "remembered", Remembered)
    again = flash.search(space, "cpu-x86", evaluator="remembered", **given)
    print(f"by name: {again.accuracy:.4f}, {again.spent_s:.0f} s of trainings saved up")


if __name__ == "__main__":
    main()
