"""Conditions on networks of several tiles: each part of the space has the model of its tile.

Of each part the best network is kept that is not found yet; the best of them is the next of all.
After it only its own part is searched anew, and those whose kept one is too near to it.
"""

from __future__ import annotations

from math import inf

from .searching import Found, Search, common_of, joined, nothing, result_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..problem.tiling import Part
    from ..results.result import SearchResult
    from .asking import Ask
    from .boxes import Answer

    Row = tuple[int, ...]

__all__ = ["search_parts", "values_of"]

EQUAL = 1e-12  # relative: values of what is no exact sum are equal so far


class _Part:
    """A part, its search, and its best network that is not found yet."""

    def __init__(self, part: Part, asked: Ask, started: float, stop: list[bool] | None) -> None:
        self.part, self.asked = part, asked
        self.search = Search(asked, started, stop=stop)
        self.found: list[Answer] = []
        self.without: list[tuple[int, Any, int]] = []
        self.kept: Found | None = None  # None: to be searched

    def row(self, answer: Answer) -> Row:
        """Return an answer's choice indices in the whole space."""
        return self.part.row(self.search.row(answer))

    def keep_away(self, row: Row, distance: int) -> None:
        """Keep networks so many choices away from one of the whole space."""
        numbers = self.part.numbers
        own = tuple(
            list(numbers[k]).index(x) if k < len(numbers) and x in numbers[k] else -1
            for k, x in enumerate(row)
        )
        self.without.append((-1, (own, row), distance))
        answer = None if self.kept is None else self.kept.answer
        if answer is not None:
            apart = sum(a != b for a, b in zip(self.row(answer), row, strict=True))
            if apart < distance:
                self.kept = None


def values_of(asked: Ask, answer: Answer) -> list[float]:
    """Return an answer's objectives, one after another."""
    return [
        sum(factor * answer.metrics[name] for name, factor in goal.items()) for goal in asked.goals
    ]


def _is_better(asked: Ask, answer: Answer, other: Answer | None) -> bool:
    if other is None:
        return True
    for a, b in zip(values_of(asked, answer), values_of(asked, other), strict=True):
        if abs(a - b) > EQUAL * (abs(a) + abs(b)):
            return a > b
    return False


def search_parts(asked: Ask, started: float, stop: list[bool] | None = None) -> SearchResult:
    """Search the parts of a space; `Ask.parts` has them.

    Parameters
    ----------
    asked : Ask
    started : float
        When the call began, as `perf_counter` counts.
    stop : list, optional
        As `Search` takes it.
    """
    parts = [_Part(part, own, started, stop) for part, own in asked.parts]
    found: list[tuple[_Part, Found]] = []
    stopped, short, bound = None, False, -inf
    while len(found) < asked.k and stopped is None:
        best, bound, stopped = _next(asked, parts)
        if best is None or best.kept is None or best.kept.answer is None:
            short = stopped is None
            break
        one = best.kept.replace(bound=bound, stopped=stopped)
        found.append((best, one))
        best.found.append(best.kept.answer)
        best.kept = None
        if asked.distance > 1:
            row = best.row(best.found[-1])
            for part in parts:
                part.keep_away(row, asked.distance)
    nodes = sum(part.search.nodes for part in parts)
    common = common_of(asked, nodes, started)
    if not found:
        return nothing(asked, common, Found(None, bound, stopped, nodes))
    results = [_result(asked, part, one, common) for part, one in found]
    return joined(asked, results, found[0][1], stopped, short)


def _next(asked: Ask, parts: Sequence[_Part]) -> tuple[_Part | None, float, str | None]:
    """Search the parts whose best is not known; return the part of the best, what no network
    exceeds, and what ended that early."""
    best: _Part | None = None
    stopped: str | None = None
    bound = -inf
    for part in parts:
        if part.kept is None:
            if asked.evals is not None:
                spent = sum(one.search.nodes for one in parts if one is not part)
                part.search.most = max(0, asked.evals - spent)
            stopped = stopped or part.search.over()
            if stopped is not None:
                bound = inf
                continue
            part.kept = part.search.next(part.found, part.without)
            stopped = part.kept.stopped
        bound = max(bound, part.kept.bound)
        answer = part.kept.answer
        if answer is not None:
            other = None if best is None or best.kept is None else best.kept.answer
            if _is_better(asked, answer, other):
                best = part
    return best, bound, stopped


def _result(asked: Ask, part: _Part, one: Found, common: dict[str, Any]) -> SearchResult:
    """Return the result of a part's network as one of the whole space."""
    assert one.answer is not None
    own = result_of(part.asked, part.search.tables, one, common)
    row = part.row(one.answer)
    return own.replace(space=asked.space, target=asked.target.name, x=row)
