"""Under which conditions something is timed: processors, governor, load, and energy counters.

Part of the script that measures on another machine (see `_onnxruntime`): Python 3.8 and its
standard library are all that may be used here.
"""

from __future__ import annotations

import os
import platform
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CPUS = "/sys/devices/system/cpu"
POWERCAP = "/sys/class/powercap"


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
