"""The enumeration in the core: counts, the best and histograms are those of weighing one by one."""

from __future__ import annotations

import itertools
import math
from array import array
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import reference
from twins.instruction_sets import told_by_each
from twins.problems import FAMILIES, TableProblem, make, some_metrics
from twins.problems import space as random_space
from twins.problems import tables as random_tables
from twins.reference import AREA, COLUMNS, ENERGY, LATENCY, LEAK, PEAK, SCALE, SCORE

import flash
from flash._core.costing import batch
from flash._core.search.exact import Query
from flash._core.sweep import stream, sweep
from flash._core.tables.tables import Tables
from flash.networks.families import FAMILIES as CELL_FAMILIES
from flash.problem.compiling import MACS, PARAMS, compile_problem

BINS = 7


def key(point: Any) -> Any:
    """The order of answers in problem.h."""
    variant, rows, objective, m = point
    return (-objective, m[1], m[2], m[3], -m[0], variant, rows)


def one_by_one(problem: TableProblem) -> list[Any]:
    """Every configuration within the budgets, weighed by the plain twins, best first."""
    points = []
    for v, sizes in enumerate(problem.sizes):
        for rows in itertools.product(*(range(n) for n in sizes)):
            m = reference.metrics(problem.links, reference.totals(problem.variants[v], rows))
            within = all(m[k] <= problem.maximum[k] for k in range(1, 6))
            if within and reference.accuracy(problem.links, m[0]) >= problem.min_accuracy:
                objective = reference.objective(problem.links, m, problem.exponent)
                points.append((v, rows, objective, tuple(m)))
    return sorted(points, key=key)


def swept(tables: Tables, query: Query, top: int, step: int = 1 << 40, **options: Any) -> Any:
    """Feasible ones, the best ones and histograms, a range of outer combinations at a time."""
    feasible, points = 0, []
    histogram = np.zeros(6 * options.get("bins", 0), np.int64)
    for variant, (outer, _) in enumerate(sweep.outer_sizes(tables)):
        for first in range(0, outer, step):
            n, _, found, counts = sweep.count_range(
                tables, query, variant, first, min(outer, first + step), top=top, **options
            )
            feasible += n
            points += found
            histogram += np.frombuffer(counts, np.int64)
    return feasible, sorted(points, key=key)[:top], histogram


def check(problem: TableProblem, top: int = 5) -> int:
    expected = one_by_one(problem)
    tables = Tables.from_arrays(problem.variants, problem.links)
    query = Query(problem.maximum, problem.min_accuracy, problem.exponent)
    for options in ({}, {"step": 3}, {"exact": True}):
        feasible, points, _ = swept(tables, query, top, **options)
        assert feasible == len(expected), options
        assert points == expected[:top], options
    if expected:
        # what is known to be reached leaves out no answer, also where it is reached exactly
        least = expected[min(top, len(expected)) - 1][2]
        assert swept(tables, query, top, least=least)[1] == expected[:top]
    assert swept(tables, query, 0)[:2] == (len(expected), [])
    low, high = (np.array(one) for one in stream.metric_ranges(tables))
    per_bin = np.array([BINS / (b - a) if b > a else 0.0 for a, b in zip(low, high, strict=True)])
    feasible, points, histogram = swept(
        tables, query, top, bins=BINS, low=array("d", low), per_bin=array("d", per_bin)
    )
    assert (feasible, points) == (len(expected), expected[:top])
    counted = np.zeros((6, BINS), np.int64)
    for *_, m in expected:
        for k in range(6):
            place = math.floor((m[k] - low[k]) * per_bin[k]) if per_bin[k] else 0
            assert -1 <= place <= BINS, (k, m)
            counted[k, min(max(place, 0), BINS - 1)] += 1
    np.testing.assert_array_equal(histogram.reshape(6, BINS), counted)
    return len(expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_one_by_one(family: str) -> None:
    found = 0
    for seed in range(25):
        found += check(make(Random(f"sweep{family}{seed}"), family)) > 0
    assert found > (0 if family in ("infeasible", "just-missed") else 5)


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(FAMILIES))
def test_equals_one_by_one_drawn(random: Random, family: str) -> None:
    problem = make(random, family)
    own = some_metrics(random, problem)
    if random.random() < 0.5:  # budgets that a configuration meets exactly, or just misses
        limits = list(problem.maximum)
        for k in range(1, 6):
            if random.random() < 0.5:
                limits[k] = max(own[k] * random.choice([1.0, 1.0 - 1e-15]), 1e-300)
        problem = problem.with_(maximum=tuple(limits))
    check(problem, random.choice([1, 2, 10, 5000]))


