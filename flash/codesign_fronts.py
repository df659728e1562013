"""The exact trade-off between score and latency over networks, bits and accelerators."""

from __future__ import annotations

from time import perf_counter

from ._core.exact import Query
from ._core.front import Front
from ._record import Record
from .codesigning import Codesign
from .errors import ArgumentError
from .hardware import as_target
from .predictor import as_predictor
from .problem import MACS, PARAMS, as_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["CodesignFront", "codesign_front"]

INF = float("inf")


class CodesignFront(Record):
    """What `codesign_front` found.

    Parameters
    ----------
    scores, latency_ms : tuple of float
        Of the points, fastest first: the core's score (NN-Degree, or what a predictor makes an
        accuracy of), and milliseconds.
    accelerators : tuple of tuple of int
        An option's number for each part of the design space.
    complete : bool
        Whether every accelerator was looked at.
    elapsed_s : float
    """

    scores: tuple[float, ...]
    latency_ms: tuple[float, ...]
    accelerators: tuple[tuple[int, ...], ...]
    complete: bool
    elapsed_s: float

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        return f"CodesignFront({len(self)} points, complete={self.complete})"


def codesign_front(
    space: Any, target: Any, *, predictor: Any = None, time_limit_s: float | None = None
) -> CodesignFront:
    """Find every trade-off between score and latency that no network on any accelerator betters.

    The exact front of each accelerator that may be best at something, joined.

    Parameters
    ----------
    space, target, predictor
        As for `flash.search`.
    time_limit_s : float, optional
        Accelerators that it leaves no time for are left out; the front is then not `complete`.

    Raises
    ------
    ArgumentError
        If the target has no design space, or one of several parts: too many accelerators.
    """
    started = perf_counter()
    space, target = as_space(space), as_target(target)
    predictor = as_predictor(predictor, space.family)
    design = target.design_space(space.family)
    if len(design.parts) > 1:
        raise ArgumentError(
            f"target {target.name!r} has a design space of {len(design.parts)} parts for "
            f"{space.family}: fronts are made of spaces of one part"
        )
    query = Query([INF] * 6)
    columns = 1 | target.columns(space.family)
    if predictor is not None and predictor.terms is not None:
        columns |= PARAMS | MACS
    run = Codesign(space, design, predictor, query, columns)
    points: list[tuple[float, float, tuple[int, ...]]] = []
    complete = True
    for option in design.pruned[0]:
        left = INF if time_limit_s is None else time_limit_s - (perf_counter() - started)
        if left <= 0.0:
            complete = False
            break
        core = Front(run.compile([(option,)]), query, [0, 1], time_limit_s=left)
        core.run()
        complete = complete and core.stopped == 0
        values = memoryview(core.points[2]).cast("d")
        points += [
            (values[k + 1], -values[k], (option,)) for k in range(0, len(values), 6)
        ]  # fmt: skip
    points.sort()
    kept: list[tuple[float, float, tuple[int, ...]]] = []
    for one in points:
        if not kept or one[1] < kept[-1][1]:
            kept.append(one)
    return CodesignFront(
        tuple(-one[1] for one in kept),
        tuple(one[0] for one in kept),
        tuple(one[2] for one in kept),
        complete,
        perf_counter() - started,
    )
