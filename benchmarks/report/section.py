"""What a section of RESULTS.md is made of; each module of `sections` ends with one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

# What was measured, by the name of its fragment.
Told = Mapping[str, Any]
# (claim, required, measured or None, whether it holds)
Line = tuple[str, str, str | None, bool | None]


class Options(NamedTuple):
    """How to measure.

    Attributes
    ----------
    quick : bool
        Fewer budgets.
    data : str, optional
        Folder of the measured data.
    """

    quick: bool
    data: str | None = None


def _no_lines(told: Told) -> Iterable[Line]:
    return ()


def _no_pictures(told: Told) -> dict[str, bytes]:
    return {}


class Section(NamedTuple):
    """One section.

    Attributes
    ----------
    write : callable
        Told, and the names of the pictures that were drawn, to Markdown; "" for no section.
    measure : callable, optional
        The name of one of `fragments`, and how, to plain data; None where there is nothing to do.
    fragments : tuple of str
        What `measure` can measure: each is a file under .results/, and a name for ``--only``.
    kept : mapping of str to path
        What programs of their own measured and left beside them; told under these names.
    claims : callable
        Told to what the project must show; a line without a measurement where nothing was told.
    draw : callable
        Told to pictures, by file name.
    whose : mapping of str to str
        By how a claim begins: the paper whose threshold it has. All others are the project's own.
    """

    write: Callable[[Told, Iterable[str]], str]
    measure: Callable[[str, Options], Any] | None = None
    fragments: tuple[str, ...] = ()
    kept: Mapping[str, Path] = {}
    claims: Callable[[Told], Iterable[Line]] = _no_lines
    draw: Callable[[Told], dict[str, bytes]] = _no_pictures
    whose: Mapping[str, str] = {}

    def owner(self, claim: str) -> str:
        """Return whose threshold a claim has: a paper's, or the project's own."""
        for start, paper in self.whose.items():
            if claim.startswith(start):
                return paper
        return "the project's"


def of_one(fragment: str, write: Callable[[Any], str]) -> Callable[[Told, Iterable[str]], str]:
    """Return `write` of a section that tells of one fragment: no text where it wasn't measured."""

    def written(told: Told, pictures: Iterable[str]) -> str:
        return write(told[fragment]) if fragment in told else ""

    return written
