"""Attributes that are not there: which was meant, and at what cost."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest

import flash
from flash.base.checks import public, suggesting
from flash.base.missing import NoAttributeError
from flash.base.record import Record, cached
from flash.errors import ArgumentTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twins.processes import Run

RRAM = flash.Target.load("rram")
SPACE = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2])


@pytest.mark.parametrize(
    ("make", "wrong", "meant"),
    [
        (lambda: flash, "serach", "search"),
        (lambda: flash, "DenseNett", "DenseNet"),
        (lambda: SPACE, "dephts", "depths"),
        (lambda: SPACE.decode(0), "cels", "cells"),
        (lambda: flash.search(SPACE, "rram"), "latencyms", "latency_ms"),
        (lambda: flash.search(SPACE, "rram"), "archtecture", "architecture"),
        (lambda: flash.search(SPACE, ["rram"]), "to_fame", "to_frame"),
        (lambda: flash.evaluate(SPACE, "rram", [1]), "to_parket", "to_parquet"),
        (lambda: flash.pareto(SPACE, "rram"), "latencyms", "latency_ms"),
        (lambda: flash.PNASCells(1), "filtres", "filters"),
        (
            lambda: flash.Target.load("rram").cost(SPACE.decode(0)).by_layer[0],
            "energy",
            "energy_mj",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_nearest_is_suggested(make: Callable[[], Any], wrong: str, meant: str) -> None:
    one = make()
    assert not hasattr(one, wrong)
    assert getattr(one, wrong, 7) == 7
    with pytest.raises(AttributeError) as caught:
        getattr(one, wrong)
    assert f"has no attribute {wrong!r}; did you mean {meant!r}?" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert caught.value.name == wrong
    assert caught.value.obj is None  # Python would suggest it a second time


def test_what_is_private_is_not_suggested() -> None:
    result: Any = flash.search(SPACE, "rram")
    with pytest.raises(AttributeError) as caught:
        _ = result._value
    assert "did you mean" not in str(caught.value)
    with pytest.raises(AttributeError, match=r"^module 'flash' has no attribute '_sarch'$"):
        _ = flash._sarch  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="cannot import name 'serach' from 'flash'"):
        from flash import serach  # type: ignore[attr-defined]  # noqa: F401


def test_a_metric_that_a_front_lacks() -> None:
    front: Any = flash.pareto(flash.MobileNetV2(depths=1, skips=0), "cpu-x86")
    assert not hasattr(front, "energy_mj")
    assert "energy_mj" not in dir(front)
    assert "latency_ms" in dir(front)
    with pytest.raises(AttributeError) as caught:
        _ = front.energy_mj
    text = str(caught.value)
    assert text.startswith("ParetoFront has no attribute 'energy_mj'")
    assert text.endswith("; its metrics are nn_degree, latency_ms, params, macs")
    assert "mean 'energy_mj'" not in text


def test_whether_there_is_an_attribute_loads_nothing(python: Run) -> None:
    script = (
        "import sys, flash\n"
        "space = flash.DenseNet()\n"
        "assert not hasattr(space, 'dephts') and not hasattr(flash, 'serach')\n"
        "print('difflib' in sys.modules)"
    )
    assert python("-c", script).stdout.strip() == "False"


@suggesting
class Broken(Record):
    width: int

    @property
    def half(self) -> float:
        return self.width / self.by  # type: ignore[attr-defined, no-any-return]

    @cached
    def twice(self) -> int:
        raise AttributeError("an error of its own")


def test_a_property_that_fails_says_how() -> None:
    broken = Broken(3)
    with pytest.raises(NoAttributeError, match="Broken has no attribute 'by'"):
        _ = broken.half
    with pytest.raises(AttributeError, match="an error of its own"):
        _ = broken.twice
    assert copy.copy(broken) == broken


@public
def outer(width: int, *, depth: int = 1) -> int:
    """Add to a width what may be no number."""
    return width + depth


@public
class Own:
    def __init__(self, width: int) -> None:
        self.width = width + 1


def test_an_error_from_within_stays_what_it_is() -> None:
    assert outer(2, depth=3) == 5
    with pytest.raises(TypeError) as caught:
        outer(2, depth="3")  # type: ignore[arg-type]
    assert not isinstance(caught.value, ArgumentTypeError)
    with pytest.raises(TypeError) as caught:
        Own("2")  # type: ignore[arg-type]
    assert not isinstance(caught.value, ArgumentTypeError)
    with pytest.raises(ArgumentTypeError, match=r"^Own\(\) got .* 'wdth'; did you mean 'width'\?$"):
        Own(wdth=2)  # type: ignore[call-arg]
    assert Own(1).width == 2
