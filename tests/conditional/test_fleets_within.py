"""Fleets under conditions: the same answers on any number of threads, and what ends them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_search_within import columns, mask_of

SPACE = flash.DenseNet(depths=flash.Range(3, 5), skips=[0, 16, 40], cells=[2, 3], resolution=16)
NAMES = ["raspberry-pi-4", "rram", "cpu-x86", "systolic-128", "pixel-3", "rram-neurosim"]


def same(results: Any) -> list[Any]:
    return [
        one.replace(elapsed_s=0.0, alternatives=())
        for first in results
        for one in (first, *first.alternatives)
    ]


def test_any_number_of_threads() -> None:
    targets = NAMES * 8  # more than a thread's turn
    asked: Any = {"where": "depth_0 <= depth_1", "minimize": "latency_ms", "k": 2}
    asked["min_nn_degree"] = 30.0
    found = [same(flash.search(SPACE, targets, threads=n, **asked)) for n in (1, 2, 3)]
    assert found[0] == found[1] == found[2]
    for name, one in zip(NAMES, found[0][::2], strict=False):
        table = columns(SPACE, {"": name})
        mask = mask_of("depth_0 <= depth_1", table) & (table["nn_degree"] >= 30.0)
        assert one.latency_ms == pytest.approx(table["latency_ms"][mask].min(), rel=1e-12)
        assert one.proven


def test_the_names_are_those_asked_for_whatever_the_thread() -> None:
    targets = NAMES[:4] * 5
    budgets = [float(x) for x in np.linspace(1, 30, len(targets))]
    products: Any = {"objective": {"accuracy": 1, "latency_ms": -0.5}, "where": "depth_0 == 3"}
    one, two = (
        flash.search(SPACE, targets, threads=n, max_latency_ms=budgets, **products) for n in (1, 2)
    )
    assert same(one) == same(two)
    assert [r.target for r in two] == targets


def test_a_callback_is_called_from_one_thread() -> None:
    import threading

    seen: set[int] = set()
    flash.search(
        SPACE, NAMES[:3] * 8, threads=3, where="depth_0 == 3",
        callback=lambda _: seen.add(threading.get_ident()),
    )  # fmt: skip
    assert seen <= {threading.get_ident()}
    ended = flash.search(SPACE, NAMES[:3], where="depth_0 == 3", callback=lambda _: True)
    assert {one.stopped for one in ended} <= {"callback", None}
