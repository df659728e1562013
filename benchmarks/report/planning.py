"""What a run of the report would measure, about how long it takes, and what it may do at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.report.contents import FRAGMENTS
from benchmarks.report.format import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

# Their figures have no times: they may share the machine with each other.
UNTIMED = ("aarch64", "calibration", "targets", "training")
# They have nothing to measure without the folder of the measured data.
NEED_DATA = ("calibration", "targets", "predictors", "methods_pnas", "methods_lstm")


class Step(NamedTuple):
    """A fragment that would be measured.

    Attributes
    ----------
    seconds : float, optional
        What it took the last time, where that is known.
    timed : bool
        Whether it must have the machine to itself.
    """

    name: str
    seconds: float | None
    timed: bool


def planned(
    wanted: Iterable[str], folder: Path, *, data: bool, resume: bool, build: str
) -> tuple[list[Step], dict[str, str]]:
    """Return what is to be measured, timed fragments first, and what is not, with the reason."""
    steps, left = [], {}
    named = set(wanted)
    for name, section in FRAGMENTS.items():
        if name not in named:
            continue
        path = folder / f"{name}.json"
        last = json.loads(path.read_text()) if path.exists() else None
        if section.measure is None:
            left[name] = "nothing to measure"
        elif name in NEED_DATA and not data:
            left[name] = "needs --data"
        elif resume and last is not None and last["build"] == build:
            left[name] = f"measured with this build, {last['date']}"
        else:
            seconds = None if last is None else float(last["seconds"])
            steps.append(Step(name, seconds, name not in UNTIMED))
    return sorted(steps, key=lambda one: not one.timed), left


def minutes(steps: Sequence[Step], jobs: int) -> float:
    """Return about how many minutes a run takes, by what each fragment took the last time."""
    alone = sum(one.seconds or 0.0 for one in steps if one.timed)
    ends = [0.0] * jobs
    for one in (one for one in steps if not one.timed):
        first = ends.index(min(ends))
        ends[first] += one.seconds or 0.0
    return (alone + max(ends)) / 60.0


def told(steps: Sequence[Step], left: dict[str, str], jobs: int) -> str:
    """Return the plan in words."""
    rows = [
        (
            one.name,
            "not known" if one.seconds is None else f"{one.seconds:.0f}",
            "alone" if one.timed or jobs == 1 else f"up to {jobs} at once",
        )
        for one in steps
    ]
    text = table(("fragment", "took the last time, s", "runs"), rows) if rows else ""
    text += "".join(f"left out: {name} ({why})\n" for name, why in left.items())
    unknown = sum(one.seconds is None for one in steps)
    more = f", and {unknown} whose time is not known" if unknown else ""
    return text + f"about {minutes(steps, jobs):.0f} minutes in all{more}\n"


def carried_out(steps: Sequence[Step], jobs: int, measure: Callable[[str], bool]) -> list[str]:
    """Measure one after the other, untimed ones at last and `jobs` at once; return which failed."""
    failed = [one.name for one in steps if one.timed and not measure(one.name)]
    rest = [one.name for one in steps if not one.timed]
    with ThreadPoolExecutor(jobs) as pool:  # each waits for a process of its own
        good = list(pool.map(measure, rest))
    return failed + [name for name, held in zip(rest, good, strict=True) if not held]
