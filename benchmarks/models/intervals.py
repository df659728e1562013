"""What the 90 % intervals of targets cover: networks held out, unlike ones, and searches' answers.

    python -m benchmarks.models.intervals DATA [--draws 20] [--only TEXT] [--json FILE]
    python -m benchmarks.models.intervals DATA --constants

Each line says of which target, how its networks were drawn, and how many of them, draws together,
the intervals hold. The kinds of networks, and what at least is wanted of them:

held out (85 to 95 %): like those of the calibration, drawn at random, layer lists of duplicates on
    one side of a split. Of devices with NAS-Bench-201, networks that the shipped fit did not see;
    of `rram`'s densenet set, which ships with an interval table of 33 networks and 97 judged ones,
    one half of the latter beside the 33 judges the other.
unlike (80 %): a family left out of the calibration; one family alone calibrated and the rest
    judged; the 25 smallest calibrated and larger ones judged; other families and 224 pixels.
answers (80 %): of the networks held out, those that an optimiser would return: none is predicted to
    be cheaper among those of more MACs (of NAS-Bench-201, of a higher measured accuracy).

Nothing was measured at 224 pixels, so there a target plays the device: what it charges, with noise
of 3 % (normal), is what is measured. It counts every norm, activation and addition as a pass, which
the calibrated target does not. There the answers are those of `flash.search`. What is absent from
DATA is marked so.

`--constants`: the two constants of the widths for unlike networks, `KAPPA` and `GAMMA`, are chosen
on one half of the sets, by turns each second one, and judged on the other.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "calibration"))
from devices import DEVICES, read, sample
from fit_devices import DRAWN, SEED
from fitting import read_table, splits
from rram_intervals import covered_by_halves
from rram_model import Model, Runs

import flash
from benchmarks.models.calibrating import SETS as MEASURED
from flash.errors import CalibrationWarning, FlashError
from flash.hardware import _fitting, _prediction
from flash.hardware.calibrating import equal_layers
from flash.networks.network import Network
from flash.spaces.network_space import network_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flash.networks.architecture import Architecture

    Net = Architecture | Network

LEVEL, N_FIT, FEWEST = 0.9, 25, 8
FAMILIES = ("densenet", "resnet", "wide-resnet", "mobilenet-v2")
WANTED = {"held out": 85.0, "unlike": 80.0, "answers": 80.0}
# Of a calibration with a prior, one that has not seen the networks; without one, no prior.
BASES = {
    "onnxruntime, one x86 thread": "raspberry-pi-4",
    "torch eager, one x86 thread": "xeon-gold-6240",
    "raspberry-pi-4": "cpu-x86",
    "pixel-3": "cpu-x86",
    "xeon-gold-6240": "cpu-x86-torch",
    "xeon-silver-4114": "cpu-x86-torch",
}
TABLES = {  # where the families of a set stand
    "onnxruntime, one x86 thread": "cpu_latency_nets",
    "torch eager, one x86 thread": "cpu_latency_nets",
    "rram, nsim_pinned": "nsim_pinned_nets",
}
NOISE = 0.03  # relative, of a device that a target plays
SPREADS = (1.0, 10.0, 30.0)  # of KAPPA
GROWTHS = (0.0, 0.5, 1.0)  # of GAMMA


class Line(NamedTuple):
    """How many networks of a kind the intervals of a metric hold."""

    target: str
    kind: str
    drawn: str
    metric: str
    held: int
    networks: int


class Set(NamedTuple):
    """Measured networks, the target to calibrate from, and each one's family, if there are more."""

    name: str
    nets: list[Net]
    costs: dict[str, list[float]]
    base: str
    prior: str
    families: list[str]


