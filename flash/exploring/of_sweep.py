"""A sweep's folder, explored: the best of its rows within budgets, and what they trade off."""

from __future__ import annotations

import os

from ..base.checks import parse_json
from ..base.extras import need_pyarrow
from ..base.names import BUDGET_OF, COSTS, COUNTS, LABELS, MAXIMA, TERMS, UNITS, Metric
from ..errors import ArgumentError, FormatError
from ..hardware.target import Target
from ..predictors.predictor import AccuracyPredictor
from ..problem.compiling import compile_any
from ..results.result import no_result, result_at
from ..results.screen import count
from ..spaces.index import row_at, rows_of
from ..spaces.space import SearchSpace
from ..sweeps.store import read_manifest
from .cloud import Kept
from .exporting import csv_of
from .of_result import answer_of, called, changed, cost_of, explained_of, text_of
from .shown import Answer, Change, Explained, File, FrontView, Goal, Slider
from .source import REFUSED, Source, said
from .state import State, written
from .views import texts_of, thinned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy import ndarray

    from ..hardware.costing import Cost
    from ..results.result import SearchResult

__all__ = ["SweepSource"]

MOST_ROWS = 10_000_000  # that are held in memory
SHOWN = 800  # points of a front, and as many of the other rows
KEPT = 16
PART = "part of it: the sweep is not complete"
EXPORTS = (
    ("json", "the best row as JSON"),
    ("onnx", "its network as ONNX"),
    ("torch", "its network as code that needs torch alone"),
    ("front-table", "the rows that no other betters, as a table (CSV)"),
)


