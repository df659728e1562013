"""Cell and Architecture: validation, round trips, drawn links."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash.base.seeds import below, draw, mix, stream
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.networks.architecture import FAMILIES, Architecture, Cell

cells = st.builds(Cell, st.integers(1, 300), st.integers(1, 12), st.integers(0, 500))


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    family = draw(st.sampled_from(FAMILIES))
    chosen = draw(st.lists(cells, min_size=1, max_size=4))
    if family == "mobilenet-v2":
        kernel, expansion = st.sampled_from([1, 3, 5]), st.integers(1, 6)
        chosen = [c.replace(kernel=draw(kernel), expansion=draw(expansion)) for c in chosen]
    return Architecture(
        family,
        chosen,
        draw(st.integers(1, 230)),
        draw(st.integers(1, 1000)),
        draw(st.integers(0, 9)),
    )


@settings(deadline=None)
@given(architectures())
def test_round_trips(arch: Architecture) -> None:
    assert Architecture.from_dict(arch.to_dict()) == arch
    assert Architecture.from_json(arch.to_json()) == arch
    assert Architecture.from_dict(json.loads(json.dumps(arch.to_dict()))) == arch


def test_file_round_trip(tmp_path: Path) -> None:
    arch = Architecture("mobilenet-v2", [Cell(16, 1, 16, 1), Cell(24, 2, 24, 6, 5)])
    arch.to_json(tmp_path / "a.json")
    assert Architecture.from_json(tmp_path / "a.json") == arch
    assert Architecture.from_json(str(tmp_path / "a.json")) == arch


def test_fields() -> None:
    arch = Architecture("densenet", [Cell(np.int64(16), 5, 48), {"width": 32, "depth": 11}])  # type: ignore[list-item]
    assert arch.cells == (Cell(16, 5, 48), Cell(32, 11))
    assert type(arch.cells[0].width) is int
    assert (arch.resolution, arch.num_classes, arch.link_seed) == (32, 10, 0)
    assert repr(arch.cells[0]) == "Cell(width=16, depth=5, skips=48)"
    assert repr(Cell(16, 5, 48, 6, 5)).endswith("skips=48, expansion=6, kernel=5)")
    assert arch.network() is arch.network()
    assert hash(arch) == hash(Architecture.from_dict(arch.to_dict()))


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"width": 0}, "width must be an integer from 1 to 1048576, got 0"),
        ({"width": 2**21}, "width must be"),
        ({"depth": 0}, "depth must be an integer from 1 to 1000, got 0"),
        ({"skips": -1}, "skips must be an integer from 0"),
        ({"kernel": 4}, "kernel must be odd, got 4"),
        ({"expansion": 0}, "expansion must be"),
    ],
)
def test_bad_cells(kwargs: dict[str, int], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        Cell(**{"width": 16, "depth": 5, **kwargs})


@pytest.mark.parametrize("value", [True, 16.0, float("nan"), "16", None])
def test_bad_cell_types(value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="width must be an integer"):
        Cell(value, 5)


@pytest.mark.parametrize(
    ("args", "error", "text"),
    [
        (("densnet", [Cell(16, 5)]), ArgumentError, "did you mean 'densenet'"),
        (("densenet", []), ArgumentError, "cells must be 1 to 32, got none"),
        (("densenet", [Cell(16, 5)] * 33), ArgumentError, "cells must be 1 to 32, got 33"),
        (("mobilenet-v2", [Cell(16, 5)] * 8), ArgumentError, "1 to 7 stages, got 8"),
        (("densenet", Cell(16, 5)), ArgumentTypeError, "cells must be a list of Cell"),
        (("densenet", [16]), ArgumentTypeError, r"cells\[0\] must be a Cell, got 16"),
        (("densenet", [{"widht": 16}]), FormatError, "did you mean 'width'"),
        (("resnet", [Cell(16, 5, 0, 6)]), ArgumentError, "only mobilenet-v2 takes an expansion"),
        (("resnet", [Cell(16, 5)], 0), ArgumentError, "resolution must be"),
        (("resnet", [Cell(16, 5)], 32, 0), ArgumentError, "num_classes must be"),
        (("resnet", [Cell(16, 5)], 32, 10, -1), ArgumentError, "link_seed must be"),
    ],
)
def test_bad_architectures(args: tuple[Any, ...], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Architecture(*args)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"family": "densenet"}',
        '{"family": "densenet", "cells": 3}',
        '{"family": "densenet", "cells": [[16, 5]]}',
        '{"family": "densenet", "cells": [{"width": 16}]}',
        '{"family": "densenet", "cells": [{"width": NaN, "depth": 2}]}',
        '{"family": "densenet", "cells": [{"width": 1e400, "depth": 2}]}',
        '{"family": 5, "cells": [{"width": 16, "depth": 5}]}',
        '{"family": "densenet", "cells": [{"width": 16, "depth": 5}], "extra": 1}',
        '{"family": "densenet", "cells": [{"width": 16, "depth": 5}], "resolution": "32"}',
        "{" + '"a":{' * 50_000,
    ],
)
def test_hostile_json(text: str) -> None:
    with pytest.raises(FormatError):
        Architecture.from_json(text)


# Drawn links


def test_splitmix() -> None:
    """The generator's published first outputs for seed 0."""
    golden = 0x9E3779B97F4A7C15
    got = [mix(i * golden & (2**64 - 1)) for i in range(3)]
    assert got == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2**64 - 1))
