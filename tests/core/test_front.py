"""The core's fronts: those of complete enumeration, on every kind of problem."""

from __future__ import annotations

import itertools
import math
import struct
from array import array
from functools import reduce
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import reference
from twins.instruction_sets import told_by_each
from twins.problems import FAMILIES, TableProblem, make
from twins.reference import (
    AREA,
    COLUMNS,
    ENERGY,
    ENERGY_IN,
    ENERGY_OUT,
    LATENCY,
    LATENCY_IN,
    LATENCY_OUT,
    LEAK,
    LEAK_IN,
    MACS,
    PARAMS,
    PEAK,
    SCALE,
    SCORE,
)

from flash._core.front.front import Front
from flash._core.search.exact import Query
from flash._core.tables.tables import Tables

KINDS = tuple(f for f in FAMILIES if "product" not in f)


def every_point(problem: TableProblem) -> list[tuple[list[float], int, tuple[int, ...]]]:
    """Metrics, variant and rows of every configuration within the budgets."""
    out = []
    for v, variant in enumerate(problem.variants):
        for rows in itertools.product(*map(range, problem.sizes[v])):
            m = reference.metrics(problem.links, reference.totals(variant, rows))
            if all(m[k] <= problem.maximum[k] for k in range(1, 6)) and (
                reference.accuracy(problem.links, m[0]) >= problem.min_accuracy
            ):
                out.append((m, v, rows))
    return out


def vector(m: list[float], goals: tuple[int, ...]) -> tuple[float, ...]:
    return tuple([-m[k] if k == 0 else m[k] for k in goals])


def order(point: Any) -> Any:
    m, v, rows = point
    return m[1], m[2], m[3], -m[0], v, rows


def expected(problem: TableProblem, goals: tuple[int, ...]) -> dict[tuple[float, ...], Any]:
    """The front by looking at all pairs: of equal points the first in the order of answers."""
    best: dict[tuple[float, ...], Any] = {}
    for point in every_point(problem):
        key = vector(point[0], goals)
        if key not in best or order(point) < order(best[key]):
            best[key] = point
    keys = sorted(best)
    front: list[tuple[float, ...]] = []
    for key in keys:  # only what comes before it can dominate it
        if not any(all(a <= b for a, b in zip(one, key, strict=True)) for one in front):
            front.append(key)
    return {key: best[key] for key in front}


def points(front: Front) -> list[tuple[list[float], int, tuple[int, ...]]]:
    variants, rows, metrics = front.points
    n = len(variants) // 4
    each = len(rows) // 4 // n if n else 0
    vs, rs = array("i", bytes(variants)), array("i", bytes(rows))
    ms = struct.unpack(f"{6 * n}d", bytes(metrics))
    cells = [len(sizes) for sizes in front.tables.rows]
    return [
        (list(ms[6 * i : 6 * i + 6]), vs[i], tuple(rs[each * i : each * i + cells[vs[i]]]))
        for i in range(n)
    ]


def run(problem: TableProblem, goals: tuple[int, ...], **options: Any) -> Front:
    front = Front(
        Tables.from_arrays(problem.variants, problem.links),
        Query(problem.maximum, problem.min_accuracy),
        goals,
        **options,
    )
    front.run()
    assert front.stopped == 0
    return front


def some_goals(random: Random, problem: TableProblem) -> tuple[int, ...]:
    present = set(problem.variants[0][1][0][1])
    have = [0, 1] + [
        m
        for m, columns in (
            (2, {ENERGY, ENERGY_IN}),
            (3, {AREA, PEAK}),
            (4, {PARAMS}),
            (5, {MACS}),
        )
        if columns & present
    ]
    return tuple(random.sample(have, random.randint(2, min(4, len(have)))))


def check(problem: TableProblem, goals: tuple[int, ...]) -> int:
    found = points(run(problem, goals))
    wanted = expected(problem, goals)
    assert sorted(vector(p[0], goals) for p in found) == sorted(wanted)
    for point in found:
        m, v, rows = wanted[vector(point[0], goals)]
        assert point == (m, v, rows)
    return len(found)


