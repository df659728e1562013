"""Classes of a chip without a run behind them: what a model says there nobody has looked at.

A target with classes (of the tile grid) lists the totals that were run (`tiles` of its calibrated
ranges). A network in another class is charged as if the formulas went on; its costs may be those of
the classes beside it that have a run.
"""

from __future__ import annotations

from ..base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from . import Target

__all__ = ["Unseen", "as_in_class", "unseen_class"]


class Unseen(Record):
    """A class without a run.

    Parameters
    ----------
    low, high : int
        The scales that it holds.
    below, above : int or None
        Numbers of the nearest classes with a run; None where there is none on that side.
    """

    low: int
    high: int
    below: int | None
    above: int | None


def unseen_class(target: Target, family: str, scale: float) -> Unseen | None:
    """Return the class of a total, if it has no run; None if it has one, or nothing is known."""
    seen = target.calibrated_ranges.get(target.set_for(family), {}).get("tiles")
    classes = target.network_links(family).get("classes")
    if not seen or not classes:
        return None
    own = _class_of(classes, scale)
    before = classes[own - 1][0] if own else float("-inf")
    if any(before < one <= classes[own][0] for one in seen):
        return None
    known = {_class_of(classes, one) for one in seen}
    below = max((k for k in known if k < own), default=None)
    above = min((k for k in known if k > own), default=None)
    first = int(before) + 1 if own else 1
    last = int(classes[own][0]) if classes[own][0] < float("inf") else 2**31
    return Unseen(first, last, below, above)


def _class_of(classes: Sequence[Sequence[float]], scale: float) -> int:
    """Return the first class whose bound is not below a total; no module is loaded for it."""
    low, high = 0, len(classes)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if classes[middle][0] < scale else (low, middle)
    return low


def as_in_class(
    target: Target, family: str, totals: Sequence[float], number: int
) -> dict[str, float]:
    """Return the costs of a network's totals with the factors of another class."""
    from .._core.model.compile import Model
    from ..base.names import COSTS, Metric
    from . import KINDS

    kind = KINDS[target.kind]
    links = dict(target.model(family).links)
    for made in ("quantum", "classes"):
        del links[made]
    own = target.network_links(family)["classes"][number]
    links["classes"] = [(float("inf"), *own[1:])]
    model = Model(target.kind, [], kind.QUANTUM, links, target.array)
    found = model.metrics((*totals, 0, 0))
    return dict(zip(COSTS, found[Metric.ALL_COSTS], strict=True))