def rising_classes(random: Random, steps: list[float]) -> tuple[tuple[float, ...], ...]:
    """Classes of such widths, the last without an end; no number of one falls to the next."""
    own = [1.0, random.choice([0.0, 0.5]), 1.0, random.choice([0.0, 1.0]), 0.0, 0.0]
    classes = []
    for bound in itertools.accumulate(steps):
        classes.append((bound, *own))
        for k, most in enumerate((1.0, 1.0, 3.0, 3.0, 1.0, 5.0)):
            own[k] += random.choice([0.0, most * random.random()])
    return (*classes[:-1], (math.inf, *classes[-1][1:]))


def large(random: Random, family: str, few: int = 40) -> TableProblem:
    """Tables of which only a part fits a block: its rows pass other cells' combinations.

    Half of them have no column of area, most a peak, and rows and classes are of many scales.
    """
    rows = [random.randint(1030, 1500), random.randint(2, few), random.randint(1, 3)]
    random.shuffle(rows)
    problem = random_tables(random, family, 3, max(rows), random.choice([3, 100, 10**6]))
    spread, without = random.choice([1, 7, 40]), random.choice([AREA, None])
    peaks = random.random() < 0.7
    cells: list[Any] = []
    for (states, columns, boundaries), n in zip(problem.variants[0][1], rows, strict=True):
        cut = {k: x[:n] for k, x in columns.items() if k not in (without, PEAK)}
        if SCALE in cut:
            cut[SCALE] = array("d", [x * random.randint(1, spread) for x in cut[SCALE]])
        if peaks:
            cut[PEAK] = array("d", [float(random.randint(1, 1000)) for _ in range(n)])
        cells.append((states, cut, boundaries))
    links = dict(problem.links)
    if "classes" in links:
        steps = [float(random.choice([1, 1, 2, 5, 9])) for _ in range(random.randint(1, 300))]
        links["classes"] = rising_classes(random, steps)
    problem = problem.with_(variants=[([0.0] * len(COLUMNS), cells)], links=links)
    some = [some_metrics(random, problem) for _ in range(9)]
    limits, exponent = [math.inf] * 6, None
    for k in range(1, 6):
        if random.random() < 0.6:
            met = sorted(m[k] for m in some)[random.choice([1, 4, 7])]
            limits[k] = max(met * random.choice([1.0, 1.0, 1.0 - 1e-15, 1.0 + 1e-15]), 1e-300)
    if random.random() < 0.5:
        powers = [1.0, *(-random.choice([0.0, 0.5, 2.0]) for _ in range(5))]
        exponent = tuple(e * (min(m[k] for m in some) > 0) for k, e in enumerate(powers))
    return problem.with_(maximum=tuple(limits), exponent=exponent)


def check_large(problem: TableProblem, top: int, step: int) -> int:
    """Against weighing one by one in the core, in one range and in several."""
    tables = Tables.from_arrays(problem.variants, problem.links)
    query = Query(problem.maximum, problem.min_accuracy, problem.exponent)
    feasible, points, _ = swept(tables, query, top, exact=True)
    for steps in (1 << 40, step):
        assert swept(tables, query, top, steps)[:2] == (feasible, points), steps
    assert swept(tables, query, 0)[0] == feasible
    return int(feasible)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["plain", "classes", "leakage", "peaks", "logarithms"])
def test_blocks_past_other_cells(family: str) -> None:
    found = 0
    for seed in range(30):
        random = Random(f"large{family}{seed}")
        problem = large(random, family)
        found += check_large(problem, random.choice([1, 30]), random.choice([3, 11])) > 0
    assert found > 20
    problem = large(Random(f"largest{family}"), family, 3)
    expected = one_by_one(problem)
    tables = Tables.from_arrays(problem.variants, problem.links)
    query = Query(problem.maximum, problem.min_accuracy, problem.exponent)
    assert swept(tables, query, 7)[:2] == (len(expected), expected[:7])


@pytest.mark.parametrize("exponent", [None, (1.0, -0.5, -0.5, 0.0, 0.0, 0.0)])
def test_more_classes_than_are_kept(exponent: Any) -> None:
    random = Random(5)
    problem = large(random, "leakage", 20)
    cells = []
    for states, columns, boundaries in problem.variants[0][1]:
        scale = array("d", [float(random.randrange(2000)) for _ in columns[SCALE]])
        cells.append((states, {**columns, SCALE: scale}, boundaries))
    problem = problem.with_(
        variants=[(problem.variants[0][0], cells)],
        links={**problem.links, "classes": rising_classes(random, [1.0] * 6000)},
        exponent=exponent,
    )
    metrics = [some_metrics(random, problem) for _ in range(9)]
    limits = [math.inf, *(sorted(m[k] for m in metrics)[5] for k in (1, 2, 3)), math.inf, math.inf]
    assert check_large(problem.with_(maximum=tuple(limits)), 9, 7) > 0


