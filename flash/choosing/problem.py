"""Problems of choices: one option for each group, metrics that add up."""

from __future__ import annotations

from itertools import chain
from math import prod

from ..base.checks import hint, is_list, public, real, shown, text, watched
from ..base.record import Shown
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    import numpy as np
    import numpy.typing as npt
    from pandas import DataFrame

    from ..base.html import Part
    from .numbers import Exact

__all__ = ["ChoiceProblem", "refuse_others"]

MOST = 10_000_000  # names in a list
INF = float("inf")
WIDE = 1e12  # the largest number of a column, in its smallest: beyond it units may be mixed
FORMAT = "flash-choice-problem-1"


@public
class ChoiceProblem(Shown):
    """Groups in order, and options of which each group takes one.

    Every option has a number for each metric. A metric of an answer is the sum over its options, of
    those in `peaks` the maximum. `flash.choose` finds the best answer, and proves it.

    Parameters
    ----------
    options : mapping of str to sequence of str
        The options of each group, by name; groups in order.
    metrics : mapping of str to array of float, shape (options of all groups,)
        Of each metric the numbers of all options, group after group. Finite.
    peaks : sequence of str
        Metrics of which an answer has the largest, not the sum: memory that is used in turn.
    until : sequence of str or None, optional
        Of each option the last group that it covers where it spans several in a row; None where it
        is of its own group alone.
    takes, gives : sequence of str, optional
        States that neighbours hand on: an option may follow one that gives what it takes.
    attributes : mapping of str to sequence, optional
        Further columns, numbers or texts, that conditions may name.
    group_name, option_name : str
        What the two are called in tables.

    Attributes
    ----------
    groups : tuple of str
    metrics : tuple of str
    peaks : tuple of str
    size : int
        How many answers there are, conditions aside; of options that span groups or hand states on
        those that fit together.

    Raises
    ------
    ArgumentError
        If a group has no option, a name stands twice, a number is not finite, lengths differ, or
        spans overlap or end before they begin.

    Notes
    -----
    Numbers are taken as they are written: 0.1 is a tenth. A metric whose numbers span twelve orders
    of magnitude may hold mixed units, which is warned of.
    """

    def __init__(
        self,
        options: Mapping[str, Sequence[str]],
        metrics: Mapping[str, Any],
        *,
        peaks: Sequence[str] = (),
        until: Sequence[str | None] | None = None,
        takes: Sequence[str | None] | None = None,
        gives: Sequence[str | None] | None = None,
        attributes: Mapping[str, Sequence[Any]] | None = None,
        group_name: str = "group",
        option_name: str = "option",
    ) -> None:
        import numpy as np

        self.group_name = text("group_name", group_name)
        self.option_name = text("option_name", option_name)
        given = _table("options", options)
        self.groups: tuple[str, ...] = tuple(map(str, given))
        if not self.groups:
            raise ArgumentError("options must have at least one group, got none")
        lists: list[Sequence[str]] = [
            one if isinstance(one, Numbers) else _names(f"options of {shown(name)}", one)
            for name, one in given.items()
        ]
        self._start: npt.NDArray[np.int32] = np.zeros(len(lists) + 1, np.int32)
        np.cumsum([len(one) for one in lists], out=self._start[1:])
        self._labels: list[str] = list(chain.from_iterable(lists))
        n = len(self._labels)
        for name, own in zip(self.groups, lists, strict=True):
            if not own:
                raise ArgumentError(f"{group_name} {shown(name)} has no option")
            if not isinstance(own, Numbers) and len(set(own)) < len(own):
                twice = next(one for i, one in enumerate(own) if one in own[:i])
                raise ArgumentError(
                    f"{group_name} {shown(name)} has the {option_name} {shown(twice)} twice"
                )
        self._values: dict[str, npt.NDArray[np.float64]] = {}
        self._wide: list[str] = []  # metrics that may have mixed units
        for name, one in _table("metrics", metrics).items():
            self._values[name], spread = _column(name, one, n)
            if spread > WIDE:
                self._wide.append(name)
        if not self._values:
            raise ArgumentError("metrics must hold at least one, got none")
        self.metrics: tuple[str, ...] = tuple(self._values)
        self.peaks: tuple[str, ...] = tuple(_names("peaks", peaks))
        for name in self.peaks:
            if name not in self._values:
                raise ArgumentError(
                    f"peaks names an unknown metric {shown(name)}{hint(name, self.metrics)}; "
                    f"the metrics are {', '.join(self.metrics)}"
                )
        self.attributes: dict[str, list[Any]] = {}
        further = {} if attributes is None else attributes
        for name, own in _table("attributes", further).items():
            if name in self._values:
                raise ArgumentError(f"attributes: {shown(name)} is a metric")
            self.attributes[text("attributes", name)] = _attribute(name, own, n)
        self._takes = _states("takes", takes, n)
        self._gives = _states("gives", gives, n)
        self._until = self._ends(until)
        self._exact: dict[str, Exact] = {}
        self._warn_of_units()

    def _ends(self, until: Sequence[str | None] | None) -> list[int] | None:
        """Return of each option the place of the last group that it covers; None: no spans."""
        if until is None:
            return None
        if not is_list(until):
            raise ArgumentTypeError(f"until must be a list of groups, got {shown(until)}")
        if len(until) != len(self._labels):
            raise ArgumentError(f"until has {len(until)} entries for {len(self._labels)} options")
        place = {name: i for i, name in enumerate(self.groups)}
        ends: list[int] = []
        for i, g in enumerate(self.group_of()):
            name: Any = until[i]
            if is_list(name) and not isinstance(name, str):
                raise ArgumentTypeError(f"until must be a list of groups, got {shown(until)}")
            if name is None or name == "" or name != name:  # of a table with gaps
                ends.append(g)
                continue
            if str(name) not in place:
                raise ArgumentError(
                    f"until of {self._told(i)} names an unknown {self.group_name} "
                    f"{shown(name)}{hint(str(name), self.groups)}"
                )
            end = place[str(name)]
            if end < g:
                raise ArgumentError(
                    f"until of {self._told(i)} is {shown(name)}, which comes before its own"
                )
            ends.append(end)
        return ends if any(end != g for end, g in zip(ends, self.group_of(), strict=True)) else None

    def _warn_of_units(self) -> None:
        import warnings

        import numpy as np

        for name in self._wide:
            values = self._values[name]
            size = np.abs(values[values != 0.0])
            if size.size and size.max() / size.min() > WIDE:
                warnings.warn(
                    f"the metric {name} spans from {size.min():g} to {size.max():g}: are its units "
                    "mixed?",
                    stacklevel=4,
                )

    def group_of(self) -> list[int]:
        """Return of each option the place of its group."""
        import numpy as np

        found: list[int] = np.repeat(np.arange(len(self.groups)), np.diff(self._start)).tolist()
        return found

    def _told(self, i: int) -> str:
        group = self.groups[self.group_of()[i]]
        return f"{self.group_name} {shown(group)}, {self.option_name} {shown(self._labels[i])}"

    def options(self, group: str) -> tuple[str, ...]:
        """Return the options of a group by name."""
        if type(group) is not str or group not in self.groups:
            raise ArgumentError(
                f"there is no {self.group_name} {shown(group)}{hint(group, self.groups)}"
            )
        g = self.groups.index(group)
        return tuple(self._labels[self._start[g] : self._start[g + 1]])

    def values(self, metric: str) -> npt.NDArray[np.float64]:
        """Return a metric's numbers, of all options, group after group."""
        if type(metric) is not str or metric not in self._values:
            raise ArgumentError(
                f"there is no metric {shown(metric)}{hint(metric, self.metrics)}; the metrics are "
                f"{', '.join(self.metrics)}"
            )
        found = self._values[metric].view()
        found.flags.writeable = False
        return found

    def exact(self, metric: str) -> Exact:
        """Return a metric's numbers as integers times a fraction."""
        found = self._exact.get(metric)
        if found is None:
            from .numbers import exact

            found = self._exact[metric] = exact(self._values[metric])
        return found

    @property
    def size(self) -> int:
        import numpy as np

        if self._until is None and self._takes is None and self._gives is None:
            return prod(np.diff(self._start).tolist())
        return self._count()

    def _count(self) -> int:
        """Return how many answers fit together: paths, group after group."""
        takes, gives = self._takes, self._gives
        # ways that end before group g, by the state that they hand on
        ways: list[dict[str | None, int]] = [{} for _ in range(len(self.groups) + 1)]
        ways[0][None] = 1
        for g in range(len(self.groups)):
            total = sum(ways[g].values())
            for i in range(self._start[g], self._start[g + 1]):
                free = g == 0 or takes is None or gives is None
                came = total if free else ways[g].get(takes[i], 0)  # type: ignore[index]
                end = g if self._until is None else self._until[i]
                state = None if gives is None else gives[i]
                ways[end + 1][state] = ways[end + 1].get(state, 0) + came
        return sum(ways[-1].values())

    def __repr__(self) -> str:
        n = len(self._labels)
        return (
            f"ChoiceProblem({len(self.groups)} groups, {n} options, "
            f"metrics {', '.join(self.metrics)})"
        )

    def _parts(self) -> list[Part]:
        rows = [["metric", "least", "most", ""]]
        for name, values in self._values.items():
            kind = "largest counts" if name in self.peaks else "adds up"
            rows.append([name, f"{values.min():.6g}", f"{values.max():.6g}", kind])
        n = len(self._labels)
        return [f"{len(self.groups)} groups, {n} options", (rows, 1, True)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChoiceProblem) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.groups, self.metrics, len(self._labels)))

    # in and out

    @classmethod
    def from_table(
        cls,
        source: Any,
        *,
        group: str = "group",
        option: str = "option",
        metrics: Sequence[str] | None = None,
        peaks: Sequence[str] = (),
        until: str | None = None,
        takes: str | None = None,
        gives: str | None = None,
        progress: bool | Literal["auto"] = False,
    ) -> ChoiceProblem:
        """Make a problem of a table with a row for each option.

        Parameters
        ----------
        source : path, DataFrame, mapping of columns, list of rows, or nested mapping
            A path ends in .csv, .parquet, .jsonl (a row a line) or .json: a list of rows, or nested
            as tools that replace blocks write it, ``{group: {option: {metric: number}}}``.
        group, option : str
            The columns that name the two. Groups are in the order in which they appear; rows of one
            need not lie side by side.
        metrics : sequence of str, optional
            The columns of metrics; by default all of which every entry is a number, but for what is
            named otherwise. Other columns are attributes.
        peaks : sequence of str
            Metrics of which the largest counts; they need not be in `metrics`.
        until, takes, gives : str, optional
            Columns: see `ChoiceProblem`.
        progress : bool or "auto"
            Whether to show how much was read. "auto": on a terminal alone, and not before the
            first second.

        Raises
        ------
        ArgumentError, FormatError, MissingExtraError
            If the source cannot be read, a column is missing, or the problem is none.
        """
        from .reading import read_table

        for name, one in (("group", group), ("option", option)):
            text(name, one)
        for name, other in (("until", until), ("takes", takes), ("gives", gives)):
            if other is not None:
                text(name, other)
        if metrics is not None:
            metrics = _names("metrics", metrics)
        watched("progress", progress)
        return read_table(
            cls, source, group, option, metrics, tuple(_names("peaks", peaks)), until, takes,
            gives, progress,
        )  # fmt: skip

    @classmethod
    def from_arrays(
        cls,
        metrics: Mapping[str, Any],
        *,
        peaks: Sequence[str] = (),
        groups: Sequence[str] | None = None,
        options: Sequence[Sequence[str]] | None = None,
    ) -> ChoiceProblem:
        """Make a problem of arrays.

        Parameters
        ----------
        metrics : mapping of str to array
            Of each metric an array of shape (groups, options), or a list of one array a group.
        peaks : sequence of str
        groups : sequence of str, optional
            Names; "0", "1", ... by default.
        options : sequence of sequence of str, optional
            Names of each group's options; "0", "1", ... by default.
        """
        import numpy as np

        lengths: list[int] | None = None
        columns: dict[str, Any] = {}
        for name, given in _table("metrics", metrics).items():
            if isinstance(given, np.ndarray) and given.ndim == 2 and given.dtype.kind in "iuf":
                own = [given.shape[1]] * len(given)
                if own != (lengths or own):
                    raise ArgumentError(f"metrics: {shown(name)} has another shape than the first")
                lengths, columns[name] = own, given.reshape(-1)
                continue
            rows = list(given) if is_list(given) and len(given) <= MOST else []
            if not rows or not all(map(is_list, rows)):
                raise ArgumentTypeError(
                    f"metrics: {shown(name)} must be an array of shape (groups, options), or a "
                    f"list of one array a group, got {shown(given)}"
                )
            own = [len(one) for one in rows]
            if own != (lengths or own):
                raise ArgumentError(f"metrics: {shown(name)} has another shape than the first")
            lengths = own
            try:
                columns[name] = np.concatenate([np.asarray(one, float) for one in rows])
            except (TypeError, ValueError, OverflowError):
                raise ArgumentError(
                    f"metrics: {shown(name)} holds something that is no number"
                ) from None
        if lengths is None:
            raise ArgumentError("metrics must hold at least one, got none")
        names = (
            [str(i) for i in range(len(lengths))] if groups is None else _names("groups", groups)
        )
        if len(names) != len(lengths) or len(set(names)) < len(names):
            raise ArgumentError(
                f"groups must be {len(lengths)} different names, got {len(names)} of which "
                f"{len(set(names))} differ"
            )
        if options is None:
            each = {n: Numbers(map(str, range(n))) for n in set(lengths)}
            labels: list[Sequence[str]] = [each[n] for n in lengths]
        else:
            if not is_list(options) or len(options) != len(lengths):
                raise ArgumentTypeError(
                    f"options must be a list of lists, one a group, got {shown(options)}"
                )
            labels = [_names("options", one) for one in options]
            if [len(one) for one in labels] != lengths:
                raise ArgumentError("options must name as many as the arrays have, in each group")
        return cls(dict(zip(names, labels, strict=True)), columns, peaks=peaks)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal problem."""
        data: dict[str, Any] = {
            "format": FORMAT,
            "group_name": self.group_name,
            "option_name": self.option_name,
            "options": {name: list(self.options(name)) for name in self.groups},
            "metrics": {name: one.tolist() for name, one in self._values.items()},
            "peaks": list(self.peaks),
        }
        if self._until is not None:
            data["until"] = [
                None if end == g else self.groups[end]
                for end, g in zip(self._until, self.group_of(), strict=True)
            ]
        for name, states in (("takes", self._takes), ("gives", self._gives)):
            if states is not None:
                data[name] = states
        if self.attributes:
            data["attributes"] = self.attributes
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ChoiceProblem:
        """Make a problem from plain data.

        Raises
        ------
        FormatError
            If it is none.
        """
        from ..base.checks import table
        from ..errors import FormatError

        optional = ("peaks", "until", "takes", "gives", "attributes", "group_name", "option_name")
        table(
            "the problem",
            data,
            (*optional, "format", "options", "metrics"),
            ("format", "options", "metrics"),
        )
        if data["format"] != FORMAT:
            raise FormatError(f"format must be {FORMAT!r}, got {shown(data['format'])}")
        given = {name: data[name] for name in optional if name in data}
        try:
            return cls(data["options"], data["metrics"], **given)
        except (ArgumentError, ArgumentTypeError, AttributeError, TypeError, ValueError) as error:
            raise FormatError(f"the problem: {error}") from None

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the problem as JSON text, and write it where a path is given."""
        from ..base.checks import json_text

        return json_text(self.to_dict(), path)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> ChoiceProblem:
        """Read a problem from JSON text (it starts with a brace) or from a file of `to_json`."""
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the problem file"))

    def to_frame(self) -> DataFrame:
        """Return the table as a pandas DataFrame, a row for each option, with what spans and states
        there are as "until", "takes" and "gives"."""
        from ..base.extras import require

        pandas = require("to_frame()", "plot", "pandas")
        names = [self.groups[g] for g in self.group_of()]
        columns: dict[str, Any] = {self.group_name: names, self.option_name: self._labels}
        columns.update(self._values)
        data = self.to_dict()
        columns.update(self.attributes)
        columns.update({name: data[name] for name in ("until", "takes", "gives") if name in data})
        frame: DataFrame = pandas.DataFrame(columns)
        return frame


