"""A target with the models of several tiles: each network is charged by that of its own."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from twins.tiles import both, side, spaces

import flash
from flash import Architecture, Cell, SearchSpace
from flash.errors import ArgumentError, CalibrationWarning, FormatError
from flash.hardware import Target
from flash.networks.architecture import FAMILIES

ALONE = {512: "rram", 1024: "rram-1024"}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_is_charged_by_the_model_of_its_tile(family: str) -> None:
    target, seen = both(), set()
    for space in spaces(family, range(12), 10**6):
        for arch in space.sample(3, seed=1):
            alone = Target.load(ALONE[side(arch)])
            seen.add(alone.name)
            for net in (arch, arch.network()):
                found, own = target.cost(net), alone.cost(net)
                assert (found.latency_ms, found.energy_mj, found.area_mm2) == (
                    own.latency_ms,
                    own.energy_mj,
                    own.area_mm2,
                )
                assert found.by_layer == own.by_layer
                assert [one.replace(target.name, alone.name) for one in found.flags] == [*own.flags]
                assert target.interval(net, 0.8) == alone.interval(net, 0.8)
                assert target.distance(net) == alone.distance(net)
    assert seen == ({"rram-1024"} if family == "mobilenet-v2" else {"rram", "rram-1024"})


def test_it_is_one_file(tmp_path: Path) -> None:
    target = both()
    assert target.name == "rram-neurosim"
    assert target.parameters
    assert target.parameters["tile"] == 1024
    assert list(target.tiles or {}) == ["512"]
    file = tmp_path / "both.json"
    target.to_json(file)
    again = Target.load(file)
    assert (
        again == target == Target.from_dict(target.to_dict()) == pickle.loads(pickle.dumps(target))
    )
    arch = Architecture("resnet", [Cell(32, 2, 16)], num_classes=10)
    assert again.cost(arch).latency_ms == target.cost(arch).latency_ms
    assert target.on_tile(512).cost(arch) == target.cost(arch)
    assert target.on_tile(512).tiles is None
    wide = target.on_tile(1024).cost(arch)  # asked for, and flagged
    assert any("the floorplanner gives this network tiles of 512" in one for one in wide.flags)
    assert again.with_tiles(again.on_tile(512), name=again.name).tiles == target.tiles
    assert "tiles of 512" in target._repr_html_()


def test_own_tile_may_be_the_smaller_one() -> None:
    data = Target.load("rram").to_dict()
    del data["design"]
    data["parameters"]["floorplan"] = "neurosim"
    target = Target.from_dict(data).with_tiles("rram-1024", name="mine")
    assert list(target.tiles or {}) == ["1024"]
    for width in (64, 65):
        arch = Architecture("wide-resnet", [Cell(width, 1, 0)], num_classes=10)
        assert target.cost(arch).latency_ms == both().cost(arch).latency_ms


def test_tiles_that_are_refused() -> None:
    target = Target.load("rram-1024")
    for others, told in (
        ((), "others must have a target for each of the tiles 512, got none"),
        (
            ("cpu-x86",),
            "others must be of kind 'rram', one for each of the tiles 512, got 'cpu-x86'",
        ),
        (("rram-1024",), "got 'rram-1024' of kind 'rram' with tiles of 1024"),
        (("rram", "rram"), "one for each of the tiles 512, got 'rram'"),
    ):
        with pytest.raises(ArgumentError, match=told):
            target.with_tiles(*others)
    for name in ("rram", "cpu-x86"):
        with pytest.raises(ArgumentError, match="must name a floorplan in its parameters"):
            Target.load(name).with_tiles("rram")
    for one, wrong in ((both(), 256), (target, 512)):
        with pytest.raises(ArgumentError, match=f"side must be that of a tile .*, got {wrong}"):
            one.on_tile(wrong)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["tiles"].update({"256": d["tiles"]["512"]}), "256"),
        (lambda d: d.update(tiles={}), "tiles lacks the key '512'"),
        (lambda d: d["parameters"].pop("floorplan"), "tiles needs parameters.floorplan"),
        (lambda d: d["tiles"]["512"].pop("coefficients"), "lacks the key 'coefficients'"),
        (lambda d: d["tiles"]["512"].update(name="x"), "name"),
        (lambda d: d["tiles"]["512"]["parameters"].update(tile=1024), "the tile 512"),
        (lambda d: d["tiles"]["512"]["parameters"].pop("floorplan"), "the floorplan 'neurosim'"),
        (lambda d: d["tiles"]["512"]["coefficients"]["default"].update(latency_ms={"tiles": -1}),
         r"tiles.512: coefficients.default.latency_ms.tiles"),
        (lambda d: d.update(design=Target.load("rram").to_dict()["design"]), "goes with no design"),
        (lambda d: d["parameters"].update(tile=2048), "tile must be one that the floorplan gives"),
    ],
)  # fmt: skip
def test_files_that_are_refused(change: Any, told: str) -> None:
    data = json.loads(both().to_json())
    change(data)
    with pytest.raises((FormatError, ArgumentError), match=told):
        Target.from_dict(data)


def test_tiles_must_model_the_same_costs() -> None:
    data = json.loads(both().to_json())
    small = data["tiles"]["512"]
    for name, one in small["coefficients"].items():
        for column in ("area_mm2", "peak_mm2"):
            one.pop(column)
        small.get("intervals", {}).get(name, {}).pop("area_mm2", None)
    with pytest.raises(FormatError, match="must model the costs that tiles of 1024 do"):
        Target.from_dict(data)


def test_what_takes_one_tile_says_so() -> None:
    space = SearchSpace("resnet", depths=[1, 2], skips=[0])
    for call in (
        lambda: flash.search(space, both(), codesign=True),
        lambda: flash.search(space, both(), method="random", max_evals=10),
        lambda: flash.pareto(space, both(), codesign=True),
        lambda: both().design_space("resnet"),
        lambda: both().model("resnet"),
    ):
        with pytest.raises(ArgumentError, match=r"model of one tile .*use target.on_tile\(512\)"):
            call()


# Calibration


def measured(factors: dict[int, float], n: int = 100) -> tuple[list[Architecture], dict[str, Any]]:
    """Networks and what they cost on chips that are so many times the base's."""
    nets = SearchSpace("resnet").sample(n, seed=3)
    costs = [both().cost(net) for net in nets]
    factor = [factors[side(net)] for net in nets]
    return nets, {
        "latency_ms": [f * one.latency_ms for f, one in zip(factor, costs, strict=True)],
        "energy_mj": [f * (one.energy_mj or 0.0) for f, one in zip(factor, costs, strict=True)],
    }


