"""PARSEC (Casale, Gordon, Fusi; arXiv 1902.05116), as FP-NAS compares with it.

Probabilistic search as in `flash.methods.fp_nas`, with a fixed number of draws in every iteration
and one softmax per cell from the start. Its likelihood, steps and cost constraint are those of
`fp_nas` (reconstruction: only FP-NAS's account of PARSEC was seen).
"""

from __future__ import annotations

from . import MethodOption
from .fp_nas import OPTIONS as _THEIRS
from .fp_nas import Distribution, descend, joint_groups, unfit_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._task import Task

__all__ = ["OPTIONS", "run", "unfit_options"]

_LEFT_OUT = ("samples", "adaptive", "joint_at", "per_nat")
OPTIONS = {
    "samples": MethodOption(16, 2, 4096, about="draws of every iteration"),
    **{name: option for name, option in _THEIRS.items() if name not in _LEFT_OUT},
}


def run(task: Task) -> None:
    """Search until the distribution is all but certain, or a limit."""
    task.options = {**task.options, "adaptive": False, "joint_at": 0.0, "per_nat": 0.0}
    descend(task, Distribution(joint_groups(task), task.lengths), None)
