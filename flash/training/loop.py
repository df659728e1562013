"""Training one network: the recipe, the epochs, and the checkpoint after each of them.

An epoch's order, flips and shifts are drawn from (seed, epoch) alone, so that a run which continues
from a checkpoint does what an uninterrupted one does, bit for bit on a CPU.
"""

from __future__ import annotations

import math
import os
from contextlib import contextmanager

from ..base.checks import choice, integer, number, write_bytes_atomic
from ..base.record import Record
from ..errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = [
    "AUGMENTATIONS",
    "PRECISIONS",
    "Recipe",
    "augmented",
    "autocast",
    "fit",
    "judge",
    "layout_of",
    "load_state",
    "optimizer_for",
    "save_state",
    "seeded",
]

AUGMENTATIONS = ("none", "flip", "shift", "flip-shift")
PRECISIONS = ("auto", "float32", "bfloat16")
_EVAL_BATCH = 512


class Recipe(Record):
    """How a network is trained: SGD with Nesterov momentum under a one-cycle learning rate.

    Parameters
    ----------
    epochs : int, default 10
    batch_size : int, default 128
        The last batch of an epoch takes what is left; where that is one image, it is left out.
    learning_rate : float, default 0.1
        The peak. The rate rises linearly from a 25th of it over the first fifth of all steps, then
        falls to zero along half a cosine.
    momentum : float, default 0.9
    weight_decay : float, default 5e-4
        Of the weights of convolutions and linear layers; norms and biases have none.
    label_smoothing : float, default 0.1
        In training only: the loss that is reported has none.
    clip : float, default 5.0
        Greatest norm of the whole gradient.
    augment : {"flip-shift", "flip", "shift", "none"}
        Mirror images left to right, and move them by up to an eighth of their size.
    precision : {"auto", "float32", "bfloat16"}
        "auto" is bfloat16 autocast on CUDA and float32 elsewhere.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a value is not accepted.

    Notes
    -----
    One cycle: Smith and Topin, arXiv 1708.07120. The rest is common practice for CIFAR-10.
    """

    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    clip: float = 5.0
    augment: str = "flip-shift"
    precision: str = "auto"

    def __post_init__(self) -> None:
        self.__dict__.update(
            epochs=integer("epochs", self.epochs, 1, 100_000),
            batch_size=integer("batch_size", self.batch_size, 2, 1 << 20),
            learning_rate=number("learning_rate", self.learning_rate, above=0.0, high=100.0),
            momentum=number("momentum", self.momentum, 0.0, 0.9999),
            weight_decay=number("weight_decay", self.weight_decay, 0.0, 1.0),
            label_smoothing=number("label_smoothing", self.label_smoothing, 0.0, 0.9),
            clip=number("clip", self.clip, above=0.0),
        )
        choice("augment", self.augment, AUGMENTATIONS)
        choice("precision", self.precision, PRECISIONS)

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step in [0, steps)."""
        rise = max(1, steps // 5)
        if step < rise:
            return self.learning_rate * (0.04 + 0.96 * step / rise)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary."""
        return {name: self.__dict__[name] for name in self.field_names}