class SweepSource(Source):
    """The rows of `flash.sweep` with `out`.

    Parameters
    ----------
    folder : path
    start : State, optional
    """

    kind = "sweep"

    def __init__(self, folder: Any, *, start: State | None = None) -> None:
        self._folder = os.fspath(folder)
        manifest = read_manifest(self._folder)
        plan = self._plan = manifest["plan"]
        try:
            self.space: Any = SearchSpace.from_dict(plan["space"])
            self._on = Target.from_dict(plan["target"])
            told = plan["predictor"]
            self.predictor: AccuracyPredictor | None = None
            if told is not None:
                data = parse_json(told, "the sweep's predictor")
                self.predictor = AccuracyPredictor.from_dict(data, "the sweep's predictor")
        except (KeyError, TypeError) as error:
            raise FormatError(
                f"{self._folder}: the plan of its manifest is damaged: {error}"
            ) from None
        self._complete = bool(manifest["complete"])
        self._columns = _read(self._folder, [one["file"] for one in manifest["parts"]])
        family, target = self.space.family, self._on.name
        super().__init__(
            f"a sweep of {family} on {target}", f"sweep~{family}~{target}~{plan['sample']}"
        )
        self.targets = (target,)
        self.rows = len(self._columns["index"])
        self._score = "accuracy" if self.predictor is not None else "nn_degree"
        names = [one for one in (*COSTS, *COUNTS) if one in self._columns]
        self.goals = (
            Goal(
                "accuracy",
                "accuracy" if self.predictor is not None else "NN-Degree",
                "",
                True,
                self.targets,
            ),
            *[Goal(one, LABELS[one], UNITS.get(one, ""), False, self.targets) for one in names],
        )
        if self.rows:
            self.sliders = tuple([self._slider(one) for one in names])
            if self.predictor is not None:
                self.sliders += (self._slider("accuracy"),)
        self.exports = EXPORTS
        looked = "all" if plan["sample"] is None else f"a sample of {plan['sample']:,}"
        self.facts = (
            ("sweep", f"{self.rows:,} rows in {self._folder}"),
            ("looked at", looked + ("" if self._complete else f", {PART}")),
            ("space", f"{family}, {count(self.space.size)} networks"),
            (target, self._on.description),
            ("made within", ", ".join(self._made_within()) or "no budgets"),
        )
        self._kept = Kept(KEPT)
        given = State() if start is None else start
        self.start, wrong = self.checked(given.replace(source=self.key))
        if wrong:
            raise ArgumentError("; ".join(wrong))

    def _budgets_of_plan(self) -> dict[str, float]:
        plan = self._plan
        limits = dict(zip(MAXIMA, plan["limits"][Metric.LIMITED], strict=True))
        limits["min_accuracy"] = plan["min_accuracy"]
        limits["max_memory_kib"] = plan.get("memory_kib")
        limits["max_weights_kib"] = plan.get("weights_kib")
        return {name: value for name, value in limits.items() if value is not None}

    def _made_within(self) -> list[str]:
        told = [
            f"{called(name)} {text_of(name[len('max_') :], value)}"
            for name, value in self._budgets_of_plan().items()
        ]
        return told + ([self._plan["where"]] if self._plan["where"] else [])

    def _slider(self, name: str) -> Slider:
        column = self._columns[name]
        low, high = column.min().item(), column.max().item()
        return Slider(
            BUDGET_OF[name],
            name,
            LABELS[name],
            UNITS.get(name, ""),
            low,
            high,
            log=low > 0 and name != "accuracy",
            greatest=name != "accuracy",
            whole=name in COUNTS,
            targets=self.targets,
        )

    # Questions

    def _within(self, budgets: Mapping[str, float]) -> ndarray[Any, Any]:
        import numpy as np

        inside = np.ones(self.rows, dtype=bool)
        for name, limit in budgets.items():
            column = self._columns[name[len("max_") :]]
            inside &= column >= limit if name.startswith("min_") else column <= limit
        return inside

    def best(self, budgets: Mapping[str, float]) -> int | None:
        """Return the number of the best row within budgets: the greatest accuracy or NN-Degree,
        then the least latency, energy and area, then the smallest index."""
        import numpy as np

        some = np.flatnonzero(self._within(budgets))
        if not len(some):
            return None
        score = self._columns[self._score][some]
        some = some[score == score.max()]
        keys = [self._columns[one][some] for one in (*COSTS, "index") if one in self._columns]
        return int(some[np.lexsort(keys[::-1])[0]])

    def at(self, state: State) -> SearchResult[Any]:
        """Return the best row within a state's budgets, as a result."""
        budgets = state.budgets_on(self.targets[0])
        found: SearchResult[Any] = self._kept.get(
            ("row", repr(budgets)), lambda: self._result(budgets)
        )
        return found

    @property
    def _every(self) -> bool:
        """Whether its rows are all networks of the space within its budgets."""
        plan = self._plan
        return self._complete and plan["sample"] is None and plan["where"] is None

    def _result(self, budgets: Mapping[str, float]) -> SearchResult[Any]:
        place = self.best(budgets)
        merged = self._budgets_of_plan()
        for name, value in budgets.items():
            tighter = max if name.startswith("min_") else min
            merged[name] = tighter(value, merged[name]) if name in merged else value
        more: dict[str, Any] = {"objective_name": self._score, "method": "sweep", "nfev": self.rows}
        rows = f"{self.rows:,} rows"
        if place is None:
            told = (
                f"proven: of {rows}, which are all within the sweep's budgets, none is within these"
            )
            return no_result(
                self.space,
                self._on,
                merged,
                told if self._every else None,
                message=f"none of {rows} is within the budgets",
                **more,
            )
        row = row_at(self.space, int(self._columns["index"][place]))
        values = {name: one[place].item() for name, one in self._columns.items() if name in TERMS}
        accuracy = values.get("accuracy")
        problem = self._kept.get("problem", lambda: compile_any(self.space, self._on, None))
        facts = problem.facts(*rows_of(self.space, row))
        value = facts["nn_degree"] if accuracy is None else accuracy
        said_ = ("OPTIMAL", f"proven: the best of {rows}, which are all")
        if not self._every:
            said_ = ("FEASIBLE", f"the best of {rows}, which are not all networks")
        return result_at(
            self.space,
            self._on,
            merged,
            tuple(row),
            [values.get(name, 0.0) for name in TERMS],
            said_,
            predictor=self.predictor,
            accuracy=accuracy,
            objective=value,
            upper_bound=value if self._every else None,
            proven=self._every,
            **more,
            **facts,
        )

    def _answer(self, state: State, target: str, request: int) -> Answer:
        try:
            result = self.at(state)
            answer = answer_of(result, state, target, self.title, request)
            if not self._every:
                return answer.replace(
                    headline=answer.headline if answer.found else "No row is within the budgets",
                    proof=f"not proven: {result.message}",
                )
            return answer
        except REFUSED as error:
            return Answer(target, self.title, state, request, error=said(error))

    def _explained(self, state: State, target: str, request: int) -> Explained:
        try:
            result = self.at(state)
            found = explained_of(result, state, target, request)
            if result.x is not None:
                return found
            return found.replace(changes=tuple(self._changes(state, target)))
        except REFUSED as error:
            return Explained(target, request, message=said(error))

    def _cost(self, state: State, target: str) -> Cost | None:
        try:
            return cost_of(self.at(state), self._on)
        except REFUSED:
            return None

    def _changes(self, state: State, target: str) -> list[Change]:
        """Return changes of single budgets with which some row is within all."""
        budgets, found = state.budgets_on(target), []
        for name in budgets:
            others = self._within({k: v for k, v in budgets.items() if k != name})
            if others.any():
                metric = name[len("max_") :]
                column = self._columns[metric][others]
                value = (column.max() if name.startswith("min_") else column.min()).item()
                text = f"{called(name)} {text_of(metric, value)}"
                found.append(Change(text, changed(state, {name: value}, target)))
        return found

    def places(self, state: State) -> ndarray[Any, Any]:
        """Return the numbers of the rows that no other betters, within a state's budgets on what is
        no objective."""
        import numpy as np

        from .skyline import best_of

        goals = self._goals(state, self.targets[0])
        budgets = self._parted(state.budgets_on(self.targets[0]), goals)[0]

        def make() -> Any:
            some = np.flatnonzero(self._within(budgets))
            return some[best_of([self._key(one)[some] for one in goals])]

        found: ndarray[Any, Any] = self._kept.get(
            ("front", repr(budgets), tuple(one.name for one in goals)), make
        )
        return found

    def _key(self, goal: Goal) -> Any:
        return -self._columns[self._score] if goal.name == "accuracy" else self._columns[goal.name]

    def _value(self, goal: Goal) -> Any:
        return self._columns[self._score if goal.name == "accuracy" else goal.name]

    def front(self, state: State, request: int = 0) -> FrontView:
        import numpy as np

        target = self.targets[0]
        goals = self._goals(state, target)
        try:
            budgets = state.budgets_on(target)
            others, limits = self._parted(budgets, goals)
            best = self.places(state)
            inside = np.flatnonzero(self._within(others))
            columns = [self._value(one) for one in goals]
            some = best[thinned([one[best] for one in columns], len(best))]
            around = inside[thinned([one[inside] for one in columns], len(inside))]
            place = self.best(budgets)
        except REFUSED as error:
            return FrontView(target, state, request, goals, error=said(error))
        here = None
        if place is not None:
            here = {one.name: self._value(one)[place].item() for one in goals}
        n = len(inside)
        message = f"{n:,} of {self.rows:,} rows are within the budgets"
        if n:
            message += f", {len(best):,} of them bettered by none"
        if len(some) < len(best) or len(around) < n:
            message += f"; {len(some):,} of these and {len(around):,} of all are drawn"
        if not self._every:
            message += "; not all networks of the space"
        return FrontView(
            target,
            state,
            request,
            goals,
            columns=_of(goals, columns, some),
            places=tuple(some.tolist()),
            texts=tuple(self._texts(some)),
            total=len(best),
            exact=self._every,
            message=message,
            here=here,
            limits=limits,
            cloud=_of(goals, columns, around),
            cloud_total=n,
        )

    def _texts(self, some: Any) -> list[str]:
        import numpy as np

        if not len(some):
            return []
        x = np.array([row_at(self.space, int(i)) for i in self._columns["index"][some].tolist()])
        told = {name: one[some] for name, one in self._columns.items() if name != "index"}
        return texts_of(self.space, x, told)

    def go(self, state: State, place: int) -> State:
        if not 0 <= place < self.rows:
            raise ArgumentError(f"the sweep has {self.rows:,} rows, and none of number {place}")
        values: dict[str, float | None] = {one.keyword: None for one in self.sliders}
        for name in (*COSTS, *COUNTS):
            if name in self._columns:
                values[BUDGET_OF[name]] = self._columns[name][place].item()
        return state.with_budgets(values)

    # Files and commands

    def _export(self, state: State, what: str) -> File:
        stem = f"{self.space.family}-{self.targets[0]}"
        if what == "front-table":
            some = self.places(state)
            columns = {name: one[some].tolist() for name, one in self._columns.items()}
            rows = list(zip(*columns.values(), strict=True))
            return File(f"{stem}-rows.csv", "text/csv", csv_of(list(columns), rows))
        from .exporting import file_of

        return file_of(what, stem, lambda: self.at(state), _no_front)

    def python(self, state: State) -> str:
        budgets = state.budgets_on(self.targets[0])
        masks = [
            f"rows[{name[len('max_') :]!r}] "
            f"{'>=' if name.startswith('min_') else '<='} {written(value)}"
            for name, value in budgets.items()
        ]
        keep = f"[{' & '.join(f'({one})' for one in masks)}]" if masks else ""
        costs = [one for one in (*COSTS, "index") if one in self._columns]
        ups = [False, *[True] * len(costs)]
        return (
            f"import pandas\n\nrows = pandas.read_parquet({self._folder!r})\n"
            f"rows{keep}.sort_values({[self._score, *costs]!r}, ascending={ups!r}).head(1)"
        )

    def front_python(self, state: State) -> str:
        return f"import pandas\n\nrows = pandas.read_parquet({self._folder!r})"

    def _wrong_budget(self, keyword: str, value: float) -> str:
        return "" if value > 0 else f"{keyword} must be above 0, got {value!r}"


