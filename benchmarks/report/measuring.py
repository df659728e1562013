"""What sections measure with: programs in processes of their own, and facts of the machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common.files import HERE, ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from benchmarks.report.section import Options

DRAWS, QUICK_DRAWS = 30, 5  # of the networks that models are fitted on
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


def machine() -> dict[str, Any]:
    """Return what a figure depends on: processor, interpreter, compiler, versions."""
    from flash import build_info
    from flash._core.tables.tables import simd

    names: dict[str, str] = {}
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
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "diff", "--quiet", "HEAD", "--", "flash"], cwd=ROOT, check=False
        ).returncode
    except (OSError, subprocess.CalledProcessError):
        return None
    return found + ("+" if changed else "")


def environment() -> dict[str, str]:
    """Return the environment of what is measured: flash's bytecode must be cached."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    path = [str(ROOT), kept.get("PYTHONPATH", "")]
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, path))
    return kept


def call(words: Sequence[str]) -> str:
    """Run a program of this interpreter and return what it prints; RuntimeError if it fails."""
    done = subprocess.run(
        [sys.executable, *words],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stdout[-3000:] + done.stderr[-1500:]
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{last}")
    return done.stdout


def told_by(*words: str) -> Any:
    """Run a program that writes JSON where its last argument says; return what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "told.json")
        call([*words, str(out)])
        return json.loads(out.read_text())


def run_suite(fragment: str, options: Options) -> list[dict[str, Any]]:
    """Run the pytest-benchmark suite of a fragment's name; return what each benchmark told."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "benchmark.json")
        words = ["-m", "pytest", str(HERE / "suites" / f"bench_{fragment}.py"), "-q"]
        words += ["-p", "no:cacheprovider", f"--benchmark-json={out}"]
        call([*words, *(["--quick"] if options.quick else [])])
        told = json.loads(out.read_text())["benchmarks"]
    return [
        {"name": one["name"], "median_s": one["stats"]["median"], **one["extra_info"]}
        for one in told
    ]
