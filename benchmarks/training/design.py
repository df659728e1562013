"""The networks of the 25-sample experiment: DenseNet-type, of the default space's kind, kept small.

Three cells of width ``16 m 2**k`` with m = 1, 2, 3; 5 to 12 layers in each cell; links up to 2.5
times the cell's width, on the default space's steps; at most `MAX_MACS` multiply-accumulates. A
pool is drawn at random and thinned to a sequence in which each network is the farthest from all
before it, over width, depth and links: any beginning of the sequence covers them. A second
sequence holds deeper networks, 10 to 30 layers in each cell, of width multiplier 1 and 2, as many
as fit under the limit.
"""

from __future__ import annotations

import math

import numpy as np

import flash

RESOLUTION = 10
MAX_MACS = 60e6
DEPTHS = (5, 12)
DEEP = (10, 30)
POOL = 3000


def pool(
    seed: int = 0, depths: tuple[int, int] = DEPTHS, widest: int = 3, size: int = POOL
) -> list[flash.Architecture]:
    """Return random networks of the experiment's space."""
    draw = np.random.default_rng(seed)
    found: list[flash.Architecture] = []
    while len(found) < size:
        factor = 1 + len(found) % widest  # in turn, so that the limit leaves each its share
        level = 0.0 if draw.random() < 0.1 else draw.random()
        cells = []
        for number in range(3):
            width = 16 * factor * 2**number
            depth = int(draw.integers(depths[0], depths[1] + 1))
            step = math.ceil(width / 32)
            share = min(1.0, level * draw.uniform(0.5, 1.5))
            cells.append(flash.Cell(width, depth, step * int(share * 2.5 * width / step)))
        arch = flash.Architecture("densenet", cells, resolution=RESOLUTION)
        if arch.macs <= MAX_MACS:
            found.append(arch)
    return found


def features(arch: flash.Architecture) -> list[float]:
    """Return what the design spreads over, each of about unit range."""
    cells = arch.cells
    shares = [cell.skips / cell.width for cell in cells]
    return [
        1.5 * math.log(cells[0].width / 16) / math.log(3),
        sum(cell.depth for cell in cells) / 9,
        *(cell.depth / 14 for cell in cells),
        sum(shares) / 4,
        *(share / 5 for share in shares),
        math.log(flash.nn_degree(arch)),
    ]


def networks(count: int, seed: int = 0) -> list[flash.Architecture]:
    """Return the first `count` networks of the sequence."""
    return thinned(pool(seed), count)


def deep_networks(count: int, seed: int = 0) -> list[flash.Architecture]:
    """Return the first `count` of the deeper networks."""
    return thinned(pool(seed, DEEP, 2, 500), count)


def thinned(candidates: list[flash.Architecture], count: int) -> list[flash.Architecture]:
    """Return the most central candidate, then those farthest from all before them."""
    table = np.array([features(one) for one in candidates])
    distance = np.square(table - table.mean(axis=0)).sum(axis=1)
    chosen = [int(distance.argmin())]
    distance = np.square(table - table[chosen[0]]).sum(axis=1)
    while len(chosen) < count:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.square(table - table[chosen[-1]]).sum(axis=1))
    return [candidates[one] for one in chosen]
