"""How long does compiling a problem's tables take, for each family and target?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.common.cases import CASES, FAMILY_CASES, FOUR_CELLS
from benchmarks.common.timing import by_both_clocks
from flash.hardware import as_target
from flash.problem.compiling import MACS, PARAMS, compile_problem

if TYPE_CHECKING:
    from typing import Any


@pytest.mark.parametrize("name", [*FAMILY_CASES, FOUR_CELLS])
def test_tables(benchmark: Any, name: str, quick: bool) -> None:
    case = CASES[name]
    space, target = case.space(), as_target(case.target)
    calls = [
        lambda: compile_problem(space, target),
        lambda: compile_problem(space, target, None, PARAMS | MACS),
    ]
    needed, every = by_both_clocks(calls, 7 if quick else 31)
    rows = sum(map(sum, compile_problem(space, target).tables.rows))
    benchmark.extra_info.update(
        case=name, rows=rows, **needed.entries("needed"), **every.entries("all_columns")
    )
    benchmark(calls[0])
