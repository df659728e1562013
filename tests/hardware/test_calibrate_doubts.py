"""What speaks against a calibration is warned of by name, kept in the target, and flagged."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
from twins.calibrated import CPU, MIXED, latencies, noisy

import flash
from flash import Architecture, Measurement, SearchSpace, Target
from flash.errors import ArgumentError, CalibrationWarning

NETS = SearchSpace("densenet").sample(24, seed=7)
FACTS: dict[str, Any] = {
    "cpu": "a core",
    "threads": 1,
    "batch": 1,
    "dtype": "float32",
    "clock": "wall",
    "governor": "performance",
    "max_khz": "3000000",
    "versions": {"python": "3.11", "onnxruntime": "1.32"},
}


def measured(net: Architecture, latency: float, n: int = 0, **changes: Any) -> Measurement:
    """A record as `flash.measure` makes it; changes are those of fields or of conditions."""
    batch = changes.get("batch", 1)
    fields: dict[str, Any] = {
        "name": f"net-{n}",
        "runtime": "onnxruntime",
        "device": "cpu",
        **dict.fromkeys(("median_ms", "q1_ms", "q3_ms", "min_ms", "wall_ms", "cpu_ms"), latency),
        "noise_pct": 1.0,
        "runs": 60,
        "passes": 6,
        "warmup_runs": 10,
        "settled": True,
        "energy_mj": None,
        "energy_source": "absent",
        "conditions": {**FACTS, "time": f"2026-01-01T00:{n:02}:00Z"},
        "subject": {"architecture": net.to_dict()},
    }
    for key, value in changes.items():
        (fields if key in fields else fields["conditions"])[key] = value
    for key in ("median_ms", "q1_ms", "q3_ms", "wall_ms", "cpu_ms", "min_ms"):
        fields[key] *= batch
    return Measurement.from_dict(fields)


def records(changes: Any = lambda n: {}, factor: Any = lambda n: 1.0) -> list[Measurement]:
    y = noisy(CPU, NETS, 1, 0.01)
    return [
        measured(net, value * factor(n), n, **changes(n))
        for n, (net, value) in enumerate(zip(NETS, y, strict=True))
    ]


def calibrated(base: Any, networks: Any, **given: Any) -> tuple[Target, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = flash.calibrate(base, networks, **given)
    assert all(one.filename == __file__ for one in caught)
    return found, [str(one.message) for one in caught if one.category is CalibrationWarning]


def test_good_measurements_are_not_doubted() -> None:
    found, told = calibrated(CPU, records())
    assert not told
    facts = found.provenance
    assert facts
    assert facts["conditions"] == {
        "runtime": "onnxruntime",
        "device": "cpu",
        "processor": "a core",
        "threads": 1,
        "batch": 1,
        "dtype": "float32",
        "clock": "wall",
        "governor": "performance",
        "max_khz": "3000000",
        "version": "1.32",
    }
    assert "different conditions" not in facts
    assert found.cost(NETS[0]).flags == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (lambda n: {"runtime": ("torch", "onnxruntime")[n % 2]}, "runtime (torch: 12, onnx"),
        (lambda n: {"threads": 4 - 3 * (n % 2)}, "threads (4: 12, 1: 12)"),
        (lambda n: {"batch": 1 if n else 8}, "batch (8: 1, 1: 23)"),
        (lambda n: {"governor": "powersave" if n < 4 else "performance"}, "governor (powersave"),
        (lambda n: {"max_khz": "3000000" if n < 9 else "1200000"}, "clock rate in kHz (3000000: 9"),
        (lambda n: {"clock": "cpu" if n < 9 else "wall"}, "clock (cpu: 9, wall: 15)"),
        (lambda n: {"cpu": "a core" if n < 9 else "another"}, "processor (a core: 9, another: 15)"),
        (lambda n: {"dtype": "float16" if n < 9 else "float32"}, "dtype (float16: 9"),
        (lambda n: {"settled": n > 2}, "3 of 24 networks (net-0 ...) were measured before"),
        (lambda n: {"noise_pct": 45.0}, "halves of a measurement differ by 45 %"),
        (lambda n: {"min_ms": 0.01}, "times those of the shortest run: the clock was throttled"),
        (lambda n: {"cpu_ms": 0.01}, "times those of processor time: something else was running"),
    ],
)
def test_how_networks_were_measured_is_doubted(changes: Any, said: str) -> None:
    found, told = calibrated(CPU, records(changes))
    assert any(said in one for one in told)
    again = Target.from_dict(json.loads(found.to_json()))
    assert again.provenance == found.provenance
    flags = flash.search("densenet", again, max_latency_ms=5.0).flags
    assert any(said in flag for flag in flags)
    assert any(said in flag for flag in again.cost(NETS[0]).flags)


def test_what_differs_is_kept() -> None:
    found, _ = calibrated(CPU, records(lambda n: {"threads": 4 - 3 * (n % 2)}))
    assert found.provenance
    assert found.provenance["different conditions"] == {"threads": {"4": 12, "1": 12}}
    assert "threads" not in found.provenance["conditions"]


@pytest.mark.parametrize("recorded", [True, False])
def test_a_series_that_slows_down_is_doubted(recorded: bool) -> None:
    ms = records(factor=lambda n: 1.0 + 0.5 * n / 23)
    if recorded:  # in another order than they were measured in
        found, told = calibrated(CPU, ms[::-1])
    else:
        found, told = calibrated(CPU, NETS, latency_ms=[one.median_ms for one in ms])
    assert any("latency_ms drifts by +" in one for one in told)
    assert any("drifts" in flag for flag in found.cost(NETS[0]).flags)
    same = [1.2 * one.median_ms for one in records()]
    assert not calibrated(CPU, NETS, latency_ms=same)[1]


def test_a_useless_fit_is_doubted() -> None:
    y = np.random.default_rng(0).permutation(latencies(CPU, NETS))
    found, told = calibrated(CPU, NETS, latency_ms=list(y))
    assert any("of left-out networks is predicted" in one for one in told)
    result = flash.search("densenet", found, max_latency_ms=60.0)
    assert any("cpu-x86-calibrated is doubtful: latency_ms of left-out" in f for f in result.flags)


def test_an_error_far_above_the_noise_is_doubted() -> None:
    y = noisy(CPU, MIXED, 3, 0.22)
    low = [
        measured(net, v, n, noise_pct=0.5) for n, (net, v) in enumerate(zip(MIXED, y, strict=True))
    ]
    told = calibrated(CPU, low)[1]
    assert any("off on average, and measurements by 0.5 % only" in one for one in told)
    high = [one.replace(noise_pct=9.0) for one in low]
    assert not any("off on average" in one for one in calibrated(CPU, high)[1])


def test_seconds_of_a_slow_device_are_doubted() -> None:
    y = [24e-3 * value for value in latencies(CPU, MIXED)]
    found, told = calibrated(CPU, MIXED, latency_ms=y)
    assert any("0.024 times what cpu-x86 predicts: is it in milliseconds?" in one for one in told)
    assert any("is it in milliseconds?" in flag for flag in found.cost(MIXED[0]).flags)
    # a fast processor by the model of a slow one is no such case
    slow = Target.load("raspberry-pi-4")
    assert not any(
        "milliseconds" in one
        for one in calibrated(slow, MIXED, latency_ms=latencies(CPU, MIXED))[1]
    )


@pytest.mark.parametrize("name", ["fpga-zu3eg", "rram", "systolic-128"])
def test_times_of_a_processor_are_refused_for_other_hardware(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"of kind 'cpu', .* device 'cpu', got '{name}'"):
        flash.calibrate(name, records())


def test_times_of_another_kind_of_processor_are_doubted() -> None:
    gpu = Target.load("gtx-1080ti")
    found, told = calibrated(gpu, records())
    assert any("all 24 networks were measured on a device 'cpu'" in one for one in told)
    assert any("of kind 'gpu'" in flag for flag in flash.search("densenet", found).flags)
    _, told = calibrated(CPU, records(lambda n: {"device": "cuda"}))
    assert any("measured on a device 'cuda', but cpu-x86 is of kind 'cpu'" in one for one in told)


def test_the_flag_names_the_families_that_were_measured() -> None:
    found, _ = calibrated(CPU, NETS, latency_ms=latencies(CPU, NETS))
    flags = flash.search("resnet", found, max_latency_ms=9.0).flags
    assert flags[0].endswith("read from coefficients fitted on densenet")


def test_what_cannot_be_read_is_left_out_by_name() -> None:
    ms = records()
    ms[3] = ms[3].replace(subject=None, name="VisionTransformer-16")
    found, told = calibrated(CPU, ms)
    assert told == [
        "1 of 24 measurements are left out, for flash cannot read the layers of what was "
        "measured: VisionTransformer-16"
    ]
    assert found.residuals
    assert found.residuals["default"]["networks"] == 23
    with pytest.raises(ArgumentError, match="layers that flash can read, got none: Vision"):
        flash.calibrate(CPU, [ms[3]])


def test_flags_of_a_codesign_are_of_the_answer() -> None:
    """Its network has fewer bits: what `Target.cost` says of it with all of them is not the point."""
    base = Target.load("fpga-zu3eg")
    nets = [n for n in SearchSpace("densenet").sample(600, seed=0) if base.cost(n).latency_ms < 7]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        found = flash.calibrate(base, nets[:25], latency_ms=latencies(base, nets[:25]))
    low, high = found.calibrated_ranges["default"]["network"]["latency_ms"]
    result = flash.search("densenet", found, max_latency_ms=5.0, codesign=True)
    assert result.latency_ms is not None
    assert low <= result.latency_ms <= high
    assert not any(flag.startswith("latency_ms ") for flag in result.flags)
