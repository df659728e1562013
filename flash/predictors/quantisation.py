"""What fewer bits cost in accuracy: fitted on trained networks, quantised cell by cell.

`flash/data/quantisation/cifar10.json` says how much of the log odds of its accuracy a network loses
for each cell of so many bits: least squares over every mix of bits over the cells of networks that
were trained for flash (benchmarks/training: after training, no tuning). A cell loses the same at
every place and in networks of any number of cells: telling places apart did not predict networks
left out better, and what all cells lose together grows with their number.

Of a topology predictor, whose score is log odds, the loss is taken off as it is. NN-Degree is no
accuracy: a cell's part of it counts as much as is left of the measured networks' accuracy with all
three cells of so many bits, chance at least; a choice of flash, no paper's. Under a predictor of
NN-Degree g, ``1 / (a + exp(b / g + c))``, losing s of the log odds, against the predictor's ceiling
``1 / a``, leaves the share ``x / (x + s)`` of g, with ``x = b / g``. That is a sum over cells for
one g only: of the g in the middle, at half of the accuracy that the predictor can reach, and for
the loss of three cells.
"""

from __future__ import annotations

from math import exp, log

from ..base.checks import parse_json, read_text, shipped
from ..base.record import Record
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..hardware.designs import DesignSpace
    from .predictor import AccuracyPredictor

    Effects = list[list[tuple[float, float]]]

__all__ = ["Measured", "effects", "measured", "quantised", "worth_having"]

_known: list[Measured] = []


class Measured(Record):
    """What was measured, and the model of it.

    Parameters
    ----------
    networks, cells : int
        How many networks, and how many cells each had.
    accuracy : float
        Mean accuracy of the networks before, in [0, 1].
    shift : dict of int to float
        For each number of bits, how much of the log odds of the accuracy a cell of so many loses:
        at least 0, and no less for fewer bits.
    kept : dict of int to float
        The share of `accuracy` left with all cells of so many bits, by that, chance at least: at
        most 1, and no more for fewer bits.
    error : float
        Mean error on mixes of bits of networks left out of the fit, in points of accuracy.
    tau : float
        Kendall's rank correlation over the mixes of such a network, the median.
    """

    networks: int
    cells: int
    accuracy: float
    shift: dict[int, float]
    kept: dict[int, float]
    error: float
    tau: float


def measured() -> Measured:
    """Return what was measured; read once."""
    if not _known:
        file = shipped("quantisation", "cifar10.json")
        data = parse_json(read_text(file, "quantisation"), file)
        accuracy = sum(data["accuracy"]) / len(data["accuracy"])
        cells, odds = data["cells"], log(accuracy / (1.0 - accuracy))
        shift = {int(bits): loss for bits, loss in data["shift"].items()}
        _known.append(
            Measured(
                data["networks"],
                cells,
                accuracy,
                shift,
                {
                    bits: max(data["chance"], 1.0 / (1.0 + exp(cells * loss - odds))) / accuracy
                    if loss > 0.0 else 1.0
                    for bits, loss in shift.items()
                },
                data["held_out"]["points"],
                data["held_out"]["tau"],
            )
        )  # fmt: skip
    return _known[0]


def effects(bits: Sequence[int], predictor: AccuracyPredictor | None, cells: int = 3) -> Effects:
    """Return what numbers of bits do to the scores of a network's cells.

    Parameters
    ----------
    bits : sequence of int
    predictor : AccuracyPredictor or None
        Whose score it is; None: NN-Degree.
    cells : int, default 3
        Of the network, at least 1.

    Returns
    -------
    list of list of (float, float)
        For each cell and each number of bits the factor of the cell's score, in (0, 1], and what is
        added to it, at most 0; neither grows with fewer bits.

    Raises
    ------
    ArgumentError
        If what a number of bits costs was not measured.
    """
    known = measured()
    for one in bits:
        if one not in known.shift:
            raise ArgumentError(
                f"cell_bits: what {one} bits cost in accuracy was not measured "
                f"(known: {', '.join(map(str, sorted(known.shift)))})"
            )
    if predictor is None:
        own = [(known.kept[one], 0.0) for one in bits]
    elif predictor.topology is not None:
        own = [(1.0, 0.0 - known.shift[one]) for one in bits]
    else:
        _, a, _, c = predictor.link
        top = log(a) - c  # the log odds of the most that the predictor can reach, of its ceiling
        # b / g at half of it: log(2 + exp(top))
        x = log(2.0 + exp(top)) if top < 700.0 else top
        own = [(x / (x + known.cells * known.shift[one]), 0.0) for one in bits]
    return [list(own) for _ in range(cells)]


def worth_having(bits: tuple[int, ...], effects: Effects) -> tuple[tuple[int, ...], Effects]:
    """Return the numbers of bits, and their effects, but for those that fewer bits are as good as
    in every cell: fewer are never slower."""
    if not bits:
        return bits, effects
    kept: list[int] = []
    for k in sorted(range(len(bits)), key=lambda k: bits[k]):
        if not any(
            all(own[j][0] >= own[k][0] and own[j][1] >= own[k][1] for own in effects) for j in kept
        ):
            kept.append(k)
    return tuple(bits[k] for k in kept), [[own[k] for k in kept] for own in effects]


def quantised(design: DesignSpace, predictor: AccuracyPredictor | None, cells: int) -> Effects:
    """Return the effects of a design space's bits for cells; of one without: that of none."""
    if not design.cell_bits:
        return [[(1.0, 0.0)] for _ in range(cells)]
    return effects(design.cell_bits, predictor, cells)
