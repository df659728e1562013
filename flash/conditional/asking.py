"""What is asked of one network, or of several: objectives, budgets and conditions, checked."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter

import numpy as np

from ..base.checks import choice, integer, listener, number, real, shown, watched
from ..base.names import COSTS, LIMITED, STORED, UPPER
from ..base.record import Record, cached
from ..choosing.conditions import COMPARE, Clause, Link, Row, texts_of
from ..errors import ArgumentError, ArgumentTypeError
from ..problem.compiling import MACS, PARAMS, compile_problem
from ..problem.objective import least_of
from ..spaces.index import GLOBALS, digits_of
from .boxes import Answer, Asked
from .confidence import Sure
from .names import NetworkReader, column_of, names_of
from .products import Product, read_product
from .tables import Device, Tables
from .together import Together

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..problem.tiling import Part
    from ..spaces.space import SearchSpace

__all__ = ["Ask", "Limit", "fraction_of", "least_score"]

MOST = 10_000  # networks
BEYOND = Fraction(1 << 100)  # no sum of metrics reaches it, whatever its factors are times
HIGH_DEGREE = 1e30  # no NN-Degree reaches it


class Limit(Record):
    """A condition on metrics: of a budget, or of the text.

    Parameters
    ----------
    name : str
    row : Row
    accuracy : tuple of (str, float), or None
        Of a condition on a predicted accuracy the sign and what it is compared with; its row is on
        the score, and may let a little more in.
    """

    name: str
    row: Row
    accuracy: tuple[str, float] | None = None


class Ask:
    """A search with its conditions, read and checked.

    Parameters
    ----------
    space, target, budgets, predictor
        Checked.
    given : dict
        What `flash.search` was given besides.
    whole : SearchSpace, optional
        The space that `space` is a part of, whose choices conditions name.
    in_parts : bool
        Whether `parts` are searched instead of it.
    """

    def __init__(
        self,
        space: SearchSpace,
        target: Target | Together,
        budgets: Mapping[str, float],
        predictor: AccuracyPredictor | None,
        given: Mapping[str, Any],
        whole: SearchSpace | None = None,
        in_parts: bool = False,
    ) -> None:
        self._read: dict[tuple[int, tuple[str, ...]], Any] = {}
        self.variables = names_of(space if whole is None else whole)
        self.parts: tuple[tuple[Part, Ask], ...] = ()  # of several tiles
        self.space, self.target, self.predictor = space, target, predictor
        self.budgets = dict(budgets)
        self.k = integer("k", given["k"], 1, MOST)
        most = max(1, len(space.variables))  # none, of a space of one network
        self.distance = integer("min_distance", given["min_distance"], 1, most)
        limit, evals = given["time_limit_s"], given["max_evals"]
        self.deadline = inf if limit is None else number("time_limit_s", limit, above=0.0)
        self.evals = None if evals is None else integer("max_evals", evals, 1, 2**62)
        self.spent = 0  # evaluations of a search before this one
        self.callback = listener("callback", given["callback"])
        watched("progress", given["progress"])
        self.method, self.seed = given["method"], given["seed"]
        self.texts = texts_of(given["where"])
        self.parsed: dict[str, list[tuple[str, ast.expr]]] = {}
        self.plain: set[str] = set()  # texts that compare metrics with numbers
        self.products: dict[str, Product] = {}  # of objectives, by the name of their logarithms
        self.devices = dict(target.targets) if isinstance(target, Together) else {"": target}
        self.int8 = next(iter(self.devices.values())).int8  # of all: see `Within.check`
        self.goals = self._goals(given["objective"], given["minimize"])
        self.plan: Any = space.plan() if space.numbering is None else None
        self.limits = [*self._budget_limits(), *self._text_limits()]
        self.where = tuple(self.texts)  # as results tell it
        if given["min_nn_degree"] is not None:
            least = real("min_nn_degree", given["min_nn_degree"], 0.0)
            row = _tamed(Row({"nn_degree": Fraction(1)}, {}, ">=", fraction_of(least)))
            self.limits.append(Limit("min_nn_degree", row))
            self.where = (*self.where, f"nn_degree >= {least!r}")
        self.sure: Sure | None = None
        self.level: float | None = None
        if given["confidence"] is not None:
            self.level = number("confidence", given["confidence"], 0.5, 0.99)
            if not in_parts:
                self.sure = Sure(space, self.devices, self.budgets, self.level)
        some = [text for text in self.texts if text not in self.plain]
        self.choices = [text for text in some if self.reader(text).names_choices()]
        self.on_choices = self._conditions_on_choices()
        self.least_accuracy = least_of(budgets.get("min_accuracy"))
        self.floor = -inf
        if predictor is not None:
            self.floor = least_score(predictor, self.least_accuracy)

    # names

    def suffixed(self, metric: str) -> list[str]:
        """Return the names that a cost has on the devices that model it."""
        return [
            f"{metric}@{name}" if name else metric
            for name, target in self.devices.items()
            if metric in target.metrics
        ]

    @cached
    def metrics(self) -> list[str]:
        """All metrics that conditions may name."""
        costs = [one for metric in COSTS for one in self.suffixed(metric)]
        return [*costs, "params", "macs", "nn_degree", *STORED]

    @cached
    def known(self) -> tuple[str, ...]:
        """What conditions may name beside choices."""
        return ("accuracy", *self.metrics)

    def reader(self, text: str, variant: int | None = None) -> NetworkReader:
        return NetworkReader(
            self.space, self.known, text, self.plan, variant,
            parsed=self.parsed, variables=self.variables,
        )  # fmt: skip

    # objectives

    def _goals(self, objective: Any, minimize: Any) -> list[dict[str, float]]:
        """Return what is maximised, one after another, as sums of metrics."""
        if minimize is not None:
            if not isinstance(objective, str) or objective != "accuracy":
                raise ArgumentError("give one of objective and minimize, and not both")
            some = list(minimize) if isinstance(minimize, (list, tuple)) else [minimize]
            if not some:
                raise ArgumentError("minimize must name at least one metric, got none")
            return [self._least(one) for one in some]
        some = list(objective) if isinstance(objective, (list, tuple)) else [objective]
        if not some:
            raise ArgumentError("objective must hold at least one, got an empty list")
        return [self._goal(one) for one in some]

    def _least(self, name: Any) -> dict[str, float]:
        if isinstance(name, str) and name == "accuracy":
            raise ArgumentError("minimize: accuracy is what objective='accuracy' maximises")
        return {choice("minimize", name, self.metrics): -1.0}

    def _goal(self, given: Any) -> dict[str, float]:
        if isinstance(given, str) and given in ("accuracy", "nn_degree"):
            return {"score" if given == "accuracy" else "nn_degree": 1.0}
        if not isinstance(given, dict) or not given:
            raise ArgumentTypeError(
                "objective with where, k, minimize or several devices must be 'accuracy', "
                "'nn_degree', a weighted product {metric: exponent}, {'sum': {metric: weight}} or "
                f"a list of them (functions go without), got {shown(given)}"
            )
        if set(given) != {"sum"}:
            name = f"product {len(self.products)}"
            self.products[name] = read_product(given, self.metrics, self.predictor is not None)
            return {name: 1.0}
        weights = given["sum"]
        if not isinstance(weights, dict) or not weights:
            raise ArgumentTypeError(f"objective['sum'] must hold metrics, got {shown(weights)}")
        known = ["accuracy", *self.metrics]
        found: dict[str, float] = {}
        for name, weight in weights.items():
            choice("objective['sum']", name, known)
            if name == "accuracy" and self.predictor is not None:
                raise ArgumentError(
                    "objective['sum']: a predicted accuracy is no sum over cells; maximise "
                    "'accuracy' with budgets, or a weighted product"
                )
            own = real(f"objective['sum'][{name!r}]", weight, -1e9, 1e9)
            called = "nn_degree" if name == "accuracy" else name
            found[called] = found.get(called, 0.0) + own
        found = {name: weight for name, weight in found.items() if weight}
        if not found:
            raise ArgumentError("objective['sum']: all weights are 0")
        return found

    # conditions

    def _budget_limits(self) -> list[Limit]:
        found: list[Limit] = []
        for budget in UPPER:
            if budget not in self.budgets:
                continue
            metric = LIMITED[budget]
            names = self.suffixed(metric) if metric in COSTS else [metric]
            limit = fraction_of(self.budgets[budget])
            for name in names:
                row = _tamed(Row({name: Fraction(1)}, {}, "<=", limit))
                found.append(Limit(budget, row))
        return found

    def _text_limits(self) -> list[Limit]:
        found: list[Limit] = []
        for text in self.texts:
            reader = self.reader(text)
            conditions = reader.plain_conditions()
            if conditions is None:
                conditions = reader.conditions()
            else:
                self.plain.add(text)
            for condition in conditions:
                for part in condition.parts:
                    if isinstance(part, Row):
                        found += self._known(text, condition.text, part)
        return found

    def _known(self, text: str, name: str, row: Row) -> list[Limit]:
        """Return a condition on metrics in what the tables have; nothing where it always holds."""
        if row.sign == "!=":
            raise ArgumentError(
                f"where {shown(text)}: sums of metrics are not compared by !=; search once with < "
                "and once with >, and take the better answer"
            )
        if "accuracy" not in row.terms:
            return [Limit(name, _tamed(row))]
        if self.predictor is None:
            raise ArgumentError(
                f"where {shown(text)}: an accuracy needs a predictor; without one there is "
                "nn_degree"
            )
        if len(row.terms) > 1 or row.sign not in (">=", ">") or row.terms["accuracy"] <= 0:
            raise ArgumentError(
                f"where {shown(text)}: a predicted accuracy is no sum over cells; it can be at "
                "least a number: accuracy >= 0.9"
            )
        least = float(row.limit / row.terms["accuracy"])
        score = least_score(self.predictor, least)
        if score == -inf and row.sign == ">=":
            return []
        own = Row({"score": Fraction(1)}, {}, ">=", fraction_of(max(score, -HIGH_DEGREE)))
        return [Limit(name, own, (row.sign, least))]

    def _conditions_on_choices(self) -> list[str]:
        """Return the texts of the conditions that choices decide; all are looked at."""
        return [
            condition.text
            for text in self.choices
            for condition in self.reader(text).conditions()
            if any(isinstance(part, (Clause, Link)) for part in condition.parts)
        ]

    def clauses(
        self, variant: int, names: Collection[str]
    ) -> tuple[list[Clause], list[Link]] | None:
        """Return some conditions on choices for a variant; None where one is never met."""
        key = (variant, tuple(names))
        if key not in self._read:  # they are asked for again and again: by fronts, by k networks
            self._read[key] = self._clauses(variant, names)
        own = self._read[key]
        return None if own is None else (list(own[0]), list(own[1]))

    def _clauses(
        self, variant: int, names: Collection[str]
    ) -> tuple[list[Clause], list[Link]] | None:
        found: list[Clause] = []
        links: list[Link] = []
        for text in self.choices:
            for condition in self.reader(text, variant).conditions():
                if condition.text not in names:
                    continue
                for part in condition.parts:
                    if isinstance(part, Clause):
                        if not part.masks:
                            return None
                        found.append(part)
                    elif isinstance(part, Link):
                        links.append(part)
        return found, links

    def another(self, variant: int, rows: Sequence[int]) -> Clause:
        """Return the condition that some cell is another than an answer's: in what it is, not in
        its choices, of which several may give the same cell."""
        masks = {}
        numbering = self.space.numbering
        if numbering is not None:
            for c, row in enumerate(rows):
                same = numbering.networks_of(variant, c)
                masks[c] = same != same[row]
            return Clause(masks)
        _, _, cells = self.plan[2][variant]
        kinds = ("width", "depth", "skips", "expansion", "kernel")
        for c, row in enumerate(rows):
            columns = [column_of(cells[c], kind) for kind in kinds]
            masks[c] = np.any([one != one[row] for one in columns], axis=0)
        return Clause(masks)

    def fits(self, metrics: Mapping[str, float], limits: Sequence[Limit], floor: bool) -> bool:
        """Whether exact metrics meet conditions on them, and the least accuracy."""
        predictor = self.predictor
        if predictor is None:
            return _meets_all(metrics, limits)
        accuracy = predictor.accuracy_of(metrics["score"])
        if floor and accuracy < self.least_accuracy:
            return False
        for one in limits:
            if one.accuracy is not None and not COMPARE[one.accuracy[0]](accuracy, one.accuracy[1]):
                return False
        return _meets_all(metrics, limits)

    # solving

    def tables(self) -> Tables:
        """Compile the space on all devices."""
        counts = PARAMS | MACS
        devices: list[Device] = []
        for i, (name, target) in enumerate(self.devices.items()):
            if i == 0:
                problem = compile_problem(self.space, target, self.predictor, counts)
            else:  # what does not depend on the device is there once
                problem = compile_problem(self.space, target, None, scored=False)
            devices.append(Device(i, f"@{name}" if name else "", problem))
        scored = devices[0]
        degrees = scored
        if not scored.problem.of_degrees:
            degrees = Device(len(devices), "", scored.problem.plain)
        tables = Tables(devices, scored, degrees, self.predictor, self.products, self.int8)
        named = {name for one in self.limits for name in one.row.terms}
        named |= {name for goal in self.goals for name in goal}
        named |= {name for one in self.products.values() for name, _ in one.powers}
        tables.remembers = "memory_kib" in named
        return tables

    def question(
        self,
        limits: Sequence[Limit],
        goal: dict[str, float],
        names: Collection[str] | None = None,
        floor: bool = True,
        found: Sequence[Answer] = (),
    ) -> Asked:
        """Return what the solver is asked.

        Parameters
        ----------
        limits : sequence of Limit
        goal : dict
        names : collection of str, optional
            The conditions on choices; all of them by default.
        floor : bool
            Whether the least accuracy counts.
        found : sequence of Answer
            Networks that are not to be found again.
        """
        some = self.on_choices if names is None else names

        def clauses(variant: int) -> tuple[list[Clause], list[Link]] | None:
            own = self.clauses(variant, some)
            if own is None:
                return None
            near = [one for one in found if one.variant == variant]
            sizes = self.space_rows(variant) if near else []
            for one in near:
                rows = [row % size for row, size in zip(one.rows, sizes, strict=True)]
                own[0].append(self.another(variant, rows))
            return own

        return Asked(
            tuple(one.row for one in limits),
            clauses,
            goal,
            self.floor if floor else -inf,
            lambda metrics: self.fits(metrics, limits, floor),
        )

    def space_rows(self, variant: int) -> list[int]:
        """Return how many rows each cell of a variant has in the space itself."""
        if self.space.numbering is not None:
            return [cell.rows for cell in self.space.numbering.layouts[variant].cells]
        _, count, _ = digits_of(variant, self.space.lengths[:GLOBALS])
        cells = int(self.space.cells[count])
        return [
            int(np.prod([len(one) for one in own], dtype=object))
            for own in self.space.cell_choices[:cells]
        ]

    # what is told

    @property
    def objective_name(self) -> str:
        """What is maximised, in words."""
        return ", then ".join(self._told(goal) for goal in self.goals)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may not have meant."""
        some = [
            self.products[name] for goal in self.goals for name in goal if name in self.products
        ]
        return tuple(note for one in some for note in one.notes)

    def _told(self, goal: Mapping[str, float]) -> str:
        text = ""
        for name, factor in goal.items():
            called = name
            if name in self.products:
                return self.products[name].told(self.predictor is not None)
            if name == "score":
                called = "nn_degree" if self.predictor is None else "accuracy"
            own = called if abs(factor) == 1.0 else f"{abs(factor):g} * {called}"
            if not text:
                text = own if factor > 0 else f"-{own}"
            else:
                text += f" + {own}" if factor > 0 else f" - {own}"
        return text

    def report(self, value: float) -> float:
        """Return an objective as it is told."""
        if "score" in self.goals[0] and self.predictor is not None:
            return self.predictor.accuracy_of(value)
        for name in self.goals[0]:
            if name in self.products:
                return self.products[name].report(value)
        return value


