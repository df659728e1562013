"""What a front hands out: its points as search results, its text, its table."""

from __future__ import annotations

from collections.abc import Sequence as Sequences

from ..base.extras import require
from ..base.names import BUDGET_OF, COSTS, TERMS, UNITS
from ..hardware._flags import specified_only
from ..problem.objective import PLAIN, as_objective
from ..results.conflicts import Explanation, Oracle, explain
from ..results.result import PROVEN, SearchResult, no_result, result_at
from ..results.screen import duration, quantity, text
from ..spaces.codec import cell_columns
from ..spaces.index import rows_of
from ..spaces.many import flats_of
from .front import QUANTISED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import numpy as np
    from numpy import ndarray
    from numpy.typing import NDArray
    from pandas import DataFrame

    from ..base.html import Part
    from ..hardware.target import Target
    from ..networks.architecture import Architecture
    from ..problem.objective import Objective
    from ..spaces.space import SearchSpace
    from .front import ParetoFront

__all__ = [
    "Architectures",
    "accelerators_among",
    "best_within",
    "frame",
    "letter_of",
    "nothing_within",
    "parts",
    "result_of",
    "screen",
]

SHOWN = 9  # points on a screen


class Architectures(Sequences["Architecture"]):
    """The networks of a front, each decoded when it is asked for."""

    def __init__(self, space: SearchSpace, x: ndarray[Any, Any]) -> None:
        self._space, self._x = space, x

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return [self[i] for i in range(*key.indices(len(self)))]
        return self._space.decode(tuple(self._x[range(len(self))[key]].tolist()))

    def __repr__(self) -> str:
        return f"<{len(self):,} architectures of a {self._space.family} space>"


def main_goal(front: ParetoFront, taken: Sequences[str] = ()) -> str:
    """Return the objective that the others are budgets for: accuracy where it is free."""
    free = [one for one in front.objectives if one not in taken]
    return "accuracy" if "accuracy" in free else free[0]


def best_within(
    front: ParetoFront, names: Mapping[str, str], budgets: Mapping[str, float], goal: str
) -> int | None:
    """Return the number of the point that a search by `goal` would answer with, or None."""
    import numpy as np

    inside = np.ones(len(front), dtype=bool)
    for budget, name in names.items():
        values = front.values(name)
        limit = budgets[budget]
        inside &= values >= limit if name == "accuracy" else values <= limit
    some = np.flatnonzero(inside)
    if not len(some):
        return None
    keys = [_compared(front, goal)]
    keys += [front.metrics[name] for name in COSTS if name in front.metrics]
    keys.append(-score(front))
    order = np.lexsort([key[some] for key in keys[::-1]])
    return int(some[order[0]])


def score(front: ParetoFront) -> ndarray[Any, Any]:
    """Return what accuracy is compared by."""
    return front.metrics[front.score_name]


def _compared(front: ParetoFront, goal: str) -> ndarray[Any, Any]:
    return -score(front) if goal == "accuracy" else front.metrics[goal]


def result_of(
    front: ParetoFront, i: int, budgets: Mapping[str, float] | None, goal: str | None
) -> SearchResult:
    """Return one point as what a search within these budgets, or its own costs, reports."""
    from math import log

    values = {name: column[i].item() for name, column in front.metrics.items()}
    if goal is None:
        goal = main_goal(front)
    if budgets is None:
        own = {BUDGET_OF[name]: values[name] for name in front.objectives if name != goal}
        budgets = {**front.budgets, **own}
    x = tuple(front.x[i].tolist())
    if front.accelerators is None:
        accelerator, facts = None, front.problem.facts(*rows_of(front.space, x))
        proof = PROVEN
    else:
        from ..codesign.run import PROVEN as proof
        from .codesign import facts_in

        accelerator, facts = front.accelerators[i], facts_in(front, x)
    wanted = PLAIN if goal == "accuracy" else as_objective({goal: -1.0}, front.target)
    if goal != "accuracy":
        value = wanted.report(-log(values[goal]))
    else:
        value = values["accuracy" if front.predicted else front.score_name]
    return result_at(
        front.space,
        front.target,
        budgets,
        x,
        [values.get(name, 0.0) for name in TERMS],
        (front.status, proof if front.exact else f"a point of a front: {front.message}"),
        charged=lambda: target_of(front, i),
        predictor=front._told_by,
        accuracy=values.get("accuracy"),
        objective=value,
        upper_bound=value if front.exact else None,
        objective_name=goal_name(front, wanted),
        proven=front.exact,
        method="pareto",
        nfev=front.weighed,
        elapsed_s=front.elapsed_s,
        stopped=front.stopped,
        accelerator=accelerator,
        where=front.where,
        **facts,
    )


