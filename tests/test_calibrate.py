"""flash.calibrate: known coefficients come back, intervals hold, and bad input is told."""

from __future__ import annotations

import json
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flash
from flash import Architecture, Cell, Network, SearchSpace, Target
from flash.errors import ArgumentError, ArgumentTypeError, CalibrationWarning, FormatError
from flash.hardware import KINDS
from flash.hardware._fitting import (
    choose_strength,
    fit_relative,
    interval_table,
    interval_width,
    leave_out,
    splits,
)
from flash.hardware._prediction import distances

if TYPE_CHECKING:
    from pathlib import Path

CPU = Target.load("cpu-x86")
SPACES = ("densenet", "resnet", "wide-resnet", "mobilenet-v2")
MIXED = [arch for name in SPACES for arch in SearchSpace(name).sample(12, seed=3)]


def changed(target: Target, factor: Any) -> Target:
    """The same target with other coefficients: value -> factor(column, feature, value)."""
    data = json.loads(target.to_json())
    for columns in data["coefficients"].values():
        for column, values in columns.items():
            for feature in values:
                values[feature] = factor(column, feature, values[feature])
    return Target.from_dict(data)


def scaled(seed: int) -> Target:
    """cpu-x86 with each coefficient multiplied by a number of its own, from 0.3 to 3."""
    random = np.random.default_rng(seed)
    return changed(CPU, lambda c, f, v: v * float(np.exp(random.uniform(-1.1, 1.1))))


def latencies(target: Target, nets: Any) -> list[float]:
    return [target.cost(net).latency_ms for net in nets]


@pytest.mark.parametrize("prior", ["none", "base"])
def test_known_coefficients_are_recovered(prior: str) -> None:
    truth = scaled(1)
    found = flash.calibrate(CPU, MIXED, latency_ms=latencies(truth, MIXED), prior=prior)
    want = truth.coefficients["default"]["latency_ms"]
    got = found.coefficients["default"]["latency_ms"]
    # its networks have no convolution of an odd number of channels: nothing tells of im2col
    told = [name for name in want if found.calibrated_ranges["default"]["features"][name][1]]
    assert len(told) >= 8
    predicted = latencies(found, MIXED)
    assert predicted == pytest.approx(latencies(truth, MIXED), rel=1e-4)
    if prior == "none":
        assert {name: got[name] for name in told} == pytest.approx(
            {name: want[name] for name in told}, rel=1e-3
        )
    assert found.residuals["default"]["all_networks"]["latency_ms"]["max_pct"] < 0.01


@pytest.mark.parametrize("name", ["densenet", "resnet"])
def test_all_three_costs_of_a_chip_are_recovered(name: str) -> None:
    base = Target.load("rram")
    truth = changed(
        base, lambda column, feature, value: value * (1.5 if "latency" in column else 0.8)
    )
    nets = SearchSpace(name).sample(40, seed=1)
    costs = [truth.cost(net) for net in nets]
    columns = {m: [getattr(one, m) for one in costs] for m in base.metrics}
    found = flash.calibrate(base, nets, **columns)
    place = base.set_for(name)
    assert list(found.coefficients) == [place]
    assert found.links == {place: base.links[place]}
    for net in SearchSpace(name).sample(20, seed=2):
        for metric in base.metrics:
            assert getattr(found.cost(net), metric) == pytest.approx(
                getattr(truth.cost(net), metric), rel=1e-3
            )


def test_networks_of_two_sets_are_fitted_apart() -> None:
    base = Target.load("rram")
    nets = [*SearchSpace("densenet").sample(12), *SearchSpace("resnet").sample(12)]
    y = [2 * base.cost(net).latency_ms for net in nets]
    found = flash.calibrate(base, nets, latency_ms=y)
    assert set(found.coefficients) == {"densenet", "default"}
    assert found.residuals["densenet"]["networks"] == 12
    assert set(found.not_calibrated_families) == {"wide-resnet", "mobilenet-v2"}
    # what was not measured is the base's
    assert found.coefficients["default"]["area_mm2"] == base.coefficients["default"]["area_mm2"]
    assert found.cost(nets[0]).latency_ms == pytest.approx(y[0], rel=1e-3)


def test_the_unit_of_the_measurements_scales_the_fit() -> None:
    y = latencies(scaled(2), MIXED)
    one = flash.calibrate(CPU, MIXED, latency_ms=y, prior="none")
    two = flash.calibrate(CPU, MIXED, latency_ms=[4 * value for value in y], prior="none")
    for name, value in one.coefficients["default"]["latency_ms"].items():
        assert two.coefficients["default"]["latency_ms"][name] == pytest.approx(4 * value, rel=1e-9)
    assert one.residuals["default"]["held_out"] == two.residuals["default"]["held_out"]


