"""Timing of real inference: how long a network takes here, and under which conditions.

This file is both a module of flash and, copied by `flash measure --export`, the script that
measures on another machine. So it needs nothing but Python 3.8 and, as a script, onnxruntime:

    python measure.py                     # measures what lies beside it -> measurements.jsonl
    python measure.py --threads 4 --time-limit-s 20

Stopped in any way it goes on where it was when it is run again. `flash calibrate` reads the file.

A network is measured in several passes, the networks taking turns, so that a machine that slows
down slows all of them. A pass warms up until its running median settles, then runs until the
median is known well enough or its time is over. The journal holds one JSON line per pass and one
per finished network; a line is complete or, at the very end, dropped.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
import time

FORMAT = 1
SETTINGS = {"threads": 1, "device": "cpu", "batch": 1, "dtype": "float32", "passes": 6, "seed": 0,
            "time_limit_s": 10.0, "pin": True}  # fmt: skip
# A journal is only carried on with the same of these.
FIXED = ("runtime", "threads", "device", "batch", "dtype", "passes", "seed")
WINDOW = 5  # runs of a warm-up window
SETTLED = 0.02  # two windows whose medians differ by less: warm
PRECISION = 0.005  # half width of the median's confidence interval, relative
LEAST_RUNS, MOST_RUNS = 5, 1000
SHORTEST_S = 2e-5  # shorter runs are timed several at a time
LEAST_ENERGY_S = 0.1  # energy counters tick once a millisecond
CPUS = "/sys/devices/system/cpu"
POWERCAP = "/sys/class/powercap"


class Refused(Exception):
    """What was asked for cannot be done; the message is for the user."""


# Statistics


def quantile(values, q):
    """Return a quantile, linear between order statistics."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def median(values):
    return quantile(values, 0.5)


def uncertainty(values):
    """Return half the width of the median's 95 % confidence interval, relative (order ranks)."""
    ordered = sorted(values)
    n = len(ordered)
    low = int(max(0, math.floor(n / 2 - 0.98 * math.sqrt(n))))
    high = int(min(n - 1, math.ceil(n / 2 + 0.98 * math.sqrt(n))))
    return (ordered[high] - ordered[low]) / 2 / max(1e-300, median(ordered))


def time_pass(run, budget_s, meter=None):
    """Warm up and time one pass.

    Returns {"warmup", "settled", "wall_ms", "cpu_ms", "energy_mj"}: runs before the first that
    counts, whether their median had settled, each run's wall clock and processor time, and the
    energy of one run where it can be read, else None.
    """
    start = time.perf_counter()
    run()
    first = time.perf_counter() - start
    group = max(1, int(math.ceil(SHORTEST_S / max(first, 1e-9)))) if first < SHORTEST_S else 1

    def timed():
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(group):
            run()
        wall = time.perf_counter() - wall
        return 1e3 * wall / group, 1e3 * (time.process_time() - cpu) / group

    warmup, settled, before = 1, False, None
    while not settled and time.perf_counter() - start < budget_s / 3:
        window = median([timed()[0] for _ in range(WINDOW)])
        warmup += WINDOW * group
        settled = before is not None and abs(window / before - 1) < SETTLED
        before = window
    wall, cpu = [], []
    begun, joules = time.perf_counter(), meter.read() if meter else None
    while len(wall) < MOST_RUNS:
        a, b = timed()
        wall.append(a)
        cpu.append(b)
        enough = len(wall) >= LEAST_RUNS
        late = time.perf_counter() - start > budget_s
        if late and (enough or time.perf_counter() - start > 3 * budget_s):
            break
        if enough and len(wall) % 10 == 0 and uncertainty(wall) < PRECISION:
            if meter is None or time.perf_counter() - begun > LEAST_ENERGY_S:
                break
    energy = None
    if meter and time.perf_counter() - begun > LEAST_ENERGY_S:
        energy = 1e3 * meter.since(joules) / (len(wall) * group)
    digits = [float("%.6g" % one) for one in wall], [float("%.6g" % one) for one in cpu]
    return {"warmup": warmup, "settled": settled, "wall_ms": digits[0], "cpu_ms": digits[1],
            "energy_mj": energy}  # fmt: skip