def test_calibrate_fits_each_tile_to_its_own_networks(tmp_path: Path) -> None:
    nets, given = measured({512: 1.5, 1024: 0.8})
    file = tmp_path / "mine.json"
    found = flash.calibrate(both(), nets, **given, name="mine", path=file)
    assert found == Target.load(file)
    sides = [side(net) for net in nets]
    for tile, known in ((512, 1.5), (1024, 0.8)):
        one = found.on_tile(tile)
        assert one.residuals
        assert one.residuals["default"]["networks"] == sides.count(tile)
        assert one.residuals["default"]["held_out"]["latency_ms"]["mape_pct"] < 0.1
        assert set(one.coefficients) == {"default"}  # resnets say nothing of the set of densenets
        for net in SearchSpace("resnet").sample(40, seed=4):
            if side(net) == tile:
                cost, base = found.cost(net), both().cost(net)
                assert cost.latency_ms == pytest.approx(known * base.latency_ms, rel=2e-3)
                assert cost.area_mm2 == base.area_mm2  # not measured
                low, high = found.interval(net)["latency_ms"]
                assert low <= cost.latency_ms <= high


def test_each_tile_is_what_a_calibration_of_it_alone_gives() -> None:
    nets, given = measured({512: 1.1, 1024: 1.3})
    found = flash.calibrate(both(), nets, **given)
    for tile in (512, 1024):
        own = [k for k, net in enumerate(nets) if side(net) == tile]
        alone = flash.calibrate(
            both().on_tile(tile),
            [nets[k] for k in own],
            **{metric: [values[k] for k in own] for metric, values in given.items()},
        )
        one = found.on_tile(tile)
        for field in ("coefficients", "links", "calibrated_ranges", "intervals", "residuals"):
            assert getattr(one, field) == getattr(alone, field), field


@pytest.mark.parametrize("few", [0, 2])
def test_a_tile_of_too_few_networks_stays_as_it_is(few: int) -> None:
    nets, given = measured({512: 1.5, 1024: 1.5})
    small = [k for k, net in enumerate(nets) if side(net) == 512][:few]
    kept = [k for k, net in enumerate(nets) if k in small or side(net) == 1024]
    some = {metric: [values[k] for k in kept] for metric, values in given.items()}
    told = f"{few or 'none'} of the different networks measured are on tiles of 512 cells"
    with pytest.warns(CalibrationWarning, match=told):
        found = flash.calibrate(both(), [nets[k] for k in kept], **some)
    assert found.on_tile(512).coefficients == both().on_tile(512).coefficients
    assert found.on_tile(1024).coefficients != both().on_tile(1024).coefficients
    for net in nets[:10]:
        said = any(told in flag for flag in found.cost(net).flags)
        assert said == (side(net) == 512)
    one = nets[small[0]] if small else nets[0]
    with pytest.raises(ArgumentError, match="at least 3 different ones on tiles of one size"):
        flash.calibrate(both(), [one, one], latency_ms=[1.0, 1.0])


def test_a_design_for_both_tiles_has_networks_of_both() -> None:
    space = SearchSpace("resnet")
    chosen = flash.calibration_design(space, both(), n=24)
    tiles = [side(net) for net in chosen]
    assert min(tiles.count(512), tiles.count(1024)) >= 6
    assert len(set(map(str, chosen))) == 24


def test_costs_of_many_are_those_of_each() -> None:
    random = Random(5)
    for family in FAMILIES:
        for space in spaces(family, range(4), 10**6):
            indices = [random.randrange(space.size) for _ in range(20)]
            found = both().costs(space, indices)
            costs = [both().cost(space.decode(i)) for i in indices]
            for metric, values in found.items():
                assert values.tolist() == [getattr(one, metric) for one in costs]
            assert isinstance(found["latency_ms"], np.ndarray)
