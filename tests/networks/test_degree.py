"""NN-Degree and NN-Mass: against hand computation, the published log, and the layers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import nn_mass_fixture

from flash.errors import ArgumentError, ArgumentTypeError
from flash.networks.architecture import FAMILIES, Architecture, Cell
from flash.networks.degree import cell_degree_fixed, degree_fixed, density, nn_degree, nn_mass
from flash.networks.network import Layer, Network
from flash.networks.topology import of_architecture

ADDITION_FAMILIES = st.sampled_from(["resnet", "wide-resnet", "mobilenet-v2"])
CELLS = st.lists(
    st.tuples(st.integers(1, 300), st.integers(1, 30), st.integers(0, 900)),
    min_size=1,
    max_size=4,
)


def used(width: int, depth: int, cap: int) -> int:
    return sum(min(cap, width * (layer - 1)) for layer in range(2, depth))


@settings(deadline=None)
@given(CELLS)
def test_concatenation(cells: list[tuple[int, int, int]]) -> None:
    arch = Architecture("densenet", [Cell(*cell) for cell in cells])
    fixed = [
        round(w * d * (2.0**36 / d)) + round(w * used(w, d, t) * (2.0**36 / (w * d)))
        for w, d, t in cells
    ]
    assert degree_fixed(arch) == sum(fixed)
    assert nn_degree(arch) == sum(fixed) * 2.0**-36
    exact = sum(w + Fraction(used(w, d, t), d) for w, d, t in cells)
    assert nn_degree(arch) == pytest.approx(float(exact), rel=1e-15, abs=6e-11)
    channels = sum(w + Fraction(used(w, d, t), w * d) for w, d, t in cells)
    assert nn_degree(arch, counting="channels") == pytest.approx(
        float(channels), rel=1e-15, abs=6e-11
    )


@settings(deadline=None)
@given(CELLS)
def test_arrays_equal_architectures(cells: list[tuple[int, int, int]]) -> None:
    arch = Architecture("densenet", [Cell(*cell) for cell in cells])
    w, d = [c[0] for c in cells], [c[1] for c in cells]
    links = [cell[0] * used(*cell) for cell in cells]
    for counting in ("links", "channels"):
        one = nn_degree(w, d, links, counting=counting)
        assert type(one) is float
        assert one == nn_degree(arch, counting=counting)
        many = nn_degree(np.tile(w, (2, 3, 1)), np.tile(d, (2, 3, 1)), links, counting=counting)
        assert many.shape == (2, 3)
        assert (many == one).all()
    assert nn_mass(w, d, links) == pytest.approx(nn_mass(arch), rel=1e-14)
    assert tuple(density(w, d, links)) == pytest.approx(density(arch), rel=1e-14)


@settings(deadline=None)
@given(st.sampled_from(FAMILIES), CELLS, st.integers(1, 6), st.sampled_from([32, 96]))
def test_networks_equal_architectures(
    family: str, cells: list[tuple[int, int, int]], expansion: int, resolution: int
) -> None:
    e = expansion if family == "mobilenet-v2" else 1
    chosen = [Cell(w, min(d, 8), t, e) for w, d, t in cells]
    arch = Architecture(family, chosen, resolution)
    net = arch.network()
    for counting in ("links", "channels"):
        assert nn_degree(net, counting=counting) == nn_degree(arch, counting=counting)
    assert nn_mass(net) == pytest.approx(nn_mass(arch), rel=1e-12)
    assert density(net) == density(arch)


def test_unlabelled_cells_are_runs_of_one_output_size() -> None:
    arch = Architecture("densenet", [Cell(16, 5, 48), Cell(32, 6, 16), Cell(64, 8, 16)])
    net = arch.network()
    bare = Network([layer.replace(cell=None) for layer in net.layers], net.input_shape)
    assert nn_degree(bare) == nn_degree(arch)
    assert nn_mass(bare) == nn_mass(arch)


def test_numbers_of_the_papers() -> None:
    """(w, d, t) = (32, 13, 40), (64, 13, 80), (32, 30, 100): NN-Degree 65.2, 130.5, 121.7."""
    for cell, degree, mass in (
        (Cell(32, 13, 40), 65.2, 85.1),
        (Cell(64, 13, 80), 130.5, 170.2),
        (Cell(32, 30, 100), 121.7, 198.9),
    ):
        arch = Architecture("densenet", [cell])
        assert nn_degree(arch) == pytest.approx(degree, abs=0.06)
        assert nn_mass(arch) == pytest.approx(mass, abs=0.06)


def test_nn_mass_log() -> None:
    """Density and NN-Mass of the one configuration in SLDGroup/NN_Mass's log."""
    f = nn_mass_fixture
    cells = [Cell(w, f.DEPTH, t) for w, t in zip(f.WIDTHS, f.CAPS, strict=True)]
    arch = Architecture("densenet", cells)
    links = [w * used(w, f.DEPTH, t) for w, t in zip(f.WIDTHS, f.CAPS, strict=True)]
    assert nn_mass(arch) == nn_mass(f.WIDTHS, f.DEPTH, links) == f.NN_MASS
    assert [round(one, 8) for one in density(arch)] == list(f.DENSITY)
    assert [round(one, 8) for one in density(f.WIDTHS, f.DEPTH, links)] == list(f.DENSITY)


