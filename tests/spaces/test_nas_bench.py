"""NAS-Bench-201's networks: the rows that run, and what is published of them."""

from __future__ import annotations

import numpy as np
import pytest

import flash
from flash.networks.counting import counting, every_row
from flash.networks.network import Network
from flash.spaces.nas_bench import nas_bench_201
from flash.spaces.network_space import network_space

# architectures 0 and 1 of the benchmark, with their published params and MACs, of which ten
# are the biases of the classifier
PUBLISHED = {
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|"
    "skip_connect~2|": (129_306, 15_647_370),
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|"
    "skip_connect~2|": (802_426, 113_951_370),
}
DEAD = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
UNFED = "|none~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"


def rows(net: Network) -> dict[tuple[str, int], int]:
    """Return how many rows of each kind and kernel count in the first cell of the network."""
    found: dict[tuple[str, int], int] = {}
    for layer in counting(net).layers[1:]:
        if layer.out_channels != 16:
            break
        key = (layer.mode or layer.kind, layer.kernel)
        found[key] = found.get(key, 0) + 1
    return found


@pytest.mark.parametrize("name", PUBLISHED)
def test_counts_as_published_where_every_edge_is_read(name: str) -> None:
    net = network_space("nas-bench-201").decode(name)
    assert (net.params, net.macs + 10) == PUBLISHED[name]
    assert counting(net) is net is every_row(net)
    assert net.outputs is None


def test_a_branch_that_nobody_reads_does_not_count() -> None:
    net = nas_bench_201(DEAD)
    assert net is not None
    # node 1 and its 3x3 are read by zeroed edges only; node 2 has one edge left, which is no sum
    assert rows(net) == {("conv", 1): 5, ("conv", 3): 5, ("add", 1): 5}
    published = sum(layer.params for layer in net.layers)
    assert published - net.params == 5 * sum((9 * w * w + 2 * w) for w in (16, 32, 64))
    assert every_row(net).params == published
    assert len(every_row(net)) == len(net) == 1 + 15 * 7 + 2 * 5 + 2
    eager = flash.Target.load("gtx-1080ti").cost(net)
    assert all(one.latency_ms > 0 for one in eager.by_layer)
    compiled = flash.Target.load("raspberry-pi-4").cost(net)
    assert sum(one.latency_ms == 0 for one in compiled.by_layer) == 15 * 4


def test_an_edge_from_a_node_that_nothing_feeds_runs() -> None:
    net = nas_bench_201(UNFED)
    assert net is not None
    assert rows(net) == {("zero", 1): 5, ("conv", 3): 5, ("avg", 3): 5, ("add", 1): 5}


def test_what_lets_nothing_of_the_image_through_is_no_network() -> None:
    assert nas_bench_201("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|avg_pool_3x3~2|") is None


def test_rows_that_stand_for_the_same_network_have_its_layers() -> None:
    from flash.spaces.nas_bench import NasBenchMacro

    space = NasBenchMacro()
    rows = np.array(list(np.ndindex(space.lengths)))
    same = space.canonical(rows)
    assert (space.canonical(same) == same).all()
    assert len(np.unique(same, axis=0)) == 3969
    for place in np.flatnonzero((rows != same).any(axis=1))[::60].tolist():
        one, other = (space.network(some[place].tolist()) for some in (rows, same))
        assert one.layers == other.layers
