"""Random spaces of blocks: numbering, costs and proven answers against all networks one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from twins.block_spaces import spaces

import flash
from flash.errors import ArgumentError
from flash.networks.degree import nn_degree
from flash.networks.network import Network
from flash.predictors.score import TopologyScore
from flash.problem.blocks import peaks_of, weights_of

TARGETS = [flash.Target.load(name) for name in ("cpu-x86", "raspberry-pi-4", "rram", "gtx-1080ti")]
SCORE = TopologyScore(-1.0, (0.7, -0.3, 0.05, 0.1, 0.02), (0.05, -0.02), -0.37)
PREDICTOR = flash.AccuracyPredictor(topology=SCORE)
QUICK = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@QUICK
@given(spaces(most=1_000))
def test_numbers_rows_and_places(space: flash.BlockSpace) -> None:
    """Every flat index is one row of choice indices, one place in tables, and one network."""
    numbering = space.numbering
    rows = [numbering.row_at(flat) for flat in range(space.size)]
    assert len(set(rows)) == space.size
    assert [numbering.flat_of(row) for row in rows] == list(range(space.size))
    for row in rows:
        variant, places = numbering.rows_of(row)
        assert numbering.row_of(variant, places) == row
        assert numbering.checked_row(row) == row
    array = np.array(rows, np.int64).reshape(space.size, len(space.variables))
    variants, places = numbering.places_of(array)
    assert (numbering.choices_at(variants, places) == array).all()
    assert (numbering.canonical(array) == array).all()
    for row, variant, placed in zip(rows, variants, places, strict=True):
        layout = numbering.layouts[variant]
        own = [at % cell.rows for at, cell in zip(placed, layout.cells, strict=False)]
        assert (variant, tuple(own)) == numbering.rows_of(row)


@QUICK
@given(spaces(most=1_000))
def test_networks_are_distinct(space: flash.BlockSpace) -> None:
    """All networks differ in what was chosen, and no choice is left out."""
    seen = set()
    for flat in range(space.size):
        net = space.decode(flat)
        assert space.encode(net) == net.row
        assert net == space.decode(net.row)
        seen.add(chosen(space, net.row))
    assert len(seen) == space.size == count(space)


def chosen(space: flash.BlockSpace, row: Any) -> tuple[Any, ...]:
    """Choices by variable, without those of blocks that the network has not."""
    numbering = space.numbering
    found = {
        name: space.choices_of(name)[at] for name, at in zip(space.variables, row, strict=True)
    }
    for name, stage in zip(numbering.names, numbering.stages, strict=True):
        depth = found.get(f"depth_{name}", stage.depths[0])
        for place in range(depth, max(stage.depths)):
            found.pop(f"block_{name}_{place}", None)
    return tuple(found.items())


def count(space: flash.BlockSpace) -> int:
    """How many networks there are, stage by stage."""
    found = len(space.inputs)
    incoming: tuple[Any, ...] = (3,)
    for stage in space.all_stages:
        own = incoming if stage.widths is None else tuple(stage.widths)
        found *= 1 if stage.widths is None else len(own)
        keeps = stage.stride == 1 and (stage.widths is None or (own == incoming and len(own) == 1))
        every = len(stage.variants)
        first = every - (None in stage.options.values() and not keeps)
        if stage.shared:
            found *= first * len(stage.depths)
        else:
            found *= sum(first * every ** (depth - 1) for depth in stage.depths)
        incoming = own
    return found


@pytest.mark.slow
@QUICK
@given(spaces(most=300), st.data())
def test_tables_say_what_networks_are(space: flash.BlockSpace, data: Any) -> None:
    agree(space, data)


@pytest.mark.slow
@pytest.mark.torch
@settings(QUICK, max_examples=15)
@given(spaces(torch=True, most=60), st.data())
def test_tables_of_torch_modules(space: flash.BlockSpace, data: Any) -> None:
    pytest.importorskip("torch")
    agree(space, data)


@pytest.mark.slow
@pytest.mark.torch
@settings(QUICK, max_examples=15)
@given(spaces(torch=True, most=60), st.integers(0, 59))
def test_modules_of_networks(space: flash.BlockSpace, flat: int) -> None:
    """A network's module, read back, is the network; it has the weights of its seed."""
    torch = pytest.importorskip("torch")
    net = space.decode(flat % space.size)
    assume(net.network().layers[-1].kind != "concat")  # no work where nothing reads it
    module = net.to_torch(seed=7)
    read = Network.from_torch(module, net.input_shape)
    assert (read.params, read.macs) == (net.params, net.macs)
    assert sum(one.numel() for one in module.parameters()) == net.params
    if space.bits == 32:
        assert read.peak_memory_kib == net.peak_memory_kib
        for target in TARGETS:
            assert target.cost(read).latency_ms == target.cost(net).latency_ms
    x = torch.ones(2, *net.input_shape)
    with torch.no_grad():
        one, other = module.eval()(x), net.to_torch(seed=7).eval()(x)
    assert torch.equal(one, other)
    assert tuple(one.shape[1:]) == space.numbering.output_of(net.row)


