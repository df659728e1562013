"""Network and accelerator together, from what `benchmarks.claims.codesign` left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.common.files import HERE
from benchmarks.report.format import beside, table
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from benchmarks.report.section import Line, Told

BUDGETS = 20
LARGE = 1e13
HOW = (
    "`python -m benchmarks.claims.codesign`; docs/howto/codesign.md says what is modelled. 20 "
    "latency budgets each, from a fortieth to half of what the fixed accelerator's best network "
    "takes; training-free, bits for each cell where the target has them. Joint: networks, with "
    "bits, on accelerators that fit the device.\n"
)


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return what was measured of co-design, and of bits."""
    found = told.get("codesign")
    if not found:
        return ""
    parts = ["## Network and accelerator together\n", HOW]
    for name, make in (("proofs", _proofs), ("gains", _gains), ("ilp", _ilp), ("fronts", _fronts),
                       ("scale_sim", _scale_sim)):  # fmt: skip
        parts.append(make(found[name]) if found.get(name) else f"{name}: not measured.\n")
    if "quantised" in told:
        parts.append(_quantised(told["quantised"]))
    return "\n".join(parts)


def claims(told: Told) -> Iterator[Line]:
    """Yield that co-design is proven and quick, and what it gains."""
    found = told.get("codesign", {})
    parts: list[Any] = [
        found.get(name) or None for name in ("ilp", "proofs", "gains", "scale_sim", "fronts")
    ]
    ilp, rows, gained, arrays, sampled = parts
    yield (
        "HAO's integer program against enumeration, random cases",
        "equal in 200 of 200",
        ilp and f"{ilp['equal']} of {ilp['cases']}",
        ilp and ilp["equal"] == ilp["cases"] == 200,
    )
    last = ilp and ilp["large"][-1]
    ratio = last and last["enumeration_s"] / last["milp_s"]
    yield (
        "the same on large ones",
        "faster",
        last and f"{ratio:.0f}x, {last['combinations']:,} combinations",
        last and last["equal"] and ratio > 1.0,
    )
    for row in rows or ():
        if row["joint"] < LARGE:
            continue
        yield (
            f"co-design, {row['family']} x {row['target']}, {row['joint']:.0e} joint",
            "proven, within the device, median at most 50 ms",
            f"{row['proven']} of {BUDGETS} proven, {row['fit']} fit, {1e3 * row['median_s']:.1f} "
            f"ms, worst {1e3 * row['most_s']:.1f} ms",
            row["proven"] == row["fit"] == BUDGETS and row["median_s"] <= 0.05,
        )
    if not rows:
        yield "co-design over 1e13 joint configurations", "median at most 50 ms", None, None
    over: Any = gained and [row["over_fixed"] for row in gained]
    yield (
        "co-design against the accelerator that is best over 20 budgets",
        "better, and how much",
        over
        and "mean "
        + ", ".join(f"{100 * one['mean']:.2f}" for one in over)
        + " %, at most "
        + f"{100 * max(one['most'] for one in over):.0f} %",
        over and all(one["least"] >= 0.0 for one in over) and any(one["mean"] > 0 for one in over),
    )
    most = arrays and max(row["most"] for row in arrays)
    yield (
        "chosen systolic arrays, cycles against SCALE-Sim",
        "3 %",
        arrays and f"{100 * most:.2g} %",
        arrays and most <= 0.03,
    )
    yield (
        "HAO's sampled front, hypervolume of the exact one",
        "how much",
        sampled
        and "; ".join(
            f"{row['family']} {100 * min(row['hypervolume_share']):.0f} to "
            f"{100 * max(row['hypervolume_share']):.0f} % in "
            f"{sum(row['hao_s']) / len(row['hao_s']):.1f} s, exact {row['exact_s']:.2g} s"
            for row in sampled
            if "hao_s" in row
        ),
        sampled and all(row["exact_complete"] for row in sampled),
    )


def _quantised(kept: Mapping[str, Any]) -> str:
    told = kept["judged"]
    titles = ("rule", "mean error, points", *(f"fewest bits {b}" for b in (6, 4, 3, 2)),
              "Kendall's tau", "from 3 bits")  # fmt: skip
    lines = [
        (
            name + (" (flash)" if name == told["chosen"] else ""),
            f"{row['points']:.2f}",
            *(f"{row['points_by_least_bits'][b]:.2f}" for b in "6432"),
            f"{row['tau']:.3f}",
            f"{row['tau_from_3_bits']:.3f}",
        )
        for name, row in told["rules"].items()
    ]
    elsewhere = "; ".join(
        f"{cells} cells ({row['networks']} networks): {row['each_cell']:.2f} points, and "
        f"{row['shared']:.2f} if all cells together lost what three do"
        for cells, row in told["other_cells"].items()
    )
    sums = ", ".join(
        f"{b} bits {told['additivity'][b]['thrice_alone']:.2f} and "
        f"{told['additivity'][b]['together']:.2f}"
        for b in "432"
    )
    three = sum(len(row["architecture"]["cells"]) == 3 for row in kept["networks"])
    return (
        "### What bits cost in accuracy\n\n`benchmarks/training/quantise.py`: trained networks, "
        f"every mix of 8, 6, 4, 3 and 2 bits over their cells. Errors on {three} networks of three "
        "cells, each left out of its fit, accuracies at least chance; the median of Kendall's tau "
        "over a network's mixes.\n\n" + table(titles, lines)
        + f"\nFitted on three cells, judged on others: {elsewhere}. No sum over cells is exact: "
        "log odds lost by the cells one at a time, added up, and by all together are at "
        f"{sums} (nothing falls below chance).\n"
    )  # fmt: skip


