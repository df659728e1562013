"""Which networks of a space to train: a covering design."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["MAX_NETWORKS", "POOL", "covering"]

POOL = 1000
MAX_NETWORKS = 1000


def covering(space: Any, n: int, seed: int = 0) -> list[Any]:
    """Return `n` networks that cover a space (all of them where it has fewer).

    Parameters
    ----------
    space : SearchSpace, or another whose `decode` gives networks
    n : int
        1 to 1000.
    seed : int
        Of the candidates. The first m of n networks are the m networks of the same seed.

    Notes
    -----
    From 1000 candidates drawn at random the first is that nearest to all, and each further one is
    that farthest from all chosen (Kennard and Stone, Technometrics 11, 1969), so that the edges of
    the space, where searches end, are not left to extrapolation. Distances are of each choice and
    of totals (NN-Degree, log MACs, log parameters, depth), which count as much as all choices
    together, since accuracy follows totals. On the default DenseNet space, 25 networks chosen so
    leave a linear predictor 0.57 of the variance that a random draw leaves; choices that lower the
    mean distance to the nearest network instead leave more than a random draw.
    """
    import math

    import numpy as np

    from ..evaluating import evaluate
    from ..spaces.index import row_at
    from ..spaces.network_space import NetworkSpace

    indices = [int(index) for index in space.sample_indices(POOL, seed)]
    if len(indices) <= n:
        return [space.decode(index) for index in indices]
    row_of = getattr(space, "row", None) or (lambda index: row_at(space, index))
    choices = np.array([row_of(index) for index in indices], dtype=float)
    # Any target does: what is asked of it are totals that no target changes.
    found = (
        _totals([space.decode(index) for index in indices])
        if isinstance(space, NetworkSpace)
        else evaluate(space, "cpu-x86", choices.astype(np.int64))
    )
    depths = [number for number, name in enumerate(space.variables) if name.startswith("depth")]
    totals = np.stack(
        [
            np.log(np.maximum(found["nn_degree"], 2.0**-36)),
            np.log(found["macs"]),
            np.log(found["params"]),
            choices[:, depths].sum(axis=1),
        ],
        axis=1,
    )
    parts = []
    for part in (choices, totals):
        spread = part.std(axis=0)
        part = (part - part.mean(axis=0))[:, spread > 1e-12] / spread[spread > 1e-12]
        parts.append(part / math.sqrt(max(1, part.shape[1])))
    points = np.concatenate(parts, axis=1)
    square = np.square(points).sum(axis=1)
    distance = np.sqrt(np.maximum(0.0, square[:, None] + square - 2 * points @ points.T))
    distance = distance.round(9)  # near-ties must not hang on the order of a machine's sums
    chosen = [int(distance.sum(axis=1).argmin())]
    nearest = distance[chosen[0]].copy()
    while len(chosen) < n:
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distance[chosen[-1]])
    return [space.decode(indices[one]) for one in chosen]


def _totals(networks: list[Any]) -> dict[str, Any]:
    """Return the totals of networks that no tables hold."""
    import numpy as np

    from ..networks.degree import nn_degree

    return {
        "nn_degree": np.array([nn_degree(one) for one in networks]),
        "macs": np.array([float(one.macs) for one in networks]),
        "params": np.array([float(one.params) for one in networks]),
    }
