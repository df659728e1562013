"""Co-design as it is used: the command line, methods, limits, and what is refused."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

import flash
from flash.errors import ArgumentError
from flash.hardware import Target
from flash.results.result import SearchResult

if TYPE_CHECKING:
    from pathlib import Path

    from twins.processes import Run

CASES = (("mobilenet-v2", "fpga-zu3eg", 2.0), ("densenet", "rram", 3.0))


def test_the_command_line(cli: Run, tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    done = cli("search", "mobilenet-v2", "fpga-zu3eg", "--codesign", "--max-latency-ms", "3",
               "--json", str(file))  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = cli("search", "mobilenet-v2", "fpga-zu3eg", "--codesign", "--max-latency-ms", "3")
    for word in ("accelerator", "depthwise", "pointwise", "takes dsp", "networks on accelerators"):
        assert word in shown.stdout
    found = SearchResult.from_json(file)
    assert found.accelerator is not None
    assert set(found.accelerator["values"]) == {"conv", "depthwise", "pointwise"}
    assert len(found.accelerator["cell_bits"]) == 7
    assert found.latency_ms is not None
    assert found.latency_ms <= 3.0
    refused = cli("search", "densenet", "cpu-x86", "--codesign", code=2)
    assert "target 'cpu-x86' has no design space" in refused.stderr


@pytest.mark.parametrize(("family", "name", "budget"), CASES)
def test_methods_and_seeds_give_one_answer(family: str, name: str, budget: float) -> None:
    def search(**more: Any) -> tuple[Any, ...]:
        one = flash.search(family, name, codesign=True, max_latency_ms=budget, **more)
        assert one.proven
        assert one.accelerator is not None
        return one.x, one.objective, one.latency_ms, one.accelerator

    first = search()
    assert search(method="exact") == search(seed=7) == search(certify=False) == first


@pytest.mark.parametrize(("family", "name", "budget"), CASES)
def test_ties_go_to_lower_latency(family: str, name: str, budget: float) -> None:
    """A budget of the answer's own latency changes nothing; one below it costs score."""
    one = flash.search(family, name, codesign=True, max_latency_ms=budget)
    again = flash.search(family, name, codesign=True, max_latency_ms=one.latency_ms)
    assert (again.objective, again.latency_ms) == (one.objective, one.latency_ms)
    below = flash.search(family, name, codesign=True, max_latency_ms=one.latency_ms * (1 - 1e-12))
    assert below.objective < one.objective


@pytest.mark.parametrize("budget", [5.0, 1.0])
def test_a_topology_predictor(budget: float) -> None:
    """Tight budgets: nothing within them is found but by SHGO."""
    found = flash.search(
        "densenet", "fpga-zu3eg", codesign=True, predictor="default", max_latency_ms=budget,
        time_limit_s=20.0,
    )  # fmt: skip
    assert found.proven
    assert found.accuracy is not None
    # the target's own accelerator is no better than some that were looked at, 8 bits than 6
    plain = flash.search(
        "densenet", "fpga-zu3eg", predictor="default", max_latency_ms=budget, time_limit_s=20.0
    )
    assert found.accuracy >= (plain.accuracy or 0.0)


def test_limits() -> None:
    given: dict[str, Any] = {"codesign": True, "max_latency_ms": 3.0}
    result = flash.search("mobilenet-v2", "fpga-zu3eg", time_limit_s=1e-9, **given)
    assert result.status == "TIME_LIMIT"
    assert not result.proven

    def interrupted(event: Any) -> None:
        raise KeyboardInterrupt

    result = flash.search("mobilenet-v2", "fpga-zu3eg", callback=interrupted, **given)
    assert result.stopped == "interrupt"
    assert not result.proven
    events: list[Any] = []
    result = flash.search("mobilenet-v2", "fpga-zu3eg", callback=events.append, **given)
    assert result.proven
    bounds = [event.upper_bound for event in events if event.upper_bound is not None]
    assert all(bound >= result.objective for bound in bounds)


