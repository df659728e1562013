"""What the explorer shows, as plain records: sliders, answers, explanations, fronts, files."""

from __future__ import annotations

from math import exp, floor, log, log10
from types import MappingProxyType

from ..base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..base.html import Part
    from ..choosing.front import ChoiceFront
    from ..fronts.front import ParetoFront
    from .state import State

__all__ = [
    "Answer",
    "Binds",
    "Change",
    "Explained",
    "File",
    "FrontView",
    "Goal",
    "Measure",
    "Slider",
    "Trained",
    "rounded",
]

WIDE = 20.0  # times the least value: from there on a slider is logarithmic
DIGITS = 4  # of the values that a slider gives
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Slider(Record):
    """One budget as a slider.

    Parameters
    ----------
    keyword : str
        The budget's: a key of `State.budgets`.
    metric : str
        What it limits.
    label, unit : str
    low, high : float
        The ends. Beyond the last value the budget is none: `value_at` of 1.
    log : bool
        Whether equal steps are equal factors.
    greatest : bool
        Whether it is an upper budget, of which less is stricter.
    whole : bool
        Whether its values are integers.
    targets : tuple of str
        Those that have the metric.
    """

    keyword: str
    metric: str
    label: str
    unit: str
    low: float
    high: float
    log: bool
    greatest: bool
    whole: bool
    targets: tuple[str, ...]

    def value_at(self, place: float) -> float | None:
        """Return the budget at a place in [0, 1], rounded to four digits; None: no budget.

        Place 0 is the strictest value of an upper budget, place 1 is none; of a lower one place 0
        is none.
        """
        free = place >= 1.0 if self.greatest else place <= 0.0
        if free:
            return None
        place = min(max(place, 0.0), 1.0)
        if self.log:
            value = self.low * exp(place * log(self.high / self.low))
        else:
            value = self.low + place * (self.high - self.low)
        # the strictest value is one that something meets: not rounded away from it
        value = rounded(value, up=self.greatest) if place in (0.0, 1.0) else rounded(value)
        return round(value) if self.whole else value

    def place_of(self, value: float | None) -> float:
        """Return the place of a budget in [0, 1]; of none its free end."""
        if value is None:
            return 1.0 if self.greatest else 0.0
        if self.high <= self.low:
            return 0.5
        inside = min(max(value, self.low), self.high)
        if self.log:
            return log(inside / self.low) / log(self.high / self.low)
        return (inside - self.low) / (self.high - self.low)

    def text_of(self, value: float | None) -> str:
        """Return a budget as it is shown beside the slider."""
        from ..results.screen import quantity

        if value is None:
            return "no limit"
        return f"{'at most' if self.greatest else 'at least'} {quantity(value, self.unit)}"


def rounded(value: float, digits: int = DIGITS, up: bool | None = None) -> float:
    """Return a number of a few digits; up: rounded up or down, not to the nearest."""
    if not value:
        return 0.0
    places = digits - 1 - floor(log10(abs(value)))
    near = round(value, places)
    if up is True and near < value:
        near = round(near + 10.0**-places, places)
    elif up is False and near > value:
        near = round(near - 10.0**-places, places)
    return near


class Goal(Record):
    """What a front may have as an objective.

    Parameters
    ----------
    name : str
        A value of `State.front`.
    label, unit : str
    greatest : bool
        Whether more of it is better.
    targets : tuple of str
        Those that have it.
    """

    name: str
    label: str
    unit: str
    greatest: bool
    targets: tuple[str, ...]


class Measure(Record):
    """One number of an answer.

    Parameters
    ----------
    name, label, unit : str
    value : float or None
        None where there is no answer.
    text : str
        The value with its unit.
    interval : (float, float) or None
        Where it lies in 90 % of networks like those of the calibration.
    interval_text : str
    limit : float or None
        The budget on it.
    limit_text : str
        "of 4 ms", "at least 0.9".
    share : float or None
        Per cent of the budget that is used.
    """

    name: str
    label: str
    unit: str
    value: float | None
    text: str
    interval: tuple[float, float] | None = None
    interval_text: str = ""
    limit: float | None = None
    limit_text: str = ""
    share: float | None = None


