"""Accuracy predictors: from a network's topology to the accuracy that training would give."""

from __future__ import annotations

import os

from ..base.checks import (
    choice,
    faults,
    json_text,
    known_keys,
    number,
    parse_json,
    public,
    read_text,
    real,
    shipped,
    shown,
)
from ..base.names import Link
from ..base.record import Record, Reported, cached, deferred, later
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal, TypeVar, overload

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from plotly.graph_objects import Figure as PlotlyFigure

    from ..base.html import Part
    from ..base.pages import Section
    from ..charts.chart import Chart
    from ..networks.cell_networks import Net
    from .evidence import Evidence, Report
    from .grown import Grown
    from .score import TopologyScore

    T = TypeVar("T", bound=Net)

__all__ = ["FITTED", "KINDS", "AccuracyPredictor", "as_predictor"]

KINDS = ("topology", "nn-degree", "grown")
FITTED = ("auto", *KINDS)  # what `fit` is asked for
_FORMAT = 1
_KEYS = {  # of a file, beside those of all
    "nn-degree": ("a", "b", "c"),
    "topology": ("score",),
    "grown": ("score", "grown"),
}
_MORE = ("provenance", "evidence", "trained")  # which may be missing
ONLY_RANKS = "only_ranks"  # of provenance: why a predicted value is no accuracy, in words
PART_OF = "part_of"  # of provenance: "grown", of the additive part of such a predictor


