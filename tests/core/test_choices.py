"""The solver of problems of choices equals complete enumeration, and keeps to its limits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash._core.choice.choices import ENDS, Choices

NONE: Any = (
    np.zeros(1, np.int64),
    np.zeros(0, np.int32),
    np.zeros(0),
    np.zeros(0),
)


class Made:
    """A problem as arrays."""

    def __init__(self, seed: int) -> None:
        draw = np.random.default_rng(seed)
        groups = int(draw.integers(1, 7))
        self.sizes = draw.integers(1, 6, groups)
        self.start = np.r_[0, np.cumsum(self.sizes)].astype(np.int32)
        n, rows = int(self.start[-1]), int(draw.integers(0, 5))
        high = int(draw.choice([2, 5, 20, 1000]))
        self.values = draw.integers(-high, high + 1, n).astype(float)
        self.rows = draw.integers(-high if draw.random() < 0.4 else 0, high + 1, (rows, n)).astype(
            float
        )
        self.rows[draw.random((rows, n)) < draw.choice([0, 0.3, 0.8])] = 0
        if rows and draw.random() < 0.3:
            self.rows[0] = self.values
        if rows > 1 and draw.random() < 0.4:
            self.rows[1] = -self.rows[0]
        some = [self.start[g] + draw.integers(size) for g, size in enumerate(self.sizes)]
        free = draw.uniform(0.2, 1.8, rows) * self.rows.mean(1) * groups
        self.limits = np.where(draw.random(rows) < 0.6, np.floor(free), self.rows[:, some].sum(1))
        self.label = draw.integers(0, 3, n).astype(np.int32)
        self.linked = np.flatnonzero(draw.random(groups) < 0.6).astype(np.int32)

    def core(self, sparse: int = 0, **options: Any) -> Choices:
        """The last rows given as sparse ones."""
        dense = len(self.limits) - sparse
        picked = [np.flatnonzero(row) for row in self.rows[dense:]]
        pointer = np.cumsum([0, *map(len, picked)]).astype(np.int64)
        option = np.concatenate([np.zeros(0, np.int64), *picked]).astype(np.int32)
        numbers = [row[own] for row, own in zip(self.rows[dense:], picked, strict=True)]
        return Choices(
            self.start, self.values, np.ascontiguousarray(self.rows[:dense]), self.limits[:dense],
            pointer, option, np.concatenate([np.zeros(0), *numbers]), self.limits[dense:],
            **options,
        )  # fmt: skip

    def answers(self) -> Any:
        """Every answer that meets the rows, and its value."""
        ranges = [range(self.start[g], self.start[g + 1]) for g in range(len(self.sizes))]
        for picks in itertools.product(*ranges):
            own = list(picks)
            if (self.rows[:, own].sum(1) <= self.limits).all():
                yield own, float(self.values[own].sum())


def checked(made: Made, core: Choices, best: float | None) -> None:
    core.solve()
    assert core.ended == 0
    if best is None:
        assert core.best is None
        return
    assert core.best is not None
    value, picks = core.best
    assert value == best == core.bound
    assert made.values[picks].sum() == value
    assert (made.rows[:, picks].sum(1) <= made.limits).all()


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9), st.booleans())
def test_equals_enumeration(seed: int, sparse: bool) -> None:
    made = Made(seed)
    best = max((value for _, value in made.answers()), default=None)
    checked(made, made.core(len(made.limits) if sparse else len(made.limits) // 2), best)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
def test_linked_groups_take_one_label(seed: int) -> None:
    made = Made(seed)
    if not len(made.linked):
        return
    core = made.core()
    core.link(made.linked, made.label, 3)
    kept = [
        value
        for picks, value in made.answers()
        if len({int(made.label[picks[g]]) for g in made.linked}) == 1
    ]
    checked(made, core, max(kept, default=None))


@pytest.mark.parametrize("seed", range(12))
def test_linked_groups_of_many_options(seed: int) -> None:
    """The best of each label alone, with the other options gone."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(300, 700, 3)
    start = np.r_[0, np.cumsum(sizes)].astype(np.int32)
    n = int(start[-1])
    values = draw.integers(0, 10**6, n).astype(float)
    rows = draw.integers(0, 1000, (2, n)) + np.floor(values / 1e3)
    limits = np.floor(rows.mean(1) * draw.uniform(1.0, 3.5, 2))
    label = draw.integers(0, 9, n).astype(np.int32)
    linked = np.array([0, 2], np.int32)
    alone = []
    for one in range(9):
        keep = label == one
        keep[start[1] : start[2]] = True
        own = np.r_[0, np.cumsum(np.add.reduceat(keep, start[:-1]))].astype(np.int32)
        core = Choices(own, values[keep], np.ascontiguousarray(rows[:, keep]), limits, *NONE)
        core.solve()
        if core.best is not None:
            alone.append(core.best[0])
    core = Choices(start, values, rows, limits, *NONE)
    core.link(linked, label, 9)
    core.solve()
    best = None if core.best is None else core.best[0]
    assert best == max(alone, default=None)
    assert best is None or core.bound == best


