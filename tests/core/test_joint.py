"""Accelerators of several parts: which may be best, how many fit, and tables added up."""

from __future__ import annotations

import json
import struct
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.reference import AREA, COLUMNS, ENERGY, LATENCY, PARAMS, PEAK, SCALE, SCORE

import flash
from flash._core.design.candidates import fitting, undominated
from flash._core.design.joint import join, total_of
from flash._core.search.exact import Query, Search
from flash._core.tables.tables import Tables
from flash.codesign.joint import Codesign, rank
from flash.errors import ArgumentError
from flash.hardware import Target

INF = float("inf")
NUMBERS = st.integers(0, 4)


@st.composite
def designs(draw: st.DrawFn) -> tuple[list[Any], list[int]]:
    """Some parts' options, (better, uses) each, and limits."""
    resources = draw(st.integers(0, 3))
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        dims = draw(st.integers(1, 3))
        n = draw(st.integers(1, 7))
        parts.append(
            (
                [tuple(draw(NUMBERS) for _ in range(dims)) for _ in range(n)],
                [tuple(draw(NUMBERS) for _ in range(resources)) for _ in range(n)],
            )
        )
    return parts, [draw(st.integers(0, 9)) for _ in range(resources)]


def within(parts: list[Any], limits: list[int]) -> list[tuple[int, ...]]:
    return [
        choice
        for choice in product(*(range(len(better)) for better, _ in parts))
        if all(
            sum(uses[k][r] for (_, uses), k in zip(parts, choice, strict=True)) <= limit
            for r, limit in enumerate(limits)
        )
    ]


@settings(max_examples=300)
@given(designs())
def test_what_no_other_is_as_good_as(case: tuple[list[Any], list[int]]) -> None:
    parts, limits = case
    fit = within(parts, limits)
    assert fitting([uses for _, uses in parts], limits) == len(fit)
    good = {
        choice: sum((better[k] for (better, _), k in zip(parts, choice, strict=True)), ())
        for choice in fit
    }
    found = undominated(parts, limits)
    assert found == sorted(set(found))
    assert set(found) <= set(fit)
    for own in good.values():  # all are beaten or equalled by one that is kept
        assert any(all(a >= b for a, b in zip(good[k], own, strict=True)) for k in found)
    for a, b in product(found, repeat=2):  # and of those kept none by another
        assert a == b or not all(x >= y for x, y in zip(good[a], good[b], strict=True))
    first = {}
    for choice in fit:
        first.setdefault(good[choice], choice)
    assert all(first[good[choice]] == choice for choice in found)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        undominated([], [])
    with pytest.raises(ValueError, match="each needs an option"):
        undominated([([], [])], [])
    with pytest.raises(ValueError, match="at most 256 numbers in all, got 300"):
        undominated([([tuple(range(300))], [()])], [])
    with pytest.raises(ValueError, match="1 to 16"):
        fitting([], [])


@pytest.mark.slow
def test_too_many_to_compare() -> None:
    """Options of which each is better at something: too much work for some seconds."""
    data = json.loads(Target.load("fpga-zu3eg").to_json())
    del data["design"]["families"]
    told = "too large a design space for mobilenet-v2, name fewer values: too many configurations"
    with pytest.raises(ArgumentError, match=rf"{told} to compare: 1161 x 1161 x 1161 options"):
        flash.search("mobilenet-v2", Target.from_dict(data), codesign=True)


def tables_of(
    random: Random, rows: list[int], columns: tuple[int, ...], **links: Any
) -> tuple[Tables, Any]:
    data = [{k: [float(random.randint(1, 1000)) for _ in range(n)] for k in columns} for n in rows]
    cells: Any = [
        (1, {k: memoryview(struct.pack(f"{len(x)}d", *x)).cast("d") for k, x in one.items()}, {})
        for one in data
    ]
    links = {"quantum": (1.0,) * 6, "modelled": 0b111111, **links}
    return Tables.from_arrays([((0.0,) * len(COLUMNS), cells)], links), data


