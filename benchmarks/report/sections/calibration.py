"""The fits of the shipped targets, made anew."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common.files import HERE
from benchmarks.report.format import table
from benchmarks.report.measuring import call
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Options, Told

RRAM = str(HERE / "calibration" / "fit_rram.py")
KINDS = ("-m", "benchmarks.calibration.kinds.fitting")  # writes both into a folder
FITS = {"rram": (RRAM,), "cpu-x86": KINDS, "cpu-x86-torch": KINDS}


def measure(fragment: str, options: Options) -> dict[str, Any] | None:
    """Fit each target to the measured data anew; return residuals and whether they are shipped."""
    if options.data is None:
        return None
    import flash

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for target, script in FITS.items():
            out = Path(folder, f"{target}.json")
            if not out.exists():
                whole = str(folder if script is KINDS else out)
                call([*script, options.data, "--out", whole])
            fitted = json.loads(out.read_text())
            same = fitted["coefficients"] == flash.Target.load(target).coefficients
            found[target] = {"residuals": fitted["residuals"], "as_shipped": same}
    return found


def write(told: dict[str, Any]) -> str:
    """Return the fits of the shipped targets, made anew."""
    rows = []
    for target, one in told.items():
        for name, residuals in one["residuals"].items():
            held = residuals["held_out"]
            errors = [
                f"{held[cost]['mape_pct']:.2f}" if cost in held else ""
                for cost in ("area_mm2", "energy_mj", "latency_ms")
            ]
            same = "yes" if one["as_shipped"] else "no"
            rows.append((target, name, residuals["networks"], *errors, same))
    head = ("target", "set", "networks", "area", "energy", "latency", "as shipped")
    return (
        "## Calibration, fitted anew\n\nHeld-out error in percent: of rram with 25 networks to fit,"
        " of the x86 core of left-out tenths.\n\n"
        + table(head, rows)
    )


def claims(told: Told) -> Iterator[Line]:
    """Yield the errors that rram's fit may have."""
    fits = told.get("calibration", {}).get("rram", {}).get("residuals")
    limits = {"area_mm2": 0.9, "energy_mj": 4.5, "latency_ms": 12.0}
    text = holds = None
    if fits:
        worst = {
            cost: max(one["held_out"][cost]["mape_pct"] for one in fits.values()) for cost in limits
        }
        text = " / ".join(f"{worst[cost]:.2g}" for cost in limits) + " %"
        holds = all(worst[cost] <= limit for cost, limit in limits.items())
    yield "rram, held-out error in area / energy / latency", "0.9 / 4.5 / 12 %", text, holds


SECTION = Section(of_one("calibration", write), measure, ("calibration",), claims=claims)
