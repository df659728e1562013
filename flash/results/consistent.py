"""Whether a result that was read agrees with itself: what a file says twice, it says alike."""

from __future__ import annotations

from ..base.names import BUDGETS, COSTS, COUNTS, LIMITED
from ..errors import FormatError
from ..spaces.space import SearchSpace
from ..spaces.tabled import TabledSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .result import SearchResult

__all__ = ["agree"]

PROVEN = {"OPTIMAL": True, "INFEASIBLE": True}  # by status; of all others it is not
FOUND = {"OPTIMAL": True, "INFEASIBLE": False, "NOT_FOUND": False}  # whether there is a network
CLOSE = 1e-9  # relative: sums in another order
ANY_TARGET = "cpu-x86"  # one that takes every family

_spaces: list[SearchSpace] = []  # the last one, with its plan


def agree(where: str, result: SearchResult[Any]) -> None:
    """Refuse a result that contradicts itself.

    What a target would tell, the costs, is not worked out anew: it may not be at hand.

    Raises
    ------
    FormatError
        It names the two that contradict each other.
    """
    status, found = result.status, result.x is not None
    if result.proven is not PROVEN.get(status, False):
        raise FormatError(f"{where}: status {status!r} and proven {result.proven} contradict")
    if FOUND.get(status, found) is not found:
        told = "there is a network" if found else "x is null"
        raise FormatError(f"{where}: status {status!r} contradicts that {told}")
    if (result.feasible or 0) > (result.samples or 0):
        raise FormatError(
            f"{where}: feasible {result.feasible} is more than the samples, {result.samples}"
        )
    if not found:
        for name in ("nn_degree", "accuracy", *COSTS, *COUNTS, "objective"):
            if getattr(result, name) is not None:
                raise FormatError(f"{where}: {name} is given, though x is null")
        for name in ("costs", "alternatives"):
            if getattr(result, name):
                raise FormatError(f"{where}: {name} are given, though x is null")
        return
    for budget, limit in result.budgets.items():
        name = LIMITED[budget]
        value = getattr(result, name)
        if value is not None and _breaks(budget, value, limit):
            raise FormatError(f"{where}: {name} {value} breaks {budget} {limit}")
    if result.costs is not None or result.where or result.alternatives:
        from .within import agree_within

        agree_within(where, result)
    if isinstance(result.space, TabledSpace):  # networks of other spaces are counted by others
        _agree_with_network(where, result)


def _breaks(budget: str, value: float, limit: float) -> bool:
    if budget == BUDGETS[-1]:
        return value < limit * (1 - CLOSE)
    return value > limit * (1 + CLOSE)


def _agree_with_network(where: str, result: SearchResult[Any]) -> None:
    """Refuse numbers that the network does not have."""
    facts = _facts(result.space, result.x)
    for name in ("params", "macs", "nn_degree"):
        given, own = getattr(result, name), facts[name]
        if given is None or abs(given - own) > CLOSE * abs(own):
            raise FormatError(
                f"{where}: {name} must be {own}, which its architecture has, got {given}"
            )
    cells = result.cell_degrees
    if cells and len(cells) != len(facts["cell_degrees"]):
        raise FormatError(f"{where}: cell_degrees must be one for each cell, got {len(cells)}")


def _facts(space: Any, x: Any) -> dict[str, Any]:
    """Return what a network is beside its costs: they are the same for any target."""
    if space.numbering is not None:
        from ..problem.blocks import facts_at

        return facts_at(space, *space.numbering.rows_of(x))
    from ..hardware.target import as_target
    from ..problem.compiling import facts_of
    from ..spaces.index import rows_of

    if not _spaces or _spaces[0] != space:  # many results of one file are of one space
        _spaces[:] = [space]
    space = _spaces[0]
    return facts_of(space.core_plan, as_target(ANY_TARGET).model(space.family), *rows_of(space, x))
