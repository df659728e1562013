"""A target with the models of both tiles of a floorplan, and spaces whose networks are on both."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import flash
from flash import Range, SearchSpace
from flash.hardware import Target

HALVES = Range(0, 2, unit="width/2")


@cache
def both() -> Target:
    """The shipped target."""
    return Target.load("rram-neurosim")


def side(arch: flash.Architecture) -> int:
    """The tile of a network, from the channels that its layers write."""
    written = [one.out_channels for one in arch.network().layers if one.kind in ("conv", "linear")]
    return 512 if max(written) <= 64 else 1024


def space(random: Random, family: str) -> SearchSpace:
    """A small space: fixed and free widths, several counts of cells, sizes of images, classes."""
    cells = random.choice([1, 2, [1, 2], [2, 1], [3, 1]])
    most = max(cells) if isinstance(cells, list) else cells
    choices: dict[str, Any] = {"cells": cells, "skips": random.choice([[0, 16], HALVES])}
    if random.random() < 0.5:
        widths = [
            random.sample([8, 16, 63, 64, 65, 100], random.randint(1, 2)) for _ in range(most)
        ]
        choices["widths"] = tuple(widths)
    else:
        choices["width_multipliers"] = random.sample([0.5, 1, 2, 3, 4, 5], random.randint(1, 3))
    choices["depths"] = tuple(random.sample([1, 2], random.randint(1, 2)) for _ in range(most))
    choices["resolution"] = random.choice([16, 32, [32, 16], [96, 32]])
    choices["num_classes"] = random.choice([10, 10, 10, 64, 65])
    if family == "mobilenet-v2":
        choices |= {"expansions": [1, 2], "kernels": 3}
    return SearchSpace(family, **choices)


def spaces(family: str, seeds: range, largest: int = 500) -> list[SearchSpace]:
    """Those of the seeds that are small enough to be spelled out."""
    found = [space(Random(f"{family}{seed}"), family) for seed in seeds]
    return [one for one in found if one.size <= largest]