def test_labels_beyond_those_that_there_are() -> None:
    core = Choices(np.array([0, 2], np.int32), np.ones(2), np.zeros((0, 2)), np.zeros(0), *NONE)
    with pytest.raises(ValueError, match="label 3 of option 1"):
        core.link(np.zeros(1, np.int32), np.array([0, 3], np.int32), 3)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9), st.integers(-30, 30))
def test_only_what_is_above_a_value(seed: int, above: int) -> None:
    made = Made(seed)
    made.values *= 3.0  # values then differ by threes, and the value need not be one
    core = made.core(unit=3.0)
    core.ask_above(float(above))
    checked(made, core, max((v for _, v in made.answers() if v > above), default=None))


@pytest.mark.parametrize("seed", range(30))
def test_large_groups_are_sifted(seed: int) -> None:
    draw = np.random.default_rng(seed)
    groups, size = 3, int(draw.integers(170, 400))
    start = np.arange(0, groups * size + 1, size, dtype=np.int32)
    cost = draw.integers(1, 1000, (2, groups * size)).astype(float)
    values = np.round(cost.sum(0) * draw.uniform(0.2, 1.8, groups * size))
    limits = np.floor(cost.reshape(2, groups, size).mean(2).sum(1) * draw.uniform(0.4, 1.0, 2))
    core = Choices(start, values, cost, limits, *NONE)
    core.solve()
    # two groups together, then the best third one for each of their sums
    parts = [slice(start[g], start[g + 1]) for g in range(groups)]
    pair = (values[parts[0]][:, None] + values[parts[1]][None]).ravel()
    used = [(row[parts[0]][:, None] + row[parts[1]][None]).ravel() for row in cost]
    best = -np.inf
    for i in range(parts[2].start, parts[2].stop):
        fits = np.logical_and.reduce(
            [own + row[i] <= limit for own, row, limit in zip(used, cost, limits, strict=True)]
        )
        if fits.any():
            best = max(best, float(pair[fits].max() + values[i]))
    assert core.ended == 0
    assert core.best is not None
    assert core.best[0] == best == core.bound


def test_an_answer_offered_and_limits() -> None:
    made = Made(66)
    answers = sorted(made.answers(), key=lambda one: one[1])
    core = made.core()
    assert core.bound == np.inf
    assert core.offer(np.array(answers[0][0], np.int32))
    assert not core.offer(np.array(answers[0][0], np.int32))
    core.solve()
    assert core.best is not None
    assert core.best[0] == answers[-1][1]
    stopped = made.core(max_nodes=0)
    assert stopped.offer(np.array(answers[0][0], np.int32))
    stopped.solve()
    assert ENDS[stopped.ended] == "max_nodes"
    assert stopped.bound >= answers[-1][1]
    late = made.core(time_limit_s=0.0)
    late.solve()
    assert ENDS[late.ended] == "time_limit_s"


def hard(groups: int = 40) -> tuple[Any, ...]:
    draw = np.random.default_rng(1)
    start = np.arange(0, groups * 10 + 1, 10, dtype=np.int32)
    cost = draw.integers(1, 1000, (5, groups * 10)).astype(float)
    return start, np.round(cost.mean(0)) + 100.0, cost, np.full(5, 350.0 * groups), *NONE


def test_a_callback_ends_it_and_bounds_hold() -> None:
    seen: list[float] = []

    def stop(core: Choices) -> bool:
        assert core.best is None or core.bound >= core.best[0]
        seen.append(core.bound)
        return len(seen) == 40

    core = Choices(*hard(), callback=stop)
    core.solve()
    assert ENDS[core.ended] == "interrupt"
    assert len(seen) == 40
    assert seen == sorted(seen, reverse=True)
    other = Choices(*hard(), max_nodes=2000)
    other.solve()
    again = Choices(*hard(), max_nodes=2000)
    again.solve()
    assert (other.best, other.bound, other.counts) == (again.best, again.bound, again.counts)


def test_what_a_callback_raises_comes_out() -> None:
    def fail(core: Choices) -> None:
        raise KeyError("mine")

    core = Choices(*hard(), callback=fail)
    with pytest.raises(KeyError, match="mine"):
        core.solve()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({0: np.array([0, 2, 2], np.int32)}, "group 1 has no option"),
        ({0: np.array([0, 3], np.int32)}, "start"),
        ({3: np.zeros(2)}, "rows and limits"),
        ({5: np.array([5], np.int32), 4: np.array([0, 1], np.int64)}, "sparse rows"),
        (
            {
                4: np.array([0, 1], np.int64),
                5: np.array([9], np.int32),
                6: np.ones(1),
                7: np.ones(1),
            },
            "option 9",
        ),
    ],
)
def test_arrays_that_do_not_fit(change: dict[int, Any], match: str) -> None:
    arrays: list[Any] = [np.array([0, 1, 2], np.int32), np.zeros(2), np.zeros((1, 2)), np.zeros(1)]
    arrays += NONE
    for place, array in change.items():
        arrays[place] = array
    with pytest.raises(ValueError, match=match):
        Choices(*arrays)


