"""How far the answer of a search by a predictor can be trusted: worked out when somebody asks."""

from __future__ import annotations

from ..base.names import BUDGETS, LIMITED
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..hardware.target import Target
    from ..networks.cell_networks import Net
    from ..spaces.network_space import NetworkSpace
    from ..spaces.space import SearchSpace
    from .predictor import AccuracyPredictor

__all__ = ["LEVEL", "Trained", "Trust", "trust"]

LEVEL = 0.9  # of the interval


class Trained(Record):
    """The most accurate network within the budgets of those that a predictor was fitted on.

    Parameters
    ----------
    accuracy : float
        As it was measured, in [0, 1]; the mean, where the network was trained several times.
    index : int or None
        Its flat index in the space that was searched; None where it is no network of it.
    network : Architecture, CellNetwork or Network
    """

    accuracy: float
    index: int | None
    network: Net

    @property
    def name(self) -> str:
        """What to call it in a sentence: its index, or its cells."""
        if self.index is not None:
            return f"index {self.index}"
        cells: Any = getattr(self.network, "cells", None)
        if cells is None:
            return "not of this space"
        size: Any = getattr(self.network, "resolution", "")
        inner = "; ".join(f"width {c.width} depth {c.depth} skips {c.skips}" for c in cells)
        return f"not of this space: {inner}; images of {size} x {size}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "accuracy": self.accuracy,
            "index": self.index,
            "network": self.network.to_dict(),
        }


