"""What a search costs on a Raspberry Pi 3B (Cortex-A53, 1.2 GHz): counted here, timed by estimate.

    python -m benchmarks.aarch64                 instructions of a fresh process, by callgrind
    python -m benchmarks.aarch64 --root FOLDER   also in an arm64 Debian root, emulated by qemu-user

Callgrind runs this machine's build with the plain kernels (FLASH_SIMD=baseline) on caches of the
Cortex-A53's size. With a root, made as README.md says, the emulated package must give the same
results as this machine's, every float bit for bit, and its own instructions are counted by a
plugin of qemu. Nothing is timed but the share of the kernel, which neither counter sees.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

KEPT = Path(__file__).with_name("emulated.json")  # what RESULTS.md shows of an emulated package
PAPER_S = 3.0  # the paper's search on a Raspberry Pi 3B
CLOCK_HZ = 1.2e9
# Cycles per instruction, assumed: no Pi is at hand. The core issues up to two instructions a cycle,
# in order: 1.5 leaves two issue slots of three empty, 2.5 four of five, as an interpreter that
# starts (cold caches, indirect branches, pointer chasing) well may.
CPI = {"central": 1.5, "pessimistic": 2.5}
# A third figure, from simulated misses: cycles of an instruction that hits, and lost by each miss
# of the first level, of the second (130 ns of LPDDR2), and by each mispredicted branch. All loads
# wait: neither prefetching nor the store buffer is credited.
CYCLES = {"hit": 0.9, "l1_miss": 13, "l2_miss": 156, "mispredict": 8}
CACHES = ("--I1=32768,2,64", "--D1=32768,4,64", "--LL=524288,16,64")

SEARCH = "flash.search('densenet', 'rram', max_latency_ms=4, max_energy_mj=0.04, max_area_mm2=70)"
# Each program does one thing more than the one before.
PHASES = {
    "interpreter": "pass",
    "import": "import flash",
    "load": "import flash; flash.search",  # modules and the compiled core are loaded at first use
    "first_search": f"import flash; {SEARCH}",
    "second_search": f"import flash; {SEARCH}; {SEARCH}",
}
FRESH = "first_search"  # up to here: a fresh process with one search

COMPARED = """
import json, sys, flash
from flash._core.tables.tables import simd
calls = [
    ("densenet", "rram", dict(max_latency_ms=4.0, max_energy_mj=0.04, max_area_mm2=70.0)),
    ("densenet", "rram", dict(max_latency_ms=4.0, max_area_mm2=70.0, certify=False, seed=3)),
    ("densenet", "rram", dict(max_latency_ms=1e-9)),
    ("densenet", "rram", dict(
        objective={"accuracy": 1, "latency_ms": -0.5, "energy_mj": -0.3, "area_mm2": -0.1})),
    ("resnet", "rram", dict(max_latency_ms=4.0, max_energy_mj=0.04, max_area_mm2=70.0)),
    ("wide-resnet", "rram", dict(max_latency_ms=4.0, max_energy_mj=0.04)),
    ("mobilenet-v2", "cpu-x86", dict(max_latency_ms=3.0, max_params=4_000_000)),
]
results = []
for space, target, options in calls:
    result = json.loads(flash.search(space, target, **options).to_json())
    del result["elapsed_s"]
    results.append(result)