def fit(
    module: Any,
    data: dict[str, Any],
    recipe: Recipe,
    *,
    seed: int,
    device: str = "cpu",
    checkpoint: str | None = None,
    key: str = "",
    after_epoch: Callable[[int, float], None] | None = None,
) -> dict[str, float]:
    """Train a module and judge it.

    Parameters
    ----------
    module : torch.nn.Module
        Takes images of shape (n, channels, height, width), gives logits of shape (n, classes).
    data : dict
        Arrays ``train_x``, ``test_x`` (float32, n x channels x height x width, normalised, or a
        `feeding.Feed` of such) and ``train_y``, ``test_y`` (int64).
    seed : int
        Of the order of images, flips and shifts; the module's weights are as they come.
    checkpoint : str, optional
        File that holds the state after each epoch. Where it is there and has the same `key`, the
        training goes on from it.
    after_epoch : callable, optional
        Called with the number of epochs done and the mean training loss of the last one.

    Returns
    -------
    dict
        accuracy and loss on the test images, train_loss of the last epoch, seconds of training
        (over all runs that it took).
    """
    import time

    import torch

    from .feeding import on_device

    place = torch.device(device)
    module.to(place, memory_format=layout_of(place))
    tensors = on_device(data, place)
    optimizer = optimizer_for(module, recipe)
    done, spent, train_loss = 0, 0.0, math.nan
    if checkpoint is not None and os.path.exists(checkpoint):
        state = load_state(checkpoint, place)
        if state["key"] == key:
            module.load_state_dict(state["module"])
            optimizer.load_state_dict(state["optimizer"])
            done, spent = state["epochs"], state["seconds"]
            train_loss = state["train_loss"]
    start = time.perf_counter()
    for epoch in range(done, recipe.epochs):
        train_loss = train_epoch(module, tensors, optimizer, recipe, seed, epoch)
        if after_epoch is not None:
            after_epoch(epoch + 1, train_loss)
        if checkpoint is not None and epoch + 1 < recipe.epochs:
            state = {
                "key": key,
                "module": module.state_dict(),
                "optimizer": optimizer.state_dict(),
                "epochs": epoch + 1,
                "seconds": spent + time.perf_counter() - start,
                "train_loss": train_loss,
            }
            save_state(checkpoint, state)
    accuracy, loss = judge(module, tensors["test_x"], tensors["test_y"], recipe)
    return {
        "accuracy": accuracy,
        "loss": loss,
        "train_loss": train_loss,
        "seconds": spent + time.perf_counter() - start,
    }


def optimizer_for(module: Any, recipe: Recipe) -> Any:
    import torch

    decayed = [one for one in module.parameters() if one.ndim > 1]
    plain = [one for one in module.parameters() if one.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        [group for group in groups if group["params"]],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.momentum > 0,
    )


def train_epoch(
    module: Any,
    data: dict[str, Any],
    optimizer: Any,
    recipe: Recipe,
    seed: int,
    epoch: int,
    forward: Callable[[Any, int], Any] | None = None,
) -> float:
    """Train one epoch and return the mean loss per image.

    `forward` takes a batch of images and the number of its step and returns logits; the module
    itself does without. What modules draw (dropout) is drawn from (seed, epoch) too; torch's own
    random numbers are left as they were.
    """
    from ..base.seeds import stream

    with seeded(stream(seed, epoch, 1) >> 1, data["train_y"].device):
        return _epoch(module, data, optimizer, recipe, seed, epoch, forward)


