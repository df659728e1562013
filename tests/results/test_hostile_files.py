"""Files of results with something wrong: refused by name, or read, shown and written again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from twins.hostile import hostile

import flash
from flash.errors import FormatError
from flash.spaces.network_space import NetworkSpace

if TYPE_CHECKING:
    from collections.abc import Callable

TINY = flash.DenseNet(depths=[5, 6], skips=[0, 8])
DESIGNED = flash.ResNet(depths=[1, 2], skips=[0, 16])
BUDGETS: dict[str, Any] = {"max_latency_ms": 4.0, "max_energy_mj": 0.04}
MADE: dict[str, Callable[[], Any]] = {
    "search": lambda: flash.search(TINY, "rram", **BUDGETS),
    "infeasible": lambda: flash.search(TINY, "rram", max_latency_ms=0.01),
    "several": lambda: flash.search(
        TINY,
        flash.together(a="rram", b="cpu-x86"),
        where="depth_0 == depth_1 and latency_ms@a <= 4",
        k=2,
    ),
    "predicted": lambda: flash.search(TINY, "rram", predictor="default", max_latency_ms=2.0),
    "codesign": lambda: flash.search(DESIGNED, "fpga-zu3eg", codesign=True),
    "method": lambda: flash.search(TINY, "rram", method="random", max_evals=10, **BUDGETS),
    "network space": lambda: flash.search(
        flash.PNASCells(filters=8, resolution=8),
        "cpu-x86",
        method="random",
        max_evals=4,
        evaluator=lambda nets: [0.5] * len(nets),
    ),
    "front": lambda: flash.pareto(
        flash.DenseNet(width_multipliers=[1], depths=[5], skips=[0, 8], cells=1), "rram"
    ),
    "front within": lambda: flash.pareto(
        flash.DenseNet(width_multipliers=[1], depths=[5], skips=[0, 8], cells=1),
        "rram",
        where="macs >= 1",
    ),
    "front of designs": lambda: flash.pareto(
        flash.ResNet(width_multipliers=[1], depths=[1], skips=[0], cells=1),
        "fpga-zu3eg",
        codesign=True,
    ),
    "sweep": lambda: flash.sweep(TINY, "rram", top=2, bins=2, pareto=("accuracy", "latency_ms")),
    "comparison": lambda: flash.compare(
        TINY, "rram", methods=["random"], seeds=1, max_evals=5, **BUDGETS
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_whatever_is_wrong(name: str) -> None:
    made = MADE[name]()
    kind = type(made)
    text = made.to_json()
    assert kind.from_json(text).to_json() == text
    refused = 0
    for wrong, changed in hostile(text, "space", "target", "architecture", "rows", "accelerators"):
        try:
            try:
                read = kind.from_json(changed)
            except FormatError:
                refused += 1
                continue
            str(read)
            read._repr_html_()
            kind.from_json(read.to_json())
        except Exception as error:
            raise AssertionError(wrong) from error
    assert refused > 100


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("search", {"proven": False}, "status 'OPTIMAL' and proven False"),
        ("search", {"status": "FEASIBLE"}, "status 'FEASIBLE' and proven True"),
        ("infeasible", {"proven": False}, "status 'INFEASIBLE' and proven False"),
        ("infeasible", {"nn_degree": 3.0}, "nn_degree is given, though x is null"),
        ("infeasible", {"status": "OPTIMAL"}, "status 'OPTIMAL' contradicts that x is null"),
        ("search", {"params": 5}, r"params must be \d+, which its architecture has, got 5"),
        ("search", {"macs": None}, r"macs must be \d+, which its architecture has, got None"),
        ("search", {"nn_degree": 3.5}, "nn_degree must be "),
        ("search", {"cell_degrees": [1.0]}, "cell_degrees must be one for each cell, got 1"),
        ("search", {"latency_ms": 4.1}, r"latency_ms 4\.1 breaks max_latency_ms 4\.0"),
        ("search", {"budgets": {"max_latency_ms": 0}}, r"budgets\.max_latency_ms must be .* above"),
        ("predicted", {"budgets": {"min_accuracy": 0.99}}, "breaks min_accuracy"),
        ("method", {"status": "OPTIMAL"}, "status 'OPTIMAL' and proven False"),
        ("sweep", {"front": {}}, "lacks the key 'index'"),
        ("sweep", {"count": 10**30}, "count must be"),
        ("sweep", {"budgets": {"max_macs": -1}}, r"budgets\.max_macs"),
        ("front", {"budgets": {"max_macs": 0}}, r"budgets\.max_macs"),
    ],
)
def test_contradictions_are_refused(name: str, changes: dict[str, Any], message: str) -> None:
    data = json.loads(MADE[name]().to_json())
    kind = {"sweep": flash.SweepResult, "front": flash.ParetoFront}.get(name, flash.SearchResult)
    with pytest.raises(FormatError, match=message):
        kind.from_json(json.dumps({**data, **changes}))


def test_a_gap_that_no_number_holds() -> None:
    result = flash.search(TINY, "rram", method="random", max_evals=5)
    tiny = result.replace(objective=-1.0, upper_bound=5e-324, proven=False, status="FEASIBLE")
    assert tiny.gap is None
    assert flash.SearchResult.from_json(tiny.to_json()) == tiny


class Own(NetworkSpace[Any]):
    """A space of a user's own."""

    family, lengths, variables, groups = "my", (3, 2), ("w", "d"), ((0, 1),)

    def __init__(self, classes: int = 10) -> None:
        self.classes_ = classes

    def options(self) -> dict[str, Any]:
        return {"classes": self.classes_}

    def name(self, row: Any) -> str:
        return "-".join(map(str, row))

    def network(self, row: Any) -> Any:
        layers = [{"kind": "conv", "out_channels": 8 + int(row[0]), "kernel": 3}]
        return flash.Network.from_layers(layers * (1 + int(row[1])), (3, 8, 8))


def test_results_of_a_space_of_ones_own() -> None:
    space = Own()
    given: dict[str, Any] = {"evaluator": lambda nets: [0.5] * len(nets), "max_evals": 4}
    found = flash.search(space, "cpu-x86", method="random", **given)
    text = found.to_json()
    read = flash.SearchResult.from_json(text, space=space)
    assert read == found
    assert read.space is space
    with pytest.raises(FormatError, match="pass a space of your own as space="):
        flash.SearchResult.from_json(text)
    with pytest.raises(FormatError, match="space is not the space given"):
        flash.SearchResult.from_json(text, space=Own(7))
    compared = flash.compare(space, "cpu-x86", methods=["random"], seeds=1, **given)
    again = flash.Comparison.from_json(compared.to_json(), space=space)
    assert again.runs == compared.runs
