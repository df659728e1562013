"""How far a run of trainings is."""

from __future__ import annotations

from ..base.progress import Progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..base.progress import Watching

__all__ = ["Trainings"]


class Trainings(Progress):
    """Shows trainings by the events of their workers: those under way count by their epochs.

    Parameters
    ----------
    shown : bool or "auto"
    total, done : int
        Trainings of the run, and those finished before.
    epochs : int
        Of one training.
    """

    def __init__(self, shown: Watching, total: int, done: int, epochs: int) -> None:
        super().__init__(shown, "training", total, "networks", done=done)
        self.epochs, self.finished = max(1, epochs), done
        self._running: dict[tuple[int, int], float] = {}

    def take(self, event: dict[str, Any]) -> None:
        """Take an event: of an epoch, or of a training that is done."""
        key = (event["index"], event["repeat"])
        name = f"network {key[0]}" + (f", repeat {key[1]}" if key[1] else "")
        if event["event"] == "epoch":
            self._running[key] = event["epoch"] / self.epochs
            told = f"{name}: epoch {event['epoch']} of {self.epochs}"
        else:
            self._running.pop(key, None)
            self.finished += 1
            told = f"{name}: accuracy {event['accuracy']:.4f}, {event['seconds']:.1f} s"
            self.note(told)
        self.update(self.finished + sum(self._running.values()), told)