def compiled(space: flash.BlockSpace, target: flash.Target, predictor: Any) -> Any:
    """All networks of a space evaluated; refused where costs depend on more than tables hold."""
    rows = [space.numbering.row_at(flat) for flat in range(space.size)]
    choices = np.array(rows, np.int64).reshape(space.size, -1)
    try:
        return flash.evaluate(space, target, choices, predictor)
    except ArgumentError as error:
        assert "depends on what stands before" in str(error), error  # noqa: PT017
        assume(False)
        raise


def agree(space: flash.BlockSpace, data: Any) -> None:
    """Assert that tables say of networks what targets, predictor and memory say of each."""
    for target in TARGETS:
        table = compiled(space, target, PREDICTOR)
        some: Any = range(space.size)
        if space.size > 25:
            some = data.draw(st.lists(st.sampled_from(some), min_size=25, max_size=25))
        for flat in some:
            net = space.decode(flat)
            network = net.network()
            cost = target.cost(network)
            for name in target.metrics:
                assert table[name][flat] == getattr(cost, name), (target.name, name, str(net))
            assert table["params"][flat] == network.params == net.params
            assert table["macs"][flat] == network.macs == net.macs
            assert table["nn_degree"][flat] == pytest.approx(nn_degree(network), rel=1e-12)
            predicted = PREDICTOR.predict_one(network)
            assert table["accuracy"][flat] == pytest.approx(predicted, abs=1e-9)
            assert least(space, net, weights_of, sum) == network.weights_kib * 1024
            peak = least(space, net, peaks_of, max)
            assert peak is None or peak == network.peak_memory_kib * 1024


def least(space: flash.BlockSpace, net: Any, of: Any, join: Any) -> float | None:
    """What tables say of a network's memory; None where they refuse."""
    variant, _ = space.numbering.rows_of(net.row)
    places = space.numbering.places_of(np.array([net.row], np.int64).reshape(1, -1))[1][0]
    try:
        return join(cell[at] for cell, at in zip(of(space, variant), places, strict=False))
    except ArgumentError as error:
        if "peak_bytes of" not in str(error):
            raise
        return None


@pytest.mark.slow
@QUICK
@given(
    spaces(most=300),
    st.sampled_from(TARGETS),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["shgo", "exact"]),
    st.booleans(),
)
def test_proven_answers(
    space: flash.BlockSpace,
    target: flash.Target,
    latency: float,
    params: float,
    method: str,
    predicted: bool,
) -> None:
    """A search finds the best of all networks within its budgets."""
    predictor = PREDICTOR if predicted else None
    table = compiled(space, target, predictor)
    limits = {
        "max_latency_ms": float(np.quantile(table["latency_ms"], latency)),
        "max_params": float(np.quantile(table["params"], params)),
    }
    within = np.ones(space.size, bool)
    for name, limit in limits.items():
        within &= table[name.removeprefix("max_")] <= limit
    found = flash.search(space, target, predictor=predictor, method=method, **limits)
    assert found.success == within.any()
    if not within.any():
        return
    score = table["accuracy" if predicted else "nn_degree"]
    assert found.proven
    at = space.index(found.x)
    assert within[at]
    assert score[at] == pytest.approx(score[within].max(), rel=1e-12)
    assert found.latency_ms == table["latency_ms"][at]
    assert found.params == table["params"][at]
