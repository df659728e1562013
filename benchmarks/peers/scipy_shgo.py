"""scipy.optimize.shgo, which knows no integers: users round inside the objective.

The function of one point is compiled by numba, since shgo calls it point by point. Local minimisers
that need slopes see none on a rounded function; so beside rounding there are settings on tables
interpolated between the choices, whose answer is then rounded to the best feasible corner.
Constraints go in as shgo's own (inequality functions); it leaves out vertices that break them.
"""

from __future__ import annotations

import itertools
from time import perf_counter
from typing import TYPE_CHECKING

import numba
import numpy as np
from scipy.optimize import shgo

from benchmarks.common.timing import Stop, Trace
from benchmarks.twins.links import COSTS, PEAK, SCALE, SCORE, costs

from .outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .problem import PeerProblem

NAME = "scipy shgo"


def _rounded(
    problem: PeerProblem, n: int, sampling: str, minimizer: str, each: bool = False
) -> Any:
    """shgo over all choices, or one call for each width multiplier; rounds in the function."""

    def setup(trace: Trace) -> Callable[[], Any]:
        out = np.zeros(4)
        evaluate = problem.one
        last: list[bytes] = [b""]
        fixed: list[float] = []  # the width multiplier, where each has its own call

        def look(x: Any) -> Any:
            if fixed:
                x = np.concatenate((fixed, x))
            key = x.tobytes()
            if key != last[0]:  # objective and constraints are asked for the same point in turn
                last[0] = key
                evaluate(x, out)
                feasible = out[1] <= 0.0 and out[2] <= 0.0 and out[3] <= 0.0
                trace.offer(out[0] if feasible else -np.inf)
                if trace.done:
                    raise Stop
            return out

        def objective(x: Any) -> float:
            return float(-look(x)[0])

        def slack(x: Any) -> Any:
            return -look(x)[1:]

        def penalised(x: Any) -> float:
            value = look(x)
            return float(-value[0] * (1.0 - 2.0 * max(0.0, value[1], value[2], value[3])))

        options: dict[str, Any] = {"n": n, "sampling_method": sampling}
        constrained = minimizer in ("SLSQP", "COBYLA", "COBYQA")
        options["minimizer_kwargs"] = {"method": minimizer}
        if constrained:
            options["constraints"] = [{"type": "ineq", "fun": slack}]
            if minimizer == "COBYLA":
                options["minimizer_kwargs"]["options"] = {"rhobeg": 4.0, "maxiter": 300}
        function = objective if constrained else penalised

        def run() -> None:
            for variant in range(problem.lengths[0]) if each else (None,):
                fixed[:] = [] if variant is None else [variant]
                shgo(function, problem.bounds[len(fixed) :], **options)

        return run

    return setup


def _smooth(problem: PeerProblem, n: int, iters: int, sampling: str) -> Any:
    """shgo with SLSQP on interpolated tables, one call per width multiplier, answers rounded."""

    def setup(trace: Trace) -> Callable[[], Any]:
        smooth, one = _interpolated(problem), problem.one
        out, exact = np.zeros(4), np.zeros(4)
        limits = [high for _, high in problem.bounds[1:]]
        corners = np.array(list(itertools.product((0, 1), repeat=len(limits))), dtype=float)
        last: list[Any] = [b"", 0]

        def look(x: Any, variant: int) -> Any:
            key = (x.tobytes(), variant)
            if key != last[0]:
                last[0] = key
                smooth(x, variant, out)
                trace.offer(-np.inf)
                if trace.done:
                    raise Stop
            return out

        def round_off(x: Any, variant: int) -> None:
            for corner in np.minimum(np.floor(x) + corners, limits):
                one(np.concatenate(([variant], corner)), exact)
                feasible = exact[1] <= 0.0 and exact[2] <= 0.0 and exact[3] <= 0.0
                trace.offer(exact[0] if feasible else -np.inf)

        def run() -> None:
            for variant in range(problem.lengths[0]):
                result = shgo(
                    lambda x, v=variant: float(-look(x, v)[0]),
                    [(0, high) for high in limits],
                    constraints=[{"type": "ineq", "fun": lambda x, v=variant: -look(x, v)[1:]}],
                    n=n,
                    iters=iters,
                    sampling_method=sampling,
                    minimizer_kwargs={"method": "SLSQP"},
                )
                for x in np.atleast_2d(result.xl) if result.success else ():
                    round_off(x, variant)

        return run

    return setup


