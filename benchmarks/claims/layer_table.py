"""A table of measured blocks against whole networks: how far is it off, and does it rank them?

On the space mobilenet-v3, onnxruntime, one thread, processor time:

- blocks: `flash.layer_harness` writes the 93 distinct ones, its script measures them, and
  `Target.from_layer_table` reads what comes back: once before the whole networks and once after
  them, since the machine is shared, and once each block in a loop by itself instead of in turns;
- whole networks are measured by `flash.measure` with the same runtime: networks whose depths and
  blocks are drawn uniformly, as once-for-all draws subnetworks ("by choice"), and networks drawn
  uniformly from the space ("uniform"), nearly all of which have the greatest depths, so that
  latencies lie close together and ranks say less; and those of `flash.calibration_design`;
- held out against them: the table as it is, `Target.fitted` with 8 whole networks that are of
  neither set, `flash.calibrate` of cpu-x86 with 25 networks, and cpu-x86 as it is shipped.

"repeated" is what measuring itself leaves: the passes of whole networks halved, as if one half
were to predict the other.

    python -m benchmarks.claims.layer_table --folder DIR [--json out]

The folder keeps what was measured: a run that was stopped goes on from it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import flash
from benchmarks.common.files import write_json
from flash.hardware._timing import lines_of, median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flash.hardware.measuring import Measurement

BASE = "cpu-x86"
FITTED, BY_CHOICE, UNIFORM, CALIBRATED = 8, 60, 30, 25
LAYERS: dict[str, Any] = {"time_limit_s": 0.6, "passes": 3}
BEFORE, AFTER, LOOPS = "before", "after", "loops"
WHOLE: dict[str, Any] = {"time_limit_s": 1.2, "passes": 12}


def by_choice(space: flash.BlockSpace, n: int, seed: int) -> list[flash.BlockNetwork]:
    """Return networks of which each choice is drawn uniformly."""
    rng = random.Random(seed)
    found = []
    for _ in range(n):
        row = [rng.randrange(length) for length in space.lengths]
        found.append(space.decode(_without_absent(space, row)))
    return found


def _without_absent(space: flash.BlockSpace, row: list[int]) -> list[int]:
    """Return a row with 0 for blocks that the network has not."""
    depth = 0
    for place, name in enumerate(space.variables):
        if name.startswith("depth_"):
            depth = int(space.choices_of(name)[row[place]])
        elif int(name.rsplit("_", 1)[1]) >= depth:
            row[place] = 0
    return row


def blocks_measured(space: flash.BlockSpace, folder: Path, when: str) -> flash.Target:
    """Return the table of the space's blocks, by the script that is written for them."""
    board = folder / "board"
    if not board.exists():
        flash.layer_harness(space, board, clock="cpu", **LAYERS)
    if when == LOOPS:
        board = folder / LOOPS
        if not board.exists():
            shutil.copytree(folder / "board", board, ignore=shutil.ignore_patterns("*.jsonl*"))
            manifest = json.loads((board / "manifest.json").read_text())
            manifest["settings"]["turns"] = False
            (board / "manifest.json").write_text(json.dumps(manifest))
    out = board / f"{when}.jsonl"
    command = [sys.executable, str(board / "measure.py"), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return flash.Target.from_layer_table(out, name=when)


def networks_measured(
    nets: Sequence[flash.BlockNetwork], path: Path
) -> tuple[list[Measurement], list[tuple[float, float]]]:
    """Return what whole networks take, and by each half of the passes."""
    found = flash.measure(
        list(nets), runtime="onnxruntime", clock="cpu", path=path, progress=True, **WHOLE
    )
    passes: dict[str, list[float]] = {}
    for line in lines_of(str(path)):
        if "pass" in line:
            passes.setdefault(line["key"], []).append(median(line["pass"]["cpu_ms"]))
    by_place = {int(key.rsplit("-", 1)[1]): some for key, some in passes.items()}
    halves = [(median(by_place[k][0::2]), median(by_place[k][1::2])) for k in range(len(nets))]
    return found, halves


def compared(predicted: Any, told: Any) -> dict[str, float]:
    """Return by how much predictions are off, in percent, and how they rank."""
    from scipy.stats import spearmanr

    off = 100.0 * (np.asarray(predicted) / np.asarray(told) - 1.0)
    return {
        "mean_pct": float(np.abs(off).mean()),
        "p95_pct": float(np.quantile(np.abs(off), 0.95)),
        "worst_pct": float(np.abs(off).max()),
        "bias_pct": float(off.mean()),
        "rank": float(spearmanr(predicted, told)[0]),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    space = flash.MobileNetV3()
    given.folder.mkdir(parents=True, exist_ok=True)
    tables = {BEFORE: blocks_measured(space, given.folder, BEFORE)}
    sets: dict[str, Any] = {
        "fitted": by_choice(space, FITTED, 41),
        "by choice": by_choice(space, BY_CHOICE, 42),
        "uniform": space.sample(UNIFORM, 43),
        "calibrated": flash.calibration_design(space, BASE, n=CALIBRATED),
    }
    nets = [net for some in sets.values() for net in some]
    measured, halves = networks_measured(nets, given.folder / "networks.jsonl")
    start = 0
    place = {}
    for name, some in sets.items():
        place[name] = slice(start, start + len(some))
        start += len(some)
    for when in (AFTER, LOOPS):
        tables[when] = blocks_measured(space, given.folder, when)
    calibrated = flash.calibrate(BASE, measured[place["calibrated"]], name="calibrated")
    fitted = {when: one.fitted(measured[place["fitted"]]) for when, one in tables.items()}
    targets = {
        **{f"table {when}": one for when, one in tables.items()},
        **{f"table {when}, fitted with {FITTED} networks": one for when, one in fitted.items()},
        f"calibrated with {CALIBRATED} networks": calibrated,
        f"{BASE} as shipped": flash.Target.load(BASE),
    }
    held: dict[str, Any] = {}
    for name in ("by choice", "uniform"):
        own = place[name]
        told = [one.latency_ms for one in measured[own]]
        rows = [net.row for net in nets[own]]
        held[name] = {
            "networks": len(told),
            "least_ms": min(told),
            "greatest_ms": max(told),
            "repeated": compared(*zip(*halves[own], strict=True)),
            **{
                title: compared(flash.evaluate(space, target, rows)["latency_ms"], told)
                for title, target in targets.items()
            },
        }
    answer = {
        "held_out": held,
        "fitted": {
            when: {
                "factor": one.table.scale["latency_ms"],
                "constant_ms": one.table.overhead["latency_ms"],
                "call_ms": one.table.notes["call"]["latency_ms"],
            }
            for when, one in fitted.items()
        },
        "conditions": measured[0].conditions,
        "load": [one.conditions["load_before"] for one in (measured[0], measured[-1])],
        "noise_pct": median([one.noise_pct or 0.0 for one in measured]),
        "blocks": {one.name: one.costs[0] for one in tables[AFTER].table.entries},
        "networks": {
            name: [
                [int(space.index(net.row)), one.latency_ms]
                for net, one in zip(nets[own], measured[own], strict=True)
            ]
            for name, own in place.items()
        },
    }
    print(
        json.dumps({k: v for k, v in answer.items() if k not in ("blocks", "networks")}, indent=1)
    )
    if given.json is not None:
        write_json(given.json, answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
