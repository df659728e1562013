"""What a paper claims beside what was measured here, in one form for all systems.

Each system's program leaves ``papers/SYSTEM.json``: a list of claims. The report makes a table of
each, ``benchmarks/report/sections/papers.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.common.files import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["KEPT", "SYSTEMS", "Claim", "judged", "read", "write"]

KEPT = Path(__file__).with_name("papers")
SYSTEMS = ("flash", "hurricane", "netadapt-v2", "fp-nas", "hao", "pnas")


class Claim(NamedTuple):
    """One claim of a paper.

    Attributes
    ----------
    what : str
        What is claimed, in a few words.
    paper : str
        The paper's figure, with its unit; "reconstruction" where it was not seen.
    ours : str
        The figure measured here, with its unit, and on what.
    interval : (float, float) or None
        Of 95 %, over seeds, in the unit of `ours`; None where chance has no part.
    seeds : int
        0 where chance has no part.
    verdict : str
        What `judged` says, or "bound only" with the reason.
    differs : str
        What is not as in the paper.
    """

    what: str
    paper: str
    ours: str
    interval: tuple[float, float] | None
    seeds: int
    verdict: str
    differs: str


def judged(
    interval: Sequence[float],
    figure: float,
    *,
    neutral: float = 1.0,
    less: bool = False,
    bound: str | None = None,
) -> str:
    """Return what an interval says of a claimed figure.

    A claim is reproduced where the interval's near end, the one that speaks most against it,
    reaches the figure; and refuted where the end that speaks most for it does not even reach
    `neutral`, or falls short of the figure while no effect is shown.

    Parameters
    ----------
    interval : (low, high)
    figure : float
        The paper's.
    neutral : float, default 1.0
        No effect: 1 of a ratio, 0 of a difference.
    less : bool, default False
        Whether smaller is what the paper claims.
    bound : str, optional
        Why the measured figure is only a bound (a run that was cut short, a scale that is out of
        reach here): then that is the verdict.

    Examples
    --------
    >>> judged((2.0, 2.9), 2.78)
    'reproduced in kind, less in size'
    >>> judged((2.9, 3.4), 2.78)
    'reproduced'
    """
    if bound is not None:
        return f"bound only: {bound}"
    near, far = interval
    if less:
        near, far, figure, neutral = -interval[1], -interval[0], -figure, -neutral
    if near >= figure:
        return "reproduced"
    if near > neutral:
        return "reproduced in kind, less in size" if far < figure else "reproduced in kind"
    if far < figure:
        return "refuted" if far < neutral else "refuted in size; no effect shown"
    return "not decided: the interval holds both"


def write(system: str, claims: Iterable[Claim]) -> Path:
    """Leave a system's claims; return the file."""
    if system not in SYSTEMS:
        raise ValueError(f"system must be one of {', '.join(SYSTEMS)}, got {system!r}")
    KEPT.mkdir(exist_ok=True)
    path = KEPT / f"{system}.json"
    write_json(path, [one._asdict() for one in claims])
    return path


def read(system: str) -> list[Claim]:
    """Return a system's claims; none where nothing was measured."""
    path = KEPT / f"{system}.json"
    if not path.exists():
        return []
    return [Claim(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
