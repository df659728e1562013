"""A script run once for every instruction set that this processor has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent


def told_by_each(script: str) -> dict[str, Any]:
    """Return what a script printed as JSON, ``{"simd": name, ...}``, under each set's name.

    The script imports test modules; a set that is absent must be refused with the right message.
    """
    told = {}
    for name in ("baseline", "avx2", "avx512"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={
                **os.environ,
                "FLASH_SIMD": name,
                "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path]),
            },
            capture_output=True,
            text=True,
        )
        if done.returncode:
            assert "this build on this processor has no such kernels" in done.stderr, done.stderr
            continue
        told[name] = json.loads(done.stdout)
        assert told[name]["simd"] == name
    assert "baseline" in told
    return told
