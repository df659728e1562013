"""Ways through networks of any kind: gates, rows that are passed, cells by size and width."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash import Architecture, Cell, Network
from flash.networks.degree import density, nn_degree, nn_mass
from flash.networks.ways import marks_of, ways_of
from flash.predictors.cell_terms import terms_of


def conv(out: int = 8, *inputs: int, **more: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"inputs": list(inputs)} if inputs else {}
    return {"kind": "conv", "out_channels": out, "kernel": 3, **given, **more}


def network(rows: list[dict[str, Any]], shape: tuple[int, int, int] = (3, 16, 16)) -> Network:
    return Network.from_layers(rows, shape)


def blocks(gated: bool, count: int = 3, width: int = 16) -> Network:
    """Residual blocks, with squeeze and excitation or without."""
    rows = [conv(width)]
    for _ in range(count):
        source = len(rows) - 1
        rows += [conv(width, source), conv(width)]
        if gated:
            body = len(rows) - 1
            rows += [
                {"kind": "pool", "mode": "global_avg"},
                {**conv(4), "kernel": 1, "activation": "relu"},
                {**conv(width), "kernel": 1, "activation": "sigmoid"},
                {"kind": "mul", "inputs": [body, body + 3]},
            ]
        rows.append({"kind": "add", "inputs": [source, len(rows) - 1]})
    rows += [{"kind": "pool", "mode": "global_avg"}, {"kind": "linear", "out_channels": 10}]
    return network(rows)


def test_gates_lie_on_no_way() -> None:
    plain, gated = blocks(gated=False), blocks(gated=True)
    assert gated.params > plain.params
    assert nn_degree(gated) == nn_degree(plain)
    assert nn_degree(gated, counting="channels") == nn_degree(plain, counting="channels")
    assert nn_mass(gated) == nn_mass(plain)
    assert density(gated) == density(plain)
    ways = ways_of(gated)
    assert [row for row, inputs in enumerate(ways) if inputs is None] == [
        *(3, 4, 5), *(10, 11, 12), *(17, 18, 19)
    ]  # fmt: skip
    assert ways[6] == (2,)


def test_a_predictor_reads_the_parameters_of_gates_and_no_depth() -> None:
    (plain,), (gated,) = terms_of(blocks(False)).cells, terms_of(blocks(True)).cells
    assert (gated.convs, gated.depth, gated.spatial) == (plain.convs, plain.depth, plain.spatial)
    assert gated.params - plain.params == 3 * 2 * 4 * 16
    assert terms_of(blocks(True)).params == blocks(True).params
    assert terms_of(blocks(True)).design() != terms_of(blocks(False)).design()


PASSED: list[dict[str, Any]] = [
    {"kind": "norm", "mode": "layer", "extra_params": 16},
    {"kind": "act", "activation": "gelu"},
    {"kind": "scale", "mode": "mul", "extra_params": 8},
    {"kind": "elementwise", "mode": "erf"},
    {"kind": "move", "mode": "permute"},
    {"kind": "move", "mode": "view"},
    {"kind": "reduce", "mode": "cumsum"},
]


@given(st.lists(st.sampled_from(PASSED), max_size=5), st.integers(0, 3))
def test_what_is_passed_through_changes_nothing(more: list[dict[str, Any]], place: int) -> None:
    layers = [conv(), conv(8, 0), conv(8), {"kind": "add", "inputs": [0, 2]}, conv()]
    joined = [conv(), conv(6), {"kind": "concat", "inputs": [1, 0]}, conv()]
    for rows in (layers, joined):
        there = min(place, len(rows) - 2)
        moved = [dict(one) for one in rows]
        for number, row in enumerate(moved):
            own = row.get("inputs", [number - 1])
            row["inputs"] = [one + len(more) * (one >= there) for one in own]
        put = [dict(one) for one in more]
        new = network(moved[: there + 1] + put + moved[there + 1 :])
        old = network(rows)
        assert nn_degree(new) == nn_degree(old)
        assert nn_mass(new) == nn_mass(old)
        a, b = terms_of(new), terms_of(old)
        assert [(c.convs, c.depth, c.strides) for c in a.cells] == [
            (c.convs, c.depth, c.strides) for c in b.cells
        ]


def test_products_of_equal_maps_are_branches() -> None:
    rows = [conv(), conv(8, 0), conv(8, 0), {"kind": "mul", "inputs": [1, 2]}, conv()]
    net = network(rows)
    assert ways_of(net)[3] == (1, 2)
    assert nn_degree(net) == 8
    assert terms_of(net).cells[0].depth == 3


def test_a_linear_layer_of_each_position_is_a_convolution() -> None:
    tokens: list[dict[str, Any]] = [
        {"kind": "conv", "out_channels": 12, "kernel": 4, "stride": 4, "padding": 0},
        {"kind": "move", "mode": "view", "out_channels": 12, "size": [16, 1]},
        {"kind": "norm", "mode": "layer", "extra_params": 24},
    ]
    tokens += [
        {"kind": "linear", "out_channels": 12, "inputs": [2], "in_channels": 12, "height": 16}
        for _ in range(3)
    ]
    tokens += [
        {"kind": "matmul", "inputs": [3, 4], "in_channels": 12, "height": 16, "groups": 2,
         "out_channels": 32},
        {"kind": "act", "activation": "softmax"},
        {"kind": "matmul", "inputs": [7, 5], "in_channels": 32, "height": 16, "groups": 2,
         "out_channels": 12},
        {"kind": "linear", "out_channels": 12, "in_channels": 12, "height": 16},
        {"kind": "add", "inputs": [1, 9]},
        {"kind": "linear", "out_channels": 48, "in_channels": 12, "height": 16},
        {"kind": "linear", "out_channels": 12, "in_channels": 48, "height": 16},
        {"kind": "add", "inputs": [10, 12]},
        {"kind": "reduce", "mode": "mean", "size": [1, 1]},
        {"kind": "linear", "out_channels": 5},
    ]  # fmt: skip
    net = network(tokens)
    outs = 12 * 6 + 48
    assert nn_degree(net) == pytest.approx(outs / 7 + 2 * 12 * 12 / outs)
    alike = network([conv(12, kernel=4, stride=4, padding=0), conv(12, 0, kernel=1)])
    assert nn_degree(alike) == 12


def cells_of(rows: list[dict[str, Any]], shape: tuple[int, int, int] = (3, 16, 16)) -> Any:
    net = network(rows, shape)
    return marks_of(net, ways_of(net))


def test_cells_are_cut_where_width_changes() -> None:
    def block(width: int, source: int, inner: int = 24) -> list[dict[str, Any]]:
        return [
            {**conv(inner, source), "kernel": 1},
            {**conv(inner), "groups": inner},
            {**conv(width), "kernel": 1},
        ]

    rows = [conv(8), *block(8, 0), {"kind": "add", "inputs": [0, 3]}]
    rows += block(12, 4)  # another width: no residual
    rows += [*block(12, 7), {"kind": "add", "inputs": [7, 10]}]
    assert cells_of(rows) == [0] * 5 + [1] * 7
    # a little wider in each block
    rows = [conv(16), conv(16), {"kind": "add", "inputs": [0, 1]}]
    rows += [conv(18), conv(18), {"kind": "add", "inputs": [3, 4]}, conv(20), conv(20)]
    assert cells_of([*rows, {"kind": "add", "inputs": [6, 7]}]) == [0] * 9
    # chains of plain convolutions
    assert cells_of([conv(8), conv(8), conv(12), conv(12), conv(6)]) == [0, 0, 1, 1, 2]
    assert cells_of([conv(8), conv(12, kernel=1), conv(8)]) == [0, 0, 0]
    # a run with joins, as of Inception: by size alone
    joined = [conv(8), conv(4, 0), conv(6, 0), {"kind": "concat", "inputs": [1, 2]}, conv(8)]
    assert cells_of(joined) == [0] * 5


def test_the_rows_of_a_strided_block_are_of_one_cell() -> None:
    rows = [
        conv(8), conv(8), {"kind": "add", "inputs": [0, 1]},
        {**conv(16, 2), "kernel": 1, "stride": 2}, {**conv(16, 2), "kernel": 1},
        {**conv(16), "stride": 2}, {"kind": "add", "inputs": [3, 5]},
    ]  # fmt: skip
    assert cells_of(rows) == [0, 0, 0, 1, 1, 1, 1]


@settings(max_examples=60)
@given(
    st.sampled_from(["resnet", "wide-resnet", "mobilenet-v2"]),
    st.lists(st.integers(2, 4), min_size=1, max_size=4),
    st.integers(1, 6),
)
def test_the_cells_of_searched_networks_are_found_without_labels(
    family: str, depths: list[int], expansion: int
) -> None:
    e = expansion if family == "mobilenet-v2" else 1
    cells = [Cell(8 * 2**k, depth, 8 * 2**k, e) for k, depth in enumerate(depths)]
    net = Architecture(family, cells).network()
    bare = Network([layer.replace(cell=None) for layer in net.layers], net.input_shape)
    found = marks_of(bare, ways_of(bare))
    for number, (layer, mark) in enumerate(zip(net.layers, found, strict=True)):
        if family == "mobilenet-v2" and layer.cell and net.layers[number - 1].cell != layer.cell:
            continue  # has the size of the cell before
        assert layer.cell is None or mark == layer.cell


def test_strides_are_halvings_of_the_map() -> None:
    rows = [conv(8, stride=2), {"kind": "pool", "kernel": 2, "stride": 2}, conv(8)]
    assert terms_of(network(rows)).design()[-1] == 2.0
    rows += [{"kind": "resize", "mode": "nearest", "size": [8, 8]}, conv(4)]
    assert terms_of(network(rows)).design()[-1] == 1.0
    wide = [{**conv(8), "stride": [1, 2]}, {"kind": "pool", "mode": "global_avg"}]
    assert terms_of(network(wide)).design()[-1] == 0.5
    for family, strides in (("resnet", 2.0), ("mobilenet-v2", 1.0), ("densenet", 2.0)):
        arch = Architecture(family, [Cell(8, 2), Cell(8, 3)], resolution=96)
        stage = 2.0 if family == "mobilenet-v2" else 1.0
        assert terms_of(arch).design()[-1] == terms_of(arch.network()).design()[-1]
        assert terms_of(arch).design()[-1] <= strides + stage
