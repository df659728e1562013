"""Energy on processors: estimates that say so, and the way from a counter to a budget."""

from __future__ import annotations

import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from twins.places import BENCHMARKS

import flash
from flash.errors import CalibrationWarning
from flash.hardware import Target, _conditions
from flash.hardware._conditions import Rapl

BOARDS = ("raspberry-pi-3b", "odroid-mc1")
SMALL = flash.ResNet(width_multipliers=[1], cells=[3], depths=[1, 2], skips=[0, 16])


@pytest.mark.parametrize("name", BOARDS)
def test_energy_is_latency_times_one_power_and_says_so(name: str) -> None:
    target = Target.load(name)
    assert target.metrics == ("latency_ms", "energy_mj")
    watts = (target.provenance or {})["power_w"]
    low, high = watts["range"]
    assert watts["idle"] < low < watts["busy"] < high
    own = target.coefficients["default"]
    for feature, ms in own["latency_ms"].items():
        assert own["energy_mj"][feature] == pytest.approx(ms * watts["busy"], rel=1e-6)
    assert "Neither was measured" in target.description
    for text in (
        (target.provenance or {})["energy"],
        *(target.residuals or {})["default"]["doubts"],
    ):
        assert "not measured" in text
    assert "idle power included" in (target.units or {})["energy_mj"]
    cost = target.cost(SMALL.decode(0))
    assert any("energy_mj was not measured" in flag for flag in cost.flags)


@pytest.mark.parametrize("name", BOARDS)
def test_no_interval_is_claimed_for_it(name: str) -> None:
    """A range of powers is no interval of 90 %: confidence is refused, as it is for the latency."""
    target = Target.load(name)
    assert target.interval(SMALL.decode(0)) == {}
    with pytest.raises(flash.FlashError, match=f"{name!r} has none for resnet"):
        flash.search(SMALL, name, max_energy_mj=300.0, confidence=0.9)


@pytest.mark.parametrize("name", BOARDS)
def test_a_budget_on_it_is_proven(name: str) -> None:
    """Against every network of a space, one by one."""
    target = Target.load(name)
    nets = [SMALL.decode(n) for n in range(SMALL.size)]
    costs = [target.cost(net).energy_mj or 0.0 for net in nets]
    budget = sorted(costs)[len(costs) // 2]
    found = flash.search(SMALL, name, max_energy_mj=budget)
    assert found.proven
    assert found.energy_mj is not None
    assert found.energy_mj <= budget
    best = max(flash.nn_degree(net) for net, mj in zip(nets, costs, strict=True) if mj <= budget)
    assert found.objective == pytest.approx(best, rel=1e-9)
    assert any("energy_mj was not measured" in flag for flag in found.flags)
    nothing = flash.search(SMALL, name, max_energy_mj=0.5 * min(costs))
    assert (nothing.status, nothing.architecture) == ("INFEASIBLE", None)


def test_a_fleet_and_a_front_take_it() -> None:
    results = flash.search(SMALL, list(BOARDS), max_energy_mj=400.0)
    assert [one.energy_mj is not None and one.energy_mj <= 400.0 for one in results] == [True] * 2
    front = flash.pareto(SMALL, BOARDS[0], objectives=("accuracy", "energy_mj"))
    assert len(front.energy_mj) > 1


def test_an_estimate_that_is_kept_stays_one() -> None:
    """A base that was never calibrated, and measured latencies: its energy is still no more."""
    base = Target.load(BOARDS[0])
    nets = SMALL.sample(20, seed=0)
    y = [1.5 * base.cost(net).latency_ms for net in nets]
    told = f"energy_mj was not measured: it is kept from {base.name}"
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = flash.calibrate(base, nets, latency_ms=y)
        both = flash.calibrate(base, nets, latency_ms=y, energy_mj=[3.0 * value for value in y])
    assert [told in str(one.message) for one in warned].count(True) == 1
    assert found.coefficients["default"]["energy_mj"] == base.coefficients["default"]["energy_mj"]
    assert any(told in flag for flag in flash.search(SMALL, found, max_energy_mj=1e6).flags)
    assert not any("kept" in one for one in (both.residuals or {})["default"].get("doubts", ()))
    assert both.cost(nets[0]).energy_mj == pytest.approx(3.0 * y[0], rel=0.02)


SCRIPT = BENCHMARKS / "calibration" / "from_specification.py"


@pytest.mark.processes
@pytest.mark.skipif(not SCRIPT.is_file(), reason="the scripts are in the repository")
def test_the_files_are_what_their_script_writes(tmp_path: Path) -> None:
    words = [sys.executable, str(SCRIPT), "--out", str(tmp_path), "--date", "2020-02-02"]
    subprocess.run(words, check=True, timeout=120)
    for name in BOARDS:
        made, own = Target.load(tmp_path / f"{name}.json"), Target.load(name)
        told = {**(own.provenance or {}), "fitted": "2020-02-02"}
        assert made == own.replace(provenance=told)


# From a counter to a budget

WATTS = 20.0
RANGE_UJ = 30_000_000  # the counter begins again after a second and a half


def counters(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make what Linux has of a processor package that always takes 20 W."""
    at = folder / "intel-rapl:0"
    at.mkdir(parents=True)
    (at / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
    file, read, start = at / "energy_uj", Rapl.read, time.perf_counter()

    def now(self: Rapl) -> list[int]:
        used = int(1e6 * WATTS * (time.perf_counter() - start))
        file.write_text(f"{used % (RANGE_UJ)}\n")
        return read(self)

    file.write_text("0\n")
    monkeypatch.setattr(Rapl, "read", now)
    monkeypatch.setattr(_conditions, "POWERCAP", str(folder))


@pytest.mark.torch
@pytest.mark.parametrize("base", ["cpu-x86-torch", "raspberry-pi-3b"])
def test_from_rapl_to_a_budget_on_energy(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """measure, calibrate, search: a base without energy, and one whose energy is an estimate."""
    counters(tmp_path / "powercap", monkeypatch)
    nets = [SMALL.decode(n) for n in (0, SMALL.size // 3, SMALL.size // 2, SMALL.size - 1)]
    measured = flash.measure(nets, energy="rapl", time_limit_s=0.4, passes=1, pin=False)
    for one in measured:
        assert one.energy_source.startswith("RAPL")
        assert one.energy_mj is not None
        # a loop's mean, which a loaded machine makes longer than the median run
        assert 0.5 * WATTS * one.min_ms < one.energy_mj < 20 * WATTS * one.median_ms
    with pytest.warns(CalibrationWarning):
        mine = flash.calibrate(base, measured, name="mine")
    assert mine.metrics == ("latency_ms", "energy_mj")
    assert not any(
        "energy_mj was not measured" in one
        for one in (mine.residuals or {})["default"].get("doubts", ())
    )
    costs = sorted(mine.cost(SMALL.decode(n)).energy_mj or 0.0 for n in range(SMALL.size))
    budget = costs[len(costs) // 2]
    found = flash.search(SMALL, mine, max_energy_mj=budget)
    assert found.proven
    assert found.energy_mj is not None
    assert found.energy_mj <= budget
    saved = mine.to_json(tmp_path / "mine.json")
    assert flash.search(SMALL, tmp_path / "mine.json", max_energy_mj=budget).x == found.x
    assert saved
