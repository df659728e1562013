"""Peak memory: the schedule by hand, against an obvious twin, and as onnxruntime was measured."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash import Architecture, Cell, Network
from flash.errors import ArgumentError
from flash.networks.cell_networks import PNASNET_5, CellNetwork
from flash.networks.memory import memory_of

MAP = 8 * 8 * 8 * 4  # bytes of 8 channels, 8 x 8
IMAGE = MAP


def conv(*inputs: int, out: int = 8, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"inputs": list(inputs)} if inputs else {}
    return {"kind": "conv", "out_channels": out, "kernel": 3, **given, **more}


def peak(rows: list[dict[str, Any]], **more: Any) -> float:
    """Return the peak in maps of 8 x 8 x 8 numbers of 32 bits, the image being one of them."""
    return Network.from_layers(rows, (8, 8, 8), **more).peak_memory_kib * 1024 / MAP


def twin(net: Network) -> float:
    """Return the peak in KiB of a network without anything in place, by each value's first and
    last row."""
    last = {-1: len(net)}
    for number, layer in enumerate(net.layers):
        for row in layer.inputs or ():
            if row >= 0:
                last[row] = number
    for row in net.outputs or (len(net) - 1,):
        last[row] = len(net)
    sizes = [layer.numbers_written * layer.bits / 8 for layer in net.layers]
    image = net.input_shape[0] * net.input_shape[1] * net.input_shape[2] * 4
    return (
        max(
            image + sum(sizes[row] for row in range(now + 1) if last[row] >= now)
            for now in range(len(net))
        )
        / 1024
    )


@st.composite
def networks(draw: st.DrawFn) -> Network:
    rows: list[dict[str, Any]] = [conv(bits=draw(st.sampled_from([8, 16, 32])))]
    for _ in range(draw(st.integers(0, 9))):
        source = draw(st.integers(max(-1, len(rows) - 4), len(rows) - 1))
        kind = draw(st.sampled_from(["conv", "pool", "concat", "norm", "resize", "reduce"]))
        row: dict[str, Any] = {"kind": kind, "inputs": [source]}
        if kind == "conv":
            row |= conv(source, out=draw(st.integers(1, 20)), activation="relu", norm=True)
        elif kind == "pool":
            row |= {"kernel": 3, "mode": "max"}
        elif kind == "concat":
            row["inputs"] = [source, draw(st.integers(-1, len(rows) - 1))]
        elif kind == "norm":
            row["mode"] = "layer"
        elif kind == "reduce":
            row |= {"mode": "mean", "size": (8, 8)}
        else:
            row |= {"mode": "nearest", "size": (8, 8)}
        row["bits"] = draw(st.sampled_from([8, 32]))
        rows.append(row)
    read = {row for one in rows for row in one.get("inputs", ())}
    ends = [row for row in range(len(rows)) if row not in read or row == len(rows) - 1]
    return Network.from_layers(rows, (8, 8, 8), ends)


@settings(max_examples=300, deadline=None)
@given(networks())
def test_without_anything_in_place_it_is_the_sum_of_what_is_yet_to_be_read(net: Network) -> None:
    assert net.peak_memory_kib == pytest.approx(twin(net))
    memory = memory_of(net)
    assert memory.peak_kib == max(memory.by_row) == memory.by_row[memory.row]


def test_a_chain_holds_the_image_and_two_maps() -> None:
    assert peak([conv()]) == 2
    assert peak([conv(), conv(), conv(), conv()]) == 3
    assert peak([conv(), conv(out=32), conv()]) == 1 + 1 + 4
    # handed out besides: it stays
    assert peak([conv(), conv(), conv(), conv()], outputs=[0, 3]) == 4


def test_activations_in_place_and_those_that_need_a_second_map() -> None:
    assert peak([conv(out=4, norm=True, activation="relu")]) == 1.5
    assert peak([conv(activation="silu")]) == 3
    assert peak([conv(activation="gelu"), conv(out=1)]) == 3
    act = {"kind": "act", "activation": "relu"}
    assert peak([conv(), act]) == 2
    assert peak([conv(), {**act, "activation": "gelu"}]) == 3
    assert peak([conv(), act, conv(0)], outputs=[1, 2]) == 4  # its input is read again


def test_sums_are_made_by_the_convolution_before_them() -> None:
    # conv 1 reads row 0 as well as the sum does: its result goes elsewhere, the sum onto it
    assert peak([conv(), conv(0), {"kind": "add", "inputs": [0, 1]}]) == 3
    # here onto row 0, which only the sum reads once conv 2 has run
    block = [conv(), conv(0), conv(1), {"kind": "add", "inputs": [0, 2]}]
    assert peak(block) == 3
    block[2]["activation"] = "relu"  # before the sum: it is one of its own
    assert peak(block) == 4
    pool = {"kind": "pool", "kernel": 3}
    pooled = [{**pool}, conv(0), {**pool}, {"kind": "add", "inputs": [0, 2]}]
    assert peak(pooled) == 4
    # row 0 runs when row 2 is there, and onto it
    late = [
        conv(),
        {**pool, "inputs": [-1]},
        {**pool, "kernel": 1},
        {"kind": "add", "inputs": [0, 2]},
    ]
    assert peak(late) == 3
    late[0]["activation"] = "relu"
    assert peak(late) == 4


def test_norms_that_cannot_be_folded_are_maps_of_their_own() -> None:
    assert peak([conv(), conv(norm="input", out=1)]) == 2.125  # into the convolution before
    joined = [conv(), {"kind": "pool", "kernel": 3}, conv(norm="input")]
    assert peak(joined) == 3
    kept = [conv(), conv(norm="input"), {"kind": "concat", "inputs": [0, 1]}, conv(out=1)]
    assert peak(kept) == 1 + 1 + 1 + 2
    assert peak([conv(), {"kind": "concat", "inputs": [0], "norm": True}]) == 1 + 2 + 0
    assert peak([{"kind": "pool", "kernel": 3, "norm": True}]) == 3


def test_views_share_the_memory_of_what_they_look_at() -> None:
    view = {"kind": "move", "mode": "view", "out_channels": 64, "size": (8, 1)}
    rows = [conv(), view, {"kind": "conv", "out_channels": 64, "kernel": 1}]
    assert peak(rows) == 3
    rows = [conv(), view, {**view, "mode": "permute"}, {"kind": "conv", "out_channels": 64}]
    assert peak(rows) == 3
    # row 0 stays as long as its view is read
    half = {"kind": "move", "mode": "slice", "out_channels": 4, "size": (8, 8), "inputs": [0]}
    assert peak([conv(), half, conv(0), conv(2, out=4), {"kind": "add", "inputs": [1, 3]}]) == 3.5


def test_learned_scales_are_folded_into_convolutions() -> None:
    scale = {"kind": "scale", "mode": "mul", "extra_params": 8}
    assert peak([conv(), scale]) == 2
    assert peak([{"kind": "pool", "kernel": 3}, scale]) == 3


def test_a_product_of_values_takes_memory_of_its_own() -> None:
    gate = [conv(), {"kind": "pool", "mode": "global_avg"}, conv(1, out=8)]
    gate[2].update(kernel=1, activation="sigmoid")
    rows = [*gate, {"kind": "mul", "inputs": [0, 2], "reads": 8 * 64 + 8}]
    assert peak(rows) == pytest.approx(3 + 8 * 4 / MAP)


def test_a_transposed_convolution_spreads_its_input_first() -> None:
    up = conv(kernel=2, stride=2, transposed=True, size=(16, 16), padding=0)
    assert peak([up]) == 1 + 4 + 4


def test_bits_and_further_inputs() -> None:
    assert peak([conv(bits=8), conv(bits=8)]) == 1 + 2 / 4
    more = {"kind": "input", "in_channels": 8, "height": 8, "width": 8}
    rows = [conv(), more, conv(0), {"kind": "concat", "inputs": [2, 1]}]
    assert peak(rows) == 2 + 1 + 2
    net = Network.from_layers([conv(weight_bits=8), conv(weight_bits=4)], (8, 8, 8))
    assert net.weights_kib == (8 * 8 * 9 * 1.5) / 1024


def test_what_does_not_count_takes_nothing() -> None:
    rows = [conv(out=1), conv(-1, out=100), conv(0, out=1)]
    with pytest.warns(UserWarning, match="no row reads"):
        net = Network.from_layers(rows, (8, 8, 8))
    assert net.peak_memory_kib * 1024 == IMAGE + 2 * MAP / 8
    assert memory_of(net).by_row[1] == 0


def test_connections_are_needed() -> None:
    rows = [{"kind": "conv", "in_channels": 3, "out_channels": 4, "height": 8, "width": 8}]
    with pytest.raises(ArgumentError, match="peak memory needs to know which layers read which"):
        _ = Network.from_layers(rows, connected=False).peak_memory_kib


# as benchmarks/claims/memory.py measured them: KiB that onnxruntime 1.32 had at most, with the
# image, and no buffer kept for later ones of its size
MEASURED = [
    (Architecture("resnet", [Cell(32, 3, 32), Cell(64, 3, 64)], 64), 1075),
    (Architecture("wide-resnet", [Cell(32, 3, 32), Cell(64, 3, 64)], 64), 1588),
    (
        Architecture("mobilenet-v2", [Cell(16, 1), Cell(24, 2, 24, 6), Cell(32, 3, 32, 6)], 160),
        3302,
    ),
]


@pytest.mark.parametrize(("arch", "kib"), MEASURED)
def test_as_onnxruntime_was_measured(arch: Architecture, kib: float) -> None:
    assert arch.peak_memory_kib == pytest.approx(kib, rel=0.02)
    assert arch.weights_kib == arch.params * 4 / 1024


def test_networks_of_cells_have_it_too() -> None:
    net = CellNetwork(PNASNET_5, repeats=1, filters=8)
    assert net.peak_memory_kib == net.network().peak_memory_kib > 0
    assert net.weights_kib == net.params / 256
