"""The section of RESULTS.md on other papers' methods, from what `benchmarks.methods` left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.common import HERE
from benchmarks.report_format import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    Told = dict[str, Any]

HOW = (
    "20 seeds each, `python -m benchmarks.methods`; docs/methods.md says what counts. The quality "
    "to reach is the median of what random search found; evaluations and time are what reaching it "
    "takes in expectation (all that was spent, over the runs that came there). In brackets 95 % "
    "bootstrap intervals; an open end means that some draws held no success.\n"
)


def sections(path: Path | None = None) -> str:
    """Return the section, empty where nothing was measured."""
    kept = path or HERE / "methods.json"
    if not kept.exists():
        return ""
    told: Told = json.loads(kept.read_text())
    parts = ["## Search methods of other papers\n", HOW]
    for name, one in told.items():
        parts.append(_problem(name, one, (kept.parent / f"methods-{name}.svg").exists()))
    parts.append(_adaptive(told))
    return "\n".join(parts)


def _problem(name: str, one: Told, drawn: bool) -> str:
    budgets = "".join(f", {key} {value:g}" for key, value in one["budgets"].items())
    optimum = "" if one["optimum"] is None else f"; proven optimum {one['optimum']:.6g}"
    head = (
        f"### {one['about']}\n\n{one['max_evals']} evaluations at most{budgets}{optimum}; "
        f"quality to reach {one['quality']:.6g}\n"
    )
    rows = [
        (
            row["method"],
            f"{row['objective']:.6g}",
            _triple(row["gap"], 100.0),
            f"{100 * row['reached']:.0f} %",
            "-" if row["evaluations"] is None else f"{row['evaluations']:,.0f}",
            _triple(row["fewer"]),
            "-" if row["seconds"] is None else f"{1e3 * row['seconds']:,.3g}",
        )
        for row in one["rows"]
    ]
    titles = ("method", "objective", "gap %", "reached", "evaluations", "fewer", "time ms")
    picture = f"\n![{one['about']}](methods-{name}.svg)\n" if drawn else ""
    return head + "\n" + table(titles, rows) + picture


def _adaptive(told: Told) -> str:
    """Return FP-NAS's claim, problem by problem."""
    rows = []
    for one in told.values():
        for what, label in (("parsec", "PARSEC"), ("fixed", "FP-NAS with 14 draws always")):
            found = one["adaptive"][what]
            rows.append(
                (
                    one["about"],
                    label,
                    f"{100 * found['reached'][1]:.0f} % / {100 * found['reached'][0]:.0f} %",
                    _triple(found["fewer"]),
                    _triple(found["faster"]),
                    verdict(found["fewer"], 1.0 / 0.36),
                )
            )
    return (
        "### FP-NAS: 64 % fewer samples and 2.1 times faster than PARSEC?\n\n"
        "The paper's samples share the weights of a supernet; here each is looked up or predicted. "
        "64 % fewer is 2.78 times fewer.\n\n"
        + table(
            ("problem", "against", "reached, FP-NAS / it", "fewer samples", "faster", "verdict"),
            rows,
        )
    )


def verdict(found: Sequence[float | None] | None, claimed: float) -> str:
    """Return what a ratio with its interval says of a claim."""
    if found is None:
        return "not to be told: one of the two never came there"
    ratio, low, high = found
    if low is not None and low > 1.0:
        within = high is None or high >= claimed
        return "reproduced" if within else "reproduced in kind, less in size"
    if high is not None and high < 1.0:
        return "refuted: more"
    if high is not None and high < claimed:
        return "refuted in size; no difference shown"
    return f"not shown ({ratio:.2g}, interval includes 1)"


def _triple(found: Sequence[float | None] | None, scale: float = 1.0) -> str:
    if found is None:
        return "-"
    ratio, low, high = (None if one is None else scale * one for one in found)
    ends = ["" if one is None else f"{one:.3g}" for one in (low, high)]
    return f"{ratio:.3g} [{ends[0]}, {ends[1]}]"
