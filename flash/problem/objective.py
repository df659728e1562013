"""What a search maximises."""

from __future__ import annotations

from ..base.checks import choice, number, shown
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor

__all__ = ["BUDGETS", "TERMS", "Objective", "as_objective", "read_budgets"]

BUDGETS = ("max_latency_ms", "max_energy_mj", "max_area_mm2", "max_params", "max_macs")

TERMS = ("accuracy", "latency_ms", "energy_mj", "area_mm2", "params", "macs")
LARGEST = 1.7976931348623157e308  # a product beyond the range of floats is reported as this
# Below what any cost is that is not zero; the core's SHGO takes cubes of cost / budget.
LEAST = 1e-100


class Objective(Record):
    """An objective as the core takes it.

    Parameters
    ----------
    exponents : tuple of 6 floats, or None
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

    def uses(self, term: int) -> bool:
        """Whether the weighted product has this term."""
        return self.exponents is not None and self.exponents[term] != 0.0

    def name(self, predicted: bool) -> str:
        """What is maximised, in words."""
        if self.function is not None:
            return str(getattr(self.function, "__name__", "function"))
        score = "accuracy" if predicted else "nn_degree"
        if self.exponents is None:
            return score
        from math import ldexp

        return " * ".join(
            term if e == 1.0 and not self.shift else f"{term}^{ldexp(e, -self.shift):g}"
            for term, e in zip((score, *TERMS[1:]), self.exponents, strict=True)
            if e
        )

    def report(
        self, value: float, predictor: AccuracyPredictor | None = None, degree: float | None = None
    ) -> float:
        """Return a reported number from the core's (the product is compared by its logarithm)."""
        if self.exponents is None:
            return value if predictor is None else predictor.accuracy_of(value)
        import math

        value = math.ldexp(value, -self.shift)
        return math.exp(value) if value < 709.0 else LARGEST


PLAIN = Objective()


def read_budgets(
    values: Sequence[float | None], target: Target
) -> tuple[dict[str, float], list[float]]:
    """Return the upper budgets by name, and as six limits in the core's order."""
    budgets: dict[str, float] = {}
    limits = [float("inf")] * 6
    for k, (name, value) in enumerate(zip(BUDGETS, values, strict=True), 1):
        if value is None:
            continue
        limit = number(name, value, above=0)
        limits[k] = max(float(limit), LEAST)
        if k > 3 and limit == limit // 1:  # a count, also where it was given as 2e6
            limit = int(limit)
        budgets[name] = limit
        if k <= 3 and name[4:] not in target.metrics:
            raise ArgumentError(
                f"{name} cannot be used: target {target.name!r} does not model {name[4:]} "
                f"(it models {', '.join(target.metrics)})"
            )
    return budgets, limits


def as_objective(
    value: Any, target: Target, predictor: AccuracyPredictor | None, compiled: bool | None = None
) -> Objective:
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
        if name.endswith(("_ms", "_mj", "_mm2")) and name not in target.metrics:
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
