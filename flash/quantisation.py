"""What fewer bits cost in accuracy: measured on trained networks.

`flash/data/quantisation/cifar10.json` holds what is left of the accuracy of networks trained for
flash when their weights and inputs have so many bits, all cells' and one cell's alone
(benchmarks/training/quantise.py: after training, no tuning). Each cell bears its share of what all
together lose; of one alone the file says what was measured. Of a topology predictor the loss is
taken off the score as a difference of logits, in equal parts for the cells; NN-Degree, alone or
under a predictor of its own, counts as much of a cell as is left of the accuracy: a choice of
flash, no paper's.
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
        For each number of bits, the share of the accuracy left with all cells quantised: at most 1,
        and no more for fewer bits.
    one_cell : dict of int to float
        The same with one of three cells quantised, as measured.
    """

    networks: int
    accuracy: float
    kept: dict[int, float]
    one_cell: dict[int, float]


def measured() -> Measured:
    """Return what was measured; read once."""
    if not _known:
        data = parse_json(read_text(_FILE, "quantisation"), _FILE)
        kept: dict[int, float] = {}
        least = 1.0
        for bits in sorted(map(int, data["kept"]), reverse=True):
            least = kept[bits] = min(least, data["kept"][str(bits)]["all_cells"])
        accuracies = data["accuracy"]
        _known.append(
            Measured(
                data["networks"],
                sum(accuracies) / len(accuracies),
                kept,
                {int(bits): one["one_cell"] for bits, one in data["kept"].items()},
            )
        )
    return _known[0]


def effects(
    bits: Sequence[int], predictor: AccuracyPredictor | None, cells: int = 3
) -> list[tuple[float, float]]:
    """Return (factor, shift) of a cell's score for each number of bits; cells: of a network.

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
    return [(1.0, (logit(known.accuracy * known.kept[one]) - whole) / cells) for one in bits]
