"""What the topology predictor reads: closed forms of architectures against walks over rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash import Architecture, Cell, Network
from flash.errors import ArgumentTypeError
from flash.networks.architecture import FAMILIES
from flash.predictors.cell_terms import BASIS, CellTerms, concatenation_depth, terms_of

COLUMNS = 8


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    family = draw(st.sampled_from(FAMILIES))
    widths = st.sampled_from([1, 8, 16]) | st.integers(1, 150)
    cells = st.builds(Cell, widths, st.integers(1, 10), st.integers(0, 300))
    chosen = draw(st.lists(cells, min_size=1, max_size=4))
    if family == "mobilenet-v2":
        kernel, expansion = st.sampled_from([1, 3, 5]), st.integers(1, 6)
        chosen = [c.replace(kernel=draw(kernel), expansion=draw(expansion)) for c in chosen]
    return Architecture(family, chosen, draw(st.integers(1, 230)), draw(st.integers(1, 1000)))


@pytest.mark.slow
@settings(max_examples=300)
@given(architectures())
def test_an_architecture_and_its_network_are_read_alike(arch: Architecture) -> None:
    mine, other = terms_of(arch), terms_of(arch.network())
    assert (mine.macs, mine.params) == (other.macs, other.params) == (arch.macs, arch.params)
    assert len(mine.cells) == len(other.cells) == len(arch.cells)
    for a, b in zip(mine.cells, other.cells, strict=True):
        assert (a.convs, a.params, a.pools) == (b.convs, b.params, b.pools)
        assert a.strides == pytest.approx(b.strides, rel=1e-12)
        assert a.depth == pytest.approx(b.depth, rel=1e-12)
        assert a.spatial == pytest.approx(b.spatial, rel=1e-12, abs=1e-12)
    assert mine.design() == pytest.approx(other.design(), rel=1e-12)


def test_a_chain_is_as_deep_as_it_is_long() -> None:
    cells = [Cell(8, 3), Cell(16, 5)]
    for family, each, first in (("densenet", 1, 0), ("resnet", 2, 1), ("wide-resnet", 2, 1)):
        got = terms_of(Architecture(family, cells)).cells
        assert [c.depth for c in got] == [3 * each + first, 5 * each]
        assert [c.convs for c in got] == [c.depth for c in got]
        assert all(c.basis()[BASIS.index("directness")] == 1.0 for c in got)


def test_a_residual_halves_a_block_by_the_share_of_its_channels() -> None:
    def depth(skips: int) -> float:
        return terms_of(Architecture("resnet", [Cell(16, 4, skips)])).cells[0].depth

    assert depth(0) == 9.0  # the stem and four blocks of two
    assert depth(16) == 5.0  # each block's half path has no convolution
    assert depth(4) == 8.0
    assert depth(99) == depth(16)


def test_a_concatenation_cell_by_hand() -> None:
    # Layer 2 reads 4 channels of layer 1 and 4 of layer 0: (2 + 1) / 2 + 1.
    assert concatenation_depth(4, 3, 99) == 2.5
    # Layer 3: 4 of layer 2 (2.5), and 2 that are of layer 0 or 1 alike (1.5).
    assert concatenation_depth(4, 4, 2) == pytest.approx(
        1 + (4 * (1 + (4 * 2 + 2 * 1) / 6) + 2 * 1.5) / 6
    )
    assert concatenation_depth(4, 9, 0) == 9.0
    assert [concatenation_depth(4, d, 7) for d in (1, 2)] == [1.0, 2.0]


@given(st.integers(1, 64), st.integers(3, 30), st.integers(1, 500))
def test_links_make_a_cell_less_deep(width: int, depth: int, skips: int) -> None:
    more = concatenation_depth(width, depth, skips + 50)
    some = concatenation_depth(width, depth, skips)
    assert 2.0 < more <= some < depth
    assert some < concatenation_depth(width, depth + 1, skips)


def paths(net: Network, row: int) -> Iterator[tuple[float, int, int, int]]:
    """Every path from the image to a row: probability, convolutions, wide ones, pools."""
    if row < 0:
        yield 1.0, 0, 0, 0
        return
    layer = net.layers[row]
    inputs = layer.inputs or ()
    reads = [net.layers[i].out_channels if i >= 0 else net.input_shape[0] for i in inputs]
    whole = sum(reads)
    conv = layer.kind == "conv" or (layer.kind == "linear" and row + 1 < len(net))
    wide, pool = conv and layer.kernel > 1, layer.kind == "pool" and layer.stride == 1
    for source, channels in zip(inputs, reads, strict=True):
        share = channels / whole
        for p, a, b, c in paths(net, source):
            yield p * share, a + conv, b + wide, c + (pool and layer.mode != "global_avg")


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Small networks of one size with joins of all their inputs' channels."""
    rows: list[dict[str, Any]] = [{"kind": "conv", "out_channels": 4, "kernel": 3}]
    channels = [4]
    for _ in range(draw(st.integers(0, 7))):
        source = draw(st.integers(max(0, len(rows) - 3), len(rows) - 1))
        kind = draw(st.sampled_from(["conv", "pool", "add", "concat"]))
        row: dict[str, Any] = {"kind": kind, "inputs": [source]}
        out = channels[source]
        if kind == "conv":
            out = draw(st.sampled_from([4, 6]))
            row |= {"out_channels": out, "kernel": draw(st.sampled_from([1, 3]))}
        elif kind == "pool":
            row |= {"kernel": 3, "stride": 1}
        else:
            others = st.lists(st.integers(0, len(rows) - 1), max_size=2, unique=True)
            more = [i for i in draw(others) if i != source]
            if kind == "add":
                more = [i for i in more if channels[i] == out]
            row["inputs"] = [source, *more]
            out = out if kind == "add" else sum(channels[i] for i in row["inputs"])
        rows.append(row)
        channels.append(out)
    rows += [{"kind": "pool", "mode": "global_avg"}, {"kind": "linear", "out_channels": 7}]
    rows += [{"kind": "linear", "out_channels": 3}]
    return Network.from_layers(rows, (3, 8, 8), [len(rows) - 1])