class Counts:
    """Counts of held and of judged networks, by what they were and how they were drawn."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str, str, str], list[int]] = {}

    def add(self, key: tuple[str, str, str, str], held: Sequence[bool]) -> None:
        """Count some more networks."""
        own = self.found.setdefault(key, [0, 0])
        own[0] += sum(map(bool, held))
        own[1] += len(held)

    def lines(self) -> list[Line]:
        """Return all counts."""
        return [Line(*key, *one) for key, one in self.found.items() if one[1]]


def sets(data: str) -> Iterator[Set]:
    """Yield what was measured or simulated."""
    for name, (read_set, what) in MEASURED.items():
        try:
            nets, costs, base = read_set(data, what)
        except FileNotFoundError as error:
            print(f"{name}: absent ({error})", file=sys.stderr)
            continue
        families: list[str] = []
        if name in TABLES:
            rows = read_table(data, TABLES[name])
            families = [r["family"] for r in rows]
            if "nsim" in TABLES[name]:  # as `simulated_rram` reads them
                families = [one for one in families if one != "mobilenetv2"]
        yield Set(name, nets, costs, BASES.get(name, base), "base" if name in BASES else "none",
                  families)  # fmt: skip


def held(target: flash.Target, net: Net, costs: dict[str, float]) -> dict[str, bool]:
    """Return of each metric whether the interval holds the true cost."""
    intervals = target.interval(net, LEVEL)
    return {m: low <= costs[m] <= high for m, (low, high) in intervals.items() if m in costs}


def front(cost: Sequence[float], worth: Sequence[float]) -> list[int]:
    """Return the places of what nothing else is both cheaper than and worth as much as."""
    best, chosen = -np.inf, []
    for place in np.lexsort((-np.asarray(worth), np.asarray(cost))).tolist():
        if worth[place] > best:
            best = worth[place]
            chosen.append(place)
    return chosen


def calibrated(one: Set, use: Any, prior: str) -> flash.Target | None:
    """Return the target fitted to some networks; None where it is refused."""
    inside = np.flatnonzero(use).tolist()
    values: dict[str, Any] = {m: [column[i] for i in inside] for m, column in one.costs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        try:
            return flash.calibrate(one.base, [one.nets[i] for i in inside], prior=prior, **values)
        except FlashError as error:
            print(f"{one.name}: refused: {error}", file=sys.stderr)
            return None


def judge(counts: Counts, one: Set, use: Any, kind: str, drawn: str, prior: str) -> None:
    """Calibrate on some networks and judge all others, and the answers among these."""
    target = calibrated(one, use, prior)
    if target is None:
        return
    out = np.flatnonzero(~np.asarray(use)).tolist()
    found = []
    for i in out:
        found.append(held(target, one.nets[i], {m: y[i] for m, y in one.costs.items()}))
    for metric in one.costs:
        counts.add((one.name, kind, drawn, metric), [row[metric] for row in found])
        if kind == "held out":
            said = [float(getattr(target.cost(one.nets[i]), metric)) for i in out]
            chosen = front(said, [float(one.nets[i].macs) for i in out])
            text = f"cheapest for their MACs, of {drawn}"
            counts.add((one.name, "answers", text, metric), [found[k][metric] for k in chosen])


def fresh(one: Set, draws: int) -> list[Line]:
    """Return what targets calibrated on a part of a set cover of the rest."""
    counts = Counts()
    nets = [net if isinstance(net, Network) else net.network() for net in one.nets]
    groups = np.asarray(equal_layers(nets))
    for use in splits(groups.tolist(), N_FIT, draws, 0):
        judge(counts, one, use, "held out", f"{N_FIT} drawn at random, no prior", "none")
    prior = f"prior {one.base}" if one.prior == "base" else "no prior"
    labels = np.array(one.families)
    for name in sorted(set(one.families)):
        own = labels == name
        judge(counts, one, ~own, "unlike", f"a family left out, {prior}", one.prior)
        if own.sum() >= FEWEST:
            judge(counts, one, own, "unlike", f"one family alone, {prior}", one.prior)
    small = np.argsort([net.macs for net in nets], kind="stable")[:N_FIT]
    use = np.isin(groups, groups[small])
    judge(counts, one, use, "unlike", f"the {N_FIT} smallest calibrated, {prior}", one.prior)
    return counts.lines()


def shipped(data: str, count: int, seed: int) -> list[Line]:
    """Return what the shipped targets cover of NAS-Bench-201's networks that they were not fitted
    to, and of those among them that a search for accuracy would choose."""
    counts = Counts()
    records = read(data)
    used = {r["arch_idx"] for r in sample(records, DRAWN, SEED)}
    chosen = sample([r for r in records if r["arch_idx"] not in used], count, seed)
    space = network_space("nas-bench-201")
    nets = [space.decode(r["arch_str"]) for r in chosen]
    accuracy = [float(r["acc_cifar10"]) for r in chosen]
    for name, device in DEVICES.items():
        target = flash.Target.load(name)
        found = [
            held(target, net, {"latency_ms": float(record[device.column])})["latency_ms"]
            for net, record in zip(nets, chosen, strict=True)
        ]
        text = f"{len(nets)} of NAS-Bench-201 that the fit had not"
        counts.add((name, "held out", f"as shipped: {text}", "latency_ms"), found)
        said = [float(target.cost(net).latency_ms) for net in nets]
        rng = np.random.default_rng(seed)
        answers: set[int] = set()
        for _ in range(20):
            pool = rng.choice(len(nets), min(200, len(nets)), replace=False)
            best = front([said[i] for i in pool], [accuracy[i] for i in pool])
            answers |= {int(pool[k]) for k in best}
        text = "as shipped: most accurate for their predicted latency, of 20 draws of 200"
        counts.add((name, "answers", text, "latency_ms"), [found[i] for i in sorted(answers)])
    return counts.lines()


def densenets(data: str, draws: int) -> list[Line]:
    """Return what the recipe of rram's densenet set covers of networks that it has not seen."""
    counts = Counts()
    runs, other = Runs(data, "nsim_dtc"), Runs(data, "nsim_dtc2")
    model = Model(runs, np.ones(len(runs.names), bool))
    text = "as shipped, table of 33 networks and one half of 97, judged by the other half"
    for metric, masks in covered_by_halves(runs, model, other, draws, 0).items():
        for mask in masks:
            counts.add(("rram, densenet", "held out", text, metric), mask.tolist())
    return counts.lines()


