"""Training sampled networks: `flash.train`, its recipe and its results."""

from __future__ import annotations

from ..errors import TrainingError
from .loading import LoadedImages, load_images
from .loop import Recipe
from .results import TrainedNetwork, TrainingResult
from .running import train

__all__ = [
    "LoadedImages",
    "Recipe",
    "TrainedNetwork",
    "TrainingError",
    "TrainingResult",
    "load_images",
    "train",
]
