"""Other distributions that put files into a folder `flash`, as Lightning Flash does.

Two of them in one environment overwrite each other's files, and taking one away breaks the other.
Looked for by `flash info` and by the message about a name that is not there, never by a search.
"""

from __future__ import annotations

from .extras import OWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.metadata import Distribution

__all__ = ["conflict", "neighbours"]


def neighbours(path: list[str] | None = None) -> list[str]:
    """Return "name version" of each other distribution that owns a module `flash`.

    Parameters
    ----------
    path : list of str, optional
        Folders to look into; Python's own path where not given.
    """
    from importlib.metadata import distributions

    found = {}
    for one in distributions() if path is None else distributions(path=path):
        if _owns_flash(one):
            name = str(one.metadata["Name"] or "a distribution without a name")
            if name.lower().replace("_", "-") != OWN:
                found[name] = f"{name} {one.version}"
    return sorted(found.values())


def _owns_flash(one: Distribution) -> bool:
    """Return whether a distribution has a top-level module `flash`."""
    names = one.read_text("top_level.txt")  # of setuptools; others leave their list of files alone
    if names is not None:
        return "flash" in names.split()
    files = (one.read_text("RECORD") or "").splitlines()
    return any(line.startswith(("flash/", "flash.py,")) for line in files)


def conflict(path: list[str] | None = None) -> str:
    """Return what is wrong where another distribution owns a module `flash`, else ""."""
    others = neighbours(path)
    if not others:
        return ""
    kind = " (Lightning Flash)" if any(one.startswith("lightning-flash ") for one in others) else ""
    return (
        f"{', '.join(others)}{kind} is installed here too, with a module `flash` and a "
        "command `flash` of its own: the two overwrite each other. Keep each in an environment "
        "of its own"
    )