@pytest.mark.parametrize("kind", KINDS)
def test_equals_all_pairs(kind: str) -> None:
    sizes = []
    for seed in range(15):
        random = Random(f"front {kind} {seed}")
        problem = make(random, kind)
        goals = some_goals(random, problem)
        try:
            sizes.append(check(problem, goals))
        except AssertionError as error:
            raise AssertionError(
                f"make(Random('front {kind} {seed}'), {kind!r}): {error}"
            ) from error
    assert kind == "infeasible" or max(sizes) > 5


@pytest.mark.slow
@settings(max_examples=200, derandomize=True)
@given(st.randoms(use_true_random=False), st.sampled_from(KINDS))
def test_equals_all_pairs_on_any_problem(random: Random, kind: str) -> None:
    problem = make(random, kind)
    check(problem, some_goals(random, problem))


@pytest.mark.slow
@settings(max_examples=100, derandomize=True)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(KINDS),
    st.sampled_from([1e-3, 0.05, 0.5, 3.0]),
)
def test_an_epsilon_front_covers_all(random: Random, kind: str, epsilon: float) -> None:
    """For every configuration one of the front comes within 1 + epsilon of it in every goal."""
    problem = make(random, kind)
    goals = some_goals(random, problem)
    found = points(run(problem, goals, epsilon=epsilon))
    links = problem.links
    for m, v, rows in found:
        assert m == reference.metrics(links, reference.totals(problem.variants[v], rows))
        assert all(m[k] <= problem.maximum[k] for k in range(1, 6))
        assert reference.accuracy(links, m[0]) >= problem.min_accuracy
    near = [(reference.accuracy(links, m[0]), m) for m, _, _ in found]

    def covers(near: Any, accuracy: float, m: list[float]) -> bool:
        slack = (1.0 + epsilon) * (1.0 + 1e-13)
        for k in goals:
            if k and near[1][k] > m[k] * slack:
                return False
            if not k and (accuracy > near[0] * slack if accuracy > 0 else near[1][0] < m[0]):
                return False
        return True

    exact = expected(problem, goals)
    assert bool(near) == bool(exact)
    for m, _, _ in exact.values():
        accuracy = reference.accuracy(links, m[0])
        assert any(covers(one, accuracy, m) for one in near)
    keys = sorted(vector(m, goals) for m, _, _ in found)
    for i, key in enumerate(keys):
        assert not any(all(a <= b for a, b in zip(one, key, strict=True)) for one in keys[:i])


def test_an_epsilon_front_is_small() -> None:
    sizes = []
    for epsilon in (0.0, 0.001, 0.01, 0.1, 1.0):
        sizes.append(len(points(run(larger(Random(5), 3, 80, "plain"), (0, 1), epsilon=epsilon))))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 2 * sizes[3] > 8 * sizes[4]


def larger(random: Random, cells: int, rows: int, kind: str) -> TableProblem:
    """Rows whose scores grow with their costs, so that many are on the front."""
    columns = [SCORE, LATENCY, ENERGY, AREA]
    if kind == "classes":  # as rram has them: area only with the scale, and of the largest
        columns = sorted({*range(AREA), PEAK})
    if kind == "logarithms":
        columns += [PARAMS, MACS]
    made = []
    for _ in range(cells):
        data = {k: [] for k in columns}
        for _ in range(rows):
            size = math.exp(random.uniform(3, 12))
            for k in columns:
                x = size * random.uniform(0.5, 2.0)
                data[k].append(
                    float(random.randint(1, 6) if k == SCALE else round(x**0.5 if k == 0 else x))
                )
        made.append((1, {k: array("d", x) for k, x in data.items()}, {}))
    links: dict[str, Any] = {"quantum": (0.5, 0.25, 0.125, 1.0, 1.0, 1.0), "modelled": 63}
    if kind == "classes":
        links["classes"] = (
            (6.0, 0.7, 0.0, 1.0, 0.5, 0.0, 0.0),
            (9.0, 1.1, 0.5, 1.3, 0.5, 0.25, 5.0),
            (math.inf, 2.0, 0.75, 1.5, 1.0, 0.5, 9.0),
        )
        links["leakage"] = 0.001
        links["area_per_scale"] = 700.0
    if kind == "logarithms":
        links["logs"] = (-12.0, 7.0)
    return TableProblem([([0.0] * len(COLUMNS), made)], links)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "classes", "logarithms"])
