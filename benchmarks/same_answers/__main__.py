"""Compares the answers of two builds of flash bit for bit.

    python -m benchmarks.same_answers OLD NEW
    python -m benchmarks.same_answers OLD NEW --searches 50 --fronts 0 --sweeps 0 --codesigns 0

OLD and NEW are folders whose `flash` can be imported: built checkouts, or a site-packages. Each
solves the same drawn problems in a process of its own: searches of all families on all shipped
targets, fronts, sweeps and co-designs. Every public field of every answer is compared, floats by
their bits, times left out. Exit code 1 if anything differs, or a build cannot be asked.

One of the two may be a file: the answers of another machine, as `python answers.py --seed 0
--searches 50 ... > FILE` wrote them there, given the same numbers as here.

flash explains why nothing is feasible for half a second at most: where an answer took as long as
that, `least`, `message`, `conflicts`, `remedies` and `binding` hang on the clock, and are not
compared.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    Answers = list[dict[str, Any]]

ANSWERS = Path(__file__).with_name("answers.py")
COUNTS = {"searches": 500, "fronts": 100, "sweeps": 100, "codesigns": 50}
SHOWN = 5  # differences of one answer
ABSENT = "(absent)"
PATIENCE_S = 0.5
EXPLAINS = re.compile(r"(^|\.)(least|message|conflicts|remedies|binding)\b")


def ask(folders: Sequence[Path], words: Sequence[str]) -> list[Answers]:
    """Let each build answer, all at once; RuntimeError if one fails.

    A file has been answered before.
    """
    asked = iter(_asked([folder for folder in folders if folder.is_dir()], words))
    return [next(asked) if folder.is_dir() else _read(folder) for folder in folders]


def _read(path: Path) -> Answers:
    try:
        _, *found = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        raise RuntimeError(f"{path}: no folder, and no file of answers: {error}") from error
    return found


def _asked(folders: Sequence[Path], words: Sequence[str]) -> list[Answers]:
    with tempfile.TemporaryDirectory() as kept, ExitStack() as running:
        asked = []
        for number, folder in enumerate(folders):
            out, log = (Path(kept, f"{number}.{kind}") for kind in ("jsonl", "log"))
            # one thread of BLAS: sums in one order
            env = {**os.environ, "PYTHONPATH": str(folder), "OPENBLAS_NUM_THREADS": "1"}
            # -P: neither this folder nor the current one may come before PYTHONPATH
            command = [sys.executable, "-P", str(ANSWERS), *words]
            with out.open("wb") as file, log.open("wb") as errors:
                process = subprocess.Popen(command, env=env, stdout=file, stderr=errors)
            running.callback(process.wait)
            running.callback(process.kill)
            asked.append((folder, process, out, log))
        return [_heard(*one) for one in asked]


def _heard(folder: Path, process: subprocess.Popen[bytes], out: Path, log: Path) -> Answers:
    code, lines = process.wait(), out.read_text().splitlines()
    if code:
        last = log.read_text(errors="replace")[-2000:]
        answers = max(0, len(lines) - 1)
        raise RuntimeError(f"{folder}: ended with {code} after {answers} answers\n{last}")
    used, *found = map(json.loads, lines)
    if Path(used["flash"]).parent != folder:
        raise RuntimeError(f"{folder}: no flash to import there, {used['flash']} was found")
    return found


def differences(old: Any, new: Any, place: str, added: set[str]) -> Iterator[tuple[str, Any, Any]]:
    """Yield where two answers differ, and what stands there; a field that NEW alone has is no
    other answer, and only added to a set."""
    if isinstance(old, dict) and isinstance(new, dict):
        more = [key for key in new if key not in old]
        if "__type__" in old:  # an object's fields
            added.update(f"{old['__type__']}.{key}" for key in more)
            more = []
        for key in [*old, *more]:
            yield from differences(
                old.get(key, ABSENT), new.get(key, ABSENT), f"{place}.{key}", added
            )
    elif isinstance(old, list) and isinstance(new, list):
        for k, (first, second) in enumerate(zip_longest(old, new, fillvalue=ABSENT)):
            yield from differences(first, second, f"{place}[{k}]", added)
    elif type(old) is not type(new) or old != new:
        yield place, old, new


def shown(value: Any) -> str:
    """Return a value in a few words: a float also as one can read it."""
    text = value if isinstance(value, str) else json.dumps(value)
    if text.startswith(("0x1.", "-0x1.")):
        text += f" ({float.fromhex(text)!r})"
    return text if len(text) <= 80 else f"{text[:77]}..."


def compare(old: Answers, new: Answers) -> int:
    """Print what differs, and how many answers of each kind there are; return how many differ."""
    wrong: Counter[str] = Counter()
    told: dict[str, Counter[str]] = {}
    added: set[str] = set()
    nothing: dict[str, Any] = {}
    for first, second in zip_longest(old, new, fillvalue=nothing):
        kind = str(first.get("kind") or second.get("kind"))
        patient = max(first.get("seconds", 0.0), second.get("seconds", 0.0)) < PATIENCE_S
        found = [
            one
            for key in ("outcome", "answer")
            for one in differences(first.get(key, ABSENT), second.get(key, ABSENT), key, added)
            if patient or not EXPLAINS.search(one[0])
        ]
        told.setdefault(kind, Counter())[str(first.get("outcome"))] += 1
        if not found:
            continue
        wrong[kind] += 1
        print(f"{kind} {first.get('number', second.get('number'))}:")
        for place, before, after in found[:SHOWN]:
            print(f"  {place.removeprefix('answer.')}: {shown(before)} | {shown(after)}")
        if len(found) > SHOWN:
            print(f"  and {len(found) - SHOWN} more")
    for kind, statuses in told.items():
        outcomes = ", ".join(f"{name} {count}" for name, count in statuses.most_common())
        differ = f"{wrong[kind]} DIFFER" if wrong[kind] else "all equal"
        print(f"{kind}: {statuses.total()} ({outcomes}), {differ}")
    if added:
        print(f"fields that NEW alone has: {', '.join(sorted(added))}")
    return wrong.total()


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare two builds; 1 if anything differs, or one cannot be asked."""
    parser = argparse.ArgumentParser(prog="benchmarks.same_answers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("old", type=Path, help="a folder whose flash can be imported, or a file")
    parser.add_argument("new", type=Path, help="another")
    parser.add_argument("--seed", type=int, default=0, help="of all problems (0)")
    for kind, count in COUNTS.items():
        parser.add_argument(f"--{kind}", type=int, default=count, help=f"how many ({count})")
    given = vars(parser.parse_args(arguments))
    folders = [given[name].resolve() for name in ("old", "new")]
    words = [f"--{name}={given[name]}" for name in ("seed", *COUNTS)]
    try:
        old, new = ask(folders, words)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    return int(compare(old, new) > 0)


if __name__ == "__main__":
    sys.exit(main())
