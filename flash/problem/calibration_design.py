"""Which networks to measure: a few of a space that together tell most about the coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._core.model.compile import totals_of
from ..base.checks import integer, public
from ..errors import ArgumentError
from ..hardware._terms import terms
from ..hardware._units import UNIT, unit_models
from ..hardware.target import KINDS, as_target
from ..spaces.index import places_of, row_at, rows_of
from .compiling import as_space

if TYPE_CHECKING:
    import os
    from typing import Any

    from ..hardware._fitting import Array
    from ..hardware.target import Target
    from ..networks.architecture import Architecture
    from ..spaces.space import SearchSpace
    from ..spaces.tabled import TabledSpace

__all__ = ["calibration_design", "pick"]

POOL = 2000  # candidates drawn from the space
MOST = 5000
_NEAR = 1e-2  # of the normal matrix before the first choice: what is known of each coefficient


@public
def calibration_design(
    space: TabledSpace | str | os.PathLike[str],
    target: Target | str | os.PathLike[str] = "cpu-x86",
    n: int = 25,
    *,
    seed: int = 0,
) -> list[Architecture]:
    """Choose networks of a space to measure for a calibration.

    Parameters
    ----------
    space : SearchSpace, name or path
    target : Target, name or path, default "cpu-x86"
        Whose coefficients are to be fitted: the base of the calibration.
    n : int, default 25
        1 to 5000; a smaller space gives all of its networks.
    seed : int, default 0
        The same seed gives the same networks.

    Returns
    -------
    list of Architecture
        The first m of n are what m would give (for n up to 1000). One half determines the
        coefficients (a D-optimal design: the determinant of the fit's normal matrix is as great as
        a greedy choice makes it), taking turns with the other half, which fills the space between
        (each the farthest from all before in its make-up and in its cost).

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.

    Notes
    -----
    Of 2000 networks drawn at random, by the base's own features: what counts is the share of each
    in the predicted latency, since the fit is relative. D-optimality alone would take extremes
    only (Fedorov, Theory of Optimal Experiments, 1972), between which no measurement would show
    that the model bends; the rest is a maximin design (Johnson, Moore and Ylvisaker, J. Stat.
    Plan. Inference 26, 1990).
    """
    found, model = as_space(space), as_target(target)
    if model.table is not None:
        raise ArgumentError(
            f"target must have coefficients to fit, got {model.name!r}, which charges layers one "
            "by one: space.sample() draws networks for Target.fitted"
        )
    n = integer("n", n, 1, MOST)
    indices = [int(index) for index in found.sample_indices(max(POOL, 2 * n), seed)]
    if len(indices) <= n:
        return [found.decode(index) for index in indices]
    share, size = _shares_on_tiles(found, model, indices)
    return [found.decode(indices[k]) for k in pick(share, size, n)]


def _shares_on_tiles(space: SearchSpace, target: Target, indices: list[int]) -> tuple[Array, Array]:
    """Return the same as `_shares`, of a target of several tiles with terms of their own for each:
    every tile is fitted to its own networks."""
    if target.tiles is None:
        return _shares(space, target, indices)
    from .tiling import Tiled

    rows = np.array([row_at(space, index) for index in indices], dtype=np.int64)
    sides = Tiled(space, target).sides(*places_of(space, rows))
    blocks, size = [], np.zeros(len(indices))
    for side in np.unique(sides).tolist():
        own = np.flatnonzero(sides == side)
        share, size[own] = _shares(space, target.on_tile(side), [indices[k] for k in own])
        block = np.zeros((len(indices), share.shape[1]))
        block[own] = share
        blocks.append(block)
    return np.hstack(blocks), size


def _shares(space: SearchSpace, target: Target, indices: list[int]) -> tuple[Array, Array]:
    """Return each network's shares of latency by term, and the logarithm of its latency."""
    kind = KINDS[target.kind]
    if space.numbering is not None:
        features = _features_of_blocks(space, target, indices)
    else:
        placed = [rows_of(space, row_at(space, index)) for index in indices]
        features = np.zeros((len(indices), len(kind.FEATURES)))
        for chosen, model in unit_models(target.kind, target.array):
            sums = np.array([totals_of(space.core_plan, model, *place)[0] for place in placed])
            for feature, column in chosen.items():
                features[:, feature] = sums[:, column] * UNIT
    family = space.family
    found = terms(target, family, "latency_ms", features)
    table = target.coefficients[target.set_for(family)]
    known = np.array([table.get(c, {}).get(f, 0.0) for c, f in found.names])
    # A feature that the base has no use for is as large as the least that it has.
    scale = found.columns.max(axis=0)
    share = found.columns * known
    predicted = found.offset + share.sum(axis=1)
    if not (predicted > 0).all():
        raise ArgumentError(f"space has networks that cost nothing on {target.name}")
    unknown = (known == 0) & (scale > 0)
    share[:, unknown] = found.columns[:, unknown] / scale[unknown] * 1e-2 * predicted.mean()
    return share / predicted[:, None], np.log(predicted)


def _features_of_blocks(space: Any, target: Target, indices: list[int]) -> Array:
    """Return what a kind of target counts of networks of a `BlockSpace`."""
    from .blocks import features_of, sums_of

    models = list(unit_models(target.kind, target.array))
    values = features_of(space, target, models, len(KINDS[target.kind].FEATURES))
    rows = np.array([row_at(space, index) for index in indices], dtype=np.int64)
    return sums_of(space, values, rows) * UNIT


def pick(share: Array, size: Array, n: int) -> list[int]:
    """Return the numbers of `n` candidates, by turns D-optimal and farthest from all before.

    Parameters
    ----------
    share : array, shape (candidates, terms)
    size : array, shape (candidates,)
        Another number in which they shall differ: the logarithm of their cost.
    n : int, at most as many as there are candidates
    """
    used = share[:, share.max(axis=0) > 0]
    a = used / np.sqrt((used * used).mean(axis=0))
    points = np.column_stack([share, size])
    spread = points.std(axis=0)
    points = points[:, spread > 1e-9] / spread[spread > 1e-9]
    inverse = np.eye(a.shape[1]) / _NEAR
    free = np.ones(len(a), bool)
    far = np.full(len(a), np.inf)
    chosen: list[int] = []
    for turn in range(n):
        tells = turn % 2 == 0 or turn == 1
        gain = np.einsum("ij,jk,ik->i", a, inverse, a) if tells else far
        k = int(np.argmax(np.where(free, gain, -1.0)))
        chosen.append(k)
        free[k] = False
        row = inverse @ a[k]
        inverse = inverse - np.outer(row, row) / (1.0 + float(a[k] @ row))
        far = np.minimum(far, ((points - points[k]) ** 2).sum(axis=1))
    return chosen