def _no_front() -> Any:
    raise ArgumentError("a sweep has no front to write; front-table has its rows")


def _of(goals: Sequence[Goal], columns: Sequence[Any], some: Any) -> dict[str, tuple[float, ...]]:
    return {
        one.name: tuple(column[some].tolist()) for one, column in zip(goals, columns, strict=True)
    }


def _read(folder: str, parts: Sequence[str]) -> dict[str, Any]:
    """Return the columns of a sweep's parts as arrays."""
    import numpy as np

    parquet = need_pyarrow()
    names = parts or sorted(one for one in os.listdir(folder) if one.endswith(".parquet"))
    if not names:
        raise ArgumentError(f"{folder!r} holds no rows: the sweep has finished no part yet")
    files = [parquet.ParquetFile(os.path.join(folder, one)) for one in names]
    rows = sum(one.metadata.num_rows for one in files)
    if rows > MOST_ROWS:
        raise ArgumentError(
            f"{folder!r} holds {rows:,} rows, and at most {MOST_ROWS:,} are explored: sweep a "
            "sample (sample=N), or within budgets"
        )
    columns: dict[str, list[Any]] = {name: [] for name in files[0].schema_arrow.names}
    for file in files:
        read = file.read()
        for name, own in columns.items():
            own += [_array(chunk) for chunk in read.column(name).chunks]
    return {name: np.concatenate(some) if some else np.zeros(0) for name, some in columns.items()}


def _array(chunk: Any) -> Any:
    """Return a part of a column; indices beyond 64 bits stand as text."""
    import numpy as np

    if str(chunk.type) == "string":
        return np.array([int(one) for one in chunk.to_pylist()], dtype=object)
    return chunk.to_numpy(zero_copy_only=False)
