"""Batch evaluation from tables: what the reference computes, bit for bit, and what is refused."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from twins import reference
from twins.instruction_sets import told_by_each
from twins.problems import FAMILIES, make
from twins.problems import space as random_space
from twins.reference import AREA, COLUMNS, LATENCY, LATENCY_IN, LEAK, LEAK_IN, PEAK, SCALE, SCORE
from twins.reference import PARAMS as PARAMS_COLUMN

import flash
import flash.networks.architecture
from flash._core.costing import batch
from flash._core.tables.tables import METRICS, Tables
from flash.errors import ArgumentError, ArgumentTypeError
from flash.networks.families import FAMILIES as CELL_FAMILIES
from flash.problem.compiling import MACS, PARAMS, compile_problem
from flash.spaces.index import rows_of


@pytest.mark.parametrize("family", FAMILIES)
def test_metrics_are_those_of_the_reference(family: str) -> None:
    for seed in range(10):
        random = Random(f"{family}{seed}")
        problem = make(random, family)
        tables = Tables.from_arrays(problem.variants, problem.links)
        chosen = []
        for _ in range(50):
            v = random.randrange(len(problem.variants))
            chosen.append((v, tuple(random.randrange(n) for n in problem.sizes[v])))
        rows = np.zeros((50, 4), dtype=np.int32)
        for i, (_, row) in enumerate(chosen):
            rows[i, : len(row)] = row
        got = np.array(
            batch.evaluate(tables, np.array([v for v, _ in chosen], dtype=np.int32), rows)
        )
        assert got.shape == (len(METRICS), 50)
        for i, (v, row) in enumerate(chosen):
            expected = reference.metrics(problem.links, reference.totals(problem.variants[v], row))
            assert got[:, i].tolist() == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_many_at_once(family: str) -> None:
    """From a few hundred on, rows are copied side by side first: the same numbers."""
    random = Random(f"many{family}")
    problem = make(random, family)
    tables = Tables.from_arrays(problem.variants, problem.links)
    n = 700
    variants = np.array([random.randrange(len(problem.variants)) for _ in range(n)], np.int32)
    rows = np.zeros((n, 5), dtype=np.int32)
    for i, v in enumerate(variants):
        rows[i, : len(problem.sizes[v])] = [random.randrange(k) for k in problem.sizes[v]]
    whole = np.array(batch.evaluate(tables, variants, rows))
    parts = [
        batch.evaluate(tables, variants[i : i + 100], rows[i : i + 100]) for i in range(0, n, 100)
    ]
    assert (whole == np.concatenate([np.array(part) for part in parts], axis=1)).all()
    rows[n - 1, 0] = 10**6
    with pytest.raises(ValueError, match="row 1000000"):
        batch.evaluate(tables, variants, rows)


@pytest.mark.parametrize("target_name", ["rram", "cpu-x86"])
@pytest.mark.parametrize("extra", [0, PARAMS, PARAMS | MACS])
@pytest.mark.parametrize("cells", [1, 8, 9, 17])
def test_many_cells(cells: int, extra: int, target_name: str) -> None:
    """Vectors take eight cells at a time; one that rows end in is padded."""
    space = flash.DenseNet(cells=cells, widths=[16], depths=[2, 5], skips=[0, 16])
    problem = compile_problem(space, flash.Target.load(target_name), None, extra)
    rng = np.random.default_rng(cells)
    for n in (*range(1, 20), 500):
        sizes = np.array(problem.tables.rows[0])
        variants = rng.integers(0, len(problem.tables.rows), n, dtype=np.int32)
        rows = rng.integers(0, sizes, (n, cells), dtype=np.int32)
        got = np.array(batch.evaluate(problem.tables, variants, rows))
        expected = batch.evaluate_layers(space.core_plan, problem.model, variants, rows)
        known = [0, 1, 2, 3] + [4] * bool(extra & PARAMS) + [5] * bool(extra & MACS)
        np.testing.assert_array_equal(got[known], np.array(expected)[known])


@pytest.mark.parametrize("cells", [2, 11])
def test_out_of_range_wherever_it_stands(cells: int) -> None:
    space = flash.DenseNet(cells=cells, widths=[16], depths=[2, 3], skips=[0, 16])
    problem = compile_problem(space, flash.Target.load("rram"))
    n = 150
    batch.evaluate(problem.tables, np.zeros(n, np.int32), np.zeros((n, cells), np.int32))
    for i in (0, 63, 64, 141, 149):
        for cell in {0, cells - 1}:
            for bad in (-1, 4, 2**31 - 1, -(2**31)):
                variants, rows = np.zeros(n, np.int32), np.zeros((n, cells + 1), np.int32)
                rows[:, cells] = -7  # never read
                batch.evaluate(problem.tables, variants, rows)
                rows[i, cell] = bad
                with pytest.raises(ValueError, match=f"row {bad} of cell {cell} "):
                    batch.evaluate(problem.tables, variants, rows)
                rows[i, cell] = 0
                variants[i] = bad
                with pytest.raises(ValueError, match=f"variant {bad} "):
                    batch.evaluate(problem.tables, variants, rows)
        with pytest.raises(ValueError, match="rows must have"):
            batch.evaluate(problem.tables, variants * 0, np.zeros((n, cells - 1), np.int32))


def test_few_at_a_time_are_many_together() -> None:
    """Calls too small to lay the tables out for them do so once they have had enough."""
    problem = compile_problem(SPACE, flash.Target.load("rram"))
    variants, rows = np.zeros(1, np.int32), np.ones((1, 2), np.int32)
    first = np.array(batch.evaluate(problem.tables, variants, rows))
    for _ in range(20):
        np.testing.assert_array_equal(batch.evaluate(problem.tables, variants, rows), first)


def test_scales_of_all_sizes() -> None:
    """Classes are looked up by bits of the scale: whatever the bounds and totals, the same class as
    by bisection, or no look-up at all."""
    random = Random(5)
    for top in (3, 4000, 4095, 4096, 5000, 70_000, 10**7, 2**40):
        for case in range(8):
            bounds = sorted({random.randrange(top) + 0.5 * (case % 2) for _ in range(9)})
            classes = [
                (b, *(1.0 + i + k for k in range(6))) for i, b in enumerate((*bounds, np.inf))
            ]
            scale = np.array(
                [random.randrange(top) for _ in range(40)] + [0, *map(int, bounds)], float
            )
            columns = {k: np.arange(float(len(scale))) for k in range(len(COLUMNS))}
            columns[SCALE] = scale
            columns[SCORE] = -columns[SCORE]
            columns[PARAMS_COLUMN] *= 2.0 ** random.choice([3, 20, 30, 45])
            if case % 4 > 1:  # rows of one cache line
                del columns[AREA]
            links = {
                "quantum": (2.0**-3, 2.0**-9, 2.0**-5, 0.5, 1.0, 1.0),
                "modelled": 63,
                "classes": classes,
                "leakage": 0.25,
                "area_per_scale": 0.3,
            }
            constant = [5.0, 1.0, 2.0, 3.0, 4.0, 1.0, 6.0, 7.0, 8.0, 2.0, 0.0, 0.0, 9.0, 7.0]
            cells = [(1, columns, {}), (1, columns, {})]
            variants = [(constant, cells), ([0.0] * len(COLUMNS), cells[:1])]
            which = np.arange(len(scale), dtype=np.int32) % 2
            rows = np.array(
                [[i, random.randrange(len(scale))] for i in range(len(scale))], np.int32
            )
            compare(variants, links, which, rows)


def compare(variants: Any, links: Any, which: Any, rows: Any) -> Any:
    """Evaluate rows one call after another, first from tables as they are; return the last."""
    tables = Tables.from_arrays(variants, links)
    expected = [
        reference.metrics(links, reference.totals(variants[v], tuple(row[: len(variants[v][1])])))
        for v, row in zip(which, rows.tolist(), strict=True)
    ]
    for _ in range(4):
        got = np.array(batch.evaluate(tables, which, rows))
        assert got.T.tolist() == expected
    return got


def filled(random: Random) -> tuple[Any, Any]:
    """Variants and links of an accelerator with classes and no areas, whose totals take any number
    of bits: most rows are one cache line, and some columns are just too wide for it."""
    most_bits = dict(enumerate([50, 40, 36, 32, 47, 40, 36, 0, 0, 14, 0, 40, 34, 36]))
    bits = {k: random.choice([n, n, n, random.randint(1, 52)]) for k, n in most_bits.items() if n}
    most_cells = random.choice([1, 2, 3, 4, 5, 8, 9, 20])
    variants = []
    for _ in range(random.randint(1, 3)):
        n = random.randint(1, most_cells)
        cells = []
        for _ in range(n):
            count = random.randint(1, 12)
            most = {k: max(1, (2**b - 8) // n) for k, b in bits.items()}
            columns = {
                k: np.array([random.choice([top, 0, random.randint(0, top)]) for _ in range(count)])
                for k, top in most.items()
            }
            if random.random() < 0.3:
                columns[SCORE] -= most[SCORE] // 2
            for leak, latency in ((LEAK, LATENCY), (LEAK_IN, LATENCY_IN)):
                columns[leak] = columns[latency] + random.randint(0, 1 + most[latency] // 8)
            if random.random() < 0.03:
                columns[LEAK][0] = 0
            cells.append((1, {k: column.astype(float) for k, column in columns.items()}, {}))
        constant = [float(random.randint(0, 5)) for _ in COLUMNS]
        constant[AREA] = constant[PEAK] = 0.0
        constant[LEAK] = constant[LATENCY] + random.choice([0.0, 0.0, 1.0, -1.0])
        variants.append((constant, cells))
    bounds = sorted({float(random.randrange(2 ** bits[SCALE])) for _ in range(30)})
    classes, own = [], [0.0] * 6
    for bound in (*bounds, np.inf):
        own = [x + random.choice([0.0, random.random()]) for x in own]
        classes.append((bound, *own))
    links = {
        "quantum": random.choice(
            [(2.0**-36, 2.0**-36, 2.0**-44, 2.0**-36, 1.0, 1.0), (1e-6, 0.3, 0.7, 0.1, 1.0, 1.0)]
        ),
        "modelled": 63,
        "classes": classes,
        "leakage": random.choice([0.0, 0.37]),
        "area_per_scale": random.choice([0.0, 0.7]),
    }
    return variants, links


def check_filled(seed: int) -> str:
    """Compare some configurations with the reference; return their bits."""
    random = Random(seed)
    variants, links = filled(random)
    n = random.choice([1, 3, 8, 31, 32, 33, 64, 100, 200])
    which = np.array([random.randrange(len(variants)) for _ in range(n)], np.int32)
    rows = np.zeros((n, max(len(cells) for _, cells in variants)), np.int32)
    for row, v in zip(rows, which, strict=True):
        for c, (_, columns, _) in enumerate(variants[v][1]):
            row[c] = random.randrange(len(columns[SCORE]))
    return str(compare(variants, links, which, rows).tobytes().hex()[:512])


def test_totals_that_fill_their_bits() -> None:
    for seed in range(150):
        check_filled(seed)


SCRIPT = """
import json
from test_batch import check_filled
from flash._core.tables.tables import simd
print(json.dumps({"simd": simd(), "seen": [check_filled(seed) for seed in range(200, 300)]}))
"""


@pytest.mark.processes
def test_every_instruction_set_fills_them_alike() -> None:
    told = told_by_each(SCRIPT, __file__)
    assert all(one["seen"] == told["baseline"]["seen"] for one in told.values())


@pytest.mark.parametrize("target_name", ["rram", "cpu-x86"])
@pytest.mark.parametrize(
    ("make_space", "cells", "depths"),
    [(flash.DenseNet, 5, (273, 274, 818, 819, 820, 1000)), (flash.ResNet, 3, (681, 682, 683, 999))],
)
def test_layers_beyond_a_pass(
    make_space: Any, cells: int, depths: tuple[int, ...], target_name: str
) -> None:
    """Almost as many layers as the vector kernels have room for, and more."""
    for depth in depths:
        space = make_space(cells=cells, depths=[depth], skips=[0, 16], widths=[16])
        problem = compile_problem(space, flash.Target.load(target_name), None, PARAMS | MACS)
        variants, rows = np.zeros(2, np.int32), np.array([[0] * cells, [1] * cells], np.int32)
        np.testing.assert_array_equal(
            batch.evaluate_layers(space.core_plan, problem.model, variants, rows),
            batch.evaluate(problem.tables, variants, rows),
        )


@pytest.mark.parametrize("target_name", ["rram", "cpu-x86"])
@pytest.mark.parametrize("family", CELL_FAMILIES)
def test_layer_by_layer(family: str, target_name: str) -> None:
    """Without tables, bit for bit the same: and both what `Target.cost` says."""
    target = flash.Target.load(target_name)
    for seed in range(10):
        space = random_space(Random(f"layers{family}{seed}"), family)
        problem = compile_problem(space, target, None, PARAMS | MACS)
        indices = space.sample_indices(40, seed)
        picked = [rows_of(space, space.encode(space.decode(i))) for i in indices]
        rows = np.zeros((len(picked), 3), np.int32)
        for i, (_, row) in enumerate(picked):
            rows[i, : len(row)] = row
        variants = np.array([v for v, _ in picked], np.int32)
        got = batch.evaluate_layers(problem.plan, problem.model, variants, rows)
        evaluated = flash.evaluate(space, target, indices)
        names = ("nn_degree", *(METRICS[k] for k in range(1, 6)))
        for k, name in enumerate(names):
            if name in evaluated:
                assert np.asarray(got[k]).tolist() == evaluated[name].tolist(), name
        arch = space.decode(indices[0])
        assert got[1][0] == target.cost(arch).latency_ms
        assert (got[4][0], got[5][0]) == (arch.params, arch.macs)


def test_layer_by_layer_refuses() -> None:
    problem = compile_problem(SPACE, flash.Target.load("rram"))
    call = batch.evaluate_layers
    for variant, rows in (
        (np.zeros(2, np.int32), np.zeros((1, 2), np.int32)),
        (np.array([2], np.int32), np.zeros((1, 2), np.int32)),
        (np.zeros(1, np.int32), np.zeros((1, 1), np.int32)),
        (np.zeros(1, np.int32), np.array([[0, 4]], np.int32)),
        (np.zeros(1, np.int32), np.array([[-1, 0]], np.int32)),
    ):
        with pytest.raises(ValueError, match=r"must|is not in"):
            call(problem.plan, problem.model, variant, rows)
    for arguments in ((None, problem.model), (problem.plan, None)):
        with pytest.raises(TypeError):
            call(*arguments, np.zeros(1, np.int32), np.zeros((1, 2), np.int32))


def tables() -> Tables:
    return Tables.from_arrays(make(Random(0), "plain").variants, make(Random(0), "plain").links)


def test_no_configuration() -> None:
    got = batch.evaluate(tables(), np.zeros(0, np.int32), np.zeros((0, 32), np.int32))
    assert [len(one) for one in got] == [0] * 6


@pytest.mark.parametrize(
    ("variant", "rows", "error"),
    [
        (np.zeros(2, np.int32), np.zeros((3, 32), np.int32), ValueError),
        (np.array([1], np.int32), np.zeros((1, 32), np.int32), ValueError),
        (np.array([-1], np.int32), np.zeros((1, 32), np.int32), ValueError),
        (np.zeros(1, np.int32), np.full((1, 32), 10**6, np.int32), ValueError),
        (np.zeros(1, np.int32), np.full((1, 32), -1, np.int32), ValueError),
        (np.zeros(1, np.int32), np.zeros((1, 0), np.int32), ValueError),
        (np.zeros(1, np.int64), np.zeros((1, 32), np.int32), ValueError),
        (np.zeros(1, np.int32), np.zeros((1, 32)), ValueError),
        (np.zeros(1, np.int32), np.zeros((32, 1), np.int32).T[:, ::2], ValueError),
        (np.zeros(1, np.int32), np.zeros(32, np.int32), ValueError),
        (None, np.zeros((1, 32), np.int32), TypeError),
    ],
)
def test_bad_input(variant: Any, rows: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        batch.evaluate(tables(), variant, rows)


# flash.evaluate

SPACE = flash.DenseNet(cells=2, depths=[3, 5], skips=[0, 9], width_multipliers=[1, 2])


def test_evaluate_takes_flat_indices_and_rows() -> None:
    flat = list(range(SPACE.size))
    rows = [SPACE.encode(SPACE.decode(i)) for i in flat]
    first = flash.evaluate(SPACE, "rram", flat)
    assert set(first) == {"nn_degree", "latency_ms", "energy_mj", "area_mm2", "params", "macs"}
    for choices in (rows, np.array(rows), np.array(flat), tuple(flat), range(SPACE.size)):
        other = flash.evaluate(SPACE, "rram", choices)
        assert all((first[name] == other[name]).all() for name in first)
    assert first["params"].dtype == first["macs"].dtype == np.int64


def test_evaluate_predicts() -> None:
    predictor = flash.AccuracyPredictor(1.05, 30.0, -4.0)
    got = flash.evaluate("densenet", "cpu-x86", [0, 10**9], predictor=predictor)
    assert set(got) == {"nn_degree", "accuracy", "latency_ms", "params", "macs"}
    assert got["accuracy"].tolist() == [predictor.predict_degree(g) for g in got["nn_degree"]]


def test_evaluate_takes_indices_beyond_64_bits() -> None:
    space = flash.DenseNet(cells=8, widths=[16])
    last = space.size - 1
    assert last > 2**64
    got = flash.evaluate(space, "rram", [0, last])
    assert got["params"].tolist() == [space.decode(0).params, space.decode(last).params]


def test_evaluate_of_nothing() -> None:
    for nothing in ([], np.zeros(0, dtype=int), np.zeros((0, len(SPACE.variables)), dtype=int)):
        got = flash.evaluate(SPACE, "rram", nothing)
        assert all(len(column) == 0 for column in got.values())


@pytest.mark.parametrize(
    ("choices", "error", "text"),
    [
        ([0, SPACE.size], ArgumentError, r"choices\[1\] must be an integer from 0 to 31, got 32"),
        ([-1], ArgumentError, r"choices\[0\] must be an integer from 0 to 31"),
        ([10**40], ArgumentError, r"choices\[0\] must be an integer from 0 to 31"),
        ([1.5], ArgumentTypeError, "integer"),
        ([float("nan")], ArgumentTypeError, "integer"),
        ([True], ArgumentTypeError, "integer"),
        (["1"], ArgumentTypeError, "integer"),
        ([[0] * 6], ArgumentError, "shape"),
        ([[0.0] * 7], ArgumentError, "float64"),
        ([[0, 0, 0, 0, 2, 0, 0]], ArgumentError, r"choices\[0\]\[4\] \(skips_0\) must be in 0..1"),
        ([[0, 0, 0, 0, -1, 0, 0]], ArgumentError, "got -1"),
        ([[[0] * 7]], ArgumentError, "shape"),
        ([[0] * 7, [0] * 6], ArgumentError, "rows of different lengths"),
        (3, ArgumentError, "shape"),
        (None, ArgumentError, "shape"),
    ],
)
def test_evaluate_refuses(choices: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        flash.evaluate(SPACE, "rram", choices)


def test_evaluate_refuses_names() -> None:
    with pytest.raises(ArgumentError, match="did you mean 'densenet'"):
        flash.evaluate("densnet", "rram", [0])
    with pytest.raises(ArgumentError, match="did you mean 'rram'"):
        flash.evaluate("densenet", "rrram", [0])
    with pytest.raises(ArgumentError, match="default"):
        flash.evaluate("resnet", "rram", [0], predictor="default")


def test_target_costs() -> None:
    target = flash.Target.load("rram")
    got = target.costs(SPACE, [3, 4])
    assert set(got) == {"latency_ms", "energy_mj", "area_mm2"}
    assert got["energy_mj"][1] == target.cost(SPACE.decode(4)).energy_mj
