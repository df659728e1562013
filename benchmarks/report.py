"""Runs the benchmarks and writes RESULTS.md and quality.svg: ``python -m benchmarks.report``.

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
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks import report_methods
from benchmarks.common import (
    CASES,
    HERE,
    RESULTS,
    budgets_of,
    exponents_of,
    write_bytes,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SUITES = ("start", "compile", "batch", "search", "shgo", "scaling", "enumerate", "objective",
          "predicted", "sweep", "evaluate", "whole", "rows", "dask", "fronts", "fleet")  # fmt: skip
PEERS = (
    "plain_exact",
    "scipy_shgo",
    "scipy_de",
    "pymoo_peer",
    "optuna_peer",
    "nevergrad_peer",
    "cpsat",
    "highs",
)
MODELS = ("calibration", "targets", "predictors", "training")
SECTIONS = (*SUITES, *PEERS, "front_peers", "aarch64", *MODELS, *report_methods.SECTIONS)
FIT_ON, DRAWS, QUICK_DRAWS = 25, 30, 5  # networks that targets are fitted on, and draws of them
PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "polars",
    "pyarrow",
    "distributed",
    "optuna",
    "pymoo",
    "nevergrad",
    "ortools",
    "highspy",
    "pytest-benchmark",
    "torch",
)
FITS = {"rram": "fit_rram.py", "cpu-x86": "fit_cpu.py"}


def machine() -> dict[str, Any]:
    """Return what a figure depends on: processor, interpreter, compiler, versions."""
    from flash import build_info
    from flash._core.tables.tables import simd

    names = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            names.setdefault(key.strip(), value.strip())
    except OSError:
        pass
    built = build_info()
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "processor": names.get("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "platform": platform.platform(terse=True),
        "python": f"{sys.implementation.name} {platform.python_version()}",
        "flash": built["version"],
        "compiler": built["compiler"],
        "flags": built["flags"],
        "switches": built["switches"],
        "simd": simd(),
        "packages": packages,
    }


def build_digest() -> str:
    """Return a digest of the compiled core and the search's Python, to tell builds apart."""
    import flash

    folder = Path(flash.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".so", ".pyd", ".py", ".json"):
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def commit() -> str | None:
    """Return the commit of the checkout, "+" behind it where flash was changed since."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--abbrev=7", "--exclude=*"],
            cwd=HERE,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "diff", "--quiet", "HEAD", "--", "../flash"], cwd=HERE, check=False
        ).returncode
    except (OSError, subprocess.CalledProcessError):
        return None
    return found + ("+" if changed else "")


def environment() -> dict[str, str]:
    """Return the environment of what is measured: flash's bytecode must be cached."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    path = [str(HERE.parent), kept.get("PYTHONPATH", "")]
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    return kept


