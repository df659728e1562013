"""Budgets on what a network takes on any device: its values while it runs, and its weights."""

from __future__ import annotations

from math import floor

from ..base.checks import number
from ..base.names import STORED, Metric
from ..problem.objective import LEAST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..errors import ArgumentError
    from ..hardware.target import Target

__all__ = ["BYTES", "PER_KIB", "limit_params", "not_held", "stored_of"]

PER_KIB = 256  # numbers of 32 bits
BYTES = 1024  # of a KiB
LARGEST = 2.0**63


def limit_params(limits: list[float], stored: Mapping[str, float]) -> None:
    """Lower the core's limit on parameters to what a budget on weights leaves, at 32 bits."""
    if "max_weights_kib" in stored:
        most = floor(min(stored["max_weights_kib"], LARGEST) * PER_KIB)
        limits[Metric.PARAMS] = min(limits[Metric.PARAMS], max(float(most), LEAST))


def stored_of(values: Sequence[Any]) -> dict[str, float]:
    """Return budgets on what a network takes on any device, of those of `STORED` that are given."""
    return {
        f"max_{name}": number(f"max_{name}", value, above=0)
        for name, value in zip(STORED, values, strict=False)
        if value is not None
    }


def not_held(target: Target, what: str) -> ArgumentError:
    """Return the error of what does not hold the budgets that a target brings with it."""
    from ..errors import ArgumentError

    own = " and ".join(target.memory_budgets)
    return ArgumentError(
        f"{what} does not go with target {target.name!r}, which brings {own} by its parameters "
        "sram_kib and flash_kib: methods 'shgo' and 'exact' hold them, without codesign; or pass "
        "target.without_memory_budgets()"
    )
