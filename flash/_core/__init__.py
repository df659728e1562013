"""The compiled core: numbers only, in packages by job.

The modules of every search are opened here by their paths. Left to the import system, each would
have its package run and its folder listed first: in all a twentieth of what Python takes to start.
"""

TYPE_CHECKING = False


def _open(*names: str) -> None:
    from _frozen_importlib import _load  # type: ignore[attr-defined]  # importlib takes longer
    from _frozen_importlib_external import spec_from_file_location
    from _imp import extension_suffixes

    suffix = extension_suffixes()[0]
    for name in names:
        path = f"{__path__[0]}/{name.replace('.', '/')}{suffix}"
        try:
            _load(spec_from_file_location(f"{__name__}.{name}", path))
        except ImportError:  # of another name, or not for this machine: who imports it is told
            return


_open("tables.tables", "model.compile", "search.exact", "search.shgo")


if not TYPE_CHECKING:

    def __getattr__(name):
        """Import the package of a module that is there already, where somebody names it."""
        if name in ("model", "search", "tables"):
            return __import__(f"{__name__}.{name}", fromlist=["__name__"])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
