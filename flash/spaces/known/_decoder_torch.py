"""Decoders' blocks as torch modules, with the names of Llama's weights. Imports torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...networks.writing.part import part

__all__ = ["Layer", "Vocabulary", "Words"]

STD = 0.02  # of initial weights
BASE = 10000.0  # of rotary positions


@part
class Words(nn.Module):
    """The embedding."""

    def __init__(self, vocabulary: int, hidden: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, hidden)
        nn.init.normal_(self.embed_tokens.weight, std=STD)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of shape (batch, sequence, hidden)."""
        found: Tensor = self.embed_tokens(x)
        return found


@part
class Layer(nn.Module):
    """Attention and a gated feed-forward part, each behind a norm and within an addition."""

    def __init__(
        self,
        hidden: int,
        heads: int,
        kv_heads: int,
        head_dim: int,
        bias: str,
        width: int,
        tokens: int,
    ) -> None:
        super().__init__()
        self.has_attention, self.has_mlp = kv_heads > 0, width > 0
        if kv_heads:
            self.input_layernorm = nn.RMSNorm(hidden, eps=1e-6)
            self.self_attn = Attention(hidden, heads, kv_heads, head_dim, bias, tokens)
        if width:
            self.post_attention_layernorm = nn.RMSNorm(hidden, eps=1e-6)
            self.mlp = FeedForward(hidden, width)
        for one in self.modules():
            if isinstance(one, nn.Linear):
                nn.init.normal_(one.weight, std=STD)
                if one.bias is not None:
                    nn.init.zeros_(one.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        if self.has_attention:
            x = x + self.self_attn(self.input_layernorm(x))
        if self.has_mlp:
            x = x + self.mlp(self.post_attention_layernorm(x))
        return x


class Attention(nn.Module):
    """Each token reads those before it; several heads share keys and values."""

    def __init__(
        self, hidden: int, heads: int, kv_heads: int, head_dim: int, bias: str, tokens: int
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, head_dim
        kept = kv_heads * head_dim
        self.q_proj = nn.Linear(hidden, heads * head_dim, bias=bias != "none")
        self.k_proj = nn.Linear(hidden, kept, bias=bias != "none")
        self.v_proj = nn.Linear(hidden, kept, bias=bias != "none")
        self.o_proj = nn.Linear(heads * head_dim, hidden, bias=bias == "all")
        steps = BASE ** -(torch.arange(0, head_dim, 2) / head_dim)
        angles = torch.outer(torch.arange(tokens), steps).repeat(1, 2)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        self.cos: Tensor
        self.sin: Tensor

    def rotated(self, x: Tensor) -> Tensor:
        """Return queries or keys turned by their positions."""
        half = self.head_dim // 2
        turned = torch.cat([-x[..., half:], x[..., :half]], -1)
        tokens, most = x.shape[-2], len(self.cos)
        if tokens == most:
            return x * self.cos + turned * self.sin
        if tokens > most:
            raise ValueError(
                f"{tokens} tokens, of which this module has positions for {most}: make its space "
                f"with sequence={tokens}"
            )
        return x * self.cos[:tokens] + turned * self.sin[:tokens]

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        batch, tokens, _ = x.shape

        def parted(x: Tensor, heads: int) -> Tensor:
            return x.view(batch, tokens, heads, self.head_dim).transpose(1, 2)

        queries = parted(self.q_proj(x), self.heads)
        keys = parted(self.k_proj(x), self.kv_heads)
        values = parted(self.v_proj(x), self.kv_heads)
        queries, keys = self.rotated(queries), self.rotated(keys)
        read = nn.functional.scaled_dot_product_attention(
            queries, keys, values, is_causal=True, enable_gqa=self.kv_heads != self.heads
        )
        found: Tensor = self.o_proj(read.transpose(1, 2).flatten(2))
        return found


class FeedForward(nn.Module):
    """A product of a SiLU and a linear layer, and a linear layer back."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(hidden, width, bias=False)
        self.up_proj = nn.Linear(hidden, width, bias=False)
        self.down_proj = nn.Linear(width, hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        found: Tensor = self.down_proj(nn.functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return found


@part
class Vocabulary(nn.Module):
    """The last norm, and a number for each word; its weights may be the embedding's."""

    def __init__(self, hidden: int, vocabulary: int, tied: bool) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(hidden, eps=1e-6)
        self.lm_head = nn.Linear(hidden, vocabulary, bias=False)
        self.tied = tied
        nn.init.normal_(self.lm_head.weight, std=STD)

    def flash_joined(self, network: nn.Sequential) -> None:
        """Share the embedding's weights: called once a network is put together."""
        words = network[0]
        if self.tied and isinstance(words, Words):
            self.lm_head.weight = words.embed_tokens.weight

    def forward(self, x: Tensor) -> Tensor:
        """Return numbers of shape (batch, sequence, vocabulary)."""
        found: Tensor = self.lm_head(self.norm(x))
        return found