def _interpolated(problem: PeerProblem) -> Any:
    arguments = (
        problem.columns,
        problem.per_cell,
        problem.known,
        np.where(np.isinf(problem.maximum), 1e300, problem.maximum),
    )
    return lambda x, variant, out: _evaluate_smooth(x, variant, out, *arguments)


@numba.njit(cache=True)
def _evaluate_smooth(x, variant, out, columns, per_cell, known, maximum):  # type: ignore[no-untyped-def]
    """Bilinear in a cell's depth and cap, linear between the classes' bounds."""
    quantum, bounds, classes, numbers = known
    total = np.zeros(COSTS)
    for cell in range(per_cell.shape[0]):
        n = per_cell[cell, 1]
        d = min(max(x[2 * cell], 0.0), per_cell[cell, 0] - 1.0)
        t = min(max(x[2 * cell + 1], 0.0), n - 1.0)
        i, j = min(int(d), per_cell[cell, 0] - 2), min(int(t), n - 2)
        u, w = d - i, t - j
        row = i * n + j
        for k in range(COSTS):
            one = columns[k, variant, cell]
            value = (1 - u) * ((1 - w) * one[row] + w * one[row + 1]) + u * (
                (1 - w) * one[row + n] + w * one[row + n + 1]
            )
            total[k] = max(total[k], value) if k == PEAK else total[k] + value
    g = np.searchsorted(bounds, total[SCALE])
    share = 1.0
    if 0 < g < len(bounds) - 1:
        share = (total[SCALE] - bounds[g - 1]) / (bounds[g] - bounds[g - 1])
    before, own = classes[max(g - 1, 0)], classes[g]
    latency, energy, area = costs(total, before + share * (own - before), quantum, numbers)
    out[0] = quantum[0] * total[SCORE]
    out[1] = latency / maximum[0] - 1.0
    out[2] = energy / maximum[1] - 1.0
    out[3] = area / maximum[2] - 1.0


SETTINGS = {
    "n=100, SLSQP, rounded": lambda p: _rounded(p, 100, "simplicial", "SLSQP"),
    "n=200, COBYLA, rounded": lambda p: _rounded(p, 200, "simplicial", "COBYLA"),
    "n=1000, COBYLA, rounded": lambda p: _rounded(p, 1000, "simplicial", "COBYLA"),
    "n=200, Nelder-Mead, penalty": lambda p: _rounded(p, 200, "simplicial", "Nelder-Mead"),
    "n=200, Powell, penalty": lambda p: _rounded(p, 200, "simplicial", "Powell"),
    "n=1000, Powell, penalty": lambda p: _rounded(p, 1000, "simplicial", "Powell"),
    "n=200, COBYLA, rounded, by width": lambda p: _rounded(p, 200, "simplicial", "COBYLA", True),
    "n=200, Powell, penalty, by width": lambda p: _rounded(p, 200, "simplicial", "Powell", True),
    "sobol n=32, COBYLA, rounded": lambda p: _rounded(p, 32, "sobol", "COBYLA"),
    "n=70, SLSQP, interpolated": lambda p: _smooth(p, 70, 1, "simplicial"),
    "n=100, SLSQP, interpolated": lambda p: _smooth(p, 100, 1, "simplicial"),
    "n=300, SLSQP, interpolated": lambda p: _smooth(p, 300, 1, "simplicial"),
    "n=1000, SLSQP, interpolated": lambda p: _smooth(p, 1000, 1, "simplicial"),
    "n=100 iters=3, SLSQP, interpolated": lambda p: _smooth(p, 100, 3, "simplicial"),
    "sobol n=64, SLSQP, interpolated": lambda p: _smooth(p, 64, 1, "sobol"),
}


def solve(problem: PeerProblem, setting: str, limit_s: float, **_: Any) -> Outcome:
    """Run one setting once."""
    setup = SETTINGS[setting](problem)
    trace = Trace(limit_s)
    run = setup(trace)
    finished = True
    trace.start = start = perf_counter()
    try:
        run()
    except Stop:
        finished = False
    seconds = perf_counter() - start
    return Outcome(seconds, trace.best, trace.points, finished, trace.evaluations)
