"""Why the compiled core cannot be used, and what to do: read where it cannot."""

from __future__ import annotations

import sys

from ..errors import CoreMissingError

__all__ = ["core_missing", "wanting"]


def cure() -> str:
    """Return what makes a core that can be used."""
    from .extras import sources

    folder = sources()
    if folder:
        return f"Build it: `pip install -e '{folder}'` (needs a C compiler and Python's headers)."
    return (
        "Install flash again, from a wheel for this Python and system, or from its sources by "
        "`pip install FOLDER` (needs a C compiler and Python's headers)."
    )


def core_missing(folder: str, why: str = "") -> CoreMissingError:
    """Return the error for a core that is not there, or not one for this interpreter.

    Parameters
    ----------
    folder : str
        That of the core.
    why : str, optional
        What is wrong with a file that is there.
    """
    version = sys.version.split()[0]
    if why:
        return CoreMissingError(f"flash's compiled core in {folder} can't be used: {why}. {cure()}")
    import os

    search = os.path.join(folder, "search")
    there = sorted(os.listdir(search)) if os.path.isdir(search) else []
    others = [name for name in there if name[:6] == "exact." and name.endswith((".so", ".pyd"))]
    other = f"; there is {', '.join(others)}, for another Python or system" if others else ""
    return CoreMissingError(
        f"flash's compiled core is missing in {folder} (python {version}){other}. {cure()}"
    )


def wanting(needed: set[str]) -> list[str]:
    """Return those of some processor features that this machine lacks; none where it can't say."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            lines = [line for line in file if line.startswith(("flags", "Features"))]
    except OSError:
        return []
    return sorted(needed - set(lines[0].partition(":")[2].split())) if lines else []
