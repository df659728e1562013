"""Training sampled networks: `flash.train`, its recipe and its results."""

from __future__ import annotations

from .loop import Recipe
from .pool import TrainingError
from .results import TrainedNetwork, TrainingResult
from .running import train

__all__ = ["Recipe", "TrainedNetwork", "TrainingError", "TrainingResult", "train"]
