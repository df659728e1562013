"""Runs a tool's file on the common problem, in that tool's own Python; needs nothing of flash.

    python -P probe.py TOOL.py PROBLEMS.json OUT.json

A tool's file has `solve(problem, seed)`, which returns (picks or None, whether it says that nothing
is better or that there is none, what it says in words); and, if it finds trade-offs by itself,
`front(problem, seed)`, which returns a list of picks. Where a tool chooses nothing it has `look()`,
which returns what there is in words.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import statistics
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

LATER = 9  # calls after the first


def timed(call: Any) -> tuple[Any, float, float]:
    """Return what a call returns, its wall time and its processor time."""
    start, used = perf_counter(), process_time()
    told = call()
    return told, perf_counter() - start, process_time() - used


def load(path: str) -> Any:
    """Import a tool's file, and with it the tool."""
    spec = importlib.util.spec_from_file_location("tool", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(path: str, problems: str, out: str) -> None:
    """Time the import, the first call and later ones; ask what cannot be met, and for a front."""
    problem, hopeless = json.loads(Path(problems).read_text())
    tool, import_s, import_cpu = timed(lambda: load(path))
    if hasattr(tool, "look"):
        told: dict[str, Any] = {
            "version": version(tool.DISTRIBUTION),
            "python": platform.python_version(),
        }
        Path(out).write_text(json.dumps({**told, "looked": tool.look()}))
        return
    first, first_s, first_cpu = timed(lambda: tool.solve(problem, 0))
    later = [timed(lambda seed=seed: tool.solve(problem, seed)) for seed in range(LATER)]
    told = {
        "version": version(tool.DISTRIBUTION),
        "python": platform.python_version(),
        "import_s": import_s,
        "import_cpu_s": import_cpu,
        "first_s": first_s,
        "first_cpu_s": first_cpu,
        "later_s": statistics.median(one[1] for one in later),
        "later_cpu_s": statistics.median(one[2] for one in later),
        "answers": [list(first[0]) if first[0] else None]
        + [list(one[0][0]) if one[0][0] else None for one in later],
        "proven": [bool(first[1])] + [bool(one[0][1]) for one in later],
        "again": [list(map(str, tool.solve(problem, 1)[:2])) for _ in range(2)],
        "hopeless": tool.solve(hopeless, 0),
        "front": [list(picks) for picks in tool.front(problem, 0)]
        if hasattr(tool, "front")
        else None,
    }
    Path(out).write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
