"""The epochs of a supernet's training, and the checkpoint after each of them.

What a step does (its images, their subnets) is drawn from (seed, epoch, step) alone, so that a run
which continues from a checkpoint does what an uninterrupted one does, bit for bit on a CPU.
"""

from __future__ import annotations

import math
import os
from contextlib import contextmanager

from ..base.record import Record
from ..errors import ArgumentError, TrainingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ..training.loop import Recipe
    from .drawing import Draw
    from .scoring import Supernet

__all__ = ["Epoch", "fit", "one_thread", "train_epoch"]


class Epoch(Record):
    """What a callback sees after an epoch.

    Parameters
    ----------
    epoch : int
        Epochs done.
    epochs : int
        Of the whole training.
    loss : float
        Mean training loss of the epoch, over the subnets drawn.
    seconds : float
        Of training so far, over all runs that it took.
    """

    epoch: int
    epochs: int
    loss: float
    seconds: float


@contextmanager
def one_thread(torch: Any, place: str) -> Iterator[None]:
    """Run on one thread, since sums of several may differ in their last bits."""
    threads = torch.get_num_threads()
    deterministic = torch.backends.cudnn.deterministic
    if place == "cpu":
        torch.set_num_threads(1)
    else:
        torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.deterministic = deterministic


def fit(
    supernet: Supernet,
    recipe: Recipe,
    drawing: Draw,
    key: str,
    checkpoint: str,
    start: str | None,
    sampling: str,
    subnets: int | None,
    tell: Callable[[Epoch], None],
) -> None:
    """Train from wherever the checkpoint is."""
    import time

    import torch

    from ..training.loop import load_state, optimizer_for, save_state
    from .scoring import checkpoint_of

    module, place = supernet.module, torch.device(supernet.device)
    optimizer = optimizer_for(module, recipe)
    done, spent, loss = 0, 0.0, math.nan
    if os.path.exists(checkpoint):
        state = load_state(checkpoint, place)
        if state["key"] != key:
            raise ArgumentError(f"out holds the checkpoint of another run: {checkpoint!r}")
        module.load_state_dict(state["module"])
        optimizer.load_state_dict(state["optimizer"])
        done, spent, loss = state["epochs"], state["seconds"], state["train_loss"]
    elif start is not None:
        module.load_state_dict(load_state(checkpoint_of(start), place)["module"])
    began = time.perf_counter()
    spent_now = spent
    for epoch in range(done, recipe.epochs):
        try:
            loss = train_epoch(supernet, optimizer, recipe, drawing, epoch, sampling, subnets)
        except (RuntimeError, MemoryError) as error:
            if "memory" not in str(error).lower() and not isinstance(error, MemoryError):
                raise
            raise TrainingError(
                f"memory ran out in epoch {epoch + 1} with batches of {recipe.batch_size}: "
                f"{error}; {epoch} of {recipe.epochs} epochs are kept in {supernet.folder!r}"
            ) from error
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} in epoch {epoch + 1}: a smaller learning_rate than "
                f"{recipe.learning_rate} may do; {epoch} of {recipe.epochs} epochs are kept in "
                f"{supernet.folder!r}"
            )
        spent_now = spent + time.perf_counter() - began
        state = {
            "key": key,
            "module": module.state_dict(),
            "optimizer": optimizer.state_dict(),
            "epochs": epoch + 1,
            "seconds": spent_now,
            "train_loss": loss,
        }
        save_state(checkpoint, state)
        tell(Epoch(epoch + 1, recipe.epochs, loss, spent_now))
    supernet.train_loss = loss
    supernet.seconds = spent_now
    module.eval()


def train_epoch(
    supernet: Supernet,
    optimizer: Any,
    recipe: Recipe,
    drawing: Draw,
    epoch: int,
    sampling: str,
    subnets: int | None,
) -> float:
    """Train one epoch; return the mean loss per image."""
    import numpy as np

    from ..base.seeds import stream
    from ..training import loop

    def forward(images: Any, step: int) -> Any:
        rng = np.random.Generator(np.random.PCG64(stream(supernet.seed, epoch, step)))
        n = len(images)
        several = 1 if sampling == "single-path" else min(n, subnets or n)
        drawn = drawing.subnets(rng, several)
        chosen: Any = drawn[0]
        if several > 1:
            chosen = supernet.weights.mix(
                [drawn[k * several // n] for k in range(n)], images.device
            )
        return supernet.module(images, chosen)

    return loop.train_epoch(
        supernet.module, supernet.data, optimizer, recipe, supernet.seed, epoch, forward
    )
