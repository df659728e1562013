"""FLASH's claims: what is timed is what is judged, and both readings count alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins.places import ROOT

import flash

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "claims").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_both_readings_of_trainings_in_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trainings that are made up: number n takes n + 1 seconds, and the last ones are the best."""
    from benchmarks.claims import training_free

    def made_up(folder: Path, space: Any, rows: Any, seeds: int) -> tuple[Any, Any]:
        seconds = np.tile(1.0 + np.arange(len(rows)), (seeds, 1))
        shift = np.arange(seeds)[:, None]
        return (seconds + shift) / 100.0, seconds

    monkeypatch.setattr(training_free, "trainings", made_up)
    monkeypatch.setattr(training_free, "TRAINERS", {"random": {}, "evolution": {"population": 5}})
    monkeypatch.setattr(training_free, "REPEATS", 3)
    for one in training_free.digits(tmp_path, 3):
        found = flash.search(
            flash.SearchSpace.from_dict(training_free.DIGITS), "cpu-x86", max_macs=one["budget"]
        )
        place = one["answer_s"] - 1.0  # the network that the timed search returned
        rows = list(np.ndindex(*found.space.lengths))
        assert rows[int(place)] == tuple(found.x)
        assert one["quality"] == pytest.approx((one["answer_s"] + 1.0) / 100.0)  # mean of 3 seeds
        for method in one["methods"].values():
            assert method["reached"] == 1.0
            # a network as good takes at least as long to train as FLASH's own
            assert method["search_s"] <= method["seconds"] - one["answer_s"] + 1e-6
            assert method["slower"][0] == pytest.approx(method["search_s"] / one["flash_s"])
            both = one["flash_s"] + one["answer_s"]
            assert method["slower_trained"][0] == pytest.approx(method["seconds"] / both)
            # however fast the search, counting both trainings bounds the ratio
            assert method["slower_trained"][0] <= method["seconds"] / one["answer_s"]


def test_all_small_networks_are_trained_under_each_seed_and_kept(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    from benchmarks.claims import training_free

    space = flash.DenseNet(
        widths=[4], depths=[2], skips=[0], cells=1, resolution=8, width_multipliers=None
    )
    rows = np.array([[0] * len(space.lengths)])
    accuracy, seconds = training_free.trainings(tmp_path, space, rows, 2)
    assert accuracy.shape == seconds.shape == (2, 1)
    assert (seconds > 0.0).all()
    assert ((accuracy > 0.0) & (accuracy <= 1.0)).all()
    again, same = training_free.trainings(tmp_path, space, rows, 2)  # from the folder
    assert (again == accuracy).all()
    assert (same == seconds).all()


def test_claims_that_rest_on_estimates_are_bounds() -> None:
    from benchmarks.claims import flash as program

    pi = program.on_a_pi()
    assert pi.verdict.startswith("bound only: ")
    for one in program.hardware():
        assert one.verdict.startswith("bound only: ")
    assert program.space_size().verdict == "reproduced"
    with pytest.raises(SystemExit):
        program.main(["--seeds", "3"])


def test_what_is_kept_is_judged_by_the_near_end() -> None:
    from benchmarks.claims import claim
    from benchmarks.claims import flash as program

    kept = claim.read("flash")
    assert len(kept) >= 12
    assert "27,729" not in json.dumps([one._asdict() for one in kept])  # from memory, not seen
    orders = [one for one in kept if one.paper == "> 4 orders of magnitude"]
    assert len(orders) == 5
    for one in orders:
        assert one.interval is not None
        assert one.seeds >= 10
        assert one.verdict == claim.judged(one.interval, program.ORDERS)
    alike = [one for one in orders if program.READINGS["slower_trained"] in one.what]
    assert [one.verdict for one in alike] == ["reproduced in kind, less in size"] * 2
