"""Tables that are kept between searches: the answers are those of tables made anew."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flash
from flash.problem import compiling
from flash.problem.compiling import (
    KEPT,
    KEPT_BYTES,
    MACS,
    PARAMS,
    compile_problem,
    compile_searched,
    forget_kept,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SPACES = (
    flash.DenseNet(widths=[8, 16], depths=[2, 5], skips=[0, 32]),
    flash.DenseNet(widths=[8, 24], depths=[2, 5], skips=[0, 32]),
    flash.ResNet(widths=[8, 16], depths=[1, 3], skips=[0, 16]),
    flash.MobileNetV2(width_multipliers=[1], depths=[1, 2], skips=[0], kernels=[3]),
)
BASE = (flash.Target.load("rram"), flash.Target.load("cpu-x86"))
CURVES = (None, (1.03, 60.0, -3.0), (1.03, 60.0, -2.0), (1.03, 50.0, -3.0))


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    forget_kept()
    yield
    forget_kept()


def dearer(target: flash.Target, factor: float) -> flash.Target:
    """A target with other coefficients, otherwise as it was."""
    sets = {
        name: {
            column: {feature: value * factor for feature, value in features.items()}
            for column, features in columns.items()
        }
        for name, columns in target.coefficients.items()
    }
    return target.replace(coefficients=sets)


def said(result: flash.SearchResult) -> Any:
    """All of a result but the time that it took."""
    return {k: v for k, v in result.to_dict().items() if k != "elapsed_s"}


def searched(space: Any, target: Any, curve: Any, asked: dict[str, Any]) -> Any:
    predictor = None if curve is None else flash.AccuracyPredictor(*curve)
    return said(flash.search(space, target, predictor=predictor, **asked))


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(SPACES),
            st.integers(0, 1),
            st.sampled_from([1.0, 1.0, 2.0]),
            st.sampled_from(CURVES),
            st.sampled_from([{}, {"max_params": 2e6}, {"max_macs": 2e8}, {"max_latency_ms": 3.0}]),
            st.booleans(),
        ),
        min_size=2,
        max_size=8,
    )
)
def test_a_search_after_others_says_what_it_says_first(calls: list[Any]) -> None:
    targets = {(i, 1.0): one for i, one in enumerate(BASE)}
    targets |= {(i, 2.0): dearer(one, 2.0) for i, one in enumerate(BASE)}
    forget_kept()
    after = []
    for space, number, factor, curve, asked, drop in calls:
        if drop:  # its models are made anew
            targets[number, factor].forget()
        after.append(searched(space, targets[number, factor], curve, asked))
    for (space, number, factor, curve, asked, _), found in zip(calls, after, strict=True):
        forget_kept()
        assert searched(space, targets[number, factor], curve, asked) == found


def test_the_same_search_again_reads_the_same_tables() -> None:
    first = compile_searched(SPACES[0], BASE[0], None, 0)
    again = compile_searched(SPACES[0], BASE[0], None, 0)
    assert again.tables is first.tables
    assert compile_problem(SPACES[0], BASE[0]).tables is not first.tables


@pytest.mark.parametrize(
    "other",
    [
        lambda: (SPACES[1], BASE[0], None, 0),
        lambda: (SPACES[0], BASE[1], None, 0),
        lambda: (SPACES[0], dearer(BASE[0], 2.0), None, 0),
        lambda: (SPACES[0], BASE[0], flash.AccuracyPredictor(1.03, 60.0, -3.0), 0),
        lambda: (SPACES[0], BASE[0], None, PARAMS),
        lambda: (SPACES[0], BASE[0], None, PARAMS | MACS),
    ],
)
def test_what_differs_has_tables_of_its_own(other: Any) -> None:
    first = compile_searched(SPACES[0], BASE[0], None, 0)
    one = compile_searched(*other())
    assert one.tables is not first.tables
    assert compile_searched(SPACES[0], BASE[0], None, 0).tables is first.tables


def test_a_target_whose_models_are_forgotten_is_compiled_anew() -> None:
    target = dearer(BASE[0], 1.5)
    first = compile_searched(SPACES[0], target, None, 0)
    target.forget()
    assert compile_searched(SPACES[0], target, None, 0).tables is not first.tables


def test_predictors_of_one_curve_share_tables() -> None:
    one, two = (flash.AccuracyPredictor(1.03, 60.0, -3.0) for _ in range(2))
    first = compile_searched(SPACES[0], BASE[0], one, 0)
    again = compile_searched(SPACES[0], BASE[0], two, 0)
    assert again.tables is first.tables
    assert again.predictor is two


def test_a_target_of_layers_is_asked_anew() -> None:
    """What charges its layers is the user's, and may say others by then."""
    target = flash.LayerTarget(lambda layer: {"latency_ms": 1.0}, name="own")
    first = compile_searched(SPACES[0], target, None, 0)
    assert compile_searched(SPACES[0], target, None, 0).tables is not first.tables
    assert not compiling._kept


def test_what_is_kept_is_bounded_and_the_last_used() -> None:
    spaces = [flash.DenseNet(widths=[8, 16 + n], depths=[2, 5], skips=[0]) for n in range(KEPT + 3)]
    first = compile_searched(spaces[0], BASE[0], None, 0).tables
    for space in spaces[1:]:
        compile_searched(space, BASE[0], None, 0)
        assert compile_searched(spaces[0], BASE[0], None, 0).tables is first
        assert len(compiling._kept) <= KEPT
    assert compile_searched(spaces[-1], BASE[0], None, 0).tables is compiling._kept[0][1]
    kept = {id(tables) for _, tables in compiling._kept}
    anew = compile_searched(spaces[1], BASE[0], None, 0).tables  # dropped: used longest ago
    assert id(anew) not in kept


def test_large_tables_are_not_kept() -> None:
    large = flash.DenseNet(
        widths=flash.Range(8, 64, 8), depths=flash.Range(2, 120), skips=flash.Range(0, 96)
    )
    for _ in range(2):
        tables = compile_searched(large, BASE[0], None, 0).tables
        assert sum(one.size_bytes for _, one in compiling._kept) <= KEPT_BYTES
        assert tables.size_bytes > KEPT_BYTES
        assert all(one is not tables for _, one in compiling._kept)


def test_nothing_of_the_user_s_is_kept_alive() -> None:
    space = SPACES[0].replace(link_seed=7)
    target = dearer(BASE[0], 1.25)
    predictor = flash.AccuracyPredictor(1.03, 60.0, -3.0)
    result = flash.search(space, target, predictor=predictor, max_latency_ms=50.0)
    assert result.proven
    assert compiling._kept
    left = [weakref.ref(one) for one in (space, target, predictor)]
    del space, target, predictor, result
    gc.collect()
    assert [one() for one in left] == [None] * 3


def test_threads_get_their_own_answers() -> None:
    """As many problems as are never all kept, by threads that push out each other's tables."""
    jobs = [
        (space, target, curve, {"max_latency_ms": 20.0})
        for space in SPACES
        for target in (*BASE, dearer(BASE[0], 2.0))
        for curve in CURVES[:2]
    ]
    alone = []
    for job in jobs:
        forget_kept()
        alone.append(searched(*job))
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(lambda job: searched(*job), jobs)) == alone
    assert len(compiling._kept) <= KEPT
