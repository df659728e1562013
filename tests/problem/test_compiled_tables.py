"""Compiled tables against layers: every row is what its layers cost, exactly."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from twins.problems import space as random_space

import flash
from flash._core.model import compile as core
from flash._core.tables.tables import COLUMNS, Tables
from flash._core.tables.tables import MAX_CELLS as core_cells
from flash.errors import ArgumentError
from flash.hardware import Target
from flash.networks.architecture import FAMILIES
from flash.networks.degree import degree_fixed
from flash.networks.families import MAX_CELLS
from flash.problem.compiling import MACS, PARAMS, compile_problem
from flash.spaces.blocks.numbering import MAX_CELLS as BLOCK_CELLS
from flash.spaces.index import row_of, rows_of, table_rows

TARGETS = ("rram", "cpu-x86")
PEAK = COLUMNS.index("peak")  # the column whose total is a maximum


def column(tables: Tables, variant: int, cell: int, k: int) -> Any:
    data = tables.column(variant, cell, k)
    return None if data is None else np.frombuffer(data)


@pytest.mark.parametrize("target_name", TARGETS)
@pytest.mark.parametrize("family", FAMILIES)
def test_rows_are_what_their_layers_cost(family: str, target_name: str) -> None:
    """Random spaces: imagenet and CIFAR, free widths, several cells counts, unsorted choices."""
    target = Target.load(target_name)
    for seed in range(12):
        random = Random(f"{family}{seed}")
        space = random_space(random, family)
        problem = compile_problem(space, target, None, PARAMS | MACS)
        indices = space.sample_indices(12, seed)
        variants, rows = table_rows(space, indices)
        metrics = flash.evaluate(space, target, indices)
        for n, index in enumerate(indices):
            arch = space.decode(index)
            variant, own = rows_of(space, space.encode(arch))
            cells = problem.tables.rows[variants[n]]
            totals = [0] * len(COLUMNS)
            for c, row in enumerate(rows[n][: len(cells)]):
                for k in range(len(COLUMNS)):
                    data = column(problem.tables, variants[n], c, k)
                    if data is not None:
                        assert data[row] == np.rint(data[row])
                        units = int(data[row])
                        totals[k] = max(totals[k], units) if k == PEAK else totals[k] + units
            assert totals[COLUMNS.index("score")] == degree_fixed(arch)
            assert totals[COLUMNS.index("params")] == arch.params
            assert totals[COLUMNS.index("macs")] == arch.macs
            cost = target.cost(arch)
            assert metrics["nn_degree"][n] == flash.nn_degree(arch)
            assert metrics["params"][n] == arch.params
            assert metrics["macs"][n] == arch.macs
            for name in target.metrics:
                assert metrics[name][n] == getattr(cost, name), (name, index)
            # the way without tables, which the result of a search is made by
            spelt, _ = core.totals_of(problem.plan, problem.model, variant, own)
            assert [int(x) for x in spelt] == totals
            facts = problem.facts(variant, own)
            assert sum(facts["cell_degrees"]) == facts["nn_degree"] == flash.nn_degree(arch)
            assert (facts["params"], facts["macs"]) == (arch.params, arch.macs)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_row_of_a_coupled_cell(family: str) -> None:
    """Free widths: the tables of a space are the costs of all its networks, none left out."""
    widths = [[8, 24], [16, 4, 9]]
    more = {"expansions": [1, 3], "kernels": [3]} if family == "mobilenet-v2" else {}
    space = flash.SearchSpace(
        family, widths=tuple(widths), cells=[1, 2], depths=[3, 1], skips=[7, 0, 30], **more
    )
    target = Target.load("rram")
    metrics = flash.evaluate(space, target, range(space.size))
    for index in range(0, space.size, 5):
        arch = space.decode(index)
        cost = target.cost(arch)
        assert metrics["nn_degree"][index] == flash.nn_degree(arch)
        assert metrics["latency_ms"][index] == cost.latency_ms
        assert metrics["energy_mj"][index] == cost.energy_mj
        assert metrics["area_mm2"][index] == cost.area_mm2
        assert metrics["params"][index] == arch.params


def test_the_default_space() -> None:
    space, target = flash.DenseNet(), Target.load("rram")
    tables = compile_problem(space, target).tables
    assert tables.size == space.size == 110_578_630_656
    assert tables.rows == ((26 * 128,) * 3,) * 3
    indices = space.sample_indices(20, 1)
    metrics = flash.evaluate(space, target, indices)
    for n, index in enumerate(indices):
        cost = target.cost(space.decode(index))
        assert metrics["latency_ms"][n] == cost.latency_ms
        assert metrics["energy_mj"][n] == cost.energy_mj
        assert metrics["area_mm2"][n] == cost.area_mm2


def test_columns_that_are_not_needed_are_not_made() -> None:
    tables = compile_problem(flash.ResNet(), Target.load("cpu-x86")).tables
    made = [k for k in range(len(COLUMNS)) if tables.column(0, 0, k) is not None]
    assert [COLUMNS[k] for k in made] == ["score", "latency"]


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_and_choices_are_inverse(family: str) -> None:
    for seed in range(10):
        space = random_space(Random(seed), family)
        for index in space.sample_indices(20, seed):
            row = space.encode(space.decode(index))
            variant, rows = rows_of(space, row)
            assert row_of(space, variant, rows) == tuple(row)


def test_a_problem_names_its_rows() -> None:
    space = flash.DenseNet(widths=[8, 24], cells=2, depths=[3, 5], skips=[0, 9])
    problem = compile_problem(space, Target.load("rram"))
    assert problem.layout == (2,)
    variants, rows = table_rows(space, range(space.size))
    for i in range(space.size):
        assert space.index(problem.row(int(variants[i]), rows[i].tolist())) == i


def test_spaces_have_at_most_as_many_cells_as_the_core() -> None:
    assert core_cells >= MAX_CELLS  # networks of blocks may have more
    assert core_cells == BLOCK_CELLS
    few = {"widths": [8], "depths": [1, 2], "skips": [0]}
    problem = compile_problem(flash.ResNet(cells=MAX_CELLS, **few), Target.load("rram"))
    assert problem.layout == (MAX_CELLS,)
    said = f"cells must be an integer from 1 to {MAX_CELLS}, got {MAX_CELLS + 1}"
    with pytest.raises(ArgumentError, match=said):
        flash.ResNet(cells=MAX_CELLS + 1, **few)


def test_spaces_too_large_for_tables() -> None:
    target = Target.load("rram")
    with pytest.raises(ArgumentError, match="widths"):
        compile_problem(flash.ResNet(widths=list(range(1, 12))), target)
    with pytest.raises(ArgumentError, match="2\\^53"):
        compile_problem(
            flash.ResNet(widths=[2**19], resolution=4096, depths=[200]), target, None, MACS
        )
    with pytest.raises(ArgumentError, match="rows"):
        compile_problem(
            flash.DenseNet(
                cells=1, widths=[8], depths=flash.Range(1, 999), skips=list(range(17000))
            ),
            target,
        )