class Trust(Record):
    """What an answer by a predictor is worth.

    Parameters
    ----------
    accuracy : float
        What the predictor says of the network, in [0, 1].
    accuracy_interval : (float, float) or None
        Holds the accuracy of an unseen network, drawn as the fitted ones were, with a probability
        of 0.9; None for a predictor made by hand.
    rank : float or None
        Spearman rank correlation of the predictor's predictions of networks left out of the fit.
    earns_its_keep : bool or None
        Whether it is better than every simple baseline and than chance: see `Report`.
    extrapolates : bool
        Whether the network lies outside of what the predictor was fitted on.
    only_ranks : str or None
        Why the value ranks networks and is not what they reach.
    best_trained : Trained or None
        None where none of the fitted networks is within the budgets, or they are not known.
    networks : int or None
        That it was fitted on.
    flags : tuple of str
        The same in sentences.
    """

    accuracy: float
    accuracy_interval: tuple[float, float] | None
    rank: float | None
    earns_its_keep: bool | None
    extrapolates: bool
    only_ranks: str | None
    best_trained: Trained | None
    networks: int | None
    flags: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: all but the sentences."""
        ends = self.accuracy_interval
        return {
            "accuracy_interval": None if ends is None else list(ends),
            "rank": self.rank,
            "earns_its_keep": self.earns_its_keep,
            "extrapolates": self.extrapolates,
            "only_ranks": self.only_ranks,
            "best_trained": None if self.best_trained is None else self.best_trained.to_dict(),
        }


def trust(
    predictor: AccuracyPredictor,
    space: SearchSpace | NetworkSpace[Any],
    row: tuple[int, ...] | Net,
    budgets: Mapping[str, float],
    target: Target,
    accuracy: float | None = None,
) -> Trust:
    """Return how far a predictor can be trusted with an answer.

    Parameters
    ----------
    predictor : AccuracyPredictor
    space
        What was searched.
    row : tuple of int, or network
        The answer: choice indices, or the network itself.
    budgets : dict of str to float
        ``{"max_latency_ms": 4.0}``
    target : Target
        Which charges the fitted networks.
    accuracy : float, optional
        What the search says of the network, where that is not what `predictor` says: of a network
        with fewer bits.
    """
    net: Any = space.decode(row) if isinstance(row, tuple) else row
    report = predictor.report
    if accuracy is None:
        accuracy = predictor.predict_one(net)
    ends = None
    if predictor.evidence is not None:
        ends = predictor.interval_around(net, LEVEL, accuracy)
    best = best_trained(predictor, space, budgets, target)
    extrapolates = predictor.extrapolates(net)
    return Trust(
        accuracy,
        ends,
        None if report is None else report.rank,
        None if report is None else report.earns_its_keep,
        extrapolates,
        predictor.only_ranks,
        best,
        None if report is None else report.networks,
        _flags(predictor, accuracy, ends, extrapolates, best, net),
    )


def best_trained(
    predictor: AccuracyPredictor,
    space: SearchSpace | NetworkSpace[Any],
    budgets: Mapping[str, float],
    target: Target,
) -> Trained | None:
    """Return the most accurate network within the budgets among those fitted on, as measured."""
    for net, accuracy in sorted(predictor.trained, key=lambda one: -one[1]):
        if _within(net, accuracy, budgets, target):
            return Trained(accuracy, _index(space, net), net)
    return None


def _within(net: Net, accuracy: float, budgets: Mapping[str, float], target: Target) -> bool:
    """Whether a network meets all budgets, by its measured accuracy."""
    try:
        cost = target.cost(net)
    except ArgumentError:  # it needs what the target lacks
        return False
    for budget in budgets.keys() & set(BUDGETS):
        term, limit = LIMITED[budget], budgets[budget]
        if budget == "min_accuracy":
            if accuracy < limit:
                return False
            continue
        value: float | None
        if term == "memory_kib":
            value = net.peak_memory_kib
        elif term == "weights_kib":
            value = net.weights_kib
        else:
            value = getattr(cost if hasattr(cost, term) else net, term)
        if value is None or value > limit:
            return False
    return True


def _index(space: SearchSpace | NetworkSpace[Any], net: Any) -> int | None:
    """Return the flat index of a network in a space, or None where it is none of it."""
    encode: Any = getattr(space, "encode", None)
    if encode is None:
        return None
    try:
        return int(space.index(encode(net)))
    except (ArgumentError, ArgumentTypeError, AttributeError):
        return None


def _flags(
    predictor: AccuracyPredictor,
    accuracy: float,
    ends: tuple[float, float] | None,
    extrapolates: bool,
    best: Trained | None,
    net: Any,
) -> tuple[str, ...]:
    """Return in sentences what is to be said of an answer."""
    said: list[str] = []
    report = predictor.report
    if predictor.is_part:
        said.append(
            "accuracy is what the additive part of a grown predictor says, by which a search "
            "proves: the predictor's own predict may say another"
        )
    if predictor.only_ranks is not None:
        said.append(
            f"the predicted {100 * accuracy:.2f} % only ranks networks: {predictor.only_ranks}"
        )
    if ends is not None and report is not None:
        rank = "" if report.rank is None else f", rank correlation {report.rank:.2f} left out"
        said.append(
            f"accuracy is predicted: {100 * ends[0]:.1f} to {100 * ends[1]:.1f} % "
            f"({100 * LEVEL:.0f} %), from {report.networks} trained networks{rank}"
        )
    if report is not None and not report.earns_its_keep:
        said.append(f"the predictor is {report.verdict}")
    if extrapolates:
        said.append(
            "accuracy is extrapolated: this network lies outside of what the predictor was fitted "
            f"on{_away(predictor, net)}, and the interval may not hold"
        )
    if best is not None:
        more = ", more than is predicted here" if best.accuracy > accuracy else ""
        said.append(
            f"of the {len(predictor.trained)} networks that the predictor was fitted on, the best "
            f"within the budgets was measured at {100 * best.accuracy:.2f} %{more} ({best.name})"
        )
    return tuple(said)


def _away(predictor: AccuracyPredictor, net: Any) -> str:
    """Return how a network differs from all fitted ones, where one word says it."""
    size = getattr(net, "resolution", None)
    sizes = sorted({getattr(one, "resolution", None) for one, _ in predictor.trained} - {None})  # type: ignore[type-var]
    if size is None or not sizes or size in sizes:
        return ""
    return f" (images of {size} x {size}, fitted on {', '.join(map(str, sizes))})"
