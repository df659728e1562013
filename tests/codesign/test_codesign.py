"""Network and accelerator together: equal to looking at everything, and never beyond a device."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.problems import space as draw_space
from twins.reference import LATENCY, SCALE, rram_features

import flash
from flash._core.model import compile as core
from flash._core.search.exact import Query, Search
from flash._core.search.exhaustive import enumerate_best
from flash.codesign.joint import Codesign, joint_size
from flash.errors import ArgumentError
from flash.hardware import Target, designs
from flash.networks.architecture import FAMILIES
from flash.problem.compiling import MACS, PARAMS, compile_problem
from flash.results.result import SearchResult

INF = float("inf")
KINDS = ("fpga-zu3eg", "fpga-z7020", "rram", "systolic-128", "systolic-dram")


def small(name: str, random: Random, bits: tuple[int, ...] = ()) -> Target:
    """A shipped target with a few of its design's values."""
    data = copy.deepcopy(json.loads(Target.load(name).to_json()))

    def thin(design: dict[str, Any]) -> None:
        for key, values in design.items():
            if isinstance(values, dict) and key not in ("limits", "references", "families"):
                thin(values)
            elif isinstance(values, list) and key != "cell_bits" and len(values) > 1:
                count = random.randint(1, 2)
                design[key] = sorted(random.sample(values, count), key=values.index)

    design = data["design"]
    design.pop("families", None)
    thin(design)
    if name == "rram":
        design["adc_bits"] = [4, 5, 6, 7, 8, 9]
    if name.startswith("systolic"):
        design["limits"]["pes"] = 1 << 20
    if "cell_bits" in design:
        design["cell_bits"] = list(bits) or [8]
    return Target.from_dict(data)


def everything(
    space: flash.SearchSpace, target: Target, query: Query, columns: int
) -> tuple[tuple[float, ...] | None, int]:
    """Look at every network on every accelerator that fits, with all its bits alike."""
    design = target.design_space(space.family)
    best = None
    count = 0
    for choice in design.configurations():
        count += 1
        for bits in design.cell_bits or (None,):
            one = design.target_of(choice, bits)
            point, _ = enumerate_best(compile_problem(space, one, None, columns).tables, query)
            if point is not None:
                key = (point[2], *(-m for m in point[3][1:4]))
                best = key if best is None or key > best else best
    return best, count


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.integers(0, 10**6),
    st.sampled_from(KINDS),
    st.sampled_from(FAMILIES),
)
def test_equals_looking_at_everything(seed: int, name: str, family: str) -> None:
    random = Random(seed)
    target = small(name, random)
    space = draw_space(random, family, 4000)
    try:
        design = target.design_space(family)
        sample = compile_problem(space, target, None, PARAMS | MACS)
    except ArgumentError:
        return
    if design.size > 400:
        return
    core = Search(sample.tables, Query([INF] * 6))
    core.prove()
    assert core.best is not None
    largest = core.best[3]
    limits = [INF] * 6
    for k in (1, 2, 3):
        if largest[k] > 0.0 and random.random() < 0.6:
            limits[k] = largest[k] * random.choice([0.05, 0.3, 0.7, 1.0])
    exponents = random.choice([None, (1.0, -1.0, 0.0, 0.0, 0.0, 0.0)])
    query = Query(limits, -INF, exponents)
    columns = 1 | target.columns(family)
    try:
        wanted, _ = everything(space, target, query, PARAMS | MACS)
    except ArgumentError:  # some chip's energies leave the range of the tables
        return
    run = Codesign(space, design, None, query, columns)
    run.effects = [[(1.0, 0.0)] * max(1, len(run.bits)) for _ in run.effects]
    run.run()
    if wanted is None:
        assert run.best is None
        return
    assert run.best is not None
    found = (run.best.objective, *(-m for m in run.best.metrics[1:4]))
    assert found == wanted
    assert design.shortage(run.best.choice) is None
    # the accelerator's own target says the same of the network
    arch = space.decode(run.row(run.best))
    own = design.target_of(run.best.choice, (run.best.bits or (None,))[0])
    assert own.cost(arch).latency_ms == run.best.metrics[1]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from(FAMILIES))