json.dump({"build": flash.build_info(), "simd": simd(), "results": results}, sys.stdout)
"""

# qemu ships no plugin: this counts the instructions of every translated block that is entered.
PLUGIN = r"""
#include <inttypes.h>
#include <stdio.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
extern void qemu_plugin_register_vcpu_tb_trans_cb(
    qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(
    struct qemu_plugin_tb *, void (*)(unsigned, void *), int flags, void *);
extern void qemu_plugin_register_atexit_cb(
    qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
extern void qemu_plugin_outs(const char *);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t total;

static void entered(unsigned cpu, void *count) { total += (uintptr_t)count; }

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    qemu_plugin_register_vcpu_tb_exec_cb(tb, entered, 0, (void *)qemu_plugin_tb_n_insns(tb));
}

static void ended(qemu_plugin_id_t id, void *unused)
{
    char line[40];
    snprintf(line, sizeof line, "instructions %" PRIu64 "\n", total);
    qemu_plugin_outs(line);
}

__attribute__((visibility("default"))) int qemu_plugin_install(
    qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
"""


def measure(root: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Count instructions of a fresh process with one search, and estimate the Raspberry Pi 3B.

    Parameters
    ----------
    root : path, optional
        An arm64 Debian root with flash installed (README.md). Needs qemu-aarch64 and cc.

    Returns
    -------
    dict
        Plain data. "instructions" per phase (each above the one before) and "fresh_process", their
        sum up to the first search; "cpi" and "pi3b_s", seconds by name of the CPI, without and with
        the kernel's share; "aarch64" where `root` is given. {"skipped": reason} without valgrind.

    Raises
    ------
    RuntimeError
        If a program fails, flash is not the portable build, or the emulated results differ.
    """
    if shutil.which("valgrind") is None:
        return {"skipped": "valgrind is not installed"}
    from flash import build_info

    built = build_info()
    if built["switches"] != "none":
        raise RuntimeError(f"not the portable build: built with {built['switches']}")
    with tempfile.TemporaryDirectory() as folder:
        # What a second start finds on any machine: compiled bytecode. One hash seed: counts repeat.
        env = {
            **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
            "FLASH_SIMD": "baseline",
            "PYTHONHASHSEED": "0",
            "PYTHONPYCACHEPREFIX": folder,
        }
        events = [_callgrind(program, env, Path(folder)) for program in PHASES.values()]
        kernel = _kernel_share(PHASES[FRESH], env)
        emulated = None if root is None else _emulated(Path(root), env, Path(folder))
    report = _estimate([event["Ir"] for event in events], _modelled_cpi(events), kernel)
    report["machine"] = built["platform"]
    report["python"] = built["python"]
    if emulated is not None:
        counts = emulated.pop("counts")
        report["aarch64"] = emulated | _estimate(counts, report["cpi"]["modelled"], kernel)
    return report


def _estimate(counts: Sequence[int], modelled: float, kernel: float) -> dict[str, Any]:
    """From the instructions of each program to phases and seconds."""
    phases = dict(zip(PHASES, counts, strict=True))
    fresh = phases[FRESH]
    steps = [counts[0], *(b - a for a, b in pairwise(counts))]
    cpi = {**CPI, "modelled": round(modelled, 2)}
    user = {name: fresh * value / CLOCK_HZ for name, value in cpi.items()}
    return {
        "instructions": dict(zip(PHASES, steps, strict=True)),
        "fresh_process": fresh,
        "cpi": cpi,
        "clock_hz": CLOCK_HZ,
        "kernel_over_user": round(kernel, 2),
        "pi3b_s": {name: round(value, 3) for name, value in user.items()},
        "pi3b_with_kernel_s": {name: round(v * (1 + kernel), 3) for name, v in user.items()},
        "second_search_s": {
            name: round(steps[-1] * value / CLOCK_HZ, 4) for name, value in cpi.items()
        },
        "paper_s": PAPER_S,
    }


def _modelled_cpi(events: Sequence[Mapping[str, int]]) -> float:
    fresh = events[list(PHASES).index(FRESH)]
    lost = CYCLES["l1_miss"] * (fresh["I1mr"] + fresh["D1mr"] + fresh["D1mw"])
    lost += CYCLES["l2_miss"] * (fresh["ILmr"] + fresh["DLmr"] + fresh["DLmw"])
    lost += CYCLES["mispredict"] * (fresh["Bcm"] + fresh["Bim"])
    return CYCLES["hit"] + lost / fresh["Ir"]


def _callgrind(program: str, env: Mapping[str, str], folder: Path) -> dict[str, int]:
    """Return the events of a fresh process, by callgrind's names."""
    python = [sys.executable, "-c", program]
    _run(python, env)  # leaves its bytecode
    out = folder / "callgrind.out"
    options = ["--tool=callgrind", "--cache-sim=yes", "--branch-sim=yes", *CACHES]
    _run(["valgrind", *options, f"--callgrind-out-file={out}", *python], env)
    text = out.read_text()
    names = re.search(r"^events: (.+)$", text, re.MULTILINE)
    totals = re.search(r"^(?:totals|summary): (.+)$", text, re.MULTILINE)
    if names is None or totals is None:
        raise RuntimeError("callgrind wrote no totals")
    values = map(int, totals[1].split())
    return dict(zip(names[1].split(), values, strict=True))


def _kernel_share(program: str, env: Mapping[str, str], repeat: int = 20) -> float:
    """Return kernel time over user time of fresh processes, on this machine."""
    user = kernel = 0.0
    for _ in range(repeat):
        process = os.posix_spawn(sys.executable, [sys.executable, "-c", program], env)
        _, status, usage = os.wait4(process, 0)
        if status:
            raise RuntimeError(f"python ended with status {status}: {program}")
        user += usage.ru_utime
        kernel += usage.ru_stime
    return kernel / user


def _emulated(root: Path, env: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Run the same searches in an arm64 root and count its instructions."""
    python = root.absolute() / "usr/bin/python3"
    qemu = ["qemu-aarch64", "-L", str(root.absolute())]
    for tool in (qemu[0], "cc", python):
        if shutil.which(tool) is None:
            raise RuntimeError(f"{tool} is missing: see benchmarks/aarch64/README.md")
    source, plugin, log = (folder / name for name in ("count.c", "count.so", "count.log"))
    source.write_text(PLUGIN)
    _run(["cc", "-O2", "-shared", "-fPIC", "-o", str(plugin), str(source)], env)
    # Another interpreter's bytecode, and away from this checkout: the root has its own flash.
    guest_env = {name: value for name, value in env.items() if name != "PYTHONPATH"}
    guest_env["PYTHONPYCACHEPREFIX"] = str(folder / "guest")
    at = str(root.absolute())
    guest = json.loads(_run([*qemu, str(python), "-c", COMPARED], guest_env, at))
    host_env = {name: value for name, value in env.items() if name != "FLASH_SIMD"}
    host = json.loads(_run([sys.executable, "-c", COMPARED], host_env))
    if not guest["build"]["platform"].endswith("aarch64"):
        raise RuntimeError(f"{root} is no arm64 root: {guest['build']['platform']}")
    for ours, theirs in zip(host["results"], guest["results"], strict=True):
        # As text: a float's is its own alone, and NaN or -0.0 would show.
        differing = [name for name in ours if repr(ours[name]) != repr(theirs.get(name))]
        if differing:
            shown = {name: (ours[name], theirs.get(name)) for name in differing}
            raise RuntimeError(f"{ours['space']['family']} differs (here, aarch64): {shown}")
    counts = []
    for program in PHASES.values():
        command = [str(python), "-c", program]
        _run([*qemu, *command], guest_env, at)
        counting = ["-plugin", str(plugin), "-d", "plugin", "-D", str(log)]
        _run([*qemu, *counting, *command], guest_env, at)
        counts.append(int(log.read_text().split()[-1]))
    return {
        "equal_results": len(host["results"]),
        "host_simd": host["simd"],
        "build": {name: v for name, v in guest["build"].items() if name != "location"},
        "counts": counts,
    }


def _run(command: Sequence[str], env: Mapping[str, str], folder: str | None = None) -> str:
    """Return what a command prints; RuntimeError with its last words if it fails."""
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Print `measure` as JSON; exit code 1 where there is nothing to measure with."""
    parser = argparse.ArgumentParser(prog="benchmarks.aarch64", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--root", help="an arm64 Debian root with flash installed (README.md)")
    parser.add_argument("--keep", action="store_true", help=f"in {KEPT.name}, for RESULTS.md")
    given = parser.parse_args(arguments)
    if given.keep and given.root is None:
        parser.error("--keep: only what was emulated is kept; give --root FOLDER too")
    report = measure(given.root)
    print(json.dumps(report, indent=1))
    if given.keep and "skipped" not in report:
        KEPT.write_text(json.dumps(report, indent=1) + "\n", encoding="ascii")
    return int("skipped" in report)
