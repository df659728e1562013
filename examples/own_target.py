"""Targets of one's own: a Python function of a layer, and a table of measured layers.

python examples/own_target.py
"""

from __future__ import annotations

from typing import Any

import flash

GOPS, GBPS = 20.0, 2.0  # of a made-up board: multiply-accumulates and bytes, in billions a second
COLUMNS = ("kind", "in_channels", "out_channels", "height", "stride", "latency_ms")
MEASURED = [  # as a harness on the board writes them: between these sizes costs are interpolated
    ("conv", 3, 48, 32, 1, 0.071),
    ("conv", 16, 16, 32, 1, 0.122),
    ("conv", 192, 192, 8, 1, 1.09),
    ("conv", 16, 32, 32, 2, 0.064),
    ("conv", 96, 192, 16, 2, 0.551),
    ("add", 16, 16, 32, 1, 0.027),
    ("add", 192, 192, 8, 1, 0.022),
    ("pool", 64, 64, 8, 1, 0.006),
    ("pool", 192, 192, 8, 1, 0.014),
    ("linear", 64, 10, 1, 1, 0.004),
    ("linear", 192, 10, 1, 1, 0.008),
]


def roofline(layer: flash.Layer) -> dict[str, float]:
    """Return what a layer takes: by its work or by its memory, whichever is slower."""
    moved = 4.0 * (layer.numbers_read + layer.numbers_written + layer.weights)
    work, memory = layer.macs / (GOPS * 1e6), moved / (GBPS * 1e6)  # in ms
    return {"latency_ms": max(work, memory) + 0.002, "energy_mj": 1e-6 * layer.macs + 1e-6 * moved}


def rows() -> list[dict[str, Any]]:
    """Return the table as rows; a file of these columns does as well."""
    found = []
    for one in MEASURED:
        row: dict[str, Any] = {**dict(zip(COLUMNS, one, strict=True)), "width": one[3]}
        if row["kind"] == "conv":
            row["kernel"] = 3
        elif row["kind"] == "pool":
            row["mode"] = "global_avg"
        found.append(row)
    return found


def main() -> None:
    space = flash.ResNet(depths=[1, 2, 3, 4], skips=[0, 16])
    board = flash.LayerTarget(roofline, name="board")
    print(flash.search(space, board, max_latency_ms=2.5, max_energy_mj=60))

    table = flash.Target.from_layer_table(rows(), name="measured").with_memory(sram_kib=160)
    print(flash.search(space, table, max_latency_ms=2.0))


if __name__ == "__main__":
    main()
