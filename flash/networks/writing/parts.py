"""What the modules of the families are made of. Imports torch.

It needs torch alone and no architecture: `to_torch_code` writes the source of these parts too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Block", "DenseCell", "conv_unit", "initialise"]

ACTIVATIONS = {"relu": nn.ReLU, "relu6": nn.ReLU6}


def initialise(module: nn.Module) -> None:
    """Draw weights: He's normal (fan in) for convolutions, biases 0, torch's own for the rest.

    Fan in, unlike fan out, is right for grouped convolutions too.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
        if isinstance(part, (nn.Conv2d, nn.Linear)) and part.bias is not None:
            nn.init.zeros_(part.bias)


def conv_unit(
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int = 1,
    norm: str | None = None,
    activation: str | None = None,
    groups: int = 1,
) -> nn.Sequential:
    """Return a convolution with its norm before ("input") or after it ("output")."""
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False
    )
    channels = in_channels if norm == "input" else out_channels
    extra: list[tuple[str, nn.Module]] = []
    if norm:
        extra.append(("norm", nn.BatchNorm2d(channels)))
    if activation:
        extra.append(("act", ACTIVATIONS[activation](inplace=True)))
    parts = [*extra, ("conv", conv)] if norm == "input" else [("conv", conv), *extra]
    return nn.Sequential(OrderedDict(parts))


class DenseCell(nn.Module):
    """A concatenation cell: a layer takes the layer before it and some channels of those before.

    The channels that later layers take of a layer's output are gathered once and split, forward
    and backward, so that work and memory grow with the links that are used and not with the
    candidates.

    Parameters
    ----------
    in_channels, width : int
        Channels that the cell reads, and of each layer's output.
    stride : int
        Of the first layer.
    links : sequence of sequences of int
        For each layer the channels that it takes of layers 0 to two before it: channel c of layer
        j is ``j * width + c``.
    bare : bool
        Whether the first layer is a convolution alone: it sees the image.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        stride: int,
        links: Sequence[Sequence[int]],
        bare: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        # per source layer: the channels taken, and how many of them by which later layer
        taken: list[list[int]] = [[] for _ in links]
        takers: list[list[tuple[int, int]]] = [[] for _ in links]
        self.whole_until: int = -1  # the last layer that takes every candidate
        for layer, channels in enumerate(links):
            if len(channels) == width * (layer - 1) > 0:
                self.whole_until = layer
            elif channels:
                by_source: list[list[int]] = [[] for _ in range(layer - 1)]
                for channel in channels:
                    by_source[channel // width].append(channel % width)
                for source, own in enumerate(by_source):
                    taken[source] += own
                    takers[source].append((layer, len(own)))
            enter = width + len(channels) if layer else in_channels
            if bare and layer == 0:
                layers.append(conv_unit(enter, width, 3, stride))
            else:
                layers.append(conv_unit(enter, width, 3, 1 if layer else stride, "input", "relu"))
        self.layers = nn.ModuleList(layers)
        self.taps = nn.ModuleList(
            Tap(channels, given) for channels, given in zip(taken, takers, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the last layer's output."""
        made: list[Tensor] = []
        pieces: list[list[Tensor]] = [[] for _ in self.layers]
        for number, (layer, tap) in enumerate(zip(self.layers, self.taps, strict=True)):
            links = made[:-1] if 1 < number <= self.whole_until else pieces[number]
            if links:
                x = torch.cat([x, *links], 1)
            x = layer(x)
            if number < self.whole_until:
                made.append(x)
            if tap.takers:
                given = tap(x)
                # torch.fx follows an index only
                for place, (taker, _) in enumerate(tap.takers):  # pyright: ignore[reportArgumentType]
                    pieces[taker].append(given[place])
        return x


class Tap(nn.Module):
    """Gathers the channels of one layer that later layers take."""

    channels: Tensor | None

    def __init__(self, channels: list[int], takers: list[tuple[int, int]]) -> None:
        super().__init__()
        self.takers = tuple(takers)
        self.sizes = [count for _, count in takers]
        if takers:
            self.register_buffer("channels", torch.tensor(channels, dtype=torch.int64))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return one tensor per taker, some perhaps of no channels."""
        chosen: Any = self.channels
        pieces: tuple[Tensor, ...] = x.index_select(1, chosen).split(self.sizes, 1)
        return pieces

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        refuse_other_links(self, "channels", state_dict, prefix, args[-1])
        super()._load_from_state_dict(state_dict, prefix, *args)


class Block(nn.Module):
    """A body of convolutions with a residual around it: whole, of some channels, or none.

    Parameters
    ----------
    body : torch.nn.Module
    width : int
        Channels of the body's output.
    links : sequence of int
        Channels of the input that the residual carries.
    after : {None, "relu"}
        Activation of the sum.
    """

    mask: Tensor | None

    def __init__(
        self, body: nn.Module, width: int, links: Sequence[int], after: str | None
    ) -> None:
        super().__init__()
        self.body = body
        self.has_residual: bool = bool(links)
        mask = None
        if 0 < len(links) < width:
            mask = torch.zeros(1, width, 1, 1)
            mask[0, torch.tensor(links)] = 1.0
        self.register_buffer("mask", mask)
        self.act = ACTIVATIONS[after]() if after else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the body's output plus the residual."""
        y: Tensor = self.body(x)
        if self.has_residual:
            y = y + (x if self.mask is None else x * self.mask)
        return y if self.act is None else self.act(y)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        refuse_other_links(self, "mask", state_dict, prefix, args[-1])
        super()._load_from_state_dict(state_dict, prefix, *args)


def refuse_other_links(
    module: nn.Module, name: str, state: Any, prefix: str, errors: list[str]
) -> None:
    """Weights trained with other links would load and be wrong: say so instead."""
    given, own = state.get(prefix + name), getattr(module, name, None)
    if given is None or own is None or own.is_meta or given.is_meta:
        return
    if given.shape != own.shape or bool((given.to(own) != own).any()):
        errors.append(f"{prefix}{name}: these weights have links of another link_seed or skips")
