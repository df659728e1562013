"""Packages that come with one of flash's extras, imported where they are used."""

from __future__ import annotations

from ..errors import MissingExtraError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["install", "need_pyarrow", "require", "sources", "wanted"]

OWN = "flash-nas"  # flash's distribution

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
                f"{what} needs {DISTRIBUTIONS.get(top, top)}: {install(extra, top)}"
            ) from error
    return found[0]


def install(extra: str, package: str = "") -> str:
    """Return the command that installs what an extra brings.

    It names the packages of the extra themselves, so that it works whether flash came from a
    checkout, a source distribution or a wheel. Never flash's own distribution: it is on no index,
    and whoever took its name there would be run.

    Parameters
    ----------
    extra : str
        Its name, as pyproject.toml has it.
    package : str, optional
        The module that is missing: what is named where nothing says what the extra brings.
    """
    words = wanted(extra) or [DISTRIBUTIONS.get(package, package or extra)]
    return "pip install " + " ".join(f"'{word}'" if ">" in word else word for word in words)


def wanted(extra: str) -> list[str]:
    """Return the requirements of an extra, of those that it names too; none where nobody knows."""
    found: list[str] = []
    extras, conditional = [extra], _declared()
    for one in extras:  # grows
        for condition, requirement in conditional:
            if condition != one:
                continue
            name, bracket, more = requirement.partition("[")
            if bracket and name.strip() == OWN:
                nested = [part.strip() for part in more.partition("]")[0].split(",")]
                extras += [part for part in nested if part not in extras]
            elif requirement not in found:
                found.append(requirement)
    return found


def _declared() -> list[tuple[str, str]]:
    """Return each (extra, requirement) of the sources beside flash, or of what is installed."""
    import os

    source = sources()
    if source:
        import tomllib

        with open(os.path.join(source, "pyproject.toml"), "rb") as file:
            declared = tomllib.load(file)["project"]["optional-dependencies"]
        return [(extra, one) for extra, lines in declared.items() for one in lines]
    from importlib.metadata import PackageNotFoundError, requires

    try:
        lines = requires(OWN) or []
    except PackageNotFoundError:
        return []
    parts = [line.partition(";") for line in lines]
    marked = [(mark.split("==")[-1], requirement) for requirement, _, mark in parts if mark]
    return [(mark.strip(" \"'"), requirement.strip()) for mark, requirement in marked]


def sources() -> str:
    """Return the folder of flash's sources, "" where this flash doesn't lie in them."""
    import os

    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    try:
        with open(os.path.join(folder, "pyproject.toml"), encoding="utf-8") as file:
            return folder if f'name = "{OWN}"' in file.read() else ""
    except OSError:
        return ""


def need_pyarrow() -> Any:
    """Return pyarrow.parquet."""
    return require("Parquet", "parquet", "pyarrow.parquet")
