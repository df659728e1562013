"""Layers that are made without checks are those that the checks would leave."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

import flash
from flash.networks.builders import charged_in
from flash.networks.layer import Layer
from flash.networks.operations import charged


@pytest.mark.parametrize("family", ["densenet", "resnet", "wide-resnet", "mobilenet-v2"])
def test_a_built_network_is_as_if_checked(family: str) -> None:
    random = Random(family)
    for _ in range(60):
        cells = []
        for _ in range(random.randint(1, 6)):
            cell: dict[str, Any] = {
                "width": random.randint(1, 70),
                "depth": random.randint(1, 6),
                "skips": random.choice([0, 3, 20, 1000]),
            }
            if family == "mobilenet-v2":
                cell |= {"expansion": random.randint(1, 6), "kernel": random.choice([1, 3, 5])}
            cells.append(flash.Cell(**cell))
        side = random.choice([1, 8, 33, 64, 65, 224])
        arch = flash.Architecture(family, cells, resolution=side)
        built = arch.network()
        rows = [{name: getattr(one, name) for name in Layer.field_names} for one in built.layers]
        checked = flash.Network(tuple(Layer(**row) for row in rows), built.input_shape)
        for one, other in zip(built.layers, checked.layers, strict=True):
            assert repr(one) == repr(other)
        assert checked == built
        assert checked.counted == built.counted
        again = flash.Architecture(family, cells, resolution=side)
        assert charged_in(again).rows == charged(checked).rows
        assert charged(again.network()) is charged_in(again)
