"""How near the hardware models come to what they model, and what bounds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report.format import covered, table
from benchmarks.report.measuring import DRAWS, QUICK_DRAWS, told_by
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from benchmarks.report.section import Line, Options, Told

FIT_ON = 25  # networks
PI_RANK = 0.95  # the Raspberry Pi 4's goal beside its error
HOW = (
    "Not measured here: `python -m benchmarks.report --only targets --data FOLDER` measures it "
    "from the folder of the measured data (benchmarks/README.md names its sources).\n"
)
METRICS = ("area", "energy", "latency")
RRAM = {
    "rram": "rram, NeuroSim pinned",
    "rram densenet": "rram, NeuroSim on DenseNet-type cells",
    "rram own floorplan": "rram, NeuroSim's own floorplan",
}
RRAM_GOALS = {
    "rram": (0.6, 2.0, 2.0),
    "rram densenet": (0.5, 1.0, 1.0),
    "rram own floorplan": (10.0, 4.0, 5.0),
}
OTHERS = {
    "onnxruntime": ("onnxruntime, one x86 thread", 5.0),
    "torch": ("torch eager, one x86 thread", 9.0),
    "raspberry-pi-4": ("Raspberry Pi 4, NAS-Bench-201", 15.0),
    "xeon-gold-6240": ("Xeon Gold 6240, NAS-Bench-201", 5.0),
    "xeon-silver-4114": ("Xeon Silver 4114, NAS-Bench-201", 5.0),
}


def measure(fragment: str, options: Options) -> dict[str, Any] | None:
    """Judge the hardware models, and what `flash.calibrate` makes of as many networks."""
    if options.data is None:
        return None
    draws = str(QUICK_DRAWS if options.quick else DRAWS)
    lines, calibrated = (
        told_by("-m", f"benchmarks.models.{name}", options.data, "--draws", draws, "--json")
        for name in ("targets", "calibrating")
    )
    for line in lines:
        if "absent" in line:
            line["absent"] = Path(line["absent"]).name
    return {"fit_on": FIT_ON, "draws": int(draws), "lines": lines, "calibrate": calibrated}


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return how near the hardware models come, and what bounds them."""
    head = "## Targets against what they model\n\n"
    found = told.get("targets")
    if found is None:
        return head + HOW
    rows = []
    absent = [line["name"] for line in found["lines"] if "absent" in line]
    for line in found["lines"]:
        if "mape" not in line:
            continue
        base = line.get("baseline", "")
        if isinstance(base, (list, tuple)):
            base = " to ".join(f"{one:g}" for one in base)
        share = covered(line)
        rows.append(
            (
                line["name"],
                line["networks"],
                f"{base:g}" if isinstance(base, float) else base,
                f"{line['goal']:g}" if "goal" in line else "",
                f"{line['mape']:.2f}",
                f"{line['rank']:.3f}" if "rank" in line else "",
                "" if share is None else f"{share:.0f} %",
                _bound(line),
                _verdict(line),
            )
        )
    names = ("target", "networks", "simple baseline", "required", "seen", "rank",
             "90 % intervals cover", "what bounds it", "verdict")  # fmt: skip
    if not any(row[6] for row in rows):
        names, rows = _without(names, rows, 6)
    text = (
        head
        + f"Mean absolute error in percent (MAPE): {found['fit_on']} networks fitted, all others "
        f"judged but duplicates of those fitted, medians over {found['draws']} draws. `rram` is "
        "judged on NeuroSim: its pinned tile, DenseNet-type cells on the same (densenet), and its "
        "own floorplan. Systolic arrays are counted, not fitted, against SCALE-Sim. Devices and "
        "Xeons: NAS-Bench-201.\n\n" + table(names, rows)
    )
    rules = [line for line in found["lines"] if "of" in line]
    for line in rules:
        text += (
            f"\nThe rule that gives the tile of NeuroSim's own floorplan is wrong for "
            f"{len(line['of'])} of {line['networks']} networks.\n"
        )
    text += "\n" + _calibrated(found) if found["calibrate"] else ""
    return text + (f"\nAbsent from the data: {', '.join(absent)}.\n" if absent else "")


