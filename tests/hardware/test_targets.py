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

from flash._core.tables.tables import COLUMNS
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.hardware import Target, as_target, rram, targets
from flash.networks.architecture import FAMILIES, Architecture, Cell

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
        ("", ArgumentError, "target must be one of .*'cpu-x86', "),
        (None, ArgumentTypeError, r"must be a name \(.*cpu-x86, .*, rram, .*\), a path or a T"),
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
    bits = Target.load("rram").columns("densenet")
    names = [name for k, name in enumerate(COLUMNS) if bits >> k & 1]
    # the area of tiles is a link, what leaks follows from latency, and the peak is the buffers'
    assert names == [one for one in COLUMNS[1:] if one not in ("area", "params", "macs")]
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
LINKS = ("links", "densenet")
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
        "kind must be one of 'rram', 'cpu', 'gpu', 'systolic', 'fpga', 'mcu', "
        "'layers', got 'rramm'; "
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
    (put(*LATENCY, "adc_cycles", -1e-9), "adc_cycles must be a finite number from 0 to 1e"),
    (put(*LATENCY, "adc_cycles", math.nan), "adc_cycles must be a finite number"),
    (put(*LATENCY, "adc_cycles", math.inf), "adc_cycles must be a finite number"),
    (put(*LATENCY, "adc_cycles", True), "adc_cycles must be a finite number .* got True"),
    (put(*LATENCY, "adc_cycles", "1e-5"), "adc_cycles must be a finite number"),
    (put(*LATENCY, "adc_cycles", None), "adc_cycles must be a finite number"),
    (put(*LATENCY, "adc_cycles", 10**5000), "adc_cycles must be a finite number"),
    (put(*LATENCY, {}), "latency_ms must hold a coefficient above 0"),
    (put(*LATENCY, {"adc_cycles": 0.0}), "latency_ms must hold a coefficient above 0"),
    (put(*LATENCY, DEEP), "latency_ms must be a table"),
    (drop("coefficients", "default", "area_mm2"), "default must model the costs that 'densenet'"),
    (drop("coefficients", "densenet", "energy_mj"), "holds bus_in_mj but lacks 'energy_mj'"),
    (put("coefficients", "densenet", "ic_latency_ms", {}), "unknown key 'ic_latency_ms'"),
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
    (put("links", "default", {}), "links.default lacks the key 'cycles_per_tile'"),
    (put("links", "default", 3), "links.default must be a table"),
    (put("links", "other", {}), "links has an unknown key 'other'"),
    (put(*LINKS, "leakage_w_per_tile", -1), "leakage_w_per_tile must be a finite number"),
    (put(*LINKS, "leakage_w_per_tiles", 1), "did you mean 'leakage_w_per_tile'"),
    (put(*LINKS, "cycles_per_tile", 0.0), "cycles_per_tile must be a finite number from 1e-06"),
    (
        put(*LINKS, "cycles_per_tile", 1e4),
        "_per_tile must be a finite number from 1e-06 to 1000",
    ),
    (put(*LINKS, "cycles_per_tile", "0.1"), "cycles_per_tile must be a finite number"),
    (drop(*LINKS, "leakage_step"), "densenet lacks the key 'leakage_step'"),
    (put(*LINKS, "leakage_step", math.nan), "leakage_step must be a finite number"),
    (put(*LINKS, "leak_out", 1001), "leak_out must be a finite number from 0 to 1000"),
    (put(*LINKS, "grid_area_mm2", []), "grid_area_mm2 must be a table"),
    (drop(*LINKS, "grid_area_mm2", "per_col"), "grid_area_mm2 lacks the key 'per_col'"),
    (put(*LINKS, "grid_area_mm2", "per_cols", 1), "did you mean 'per_col'"),
    (put(*LINKS, "grid_area_mm2", "per_row", -0.1), "per_row must be a finite number from 0"),
    (put(*LINKS, "grid_area_mm2", "const", True), "const must be a finite number"),
    (put(*LINKS, "grid", {}), "the grid in links is of an older rram target"),
    (put("links", {"densenet": {"grid": {}}}), "load 'rram' or 'rram-1024' and calibrate again"),
    (put("calibrated_ranges", "default", "tiles", [3, 3]), "tiles must rise, got 3 after 3"),
    (
        put("calibrated_ranges", "default", "tiles", [4, "5"]),
        "each entry must be a finite number",
    ),
    (put("calibrated_ranges", "default", "tiles", 0, math.nan), "tiles: each entry must be"),
    (put("calibrated_ranges", "default", "tiles", {}), "tiles must be a list"),
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
    data["coefficients"]["default"]["bus_in_ms"] = {"kernels": 1.0}
    with pytest.raises(FormatError, match="unknown key 'bus_in_ms'"):
        Target.from_dict(data)
    data = shipped("cpu-x86")
    data["links"]["default"]["cycles_per_tile"] = 1.0
    with pytest.raises(FormatError, match=r"links\.default has an unknown key 'cycles_per_tile'"):
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
            st.sampled_from(["links", "default", "network", "latency_ms", "tiles", "x"]),
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


