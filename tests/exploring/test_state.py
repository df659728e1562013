"""States of the explorer as links: short, exact, and never an exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash.exploring.shown import Slider, rounded
from flash.exploring.state import State

NAMES = st.sampled_from(
    ["max_latency_ms", "max_energy_mj@rram", "min_accuracy", "max_params", "max_a metric, of µ"]
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.one_of(FLOATS, st.integers(-(10**30), 10**30))
LETTERS = "abz_ =&?%#+;@,:~^/\\\"'<>é\u2028\U0001f600\0\n019.e-"
TEXTS = st.text(LETTERS, min_size=1, max_size=12).filter(lambda text: text.strip())

STATES = st.builds(
    State,
    budgets=st.dictionaries(NAMES, NUMBERS),
    objective=st.dictionaries(TEXTS, FLOATS, max_size=3),
    confidence=st.none() | FLOATS,
    codesign=st.booleans(),
    front=st.lists(TEXTS, max_size=3),
    epsilon=FLOATS.map(lambda value: value or 0.0),
    where=st.lists(TEXTS, max_size=2),
    target=st.just("") | TEXTS,
    source=st.just("") | TEXTS,
)


PARTS = ["max_params=", "&", "=", "%", "%f", "?", "front=", "where=", "weight_", "min_", "1e999"]


@given(STATES)
@settings(max_examples=60)
def test_a_link_gives_the_state_back_exactly(state: State) -> None:
    read, wrong = State.from_query(state.to_query())
    assert read == state
    assert wrong == ()
    assert State.from_query("?" + read.to_query())[0] == state


@given(st.lists(st.sampled_from(PARTS) | TEXTS, max_size=8).map("".join))
@settings(max_examples=150)
def test_no_link_raises(text: str) -> None:
    state, wrong = State.from_query(text)
    assert isinstance(state, State)
    assert all(wrong)


def test_a_link_is_short_and_readable() -> None:
    state = State(budgets={"max_latency_ms": 4.0}, front=("accuracy", "latency_ms"))
    assert state.to_query() == "max_latency_ms=4&front=accuracy&front=latency_ms"
    assert State().to_query() == ""
    exact = State(budgets={"max_params": 2e6, "max_latency_ms": 0.1 + 0.2}, epsilon=1e-17)
    assert exact.to_query() == "max_params=2000000&max_latency_ms=0.30000000000000004&epsilon=1e-17"


@pytest.mark.parametrize(
    ("query", "said", "kept"),
    [
        ("max_latency_ms=fast", "max_latency_ms of the link must be a number", {}),
        ("max_latency_ms=nan&max_params=5", "must be a number", {"max_params": 5}),
        ("max_latency_ms=inf", "must be a number", {}),
        ("max_params=1_000", "must be a number", {}),
        ("max_params=" + "9" * 5000, "must be a number", {}),
        ("max_params=3&max_params=4", "twice", {"max_params": 3}),
        ("max_params=3&codesine=1", "did you mean 'codesign'", {"max_params": 3}),
        ("codesign=perhaps", "must be 1 or 0", {}),
        ("where=&max_params=3", "where of the link is empty", {"max_params": 3}),
        ("max_params=3&%ff=1", "cannot be read", {}),
        ("max_params=" + "1" * 200_000, "longer than", {}),
    ],
)
def test_what_is_broken_is_named(query: str, said: str, kept: dict[str, Any]) -> None:
    state, wrong = State.from_query(query)
    assert len(wrong) == 1
    assert said in wrong[0]
    assert state == State(budgets=kept)


def test_budgets_of_one_target_go_before_those_of_all() -> None:
    state = State(budgets={"max_latency_ms@pi": 9.0, "max_latency_ms": 2.0, "max_params": 7})
    assert state.budgets_on("pi") == {"max_latency_ms": 9.0, "max_params": 7}
    assert state.budgets_on("rram") == {"max_latency_ms": 2.0, "max_params": 7}
    changed = state.with_budgets({"max_params": None, "max_latency_ms": 3.0})
    assert changed.budgets == {"max_latency_ms@pi": 9.0, "max_latency_ms": 3.0}
    assert hash(state) != hash(changed)


ENDS = st.tuples(
    st.floats(1e-9, 1e9), st.floats(1.0, 1e6), st.booleans(), st.booleans(), st.booleans()
)


@given(ENDS, st.floats(0.0, 1.0))
@settings(max_examples=60)
def test_sliders_stay_between_their_ends(ends: Any, place: float) -> None:
    low, wide, log, greatest, whole = ends
    low = float(max(1, round(low))) if whole else low
    slider = Slider("max_x", "x", "x", "ms", low, low * wide, log, greatest, whole, ("rram",))
    value = slider.value_at(place)
    free = place == 1.0 if greatest else place == 0.0
    assert (value is None) == free
    assert slider.value_at(slider.place_of(None)) is None
    if value is not None:
        assert low * 0.999 <= value <= low * wide * 1.001 + whole
        assert 0.0 <= slider.place_of(value) <= 1.0
        if greatest and place == 0.0:
            assert value >= low  # something meets the strictest value
        assert slider.text_of(value).endswith(" ms")


@pytest.mark.parametrize(
    ("value", "up", "expected"),
    [(0.65418929, True, 0.6542), (0.65418929, False, 0.6541), (0.65418929, None, 0.6542),
     (1234567.0, True, 1235000.0), (0.0, True, 0.0), (-2.00001, False, -2.001)],
)  # fmt: skip
def test_rounding(value: float, up: bool | None, expected: float) -> None:
    assert rounded(value, up=up) == expected
