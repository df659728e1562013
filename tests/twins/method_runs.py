"""Spaces, budgets and stand-ins that the tests of search methods share."""

from __future__ import annotations

from typing import Any

import flash
from flash.methods import METHODS
from flash.results.result import SearchResult

BUDGETS = {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}
SMALL = flash.DenseNet(width_multipliers=[1, 2], depths=flash.Range(5, 9), skips=[0, 16, 64])
# every kind of variable, a number of cells that varies, and widths that are handed on
VARIED = (
    flash.MobileNetV2(cells=[2, 3], depths=[1, 2], kernels=[3, 5], expansions=[2, 3]),
    flash.DenseNet(cells=[1, 3], depths=[3, 5], skips=[0, 8], resolution=[16, 32]),
    flash.DenseNet(widths=[8, 12], depths=[3, 4], skips=[0, 8], cells=3),
)
ANYWHERE = [name for name in METHODS if name != "hao"]  # hao: see test_hao.py
CHEAP = [name for name in METHODS if name not in ("flash", "hao")]  # by a predictor or NN-Degree
# the perceptrons of PNAS take seconds, and have tests of their own
QUICK: dict[str, Any] = {"pnas": {"surrogate": "ridge"}}
# methods that end where their steps do: a few evaluations, none of chance in "netadapt"
DESCENTS = ("netadapt-v2", "netadapt")
BRIEF = (*DESCENTS, "hurricane", "spos")


def plain(result: SearchResult) -> SearchResult:
    """A result without the times in it."""
    trace = tuple((a, n, 0.0, v) for a, n, _, v in result.trace)
    return result.replace(elapsed_s=0.0, trace=trace, spent_s=None)


def fake(nets: list[Any]) -> list[float]:
    """Accuracies that rise with parameters: one number per network."""
    return [0.5 + 0.4 * (1.0 - 1.0 / (1.0 + 1e-5 * net.params)) for net in nets]
