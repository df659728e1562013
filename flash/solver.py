"""search(): the facade over compile, SHGO and the exact solver."""

from __future__ import annotations

from ._core.exact import Query, Search
from ._validate import choice, hint, integer, number
from .errors import ArgumentError, ArgumentTypeError
from .hardware import as_target
from .predictor import as_predictor
from .problem import MACS, PARAMS, as_space, compile_problem, row_of
from .result import SearchResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from .hardware import Target
    from .predictor import AccuracyPredictor
    from .problem import Problem
    from .spaces import SearchSpace

__all__ = ["METHODS", "search"]

METHODS = ("shgo", "exact")
INF = float("inf")
_BUDGETS = ("max_latency_ms", "max_energy_mj", "max_area_mm2", "max_params", "max_macs")
_TERMS = ("accuracy", "latency_ms", "energy_mj", "area_mm2", "params", "macs")
_STOPS = (None, "time_limit_s", "max_evals", "interrupt", "callback")