class Numbers(tuple[str, ...]):
    """Names of options that are their numbers: no check is needed."""

    __slots__ = ()


def _table(name: str, given: Any) -> Mapping[Any, Any]:
    if not hasattr(given, "keys") or not hasattr(given, "items"):
        raise ArgumentTypeError(f"{name} must be a table of names, got {shown(given)}")
    return given  # type: ignore[no-any-return]


def _names(name: str, given: Any) -> list[str]:
    if not is_list(given) or len(given) > MOST or not all(map(_is_name, given)):
        raise ArgumentTypeError(f"{name} must be a list of names, got {shown(given)}")
    return list(map(str, given))


def _is_name(one: object) -> bool:
    return type(one) is str or (
        one is not None and not isinstance(one, (bytes, dict)) and not is_list(one)
    )


def _attribute(name: str, given: Any, n: int) -> list[Any]:
    """Return a column of numbers and texts; None where it is missing."""
    if not is_list(given) or len(given) != n:
        length = f"{len(given)} entries" if is_list(given) else shown(given)
        raise ArgumentError(f"attributes: {shown(name)} has {length} for {n} options")
    found: list[Any] = []
    for one in given:
        if one is None or isinstance(one, str):
            found.append(one)
        else:
            found.append(real(f"attributes: {shown(name)}", one))
    return found