def test_energy_is_modelled_where_the_base_has_none() -> None:
    random = np.random.default_rng(0)
    y = latencies(CPU, MIXED)
    mj = [3.5 * value * float(random.uniform(0.99, 1.01)) for value in y]
    found = flash.calibrate(CPU, MIXED, latency_ms=y, energy_mj=mj)
    assert found.metrics == ("latency_ms", "energy_mj")
    for net, value in zip(MIXED, mj, strict=True):
        assert found.cost(net).energy_mj == pytest.approx(value, rel=0.05)
    result = flash.search("resnet", found, max_energy_mj=20.0)
    assert result.energy_mj is not None
    assert result.energy_mj <= 20.0


def test_few_networks_are_drawn_to_the_base() -> None:
    """Each coefficient off by the same factor: four networks find it with the base's help only."""
    truth = changed(CPU, lambda column, feature, value: 2.7 * value)
    nets = SearchSpace("densenet").sample(4, seed=5)
    unseen = SearchSpace("densenet").sample(40, seed=6)
    errors = {}
    for prior in ("base", "none"):
        with pytest.warns(CalibrationWarning, match="4 different networks for"):
            found = flash.calibrate(CPU, nets, latency_ms=latencies(truth, nets), prior=prior)
        ratios = np.array(latencies(found, unseen)) / latencies(truth, unseen)
        errors[prior] = float(np.abs(ratios - 1).mean())
    assert errors["base"] < 1e-3
    assert errors["none"] > 10 * errors["base"]


def test_one_network_scales_the_base() -> None:
    net = MIXED[0]
    with pytest.warns(CalibrationWarning, match="1 different networks"):
        found = flash.calibrate(CPU, [net], latency_ms=[3 * CPU.cost(net).latency_ms])
    assert latencies(found, MIXED) == pytest.approx(
        [3 * v for v in latencies(CPU, MIXED)], rel=1e-6
    )
    assert "held_out" not in found.residuals["default"]
    assert found.interval(net) == {}


# Intervals


def noisy(truth: Target, nets: Any, seed: int, spread: float = 0.08) -> list[float]:
    random = np.random.default_rng(seed)
    return [v * float(np.exp(random.normal(0, spread))) for v in latencies(truth, nets)]


@pytest.mark.parametrize("n", [15, 25])
def test_intervals_cover_what_they_say(n: int) -> None:
    """90 %, over 8 calibrations with 40 unseen networks each; binomial noise is about 2 %."""
    pool = [arch for name in SPACES for arch in SearchSpace(name).sample(30, seed=11)]
    covered = []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(pool))
        fit, unseen = ([pool[i] for i in part] for part in (order[:n], order[n : n + 40]))
        truth = scaled(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CalibrationWarning)
            found = flash.calibrate(CPU, fit, latency_ms=noisy(truth, fit, seed))
        for net, value in zip(unseen, noisy(truth, unseen, 100 + seed), strict=True):
            low, high = found.interval(net)["latency_ms"]
            assert low < found.cost(net).latency_ms < high
            covered.append(low <= value <= high)
    assert 0.85 <= float(np.mean(covered)) <= 0.96


def test_intervals_widen_with_the_level_and_with_the_distance() -> None:
    nets = SearchSpace("densenet", depths=flash.Range(5, 10)).sample(25, seed=1)
    found = flash.calibrate(CPU, nets, latency_ms=noisy(CPU, nets, 1))

    def width(net: Architecture, level: float = 0.9) -> float:
        low, high = found.interval(net, level)["latency_ms"]
        return high / low

    assert width(nets[0], 0.5) < width(nets[0], 0.8) < width(nets[0], 0.95)
    assert max(distances(found, net)["latency_ms"] for net in nets) <= 4.1
    far = Architecture("mobilenet-v2", [Cell(320, 4, 0, 6, 7)])
    assert width(far) > 1.2 * max(map(width, nets))
    assert any("macs_depthwise" in flag for flag in found.cost(far).flags)
    assert any("mobilenet-v2" in flag for flag in found.cost(far).flags)


