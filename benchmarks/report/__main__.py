"""Runs the benchmarks and writes RESULTS.md and its pictures: ``python -m benchmarks.report``.

Each section leaves a fragment under .results/, from which the report is written; so one section can
be measured again (`--only search`), and an interrupted run goes on (`--resume`).

    python -m benchmarks.report                 everything but what needs the measured data
    python -m benchmarks.report --plan          what that would run, about how long; runs nothing
    python -m benchmarks.report --resume        goes on where it was stopped: this build's are kept
    python -m benchmarks.report --quick         fewer budgets; writes to .results/quick
    python -m benchmarks.report --only shgo,scipy_shgo
    python -m benchmarks.report --only none     write the report again
    python -m benchmarks.report --data FOLDER   what needs the measured data, too
    python -m benchmarks.report --jobs 2        what has no times in its figures: last, two at once
    python -m benchmarks.report --check [WHAT]  what became slower since a commit, or beside a built
                                                folder; the commit before if nothing is named

Without --data, calibration, targets and predictors keep what was measured before, or say what is
missing. What programs of `benchmarks.claims` measured is read from where they keep it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.common.cases import CASES, budgets_of, exponents_of
from benchmarks.common.files import HERE, RESULTS, write_json
from benchmarks.report.contents import FRAGMENTS
from benchmarks.report.measuring import build_digest, commit, machine
from benchmarks.report.planning import carried_out, planned, told
from benchmarks.report.section import Options
from benchmarks.report.writing import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence

BEFORE = ""  # --check without a commit or a folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and write the report; 1 if a section failed."""
    given, parser = _parsed(arguments)
    if given.check is not None:
        from benchmarks.slower.check import main as check

        return check([given.check] if given.check != BEFORE else [])
    wanted = tuple(FRAGMENTS) if given.only is None else tuple(given.only.split(","))
    if unknown := set(wanted) - {*FRAGMENTS, "none"}:
        parser.error(f"unknown sections: {', '.join(sorted(unknown))}")
    options = Options(given.quick, given.data)
    folder = RESULTS / "quick" if options.quick else RESULTS
    build = build_digest()
    steps, left = planned(
        wanted, folder, data=given.data is not None, resume=given.resume, build=build
    )
    if given.plan:
        print(told(steps, left, given.jobs), end="")
        return 0
    if steps:
        for name in CASES:  # drawn before anything is timed
            budgets_of(name)
        exponents_of()
    failed = carried_out(steps, given.jobs, lambda name: _measured(name, options, folder, build))
    write_report(folder, folder if options.quick else HERE, build)
    return int(bool(failed))


def _parsed(
    arguments: Sequence[str] | None,
) -> tuple[argparse.Namespace, argparse.ArgumentParser]:
    parser = argparse.ArgumentParser(prog="benchmarks.report", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", help="folder of the measured data: targets, predictors")
    parser.add_argument("--quick", action="store_true", help="fewer budgets, in .results/quick")
    parser.add_argument("--only", help=f"sections, by commas: {', '.join(FRAGMENTS)}; or none")
    parser.add_argument("--resume", action="store_true", help="keep this build's fragments")
    parser.add_argument("--plan", action="store_true", help="say what would run, and how long")
    parser.add_argument("--jobs", type=int, default=1, help="untimed fragments at once (1)")
    parser.add_argument(
        "--check", nargs="?", const=BEFORE, metavar="COMMIT|FOLDER", help="what became slower"
    )
    given = parser.parse_args(arguments)
    if given.jobs < 1:
        parser.error(f"--jobs: {given.jobs}; accepted are whole numbers from 1")
    if given.data is not None and not Path(given.data).is_dir():
        parser.error(f"--data: {given.data}; accepted is a folder that is there")
    return given, parser


def _measured(name: str, options: Options, folder: Path, build: str) -> bool:
    """Measure a fragment and keep it; whether that went well."""
    measure = FRAGMENTS[name].measure
    assert measure is not None
    start = perf_counter()
    try:
        found = measure(name, options)
    except RuntimeError as error:
        print(f"{name} ... failed\n{error}", flush=True)
        return False
    seconds = perf_counter() - start
    print(f"{name} ... {seconds:.0f} s", flush=True)
    if found is not None:
        kept = {
            "section": name,
            "date": datetime.datetime.now(datetime.UTC).isoformat("T", "minutes"),
            "seconds": seconds,
            "build": build,
            "commit": commit(),
            "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "machine": machine(),
            "told": found,
        }
        write_json(folder / f"{name}.json", kept)
    return True


if __name__ == "__main__":
    sys.exit(main())
