"""SearchResult: what a search found, what it costs, and how far it is proven."""

from __future__ import annotations

from ..base.checks import public
from ..base.record import Generic, Record, Reported, cached, deferred, later
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, Literal, Self, overload

    import torch
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from plotly.graph_objects import Figure as PlotlyFigure
    from typing_extensions import TypeVar

    from ..base.html import Part
    from ..base.pages import Section
    from ..charts.chart import Chart
    from ..hardware.target import Target
    from ..networks.architecture import Architecture
    from ..networks.cell_networks import Net
    from ..predictors.predictor import AccuracyPredictor
    from ..spaces.network_space import NetworkSpace
    from ..spaces.space import SearchSpace
    from .accelerator import Accelerator
    from .conflicts import Explanation

    N = TypeVar("N", bound=Net, default=Architecture, covariant=True)
else:
    N = None

__all__ = [
    "NOTHING",
    "PROVEN",
    "SearchResult",
    "ended",
    "frame_row",
    "frame_rows",
    "no_result",
    "result_at",
    "verdict",
]

EXPLAINED = ("message", "least", "conflicts", "remedies")
PROVEN = "proven: no configuration within the budgets is better"
NOTHING = "no network within the budgets was found"


@public
class SearchResult(Record, Reported, Generic[N]):
    """The outcome of a search: the network, its costs, and the certificate.

    Prints as one screen and round-trips through JSON. Whatever is unknown or does not apply is
    None: `accuracy` without a predictor, `area_mm2` on a CPU, every cost where no network was
    found.

    Parameters
    ----------
    space : SearchSpace
        What was searched.
    target : str
        Name of the target.
    budgets : dict of str to float
        The budgets that were given: ``{"max_latency_ms": 4.0}``.
    status : {"OPTIMAL", "FEASIBLE", "INFEASIBLE", "TIME_LIMIT", "NOT_FOUND"}
        OPTIMAL: proven. FEASIBLE: found, not proven. INFEASIBLE: no network meets the budgets.
        TIME_LIMIT: stopped by ``time_limit_s``, with the best so far where there is one.
        NOT_FOUND: no network was found, nor proven that there is none, and something else than
        the time ended the search.
    message : str
        The same in words.
    x : tuple of int or None
        The network as a row of choice indices, one per variable of the space.
    nn_degree, accuracy, latency_ms, energy_mj, area_mm2, params, macs : float or int or None
        Score and costs of the network: accuracy in [0, 1], for one image of batch 1.
    objective, upper_bound : float or None
        The maximised value, and what no configuration within the budgets exceeds.
    objective_name : str
        What was maximised: "nn_degree", "accuracy", a weighted product or sum, or a function's
        name; "-latency_ms" where the latency was to be least, "accuracy, then -latency_ms" of
        several, of which `objective` is the first.
    proven : bool
        Whether `status` is proven: nothing better exists, or nothing feasible does.
    method : str
    seed : int
    nfev : int
        Configurations evaluated.
    elapsed_s : float
        Wall time of the whole call in seconds.
    stopped : {None, "time_limit_s", "max_evals", "callback", "interrupt"}
        What ended the search before it was done; of a proven result, the search for further ones.
    least : dict of str to float or None
        INFEASIBLE: the least value that each budget could have if it were the only one (of
        ``min_accuracy`` the greatest); left out where that takes long to prove.
    cell_degrees : tuple of float
        What each cell contributes to `nn_degree`.
    trace : tuple of (int, int, float, float)
        Of other papers' methods, whenever a better network was found: rows asked for, evaluations,
        seconds, objective.
    accelerator : dict or None
        Of a co-design: the accelerator that was chosen ("values"), what it takes of each resource
        and what there is ("resources"), the bits of each cell ("cell_bits", empty where there is
        no such choice), and networks times accelerators ("joint": those that fit, up to a million).
    samples : int or None
        Of other papers' methods: rows asked for in all, repetitions and rows over budget included.
    spent_s : float or None
        Of other papers' methods: their own time and what the evaluations cost when they were made,
        those from a table or a journal too.
    scored_by : str or None
        What told `accuracy`: "predictor (topology)", "table nb.csv", "function f"; None where it is
        NN-Degree alone, and in files of older versions.
    confidence : float or None
        At what level the budgets hold for the upper end of the costs' intervals; None: for the
        costs themselves.
    flags : tuple of str
        Notes: what `Cost.flags` says of the network, such as "energy_mj outside the calibrated
        range", of the search, and of a budget that the cost's interval crosses.
    intervals : dict of str to (float, float), or None
        Between which values each cost lies in 90 % of networks like those of the calibration, and
        with a predictor the accuracy: see `Target.interval` and `AccuracyPredictor.interval`. What
        has none is left out; None where no network was found.
    conflicts : tuple of dict of str to float
        INFEASIBLE: the minimal sets of budgets and conditions that no network meets together. Of
        each the value with which the rest of its set, as given, would leave a network: one of a set
        has to give. None of a condition that compares with no number.
    remedies : tuple of dict of str to float
        INFEASIBLE: the minimal changes after which some network meets all budgets: any one of
        them would do, and all of its budgets have to give together. Of several values none can be
        less, the others as they are. So are conditions that compare with no number.
    binding : dict of str to dict, or None
        Proven optimal: the budgets without which a better network would be found. Of each
        ``"unlimited"``, the objective without it; ``"one_percent"``, the objective with one per
        cent more of it; ``"per_unit"``, what that gains for each unit of the budget. None where it
        is not known.
    where : tuple of str
        The conditions beyond budgets.
    costs : dict of str to float, or None
        Of `flash.together`: the costs on each device, ``latency_ms@pi``; `latency_ms` and so on are
        None then.
    int8 : bool
        Whether `memory_kib` and `weights_kib`, and the budgets on both, are those of the network in
        integers of 8 bits, as the target stores it: see `Target.int8`.
    alternatives : tuple of SearchResult
        With ``k``: the further networks, best first. Fewer than were asked for where there are no
        more, or where something ended the search (see `stopped`).
    feasible : int or None
        Of other papers' methods: how many of the `samples` were within the budgets. Rows whose
        costs a method looks at before it asks for them are no samples.

    Notes
    -----
    `message`, `least`, `flags` and what follows it are worked out when first asked for: they take
    longer than the search. What can't be proven within seconds is left out.
    """

    space: SearchSpace | NetworkSpace[N]
    target: str
    budgets: Mapping[str, float]
    status: str
    message: str = later()
    x: tuple[int, ...] | None = None
    nn_degree: float | None = None
    accuracy: float | None = None
    latency_ms: float | None = None
    energy_mj: float | None = None
    area_mm2: float | None = None
    params: int | None = None
    macs: int | None = None
    objective: float | None = None
    upper_bound: float | None = None
    objective_name: str = "nn_degree"
    proven: bool = False
    method: str = "shgo"
    seed: int = 0
    nfev: int = 0
    elapsed_s: float = 0.0
    stopped: str | None = None
    least: Mapping[str, float] | None = later(None)
    cell_degrees: tuple[float, ...] = ()
    trace: tuple[tuple[int, int, float, float], ...] = ()
    accelerator: Accelerator | None = None
    samples: int | None = None
    spent_s: float | None = None
    scored_by: str | None = None
    confidence: float | None = None
    flags: tuple[str, ...] = later(())
    intervals: Mapping[str, tuple[float, float]] | None = later(None)
    conflicts: tuple[Mapping[str, float | None], ...] = later(())
    remedies: tuple[Mapping[str, float], ...] = later(())
    binding: Mapping[str, Mapping[str, float]] | None = later(None)
    where: tuple[str, ...] = ()
    costs: Mapping[str, float] | None = None
    alternatives: tuple[SearchResult[N], ...] = ()
    int8: bool = False
    feasible: int | None = None

    def __post_init__(self) -> None:
        bound = self.upper_bound
        if isinstance(bound, float) and bound - bound != 0:  # no finite bound is no bound
            self.__dict__["upper_bound"] = None

    @cached
    def architecture(self) -> N | None:
        """The network found, or None: an Architecture, of a `NetworkSpace` what it decodes to."""
        return None if self.x is None else self.space.decode(self.x)  # type: ignore[return-value]

    @property
    def memory_kib(self) -> float | None:
        """The most that the network's values take while it runs, in KiB, or None; worked out when
        asked for: see `Architecture.peak_memory_kib`."""
        found = self._as_stored
        return None if found is None else found.peak_memory_kib

    @property
    def weights_kib(self) -> float | None:
        """The network's weights in KiB, or None: see `Architecture.weights_kib`."""
        found = self._as_stored
        return None if found is None else found.weights_kib

    @cached
    def _as_stored(self) -> Any:
        found: Any = self.architecture
        return found.network().with_bits(8) if self.int8 and found is not None else found

    @cached
    def index(self) -> int | None:
        """The network as a flat index in ``[0, space.size)``, or None."""
        return None if self.x is None else self.space.index(self.x)

    @property
    def success(self) -> bool:
        """Whether a network that meets all budgets was found."""
        return self.x is not None

    @property
    def feasible_share(self) -> float | None:
        """Share of the `samples` that were within the budgets; None where that is not counted."""
        if self.feasible is None or not self.samples:
            return None
        return self.feasible / self.samples

    @property
    def gap(self) -> float | None:
        """How far the network is at most short of the best one, as a share of `upper_bound`.

        ``1 - objective / upper_bound``, or ``(upper_bound - objective) / |upper_bound|`` where
        these may be negative; 0.0 if proven. None where there is no network, no bound, or a bound
        of 0 that was not reached.
        """
        if self.objective is None:
            return None
        if self.proven:
            return 0.0
        if self.upper_bound is None:
            return None
        from ..base.gaps import gap_between

        return gap_between(self.objective, self.upper_bound)

    def __hash__(self) -> int:
        return hash((self.target, self.status, self.x, self.objective, self.upper_bound))

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from .screen import screen

        return screen(self)

    def _parts(self) -> list[Part]:
        from .screen import parts

        return parts(self)

    def _line(self) -> str:
        from .page import line

        return line(self)

    def _title(self) -> str:
        return f"{self.space.family} on {self.target}"

    def _sections(self) -> list[Section]:
        from .page import sections

        return sections(self)

    def _made(self) -> str:
        from .page import made

        return made(self)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        made = super().replace(**changes)
        if "_asked" in self.__dict__:
            made.__dict__["_asked"] = self.__dict__["_asked"]
        return made

    __replace__ = replace

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal result.

        ``architecture``, ``index``, ``gap`` and ``success`` follow from the rest: they are there
        for other readers.
        """
        from .files import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], space: NetworkSpace[N] | None = None
    ) -> SearchResult[N]:
        """Make a result from plain data.

        Parameters
        ----------
        data : dict
        space : NetworkSpace, optional
            What was searched, where it is a space of your own: files name it, and do not hold it.

        Raises
        ------
        FormatError
            If a key is unknown or missing, a value not accepted, the result contradicts itself, or
            is of another space.
        """
        from .files import from_dict

        return from_dict(data, space)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the result as JSON text, and write it where a path is given.

        The file is either complete or not there.
        """
        from ..base.checks import json_text

        return json_text(self.to_dict(), path, indent=1)

    @classmethod
    def from_json(
        cls, source: str | os.PathLike[str], space: NetworkSpace[N] | None = None
    ) -> SearchResult[N]:
        """Read a result from JSON text (it starts with a brace) or from a file.

        Parameters
        ----------
        source : str or path
        space : NetworkSpace, optional
            As `from_dict` takes it.

        Raises
        ------
        FormatError
            If it is no JSON of a search result.
        """
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the result file"), space)

    def to_torch(
        self, *, seed: int = 0, weights: str | os.PathLike[str] | None = None
    ) -> torch.nn.Module:
        """Return the network found as a torch module: see `Architecture.to_torch`.

        With `weights`, a file that `flash.train` kept, it is the trained one.

        Raises
        ------
        ArgumentError
            If no network was found.
        """
        found = self._found("to_torch()")
        module = found.to_torch(seed=seed)
        if weights is not None:
            from ..networks.weights import load_weights

            load_weights(module, weights)
        return module

    def to_onnx(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the network found as an ONNX file: see `Architecture.to_onnx`, for options too.

        Raises
        ------
        ArgumentError
            If no network was found.
        """
        if options.get("weights") is not None and options.get("module") is None:
            options["module"] = self.to_torch(weights=options.pop("weights"))
        self._found("to_onnx()").to_onnx(path, **options)

    def to_torch_code(
        self, path: str | os.PathLike[str] | None = None, *, about: str | None = None
    ) -> str:
        """Return the network found as Python source code that needs torch alone, not flash, and
        write it where a path is given: see `Architecture.to_torch_code`.

        Its docstring says for what it was found, and what it costs there, unless `about` says
        something else.

        Raises
        ------
        ArgumentError
            If no network was found, or it is not one that is written as code.
        """
        found: Any = self._found("to_torch_code()")
        write = getattr(found, "to_torch_code", None)
        if write is None:
            raise ArgumentError(f"to_torch_code(): a {type(found).__name__} is not written as code")
        if about is None:
            from .screen import found_for

            about = found_for(self)
        code: str = write(path, about=about)
        return code

    def _found(self, what: str) -> Net:
        if self.architecture is None:
            raise ArgumentError(f"{what}: there is no network: {self.status}, {self.message}")
        return self.architecture

    def to_frame(self) -> DataFrame:
        """Return the result as a pandas DataFrame of one row, for joining many.

        Columns: the scalar fields, one per budget, and ``cell0_width``, ``cell0_depth`` ...; with
        conditions "where", of several devices ``latency_ms@pi`` and so on. With `alternatives`
        they are further rows.
        """
        from ..base.extras import require

        frame: DataFrame = require("to_frame()", "plot", "pandas").DataFrame(frame_rows(self))
        return frame

    if TYPE_CHECKING:

        @overload
        def plot(
            self,
            engine: Literal["matplotlib"] = "matplotlib",
            *,
            budget: str | None = None,
            against: SearchResult[Any] | None = None,
            target: Target | str | os.PathLike[str] | None = None,
            predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        ) -> Figure: ...
        @overload
        def plot(
            self,
            engine: Literal["plotly"],
            *,
            budget: str | None = None,
            against: SearchResult[Any] | None = None,
            target: Target | str | os.PathLike[str] | None = None,
            predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        ) -> PlotlyFigure: ...

    def plot(
        self,
        engine: str = "matplotlib",
        *,
        budget: str | None = None,
        against: SearchResult[Any] | None = None,
        target: Target | str | os.PathLike[str] | None = None,
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
    ) -> Figure | PlotlyFigure:
        """Draw the result: the network, how much of each budget it uses, and of other papers'
        methods the best so far against evaluations.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}
        budget : str, optional
            Draw instead what the best network reaches under each limit of this budget, such as
            "max_latency_ms", the others as they are: `sensitivity`.
        against : SearchResult, optional
            Draw instead the difference to another result: both networks, what the other has of each
            metric as a multiple of what this one has, and the time of each cell.
        target, predictor : optional
            With `budget`, of a result that was read from a file: see `sensitivity`.

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If there is no network to draw, or an argument is not accepted.
        MissingExtraError
            If the engine is not installed.
        """
        from ..base.checks import choice
        from ..charts.chart import ENGINES

        choice("engine", engine, ENGINES)
        if budget is not None and against is not None:
            raise ArgumentError("budget and against are different plots, got both")
        if budget is not None:
            from .steps import chart_of as steps_chart
            from .steps import steps_of

            return steps_chart(self, steps_of(self, budget, target, predictor)).draw(engine)
        if target is not None or predictor is not None:
            raise ArgumentError("target and predictor belong to a plot of a budget")
        if against is not None:
            from .difference import chart_of as difference_chart
            from .difference import checked

            return difference_chart(self, checked(self, against)).draw(engine)
        from .drawing import chart_of

        return chart_of(self).draw(engine)

    def _charts(self) -> Sequence[Chart]:
        from .drawing import charts_of

        return charts_of(self)

    def sensitivity(
        self,
        budget: str | None = None,
        *,
        target: Target | str | os.PathLike[str] | None = None,
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
    ) -> dict[str, tuple[tuple[float, float], ...]]:
        """Return the objective as a function of a budget: the exact steps.

        They are the front of the objective and what the budget limits, under the other budgets and
        conditions of the result: `flash.pareto`.

        Parameters
        ----------
        budget : str, optional
            Such as "max_latency_ms", whether the result has one or not; default each that it has on
            latency, energy, area, parameters and MACs.
        target : Target, or str or path, optional
            That of the search, for a result that was read from a file; default the one of its name
            that comes with flash or is registered.
        predictor : AccuracyPredictor or path, optional
            That of the search, for such a result.

        Returns
        -------
        dict of str to tuple of (float, float)
            Of each budget its limits at which the objective improves, the tightest first, each with
            the objective from there on. A least cost is told as such, not negated.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If an argument is not accepted, or no front tells it: of a weighted product or function
            of one's own, of budgets for the ends of intervals, of several devices.
        """
        from .steps import TERM_OF, steps_of

        names = [name for name in self.budgets if name in TERM_OF] if budget is None else [budget]
        return {name: steps_of(self, name, target, predictor).pairs for name in names}

    def difference(self, other: SearchResult[Any]) -> str:
        """Return the difference to another result as text: metrics and their ratios, what was
        chosen otherwise, and the time of each cell.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If `other` is no result, or one of both has no network.
        """
        from .difference import checked, parts_of
        from .screen import text

        return text(parts_of(self, checked(self, other)))


def result_at(
    space: SearchSpace | NetworkSpace,
    target: Target,
    budgets: Mapping[str, float],
    row: tuple[int, ...],
    metrics: Sequence[float],
    said: tuple[str, str],
    *,
    charged: Callable[[], Target] | None = None,
    notes: tuple[str, ...] = (),
    binding: Callable[[], Mapping[str, Mapping[str, float]] | None] | None = None,
    predictor: AccuracyPredictor | None = None,
    **fields: Any,
) -> SearchResult[Any]:
    """Return the result of a network that was found: every searcher's.

    Parameters
    ----------
    space, target, budgets
        What was searched.
    row : tuple of int
        The network as choice indices.
    metrics : sequence of float
        Its metrics in the core's order: costs are read from them.
    said : (str, str)
        Status and message: see `verdict`.
    charged : callable, optional
        Returns the target as the network uses it, where it is not `target`: one accelerator of its
        design space.
    notes : tuple of str
        Flags of the search itself.
    binding : callable, optional
        Returns what is known of the binding budgets.
    predictor : AccuracyPredictor, optional
        What told accuracies.
    **fields
        All else that is known: `Problem.facts`, the objective, how the search went.
    """
    status, message = said

    def hardware() -> Target:
        return target if charged is None else charged()

    # Nothing here may hold the result: a circle is left to the collector, which takes its time.
    kept: list[Mapping[str, tuple[float, float]]] = []
    nets: list[Any] = []

    def net() -> Any:  # one for all of them, which keeps its layers and costs
        if not nets:
            nets.append(space.decode(row))
        return nets[0]

    def intervals() -> Mapping[str, tuple[float, float]]:
        if kept:
            return kept[0]
        found = hardware().interval(net())
        if predictor is not None and predictor.evidence is not None:  # not one made by hand
            said = fields["accuracy"]
            found["accuracy"] = predictor.interval_around(net(), 0.9, said)
        kept.append(found)
        return found

    def flags() -> tuple[str, ...]:
        if charged is None:
            own = target.cost(net()).flags
        else:
            from ..hardware.costing import flags_at

            own = flags_at(charged(), net(), target.costs_among(metrics))
        told = notes + own + tuple(_crossed(budgets, intervals()))
        if predictor is None and fields.get("objective_name") == "nn_degree":
            told += _shallow(space, net())
        if predictor is None:
            return told
        from ..predictors.trust import trust

        return told + trust(predictor, space, row, budgets, hardware(), fields["accuracy"]).flags

    if predictor is not None:
        fields.setdefault("scored_by", predictor.title)
    found: SearchResult[Any] = SearchResult(
        space,
        target.name,
        budgets,
        status,
        message,
        x=row,
        flags=deferred(flags),  # when somebody asks: it takes longer than the search
        intervals=deferred(intervals),
        binding=None if binding is None else deferred(binding),
        **target.costs_among(metrics),
        **fields,
    )
    found.__dict__["_asked"] = (target, predictor)  # for plots: files don't hold them
    return found


def _shallow(space: SearchSpace | NetworkSpace[Any], net: Any) -> tuple[str, ...]:
    """Return a note where every cell has the least depth, though more could be had."""
    depths = getattr(space, "depths", None)
    if depths is None:  # of a NetworkSpace
        return ()
    cells: Any = getattr(net, "cells", ())
    chosen = [
        (cell.depth, min(choices))
        for cell, choices in zip(cells, depths, strict=False)
        if len(choices) > 1
    ]
    if not chosen or any(depth > least for depth, least in chosen):
        return ()
    return (
        "NN-Degree hardly counts depth, and each cell has the least that it may: fit a predictor "
        "to some 25 trained networks (flash.train, AccuracyPredictor.fit) where depth matters",
    )


def _crossed(
    budgets: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]
) -> Iterator[str]:
    """Yield a note for each budget that the interval of its cost crosses."""
    for budget, limit in budgets.items():
        low, high = intervals.get(budget.removeprefix("max_"), (0.0, 0.0))
        if high > limit:
            yield (
                f"{budget} {limit:g} lies within the 90 % interval of the cost, {low:.4g} to "
                f"{high:.4g}"
            )


def no_result(
    space: SearchSpace | NetworkSpace,
    target: Target,
    budgets: Mapping[str, float],
    refusal: str | Callable[[], Explanation] | None = None,
    *,
    message: str = NOTHING,
    stopped: str | None = None,
    **fields: Any,
) -> SearchResult[Any]:
    """Return the result where no network was found.

    Parameters
    ----------
    space, target, budgets
        What was searched.
    refusal : str, or callable that returns an Explanation, optional
        What is proven: that no network meets the budgets. Without it nothing is.
    message : str
        What is said where nothing is proven; what ended the search is added.
    stopped : str, optional
    **fields
        All else that is known.
    """
    if refusal is None:
        status = "TIME_LIMIT" if stopped == "time_limit_s" else "NOT_FOUND"
        fields["message"] = message + ended(stopped, "; not proven")
    elif isinstance(refusal, str):
        status, fields["message"] = "INFEASIBLE", refusal
    else:
        status = "INFEASIBLE"
        known: list[Explanation] = []
        fields |= {name: _explained(name, refusal, known) for name in EXPLAINED}
    return SearchResult(
        space,
        target.name,
        budgets,
        status,
        proven=refusal is not None,
        stopped=stopped,
        **fields,
    )


def _explained(name: str, refusal: Callable[[], Explanation], known: list[Explanation]) -> Any:
    """Return a field of an explanation that is made when the first of them is asked for."""

    def read() -> Any:
        if not known:
            known.append(refusal())
        return getattr(known[0], name)

    return deferred(read)


def verdict(
    proven: bool, stopped: str | None, otherwise: str, proof: str = PROVEN
) -> tuple[str, str]:
    """Return status and message of a network that was found: proven, cut off by the time limit, or
    `otherwise`."""
    if proven:
        return "OPTIMAL", proof
    if stopped == "time_limit_s":
        return "TIME_LIMIT", "best so far" + ended(stopped)
    return "FEASIBLE", otherwise


def ended(stopped: str | None, otherwise: str = "") -> str:
    """Return the end of a message that says what ended a search early."""
    return otherwise if stopped is None else f"; {stopped} ended the search"


# What has no single value, or takes longer to work out than the search took.
_UNFRAMED = frozenset(
    {
        *("x", "budgets", "least", "cell_degrees", "trace", "accelerator", "flags"),
        *("intervals", "conflicts", "remedies", "binding", "where", "costs", "alternatives"),
    }
)


def frame_rows(result: SearchResult[Any]) -> list[dict[str, Any]]:
    """Return a result's rows of a table: one for each network."""
    return [frame_row(one) for one in (result, *result.alternatives)]


def frame_row(result: SearchResult[Any]) -> dict[str, Any]:
    """Return a result's row of a table: its scalar fields, budgets and cells."""
    row = {name: getattr(result, name) for name in result.field_names if name not in _UNFRAMED}
    row |= {"index": result.index, "gap": result.gap, "success": result.success}
    row["space"] = result.space.family
    row.update(result.budgets)
    row.update(result.costs or {})
    if result.where:
        row["where"] = " and ".join(f"({one})" for one in result.where)
    for name, ends in (result.intervals or {}).items():
        row[f"{name}_low"], row[f"{name}_high"] = ends
    cells: Any = getattr(result.architecture, "cells", ())
    for number, cell in enumerate(cells):
        row.update({f"cell{number}_{key}": value for key, value in cell.to_dict().items()})
    space: Any = result.space
    if getattr(space, "numbering", None) is not None and result.x is not None:
        from ..spaces.values import values_at

        row.update(zip(space.variables, values_at(space, result.x), strict=True))
    return row
