"""A script run once for every instruction set that this processor has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from twins.processes import environment


def told_by_each(script: str, beside: str) -> dict[str, Any]:
    """Return what a script printed as JSON, ``{"simd": name, ...}``, under each set's name.

    The script may import modules beside the test file ``beside``; a set that is absent must be
    refused with the right message. Where FLASH_SIMD is set already, none beyond it is tried.
    """
    told = {}
    names = ["baseline", "avx2", "avx512"]
    most = os.environ.get("FLASH_SIMD")
    if most in names:
        names = names[: names.index(most) + 1]
    for name in names:
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment(beside, FLASH_SIMD=name),
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
