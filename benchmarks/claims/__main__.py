"""Runs programs of claims by name and says what each needs and how long it takes.

    python -m benchmarks.claims                              # all: what they need and leave
    python -m benchmarks.claims --run mesh,decoders --data FOLDER
    python -m benchmarks.claims --run all --data FOLDER --work FOLDER

--data is the folder of the measured data, --work one in which trainings and measurements are kept,
so that a run that was stopped goes on. What a run took is kept in .results/claims.json. The report
shows the figures after `python -m benchmarks.report --only none`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import resource
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.claims.programs import DATA, PROGRAMS, WORK, Program, words_of
from benchmarks.common.files import ROOT, write_json
from benchmarks.report.format import table
from benchmarks.report.measuring import commit, environment
from benchmarks.report.writing import TOOK

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def lasted(path: Path = TOOK) -> dict[str, Any]:
    """Return what each program took the last time: wall and processor seconds, when, at which
    commit."""
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def listed(took: Mapping[str, Any]) -> str:
    """Return what each program needs, leaves and took."""
    rows = []
    for name, program in PROGRAMS.items():
        last = took.get(name)
        seconds = "not known" if last is None else f"{last['seconds']:.0f}"
        used = "not known" if last is None else f"{last['cpu_s']:.0f}"
        rows.append((name, _needs(program), used, seconds, program.kept, program.section))
    head = ("name", "needs", "processor time, s", "wall time, s", "leaves", "section")
    return table(head, rows)


def _needs(program: Program) -> str:
    text = " ".join(program.words)
    folders = [option for mark, option in ((DATA, "--data"), (WORK, "--work")) if mark in text]
    return ", ".join([*folders, *program.packages])


def lacking(program: Program) -> list[str]:
    """Return the packages that a program needs and that are not installed."""
    return [name for name in program.packages if find_spec(name) is None]


def run(name: str, words: Sequence[str], path: Path = TOOK) -> int:
    """Run a program and keep what it took; return its exit status."""
    start, used = perf_counter(), _children()
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, env=environment(), check=False
    ).returncode
    seconds, cpu_s = perf_counter() - start, _children() - used
    print(f"{name}: ended with {done} after {seconds:.0f} s, processor time {cpu_s:.0f} s")
    if done == 0:
        kept = {
            "seconds": seconds,
            "cpu_s": cpu_s,
            "date": datetime.datetime.now(datetime.UTC).isoformat("T", "minutes"),
            "commit": commit(),
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        }
        write_json(path, {**lasted(path), name: kept})
    return done


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments: Sequence[str] | None = None) -> int:
    """List the programs or run some; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="benchmarks.claims", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--run", metavar="NAME,...", help="which, with commas; or all")
    parser.add_argument("--data", metavar="FOLDER", help="the measured data")
    parser.add_argument("--work", metavar="FOLDER", help="where trainings are kept")
    given = parser.parse_args(arguments)
    if given.run is None:
        print(listed(lasted()))
        return 0
    names = list(PROGRAMS) if given.run == "all" else given.run.split(",")
    if unknown := [name for name in names if name not in PROGRAMS]:
        parser.error(f"--run: {', '.join(unknown)}; accepted are {', '.join(PROGRAMS)}, or all")
    if given.data is not None and not Path(given.data).is_dir():
        parser.error(f"--data: {given.data}; accepted is a folder that is there")
    data = None if given.data is None else str(Path(given.data).resolve())
    work = None if given.work is None else str(Path(given.work).resolve())
    ready = {}
    for name in names:  # all are looked at before the first one runs
        try:
            ready[name] = words_of(PROGRAMS[name], data, work)
        except ValueError as error:
            parser.error(f"{name} {error}")
        if absent := lacking(PROGRAMS[name]):
            parser.error(f"{name} needs packages that are not installed: {', '.join(absent)}")
    took = lasted()
    for name in ready:
        last = took.get(name)
        print(f"{name}: " + ("not run before" if last is None else f"{last['seconds']:.0f} s"))
    codes = [run(name, words) for name, words in ready.items()]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