def test_bits_of_each_cell_equal_looking_at_all_of_them(seed: int, family: str) -> None:
    random = Random(seed)
    target = small("fpga-zu3eg", random, random.choice([(8, 4), (8, 3, 2), (4, 6)]))
    space = draw_space(random, family, 1000)
    if len(space.cell_choices) > 3:
        return
    design = target.design_space(family)
    choice = next(design.configurations(), None)
    if choice is None:
        return
    run = Codesign(space, design, None, Query([INF] * 6), 1 | target.columns(family))
    # of each cell its own, whatever was measured
    run.effects = [
        [(random.choice([1.0, 0.9, 0.3]), -random.random()) for _ in run.bits] for _ in run.effects
    ]
    tables = run.compile([choice])
    base = [compile_problem(space, design.target_of(choice, b)) for b in run.bits]
    point, _ = enumerate_best(tables, Query([INF] * 6))
    assert point is not None
    limit = point[3][1] * random.choice([0.2, 0.6, 1.0])
    query = Query([INF, limit, INF, INF, INF, INF])
    point, _ = enumerate_best(tables, query)
    core = Search(tables, query)
    core.prove()
    assert (core.best is None) == (point is None)
    if core.best is None or point is None:
        return
    assert core.best[2:] == point[2:]
    variant, rows, objective, metrics = core.best
    own, bits = run.decode(tables, variant, rows)
    # added up cell by cell from the tables of each number of bits
    import struct

    latency, score = 0.0, 0.0
    before = 0
    for c, (row, b) in enumerate(zip(own, bits, strict=True)):
        k = run.bits.index(b)
        problem = base[k]
        size = problem.tables.space_rows[variant][c]
        place = before * size + row if space.widths is not None and c else row
        for column, target_sum in ((0, "score"), (1, "latency")):
            data = problem.tables.column(variant, c, column)
            assert data is not None
            value = struct.unpack_from("d", data, 8 * place)[0]
            if target_sum == "latency":
                latency += value
            else:
                factor, shift = run.effects[c][k]
                score += float(round(value * factor + shift * 2.0**36))
        if space.widths is not None:
            before = row // (size // len(space.cell_choices[c][0]))
    assert metrics[1] == latency * 2.0**-36
    assert objective == score * 2.0**-36


def test_an_incumbent_from_elsewhere() -> None:
    problem = compile_problem(flash.SearchSpace("resnet"), Target.load("systolic-32"))
    query = Query([INF, 1.0, INF, INF, INF, INF])
    core = Search(problem.tables, query)
    core.prove()
    assert core.best is not None
    objective, metrics = core.best[2:]
    for first, found in ((True, None), (False, core.best)):
        other = Search(problem.tables, query, incumbent=(objective, metrics, first))
        other.prove()
        assert other.best == found
    worse = Search(problem.tables, query, incumbent=(objective - 1.0, metrics, True))
    worse.prove()
    assert worse.best == core.best
    better = Search(problem.tables, query, incumbent=(objective + 1e-9, metrics, False))
    better.prove()
    assert better.best is None