def goal_name(front: ParetoFront, wanted: Objective) -> str:
    """Return what a point is the best by, in words."""
    return wanted.name(front.predicted, quantised=front.score_name == QUANTISED)


def target_of(front: ParetoFront, i: int) -> Target:
    """Return the hardware of a point."""
    if front.chosen is None:
        return front.target
    return front.target.design_space(front.space.family).target_of(tuple(front.chosen[i].tolist()))


class _Points(Oracle):
    """Asks the points of an exact front, which has a best network for every budget on what it
    compares; names: the column of each budget."""

    def __init__(self, front: ParetoFront, names: Mapping[str, str]) -> None:
        super().__init__()
        self.front, self.names = front, names

    def meets(self, budgets: Mapping[str, float]) -> bool:
        return bool(self._within(budgets).any())

    def least(self, name: str, others: Mapping[str, float]) -> float | None:
        inside = self._within({o: v for o, v in others.items() if o != name})
        if not inside.any():
            return None
        values = self.front.values(self.names[name])[inside]
        value: float = (values.max() if name == "min_accuracy" else values.min()).item()
        return value

    def _within(self, budgets: Mapping[str, float]) -> NDArray[np.bool_]:
        import numpy as np

        inside = np.ones(len(self.front), dtype=bool)
        for name, limit in budgets.items():
            values = self.front.values(self.names[name])
            inside &= values >= limit if name == "min_accuracy" else values <= limit
        return inside


def nothing_within(
    front: ParetoFront,
    names: Mapping[str, str],
    given: Mapping[str, float],
    merged: Mapping[str, float],
) -> SearchResult:
    """Return the result of `at` where no point meets the budgets."""

    def why() -> Explanation:
        if front.exact and len(front):
            return explain(_Points(front, names), given)
        return Explanation(merged, dict(front.least or {}), front.conflicts, front.remedies)

    proven = front.exact
    return no_result(
        front.space,
        front.target,
        merged,
        why if proven else None,
        message="no point of the front is within the budgets",
        objective_name=goal_name(front, PLAIN),
        method="pareto",
        nfev=front.weighed,
        elapsed_s=front.elapsed_s,
        stopped=front.stopped,
        where=front.where,
    )


def screen(front: ParetoFront) -> str:
    """Return the text of ``print(front)``."""
    return text(parts(front))


def parts(front: ParetoFront) -> list[Part]:
    """Return what a front shows: lines of text, and tables."""
    title = " against ".join(front.objectives)
    lines: list[Part] = [f"{front.space.family} on {front.target.name}: {title}: {front.status}"]
    n = len(front)
    if n:
        at = sorted({round(k * (n - 1) / (SHOWN - 1)) for k in range(SHOWN)} | {front.knee_index})
        metrics = [one for one in front.metrics if one != "score"]
        more = joint_columns(front, at)
        rows = [["point", *metrics, *more, ""]]
        for number, i in enumerate(at):
            cells = [quantity(front.metrics[one][i].item(), UNITS.get(one, "")) for one in metrics]
            cells += [column[number] for column in more.values()]
            rows.append([str(i), *cells, "knee" if i == front.knee_index else ""])
        lines += ["", (rows, 0, True), "", *accelerator_parts(front, at)]
    lines.append(front.message)
    lines += [f"{name} {value:g}" for name, value in front.budgets.items()]
    lines += [f"where {one}" for one in front.where]
    lines.append(f"{front.weighed:,} sums compared, {duration(front.elapsed_s)}")
    specified = specified_only(front.target, front.space.family)
    if specified is not None:
        lines.append(f"note: {specified}")
    return lines


