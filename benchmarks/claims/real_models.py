"""What public models take here, beside what `cpu-x86` and `cpu-x86-torch` say of them.

    python -m benchmarks.claims.real_models OUT.json [--only TEXT]
    python -m benchmarks.claims.real_models OUT.json --measured OLD.json    # predicts anew

Models of torchvision, built without weights, measured with onnxruntime and torch eager: one thread,
batch 1, the least processor time of several passes. No target was fitted to them, and none of their
errors was known when the targets' features were chosen.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flash

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = (
    *("alexnet", "squeezenet1_1", "resnet18", "resnet50", "wide_resnet50_2", "resnext50_32x4d"),
    *("densenet121", "googlenet", "inception_v3", "shufflenet_v2_x1_0", "mnasnet1_0"),
    *("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0"),
    *("efficientnet_v2_s", "regnet_y_400mf", "regnet_x_800mf", "convnext_tiny", "vit_b_16"),
    *("swin_t", "swin_v2_t", "maxvit_t", "vgg11_bn"),
)
PASSES, LEAST_S = 7, 1.0


def least_ms(call: Callable[[], Any]) -> float:
    """Return the least processor time of a call, in milliseconds."""
    call()
    found: list[float] = []
    begun = time.process_time()
    while len(found) < PASSES or time.process_time() - begun < LEAST_S:
        at = time.process_time()
        call()
        found.append(time.process_time() - at)
    return 1e3 * min(found)


def built(name: str) -> tuple[Any, tuple[int, int, int]]:
    """Return a model and the shape of its image."""
    from torchvision import models

    extra = {"aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    side = 299 if name == "inception_v3" else 224
    return models.get_model(name, weights=None, **extra).eval(), (3, side, side)


def measured(name: str, folder: Path) -> dict[str, float]:
    """Return what one model takes in both runtimes, by target, in milliseconds."""
    import onnxruntime
    import torch

    module, shape = built(name)
    image = torch.zeros(1, *shape)
    path = folder / f"{name}.onnx"
    torch.onnx.export(module, (image,), str(path), opset_version=17, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: image.numpy()}
    with torch.no_grad():
        times = {
            "cpu-x86": least_ms(lambda: session.run(None, given)),
            "cpu-x86-torch": least_ms(lambda: module(image)),
        }
    path.unlink()
    return times


def told(name: str, times: dict[str, float]) -> dict[str, Any]:
    """Return what both targets say of a model beside what it takes."""
    net = flash.Network.from_torch(*built(name))
    row: dict[str, Any] = {"model": name}
    for target, took in times.items():
        cost = flash.Target.load(target).cost(net)
        low, high = flash.Target.load(target).interval(net)["latency_ms"]
        row[target] = {
            "measured_ms": round(took, 3),
            "predicted_ms": round(cost.latency_ms, 3),
            "held": low <= took <= high,
        }
    return row


def summary(rows: list[dict[str, Any]], target: str) -> dict[str, float]:
    """Return mean error, bias and coverage in percent."""
    ratios = [one[target]["predicted_ms"] / one[target]["measured_ms"] for one in rows]
    return {
        "error_pct": round(100 * statistics.fmean(abs(r - 1) for r in ratios), 2),
        "bias_pct": round(100 * statistics.fmean(r - 1 for r in ratios), 2),
        "held_pct": round(100 * statistics.fmean(one[target]["held"] for one in rows), 1),
    }


def main() -> None:
    """Measure, print and write."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--measured", type=Path, help="an earlier OUT: its times are taken")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    before: dict[str, dict[str, float]] = {}
    if given.measured is not None:
        for one in json.loads(given.measured.read_text())["models"]:
            name = one.pop("model")
            before[name] = {target: row["measured_ms"] for target, row in one.items()}
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            if given.only in name:
                times = before.get(name) or measured(name, Path(folder))
                rows.append(told(name, times))
                print(json.dumps(rows[-1]), flush=True)
    whole = {target: summary(rows, target) for target in ("cpu-x86", "cpu-x86-torch")}
    print(json.dumps(whole, indent=1))
    given.out.write_text(json.dumps({"models": rows, "summary": whole}, indent=1) + "\n")


if __name__ == "__main__":
    main()
