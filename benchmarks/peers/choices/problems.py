"""Problems of choices: tables drawn from a seed, and the public instances where a folder has them.

Numbers are whole, in a unit of their own (a hundredth for public instances), so that solvers of
integers, of floating-point numbers and of decimals are asked the same; but for those of "doubles".

- blocks: an option has a size; what is lost falls with it, costs grow with it, each with its own
  noise, as in tables of blocks that may replace a layer's own.
- bits: costs are a layer's size times a profile of the option, the same in all layers, as in tables
  of bits per layer; what is lost falls with them at each layer's own rate.
- correlated: an option's value is the mean of its weights and a constant (strongly correlated).
- doubles: either of the first two in numbers with all places that a double has, as measured ones
  are that nobody rounded; CP-SAT does not take them.

Budgets lie between the least sum and what the best answer without budgets takes: at shares drawn
one by one (odd seeds), or about a common one, so that more of them bind (even seeds). A draw counts
if an answer within the budgets is found by a search of multipliers, which no solver here does.
"""

from __future__ import annotations

import gzip
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from typing import Any

DRAWS = 1000  # of budgets, of which one must be met
STEPS = 60  # of the multipliers that look for an answer
ROUNDED = 200  # answers drawn from the mixture that they end with
LEAST_SHARE, MOST_SHARE = 0.05, 0.95
UNIT = 10_000  # whole numbers that a typical entry has
WEIGHTS = 100  # the largest of a strongly correlated problem
CONSTANT = 20


class Family(NamedTuple):
    """Tables of one size and kind.

    Attributes
    ----------
    kind : {"falling", "correlated", "doubles"}
    seeds, peers : int
        How many problems flash solves; on how many of them the peers are tried.
    flash_s, peer_s : float
        Processor time after which a solver is stopped.
    """

    name: str
    kind: str
    groups: int
    options: int
    budgets: int
    seeds: int
    peers: int
    flash_s: float = 20.0
    peer_s: float = 20.0


class Choosing(NamedTuple):
    """One problem: the option of each group for which `values` sum up to most or least.

    Attributes
    ----------
    name : str
    values : float64 array of shape (groups, options)
    greatest : bool
    costs : float64 array of shape (budgets, groups, options)
    limits : float64 array of shape (budgets,)
    whole : bool
        Whether all numbers are integers.
    """

    name: str
    values: Any
    greatest: bool
    costs: Any
    limits: Any
    whole: bool = True

    def objective(self, picks: Any) -> float | None:
        """Return an answer's sum; None where it breaks a budget or is no answer.

        Sums are exact, or of doubles rounded once.
        """
        groups, options = self.values.shape
        own = np.asarray(picks)
        if own.shape != (groups,) or own.min() < 0 or own.max() >= options:
            return None
        every = np.arange(groups)
        taken = [fsum(cost) for cost in self.costs[:, every, own]]
        if any(one > limit for one, limit in zip(taken, self.limits, strict=True)):
            return None
        return fsum(self.values[every, own])


