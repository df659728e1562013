"""What the runs say: proofs, ratios to the faster peer, where flash loses, who contradicts whom."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.report.format import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Row = dict[str, Any]

PUBLIC = "public"
FASTER_OF = ("HiGHS", "CP-SAT")
EXACT = 1e-6  # relative: what a bound in floating point may be off


def contradictions(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return what cannot be true, with whose it is: answers over a budget, proofs and bounds that
    another's answer refutes."""
    found = []
    for row in rows:
        sign = -1.0 if row["greatest"] else 1.0
        got = {
            name: sign * one["objective"]
            for name, one in row["solvers"].items()
            if one["objective"] is not None
        }
        best = min(got.values(), default=float("inf"))
        room = EXACT * max(1.0, abs(best))
        told = f"{row['family']} #{row['name']}"
        for name, one in row["solvers"].items():
            if one["found"] and name not in got:
                found.append((name, f"{told}: the answer of {name} breaks a budget"))
            elif one["proven"] and got.get(name, float("inf")) > best + (
                0.0 if row.get("whole", True) else room
            ):
                own = sign * got[name] if name in got else "that there is none"
                found.append((name, f"{told}: {name} proves {own}, {sign * best} is there"))
            bound = one["bound"]
            if bound is not None and got and sign * bound > best + room:
                found.append((name, f"{told}: {name} bounds by {bound}, {sign * best} is there"))
    return found


def ratio(row: Row) -> float | None:
    """Return the time of the faster peer in flash's; None where nobody proves or no peer was tried.

    A peer that does not prove counts as the time it had.
    """
    peers = [row["solvers"][name] for name in FASTER_OF if name in row["solvers"]]
    own = row["solvers"]["flash"]
    if not peers or not (own["proven"] or any(one["proven"] for one in peers)):
        return None
    proven = [one["seconds"] for one in peers if one["proven"]]
    return float(min(proven or [one["seconds"] for one in peers]) / own["seconds"])


def both_prove(row: Row) -> bool:
    """Whether flash and a peer come to a proof."""
    solvers = row["solvers"]
    return bool(
        solvers["flash"]["proven"]
        and any(solvers[name]["proven"] for name in FASTER_OF if name in solvers)
    )


def proven_by(row: Row, name: str) -> bool:
    """Whether a solver proves its answer."""
    return bool(row["solvers"][name]["proven"])


def away(row: Row) -> float:
    """Return how far flash's bound is from its answer, relative to it; 1 for no answer."""
    one = row["solvers"]["flash"]
    if one["proven"]:
        return 0.0
    if not one["objective"] or one["bound"] is None:
        return 1.0
    return float(abs(one["bound"] - one["objective"]) / abs(one["objective"]))


