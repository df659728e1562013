"""How long does a proven co-design take, and HAO's integer program alone?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import flash
from benchmarks.claims.codesign import cost_of, enumerated, latencies, random_case
from flash.methods._design_ip import least_latency

if TYPE_CHECKING:
    from typing import Any


def test_codesign(benchmark: Any) -> None:
    """One proven co-design, as a user calls it."""
    budget = latencies("densenet", "fpga-zu3eg")[5]
    result = benchmark(flash.search, "densenet", "fpga-zu3eg", codesign=True, max_latency_ms=budget)
    assert result.proven


def test_integer_program(benchmark: Any) -> None:
    case = random_case(np.random.default_rng(1), [50] * 3, 3)
    assert cost_of(case, benchmark(least_latency, *case)) == enumerated(*case)