@settings(max_examples=200)
@given(networks())
def test_depth_is_the_mean_over_all_paths(net: Network) -> None:
    one = Network([layer.replace(cell=0) for layer in net.layers], net.input_shape, net.outputs)
    (cell,) = terms_of(one).cells
    every = list(paths(net, len(net) - 1))
    assert sum(p for p, *_ in every) == pytest.approx(1.0)
    for k, got in enumerate((cell.depth, cell.spatial, cell.pools), 1):
        assert got == pytest.approx(sum(path[0] * path[k] for path in every), abs=1e-12)


@given(networks())
def test_what_the_end_does_not_depend_on_counts_for_nothing(net: Network) -> None:
    rows = [layer.to_dict() for layer in net.layers]
    dead: dict[str, Any] = {"kind": "conv", "inputs": [0], "out_channels": 50, "kernel": 5}
    for row in rows[1:]:
        row["inputs"] = [i + 1 if i > 0 else i for i in row.get("inputs", [rows.index(row) - 1])]
    more = Network.from_layers([rows[0], dead, *rows[1:]], (3, 8, 8), [len(rows)])
    assert (more.params, more.macs) == (net.params, net.macs)
    assert terms_of(more) == terms_of(net)


def test_cells_of_an_unlabelled_network_are_its_sizes() -> None:
    labelled = Architecture("densenet", [Cell(8, 3, 4), Cell(16, 4, 9), Cell(32, 2)]).network()
    rows = [{**layer.to_dict(), "cell": None} for layer in labelled.layers]
    assert terms_of(Network.from_layers(rows)) == terms_of(labelled)


def test_values_of_the_basis() -> None:
    cell = CellTerms(convs=7, params=647, depth=3.0, spatial=8.0, pools=1.0)
    assert cell.basis() == (0.75, 0.5, 3.0, 3.0, 0.2)
    net = Architecture("resnet", [Cell(8, 2, 8)])
    assert len(terms_of(net).design()) == COLUMNS


def test_refuses_what_has_no_layers() -> None:
    with pytest.raises(ArgumentTypeError, match="architectures must be"):
        terms_of("resnet")
