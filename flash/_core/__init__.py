"""The compiled core: numbers only. docs/architecture.md draws the way of a search through it."""

from __future__ import annotations

from os.path import exists

from .._version import __version__


def _refuse_what_cannot_run() -> None:
    """Refuse a core built for another processor, before it is loaded, or of another version."""
    native = f"{__path__[0]}/native.txt"  # of FLASH_NATIVE=1: what the compiler might use
    if exists(native):
        from ..base.core_missing import core_missing, wanting

        with open(native, encoding="ascii") as file:
            lacking = wanting(set(file.read().split()))
        if lacking:
            names = ", ".join(sorted(lacking))
            raise core_missing(__path__[0], f"built for a processor that has {names}")
    from .tables.tables import VERSION

    if __version__ != VERSION:
        from ..base.core_missing import core_missing

        raise core_missing(__path__[0], f"it is of flash {VERSION}, and this is {__version__}")


_refuse_what_cannot_run()
