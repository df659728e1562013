"""How near the hardware models come to simulators and devices, and what bounds them.

    python -m benchmarks.models.targets DATA [--draws 30] [--json FILE]

In each draw 25 networks are fitted and the rest are judged but for duplicates of those fitted;
given are medians over the draws of the mean absolute percentage error, of Spearman's rank
correlation, and of how many per cent of the judged lie in their 90 % interval ("covered"; where a
draw judges ten networks or so it moves in steps, and the mean over the draws says more). Systolic
arrays are not fitted. Beside each line stands what bounds it: for devices "twins", networks of
NAS-Bench-201 that do the same work in another order (their latencies differ by measuring alone; a
perfect model would be off by the difference over the square root of 2), for the x86 core the two
halves of its passes. What is absent from DATA is marked so.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[1] / "calibration"))
from devices import DEVICES, network, prior, read, sample, twins
from fit_systolic import CYCLES, FLOWS, operation
from fitting import draws, equal_rows, features, fit, read_table
from measured import network as measured_network
from rram_intervals import METRICS, covered
from rram_model import LEFT_OUT, Model, Runs

from flash import Target, calibrate
from flash.hardware import KINDS
from flash.hardware._terms import totals
from flash.hardware.calibrating import equal_layers
from flash.hardware.cpu import FEATURES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fitting import Array

N_FIT, SEED, DRAWN = 25, 0, 900
Line = dict[str, Any]
# the baseline and the goal of each line: issue 3, in percent
GOALS = {
    "rram area": (0.9, 0.6),
    "rram energy": (4.5, 2.0),
    "rram latency": (12.0, 2.0),
    "rram densenet area": (0.9, 0.5),
    "rram densenet energy": (3.4, 1.0),
    "rram densenet latency": (8.7, 1.0),
    "rram own floorplan area": (22.0, 10.0),
    "rram own floorplan energy": (6.0, 4.0),
    "rram own floorplan latency": (10.0, 5.0),
    "rram both tiles by flash.calibrate area": (22.0, 4.0),
    "rram both tiles by flash.calibrate energy": (6.0, 1.0),
    "rram both tiles by flash.calibrate latency": (10.0, 3.0),
    "onnxruntime": (15.7, 5.0),
    "torch": (12.0, 9.0),
    "raspberry-pi-4": (28.0, 15.0),
    "xeon-gold-6240": (8.0, 5.0),
    "xeon-silver-4114": (8.0, 5.0),
}


def mape(error: Array) -> float:
    """Return the mean absolute error in percent."""
    return float(100 * np.abs(error).mean())


def fitted(
    x: Array, y: Array, groups: Sequence[int], n_draws: int, guess: Array | None = None
) -> Line:
    """Return the medians over draws: error, rank correlation, coverage of 90 % intervals."""
    errors, ranks, shares, group = [], [], [], np.asarray(groups)
    for use, judge in draws(group, N_FIT, n_draws, SEED):
        found = fit(x[use], y[use], group[use], guess, intervals=True)
        predicted = x[judge] @ found.coefficients
        off = np.abs(np.log(predicted / y[judge]))
        shares.append(float(100 * (off <= found.half_widths(x[judge])).mean()))
        errors.append(mape(predicted / y[judge] - 1))
        ranks.append(float(spearmanr(predicted, y[judge])[0]))
    medians = (float(np.median(one)) for one in (errors, ranks, shares))
    line = dict(zip(("mape", "rank", "covered"), medians, strict=True))
    return {**line, "covered, mean": float(np.mean(shares))}


def rram(data: str, stem: str, title: str, tiles: tuple[int, ...], n_draws: int) -> Iterator[Line]:
    """Judge an RRAM set, each tile fitted on the networks that are on it."""
    parts = [Runs(data, stem, tile) for tile in tiles]
    for part in parts:
        part.check_rules()
    names = [name for part in parts for name in part.names]
    place = np.repeat(np.arange(len(parts)), [len(part.names) for part in parts])
    groups = [1000 * k + g for k, part in enumerate(parts) for g in part.groups]
    errors: dict[str, list[float]] = {}
    shares: dict[str, list[float]] = {}
    for use, judge in draws(groups, min(N_FIT, len(names) - 5), n_draws, SEED):
        found: dict[str, list[Array]] = {}
        within: dict[str, list[Array]] = {}
        for k, part in enumerate(parts):
            own, wanted = use[place == k], judge[place == k]
            if own.sum() < 3 or not wanted.any():
                continue
            model = Model(part, own)
            ratios, hold = model.totals(part), covered(part, own, wanted, model)
            for metric in METRICS:
                found.setdefault(metric, []).append(ratios[metric][wanted] - 1)
                within.setdefault(metric, []).append(hold[metric])
        for metric, many in found.items():
            errors.setdefault(metric, []).append(mape(np.concatenate(many)))
            shares.setdefault(metric, []).append(100 * np.concatenate(within[metric]).mean())
    for metric in METRICS:
        name = f"{title} {metric.split('_')[0]}"
        yield {
            "name": name,
            "networks": len(names),
            "mape": float(np.median(errors[metric])),
            "covered": float(np.median(shares[metric])),
            "covered, mean": float(np.mean(shares[metric])),
        }


def both_tiles(data: str, n_draws: int) -> Iterator[Line]:
    """Judge what users do: `flash.calibrate` with the models of both tiles of NeuroSim's floorplan.

    The base's larger tile is fitted anew on the networks to fit, for `rram-1024` knows all of them;
    its smaller one is `rram`, fitted to other runs.
    """
    specs = {r["name"]: r for r in read_table(data, "nets_specs")}
    runs = [r for r in read_table(data, "nsim_conv_nets") if r["family"] != LEFT_OUT]
    nets = [measured_network(specs[r["name"]]) for r in runs]
    leaked = np.array([float(r["leak_energy_pJ"]) for r in runs])
    values = {
        "area_mm2": np.array([float(r["area_um2"]) for r in runs]) * 1e-6,
        "energy_mj": (np.array([float(r["dyn_energy_pJ"]) for r in runs]) + leaked) * 1e-9,
        "latency_ms": np.array([float(r["latency_ns"]) for r in runs]) * 1e-6,
    }
    place = {r["name"]: k for k, r in enumerate(runs)}
    large = Runs(data, "nsim_conv", 1024)
    own = np.array([place[name] for name in large.names])
    head = Target.load("rram-1024").to_dict()
    for key in ("intervals", "calibrated_ranges", "residuals"):
        del head[key]
    errors: dict[str, list[float]] = {}
    shares: dict[str, list[float]] = {}
    for use, judge in draws(equal_layers(nets), N_FIT, n_draws, SEED):
        model = Model(large, use[own])
        head["coefficients"] = {"default": model.coefficients()}
        head["links"] = {"default": model.links(large)}
        base = Target.from_dict(head).with_tiles("rram")
        with warnings.catch_warnings():  # few networks for so many coefficients
            warnings.simplefilter("ignore")
            fitted_to = [net for net, used in zip(nets, use, strict=True) if used]
            found = calibrate(base, fitted_to, **{m: y[use].tolist() for m, y in values.items()})
        judged = [net for net, wanted in zip(nets, judge, strict=True) if wanted]
        costs, ends = [found.cost(net) for net in judged], [found.interval(net) for net in judged]
        for metric, known in values.items():
            y = known[judge]
            predicted = np.array([getattr(one, metric) for one in costs])
            low, high = np.array([one[metric] for one in ends]).T
            errors.setdefault(metric, []).append(mape(predicted / y - 1))
            shares.setdefault(metric, []).append(float(100 * ((low <= y) & (y <= high)).mean()))
    for metric, many in errors.items():
        yield {
            "name": f"rram both tiles by flash.calibrate {metric.split('_')[0]}",
            "networks": len(nets),
            "mape": float(np.median(many)),
            "best": min(many),
            "worst": max(many),
            "covered": float(np.median(shares[metric])),
            "covered, mean": float(np.mean(shares[metric])),
        }


def systolic(data: str) -> Iterator[Line]:
    """Compare every simulated layer; nothing is fitted."""
    records = read_table(data, "scalesim_layers")
    for side in (32, 128):
        for number, flow in enumerate(FLOWS):
            rows = [r for r in records if (int(r["array"]), r["dataflow"]) == (side, flow)]
            counted = features("systolic", [operation(r) for r in rows], (side, side))[:, number]
            groups = np.array([int(r["repeat_groups"]) for r in rows])
            cycles = np.array([float(r[CYCLES]) for r in rows]) * groups
            error = mape(counted / cycles - 1)
            yield {
                "name": f"systolic-{side} {flow}, a layer's cycles",
                "networks": len({r["name"] for r in rows}),
                "mape": error,
                "baseline": (21.0, 33.0),
                "goal": 3.0,
            }


def floorplans(data: str) -> Line:
    """Say for how many networks the rule of `rram.floorplan` gives the simulator's tile."""
    nets = {n["name"]: int(float(n["tile_cm"])) for n in read_table(data, "nsim_conv_nets")}
    large: dict[str, bool] = dict.fromkeys(nets, False)
    for row in read_table(data, "nsim_conv_layers"):
        large[row["name"]] |= 8 * int(row["Cout"]) > 512
    wrong = [name for name, one in large.items() if nets[name] != (1024 if one else 512)]
    return {"name": "rule of the floorplan's tile, wrong for", "networks": len(nets), "of": wrong}


