"""flash: the loop of ``method="flash"``, on the same candidates as its peers.

Of one of flash's own spaces it sees the space, of a list of networks a `NetworkSpace` of that list:
their layers, by which it knows their size, and the same choices as the peers. Networks that the
space says are equal (NAS-Bench-Macro has 3,969 of 6,561) are one to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import flash
from benchmarks.models import networks
from benchmarks.peers.fewest.problems import TRAINED
from flash.hardware.target import Target
from flash.solving.ground import ground_of
from flash.spaces.named import any_space
from flash.spaces.network_space import NetworkSpace
from flash.suggesting.known import known_of
from flash.suggesting.proposing import NothingLeft, propose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .problems import Problem

FIRST = 4  # networks drawn at random, the default of method="flash"
_grounds: dict[str, tuple[Any, NDArray[np.int64] | None]] = {}


class Listed(NetworkSpace[Any]):
    """The networks of a list."""

    def __init__(self, problem: Problem, made: Callable[[int], Any]) -> None:
        self.problem, self.made = problem, made
        self.family: str = problem.name
        self.lengths: tuple[int, ...] = problem.lengths
        self.ordered: tuple[bool, ...] = problem.ordered
        self.variables: tuple[str, ...] = tuple([f"v{'x' * k}" for k in range(len(self.lengths))])
        self.groups: tuple[tuple[int, ...], ...] = tuple([(k,) for k in range(len(self.lengths))])

    def network(self, row: Sequence[int]) -> Any:
        number = self.problem.places.get(tuple(row))
        return None if number is None else self.made(number)


def _made(problem: Problem) -> Callable[[int], Any]:
    """Return what builds a candidate's network."""
    if problem.name != "trained":
        return lambda number: networks.imgclsmob(problem.labels[number])
    import json

    known = json.loads(TRAINED.read_text())["networks"]

    def of_choices(number: int) -> Any:
        one = known[number]
        widths = [16 * one["multiplier"] * 2**k for k in range(3)]
        cells = zip(widths, one["depths"], one["skips"], strict=True)
        told = [{"width": w, "depth": d, "skips": s} for w, d, s in cells]
        return flash.Architecture.from_dict({"family": "densenet", "cells": told, "resolution": 10})

    return of_choices


def ground(problem: Problem) -> tuple[Any, NDArray[np.int64] | None]:
    """Return a problem's ground, and the rows to choose from where it is a list."""
    if problem.name not in _grounds:
        target = Target.load("cpu-x86")
        if problem.space is not None:
            _grounds[problem.name] = ground_of(any_space(problem.space), target), None
        else:
            space = Listed(problem, _made(problem))
            _grounds[problem.name] = ground_of(space, target), problem.rows
    return _grounds[problem.name]


def _column(problem: Problem, source: str) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """Return what is known of rows from another data set: -log(error), NaN where it is not."""
    with np.errstate(invalid="ignore"):
        told = -np.log(1.001 - problem.others[source])
    return lambda rows: told[[problem.places[tuple(row)] for row in rows.tolist()]]


def run(
    problem: Problem, seed: int, limit: int, source: str | None = None, **options: Any
) -> list[int]:
    """Return the candidates in the order of training.

    source: another data set, on which the accuracies of all are known before.
    """
    own, among = ground(problem)
    if source is not None:
        options["columns"] = {source: _column(problem, source)}
    trained: dict[tuple[int, ...], list[tuple[float, float | None]]] = {}
    order: list[int] = []
    best = max(problem.goals.values())
    asked = {"first": FIRST, "among": among, **options}
    while len(order) < limit:
        known = known_of(trained, [], len(problem.lengths))
        count = 1 if order else FIRST
        try:
            found = propose(own, known, count, limits=[np.inf] * 6, seed=seed, options=asked)
        except NothingLeft:
            break
        for row in map(tuple, found.rows.tolist()):
            number = problem.places[row]
            order.append(number)
            trained[row] = [(float(problem.accuracy[number]), None)]
        if problem.truth[order].max() >= best:
            break  # every goal is met
    return order[:limit]
