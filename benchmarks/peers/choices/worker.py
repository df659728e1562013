"""One solver in a process of its own: ``python -m benchmarks.peers.choices.worker NAME``.

A line of JSON in, of what to solve; a line out, of how it went. Solvers' libraries don't go
together, and processor time is of a whole process.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from benchmarks.common.timing import quiet

from .problems import DRAWN, Family, drawn, public

if TYPE_CHECKING:
    from typing import Any

    from .problems import Choosing

SOLVERS = {
    "flash": "flash_choose", "HiGHS": "highs", "CP-SAT": "cpsat", "scipy milp": "scipy_milp",
}  # fmt: skip
SHORT_S, REPEAT = 0.1, 5  # calls shorter than this are the median of so many
WARM = Family("warm", "falling", 8, 8, 2, 1, 1)


def told_problem(wanted: dict[str, Any]) -> Choosing:
    """Return the problem that a line names: a family and a seed, or a file of a folder."""
    if "folder" in wanted:
        return public(Path(wanted["folder"]), wanted["name"])
    return drawn(DRAWN[wanted["family"]], wanted["seed"])


def timed(solver: Any, problem: Choosing, limit_s: float, **more: float) -> dict[str, Any]:
    """Solve, and tell processor time and answer; a short call several times."""
    every, walls = [], []
    while True:
        with quiet():
            wall, start = perf_counter(), process_time()
            answer = solver.solve(problem, limit_s, **more)
            every.append(process_time() - start)
            walls.append(perf_counter() - wall)
        if every[0] > SHORT_S or len(every) >= REPEAT:
            break
    return {
        "seconds": statistics.median(every),
        "wall_s": statistics.median(walls),
        "picks": None if answer.picks is None else [int(one) for one in answer.picks],
        "bound": answer.bound,
        "proven": answer.proven,
        "nodes": answer.nodes,
        "early": answer.early,
    }


def main() -> None:
    """Answer lines until there are no more."""
    solver = import_module(f"benchmarks.peers.choices.{SOLVERS[sys.argv[1]]}")
    # libraries write to the terminal what is none of a reader's business
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    solver.solve(drawn(WARM, 0), 5.0)
    for line in sys.stdin:
        wanted = json.loads(line)
        told = timed(solver, told_problem(wanted), wanted["limit_s"], **wanted.get("more", {}))
        out.write(json.dumps(told) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
