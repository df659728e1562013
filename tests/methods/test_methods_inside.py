"""What each search method does: evolution, FP-NAS, FLASH with samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from twins.method_runs import SMALL

import flash
from flash.methods._task import Task
from flash.methods.fp_nas import Distribution, Scale, count_for

if TYPE_CHECKING:
    pass


def test_regularised_evolution_drops_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    # With a sample as large as a draw can make it, parents come from the living alone: once the
    # first generations are gone, no child is a neighbour of the founders only.
    batches: list[Any] = []
    evaluate = Task.evaluate

    def noted(self: Task, rows: Any, **more: Any) -> Any:
        batches.append(np.array(rows))
        return evaluate(self, rows, **more)

    monkeypatch.setattr(Task, "evaluate", noted)
    flash.search(
        "densenet", "rram", method="evolution", max_evals=400, seed=1,
        options={"population": 20, "sample": 5, "batch": 1},
    )  # fmt: skip
    rows = np.concatenate(batches)
    living = [tuple(row) for row in rows[:20].tolist()]
    for child in rows[20:].tolist():
        distance = min(sum(a != b for a, b in zip(child, one, strict=True)) for one in living)
        assert distance <= 1  # one choice changed of somebody alive
        living = [*living[1:], tuple(child)]


def test_fp_nas_draws_in_proportion_to_the_entropy() -> None:
    assert count_for(10.0, 10.0, 14, True) == 14
    assert count_for(5.0, 10.0, 14, True) == 7
    assert count_for(0.0, 10.0, 14, True) == 2
    assert count_for(0.0, 10.0, 14, False) == 14
    at = Distribution([np.array([0]), np.array([1, 2])], np.array([4, 3, 5]))
    assert at.entropy == pytest.approx(np.log(60.0))
    assert at.p[0, :4].sum() == pytest.approx(1.0)
    assert at.p[1, :15].sum() == pytest.approx(1.0)


def test_fp_nas_moves_along_the_gradient() -> None:
    rng = np.random.default_rng(0)
    lengths = np.array([4, 3, 5])
    at = Distribution([np.array([0]), np.array([1, 2])], lengths)
    at.logits[np.isfinite(at.logits)] = rng.normal(size=19)
    at.refresh()
    _, picks = at.draw(rng, 6)
    weights = rng.normal(size=6)

    def value(logits: Any) -> float:
        other = Distribution(at.columns, lengths)
        other.logits[:] = logits
        other.refresh()
        return float((weights * np.log(other.p[[0, 1], picks]).sum(axis=1)).sum())

    before = at.logits.copy()
    at.move(picks, weights, 1.0)
    for f, k in np.argwhere(np.isfinite(before)):
        up, down = before.copy(), before.copy()
        up[f, k] += 1e-5
        down[f, k] -= 1e-5
        slope = (value(up) - value(down)) / 2e-5
        assert at.logits[f, k] - before[f, k] == pytest.approx(slope, abs=1e-6)


def test_fp_nas_goes_from_coarse_to_fine_without_a_jump() -> None:
    rng = np.random.default_rng(1)
    lengths = np.array([4, 3, 5])
    at = Distribution([np.array([0]), np.array([1]), np.array([2])], lengths)
    at.logits[np.isfinite(at.logits)] = rng.normal(size=12)
    at.refresh()
    joint = at.joined([np.array([0]), np.array([1, 2])], lengths)
    assert joint.entropy == pytest.approx(at.entropy)
    p = np.outer(at.p[1, :3], at.p[2, :5]).ravel()
    assert np.allclose(joint.p[1, :15], p)
    assert (joint.mode() == at.mode()).all()
    rows, _ = joint.draw(rng, 4000)
    for k in range(3):
        shares = np.bincount(rows[:, k], minlength=lengths[k]) / 4000
        assert np.abs(shares - at.p[k, : lengths[k]]).max() < 0.04


def test_fp_nas_reads_large_variables_by_digits() -> None:
    rng = np.random.default_rng(2)
    lengths = np.array([3, 37])
    columns = [np.array([0]), np.array([1]), np.array([1])]
    at = Distribution(columns, lengths, [None, (7, 6), (1, 7)])
    at.logits[np.isfinite(at.logits)] = rng.normal(size=3 + 6 + 7)
    at.refresh()
    rows, picks = at.draw(rng, 20_000)
    assert set(rows[:, 1].tolist()) == set(range(37))
    assert (rows[:, 1] == np.minimum(7 * picks[:, 1] + picks[:, 2], 36)).all()
    joint = at.joined([np.array([0]), np.array([1])], lengths)
    wanted = np.outer(at.p[1, :6], at.p[2, :7]).ravel()[:37]
    assert np.allclose(joint.p[1, :37], wanted / wanted.sum())
    assert np.allclose(joint.p[0, :3], at.p[0, :3])
    shares = np.bincount(rows[:, 1], minlength=37) / 20_000
    assert np.abs(shares[:36] - wanted[:36]).max() < 0.01


def test_fp_nas_weighs_by_likelihood() -> None:
    class Said:
        likely = np.array([1.0, 2.0, np.nan, 4.0])

    weights = Scale().weights(Said(), 1.0)  # type: ignore[arg-type]
    assert weights.sum() == pytest.approx(1.0)
    assert weights[2] == 0.0
    assert weights[3] > weights[1] > weights[0] > 0.0
    ratio = np.log(weights[3] / weights[0])
    assert ratio == pytest.approx(3.0 / np.std([1.0, 2.0, 4.0]))


def test_fp_nas_asks_for_fewer_as_it_becomes_sure() -> None:
    sizes: list[int] = []

    def noted(self: Task, rows: Any, **more: Any) -> Any:
        sizes.append(len(rows))
        return Task_evaluate(self, rows, **more)

    Task_evaluate = Task.evaluate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Task, "evaluate", noted)
        flash.search(SMALL, "rram", method="fp-nas")
        adaptive = list(sizes)
        sizes.clear()
        flash.search(SMALL, "rram", method="parsec")
    assert adaptive[0] == 14
    assert min(adaptive[:-1]) < 7
    assert set(sizes[:-1]) == {16}