def test_costs_outside_the_calibrated_range_are_flagged() -> None:
    nets = SearchSpace("densenet", depths=flash.Range(5, 10)).sample(25, seed=1)
    found = flash.calibrate(CPU, nets, latency_ms=latencies(CPU, nets))
    assert found.cost(nets[3]).flags == ()
    deep = Architecture("densenet", [Cell(48, 40), Cell(96, 40), Cell(192, 40)])
    flags = " ".join(found.cost(deep).flags)
    for name in ("macs", "layers", "latency_ms"):
        assert f"{name} " in flags
    result = flash.search("densenet", found)
    assert any("outside the calibrated range" in flag for flag in result.flags)


def test_a_target_without_intervals_has_none() -> None:
    assert CPU._replace(intervals=None).interval(MIXED[0]) == {}
    with pytest.raises(ArgumentError, match=r"level must be .* from 0.5 to 0.99, got 1.5"):
        CPU.interval(MIXED[0], 1.5)
    with pytest.raises(ArgumentTypeError, match="net must be an Architecture or a Network"):
        flash.calibrate(CPU, MIXED, latency_ms=latencies(CPU, MIXED)).interval("net")  # type: ignore[arg-type]


# Bad input

GOOD: dict[str, Any] = {"networks": MIXED[:3], "latency_ms": [1.0, 2.0, 3.0]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"latency_ms": [1.0, math.nan, 3.0]}, r"latency_ms\[1\] must be .* above 0.*, got nan"),
        ({"latency_ms": [1.0, 0.0, 3.0]}, r"latency_ms\[1\] must be .* above 0.*, got 0.0"),
        ({"latency_ms": [1.0, 2.0, -3.0]}, r"latency_ms\[2\] must be .* above 0.*, got -3.0"),
        ({"latency_ms": [1.0, 2.0, math.inf]}, r"latency_ms\[2\] must be .*, got inf"),
        ({"latency_ms": [1.0, "2", 3.0]}, r"latency_ms\[1\] must be .*, got '2'"),
        ({"latency_ms": [1.0, None, 3.0]}, r"latency_ms\[1\] must be .*, got None"),
        ({"latency_ms": [1.0, 2.0]}, "one number for each of the 3 networks, got 2"),
        ({"latency_ms": "1 2 3"}, "latency_ms must be a list, got '1 2 3'"),
        ({"latency_ms": 3.0}, "latency_ms must be a list, got 3.0"),
        ({"latency_ms": None}, "latency_ms, energy_mj or area_mm2 must be given"),
        ({"networks": [], "latency_ms": []}, "networks must be at least one, got none"),
        ({"networks": [1, 2, 3]}, r"networks\[0\] must be an Architecture, a Network"),
        ({"networks": MIXED[0]}, "networks must be a list"),
        ({"area_mm2": [1.0, 2.0, 3.0]}, "area_mm2 is not modelled by targets of kind 'cpu'"),
        ({"prior": "cpu-x86"}, "prior must be one of 'base', 'none', got 'cpu-x86'"),
        ({"base": "cpu-arm"}, "target must be one of"),
        ({"name": 3}, "name must be text, got 3"),
        ({"name": ""}, "name must be printable text, got ''"),
        ({"provenance": {"x": math.nan}}, "provenance: a number in it must be a number"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"base": "cpu-x86", **GOOD, **changes}
    base, nets = arguments.pop("base"), arguments.pop("networks")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
            flash.calibrate(base, nets, **arguments)