@pytest.mark.parametrize("goals", [(0, 1), (0, 1, 2), (2, 1, 3, 0)])
def test_equals_enumeration_of_many(kind: str, goals: tuple[int, ...]) -> None:
    """Large enough for several groups of blocks: compared with all sums, sorted and swept."""
    assert compared(larger(Random(f"{kind}{goals}"), 3, 60, kind), kind, goals) > 100


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "classes", "logarithms"])
def test_equals_enumeration_of_many_rows(kind: str) -> None:
    """Of cells with so many rows some are looked at first."""
    assert compared(larger(Random(kind), 2, 300, kind), kind, (0, 1, 2)) > 100


def compared(problem: TableProblem, kind: str, goals: tuple[int, ...]) -> int:
    """Check a front against all sums; return its size."""
    import numpy as np

    found = points(run(problem, goals))
    sums: Any = {}
    cells = problem.variants[0][1]
    for k in cells[0][1]:
        parts = [np.array(cell[1][k]) for cell in cells]
        sums[k] = reduce(np.maximum.outer if k == PEAK else np.add.outer, parts).ravel()
    q = problem.links["quantum"]
    zero = np.zeros_like(sums[SCORE])
    x = [sums.get(k, zero) for k in range(len(COLUMNS))]
    classes = problem.links.get("classes", ((math.inf, *[0.0] * 6),))
    at = np.searchsorted([c[0] for c in classes], x[SCALE])
    f, g, h, i, leak, a = (np.array([c[n] for c in classes])[at] for n in range(1, 7))
    out = q[1] * x[LATENCY_OUT]
    latency = q[1] * x[LATENCY] + (f * (q[1] * x[LATENCY_IN]) + g * out)
    energy = q[2] * x[ENERGY] + (h * (q[2] * x[ENERGY_IN]) + i * (q[2] * x[ENERGY_OUT]))
    leaking = q[1] * x[LEAK] + (f * (q[1] * x[LEAK_IN]) + leak * out)
    energy = energy + (problem.links.get("leakage", 0.0) * x[SCALE]) * leaking
    area = q[3] * (x[AREA] + x[PEAK])
    area = area + (problem.links.get("area_per_scale", 0.0) * x[SCALE] + a)
    score = q[0] * x[SCORE]
    if kind == "logarithms":  # math's, as the core's: numpy's own may differ in the last bit
        for factor, k in zip(problem.links["logs"], (MACS, PARAMS), strict=True):
            score = score + factor * np.array([math.log(x) for x in sums[k].tolist()])
    metric = [-score, latency, energy, area]
    key = np.stack([metric[k] for k in goals], 1)
    key = np.unique(key, axis=0)
    kept: Any = np.zeros((0, len(goals)))
    for start in range(0, len(key), 512):  # sorted: only what comes before dominates
        some = key[start : start + 512]
        if len(kept):
            some = some[~(some[:, None] >= kept).all(2).any(1)]
        some = some[(some[:, None] >= some).all(2).sum(1) == 1]
        kept = np.concatenate([kept, some])
    assert sorted(vector(p[0], goals) for p in found) == sorted(map(tuple, kept.tolist()))
    for m, v, rows in found[:50]:
        assert m == reference.metrics(problem.links, reference.totals(problem.variants[v], rows))
    return len(kept)