def test_several_targets() -> None:
    names = ["fpga-zu3eg", "fpga-z7020"]
    both = flash.search("resnet", names, codesign=True, max_latency_ms=[2.0, 4.0])
    for name, budget, found in zip(names, (2.0, 4.0), both, strict=True):
        alone = flash.search("resnet", name, codesign=True, max_latency_ms=budget)
        assert (found.x, found.accelerator) == (alone.x, alone.accelerator)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("cell_bits", [8, 5], "cell_bits: what 5 bits cost in accuracy was not measured"),
        ("into", [], "must be a list of 1 to 64 values, got"),
        ("mac", ["asic"], "must be one of 'dsp', 'lut', got 'asic'"),
        ("bits", [32], "must be an integer from 1 to 16, got 32"),
    ],
)
def test_design_spaces_that_are_refused(key: str, value: Any, text: str) -> None:
    data = copy.deepcopy(json.loads(Target.load("fpga-zu3eg").to_json()))
    names = ("into", "out", "bits", "mac", "weights_kib", "maps_kib")
    data["design"] = {name: data["design"]["conv"][name] for name in names}
    data["design"][key] = value
    with pytest.raises(ArgumentError, match=text):
        flash.search("resnet", Target.from_dict(data), codesign=True)


def test_an_operator_that_no_unit_runs() -> None:
    data = copy.deepcopy(json.loads(Target.load("fpga-zu3eg").to_json()))
    del data["parameters"]["units"]["depthwise"]
    with pytest.raises(ArgumentError, match="has no depthwise unit, which mobilenet-v2 needs"):
        flash.search("mobilenet-v2", Target.from_dict(data))
    # with co-design the accelerator has what the networks need
    assert flash.search("mobilenet-v2", Target.from_dict(data), codesign=True).proven


def test_a_configuration_by_its_values() -> None:
    result = flash.search("mobilenet-v2", "fpga-zu3eg", codesign=True, max_latency_ms=5.0)
    assert result.accelerator is not None
    values = result.accelerator["values"]
    design = flash.Target.load("fpga-zu3eg").design_space("mobilenet-v2")
    choice = design.choice_of(values)
    assert design.describe(choice) == values
    assert design.shortage(choice) is None
    assert design.target_of(values, bits=8) == design.target_of(choice, bits=8)
    for one in list(design.configurations())[::997]:
        assert design.choice_of(design.describe(one)) == one
    # a dimension that has one value need not be said; one part need not be named
    del values["conv"]["into"]
    assert design.choice_of(values) == choice
    rram = flash.Target.load("rram").design_space("densenet")
    own = {"tile": 512, "subarray": 128, "columns_per_adc": 8, "bits_per_cell": 1, "adc_bits": 5}
    assert rram.describe(rram.choice_of(own)) == {"chip": own}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "values lacks 'conv'"),
        (3, "values must be a dict of conv"),
        ({"conw": {}}, "values has 'conw'; did you mean 'conv'"),
        (
            {"conv": {"out": 8}, "depthwise": {}, "pointwise": {}},
            "values\\['conv'\\] leaves 4 options open: say bits, mac too",
        ),
        (
            {"conv": {"outs": 8}, "depthwise": {}, "pointwise": {}},
            "values\\['conv'\\] has 'outs'; did you mean 'out'",
        ),
        (
            {"conv": {"out": 7}, "depthwise": {}, "pointwise": {}},
            "values\\['conv'\\]\\['out'\\] must be one of 8, .*got 7",
        ),
    ],
)
def test_values_that_are_refused(values: Any, text: str) -> None:
    design = flash.Target.load("fpga-zu3eg").design_space("mobilenet-v2")
    with pytest.raises(flash.FlashError, match=text):
        design.choice_of(values)


def test_what_a_design_space_prints() -> None:
    design = flash.Target.load("fpga-zu3eg").design_space("mobilenet-v2")
    lines = str(design).splitlines()
    assert lines[0] == (
        "fpga-zu3eg for mobilenet-v2: 86,400 accelerators, 35,136 of them within "
        "dsp 288, lut 49,392, bram 172"
    )
    assert "pointwise  out          8, 16, 32, 48, 64" in lines
    assert len(lines) < 24
    assert len(repr(design)) < 100
