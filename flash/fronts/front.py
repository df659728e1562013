"""ParetoFront: the trade-offs of a space on a target, as one object."""

from __future__ import annotations

from ..base.checks import choice, flag, number, public, suggesting
from ..base.names import BUDGET_OF, TERMS
from ..base.record import Record, Reported, cached
from ..charts.chart import ENGINES
from ..errors import ArgumentError
from ..problem.compiling import MACS, PARAMS, compile_any
from .maths import hypervolume, knee

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, ClassVar, Literal, overload

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from pandas import DataFrame
    from plotly.graph_objects import Figure as PlotlyFigure

    from ..base.html import Part
    from ..base.pages import Section
    from ..charts.chart import Chart
    from ..hardware.target import Target
    from ..networks.architecture import Architecture
    from ..predictors.predictor import AccuracyPredictor
    from ..problem.compiling import Problem
    from ..problem.tiling import Tiled
    from ..results.accelerator import Accelerator
    from ..results.result import SearchResult
    from ..spaces.space import SearchSpace
else:

    def overload(function):
        return function


__all__ = ["QUANTISED", "FrontEvent", "ParetoFront"]

QUANTISED = "quantised_nn_degree"  # what is compared where bits are chosen without a predictor


@suggesting
class FrontEvent(Record):
    """What a callback of `pareto` sees: return True from the callback to stop.

    Parameters
    ----------
    points : int
        Points so far; later ones may dominate some of them.
    done : float
        Share of the cells joined, in [0, 1].
    elapsed_s : float
    """

    points: int
    done: float
    elapsed_s: float


