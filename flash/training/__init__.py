"""Training sampled networks: `flash.train`, its recipe and its results."""

from __future__ import annotations

from ..errors import TrainingError
from .loop import Recipe
from .results import TrainedNetwork, TrainingResult
from .running import train

__all__ = ["Recipe", "TrainedNetwork", "TrainingError", "TrainingResult", "train"]