@given(st.integers(0, 10**6))
def test_tables_added_up(seed: int) -> None:
    random = Random(seed)
    rows = [random.choice([1, 7, 255, 300]) for _ in range(random.randint(1, 3))]
    costs = tuple(sorted(random.sample([LATENCY, ENERGY, SCALE, AREA, PEAK], random.randint(1, 5))))
    base, own = tables_of(random, rows, (SCORE, PARAMS))
    made = [
        [tables_of(random, rows, costs) for _ in range(random.randint(1, 3))]
        for _ in range(random.randint(1, 3))
    ]
    joined = join(base, [[tables for tables, _ in part] for part in made])
    assert joined.rows == (tuple(rows),)
    chosen = [random.randrange(n) for n in rows]
    for k in range(len(COLUMNS)):
        together = max if k == PEAK else sum
        wanted: list[list[float]] = []
        for c, n in enumerate(rows):
            if k in (SCORE, PARAMS):
                wanted.append(own[c][k])
            elif k in costs:
                wanted.append(
                    [together(min(data[c][k][i] for _, data in part) for part in made)
                     for i in range(n)]
                )  # fmt: skip
            else:
                assert joined.column(0, c, k) is None
                continue
            column = joined.column(0, c, k)
            assert column is not None
            assert list(struct.unpack(f"{n}d", column)) == wanted[c]
        if wanted:
            total = together(own[i] for own, i in zip(wanted, chosen, strict=True))
            assert total_of(joined, 0, chosen, k) == total


@given(st.integers(0, 10**6))
def test_no_chip_of_a_set_costs_less(seed: int) -> None:
    """Of one part, with classes: what options cost becomes metrics as they say, and the tables of
    several are a bound of each."""
    random = Random(seed)
    rows = [1] * random.randint(1, 3)
    base, _ = tables_of(random, rows, (SCORE, SCALE), score=(1, 1.0, 2.0, 3.0), leakage=9.0)
    factors = [random.random() for _ in range(6)]
    classes = [(1000.0, *factors), (INF, *[x + random.random() for x in factors])]
    options = [
        tables_of(
            random,
            rows,
            tuple(range(SCORE, PEAK + 1)),
            classes=classes,
            leakage=random.random(),
            area_per_scale=random.random(),
        )[0]
        for _ in range(random.randint(1, 4))
    ]
    bound = metrics_of(join(base, [options]))
    for option in options:
        own, alone = metrics_of(join(base, [[option]])), metrics_of(option)
        assert own[0] == bound[0]
        assert own[1:4] == alone[1:4]
        assert all(a >= b for a, b in zip(own[1:4], bound[1:4], strict=True))


def metrics_of(tables: Tables) -> tuple[float, ...]:
    """The metrics of the only configuration."""
    assert tables.size == 1
    search = Search(tables, Query([INF] * 6))
    search.prove()
    assert search.best is not None
    metrics: tuple[float, ...] = search.best[3]
    return metrics


def test_tables_that_do_not_belong_together() -> None:
    random = Random(0)
    base, _ = tables_of(random, [3, 4], (0,))
    other, _ = tables_of(random, [3, 5], (1,))
    plain, _ = tables_of(random, [3, 4], (LATENCY, SCALE))
    with pytest.raises(ValueError, match="tables of another space"):
        join(base, [[other]])
    with pytest.raises(ValueError, match="each needs an option"):
        join(base, [[]])
    classes = [(float(k), *[1.0] * 6) for k in (4, 8, INF)]
    for links in (
        {"classes": classes},
        {"classes": [(INF, *[1.0] * 6)]},
        {"quantum": (1.0, 2.0, 1.0, 1.0, 1.0, 1.0)},
    ):
        linked, _ = tables_of(random, [3, 4], (LATENCY, SCALE), **links)
        for parts in ([[plain, linked]], [[plain], [linked]]):
            with pytest.raises(ValueError, match="become metrics in different ways"):
                join(base, parts)
    leaking, _ = tables_of(random, [3, 4], (LATENCY, SCALE), leakage=1.0)
    with pytest.raises(ValueError, match="become metrics in different ways"):
        join(base, [[plain], [leaking]])
    with pytest.raises(IndexError, match="row 4 of cell 1"):
        total_of(base, 0, [0, 4], 0)
    with pytest.raises(IndexError, match="column"):
        total_of(base, 0, [0, 0], 1)


@pytest.mark.parametrize("name", ["fpga-zu3eg", "fpga-z7020"])
@pytest.mark.parametrize("share", [0.03, 0.2, 0.5])
def test_sets_of_accelerators_and_one_by_one_agree(name: str, share: float) -> None:
    """By relaxations of sets, and each accelerator that may be best on its own."""
    space, target = flash.SearchSpace("mobilenet-v2"), Target.load(name)
    design = target.design_space("mobilenet-v2")
    whole = flash.search(space, target).latency_ms
    assert whole is not None
    query = Query([INF, share * whole, INF, INF, INF, INF])
    run = Codesign(space, design, None, query, 1 | target.columns("mobilenet-v2"))
    run.run()
    assert run.best is not None
    assert run.bound == run.best.objective
    assert design.shortage(run.best.choice) is None
    plain = Codesign(space, design, None, query, 1 | target.columns("mobilenet-v2"))
    for choice in design.candidates:
        plain.best = plain._solve([choice]) or plain.best
    assert plain.best is not None
    assert rank(plain.best) == rank(run.best)
