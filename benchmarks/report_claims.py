"""What the project must show, as figures: each claim, what is required and what was measured."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import (
    report_codesign,
    report_fronts,
    report_methods,
    report_model_claims,
    report_sweep,
)
from benchmarks.common import FOUR_CELLS, MAIN, PREDICTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MOBILE = "mobilenet-v2 x cpu-x86"
MIB = 1024.0


class Claim(NamedTuple):
    """One line: texts, ready to print."""

    what: str
    required: str
    measured: str
    verdict: str


def claims(told: dict[str, Any]) -> list[Claim]:
    """Return all claims; those without a measurement say so."""
    speed = [*_search(told), *_start(told), *_peers(told), *_shgo(told), *_batch(told)]
    swept = [_claim(*line) for line in (*report_sweep.lines(told), *report_fronts.lines(told))]
    return [
        *speed,
        *_rest(told),
        *swept,
        *(_claim(*line) for line in report_model_claims.lines(told)),
        *(_claim(*line) for line in report_methods.lines(told)),
        *(_claim(*line) for line in report_codesign.lines(told.get("codesign") or {})),
    ]


def _claim(what: str, required: str, measured: str | None, holds: bool | None) -> Claim:
    if measured is None:
        return Claim(what, required, "not measured", "-")
    return Claim(what, required, measured, "holds" if holds else "**missed**")


def _search(told: dict[str, Any]) -> Iterator[Claim]:
    suite = told.get("search")
    wanted = (
        (MAIN, "budgets", 0.5, 5.0),
        (FOUR_CELLS, "budgets", 1.0, None),
        (MOBILE, "budgets", 20.0, None),
        (PREDICTED, "budgets", 2.0, None),
        (MAIN, "product", 3.0, None),
    )
    for case, kind, limit, worst in wanted:
        name = f"{case}, {'weighted product' if kind == 'product' else 'whole call'}"
        required = f"median at most {limit} ms" + (f", worst {worst} ms" if worst else "")
        found = [one for one in suite or () if one["case"] == case and one["kind"] == kind]
        if not found:
            yield _claim(name, required, None, None)
            continue
        times = [1e3 * row["whole"] for row in found[0]["rows"]]
        middle = statistics.median(times)
        holds = middle <= limit and (worst is None or max(times) <= worst)
        text = f"{middle:.3g} ms, worst {max(times):.3g} ms ({len(times)})"
        yield _claim(name, required, text, holds)
    rows = [row for one in suite or () for row in one["rows"]]
    proven = sum(row["proven"] for row in rows)
    text = f"{proven} of {len(rows)}" if rows else None
    yield _claim("answers proven, all cases", "all", text, proven == len(rows))


def _start(told: dict[str, Any]) -> Iterator[Claim]:
    one = told["start"][0] if "start" in told else None
    for name, label, limit in (
        ("import flash and search", "fresh process, import and search", 2.0),
        ("flash search", "`flash search` from the shell", 4.0),
    ):
        ratio = one["seconds"][name] / one["seconds"]["python -c pass"] if one else None
        text = None if ratio is None else f"{ratio:.2f}x"
        yield _claim(label, f"at most {limit:.0f}x bare Python", text, (ratio or 0.0) <= limit)
    text = None if one is None else ", ".join(one["heavy"]) or "none"
    yield _claim(
        "numpy, scipy, torch, numba, matplotlib loaded by it", "none", text, text == "none"
    )
    extra = (one["peak_kib"]["search"] - one["peak_kib"]["bare"]) / MIB if one else None
    text = None if extra is None else f"{extra:.1f} MiB"
    yield _claim("peak memory above bare Python", "under 50 MiB", text, (extra or 0.0) < 50.0)


def _peers(told: dict[str, Any]) -> Iterator[Claim]:
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
            yield _claim(label, required, None, None)
            continue
        s = one["summary"]
        # never worse than the peer: a run would have failed where a peer beats the optimum
        text = (
            f"{s['ratio']:.0f}x (whole calls {s['whole_ratio']:.0f}x; {one['best']}; "
            f"its median gap {100 * s['gap']:.2g} %){_cheaper(one)}"
        )
        yield _claim(label, required, text, s["ratio"] >= limit)


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


def _shgo(told: dict[str, Any]) -> Iterator[Claim]:
    required = "below multistart's and scipy's"
    for one in told.get("shgo", ()):
        if MAIN not in one["case"]:
            continue
        own = statistics.median(row["gap"] for row in one["rows"])
        multistart = statistics.median(row["multistart_gap"] for row in one["rows"])
        others = [multistart]
        text = f"{100 * own:.2g} %; multistart {100 * multistart:.2g} %"
        if one["case"] == MAIN and "scipy_shgo" in told:
            others.append(told["scipy_shgo"]["summary"]["gap"])
            text += f", scipy {100 * others[-1]:.2g} %"
        yield _claim(f"SHGO's own median gap, {one['case']}", required, text, own < min(others))
    if "shgo" not in told:
        yield _claim("SHGO's own median gap", required, None, None)


def _batch(told: dict[str, Any]) -> Iterator[Claim]:
    suite = told.get("batch")
    for kind, peer, limit in (
        ("tables", "numba", 2),
        ("tables", "numpy", 5),
        ("layers", "numba", 4),
    ):
        job = "from tables" if kind == "tables" else "layer by layer"
        required = f"at least {limit}x faster than {peer}, per thread"
        ratios = {
            one["case"]: one[peer] / one["flash"] for one in suite or () if one["kind"] == kind
        }
        if not ratios:
            yield _claim(f"batch metrics {job}", required, None, None)
            continue
        text = ", ".join(f"{case} {ratio:.1f}x" for case, ratio in ratios.items())
        yield _claim(f"batch metrics {job}", required, text, min(ratios.values()) >= limit)


def _rest(told: dict[str, Any]) -> Iterator[Claim]:
    one = told["enumerate"][0] if "enumerate" in told else None
    text = holds = None
    if one is not None:
        equal = sum(row["equal"] for row in one["rows"])
        text = f"{equal} of {len(one['rows'])}, {one['size']:,} configurations"
        holds = equal == len(one["rows"])
    yield _claim("equals complete enumeration, default space", "3 of 3", text, holds)
    counted = told.get("aarch64")
    text = holds = None
    if counted and "skipped" not in counted:
        least, most = (f(counted["pi3b_with_kernel_s"].values()) for f in (min, max))
        text, holds = f"{least:.2g} to {most:.2g} s", most < counted["paper_s"]
    yield _claim("Raspberry Pi 3B, fresh process, estimate", "the paper's 3 s", text, holds)
    fits = told.get("calibration", {}).get("rram", {}).get("residuals")
    limits = {"area_mm2": 0.9, "energy_mj": 4.5, "latency_ms": 12.0}
    text = holds = None
    if fits:
        worst = {
            cost: max(one["held_out"][cost]["mape_pct"] for one in fits.values()) for cost in limits
        }
        text = " / ".join(f"{worst[cost]:.2g}" for cost in limits) + " %"
        holds = all(worst[cost] <= limit for cost, limit in limits.items())
    yield _claim("rram, held-out error in area / energy / latency", "0.9 / 4.5 / 12 %", text, holds)