def x86(data: str, n_draws: int) -> Iterator[Line]:
    """Judge the two runtimes on one x86 thread."""
    rows = read_table(data, "cpu_latency_nets")
    networks = [measured_network(r) for r in rows]
    x = totals("cpu", networks)[:, : FEATURES.index("moved")]  # the rest no family has
    groups = equal_layers(networks)
    for title, column in (("onnxruntime", "ort_ms"), ("torch", "torch_ms")):
        y = np.array([float(r[column]) for r in rows])
        halves = np.array([[float(r[f"{column}_half{h}"]) for h in "AB"] for r in rows])
        line = fitted(x, y, groups, n_draws)
        noise = mape(halves[:, 0] / halves[:, 1] - 1)
        yield {"name": title, "networks": len(y), **line, "halves": noise}


def devices(data: str, n_draws: int) -> Iterator[Line]:
    """Judge the devices of NAS-Bench-201, and how far twins are apart."""
    records = read(data)
    pairs = np.array(twins(records))
    drawn = sample(records, DRAWN, SEED)
    seen: dict[bool, Array] = {}
    for name, device in DEVICES.items():
        if device.eager not in seen:
            nets = [network(r["edges"], eager=device.eager) for r in drawn]
            seen[device.eager] = totals(device.kind, nets)
        x = seen[device.eager]
        y = np.array([float(r[device.column]) for r in drawn])
        every = np.log([float(r[device.column]) for r in records])
        guess = np.array([prior(device).get(f, 0.0) for f in KINDS[device.kind].FEATURES])
        line = fitted(x, y, equal_rows(x), n_draws, guess)
        plain = fitted(x, y, equal_rows(x), n_draws)
        least = mape((every[pairs[:, 0]] - every[pairs[:, 1]]) / 2**0.5)
        drift = _drift(records, drawn, x, y, guess, device.column)
        yield {
            "name": name,
            "networks": len(y),
            **line,
            "without the specification": plain["mape"],
            "twins": least,
            "drift": drift,
        }


