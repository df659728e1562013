"""How many trained networks methods need until they hold one of the best, from what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.fewest.summary import of_problem, told
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.report.section import Told

HOW = (
    "Tables of real accuracies; a method starts from nothing and is charged for each different "
    "network that it trains, its random first ones too. By `python -m benchmarks.peers.fewest "
    "DATA`, not measured with this report. Medians over seeds with 95 % bootstrap intervals, and "
    "in how many runs the goal was met within the limit; cheap methods ran beyond it, so that "
    "their medians are known. The gap is to the best of all, within the limit, in the median. "
    "A run ends when it holds the best: used counts that. How each method was set up: its module "
    "in `benchmarks/peers/fewest/`.\n"
)


def write(_: Told, pictures: Iterable[str]) -> str:
    """Return a table for each problem that was run."""
    found = told()
    if not found:
        return ""
    parts = [of_problem(name, methods) for name, methods in found.items()]
    return "\n".join(["## Trainings until one of the best is held\n", HOW, *parts])


SECTION = Section(write)