def _meets_all(metrics: Mapping[str, float], limits: Sequence[Limit]) -> bool:
    return all(
        COMPARE[one.row.sign](_sum(metrics, one.row.terms), one.row.limit)
        for one in limits
        if one.accuracy is None
    )


def _sum(metrics: Mapping[str, float], terms: Mapping[str, Fraction]) -> Fraction | int:
    if len(terms) == 1:
        ((name, factor),) = terms.items()
        own = Fraction(metrics[name])
        return own if _is_one(factor) else factor * own
    return sum(factor * Fraction(metrics[name]) for name, factor in terms.items())


def _tamed(row: Row) -> Row:
    """Return a condition whose limit is no larger than it has to be: no sum comes near it."""
    if row.limit.numerator.bit_length() <= 100 and all(map(_is_one, row.terms.values())):
        return row
    most = BEYOND * max(map(abs, row.terms.values()))
    return row.replace(limit=max(-most, min(most, row.limit)))


def _is_one(factor: Fraction) -> bool:
    return factor.numerator == 1 and factor.denominator == 1


def fraction_of(value: float) -> Fraction:
    """Return a limit as the float64 that it is: metrics are float64, and compared as such."""
    return Fraction(value)


def least_score(predictor: AccuracyPredictor, accuracy: float) -> float:
    """Return a score below which no accuracy reaches the one asked for."""
    if accuracy == -inf:
        return -inf
    linear = predictor.topology is not None
    low, high = (-745.0, 745.0) if linear else (1e-30, HIGH_DEGREE)
    if predictor.accuracy_of(low) >= accuracy:
        return -inf
    if predictor.accuracy_of(high) < accuracy:
        return high
    while True:  # falls short at low, and not at high
        middle = 0.5 * (low + high) if linear else (low**0.5) * (high**0.5)
        if not low < middle < high:
            return nextafter(low, -inf)
        if predictor.accuracy_of(middle) < accuracy:
            low = middle
        else:
            high = middle
