"""Budgets on what a network takes on any device: its values while it runs, and its weights."""

from __future__ import annotations

from ..base.checks import number
from ..base.names import STORED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["PER_KIB", "stored_of"]

PER_KIB = 256  # numbers of 32 bits


def stored_of(values: Sequence[Any]) -> dict[str, float]:
    """Return budgets on what a network takes on any device, of those of `STORED` that are given."""
    return {
        f"max_{name}": number(f"max_{name}", value, above=0)
        for name, value in zip(STORED, values, strict=False)
        if value is not None
    }
