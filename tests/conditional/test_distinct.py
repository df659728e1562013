"""`k` and `min_distance` are as by complete enumeration: the best of what is left, one by one."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_search_within import SPACES, columns, mask_of


def apart(a: Any, b: Any) -> int:
    """In how many choices two rows differ."""
    return sum(x != y for x, y in zip(a, b, strict=True))


def next_best(
    space: Any, values: Any, mask: Any, found: list[tuple[int, ...]], distance: int
) -> float | None:
    """The best value of networks that are none of those found and far enough from all of them."""
    nets = [space.decode(x) for x in found]
    best = None
    for i in np.argsort(-values, kind="stable").tolist():
        if not mask[i]:
            continue
        net = space.decode(i)
        row = row_at(space, i)
        if net not in nets and all(apart(row, x) >= distance for x in found):
            best = float(values[i])
            break
    return best


def row_at(space: Any, i: int) -> tuple[int, ...]:
    from flash.spaces.index import row_at as own

    return own(space, i)


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("distance", [1, 2, 4])
def test_the_best_of_those_far_enough_from_all_before(kind: str, distance: int) -> None:
    for seed in range(2):
        draw = random.Random(10 * seed + distance)
        space = SPACES[kind](draw)
        table = columns(space, {"": "raspberry-pi-4"})
        where = ["depth_0 <= depth_1", f"latency_ms <= {float(np.median(table['latency_ms']))!r}"]
        mask = mask_of(where[0], table) & mask_of(where[1], table)
        k = 6
        result = flash.search(space, "raspberry-pi-4", where=where, k=k, min_distance=distance)
        every = [result, *result.alternatives]
        found: list[tuple[int, ...]] = []
        for one in every:
            best = next_best(space, table["nn_degree"], mask, found, distance)
            assert one.objective == best, (kind, seed, found)
            assert one.proven
            assert mask[one.index]
            found.append(one.x)
        if len(every) < k:
            assert next_best(space, table["nn_degree"], mask, found, distance) is None
            assert f"{k} were asked for" in result.message


def test_cells_that_only_one_of_two_has_count_by_their_choices() -> None:
    space = flash.DenseNet(
        width_multipliers=[1], depths=[3, 4], skips=[0, 16], cells=[1, 2, 3], resolution=16
    )
    values = np.asarray(flash.evaluate(space, "cpu-x86", np.arange(space.size))["nn_degree"])
    every = np.ones(space.size, bool)
    counts = set()
    for distance in (2, 3, 4, 5):
        result = flash.search(space, "cpu-x86", k=20, min_distance=distance)
        found: list[tuple[int, ...]] = []
        for one in (result, *result.alternatives):
            assert one.objective == next_best(space, values, every, found, distance)
            found.append(one.x)
            counts.add((distance, len(space.decode(one.x).cells)))
        if len(found) < 20:
            assert next_best(space, values, every, found, distance) is None
    assert len({distance for distance, count in counts if count < 3}) >= 2


def test_choices_that_give_the_same_network_are_one() -> None:
    """Skips beyond what a width has are the same network: a hundred answers are a hundred."""
    space = flash.ResNet(
        width_multipliers=[1], depths=[1, 2], skips=[0, 16, 400, 500, 600], cells=2, resolution=16
    )
    result = flash.search(space, "cpu-x86", k=1000)
    nets = [one.architecture for one in (result, *result.alternatives)]
    assert len(set(map(repr, nets))) == len(nets)
    assert {repr(space.decode(i)) for i in range(space.size)} == set(map(repr, nets))
    assert len(nets) < space.size


def test_two_calls_are_alike() -> None:
    asked: Any = {"where": "depth_0 == depth_1", "max_latency_ms": 2.0, "k": 4, "min_distance": 2}
    one, other = (flash.search("resnet", "rram", **asked) for _ in range(2))
    assert one.replace(elapsed_s=0.0, alternatives=()) == other.replace(
        elapsed_s=0.0, alternatives=()
    )
    assert [x.x for x in one.alternatives] == [x.x for x in other.alternatives]
    assert one.x == flash.search("resnet", "rram", **{**asked, "seed": 5}).x
