"""The batch norms of a module, whoever wrote it. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["Measured", "norms_of"]


def norms_of(module: nn.Module) -> list[Any]:
    """Return the batch norms of a module that keep statistics."""
    return [
        one for one in module.modules() if isinstance(one, _BatchNorm) and one.track_running_stats
    ]


class Measured:
    """Batch norms with the statistics of one batch for a while, then with their own again.

    Parameters
    ----------
    module : Module
        All of it is put into evaluation mode until `forget`.
    norms : list of batch norms
        Those whose statistics change: of the subnet that is measured.
    """

    def __init__(self, module: nn.Module, norms: list[Any]) -> None:
        self._module, self._norms = module, norms
        self._modes = [one.training for one in module.modules()]
        self._kept = [(one.momentum, [buffer.clone() for buffer in one.buffers()]) for one in norms]

    def measure(self, call: Any, images: Tensor) -> None:
        """Set the statistics to those of `images`, in one batch."""
        self._module.eval()
        for one in self._norms:
            one.momentum = 1.0  # of this batch alone
            one.train()
        try:
            with torch.no_grad():
                call(images)
        finally:
            for one, (momentum, _) in zip(self._norms, self._kept, strict=True):
                one.momentum = momentum
                one.eval()

    def forget(self) -> None:
        """Return to the statistics and the modes of before."""
        for one, (_, buffers) in zip(self._norms, self._kept, strict=True):
            for buffer, kept in zip(one.buffers(), buffers, strict=True):
                buffer.copy_(kept)
        for one, mode in zip(self._module.modules(), self._modes, strict=True):
            one.training = mode