class Answer(Record):
    """The answer on one target, or of a problem: what the page shows at every drag.

    Parameters
    ----------
    target : str
        "" of a problem of choices.
    title : str
    state : State
        What was asked.
    request : int
        The number that the caller gave, for telling which answer is newer.
    found, proven : bool
    status : str
        As `SearchResult.status`; "ERROR" where the question is not accepted.
    error : str
        Why it is not: what `flash.search` says; else "".
    headline : str
        "NN-Degree 615.262", or that nothing fits.
    proof : str
        What is proven, or that nothing is.
    measures : tuple of Measure
    parts : tuple of Part
        The network: its cells or blocks as a table, and lines; the accelerator. See
        `flash.base.html`: a line of text, or (rows, columns to the left, whether the first row
        holds titles).
    objective : float or None
    objective_name : str
    elapsed_s : float
    result : SearchResult, ChoiceResult, ChoicePoint or None
        What was found, for drawings and files.
    """

    target: str
    title: str
    state: State
    request: int = 0
    found: bool = False
    proven: bool = False
    status: str = "ERROR"
    error: str = ""
    headline: str = ""
    proof: str = ""
    measures: tuple[Measure, ...] = ()
    parts: tuple[Part, ...] = ()
    objective: float | None = None
    objective_name: str = ""
    elapsed_s: float = 0.0
    result: Any = None


class Binds(Record):
    """A budget that keeps the answer from being better.

    Parameters
    ----------
    keyword : str
        The budget, or a condition as it was written.
    text : str
        What more of it buys, in a sentence.
    then : float or None
        The objective with a little more of it: a hundredth, or of a problem of choices the next
        step.
    unlimited : float or None
        The objective without it.
    per_unit : float or None
        What a unit more buys.
    free : State
        Without this budget.
    """

    keyword: str
    text: str
    then: float | None
    unlimited: float | None
    per_unit: float | None
    free: State


class Change(Record):
    """A change of budgets after which something fits.

    Parameters
    ----------
    text : str
    state : State
        With the change made.
    """

    text: str
    state: State


class Explained(Record):
    """Why an answer is no better, or why there is none: slower than the answer, shown after it.

    Parameters
    ----------
    target : str
    request : int
    message : str
        The status in words; of a refusal why.
    binds : tuple of Binds
        What binds, and what more of it buys.
    conflicts : tuple of str
        Sets of budgets that nothing meets together.
    changes : tuple of Change
        Any one of which would do.
    flags : tuple of str
    """

    target: str
    request: int = 0
    message: str = ""
    binds: tuple[Binds, ...] = ()
    conflicts: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    flags: tuple[str, ...] = ()


class FrontView(Record):
    """A front as the page draws it.

    Parameters
    ----------
    target : str
    state : State
    request : int
    goals : tuple of Goal
        The two or three objectives, in the order in which they are drawn.
    columns : dict of str to tuple of float
        The shown points' value of each objective.
    places : tuple of int
        The shown points' numbers in the whole front: what `Source.go` takes.
    texts : tuple of str
        What is shown under the mouse, for each shown point.
    total : int
        Points of the whole front.
    exact : bool
        Whether it is proven to be the front itself.
    message : str
        What it is, and how many of how many points are shown.
    knee : int or None
        Which of `places` is the recommended compromise.
    limits : dict of str to float
        The budgets on the objectives, by objective: lines on the drawing. The front is not cut by
        them, so that a click leads to any of its points.
    here : dict of str to float, or None
        The objectives of the answer to the state: drawn on the front, or above it.
    trained : tuple of Trained
        Networks that are trained, with their objectives.
    offers : tuple of Change
        Coarser fronts, where the exact one is too large to be live.
    error : str
        Why there is none; else "".
    cloud : dict of str to tuple of float
        Of a sweep, further rows within the budgets, of which the front is a part.
    cloud_total : int
        How many such rows there are.
    front : ParetoFront, ChoiceFront or None
        The whole of it.
    """

    target: str
    state: State
    request: int = 0
    goals: tuple[Goal, ...] = ()
    columns: Mapping[str, tuple[float, ...]] = NOTHING
    places: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()
    total: int = 0
    exact: bool = False
    message: str = ""
    knee: int | None = None
    limits: Mapping[str, float] = NOTHING
    here: Mapping[str, float] | None = None
    trained: tuple[Trained, ...] = ()
    offers: tuple[Change, ...] = ()
    error: str = ""
    cloud: Mapping[str, tuple[float, ...]] = NOTHING
    cloud_total: int = 0
    front: ParetoFront | ChoiceFront | None = None


class Trained(Record):
    """A network that is trained.

    Parameters
    ----------
    name : str
        Its flat index, or what its space calls it.
    accuracy : float
        The mean of its trainings, in [0, 1].
    runs : int
    metrics : dict of str to float
        Its costs on a target, "nn_degree", "params" and "macs".
    text : str
        What is shown under the mouse.
    """

    name: str
    accuracy: float
    runs: int
    metrics: Mapping[str, float]
    text: str


class File(Record):
    """What an export gives.

    Parameters
    ----------
    name : str
    media : str
        Its media type.
    data : bytes
    """

    name: str
    media: str
    data: bytes