def steep(random: Random, kind: str) -> tuple[TableProblem, tuple[int, ...]]:
    """A few cells whose scale is soon another class, with other factors, and one scaled column that
    matters: a sum may only be left out for one that is no worse in every class there may be."""
    cells = random.choice([3, 3, 4])
    rows = random.randint(4, 8) if cells == 4 else random.randint(6, 14)
    bound, factors, classes = 0, [random.choice([0.0, 1.0]) for _ in range(6)], []
    for _ in range(random.randint(2, 6)):
        bound += random.randint(1, 2 * cells)
        classes.append((float(bound), *factors))
        factors = [x + random.choice([0.0, 1.0, 3.0, 10.0]) for x in factors]
    classes[-1] = (math.inf, *classes[-1][1:])
    columns = {
        "inputs": [LATENCY, LATENCY_IN],
        "outputs": [LATENCY, LATENCY_OUT],
        "energy of inputs": [ENERGY, ENERGY_IN],
        "energy of outputs": [ENERGY, ENERGY_OUT],
        "leaking": [LATENCY_OUT, ENERGY, LEAK, LEAK_IN],
        "area": [AREA, PEAK],
    }[kind]
    large = random.choice([4, 20, 200])
    made: list[Any] = []
    for _ in range(cells):
        data: dict[int, list[float]] = {k: [] for k in [SCORE, *columns, SCALE]}
        for _ in range(rows):
            size = math.exp(random.uniform(0, math.log(large)))
            for k, own in data.items():
                x = size * random.uniform(0.5, 2.0) * (6 if k in (LATENCY, ENERGY, AREA) else 1)
                own.append(float(random.randint(1, 4) if k == SCALE else max(1, round(x))))
        made.append((1, {k: array("d", x) for k, x in sorted(data.items())}, {}))
    links = {"quantum": (1.0,) * 6, "modelled": 63, "classes": tuple(classes)}
    links |= {"leakage": float(kind == "leaking"), "area_per_scale": random.choice([0.0, 2.5])}
    goal = 1 if kind in ("inputs", "outputs") else 3 if kind == "area" else 2
    return TableProblem([([0.0] * len(COLUMNS), made)], links), (0, goal)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["inputs", "outputs", "energy of inputs", "energy of outputs", "leaking", "area"]
)
def test_sums_in_several_classes(kind: str) -> None:
    for seed in range(60):
        problem, goals = steep(Random(f"steep {kind} {seed}"), kind)
        try:
            check(problem, goals)
        except AssertionError as error:
            raise AssertionError(f"steep(Random('steep {kind} {seed}'), {kind!r})") from error


EACH = """
import hashlib, json
from random import Random
from flash._core.tables.tables import simd
from test_front import KINDS, larger, make, points, run, some_goals
seen = hashlib.sha256()
for seed in range(4):
    for kind in KINDS:
        random = Random(f"each {kind} {seed}")
        problem = make(random, kind)
        seen.update(repr(sorted(points(run(problem, some_goals(random, problem))))).encode())
for kind in ("plain", "classes", "logarithms"):
    for epsilon in (0.0, 0.05):
        found = points(run(larger(Random(kind), 3, 40, kind), (0, 1, 2), epsilon=epsilon))
        seen.update(repr(sorted(found)).encode())
print(json.dumps({"simd": simd(), "seen": seen.hexdigest()}))
"""


@pytest.mark.processes
def test_every_instruction_set_finds_the_same() -> None:
    assert len({told["seen"] for told in told_by_each(EACH, __file__).values()}) == 1


def test_the_same_front_from_one_goal_more_often() -> None:
    """Goals in another order give the same points."""
    problem = larger(Random(1), 3, 40, "classes")
    one, other = run(problem, (0, 1, 2)), run(problem, (2, 0, 1))
    assert sorted(points(one)) == sorted(points(other))


def test_stopped_fronts_hold_real_networks() -> None:
    problem = larger(Random(2), 5, 60, "plain")
    tables = Tables.from_arrays(problem.variants, problem.links)
    front = Front(tables, Query((math.inf,) * 6), (0, 1, 2), time_limit_s=1e-9)
    front.run()
    assert front.stopped == 1
    found = points(front)
    assert found
    for m, v, rows in found:
        assert m == reference.metrics(problem.links, reference.totals(problem.variants[v], rows))


