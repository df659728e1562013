"""HAO, claim by claim.

    python -m benchmarks.claims.hao FOLDER [--only bits,operating,speed,program,pruning,drawing]

FOLDER keeps trainings. What is measured goes to hao.json as it comes, the claims made of it to
papers/hao.json.

- "bits": two small networks are trained on scikit-learn's digits, half of the images held out, ten
  seeds. On an accelerator of the ZU3EG that takes a bit of each factor at a time each way chooses
  bits within the latency that all layers take at 3 and at 4 bits: the least Hessian-trace-weighted
  squared error (`flash.sensitivities(measure="hessian")`), the least squared error alone, the least
  measured loss, each one proven call of `flash.choose`. The held-out images judge the rounded
  weights, without any tuning; inputs of layers are not rounded.
- "operating": MobileNet-v2, MnasNet and FBNet-C on the ZU3EG, by the model.
- "speed": a network of as many multiply-accumulates or up to a tenth more, the fastest of the exact
  front of networks, bits and accelerators, beside these on their best accelerators.
- "program": the integer program's accelerator against all that fit, one by one.
- "pruning": whether what is left of all subgraphs holds the best network of a small space.
- "drawing": what HAO's draws lack of the proven optimum, with bits chosen and with bits drawn; and
  the share of the exact front's volume.

Intervals are of means over seeds, 95 %, by Student's t; differences are paired.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import flash
from benchmarks.claims.claim import Claim, write
from benchmarks.claims.codesign import _sampled, _volume
from benchmarks.claims.mobile_networks import NETWORKS, PUBLISHED, network
from benchmarks.claims.precision import NETWORKS as TRAINED
from benchmarks.claims.precision import mean_of
from benchmarks.common.files import write_json
from flash.hardware import Target
from flash.methods._design_ip import charge_of, least_latency, unit_latencies, workload
from flash.methods.hao import AcceleratorGround, front_of
from flash.problem.compiling import as_space

KEPT = Path(__file__).with_name("hao.json")
DEVICE = "fpga-zu3eg"
FIRST, SEEDS = 100, 10
EPOCHS = 10
BITS = (2, 3, 4, 5, 6, 8)
TOLERANCE = 0.15  # of a trace, its standard error
UNIFORM = (3, 4)  # whose latency is the cap
FPS = {"mnasnet-a1": 50 / 1.6, "mnasnet-b1": 50 / 1.6, "fbnet-c": 50 / 2.35}  # implied
DPU_FPS = 136.183  # MobileNet-v2, one B1600 at 287 MHz on Ultra96 (Xilinx/AI-Model-Zoo, README.md)
SPAN = 0.1  # of multiply-accumulates: so many more count as as many
INF = float("inf")


def serial() -> Target:
    """Return the ZU3EG with units that take a bit of each factor at a time."""
    target = Target.load(DEVICE)
    unit = {"into": 8, "out": 8, "bits": 1, "mac": "lut", "weights_kib": 32, "maps_kib": 32}
    return target.replace(
        parameters={**(target.parameters or {}), "units": {"conv": unit}}, design=None
    )


def bits(folder: Path) -> list[dict[str, Any]]:
    """Return the accuracy of each way's bits, by network, seed and cap."""
    import torch

    from flash.training.data import read
    from flash.training.worker import scaled

    torch.set_num_threads(1)
    target, lines = serial(), []
    for seed in range(FIRST, FIRST + SEEDS):
        run = flash.train(
            list(TRAINED.values()), "digits", seed=seed, epochs=EPOCHS, test_fraction=0.5,
            keep_weights=True, out=folder / f"train-{seed}",
        )  # fmt: skip
        images: Any = read("digits", None, 0.5, seed)
        told = images.statistics()
        data = torch.from_numpy(scaled(images.train_x, 8, told)), torch.from_numpy(images.train_y)
        judging = torch.from_numpy(scaled(images.test_x, 8, told)), torch.from_numpy(images.test_y)

        def accuracy(module: Any, judging: Any = judging) -> float:
            with torch.no_grad():
                return float((module(judging[0]).argmax(1) == judging[1]).double().mean())

        for number, name in enumerate(TRAINED):
            module = run.to_torch(number)
            traced = flash.sensitivities(
                module, data, bits=BITS, measure="hessian", tolerance=TOLERANCE, seed=seed
            )
            settled = [row.error is not None and row.error <= TOLERANCE * abs(row.loss)
                       for row in traced.rows]  # fmt: skip
            measured = flash.sensitivities(module, data, bits=BITS)
            squared = traced.replace(
                rows=tuple(row.replace(loss=row.squared_error) for row in traced.rows)
            )
            times = traced.latencies(module, (3, 8, 8), target)
            for uniform in UNIFORM:
                cap = sum(one[uniform] for one in times.values())
                ways = {"uniform": dict.fromkeys(traced.layers, uniform)}
                for way, table in (
                    ("hessian", traced), ("squared error", squared), ("measured", measured)
                ):  # fmt: skip
                    answer = flash.choose(
                        table.problem(times), minimize="loss", where=f"latency_ms <= {cap!r}"
                    )
                    assert answer.proven, answer
                    ways[way] = {
                        layer: int(str(one)) for layer, one in (answer.choices or {}).items()
                    }
                for way, chosen in ways.items():
                    latency = sum(times[layer][b] for layer, b in chosen.items())
                    assert latency <= cap + 1e-9, (way, latency, cap)
                    lines.append({
                        "network": name, "seed": seed, "cap": uniform, "way": way,
                        "accuracy": accuracy(flash.quantised(module, chosen, trainable=False)),
                        "float": accuracy(module), "latency_ms": latency, "cap_ms": cap,
                        "bits": " ".join(map(str, chosen.values())),
                        "settled": sum(settled) / len(settled),
                    })  # fmt: skip
        print("bits, seed", seed, flush=True)
    return lines