def joint_columns(front: ParetoFront, at: Sequences[int]) -> dict[str, list[str]]:
    """Return the columns of a screen that say what was chosen beside the networks."""
    if front.accelerators is None:
        return {}
    columns = {"accelerator": [letter_of(front, i) for i in at]}
    bits = [" ".join(map(str, front.accelerators[i]["cell_bits"])) for i in at]
    return {**columns, **({"bits": bits} if any(bits) else {})}


def options_of(front: ParetoFront, at: Any) -> list[tuple[int, ...]]:
    """Return the accelerators of some points, an option's number for each part."""
    chosen: Any = front.chosen
    return list(map(tuple, chosen[at].tolist()))


def accelerators_among(front: ParetoFront) -> tuple[dict[tuple[int, ...], str], ndarray[Any, Any]]:
    """Return a letter for each accelerator, in the order of the points, and each point's number."""
    import numpy as np

    chosen: Any = front.chosen
    _, first, own = np.unique(chosen, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    letters = {one: _letters(k) for k, one in enumerate(options_of(front, first[order]))}
    return letters, place[np.reshape(own, -1)]


def _letters(number: int) -> str:
    """Return A to Z, AA, AB and so on."""
    rest, last = divmod(number, 26)
    return (_letters(rest - 1) if rest else "") + chr(ord("A") + last)


def letter_of(front: ParetoFront, i: int) -> str:
    """Return the letter of a point's accelerator."""
    return front._letters[options_of(front, [i])[0]]


def accelerator_parts(front: ParetoFront, at: Sequences[int]) -> list[Part]:
    """Return the part of a screen that says what the accelerators of its points are."""
    if front.chosen is None:
        return []
    design = front.target.design_space(front.space.family)
    rows: list[list[str]] = []
    shown = {*options_of(front, at)}
    for choice, letter in front._letters.items():
        if choice not in shown:
            continue
        for part, values in design.describe(choice).items():
            rows = rows or [["", "", *values]]
            rows.append([letter, part, *map(str, values.values())])
            letter = ""
    return [(rows, 2, True), ""]


def ends_of(front: ParetoFront) -> dict[str, list[list[float]]]:
    """Return the ends of each point's intervals: what some point has none of is left out."""
    found = [one.intervals or {} for one in front]
    names = [name for name in (found[0] if found else ()) if all(name in one for one in found)]
    return {name: [list(one[name]) for one in found] for name in names}


def frame(front: ParetoFront, intervals: bool) -> DataFrame:
    """Return the points as a pandas DataFrame."""
    pandas = require("to_frame()", "plot", "pandas")
    data: dict[str, Any] = {name: column.copy() for name, column in front.metrics.items()}
    for name, ends in (ends_of(front) if intervals else {}).items():
        data[f"{name}_low"], data[f"{name}_high"] = map(list, zip(*ends, strict=True))
    data["index"] = flats_of(front.space, front.x)
    data |= accelerator_columns(front)
    cells = cell_columns(front.space, front.x)
    bits = front.cell_bits
    if bits is not None and bits.shape[1]:
        for number in range(bits.shape[1]):
            used = [None if column is None else one for column, one in _both(cells, bits, number)]
            cells[f"cell{number}_bits"] = used
    table: DataFrame = pandas.DataFrame({**data, **cells})
    return table


def _both(cells: dict[str, list[Any]], bits: ndarray[Any, Any], number: int) -> Any:
    return zip(cells[f"cell{number}_width"], bits[:, number].tolist(), strict=True)


def accelerator_columns(front: ParetoFront) -> dict[str, list[Any]]:
    """Return what each part of the points' accelerators is, as columns."""
    if front.chosen is None:
        return {}
    design = front.target.design_space(front.space.family)
    letters, own = accelerators_among(front)
    values = [design.describe(one) for one in letters]
    names = dict.fromkeys(
        (part, key) for one in values for part, facts in one.items() for key in facts
    )
    numbers = own.tolist()
    columns = {}
    for part, key in names:
        each = [one.get(part, {}).get(key) for one in values]
        columns[f"{part}_{key}"] = [each[k] for k in numbers]
    return columns
