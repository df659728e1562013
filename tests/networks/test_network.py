"""Layer and Network: counts, connections, validation, round trips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import nn_mass_fixture

from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.networks.architecture import Architecture, Cell
from flash.networks.network import Layer, Network

FIRST: dict[str, Any] = {
    "kind": "conv", "in_channels": 3, "out_channels": 16, "kernel": 3, "stride": 1, "groups": 1,
    "height": 32, "width": 32,
}  # fmt: skip


def test_conv_counts() -> None:
    layer = Layer("conv", 6, 8, 9, 7, kernel=3, stride=2, groups=2, norm=True, bias=True)
    assert (layer.padding, layer.out_height, layer.out_width) == (1, 5, 4)
    assert layer.weights == 8 * 3 * 9
    assert layer.params == layer.weights + 8 + 16
    assert layer.macs == layer.weights * 5 * 4
    assert layer.replace(norm="input").params == layer.weights + 8 + 12
    assert layer.replace(norm="both").params == layer.weights + 8 + 28
    assert layer.replace(padding=0).out_width == 3


def test_other_counts() -> None:
    linear = Layer("linear", 64, 10, bias=True)
    assert (linear.params, linear.macs) == (650, 640)
    pool = Layer("pool", 4, 4, 9, 9, kernel=3, stride=2)
    assert (pool.mode, pool.out_height, pool.params, pool.macs) == ("avg", 5, 0, 0)
    assert Layer("pool", 4, 4, 8, 8, kernel=2, stride=2).out_height == 4  # no padding
    assert Layer("pool", 4, 4, 9, 7, mode="global_avg").out_width == 1
    assert Layer("concat", 6, 6, 8, 8, norm=True).params == 12


def test_from_layers_as_in_the_design() -> None:
    net = Network.from_layers([FIRST])
    assert net.input_shape == (3, 32, 32)
    assert (net.params, net.macs) == (432, 442_368)
    assert net.layers[0].inputs == (-1,)
    assert net.layers[0].padding == 1
    assert len(net) == 1


def test_from_layers_fills_in_what_inputs_tell() -> None:
    net = Network.from_layers(
        [
            FIRST,
            {"kind": "conv", "out_channels": 16, "kernel": 3},
            {"kind": "add", "inputs": [1, 0]},
            {"kind": "concat", "inputs": [2, 0], "norm": True},
            {"kind": "add", "inputs": [1, 0], "channels": 5},
            {"kind": "concat", "inputs": [4, 0, 1], "channels": 20},
            {"kind": "pool", "kernel": 2, "stride": 2},
            {"kind": "linear", "out_channels": 10, "bias": True},
        ],
        outputs=[3, 7],
    )
    assert [layer.in_channels for layer in net.layers] == [3, 16, 16, 32, 16, 36, 36, 36 * 256]
    assert net.layers[6].height == 32
    assert net.params == 432 + 2304 + 64 + 36 * 256 * 10 + 10


def test_image_may_be_read_again() -> None:
    rows = [{"kind": "conv", "out_channels": 4, "kernel": 3}, {"kind": "concat", "inputs": [0, -1]}]
    assert Network.from_layers(rows, (3, 8, 8)).layers[1].out_channels == 7


def row(**fields: Any) -> list[dict[str, Any]]:
    return [FIRST, fields]


@pytest.mark.parametrize(
    ("layers", "error", "text"),
    [
        ([], ArgumentError, "layers must be at least one"),
        ("conv", ArgumentTypeError, "layers must be a list"),
        ({"kind": "conv"}, ArgumentTypeError, "layers must be a list"),
        ([3], FormatError, r"layers\[0\] must be a table"),
        ([{"kind": "conv", "out_channels": 3}], FormatError, r"layers\[0\] lacks 'in_channels'"),
        (row(kind="conv"), FormatError, r"layers\[1\] \(conv\) lacks 'out_channels'"),
        (row(kind="cnov", out_channels=3), ArgumentError, r"layers\[1\]: kind .* mean 'conv'"),
        (row(out_channels=3), ArgumentTypeError, r"layers\[1\]: kind must be one of"),
        (row(kind="conv", outchannels=3), FormatError, "did you mean 'out_channels'"),
        (
            row(kind="conv", in_channels=8, out_channels=3),
            ArgumentError,
            r"layers\[1\] \(conv\) must read 16 x 32 x 32 from 0, got 8 x 32 x 32",
        ),
        (row(kind="conv", out_channels=3, height=16), ArgumentError, "must read"),
        (row(kind="conv", out_channels=3, inputs=[1]), ArgumentError, "rows above it"),
        (row(kind="conv", out_channels=3, inputs=[-2]), ArgumentError, "inputs must be"),
        (row(kind="conv", out_channels=3, inputs=[]), ArgumentError, "at least one row"),
        (row(kind="conv", out_channels=3, inputs="0"), ArgumentTypeError, "list of row numbers"),
        (row(kind="conv", out_channels=3, inputs=[0, 0]), ArgumentError, "must be one row"),
        (row(kind="conv", out_channels=3, groups=5), ArgumentError, "groups must divide"),
        (row(kind="conv", out_channels=3, kernel=40, padding=0), ArgumentError, "kernel must fit"),
        (row(kind="conv", out_channels=3, kernel=0), ArgumentError, r"layers\[1\]: kernel"),
        (row(kind="conv", out_channels=float("nan")), ArgumentTypeError, "out_channels must be"),
        (row(kind="conv", out_channels=True), ArgumentTypeError, "out_channels must be"),
        (row(kind="conv", out_channels=3, norm="batch"), ArgumentError, "norm must be one of"),
        (row(kind="conv", out_channels=3, norm=1), ArgumentTypeError, "norm must be one of"),
        (row(kind="conv", out_channels=3, bias=1), ArgumentTypeError, "bias must be True"),
        (row(kind="conv", out_channels=3, activation="swiss"), ArgumentError, "activation must"),
        (row(kind="conv", out_channels=3, mode="avg"), ArgumentError, "mode belongs to a pool"),
        (row(kind="conv", out_channels=3, channels=1), ArgumentError, "channels belongs to"),
        (row(kind="pool", mode="sum"), ArgumentError, "mode must be one of"),
        (row(kind="pool", out_channels=3), ArgumentError, "must equal in_channels"),
        (row(kind="pool", bias=True), ArgumentError, "bias belongs to"),
        (row(kind="pool", groups=2), ArgumentError, "groups belongs to"),
        (row(kind="add", inputs=[0, -1]), ArgumentError, "image must fit 16 x 32 x 32"),
        (row(kind="add", inputs=[0, 0], kernel=3), ArgumentError, "kernel and stride of add"),
        (row(kind="add", channels=1), ArgumentError, "channels needs a second input"),
        (row(kind="add", inputs=[0, -1], channels=4), ArgumentError, "must fit"),
        (row(kind="concat", inputs=[0, -1], channels=4), ArgumentError, "at most 3, got 4"),
        (row(kind="linear", out_channels=3, height=2), ArgumentError, "must read 16 x 32 x 32"),
    ],
)
def test_bad_layers(layers: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Network.from_layers(layers)


def test_bad_networks() -> None:
    with pytest.raises(ArgumentTypeError, match=r"layers\[0\] must be a Layer"):
        Network([FIRST])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match="input_shape must be"):
        Network([Layer("conv", 3, 3, 8, 8)], (3, 8))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"input_shape\[1\] must be"):
        Network([Layer("conv", 3, 3, 8, 8)], (3, 0, 8))
    with pytest.raises(ArgumentError, match="must read 3 x 8 x 8 from image"):
        Network([Layer("conv", 4, 3, 8, 8)], (3, 8, 8))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20), st.sampled_from([1, 3, 5]), st.integers(1, 2))))
def test_round_trips(chain: list[tuple[int, int, int]]) -> None:
    rows: list[dict[str, Any]] = [FIRST]
    rows += [{"kind": "conv", "out_channels": c, "kernel": k, "stride": s} for c, k, s in chain]
    net = Network.from_layers(rows)
    assert Network.from_dict(net.to_dict()) == net
    assert Network.from_json(net.to_json()) == net
    assert Network.from_layers(net.layers, net.input_shape) == net
    assert Network(net.layers, net.input_shape) == net


def test_files(tmp_path: Path) -> None:
    net = Architecture("resnet", [Cell(8, 2, 3), Cell(16, 2)]).network()
    net.to_json(tmp_path / "n.json")
    assert Network.from_json(tmp_path / "n.json") == net
    for bad in ("[]", "{}", '{"layers": 3}', '{"layers": [{"kind": NaN}]}', '{"layer": []}', ""):
        (tmp_path / "bad.json").write_text(bad)
        with pytest.raises(FormatError):
            Network.from_json(tmp_path / "bad.json")


def test_prints_as_a_table() -> None:
    text = str(Architecture("densenet", [Cell(16, 4, 48)]).network())
    lines = text.splitlines()
    assert " ".join(lines[0].split()) == (
        "row kind in out k s groups reads params macs KiB read written from"
    )
    assert lines[1].split()[1:4] == ["conv", "3", "16"]
    assert "layers" in lines[-1]
    assert max(map(len, lines)) <= 100


def test_nn_mass_log() -> None:
    """The one configuration of SLDGroup/NN_Mass's log: 867,656 parameters."""
    net = nn_mass_fixture.network()
    assert net.params == nn_mass_fixture.PARAMS
    assert net.layers[-1].in_channels == 2048
    assert sum(layer.kind == "conv" for layer in net.layers) == 1 + 38 * 3


