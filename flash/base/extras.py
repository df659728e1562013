"""Packages that come with one of flash's extras, imported where they are used."""

from __future__ import annotations

from ..errors import MissingExtraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["install", "need_pyarrow", "require"]

# Where a package's distribution is named otherwise.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "distributed": "dask",
    "pynvml": "nvidia-ml-py",
    "sklearn": "scikit-learn",
}


def require(what: str, extra: str, *packages: str) -> Any:
    """Import packages of an extra and return the first.

    Parameters
    ----------
    what : str
        What needs them, for the message: ``"to_frame()"``.
    extra : str
        Its name, as pyproject.toml has it.
    packages : str
        Modules by their dotted names, such as ``"pyarrow.parquet"``.

    Raises
    ------
    MissingExtraError
        If one is not installed.
    """
    found = []
    for package in packages:
        top = package.partition(".")[0]
        try:
            __import__(top)  # also where a part of it was imported before it went
            found.append(__import__(package, fromlist=["__name__"]))
        except ImportError as error:
            raise MissingExtraError(
                f"{what} needs {DISTRIBUTIONS.get(top, top)}: {install(extra)}"
            ) from error
    return found[0]


def install(extra: str) -> str:
    """Return the command that installs an extra.

    Not by the distribution's name: it is on no index, and whoever took it there would be run.
    """
    return f"pip install '.[{extra}]' in the folder of flash's sources"


def need_pyarrow() -> Any:
    """Return pyarrow.parquet."""
    return require("Parquet", "parquet", "pyarrow.parquet")
