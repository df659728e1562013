"""A process that is forked beside sweeping threads finds every module of theirs imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
import flash
from flash.sweeps import run

seen = []
before = run._Running._run_here

def watched(*given, **more):
    known = set(sys.modules)
    try:
        return before(*given, **more)
    finally:
        seen.append({name for name in set(sys.modules) - known if name.startswith("flash")})

run._Running._run_here = watched
flash.sweep("densenet", "rram", max_latency_ms=1.0, sample=3000, chunk=500, top=2, threads=2,
            where="area_mm2 < 60", progress=False)
assert seen, "no unit ran"
print(sorted(set().union(*seen)))
"""


@pytest.mark.processes
def test_units_import_nothing_of_flash() -> None:
    told = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=120, check=True
    )
    assert told.stdout.strip() == "[]", told.stdout