def test_a_callback_stops_or_raises() -> None:
    problem = larger(Random(2), 6, 60, "plain")
    tables = Tables.from_arrays(problem.variants, problem.links)
    seen = []

    def stop(front: Front) -> bool:
        seen.append((front.progress, front.size))
        return True

    front = Front(tables, Query((math.inf,) * 6), (0, 1, 2, 3), callback=stop)
    front.run()
    assert front.stopped == 3
    assert len(seen) == 1
    assert 0.0 <= seen[0][0] < 1.0

    def fail(front: Front) -> bool:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        Front(tables, Query((math.inf,) * 6), (0, 1, 2, 3), callback=fail).run()


@pytest.mark.parametrize("goals", [(0,), (0, 0), (0, 6), (0, -1)])
def test_goals_are_checked(goals: tuple[int, ...]) -> None:
    problem = make(Random(1), "plain")
    with pytest.raises(ValueError, match="goals"):
        run(problem, goals)


@pytest.mark.parametrize("seed", ["fuzz79533", "fuzz710349", "fuzz713069", "fuzz714445"])
def test_ties_where_scores_are_no_goal(seed: str) -> None:
    """Of equal costs the higher score comes first, also where it falls with the parameters."""
    random = Random(seed)
    problem = make(random, "logarithms")
    check(problem, some_goals(random, problem))


@pytest.mark.slow
@settings(max_examples=150, derandomize=True)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(KINDS),
    st.sampled_from([0.0, 0.0, 0.05, 0.5]),
)
def test_points_from_elsewhere(random: Random, kind: str, epsilon: float) -> None:
    """The front of some variants, known to that of others, makes the front of all of them."""
    problem, other = make(random, kind), make(random, kind)
    # the same score and budgets, so that their points belong together
    other = other.with_(
        links=problem.links, maximum=problem.maximum, min_accuracy=problem.min_accuracy
    )
    goals = some_goals(random, problem)
    if not set(some_columns(other)) >= set(some_columns(problem)):
        return
    first = points(run(problem, goals, epsilon=epsilon))
    known = b"".join(struct.pack("6d", *m) for m, _, _ in first)
    front = run(other, goals, known=known, epsilon=epsilon)
    kept = [point for point, stays in zip(first, front.known, strict=True) if stays]
    both = kept + points(front)
    if epsilon == 0.0:
        alone = points(run(other, goals))
        best: dict[tuple[float, ...], Any] = {}
        for at, some in enumerate((first, alone)):
            for m, v, rows in some:
                key, own = vector(m, goals), (*order((m, 0, ()))[:4], at)
                if key not in best or own < best[key][0]:
                    best[key] = own, (m, v, rows)
        wanted = [
            best[key][1]
            for key in best
            if not any(
                all(a <= b for a, b in zip(one, key, strict=True)) for one in best if one != key
            )
        ]
        assert sorted(both) == sorted(wanted)
    else:
        for m in [*(p[0] for p in first), *(point[0] for point in expected(other, goals).values())]:
            assert any(covered(problem.links, goals, epsilon, one[0], m) for one in both)
    probe = Front(
        Tables.from_arrays(other.variants, other.links),
        Query(other.maximum, other.min_accuracy),
        goals,
        known=known,
        only_new=True,
        epsilon=epsilon,
    )
    probe.run()
    assert probe.stopped == (2 if points(front) else 0)
    assert bool(points(probe)) == bool(points(front))


def some_columns(problem: TableProblem) -> list[int]:
    return sorted(problem.variants[0][1][0][1])


def covered(
    links: Any, goals: tuple[int, ...], epsilon: float, near: list[float], m: list[float]
) -> bool:
    """Whether a point comes within 1 + epsilon of another in every goal."""
    slack = (1.0 + epsilon) * (1.0 + 1e-13)
    mine, theirs = reference.accuracy(links, near[0]), reference.accuracy(links, m[0])
    for k in goals:
        if k and near[k] > m[k] * slack:
            return False
        if not k and (theirs > mine * slack if theirs > 0 else near[0] < m[0]):
            return False
    return True


def test_known_points_are_rows_of_six() -> None:
    problem = make(Random(0), "plain")
    with pytest.raises(ValueError, match="known must be rows of six float64, got 8 bytes"):
        run(problem, (0, 1), known=bytes(8))
