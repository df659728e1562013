"""Times a call in two built checkouts, in turns.

    python tools/in_turns.py ../before . "flash.search('densenet', 'rram', max_latency_ms=4.0)"
    python tools/in_turns.py ../before . --setup "s = flash.DenseNet()" "s.sample_indices(1000)"

A turn is a process for each checkout, one after the other, so that what else the machine does meets
both alike. A process runs the call for about a second, after a first call that does not count, and
tells the least processor seconds of a call in any tenth of that. Printed are the least and the
median over all turns. Compare the least on a machine that others use too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

TIMED = """
import sys
from time import process_time
import flash

if flash.__file__ != sys.argv[1]:
    sys.exit(f"flash is {flash.__file__}")
own = {"flash": flash}
exec(sys.argv[2], own)
call = compile(sys.argv[3], "the call", "exec")
exec(call, own)
number, seconds = 1, 0.0
while seconds < 0.1:
    number *= 2
    started = process_time()
    for _ in range(number):
        exec(call, own)
    seconds = process_time() - started
least = seconds
for _ in range(9):
    started = process_time()
    for _ in range(number):
        exec(call, own)
    least = min(least, process_time() - started)
print(least / number)
"""


def seconds(folder: Path, setup: str, call: str) -> float:
    """Return the least processor seconds of a call, in a process that takes flash from a folder."""
    package = folder / "flash" / "__init__.py"
    command = [sys.executable, "-P", "-c", TIMED, str(package), setup, call]
    done = subprocess.run(command, env=environment(folder), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{folder}: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout)


def environment(folder: Path) -> dict[str, str]:
    """Return this process's environment with a folder before all that is installed."""
    return {**os.environ, "PYTHONPATH": str(folder)}


def told(time: float) -> str:
    """Return seconds in a unit that suits them."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if time * scale >= 1.0:
            return f"{time * scale:.4g} {unit}"
    return f"{time * 1e9:.4g} ns"


def main(words: list[str] | None = None) -> int:
    """Time, and print a table."""
    read = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    read.add_argument("old", type=Path, help="a built checkout")
    read.add_argument("new", type=Path, help="another one")
    read.add_argument("call", help="what is timed; flash is imported")
    read.add_argument("--setup", default="", help="run once before")
    read.add_argument("--turns", type=int, default=7)
    args = read.parse_args(words)
    folders = [args.old.resolve(), args.new.resolve()]
    times: list[list[float]] = [[], []]
    for _ in range(args.turns):
        for own, folder in zip(times, folders, strict=True):
            own.append(seconds(folder, args.setup, args.call))
    width = max(len(str(folder)) for folder in folders)
    print(f"{'':{width}}  {'least':>10}  {'median':>10}")
    for own, folder in zip(times, folders, strict=True):
        print(f"{folder!s:{width}}  {told(min(own)):>10}  {told(statistics.median(own)):>10}")
    least, median = (f(times[1]) / f(times[0]) for f in (min, statistics.median))
    print(f"{'new / old':{width}}  {least:>10.3f}  {median:>10.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