def call(words: Sequence[str]) -> str:
    """Run a program of this interpreter and return what it prints; RuntimeError if it fails."""
    done = subprocess.run(
        [sys.executable, *words],
        env=environment(),
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stdout[-3000:] + done.stderr[-1500:]
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{last}")
    return done.stdout


def run_suite(name: str, quick: bool) -> list[dict[str, Any]]:
    """Run one pytest-benchmark suite; return what each benchmark told."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "benchmark.json")
        words = ["-m", "pytest", str(HERE / f"bench_{name}.py"), "-q", "-p", "no:cacheprovider"]
        words += [f"--benchmark-json={out}", *(["--quick"] if quick else [])]
        call(words)
        told = json.loads(out.read_text())["benchmarks"]
    return [
        {"name": one["name"], "median_s": one["stats"]["median"], **one["extra_info"]}
        for one in told
    ]


def run_peer(name: str, quick: bool) -> Any:
    """Run one peer in its own process; return what it told."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "peer.json")
        words = ["-m", "benchmarks.peers.run", name, str(out), *(["--quick"] if quick else [])]
        call(words)
        return json.loads(out.read_text())


def run_calibration(data: str) -> dict[str, Any]:
    """Fit each target to the measured data anew; return residuals and whether they are shipped."""
    import flash

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for target, script in FITS.items():
            out = Path(folder, f"{target}.json")
            call([str(HERE / "calibration" / script), data, "--out", str(out)])
            fitted = json.loads(out.read_text())
            same = fitted["coefficients"] == flash.Target.load(target).coefficients
            found[target] = {"residuals": fitted["residuals"], "as_shipped": same}
    return found


def told_by(*words: str) -> Any:
    """Run a program that writes JSON where its last argument says; return what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "told.json")
        call([*words, str(out)])
        return json.loads(out.read_text())


def run_targets(data: str, quick: bool) -> dict[str, Any]:
    """Judge the hardware models, and what `flash.calibrate` makes of as many networks."""
    draws = str(QUICK_DRAWS if quick else DRAWS)
    lines, calibrated = (
        told_by("-m", f"benchmarks.bench_{name}", data, "--draws", draws, "--json")
        for name in ("targets", "calibration")
    )
    for line in lines:
        if "absent" in line:
            line["absent"] = Path(line["absent"]).name
    return {"fit_on": FIT_ON, "draws": int(draws), "lines": lines, "calibrate": calibrated}


def run_predictors(data: str, quick: bool) -> Any:
    """Judge accuracy predictors on published networks."""
    script = str(HERE / "accuracy" / "judge.py")
    return told_by(script, data, "--draws", str(QUICK_DRAWS if quick else DRAWS), "--out")


def run_training(quick: bool) -> dict[str, Any]:
    """Judge the 25-sample claim on our own trainings, and measure dynamic isometry."""
    told: dict[str, Any] = told_by("-m", "benchmarks.training.judge", "--json")
    kept = HERE / "training" / "isometry.json"
    if not quick:
        plot = ["--plot", str(kept.with_suffix(".png"))]
        found = told_by("-m", "benchmarks.training.isometry", *plot, "--json")
        write_bytes(kept, (json.dumps(found) + "\n").encode())
    told["isometry"] = json.loads(kept.read_text())["correlations"]
    return told


def run_methods(section: str, quick: bool, data: str | None) -> Any:
    """Compare search methods; without the measured data on what there is."""
    seeds = ["--seeds", "2" if quick else "10"]
    if section in report_methods.SURROGATES:
        if data is None:
            return None
        names = "mlp,ridge" if section == "methods_pnas" else "lstm"
        words = [str(Path(data, "accuracy")), "--surrogates", names]
        return told_by("-m", "benchmarks.methods_pnas", *words, *seeds, "--json")
    if section in report_methods.COMPARED:
        module = "benchmarks.methods"
    else:
        module = "benchmarks.methods_claims"
    given = [] if data is None else ["--data", data]
    return told_by("-m", module, section, *given, *seeds, "--json")


def measure(section: str, quick: bool, data: str | None) -> Any:
    """Measure one section; None where there is nothing to do."""
    if section in SUITES:
        return run_suite(section, quick)
    if section in PEERS:
        return run_peer(section, quick)
    if section == "front_peers":
        given = ("1", "1") if quick else ("10", "2")
        return told_by("-m", "benchmarks.peers.fronts", "--limit-s", given[0], "--seeds", given[1])
    if section == "aarch64":
        from benchmarks.aarch64 import measure as count

        return None if quick else count()
    if section == "training":
        return run_training(quick)
    if section in report_methods.SECTIONS:
        return run_methods(section, quick, data)
    if data is None:
        return None
    if section == "calibration":
        return run_calibration(data)
    return run_targets(data, quick) if section == "targets" else run_predictors(data, quick)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and write the report; 1 if a section failed."""
    parser = argparse.ArgumentParser(description="Run the benchmarks and write the report.")
    parser.add_argument("--data", help="folder of the measured data: targets, predictors")
    parser.add_argument("--quick", action="store_true", help="fewer budgets, in .results/quick")
    parser.add_argument("--only", help=f"sections, by commas: {', '.join(SECTIONS)}; or none")
    parser.add_argument("--resume", action="store_true", help="keep this build's fragments")
    options = parser.parse_args(arguments)
    wanted = SECTIONS if options.only is None else tuple(options.only.split(","))
    if unknown := set(wanted) - {*SECTIONS, "none"}:
        parser.error(f"unknown sections: {', '.join(sorted(unknown))}")
    folder = RESULTS / "quick" if options.quick else RESULTS
    build = build_digest()
    for name in CASES:  # drawn before anything is timed
        budgets_of(name)
    exponents_of()
    failed = []
    for section in SECTIONS:
        path = folder / f"{section}.json"
        if section not in wanted:
            continue
        if options.resume and path.exists() and json.loads(path.read_text())["build"] == build:
            continue
        print(f"{section} ...", end=" ", flush=True)
        start = perf_counter()
        try:
            told = measure(section, options.quick, options.data)
        except RuntimeError as error:
            failed.append(section)
            print(f"failed\n{error}", flush=True)
            continue
        seconds = perf_counter() - start
        print(f"{seconds:.0f} s", flush=True)
        if told is not None:
            fragment = {
                "section": section,
                "date": datetime.datetime.now(datetime.UTC).isoformat("T", "minutes"),
                "seconds": seconds,
                "build": build,
                "commit": commit(),
                "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
                "machine": machine(),
                "told": told,
            }
            write_json(path, fragment)
    write_report(folder, folder if options.quick else HERE, build)
    return int(bool(failed))


def write_report(fragments: Path, out: Path, build: str) -> None:
    """Write RESULTS.md and the plot from what fragments there are."""
    from benchmarks.report_plot import draw, draw_predictions
    from benchmarks.report_text import write

    every = {}
    for section in SECTIONS:
        path = fragments / f"{section}.json"
        if path.exists():
            every[section] = json.loads(path.read_text())
    told = {section: fragment["told"] for section, fragment in every.items()}
    pictures = {**draw(told), **draw_predictions(told), **report_methods.draw(told)}
    for name, picture in pictures.items():
        write_bytes(out / name, picture)
    text = write(every, build, list(pictures))
    write_bytes(out / "RESULTS.md", text.encode())
    print(f"wrote {out / 'RESULTS.md'}")


if __name__ == "__main__":
    sys.exit(main())