def _column(name: str, given: Any, n: int) -> tuple[npt.NDArray[np.float64], float]:
    """Return a column of finite numbers, and how many times the smallest the largest may be."""
    import numpy as np

    if not name or type(name) is not str:
        raise ArgumentTypeError(f"metrics must be named by texts, got {shown(name)}")
    if not is_list(given):
        raise ArgumentTypeError(f"metrics: {shown(name)} must hold {n} numbers, got {shown(given)}")
    if len(given) != n:
        raise ArgumentError(f"metrics: {shown(name)} must have {n} numbers, got {len(given)}")
    try:
        found = np.array(given, dtype=float)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"metrics: {shown(name)} holds something that is no number") from None
    if found.shape != (n,):
        raise ArgumentError(f"metrics: {shown(name)} must have {n} numbers, got {found.shape}")
    low, high = float(np.minimum.reduce(found)), float(np.maximum.reduce(found))
    if low > 0.0 and high < INF:
        return found, high / low
    bad = np.flatnonzero(~np.isfinite(found))
    if bad.size:
        raise ArgumentError(
            f"metrics: {shown(name)} must hold finite numbers, got {found[bad[0]]} at place "
            f"{bad[0]}"
        )
    return found, INF


def _states(name: str, given: Any, n: int) -> list[str | None] | None:
    if given is None:
        return None
    if not is_list(given):
        raise ArgumentTypeError(f"{name} must be a list of states, got {shown(given)}")
    if len(given) != n:
        raise ArgumentError(f"{name} has {len(given)} entries for {n} options")
    if any(is_list(one) for one in given):
        raise ArgumentTypeError(f"{name} must be a list of states, got {shown(given)}")
    return [None if one is None or one == "" or one != one else str(one) for one in given]


def refuse_others(call: str, given: Mapping[str, Any]) -> None:
    """Refuse arguments of a call that are those of a space.

    Raises
    ------
    ArgumentError
        If one is not None.
    """
    for name, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"{name} is of a space, and {call}() of a ChoiceProblem does not take it; it takes "
                "minimize, maximize and where='latency_ms <= 12'"
            )