def claims(told: Told) -> Iterator[Line]:
    """Yield the errors that the models may have."""
    lines = told["targets"]["lines"] if "targets" in told else ()
    seen = {line["name"]: line for line in lines}
    for key, title in RRAM.items():
        goals = RRAM_GOALS[key]
        found = [seen.get(f"{key} {metric}") for metric in METRICS]
        required = " / ".join(f"{goal:g}" for goal in goals) + " %"
        text = holds = None
        if all(found):
            errors = [line["mape"] for line in found if line]
            text = " / ".join(f"{error:.2g}" for error in errors) + " %"
            holds = all(error <= goal for error, goal in zip(errors, goals, strict=True))
        yield f"{title}: error in area / energy / latency", required, text, holds
    cycles = [line["mape"] for name, line in seen.items() if name.startswith("systolic")]
    text = f"off by {max(cycles):.2g} % at most" if cycles else None
    yield "systolic 32 and 128, os and ws, cycles", "3 %", text, bool(cycles) and max(cycles) <= 3
    for key, (title, goal) in OTHERS.items():
        line, required = seen.get(key), f"{goal:g} %"
        if key == "raspberry-pi-4":
            required += f", rank {PI_RANK:g}"
        if line is None:
            yield f"{title}: error", required, None, None
            continue
        holds, text = line["mape"] <= goal, f"{line['mape']:.1f} %"
        if key == "raspberry-pi-4":
            holds, text = holds and line["rank"] >= PI_RANK, f"{text}, rank {line['rank']:.3f}"
        if not holds and "twins" in line:
            text += f" (noise alone {line['twins']:.1f} %, beyond it {beyond(line):.1f} %)"
        yield f"{title}: error", required, text, holds


def beyond(line: dict[str, Any]) -> float:
    """Return the error that noise does not explain, where twins tell of it; in percent."""
    return float(max(0.0, line["mape"] ** 2 - line["twins"] ** 2) ** 0.5)


def _bound(line: dict[str, Any]) -> str:
    if "twins" in line:
        text = (
            f"networks of equal work: a perfect model would be off by {line['twins']:.1f} %; "
            f"beyond it {beyond(line):.1f} %"
        )
        if line["drift"] > 0.1:
            text += f"; the device drifts (residuals of neighbours in time: {line['drift']:.2f})"
        return text
    return f"two halves of its passes differ by {line['halves']:.1f} %" if "halves" in line else ""


def _verdict(line: dict[str, Any]) -> str:
    """Return whether a target's line reaches its goal."""
    if "goal" not in line:
        return "-"
    holds = line["mape"] <= line["goal"]
    if line["name"] == "raspberry-pi-4":
        holds = holds and line["rank"] >= PI_RANK
    return "holds" if holds else "**missed**"


def _without(
    names: Sequence[str], rows: Sequence[Sequence[Any]], column: int
) -> tuple[Any, list[Any]]:
    return (
        (*names[:column], *names[column + 1 :]),
        [(*row[:column], *row[column + 1 :]) for row in rows],
    )


def _calibrated(told: dict[str, Any]) -> str:
    rows = [
        (
            name,
            metric.split("_")[0],
            f"{row['mape_pct']:.2f}",
            f"{row['design_mape_pct']:.2f}",
            f"{covered(row):.0f} %",
            f"{row['half_width_pct']:.2g}",
        )
        for name, metrics in told["calibrate"].items()
        for metric, row in metrics.items()
    ]
    head = ("set", "cost", "error, random networks", "error, chosen by the design",
            "90 % intervals cover", "half width of an interval")  # fmt: skip
    return (
        "What a user's own `flash.calibrate` reaches from 25 measured networks, without a prior; "
        "errors and widths in percent:\n\n" + table(head, rows)
    )


SECTION = Section(write, measure, ("targets",), claims=claims)