def played(draws: int) -> list[Line]:
    """Return what targets cover that were calibrated on one family and 32 pixels, where another
    target plays the device: own and other networks at 32 and 224 pixels, and searches' answers."""
    counts = Counts()
    truth, base = flash.Target.load("cpu-x86-torch"), flash.Target.load("cpu-x86")
    rng = np.random.default_rng(0)

    def measured(net: Net) -> float:
        return float(truth.cost(net).latency_ms * np.exp(rng.normal(0.0, NOISE)))

    def count(target: flash.Target, net: Net, kind: str, drawn: str) -> None:
        result = held(target, net, {"latency_ms": measured(net)})["latency_ms"]
        counts.add(("cpu-x86-torch as the device", kind, drawn, "latency_ms"), [result])

    for family in FAMILIES:
        nets = flash.calibration_design(flash.SearchSpace(family), base)
        y = [measured(net) for net in nets]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CalibrationWarning)
            target = flash.calibrate(base, nets, latency_ms=y)
        for other, resolution in product(FAMILIES, (32, 224)):
            space = flash.SearchSpace(other, resolution=resolution)
            own = (other, resolution) == (family, 32)
            whose = "the calibrated" if other == family else "another"
            sampled = space.sample(draws, seed=5)
            for net in sampled:
                drawn = f"{whose} family, {resolution} pixels, sampled"
                count(target, net, "held out" if own else "unlike", drawn)
            known = sorted(target.cost(net).latency_ms for net in sampled)
            for at in np.linspace(0.0, len(known) - 1, 8).round().astype(int).tolist():
                found = flash.search(space, target, max_latency_ms=known[at])
                if found.architecture is not None:
                    drawn = f"{whose} family, {resolution} pixels, by flash.search"
                    count(target, found.architecture, "answers", drawn)
    return counts.lines()


def parts(data: str, draws: int, networks: int, seed: int) -> dict[str, Callable[[], list[Line]]]:
    """Return all sets by name, to be judged when called."""
    found: dict[str, Callable[[], list[Line]]] = {}
    for one in sets(data):
        found[f"calibrated: {one.name}"] = lambda one=one: fresh(one, draws)
    folder = Path(data)
    if (folder / "accuracy" / "nb201_tss_accuracy.csv.gz").exists():
        found["shipped: devices"] = lambda: shipped(data, networks, seed)
    if (folder / "hardware" / "nsim_dtc2_nets.csv.gz").exists():
        found["shipped: rram, densenet"] = lambda: densenets(data, draws)
    found["played"] = lambda: played(draws)
    return found


