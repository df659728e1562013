"""How this flash was built and what runs it: what a bug report needs."""

from __future__ import annotations

from .base.checks import flag, public

__all__ = ["build_info"]

_OPTIONAL = (
    "numpy", "scipy", "numba", "torch", "onnx", "onnxruntime", "dask", "matplotlib", "pandas",
)  # fmt: skip


@public
def build_info(packages: bool = False) -> dict[str, str]:
    """Return how the compiled core was built, and the versions of what runs it.

    Parameters
    ----------
    packages : bool, default False
        Also the installed versions of the packages that flash uses where asked to (looked up,
        not imported); "not installed" for the others. Other distributions that put files into a
        folder ``flash`` ("conflicts"). And what plugins brought (these are run).

    Returns
    -------
    dict of str to str
        version, location, compiler, flags, switches, cython, kernels (the vector instructions in
        use; the environment variable FLASH_SIMD may name lesser ones), python, platform.
    """
    import os
    import sys

    from ._core.tables.tables import build_info as core
    from ._core.tables.tables import simd
    from ._version import __version__

    package = os.path.dirname(os.path.abspath(__file__))
    facts = {"version": __version__, "location": package}
    facts.update(core())
    facts["switches"] = facts.get("switches") or "none"
    facts["kernels"] = simd()
    facts["python"] = f"{sys.implementation.name} {sys.version.split()[0]}"
    facts["platform"] = sys.platform
    if hasattr(os, "uname"):
        facts["platform"] += " " + os.uname().machine
    if flag("packages", packages):
        from importlib.metadata import PackageNotFoundError, version

        for name in _OPTIONAL:
            try:
                facts[name] = version(name)
            except PackageNotFoundError:
                facts[name] = "not installed"
        from .base.neighbours import conflict
        from .base.registry import all_plugins

        facts["conflicts"] = conflict() or "none"
        facts["plugins"] = "; ".join(map(str, all_plugins())) or "none"
    return facts
