"""flash.choose beside HiGHS and CP-SAT on tables of choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.peers.choices.summary import (
    PUBLIC,
    contradictions,
    proven_by,
    summaries,
    told_text,
)
from benchmarks.report.measuring import told_by
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from benchmarks.report.section import Line, Options, Told

FEW, MANY, LARGE = (", 2", ", 3"), ", 5", "1000 x 50, 3"
CLOSE = 1e-4  # what the largest tables may be away where they are not proven
CORRELATED = "correlated 32 x 10, 3"
AS_FAST, SLOWER = 1.0, 1.0 / 1.5
SMALL, SMALL_NAMES = 6, ("I01", "I02", "I03", "I04", "I05", "I06")


def measure(fragment: str, options: Options) -> Any:
    """Run all solvers, on the public instances too where there is a folder of data."""
    words = ["-m", "benchmarks.peers.choices.run"]
    if options.quick:
        words.append("--quick")
    if options.data is not None:
        words += ["--data", options.data]
    return told_by(*words)


def write(told: dict[str, Any]) -> str:
    """Return who proves what, and in how much time."""
    load = told["load"]
    text = (
        "## Choices\n\n`flash.choose` beside HiGHS (highspy: a binary variable an option) and "
        "CP-SAT (exactly one Boolean a group), each to a proof with gap 0, one thread, presolve "
        "on, a process each, in turns. Processor time from the arrays to the answer: "
        "`ChoiceProblem.from_arrays` and `choose`, or building the model, solving it and reading "
        "the answer. Solvers are stopped after 20 s of it (flash on 1000 groups 5 s), and a peer "
        "that does not prove counts as that long. The peers were tried on fewer of the slow "
        "ones, those of the first seeds; ratios are of these. In 'doubles' numbers have all "
        "places of a double, which CP-SAT does not take. Tables are drawn: "
        "`benchmarks/peers/choices/problems.py`.\n\n"
    )
    if load:
        text += (
            f"The machine had a load of {min(load):.0f} to {max(load):.0f} meanwhile: times are of "
            "processors, whose caches others share.\n"
        )
    if not told["complete"]:
        text += "Not all problems were run.\n"
    if told.get("earlier"):
        text += (
            f"The peers' figures of these are of an earlier run: {'; '.join(told['earlier'])}.\n"
        )
    return text + "\n" + told_text(told)


def claims(told: Told) -> Iterator[Line]:
    """Yield what choose must reach beside its peers."""
    rows = told["choices"]["rows"] if "choices" in told else []
    every = {one["family"]: one for one in summaries(rows)}
    plain = {name: one for name, one in every.items() if name[0].isdigit() and "x 54" in name}
    few = [one for name, one in plain.items() if name.endswith(FEW)]
    what = "choose: 32, 62, 126 groups x 54, 2 and 3 budgets, against the faster of two"
    required = "all proven, at least 100x, never slower"
    yield what, required, *_of_few(few)
    many = [one for name, one in plain.items() if name.endswith(MANY)]
    text = holds = None
    if many:
        least = min(one["ratio"] for one in many)
        slowest = min((o["least_both"] for o in many if o["least_both"]), default=float("inf"))
        text = (
            f"{least:.3g}x (the least of {len(many)} medians), at its slowest {slowest:.3g}x, on "
            f"{_tried(many)}"
        )
        holds = least >= 3.0 and slowest >= SLOWER
    required = "at least 3x, never 1.5 times slower where both prove"
    yield "choose: the same under 5 budgets", required, text, holds
    text = holds = None
    if LARGE in every:
        one = every[LARGE]
        text = f"{one['proven']} of {one['n']} proven, others within {100 * one['away']:.2g} %"
        holds = one["away"] <= CLOSE
    yield "choose: 1,000 x 50, 3 budgets, in 5 s", "proven or within 0.01 %", text, holds
    text = holds = None
    if CORRELATED in every:
        one = every[CORRELATED]
        text = f"{one['proven']} of {one['n']} proven, the slowest in {one['slowest_s']:.3g} s"
        holds = one["proven"] == one["n"]
    yield "choose: strongly correlated, 32 x 10, 3 budgets", "proven", text, holds
    public = {row["name"]: row for row in rows if row["family"] == PUBLIC}
    yield from _of_public(public)
    text = holds = None
    if rows:
        wrong = contradictions(rows)
        text = f"{len(wrong)} contradictions in {len(rows)} problems"
        holds = not wrong
    yield "choose and its peers: proven answers", "equal", text, holds


def _tried(families: Sequence[dict[str, Any]]) -> str:
    """Return on how many problems ratios rest."""
    tried, n, proven = (sum(one[key] for one in families) for key in ("tried", "n", "proven"))
    return f"the {tried} of {n} that peers were tried on; flash proves {proven} of {n}"


def _of_few(few: Sequence[dict[str, Any]]) -> tuple[str | None, bool | None]:
    if not few:
        return None, None
    least = min(one["ratio"] for one in few)
    slowest = min(one["least"] for one in few)
    proven, n = (sum(one[key] for one in few) for key in ("proven", "n"))
    text = (
        f"medians {least:.3g}x to {max(o['ratio'] for o in few):.3g}x, "
        f"at its slowest {slowest:.3g}x, on {_tried(few)}"
    )
    return text, proven == n and least >= 100.0 and slowest >= AS_FAST


def _of_public(public: dict[str, dict[str, Any]]) -> Iterator[Line]:
    small = [public[name] for name in SMALL_NAMES if name in public]
    text = holds = None
    if small:
        proven = [row["name"] for row in small if proven_by(row, "flash")]
        others = {peer: sum(proven_by(row, peer) for row in small) for peer in ("HiGHS", "CP-SAT")}
        text = f"{len(proven)} of {len(small)} ({', '.join(proven)}); in 20 s " + ", ".join(
            f"{peer} {n}" for peer, n in others.items()
        )
        holds = len(proven) == SMALL
    yield "choose: public instances I01 to I06, in 60 s", "proven", text, holds
    large = [row for name, row in public.items() if name not in SMALL_NAMES]
    text = holds = None
    if large:
        better = [row for row in large if _gain(row, "objective") > 0.0]
        tighter = [row for row in large if _gain(row, "bound") <= 0.0]
        text = f"better on {len(better)}, bound no worse on {len(tighter)} of {len(large)}"
        holds = len(better) == len(tighter) == len(large)
    what = "choose: larger public instances, 10 s, against HiGHS after 60 s"
    yield what, "a better answer, a bound no worse", text, holds


def _gain(row: dict[str, Any], key: str) -> float:
    """Return by how much flash's figure is above HiGHS's."""
    own, other = (row["solvers"][name][key] for name in ("flash", "HiGHS"))
    return float((own or 0.0) - (other or 0.0))


SECTION = Section(of_one("choices", write), measure, ("choices",), claims=claims)
