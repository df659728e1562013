"""Measure networks of many kinds with onnxruntime and torch eager, one thread each.

    python -m benchmarks.calibration.kinds.measuring OUT [--data DATA] [--rounds 3] [--only PART]

OUT keeps the ONNX files and times.json: for each network and runtime the least processor time of
each round, in milliseconds. All networks take turns, so that what the machine does meanwhile comes
upon all of them; run again, it adds rounds. With DATA (the folder that holds hardware/) the 49
networks of the first calibration are measured anew as well.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime
import torch

from .networks import KEPT, NETWORKS, inputs, made

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

BUDGET_S = 0.25  # of a network in a round, for each runtime
LEAST_RUNS, MOST_RUNS = 4, 60


def first_networks(data: str) -> dict[str, Any]:
    """Return the networks of the first calibration by name, as `flash.Network`."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from fitting import read_table
    from measured import network

    return {f"first-{row['name']}": network(row) for row in read_table(data, "cpu_latency_nets")}


def written(module: nn.Module, x: Tensor, path: Path) -> None:
    """Write a module as an ONNX file of one image, or leave the one that is there."""
    if path.exists():
        return
    part = path.with_suffix(".part")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (x,), str(part), input_names=["input"], opset_version=17, dynamo=False
        )
    part.rename(path)


def least(run: Callable[[], object]) -> float:
    """Return the least processor time of a run in milliseconds."""
    run()
    found: list[float] = []
    start = time.perf_counter()
    while len(found) < MOST_RUNS:
        before = time.process_time()
        run()
        found.append(1e3 * (time.process_time() - before))
        if len(found) >= LEAST_RUNS and time.perf_counter() - start > BUDGET_S:
            break
    return min(found)


def session(path: Path) -> onnxruntime.InferenceSession:
    """Return onnxruntime's session on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Measure, and keep what was measured after every network."""
    parser = argparse.ArgumentParser(description="Measure networks of many kinds.")
    parser.add_argument("out", type=Path, help="the folder to write into")
    parser.add_argument("--data", help="the data folder: the one that holds hardware/")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names that begin so")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    first = first_networks(args.data) if args.data else {}
    names = [n for n in (*NETWORKS, *KEPT, *first) if n.startswith(args.only)]
    place = args.out / "times.json"
    times: dict[str, dict[str, list[float]]] = {}
    if place.exists():
        times = json.loads(place.read_text(encoding="ascii"))
    for number in range(args.rounds):
        start = time.perf_counter()
        for name in names:
            if name in first:
                net = first[name]
                module, x = net.to_torch().eval(), torch.randn(1, *net.input_shape)
            else:
                module, x = made(name), inputs(name)
            path = args.out / f"{name}.onnx"
            written(module, x, path)
            with torch.inference_mode():
                eager = least(lambda m=module, x=x: m(x))
            opened = session(path)
            feed = {one.name: x.numpy() for one in opened.get_inputs()}
            compiled = least(lambda s=opened, f=feed: s.run(None, f))
            own = times.setdefault(name, {"torch": [], "onnxruntime": []})
            own["torch"].append(round(eager, 5))
            own["onnxruntime"].append(round(compiled, 5))
            place.write_text(json.dumps(times, indent=0) + "\n", encoding="ascii")
        print(f"round {number + 1}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
