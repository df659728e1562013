"""setup.py's switches: other switches build anew what they change, and the former come back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from twins.places import ROOT
from twins.processes import environment

pytest.importorskip("Cython")
pytest.importorskip("setuptools")
pytestmark = [pytest.mark.slow, pytest.mark.processes]

LEAF = """
cdef extern from *:
    const char* FLASH_BUILD_FLAGS
    const char* FLASH_BUILD_SWITCHES

switches = FLASH_BUILD_SWITCHES.decode()
flags = FLASH_BUILD_FLAGS.decode()

cdef enum:
    CELLS = 1 << 2
    ROOM = 2 * CELLS + 1

cdef int rooms[ROOM]

def twice(int n):
    rooms[ROOM - 1] = n
    return <int> (2 * rooms[ROOM - 1])
"""
TOLD = "from flash._core.leaf import flags, switches; print(switches, flags, sep='\\n')"


def built(folder: Path, *switches: str) -> tuple[str, str, int]:
    """Build in place with these switches; return what the module says and if it was compiled."""
    known = environment(**dict.fromkeys(switches, "1"))
    known["PYTHONPATH"] = str(folder)
    run = {"cwd": folder, "env": known, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "setup.py", "build_ext", "--inplace"], **run)
    assert done.returncode == 0, done.stdout + done.stderr
    said = subprocess.run([sys.executable, "-c", TOLD], **run, check=True).stdout.splitlines()
    return said[0], said[1], done.stdout.count("building 'flash._core.leaf'")


def overflows(folder: Path) -> int:
    """Return how a process ends in which an integer of the core overflows."""
    code = "from flash._core.leaf import twice; assert twice(2**30) == -(2**31)"
    env = {**environment(), "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=env).returncode


def test_each_set_of_switches_is_what_is_in_place_after_its_build(tmp_path: Path) -> None:
    core = tmp_path / "flash" / "_core"
    core.mkdir(parents=True)
    shutil.copy(ROOT / "setup.py", tmp_path)
    (core.parent / "__init__.py").touch()
    (core.parent / "_version.py").write_text('__version__ = "0.0"\n')
    (core / "__init__.py").touch()
    (core / "leaf.pyx").write_text(LEAF)

    switches, usual, compiled = built(tmp_path)
    assert (switches, compiled) == ("", 1)
    switches, flags, compiled = built(tmp_path, "FLASH_DEBUG")
    assert (switches, compiled) == ("debug", 1)
    assert flags != usual
    assert overflows(tmp_path) < 0  # a signal
    switches, flags, compiled = built(tmp_path)
    assert (switches, flags, compiled) == ("", usual, 0)  # from the folder of the first build
    assert overflows(tmp_path) == 0

    (core / "leaf.pyx").write_text(LEAF + "changed = True\n")
    assert built(tmp_path)[2] == 1
    assert built(tmp_path)[2] == 0
