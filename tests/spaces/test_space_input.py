"""Search spaces: ranges, bad arguments, malformed and hostile files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.networks.architecture import Cell
from flash.spaces.space import DenseNet, Range, SearchSpace

# Ranges


def test_range() -> None:
    assert list(Range(5, 11, 3)) == [5, 8, 11]
    assert list(Range(5, 10, 3)) == [5, 8]
    assert list(Range(0.1, 0.7, 0.1)) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert len(Range(5, 5)) == 1
    assert 8 in Range(5, 11, 3)
    assert 7 not in Range(5, 11, 3)
    assert "a" not in Range(5, 11, 3)
    assert float("nan") not in Range(5, 11, 3)
    assert repr(Range(1, 9, 2)) == "Range(1, 9, step=2)"
    assert Range(np.int64(1), 2) == Range(1, 2)
    with pytest.raises(IndexError):
        Range(1, 2)[2]


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        ((30, 5), ArgumentError, "high of a Range must be at least low, got low=30, high=5"),
        ((1, 5, 0), ArgumentError, "step of a Range must be above 0, got 0"),
        ((1, 5, -1), ArgumentError, "step of a Range must be above 0"),
        ((0, 2**20), ArgumentError, "at most 1048576 values"),
        ((0, 10**300), ArgumentError, "at most 1048576 values"),
        ((0, 10**5000), ArgumentError, "high of a Range must be a finite number"),
        ((0.0, 1e300, 1e-300), ArgumentError, "at most 1048576 values"),
        ((float("nan"), 5), ArgumentError, "low of a Range must be a finite number"),
        ((1, float("inf")), ArgumentError, "high of a Range must be a finite number"),
        ((1, "5"), ArgumentTypeError, "high of a Range"),
        ((True, 5), ArgumentTypeError, "low of a Range"),
        ((1, 5, 1, "width"), ArgumentError, "unit of a Range must be 'width/N'"),
        ((1, 5, 1, "width/0"), ArgumentError, "unit of a Range must be 'width/N'"),
        ((1, 5, 1, "width/" + "9" * 5000), ArgumentError, "unit of a Range must be 'width/N'"),
        ((1, 5, 1, 32), ArgumentTypeError, "unit of a Range must be 'width/N'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_ranges(args: tuple[Any, ...], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Range(*args)


# Bad input


@pytest.mark.parametrize(
    ("kwargs", "error", "text"),
    [
        ({"family": "densnet"}, ArgumentError, "did you mean 'densenet'"),
        ({"family": None}, ArgumentTypeError, "family must be one of"),
        ({"dephts": 5}, ArgumentTypeError, "'dephts'; did you mean 'depths'"),
        ({"depths": []}, ArgumentError, "depths must be 1 to 1048576 choices, got 0"),
        ({"depths": 0}, ArgumentError, "depths must be an integer from 1 to 1000, got 0"),
        ({"depths": 5.5}, ArgumentTypeError, "depths must be an integer"),
        ({"depths": [5, 5]}, ArgumentError, "depths must hold each choice once, got 5 twice"),
        ({"depths": "5"}, ArgumentTypeError, "depths must be a number, a list"),
        ({"depths": True}, ArgumentTypeError, "depths must be an integer"),
        ({"depths": (5, 6)}, ArgumentError, r"one entry per cell \(3\), got 2"),
        ({"depths": (5, 6, -1)}, ArgumentError, r"depths\[2\] must be an integer"),
        ({"depths": Range(1, 2000)}, ArgumentError, "depths must be an integer from 1 to 1000"),
        ({"depths": Range(1.0, 5.0)}, ArgumentTypeError, "depths must be integers"),
        ({"depths": Range(1, 5, unit="width/2")}, ArgumentError, "depths takes no unit"),
        ({"depths": {"low": 5, "hihg": 9}}, FormatError, "did you mean 'high'"),
        ({"depths": {"low": 9, "high": 5}}, ArgumentError, "depths: high of a Range"),
        (
            {"depths": "2:6"},
            ArgumentTypeError,
            r'write \{low = 2, high = 6\} \(JSON: \{"low": 2, "high": 6\}\), .* Range\(2, 6\)',
        ),
        (
            {"skips": "0:64:2@32"},
            ArgumentTypeError,
            r'low = 0, high = 64, step = 2, unit = "width/32".* Range\(0, 64, 2, unit="width/32"\)',
        ),
        ({"depths": "some"}, ArgumentTypeError, r"a Range, got 'some' \(str\)$"),
        ({"depths": {"low": 9}}, ArgumentTypeError, "depths: .* 'high'"),
        ({"depths": range(10**12)}, ArgumentError, "at most 1048576 values"),
        ({"skips": -1}, ArgumentError, "skips must be an integer from 0"),
        ({"skips": Range(-1, 5, unit="width/32")}, ArgumentError, "skips"),
        ({"cells": 0}, ArgumentError, "cells must be an integer from 1 to 32, got 0"),
        ({"cells": 33}, ArgumentError, "cells must be an integer from 1 to 32, got 33"),
        ({"cells": 20}, ArgumentError, "width_multipliers must keep widths at most 1048576"),
        ({"family": "mobilenet-v2", "cells": 8}, ArgumentError, "cells must be .* from 1 to 7"),
        (
            {"width_multipliers": 0},
            ArgumentError,
            "width_multipliers must be a finite number above",
        ),
        ({"width_multipliers": float("nan")}, ArgumentError, "width_multipliers must be a finite"),
        ({"width_multipliers": "2"}, ArgumentTypeError, "width_multipliers must be a number"),
        ({"width_multipliers": 2, "widths": 16}, ArgumentError, "must not be given with widths"),
        ({"widths": 0}, ArgumentError, "widths must be an integer from 1"),
        ({"resolution": 0}, ArgumentError, "resolution must be an integer from 1"),
        ({"num_classes": 0}, ArgumentError, "num_classes must be an integer from 1"),
        ({"link_seed": -1}, ArgumentError, "link_seed must be an integer from 0"),
        ({"expansions": 6}, ArgumentError, "expansions must not be given for densenet"),
        ({"family": "mobilenet-v2", "kernels": 4}, ArgumentError, "kernels must be odd, got 4"),
        ({"family": "mobilenet-v2", "kernels": Range(3, 7)}, ArgumentError, "even step"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_arguments(kwargs: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        SearchSpace(**{"family": "densenet", **kwargs})


@pytest.mark.parametrize(
    ("i", "error", "text"),
    [
        (-1, ArgumentError, "i must be an integer from 0 to 110578630655, got -1"),
        (110578630656, ArgumentError, "i must be an integer"),
        (1.0, ArgumentTypeError, "i must be an integer"),
        (None, ArgumentTypeError, "i must be an integer"),
        ("0", ArgumentTypeError, "a row must be choice indices"),
        ((0, 0), ArgumentError, "a row must have 9 choice indices"),
        ((3, 0, 0, 0, 0, 0, 0, 0, 0), ArgumentError, "index of width_multiplier .* 0 to 2, got 3"),
        ((0, 0, 0, -1, 0, 0, 0, 0, 0), ArgumentError, "choice index of depth_0"),
        ((0, 0, 0, 0.5, 0, 0, 0, 0, 0), ArgumentTypeError, "choice index of depth_0"),
        ((0, 0, 0, float("nan"), 0, 0, 0, 0, 0), ArgumentTypeError, "choice index of depth_0"),
        ((0, 0, 0, True, 0, 0, 0, 0, 0), ArgumentTypeError, "choice index of depth_0"),
        (np.zeros((2, 9), int), ArgumentError, "a row must have 9 choice indices"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_indices(i: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        DenseNet().decode(i)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"family": "resnet"}, "family of the space is 'densenet', got 'resnet'"),
        ({"num_classes": 100}, "num_classes of the space is 10, got 100"),
        ({"link_seed": 1}, "link_seed of the space is 0, got 1"),
        ({"resolution": 33}, r"resolution must be one of \(32,\), got 33"),
        ({"cells": [Cell(16, 5)]}, r"number of cells must be one of \(3,\), got 1"),
        ({"cells": [Cell(16, 5), Cell(33, 5), Cell(64, 5)]}, "widths of the cells must follow"),
        ({"cells": [Cell(16, 4), Cell(32, 5), Cell(64, 5)]}, "depth of cell 0 must be one of"),
        ({"cells": [Cell(16, 5), Cell(32, 5), Cell(64, 5, 1)]}, "skips of cell 2 must be one of"),
    ],
)
def test_not_in_the_space(change: dict[str, Any], text: str) -> None:
    arch = DenseNet().decode(0)
    with pytest.raises(ArgumentError, match=text):
        DenseNet().encode(arch.replace(**change))
    with pytest.raises(ArgumentTypeError, match="must be an Architecture"):
        DenseNet().encode(0)  # type: ignore[arg-type]


def test_plan_refuses_what_no_table_holds() -> None:
    many = DenseNet(widths=Range(1, 1000), skips=Range(0, 99_999))
    assert many.size > 0
    with pytest.raises(ArgumentError, match="choices of cell 0 must combine to at most"):
        many.plan()
    wide = DenseNet(width_multipliers=Range(0.001, 1, 0.00001), cells=[1, 2])
    with pytest.raises(ArgumentError, match="global choices must combine to at most"):
        wide.plan()
    with pytest.raises(ArgumentError, match="width_multipliers times choices must be at most"):
        DenseNet(width_multipliers=Range(0.01, 600, 0.01), skips=Range(0, 9999)).plan()


def refused(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(FormatError, match="the space file"):
        SearchSpace.load(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "family = 3",
        "family = 'densnet'",
        "family = 'densenet'\ndepth = 5",
        "family = 'densenet'\ndepths = nan",
        "family = 'densenet'\ndepths = -5",
        "family = 'densenet'\ndepths = inf",
        "family = 'densenet'\ndepths = 'five'",
        "family = 'densenet'\ndepths = 1979-05-27",
        "family = 'densenet'\ndepths = {low = 0, high = 99999999999999999999}",
        "family = 'densenet'\ndepths = {low = 5, high = 9, stpe = 1}",
        "family = 'densenet'\ndepths = {low = 5}",
        "family = 'densenet'\ndepths = [[[5]]]",
        "family = 'densenet'\ndepths = []",
        "family = 'densenet'\ncells = true",
        "family = 'densenet'\n[depths.low]\na = 1",
        "family = 'densenet'\nfamily = 'resnet'",
        "depths = " + "[" * 50_000,
        "depths = " + "9" * 10_000,
        "\x00",
    ],
    ids=lambda text: text[:40],
)
def test_hostile_toml(tmp_path: Path, text: str) -> None:
    refused(tmp_path / "space.toml", text)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "3",
        '{"family": "densenet", "depths": NaN}',
        '{"family": "densenet", "depths": [1, NaN]}',
        '{"family": "densenet", "family": "resnet"}',
        '{"family": "densenet", "depths": {"low": 1, "high": 1e999}}',
        '{"family": "densenet", "depths": ' + "[" * 50_000,
        '{"family": "densenet", "widths": null, "skips": {"low": 0, "high": 9, "unit": "w"}}',
    ],
    ids=lambda text: text[:40],
)
def test_hostile_json(tmp_path: Path, text: str) -> None:
    refused(tmp_path / "space.JSON", text)


def test_files_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"must end in \.toml or \.json"):
        SearchSpace.load(tmp_path / "space.yaml")
    with pytest.raises(ArgumentError, match=r"must end in \.toml or \.json"):
        DenseNet().save(tmp_path / "space")
    with pytest.raises(FileNotFoundError):
        SearchSpace.load(tmp_path / "space.toml")
    with pytest.raises(FormatError, match="unknown key 'depth'; did you mean 'depths'"):
        SearchSpace.from_dict({"family": "densenet", "depth": 5})
    with pytest.raises(FormatError, match="lacks the key 'family'"):
        SearchSpace.from_dict({})
    assert list(tmp_path.iterdir()) == []


def test_from_toml_as_a_user_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'family = "densenet"\n'
        "width_multipliers = [1, 2]\n"
        "cells = 3\n"
        "depths = [{low = 5, high = 9}, [6, 7], 8]\n"
        "[skips]\n"
        "low = 0\n"
        "high = 64\n"
        "step = 16\n"
    )
    space = SearchSpace.load(path)
    assert space.size == 2 * 5 * 2 * 1 * 5**3
    assert space == DenseNet(
        width_multipliers=[1, 2], depths=(Range(5, 9), [6, 7], 8), skips=Range(0, 64, 16)
    )
