"""What a sweep's folder holds: its result, or of one that is not complete what was found so far."""

from __future__ import annotations

from ..base.checks import path_of
from ..base.names import MAXIMA, STORED, Metric
from ..errors import FlashError, FormatError
from ..problem.objective import Objective
from .report import result_of
from .store import MANIFEST, read_journal, read_manifest
from .work import Job, Reduction

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any

    from .result import SweepResult

__all__ = ["MANIFEST", "kept_sweep"]


def kept_sweep(folder: str | os.PathLike[str]) -> SweepResult:
    """Return the result of a sweep that was written to a folder; nothing is written there.

    Of one that is not complete (`SweepResult.complete`), or is under way, what its journal has.

    Raises
    ------
    FormatError
        If it is no such folder, or its manifest is damaged.
    """
    where = path_of("folder", folder)
    manifest = read_manifest(where)
    try:
        plan: dict[str, Any] = manifest["plan"]
        job = Job(plan)
        found = Reduction(job)
        parts: list[dict[str, Any]] = manifest["parts"]
        if manifest["complete"]:
            found.add(manifest["result"])
        else:
            done = read_journal(where, manifest["units"])
            parts = [one["part"] for one in done.values()]
            for one in done.values():
                found.add(one)
        exponents = plan["exponents"]
        wanted = Objective(None if exponents is None else tuple(exponents))
        rows = sum(one["rows"] for one in parts)
        return result_of(job, found, _budgets(plan), wanted, (where, rows, (), None, 0.0))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        if isinstance(error, FlashError):
            raise
        raise FormatError(f"{where}: the plan of the sweep is damaged: {error!r}") from None


def _budgets(plan: dict[str, Any]) -> dict[str, float]:
    """Return the budgets by name: a plan has them in the core's order."""
    limits = plan["limits"][Metric.LIMITED]
    found = {name: one for name, one in zip(MAXIMA, limits, strict=True) if one is not None}
    found |= {f"max_{name}": plan[name] for name in STORED if plan.get(name) is not None}
    if plan["min_accuracy"] is not None:
        found["min_accuracy"] = plan["min_accuracy"]
    return found