@pytest.mark.slow
@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from(("fpga-zu3eg", "fpga-z7020", "systolic-dram")))
def test_resources_never_exceed_a_device(seed: int, name: str) -> None:
    random = Random(seed)
    data = copy.deepcopy(json.loads(Target.load(name).to_json()))
    if name.startswith("fpga"):
        own = data["parameters"]
        own["resources"] = {k: random.randint(v // 4, v) for k, v in own["resources"].items()}
        own["units"] = {"conv": {**own["units"]["conv"], "into": 1, "out": 1, "weights_kib": 1,
                                 "maps_kib": 1}}  # fmt: skip
        limits = {k: int(own["usable"][k] * v) for k, v in own["resources"].items()}
    else:
        limits = data["design"]["limits"] = {"pes": random.randint(1, 9000),
                                             "sram_kib": random.randint(1, 600)}  # fmt: skip
    family = "mobilenet-v2" if seed % 2 and name.startswith("fpga") else "resnet"
    target = Target.from_dict(data)
    if family == "mobilenet-v2":
        target = Target.from_dict(
            {
                **data,
                "parameters": {
                    **data["parameters"],
                    "units": dict.fromkeys(
                        ("conv", "depthwise", "pointwise"), data["parameters"]["units"]["conv"]
                    ),
                },
            }
        )
    result = flash.search(family, target, codesign=True, time_limit_s=5.0)
    if result.accelerator is None:
        assert result.status in ("INFEASIBLE", "TIME_LIMIT")
        return
    assert result.accelerator["resources"].keys() == limits.keys()
    for key, (used, most) in result.accelerator["resources"].items():
        assert used <= most == limits[key]


def test_no_accelerator_fits() -> None:
    data = json.loads(Target.load("fpga-zu3eg").to_json())
    data["parameters"]["resources"]["bram"] = 10
    for unit in data["parameters"]["units"].values():
        unit.update(weights_kib=1, maps_kib=1, into=4, out=4)
    data["parameters"]["units"] = {"conv": data["parameters"]["units"]["conv"]}
    result = flash.search("resnet", Target.from_dict(data), codesign=True)
    assert result.status == "INFEASIBLE"
    assert result.proven
    # 16 KiB for weights and for inputs: 4 blocks of 36 kbit, twice
    assert result.message == (
        "proven: no accelerator fits the device: bram: 16 needed, 8 usable, 8 short"
    )


def test_no_accelerator_fits_all_resources_at_once() -> None:
    """Multipliers of DSP slices or of LUTs: too few of the ones, or too few of the others."""
    data = json.loads(Target.load("fpga-zu3eg").to_json())
    unit = {"into": 1, "out": 1, "bits": 4, "mac": "dsp", "weights_kib": 1, "maps_kib": 1}
    data["parameters"]["resources"] = {"dsp": 10, "lut": 2400, "bram": 216}
    data["parameters"]["units"] = {"conv": unit}
    data["parameters"]["usable"] = {}
    own = {"into": [4], "out": [4], "bits": [4], "mac": ["dsp", "lut"], "weights_kib": [1],
           "maps_kib": [1]}  # fmt: skip
    data["design"] = {**own, "cell_bits": [8]}
    target = Target.from_dict(data)
    design = target.design_space("mobilenet-v2")
    assert design.feasible == 0
    result = flash.search("mobilenet-v2", target, codesign=True)
    assert result.status == "INFEASIBLE"
    # a unit takes 4 slices and 688 LUTs, or 1,110 LUTs: of either alone there are enough
    assert result.message == (
        "proven: no accelerator fits the device: dsp: 12 needed, 10 usable, 2 short"
    )
    front = flash.pareto("mobilenet-v2", target, codesign=True)
    assert front.status == "INFEASIBLE"
    assert front.message == result.message


def test_budgets_that_no_accelerator_meets() -> None:
    result = flash.search("resnet", "fpga-zu3eg", codesign=True, max_latency_ms=1e-3)
    assert result.status == "INFEASIBLE"
    assert "no network on any accelerator meets the budgets: max_latency_ms" in result.message
    assert result.least is not None
    least = result.least["max_latency_ms"]
    again = flash.search("resnet", "fpga-zu3eg", codesign=True, max_latency_ms=least)
    assert again.status == "OPTIMAL"
    assert again.latency_ms == least


@pytest.mark.parametrize("name", KINDS)
def test_never_worse_than_the_fixed_accelerator(name: str) -> None:
    base = flash.search("resnet", name)
    assert base.latency_ms is not None
    budget = 0.4 * base.latency_ms
    fixed = flash.search("resnet", name, max_latency_ms=budget)
    both = flash.search("resnet", name, max_latency_ms=budget, codesign=True)
    assert both.status == "OPTIMAL"
    assert fixed.objective is not None
    assert both.objective is not None
    assert both.objective >= fixed.objective  # 8 bits cost nothing


def test_a_result_shows_its_accelerator() -> None:
    result = flash.search("resnet", "fpga-zu3eg", codesign=True, max_latency_ms=3.0)
    assert result.accelerator is not None
    assert result.accelerator["joint"] >= 10**13
    text = str(result)
    for part in ("accelerator", "bits", "takes dsp", "networks on accelerators"):
        assert part in text
    assert SearchResult.from_json(result.to_json()) == result
    assert result.objective_name == "quantised nn_degree"
    assert not flash.search("resnet", "fpga-zu3eg").accelerator


def test_predictors_lose_what_was_measured() -> None:
    result = flash.search(
        "densenet", "fpga-zu3eg", codesign=True, predictor="default", max_latency_ms=5.0
    )
    fixed = flash.search("densenet", "fpga-zu3eg", predictor="default", max_latency_ms=5.0)
    assert result.status == "OPTIMAL"
    assert result.accuracy is not None
    assert fixed.accuracy is not None
    assert result.accuracy > fixed.accuracy


def test_references_of_rram() -> None:
    """The chips that were simulated are the shipped targets, bit for bit."""
    design = Target.load("rram").design_space("densenet")
    arch = flash.SearchSpace("densenet").decode(123456)
    for tile, name in ((512, "rram"), (1024, "rram-1024")):
        values = {"tile": tile, "subarray": 128, "columns_per_adc": 8, "bits_per_cell": 1,
                  "adc_bits": 5}  # fmt: skip
        choice = (design.parts[0].options.index(values),)
        one, own = design.target_of(choice).cost(arch), Target.load(name).cost(arch)
        assert (one.latency_ms, one.energy_mj, one.area_mm2) == (
            own.latency_ms,
            own.energy_mj,
            own.area_mm2,
        )
        assert design.target_of(choice).interval(arch) == Target.load(name).interval(arch)
    values["adc_bits"] = 6  # no such chip was run
    other = design.target_of((design.parts[0].options.index(values),))
    assert not other.interval(arch)
    assert any("have no intervals" in flag for flag in other.cost(arch).flags)


@pytest.mark.parametrize("name", ["rram", "fpga-zu3eg", "systolic-128"])
def test_binding_budgets_equal_searches_with_others(name: str) -> None:
    family = "densenet" if name == "rram" else "resnet"
    free = flash.search(family, name, codesign=True, objective={"latency_ms": -1.0})
    assert free.latency_ms is not None
    budgets = {"max_latency_ms": 3.0 * free.latency_ms, "max_params": 1e6}
    result = flash.search(family, name, codesign=True, **budgets)  # type: ignore[arg-type]
    assert result.status == "OPTIMAL"
    assert result.binding
    for budget in budgets:
        others = {key: value for key, value in budgets.items() if key != budget}
        free = flash.search(family, name, codesign=True, **others)  # type: ignore[arg-type]
        assert free.objective is not None
        assert result.objective is not None
        assert (budget in result.binding) == (free.objective > result.objective)
        if budget in result.binding:
            assert result.binding[budget]["unlimited"] == free.objective


def test_sharing_converters_saves_area_and_takes_time() -> None:
    design = Target.load("rram").design_space("resnet")
    space = flash.SearchSpace("resnet")
    arch = space.decode(space.size - 1)  # the largest
    options = design.parts[0].options
    costs = {}
    for columns in (4, 8, 16):
        values = {"tile": 512, "subarray": 128, "columns_per_adc": columns, "bits_per_cell": 1,
                  "adc_bits": 5}  # fmt: skip
        costs[columns] = design.target_of((options.index(values),)).cost(arch)
    assert costs[4].latency_ms < costs[8].latency_ms < costs[16].latency_ms
    areas = [costs[columns].area_mm2 or 0.0 for columns in (4, 8, 16)]
    assert areas == sorted(areas, reverse=True)
    fewer = {"tile": 512, "subarray": 128, "columns_per_adc": 8, "bits_per_cell": 2, "adc_bits": 6}
    dense = design.target_of((options.index(fewer),)).cost(arch)
    assert (dense.area_mm2 or 0.0) < areas[1]


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"target": "cpu-x86"}, "target 'cpu-x86' has no design space"),
        ({"codesign": "yes"}, "codesign must be True or False"),
        ({"objective": {"latency_ms": 1.0}}, "must not reward a cost with codesign"),
        ({"objective": lambda m: m["macs"]}, "codesign takes no objective function"),
        ({"method": "random"}, "codesign is for methods shgo and exact"),
    ],
)
def test_refusals(kwargs: dict[str, Any], text: str) -> None:
    given = {"target": "fpga-zu3eg", "codesign": True, **kwargs}
    with pytest.raises((ArgumentError, TypeError), match=text):
        flash.search("resnet", **given)


