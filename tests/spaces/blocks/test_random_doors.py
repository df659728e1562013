"""Random spaces of blocks: several networks, fronts, memory and conditions against enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from twins.block_spaces import spaces

import flash
from flash.errors import ArgumentError

pytestmark = pytest.mark.slow

TARGETS = st.sampled_from(
    [flash.Target.load(name) for name in ("cpu-x86", "raspberry-pi-4", "rram", "gtx-1080ti")]
)
SHARE = st.floats(0, 1)
SOME = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
AMBIGUOUS = "depends on what stands before"


def table_of(space: flash.BlockSpace, target: flash.Target) -> Any:
    rows = [space.numbering.row_at(flat) for flat in range(space.size)]
    try:
        return flash.evaluate(space, target, np.array(rows, np.int64).reshape(space.size, -1))
    except ArgumentError as error:
        assume(AMBIGUOUS not in str(error))
        raise


@SOME
@given(spaces(most=200), TARGETS, SHARE, st.integers(1, 4))
def test_the_best_few(space: flash.BlockSpace, target: flash.Target, share: float, k: int) -> None:
    """Networks of the same blocks, whose skips lie elsewhere in a cell, are found once."""
    table = table_of(space, target)
    most = float(np.quantile(table["latency_ms"], share))
    scores = {}
    for flat in np.flatnonzero(table["latency_ms"] <= most).tolist():
        net = space.decode(flat)
        cells = tuple((cell, one.name.partition(":")[2]) for cell, one in net.labelled())
        scores[space.numbering.rows_of(net.row)[0], cells] = table["nn_degree"][flat]
    found = flash.search(space, target, max_latency_ms=most, k=k)
    degrees = [found.nn_degree, *(one.nn_degree for one in found.alternatives or ())]
    assert degrees == pytest.approx(sorted(scores.values(), reverse=True)[:k], rel=1e-12)


@SOME
@given(spaces(most=200), TARGETS)
def test_fronts(space: flash.BlockSpace, target: flash.Target) -> None:
    table = table_of(space, target)
    score, latency = table["nn_degree"], table["latency_ms"]
    best = set()
    for one, other in zip(score, latency, strict=True):
        no_worse = (score >= one) & (latency <= other)
        if not (no_worse & ((score > one) | (latency < other))).any():
            best.add((round(float(one), 9), float(other)))
    front = flash.pareto(space, target, ("accuracy", "latency_ms"))
    found = zip(front.nn_degree, front.latency_ms, strict=True)
    assert {(round(float(one), 9), float(other)) for one, other in found} == best


@SOME
@given(spaces(most=200), TARGETS, SHARE, SHARE)
def test_memory(space: flash.BlockSpace, target: flash.Target, peak: float, weights: float) -> None:
    table = table_of(space, target)
    nets = [space.decode(flat) for flat in range(space.size)]
    peaks = np.array([net.peak_memory_kib for net in nets])
    sizes = np.array([net.weights_kib for net in nets])
    most, largest = float(np.quantile(peaks, peak)), float(np.quantile(sizes, weights))
    try:
        found = flash.search(space, target, max_memory_kib=most, max_weights_kib=largest)
    except ArgumentError as error:
        assume(AMBIGUOUS not in str(error))
        raise
    within = (peaks <= most) & (sizes <= largest)
    assert found.success == within.any()
    if not within.any():
        return
    assert found.proven
    assert found.nn_degree == pytest.approx(table["nn_degree"][within].max(), rel=1e-12)
    assert within[space.index(found.x)]


@SOME
@given(spaces(most=200), TARGETS, st.data())
def test_conditions(space: flash.BlockSpace, target: flash.Target, data: Any) -> None:
    """Each name of a choice, as its network has it."""
    table = table_of(space, target)
    told = [facts(space, space.decode(flat)) for flat in range(space.size)]
    names = sorted({name for one in told for name in one})
    assume(names)
    name = data.draw(st.sampled_from(names))
    values = [one.get(name) for one in told]
    some = sorted({one for one in values if one is not None})
    value = data.draw(st.sampled_from(some))
    if isinstance(value, str):
        where, within = f"{name} == '{value}'", np.array([one == value for one in values])
    else:
        where, within = f"{name} <= {value}", np.array([one <= value for one in values])
    found = flash.search(space, target, where=where)
    assert found.proven
    assert within[space.index(found.x)]
    assert found.nn_degree == pytest.approx(table["nn_degree"][within].max(), rel=1e-12)


def facts(space: flash.BlockSpace, net: flash.BlockNetwork) -> dict[str, Any]:
    """What conditions may say of a network: worked out from its choices."""
    chosen = dict(zip(space.variables, net.row, strict=True))
    found: dict[str, Any] = {}
    for name, at in chosen.items():
        kind, _, stage = name.partition("_")
        value = space.choices_of(name)[at]
        if kind != "block":
            found[name] = value
            continue
        number = next(
            k
            for k, (known, one) in enumerate(zip(space.stage_names, space.all_stages, strict=True))
            if stage in (known, *(f"{known}_{place}" for place in range(max(one.depths))))
        )
        of, owner = space.stage_names[number], space.all_stages[number]
        place = 0 if stage == of else int(stage.rpartition("_")[2])
        depth = owner.depths[0]
        if f"depth_{of}" in chosen:
            depth = space.choices_of(f"depth_{of}")[chosen[f"depth_{of}"]]
        if owner.shared or place < depth:
            found[name] = value
            found[f"option_{stage}"] = value.partition(" ")[0]
    return found