def test_a_unit_that_is_off_by_1000_is_doubted() -> None:
    y = latencies(CPU, MIXED)
    for factor in (1e-3, 1e3):
        with pytest.warns(CalibrationWarning, match="is it in milliseconds") as caught:
            flash.calibrate(CPU, MIXED, latency_ms=[factor * v for v in y])
        assert f"{factor:.3g} times what cpu-x86 predicts" in str(caught[0].message)
        assert caught[0].filename == __file__
    y[4] *= 1e3
    with pytest.warns(CalibrationWarning, match=r"latency_ms\[4\] is more than 50 times off"):
        flash.calibrate(CPU, MIXED, latency_ms=y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        flash.calibrate(CPU, MIXED, latency_ms=[20 * v for v in latencies(CPU, MIXED)])


def test_equal_networks_count_as_one() -> None:
    nets = [*MIXED[:30], MIXED[0], MIXED[0]]
    y = noisy(CPU, nets, 3)
    with pytest.warns(CalibrationWarning, match=r"2 of 32 networks are .* \(\[30\] like \[0\]\)"):
        found = flash.calibrate(CPU, nets, latency_ms=y)
    assert found.residuals["default"]["groups"] == 30
    assert len(found.intervals["default"]["latency_ms"]["scores"]) == 30


def test_measurements_that_are_all_equal_are_doubted() -> None:
    with pytest.warns(CalibrationWarning, match="latency_ms is 5 for all 48 networks"):
        flash.calibrate(CPU, MIXED, latency_ms=[5.0] * 48)


def test_coefficients_that_cannot_be_told_apart_are_named() -> None:
    nets = [Architecture("resnet", [Cell(16, depth, 0)]) for depth in range(1, 13)]
    y = latencies(CPU, nets)
    with pytest.warns(CalibrationWarning, match="do not tell apart the coefficients of") as caught:
        found = flash.calibrate(CPU, nets, latency_ms=y, prior="none")
    assert "latency_ms.kernels" in str(caught[-1].message)
    assert latencies(found, nets) == pytest.approx(y, rel=1e-6)
    # with a prior they are those of the base
    found = flash.calibrate(CPU, nets, latency_ms=y)
    assert "latency_ms.kernels" in found.residuals["default"]["not_told_apart"]["latency_ms"]
    assert latencies(found, MIXED) == pytest.approx(latencies(CPU, MIXED), rel=1e-3)


values = st.one_of(st.floats(), st.integers(), st.none(), st.text(max_size=3), st.floats(1e-3, 1e3))


@settings(max_examples=60)
@given(st.lists(values, max_size=6), st.sampled_from(["base", "none"]))
def test_any_list_is_refused_or_fitted(y: list[Any], prior: str) -> None:
    nets = MIXED[: len(y)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        try:
            found = flash.calibrate(CPU, nets, latency_ms=y, prior=prior)
        except (ArgumentError, ArgumentTypeError):
            good = [type(v) in (int, float) and 1e-12 <= v <= 1e12 for v in y]
            assert not y or not all(good)
            return
    assert all(type(v) in (int, float) and v > 0 for v in y)
    coefficients = found.coefficients["default"]["latency_ms"]
    assert all(value >= 0 and math.isfinite(value) for value in coefficients.values())
    assert Target.from_dict(json.loads(found.to_json())).to_json() == found.to_json()
    for low, high in found.interval(MIXED[-1]).values():
        assert 0 <= low <= high


# Files and other forms of networks


def test_the_file_is_one_json_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    found = flash.calibrate(
        "cpu-x86", MIXED, latency_ms=latencies(CPU, MIXED), name="mine", path=path,
        provenance={"fitted": "2020-02-02", "device": "a board"},
    )  # fmt: skip
    assert [one.name for one in tmp_path.iterdir()] == ["mine.json"]
    again = Target.load(path)
    assert again.name == "mine"
    assert again.provenance["device"] == "a board"
    assert again.interval(MIXED[0]) == found.interval(MIXED[0])
    assert again.cost(MIXED[0]) == found.cost(MIXED[0])
    result = flash.search("resnet", path, max_latency_ms=5.0)
    assert result.architecture is not None
    assert again.cost(result.architecture).latency_ms == result.latency_ms


def test_what_has_layers_is_taken(tmp_path: Path) -> None:
    nets = SearchSpace("densenet").sample(12, seed=8)
    nets[1].to_json(tmp_path / "net.json")
    nets[2].network().to_json(tmp_path / "table.json")
    result = flash.search("resnet", "cpu-x86", max_latency_ms=3.0)
    mixed: list[Any] = [nets[0], str(tmp_path / "net.json"), tmp_path / "table.json", result]
    mixed += [net.network() for net in nets[3:]]
    y = latencies(CPU, [*nets[:3], result.architecture, *nets[3:]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        found = flash.calibrate(CPU, mixed, latency_ms=y)
    assert found.residuals["default"]["by_network"]["latency_ms"]["measured"] == pytest.approx(
        y, rel=1e-5
    )
    assert found.not_calibrated_families == ()  # some networks are of no family


def test_a_network_module_is_taken() -> None:
    torch = pytest.importorskip("torch")
    nets = [Architecture("resnet", [Cell(16, d, 16), Cell(32, d, 32)]) for d in range(1, 5)]
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        modules = [net.to_torch() for net in nets]
        found = flash.calibrate(CPU, modules, latency_ms=latencies(CPU, nets))
    assert latencies(found, nets) == pytest.approx(latencies(CPU, nets), rel=1e-2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("scores"), "lacks the key 'scores'"),
        (lambda d: d.update(scores=[]), "scores must be a list of 1"),
        (lambda d: d.update(scores=[2.0, 1.0]), "scores must not fall"),
        (lambda d: d.update(most=-1.0), "most must be a number from 0"),
        (lambda d: d.update(terms=["latency_ms.nothing"]), "terms must be one of"),
        (lambda d: d["inverse"].pop(), "inverse must hold a row for each of the terms"),
        (lambda d: d["inverse"][0].pop(), "inverse must be square"),
        (lambda d: d["inverse"].__setitem__(0, ["x"] * len(d["terms"])), "inverse must be a numb"),
    ],
)
def test_intervals_of_a_file_are_checked(change: Any, message: str) -> None:
    found = flash.calibrate(CPU, MIXED, latency_ms=noisy(CPU, MIXED, 0))
    data = json.loads(found.to_json())
    change(data["intervals"]["default"]["latency_ms"])
    with pytest.raises(FormatError, match=message):
        Target.from_dict(data)


# The pieces


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_the_fit_is_the_least_of_its_neighbours(seed: int) -> None:
    """Non-negative least squares: no step along an axis that stays in bounds lowers the sum."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 1, (12, 4)) * random.uniform(0.1, 10, 4)
    y = random.uniform(0.5, 2, 12)
    offset = random.uniform(0, 0.3, 12)
    found = fit_relative(x, y, offset)
    assert (found >= 0).all()

    def loss(c: Any) -> float:
        return float((((offset + x @ c) / y - 1) ** 2).sum())

    for axis in range(4):
        for step in (-1e-4, 1e-4):
            other = found.copy()
            other[axis] = max(0.0, other[axis] + step / x[:, axis].mean())
            assert loss(other) >= loss(found) - 1e-12


def test_many_rows_give_the_fit_of_the_normal_equations() -> None:
    random = np.random.default_rng(0)
    x, truth = random.uniform(0, 1, (3000, 5)), np.array([1.0, 2.0, 0.0, 0.5, 3.0])
    y = x @ truth * random.uniform(0.9, 1.1, 3000)
    whole = fit_relative(x, y)
    a = x / y[:, None]
    free = whole > 0
    want = np.linalg.solve(a[:, free].T @ a[:, free], a[:, free].sum(axis=0))
    assert whole[free] == pytest.approx(want, rel=1e-9)


def test_left_out_networks_take_no_part() -> None:
    random = np.random.default_rng(1)
    x, y = random.uniform(0, 1, (20, 3)), random.uniform(1, 2, 20)
    groups = [n // 2 for n in range(20)]
    found = leave_out(x, y, 0.0, groups, None, 0.0)
    for k in (0, 7):
        rest = np.array(groups) != groups[2 * k]
        want = x[~rest] @ fit_relative(x[rest], y[rest])
        assert found[~rest] == pytest.approx(want, rel=1e-9)
    assert np.isnan(leave_out(x, y, 0.0, [0] * 20, None, 0.0)).all()
    assert choose_strength(x, y, 0.0, [0] * 20, np.ones(3)) == math.inf
    assert choose_strength(x, y, 0.0, groups, None) == 0.0


@settings(max_examples=50)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=30), st.integers(0, 30), st.integers(0, 9))
def test_splits_keep_groups_whole(groups: list[int], n_fit: int, seed: int) -> None:
    for mask in splits(groups, n_fit, 3, seed):
        assert mask.sum() <= n_fit
        for group in set(groups):
            assert len({bool(m) for m, g in zip(mask, groups, strict=True) if g == group}) == 1


def test_the_width_is_a_quantile_of_the_scores() -> None:
    """Without leverage: the 0.9 * 20-th of 19 scores is the 18th (conformal prediction)."""
    table = {"scores": [0.01 * (n + 1) for n in range(19)], "inverse": [[0.0]], "most": 0.0}
    assert interval_width(table, np.zeros(1), 0.9)[0] == pytest.approx(0.18)
    assert interval_width(table, None, 0.5)[0] == pytest.approx(0.10)
    few = {"scores": [0.1, 0.1], "inverse": [[4.0]], "most": 1.0}
    # two scores cannot tell 90 %: Student's t with one degree of freedom, 6.3138
    assert interval_width(few, None, 0.9)[0] == pytest.approx(0.63138, rel=1e-4)
    width, leverage = interval_width(few, np.array([0.5]), 0.9)
    assert leverage == pytest.approx(1.0)
    assert width == pytest.approx(0.63138 * math.sqrt(2), rel=1e-4)


def test_leverage_is_that_of_linear_regression() -> None:
    random = np.random.default_rng(2)
    x = random.uniform(0.5, 1, (30, 3))
    y = x @ [1.0, 2.0, 3.0]
    found = interval_table(x, y, y * 1.05, list(range(30)), np.array([1.0, 2.0, 3.0]))
    a = x / y[:, None]
    want = np.linalg.inv(a.T @ a)
    assert np.array(found["inverse"]) == pytest.approx(want, rel=1e-3)


def test_the_columns_of_a_metric_are_what_a_target_charges() -> None:
    from flash.hardware._terms import terms, totals

    for name in ("rram", "cpu-x86"):
        target = Target.load(name)
        nets = SearchSpace("densenet").sample(5, seed=4)
        features = totals(target.kind, [net.network() for net in nets])
        assert features.shape == (5, len(KINDS[target.kind].FEATURES))
        latency = np.array(latencies(target, nets))
        for metric in target.metrics:
            found = terms(target, "densenet", metric, features, latency)
            table = target.coefficients[target.set_for("densenet")]
            known = np.array([table.get(c, {}).get(f, 0.0) for c, f in found.names])
            costs = [getattr(target.cost(net), metric) for net in nets]
            assert found.offset + found.columns @ known == pytest.approx(costs, rel=1e-6)


# The design


def test_a_design_is_the_same_each_time_and_starts_with_the_smaller_one() -> None:
    for name in SPACES:
        chosen = flash.calibration_design(name, "cpu-x86", 25, seed=1)
        assert len(set(chosen)) == 25
        assert flash.calibration_design(name, "cpu-x86", 10, seed=1) == chosen[:10]
        assert flash.calibration_design(name, "cpu-x86", 25, seed=2) != chosen
        for arch in chosen:
            SearchSpace(name).encode(arch)  # raises where it is not in the space


def test_a_small_space_gives_all_it_has() -> None:
    space = SearchSpace("resnet", width_multipliers=1, depths=flash.Range(1, 2), skips=0)
    assert set(flash.calibration_design(space, "rram", 25)) == set(space.sample(100))


@pytest.mark.parametrize("name", SPACES)
def test_a_design_tells_more_than_a_random_draw(name: str) -> None:
    """By the determinant of the normal matrix, and by how far the loneliest network is."""
    from flash.hardware._terms import totals

    pool = SearchSpace(name).sample(300, seed=9)
    scale = None

    def shares(nets: Any) -> Any:
        features = totals("cpu", [net.network() for net in nets])
        known = np.array(
            [CPU.coefficients["default"]["latency_ms"].get(f, 0.0) for f in KINDS["cpu"].FEATURES]
        )
        found = features * known
        return found / found.sum(axis=1, keepdims=True)

    everything = shares(pool)
    used = everything.std(axis=0) > 1e-6
    scale = everything[:, used].std(axis=0)

    def told(nets: Any) -> tuple[float, float]:
        a = shares(nets)[:, used] / scale
        _, determinant = np.linalg.slogdet(a.T @ a + 1e-6 * np.eye(a.shape[1]))
        apart = ((everything[:, None, used] / scale - a[None]) ** 2).sum(axis=2).min(axis=1)
        return float(determinant), -float(apart.max())

    chosen = told(flash.calibration_design(name, "cpu-x86", 20, seed=0))
    random = [told(SearchSpace(name).sample(20, seed=s)) for s in range(8)]
    assert chosen[0] > max(one[0] for one in random)
    assert chosen[1] > float(np.median([one[1] for one in random]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("densenet", "cpu-x86", 0), "n must be an integer from 1 to 5000, got 0"),
        (("densenet", "cpu-x86", 2.5), "n must be an integer from 1 to 5000, got 2.5"),
        (("dense", "cpu-x86", 5), "space must be one of"),
        (("densenet", "cpu", 5), "target must be one of"),
    ],
)
def test_what_a_design_refuses(arguments: Any, message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.calibration_design(*arguments)


def test_a_hand_made_table_is_taken() -> None:
    nets = [
        Network.from_layers([{"kind": "conv", "in_channels": 3, "out_channels": 8 * n, "kernel": 3,
                              "height": 16, "width": 16}])
        for n in range(1, 9)
    ]  # fmt: skip
    found = flash.calibrate(CPU, nets, latency_ms=latencies(CPU, nets))
    assert latencies(found, nets) == pytest.approx(latencies(CPU, nets), rel=1e-3)
