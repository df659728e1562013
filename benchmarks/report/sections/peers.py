"""How other solvers fare on the same tables and budgets."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report.format import both, percent, table
from benchmarks.report.measuring import call
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from benchmarks.report.section import Line, Options, Told

PEERS = (
    "plain_exact",
    "scipy_shgo",
    "scipy_de",
    "pymoo_peer",
    "optuna_peer",
    "nevergrad_peer",
    "cpsat",
    "highs",
)


def measure(fragment: str, options: Options) -> Any:
    """Run one peer in its own process; return what it told."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "peer.json")
        words = ["-m", "benchmarks.peers.run", fragment, str(out)]
        call([*words, *(["--quick"] if options.quick else [])])
        return json.loads(out.read_text())


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return how the peers fare."""
    found = [told[name] for name in PEERS if name in told]
    if not found:
        return ""
    rows, settings = [], []
    for one in found:
        s = one["summary"]
        rows.append(
            (
                one["peer"],
                one["best"],
                one["case"],
                percent(s["gap"]),
                f"{s['finished']} of {s['n']}",
                both(s, "seconds", "cpu_s"),
                both(s, "flash_s", "flash_cpu_s"),
                *(
                    least(s) + f"{s[name]:.0f}" if name in s else "-"
                    for name in ("ratio", "ratio_with_setup", "whole_ratio", "whole_cpu_ratio")
                ),
            )
        )
        for name, other in one["settings"].items():
            mark = " (chosen)" if name == one["best"] else ""
            settings.append(
                (
                    one["peer"],
                    name + mark,
                    percent(other["gap"]),
                    f"{other['finished']} of {other['n']}",
                    both(other, "seconds", "cpu_s"),
                    least(other) + f"{other['ratio']:.0f}",
                )
            )
    head = (
        "peer",
        "setting",
        "case",
        "median gap",
        "goal or proof reached",
        "model and solver, ms",
        "flash's solver, ms",
        "ratio of solver calls",
        "with model building",
        "ratio of whole calls",
        "by processor time",
    )
    return (
        "## Peers\n\nThe same tables and budgets, one thread, flash's solver call timed right "
        "before and after each run. A ratio is the median of per-budget ratios; a run that misses "
        "its goal counts as its limit, and where at most half of them reach it the ratio is at "
        "least (>=) what stands there. Heuristics may stop at 0.1 % of the optimum, which they are "
        "told; scipy's shgo ends by itself; exact peers end with a proof. Whole calls compile the "
        "tables too. Times are of processors, in brackets by the clock; ratios by the clock but in "
        "the last column.\n\n"
        + table(head, rows)
        + "\nAll settings, on the budgets on which the setting was chosen:\n\n"
        + table(
            ("peer", "setting", "median gap", "reached", "model and solver, ms", "ratio"), settings
        )
    )


def least(summary: Mapping[str, Any]) -> str:
    """Return a mark for a median that runs cut short at their limit make a bound from below."""
    return ">=" if 2 * summary["finished"] <= summary["n"] else ""


def claims(told: Told) -> Iterator[Line]:
    """Yield by how much flash must be faster than each."""
    for section, label, limit in (
        ("scipy_shgo", "scipy shgo, best answer", 250),
        ("scipy_de", "scipy differential_evolution to 0.1 %", 100),
        ("cpsat", "OR-tools CP-SAT to a proof", 150),
        ("highs", "HiGHS to a proof", 150),
        ("plain_exact", "plain compiled exact loop", 4),
    ):
        one = told.get(section)
        required = f"at least {limit}x faster"
        if one is None:
            yield label, required, None, None
            continue
        s = one["summary"]
        # never worse than the peer: a run would have failed where a peer beats the optimum
        ratio, whole = s["ratio"], s["whole_ratio"]
        clock = ""
        if "cpu_ratio" in s:  # in files of before it was measured there is wall time alone
            ratio, whole, clock = s["cpu_ratio"], s["whole_cpu_ratio"], "processor time; "
        text = (
            f"{least(s)}{ratio:.0f}x ({clock}whole calls {whole:.0f}x; {one['best']}; "
            f"{s['finished']} of {s['n']} reached; its median gap {100 * s['gap']:.2g} %)"
            f"{_cheaper(one)}"
        )
        yield label, required, text, ratio >= limit


def _cheaper(one: dict[str, Any]) -> str:
    """A faster setting whose gap is at most twice the chosen one's: the choice hangs on little."""
    chosen = one["settings"][one["best"]]
    near = {
        name: other
        for name, other in one["settings"].items()
        if other["gap"] <= 2.0 * chosen["gap"] and other["seconds"] < chosen["seconds"]
    }
    if one["rule"] != "gap" or not near:
        return ""
    name = min(near, key=lambda name: near[name]["seconds"])
    return f"; {near[name]['ratio']:.0f}x at {name}, {100 * near[name]['gap']:.2g} %"


SECTION = Section(write, measure, PEERS, claims=claims)
