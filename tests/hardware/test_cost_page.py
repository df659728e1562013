"""What a cost tells layer by layer: shares, bytes, bounds and memory, as text, JSON and HTML."""

from __future__ import annotations

import json
from typing import Any

import pytest

import flash
from flash import Network, Target
from flash.errors import ArgumentError
from flash.hardware._bounds import BOUNDS, CALLS, COMPUTED
from flash.hardware.target import KINDS
from flash.networks.memory import memory_of

MOVED = {
    # processors
    *("weights_streamed", "weights_depthwise", "elementwise", "elementwise_unaligned", "im2col"),
    *("out_unaligned", "weights", "maps_out", "adds", "pools", "moved", "normed", "permuted"),
    *("resized", "unrolled", "weights_far", "reordered", "weights_tokens", "maps_far"),
    *("maps_dressed", "maps_in", "weights_maps"),
    # crossbars
    *("tiles", "in_chip", "out_chip", "in_tile", "out_tile", "in_words", "out_words", "in_tiles"),
    *("out_tiles", "in_pes", "buffers", "tile_rows", "mesh_cycles", "mesh_links", "mesh_routers"),
    "bits_moved",
    # microcontrollers
    *("outputs", "copied", "channels"),
}
ARCH = flash.Architecture("resnet", [flash.Cell(16, 2, 16), flash.Cell(32, 2, 8)])
NET = ARCH.network()


@pytest.mark.parametrize("name", flash.targets())
def test_every_target_tells_each_layer(name: str) -> None:
    target = Target.load(name)
    cost = target.cost(ARCH)
    net = NET.with_bits(8) if target.int8 else NET  # as the target stores it
    assert cost.target == target.name
    assert sum(one.share for one in cost.by_layer) == pytest.approx(1.0)
    assert sum(one.macs for one in cost.by_layer) == ARCH.macs
    assert sum(one.params for one in cost.by_layer) == ARCH.params
    for one, layer in zip(cost.by_layer, net.layers, strict=True):
        assert one.bytes == layer.bytes_read + layer.bytes_written
        assert one.share == pytest.approx(one.latency_ms / cost.latency_ms)
        assert (one.bound in BOUNDS) if one.latency_ms else one.bound is None
    assert cost.peak_memory_kib == max(one.memory_kib or 0 for one in cost.by_layer)
    assert cost.peak_memory_kib == net.peak_memory_kib
    assert cost.weights_kib == net.weights_kib
    assert cost.to_dict() == target.cost(NET).to_dict()


def target_of(**features: float) -> Target:
    data = Target.load("cpu-x86").to_dict()
    for name, table in data["coefficients"].items():
        data["coefficients"][name] = {**table, "latency_ms": dict(features)}
    return Target.from_dict(data)


def test_sums_are_bound_by_the_features_that_take_most() -> None:
    layer = NET.layers[1]  # 16 > 16 channels, 3 x 3, on 32 x 32
    macs, numbers = layer.macs, 32 * 32 * 16

    def bound(products: float, moved: float, calls: float) -> tuple[str | None, float]:
        target = target_of(macs_spatial=products / macs, maps_out=moved / numbers, kernels=calls)
        one = target.cost(NET).by_layer[1]
        return one.bound, one.latency_ms

    for parts in ((0.5, 0.3, 0.2), (0.3, 0.5, 0.2), (0.2, 0.3, 0.5)):
        told, latency = bound(*parts)
        assert told == BOUNDS[parts.index(0.5)]
        assert latency == pytest.approx(1.0, rel=1e-6)


def test_every_feature_is_of_one_of_the_three() -> None:
    """A new feature of a target is to be thought of: what is neither is numbers that move."""
    known = {name for kind in KINDS.values() for name in kind.FEATURES}
    rest = {name for name in known if name not in (*CALLS, *COMPUTED)}
    assert {name for name in rest if not name.startswith(("macs", "cycles"))} == MOVED
    assert set(CALLS) | set(COMPUTED) <= known


def test_a_memory_bounds_what_a_faster_one_would_quicken() -> None:
    target = Target.load("systolic-dram")
    data = target.to_dict()
    bounds = {}
    for speed in (0.01, 1e4):
        data["parameters"]["bandwidth_gb_s"] = speed
        cost = Target.from_dict(data).cost(NET)
        bounds[speed] = {one.bound for one in cost.by_layer} - {None}
    assert bounds == {0.01: {"memory"}, 1e4: {"compute"}}
    assert {one.bound for one in Target.load("systolic-128").cost(NET).by_layer} == {
        "compute",
        None,
    }


def test_rows_that_nobody_reads_take_memory_where_they_are_run() -> None:
    rows: list[dict[str, Any]] = [
        {"kind": "conv", "out_channels": 4, "kernel": 3},
        {"kind": "conv", "out_channels": 64, "kernel": 3, "inputs": [-1]},
        {"kind": "conv", "out_channels": 4, "kernel": 3, "inputs": [0]},
    ]
    net = Network.from_layers(rows, (3, 8, 8), [2])
    compiled, eager = (Target.load(name).cost(net) for name in ("cpu-x86", "cpu-x86-torch"))
    assert compiled.peak_memory_kib == net.peak_memory_kib
    assert compiled.by_layer[1].memory_kib == compiled.by_layer[1].bytes == 0
    assert eager.peak_memory_kib is not None
    assert eager.peak_memory_kib > net.peak_memory_kib


def test_a_list_without_connections_has_no_peak() -> None:
    rows = [{"kind": "conv", "in_channels": 3, "out_channels": 4, "height": 8, "width": 8}]
    cost = Target.load("cpu-x86").cost(Network.from_layers(rows, connected=False))
    assert cost.peak_memory_kib is None
    assert "its peak memory is not known" in str(cost)
    assert "KiB held" not in str(cost)
    assert cost.to_dict()["by_layer"][0]["memory_kib"] is None


def test_as_text_and_data() -> None:
    cost = Target.load("cpu-x86").cost(NET)
    text = str(cost)
    assert text == cost.table()
    lines = text.splitlines()
    assert lines[0] == "on cpu-x86, one image"
    assert " ".join(lines[1].split()) == "layer ms % MACs KiB moved KiB held bound by"
    assert len(lines) == 2 + len(NET) + 1 + 2 + len(cost.flags)
    assert f"{NET.macs:,}" in lines[2 + len(NET)]
    assert f"{memory_of(NET).peak_kib:,.1f} KiB of values at most" in text
    assert json.loads(cost.to_json()) == cost.to_dict()
    assert "of layers bound by" in cost._repr_html_()
    assert "of layers bound by" in cost.to_html()
    with pytest.raises(ArgumentError, match="top must be an integer of at least 1"):
        cost.table(0)
