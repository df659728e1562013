"""Which rows of a network count, for all that counts rows; lists of layers without connections."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.networks.counting import counting, every_row
from flash.networks.network import Network

CONV: dict[str, Any] = {"kind": "conv", "out_channels": 8, "kernel": 3}
DEAD: dict[str, Any] = {**CONV, "out_channels": 64, "inputs": [0]}
SHAPE = (3, 16, 16)


def made(rows: list[dict[str, Any]], outputs: list[int] | None = None) -> Network:
    return Network.from_layers(rows, SHAPE, outputs)


def said(net: Network, predictor: flash.AccuracyPredictor) -> list[float]:
    """Return all that counts rows."""
    costs = [flash.Target.load(name).cost(net) for name in ("cpu-x86", "rram", "raspberry-pi-4")]
    degrees = [flash.nn_degree(net), flash.nn_mass(net)]
    numbers: list[float] = [net.params, net.macs, *degrees]
    numbers += [cost.latency_ms for cost in costs]
    return [*numbers, float(predictor.predict(net))]


@pytest.fixture(scope="module")
def predictor() -> flash.AccuracyPredictor:
    nets = flash.DenseNet(depths=[3, 5, 7], resolution=16).sample(25, seed=0)
    scores = np.random.default_rng(0).uniform(0.4, 0.6, 25)
    return flash.AccuracyPredictor.fit(nets, scores.tolist())


@pytest.mark.filterwarnings("ignore::flash.errors.NotCalibratedWarning")
def test_convolutions_of_zeros_run_but_are_on_no_way_from_the_image(
    predictor: flash.AccuracyPredictor,
) -> None:
    zero = {"kind": "pool", "mode": "zero", "kernel": 1, "inputs": [0]}
    head = [{"kind": "add", "inputs": [0, 2]}, {**CONV, "inputs": [3]}]
    net = made([CONV, zero, {**CONV, "kernel": 5, "inputs": [1]}, *head])
    plain = made([CONV, CONV])
    assert net.params == plain.params + 8 * 8 * 25
    cpu = flash.Target.load("cpu-x86")
    assert cpu.cost(net).latency_ms > cpu.cost(plain).latency_ms
    assert said(net, predictor)[2:4] == said(plain, predictor)[2:4]
    assert said(net, predictor)[-1] == said(plain, predictor)[-1]
    ended = made([CONV, zero, {**CONV, "inputs": [1]}])
    assert flash.nn_degree(ended) == 0.0


@pytest.mark.filterwarnings("ignore::flash.errors.NotCalibratedWarning")
def test_rows_that_nobody_reads_count_nowhere(predictor: flash.AccuracyPredictor) -> None:
    plain = made([CONV, {**CONV, "inputs": [0]}, {"kind": "add", "inputs": [0, 1]}])
    zero = {"kind": "pool", "mode": "zero", "kernel": 1, "inputs": [0]}
    branches = made(
        [
            CONV,
            DEAD,
            {**CONV, "inputs": [0]},
            {**CONV, "out_channels": 9, "inputs": [1]},  # read by nobody, and so is what it reads
            zero,
            {"kind": "add", "inputs": [0, 2, 4]},
        ],
        [5],
    )
    assert said(branches, predictor) == said(plain, predictor)
    assert len(counting(branches)) == 3
    assert counting(plain) is plain
    assert "layers that do not count: 3" in str(branches)
    assert Network.from_json(branches.to_json()) == branches
    costs = flash.Target.load("cpu-x86").cost(branches).by_layer
    assert [one.latency_ms > 0 for one in costs] == [True, False, True, False, False, False]


def test_a_row_that_nobody_reads_is_named() -> None:
    with pytest.warns(UserWarning, match=r"no row reads layers\[1\] \(conv\)"):
        net = made([CONV, DEAD, {**CONV, "inputs": [0]}])
    assert net.params == 792
    assert Network.from_dict(net.to_dict()) == net  # said once


def test_outputs_count() -> None:
    net = made([CONV, DEAD, {**CONV, "inputs": [0]}], [2, 1])
    assert (net.outputs, net.params) == ((1, 2), 792 + 4608)
    assert made([CONV, DEAD], [1]).outputs is None
    assert Network.from_dict(net.to_dict()) == net
    assert net.to_dict()["outputs"] == [1, 2]
    assert "outputs" not in made([CONV, CONV]).to_dict()


@pytest.mark.parametrize(
    ("outputs", "message"),
    [([3], "outputs must be"), ([], "outputs must name"), ([-1], "outputs"), ([1.5], "outputs")],
)
def test_bad_outputs(outputs: Any, message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        made([CONV, CONV], outputs)
    with pytest.raises(ArgumentTypeError, match="outputs must be a list"):
        made([CONV, CONV], "01")  # type: ignore[arg-type]


def test_zeros_are_made_of_nothing() -> None:
    zero = {"kind": "pool", "mode": "zero", "kernel": 1}
    net = made([CONV, zero, {**CONV, "inputs": [1]}, {"kind": "add", "inputs": [0, 2]}])
    assert net.params == 216 + 576  # a convolution of zeros runs
    cut = made([CONV, zero, {**CONV, "inputs": [1]}])
    assert cut.params == 576
    assert len(counting(cut)) == 2
    both = [CONV, zero, zero, {"kind": "add", "inputs": [1, 2]}, {**CONV, "inputs": [3]}]
    assert made(both).params == 576


def test_a_runtime_that_executes_every_row_charges_every_row() -> None:
    zero = {"kind": "pool", "mode": "zero", "kernel": 1, "inputs": [0]}
    net = made([CONV, DEAD, zero, {"kind": "add", "inputs": [0, 2]}], [3])
    passed = {**zero, "mode": "avg"}
    whole = made([CONV, DEAD, passed, {"kind": "add", "inputs": [0, 2]}], [1, 3])
    assert every_row(net) == whole
    assert every_row(whole) is whole
    eager, other = flash.Target.load("gtx-1080ti"), flash.Target.load("pixel-3")
    assert (eager.runs_every_row, other.runs_every_row) == (True, False)
    assert eager.cost(net).latency_ms == eager.cost(whole).latency_ms
    assert other.cost(net).latency_ms < other.cost(whole).latency_ms
    data = {**other.to_dict(), "parameters": {"runs_every_row": 1}}
    with pytest.raises(FormatError, match=r"parameters.runs_every_row must be True or False"):
        flash.Target.from_dict(data)


LIST: list[dict[str, Any]] = [
    {"kind": "conv", "in_channels": 3, "out_channels": 8, "height": 16, "width": 16, "kernel": 3},
    {"kind": "conv", "in_channels": 8, "out_channels": 4, "height": 5, "width": 5},
    {"kind": "add", "in_channels": 4, "height": 5, "width": 5},
    {"kind": "linear", "in_channels": 4, "out_channels": 10, "bias": True},
]


def test_a_list_without_connections_has_counts_and_costs() -> None:
    net = Network.from_layers(LIST, connected=False)
    assert (net.params, net.macs) == (216 + 32 + 50, 216 * 256 + 32 * 25 + 40)
    for name in ("rram", "cpu-x86", "gtx-1080ti"):
        target = flash.Target.load(name)
        cost = target.cost(net)
        assert len(cost.by_layer) == 4
        assert all(one.latency_ms > 0 for one in cost.by_layer[:2])
        assert target.interval(net)["latency_ms"][1] > cost.latency_ms
    assert flash.Target.load("gtx-1080ti").cost(net).by_layer[2].latency_ms > 0
    assert Network.from_json(net.to_json()) == net
    assert json.loads(net.to_json())["connected"] is False
    assert "4 layers, 298 params" in str(net)
    assert net.input_shape == SHAPE
    assert Network(net.layers, SHAPE, connected=False) == net
    assert Network.from_layers(LIST[3:], connected=False).input_shape == (4, 1, 1)


def test_what_needs_connections_refuses_a_list_without(predictor: flash.AccuracyPredictor) -> None:
    net = Network.from_layers(LIST, connected=False)
    for what in (flash.nn_degree, flash.nn_mass, predictor.predict):
        with pytest.raises(ArgumentError, match="needs to know which layers read which, got a"):
            what(net)


@pytest.mark.torch
def test_a_list_without_connections_cannot_run() -> None:
    pytest.importorskip("torch")
    net = Network.from_layers(LIST, connected=False)
    for runtime in ("torch", "onnxruntime"):
        with pytest.raises(ArgumentError, match="needs to know which layers read which"):
            flash.measure(net, passes=1, time_limit_s=0.1, runtime=runtime)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": [0]}, r"layers\[1\] \(conv\): inputs must be left out with connected=False"),
        ({"height": None}, r"layers\[1\]: height must be"),
    ],
)
def test_bad_lists_without_connections(change: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        Network.from_layers([LIST[0], {**LIST[1], **change}], connected=False)
    with pytest.raises(FormatError, match=r"layers\[0\] \(conv\) lacks 'height'"):
        Network.from_layers([{**CONV, "in_channels": 3}], connected=False)
    with pytest.raises(ArgumentError, match="outputs must be left out with connected=False"):
        Network.from_layers(LIST, outputs=[0], connected=False)
    with pytest.raises(ArgumentTypeError, match="connected must be True or False"):
        Network.from_layers(LIST, connected=0)  # type: ignore[arg-type]


def test_a_missing_pool_is_told_with_its_remedy() -> None:
    rows = [CONV, {"kind": "linear", "in_channels": 8, "out_channels": 10}]
    with pytest.raises(ArgumentError, match=r"got 8 x 1 x 1; put a pool of mode 'global_avg'") as e:
        made(rows)
    assert "or pass connected=False" in str(e.value)
    with pytest.raises(ArgumentError, match=r"; pass connected=False for a list"):
        made([CONV, {**CONV, "in_channels": 4}])
    assert made([CONV, {"kind": "pool", "mode": "global_avg"}, rows[1]]).params == 216 + 80