def drawn(family: Family, seed: int) -> Choosing:
    """Return the problem of a family and a seed."""
    key = (family.groups, family.options, family.budgets, family.kind == "correlated", seed)
    rng = np.random.default_rng([20260301, *map(int, key)])
    if family.kind == "correlated":
        values, costs = _correlated(rng, family)
    else:
        values, costs = (_bits if seed // 2 % 2 else _blocks)(rng, family)
    whole = family.kind != "doubles"
    if not whole:
        values, *costs = (
            one * rng.uniform(0.999, 1.001, one.shape) / UNIT for one in (values, *costs)
        )
        costs = np.array(costs)
    greatest = family.kind == "correlated"
    free = (values.argmax if greatest else values.argmin)(axis=1)
    limits = _limits(rng, costs, free, whole, together=seed % 2 == 0)
    return Choosing(f"{family.name} #{seed}", values, greatest, costs, limits, whole)


def _blocks(rng: Any, family: Family) -> tuple[Any, Any]:
    groups, options, budgets = family.groups, family.options, family.budgets
    size = rng.uniform(0.02, 1.0, (groups, options))
    size[:, 0] = 1.0  # the layer's own, which loses nothing
    noise = rng.lognormal(0.0, 0.3, (groups, options))
    lost = rng.lognormal(0.0, 1.0, (groups, 1)) * (1.0 - size) ** 1.5 * noise
    scale = rng.lognormal(0.0, 0.5, (budgets, groups, 1))
    power = rng.uniform(0.6, 1.4, (budgets, 1, 1))
    noise = rng.lognormal(0.0, 0.25, (budgets, groups, options))
    return np.rint(UNIT * lost), np.rint(UNIT * scale * (0.05 + size**power) * noise)


def _bits(rng: Any, family: Family) -> tuple[Any, Any]:
    groups, options, budgets = family.groups, family.options, family.budgets
    bits = np.linspace(2.0, 8.0, options)
    lost = rng.lognormal(0.0, 1.2, (groups, 1)) * 2.0 ** (2.0 - bits * rng.uniform(0.8, 1.2))
    lost = lost * rng.lognormal(0.0, 0.25, (groups, options))
    profile = (bits / 8.0) ** rng.uniform(0.5, 1.5, (budgets, 1))
    profile = profile * rng.lognormal(0.0, 0.3, (budgets, options))
    scale = rng.lognormal(0.0, 0.8, (budgets, groups, 1))
    return np.rint(UNIT * lost), np.rint(UNIT * scale * profile[:, None, :])


def _correlated(rng: Any, family: Family) -> tuple[Any, Any]:
    shape = (family.budgets, family.groups, family.options)
    weights = rng.integers(1, WEIGHTS, shape, endpoint=True).astype(float)
    return np.rint(weights.mean(axis=0)) + CONSTANT, weights


def _limits(rng: Any, costs: Any, free: Any, whole: bool, together: bool) -> Any:
    least = costs.min(axis=2).sum(axis=1)
    most = costs[:, np.arange(len(free)), free].sum(axis=1)
    for _ in range(DRAWS):
        shares = rng.uniform(LEAST_SHARE, MOST_SHARE, len(costs))
        if together:
            shares = shares[0] + rng.uniform(-0.1, 0.1, len(costs))
        shares = np.clip(shares, LEAST_SHARE, MOST_SHARE)
        limits = least + shares * np.maximum(most - least, 0.0)
        if whole:
            limits = np.floor(limits)
        if _can_be_met(rng, costs, limits, np.maximum(most - least, 1e-6)):
            return limits
    raise ValueError("no budgets were found that an answer meets")


def _can_be_met(rng: Any, costs: Any, limits: Any, spread: Any) -> bool:
    """Whether multipliers that follow the excess, or a mixture of their answers, meet all."""
    budgets, groups, options = costs.shape
    every = np.arange(groups)
    weight = np.ones(budgets) / budgets
    count = np.zeros((groups, options))
    for step in range(STEPS):
        picks = np.einsum("k,kgo->go", weight / spread, costs).argmin(axis=1)
        over = (costs[:, every, picks].sum(axis=1) - limits) / spread
        if (over <= 0.0).all():
            return True
        count[every, picks] += 1.0
        weight = weight * np.exp(over * 8.0 / np.sqrt(step + 1.0))
        weight /= weight.sum()
    share = np.cumsum(count / STEPS, axis=1)
    for _ in range(ROUNDED):
        picks = (rng.random((groups, 1)) > share).sum(axis=1).clip(0, options - 1)
        if (costs[:, every, picks].sum(axis=1) <= limits).all():
            return True
    return False


def public(folder: Path, name: str) -> Choosing:
    """Return an instance of Khan, Li, Manning and Akbar (2002) from its file, values in hundredths.

    n groups, l options, m resources; m capacities; then of each group its number and l lines of a
    value and m weights.
    """
    path = folder / f"{name}.txt.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    words = text.split()
    groups, options, budgets = map(int, words[:3])
    size = 1 + options * (1 + budgets)
    # some files go on with texts
    numbers = np.array(words[3 : 3 + budgets + groups * size], dtype=float)
    limits = numbers[:budgets]
    lines = numbers[budgets:].reshape(groups, size)[:, 1:].reshape(groups, options, 1 + budgets)
    values = np.rint(100.0 * lines[:, :, 0])
    return Choosing(name, values, True, np.moveaxis(lines[:, :, 1:], 2, 0).copy(), limits)


PEERS = {2: (30, 30, 30), 3: (30, 20, 10), 5: (6, 5, 4)}  # tried on so many seeds
FALLING = [
    Family(f"{groups} x 54, {budgets}", "falling", groups, 54, budgets, 30, peers)
    for budgets, tried in PEERS.items()
    for groups, peers in zip((32, 62, 126), tried, strict=True)
]
LARGE = Family("1000 x 50, 3", "falling", 1000, 50, 3, 6, 2, flash_s=5.0)
CORRELATED = [
    Family("correlated 32 x 10, 3", "correlated", 32, 10, 3, 10, 10),
    Family("correlated 16 x 10, 5", "correlated", 16, 10, 5, 10, 2),
]
DOUBLES = [
    Family("doubles 32 x 54, 2", "doubles", 32, 54, 2, 10, 5),
    Family("doubles 126 x 54, 3", "doubles", 126, 54, 3, 10, 3),
]
DRAWN = {one.name: one for one in (*FALLING, LARGE, *CORRELATED, *DOUBLES)}
# public instances: small ones to a proof, of the others what is found in so long
SMALL_PUBLIC = ("I01", "I02", "I03", "I04", "I05", "I06")
LARGE_PUBLIC = ("I07", "I08", "I09", "I10", "I11", "I12", "I13")
SMALL_FLASH_S, SMALL_PEER_S = 60.0, 20.0
LARGE_S, HIGHS_S = 10.0, 60.0