@settings(deadline=None)
@given(ADDITION_FAMILIES, CELLS, st.integers(1, 6))
def test_arrays_of_addition_cells(
    family: str, cells: list[tuple[int, int, int]], expansion: int
) -> None:
    """Widths are means: w d is the sum that they come from."""
    e = expansion if family == "mobilenet-v2" else 1
    arch = Architecture(family, [Cell(w, d, t, e) for w, d, t in cells])
    sums = of_architecture(arch)
    widths = [cell.width_sum / cell.convs for cell in sums]
    links = [cell.links for cell in sums]
    assert nn_degree(widths, [cell.convs for cell in sums], links) == nn_degree(arch)


def test_addition_by_hand() -> None:
    """Basic blocks: w + SC / (w n) with n = 2 convolutions a block, none on stride blocks."""
    arch = Architecture("resnet", [Cell(16, 3, 16), Cell(32, 3, 8)])
    first = 16 + 3 * 16 * 16 / (16 * 6)
    second = 32 + 2 * 8 * 32 / (32 * 6)
    assert nn_degree(arch) == pytest.approx(first + second, rel=1e-12)
    assert nn_mass(arch) == 3 * (16 + 16) + 2 * (32 + 32) * 8 / 32
    assert density(arch) == (1.0, 0.25)


def test_inverted_residuals_by_hand() -> None:
    cells = [Cell(16, 1, 16, 1), Cell(24, 3, 24, 6)]
    arch = Architecture("mobilenet-v2", cells)
    first = (32 + 16) / 2
    outs = [96, 96, 24, 144, 144, 24, 144, 144, 24]
    second = sum(outs) / 9 + 2 * 24 * 24 / sum(outs)
    assert nn_degree(arch) == pytest.approx(first + second, rel=1e-12)
    hidden = 24 * 6
    assert nn_mass(arch) == pytest.approx(2 * (24 + 2 * hidden) * 24 / (2 * 24 + hidden))
    # Without an expansion layer the published formula gives the input's width.
    assert nn_mass(Architecture("mobilenet-v2", [Cell(8, 3, 8, 1)])) == 2 * 8


def test_bottleneck_network() -> None:
    """A residual around three convolutions, from a table of layers: (i + 2h) i / (2i + h)."""
    net = Network.from_layers(
        [
            {"kind": "conv", "out_channels": 64, "kernel": 3},
            {"kind": "conv", "out_channels": 16, "kernel": 1},
            {"kind": "conv", "out_channels": 16, "kernel": 3},
            {"kind": "conv", "out_channels": 64, "kernel": 1},
            {"kind": "add", "inputs": [0, 3]},
        ],
        (3, 8, 8),
    )
    assert nn_mass(net) == pytest.approx((64 + 2 * 16) * 64 / (2 * 64 + 16))
    outs = 64 + 16 + 16 + 64
    assert nn_degree(net) == pytest.approx(outs / 4 + 64 * 64 / outs)


def test_projection_shortcut() -> None:
    """The block starts where the two paths part."""
    net = Network.from_layers(
        [
            {"kind": "conv", "out_channels": 8, "kernel": 3},
            {"kind": "conv", "out_channels": 16, "kernel": 1, "inputs": [0]},
            {"kind": "conv", "out_channels": 16, "kernel": 3, "inputs": [0]},
            {"kind": "conv", "out_channels": 16, "kernel": 3},
            {"kind": "add", "inputs": [3, 1]},
        ],
        (3, 8, 8),
    )
    assert nn_mass(net) == (8 + 16) * 16 / 8


def test_networks_without_cells_or_skips() -> None:
    assert nn_degree(Network([Layer("linear", 12, 3)], (3, 2, 2))) == 0.0
    chain = Network([Layer("conv", 3, 8, 4, 4), Layer("conv", 8, 4, 4, 4)], (3, 4, 4))
    assert nn_degree(chain) == 6.0
    assert nn_mass(chain) == 0.0
    image = [{"kind": "conv", "out_channels": 3, "kernel": 3}, {"kind": "add", "inputs": [0, -1]}]
    assert nn_degree(Network.from_layers(image, (3, 4, 4))) == 3 + 3 * 3 / 3


