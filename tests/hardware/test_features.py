"""What a kind of target counts of an operation, against plain twins."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twins import reference

from flash._core.model import compile as core
from flash.hardware import KINDS, costing
from flash.networks.network import Layer, Network


def carried(feature: int, count: int) -> list[list[float]]:
    """Coefficients of a model whose latency is one feature."""
    rows = [[0.0] * 12 for _ in range(count)]
    rows[feature][1] = 1.0
    return rows


def charged(
    kind: str, operation: tuple[int, ...], array: tuple[int, ...] = (512, 512)
) -> list[float]:
    """Features by way of `Model.charge`: one coefficient of 1 at a time, in units of 1/256."""
    result = []
    count = len(KINDS[kind].FEATURES)
    between = 3 if kind == "rram" else 0  # a mesh's, of two layers: see test_mesh.py
    for feature in range(count - between):
        model = core.Model(kind, carried(feature, count), (2.0**-8,) * 6, {}, array)
        result.append(model.charge([operation])[0][1] / 256)
    return result


channels = st.one_of(st.integers(1, 70), st.integers(1, 5000), st.sampled_from([16, 64, 512]))


FRACTIONS = ("adc_cycles", "in_words", "out_words", "roots")  # all others are whole numbers


@st.composite
def chips(draw: st.DrawFn) -> tuple[int, int, int]:
    """Sides of a tile and of a subarray in cells, and columns a weight: mostly the usual ones."""
    if draw(st.booleans()):
        return 512, 128, 8
    tile = draw(st.sampled_from([256, 512, 1024, 2048]))
    side = draw(st.sampled_from([one for one in (32, 64, 128, 256) if one <= tile // 2]))
    return tile, side, draw(st.sampled_from([1, 2, 4, 8]))


@settings(max_examples=500)
@given(
    st.one_of(st.integers(1, 3), st.integers(1, 12)),
    channels,
    channels,
    st.integers(1, 130),
    st.integers(1, 130),
    st.integers(0, 6),
    chips(),
)
def test_rram_features(
    kernel: int, into: int, out: int, height: int, width: int, pad: int, chip: tuple[int, int, int]
) -> None:
    tile, side, each = chip
    positions, padded = height * width, (height + pad) * (width + pad)
    operation = (0, kernel, into, out, 1, height, width, kernel, height, width, positions, padded)
    got = charged("rram", operation, (tile, tile, side, each))
    expected = reference.rram_features(kernel, into, out, positions, tile, padded, side, each)
    for name, one, other in zip(KINDS["rram"].FEATURES, got, expected, strict=False):
        if name in FRACTIONS:  # rounded to 1/256
            assert abs(one - other) <= 2.0**-9 + 2.0**-48 * other, name
        else:
            assert one == other, name
    for kind in (1, 2, 3):
        assert charged("rram", (kind, *operation[1:]), (tile, tile, side, each)) == [0.0] * 20


@settings(max_examples=300)
@given(st.one_of(st.integers(1, 3), st.integers(1, 12)), channels, channels, chips())
def test_how_much_more_a_layer_leaks(
    kernel: int, into: int, out: int, chip: tuple[int, int, int]
) -> None:
    """The columns of leaking latency beside those of latency: of the layer's own, of its inputs."""
    tile, side, each = chip
    unit, step = 2.0**-16, 0.25
    rows = [[0.0] * 12 for _ in KINDS["rram"].FEATURES]
    rows[KINDS["rram"].FEATURES.index("in_tile")][1] = 1.0
    rows[KINDS["rram"].FEATURES.index("in_chip")][2] = 1.0
    model = core.Model("rram", rows, (unit,) * 6, {"leak_step": step}, (tile, tile, side, each))
    column = model.charge([(0, kernel, into, out, 1, 8, 8)])[0]
    factor = 1 + step * reference.rram_leak_steps(kernel, into, out, tile, side, each)
    assert column[1] > 0
    assert column[7:9] == (factor * column[1], factor * column[2])
    plain = core.Model("rram", rows, (unit,) * 6, {}, (tile, tile, side, each))
    assert plain.charge([(0, kernel, into, out, 1, 8, 8)])[0][7:9] == (0.0, 0.0)


