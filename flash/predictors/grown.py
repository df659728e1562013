"""The kernel part of a grown predictor: a Gaussian process of what is read of a network.

Of two networks with standardised features x and x', the covariance of their log odds is

    1 + sum_j linear_j x_j x'_j + amplitude * m(sqrt(sum_j narrow_j (x_j - x'_j) ** 2))

with m Matern's function of smoothness 5/2, ``(1 + r + r**2 / 3) exp(-r)`` where r is the root of 5
times the sum. The first two terms are the additive form and more of its like, the last one is what
no sum over features says. All in units of the spread of the fitted log odds. The prediction is a
mean of the process's and the additive part's: what one of them misses the other may see. Loads
numpy when something is asked of it, not before: a search needs the additive part alone.
"""

from __future__ import annotations

from ..base.checks import number, real
from ..base.record import Record, cached
from ..errors import FormatError
from .evidence import Report, reach_of
from .features import DESIGN, PART, PARTITIONS, WHOLE, Features, features_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Column = tuple[str, ...]

__all__ = ["BLOCKS", "Grown", "covariance", "is_design", "matern", "read", "text_of"]

BLOCKS = ("value", "whole", "part", "count", "width", "walk")  # the first word of a column's name


class Grown(Record):
    """A fitted kernel part.

    Parameters
    ----------
    columns : tuple of tuple of str
        What each feature is: ("whole", "longest"), ("part", "2", "log_macs"), ("count", "2",
        "conv3"), ("width", "2", "conv3", "13"), ("walk", "conv3", "conv1").
    partition : str
        What parts are: one of `PARTITIONS`.
    centre, scale : tuple of float
        Features are ``(value - centre) / scale``.
    linear, narrow : tuple of float
        Of each feature: its weight in the linear term, and in the distance.
    amplitude, noise : float
        Of Matern's term, and the variance of noise.
    rows : tuple of tuple of float
        Features of the fitted networks.
    targets : tuple of float
        Logits of their accuracies.
    share : float
        What the Gaussian process counts, above 0 and at most 1; the additive part counts the rest.
    scores : tuple of float
        Errors of both together on these when left out, absolute, over the root of their relative
        variance, and stretched as said in `growing`; rising.
    widest : float
        The largest variance of a fitted network, left out, over that of the noise.
    report : Report
    """

    columns: tuple[Column, ...]
    partition: str
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    linear: tuple[float, ...]
    narrow: tuple[float, ...]
    amplitude: float
    noise: float
    rows: tuple[tuple[float, ...], ...]
    targets: tuple[float, ...]
    share: float
    scores: tuple[float, ...]
    widest: float
    report: Report

    @cached
    def _solved(self) -> tuple[Array, Array, Array, float, float]:
        """Fitted features, the inverse of the covariance, its product with the targets, and the
        targets' mean and spread."""
        import numpy as np

        x = np.array(self.rows, dtype=float).reshape(len(self.rows), len(self.columns))
        z = np.array(self.targets)
        middle, spread = float(z.mean()), float(z.std())
        k = covariance(x, x, np.array(self.linear), np.array(self.narrow), self.amplitude)
        inverse = np.asarray(np.linalg.inv(k + self.noise * np.eye(len(z))), dtype=np.float64)
        return x, inverse, inverse @ ((z - middle) / spread), middle, spread

    def judge(self, net: object, additive: float) -> tuple[float, float]:
        """Return the predicted logit of a network, of which the additive part says `additive`, and
        its variance over that of the noise."""
        values = read([features_of(net)], self.columns, self.partition)
        z, variance = self.judge_values(values, additive)
        return float(z[0]), float(variance[0])

    def judge_values(self, values: Array, additive: Array | float) -> tuple[Array, Array]:
        """Do what `judge` does with the features of many networks, shape (n, columns)."""
        import numpy as np

        x, inverse, weights, middle, spread = self._solved
        own = (values - np.array(self.centre)) / np.array(self.scale)
        linear = np.array(self.linear)
        k = covariance(own, x, linear, np.array(self.narrow), self.amplitude)
        alone = 1.0 + own**2 @ linear + self.amplitude
        left = alone - ((k @ inverse) * k).sum(axis=1)
        z = middle + spread * (k @ weights)
        return additive + self.share * (z - additive), np.maximum(left, 0.0) / self.noise

    def half_width(self, variance: float, level: float) -> float:
        """Return how far from the predicted logit an unseen network's lies, at most, so often."""
        from math import sqrt

        return reach_of(self.scores, level) * sqrt(1.0 + variance)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal record."""
        data = dict(zip(self.field_names, self._values(), strict=True))
        for key in ("columns", "rows"):
            data[key] = [list(one) for one in data[key]]
        data["report"] = self.report.to_dict()
        return {key: list(v) if isinstance(v, tuple) else v for key, v in data.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "grown") -> Grown:
        """Make a record from plain data; FormatError names what is missing or not accepted."""
        from ..base.plain import REAL, TEXT, list_of, made, one_of, within

        columns = data.get("columns") if isinstance(data, dict) else None
        count = len(columns) if isinstance(columns, list) else 0
        above, least = within(number, above=0.0), within(real, 0.0)
        found = made(
            cls,
            where,
            data,
            {
                "columns": list_of(list_of(TEXT)),
                "partition": one_of(PARTITIONS),
                "centre": list_of(REAL, count),
                "scale": list_of(above, count),
                **dict.fromkeys(("linear", "narrow"), list_of(least, count)),
                "amplitude": least,
                "noise": above,
                "rows": list_of(list_of(REAL, count)),
                "targets": list_of(REAL),
                "share": within(number, 0.0, 1.0),
                "scores": list_of(least),
                "widest": least,
                "report": lambda name, value: Report.from_dict(value, name),
            },
            join=".",
        )
        for column in found.columns:
            _known(column, where)
        if not len(found.rows) == len(found.targets) == len(found.scores) > 1:
            raise FormatError(
                f"{where}: rows, targets and scores must be as many, and 2 at least, got "
                f"{len(found.rows)}, {len(found.targets)} and {len(found.scores)}"
            )
        if min(found.targets) == max(found.targets):
            raise FormatError(f"{where}.targets must differ")
        if list(found.scores) != sorted(found.scores):
            raise FormatError(f"{where}.scores must be rising")
        return found


def _known(column: Column, where: str) -> None:
    """Raise FormatError if no reading is meant by a name."""
    sizes = {"whole": "2", "part": "3", "value": "4", "count": "3", "width": "4", "walk": "34"}
    block = column[0] if column else ""
    right = str(len(column)) in sizes.get(block, "")
    if right and block == "whole":
        right = column[1] in WHOLE
    elif right and block != "walk":
        right = column[1].isdecimal() and (block not in ("part", "value") or column[2] in PART)
        right = right and (block != "width" or column[3].isdecimal())
    if not right:
        raise FormatError(f"{where}.columns: no feature is called {list(column)}")


def value_of(column: Column, features: Features, partition: str) -> float:
    """Return one feature of a network; 0 of a part that it has not. Counts enter by their root."""
    from math import sqrt

    block, *rest = column
    if block == "whole":
        return features.whole[WHOLE.index(rest[0])]
    if block == "walk":
        return sqrt(features.walks.get(tuple(rest), 0.0))
    at = int(rest[0])
    if block == "part":
        parts = features.parts[partition]
        return parts[at][PART.index(rest[1])] if at < len(parts) else 0.0
    if block == "value":
        parts = features.parts[partition]
        return float(at < len(parts) and text_of(parts[at][PART.index(rest[1])]) == rest[2])
    if block == "count":
        return sqrt(features.counts[partition].get((at, rest[1]), 0.0))
    return sqrt(features.widths.get((at, rest[1], int(rest[2])), 0.0))


def text_of(value: float) -> str:
    """Return a number as the names of indicators tell it."""
    return f"{value:.5g}"


def read(nets: Sequence[Features], columns: Sequence[Column], partition: str) -> Array:
    """Return features of networks, shape (n, columns)."""
    import numpy as np

    values = [[value_of(column, net, partition) for column in columns] for net in nets]
    return np.array(values, dtype=float).reshape(len(nets), len(columns))


def is_design(column: Column) -> bool:
    """Whether the topology form is linear in a feature."""
    return column[0] == "whole" and column[1] in DESIGN


def covariance(x: Array, other: Array, linear: Array, narrow: Array, amplitude: float) -> Array:
    """Return the covariance of each row of `x` with each of `other`."""
    import numpy as np

    root = np.sqrt(narrow)
    a, b = x * root, other * root
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2.0 * a @ b.T
    return np.asarray(1.0 + (x * linear) @ other.T + amplitude * matern(np.maximum(square, 0.0)))


def matern(square: Array) -> Array:
    """Return Matern's function of smoothness 5/2 of a squared distance."""
    import numpy as np

    r = np.sqrt(5.0 * square)
    return np.asarray((1.0 + r + r * r / 3.0) * np.exp(-r))
