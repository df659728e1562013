"""Rows of choice indices to columns: the core against rows that numpy works out one by one."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins.instruction_sets import told_by_each
from twins.reference import (
    AREA,
    COLUMNS,
    ENERGY,
    LATENCY,
    LATENCY_IN,
    LEAK,
    LEAK_IN,
    MACS,
    PARAMS,
    PEAK,
    SCALE,
    SCORE,
)

from flash._core.costing import batch, choices
from flash._core.tables.tables import Tables

FEW = (SCORE, LATENCY, PARAMS, MACS)  # columns of every case
KINDS = ("i1", "u1", "i2", "u2", "i4", "i8")
PACKED = 10**9  # configurations after which tables are laid out anew


class Case:
    """Tables, rows of choices and what they mean."""

    def __init__(self, seed: int) -> None:
        random = self.random = Random(seed)
        rng = np.random.default_rng(seed)
        self.cells = random.choice([1, 2, 3, 3, 4, 8, 9])
        self.each = random.choice([1, 2, 2, 3, 5])
        self.free = random.random() < 0.4
        own = [random.choice([1, 2, 3, 7]) for _ in range(3)]
        few = 4 if self.each < 5 else 2
        cell = [random.randint(1, few) for _ in range(self.each)]
        if self.each < 3 and random.random() < 0.3:
            cell[-1] = random.choice([130, 300, 40_000 if self.cells == 1 else 200])
        self.lengths = np.array(own + cell * self.cells, np.int64)
        classes = random.random() < 0.6
        top = random.choice([50, 3000, 70_000]) if classes else 0
        rows = [int(np.prod(cell)) * (cell[0] if self.free and c else 1) for c in range(self.cells)]
        kept = [k for k in range(len(COLUMNS)) if classes or k in FEW]
        if classes and random.random() < 0.6:  # rows of one cache line
            kept.remove(AREA)
        if not classes:
            kept += random.choice([(), (ENERGY, AREA), (ENERGY, AREA, PEAK)])
        variants = []
        for _ in range(int(np.prod(own))):
            n = random.randint(1, self.cells)
            columns = []
            for count in rows[:n]:
                made: dict[int, Any] = {k: rng.integers(0, 1000, count) * 1.0 for k in kept}
                if classes:
                    made[SCALE] = rng.integers(0, top, count) * 1.0
                    made[LEAK] += made[LATENCY]
                    made[LEAK_IN] += made[LATENCY_IN]
                columns.append((1, made, {}))
            constant = [1.0 if k in (*FEW, LEAK) else 0.0 for k in range(len(COLUMNS))]
            variants.append((constant, columns))
        links: dict[str, Any] = {"quantum": (0.125, 2.0**-9, 0.25, 0.5, 1.0, 1.0), "modelled": 63}
        if classes:
            bounds = sorted(random.sample(range(self.cells * top), 6))
            links["classes"] = [
                (b, *(1.0 + i + k for k in range(6)))
                for i, b in enumerate((*map(float, bounds), np.inf))
            ]
            links["leakage"] = 0.25
            links["area_per_scale"] = 0.3
        if random.random() < 0.3:
            links["logs"] = (0.25, -0.5)
        self.tables = Tables.from_arrays(variants, links)
        n = random.choice([1, 7, 8, 9, 63, 64, 65, 500, 1500])
        self.rows = rng.integers(0, self.lengths, (n, len(self.lengths)))

    def meant(self) -> tuple[Any, Any]:
        """Return the variants and the cells' table rows."""
        x, lengths = self.rows, self.lengths
        variant = (x[:, 0] * lengths[1] + x[:, 1]) * lengths[2] + x[:, 2]
        row = np.zeros((len(x), self.cells), np.int32)
        for c in range(self.cells):
            at = 3 + c * self.each
            number = x[:, at - self.each] if self.free and c else np.zeros(len(x), np.int64)
            for k in range(at, at + self.each):
                number = number * lengths[k] + x[:, k]
            row[:, c] = number
        return variant.astype(np.int32), row

    def kinds(self) -> list[str]:
        """Return the types that hold its choices."""
        return [kind for kind in KINDS if self.lengths.max() - 1 <= np.iinfo(kind).max]

    def evaluate(self, kind: str, first: int, last: int, rows: Any = None) -> Any:
        """Return the six columns, -1 where nothing was written, and the place of a bad choice."""
        rows = self.rows if rows is None else rows
        n = len(rows)
        shift = self.random.randint(0, 7)  # columns start anywhere in a cache line
        out = [np.full(n + shift, -1.0)[shift:] for _ in range(4)]
        counts = [np.full(n + shift, -1)[shift:] for _ in range(2)]
        wrong = choices.evaluate_choices(
            self.tables,
            np.ascontiguousarray(rows.astype(kind)),
            self.lengths,
            self.each,
            self.free,
            first,
            last,
            out,
            *counts,
        )
        return [*out, *counts], wrong