@pytest.mark.parametrize("seed", range(12))
def test_least_sums_above_a_limit_equal_a_meeting_in_the_middle(seed: int) -> None:
    draw = np.random.default_rng(seed)
    groups = 14
    numbers = draw.integers(1, 10**7, (groups, 3))
    least = int(numbers.mean() * groups * draw.uniform(0.8, 1.2))
    halves = []
    for half in (numbers[: groups // 2], numbers[groups // 2 :]):
        sums = np.zeros(1, np.int64)
        for row in half:
            sums = (sums[:, None] + row[None]).ravel()
        halves.append(np.sort(sums))
    at = np.searchsorted(halves[1], least - halves[0])
    inside = at < len(halves[1])
    best = int((halves[0][inside] + halves[1][at[inside]]).min())
    start = np.arange(0, 3 * groups + 1, 3, dtype=np.int32)
    values = -numbers.ravel().astype(float)
    core = Choices(start, values, values[None], np.array([-float(least)]), *NONE)
    core.solve()
    assert core.ended == 0
    assert core.best is not None
    assert -core.best[0] == best == -core.bound


def near_ties(draw: Any, groups: int, size: int, rows: int) -> tuple[Any, Any, Any]:
    """Values that are about the mean of what the rows limit: much is nearly as good as the best."""
    cost = draw.integers(1, 100, (rows, groups, size)).astype(float)
    values = np.round(cost.mean(0) + draw.integers(0, 3, (groups, size)))
    limits = np.floor(cost.mean(2).sum(1) * draw.uniform(0.9, 1.1, rows))
    return values, cost, limits


def best_of_all(values: Any, cost: Any, limits: Any) -> float | None:
    total = np.zeros(1)
    used = np.zeros((len(cost), 1))
    for g in range(len(values)):
        total = (total[:, None] + values[g][None]).ravel()
        used = (used[:, :, None] + cost[:, g][:, None]).reshape(len(cost), -1)
    fits = (used <= limits[:, None]).all(0)
    return float(total[fits].max()) if fits.any() else None


def test_halves_put_together_equal_enumeration() -> None:
    rounds = 0
    for seed in range(80):
        draw = np.random.default_rng(seed)
        groups, size, rows = int(draw.integers(6, 9)), 4, int(draw.integers(2, 16))
        values, cost, limits = near_ties(draw, groups, size, rows)
        best = best_of_all(values, cost, limits)
        start = np.arange(0, groups * size + 1, size, dtype=np.int32)
        numbers = cost.reshape(rows, -1)
        core = Choices(start, values.ravel(), numbers, limits, *NONE, first_work=0, first_sets=1)
        core.solve()
        assert core.ended == 0
        if best is None:
            assert core.best is None
            continue
        assert core.best is not None
        value, picks = core.best
        assert value == best == core.bound == values.ravel()[picks].sum()
        assert (numbers[:, picks].sum(1) <= limits).all()
        rounds += core.rounds
    assert rounds > 60


def test_halves_prove_before_the_tree_does() -> None:
    values, cost, limits = near_ties(np.random.default_rng(0), 8, 4, 3)
    start = np.arange(0, 33, 4, dtype=np.int32)
    both = []
    for sets in (1 << 30, 1):  # with so many no round is ever worth it
        core = Choices(
            start, values.ravel(), cost.reshape(3, -1), limits, *NONE,
            first_work=0, first_sets=sets,
        )  # fmt: skip
        core.solve()
        assert core.ended == 0
        assert core.best is not None
        both.append((core.best[0], core.bound, core.counts[0], core.rounds))
    assert both[0][:2] == both[1][:2]
    assert both[1][2] < both[0][2]
    assert both[0][3] == 0 < both[1][3]


def test_a_round_of_halves_can_be_ended() -> None:
    values, cost, limits = near_ties(np.random.default_rng(5), 60, 10, 6)
    start = np.arange(0, 601, 10, dtype=np.int32)
    seen = []

    def end(core: Choices) -> bool:
        seen.append((core.rounds, core.best, core.bound))
        return core.rounds == 2

    core = Choices(
        start, values.ravel(), cost.reshape(6, -1), limits, *NONE,
        callback=end, first_work=0, first_sets=512,
    )  # fmt: skip
    core.solve()
    assert ENDS[core.ended] == "interrupt"
    assert core.rounds == 2
    assert core.best is not None
    assert core.best[0] == values.ravel()[core.best[1]].sum() <= core.bound
    assert (cost.reshape(6, -1)[:, core.best[1]].sum(1) <= limits).all()