def test_draw(count: int, candidates: int, seed: int) -> None:
    got = draw(count, candidates, stream(seed))
    assert len(got) == min(count, candidates)
    assert list(got) == sorted(set(got))
    assert all(0 <= one < candidates for one in got)


@settings(deadline=None)
@given(st.integers(1, 10**60), st.integers(0, 10))
def test_below(limit: int, counter: int) -> None:
    value, after = below(limit, stream(3), counter)
    assert 0 <= value < limit
    assert after > counter


def test_draw_is_uniform() -> None:
    counts = [0] * 10
    for seed in range(2000):
        for one in draw(3, 10, stream(seed, 1, 2)):
            counts[one] += 1
    assert max(abs(count - 600) for count in counts) < 100  # five standard deviations


def test_links_are_those_of_this_seed_for_ever() -> None:
    arch = Architecture("densenet", [Cell(16, 5, 10), Cell(32, 4, 7)], link_seed=2)
    links = {(cell, layer): channels for cell, layer, channels in arch.links()}
    assert sorted(links) == [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3)]
    assert links[0, 2] == GOLDEN_0_2
    assert links[1, 3] == GOLDEN_1_3
    assert arch.links_into(1, 3) == links[1, 3]
    assert arch.links_into(0, 0) == arch.links_into(0, 1) == ()
    other = arch.replace(link_seed=3)
    assert {(c, j): k for c, j, k in other.links()} != links
    assert (other.params, other.macs) == (arch.params, arch.macs)


GOLDEN_0_2 = (1, 2, 5, 6, 7, 10, 11, 12, 13, 15)
GOLDEN_1_3 = (4, 7, 15, 27, 48, 50, 59)


@settings(deadline=None)
@given(architectures())
def test_links_fit_the_layers(arch: Architecture) -> None:
    """As many links as the table's adds and concats take."""
    taken = [0] * len(arch.cells)
    for cell, _, channels in arch.links():
        taken[cell] += len(channels)
    counted = [0] * len(arch.cells)
    for layer in arch.network().layers:
        if layer.kind == "concat":
            counted[layer.cell or 0] += layer.out_channels - arch.cells[layer.cell or 0].width
        elif layer.kind == "add":
            counted[layer.cell or 0] += layer.channels or layer.out_channels
    assert taken == counted


def test_saturating_cap_takes_all() -> None:
    arch = Architecture("densenet", [Cell(4, 4, 10**6)])
    assert arch.links_into(0, 3) == tuple(range(8))
    whole = Architecture("resnet", [Cell(4, 2, 99)])
    assert whole.links_into(0, 1) == (0, 1, 2, 3)


def test_links_bad_arguments() -> None:
    arch = Architecture("densenet", [Cell(4, 4, 10)])
    with pytest.raises(ArgumentError, match="cell must be an integer from 0 to 0, got 1"):
        arch.links_into(1, 0)
    with pytest.raises(ArgumentError, match="layer must be an integer from 0 to 3, got 4"):
        arch.links_into(0, 4)


def test_what_it_prints() -> None:
    net = Architecture("densenet", [Cell(16, 4, 8), Cell(32, 5, 16)], link_seed=3)
    assert str(net) == (
        "densenet of width x depth + skips: 16x4+8 / 32x5+16; images of 32 x 32, 10 classes, "
        "link_seed 3"
    )
    mobile = Architecture("mobilenet-v2", [Cell(16, 1, 0, expansion=1)], resolution=224)
    assert str(mobile).startswith(
        "mobilenet-v2 of width x depth + skips e expansion k kernel: 16x1+0 e1 k3; images of 224"
    )
    assert repr(net).startswith("Architecture(family='densenet', cells=(Cell(width=16, ")