def summarise(passes):
    """Return a network's figures: medians over its passes, so that no single one decides."""
    middles = [median(one["wall_ms"]) for one in passes]
    halves = [middles[0::2], middles[1::2]]
    if not halves[1]:  # one pass: its runs in turn
        halves = [passes[0]["wall_ms"][0::2], passes[0]["wall_ms"][1::2]]
    noise = None
    if halves[1]:
        noise = 100 * abs(median(halves[0]) / max(1e-300, median(halves[1])) - 1)
    energies = [one["energy_mj"] for one in passes if one["energy_mj"] is not None]
    return {
        "median_ms": median(middles),
        "q1_ms": median([quantile(one["wall_ms"], 0.25) for one in passes]),
        "q3_ms": median([quantile(one["wall_ms"], 0.75) for one in passes]),
        "min_ms": min(min(one["wall_ms"]) for one in passes),
        "cpu_ms": median([median(one["cpu_ms"]) for one in passes]),
        "noise_pct": noise,
        "runs": sum(len(one["wall_ms"]) for one in passes),
        "passes": len(passes),
        "warmup_runs": sum(one["warmup"] for one in passes),
        "settled": all(one["settled"] for one in passes),
        "energy_mj": median(energies) if energies else None,
    }


# Conditions


def read(*parts):
    """Return the text of a small file, or None."""
    try:
        with open(os.path.join(*parts), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def cpu_model():
    """Return the processor's name as the kernel has it."""
    for line in (read("/proc/cpuinfo") or "").splitlines():
        if line.split(":")[0].strip() in ("model name", "Model", "Hardware"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def pick_cpus(threads):
    """Return the processors to run on: the fastest, one for each core where there are enough."""
    if not hasattr(os, "sched_getaffinity"):
        return None

    def rank(cpu):
        at = os.path.join(CPUS, "cpu%d" % cpu)
        capacity = read(at, "cpu_capacity") or read(at, "cpufreq", "cpuinfo_max_freq") or "0"
        siblings = read(at, "topology", "thread_siblings_list") or str(cpu)
        first = siblings.replace("-", ",").split(",")[0]
        return -int(capacity) if capacity.isdigit() else 0, first != str(cpu), -cpu

    return sorted(sorted(os.sched_getaffinity(0), key=rank)[:threads])


class Pinned:
    """Keeps the process on some processors; elsewhere than on Linux it does nothing."""

    def __init__(self, threads, wanted=True):
        self.cpus = pick_cpus(threads) if wanted else None

    def __enter__(self):
        if self.cpus:
            self.before = os.sched_getaffinity(0)
            try:
                os.sched_setaffinity(0, self.cpus)
            except OSError:
                self.cpus = None
        return self

    def __exit__(self, *error):
        if self.cpus:
            os.sched_setaffinity(0, self.before)


def load():
    """Return the load average of the last minute, or None."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def conditions(settings, pinned, versions, device_name=None):
    """Return what a figure depends on beside the network."""
    at = os.path.join(CPUS, "cpu%d" % (pinned[0] if pinned else 0), "cpufreq")
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "system": "%s %s %s" % (platform.system(), platform.release(), platform.machine()),
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "pinned_to": pinned,
        "governor": read(at, "scaling_governor"),
        "max_khz": read(at, "scaling_max_freq"),
        "load_before": load(),
        "device_name": device_name,
        "versions": dict({"python": platform.python_version()}, **versions),
        **{name: settings[name] for name in ("threads", "batch", "dtype")},
    }


class Rapl:
    """The energy counters of the processor packages, in joules."""

    source = "RAPL (whole processor packages, idle power included)"

    def __init__(self, folder=POWERCAP):
        self.zones = []
        for name in sorted(os.listdir(folder)):
            if name.startswith("intel-rapl:") and name.count(":") == 1:
                at = os.path.join(folder, name)
                with open(os.path.join(at, "energy_uj"), encoding="ascii") as file:
                    int(file.read())
                limit = read(at, "max_energy_range_uj") or "0"
                self.zones.append((os.path.join(at, "energy_uj"), int(limit)))
        if not self.zones:
            raise OSError("no package counter in %s" % folder)

    def read(self):
        values = []
        for path, _ in self.zones:
            with open(path, encoding="ascii") as file:
                values.append(int(file.read()))
        return values

    def since(self, before):
        total = 0
        for number, now in enumerate(self.read()):
            passed = now - before[number]
            total += passed if passed >= 0 else passed + self.zones[number][1]
        return 1e-6 * total


class Nvml:
    """The energy counter of the first NVIDIA device, in joules."""

    source = "NVML (whole board, idle power included)"

    def __init__(self):
        import pynvml

        pynvml.nvmlInit()
        self.handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        self.count = pynvml.nvmlDeviceGetTotalEnergyConsumption
        self.count(self.handle)

    def read(self):
        return self.count(self.handle)

    def since(self, before):
        return 1e-3 * (self.read() - before)


def energy_meter(device, folder=POWERCAP):
    """Return (a counter or None, what it is or why there is none)."""
    try:
        meter = Nvml() if device == "cuda" else Rapl(folder)
    except ImportError:
        return None, "absent: NVML needs the package nvidia-ml-py"
    except PermissionError:
        return None, "absent: the RAPL counters in %s may only be read by root" % folder
    except Exception as error:  # NVML has its own errors, a broken counter may raise anything
        return None, "absent: %s" % (error if str(error) else type(error).__name__)
    return meter, meter.source


# The journal


class Journal:
    """What was measured so far, in memory and, where a path is given, in a file."""

    def __init__(self, path, settings):
        self.path, self.passes, self.finished = path, {}, {}
        if path is None:
            return
        keep = {name: settings[name] for name in FIXED if name in settings}
        head = None
        if os.path.exists(path):
            for data in lines_of(path, repair=True):
                if "journal" in data:
                    head = data["settings"]
                elif "pass" in data:
                    self.passes.setdefault(data["key"], []).append(data["pass"])
                elif "measurement" in data:
                    self.finished[data["key"]] = data["measurement"]
        if head is not None and head != keep:
            other = [n for n in keep if head.get(n) != keep[n]] or sorted(set(head) - set(keep))
            raise Refused(
                "%s holds measurements with %s, not %s: give another file, or the same settings"
                % (path, ", ".join("%s=%r" % (n, head.get(n)) for n in other),
                   ", ".join("%s=%r" % (n, keep.get(n)) for n in other))
            )  # fmt: skip
        if head is None:
            self.write({"journal": FORMAT, "settings": keep})

    def write(self, data):
        if self.path is None:
            return
        with open(self.path, "a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(data, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def add_pass(self, key, one):
        self.passes.setdefault(key, []).append(one)
        self.write({"key": key, "pass": one})

    def finish(self, key, measurement):
        self.finished[key] = measurement
        self.write({"key": key, "measurement": measurement})


def lines_of(path, repair=False):
    """Return the parsed lines of a journal; one that was cut off at the end is dropped."""
    with open(path, "rb") as file:
        raw = file.read()
    end = raw.rfind(b"\n") + 1
    if repair and end < len(raw):
        with open(path, "r+b") as file:
            file.truncate(end)
    result = []
    for number, line in enumerate(raw[:end].splitlines(), 1):
        try:
            data = json.loads(line.decode("utf-8"))
        except ValueError:
            raise Refused("%s: line %d is not JSON" % (path, number))
        if not isinstance(data, dict):
            raise Refused("%s: line %d is no table" % (path, number))
        result.append(data)
    return result


# A series of networks


def measure_series(items, open_engine, settings, journal, say=lambda text: None):
    """Measure networks in turns and return their records, in order.

    items: [{"key", "name", "subject"}]; open_engine(item) -> an object with `run`, `close`,
    `versions` and `device_name`. Raises whatever an engine raises; what is finished is in the
    journal.
    """
    passes = settings["passes"]
    budget = settings["time_limit_s"] / passes
    meter, source = energy_meter(settings["device"])
    with Pinned(settings["threads"], settings["pin"]) as pinned:
        for number in range(passes):
            for place, item in enumerate(items):
                key = item["key"]
                done = journal.passes.get(key, [])
                if key in journal.finished or len(done) > number:
                    continue
                say("pass %d of %d, network %d of %d: %s"
                    % (number + 1, passes, place + 1, len(items), item["name"]))  # fmt: skip
                engine = open_engine(item)
                try:
                    facts = conditions(settings, pinned.cpus, engine.versions, engine.device_name)
                    one = time_pass(engine.run, budget, meter)
                finally:
                    engine.close()
                facts["load_after"] = load()
                journal.add_pass(key, dict(one, conditions=facts))
                done = journal.passes[key]
                if len(done) < passes:
                    continue
                record = dict(summarise(done), name=item["name"], runtime=settings["runtime"],
                              device=settings["device"], energy_source=source,
                              subject=item["subject"])  # fmt: skip
                record["conditions"] = dict(done[0]["conditions"])
                record["conditions"]["load_after"] = facts["load_after"]
                journal.finish(key, record)
    return [journal.finished[item["key"]] for item in items]


# onnxruntime


class Onnxruntime:
    """A model in onnxruntime with random inputs."""

    def __init__(self, model, settings):
        import numpy
        import onnxruntime

        cuda = settings["device"] == "cuda"
        provider = "CUDAExecutionProvider" if cuda else "CPUExecutionProvider"
        if provider not in onnxruntime.get_available_providers():
            raise Refused("this onnxruntime has no %s" % provider)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings["threads"]
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options, providers=[provider])
        if cuda and provider not in self.session.get_providers():
            raise Refused("onnxruntime could not use the CUDA device")
        self.versions = {"onnxruntime": onnxruntime.__version__, "numpy": numpy.__version__}
        self.device_name = provider
        random = numpy.random.RandomState(settings["seed"])
        self.feed = {}
        for one in self.session.get_inputs():
            shape = [settings["batch"], *one.shape[1:]]
            if not all(isinstance(size, int) and size > 0 for size in shape):
                raise Refused("input %r has a shape that is not fixed: %r" % (one.name, one.shape))
            if isinstance(one.shape[0], int) and one.shape[0] != settings["batch"]:
                raise Refused("the model has batch %d, not %d" % (one.shape[0], settings["batch"]))
            if one.type not in ("tensor(float)", "tensor(float16)"):
                raise Refused("input %r is %s, not of floating point" % (one.name, one.type))
            half = one.type == "tensor(float16)"
            values = random.standard_normal(shape)
            self.feed[one.name] = values.astype("float16" if half else "float32")

    def run(self):
        self.session.run(None, self.feed)

    def close(self):
        self.session = None


def main(arguments=None):
    """Measure the networks that lie beside this script."""
    import argparse

    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="Measure the networks beside this script.")
    for name in ("threads", "batch", "passes", "time_limit_s"):
        kind = type(SETTINGS[name])
        parser.add_argument("--" + name.replace("_", "-"), type=kind)
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--no-pin", action="store_true", help="leave the choice of processors")
    parser.add_argument("--out", default=os.path.join(here, "measurements.jsonl"))
    given = parser.parse_args(arguments)
    with open(os.path.join(here, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    settings = dict(SETTINGS, **manifest["settings"])
    for name in ("threads", "batch", "passes", "time_limit_s", "device"):
        if getattr(given, name) is not None:
            settings[name] = getattr(given, name)
            if name != "device" and not settings[name] > 0:
                parser.error("--%s must be above 0" % name.replace("_", "-"))
    settings.update(runtime="onnxruntime", pin=settings["pin"] and not given.no_pin)

    def open_engine(item):
        return Onnxruntime(os.path.join(here, item["file"]), settings)

    try:
        journal = Journal(given.out, settings)
        records = measure_series(manifest["networks"], open_engine, settings, journal,
                                 lambda text: print(text, file=sys.stderr))  # fmt: skip
    except KeyboardInterrupt:
        print("stopped; run it again to go on: %s" % given.out, file=sys.stderr)
        return 130
    except ImportError as error:
        print("%s: pip install onnxruntime" % error, file=sys.stderr)
        return 2
    except Refused as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print("%s; what is finished is in %s" % (error, given.out), file=sys.stderr)
        return 1
    for one in records:
        noise = "" if one["noise_pct"] is None else "  noise %.2g %%" % one["noise_pct"]
        print("%-40s %10.4g ms%s" % (one["name"][:40], one["median_ms"], noise))
    print("%d networks: %s" % (len(records), given.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