def differences(lines: list[dict[str, Any]], one: str, other: str, cap: int) -> Any:
    """Return what one way has over another, in points: (mean, half), a seed's networks together."""
    by = {(x["seed"], x["network"], x["way"]): x["accuracy"] for x in lines if x["cap"] == cap}
    names = sorted({x["network"] for x in lines})
    seeds = sorted({x["seed"] for x in lines})
    return mean_of([
        100.0 * sum(by[seed, name, one] - by[seed, name, other] for name in names) / len(names)
        for seed in seeds
    ])  # fmt: skip


def operating() -> list[dict[str, Any]]:
    """Return milliseconds of the networks on the shipped accelerator and on their best."""
    target = Target.load(DEVICE)
    bare = target.replace(coefficients={"default": {"latency_ms": {"cycles": 5e-6}}})
    design, charge = target.design_space("mobilenet-v2"), charge_of(target, "mobilenet-v2")
    out = []
    for name in NETWORKS:
        net = network(name)
        row: dict[str, Any] = {
            "network": name, "macs": net.macs, "params": net.params, "published": PUBLISHED[name],
        }  # fmt: skip
        for b in (8, 4):
            own = {"parameters": {**(target.parameters or {}), "bits": b}}
            row[f"before_{b}"] = bare.replace(**own).cost(net).latency_ms
            row[f"shipped_{b}"] = target.replace(**own).cost(net).latency_ms
            work = workload(design, net, 1)
            costs = [
                unit_latencies(layers, part.options, part.name == "depthwise", [b], charge)
                for layers, part in zip(work.layers, design.parts, strict=True)
            ]
            uses = [np.array(part.uses) for part in design.parts]
            found = least_latency(costs, uses, list(design.limits.values()))
            assert found is not None
            row[f"best_{b}"] = float(sum(c[k] for c, k in zip(costs, found, strict=True)))
            row[f"accelerator_{b}"] = design.describe(found)
        out.append(row)
    return out