def _drift(
    records: list[dict[str, Any]],
    drawn: list[dict[str, Any]],
    x: Array,
    y: Array,
    guess: Array,
    column: str,
) -> float:
    """Return the correlation of residuals of neighbours in the table: of nothing but time."""
    found = fit(x, y, np.array(equal_rows(x)), guess).coefficients
    kinds = {r["edges"]: row @ found for r, row in zip(drawn, x, strict=True)}
    counts: dict[tuple[str, ...], float] = {}
    for edges, predicted in kinds.items():
        counts.setdefault(tuple(sorted(edges)), predicted)
    residual = np.array(
        [np.log(float(r[column]) / counts.get(tuple(sorted(r["edges"])), np.nan)) for r in records]
    )
    both = np.isfinite(residual[1:]) & np.isfinite(residual[:-1])
    return float(np.corrcoef(residual[1:][both], residual[:-1][both])[0, 1])


def lines(data: str, n_draws: int) -> Iterator[Line]:
    """Yield every line that DATA has the files for."""
    parts: list[tuple[str, Any]] = [
        ("rram", lambda: rram(data, "nsim_pinned", "rram", (512,), n_draws)),
        ("rram densenet", lambda: rram(data, "nsim_dtc", "rram densenet", (512,), n_draws)),
        ("own", lambda: rram(data, "nsim_conv", "rram own floorplan", (512, 1024), n_draws)),
        ("both tiles", lambda: both_tiles(data, n_draws)),
        ("floorplan", lambda: iter([floorplans(data)])),
        ("systolic", lambda: systolic(data)),
        ("x86", lambda: x86(data, n_draws)),
        ("NAS-Bench-201", lambda: devices(data, n_draws)),
    ]
    for name, make in parts:
        try:
            yield from make()
        except FileNotFoundError as error:
            yield {"name": name, "absent": str(error.filename)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Hardware models against what they model.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/, accuracy/")
    parser.add_argument("--draws", type=int, default=30)
    parser.add_argument("--json", help="where to write the lines")
    args = parser.parse_args()
    found = []
    for line in lines(args.data, args.draws):
        if line["name"] in GOALS:
            line["baseline"], line["goal"] = GOALS[line["name"]]
        found.append(line)
        numbers = {k: round(v, 3) if isinstance(v, float) else v for k, v in line.items()}
        print(", ".join(f"{k} {v}" if k != "name" else str(v) for k, v in numbers.items()))
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