@settings(max_examples=300)
@given(
    st.sampled_from([0, 0, 1, 2, 3]),
    st.integers(1, 12),
    channels,
    channels,
    st.sampled_from([1, 2, 3, "all"]),
    st.integers(1, 130),
    st.integers(1, 130),
    st.sampled_from(["cpu", "gpu"]),
)
def test_cpu_features(
    one: int, kernel: int, into: int, out: int, groups: Any, height: int, width: int, kind: str
) -> None:
    groups = into if groups == "all" else groups
    into, out = into * groups // groups, out * groups
    into += -into % groups
    operation = (one, kernel, into, out, groups, height, width)
    expected = reference.cpu_features(one, kernel, into, out, groups, height, width)
    assert charged(kind, operation) == expected


@settings(max_examples=200)
@given(
    st.sampled_from([0, 7, 8]),
    st.integers(1, 12),
    channels,
    channels,
    st.sampled_from([1, 4]),
    st.sampled_from([1, 1, 2, 50]),
)
def test_cpu_features_along_one_axis(
    one: int, kernel: int, into: int, out: int, groups: int, height: int
) -> None:
    """Kernels of width 1 on maps of width 1; linear layers of one position and of several."""
    operation = (one, kernel, into * groups, out * groups, groups, height, 1, 1, height, 1)
    expected = reference.cpu_features(one, kernel, *operation[2:7], across=1)
    assert charged("cpu", operation) == expected


SUB_KINDS = (*reference.PASSES, "unroll", "reorder", *reference.SLOW)


@given(st.sampled_from(SUB_KINDS), *[st.integers(1, 2**40)] * 3)
def test_passes(sub: str, reads: int, writes: int, about: int) -> None:
    operation = (4, SUB_KINDS.index(sub), reads, writes, about, 1, 1, 1, 1, 1, 1, 1)
    assert charged("cpu", operation) == reference.pass_features(sub, reads, writes, about)
    assert charged("systolic", operation, (32, 32)) == [0.0] * 2
    assert charged("rram", operation) == [0.0] * 20


@given(*[st.integers(1, 300)] * 3, st.integers(1, 12))
def test_products_of_computed_values(rows: int, inner: int, columns: int, groups: int) -> None:
    """A systolic array multiplies them as any other matrices; crossbars hold weights alone."""
    shape = (groups * inner, groups * columns, groups, rows, 1, 1, rows, 1, rows, rows)
    expected = reference.product_features(rows, inner, columns, groups)
    assert charged("cpu", (5, 1, *shape)) == expected
    cycles = reference.systolic_cycles(rows, inner, columns, groups, 32, 32)
    assert charged("systolic", (5, 1, *shape), (32, 32)) == list(cycles)
    assert charged("rram", (5, 1, *shape)) == [0.0] * 20


@given(
    *[st.integers(1, 300)] * 2, st.sampled_from([1, 3, 4]), st.integers(1, 2), st.integers(1, 99)
)
def test_recurrent_layers(into: int, hidden: int, gates: int, ways: int, steps: int) -> None:
    shape = (into + hidden, gates * hidden * ways, ways, steps, 1, hidden, steps, 1, steps, steps)
    expected = reference.recurrent_features(into, hidden, gates, ways, steps)
    assert charged("gpu", (6, gates, *shape)) == expected
    for kind in ("systolic", "rram"):
        assert not any(charged(kind, (6, gates, *shape), (512, 512)))


@pytest.mark.slow
@settings(max_examples=300)
@given(
    st.integers(1, 12),
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from([1, 1, 2, 7, 64]),
    st.integers(1, 4),
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(1, 200),
    st.integers(1, 200),
)
def test_systolic_features(
    kernel: int,
    into: int,
    out: int,
    groups: int,
    stride: int,
    height: int,
    width: int,
    rows: int,
    columns: int,
) -> None:
    assume(kernel <= min(height, width) + 2 * (kernel // 2))
    layer = Layer("conv", into * groups, out * groups, height, width, kernel, stride, groups=groups)
    size = (layer.out_height, layer.out_width)
    begun = [reference.begun_positions(side, kernel, stride) for side in (height, width)]
    padded = (height + 2 * (kernel // 2)) * (width + 2 * (kernel // 2))
    own = (into * groups, out * groups, groups, *size, kernel, *begun, height * width, padded)
    operation = (0, kernel, *own)
    assert costing.operations(Network([layer], (into * groups, height, width))) == [[operation]]
    m = begun[0] * begun[1]
    expected = reference.systolic_cycles(m, kernel**2 * into, out, groups, rows, columns)
    assert charged("systolic", operation, (rows, columns)) == list(expected)
    assert charged("systolic", (1, *operation[1:]), (rows, columns)) == [0.0] * 2
