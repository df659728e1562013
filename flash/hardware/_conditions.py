"""Under which conditions something is timed: processors, governor, load, and energy counters.

Part of the script that measures on another machine (see `_onnxruntime`): Python 3.8 and its
standard library are all that may be used here.
"""

from __future__ import annotations

import os
import platform
import time
from bisect import bisect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Refused(Exception):
    """What was asked for cannot be done; the message is for the user."""


CPUS = "/sys/devices/system/cpu"
POWERCAP = "/sys/class/powercap"
LATEST_S = 5.0  # by when a meter's file holds what it measured


def read(*parts: str) -> str | None:
    """Return the text of a small file, or None."""
    try:
        with open(os.path.join(*parts), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def cpu_model() -> str:
    """Return the processor's name as the kernel has it."""
    for line in (read("/proc/cpuinfo") or "").splitlines():
        if line.split(":")[0].strip() in ("model name", "Model", "Hardware"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def pick_cpus(threads: int) -> list[int] | None:
    """Return the processors to run on: the fastest, one of each core where there are enough."""
    if not hasattr(os, "sched_getaffinity"):
        return None

    def rank(cpu: int) -> tuple[int, bool, int]:
        at = os.path.join(CPUS, f"cpu{cpu}")
        capacity = read(at, "cpu_capacity") or read(at, "cpufreq", "cpuinfo_max_freq") or "0"
        siblings = read(at, "topology", "thread_siblings_list") or str(cpu)
        first = siblings.replace("-", ",").split(",")[0]
        return -int(capacity) if capacity.isdigit() else 0, first != str(cpu), -cpu

    return sorted(sorted(os.sched_getaffinity(0), key=rank)[:threads])


class Pinned:
    """Keeps the process on some processors; where the system has no such call it does nothing."""

    def __init__(self, threads: int, wanted: bool = True) -> None:
        self.cpus = pick_cpus(threads) if wanted else None

    def __enter__(self) -> Any:
        if self.cpus:
            self.before = os.sched_getaffinity(0)
            try:
                os.sched_setaffinity(0, self.cpus)
            except OSError:
                self.cpus = None
        return self

    def __exit__(self, *error: object) -> None:
        if self.cpus:
            os.sched_setaffinity(0, self.before)


def load() -> float | None:
    """Return the load average of the last minute, or None."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def conditions(
    settings: dict[str, Any],
    pinned: list[int] | None,
    versions: dict[str, str],
    device_name: str | None = None,
) -> dict[str, Any]:
    """Return what a figure depends on beside the network."""
    at = os.path.join(CPUS, f"cpu{pinned[0] if pinned else 0}", "cpufreq")
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "pinned_to": pinned,
        "governor": read(at, "scaling_governor"),
        "max_khz": read(at, "scaling_max_freq"),
        "load_before": load(),
        "device_name": device_name,
        "versions": {"python": platform.python_version(), **versions},
        "threads": settings["threads"],
        "batch": settings["batch"],
        "dtype": settings["dtype"],
        "clock": settings["clock"],
    }


class Rapl:
    """The energy counters of the processor packages."""

    source = "RAPL (whole processor packages, idle power included)"

    def __init__(self, folder: str = POWERCAP) -> None:
        self.zones: list[tuple[str, int]] = []
        for name in sorted(os.listdir(folder)):
            if name.startswith("intel-rapl:") and name.count(":") == 1:
                at = os.path.join(folder, name)
                limit = read(at, "max_energy_range_uj") or "0"
                self.zones.append((os.path.join(at, "energy_uj"), int(limit)))
        if not self.zones:
            raise OSError(f"no package counter in {folder}")
        self.read()

    def read(self) -> list[int]:
        """Return each counter, in microjoules."""
        values = []
        for path, _ in self.zones:
            with open(path, encoding="ascii") as file:
                values.append(int(file.read()))
        return values

    def since(self, before: list[int]) -> float:
        """Return the joules since a reading; a counter may have started again once."""
        total = 0
        for number, now in enumerate(self.read()):
            passed = now - before[number]
            total += passed if passed >= 0 else passed + self.zones[number][1]
        return 1e-6 * total


class Nvml:
    """The energy counter of the first NVIDIA device."""

    source = "NVML (whole board, idle power included)"

    def __init__(self) -> None:
        import pynvml  # pyright: ignore[reportMissingImports]

        pynvml.nvmlInit()
        self.handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        self.count: Any = pynvml.nvmlDeviceGetTotalEnergyConsumption
        self.read()

    def read(self) -> int:
        """Return the counter, in millijoules."""
        return int(self.count(self.handle))

    def since(self, before: int) -> float:
        """Return the joules since a reading."""
        return 1e-3 * (self.read() - before)


def energy_meter(device: str, folder: str = POWERCAP) -> tuple[Any, str]:
    """Return (a counter or None, what it is or why there is none)."""
    try:
        meter = Nvml() if device == "cuda" else Rapl(folder)
    except ImportError:
        return None, "absent: NVML needs nvidia-ml-py: pip install nvidia-ml-py"
    except PermissionError:
        return None, f"absent: the RAPL counters in {folder} may only be read by root"
    except FileNotFoundError:
        return None, f"absent: there is no {folder}"
    except Exception as error:  # NVML has its own errors, and a broken counter may hold anything
        return None, f"absent: {str(error) or type(error).__name__}"
    return meter, meter.source


class MeterFile:
    """The file of a power meter: a line for each sample, which grows while it is measured."""

    def __init__(self, path: str) -> None:
        self.path, self.source = path, f"meter ({os.path.basename(path)})"
        self._begin()
        self.samples()

    def _begin(self) -> None:
        self._read_to = 0  # bytes, at the end of a line
        self._lines = 0  # read so far, the head among them
        self._at = self._of = 0  # columns of the time and the power
        self._found: list[tuple[float, float]] = []

    def samples(self) -> list[tuple[float, float]]:
        """Return (seconds since 1970, watts) of all complete lines; read are those that are new."""
        try:
            with open(self.path, "rb") as file:
                if file.seek(0, os.SEEK_END) < self._read_to:  # it was begun anew
                    self._begin()
                file.seek(self._read_to)
                new = file.read()
        except OSError as error:
            raise Refused(f"{self.path} cannot be read: {error.strerror}") from None
        *lines, rest = new.decode(errors="replace").split("\n")  # the last is empty, or not whole
        if self._lines == 0:
            head = lines[0] if lines else rest
            names = [one.strip() for one in head.split(",")]
            if "time_s" not in names or "power_w" not in names:
                raise Refused(
                    f"{self.path} must be CSV with columns time_s and power_w, got {head[:80]!r}"
                )
            self._at, self._of = names.index("time_s"), names.index("power_w")
        at, of, found = self._at, self._of, self._found
        before, self._lines = self._lines, self._lines + len(lines)
        self._read_to += new.rfind(b"\n") + 1
        for number, line in enumerate(lines, before + 1):
            if number == 1:
                continue
            cells = line.split(",")
            if not line.strip():
                continue
            try:
                sample = (float(cells[at]), float(cells[of]))
            except (ValueError, IndexError):
                raise Refused(f"{self.path}, line {number}: no numbers: {line[:80]!r}") from None
            if not (0.0 <= sample[1] < 1e9 and sample[0] < 1e18):
                raise Refused(f"{self.path}, line {number}: power_w must be 0 or more")
            if found and not sample[0] > found[-1][0]:
                raise Refused(f"{self.path}, line {number}: time_s must rise")
            found.append(sample)
        return found

    def read(self) -> float:
        """Return the time."""
        return time.time()

    def since(self, before: float) -> float:
        """Return the joules since a time: power between samples is taken to be on a line."""
        now = time.time()
        while True:
            found = self.samples()
            if found and found[-1][0] >= now:
                break
            if time.time() - now > LATEST_S:
                last = (
                    f"its last sample is {now - found[-1][0]:.3g} s old" if found else "it is empty"
                )
                raise Refused(f"{self.path} does not grow meanwhile, or has another clock: {last}")
            time.sleep(0.05)
        if found[0][0] > before:
            raise Refused(f"{self.path} begins after what was measured")
        total = 0.0
        for number in range(max(1, bisect(found, (before,))), len(found)):
            (t0, p0), (t1, p1) = found[number - 1], found[number]
            low, high = max(t0, before), min(t1, now)
            if high > low:
                slope = (p1 - p0) / (t1 - t0)
                total += (high - low) * (p0 + slope * ((low + high) / 2 - t0))
        return total


def chosen_meter(device: str, energy: str | None, folder: str = "") -> tuple[Any, str]:
    """Return `energy_meter`, or the meter that was asked for: "rapl", "nvml" or a file."""
    folder = folder or POWERCAP
    if energy is None:
        return energy_meter(device, folder)
    if energy not in ("rapl", "nvml"):
        meter = MeterFile(energy)
        return meter, meter.source
    found, source = energy_meter("cuda" if energy == "nvml" else "cpu", folder)
    if found is None:
        raise Refused(f"there is no {energy.upper()} to read: {source[len('absent: ') :]}")
    return found, source
