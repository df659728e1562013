"""The methods by name. Each is a module with ``run(problem, seed, limit, **options)``.

`run` returns the numbers of the candidates in the order of training, different ones each; see
`ledger`. A module is imported when its method runs: what is not installed marks that method alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .problems import Problem

HOME = "benchmarks.peers.fewest"


@dataclass(frozen=True)
class Method:
    """One method.

    Attributes
    ----------
    title : str
        What the summary calls it.
    module : str
        Where its `run` is.
    first : str
        How many random or designed candidates it starts from.
    options : dict
        Arguments of its `run`.
    longer : int
        How many times the limit it runs on: cheap methods, so that their medians are known.
    spaces : bool
        Whether it needs one of flash's own spaces.
    """

    title: str
    module: str
    first: str
    options: dict[str, Any] = field(default_factory=dict)
    longer: int = 1
    spaces: bool = False

    def run(self, problem: Problem, seed: int, limit: int) -> list[int]:
        """Return the candidates in the order of training."""
        found: list[int] = import_module(f"{HOME}.{self.module}").run(
            problem, seed, limit, **self.options
        )
        return found


def _evolution(population: int, sample: int) -> dict[str, Any]:
    return {"method": "evolution", "population": population, "sample": sample}


METHODS: dict[str, Method] = {
    "flash": Method("flash", "flash_suggest", "4"),
    "flash-transfer": Method(
        "flash, all accuracies on CIFAR-10 known", "flash_suggest", "4", {"source": "cifar10"}
    ),
    "gp": Method("Gaussian process, EI (scikit-learn)", "gaussian", "10", {"kind": "sklearn"}),
    "botorch": Method("Gaussian process, LogEI (BoTorch)", "gaussian", "10", {"kind": "botorch"}),
    "smac": Method("SMAC3 (random forest, log EI)", "smac_peer", "a quarter of the limit"),
    "tpe": Method("TPE (Optuna)", "tpe", "10", {"multivariate": False}),
    "tpe-multivariate": Method("TPE, multivariate (Optuna)", "tpe", "10", {"multivariate": True}),
    "bananas": Method("BANANAS-like", "bananas", "10"),
    "ridge": Method("ridge, greedy", "simple", "10", {"kind": "ridge"}),
    "pnas": Method(
        "PNAS, flash's", "flash_methods", "a quarter of the limit", {"method": "pnas"}, spaces=True
    ),
    "pnas-ridge": Method(
        "PNAS, flash's, ridge",
        "flash_methods",
        "a quarter of the limit",
        {"method": "pnas", "surrogate": "ridge"},
        spaces=True,
    ),
    "local": Method("local search", "simple", "10", {"kind": "local"}, longer=6),
    "evolution-20": Method(
        "regularised evolution, population 20", "flash_methods", "20", _evolution(20, 5), longer=6
    ),
    "evolution": Method(
        "regularised evolution", "flash_methods", "100", _evolution(100, 25), longer=6
    ),
    "random": Method("random", "simple", "all", {"kind": "random"}, longer=1000),
}