def test_batches() -> None:
    archs = [Architecture("resnet", [Cell(16, depth, 8)]) for depth in (1, 2, 3)]
    assert nn_degree(archs).tolist() == [nn_degree(arch) for arch in archs]
    assert nn_mass(archs).tolist() == [nn_mass(arch) for arch in archs]


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 100), st.integers(0, 10**9))
def test_fixed_point_rounds_half_to_even_as_rint(total: int, convs: int, links: int) -> None:
    width, skips = total * (2.0**36 / convs), links * (2.0**36 / total)
    assert cell_degree_fixed(total, convs, links) == int(np.rint(width)) + int(np.rint(skips))


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        ((3,), ArgumentTypeError, "net must be an Architecture"),
        (("densenet",), ArgumentTypeError, "net must be an Architecture"),
        (([16], [5]), ArgumentTypeError, "links must be an array"),
        (([16], None, [5]), ArgumentTypeError, "depths must be an array"),
        ((Architecture("resnet", [Cell(8, 1)]), [5], [5]), ArgumentTypeError, "widths must be"),
        ((["a"], [5], [5]), ArgumentTypeError, "widths must be numbers"),
        (([float("nan")], [5], [5]), ArgumentError, "widths must be from 1 to"),
        (([0], [5], [5]), ArgumentError, "widths must be from 1 to"),
        (([16], [0], [5]), ArgumentError, "depths must be from 1 to"),
        (([16], [5], [-1]), ArgumentError, "links must be from 0 to"),
        (([16, 32], [5, 5, 5], [1]), ArgumentError, r"one shape \(..., cells\), got \(2,\)"),
        (([1e300], [5], [1]), ArgumentError, r"from 1 to 2\*\*60"),
        (([1e9], [5], [1]), ArgumentError, r"below 2\*\*26"),
    ],
)
def test_bad_input(args: tuple[Any, ...], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        nn_degree(*args)


def test_unknown_counting() -> None:
    with pytest.raises(ArgumentError, match="did you mean 'links'"):
        nn_degree(Architecture("resnet", [Cell(8, 1)]), counting="link")


def test_the_main_path_is_the_deepest() -> None:
    """A shortcut's convolution after the body's is a skip; branches of one depth are none."""
    conv = {"kind": "conv", "out_channels": 8, "kernel": 3}
    rows: list[dict[str, Any]] = [
        conv,
        conv,
        {**conv, "kernel": 1, "inputs": [-1]},  # a projection, listed after what it skips
        {"kind": "add", "inputs": [2, 1]},
    ]
    net = Network.from_layers(rows, (4, 8, 8))
    assert nn_degree(net) == pytest.approx(8 + 8 * 8 / (8 * 3), abs=1e-9)
    assert nn_degree(net, counting="channels") == pytest.approx(8 + 8 / (8 * 3), abs=1e-9)
    branches = [conv, {**conv, "inputs": [-1]}, {"kind": "concat", "inputs": [0, 1]}, conv]
    assert nn_degree(Network.from_layers(branches, (4, 8, 8))) == 8
    longer = [conv, conv, {"kind": "concat", "inputs": [1, 0]}, conv]  # channels of layer 0 skip
    net = Network.from_layers(longer, (4, 8, 8))
    assert nn_degree(net) == pytest.approx(8 + 8 * 8 / (8 * 3), abs=1e-9)


def test_concatenations_have_links_within_their_cell_alone() -> None:
    conv = {"kind": "conv", "out_channels": 8, "kernel": 3}

    def degree(*cells: int | None) -> Any:
        rows: list[dict[str, Any]] = [
            conv,
            conv,
            {"kind": "concat", "inputs": [1, 0]},  # channels of row 0 skip row 1
            {**conv, "inputs": [2]},
        ]
        told = [{**row, "cell": cell} for row, cell in zip(rows, cells, strict=True)]
        return nn_degree(Network.from_layers(told, (4, 8, 8)))

    inside = 8 + 8 * 8 / (8 * 3)
    assert degree(0, 0, 0, 0) == pytest.approx(inside, abs=1e-9)
    assert degree(0, 0, None, 0) == pytest.approx(inside, abs=1e-9)
    # behind the cell's end: two cells of width 8, none of which has a link
    assert degree(0, 0, 0, 1) == 16
    assert degree(0, 0, None, 1) == 16
