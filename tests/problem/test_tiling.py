"""Parts of a space by tile: they are the space, and every network of one has its tile."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from twins.tiles import both, side, spaces

from flash import SearchSpace
from flash.networks.architecture import FAMILIES
from flash.problem.tiling import Tiled, parts_of
from flash.spaces.index import places_of, row_at


@pytest.mark.parametrize("family", FAMILIES)
def test_parts_are_disjoint_and_together_the_space(family: str) -> None:
    split = 0
    for space in spaces(family, range(40)):
        parts = parts_of(space, both())
        split += len(parts) > 1
        seen = []
        for part in parts:
            rows = [row_at(part.space, i) for i in range(part.space.size)]
            own = [part.row(row) for row in rows]
            assert own == [tuple(row) for row in part.rows(np.array(rows)).tolist()]
            assert own == sorted(own)  # so that ties within a part are those of the space
            for row, found in list(zip(rows, own, strict=True))[:: max(1, len(rows) // 8)]:
                arch = space.decode(found)
                assert arch == part.space.decode(row)
                assert part.target == both().on_tile(side(arch))
            seen += [space.index(row) for row in own]
        assert sorted(seen) == list(range(space.size))
    assert (split == 0) == (family == "mobilenet-v2")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_tile_of_each_row(family: str) -> None:
    for space in spaces(family, range(40), 10**9):
        random = Random(space.size)
        rows = [row_at(space, random.randrange(space.size)) for _ in range(12)]
        tiled = Tiled(space, both())
        found = tiled.sides(*places_of(space, np.array(rows)))
        assert found.tolist() == [side(space.decode(row)) for row in rows]


def test_spaces_of_one_tile_are_one_part() -> None:
    for choices, tile in (
        ({"width_multipliers": [1]}, 512),
        ({"width_multipliers": [2, 3]}, 1024),
        ({"widths": [16, 64]}, 512),
        ({"widths": [65, 128]}, 1024),
        ({"num_classes": 65}, 1024),
    ):
        space = SearchSpace("resnet", **choices)
        (part,) = parts_of(space, both())
        assert part.space is space
        assert part.target == both().on_tile(tile)
    # the first cell that is too wide parts free widths
    free = SearchSpace("resnet", widths=[16, 128], cells=3, depths=[1, 2], skips=[0])
    assert [part.space.size for part in parts_of(free, both())] == [32, 16, 8, 8]
