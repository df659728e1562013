"""Target files: what is read, what is refused and how, and the links that they make."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash.architecture import FAMILIES, Architecture, Cell
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.hardware import Target, as_target, rram, targets

ARCH = Architecture("resnet", [Cell(16, 2, 16), Cell(32, 2, 32)])


def shipped(name: str = "rram") -> dict[str, Any]:
    """A target file as parsed, free to change."""
    return copy.deepcopy(json.loads(Target.load(name).to_json()))


def test_names() -> None:
    assert {"cpu-x86", "rram"} <= set(targets())
    assert list(targets()) == sorted(targets())
    assert [Target.load(name).name for name in targets()] == list(targets())
    assert Target.load("rram").metrics == ("latency_ms", "energy_mj", "area_mm2")
    assert Target.load("cpu-x86").metrics == ("latency_ms",)
    assert Target.load("rram") is Target.load("rram")
    assert as_target("rram") is as_target(Target.load("rram"))


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("rrram", ArgumentError, "did you mean 'rram'"),
        ("RRAM", ArgumentError, "did you mean 'rram'"),
        ("", ArgumentError, "target must be one of 'cpu-x86', "),
        (None, ArgumentTypeError, r"must be a name \(cpu-x86, .*, rram, .*\), a path or a Target"),
        (3, ArgumentTypeError, "got 3"),
        (["rram"], ArgumentTypeError, "target must be a name"),
    ],
)
def test_no_such_target(name: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        as_target(name)


def test_files(tmp_path: Path) -> None:
    target = Target.load("rram")
    path = tmp_path / "mine.json"
    text = target.to_json(path)
    assert path.read_text() == text + "\n"
    assert Target.load(path) == Target.load(str(path)) == target
    (tmp_path / "mine").write_text(text)
    assert Target.load(tmp_path / "mine") == target
    with pytest.raises(FileNotFoundError):
        Target.load(tmp_path / "absent.json")
    with pytest.raises(FileNotFoundError):
        Target.load("absent.json")


@pytest.mark.parametrize("name", targets())
def test_round_trips(name: str) -> None:
    target = Target.load(name)
    again = Target.from_dict(json.loads(target.to_json()))
    assert again == target
    assert hash(again) == hash(target)
    assert again.cost(ARCH) == target.cost(ARCH)
    assert pickle.loads(pickle.dumps(target)) == target


def test_the_least_file() -> None:
    """A new device of a known kind is one small file."""
    data = {
        "format": 1,
        "name": "mine",
        "kind": "cpu",
        "coefficients": {"any": {"latency_ms": {"macs_spatial": 2e-8, "kernels": 1}}},
    }
    target = Target.from_dict(data)
    assert target.metrics == ("latency_ms",)
    for family in FAMILIES:
        assert target.set_for(family) == "any"
    cost = target.cost(ARCH)
    assert cost.flags == ()
    convolutions = sum(layer.weights > 0 for layer in ARCH.network().layers)
    assert cost.latency_ms > convolutions
    data["coefficients"]["any"]["energy_mj"] = {"kernels": 2.0}
    assert Target.from_dict(data).cost(ARCH).energy_mj == 2.0 * convolutions


def test_sets() -> None:
    target = Target.load("rram")
    assert [target.set_for(family) for family in FAMILIES] == ["densenet", *["default"] * 3]
    assert target.model("resnet") is target.model("mobilenet-v2")
    assert target.model("resnet") is not target.model("densenet")


def test_columns_that_are_filled() -> None:
    """Bits of problem.h: the tiles of rram select its class, so they are always there."""
    assert Target.load("rram").columns("densenet") == 0b1111110
    assert Target.load("cpu-x86").columns("densenet") == 0b10


# Refusals: each names the key, what came, and what is accepted

Change = Callable[[dict[str, Any]], object]


def put(*path: Any) -> Change:
    """Return a change that sets the value at a path of keys, the last entry."""

    def change(data: dict[str, Any]) -> None:
        at: Any = data
        for key in path[:-2]:
            at = at[key]
        at[path[-2]] = path[-1]

    return change


def drop(*path: str) -> Change:
    def change(data: dict[str, Any]) -> None:
        at: Any = data
        for key in path[:-1]:
            at = at[key]
        del at[path[-1]]

    return change


LATENCY = ("coefficients", "default", "latency_ms")
GRID = ("links", "densenet", "grid")
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]

WRONG: list[tuple[Change, str]] = [
    (put("knid", "rram"), "unknown key 'knid'; did you mean 'kind'"),
    (drop("kind"), "lacks the key 'kind'"),
    (drop("coefficients"), "lacks the key 'coefficients'"),
    (put("format", 2), "format must be 1, got 2"),
    (put("format", True), "format must be an integer"),
    (put("format", 10**5000), "format must be an integer"),
    (
        put("kind", "rramm"),
        "kind must be one of 'rram', 'cpu', 'gpu', 'systolic', 'fpga', got 'rramm'; "
        "did you mean 'rram'",
    ),
    (put("kind", ["rram"]), "kind must be one of"),
    (put("kind", "cpu"), "unknown key"),
    (put("name", ""), "name must be printable text"),
    (put("name", "a\x1b[31m"), "name must be printable text"),
    (put("name", 3), "name must be text"),
    (put("name", "x" * 101), "name must be text of at most 100"),
    (put("description", "x" * 10_001), "description must be text of at most 10000"),
    (put("features", ["tile"]), "did you mean 'tiles'"),
    (put("features", "tiles"), "features must be a list of names"),
    (put("coefficients", {}), "coefficients must hold 1 to 16 sets, got 0"),
    (put("coefficients", {str(i): {} for i in range(17)}), "1 to 16 sets, got 17"),
    (put("coefficients", []), "coefficients must be a table"),
    (put("coefficients", "default", 3), "coefficients.default must be a table"),
    (drop(*LATENCY), "coefficients.default lacks the key 'latency_ms'"),
    (put("coefficients", "default", "latency", {}), "did you mean 'latency_ms'"),
    (put("coefficients", "default", "tiles", {"tiles": 1.0}), "unknown key 'tiles'"),
    (put(*LATENCY, "adc_cycle", 1.0), "latency_ms has an unknown key 'adc_cycle'; did you mean"),
    (put(*LATENCY, "adc_cycles", -1e-9), "adc_cycles must be a number from 0 to 1e"),
    (put(*LATENCY, "adc_cycles", math.nan), "adc_cycles must be a number"),
    (put(*LATENCY, "adc_cycles", math.inf), "adc_cycles must be a number"),
    (put(*LATENCY, "adc_cycles", True), "adc_cycles must be a number .* got True"),
    (put(*LATENCY, "adc_cycles", "1e-5"), "adc_cycles must be a number"),
    (put(*LATENCY, "adc_cycles", None), "adc_cycles must be a number"),
    (put(*LATENCY, "adc_cycles", 10**5000), "adc_cycles must be a number"),
    (put(*LATENCY, {}), "latency_ms must hold a coefficient above 0"),
    (put(*LATENCY, {"adc_cycles": 0.0}), "latency_ms must hold a coefficient above 0"),
    (put(*LATENCY, DEEP), "latency_ms must be a table"),
    (drop("coefficients", "default", "area_mm2"), "default must model the costs that 'densenet'"),
    (drop("coefficients", "densenet", "energy_mj"), "holds ic_energy_mj but lacks 'energy_mj'"),
    (put("sets", {}), "sets must say for which families"),
    (put("sets", "densenett", ["resnet"]), "did you mean 'densenet'"),
    (put("sets", "default", ["resnet", "wide-resnets"]), "did you mean 'wide-resnet'"),
    (put("sets", "default", ["resnet", "densenet"]), "must name 'densenet' once, got 2"),
    (put("sets", "default", ["resnet", "resnet"]), "must hold no name twice"),
    (put("sets", "default", "resnet"), "sets.default must be a list"),
    (put("not_calibrated_families", ["mobilenet"]), "did you mean 'mobilenet-v2'"),
    (put("not_calibrated_families", [DEEP]), "not_calibrated_families must be one of"),
    (drop("links"), "links lacks the key 'densenet'"),
    (drop("links", "default"), "links lacks the key 'default'"),
    (put("links", "default", {}), "links.default lacks the key 'grid'"),
    (put("links", "other", {}), "links has an unknown key 'other'"),
    (put("links", "default", "leakage_w_per_tile", -1), "leakage_w_per_tile must be a number"),
    (drop(*GRID, "area_mm2"), "grid lacks the key 'area_mm2'"),
    (put(*GRID, "area", []), "grid has an unknown key 'area'"),
    (put(*GRID, "tiles_max", []), "tiles_max must be a list of 1 to 4096 numbers"),
    (put(*GRID, "tiles_max", [1] * 5000), "tiles_max must be a list of 1 to 4096 numbers"),
    (put(*GRID, "tiles_max", 3), "tiles_max must be a list"),
    (put(*GRID, "tiles_max", 1, 1), "tiles_max must rise, got 1 after 1"),
    (put(*GRID, "tiles_max", 1, 1.5), "tiles_max must hold whole numbers"),
    (put(*GRID, "tiles_max", 1, False), "tiles_max: each entry must be a number"),
    (put(*GRID, "tiles_max", 0, 0), "tiles_max: each entry must be a number from 1"),
    (put(*GRID, "latency_factor", [1.0]), "latency_factor must hold 63 numbers, got 1"),
    (put(*GRID, "latency_factor", 0, 0.0), "latency_factor: each entry must be a number from 1e"),
    (put(*GRID, "latency_factor", 5, 0.5), "latency_factor must not fall, got 0.5 after"),
    (put(*GRID, "energy_factor", 5, math.nan), "energy_factor: each entry must be a number"),
    (put(*GRID, "area_mm2", 62, 1e6), "beyond must carry area_mm2 on without a fall"),
    (drop("links", "densenet", "beyond", "rows_per_cycle"), "beyond lacks the key"),
    (put("links", "densenet", "beyond", "rows_per_cycle", 0), "rows_per_cycle must be an integer"),
    (put("links", "densenet", "beyond", "rows_per_cycle", 2.5), "must be an integer from 1"),
    (put("links", "densenet", "beyond", "energy_row_share", 1.5), "a number from 0 to 1,"),
    (put("calibrated_ranges", "default", "nets", {}), "unknown key 'nets'"),
    (put("calibrated_ranges", "default", "network", "tiles", [5, 1]), "tiles must not fall"),
    (put("calibrated_ranges", "default", "network", "tiles", [5]), "tiles must hold 2 numbers"),
    (put("calibrated_ranges", "default", "network", "tile", [5, 6]), "did you mean 'tiles'"),
    (put("calibrated_ranges", "default", "layer", "kernel", [1, math.inf]), "kernel: each entry"),
    (put("residuals", []), "residuals must be a table"),
    (put("residuals", "default", DEEP), "residuals is too much: at most 20000 values, 12 levels"),
    (put("residuals", "default", [0] * 30_000), "residuals is too much"),
    (put("provenance", "x", math.nan), "provenance: a number in it must be"),
    (put("provenance", "x", {1, 2}), "provenance: a number in it must be"),
    (put("parameters", {3: 4}), "parameters: a key must be text"),
    (put("units", "x", "y" * 20_000), "units must be text of at most 10000"),
]


@pytest.mark.parametrize(("change", "text"), WRONG, ids=[text[:40] for _, text in WRONG])
def test_refusals(change: Change, text: str) -> None:
    data = shipped()
    change(data)
    with pytest.raises(FormatError, match=text) as caught:
        Target.from_dict(data, "my.json")
    assert str(caught.value).startswith("my.json")
    assert len(str(caught.value)) < 700


def test_a_cpu_has_no_classes() -> None:
    """A column that only a class multiplies would be dropped silently."""
    data = shipped("cpu-x86")
    data["coefficients"]["default"]["ic_latency_ms"] = {"kernels": 1.0}
    with pytest.raises(FormatError, match="unknown key 'ic_latency_ms'"):
        Target.from_dict(data)
    data = shipped("cpu-x86")
    data["links"]["default"]["grid"] = {}
    with pytest.raises(FormatError, match=r"links\.default has an unknown key 'grid'"):
        Target.from_dict(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("[]", "must be a table"),
        ("null", "must be a table"),
        ('{"format": NaN}', "holds NaN"),
        ('{"format": 1, "format": 1}', "'format' twice"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"format": ' + "9" * 10_000 + "}", "not valid JSON"),
        ("\ufeff{}", "not valid JSON"),
        ("{}", "lacks the key 'format'"),
    ],
)
def test_malformed_files(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "target.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FormatError, match=message):
        Target.load(path)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "target.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="not UTF-8"):
        Target.load(path)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["grid", "default", "network", "latency_ms", "tiles", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


def places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a nested table."""
    found = [at] if at else []
    if isinstance(data, dict):
        for key, value in data.items():
            found += places(value, (*at, key))
    return found


