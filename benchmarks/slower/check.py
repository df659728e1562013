"""Times the calls of two builds in turns and says what became slower; exit status 1 if any did.

    python -m benchmarks.report --check                # beside the commit before
    python -m benchmarks.report --check v0.1.0         # a commit, built in a temporary worktree
    python -m benchmarks.report --check FOLDER         # a built checkout
    python -m benchmarks.slower.check FOLDER --calls "densenet x rram" --pairs 21

Each pair is a fresh process of each build; within it the builds are timed call by call, in turns,
several rounds. Processor time of whole calls. A call is slower where the least time of all and the
whole interval of the median ratio are more than the margin above 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.common.files import ROOT
from benchmarks.slower.builds import Build, built, find, prepared
from benchmarks.slower.judging import MARGIN, SLOWER, Verdict, judged, told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

CALLS = Path(__file__).with_name("calls.py")
PAIRS, ROUNDS = 11, 5


class Team(NamedTuple):
    """A process of one build that times calls.

    Attributes
    ----------
    absent : dict of str to str
        Calls that it hasn't got, and why.
    ask : callable
        A call's name to its processor seconds.
    """

    absent: dict[str, str]
    ask: Callable[[str], float]


def started(folder: Path, names: Sequence[str], running: ExitStack) -> Team:
    """Start a build's process; RuntimeError if it ends, or imports another flash."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    # one thread of BLAS; flash of this folder alone
    env |= {"PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    process = running.enter_context(
        subprocess.Popen(
            [sys.executable, "-P", str(CALLS), *names],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    running.callback(process.kill)
    asked, answered = process.stdin, process.stdout
    assert asked is not None
    assert answered is not None
    first = json.loads(_line(answered, folder))
    if Path(first["flash"]).resolve().parent != folder / "flash":
        raise RuntimeError(f"{folder}: {first['flash']} was imported instead")

    def ask(name: str) -> float:
        print(name, file=asked, flush=True)
        return float(_line(answered, folder))

    absent = {name: why for name, why in first["calls"].items() if why is not None}
    return Team(absent, ask)


def _line(answered: IO[str], folder: Path) -> str:
    line = answered.readline()
    if not line:
        raise RuntimeError(f"{folder}: its process ended")
    return line


def timed(
    begin: Callable[[int, ExitStack], tuple[Team, Team]],
    names: Sequence[str],
    pairs: int,
    rounds: int,
) -> tuple[dict[str, list[tuple[list[float], list[float]]]], dict[str, str]]:
    """Return each call's times, before and now, pair by pair; and what could not be timed, why.

    `begin` starts the two builds' processes of a pair. Which of them goes first changes from pair
    to pair and from round to round.
    """
    found: dict[str, list[tuple[list[float], list[float]]]] = {name: [] for name in names}
    absent: dict[str, str] = {}
    for pair in range(pairs):
        with ExitStack() as running:
            teams = begin(pair, running)
            for which, team in zip(("before", "now"), teams, strict=True):
                absent.update({name: f"{which}: {why}" for name, why in team.absent.items()})
            for name in names:
                if name in absent:
                    continue
                times: tuple[list[float], list[float]] = ([], [])
                for turn in range(rounds):
                    order = (0, 1) if (pair + turn) % 2 == 0 else (1, 0)
                    for side in order:
                        times[side].append(teams[side].ask(name))
                found[name].append(times)
    return {name: every for name, every in found.items() if name not in absent}, absent


def compare(
    old: Path, new: Path, names: Sequence[str], pairs: int, rounds: int, margin: float
) -> tuple[dict[str, Verdict], dict[str, str]]:
    """Return a verdict for each call, and which calls a build hasn't got."""

    def begin(pair: int, running: ExitStack) -> tuple[Team, Team]:
        folders = (old, new) if pair % 2 == 0 else (new, old)
        first, second = (started(folder, names, running) for folder in folders)
        return (first, second) if pair % 2 == 0 else (second, first)

    times, absent = timed(begin, names, pairs, rounds)
    return {name: judged(every, margin) for name, every in times.items()}, absent


def names_of(given: Sequence[str] | None) -> list[str]:
    """Return the names of the calls that are meant; ValueError for an unknown one."""
    from benchmarks.slower.calls import makers

    every = list(makers())
    for name in given or ():
        if name not in every:
            raise ValueError(f"{name}: no such call; there are {'; '.join(every)}")
    return list(given or every)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare with another build; 1 if anything became slower, 2 for what cannot be compared."""
    parser = argparse.ArgumentParser(prog="benchmarks.slower.check", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("before", nargs="?", help="a commit or a built folder (the commit before)")
    parser.add_argument("--calls", action="append", help="one call by its name; may be repeated")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"of processes ({PAIRS})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"within one ({ROUNDS})")
    parser.add_argument("--margin", type=float, default=MARGIN, help=f"a share ({MARGIN:g})")
    given = parser.parse_args(arguments)
    for name in ("pairs", "rounds"):
        if getattr(given, name) < 1:
            parser.error(f"--{name}: {getattr(given, name)}; accepted are whole numbers from 1")
    if not 0.0 <= given.margin < 1.0:
        parser.error(f"--margin: {given.margin:g}; accepted is a share from 0 to less than 1")
    try:
        names = names_of(given.calls)
        wanted = find(given.before, ROOT)
        if not built(ROOT):
            raise ValueError(f"{ROOT}: flash's core is not built here; `make core` builds it")
    except ValueError as error:
        parser.error(str(error))
    try:
        with prepared(wanted, ROOT) as build:
            return _said(build, names, given)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2


def _said(build: Build, names: Sequence[str], given: argparse.Namespace) -> int:
    print(f"before: {build.name} ({build.how})\nnow: {ROOT}", flush=True)
    found, absent = compare(build.folder, ROOT, names, given.pairs, given.rounds, given.margin)
    print(f"{given.pairs} pairs of processes, {given.rounds} rounds each, processor time\n")
    print(told(found))
    for name, why in absent.items():
        print(f"not timed: {name} ({why})")
    slower = [name for name, one in found.items() if one.word == SLOWER]
    print(f"slower: {', '.join(slower)}" if slower else "nothing is slower")
    return int(bool(slower))


if __name__ == "__main__":
    sys.exit(main())
