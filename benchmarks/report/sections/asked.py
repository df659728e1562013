"""What users expect of such tools, beside what each has and lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.common.files import HERE
from benchmarks.peers.asked.documented import FLASH, NN_METER, OFA, SOURCES, TASKS, TOOLS
from benchmarks.report.format import both, table
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

HOW = (
    "One tiny problem, which every tool that can choose was given: an option of each of 6 groups "
    "of 6, the least loss within two budgets; all 46,656 combinations are known. "
    "`python -m benchmarks.peers.asked --python TOOL=PATH` runs each in fresh processes of its own "
    "environment, models built as its documentation does; 5 processes of 10 calls, medians. "
    "Milliseconds of processor time, in brackets by the clock. HiGHS and CP-SAT stand for "
    "Puzzle-like flows, which hand such tables to them.\n\n"
)


TIMES = {
    "import": "import", "first": "first call", "whole": "both: the first answer",
    "later": "later calls",
}  # fmt: skip


def write(told: Mapping[str, Any]) -> str:
    """Return what was run, then what is known by documentation."""
    ran = [name for name in TOOLS if "first_s" in told.get(name, ())]
    rows = [
        (
            f"{name} {told[name]['version']}",
            *(both(told[name], f"{kind}_s", f"{kind}_cpu_s") for kind in TIMES),
            f"{told[name]['best']} of {told[name]['calls']}",
            f"{told[name]['kept']} of {told[name]['calls']}",
            f"{told[name]['proven']} of {told[name]['calls']}",
        )
        for name in ran
    ]
    head = ("tool", *TIMES.values(), "optimum found", "budgets kept",
            "proven")  # fmt: skip
    text = "## What users expect\n\n"
    if ran:
        text += HOW + table(head, rows) + "\n" + _slower(told) + _load(told, ran) + "\n"
    cells = [(task, *(_ran(told, name, task) for name in TOOLS)) for task in ASKED]
    cells += [(task, *(f"{cell} (d)" for cell in row)) for task, row in TASKS.items()]
    sources = "; ".join(f"{name}: {source}" for name, source in SOURCES.items())
    return (
        text
        + "What users of such tools ask for most in public threads. Cells are from runs, or, "
        + f"marked (d), from documentation: {sources}.\n\n"
        + table(("task", *TOOLS), cells)
        + "".join(
            f"\n{name} {one['version']} on Python {one['python']}, as its package index has it: "
            f"{one['looked']}.\n"
            for name, one in told.items()
            if "looked" in one
        )
    )


def _slower(told: Mapping[str, Any]) -> str:
    """Return where flash takes longer than another tool."""
    own = told.get(FLASH)
    if own is None:
        return ""
    said = []
    for kind, words in TIMES.items():
        key = f"{kind}_cpu_s"
        faster = [name for name, one in told.items() if one.get(key, own[key]) < own[key]]
        if faster:
            said.append(f"{words}: {', '.join(faster)}")
    return (
        f"Faster than flash in processor time: {'; '.join(said)}.\n"
        if said
        else "No tool is faster than flash here.\n"
    )


def _load(told: Mapping[str, Any], ran: Sequence[str]) -> str:
    loads = [told[name]["load"] for name in ran if told[name].get("load") is not None]
    if not loads:
        return ""
    return f"The machine had a load of {min(loads):.1f} to {max(loads):.1f} meanwhile.\n"


def _least(told: Mapping[str, Any], name: str) -> str:
    one = told[name]
    if one["best"] < one["calls"]:
        worst = f", at worst {one['worst'] / one['optimum'] - 1:.1%} more" if one["worst"] else ""
        return f"{one['best']} of {one['calls']}{worst}"
    return "yes, proven" if one["proven"] == one["calls"] else "found, not proven"


def _none(told: Mapping[str, Any], name: str) -> str:
    one = told[name]["hopeless"]
    if not one["none"]:
        return "no: an answer over budget"
    return f'{"proven" if one["proven"] else "not proven"}: "{one["said"]}"'


def _front(told: Mapping[str, Any], name: str) -> str:
    found = told[name]["front"]
    return "a loop of one's own" if found is None else f"{found[0]} of {found[1]} points"


ASKED = {
    "the best within budgets": _least,
    "nothing meets the budgets: it says so": _none,
    "all trade-offs of two numbers": _front,
    "same seed, same answer": lambda told, name: "yes" if told[name]["same"] else "no",
}


def _ran(told: Mapping[str, Any], name: str, task: str) -> str:
    if "first_s" not in told.get(name, ()):
        return "no such task (d)" if name in (NN_METER, OFA) else "not run"
    return ASKED[task](told, name)


SECTION = Section(of_one("asked", write), kept={"asked": HERE / "peers" / "asked" / "answers.json"})
