"""TopologyScore: the additive score of ``kind="topology"``, and its link to accuracy."""

from __future__ import annotations

from ..base.checks import number, table
from ..base.record import Record
from .cell_terms import BASIS, TOTALS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .cell_terms import CellTerms, NetworkTerms

__all__ = ["LARGEST", "SCORE_BITS", "TopologyScore", "logistic"]

SCORE_BITS = 36  # scores of cells are rounded to multiples of 2**-36, so that sums are exact
LARGEST = 1e6  # of a coefficient: scores of cells stay far below 2**53 units for any real network


def logistic(z: float) -> float:
    """Return ``1 / (1 + exp(-z))``, rounded as the compiled core rounds it."""
    from math import exp

    return 1.0 / (1.0 + exp(-max(z, -700.0)))


class TopologyScore(Record):
    """A sum over cells of a function of each cell alone, and logarithms of two totals.

    ``z = intercept + sum over cells of f(cell) + sum over totals of c * log(total)``; accuracy is
    the logistic function of z, which rises with it. f is a linear form of `CellTerms.basis` and of
    the cell's strides.

    Parameters
    ----------
    intercept : float
    cell : sequence of float
        Coefficients of `BASIS`, of either sign.
    totals : sequence of float
        Coefficients of the logarithms of `TOTALS`, of either sign.
    strides : float, default 0
        Coefficient of the strides, of either sign.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a number is not finite or beyond 1e6.
    """

    intercept: float
    cell: Sequence[float]
    totals: Sequence[float]
    strides: float = 0.0

    def __post_init__(self) -> None:
        state = self.__dict__
        state["intercept"] = float(number("intercept", self.intercept, -1e9, 1e9))
        state["strides"] = float(number("strides", self.strides, -LARGEST, LARGEST))
        for name, names in (("cell", BASIS), ("totals", TOTALS)):
            values = zip(names, state[name], strict=True)
            state[name] = tuple(
                [float(number(f"{name}[{key!r}]", v, -LARGEST, LARGEST)) for key, v in values]
            )

    def cell_score(self, cell: CellTerms) -> int:
        """Return f of a cell in units of ``2**-SCORE_BITS``, products added left to right."""
        total = 0.0
        for coefficient, value in zip(self.cell, cell.basis(), strict=True):
            total += coefficient * value
        total += self.strides * cell.strides
        return round(total * 2.0**SCORE_BITS)

    def score(self, terms: NetworkTerms) -> float:
        """Return z of a network."""
        from math import log

        cells = sum([self.cell_score(cell) for cell in terms.cells])
        z = (round(self.intercept * 2.0**SCORE_BITS) + cells) * 2.0**-SCORE_BITS
        z += self.totals[0] * log(max(1, terms.macs))
        z += self.totals[1] * log(max(1, terms.params))
        return z

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal score."""
        data = {
            "intercept": self.intercept,
            "cell": dict(zip(BASIS, self.cell, strict=True)),
            "totals": dict(zip(TOTALS, self.totals, strict=True)),
        }
        return {**data, "strides": self.strides} if self.strides else data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "score") -> TopologyScore:
        """Make a score from plain data; FormatError names what is missing or unknown."""
        from ..base.plain import ANY, Check, made

        def numbers(names: tuple[str, ...]) -> Check:
            def checked(name: str, value: Any) -> list[Any]:
                given = table(name, value, names, names)
                return [given[one] for one in names]

            return checked

        checks: dict[str, Check] = {
            "intercept": ANY,  # the score itself looks at the numbers
            "cell": numbers(BASIS),
            "totals": numbers(TOTALS),
            "strides": ANY,
        }
        return made(cls, where, data, checks, join=".")
