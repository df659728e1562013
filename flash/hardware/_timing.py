"""How long an inference takes: adaptive passes, a series of networks in turns, and its journal.

Part of the script that measures on another machine (see `_onnxruntime`): Python 3.8 and its
standard library are all that may be used here.

A network is measured in several passes, the networks taking turns, so that a machine that slows
down slows all of them. A pass warms up until its running median settles, then runs until the
median is known well enough or its time is over. The journal holds one JSON line per pass and one
per finished network; a line that was cut off by a kill, necessarily the last, is dropped.

Parts of networks are measured in turns run by run instead (`time_turns`): in a network a block does
not find its weights in the caches from the run before, and in a loop by itself it would.
"""

from __future__ import annotations

import json
import math
import os
import time

from ..base.lock import Held, Lock
from ._conditions import Pinned, Refused, chosen_meter, conditions, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

FORMAT = 1
SETTINGS = {
    "threads": 1,
    "device": "cpu",
    "batch": 1,
    "dtype": "float32",
    "clock": "wall",
    "passes": 6,
    "seed": 0,
    "time_limit_s": 10.0,
    "pin": True,
    "energy": None,
    "turns": False,
}
# A journal is carried on with the same of these only.
FIXED = ("runtime", "threads", "device", "batch", "dtype", "clock", "passes", "seed")
WINDOW = 5  # runs of a warm-up window
SETTLED = 0.02  # two windows whose medians differ by less: warm
PRECISION = 0.005  # half width of the median's confidence interval, relative
LEAST_RUNS, MOST_RUNS = 5, 1000
SHORTEST_S = 2e-5  # shorter runs are timed several at a time
LEAST_ENERGY_S = 0.1  # energy counters tick once a millisecond
TOGETHER = 128  # engines that are open at a time where runs are in turns,
TOGETHER_BYTES = 1 << 30  # and of their weights, unless one alone has more


def quantile(values: Sequence[float], q: float) -> float:
    """Return a quantile, linear between order statistics."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return quantile(values, 0.5)


def uncertainty(values: Sequence[float]) -> float:
    """Return half the width of the median's 95 % confidence interval (by ranks), relative."""
    ordered = sorted(values)
    n = len(ordered)
    low = max(0, math.floor(n / 2 - 0.98 * math.sqrt(n)))
    high = min(n - 1, math.ceil(n / 2 + 0.98 * math.sqrt(n)))
    return (ordered[high] - ordered[low]) / 2 / max(1e-300, median(ordered))


def time_pass(
    run: Callable[[], object], budget_s: float, clock: str = "wall", meter: Any = None
) -> dict[str, Any]:
    """Warm up and time one pass.

    Returns
    -------
    dict
        "warmup": runs before the first that counts; "settled": whether their median had settled;
        "wall_ms", "cpu_ms": each run's wall clock and the process's processor time; "energy_mj":
        of one run, None where it cannot be read.
    """
    start = time.perf_counter()
    run()
    first = time.perf_counter() - start
    group = max(1, math.ceil(SHORTEST_S / max(first, 1e-9)))
    wall: list[float] = []
    cpu: list[float] = []
    used = wall if clock == "wall" else cpu

    def timed() -> None:
        before, begun = time.process_time(), time.perf_counter()
        for _ in range(group):
            run()
        wall.append(1e3 * (time.perf_counter() - begun) / group)
        cpu.append(1e3 * (time.process_time() - before) / group)

    warmup, settled, before = 1, False, 0.0
    while not settled and time.perf_counter() - start < budget_s / 3:
        for _ in range(WINDOW):
            timed()
        now = median(used[-WINDOW:])
        settled = before > 0.0 and abs(now / before - 1.0) < SETTLED
        before = now
    warmup += group * len(wall)
    wall.clear()
    cpu.clear()
    begun, joules = time.perf_counter(), meter.read() if meter else None
    while len(wall) < MOST_RUNS:
        timed()
        passed = time.perf_counter() - start
        enough = len(wall) >= LEAST_RUNS
        if passed > (budget_s if enough else 3 * budget_s):
            break
        if meter and time.perf_counter() - begun < LEAST_ENERGY_S:
            continue
        if enough and len(wall) % 10 == 0 and uncertainty(used) < PRECISION:
            break
    energy = None
    if meter and time.perf_counter() - begun > LEAST_ENERGY_S:
        energy = 1e3 * meter.since(joules) / (len(wall) * group)
    return {
        "warmup": warmup,
        "settled": settled,
        "wall_ms": [float(f"{one:.6g}") for one in wall],
        "cpu_ms": [float(f"{one:.6g}") for one in cpu],
        "energy_mj": energy,
    }