@public
class AccuracyPredictor(Record, Reported):
    """Accuracy as a function of a network's topology, fitted on trained networks.

    Make one with `fit`, or read one with `load`. Three kinds:

    "topology"
        The logistic function of a score: a sum over cells of a function of each cell alone (mean
        depth over random paths, share of the layers that such a path meets, parameters per layer,
        reach) plus multiples of log(MACs) and log(parameters). Additive, so that a search proves
        its answer. The numbers are read off any Network, the same for all data.
    "nn-degree"
        The paper's form ``1 / (a + exp(b / g + c))`` of NN-Degree g (PAPERS: a variant of logistic
        regression; reconstruction). It rises with g towards ``1 / (a + exp(c))``.
    "grown"
        The mean of kind "topology" and a Gaussian process of more features of the rows (kernels,
        gates, widths and depths of each cell, operations that follow one another), for those who
        trained more networks. No search proves by it: searches, sweeps and fronts take
        its `additive` part, of kind "topology", and say so.

    Parameters
    ----------
    a, b, c : float, optional
        kind "nn-degree". a is positive, 1 / a bounds the accuracy from above; b is positive:
        accuracy rises with NN-Degree.
    provenance : dict, optional
        Where the numbers come from.
    topology : TopologyScore, optional
        kinds "topology" and "grown", of which it is the additive part; instead of a, b and c.
    evidence : Evidence, optional
        What intervals and the report need; a predictor made by hand has none.
    trained : sequence of (network, accuracy), optional
        What it was fitted on, each network once, with the mean of its accuracies.
    grown : Grown, optional
        kind "grown", beside `topology`.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a number is not accepted, or accuracies would exceed 1.
    """

    a: float | None = None
    b: float | None = None
    c: float | None = None
    provenance: dict[str, Any] | None = None
    topology: TopologyScore | None = None
    evidence: Evidence | None = None
    trained: tuple[tuple[Net, float], ...] = later(())
    grown: Grown | None = None

    def __post_init__(self) -> None:
        if self.grown is not None and (self.topology is None or self.evidence is None):
            raise ArgumentError("grown needs its additive part: a topology, and its evidence")
        if self.topology is not None:
            if (self.a, self.b, self.c) != (None, None, None):
                raise ArgumentError("a, b and c belong to kind 'nn-degree', not to a topology")
            return
        self.__dict__.update(
            a=number("a", self.a, above=0.0),
            b=number("b", self.b, above=0.0),
            c=number("c", self.c, low=-500.0, high=500.0),
        )
        if self._of_degree(1e300) > 1.0 + 1e-12:
            raise ArgumentError(
                "a and c must keep accuracies at most 1 (a + exp(c) >= 1), "
                f"got a={self.a}, c={self.c}"
            )

    @classmethod
    def fit(
        cls,
        architectures: Sequence[Net],
        accuracies: Sequence[float],
        kind: str = "auto",
        *,
        provenance: dict[str, Any] | None = None,
    ) -> AccuracyPredictor:
        """Fit a predictor on trained networks: in milliseconds, one of kind "grown" in tenths of a
        second (seconds for 1,000 networks).

        Parameters
        ----------
        architectures : sequence of Architecture or Network
            At least 8 that differ (topology) or 3 of different NN-Degree. A network may come
            several times, with the accuracies of several trainings.
        accuracies : sequence of float
            In [0, 1], one per network.
        kind : {"auto", "topology", "nn-degree", "grown"}, default "auto"
            "auto": "grown" with 50 networks or more that differ, where networks left out of the fit
            are then ranked better, and their accuracies told with a lesser error; else "topology",
            which is also the additive part of a grown one. "grown" asks for it in any case. It is
            fitted on 2,000 networks at most, taken evenly.
        provenance : dict, optional
            Kept with the predictor: plain JSON data. The key "only_ranks" says, in words, why its
            values are not the accuracies that networks reach: results repeat it.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If an argument is not accepted: lengths differ, accuracies are no fractions or all
            equal, there are too few networks.
        """
        from .fit import fit, means
        from .score import TopologyScore

        choice("kind", kind, FITTED)
        grows, kind = kind in ("auto", "grown"), "topology" if kind == "auto" else kind
        given = {} if provenance is None else provenance
        if not isinstance(given, dict):
            raise ArgumentTypeError(f"provenance must be a dict, got {shown(provenance)}")
        always, kind = kind == "grown", "topology" if kind == "grown" else kind
        numbers, evidence = fit(architectures, accuracies, kind)
        more: Any = {
            "provenance": given,
            "evidence": evidence,
            "trained": means(architectures, accuracies),
        }
        if grows:
            from .growing import grow

            more["grown"] = grow(architectures, accuracies, evidence, always)
        if isinstance(numbers, TopologyScore):
            return cls(topology=numbers, **more)
        return cls(*numbers, **more)

    @property
    def kind(self) -> str:
        """Return "topology", "nn-degree" or "grown"."""
        if self.grown is not None:
            return "grown"
        return "nn-degree" if self.topology is None else "topology"

    @property
    def title(self) -> str:
        """What to call it: "predictor (topology)"; "... that only ranks" where it does."""
        part = ", the part of a grown one that a search proves" if self.is_part else ""
        return f"predictor ({self.kind}{part})" + (" that only ranks" if self.only_ranks else "")

    @property
    def is_part(self) -> bool:
        """Whether it is the additive part of a grown predictor."""
        return (self.provenance or {}).get(PART_OF) == "grown"

    @cached
    def additive(self) -> AccuracyPredictor:
        """What a search proves by: of a grown predictor its part of kind "topology", fitted on the
        same networks, with its own intervals and report; any other predictor itself."""
        if self.grown is None:
            return self
        return type(self)(
            provenance={**(self.provenance or {}), PART_OF: "grown"},
            topology=self.topology,
            evidence=self.evidence,
            trained=self.__dict__["trained"],
        )

    @property
    def report(self) -> Report | None:
        """Errors on left-out networks beside simple baselines; None for one made by hand."""
        if self.grown is not None:
            return self.grown.report
        return None if self.evidence is None else self.evidence.report

    @property
    def only_ranks(self) -> str | None:
        """Why its values rank networks and are not what they reach, in words; None where they are.

        It is what `provenance` says under this name.
        """
        told = (self.provenance or {}).get(ONLY_RANKS)
        return None if told is None else str(told)

    def predict_degree(self, degree: float) -> float:
        """Return the accuracy in [0, 1] for one NN-Degree, at least 0 (kind "nn-degree" only)."""
        return self._of_degree(real("degree", degree, 0.0))

    def _of_degree(self, degree: float) -> float:
        import math

        a, b, c = self._degree_form()
        return 1.0 / (a + math.exp(min(700.0, b / degree + c if degree > 0.0 else 700.0)))

    if TYPE_CHECKING:

        @overload
        def predict(self, architectures: Net) -> float: ...
        @overload
        def predict(self, architectures: list[T] | tuple[T, ...]) -> NDArray[np.float64]: ...

    def predict(
        self, architectures: Net | list[Any] | tuple[Any, ...]
    ) -> float | NDArray[np.float64]:
        """Return predicted accuracies.

        Parameters
        ----------
        architectures : Architecture or Network, or a sequence of them

        Returns
        -------
        float, or ndarray of shape (n,)
            In [0, 1].

        Warns
        -----
        NotCalibratedWarning
            If networks lie outside of what the predictor was fitted on: see `extrapolates`.
        """
        many = isinstance(architectures, (list, tuple))
        given: Any = architectures
        nets = list(given) if many else [given]
        result, outside = [], []
        for n, net in enumerate(nets):
            value, judged = self._reading(net)
            result.append(value)
            if self._beyond(net, judged):
                outside.append(n)
        if outside:
            self._warn(outside, len(nets))
        if not many:
            return result[0]
        import numpy as np

        return np.array(result, dtype=float)

    if TYPE_CHECKING:

        @overload
        def interval(self, architectures: Net, level: float = 0.9) -> tuple[float, float]: ...
        @overload
        def interval(
            self, architectures: list[T] | tuple[T, ...], level: float = 0.9
        ) -> NDArray[np.float64]: ...

    def interval(
        self, architectures: Net | list[Any] | tuple[Any, ...], level: float = 0.9
    ) -> tuple[float, float] | NDArray[np.float64]:
        """Return intervals that hold an unseen network's accuracy with the given probability.

        Parameters
        ----------
        architectures : Architecture or Network, or a sequence of them
        level : float, default 0.9
            Between 0 and 1. Up to n / (n + 1), with n fitted networks, coverage needs no assumption
            on how errors are distributed, only that new networks are drawn as the fitted ones were.

        Returns
        -------
        (float, float), or ndarray of shape (n, 2)
            Low and high end, within [0, 1].

        Raises
        ------
        ArgumentError
            If the predictor was made by hand: nothing is known of its errors.
        """
        from .evidence import level_of

        level = level_of(level)
        many = isinstance(architectures, (list, tuple))
        given: Any = architectures
        ends = [self.interval_around(net, level) for net in (given if many else [given])]
        if not many:
            return ends[0]
        import numpy as np

        return np.array(ends, dtype=float).reshape(-1, 2)

    def interval_around(
        self, net: Any, level: float, accuracy: float | None = None
    ) -> tuple[float, float]:
        """Return `interval` of one network; `accuracy`: what a search says of it, of fewer bits."""
        from math import log

        from .score import logistic

        if self.evidence is None:
            raise ArgumentError("interval needs a fitted predictor: this one has no evidence")
        if self.grown is not None:
            z, variance = self._grown_of(net)
            half = self.grown.half_width(variance, level)
            return logistic(z - half), logistic(z + half)
        plain, judged = self._reading(net)
        said = min(max(plain if accuracy is None else accuracy, 1e-12), 1.0 - 1e-12)
        half = self.evidence.half_width(self._design(judged), level)
        z = log(said / (1.0 - said))
        return logistic(z - half), logistic(z + half)

    if TYPE_CHECKING:

        @overload
        def extrapolates(self, architectures: Net) -> bool: ...
        @overload
        def extrapolates(self, architectures: list[T] | tuple[T, ...]) -> NDArray[np.bool_]: ...

    def extrapolates(
        self, architectures: Net | list[Any] | tuple[Any, ...]
    ) -> bool | NDArray[np.bool_]:
        """Return whether networks lie outside of what the predictor was fitted on.

        True for a family that was not among the fitted ones, for numbers far outside the fitted
        range, and for a combination that the fit tells less of than of any fitted network.

        Parameters
        ----------
        architectures : Architecture or Network, or a sequence of them

        Returns
        -------
        bool, or ndarray of bool, shape (n,)
            False throughout for a predictor made by hand.
        """
        if not isinstance(architectures, (list, tuple)):
            return self._beyond(architectures)
        import numpy as np

        return np.array([self._beyond(net) for net in architectures], dtype=bool)

    def predict_one(self, net: Net) -> float:
        """Return the predicted accuracy of one network, without `predict`'s warning."""
        return self._reading(net)[0]

    @property
    def link(self) -> tuple[int, float, float, float]:
        """The core's link from its score, NN-Degree or a topology's, to accuracy; of a grown one
        that of its additive part."""
        if self.topology is not None:
            return (Link.LOGISTIC, 1.0, 0.0, 0.0)
        return (Link.DEGREE, *self._degree_form())

    @property
    def terms(self) -> tuple[float, ...] | None:
        """A topology's intercept, factors of log MACs and log parameters, the cells' terms, and
        that of their strides."""
        if self.topology is None:
            return None
        score = self.topology
        return (score.intercept, *score.totals, *score.cell[:4], score.strides)

    def accuracy_of(self, score: float) -> float:
        """Return the accuracy in [0, 1] of the core's score: NN-Degree or a topology's."""
        if self.topology is None:
            return self._of_degree(score)
        from .score import logistic

        return logistic(score)

    def _line(self) -> str:
        return self.title if self.report is None else f"{self.report.verdict}"

    def _title(self) -> str:
        return f"accuracy {self.title}"

    def _sections(self) -> list[Section]:
        from .page import sections

        return sections(self)

    def _parts(self) -> list[Part]:
        from ..base.html import facts

        if self.topology is not None:
            numbers = self.topology.to_dict()
        else:
            numbers = {"a": self.a, "b": self.b, "c": self.c}
        told = () if self.report is None else self.report._parts()
        return [f"accuracy predictor of kind {self.kind}", facts(numbers), *told]

    if TYPE_CHECKING:

        @overload
        def plot(self, engine: Literal["matplotlib"] = "matplotlib") -> Figure: ...
        @overload
        def plot(self, engine: Literal["plotly"]) -> PlotlyFigure: ...

    def plot(self, engine: str = "matplotlib") -> Figure | PlotlyFigure:
        """Draw predictions of left-out networks beside what was measured, with 90 % intervals, and
        how simple baselines rank.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ArgumentError
            If the predictor does not hold the networks that it was fitted on.
        MissingExtraError
            If the engine is not installed.
        """
        from ..base.checks import choice
        from ..charts.chart import ENGINES
        from .charted import chart_of

        choice("engine", engine, ENGINES)
        return chart_of(self).draw(engine)

    def _charts(self) -> Sequence[Chart]:
        from .charted import charts_of

        return charts_of(self)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the predictor as JSON; with a path, write it there too."""
        data = self.to_dict()
        if self.trained:
            data["trained"] = [
                {"network": net.to_dict(), "accuracy": accuracy} for net, accuracy in self.trained
            ]
        return json_text(data, path, indent=2)

    def to_dict(self) -> dict[str, Any]:
        """Return what predicts, and its errors, as plain data; not the networks fitted on."""
        data: dict[str, Any] = {"format": _FORMAT, "kind": self.kind}
        if self.topology is not None:
            data["score"] = self.topology.to_dict()
            if self.grown is not None:
                data["grown"] = self.grown.to_dict()
        else:
            data |= {"a": self.a, "b": self.b, "c": self.c}
        data["provenance"] = dict(self.provenance or {})
        if self.evidence is not None:
            data["evidence"] = self.evidence.to_dict()
        return data

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AccuracyPredictor:
        """Return the predictor in a JSON file, or with "default" the one that comes with flash.

        Parameters
        ----------
        path : path
            "default": the predictor of densenet spaces, which only ranks (see `only_ranks`). A file
            of that name is "./default".

        Raises
        ------
        FormatError
            If the file is no predictor.
        """
        if isinstance(path, str) and path == "default":
            return _shipped("densenet")
        text = read_text(path, "predictor")
        where = os.fspath(path)
        return cls.from_dict(parse_json(text, where), where)

    @classmethod
    def from_dict(cls, data: Any, where: str = "the predictor") -> AccuracyPredictor:
        """Return the predictor that a parsed file describes.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted; the message names the key,
            after `where`.
        """
        from ..base.plain import ANY, TABLE, TEXT, fields, maybe
        from .evidence import Evidence
        from .score import TopologyScore

        def grown(name: str, value: Any) -> Any:
            from .grown import Grown

            return Grown.from_dict(value, name)

        known_keys(where, data, ("format", "kind", *_KEYS["nn-degree"], *_KEYS["grown"], *_MORE))
        with faults():
            kind = choice(f"{where}: kind", data.get("kind"), KINDS)
        size = (3, 1) if kind == "nn-degree" else _judged(data.get("evidence"))
        checks = {
            "kind": TEXT,
            **dict.fromkeys(("a", "b", "c"), ANY),  # the predictor itself looks at them
            "score": lambda name, value: TopologyScore.from_dict(value, name),
            "grown": grown,
            "provenance": TABLE,
            "evidence": maybe(lambda name, value: Evidence.from_dict(value, *size, name)),
            "trained": ANY,  # read when somebody asks: there may be many large networks
        }
        own = {key: checks[key] for key in ("kind", *_KEYS[kind], *_MORE)}
        given = fields(where, data, own, optional=_MORE, version=_FORMAT)
        given.pop("kind")
        given.setdefault("provenance", {})
        if "score" in given:
            given["topology"] = given.pop("score")
        if "trained" in given:
            listed = given["trained"]
            given["trained"] = deferred(lambda: _trained_in(f"{where}: trained", listed))
        with faults(where):
            return cls(**given)

    def _degree_form(self) -> tuple[float, float, float]:
        if self.a is None or self.b is None or self.c is None:
            raise ArgumentError(
                "predictor must be of kind 'nn-degree' where only NN-Degree is at hand, "
                f"got {self.kind!r}"
            )
        return self.a, self.b, self.c

    def _reading(self, net: Any) -> tuple[float, list[float]]:
        """Return the predicted accuracy, and what a network is judged by: it is read once."""
        if self.topology is not None:
            from .cell_terms import terms_of
            from .score import logistic

            terms = terms_of(net)
            judged = terms.design()
            if self.evidence is not None:  # one of before strides were read has none
                judged = judged[: len(self.evidence.low)]
            if self.grown is not None:
                return logistic(self.grown.judge(net, self.topology.score(terms))[0]), judged
            return logistic(self.topology.score(terms)), judged
        from ..networks.degree import nn_degree

        degree = nn_degree(net)
        return self._of_degree(degree), [degree]

    def _grown_of(self, net: Any) -> tuple[float, float]:
        """Return what a grown one says of a network: its logit, and its relative variance."""
        from .cell_terms import terms_of

        assert self.grown is not None
        assert self.topology is not None
        return self.grown.judge(net, self.topology.score(terms_of(net)))

    def _design(self, judged: list[float]) -> list[float]:
        """Return what the evidence judges the variance by, of what a network is judged by."""
        if self.topology is not None:
            return judged
        from .degree_curve import gradient

        return gradient(*self._degree_form(), judged[0])

    def _beyond(self, net: Any, judged: list[float] | None = None) -> bool:
        if self.evidence is None:
            return False
        families = self.evidence.families
        if families and getattr(net, "family", families[0]) not in families:
            return True
        if judged is None:
            judged = self._reading(net)[1]
        if self.grown is not None and self._grown_of(net)[1] > self.grown.widest:
            return True
        return self.evidence.beyond(judged, self._design(judged))

    def _warn(self, outside: list[int], count: int) -> None:
        import warnings

        from ..errors import NotCalibratedWarning

        which = ", ".join(map(str, outside[:5])) + (", ..." if len(outside) > 5 else "")
        text = "the network lies" if count == 1 else f"{len(outside)} of {count} networks lie"
        more = "" if count == 1 else f" (numbers {which})"
        warnings.warn(
            f"{text} outside of what the predictor was fitted on{more}",
            NotCalibratedWarning,
            stacklevel=3,
        )


def _judged(evidence: Any) -> tuple[int, int]:
    """Return how many numbers a topology's evidence is about: one less before strides were read."""
    from .cell_terms import BASIS, TOTALS

    low = evidence.get("low") if isinstance(evidence, dict) else None
    count = len(BASIS) + len(TOTALS)
    count += not (isinstance(low, list) and len(low) == count)
    return count, count