def check(seed: int) -> list[str]:
    """Compare each type; returns digests of the columns."""
    case = Case(seed)
    n = len(case.rows)
    expected = [np.array(c) for c in batch.evaluate(case.tables, *case.meant())]
    told = []
    for packed in (False, True):
        if packed:
            choices.prepare(case.tables, PACKED)
        for kind in case.kinds():
            first = case.random.randint(0, n)
            last = case.random.choice([n, case.random.randint(first, n)])
            columns, wrong = case.evaluate(kind, first, last)
            assert wrong == -1
            for k, column in enumerate(columns):
                np.testing.assert_array_equal(column[first:last], expected[k][first:last])
                assert (column[:first] == -1).all()
                assert (column[last:] == -1).all()
        told += [column.tobytes().hex()[:256] for column in case.evaluate("i8", 0, n)[0]]
    return told


@pytest.mark.slow
@given(st.integers(0, 2**32))
def test_columns_equal_those_of_rows(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@given(st.integers(0, 2**32), st.data())
def test_the_first_choice_out_of_its_range_is_found(seed: int, data: Any) -> None:
    case = Case(seed)
    if data.draw(st.booleans()):
        choices.prepare(case.tables, PACKED)
    n, width = case.rows.shape
    for kind in case.kinds():
        rows = case.rows.copy()
        least, most = np.iinfo(kind).min, np.iinfo(kind).max
        places = data.draw(st.lists(st.integers(0, n * width - 1), min_size=1, max_size=3))
        bad = []
        for place in places:
            length = int(case.lengths[place % width])
            beyond = [v for v in (-1, least, length, most, 65_536, 2**32) if least <= v <= most]
            beyond = [v for v in beyond if not 0 <= v < length]
            if beyond:
                rows[place // width, place % width] = data.draw(st.sampled_from(beyond))
                bad.append(place)
        assert case.evaluate(kind, 0, n, rows)[1] == min(bad, default=-1)


def test_columns_may_be_left_out_and_sizes_must_fit() -> None:
    case = Case(3)
    n = len(case.rows)
    params, macs = np.zeros(n, np.int64), np.zeros(n, np.int64)
    rest: tuple[Any, ...] = (case.lengths, case.each, case.free)
    none: list[Any] = [None] * 4
    for packed in (1, PACKED):
        choices.prepare(case.tables, packed)
        assert (
            choices.evaluate_choices(case.tables, case.rows, *rest, 0, n, none, params, macs) == -1
        )
        expected = batch.evaluate(case.tables, *case.meant())
        np.testing.assert_array_equal(params, np.array(expected[4]).astype(np.int64))
        np.testing.assert_array_equal(macs, np.array(expected[5]).astype(np.int64))
    with pytest.raises(ValueError, match="range"):
        choices.evaluate_choices(case.tables, case.rows, *rest, 0, n + 1, none, params, macs)
    with pytest.raises(ValueError, match="too short"):
        choices.evaluate_choices(case.tables, case.rows, *rest, 0, n, none, params[1:], macs)
    with pytest.raises(ValueError, match="choices"):
        choices.evaluate_choices(
            case.tables, case.rows[:, 1:].copy(), *rest, 0, n, none, params, macs
        )
    lengths = case.lengths.copy()
    lengths[0] += 1
    with pytest.raises(ValueError, match="variants"):
        choices.evaluate_choices(
            case.tables, case.rows, lengths, *rest[1:], 0, n, none, params, macs
        )


SCRIPT = """
import json
from test_choices import check
from flash._core.tables.tables import simd
print(json.dumps({"simd": simd(), "seen": [check(seed) for seed in range(60)]}))
"""


@pytest.mark.processes
def test_every_instruction_set_writes_the_same_bits() -> None:
    told = told_by_each(SCRIPT, __file__)
    assert all(one["seen"] == told["baseline"]["seen"] for one in told.values())
