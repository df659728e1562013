"""What a kind of target counts of an operation, against plain twins."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import reference

from flash._core import compile as core
from flash.hardware import KINDS, costing
from flash.network import Layer, Network


def charged(
    kind: str, operation: tuple[int, ...], array: tuple[int, int] = (512, 512)
) -> list[float]:
    """Features by way of `Model.charge`: one coefficient of 1 at a time, in units of 1/256."""
    result = []
    count = len(KINDS[kind].FEATURES)
    for feature in range(count):
        rows = [[0.0, float(i == feature), *[0.0] * 5] for i in range(count)]
        model = core.Model(kind, rows, (2.0**-8,) * 6, {}, array)
        result.append(model.charge([operation])[0][1] / 256)
    return result


channels = st.one_of(st.integers(1, 70), st.integers(1, 5000), st.sampled_from([16, 64, 512]))


@settings(max_examples=300)
@given(
    st.integers(1, 12),
    channels,
    channels,
    st.integers(1, 130),
    st.integers(1, 130),
    st.sampled_from([512, 512, 256, 1024, 2048]),
)
def test_rram_features(
    kernel: int, into: int, out: int, height: int, width: int, tile: int
) -> None:
    operation = (0, kernel, into, out, 1, height, width)
    expected = reference.rram_features(kernel, into, out, height * width, tile)
    assert charged("rram", operation, (tile, tile)) == expected
    for other in (1, 2, 3):
        assert charged("rram", (other, *operation[1:]), (tile, tile)) == [0.0] * 16


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
    own = (into * groups, out * groups, groups, *size, kernel, *begun, height * width)
    operation = (0, kernel, *own)
    assert costing.operations(Network([layer], (into * groups, height, width))) == [[operation]]
    m = begun[0] * begun[1]
    expected = reference.systolic_cycles(m, kernel**2 * into, out, groups, rows, columns)
    assert charged("systolic", operation, (rows, columns)) == list(expected)
    assert charged("systolic", (1, *operation[1:]), (rows, columns)) == [0.0] * 2
