"""Runs the benchmarks and writes RESULTS.md and its pictures: ``python -m benchmarks.report``.

Each section leaves a fragment under .results/, from which the report is written; so one section can
be measured again (`--only search`), and an interrupted run goes on (`--resume`).

    python -m benchmarks.report                 everything but the next, about 45 minutes
    python -m benchmarks.report --quick         fewer budgets; writes to .results/quick
    python -m benchmarks.report --only shgo,scipy_shgo
    python -m benchmarks.report --only none     write the report again
    python -m benchmarks.report --data FOLDER   what needs the measured data, too: 7 more

Without --data, calibration, targets and predictors keep what was measured before, or say what is
missing.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.common.cases import CASES, budgets_of, exponents_of
from benchmarks.common.files import HERE, RESULTS, write_json
from benchmarks.report.contents import FRAGMENTS
from benchmarks.report.measuring import build_digest, commit, machine
from benchmarks.report.section import Options
from benchmarks.report.writing import write_report

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and write the report; 1 if a section failed."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.report", description="Run the benchmarks and write the report."
    )
    parser.add_argument("--data", help="folder of the measured data: targets, predictors")
    parser.add_argument("--quick", action="store_true", help="fewer budgets, in .results/quick")
    parser.add_argument("--only", help=f"sections, by commas: {', '.join(FRAGMENTS)}; or none")
    parser.add_argument("--resume", action="store_true", help="keep this build's fragments")
    given = parser.parse_args(arguments)
    wanted = tuple(FRAGMENTS) if given.only is None else tuple(given.only.split(","))
    if unknown := set(wanted) - {*FRAGMENTS, "none"}:
        parser.error(f"unknown sections: {', '.join(sorted(unknown))}")
    options = Options(given.quick, given.data)
    folder = RESULTS / "quick" if options.quick else RESULTS
    build = build_digest()
    for name in CASES:  # drawn before anything is timed
        budgets_of(name)
    exponents_of()
    failed = []
    for fragment, section in FRAGMENTS.items():
        path = folder / f"{fragment}.json"
        if fragment not in wanted or section.measure is None:
            continue
        if given.resume and path.exists() and json.loads(path.read_text())["build"] == build:
            continue
        print(f"{fragment} ...", end=" ", flush=True)
        start = perf_counter()
        try:
            told = section.measure(fragment, options)
        except RuntimeError as error:
            failed.append(fragment)
            print(f"failed\n{error}", flush=True)
            continue
        seconds = perf_counter() - start
        print(f"{seconds:.0f} s", flush=True)
        if told is not None:
            kept = {
                "section": fragment,
                "date": datetime.datetime.now(datetime.UTC).isoformat("T", "minutes"),
                "seconds": seconds,
                "build": build,
                "commit": commit(),
                "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
                "machine": machine(),
                "told": told,
            }
            write_json(path, kept)
    write_report(folder, folder if options.quick else HERE, build)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
