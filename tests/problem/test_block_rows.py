"""Tables of a space of blocks without rows that are equal: the same answers as of all rows."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

import flash
from flash._core.search.exact import Query, Search
from flash._core.search.shgo import explore
from flash.problem.blocks import BlockProblem, compile_blocks


def block(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (1, 3)) -> list[Any]:
    """One convolution."""
    return [
        {
            "kind": "conv", "in_channels": in_channels, "out_channels": out_channels,
            "kernel": kernel, "stride": stride, "activation": "relu",
        }
    ]  # fmt: skip


def of_widths() -> flash.BlockSpace:
    """Stages that hand on one of several widths: their rows lie in tables once for each."""
    return flash.BlockSpace(
        input=(3, 16, 16),
        stages=[
            flash.Stage([block], widths=(8, 12), repeats=(1, 2, 3), stride=2),
            flash.Stage([block, None], widths=(8, 16), repeats=(2, 3), stride=2),
        ],
        num_classes=10,
    )


SPACES = {
    "mobilenet-v3": lambda: flash.MobileNetV3(
        kernels=(3, 5), expansions=(3, 6), depths=(2, 3), resolution=64, num_classes=10
    ),
    "widths": of_widths,
    "width multipliers": lambda: flash.MobileNetV3(
        kernels=(3, 5), expansions=(3,), depths=(2, 4), width_multipliers=(1, 1.2), resolution=32
    ),
}


def predictor_of(space: flash.BlockSpace) -> flash.AccuracyPredictor:
    rng = random.Random(3)
    nets = [space.decode(rng.randrange(space.size)) for _ in range(16)]
    told = [0.5 + 0.002 * len(net.network()) + 0.03 * math.log10(net.macs) for net in nets]
    return flash.AccuracyPredictor.fit([net.network() for net in nets], told)


def best(problem: BlockProblem, tables: Any, query: Query, quick: bool) -> Any:
    search = Search(tables, query)
    if quick:
        explore(search, 0)
    search.prove()
    return search.best


@pytest.mark.parametrize("predicted", [False, True])
@pytest.mark.parametrize("name", SPACES)
def test_the_answer_is_that_of_all_rows(name: str, predicted: bool) -> None:
    space, target = SPACES[name](), flash.Target.load("cpu-x86")
    predictor = predictor_of(space) if predicted else None
    problem = compile_blocks(space, target, predictor)
    for sizes, fewer in zip(problem.tables.rows, problem.searched.rows, strict=True):
        assert sum(fewer) < 0.7 * sum(sizes)
    rng = random.Random(7)
    drawn = [space.decode(rng.randrange(space.size)).row for _ in range(60)]
    costs = flash.evaluate(space, target, drawn)
    for turn in range(24):
        limits = [math.inf] * 6
        for place, metric in ((1, "latency_ms"), (4, "params"), (5, "macs")):
            if rng.random() < 0.6:
                limits[place] = float(costs[metric][rng.randrange(len(drawn))])
        exponents = (1.0, -0.5, 0.0, 0.0, -0.1, 0.0) if turn % 3 == 0 else None
        if turn % 8 == 5 and space.size < 10_000:
            exponents = (1.0, 0.5, 0.0, 0.0, 0.0, 0.0)  # that rewards a cost
        query = Query(limits, exponent=exponents)
        whole = best(problem, problem.tables, query, turn % 2 == 0)
        found = best(problem, problem.searched, query, turn % 2 == 0)
        assert (whole is None) == (found is None)
        if found is not None:  # the same network: of equals the first
            variant, rows, *rest = found
            assert (variant, problem.rows_found(variant, rows), *rest) == whole


def test_a_result_is_of_the_rows_that_are_left() -> None:
    space = SPACES["mobilenet-v3"]()
    costs = flash.evaluate(space, "cpu-x86", [space.decode(k * 977).row for k in range(9)])
    for latency in costs["latency_ms"].tolist():
        result = flash.search(space, "cpu-x86", max_latency_ms=latency)
        assert result.proven
        told = flash.evaluate(space, "cpu-x86", [result.architecture.row])
        assert told["latency_ms"][0] == result.latency_ms <= latency
        assert told["nn_degree"][0] == result.nn_degree


def test_rows_of_which_none_are_equal_are_searched_as_they_are() -> None:
    space = flash.BlockSpace(
        input=(3, 16, 16), stages=[flash.Stage([block], widths=(8,))], num_classes=10
    )
    problem = compile_blocks(space, flash.Target.load("cpu-x86"))
    assert problem.searched is problem.tables
    assert problem.rows_found(0, (1, 0)) == (1, 0)


def test_an_equal_space_is_not_compiled_again() -> None:
    target = flash.Target.load("cpu-x86")
    first, again = SPACES["mobilenet-v3"](), SPACES["mobilenet-v3"]()
    other = flash.MobileNetV3(
        kernels=(3, 5), expansions=(3, 6), depths=(2, 3), resolution=64, num_classes=11
    )
    problem = compile_blocks(first, target)
    read_again = flash.Target.from_dict(target.to_dict())
    assert compile_blocks(again, read_again) is problem
    assert compile_blocks(other, target) is not problem
    slower = flash.Target.from_dict({**target.to_dict(), "name": "other"})
    assert compile_blocks(again, slower) is not problem
    assert flash.search(again, target, max_params=10**6).space == again
