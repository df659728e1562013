"""The compiled core: numbers only, in packages by job.

docs/concepts/architecture.md draws the way through.

The modules of every search are opened here by their paths. Left to the import system, each would
have its package run and its folder listed first: in all a twentieth of what Python takes to start.
"""

TYPE_CHECKING = False


def _open(*names: str) -> None:
    """Load compiled modules, after a look at whether this processor can run them."""
    from _frozen_importlib import _load  # type: ignore[attr-defined]  # importlib takes longer
    from _frozen_importlib_external import spec_from_file_location
    from _imp import extension_suffixes
    from os.path import exists

    folder = __path__[0]
    native = f"{folder}/native.txt"  # of FLASH_NATIVE=1: what its compiler might use
    if exists(native):
        from ..base.core_missing import core_missing, wanting

        with open(native, encoding="ascii") as file:
            lacking = wanting(set(file.read().split()))
        if lacking:
            raise core_missing(folder, f"built for a processor that has {', '.join(lacking)}")
    suffix = extension_suffixes()[0]
    for name in names:
        path = f"{folder}/{name.replace('.', '/')}{suffix}"
        try:
            module = _load(spec_from_file_location(f"{__name__}.{name}", path))
        except ImportError as error:
            from ..base.core_missing import core_missing
            from ..errors import FlashError

            if isinstance(error, FlashError):  # FLASH_SIMD names kernels that are not here
                raise
            raise core_missing(folder, str(error)) from error
        if name == "tables.tables":
            from .._version import __version__

            if __version__ != module.VERSION:
                from ..base.core_missing import core_missing

                raise core_missing(
                    folder, f"it is of flash {module.VERSION}, and this is {__version__}"
                )


_open("tables.tables", "model.compile", "search.exact", "search.shgo")


if not TYPE_CHECKING:

    def __getattr__(name):
        """Import the package of a module that is there already, where somebody names it."""
        if name in ("model", "search", "tables"):
            return __import__(f"{__name__}.{name}", fromlist=["__name__"])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
