"""Networks of the families at ImageNet's sizes: 1,000 classes, 160 to 224 pixels.

From each family's own space at its default choices six are drawn, of multiply-accumulates that lie
evenly on a logarithmic scale, from what the space begins at to its end or `MOST_MACS`, whichever
comes first: beyond that a network takes a core longer than half a second.
"""

from __future__ import annotations

import random

import numpy as np

import flash

__all__ = ["ANCHORS", "EACH", "MOST_MACS", "SIDES", "families_of", "networks"]

SIDES = (160, 192, 224)
EACH = 6  # of a family
DRAWN = 1500  # of each space, to choose from
MOST_MACS = 30e9
# measured again with them: they tell whether a core is as fast as the one of times.json
ANCHORS = (
    *("residual-224", "bottleneck-224", "dense-224", "inverted-224", "plain-224", "separable-224"),
    *("residual-32-wide", "residual-32", "family-densenet-224-24", "family-resnet-224-24"),
    *("family-wide-resnet-224-24", "family-mobilenet-v2-224-24"),
)


def networks() -> dict[str, flash.Architecture]:
    """Return the networks by name: the same ones whenever it is called."""
    found = {}
    for place, family in enumerate(("densenet", "resnet", "wide-resnet", "mobilenet-v2")):
        drawn = [
            arch
            for side in SIDES
            for arch in _drawn(family, side, random.Random(10 * place + side))
            if arch.macs <= MOST_MACS
        ]
        macs = np.array([arch.macs for arch in drawn], float)
        wanted = np.geomspace(macs.min(), macs.max(), EACH)
        for number, one in enumerate(wanted):
            # sides take turns, so that size is not told by MACs alone
            side = SIDES[number % len(SIDES)]
            near = [k for k, arch in enumerate(drawn) if arch.resolution == side]
            arch = drawn[min(near, key=lambda k: abs(np.log(macs[k] / one)))]
            found[f"imagenet-{family}-{side}-{number}"] = arch
    return found


def _drawn(family: str, side: int, chance: random.Random) -> list[flash.Architecture]:
    space = flash.SearchSpace(family, resolution=side, num_classes=1000)
    return [
        space.decode([chance.randrange(length) for length in space.lengths])
        for _ in range(DRAWN // len(SIDES))
    ]


def families_of(names: list[str]) -> dict[str, list[str]]:
    """Return names of these networks by family."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.split("-", 1)[1].rsplit("-", 2)[0], []).append(name)
    return found
