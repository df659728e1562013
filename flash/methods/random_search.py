"""Random search: uniform draws, the plainest baseline there is."""

from __future__ import annotations

from . import MethodOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._task import Task

__all__ = ["OPTIONS", "run"]

OPTIONS = {"batch": MethodOption(256, 1, 1 << 20, about="configurations drawn at a time")}


def run(task: Task) -> None:
    """Draw configurations uniformly until a limit; those over budget cost no evaluation."""
    batch = task.options["batch"]
    if not task.ground.tabled:  # networks that are charged one by one: no more than are wanted
        batch = min(batch, 16)
    while True:
        task.evaluate(task.draw(batch))