def test_area_of_scale_and_peak_to_the_bit() -> None:
    """Budgets that areas meet exactly or just miss, where the scale alone decides but for peaks."""
    random = Random(8)
    for per_scale in (0.0, 0.1, 1.0 / 3.0, 1e-9, 1e9):
        problem = large(random, "classes", 5)
        peaks = [1.0, 2.0, 50.0]
        cells = []
        for n, columns, b in problem.variants[0][1]:
            own = {k: x for k, x in columns.items() if k not in (AREA, PEAK)}
            own[PEAK] = array("d", random.choices(peaks, k=len(own[SCALE])))
            cells.append((n, own, b))
        links = {**problem.links, "area_per_scale": per_scale}
        problem = problem.with_(variants=[([0.0] * 14, cells)], links=links, exponent=None)
        for _ in range(10):
            area = some_metrics(random, problem)[3]
            for limit in (area, math.nextafter(area, math.inf), math.nextafter(area, -math.inf)):
                limits = (math.inf, math.inf, math.inf, limit, math.inf, math.inf)
                check_large(problem.with_(maximum=limits), 3, 4)


def test_energy_that_mostly_leaks() -> None:
    """Every rounding of the sieve at its largest, and many energies near the budget."""
    links = {"quantum": (1.0,) * 6, "modelled": 63, "leakage": 1.0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        cells: list[Any] = []
        for n in (1100, 200, 5):
            columns = {k: rng.integers(0, 2**30, n) for k in (SCORE, LATENCY, ENERGY, LEAK)}
            columns[SCALE] = rng.integers(1, 1001, n)
            cells.append((1, {k: x.astype(float) for k, x in columns.items()}, {}))
        problem = TableProblem([([0.0] * len(COLUMNS), cells)], links)
        some = sorted(some_metrics(Random(seed), problem)[2] for _ in range(9))
        tables = Tables.from_arrays(problem.variants, links)
        query = Query([math.inf, math.inf, some[6 + seed % 3], *[math.inf] * 3])
        assert swept(tables, query, 0)[0] == swept(tables, query, 0, exact=True)[0]


@pytest.mark.parametrize("family", CELL_FAMILIES)
@pytest.mark.parametrize("target", ["rram", "cpu-x86"])
def test_spaces(family: str, target: str) -> None:
    """Real tables, too many to weigh in Python: all of them, by the batch."""
    for seed in range(4):
        random = Random(f"{family}{seed}")
        space = random_space(random, family, 60_000)
        problem = compile_problem(space, flash.Target.load(target), None, PARAMS | MACS)
        index = np.arange(space.size)
        variants, rows = np.empty(len(index), np.int32), np.empty((len(index), 8), np.int32)
        stream.place_rows(problem.tables, index, variants, rows)
        metrics = [np.asarray(m) for m in batch.evaluate(problem.tables, variants, rows)]
        for exponent in (None, (1.0, -0.5, 0.0, 0.0, -0.1, 0.0), (0.3, 0.0, 0.0, 0.0, 0.0, 0.2)):
            limits = [math.inf] * 6
            for k in range(1, 6):
                if metrics[k].any() and random.random() < 0.6:
                    limits[k] = float(random.choice(metrics[k].tolist()))
            query = Query(limits, -math.inf, exponent)
            feasible, objective = np.empty(len(index), np.uint8), np.empty(len(index))
            stream.weigh(problem.tables, query, metrics, feasible, objective)
            kept = np.flatnonzero(feasible)
            order = np.lexsort(
                (
                    index[kept],
                    -metrics[0][kept],
                    *(metrics[k][kept] for k in (3, 2, 1)),
                    -objective[kept],
                )
            )
            count, points, _ = swept(problem.tables, query, 20, step=random.choice([5, 10**9]))
            assert count == len(kept)
            assert [p[2] for p in points] == objective[kept[order[:20]]].tolist()
            cells = problem.layout
            assert [(p[0], p[1]) for p in points] == [
                (int(variants[i]), tuple(rows[i, : cells[variants[i]]].tolist()))
                for i in kept[order[:20]]
            ]


def test_predictors() -> None:
    """Scores with logarithms of totals, and accuracies that must reach something."""
    space = flash.DenseNet(depths=flash.Range(3, 9), skips=[0, 16, 40], cells=3)
    for predictor in (
        flash.AccuracyPredictor.load(
            str(Path(flash.__file__).parent / "data" / "predictors" / "densenet.json")
        ),
        flash.AccuracyPredictor(1.02, 30.0, -2.5),
    ):
        problem = compile_problem(space, flash.Target.load("rram"), predictor, PARAMS | MACS)
        for least in (-math.inf, 0.6, 0.8, 0.95):
            for exponent in (None, (1.0, -0.2, 0.0, 0.0, 0.0, 0.0)):
                query = Query([math.inf, 3.0, *[math.inf] * 4], least, exponent)
                plain = swept(problem.tables, query, 9, exact=True)
                assert swept(problem.tables, query, 9)[:2] == plain[:2]


SCRIPT = """
import json
from random import Random
from twins.problems import make
from test_enumeration import FAMILIES, large, swept
from flash._core.search.exact import Query
from flash._core.tables.tables import Tables, simd
seen = []
for seed in range(12):
    for family in FAMILIES:
        draw = large if family in ("plain", "leakage", "peaks") else make
        p = draw(Random(f"simd{family}{seed}"), family)
        tables = Tables.from_arrays(p.variants, p.links)
        seen.append(swept(tables, Query(p.maximum, p.min_accuracy, p.exponent), 4)[:2])
print(json.dumps({"simd": simd(), "seen": repr(seen)}))
"""


@pytest.mark.processes
def test_every_instruction_set_finds_the_same() -> None:
    assert len({one["seen"] for one in told_by_each(SCRIPT, __file__).values()}) == 1


def test_places_of_a_random_order() -> None:
    for size in (1, 2, 3, 17, 256, 1000, 4097):
        whole = np.empty(size, np.int64)
        stream.draw(size, 5, 0, whole)
        assert sorted(whole.tolist()) == list(range(size))
        part = np.empty(size // 2, np.int64)
        stream.draw(size, 5, size - len(part), part)
        assert part.tolist() == whole[size - len(part) :].tolist()
    other = np.empty(4097, np.int64)
    stream.draw(4097, 6, 0, other)
    assert (other != whole).mean() > 0.9
    large = np.empty(100_000, np.int64)
    stream.draw(2**62, 1, 2**61, large)
    assert len(set(large.tolist())) == len(large)
    # uniform: each sixteenth of the range gets its share, within five standard deviations
    shares = np.bincount((large >> 58).astype(int), minlength=16)
    assert abs(shares - len(large) / 16).max() < 5 * math.sqrt(len(large) / 16)
    with pytest.raises(ValueError, match="places"):
        stream.draw(10, 0, 5, np.empty(6, np.int64))


def test_places_are_those_of_the_space() -> None:
    for family in CELL_FAMILIES:
        for seed in range(5):
            space = random_space(Random(f"place{family}{seed}"), family)
            problem = compile_problem(space, flash.Target.load("cpu-x86"))
            rng = np.random.default_rng(seed)
            index = rng.integers(0, space.size, 200)
            variants, rows = np.empty(200, np.int32), np.empty((200, 9), np.int32)
            stream.place_rows(problem.tables, index, variants, rows)
            for i in range(200):
                variant = int(variants[i])
                own = rows[i, : problem.layout[variant]].tolist()
                assert space.index(problem.row(variant, own)) == index[i]
            with pytest.raises(ValueError, match="is not in the space"):
                stream.place_rows(problem.tables, np.array([space.size]), variants[:1], rows[:1])


def test_nondominated() -> None:
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 50, 400):
        for costs in (2, 3, 4):
            value = rng.integers(0, 12, (n, costs)).astype(float)
            order = np.lexsort((np.arange(n), *value.T[::-1])) if n else np.empty(0, np.int64)
            got = stream.nondominated(value, order.astype(np.int64))
            expected = [
                i
                for i in range(n)
                if not any(
                    (value[j] <= value[i]).all() and ((value[j] < value[i]).any() or j < i)
                    for j in range(n)
                )
            ]
            assert sorted(got) == expected


def test_refusals() -> None:
    problem = make(Random(1), "plain")
    tables, query = Tables.from_arrays(problem.variants, problem.links), Query([math.inf] * 6)
    outer = sweep.outer_sizes(tables)[0][0]
    with pytest.raises(ValueError, match=r"variant 1 is not in 0\.\.0"):
        sweep.count_range(tables, query, 1, 0, 1)
    for first, last in ((-1, 1), (0, outer + 1), (1, 0)):
        with pytest.raises(ValueError, match="outer combinations are"):
            sweep.count_range(tables, query, 0, first, last)
    with pytest.raises(ValueError, match="must not be negative"):
        sweep.count_range(tables, query, 0, 0, 1, top=-1)