def speed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the fastest networks of the exact front with as many multiply-accumulates."""
    space = flash.MobileNetV2(resolution=[224], num_classes=1000)
    target = Target.load(DEVICE)
    out = []
    for name, given in (("chosen", None), ("8", [8]), ("4", [4])):
        design = dict(target.design or {})
        if given:
            design["cell_bits"] = given
        front = flash.pareto(space, target.replace(design=design), codesign=True, time_limit_s=120)
        macs = np.asarray(front.metrics["macs"], dtype=np.float64)
        for row in rows:
            near = np.flatnonzero((macs >= row["macs"]) & (macs <= (1.0 + SPAN) * row["macs"]))
            if not len(near):
                continue
            k = int(near[np.argmin(front.latency_ms[near])])
            out.append({
                "bits": name, "network": row["network"], "proven": bool(front.exact),
                "points": len(front), "macs": float(macs[k]),
                "latency_ms": float(front.latency_ms[k]),
                "other_ms": row["best_4" if name == "4" else "best_8"],
                "accelerator": front[k].accelerator,
            })  # fmt: skip
            print(out[-1], flush=True)
    return out


def program() -> dict[str, Any]:
    """Return in how many cases the integer program found the least latency of all accelerators."""
    equal = cases = 0
    worst = 0.0
    for family in ("densenet", "resnet", "mobilenet-v2"):
        ground = AcceleratorGround(as_space(family), Target.load(DEVICE), None)
        design = ground.design
        all_of_them = np.array(list(design.configurations()))
        for row in ground.draw(np.random.default_rng(0), 40).tolist():
            work = ground._work(tuple(row))
            costs = [
                unit_latencies(layers, part.options, part.name == "depthwise",
                               ground.bits_of(row), ground.charged)
                for layers, part in zip(work.layers, design.parts, strict=True)
            ]  # fmt: skip
            each = sum(cost[all_of_them[:, k]] for k, cost in enumerate(costs))
            best = float(np.min(each))
            uses = [np.array(part.uses) for part in design.parts]
            found = least_latency(costs, uses, list(design.limits.values()))
            assert found is not None
            own = float(sum(cost[k] for cost, k in zip(costs, found, strict=True)))
            # the method's own way too, whose layers the core rounds to 2^-36 ms
            off = max(abs(own / best - 1.0), abs(ground.solved(tuple(row))[0] / best - 1.0))
            cases += 1
            equal += off < 1e-8
            worst = max(worst, off)
    return {"cases": cases, "equal": equal, "worst": worst}


def pruning() -> list[dict[str, Any]]:
    """Return, for small spaces, what the cells left lack of the best network."""
    out = []
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        depths = sorted(random.choice(np.arange(1, 11), 3, replace=False).tolist())
        space = flash.ResNet(depths=depths, skips=[0, 16], width_multipliers=[1.0])
        ground = AcceleratorGround(space, Target.load(DEVICE), None)
        lengths = [range(int(n)) for n in ground.lengths[: ground.variables]]
        networks = [(*row, *[0] * ground.cells) for row in product(*lengths)]
        spans = [ground.span(row) for row in networks]
        budget = float(np.quantile([least for least, _ in spans], 0.2 + 0.6 * random.random()))
        # subgraphs: all cells' choices alike, with bits for caps across their range
        alike = [
            row for row in networks
            if len({tuple(row[k] for k in own) for own in ground.variables_of}) == 1
        ]  # fmt: skip
        drawn = []
        for row in alike:
            least, most = ground.span(row)
            drawn += [ground.bits_within(row, least + t * (most - least) / 8) for t in range(9)]
        rows = np.unique(np.array(drawn), axis=0)
        metrics = ground.charge(rows)
        kept = rows[front_of(metrics[0], metrics[1])]
        left = [{tuple(row[own]) for row in kept} for own in ground.variables_of]
        best = {"all": -INF, "left": -INF}
        for row, (least, _) in zip(networks, spans, strict=True):
            if least > budget:
                continue
            found = ground.bits_within(row, budget)
            score = float(ground.charge(np.array([found]))[0, 0])
            best["all"] = max(best["all"], score)
            inside = all(
                tuple(row[k] for k in own) in cells
                for own, cells in zip(ground.variables_of, left, strict=True)
            )
            if inside:
                best["left"] = max(best["left"], score)
        proven = flash.search(space, DEVICE, codesign=True, max_latency_ms=budget)
        assert proven.proven
        optimum = proven.objective or 0.0
        out.append({
            "seed": seed, "depths": depths, "networks": len(networks), "budget_ms": budget,
            "subgraphs": len(rows), "kept": len(kept),
            "of": len(alike), "cells_left": [len(one) for one in left],
            "optimum": optimum, "bits_in_turn": 1.0 - best["all"] / optimum,
            "pruned": 1.0 - max(best["left"], 0.0) / optimum,
        })  # fmt: skip
        print(out[-1], flush=True)
    return out


BUDGETS = {"resnet": 3.0, "densenet": 4.0, "mobilenet-v2": 2.5}  # ms


def drawing() -> list[dict[str, Any]]:
    """Return what HAO's answers lack of the optimum, and its fronts of the exact front's volume."""
    out = []
    for family, budget in BUDGETS.items():
        space, target = as_space(family), Target.load(DEVICE)
        proven = flash.search(space, target, codesign=True, max_latency_ms=budget)
        assert proven.proven
        row: dict[str, Any] = {
            "family": family, "budget_ms": budget, "optimum": proven.objective,
            "proof_s": proven.elapsed_s,
        }  # fmt: skip
        for way in ("chosen", "drawn"):
            runs = [
                flash.search(space, target, method="hao", options={"bits": way}, seed=seed,
                             max_latency_ms=budget, certify=False)
                for seed in range(SEEDS)
            ]  # fmt: skip
            row[way] = [1.0 - (run.objective or 0.0) / (proven.objective or 1.0) for run in runs]
            row[f"{way}_s"] = float(np.median([run.elapsed_s for run in runs]))
            row[f"{way}_evaluations"] = float(np.median([run.nfev for run in runs]))
        if family != "mobilenet-v2":
            exact = flash.pareto(space, target, codesign=True)
            assert exact.complete
            reference = float(exact.latency_ms.max())
            whole = _volume(exact.values("accuracy"), exact.latency_ms, reference)
            shares = []
            for seed in range(SEEDS):
                scores, costs = _sampled(space, target, seed)
                kept = front_of(scores, costs)
                shares.append(_volume(scores[kept], costs[kept], reference) / whole)
            row["volume"] = shares
        out.append(row)
        print(row, flush=True)
    return out


def claims_of(told: dict[str, Any]) -> list[Claim]:
    """Return the claims, of what was measured."""
    found: list[Claim] = []
    factor = (Target.load(DEVICE).parameters or {})["published_factor"]
    if "operating" in told:
        rows = {row["network"]: row for row in told["operating"]}
        fps = {name: 1e3 / row["shipped_8"] for name, row in rows.items()}
        best = {name: 1e3 / row["best_8"] for name, row in rows.items()}
        found.append(Claim(
            "operating point: 72.5 % top-1 at 50 images a second on a ZU3EG",
            "50 fps; MnasNet some 31, FBNet some 21 (implied)",
            f"model: MnasNet-A1 {fps['mnasnet-a1']:.0f}, -B1 {fps['mnasnet-b1']:.0f}, FBNet-C "
            f"{fps['fbnet-c']:.0f}, MobileNet-v2 {fps['mobilenet-v2']:.0f} fps on the shipped "
            f"accelerator, {best['mnasnet-a1']:.0f}, {best['mnasnet-b1']:.0f}, "
            f"{best['fbnet-c']:.0f}, {best['mobilenet-v2']:.0f} on the best for each, 8 bits; "
            f"published: MobileNet-v2 {DPU_FPS:.0f} fps on a DPU of this device",
            None, 0,
            "bound only: ImageNet's accuracies are out of reach, and which MnasNet, FBNet, bits "
            "and accelerator the figures are of was not seen",
            f"the paper's implied latencies are {factor['paper']['low']:g} to "
            f"{factor['paper']['high']:g} times the model's of like networks; those published of "
            f"other accelerators {factor['low']:g} to {factor['high']:g} times theirs; networks "
            "from memory, their MACs as published",
        ))  # fmt: skip
    if "speed" in told:
        ratios = {
            (row["bits"], row["network"]): row["other_ms"] / row["latency_ms"]
            for row in told["speed"]
        }
        for title, names, figure in (
            ("MnasNet", ("mnasnet-a1", "mnasnet-b1"), 1.6),
            ("FBNet", ("fbnet-c",), 2.35),
        ):
            some = {
                way: " and ".join(f"{ratios[way, name]:.2f}" for name in names)
                for way in ("8", "4", "chosen")
                if all((way, name) in ratios for name in names)
            }
            found.append(Claim(
                f"faster than {title} at comparable accuracy", f"{figure:g} times",
                f"{some.get('8', '-')} times, both of 8 bits; {some.get('4', '-')}, both of 4; "
                f"{some.get('chosen', '-')} with ours chosen by cell, theirs 8; each on its "
                "best accelerator",
                None, 0,
                "bound only: comparable by multiply-accumulates, accuracy on ImageNet is out of "
                "reach",
                "proven front of NN-Degree, bits and accelerators in a space of MobileNet-v2 kind; "
                f"latency by the model; {' and '.join(names)}",
            ))  # fmt: skip
    if "program" in told:
        one = told["program"]
        found.append(Claim(
            "the integer program returns the accelerator of least latency", "claimed, no figure",
            f"equal to complete enumeration in {one['equal']} of {one['cases']} networks with bits "
            "on the ZU3EG",
            None, 0, "reproduced" if one["equal"] == one["cases"] else "refuted",
            "layers follow one another; the program's terms are a reconstruction",
        ))  # fmt: skip
    if "pruning" in told:
        lacks = [row["pruned"] for row in told["pruning"]]
        mean, half = mean_of([100.0 * one for one in lacks])
        held = sum(one < 1e-9 for one in lacks)
        found.append(Claim(
            "pruning subgraphs leaves the best network", "claimed, no figure",
            f"holds the proven optimum in {held} of {len(lacks)} small spaces; lacks {mean:.2f} % "
            "of it in the mean",
            (mean - half, mean + half), len(lacks),
            "reproduced" if held == len(lacks) else "refuted: the optimum is lost in "
            f"{len(lacks) - held} of {len(lacks)}",
            "all subgraphs (one cell, repeated), each with bits for nine caps; spaces of ResNet "
            "kind, 216 networks",
        ))  # fmt: skip
    if "bits" in told:
        lines = told["bits"]
        for cap in UNIFORM:
            for other in ("uniform", "squared error", "measured"):
                mean, half = differences(lines, "hessian", other, cap)
                ends = (mean - half, mean + half)
                shown = "better" if ends[0] > 0.0 else "worse" if ends[1] < 0.0 else ""
                verdict = f"no figure to reach: {shown or 'no difference shown'}"
                found.append(Claim(
                    f"bits by Hessian-weighted squared error against {other}, {cap} bits' latency",
                    "the paper's way of choosing, no figure",
                    f"{mean:+.1f} points of accuracy", ends, SEEDS, verdict,
                    "weights alone, after training, no tuning; two networks on digits; bit-serial "
                    "units on the ZU3EG",
                ))  # fmt: skip
    for row in told.get("drawing", ()):
        mean, half = mean_of([100.0 * one for one in row["chosen"]])
        random, wide = mean_of([100.0 * one for one in row["drawn"]])
        volume = ""
        if "volume" in row:
            share, around = mean_of([100.0 * one for one in row["volume"]])
            volume = f"; its front {share:.1f} ± {around:.1f} % of the exact front's volume"
        found.append(Claim(
            f"sampled subgraphs and networks, {row['family']}",
            "tree search and a predictor, no figure",
            f"{mean:.1f} % below the proven optimum with bits chosen, {random:.1f} ± {wide:.1f} % "
            f"with bits drawn{volume}",
            (mean - half, mean + half), len(row["chosen"]),
            "bound only: uniform draws stand for the Monte Carlo tree search",
            "64 subgraphs and 256 networks; NN-Degree for the SVR's accuracy; the optimum is the "
            "exact solver's",
        ))  # fmt: skip
    return found


def main() -> None:
    """Measure, and write the files section by section."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="operating,speed,program,pruning,drawing,bits")
    given = parser.parse_args()
    told: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    given.folder.mkdir(parents=True, exist_ok=True)
    for name in filter(None, given.only.split(",")):  # none: the claims alone, of what is kept
        if name == "bits":
            told[name] = bits(given.folder)
        elif name == "speed":
            told[name] = speed(told["operating"])
        else:
            told[name] = {
                "operating": operating, "program": program, "pruning": pruning, "drawing": drawing,
            }[name]()  # fmt: skip
        print(name, "done", flush=True)
        write_json(KEPT, told)
    for claim in claims_of(told):
        print(f"{claim.what} | {claim.ours} | {claim.interval} | {claim.verdict}")
    write("hao", claims_of(told))


if __name__ == "__main__":
    main()
