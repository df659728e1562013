"""What a search maximises."""

from __future__ import annotations

from ..base.checks import choice, number, shown
from ..base.names import COSTS, MAXIMA, N_METRICS, TERMS, Metric
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor

__all__ = [
    "PLAIN",
    "Objective",
    "as_objective",
    "least_of",
    "limits_of",
    "limits_on",
    "read_budgets",
]

LARGEST = 1.7976931348623157e308  # a product beyond the range of floats is reported as this
INF = float("inf")
# Below what any cost is that is not zero; the core's SHGO takes cubes of cost / budget.
LEAST = 1e-100
# Every prediction is at least this: what predictors take the exponential of ends at 700. So such a
# budget is none.
LEAST_ACCURACY = 9.85967654375977e-305


class Objective(Record):
    """An objective as the core takes it.

    Parameters
    ----------
    exponents : tuple of float, or None
        Of the weighted product, in the order of `TERMS`; None: the score itself.
    shift : int
        The exponents are those asked for times two to this power.
    function : callable or None
        A user's own, scored in batches outside the core.
    compiled : bool or None
        Whether numba may compile the function; None: where that helps.
    """

    exponents: tuple[float, ...] | None = None
    function: Callable[[Any], Any] | None = None
    compiled: bool | None = None
    shift: int = 0

    @property
    def metrics(self) -> tuple[int, ...]:
        """Numbers of the metrics that are compared: all of them where a function does it."""
        if self.function is not None:
            return tuple(range(N_METRICS))
        if self.exponents is None:
            return (Metric.SCORE,)
        return tuple([k for k, exponent in enumerate(self.exponents) if exponent])

    @property
    def of_score(self) -> bool:
        """Whether the score itself is maximised."""
        return self.exponents is None and self.function is None

    def name(self, predicted: bool, quantised: bool = False) -> str:
        """What is maximised, in words; quantised: NN-Degree by the bits that are chosen."""
        if self.function is not None:
            return str(getattr(self.function, "__name__", "function"))
        degree = "quantised nn_degree" if quantised else "nn_degree"
        score = "accuracy" if predicted else degree
        if self.exponents is None:
            return score
        from math import ldexp

        return " * ".join(
            term if e == 1.0 and not self.shift else f"{term}^{ldexp(e, -self.shift):g}"
            for term, e in zip((score, *TERMS[1:]), self.exponents, strict=True)
            if e
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may not have meant: a cost that the objective rewards."""
        if self.exponents is None:
            return ()
        return tuple(
            f"the objective rewards a larger {term} (exponent {e:g}): did you mean {-e:g}?"
            for term, e in zip(TERMS, self.exponents, strict=False)
            if term in COSTS and e > 0.0
        )

    def report(self, value: float, predictor: AccuracyPredictor | None = None) -> float:
        """Return a reported number from the core's (the product is compared by its logarithm)."""
        if self.exponents is None:
            return value if predictor is None else predictor.accuracy_of(value)
        import math

        value = math.ldexp(value, -self.shift)
        return math.exp(value) if value < 709.0 else LARGEST


PLAIN = Objective()


def read_budgets(
    values: Sequence[float | None],
    min_accuracy: Any,
    target: Target,
    scored: bool,
    scorer: str = "predictor",
) -> tuple[dict[str, float], list[float], float]:
    """Return all budgets by name, and as the core has them.

    Parameters
    ----------
    values : sequence of float or None
        The upper ones, in the order of `MAXIMA`.
    min_accuracy : float or None
    target : Target
    scored : bool
        Whether scores are accuracies.
    scorer : str
        What makes them such, for errors.

    Returns
    -------
    tuple of (dict, list of float, float)
        Budgets by name, limits in the core's order, and the least accuracy: -inf where any will do.
    """
    budgets: dict[str, float] = {}
    for name, term, value in zip(MAXIMA, TERMS[Metric.LIMITED], values, strict=True):
        if value is None:
            continue
        limit = number(name, value, above=0)
        if term not in COSTS and limit == limit // 1:  # a count, also where it was given as 2e6
            limit = int(limit)
        budgets[name] = limit
        if term in COSTS and term not in target.metrics:
            raise ArgumentError(
                f"{name} cannot be used: target {target.name!r} does not model {term} "
                f"(it models {', '.join(target.metrics)})"
            )
    least = -INF
    if min_accuracy is not None:
        if not scored:
            raise ArgumentError(
                f"min_accuracy needs a {scorer}: without one the score is NN-Degree, no accuracy"
            )
        budgets["min_accuracy"] = number("min_accuracy", min_accuracy, above=0.0, high=1.0)
        least = least_of(budgets["min_accuracy"])
    return budgets, limits_of(budgets), least


def least_of(min_accuracy: float | None) -> float:
    """Return the least accuracy as the core has it: -inf where any will do."""
    return -INF if min_accuracy is None or min_accuracy <= LEAST_ACCURACY else min_accuracy


def limits_of(budgets: Mapping[str, float], free: str | None = None) -> list[float]:
    """Return upper budgets as limits in the core's order, that of `free` left out."""
    limits = [INF] * N_METRICS
    for k, name in enumerate(MAXIMA, Metric.LATENCY):
        if name in budgets and name != free:
            limits[k] = max(float(budgets[name]), LEAST)
    return limits


def limits_on(limits: Sequence[float]) -> tuple[int, ...]:
    """Return the numbers of the metrics that have a limit."""
    return tuple([k for k, limit in enumerate(limits) if limit < INF])


def as_objective(value: Any, target: Target, compiled: bool | None = None) -> Objective:
    """Return an Objective from what users pass."""
    if compiled is not None and compiled is not True and compiled is not False:
        raise ArgumentTypeError(
            f"compile_objective must be None, True or False, got {shown(compiled)}"
        )
    if compiled is not None and not callable(value):
        raise ArgumentError("compile_objective is for an objective function only")
    if isinstance(value, str):
        choice("objective", value, ("accuracy",), ", a dict of exponents or a function")
        return PLAIN
    if callable(value):
        return Objective(function=value, compiled=compiled)
    try:
        given = dict(value.items())
    except (AttributeError, TypeError, ValueError):
        raise ArgumentTypeError(
            "objective must be 'accuracy', a dict of exponents or a function, "
            f"got {type(value).__name__}"
        ) from None
    exponents: dict[str, float] = dict.fromkeys(TERMS, 0.0)
    for key, exponent in given.items():
        name = choice("objective", key, TERMS)
        exponents[name] = float(number(f"objective[{key!r}]", exponent, -1e6, 1e6))
        if name in COSTS and name not in target.metrics:
            raise ArgumentError(
                f"objective[{key!r}] cannot be used: target {target.name!r} does not model it "
                f"(it models {', '.join(target.metrics)})"
            )
    if not any(exponents.values()):
        raise ArgumentError(f"objective must have an exponent that is not zero, got {shown(given)}")
    top = max(map(abs, exponents.values()))
    if top > 2.0**-10:
        return Objective(tuple(exponents.values()))
    from math import frexp, ldexp  # logarithms of almost 1 would all round to the same

    shift = 1 - frexp(top)[1]
    return Objective(tuple([ldexp(e, shift) for e in exponents.values()]), shift=shift)
