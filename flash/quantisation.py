"""What fewer bits cost in accuracy: measured on trained networks, cell by cell.

`flash/data/quantisation/cifar10.json` holds what is left of the accuracy of networks trained for
flash when one cell's weights and inputs have so many bits (benchmarks/training/quantise.py: after
training, no tuning). Cells are taken to act one by one; the file says how far that is off. Of a
topology predictor each cell's loss is taken off the score, as the difference of logits that it made
in the measured networks; NN-Degree, alone or under a predictor of its own, counts as much of a cell
as is left of the accuracy: a choice of flash, no paper's.
"""

from __future__ import annotations

import os

from ._record import Record
from ._validate import parse_json, read_text
from .errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .predictor import AccuracyPredictor

__all__ = ["Measured", "effects", "measured"]

_FILE = os.path.join(os.path.dirname(__file__), "data", "quantisation", "cifar10.json")
_known: list[Measured] = []


class Measured(Record):
    """What was measured.

    Parameters
    ----------
    networks : int
    accuracy : float
        Mean accuracy of the networks before, in [0, 1].
    kept : dict of int to float
        For each number of bits, the share of the accuracy left with one cell quantised: at most 1,
        and no more for fewer bits.
    all_cells : dict of int to float
        The same with all cells quantised.
    """

    networks: int
    accuracy: float
    kept: dict[int, float]
    all_cells: dict[int, float]


def measured() -> Measured:
    """Return what was measured; read once."""
    if not _known:
        data = parse_json(read_text(_FILE, "quantisation"), _FILE)
        kept: dict[int, float] = {}
        least = 1.0
        for bits in sorted(map(int, data["kept"]), reverse=True):
            least = kept[bits] = min(least, data["kept"][str(bits)]["one_cell"])
        accuracies = data["accuracy"]
        _known.append(
            Measured(
                data["networks"],
                sum(accuracies) / len(accuracies),
                kept,
                {int(bits): one["all_cells"] for bits, one in data["kept"].items()},
            )
        )
    return _known[0]


def effects(bits: Sequence[int], predictor: AccuracyPredictor | None) -> list[tuple[float, float]]:
    """Return (factor, shift) of a cell's score for each number of bits.

    Raises
    ------
    ArgumentError
        If what a number of bits costs was not measured.
    """
    known = measured()
    for one in bits:
        if one not in known.kept:
            raise ArgumentError(
                f"cell_bits: what {one} bits cost in accuracy was not measured "
                f"(known: {', '.join(map(str, sorted(known.kept)))})"
            )
    if predictor is None or predictor.link[0] != 2:
        return [(known.kept[one], 0.0) for one in bits]
    from math import log

    top = max(predictor.link[1], known.accuracy * 1.000001)

    def logit(accuracy: float) -> float:
        return log(accuracy / (top - accuracy))

    whole = logit(known.accuracy)
    return [(1.0, logit(known.accuracy * known.kept[one]) - whole) for one in bits]