def time_turns(
    runs: Sequence[Callable[[], object]], budget_s: float, meter: Any = None
) -> list[dict[str, Any]]:
    """Time one pass of several, one run of each after the other, until the time of all is over.

    Returns
    -------
    list of dict
        As `time_pass` has them. Energy, which takes longer than a run to be read, is that of each
        in a loop by itself.
    """
    wall: list[list[float]] = [[] for _ in runs]
    cpu: list[list[float]] = [[] for _ in runs]
    for run in runs:
        run()
    start = time.perf_counter()
    rounds = 0
    while rounds < MOST_RUNS:
        for k, run in enumerate(runs):
            before, begun = time.process_time(), time.perf_counter()
            run()
            wall[k].append(1e3 * (time.perf_counter() - begun))
            cpu[k].append(1e3 * (time.process_time() - before))
        rounds += 1
        passed = time.perf_counter() - start
        if passed > (budget_s if rounds >= LEAST_RUNS else 3 * budget_s) * len(runs):
            break
    return [
        {
            "warmup": 1,
            "settled": True,
            "wall_ms": [float(f"{one:.6g}") for one in wall[k]],
            "cpu_ms": [float(f"{one:.6g}") for one in cpu[k]],
            "energy_mj": energy_of(run, meter) if meter else None,
        }
        for k, run in enumerate(runs)
    ]


def energy_of(run: Callable[[], object], meter: Any) -> float:
    """Return the energy of one run, in millijoules, over a loop long enough to be read."""
    begun, joules, count = time.perf_counter(), meter.read(), 0
    while count == 0 or time.perf_counter() - begun < LEAST_ENERGY_S:
        run()
        count += 1
    return float(1e3 * meter.since(joules) / count)


def summarise(passes: list[dict[str, Any]], clock: str = "wall") -> dict[str, Any]:
    """Return a network's figures: medians over its passes, so that no single one decides."""
    runs = [one[clock + "_ms"] for one in passes]
    middles = [median(one) for one in runs]
    halves = [middles[0::2], middles[1::2]]
    if not halves[1]:  # one pass: its runs in turn
        halves = [runs[0][0::2], runs[0][1::2]]
    noise = None
    if halves[1]:
        noise = 100.0 * abs(median(halves[0]) / max(1e-300, median(halves[1])) - 1.0)
    energies = [one["energy_mj"] for one in passes if one["energy_mj"] is not None]
    return {
        "median_ms": median(middles),
        "q1_ms": median([quantile(one, 0.25) for one in runs]),
        "q3_ms": median([quantile(one, 0.75) for one in runs]),
        "min_ms": min(map(min, runs)),
        "wall_ms": median([median(one["wall_ms"]) for one in passes]),
        "cpu_ms": median([median(one["cpu_ms"]) for one in passes]),
        "noise_pct": noise,
        "runs": sum(map(len, runs)),
        "passes": len(passes),
        "warmup_runs": sum(one["warmup"] for one in passes),
        "settled": all(one["settled"] for one in passes),
        "energy_mj": median(energies) if energies else None,
    }