def _proofs(rows: list[dict[str, Any]]) -> str:
    titles = ("space", "target", "accelerators", "may be best", "joint", "proven",
              "median, processor ms (wall)", "most")  # fmt: skip
    lines = [
        (
            row["family"],
            row["target"],
            f"{row['accelerators']:,}",
            f"{row['candidates']:,}",
            f"{row['joint']:.2g}",
            f"{row['proven']} of 20",
            beside(row, "median_cpu_s", "median_s"),
            beside(row, "most_cpu_s", "most_s"),
        )
        for row in rows
    ]
    return (
        "### Proven answers\n\nAccelerators: those within the device; which of them may be best "
        "hangs on neither the network nor the budgets.\n\n" + table(titles, lines)
    )


def _gains(rows: list[dict[str, Any]]) -> str:
    titles = ("space", "target", "over the best fixed: median", "mean", "most", "over the "
              "target's own at 8 bits: median", "most", "budgets only co-design meets")  # fmt: skip
    lines = [
        (
            row["family"],
            row["target"],
            *(f"{100 * row['over_fixed'][key]:.2f} %" for key in ("median", "mean", "most")),
            *(f"{100 * row['over_own'][key]:.1f} %" for key in ("median", "most")),
            f"{row['over_own']['only_codesign']}",
        )
        for row in rows
    ]
    return (
        "### Against fixed accelerators\n\nThe best fixed accelerator is the one of all that may "
        "be best whose answers, bits chosen too, are best over the 20 budgets: it is chosen in "
        "hindsight, and what is left is the gain of a choice for each budget. The gain is of "
        "NN-Degree, quantised.\n\n" + table(titles, lines)
    )


def _ilp(told: Mapping[str, Any]) -> str:
    titles = ("options of each of 3 parts", "combinations", "integer program ms", "enumeration ms",
              "equal")  # fmt: skip
    lines = [
        (
            f"{row['options']}",
            f"{row['combinations']:,}",
            f"{1e3 * row['milp_s']:.1f}",
            f"{1e3 * row['enumeration_s']:,.1f}",
            "yes" if row["equal"] else "no",
        )
        for row in told["large"]
    ]
    return (
        f"### HAO's integer program\n\nEqual to enumeration in {told['equal']} of "
        f"{told['cases']} random cases (median {1e3 * told['median_s']:.1f} ms). The enumeration "
        "is of whole arrays, by numpy.\n\n" + table(titles, lines)
    )


def _fronts(rows: list[dict[str, Any]]) -> str:
    titles = ("space", "target", "objectives", "accelerators", "points", "on accelerators",
              "processor s (wall)", "HAO: points", "s", "hypervolume of the exact")  # fmt: skip
    lines = [
        (
            row["family"],
            row["target"],
            ", ".join(row["objectives"]),
            f"{row['accelerators']:,}",
            f"{row['exact_points']:,}" + ("" if row["exact_complete"] else " (not complete)"),
            str(row["exact_accelerators"]),
            beside(row, "exact_cpu_s", "exact_s", 1.0),
            ", ".join(map(str, row.get("hao_points", ()))),
            ", ".join(f"{s:.1f}" for s in row.get("hao_s", ())),
            ", ".join(f"{100 * share:.1f} %" for share in row.get("hypervolume_share", ())),
        )
        for row in rows
    ]
    return (
        "### Sampled and exact fronts\n\n`flash.pareto(..., codesign=True)`: NN-Degree, quantised "
        "where there are bits to choose, and costs; against it three seeds of HAO, 64 subgraphs "
        "and 256 networks each. Hypervolume above a score of 0, up to the latency of the exact "
        "front's last point.\n\n" + table(titles, lines)
    )


def _scale_sim(rows: list[dict[str, Any]]) -> str:
    titles = ("array", "dataflow", "layers", "mean error", "most")
    lines = [
        (
            f"{row['side']} x {row['side']}",
            row["dataflow"],
            f"{row['layers']:,}",
            f"{100 * row['mean']:.3f} %",
            f"{100 * row['most']:.3f} %",
        )
        for row in rows
    ]
    worst = max(row["most"] for row in rows)
    return (
        "### Chosen systolic arrays against SCALE-Sim\n\nTotal cycles of single layers; every "
        "array is an option of systolic-128's design space. "
        f"Within 3 % on every layer: {'yes' if worst <= 0.03 else 'no'}.\n\n" + table(titles, lines)
    )


SECTION = Section(
    write,
    kept={
        "codesign": HERE / "claims" / "codesign.json",
        "quantised": HERE / "training" / "quantised.json",
    },
    claims=claims,
)
