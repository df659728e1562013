"""Kills jobs at random moments and starts them again: nothing that was finished may be lost.

    python tests/twins/kills.py sweep 100 7    # a job, how often, a seed of the moments
    python tests/twins/kills.py                # every job, a few kills each

A job runs in a process of its own, which is killed without warning; the same call then goes on in
the same folder, and is killed again, until it ends. What it leaves is compared with what a run
leaves that nobody disturbed, by content; and each whole line of a journal must still be there after
every kill. Needs a system that forks; the training jobs need torch, calibrate onnxruntime too.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

FEW = 3
SEED = 20
LONGEST_S = 600.0  # by the clock, beside others' work


def sweep(folder: Path) -> Any:
    import flash

    space = flash.DenseNet(depths=flash.Range(3, 9), skips=[0, 16, 40], cells=3)
    result = flash.sweep(
        space, "rram", max_latency_ms=1.5, where="area_mm2 < 30", top=4, chunk=100,
        pareto=("accuracy", "latency_ms"), out=folder / "rows", threads=2,
    )  # fmt: skip
    rows = {one.name: one.read_bytes().hex() for one in sorted((folder / "rows").iterdir())}
    return [rows, [one.index for one in result.top], result.front]


def compare(folder: Path) -> Any:
    import flash
    from flash.evaluators.by_function import FunctionEvaluator

    def evaluator(nets: list[Any]) -> list[float]:
        time.sleep(0.004 * len(nets))
        return [0.5 + 1e-4 * flash.nn_degree(net) for net in nets]

    space = flash.ResNet(depths=[1, 2], skips=[0, 16], resolution=16)
    found = flash.compare(
        space, "cpu-x86", methods=["random", "evolution"], seeds=2, max_evals=40,
        evaluator=FunctionEvaluator(evaluator, "kept", 4),
        journal=folder / "journal.jsonl",
    )  # fmt: skip
    lines = sorted((folder / "journal.jsonl").read_text().splitlines())
    rows = [json.loads(line) for line in lines]
    for row in rows:
        row.pop("seconds", None)
    return [rows, {name: [(r.x, r.objective) for r in runs] for name, runs in found.runs.items()}]


def train(folder: Path) -> Any:
    import flash

    space = flash.DenseNet(
        width_multipliers=[0.25], depths=[1, 2], skips=[0], cells=2, resolution=8, num_classes=10
    )
    found = flash.train(
        space, "digits", 3, epochs=2, workers=1, out=folder / "run", keep_weights=True
    )
    return [
        [(one.index, one.accuracy, one.train_loss) for one in found.samples],
        {one.name: _weights(one) for one in sorted((folder / "run" / "weights").iterdir())},
    ]


def _weights(path: Path) -> Any:
    import torch

    if path.suffix == ".npz":
        from flash.networks.weights import read_weights

        state, _ = read_weights(path)
    else:
        state = torch.load(path, weights_only=True)["module"]
    return {name: value.double().sum().item() for name, value in state.items()}


def train_supernet(folder: Path) -> Any:
    import flash

    space = flash.ResNet(
        width_multipliers=[0.25, 0.5], depths=[1, 2], skips=[0, 4], cells=2, resolution=8,
        num_classes=10,
    )  # fmt: skip
    flash.train_supernet(space, "digits", epochs=4, batch_size=256, out=folder / "run")
    return _weights(next((folder / "run" / "checkpoints").iterdir()))


def calibrate(folder: Path) -> Any:
    """Times differ from run to run: what is finished must be kept, and nothing measured twice."""
    import flash

    space = flash.DenseNet(width_multipliers=[0.25, 0.5], depths=[1, 2], skips=[0], resolution=8)
    chosen = flash.calibration_design(space, "cpu-x86", 10)
    path = folder / "measurements.jsonl"
    measured = flash.measure(
        chosen, runtime="onnxruntime", path=path, time_limit_s=0.1, passes=2, pin=False
    )
    target = flash.calibrate("cpu-x86", measured, path=folder / "mine.json")
    assert flash.Target.load(folder / "mine.json") == target
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [sorted((line.get("key", ""), "pass" in line) for line in lines), target.name]


JOBS: dict[str, Callable[[Path], Any]] = {
    one.__name__: one for one in (sweep, compare, train, train_supernet, calibrate)
}


def attempt(job: Callable[[Path], Any], folder: Path, kill_after_s: float | None) -> str | None:
    """Run a job in a child; what it leaves as JSON, None where it was killed."""
    answer = folder.parent / f"{folder.name}.answer"
    child = os.fork()
    if not child:
        try:
            import warnings

            warnings.simplefilter("ignore")
            answer.write_text(json.dumps(job(folder), sort_keys=True))
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    end = time.monotonic() + (LONGEST_S if kill_after_s is None else kill_after_s)
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0, f"{job.__name__} failed in {folder}"
            return answer.read_text()
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert kill_after_s is not None, f"{job.__name__} did not end"
    return None


def lines_of(folder: Path) -> dict[str, list[bytes]]:
    """Return the whole lines of each journal in a folder."""
    return {
        str(path): path.read_bytes().split(b"\n")[:-1]
        for path in folder.glob("**/*.jsonl")
        if not path.name.startswith("_")  # a sweep's, which goes when it is complete
    }


def kill(name: str, kills: int, seed: int = SEED) -> int:
    """Kill a job so many times at random moments; return how many runs came to their end."""
    job, moments = JOBS[name], random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place, "whole")
        whole.mkdir()
        _import(name)
        began = time.monotonic()
        expected = attempt(job, whole, None)
        length = time.monotonic() - began
        done = runs = 0
        while done < kills:
            folder = Path(place, str(runs))
            folder.mkdir()
            left: dict[str, list[bytes]] = {}
            found = None
            while found is None:
                more = done < kills
                found = attempt(job, folder, moments.uniform(0.0, length) if more else None)
                done += found is None
                now = lines_of(folder)
                for path, lines in left.items():
                    assert now[path][: len(lines)] == lines, f"{path} lost lines after {done} kills"
                left = now
            assert found == expected, f"{name} after {done} kills differs"
            runs += 1
    return runs


def _import(name: str) -> None:
    """Load what the job needs, once: each child has it then, and is killed at its work."""
    heavy = {
        "train": ["torch"],
        "train_supernet": ["torch"],
        "calibrate": ["torch", "onnxruntime"],
    }
    for module in ("flash.evaluators.by_function", *heavy.get(name, ())):
        import_module(module)


def main(arguments: list[str]) -> None:
    names = arguments[:1] or list(JOBS)
    kills = int(arguments[1]) if len(arguments) > 1 else FEW
    seed = int(arguments[2]) if len(arguments) > 2 else SEED
    for name in names:
        began = time.monotonic()
        runs = kill(name, kills, seed)
        print(f"{name}: {kills} kills, {runs} runs, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
