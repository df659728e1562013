"""The FPGA model against a published accelerator: Xilinx's DPU on two boards.

python benchmarks/calibration/fpga_dpu.py

The latencies and rates are Xilinx's (Xilinx/AI-Model-Zoo, README.md: Performance on Ultra96, one
B1600 at 287 MHz; Performance on ZCU104, two B4096 at 300 MHz, one of them in one thread). The DPU
is as its Product Guide says (PG338): 8 pixels x channels in x channels out a cycle, half as many
pixels for depthwise layers, block RAM at low usage, two 128-bit ports. Three differences remain:
the model has no parallel pixels, so its clock is 8 times the DPU's (as good where the number of
pixels is a multiple of 8); it reads every layer's input from memory and writes its output there;
and the published latency has the processor's work before and after the network in it. With many
threads on Ultra96 the DPU is the limit: 1 / rate is what it takes alone.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from flash.hardware import Target
from flash.networks.network import Network

PIXELS = 8
# board: target, channels of the DPU, MHz, blocks of RAM, GB/s (of the memory or of two ports)
DPUS: dict[str, tuple[str, int, int, float, float]] = {
    "Ultra96, B1600": ("fpga-zu3eg", 10, 287, 127.5, 3.944),
    "ZCU104, B4096": ("fpga-zu7ev", 16, 300, 257.0, 2 * 16 * 0.3),
}
# network: milliseconds on each board in one thread, and images a second in many
PUBLISHED: dict[str, tuple[tuple[float, float | None], tuple[float, float | None]]] = {
    "resnet18": ((13.47, 77.8167), (5.08, None)),
    "resnet50": ((30.8, 33.4667), (12.46, None)),
    "mobilenet-v1": ((5.97, 186.55), (3.21, None)),
    "mobilenet-v2": ((7.34, None), (4.01, None)),
}
Rows = list[dict[str, Any]]


def conv(rows: Rows, out: int, kernel: int, stride: int = 1, groups: int = 1, **more: Any) -> int:
    """Append a convolution; return its number."""
    rows.append({"kind": "conv", "out_channels": out, "kernel": kernel, "stride": stride,
                 "groups": groups, **more})  # fmt: skip
    return len(rows) - 1


def head(rows: Rows, side: int = 7) -> Network:
    """Append pooling and the classifier; return the network."""
    rows += [
        {"kind": "pool", "kernel": side, "stride": side, "padding": 0},
        {"kind": "linear", "out_channels": 1000},
    ]
    return Network.from_layers(rows, (3, 224, 224))


def resnet(blocks: tuple[int, ...], bottleneck: bool) -> Network:
    """Return a ResNet; with bottlenecks the first convolution of a block has its stride."""
    rows: Rows = []
    conv(rows, 64, 7, 2)
    rows.append({"kind": "pool", "kernel": 3, "stride": 2, "padding": 1})
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


def mobilenet_v1() -> Network:
    """Return MobileNet-v1 of width 1."""
    rows: Rows = []
    conv(rows, 32, 3, 2)
    channels = 32
    for out, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                        *((512, 1),) * 5, (1024, 2), (1024, 1)):  # fmt: skip
        conv(rows, channels, 3, stride, channels)
        conv(rows, out, 1)
        channels = out
    return head(rows)


def mobilenet_v2() -> Network:
    """Return MobileNet-v2 of width 1."""
    rows: Rows = []
    last, channels = conv(rows, 32, 3, 2), 32
    for expansion, out, count, first in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):  # fmt: skip
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
    conv(rows, 1280, 1)
    return head(rows)


def dpu(name: str, channels: int, clock: int, blocks: float, bandwidth: float) -> Target:
    """Return a DPU as a target: see the module's docstring."""
    data = copy.deepcopy(json.loads(Target.load(name).to_json()))
    # half of the RAM for either buffer, which the model counts twice
    room = int(blocks * 36 / 8 / 4)
    buffers = {"bits": 8, "mac": "dsp", "weights_kib": room, "maps_kib": room}
    fast = clock * PIXELS
    data["parameters"].update(
        clock_mhz=fast,
        bandwidth_gb_s=bandwidth,
        resources={"dsp": 100_000, "lut": 10_000_000, "bram": 100_000},
        usable={},
        units={
            "conv": {"into": channels, "out": channels, **buffers},
            "depthwise": {"into": 1, "out": channels // 2, **buffers},
        },
    )
    data["coefficients"] = {"default": {"latency_ms": {"cycles": 1e-3 / fast}}}
    return Target.from_dict(data)


def main() -> None:
    """Print the model's latencies beside the published ones."""
    networks = {
        "resnet18": resnet((2, 2, 2, 2), False),
        "resnet50": resnet((3, 4, 6, 3), True),
        "mobilenet-v1": mobilenet_v1(),
        "mobilenet-v2": mobilenet_v2(),
    }
    print("| board, DPU | network | GMACs | model, ms | computing alone | published | ratio |"
          " 1 / rate | ratio |")  # fmt: skip
    for number, (board, (name, channels, clock, blocks, bandwidth)) in enumerate(DPUS.items()):
        target = dpu(name, channels, clock, blocks, bandwidth)
        unlimited = dpu(name, channels, clock, blocks, 1e4)
        for title, net in networks.items():
            latency, rate = PUBLISHED[title][number]
            cost, alone = target.cost(net).latency_ms, unlimited.cost(net).latency_ms
            busy = f"{1e3 / rate:.2f} | {cost * rate / 1e3:.2f}" if rate else "- | -"
            print(f"| {board} | {title} | {net.macs / 1e9:.2f} | {cost:.2f} | {alone:.2f} |"
                  f" {latency:.2f} | {cost / latency:.2f} | {busy} |")  # fmt: skip


if __name__ == "__main__":
    main()