@settings(max_examples=300)
@given(st.data(), st.sampled_from(targets()), anything)
def test_a_file_with_anything_anywhere(data: st.DataObject, name: str, value: Any) -> None:
    """Either it is refused with a FormatError, or it is a target that costs a network."""
    changed = shipped(name)
    place = data.draw(st.sampled_from(places(changed)))
    put(*place, value)(changed)
    try:
        target = Target.from_dict(changed)
    except FormatError:
        return
    cost = target.cost(ARCH)
    for metric in target.metrics:
        assert math.isfinite(getattr(cost, metric))
    assert Target.from_dict(json.loads(target.to_json())) == target


# The classes of rram


def test_classes_go_on_beyond_the_table() -> None:
    """The formulas carry the tables on as if these were longer."""
    links = Target.load("rram").links["densenet"]
    whole = rram.links(links)["classes"]
    short = copy.deepcopy(links)
    for table in short["grid"].values():
        del table[20:]
    assert len(whole) == 2 * 256 - 1
    for long_one, short_one in zip(whole, rram.links(short)["classes"], strict=True):
        assert short_one == pytest.approx(long_one, rel=1e-11)


def test_classes_are_grids() -> None:
    """The class of T tiles is that of the squarest grid that holds them."""
    links = Target.load("rram").links["default"]
    classes = rram.links(links)["classes"]
    for tiles in [*range(1, 1200), 65_000]:
        rows = math.isqrt(tiles - 1) + 1
        cols = -(-tiles // rows)
        first = next(one for one in classes if tiles <= one[0])
        assert first[0] == rows * cols
        assert first == pytest.approx(rram.grid_class(rows, cols, links["beyond"]), rel=1e-11)
    assert classes[-1][0] == math.inf
    for k in range(4):
        column = [one[k] for one in classes]
        assert column == sorted(column)


@pytest.mark.parametrize("last", [1, 7, 1024, 65_535, 65_536, 10**9])
def test_tables_of_any_length(last: int) -> None:
    beyond = Target.load("rram").links["densenet"]["beyond"]
    flat = {"latency_factor": [0.5], "energy_factor": [0.5], "area_mm2": [0.0]}
    data = {"grid": {"tiles_max": [last], **flat}, "beyond": beyond, "leakage_w_per_tile": 0}
    classes = rram.links(rram.check_links(data, "links"))["classes"]
    bounds = [one[0] for one in classes]
    assert bounds == sorted(set(bounds))
    assert bounds[-1] == math.inf
    target = Target.load("rram")
    changed = target._replace(links={**target.links, "default": data})
    assert math.isfinite(changed.cost(ARCH).latency_ms)


def test_loading_imports_nothing_heavy(python: Any) -> None:
    code = (
        "import sys, json; import flash.hardware as h; before = set(sys.modules); "
        "h.Target.load('rram').model('densenet'); print(*sorted(set(sys.modules) - before))"
    )
    assert all(name.startswith("flash.") for name in python("-c", code).stdout.split())


def test_a_changed_copy_leaves_the_target_alone() -> None:
    target = Target.load("rram")
    data = target.to_dict()
    name = next(iter(data["coefficients"]))
    metric = next(iter(data["coefficients"][name]))
    data["coefficients"][name][metric] = None
    assert target.to_dict()["coefficients"][name][metric] is not None
    assert Target.from_dict(target.to_dict()) == target