class Journal:
    """What was measured so far, in memory and, where a path is given, in a file.

    The file is held until the journal is closed: nobody else measures into it.
    """

    def __init__(self, path: str | None, settings: dict[str, Any]) -> None:
        self.path = path
        self.passes: dict[str, list[dict[str, Any]]] = {}
        self.finished: dict[str, dict[str, Any]] = {}
        self.lock: Lock | None = None
        if path is None:
            return
        try:
            self.lock = Lock(path + ".lock", path)
        except Held as error:
            raise Refused(f"{error}: wait for it, or give another file") from None
        try:
            self._open(path, settings)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others have the file."""
        if self.lock is not None:
            self.lock.close()

    def _open(self, path: str, settings: dict[str, Any]) -> None:
        keep = {name: settings[name] for name in FIXED}
        if settings.get("turns"):
            keep["turns"] = True
        head: dict[str, Any] | None = None
        for data in lines_of(path, repair=True) if os.path.exists(path) else ():
            try:
                if "journal" in data:
                    head = dict(data["settings"])
                elif "pass" in data:
                    median(data["pass"]["wall_ms"] + data["pass"]["cpu_ms"])
                    self.passes.setdefault(data["key"], []).append(data["pass"])
                else:
                    self.finished[data["key"]] = data["measurement"]
            except (KeyError, TypeError, ValueError, IndexError):
                raise Refused(f"{path} is no journal of measurements") from None
        if head is not None and head != keep:
            other = [name for name in (*FIXED, "turns") if head.get(name) != keep.get(name)]
            theirs = ", ".join(f"{name}={head.get(name)!r}" for name in other)
            ours = ", ".join(f"{name}={keep.get(name)!r}" for name in other)
            raise Refused(
                f"{path} holds measurements with {theirs}, not {ours}: give another file, or "
                "the same settings"
            )
        if head is None:
            if self.passes or self.finished:
                raise Refused(f"{path} is no journal of measurements")
            self.write({"journal": FORMAT, "settings": keep})

    def write(self, data: dict[str, Any]) -> None:
        """Append a line; when this returns it is on the disk."""
        if self.path is None:
            return
        try:
            with open(self.path, "a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(data, allow_nan=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:  # what was written of the line is cut off when it is read
            raise type(error)(error.errno, error.strerror, self.path) from None

    def add_pass(self, key: str, one: dict[str, Any]) -> list[dict[str, Any]]:
        """Keep a pass and return all of the network."""
        self.write({"key": key, "pass": one})
        done = self.passes.setdefault(key, [])
        done.append(one)
        return done

    def finish(self, key: str, measurement: dict[str, Any]) -> None:
        """Keep the record of a finished network."""
        self.write({"key": key, "measurement": measurement})
        self.finished[key] = measurement


def lines_of(path: str, repair: bool = False) -> list[dict[str, Any]]:
    """Return the parsed lines of a journal; one that was cut off at the end is dropped."""
    with open(path, "rb") as file:
        raw = file.read()
    end = raw.rfind(b"\n") + 1
    if repair and end < len(raw):
        if not raw.startswith(b"{"):  # somebody's file of another kind
            raise Refused(f"{path} is no journal of measurements")
        with open(path, "r+b") as file:
            file.truncate(end)
    result = []
    for number, line in enumerate(raw[:end].splitlines(), 1):
        try:
            data = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            raise Refused(f"{path}: line {number} is not JSON") from None
        if not isinstance(data, dict):
            raise Refused(f"{path}: line {number} is no table")
        result.append(data)
    return result


def measure_series(
    items: Sequence[dict[str, Any]],
    open_engine: Callable[[dict[str, Any]], Any],
    settings: dict[str, Any],
    journal: Journal,
    say: Callable[[int, int, str], object] = lambda done, total, text: None,
) -> list[dict[str, Any]]:
    """Measure networks in turns and return their records, in order.

    items: tables of "key", "name", "subject" and, perhaps, "bytes" of weights; `open_engine` makes
    of one an object with `run`, `close`, `versions` and `device_name`. Whatever an engine raises
    passes through: what is finished is in the journal. `say` takes passes done, of how many, and
    what comes next.
    """
    passes = settings["passes"]

    def done() -> int:
        return sum(
            passes if one["key"] in journal.finished else len(journal.passes.get(one["key"], ()))
            for one in items
        )

    meter, source = chosen_meter(settings["device"], settings.get("energy"))
    with Pinned(settings["threads"], settings["pin"]) as pinned:
        for number in range(passes):
            left = [
                (place, item)
                for place, item in enumerate(items)
                if item["key"] not in journal.finished
                and len(journal.passes.get(item["key"], ())) <= number
            ]
            for group in _groups(left, bool(settings.get("turns"))):
                place, item = group[0]
                more = f" and {len(group) - 1} more" if len(group) > 1 else ""
                say(
                    done(),
                    passes * len(items),
                    f"pass {number + 1} of {passes}, network {place + 1} of {len(items)}: "
                    f"{item['name']}{more}",
                )
                engines: list[Any] = []
                try:
                    facts = []
                    for _, item in group:
                        engines.append(open_engine(item))
                        told = engines[-1].versions, engines[-1].device_name
                        facts.append(conditions(settings, pinned.cpus, *told))
                    budget = settings["time_limit_s"] / passes
                    if settings.get("turns"):
                        found = time_turns([one.run for one in engines], budget, meter)
                    else:
                        found = [time_pass(engines[0].run, budget, settings["clock"], meter)]
                finally:
                    for engine in reversed(engines):  # each puts back what it found
                        engine.close()
                for k, (_, item) in enumerate(group):
                    facts[k]["load_after"] = load()
                    own = journal.add_pass(item["key"], {**found[k], "conditions": facts[k]})
                    if len(own) == passes:
                        journal.finish(item["key"], _record(item, own, settings, source))
    say(passes * len(items), passes * len(items), "")
    return [journal.finished[item["key"]] for item in items]


def _groups(left: Sequence[tuple[int, Any]], turns: bool) -> list[list[tuple[int, Any]]]:
    """Return what is open together: one at a time, or in turns as many as there is room for."""
    groups: list[list[tuple[int, Any]]] = []
    held = 0
    for place, item in left:
        size = item.get("bytes", 0)
        full = not turns or len(groups[-1] if groups else ()) >= TOGETHER
        if not groups or full or held + size > TOGETHER_BYTES:
            groups.append([])
            held = 0
        groups[-1].append((place, item))
        held += size
    return groups


def _record(
    item: dict[str, Any], passes: list[dict[str, Any]], settings: dict[str, Any], source: str
) -> dict[str, Any]:
    return {
        "name": item["name"],
        "runtime": settings["runtime"],
        "device": settings["device"],
        **summarise(passes, settings["clock"]),
        "energy_source": source,
        "conditions": {
            **passes[0]["conditions"],
            "load_after": passes[-1]["conditions"]["load_after"],
        },
        "subject": item["subject"],
    }
