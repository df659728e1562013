"""Systolic arrays: cycles of SCALE-Sim, and what a file may say."""

from __future__ import annotations

from typing import Any

import pytest

from flash.errors import FormatError
from flash.hardware import Target
from flash.networks.network import Layer, Network

# Total cycles of single layers as SCALE-Sim 3 (scalesimproject/scale-sim-v3, MIT licence) printed
# them: array, dataflow, (height, in channels, kernel, stride, out channels, groups), cycles.
# Grouped layers were run as one of their groups: a group's cycles times the groups.
SCALE_SIM = [
    (32, "os", (8, 352, 1, 1, 88, 1), 2483),
    (32, "os", (32, 20, 3, 1, 20, 1), 7743),
    (32, "os", (32, 24, 3, 2, 48, 1), 5559),
    (32, "os", (8, 288, 1, 1, 48, 1), 1399),
    (32, "os", (8, 96, 3, 1, 96, 96), 13536),
    (32, "ws", (8, 352, 1, 1, 88, 1), 5213),
    (32, "ws", (32, 20, 3, 1, 20, 1), 6707),
    (32, "ws", (32, 24, 3, 2, 48, 1), 5361),
    (32, "ws", (8, 288, 1, 1, 48, 1), 2843),
    (32, "ws", (8, 96, 3, 1, 96, 96), 15072),
    (128, "os", (8, 192, 1, 1, 48, 1), 445),
    (128, "os", (16, 96, 3, 1, 12, 1), 2235),
    (128, "os", (16, 32, 3, 2, 64, 1), 541),
    (128, "os", (8, 24, 1, 1, 96, 1), 277),
    (128, "os", (8, 96, 3, 1, 96, 96), 25152),
    (128, "ws", (8, 192, 1, 1, 48, 1), 891),
    (128, "ws", (16, 96, 3, 1, 12, 1), 4465),
    (128, "ws", (16, 32, 3, 2, 64, 1), 1388),
    (128, "ws", (8, 24, 1, 1, 96, 1), 445),
    (128, "ws", (8, 96, 3, 1, 96, 96), 42720),
]


def layer(height: int, into: int, kernel: int, stride: int, out: int, groups: int) -> Network:
    one = Layer("conv", into, out, height, height, kernel, stride, groups)
    return Network([one], (into, height, height))


@pytest.mark.parametrize(("side", "dataflow", "shape", "cycles"), SCALE_SIM)
def test_cycles_are_those_of_scale_sim(
    side: int, dataflow: str, shape: tuple[int, ...], cycles: float
) -> None:
    target = Target.load(f"systolic-{side}" + ("-ws" if dataflow == "ws" else ""))
    # at 1 GHz, to half a unit of the tables
    assert target.cost(layer(*shape)).latency_ms == pytest.approx(cycles * 1e-6, abs=2.0**-36)


def file_of(**parameters: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "name": "mine",
        "kind": "systolic",
        "coefficients": {"default": {"latency_ms": {"cycles_os": 1.0}}},
        "parameters": parameters,
    }


def test_rows_and_columns_may_differ() -> None:
    """One output position, one weight: a fold takes as long as the array is round."""
    net = layer(1, 1, 1, 1, 1, 1)
    for rows, columns in ((1, 1), (4, 1), (16, 64)):
        target = Target.from_dict(file_of(array_rows=rows, array_columns=columns))
        assert target.cost(net).latency_ms == rows + columns - 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "lacks the key 'array_rows'"),
        ({"array_rows": 8}, "lacks the key 'array_columns'"),
        ({"array_rows": 0, "array_columns": 8}, "array_rows must be an integer from 1"),
        ({"array_rows": 8, "array_columns": 2.5}, "array_columns must be an integer from 1"),
    ],
)
def test_the_array_is_checked(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        Target.from_dict(file_of(**parameters))


@pytest.mark.parametrize("tile", [0, 300, "512", 1 << 20])
def test_the_tile_is_checked(tile: Any) -> None:
    data = Target.load("rram").to_dict()
    data["parameters"] = {**data["parameters"], "tile": tile}
    with pytest.raises(FormatError, match="tile must be"):
        Target.from_dict(data)
