"""What does a fresh process cost: bare Python, `import flash`, import and one search, the command?

Wall and processor times of whole processes, taken in turns, as ratios to ``python -c pass``; what
they import and the memory they take. flash's bytecode must be cached: PYTHONDONTWRITEBYTECODE has
to be unset.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common.timing import by_both_clocks, of_children

if TYPE_CHECKING:
    from typing import Any

BUDGETS = ("max_latency_ms=4.0", "max_energy_mj=0.04", "max_area_mm2=70.0")
SEARCH = (
    f"import flash; r = flash.search('densenet', 'rram', {', '.join(BUDGETS)}); assert r.proven"
)
HEAVY = ("numpy", "scipy", "torch", "numba", "matplotlib", "pandas")
WATCH = """
import sys
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
import json
print(json.dumps({"peak_kib": peak, "modules": sorted(sys.modules)}))
"""


def command() -> list[str]:
    """The installed `flash`, or the module where there is none."""
    beside = Path(sys.executable).with_name("flash")
    found = str(beside) if beside.exists() else shutil.which("flash")
    head = [found] if found else [sys.executable, "-m", "flash"]
    options = [word.replace("_", "-").partition("=") for word in BUDGETS]
    return [*head, "search", "densenet", "rram", *(f"--{a}={c}" for a, _, c in options)]


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    if Path("flash/_core").is_dir():  # a checkout that isn't installed
        kept["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(Path.cwd()), kept.get("PYTHONPATH")])
        )
    return kept


def run(words: list[str], capture: bool = False) -> str:
    done = subprocess.run(
        words, check=True, env=environment(), text=True, stdout=subprocess.PIPE, stderr=None
    )
    return done.stdout if capture else ""


def watched(code: str) -> dict[str, Any]:
    """Peak resident memory and modules of a process that runs some code."""
    seen = [json.loads(run([sys.executable, "-c", code + WATCH], True)) for _ in range(5)]
    return {
        "peak_kib": statistics.median(one["peak_kib"] for one in seen),
        "modules": seen[0]["modules"],
    }


def test_start(benchmark: Any, quick: bool) -> None:
    python = sys.executable
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "import flash": [python, "-c", "import flash"],
        "import flash and search": [python, "-c", SEARCH],
        "flash search": command(),
        "import numpy, for scale": [python, "-c", "import numpy"],
    }
    calls = [lambda words=words: run(words) for words in commands.values()]
    took = dict(
        zip(commands, by_both_clocks(calls, 7 if quick else 41, clock=of_children), strict=True)
    )
    bare, searched = watched(""), watched(SEARCH)
    benchmark.extra_info.update(
        seconds={name: statistics.median(own.wall) for name, own in took.items()},
        cpu_s={name: statistics.median(own.cpu) for name, own in took.items()},
        command=[Path(word).name for word in commands["flash search"][:3]],
        peak_kib={"bare": bare["peak_kib"], "search": searched["peak_kib"]},
        heavy=[name for name in HEAVY if name in searched["modules"]],
        modules_added=len(set(searched["modules"]) - set(bare["modules"])),
    )
    benchmark.pedantic(calls[2], rounds=5, warmup_rounds=1)
