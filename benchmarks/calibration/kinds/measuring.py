"""Measure networks of many kinds with onnxruntime and torch eager, one thread each.

    python -m benchmarks.calibration.kinds.measuring OUT [--data DATA] [--rounds 3] [--only PART]
    python -m benchmarks.calibration.kinds.measuring OUT --imagenet [--rounds 3]

OUT keeps the ONNX files and times.json: for each network and runtime the least processor time of
each round, in milliseconds. All networks take turns, in another order in each round, so that what
the machine does meanwhile, and what the process has done before, comes upon all of them; run again,
it adds rounds. With DATA (the folder that holds hardware/) the 49
networks of the first calibration are measured anew as well. With --imagenet those of imagenet.py
are, and its anchors; OUT should then be another folder.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime
import torch

from flash import Architecture, Cell
from flash.networks.families import FAMILIES

from . import imagenet
from .networks import KEPT, NETWORKS, inputs, made

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from flash.networks.network import Layer

BUDGET_S = 0.25  # of a network in a round, for each runtime
LEAST_RUNS, MOST_RUNS = 4, 60


def first_networks(data: str) -> dict[str, Any]:
    """Return the networks of the first calibration by name, as `flash.Network`."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from fitting import read_table
    from measured import network

    found = {}
    for row in read_table(data, "cpu_latency_nets"):
        net = network(row)
        found[f"first-{row['name']}"] = net.replace(layers=_activated(net.layers, row["family"]))
    return found


def _activated(layers: Sequence[Layer], family: str) -> list[Layer]:
    """Return layers with the activations that their table leaves out."""
    result = []
    for layer in layers:
        act: str | None = "relu" if layer.norm else None
        if family == "mobilenetv2" and act:
            source = layers[layer.inputs[0]] if layer.inputs and layer.inputs[0] >= 0 else None
            projects = source is not None and source.groups > 1
            act = None if projects else "relu6"
        result.append(layer.replace(activation=act))
    return result


def families() -> dict[str, Architecture]:
    """Return architectures of the families, as small images and large ones have them."""
    found = {}
    for family in FAMILIES:
        more: dict[str, Any] = {"expansion": 4, "kernel": 3} if family == "mobilenet-v2" else {}
        for side, widths, depth in (
            (32, (16, 32, 64), 4),
            (32, (48, 80, 96), 2),
            (224, (24, 48, 96, 160), 2),
        ):
            cells = [Cell(width, depth, width, **more) for width in widths]
            found[f"family-{family}-{side}-{widths[0]}"] = Architecture(
                family, cells, resolution=side
            )
    return found


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
    parser.add_argument("--imagenet", action="store_true", help="the families at ImageNet's sizes")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    first: dict[str, Any] = families()
    if args.data:
        first.update(first_networks(args.data))
    names: list[str] = [*NETWORKS, *KEPT, *first]
    if args.imagenet:
        large = imagenet.networks()
        first.update(large)
        names = [*large, *imagenet.ANCHORS]
    names = [n for n in names if n.startswith(args.only)]
    place = args.out / "times.json"
    times: dict[str, dict[str, list[float]]] = {}
    if place.exists():
        times = json.loads(place.read_text(encoding="ascii"))
    for number in range(args.rounds):
        start = time.perf_counter()
        random.Random(number + len(next(iter(times.values()), {}).get("torch", []))).shuffle(names)
        for name in names:
            if name in first:
                net = first[name]
                shape = net.network().input_shape
                module, x = net.to_torch().eval(), torch.randn(1, *shape)
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
