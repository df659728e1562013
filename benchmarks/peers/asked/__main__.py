"""Asks each tool for the common problem and keeps what it says.

    python -m benchmarks.peers.asked                               # what this Python has
    python -m benchmarks.peers.asked --python Optuna=/venv/bin/python --only Optuna
    python -m benchmarks.peers.asked --show                        # the table, nothing is run

A tool may live in an environment of its own: --python TOOL=PATH names its interpreter. Tools run
one after the other, each in fresh processes, whose medians are kept with versions, processor time
and wall time. What is not asked again keeps what it said before.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common.files import ROOT, write_json
from benchmarks.peers.asked.common import drawn, every, front, impossible, sums, within
from benchmarks.peers.asked.documented import CPSAT, FLASH, HIGHS, NN_METER, OFA, OPTUNA, PYMOO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

HERE = Path(__file__).parent
KEPT = HERE / "answers.json"
MODULES = {
    FLASH: ("flash", "flash"),
    OPTUNA: ("optuna", "optuna"),
    PYMOO: ("pymoo", "pymoo"),
    HIGHS: ("highs", "highspy"),
    CPSAT: ("cpsat", "ortools"),
    NN_METER: ("nn_meter", "nn_meter"),
    OFA: ("ofa", "ofa"),
}  # tool: its file, its package
PROCESSES = 5
TIMES = ("import", "first", "whole", "later")


def asked(tool: str, python: str, processes: int = PROCESSES) -> dict[str, Any]:
    """Return what a tool makes of the common problem; RuntimeError if it cannot be run."""
    problem = drawn()
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder, "problems.json"), Path(folder, "told.json")
        given.write_text(json.dumps([problem, impossible(problem)]))
        words = [python, "-P", str(HERE / "probe.py"), str(HERE / "tools" / MODULES[tool][0])]
        words[-1] += ".py"
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        env.pop("PYTHONPATH", None)
        if tool == FLASH:
            env["PYTHONPATH"] = str(ROOT)
        runs = []
        for _ in range(processes):
            done = subprocess.run(
                [*words, str(given), str(out)], env=env, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError(f"{tool} by {python}:\n{done.stderr[-1500:]}")
            runs.append(json.loads(out.read_text()))
            if "looked" in runs[0]:  # nothing is timed
                return dict(runs[0])
    return judged(runs)


def judged(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what is kept of some processes' answers: medians of times, and what holds of all."""
    problem = drawn()
    optimum = min(value for value, _, _ in every(problem))
    answers = [picks for run in runs for picks in run["answers"]]
    values = [sums(problem, picks)[0] for picks in answers if picks and within(problem, picks)]
    told = runs[0]
    exact = front(problem)
    found = {
        (sums(problem, picks)[0], sums(problem, picks)[1][0])
        for picks in told["front"] or ()
        if within(problem, picks)
    }
    for run in runs:
        for kind in ("_s", "_cpu_s"):
            run[f"whole{kind}"] = run[f"import{kind}"] + run[f"first{kind}"]
    names = [f"{one}{kind}" for one in TIMES for kind in ("_s", "_cpu_s")]
    return {
        "version": told["version"],
        "python": told["python"],
        **{name: statistics.median(run[name] for run in runs) for name in names},
        "calls": len(answers),
        "kept": len(values),
        "best": sum(value == optimum for value in values),
        "optimum": optimum,
        "worst": max(values, default=None),
        "proven": sum(proven for run in runs for proven in run["proven"]),
        "same": all(run["again"][0] == run["again"][1] for run in runs),
        "hopeless": {
            "none": told["hopeless"][0] is None,
            "proven": told["hopeless"][1],
            "said": told["hopeless"][2],
        },
        "front": None if told["front"] is None else [len(found & exact), len(exact)],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask the tools; 1 if one of them cannot be run."""
    parser = argparse.ArgumentParser(prog="benchmarks.peers.asked", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--python", action="append", default=[], metavar="TOOL=PATH")
    parser.add_argument("--only", help=f"tools, with commas: {', '.join(MODULES)}")
    parser.add_argument("--show", action="store_true", help="print what is kept")
    parser.add_argument("--json", type=Path, default=KEPT, help="where answers are kept")
    given = parser.parse_args(arguments)
    pythons = dict(word.partition("=")[::2] for word in given.python)
    names = list(MODULES) if given.only is None else given.only.split(",")
    for option, some in (("--python", pythons), ("--only", names)):
        if unknown := [name for name in some if name not in MODULES]:
            parser.error(f"{option}: {', '.join(unknown)}; accepted are {', '.join(MODULES)}")
    for name, path in pythons.items():
        if not Path(path).is_file():
            parser.error(f"--python {name}={path}: no interpreter there")
    kept: dict[str, Any] = json.loads(given.json.read_text()) if given.json.exists() else {}
    failed = False
    for name in () if given.show else names:
        if name not in pythons and find_spec(MODULES[name][1]) is None:
            print(f"{name}: not installed here; --python {name}=PATH names an interpreter")
            continue
        try:
            found = asked(name, pythons.get(name, sys.executable))
        except RuntimeError as error:
            print(error, file=sys.stderr)
            failed = True
            continue
        found["date"] = datetime.datetime.now(datetime.UTC).isoformat("T", "minutes")
        found["load"] = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        kept[name] = found
        write_json(given.json, kept)
    from benchmarks.report.sections.asked import write

    print(write(kept))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
