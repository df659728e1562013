"""Vision transformers' blocks as torch modules, with the names of DeiT's weights. Imports torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...networks.writing.part import part

__all__ = ["Classifier", "EncoderLayer", "Patches"]


@part
class Patches(nn.Module):
    """Patches of an image as tokens, a class token before them, positions added."""

    def __init__(self, channels: int, features: int, patch: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        tokens = 1 + (shape[1] // patch) * (shape[2] // patch)
        self.proj = nn.Conv2d(channels, features, patch, patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, features))
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, features))
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of shape (batch, 1 + patches, features)."""
        own = self.proj(x).flatten(2).transpose(1, 2)
        return torch.cat([self.cls_token.expand(own.shape[0], -1, -1), own], 1) + self.pos_embed


@part
class EncoderLayer(nn.Module):
    """Attention and an MLP, each behind a norm and within an addition."""

    def __init__(self, features: int, heads: int, head_dim: int, wide: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(features, eps=1e-6)
        self.attn = Attention(features, heads, head_dim)
        self.norm2 = nn.LayerNorm(features, eps=1e-6)
        self.mlp = nn.Sequential()
        self.mlp.add_module("fc1", nn.Linear(features, wide))
        self.mlp.add_module("act", nn.GELU())
        self.mlp.add_module("fc2", nn.Linear(wide, features))
        for one in self.modules():
            if isinstance(one, nn.Linear):
                nn.init.trunc_normal_(one.weight, std=0.02)
                nn.init.zeros_(one.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        x = x + self.attn(self.norm1(x))
        found: Tensor = x + self.mlp(self.norm2(x))
        return found


class Attention(nn.Module):
    """Each token reads all tokens, in each head by itself."""

    def __init__(self, features: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads, self.head_dim = heads, head_dim
        self.qkv = nn.Linear(features, 3 * heads * head_dim)
        self.proj = nn.Linear(heads * head_dim, features)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        batch, tokens, _ = x.shape
        each = self.qkv(x).reshape(batch, tokens, 3, self.heads, self.head_dim)
        queries, keys, values = each.permute(2, 0, 3, 1, 4).unbind(0)
        read = nn.functional.scaled_dot_product_attention(queries, keys, values)
        found: Tensor = self.proj(read.transpose(1, 2).flatten(2))
        return found


@part
class Classifier(nn.Module):
    """A norm, and a linear layer on the class token."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features, eps=1e-6)
        self.head = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return one number for each class."""
        found: Tensor = self.head(self.norm(x)[:, 0])
        return found
