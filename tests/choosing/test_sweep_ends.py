"""What ends a sweep of a problem of choices early, and what its result says then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(0)
WIDE = flash.ChoiceProblem.from_arrays(
    {"a": RNG.integers(0, 10**9, (10, 4)), "b": RNG.integers(0, 10**9, (10, 4))}
)
WHERE = "a <= 6e9 and b <= 6e9"


@pytest.fixture(autouse=True)
def _too_many_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have answers gone through one by one, as those of larger problems are."""
    monkeypatch.setattr("flash.choosing.counting.MOST_STATES", 200_000)


def test_a_callback_ends_it_and_bounds_stay() -> None:
    heard: list[Any] = []

    def hear(event: Any) -> bool:
        heard.append(event)
        return len(heard) == 3

    whole = flash.sweep(WIDE, where=WHERE, bins=4)
    assert (whole.stopped, whole.counted, whole.exact) == (None, True, True)
    ended = flash.sweep(WIDE, where=WHERE, bins=4, minimize="a", callback=hear)
    assert len(heard) == 3
    assert heard[0].elapsed_s <= heard[-1].elapsed_s
    assert (ended.stopped, ended.counted, ended.exact) == ("callback", False, False)
    assert ended.feasible <= whole.feasible
    low, high = ended.interval
    assert low <= whole.share <= high == 1.0
    assert ended.top == ()
    assert "ended by callback: at least" in str(ended)
    assert flash.ChoiceSweep.from_json(ended.to_json()) == ended
    data = whole.to_dict()
    del data["stopped"], data["counted"]  # of an earlier file
    assert flash.ChoiceSweep.from_dict(data) == whole
    listened = flash.sweep(WIDE, where=WHERE, bins=4, callback=lambda _: None)
    assert listened.replace(elapsed_s=0.0) == whole.replace(elapsed_s=0.0)


def test_a_time_limit(tmp_path: Path) -> None:
    late = flash.sweep(WIDE, where=WHERE, time_limit_s=1e-6, out=tmp_path / "rows.csv")
    assert late.stopped == "time_limit_s"
    assert not late.counted
    assert late.out is None
    assert list(tmp_path.iterdir()) == []
    assert any("out was not written" in one for one in late.flags)
    enough = flash.sweep(WIDE, where=WHERE, time_limit_s=100.0, minimize="a", top=2)
    assert enough.stopped is None
    assert len(enough.top) == 2
    assert all(one.proven for one in enough.top)


def test_a_sample_says_how_many_were_drawn() -> None:
    calls: list[int] = []
    ended = flash.sweep(
        WIDE, sample=10**6, callback=lambda event: calls.append(event.points) or len(calls) == 2
    )
    assert ended.stopped == "callback"
    assert 0 < ended.count < 10**6
    assert ended.feasible == ended.count
    assert ended.sample == 10**6
    assert "ended by callback" in str(ended)


@pytest.mark.parametrize(
    ("given", "message"),
    [({"time_limit_s": 0}, "time_limit_s"), ({"callback": 3}, "callback must be callable")],
)
def test_refusals(given: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.sweep(WIDE, **given)
    with pytest.raises(ArgumentError, match="time_limit_s is for a flash"):
        flash.sweep("densenet", "rram", time_limit_s=3)  # type: ignore[call-overload]
