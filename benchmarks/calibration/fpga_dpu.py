"""The FPGA model against published accelerators: Xilinx's DPU on three boards.

    python -m benchmarks.calibration.fpga_dpu

fits what the model lacks beside the longer of computing and traffic, writes fpga_dpu.json (which
`design_spaces` reads) and prints the model's latencies, with the board held out, beside the
published ones.

The latencies and rates are Xilinx's (Xilinx/AI-Model-Zoo, README.md: Performance on Ultra96, one
B1600 at 287 MHz; on ZCU104, B4096 at 300 MHz; on ZCU102, revisions 04 and 05, B4096 at 287 and 281
MHz), in one thread, from the image to the answer. The DPU is as its Product Guide says (PG338): 8
pixels x channels in x channels out a cycle, half as many channels for depthwise layers, block RAM
at low usage, two 128-bit ports. The model has no parallel pixels, so its clock is 8 times the DPU's
(as good where the number of pixels is a multiple of 8). With many threads on Ultra96 the DPU is the
limit: 1 / rate is what it takes alone, and the rest of the latency the host's.

Two terms are fitted, by least squares of relative errors, neither below 0:

- `unhidden`, the share of a layer's traffic during which nothing is computed: the first tiles must
  be there before computing begins, the last are written after it ends, and the memory stalls;
- `layer_ms`, a constant of each layer: pipelines filled and drained, instructions fetched, and the
  host's part (driver, interrupt, the image made ready, the answer read). A constant of each image
  beside it comes out as 0: these networks cannot tell the two apart.

SqueezeNet is shown and not fitted: the host pools its 1000 last maps (on Ultra96 2.4 ms beside the
DPU, of other networks 0.6 to 0.9).
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.files import write_json
from flash.hardware import Target
from flash.networks.network import Network

KEPT = Path(__file__).with_name("fpga_dpu.json")
PIXELS = 8
# configuration: board, target, channels of the DPU, MHz, blocks of RAM, GB/s (memory or two ports)
DPUS: dict[str, tuple[str, str, int, int, float, float]] = {
    "Ultra96, B1600": ("Ultra96", "fpga-zu3eg", 10, 287, 127.5, 3.944),
    "ZCU104, B4096": ("ZCU104", "fpga-zu7ev", 16, 300, 257.0, 2 * 16 * 0.3),
    "ZCU102-05, B4096": ("ZCU102", "fpga-zu9eg", 16, 281, 257.0, 2 * 16 * 0.281),
    "ZCU102-04, B4096": ("ZCU102", "fpga-zu9eg", 16, 287, 257.0, 2 * 16 * 0.287),
}
# milliseconds in one thread, configurations in the order above; None: not published
PUBLISHED: dict[str, tuple[float | None, ...]] = {
    "resnet18": (13.47, 5.08, 5.72, 5.1),
    "resnet50": (30.8, 12.46, 13.74, 12.85),
    "inception-v1": (13.98, 5.27, 6.0, 5.47),
    "mobilenet-v1-0.25-128": (None, 0.79, 1.18, None),
    "mobilenet-v1-0.5-160": (None, 1.31, 1.73, None),
    "mobilenet-v1": (5.97, 3.21, 3.83, 3.2),
    "mobilenet-v2": (7.34, 4.01, 4.66, 4.09),
    "mobilenet-v2-1.4": (10.17, 5.39, 6.15, 5.46),
    "vgg16": (None, 46.99, 50.43, None),
    "vgg19": (None, 54.41, 58.35, None),
    "squeezenet": (5.96, 3.64, 3.71, 3.6),
}
# images a second on Ultra96 in many threads
RATES = {
    "resnet18": 77.8167, "resnet50": 33.4667, "inception-v1": 75.0667, "mobilenet-v1": 186.55,
    "mobilenet-v2-1.4": 104.25, "squeezenet": 283.583,
}  # fmt: skip
LEFT_OUT = ("squeezenet",)
Rows = list[dict[str, Any]]
Floats = NDArray[np.float64]


def conv(rows: Rows, out: int, kernel: int, stride: int = 1, groups: int = 1, **more: Any) -> int:
    """Append a convolution; return its number."""
    rows.append({"kind": "conv", "out_channels": out, "kernel": kernel, "stride": stride,
                 "groups": groups, **more})  # fmt: skip
    return len(rows) - 1


def pool(rows: Rows, kernel: int, stride: int, padding: int = 0, **more: Any) -> int:
    """Append a pooling; return its number."""
    rows.append({"kind": "pool", "kernel": kernel, "stride": stride, "padding": padding, **more})
    return len(rows) - 1


def head(rows: Rows, side: int = 7, classes: int = 1000) -> Network:
    """Append pooling and the classifier; return the network."""
    pool(rows, side, side)
    rows.append({"kind": "linear", "out_channels": classes})
    return Network.from_layers(rows, (3, 32 * side, 32 * side))


def resnet(blocks: tuple[int, ...], bottleneck: bool) -> Network:
    """Return a ResNet; with bottlenecks the first convolution of a block has its stride."""
    rows: Rows = []
    conv(rows, 64, 7, 2)
    pool(rows, 3, 2, 1)
    last, channels = 1, 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        out = 4 * width if bottleneck else width
        for block in range(count):
            stride = 2 if stage and not block else 1
            start = last
            if bottleneck:
                conv(rows, width, 1, stride, inputs=[start])
                conv(rows, width, 3)
                last = conv(rows, out, 1)
            else:
                conv(rows, width, 3, stride, inputs=[start])
                last = conv(rows, out, 3)
            if stride > 1 or channels != out:
                start = conv(rows, out, 1, stride, inputs=[start])
            rows.append({"kind": "add", "inputs": [last, start]})
            last, channels = len(rows) - 1, out
    return head(rows)


def mobilenet_v1(width: float = 1.0, resolution: int = 224) -> Network:
    """Return MobileNet-v1."""

    def wide(channels: int) -> int:
        return max(8, int(channels * width))

    rows: Rows = []
    conv(rows, wide(32), 3, 2)
    channels = wide(32)
    for out, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                        *((512, 1),) * 5, (1024, 2), (1024, 1)):  # fmt: skip
        conv(rows, channels, 3, stride, channels)
        channels = wide(out)
        conv(rows, channels, 1)
    return head(rows, resolution // 32)


def mobilenet_v2(width: float = 1.0) -> Network:
    """Return MobileNet-v2."""

    def wide(channels: int) -> int:
        found = max(8, int(channels * width + 4) // 8 * 8)
        return found + 8 if found < 0.9 * channels * width else found

    rows: Rows = []
    channels = wide(32)
    last = conv(rows, channels, 3, 2)
    for expansion, given, count, first in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):  # fmt: skip
        out = wide(given)
        for block in range(count):
            start, hidden = last, channels * expansion
            if expansion > 1:
                conv(rows, hidden, 1)
            conv(rows, hidden, 3, 1 if block else first, hidden)
            last = conv(rows, out, 1)
            if block:
                rows.append({"kind": "add", "inputs": [last, start]})
                last = len(rows) - 1
            channels = out
    conv(rows, max(1280, int(1280 * width)), 1)
    return head(rows)


def vgg(layers: tuple[int, ...]) -> Network:
    """Return a VGG, whose first two linear layers are convolutions, as the DPU runs them."""
    rows: Rows = []
    for channels, count in zip((64, 128, 256, 512, 512), layers, strict=True):
        for _ in range(count):
            conv(rows, channels, 3)
        pool(rows, 2, 2)
    conv(rows, 4096, 7, padding=0)
    conv(rows, 4096, 1)
    rows.append({"kind": "linear", "out_channels": 1000})
    return Network.from_layers(rows, (3, 224, 224))


def squeezenet() -> Network:
    """Return SqueezeNet 1.1 up to its last maps."""
    rows: Rows = []
    conv(rows, 64, 3, 2, padding=0)
    for number, (inner, outer) in enumerate(
        ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
    ):
        if number in (0, 2, 4):
            pool(rows, 3, 2)
        start = conv(rows, inner, 1)
        ends = [conv(rows, outer, 1, inputs=[start]), conv(rows, outer, 3, inputs=[start])]
        rows.append({"kind": "concat", "inputs": ends})
    conv(rows, 1000, 1)
    return Network.from_layers(rows, (3, 227, 227))


def inception_v1() -> Network:
    """Return Inception-v1 (GoogLeNet), 5 x 5 convolutions in it."""
    rows: Rows = []
    conv(rows, 64, 7, 2)
    pool(rows, 3, 2, 1)
    conv(rows, 64, 1)
    conv(rows, 192, 3)
    last = pool(rows, 3, 2, 1)
    for number, (one, inner3, outer3, inner5, outer5, pooled) in enumerate((
        (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64),
        (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128),
        (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
    )):  # fmt: skip
        if number in (2, 7):
            last = pool(rows, 3, 2, 1)
        ends = [conv(rows, one, 1, inputs=[last])]
        conv(rows, inner3, 1, inputs=[last])
        ends.append(conv(rows, outer3, 3))
        conv(rows, inner5, 1, inputs=[last])
        ends.append(conv(rows, outer5, 5))
        pool(rows, 3, 1, 1, inputs=[last])
        ends.append(conv(rows, pooled, 1))
        rows.append({"kind": "concat", "inputs": ends})
        last = len(rows) - 1
    return head(rows)


def networks() -> dict[str, Network]:
    """Return the networks by their names."""
    return {
        "resnet18": resnet((2, 2, 2, 2), False),
        "resnet50": resnet((3, 4, 6, 3), True),
        "inception-v1": inception_v1(),
        "mobilenet-v1-0.25-128": mobilenet_v1(0.25, 128),
        "mobilenet-v1-0.5-160": mobilenet_v1(0.5, 160),
        "mobilenet-v1": mobilenet_v1(),
        "mobilenet-v2": mobilenet_v2(),
        "mobilenet-v2-1.4": mobilenet_v2(1.4),
        "vgg16": vgg((2, 2, 3, 3, 3)),
        "vgg19": vgg((2, 2, 4, 4, 4)),
        "squeezenet": squeezenet(),
    }


def dpu(configuration: str, latency: dict[str, float]) -> Target:
    """Return a DPU as a target, with these coefficients of latency: see the module's docstring."""
    _, name, channels, clock, blocks, bandwidth = DPUS[configuration]
    data = copy.deepcopy(json.loads(Target.load(name).to_json()))
    # half of the RAM for either buffer, which the model counts twice
    room = int(blocks * 36 / 8 / 4)
    buffers = {"bits": 8, "mac": "dsp", "weights_kib": room, "maps_kib": room}
    data["parameters"].update(
        clock_mhz=clock * PIXELS,
        bandwidth_gb_s=bandwidth,
        resources={"dsp": 100_000, "lut": 10_000_000, "bram": 100_000},
        usable={},
        units={
            "conv": {"into": channels, "out": channels, **buffers},
            "depthwise": {"into": 1, "out": channels // 2, **buffers},
        },
    )
    data["coefficients"] = {"default": {"latency_ms": latency}}
    return Target.from_dict(data)


def parts_of(configuration: str, net: Network) -> Floats:
    """Return milliseconds: the longer of computing and traffic, all traffic; and the layers."""
    _, _, _, clock, _, bandwidth = DPUS[configuration]
    coefficients = ({"cycles": 1e-3 / clock / PIXELS}, {"bits_moved": 1.0 / (bandwidth * 8e6)},
                    {"layers": 1.0})  # fmt: skip
    return np.array([dpu(configuration, one).cost(net).latency_ms for one in coefficients])


def fitted(parts: Floats, published: Floats) -> Floats:
    """Return the share of traffic that is not hidden, and the milliseconds of a layer."""
    from scipy.optimize import nnls

    found, _ = nnls(parts[:, 1:] / published[:, None], 1.0 - parts[:, 0] / published)
    terms: Floats = found
    return terms


def ratios_of(parts: Floats, terms: Floats, published: Floats) -> Floats:
    """Return published over modelled latencies."""
    ratios: Floats = published / (parts[:, 0] + parts[:, 1:] @ terms)
    return ratios


def main() -> None:
    """Fit, hold out each board, print, and write the file."""
    nets = networks()
    cases = [(one, net) for net in nets for one, found in zip(DPUS, PUBLISHED[net], strict=True)
             if found is not None]  # fmt: skip
    published = np.array([dict(zip(DPUS, PUBLISHED[net], strict=True))[one] for one, net in cases],
                         dtype=np.float64)  # fmt: skip
    parts = np.array([parts_of(one, nets[net]) for one, net in cases])
    boards = np.array([DPUS[one][0] for one, _ in cases])
    counts = np.array([net not in LEFT_OUT for _, net in cases])
    terms = fitted(parts[counts], published[counts])
    before = ratios_of(parts, np.zeros(2), published)
    after = ratios_of(parts, terms, published)
    held = np.zeros(len(cases))
    told: dict[str, Any] = {}
    for board in dict.fromkeys(boards.tolist()):
        own = fitted(parts[counts & (boards != board)], published[counts & (boards != board)])
        held[boards == board] = ratios_of(parts, own, published)[boards == board]
        inside = held[counts & (boards == board)]
        told[board] = {
            "unhidden": float(own[0]), "layer_ms": float(own[1]), "networks": len(inside),
            "low": float(inside.min()), "high": float(inside.max()),
            "mean_error": float(np.abs(1.0 / inside - 1.0).mean()),
        }  # fmt: skip
    print("| board, DPU | network | GMACs | published, ms | longer of the two | ratio | fitted |"
          " held out |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for k in sorted(range(len(cases)), key=lambda k: (list(DPUS).index(cases[k][0]), k)):
        one, net = cases[k]
        print(
            f"| {one} | {net} | {nets[net].macs / 1e9:.2f} | {published[k]:.2f} | "
            f"{parts[k, 0]:.2f} | {before[k]:.2f} | {after[k]:.2f} | {held[k]:.2f} |"
        )
    host = {net: (PUBLISHED[net][0] or 0.0) - 1e3 / rate for net, rate in RATES.items()}
    data = {
        "unhidden": float(terms[0]),
        "layer_ms": float(terms[1]),
        "published": "Xilinx/AI-Model-Zoo, README.md, Model Performance (Vitis AI 1.1): latency in "
        "one thread, DPU on Ultra96, ZCU104 and ZCU102, "
        f"{int(counts.sum())} latencies of {len(nets) - len(LEFT_OUT)} networks",
        "before": _spread(before[counts]),
        "after": _spread(after[counts]),
        "held_out": _spread(held[counts]),
        "held_out_boards": told,
        "host_ms_ultra96": {net: round(found, 2) for net, found in host.items()},
    }
    print(json.dumps(data, indent=1))
    write_json(KEPT, data)


def _spread(ratios: Floats) -> dict[str, float]:
    return {
        "low": float(ratios.min()),
        "median": float(np.median(ratios)),
        "high": float(ratios.max()),
        "mean_error": float(np.abs(1.0 / ratios - 1.0).mean()),
    }


if __name__ == "__main__":
    main()
