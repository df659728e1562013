"""Targets: what a network costs on a piece of hardware, by models that measurements calibrate."""

from __future__ import annotations

from .target import KINDS, Target, as_target, targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .costing import Cost, LayerCost, flags_for

__all__ = [
    "KINDS",
    "Cost",
    "LayerCost",
    "Target",
    "as_target",
    "flags_for",
    "targets",
]


def __getattr__(name: str) -> Any:
    """Load what only costs of single networks need when it is asked for."""
    if name in ("Cost", "LayerCost", "flags_for"):
        from . import costing

        return getattr(costing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