def told(lines: Sequence[Line]) -> dict[str, tuple[float, str]]:
    """Return of each kind of network the least coverage in percent, and where it is."""
    worst: dict[str, tuple[float, str]] = {}
    for one in lines:
        share = 100.0 * one.held / one.networks
        if one.kind not in worst or share < worst[one.kind][0]:
            worst[one.kind] = (share, f"{one.target}, {one.drawn}, {one.metric}")
    return worst


def misfit(lines: Sequence[Line]) -> float:
    """Return by how many points, in the mean, coverage is off: below what is wanted counts three
    times, above 95 % once."""
    off = []
    for one in lines:
        share = 100.0 * one.held / one.networks
        off.append(3.0 * max(0.0, WANTED[one.kind] - share) + max(0.0, share - 95.0))
    return float(np.mean(off))


def constants(every: dict[str, Callable[[], list[Line]]]) -> None:
    """Choose KAPPA and GAMMA on every second set and judge them on the others, and the reverse."""
    shown = _fitting.KAPPA, _prediction.GAMMA
    found: dict[tuple[float, float], dict[str, list[Line]]] = {}
    names = [name for name in every if not name.startswith("shipped")]
    for kappa, gamma in product(SPREADS, GROWTHS):
        _fitting.KAPPA, _prediction.GAMMA = kappa, gamma
        found[kappa, gamma] = {name: every[name]() for name in names}
        off = misfit([line for lines in found[kappa, gamma].values() for line in lines])
        print(f"KAPPA {kappa:g}, GAMMA {gamma:g}: off by {off:.2f} points", flush=True)
    _fitting.KAPPA, _prediction.GAMMA = shown

    def of(pair: tuple[float, float], half: Sequence[str]) -> list[Line]:
        return [line for name in half for line in found[pair][name]]

    for half, other in ((names[::2], names[1::2]), (names[1::2], names[::2])):
        best = min(found, key=lambda pair: misfit(of(pair, half)))
        print(f"chosen on {'; '.join(half)}: KAPPA {best[0]:g}, GAMMA {best[1]:g}")
        for pair in dict.fromkeys((best, shown)):
            print(f"  KAPPA {pair[0]:g}, GAMMA {pair[1]:g} on the other half:")
            table = of(pair, other)
            for kind in WANTED:
                own = [one for one in table if one.kind == kind]
                share = 100 * sum(o.held for o in own) / max(1, sum(o.networks for o in own))
                least, where = told(table)[kind]
                print(f"    {kind}: {share:.1f} %, least {least:.0f} % ({where})")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What 90 % intervals of targets cover.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/, accuracy/")
    parser.add_argument("--draws", type=int, default=20, help="random splits, or networks (20)")
    parser.add_argument("--networks", type=int, default=1000, help="of NAS-Bench-201 (1000)")
    parser.add_argument("--seed", type=int, default=1, help="which of them (1)")
    parser.add_argument("--only", metavar="TEXT", default="", help="sets whose name holds it")
    parser.add_argument("--constants", action="store_true", help="choose KAPPA and GAMMA by halves")
    parser.add_argument("--json", metavar="FILE", help="write the lines, too")
    args = parser.parse_args()
    every = parts(args.data, args.draws, args.networks, args.seed)
    every = {name: one for name, one in every.items() if args.only in name}
    if args.constants:
        constants(every)
        return
    lines: list[Line] = []
    for one in every.values():
        found = one()
        for line in found:
            share = 100 * line.held / line.networks
            low = share < WANTED[line.kind]
            high = line.kind == "held out" and share > 95.0
            mark = "  < too few" if low else "  > too wide" if high else ""
            print(f"{line.target} | {line.kind} | {line.drawn} | {line.metric} | "
                  f"{line.held} of {line.networks} | {share:.1f} %{mark}", flush=True)  # fmt: skip
        lines += found
    for kind, (share, where) in told(lines).items():
        own = [one for one in lines if one.kind == kind]
        whole = 100 * sum(o.held for o in own) / sum(o.networks for o in own)
        print(f"{kind}: {whole:.1f} % of all, least {share:.1f} % ({where})")
    if args.json:
        Path(args.json).write_text(json.dumps([one._asdict() for one in lines], indent=1) + "\n")


if __name__ == "__main__":
    main()
