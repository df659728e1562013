"""Many odd arguments at once, drawn by Hypothesis: only documented errors may come out of a call.

test_odd_values.py puts one odd value into each place; here several of a call are odd together, in
the places of numbers, texts and lists of them, of every kind, size, sign and script.
FLASH_EXAMPLES=50 before pytest tries 50 times as many, others in each run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flash
from flash.errors import FlashError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

SECONDS = 20
TIMES = int(os.environ.get("FLASH_EXAMPLES", "1"))
SPACE = flash.DenseNet(depths=[5, 6], skips=[0, 8], cells=2)
NETS = SPACE.sample(10, seed=0)
MS = [flash.Target.load("cpu-x86").cost(net).latency_ms for net in NETS]

numbers = st.one_of(
    st.integers(),
    st.integers(-3, 12),
    st.floats(),
    st.floats(0.1, 100.0),
    st.sampled_from([2**31, 2**63, 2**70, 10**400, -(10**400), 1e308, 5e-324, -0.0]),
    st.sampled_from([np.int8(3), np.uint64(2**63), np.float32(np.nan), np.array(2.0), True]),
    st.complex_numbers(),
)
words = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["accuracy", "latency_ms", "energy_mj", "rram", "cpu-x86", "densenet", "shgo"]),
    st.sampled_from(
        ["latency_ms < 3", "latency_ms <", "__import__('os')", "a\0b", "\ud800", "1e9"]
    ),
)
simple = st.one_of(st.none(), numbers, words, st.binary(max_size=4), st.just(object()))
things = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(words, inner, max_size=3),
        st.sets(words, max_size=2),
    ),
    max_leaves=6,
)
BUDGETS = (
    *("max_latency_ms", "max_energy_mj", "max_area_mm2", "max_params", "max_macs"),
    "min_accuracy",
)
budget = st.one_of(numbers, things, st.floats(0.5, 20.0))
evaluations = st.one_of(things, st.integers(-2, 50))  # of good ones few: each takes time


def mostly(good: Any, odd: st.SearchStrategy[Any] = things) -> st.SearchStrategy[Any]:
    """The good one four times of five, so that what comes after it is looked at, too."""
    return st.integers(0, 4).flatmap(lambda n: odd if n == 4 else st.just(good))


def drawn(**places: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the arguments of a call, each of its own kind or of any."""
    budgets = dict.fromkeys(BUDGETS, budget)
    return st.fixed_dictionaries({}, optional={**budgets, **places})


@contextlib.contextmanager
def only_documented_errors() -> Iterator[None]:
    """Let a FlashError pass, and an OSError of a path; a hang or anything else fails."""

    def too_long(*_: object) -> None:
        raise TimeoutError(f"a call took more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_long) if hasattr(signal, "SIGALRM") else None
    if before is not None:
        signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except FlashError:
        pass
    except OSError as error:
        if error.filename is None or isinstance(error, TimeoutError):
            raise
    finally:
        if before is not None:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)


def often(count: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=TIMES * count, deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        derandomize=TIMES == 1,
    )  # fmt: skip


@often(200)
@given(
    mostly(SPACE),
    mostly("rram"),
    drawn(
        objective=things,
        method=st.one_of(things, st.sampled_from(["shgo", "exact", "random", "evolution"])),
        max_evals=evaluations,
        seed=things,
        time_limit_s=st.one_of(things, st.floats(-1.0, 2.0)),
        predictor=things,
        confidence=st.one_of(things, st.floats(0.0, 1.0)),
        options=things,
        certify=things,
        callback=things,
    ),
)
def test_search(space: Any, target: Any, given_: dict[str, Any]) -> None:
    with only_documented_errors():
        result = flash.search(space, target, **given_)
        str(result)
        result.to_json()


@often(120)
@given(
    mostly(SPACE),
    mostly("rram"),
    st.one_of(
        things,
        st.lists(numbers, max_size=4),
        st.lists(st.integers(-2, 40), max_size=4),
        st.sampled_from([np.zeros((2, 2)), np.arange(3), np.array([np.nan]), np.array(["x"])]),
    ),
    st.fixed_dictionaries({}, optional={"predictor": things, "threads": things}),
)
def test_evaluate(space: Any, target: Any, rows: Any, given_: dict[str, Any]) -> None:
    with only_documented_errors():
        dict(flash.evaluate(space, target, rows, **given_))


@often(120)
@given(
    mostly(SPACE),
    drawn(
        sample=evaluations,
        top=evaluations,
        bins=evaluations,
        where=things,
        chunk=st.one_of(things, st.integers(-1, 100)),
        objective=things,
        pareto=things,
        seed=things,
        threads=st.one_of(simple, st.integers(-1, 2)),
        predictor=things,
    ),
)
def test_sweep(space: Any, given_: dict[str, Any]) -> None:
    with only_documented_errors():
        str(flash.sweep(space, "rram", **given_))


@often(120)
@given(
    mostly(SPACE),
    st.one_of(
        things, st.lists(words, max_size=4), st.just(["accuracy", "latency_ms", "energy_mj"])
    ),
    drawn(predictor=things, within=things, time_limit_s=st.one_of(things, st.floats(-1.0, 2.0))),
)
def test_pareto(space: Any, objectives: Any, given_: dict[str, Any]) -> None:
    with only_documented_errors():
        str(flash.pareto(space, "rram", objectives, **given_))


measured = st.one_of(
    things,
    st.lists(numbers, min_size=len(NETS), max_size=len(NETS)),
    st.lists(st.floats(0.5, 50.0), min_size=len(NETS), max_size=len(NETS)),
    st.just(MS),
    st.just([*MS[:-1], float("nan")]),
)


@often(120)
@given(
    mostly("cpu-x86"),
    st.one_of(mostly(NETS), st.just(NETS[:2])),
    st.fixed_dictionaries(
        {},
        optional={
            "latency_ms": measured,
            "energy_mj": measured,
            "area_mm2": measured,
            "name": things,
            "prior": st.one_of(things, st.sampled_from(["base", "none"])),
            "input_shape": things,
            "provenance": things,
        },
    ),
)
def test_calibrate(base: Any, nets: Any, given_: dict[str, Any]) -> None:
    with only_documented_errors():
        target = flash.calibrate(base, nets, **given_)
        target.to_json()
        assert target.cost(NETS[0]).latency_ms >= 0.0


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Texts may be taken for names of files."""
    with tempfile.TemporaryDirectory() as place:
        monkeypatch.chdir(place)
        yield
