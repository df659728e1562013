"""Targets: what a network costs on a piece of hardware, by models that measurements calibrate."""

from __future__ import annotations

from .target import KINDS, Target, as_target, targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .costing import Cost as Cost
    from .costing import LayerCost as LayerCost
    from .costing import flags_for as flags_for

__all__ = [
    "KINDS",
    "Cost",
    "LayerCost",
    "Target",
    "as_target",
    "flags_for",
    "targets",
]


if not TYPE_CHECKING:

    def __getattr__(name):
        """Load what only costs of single networks need when it is asked for."""
        if name in ("Cost", "LayerCost", "flags_for"):
            from . import costing

            return getattr(costing, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
