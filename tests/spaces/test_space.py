"""Search spaces: sizes, numbering, sampling, files, bad input."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flash
from flash.base.seeds import below, stream
from flash.errors import ArgumentError, ArgumentTypeError
from flash.networks.architecture import FAMILIES, Architecture, Cell
from flash.networks.families import default_width
from flash.spaces import sampling
from flash.spaces.codec import cell_columns
from flash.spaces.index import row_at
from flash.spaces.known.homes import known_space
from flash.spaces.many import flats_of
from flash.spaces.space import DenseNet, MobileNetV2, Range, ResNet, SearchSpace, WideResNet

FACTORIES = (DenseNet, ResNet, WideResNet, MobileNetV2)


def choices(values: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    """A fixed number, a list of choices, or a range."""
    pairs = st.tuples(values, values, st.integers(1, 3))
    ranges = pairs.map(lambda p: Range(min(p[:2]), max(p[:2]), p[2]))
    return st.one_of(values, st.lists(values, min_size=1, max_size=3, unique=True), ranges)


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    family = draw(st.sampled_from(FAMILIES))
    count = st.integers(1, 3)
    cells = draw(st.one_of(count, st.lists(count, min_size=1, max_size=3, unique=True)))
    most = max(cells) if isinstance(cells, list) else cells

    def each(values: st.SearchStrategy[int]) -> Any:
        one = choices(values)
        return draw(st.one_of(one, st.tuples(*[one] * most)))

    kwargs: dict[str, Any] = {
        "cells": cells,
        "resolution": draw(st.sampled_from([32, [32, 224], [16, 32]])),
        "depths": each(st.integers(1, 4)),
        "skips": draw(
            st.one_of(
                choices(st.integers(0, 6)),
                st.sampled_from([Range(0, 4, unit="width/3"), Range(0, 1, unit="width/1")]),
            )
        ),
    }
    if draw(st.booleans()):
        kwargs["widths"] = each(st.integers(1, 6))
    else:
        kwargs["width_multipliers"] = draw(st.sampled_from([1, [0.5, 1, 1.1], Range(1, 2, 0.5)]))
    if family == "mobilenet-v2":
        kwargs["expansions"] = each(st.integers(1, 2))
        kwargs["kernels"] = draw(st.sampled_from([3, [1, 5], Range(3, 7, 2)]))
    return SearchSpace(family, **kwargs)


def listed(space: SearchSpace) -> list[Architecture]:
    """Every architecture, spelled out: the obvious twin of `decode`."""
    result = []
    multipliers = [None] if space.widths is not None else list(space.width_multipliers)
    for multiplier, count, resolution in itertools.product(
        multipliers, list(space.cells), list(space.resolution)
    ):
        options = []
        for cell in range(int(count)):
            if multiplier is None:
                widths = list(space.widths[cell])
            else:
                widths = [default_width(space.family, multiplier, cell, resolution > 64)]
            chosen = []
            for width, depth, skip in itertools.product(
                widths, list(space.depths[cell]), list(space.skips[cell])
            ):
                unit = getattr(space.skips[cell], "unit", None)
                cap = skip * math.ceil(width / int(unit[6:])) if unit else skip
                if space.family != "densenet":
                    cap = min(cap, width)
                more = ([1], [3])
                if space.family == "mobilenet-v2":
                    more = (list(space.expansions[cell]), list(space.kernels[cell]))
                chosen += [Cell(width, depth, cap, e, k) for e, k in itertools.product(*more)]
            options.append(chosen)
        for cells in itertools.product(*options):
            result.append(Architecture(space.family, cells, resolution, space.num_classes or 0))
    return result


@pytest.mark.slow
@settings(deadline=None)
@given(spaces(), st.data())
def test_numbering_equals_enumeration(space: SearchSpace, data: st.DataObject) -> None:
    if space.size > 20_000:
        count = math.prod(high + 1 for _, high in space.bounds)
        assert space.size <= count
        indices = data.draw(st.lists(st.integers(0, space.size - 1), max_size=20))
    else:
        every = listed(space)
        assert space.size == len(every)
        indices = list(range(0, space.size, 1 + space.size // 200))
        assert [space.decode(index) for index in indices] == [every[index] for index in indices]
    for index in indices:
        arch = space.decode(index)
        row = space.encode(arch)
        assert space.decode(row) == arch
        # The same network may have several indices, where caps saturate; it gets the first.
        assert space.index(row) <= index
        assert space.decode(space.index(row)) == arch
        assert all(low <= one <= high for one, (low, high) in zip(row, space.bounds, strict=True))
        count = len(arch.cells)
        assert set(row[3 + count * (len(row) - 3) // int(max(space.cells)) :]) <= {0}


@settings(deadline=None)
@given(spaces())
def test_plain_data_round_trip(space: SearchSpace) -> None:
    assert SearchSpace.from_dict(json.loads(json.dumps(space.to_dict()))) == space
    assert SearchSpace(**dict(zip(space.field_names, space._values(), strict=True))) == space


@settings(deadline=None)
@given(spaces(), st.sampled_from(["toml", "json"]))
def test_file_round_trip(tmp_path_factory: Any, space: SearchSpace, kind: str) -> None:
    path = tmp_path_factory.getbasetemp() / f"space.{kind}"
    space.save(path)
    assert SearchSpace.load(path) == SearchSpace.load(str(path)) == space


@settings(deadline=None)
@given(spaces(), st.integers(0, 2**64 - 1))
def test_plan_tells_the_same_as_decode(space: SearchSpace, seed: int) -> None:
    family, classes, variants = space.plan()
    assert space.plan() is space.plan()
    assert (family, classes) == (FAMILIES.index(space.family), space.num_classes)
    assert len(variants) == math.prod(high + 1 for _, high in space.bounds[:3])
    offsets = [offset for offset, _, _ in variants] + [space.size]
    for (offset, resolution, cells), after in itertools.pairwise([*variants, (space.size, 0, ())]):
        rows = [len(w) * len(d) * len(s[0]) * len(e) * len(k) for _, w, d, s, e, k in cells]
        assert after[0] - offset == math.prod(rows)
        assert all(len(s) == len(w) for _, w, _, s, _, _ in cells)
        assert resolution in list(space.resolution)
    for index in space.sample_indices(5, seed):
        variant = sum(offset <= index for offset in offsets) - 1
        rest = index - offsets[variant]
        built = []
        for stride, w, d, s, e, k in reversed(variants[variant][2]):
            rest, kernel = divmod(rest, len(k))
            rest, expansion = divmod(rest, len(e))
            rest, skip = divmod(rest, len(s[0]))
            rest, depth = divmod(rest, len(d))
            rest, width = divmod(rest, len(w))
            built.append(Cell(w[width], d[depth], s[width][skip], e[expansion], k[kernel]))
            assert stride in (1, 2)
        arch = space.decode(index)
        assert tuple(reversed(built)) == arch.cells
        assert variants[variant][1] == arch.resolution


# Sizes and defaults


def test_default_sizes() -> None:
    assert DenseNet().size == 3 * (26 * 128) ** 3 == 110_578_630_656
    assert ResNet().size == 3 * (18 * 33) ** 3 == 628_753_752
    assert WideResNet().size == 6 * (6 * 33) ** 3 == 46_574_352
    assert MobileNetV2().size == 5 * (4 * 2 * 4 * 3) ** 7 == 375_723_739_054_080
    assert DenseNet(cells=4).size == 3 * (26 * 128) ** 4


def test_default_is_what_a_bare_name_gives() -> None:
    for family, factory in zip(FAMILIES, FACTORIES, strict=True):
        assert SearchSpace(family) == factory()
        assert factory().num_classes == 10
        assert factory(resolution=224).num_classes == 1000


@pytest.mark.parametrize("factory", FACTORIES)
def test_imagenet_size(factory: Any) -> None:
    space = factory(resolution=224)
    arch = space.decode(space.size - 1)
    assert len(arch.cells) == (7 if factory is MobileNetV2 else 4)
    assert arch.num_classes == 1000
    assert arch.network().layers[0].stride == 2
    assert factory(resolution=224, num_classes=5).num_classes == 5


def test_default_widths_and_caps() -> None:
    last = DenseNet().decode(DenseNet().size - 1)
    assert last.cells == (Cell(48, 30, 254), Cell(96, 30, 381), Cell(192, 30, 762))
    assert ResNet().decode(ResNet().size - 1).cells[2] == Cell(192, 18, 192)


def test_varying_number_of_cells() -> None:
    space = DenseNet(width_multipliers=1, cells=[1, 3], depths=[2, 3], skips=0)
    assert space.size == 2 + 8
    assert space.variables == (
        "width_multiplier", "cells", "resolution",
        "depth_0", "skips_0", "depth_1", "skips_1", "depth_2", "skips_2",
    )  # fmt: skip
    assert space.bounds == [(0, 0), (0, 1), (0, 0)] + [(0, 1), (0, 0)] * 3
    assert len(space.decode(1).cells) == 1
    assert space.encode(space.decode(1)) == (0, 0, 0, 1, 0, 0, 0, 0, 0)
    # Entries of surplus cells count nothing.
    assert space.index((0, 0, 0, 1, 0, 1, 0, 1, 0)) == 1
    assert space.decode((0, 0, 0, 1, 0, 1, 0, 1, 0)) == space.decode(1)
    assert len({space.decode(index) for index in range(10)}) == 10


def test_more_than_64_bits() -> None:
    space = DenseNet(widths=Range(1, 1000), cells=20)
    assert space.size == (1000 * 26 * 128) ** 20
    for index in space.sample_indices(20, seed=3):
        assert space.index(space.encode(space.decode(index))) == index
    assert len(set(space.sample_indices(1000))) == 1000
    assert space.decode(space.size - 1).cells[19] == Cell(1000, 30, 127 * 32)


def test_one_configuration() -> None:
    space = DenseNet(width_multipliers=2, depths=13, skips=40)
    assert space.size == 1
    assert space.sample(5) == [space.decode(0)]
    assert space.encode(space.decode(0)) == (0,) * 9
    assert space.plan()[2][0][2][0] == (1, (32,), (13,), ((40,),), (1,), (3,))


def test_order_of_a_list_is_kept() -> None:
    space = ResNet(depths=[5, 2, 9], cells=1, skips=0, width_multipliers=1)
    assert [space.decode(index).cells[0].depth for index in range(3)] == [5, 2, 9]


def test_a_tuple_is_per_cell() -> None:
    space = DenseNet(depths=(5, [6, 7], Range(8, 12, 2)), skips=0, width_multipliers=1)
    assert space.depths == ((5,), (6, 7), Range(8, 12, 2))
    assert space.size == 6
    assert DenseNet(depths=[5, [6, 7], Range(8, 12, 2)]).depths == space.depths


def test_numpy_rows_and_indices() -> None:
    space = DenseNet()
    arch = space.decode(12_345_678)
    row = np.array(space.encode(arch))
    assert space.decode(row) == space.decode(row.astype(float)) == arch
    assert space.decode(np.int64(12_345_678)) == arch
    assert space.index(row) == space.index(tuple(row)) == space.index(space.encode(arch))
    assert DenseNet(depths=np.arange(5, 31)).size == space.size
    assert DenseNet(depths=range(5, 31)).size == space.size


@pytest.mark.parametrize(
    "space",
    [
        MobileNetV2(depths=[1, 2], expansions=[2, 4], kernels=3, cells=[1, 2], resolution=[32, 96]),
        ResNet(widths=[8, 24], depths=[1, 2], skips=[0, 16], cells=[2, 3]),
    ],
)
def test_cells_as_columns(space: SearchSpace) -> None:
    """Where networks have other numbers of cells, a cell that one lacks is empty."""
    indices = space.sample_indices(60, seed=1).tolist()
    columns = cell_columns(space, np.array([row_at(space, i) for i in indices]))
    for n, i in enumerate(indices):
        cells = [cell.to_dict() for cell in space.decode(i).cells]
        for name, column in columns.items():
            number, _, key = name.removeprefix("cell").partition("_")
            expected = cells[int(number)][key] if int(number) < len(cells) else None
            assert column[n] == expected


def test_flat_indices_of_many_rows() -> None:
    """Entries of cells and blocks that a network has not count not, as in `index`."""
    rng = np.random.default_rng(1)
    for space in (
        ResNet(widths=[8, 24], depths=[1, 2], skips=[0, 16], cells=[2, 3], resolution=[32, 64]),
        DenseNet(widths=Range(1, 1000), cells=20),
        known_space("mobilenet-v3"),
        known_space("hurricane"),
    ):
        rows = rng.integers(0, space.lengths, (40, len(space.lengths)))
        told = flats_of(space, rows)
        assert told.tolist() == [space.index(row) for row in rows.tolist()]
        assert told.dtype == (np.int64 if space.size < 2**63 else object)


# Sampling


def test_samples_are_distinct_and_repeatable() -> None:
    space = DenseNet()
    drawn = space.sample_indices(3000, seed=1)
    assert drawn.dtype == np.int64
    indices = drawn.tolist()
    assert len(set(indices)) == 3000
    assert indices == space.sample_indices(3000, seed=1).tolist()
    assert indices[:10] == space.sample_indices(10, seed=1).tolist()
    assert indices != space.sample_indices(3000, seed=2).tolist()
    assert space.sample(3, seed=1) == [space.decode(index) for index in indices[:3]]
    assert space.sample_indices(3).tolist() == SAMPLED  # the same in every version
    mean = sum(indices) / len(indices) / space.size
    assert abs(mean - 0.5) < 5 * (1 / 12 / 3000) ** 0.5


SAMPLED = [72146860196, 42807657403, 87128050808]


def shuffled(size: int, n: int, seed: int) -> list[int]:
    """The plain twin: a shuffle stopped after n steps."""
    state, counter = stream(seed), 0
    places: dict[int, int] = {}
    found = []
    for k in range(n):
        offset, counter = below(size - k, state, counter)
        found.append(places.get(k + offset, k + offset))
        places[k + offset] = places.get(k, k)
    return found


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("size", [1, 2, 37, 1000, 50_000, 2**40, 2**63 - 1, 2**63, 2**70])
def test_samples_are_those_of_a_shuffle(
    size: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "FEW", few)
    for n in {0, 1, min(size, 300), min(size, 1000)}:
        for seed in (0, 5, 2**64 - 1):
            found = sampling.indices(size, n, seed)
            assert list(found) == shuffled(size, n, seed)
            assert isinstance(found, list) == (size >= 2**63)


def test_lists_are_evaluated_as_arrays_are() -> None:
    space = DenseNet()
    indices = space.sample_indices(300, seed=2)
    whole = flash.evaluate(space, "rram", indices)
    rows = [row_at(space, int(i)) for i in indices]
    for same in (indices.tolist(), tuple(indices.tolist()), rows, np.array(rows)):
        found = flash.evaluate(space, "rram", same)
        assert all(np.array_equal(found[name], whole[name]) for name in whole)
    with pytest.raises(ArgumentError, match=r"choices\[1\] must be .*, got -1"):
        flash.evaluate(space, "rram", [3, -1])
    with pytest.raises(ArgumentError, match=r"choices\[0\] must be"):
        flash.evaluate(space, "rram", [2**70])
    with pytest.raises(ArgumentError, match="rows of different lengths"):
        flash.evaluate(space, "rram", [[1], [1, 2]])
    with pytest.raises(ArgumentTypeError, match=r"choices\[0\] must be an integer"):
        flash.evaluate(space, "rram", [1.5])


def test_sample_of_a_small_space_is_all_of_it() -> None:
    space = DenseNet(width_multipliers=[1, 2], depths=[5, 6], skips=[0, 4], cells=2)
    assert space.size == 32
    assert sorted(space.sample_indices(10**30)) == list(range(32))
    assert space.sample(0) == []
    with pytest.raises(ArgumentError, match="n must be"):
        space.sample(-1)
    with pytest.raises(ArgumentError, match="at most 10000000"):
        DenseNet().sample(10**9)
    with pytest.raises(ArgumentTypeError, match="seed must be"):
        space.sample(1, seed=None)  # type: ignore[arg-type]