def test_limits_stop_it() -> None:
    result = flash.search("densenet", "fpga-zu3eg", codesign=True, max_evals=1)
    assert result.stopped == "max_evals"
    assert not result.proven
    seen = []
    result = flash.search(
        "densenet", "fpga-zu3eg", codesign=True, callback=lambda event: seen.append(event) or True
    )
    assert result.stopped == "callback"
    assert seen


def test_counting() -> None:
    random = Random(5)
    target = small("fpga-zu3eg", random, (8, 4))
    design = target.design_space("mobilenet-v2")
    assert design.feasible == len(list(design.configurations()))
    space = flash.SearchSpace("resnet", cells=[2, 3], depths=[1, 2], skips=[0])
    assert joint_size(space, design, 7) == (4 * 4 + 8 * 8) * 3 * 7


def test_pruning_keeps_what_is_best_at_something() -> None:
    design = Target.load("fpga-zu3eg").design_space("resnet")
    kept = designs.prune(design.parts, design.limits)[0]
    part = design.parts[0]
    assert part.better is not None
    for choice in design.configurations():
        own = part.better[choice[0]]
        assert any(all(a >= b for a, b in zip(part.better[k], own, strict=True)) for k in kept)


@given(
    st.sampled_from([1, 3, 5]),
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from([512, 1024]),
    st.sampled_from([64, 128, 256]),
    st.sampled_from([2, 4, 8]),
)
def test_chips_of_other_subarrays(
    kernel: int, into: int, out: int, tile: int, side: int, each: int
) -> None:
    carrier = {0: SCALE, 1: LATENCY}  # of the tiles, and of the reads of a subarray
    rows = [[float(k == carrier.get(i)) for k in range(12)] for i in range(20)]
    model = core.Model("rram", rows, (2.0**-20,) * 6, {}, (tile, tile, side, each))
    columns = model.charge([(0, kernel, into, out, 1, 8, 8)])[0]
    tiles, reads, *_ = rram_features(kernel, into, out, 64, tile, side=side, each=each)
    assert columns[SCALE] == tiles
    assert columns[LATENCY] == round(reads * 2.0**20)
