"""A comparison as a page."""

from __future__ import annotations

from ..base.html import told
from ..base.pages import ROWS, call
from ..networks.line import line_of
from ..results.page import space_of
from ..results.screen import duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..base.html import Row
    from ..base.pages import Item, Section
    from .comparison import Comparison

__all__ = ["made", "sections"]


def made(comparison: Comparison[Any]) -> str:
    """Return the call that gave a comparison, as far as it is known."""
    first = next(iter(comparison.runs.values()))[0]
    seeds = max(len(runs) for runs in comparison.runs.values())
    keywords: dict[str, Any] = {"methods": list(comparison.runs), "seeds": seeds, **first.budgets}
    keywords["options"] = {k: dict(own) for k, own in (comparison.options or {}).items()} or None
    return call("compare", space_of(first.space), first.target, **keywords)


def sections(comparison: Comparison[Any]) -> list[Section]:
    """Return a comparison as the sections of a page."""
    parts = comparison._parts()
    found: list[Section] = [("Methods", [*comparison._charts(), *parts])]
    found.append(("Runs", _runs(comparison)))
    statuses: list[Row] = [["method", "status", "runs"]]
    for row in comparison.rows():
        statuses += [[row["method"], name, str(n)] for name, n in row["statuses"].items()]
    found.append(("How runs ended", [(statuses, 2, True)]))
    return found


def _runs(comparison: Comparison[Any]) -> list[Item]:
    every = [(name, run) for name, runs in comparison.runs.items() for run in runs]
    rows: list[Row] = [
        ["method", "seed", "status", "objective", "gap", "evaluations", "rows asked for", "time",
         "network"]
    ]  # fmt: skip
    for name, run in every[:ROWS]:
        gap = comparison._gap(run)
        rows.append(
            [
                name,
                str(run.seed),
                run.status,
                "-" if run.objective is None else f"{run.objective:.6g}",
                "-" if gap is None else f"{100 * gap:.3g} %",
                told(run.nfev),
                "-" if run.samples is None else told(run.samples),
                duration(run.elapsed_s),
                "" if run.x is None else line_of(run.architecture),
            ]
        )
    found: list[Item] = [(rows, 1, True)]
    if len(every) > ROWS:
        found.append(f"the first {ROWS:,} of {len(every):,} runs; all of them: to_frame()")
    return found
