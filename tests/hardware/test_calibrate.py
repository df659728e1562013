"""flash.calibrate: known coefficients come back, intervals hold, and bad input is told."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twins.calibrated import CPU, MIXED, SPACES, changed, latencies, noisy, scaled

import flash
from flash import Architecture, Cell, SearchSpace, Target
from flash.errors import ArgumentError, ArgumentTypeError, CalibrationWarning
from flash.hardware._prediction import distances


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
            {name: want[name] for name in told}, rel=1e-2
        )
    assert found.residuals["default"]["all_networks"]["latency_ms"]["max_pct"] < 0.01


@pytest.mark.parametrize("name", ["densenet", "resnet"])
def test_all_three_costs_of_a_chip_are_recovered(name: str) -> None:
    """Fitted are all coefficients but the peak's: the largest layer's buffers are the base's."""
    base = Target.load("rram")
    factors = {"ms": 1.5, "mj": 0.8, "mm2": 0.8}
    truth = changed(
        base,
        lambda column, feature, value: (
            value * (factors[column.split("_")[-1]] if column != "peak_mm2" else 1.0)
        ),
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
    """Each coefficient off by the same factor: four networks find it, for what they do not
    determine stays in the proportions of the base, whatever the prior."""
    truth = changed(CPU, lambda column, feature, value: 2.7 * value)
    nets = SearchSpace("densenet").sample(4, seed=5)
    unseen = SearchSpace("densenet").sample(40, seed=6)
    for prior in ("base", "none"):
        with pytest.warns(CalibrationWarning, match="4 different networks for"):
            found = flash.calibrate(CPU, nets, latency_ms=latencies(truth, nets), prior=prior)
        ratios = np.array(latencies(found, unseen)) / latencies(truth, unseen)
        assert float(np.abs(ratios - 1).mean()) < 1e-3


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
    assert CPU.replace(intervals=None).interval(MIXED[0]) == {}
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
        ({"provenance": {"x": math.nan}}, "provenance: a number in it must be a finite number"),
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
    with (
        pytest.warns(CalibrationWarning, match="hardly any network determines the coefficients"),
        pytest.warns(CalibrationWarning, match="not tell apart .* latency_ms.kernels"),
    ):
        found = flash.calibrate(CPU, nets, latency_ms=y, prior="none")
    assert latencies(found, nets) == pytest.approx(y, rel=1e-6)
    # either way they are in the proportions of the base
    assert latencies(found, MIXED) == pytest.approx(latencies(CPU, MIXED), rel=1e-3)
    found = flash.calibrate(CPU, nets, latency_ms=y)
    assert "latency_ms.kernels" in found.residuals["default"]["not_told_apart"]["latency_ms"]
    assert latencies(found, MIXED) == pytest.approx(latencies(CPU, MIXED), rel=1e-3)


values = st.one_of(st.floats(), st.integers(), st.none(), st.text(max_size=3), st.floats(1e-3, 1e3))


@settings(max_examples=60)
@given(st.lists(values, max_size=6), st.sampled_from(["base", "none"]))
@example([1e9, 1e9], "none")
def test_any_list_is_refused_or_fitted(y: list[Any], prior: str) -> None:
    nets = MIXED[: len(y)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        try:
            found = flash.calibrate(CPU, nets, latency_ms=y, prior=prior)
        except (ArgumentError, ArgumentTypeError):
            good = [type(v) in (int, float) and 1e-12 <= v <= 1e9 for v in y]
            assert not y or not all(good)
            return
    assert all(type(v) in (int, float) and v > 0 for v in y)
    coefficients = found.coefficients["default"]["latency_ms"]
    assert all(value >= 0 and math.isfinite(value) for value in coefficients.values())
    assert Target.from_dict(json.loads(found.to_json())).to_json() == found.to_json()
    for low, high in found.interval(MIXED[-1]).values():
        assert 0 <= low <= high