class _Metric:
    """A metric of a front's points as an attribute; there is none where it has no such metric."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, front: None, owner: type) -> _Metric: ...
    @overload
    def __get__(self, front: ParetoFront, owner: type) -> NDArray[Any]: ...  # noqa: F811
    def __get__(self, front: ParetoFront | None, owner: type) -> _Metric | NDArray[Any]:  # noqa: F811
        if front is None:
            return self
        if self.name not in front.metrics:
            raise AttributeError(self.name)
        return front.metrics[self.name]

    def __repr__(self) -> str:  # help() shows it
        return "<array of shape (n,)>"


@public
class ParetoFront(Record, Reported):
    """The networks that no other of the space betters in every objective at once.

    A sequence: ``front[0]`` is the SearchResult of the best network by the first objective, and so
    on. Metrics are arrays of shape (n,): ``front.latency_ms``, or all of them in `metrics`. Equal
    points are one: the network that comes first by latency, energy, area, score and flat index.

    Parameters
    ----------
    space : SearchSpace
    target : Target
    objectives : tuple of str
        Two to four of `TERMS`: more accuracy is better, less of the others. Without a
        predictor "accuracy" is NN-Degree, and with one it is compared by the score beneath it.
    budgets : dict of str to float
        Of the networks that were looked at.
    epsilon : float
        For every network within the budgets a point has costs at most ``1 + epsilon`` times its
        own and an accuracy at most ``1 + epsilon`` times lower; 0: the front itself.
    predicted : bool
        Whether accuracies are those of a predictor.
    x : ndarray of int64, shape (n, variables)
        Rows of choice indices.
    metrics : dict of str to ndarray of shape (n,)
        "nn_degree", the target's costs, "params" and "macs"; with a predictor "accuracy" and its
        "score", which it rises with and by which it is compared; where bits are chosen without a
        predictor "quantised_nn_degree", which is compared in the place of NN-Degree.
    stopped : {None, "time_limit_s", "callback", "interrupt"}
        What ended the search early. The points are then networks of the space that do not dominate
        each other, and no more is known of them.
    message : str
    least : dict of str to float or None
        Where no network meets the budgets: what each would have to be, as in `SearchResult`.
    weighed : int
        Sums of rows that were compared.
    elapsed_s : float
    chosen : ndarray of int64, shape (n, parts), or None
        Of a front with codesign: each point's accelerator, an option's number for each part of the
        target's design space (see `accelerators`). None: the target's own.
    cell_bits : ndarray of int64, shape (n, cells), or None
        With it, the bits of each cell, 0 beyond a network's cells; no columns where there is no
        such choice.
    conflicts, remedies : tuple of dict of str to float
        Where no network meets the budgets: as in `SearchResult`.
    where : tuple of str
        The conditions beyond budgets.
    """

    space: SearchSpace
    target: Target
    objectives: tuple[str, ...]
    budgets: Mapping[str, float]
    epsilon: float
    predicted: bool
    x: NDArray[np.int64]
    metrics: Mapping[str, NDArray[Any]]
    stopped: str | None = None
    message: str = ""
    least: Mapping[str, float] | None = None
    weighed: int = 0
    elapsed_s: float = 0.0
    chosen: NDArray[np.int64] | None = None
    cell_bits: NDArray[np.int64] | None = None
    conflicts: tuple[Mapping[str, float], ...] = ()
    remedies: tuple[Mapping[str, float], ...] = ()
    where: tuple[str, ...] = ()

    # What told accuracies, for the points' intervals and flags: files of fronts don't hold it.
    _told_by: ClassVar[AccuracyPredictor | None] = None

    @property
    def complete(self) -> bool:
        """Whether the whole space was covered."""
        return self.stopped is None

    @property
    def exact(self) -> bool:
        """Whether it is proven to be the front itself: complete, with an epsilon of 0."""
        return self.complete and self.epsilon == 0.0

    @property
    def status(self) -> str:
        """Return "OPTIMAL" (exact), "FEASIBLE", "TIME_LIMIT" or "INFEASIBLE", as a search does."""
        if not len(self) and self.complete:
            return "INFEASIBLE"
        if self.stopped == "time_limit_s":
            return "TIME_LIMIT"
        return "OPTIMAL" if self.exact else "FEASIBLE"

    def __len__(self) -> int:
        return len(self.x)

    def __bool__(self) -> bool:
        return len(self) > 0

    nn_degree: ClassVar[_Metric] = _Metric("NN-Degree of each point.")
    accuracy: ClassVar[_Metric] = _Metric(
        "Predicted accuracy of each point, in [0, 1]; with a predictor."
    )
    score: ClassVar[_Metric] = _Metric(
        "What the predictor's accuracy rises with; with a predictor."
    )
    quantised_nn_degree: ClassVar[_Metric] = _Metric(
        "NN-Degree at the bits chosen; where there is such a choice."
    )
    latency_ms: ClassVar[_Metric] = _Metric("Latency of each point in milliseconds.")
    energy_mj: ClassVar[_Metric] = _Metric(
        "Energy of each point in millijoules, where the target models it."
    )
    area_mm2: ClassVar[_Metric] = _Metric(
        "Area of each point in square millimetres, where the target models it."
    )
    params: ClassVar[_Metric] = _Metric("Parameters of each point.")
    macs: ClassVar[_Metric] = _Metric("Multiply-accumulates of each point.")

    if not TYPE_CHECKING:  # a checker knows by itself which attributes there are

        def __getattr__(self, name):
            metrics = self.__dict__.get("metrics") or ()
            if name in metrics:
                return metrics[name]
            own = getattr(type(self), name, None)
            if own is not None and not isinstance(own, _Metric):  # a property that failed
                return object.__getattribute__(self, name)
            from ..base.missing import NoAttributeError

            more = f"; its metrics are {', '.join(metrics)}" if metrics else ""
            raise NoAttributeError(type(self).__name__, name, self, more)

    def __dir__(self) -> list[str]:
        metrics = self.__dict__.get("metrics") or ()
        lacking = {
            name
            for name, own in vars(ParetoFront).items()
            if isinstance(own, _Metric) and name not in metrics
        }
        return [name for name in super().__dir__() if name not in lacking]

    @overload
    def __getitem__(self, key: int) -> SearchResult: ...
    @overload
    def __getitem__(self, key: slice) -> list[SearchResult]: ...  # noqa: F811
    def __getitem__(self, key: int | slice) -> SearchResult | list[SearchResult]:  # noqa: F811
        if isinstance(key, slice):
            return [self._result(i) for i in range(*key.indices(len(self)))]
        at = range(len(self))[key]  # an IndexError beyond the ends
        return self._result(at)

    def __iter__(self) -> Iterator[SearchResult]:
        return map(self._result, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ParetoFront):
            return NotImplemented
        mine, theirs = self.to_dict(), other.to_dict()
        for one in (mine, theirs):
            del one["elapsed_s"], one["weighed"]
        return mine == theirs

    def __hash__(self) -> int:
        return hash((self.target, self.objectives, len(self)))

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from .text import screen

        return screen(self)

    def _parts(self) -> list[Part]:
        from .text import parts

        return parts(self)

    def _line(self) -> str:
        return f"{self.status}, {len(self):,} points"

    def _title(self) -> str:
        from .page import named

        return f"{' against '.join(named(self))}: {self.space.family} on {self.target.name}"

    def _sections(self) -> list[Section]:
        from .page import sections

        return sections(self)

    def _made(self) -> str:
        from .page import made

        return made(self)

    def _charts(self) -> list[Chart]:
        from .plot import chart_of

        return [chart_of(self)] if len(self) else []

    @cached
    def architectures(self) -> Sequence[Architecture]:
        """The networks, each made when it is asked for."""
        from .text import Architectures

        return Architectures(self.space, self.x)

    @cached
    def accelerators(self) -> Sequence[Accelerator] | None:
        """The accelerators, as `SearchResult.accelerator`, each made when it is asked for; None
        without codesign."""
        if self.chosen is None or self.cell_bits is None:
            return None
        from .codesign import Accelerators

        design = self.target.design_space(self.space.family)
        return Accelerators(self.space, design, self.chosen, self.cell_bits, self.x)

    def values(self, objective: str) -> NDArray[Any]:
        """Return an objective of all points, shape (n,): what the front compares.

        Without a predictor "accuracy" stands for NN-Degree.
        """
        choice("objective", objective, TERMS)
        name = self.score_name if objective == "accuracy" and not self.predicted else objective
        return self.metrics[name]

    @property
    def score_name(self) -> str:
        """The metric that accuracy is compared by."""
        if self.predicted:
            return "score"
        return QUANTISED if QUANTISED in self.metrics else "nn_degree"

    def at(self, **budgets: float) -> SearchResult:
        """Return the best network within budgets on the front's objectives.

        Parameters
        ----------
        **budgets
            ``max_latency_ms=4.0`` and so on, for objectives of the front; `min_accuracy` where it
            was made with a predictor. At least one objective is left without.

        Returns
        -------
        SearchResult
            By accuracy where it is an objective without a budget, else by the first that has none.
            From an exact front it is proven, and what `search` finds within these budgets and those
            of the front.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If a budget is not on an objective of the front, or every objective has one.
        """
        names = {BUDGET_OF[one]: one for one in self.objectives}
        if not self.predicted:
            names.pop("min_accuracy", None)
        given: dict[str, float] = {}
        for name, value in budgets.items():
            choice("budget of at()", name, names)
            given[name] = number(name, value, above=0)
        if len(given) == len(self.objectives):
            raise ArgumentError("at() must leave an objective without a budget, got one on each")
        merged = dict(self.budgets)
        for name, value in given.items():
            tighter = max if name == "min_accuracy" else min
            merged[name] = tighter(value, merged[name]) if name in merged else value
        from .text import best_within, main_goal, nothing_within

        names = {name: names[name] for name in given}
        goal = main_goal(self, tuple(names.values()))
        best = best_within(self, names, given, goal)
        if best is None:
            return nothing_within(self, names, given, merged)
        return self._result(best, merged, goal)

    @property
    def knee(self) -> SearchResult:
        """The recommended compromise.

        The point farthest below the plane through the best points of each objective, all
        objectives as logarithms scaled to their ranges on the front: from there on, a per cent
        more of one costs more than a per cent of the others (Das, On characterizing the "knee" of
        the Pareto curve, Structural Optimization 18, 1999, equations 3-5, in logarithms).

        Raises
        ------
        ArgumentError
            If the front is empty.
        """
        return self._result(self.knee_index)

    @cached
    def knee_index(self) -> int:
        """The number of the knee's point."""
        if not len(self):
            raise ArgumentError(f"the front has no knee: it is empty ({self.message})")
        return knee([self.values(one) for one in self.objectives], self.objectives)

    def hypervolume(self, reference: Mapping[str, float] | Sequence[float] | None = None) -> float:
        """Return the volume that the front dominates, in the product of the objectives' units.

        Parameters
        ----------
        reference : mapping or sequence of float, optional
            The worst value of each objective, by name or in their order; points beyond it do not
            count. By default the worst values on the front.

        Notes
        -----
        Exact, by sweeping one objective after another (Fonseca, Paquete, Lopez-Ibanez 2006). Of
        four objectives it takes seconds for thousands of points.
        """
        return hypervolume(
            [self.values(one) for one in self.objectives], self.objectives, reference
        )

    def to_frame(self, *, intervals: bool = False) -> DataFrame:
        """Return a pandas DataFrame, one row a point.

        Columns: the metrics, "index" (the flat index), and "cell0_width", "cell0_depth" ...; with
        codesign "cell0_bits" ..., and what the accelerator's parts are, "conv_into" and so on.

        Parameters
        ----------
        intervals : bool, default False
            Whether to work out the points' intervals too (see `SearchResult.intervals`), which
            takes a millisecond for each: "latency_ms_low", "latency_ms_high" ...
        """
        from .text import frame

        return frame(self, flag("intervals", intervals))

    @overload
    def plot(self, engine: Literal["matplotlib"] = "matplotlib") -> Figure: ...
    @overload
    def plot(self, engine: Literal["plotly"]) -> PlotlyFigure: ...  # noqa: F811
    def plot(self, engine: str = "matplotlib") -> Figure | PlotlyFigure:  # noqa: F811
        """Draw the front and its knee.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}
            plotly shows each network under the mouse. Of three and four objectives the third is
            the colour and the fourth the size.

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ArgumentError
            If the front is empty or the engine unknown.
        MissingExtraError
            If the engine is not installed.
        """
        from .plot import chart_of

        return chart_of(self).draw(choice("engine", engine, ENGINES))

    def to_dict(self, *, intervals: bool = False) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal front.

        Parameters
        ----------
        intervals : bool, default False
            Whether to work out the points' intervals too, for other readers: see `to_frame`.
        """
        from .files import to_dict

        return to_dict(self, flag("intervals", intervals))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ParetoFront:
        """Make a front from plain data; FormatError names what is not accepted."""
        from .files import from_dict

        return from_dict(data)

    def to_json(
        self, path: str | os.PathLike[str] | None = None, *, intervals: bool = False
    ) -> str:
        """Return the front as JSON text, and write it where a path is given.

        The file is either complete or not there. intervals: as `to_dict` takes it.
        """
        from ..base.checks import json_text

        return json_text(self.to_dict(intervals=intervals), path)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> ParetoFront:
        """Read a front from JSON text (it starts with a brace) or from a file.

        Raises
        ------
        FormatError
            If it is no JSON of a front.
        """
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the front's file"))

    @cached
    def _letters(self) -> dict[tuple[int, ...], str]:
        """What each accelerator is called on screens and in pictures."""
        from .text import accelerators_among

        return accelerators_among(self)[0]

    @cached
    def problem(self) -> Problem | Tiled:
        """The space on the target, compiled: without a predictor, with params and MACs."""
        return compile_any(self.space, self.target, None, PARAMS | MACS)

    def _result(
        self,
        i: int,
        budgets: Mapping[str, float] | None = None,
        goal: str | None = None,
    ) -> SearchResult:
        """Return the result of one point; without budgets, within its own costs."""
        from .text import result_of

        return result_of(self, i, budgets, goal)