@contextmanager
def seeded(seed: int, device: Any) -> Iterator[None]:
    """Let torch's random numbers, of the processor and a device, start from a seed; they are left
    as they were."""
    import torch

    place = torch.device(device)
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _epoch(
    module: Any,
    data: dict[str, Any],
    optimizer: Any,
    recipe: Recipe,
    seed: int,
    epoch: int,
    forward: Callable[[Any, int], Any] | None,
) -> float:
    import torch
    from torch.nn.functional import cross_entropy

    from ..base.seeds import stream
    from .feeding import batches

    x, y = data["train_x"], data["train_y"]
    count, size = len(x), recipe.batch_size
    generator = torch.Generator().manual_seed(stream(seed, epoch) >> 1)
    order = torch.randperm(count, generator=generator)
    starts = [at for at in range(0, count, size) if count - at > 1]
    steps = len(starts) * recipe.epochs
    parameters = list(module.parameters())
    total, seen = torch.zeros((), dtype=torch.float64), 0
    module.train()
    parts = [order[at : at + size] for at in starts]
    for step, (rows, images) in enumerate(zip(parts, batches(x, parts), strict=True)):
        rate = recipe.rate(epoch * len(starts) + step, steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = augmented(images, recipe.augment, generator)
        batch = batch.contiguous(memory_format=layout_of(x.device))
        with autocast(x.device, recipe):
            logits = module(batch) if forward is None else forward(batch, step)
        loss = cross_entropy(
            logits.float(), y[rows.to(y.device)], label_smoothing=recipe.label_smoothing
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, recipe.clip)
        optimizer.step()
        total += loss.detach().double().cpu() * len(rows)
        seen += len(rows)
    return float(total) / seen


def augmented(images: Any, how: str, generator: Any) -> Any:
    """Return a batch with each image flipped and moved by its own draw."""
    import torch

    count, _, height, width = images.shape
    if "flip" in how:
        flips = torch.rand(count, generator=generator) < 0.5
        images = torch.where(flips.to(images.device)[:, None, None, None], images.flip(3), images)
    if "shift" in how:
        reach = max(1, min(height, width) // 8)
        moves = torch.randint(0, 2 * reach + 1, (2, count), generator=generator).to(images.device)
        padded = torch.nn.functional.pad(images, (reach,) * 4)
        rows = moves[0][:, None] + torch.arange(height, device=images.device)
        columns = moves[1][:, None] + torch.arange(width, device=images.device)
        which = torch.arange(count, device=images.device)
        images = padded.permute(0, 2, 3, 1)[
            which[:, None, None], rows[:, :, None], columns[:, None, :]
        ].permute(0, 3, 1, 2)
    return images


def layout_of(device: Any) -> Any:
    """Return the faster memory layout: of small images on a CPU, channels_last is 20 % slower."""
    import torch

    return torch.channels_last if device.type == "cuda" else torch.contiguous_format


def autocast(device: Any, recipe: Recipe) -> Any:
    import torch

    reduced = recipe.precision == "bfloat16" or (
        recipe.precision == "auto" and device.type == "cuda"
    )
    return torch.autocast(device.type, torch.bfloat16, enabled=reduced)


def judge(module: Any, x: Any, y: Any, recipe: Recipe) -> tuple[float, float]:
    """Return (accuracy, mean cross entropy) on labelled images."""
    import torch
    from torch.nn.functional import cross_entropy

    from .feeding import batches

    module.eval()
    right, loss = 0, 0.0
    parts = [slice(at, at + _EVAL_BATCH) for at in range(0, len(x), _EVAL_BATCH)]
    with torch.inference_mode():
        for part, images in zip(parts, batches(x, parts), strict=True):
            batch = images.contiguous(memory_format=layout_of(x.device))
            with autocast(x.device, recipe):
                logits = module(batch)
            labels = y[part]
            right += int((logits.argmax(1) == labels).sum())
            loss += float(cross_entropy(logits.double(), labels, reduction="sum"))
    return right / len(x), loss / len(x)


def save_state(path: str, state: dict[str, Any]) -> None:
    """Write tensors so that the file is always a whole one, the former or the new."""
    import io

    import torch

    buffer = io.BytesIO()  # of a file that is full torch would make an error of its own
    torch.save(state, buffer)
    write_bytes_atomic(path, buffer.getbuffer(), durable=True)


def load_state(path: str, device: Any) -> dict[str, Any]:
    """Return what `save_state` wrote of a training: tensors and numbers, never code.

    Raises
    ------
    FormatError
        If the file is no checkpoint.
    OSError
        If it cannot be read.
    """
    import io

    import torch

    with open(path, "rb") as file:  # torch makes an OSError of a file cut short
        raw = file.read()
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(raw), map_location=device, weights_only=True)
        for name in ("key", "module", "optimizer", "epochs", "seconds", "train_loss"):
            state[name]
    except Exception as error:  # whatever a file that is no checkpoint makes torch raise
        raise FormatError(f"the checkpoint {path!r} cannot be read: {error}") from None
    return state
