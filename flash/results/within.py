"""Whether a result that was read agrees with its conditions, devices and further networks."""

from __future__ import annotations

import re

from ..base.conditions import CONDITIONS, as_predicate
from ..base.names import COSTS
from ..errors import ArgumentError, FormatError
from ..spaces.tabled import TabledSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .result import SearchResult

__all__ = ["agree_within"]

CLOSE = 1e-9  # relative: sums in another order
AT = "__at__"
COST = re.compile(rf"({'|'.join(COSTS)})@([A-Za-z_]\w*)")
# of all networks of one search
ALIKE = ("space", "target", "budgets", "where", "objective_name", "int8")


def agree_within(where: str, result: SearchResult[Any]) -> None:
    """Refuse a result whose network breaks a condition, or whose further networks are not those of
    the same search.

    Conditions with signs between metrics are not worked out anew: they hold in exact numbers.

    Raises
    ------
    FormatError
    """
    for name in COSTS if result.costs is not None else ():
        if getattr(result, name) is not None:
            raise FormatError(f"{where}: {name} and costs of several devices contradict")
    for name, value in (result.costs or {}).items():
        match = COST.fullmatch(name)
        if match is None:
            raise FormatError(f"{where}: costs has {name!r}, which is no cost like latency_ms@pi")
        limit = result.budgets.get(f"max_{match[1]}")
        if limit is not None and value > limit * (1 + CLOSE):
            raise FormatError(f"{where}: {name} {value} breaks max_{match[1]} {limit}")
    if isinstance(result.space, TabledSpace):
        for text, mask in _conditions(result):
            if not mask:
                raise FormatError(f"{where}: the network breaks the condition {text!r}")
    _alternatives(where, result)


def _conditions(result: SearchResult[Any]) -> Iterator[tuple[str, bool]]:
    """Yield each condition that can be looked at, and whether it is met."""
    from ..spaces.values import told_at

    x, space = result.x, result.space
    assert x is not None
    assert isinstance(space, TabledSpace)
    table: dict[str, Any] = {
        name: float("nan") if value is None else value if isinstance(value, str) else float(value)
        for name, value in told_at(space, x).items()
    }
    for name in ("nn_degree", "accuracy", "params", "macs", *COSTS):
        if getattr(result, name) is not None:
            table[name] = float(getattr(result, name))
    table |= {name.replace("@", AT): value for name, value in (result.costs or {}).items()}
    for text in result.where:
        try:
            predicate = as_predicate(text.replace("@", AT), table)
        except ArgumentError:  # what only the solver's own reader understands
            continue
        if predicate is not None and _plain(predicate.tree):
            yield text, bool(predicate.mask(table))


def _plain(tree: Any) -> bool:
    """Whether a condition compares names and numbers, without signs between them."""
    if tree[0] in ("and", "or"):
        return all(map(_plain, tree[1:]))
    operands = tree[2:] if tree[0] in CONDITIONS else ()
    return all(
        one[0] in ("column", "number") or (one[0] == "neg" and one[1][0] == "number")
        for one in operands
    )


def _alternatives(where: str, result: SearchResult[Any]) -> None:
    networks, before = [result.architecture], result.objective
    for i, one in enumerate(result.alternatives):
        own = f"{where}: alternatives[{i}]"
        if one.x is None or one.alternatives:
            raise FormatError(f"{own} must be one network")
        for name in ALIKE:
            if getattr(one, name) != getattr(result, name):
                raise FormatError(f"{own}: {name} is not that of the first network")
        if (one.costs is None) != (result.costs is None):
            raise FormatError(f"{own}: costs are not those of the first network's devices")
        if one.architecture in networks:
            raise FormatError(f"{own} is a network that comes before it")
        value = one.objective
        if value is not None and before is not None and value > before + CLOSE * abs(before):
            raise FormatError(f"{own}: its objective {value} is better than {before} before it")
        networks.append(one.architecture)
        before = value