def test_windows_of_two_sides() -> None:
    layer = Layer("conv", 4, 6, 9, 12, kernel=(1, 7), stride=(2, 3))  # type: ignore[arg-type]
    assert (layer.kernel_size, layer.strides, layer.paddings) == ((1, 7), (2, 3), (0, 3, 0, 3))
    assert (layer.out_height, layer.out_width, layer.weights) == (5, 4, 6 * 4 * 7)
    same = Layer("conv", 4, 6, 9, 12, kernel=1, kernel_width=7, stride=2, stride_width=3)
    assert same == layer
    assert Layer(**layer.to_dict()) == layer
    one = Layer("conv", 4, 6, 9, 12, kernel=(3, 3), padding=(1, 1), dilation=[2, 2])  # type: ignore[arg-type]
    assert one == Layer("conv", 4, 6, 9, 12, kernel=3, padding=1, dilation=2)
    assert (one.dilations, one.out_height, one.out_width) == ((2, 2), 7, 10)
    assert Layer("conv", 4, 6, 9, 12, kernel=3, dilation=2).out_height == 9
    end = Layer("conv", 4, 6, 9, 12, kernel=2, padding=0, padding_end=(1, 0))
    assert (end.paddings, end.out_height, end.out_width) == ((0, 0, 1, 0), 9, 11)
    assert Layer(**end.to_dict()) == end
    assert Layer("conv", 4, 6, kernel=3, padding_end=[1, 1]).padding_end is None
    pool = Layer("pool", 4, 4, 9, 12, kernel=(2, 3), stride=2)  # type: ignore[arg-type]
    assert pool.paddings == (0, 1, 0, 1)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"kernel": (1, 2, 3)}, r"kernel must be an integer or \(height, width\), got \(1, 2, 3\)"),
        ({"kernel": (3, 0)}, "kernel_width must be"),
        ({"padding": (1, -1)}, "padding_width must be"),
        ({"padding_end": 3}, "padding_end must be"),
        ({"padding_end": (1, -1)}, "padding_end must be"),
        ({"dilation": 0}, "dilation must be"),
        ({"dilation": 9, "padding": 0}, "kernel must fit"),
        ({"kind": "add", "dilation": 2}, "kernel and stride of add"),
        ({"kind": "linear", "kernel_width": 2}, "linear layer has kernel"),
    ],
)
def test_bad_windows(fields: dict[str, Any], text: str) -> None:
    side = 1 if fields.get("kind") == "linear" else 8
    given = {"kind": "conv", "in_channels": 4, "out_channels": 4, "height": side, "width": side}
    with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
        Layer(**{**given, "kernel": 1 if fields.get("kind") else 3, **fields})


def test_weights_of_another_row_are_read_and_not_stored() -> None:
    own = Layer("linear", 8, 50, 10, 1)
    tied = own.replace(extra_params=-8 * 50)
    assert (own.params, tied.params) == (400, 0)
    assert tied.weights_bytes == 0
    assert tied.bytes_read == own.bytes_read == 4 * (8 * 10 + 400)
