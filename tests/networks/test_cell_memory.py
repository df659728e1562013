"""Peak memory of the families' cells in closed form is that of the schedule on the layers."""

from __future__ import annotations

import random

import numpy as np
import pytest

import flash
from flash.networks.architecture import Architecture, Cell
from flash.networks.cell_memory import peaks_of_cell, side_of
from flash.networks.families import FAMILIES, stride_of_cell

SIDES = (1, 2, 5, 16, 31, 32, 64, 65, 96, 97, 224)


def closed_form(net: Architecture, bits: int) -> float:
    side, into, peak = side_of(net.family, net.resolution), 0, 0
    for number, cell in enumerate(net.cells):
        stride = stride_of_cell(net.family, number, net.is_imagenet)
        own = [np.array([x]) for x in (into, cell.width, cell.depth, cell.skips, cell.expansion)]
        last = net.num_classes if number + 1 == len(net.cells) else None
        found = peaks_of_cell(
            net.family, net.resolution, side, stride, *own, first=number == 0, classes=last,
            keeps_image=bits != 8,
        )  # fmt: skip
        peak = max(peak, int(found[0]))
        side, into = -(-side // stride), cell.width
    return peak * bits / 8192


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_schedule(family: str) -> None:
    draw = random.Random(f"memory of {family}")
    mobile = family == "mobilenet-v2"
    for seed in range(300):
        cells = []
        for _ in range(draw.randint(1, 4)):
            width = draw.choice([1, 2, 3, 4, 8, 16])
            skips = draw.choice([0, 0, 1, 2, width - 1, width, width + 1, 5 * width, 100])
            more = (draw.choice([1, 1, 2, 6]), draw.choice([3, 5])) if mobile else ()
            cells.append(Cell(width, draw.choice([1, 1, 2, 3, 4, 5, 6]), skips, *more))
        classes = draw.choice([1, 10, 5000])
        net = Architecture(family, cells, draw.choice(SIDES), classes, link_seed=seed)
        assert closed_form(net, 32) == net.peak_memory_kib, net
        small = net.network().with_bits(8)
        assert closed_form(net, 8) == small.peak_memory_kib, net


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("resolution", [32, 96])
def test_equals_it_for_all_of_a_grid(family: str, resolution: int) -> None:
    """Widths, depths and skips of two cells on all sides of what tells cases apart."""
    grid = [(w, d, t) for w in (2, 6) for d in (1, 2, 4) for t in (0, 1, 2, 6)]
    for first in grid:
        for second in grid[:: 1 if first[0] == 2 else 3]:
            net = flash.Architecture(family, [Cell(*first), Cell(*second)], resolution)
            assert closed_form(net, 32) == net.peak_memory_kib, net
            small = net.network().with_bits(8)
            assert closed_form(net, 8) == small.peak_memory_kib, net
