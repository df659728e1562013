"""A torch module between the layout of rows and that of torch modules. Imports torch."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["OnRows"]


class OnRows(nn.Module):
    """A module that reads tokens, on what rows hand on: (batch, features, tokens, 1)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the module makes of the tokens."""
        found: torch.Tensor = self.module(x.flatten(2).transpose(1, 2))
        return found
