"""flash.calibrate: files, other forms of networks, and the design of what to measure."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins.calibrated import CPU, MIXED, SPACES, latencies, noisy

import flash
from flash import Architecture, Cell, Network, SearchSpace, Target
from flash.errors import ArgumentError, ArgumentTypeError, CalibrationWarning, FormatError
from flash.hardware import KINDS

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


@pytest.mark.torch
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
        (lambda d: d.update(most=-1.0), "most must be a finite number from 0"),
        (lambda d: d.update(terms=["latency_ms.nothing"]), "terms must be one of"),
        (lambda d: d["inverse"].pop(), "inverse must hold a row for each of the terms"),
        (lambda d: d["inverse"][0].pop(), "inverse must be square"),
        (
            lambda d: d["inverse"].__setitem__(0, ["x"] * len(d["terms"])),
            "inverse must be a finite",
        ),
    ],
)
def test_intervals_of_a_file_are_checked(change: Any, message: str) -> None:
    found = flash.calibrate(CPU, MIXED, latency_ms=noisy(CPU, MIXED, 0))
    data = json.loads(found.to_json())
    change(data["intervals"]["default"]["latency_ms"])
    with pytest.raises(FormatError, match=message):
        Target.from_dict(data)


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


def test_a_design_weighs_what_a_target_charges() -> None:
    """The shares that it chooses by are of the networks' own latency: of their chip's class too."""
    from flash.problem.calibration_design import _shares

    for name in ("rram", "cpu-x86"):
        space, target = SearchSpace("densenet"), Target.load(name)
        indices = space.sample_indices(20, 4)
        share, size = _shares(space, target, indices)
        latency = [target.cost(space.decode(index)).latency_ms for index in indices]
        assert np.exp(size) == pytest.approx(latency, rel=1e-6)
        assert (share.sum(axis=1) >= 1 - 1e-9).all()


@pytest.mark.slow
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
