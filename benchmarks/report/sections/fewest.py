"""How many trained networks methods need until they hold one of the best, from what is stored."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.claims.fewest_training import lines_of
from benchmarks.common.files import HERE
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


OWN = HERE / "claims" / "fewest_training.json"
TRAINED = (
    "### Trained here, in the loop\n\n"
    "A space of 13,824 small networks under a latency budget, 60 trainings a run of about a second "
    "each (CIFAR-10 at 8 x 8 pixels, 2,000 images, 3 epochs; digits: 2 epochs), every network "
    "trained once for all methods, by `python -m benchmarks.claims.fewest_training`. Accuracies in "
    "percent with 95 % intervals over seeds: seen by the search, and of its answer trained anew "
    "under ten other seeds (*judged*; where all runs give one network its own error, about 0.7 "
    "points, is not in the interval). `flash-default` ends by itself, at an expected gain of "
    ".0001. A training's own deviation is 1.1 points: what is seen last is a lucky draw, for all "
    "methods alike. flash and `gp` start "
    "from 4 and 10 random networks. Five seeds were planned; where there are ten, they were added "
    "after a look at the first five.\n"
)


def write(_: Told, pictures: Iterable[str]) -> str:
    """Return a table for each problem that was run."""
    found = told()
    if not found:
        return ""
    parts = [of_problem(name, methods) for name, methods in found.items()]
    if OWN.exists():
        parts += [TRAINED, *lines_of(json.loads(OWN.read_text())), ""]
    return "\n".join(["## Trainings until one of the best is held\n", HOW, *parts])


SECTION = Section(write)
