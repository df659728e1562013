"""Whether a batch fits into memory, told before training starts."""

from __future__ import annotations

import os

from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .weights import Weights

__all__ = ["check_memory", "free_bytes"]

# Tensors of a layer's output that a step holds, at most: from the peak memory of an epoch on CPU at
# batches of 16 and 48, default spaces at 32 x 32, 1.4 (ResNet) to 2.6 (MobileNetV2) and 3.4
# (MobileNetV2) to 4.4 (Wide-ResNet) were measured; of spaces of blocks at 64 x 64, one step, 2.4
# (Hurricane) to 3.9 (MobileNetV3).
KEPT_PER_ACTIVATION = {"single-path": 2.6, "ordered-dropout": 4.4}
HELD_PER_PARAMETER = 2  # itself and its momentum; gradients are those of one subnet


def check_memory(weights: Weights, batch_size: int, sampling: str, place: str) -> None:
    """Refuse a batch whose activations do not fit into the memory that is free.

    What a training step holds is estimated by the largest subnet's activations, and of a space of
    blocks by all its parameters and their momentum, so that this finds batches that are far too
    large; others end in a `TrainingError`.
    """
    free = free_bytes(place)
    if free is None:
        return
    held = 4 * HELD_PER_PARAMETER * weights.parameters()
    if held > free:
        raise ArgumentError(
            f"space must have weights that fit into memory: its blocks have "
            f"{weights.parameters():,} parameters together, which need {held / 2**30:.1f} GiB in "
            f"training, {free / 2**30:.1f} GiB are free; fewer options or widths need less"
        )
    free -= held
    one = 4 * KEPT_PER_ACTIVATION[sampling] * weights.activations()
    need = one * batch_size
    if need > free:
        most = int(free / one)
        raise ArgumentError(
            f"batch_size must leave a training step in memory: {batch_size} images of the largest "
            f"subnet need about {need / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free; "
            f"at most {most} fit"
        )


def free_bytes(place: str) -> int | None:
    """Return the memory that is free where a supernet is trained; None where it cannot be told."""
    if place != "cpu":
        import torch

        return int(torch.cuda.mem_get_info(place)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") + _cached()
    except (AttributeError, ValueError, OSError):
        return None


def _cached() -> int:
    """Return the memory that the system would give back at once."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("Cached:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