def _trained_in(name: str, listed: Any) -> tuple[tuple[Net, float], ...]:
    """Return the networks of a file with their accuracies."""
    from ..base.plain import TABLE, fields, list_of, within
    from ..networks.network import Network
    from ..spaces.network_files import network_from_dict

    def one(name: str, value: Any) -> tuple[Net, float]:
        checks = {"network": TABLE, "accuracy": within(real, 0.0, 1.0)}
        given = fields(name, value, checks, join=".")
        data = given["network"]
        net = Network.from_dict(data) if "layers" in data else network_from_dict(data)
        return net, given["accuracy"]

    with faults(name):
        found: tuple[tuple[Net, float], ...] = list_of(one)(name, listed)
    return found


def as_predictor(value: Any, family: str | None = None) -> AccuracyPredictor | None:
    """Return what a search proves by, of what users pass: None, a predictor, its file, "default".

    `family` is that of the space, for which "default" needs a predictor that comes with flash.
    """
    if value is None:
        return None
    if isinstance(value, AccuracyPredictor):
        return value.additive
    if isinstance(value, (str, os.PathLike)):
        return _shipped(family) if value == "default" else AccuracyPredictor.load(value).additive
    raise ArgumentTypeError(
        f"predictor must be None, an AccuracyPredictor or the path of its file, "
        f"got {type(value).__name__}"
    )


_LOADED: dict[str | None, AccuracyPredictor] = {}


def _shipped(family: str | None) -> AccuracyPredictor:
    """Return the predictor that comes with flash for a family of networks, loaded once."""
    if family in _LOADED:
        return _LOADED[family]
    files = os.listdir(shipped("predictors"))
    names = sorted(name[:-5] for name in files if name.endswith(".json"))
    if family not in names:
        raise ArgumentError(
            f"predictor='default' comes for {', '.join(names)} only, got a space of {family}; "
            "pass an AccuracyPredictor or its JSON file, or None to search without training"
        )
    return _LOADED.setdefault(
        family, AccuracyPredictor.load(shipped("predictors", f"{family}.json"))
    )