def summaries(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a summary of each family, public instances aside."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        if row["family"] != PUBLIC:
            families.setdefault(row["family"], []).append(row)
    found = []
    for name, own in families.items():
        times = [row["solvers"]["flash"]["seconds"] for row in own]
        peers = {
            peer: [row["solvers"][peer] for row in own if peer in row["solvers"]]
            for peer in (*FASTER_OF, "scipy milp")
        }
        known = [(row, one) for row in own if (one := ratio(row)) is not None]
        ratios = [one for _, one in known]
        together = [one for row, one in known if both_prove(row)]
        found.append(
            {
                "family": name,
                "n": len(own),
                "tried": len(peers["HiGHS"]),
                "proven": sum(row["solvers"]["flash"]["proven"] for row in own),
                "away": max(map(away, own)),
                "median_s": statistics.median(times),
                **_walls([row["solvers"]["flash"] for row in own]),
                "slowest_s": max(times),
                "peers": {
                    peer: {
                        "n": len(each),
                        "proven": sum(one["proven"] for one in each),
                        "median_s": statistics.median(one["seconds"] for one in each),
                        **_walls(each),
                    }
                    for peer, each in peers.items()
                    if each
                },
                "ratio": statistics.median(ratios) if ratios else None,
                "least": min(ratios) if ratios else None,
                "least_both": min(together) if together else None,
                "slower": sum(one < 1.0 for one in ratios),
            }
        )
    return found


def _walls(each: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the median wall time, where all have one."""
    walls = [one["wall_s"] for one in each if "wall_s" in one]
    return {"wall_s": statistics.median(walls)} if len(walls) == len(each) else {}


def _beside(one: dict[str, Any]) -> str:
    wall = one.get("wall_s")
    return f"{_ms(one['median_s'])} ({'-' if wall is None else _ms(wall)})"


def losses(rows: Sequence[Row]) -> list[tuple[str, float, bool]]:
    """Return where a peer is faster: problem, ratio, whether flash proves at all; worst first."""
    found = [
        (f"{row['family']} #{row['name']}", one, row["solvers"]["flash"]["proven"])
        for row in rows
        if (one := ratio(row)) is not None and (one < 1.0 or not row["solvers"]["flash"]["proven"])
    ]
    return sorted(found, key=lambda one: one[1])


def slowest(rows: Sequence[Row], n: int = 10) -> list[Row]:
    """Return the drawn problems that take flash longest, in its own limit first."""
    drawn = [row for row in rows if row["family"] != PUBLIC]
    return sorted(drawn, key=lambda row: -row["solvers"]["flash"]["seconds"])[:n]


def told_text(told: dict[str, Any]) -> str:
    """Return the tables, in Markdown."""
    rows = told["rows"]
    lines = []
    for one in summaries(rows):
        peers = one["peers"]
        lines.append(
            (
                one["family"],
                f"{one['proven']} of {one['n']}",
                *(
                    f"{peers[name]['proven']} of {peers[name]['n']}" if name in peers else "-"
                    for name in FASTER_OF
                ),
                _beside(one),
                _ms(one["slowest_s"]),
                *(_beside(peers[name]) if name in peers else "-" for name in FASTER_OF),
                _times(one["ratio"]),
                _times(one["least"]),
                one["slower"],
                f"{100 * one['away']:.2g} %" if one["away"] else "0",
            )
        )
    head = (
        "groups x options, budgets",
        "flash proves",
        "HiGHS",
        "CP-SAT",
        "flash, ms (wall)",
        "its slowest",
        "HiGHS, ms (wall)",
        "CP-SAT, ms (wall)",
        "ratio to the faster",
        "least",
        "a peer is faster",
        "flash's widest gap",
    )
    text = table(head, lines) + _told_scipy(rows)
    public = [row for row in rows if row["family"] == PUBLIC]
    if public:
        text += "\n" + _told_public(public)
    text += "\nLongest for flash:\n\n" + table(
        ("problem", "flash, ms", "nodes", "HiGHS, ms", "CP-SAT, ms"),
        [
            (
                f"{row['family']} #{row['name']}",
                *(_timed(row, name) for name in ("flash",)),
                row["solvers"]["flash"]["nodes"],
                *(_timed(row, name) for name in FASTER_OF),
            )
            for row in slowest(rows)
        ],
    )
    lost = losses(rows)
    if lost:
        text += "\nWhere a peer is faster, or proves what flash does not: " + "; ".join(
            f"{name} ({one:.2g}{'' if proven else ', not proven'})" for name, one, proven in lost
        )
        text += ".\n"
    else:
        text += "\nNo problem on which a peer is faster.\n"
    wrong = contradictions(rows)
    if wrong:
        text += "\n**Contradictions**: " + "; ".join(one for _, one in wrong) + ".\n"
    else:
        text += "\nAll proven answers are equal, and no bound is refuted by another's answer.\n"
    return text


def _told_scipy(rows: Sequence[Row]) -> str:
    pairs = [
        (row["solvers"]["scipy milp"]["seconds"], row["solvers"]["HiGHS"]["seconds"])
        for row in rows
        if row["solvers"].get("scipy milp", {}).get("proven") and row["solvers"]["HiGHS"]["proven"]
    ]
    if not pairs:
        return ""
    share = statistics.median(a / b for a, b in pairs)
    return (
        f"\nscipy.optimize.milp, whose HiGHS is another version, takes {share:.2f} times as long "
        f"as highspy (median of {len(pairs)} problems that both prove).\n"
    )


def _told_public(rows: Sequence[Row]) -> str:
    lines = []
    for row in sorted(rows, key=lambda row: row["name"]):
        cells: list[Any] = [row["name"], f"{row['groups']} x {row['options']}, {row['budgets']}"]
        for name in ("flash", *FASTER_OF):
            one = row["solvers"][name]
            cells.append(_outcome(one["objective"], one["bound"], one["proven"], one["seconds"]))
            if name == "HiGHS":
                early = one["early"]
                cells.append(_outcome(early[0], early[1], False, None) if early else "-")
        lines.append(cells)
    head = ("instance", "groups x options, budgets", "flash", "HiGHS", "HiGHS at 10 s", "CP-SAT")
    return (
        "Public instances (Khan, Li, Manning and Akbar, 2002): best found, the bound in brackets "
        "where it is not proven, seconds. On I01 to I06 flash had up to 60 s and its peers 20, on "
        "the larger ones flash and CP-SAT 10 s and HiGHS 60.\n\n" + table(head, lines)
    )


def _outcome(
    objective: float | None, bound: float | None, proven: bool, seconds: float | None
) -> str:
    """Values are in hundredths."""
    text = "nothing" if objective is None else f"{objective / 100:.2f}"
    if not proven and bound is not None:
        text += f" ({bound / 100:.2f})"
    return text if seconds is None else f"{text}, {seconds:.3g} s"


def _timed(row: Row, name: str) -> str:
    one = row["solvers"].get(name)
    if one is None:
        return "not tried"
    return _ms(one["seconds"]) + ("" if one["proven"] else ", not proven")


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.3g}" if seconds < 1.0 else f"{1e3 * seconds:.0f}"


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
