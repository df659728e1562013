"""What the papers claim, system by system, beside what was measured here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.claims.claim import KEPT, SYSTEMS, Claim
from benchmarks.report.format import table
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.report.section import Told

HOW = (
    "Each system's claims, the paper's figure beside ours. An interval is of 95 %, over the seeds "
    "that are named. A verdict rests on the interval's near end: a claim is reproduced where the "
    "end that speaks most against it reaches the paper's figure, reproduced in kind where it shows "
    "the effect and not its size. What was cut short, or is out of reach here, is a bound and "
    "called one.\n"
)
NAMES = {
    "flash": "FLASH", "hurricane": "HURRICANE", "netadapt-v2": "NetAdaptV2", "fp-nas": "FP-NAS",
    "hao": "HAO", "pnas": "PNAS",
}  # fmt: skip


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return one table for each system that was measured."""
    parts = []
    for system in SYSTEMS:
        found = told.get(f"papers-{system}")
        if found:
            rows = [_row(Claim(**one)) for one in found]
            head = ("claim", "paper", "here", "95 %", "seeds", "verdict", "what differs")
            parts.append(f"### {NAMES[system]}, claim by claim\n\n" + table(head, rows))
    return f"## What the papers claim\n\n{HOW}\n" + "\n".join(parts) if parts else ""


def _row(one: Claim) -> tuple[str, ...]:
    ends = "-" if one.interval is None else "{:.3g} to {:.3g}".format(*one.interval)
    seeds = str(one.seeds) if one.seeds else "-"
    return (one.what, one.paper, one.ours, ends, seeds, one.verdict, one.differs)


SECTION = Section(write, kept={f"papers-{one}": KEPT / f"{one}.json" for one in SYSTEMS})