def class_of(target: Target, tiles: int) -> tuple[float, ...]:
    """The class that so many tiles select."""
    classes = target.network_links("densenet")["classes"]
    return next(one for one in classes if tiles <= one[0])  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["rram", "rram-1024"])
def test_classes_are_grids(name: str) -> None:
    """The class of T tiles is that of the squarest grid that holds them."""
    target = Target.load(name)
    links = target.links[target.set_for("densenet")]
    area = links["grid_area_mm2"]
    for tiles in [*range(1, 1200), 1600, 1641, 65_000]:
        rows = math.ceil(math.sqrt(tiles))
        cols = math.ceil(tiles / rows)
        assert rram.grid_of(tiles) == (rows, cols)
        far, near = math.ceil(cols / 2), max(0, rows // 2 - 1)
        most, into, out, far_mj, near_mj, leaking, of_bus = class_of(target, tiles)
        assert most == rows * cols
        assert into == rows * math.ceil(links["cycles_per_tile"] * far)
        assert out == cols * math.ceil(links["cycles_per_tile"] * near)
        assert (far_mj, near_mj) == (far, near)
        assert leaking == links["leak_out"] * out
        expected = area["const"] + area["per_row"] * rows + area["per_col"] * cols
        assert of_bus == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [("rram", (421, 1641, 3661), (530, 1850)), ("rram-1024", (111, 421), (170,))],
)
def test_where_a_word_takes_one_cycle_more(
    name: str, inputs: tuple[int, ...], outputs: tuple[int, ...]
) -> None:
    """Golden: the tiles at which the simulator's bus steps, and no others up to the last of them.

    The rows and columns, which the cycles are multiplied by, are divided out.
    """
    target = Target.load(name)
    for place, steps in ((1, inputs), (2, outputs)):
        found, before = [], None
        for tiles in range(5, steps[-1] + 1):
            cycles = class_of(target, tiles)[place] / rram.grid_of(tiles)[place - 1]
            if before is not None and cycles != before and cycles > 1:
                assert cycles == before + 1
                found.append(tiles)
            before = cycles
        assert tuple(found) == steps


def test_a_chip_larger_than_all_grids_has_those_of_the_largest() -> None:
    classes = Target.load("rram").network_links("densenet")["classes"]
    assert len(classes) == 2 * 256 - 1
    assert classes[-1][0] == math.inf
    assert class_of(Target.load("rram"), 256 * 256)[1:] == classes[-1][1:]
    assert class_of(Target.load("rram"), 10**9) == classes[-1]
    assert classes[-1][1] == 256 * math.ceil(0.0996054 * 128)


@given(
    st.floats(1e-6, 1e3),
    st.tuples(*[st.floats(0, 1e9)] * 3),
    st.floats(0, 1e9),
    st.floats(0, 1e3),
    st.floats(0, 1e3),
)
@settings(max_examples=50)
def test_links_of_any_numbers(
    cycles: float, area: tuple[float, float, float], leakage: float, step: float, out: float
) -> None:
    """Whatever is accepted makes classes that rise: the core refuses others."""
    data = {
        "cycles_per_tile": cycles,
        "grid_area_mm2": dict(zip(rram.GRID_AREA, area, strict=True)),
        "leakage_w_per_tile": leakage,
        "leakage_step": step,
        "leak_out": out,
    }
    checked = rram.check_links("links", data)
    assert checked == data
    classes = rram.links(checked)["classes"]
    for k in range(7):
        column = [one[k] for one in classes]
        assert column == sorted(column)
    bounds = [one[0] for one in classes]
    assert bounds == sorted(set(bounds))
    target = Target.load("rram")
    changed = target.replace(links={**target.links, "default": data})
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


def test_what_a_target_prints() -> None:
    target = Target.load("rram")
    lines = str(target).splitlines()
    assert lines[0].startswith("rram: RRAM compute-in-memory chip")
    assert lines[2].split() == ["models", "latency_ms,", "energy_mj,", "area_mm2"]
    assert len(lines) < 12
    assert repr(target) == "Target('rram', kind='rram', models latency_ms, energy_mj, area_mm2)"
