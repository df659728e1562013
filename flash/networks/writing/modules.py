"""Architectures as torch modules: ``Architecture.to_torch``. Imports torch.

A module is `stem`, `cells`, `head`; a cell's convolutions, each with its norm and activation, are
units of their own, so that the names in a state_dict say where everything belongs:
``cells.1.layers.4.conv.weight`` (densenet), ``cells.1.2.body.0.conv.weight`` (others).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from ..architecture import Architecture
from ..families import STYLES, convolutions, residual_blocks, stem_width, stride_of_cell

__all__ = ["AdditionCell", "ArchitectureModule", "Block", "DenseCell", "build_module"]

_ACTIVATIONS = {"relu": nn.ReLU, "relu6": nn.ReLU6}


def build_module(arch: Architecture, seed: int) -> ArchitectureModule:
    """Return the module of an architecture with weights drawn from `seed`.

    torch's own random numbers are left as they were.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = ArchitectureModule(arch)
        initialise(module)
    return module


def initialise(module: nn.Module) -> None:
    """Draw weights: He's normal (fan in) for convolutions, biases 0, torch's own for the rest.

    Fan in, unlike fan out, is right for grouped convolutions too.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
        if isinstance(part, (nn.Conv2d, nn.Linear)) and part.bias is not None:
            nn.init.zeros_(part.bias)


class ArchitectureModule(nn.Module):
    """The network of an Architecture, its links drawn by ``link_seed``.

    Maps images of shape (batch, 3, resolution, resolution) to logits (batch, num_classes). Other
    image sizes work too; MACs are then not those of the architecture.

    Parameters
    ----------
    arch : Architecture
        Kept as ``.architecture``.
    """

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        self.architecture = arch
        self.stem, channels = _stem(arch)
        cells: list[nn.Module] = []
        for number, cell in enumerate(arch.cells):
            kind = DenseCell if arch.family == "densenet" else AdditionCell
            cells.append(kind(arch, number, channels))
            channels = cell.width
        self.cells = nn.ModuleList(cells)
        self.head: Any = _head(arch, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of shape (batch, num_classes)."""
        x = self.stem(x)
        for cell in self.cells:
            x = cell(x)
        return self.head(x)


class DenseCell(nn.Module):
    """A concatenation cell: a layer takes the layer before it and drawn channels of those before.

    The channels that later layers take of a layer's output are gathered once and split, forward
    and backward, so that work and memory grow with the links that are used and not with the
    candidates.
    """

    def __init__(self, arch: Architecture, number: int, in_channels: int) -> None:
        super().__init__()
        cell = arch.cells[number]
        self.flash_cell = number
        stride = stride_of_cell("densenet", number, arch.is_imagenet)
        bare = number == 0 and not arch.is_imagenet  # its first layer sees the image
        layers: list[nn.Module] = []
        # per source layer: the channels taken, and how many of them by which later layer
        taken: list[list[int]] = [[] for _ in range(cell.depth)]
        takers: list[list[tuple[int, int]]] = [[] for _ in range(cell.depth)]
        self.whole_until: int = -1  # the last layer that takes every candidate
        for layer in range(cell.depth):
            links = arch.links_into(number, layer)
            if len(links) == cell.width * (layer - 1) > 0:
                self.whole_until = layer
            elif links:
                by_source: list[list[int]] = [[] for _ in range(layer - 1)]
                for link in links:
                    by_source[link // cell.width].append(link % cell.width)
                for source, channels in enumerate(by_source):
                    taken[source] += channels
                    takers[source].append((layer, len(channels)))
            width = cell.width + len(links) if layer else in_channels
            if bare and layer == 0:
                layers.append(conv_unit(width, cell.width, 3, stride))
            else:
                layers.append(conv_unit(width, cell.width, 3, stride, "input", "relu"))
            stride = 1
        self.layers = nn.ModuleList(layers)
        self.taps = nn.ModuleList(
            _Tap(channels, given) for channels, given in zip(taken, takers, strict=True)
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


class _Tap(nn.Module):
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

    def _load_from_state_dict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, state_dict: Any, prefix: str, *args: Any
    ) -> None:
        _refuse_other_links(self, "channels", state_dict, prefix, args[-1])
        super()._load_from_state_dict(state_dict, prefix, *args)


class AdditionCell(nn.Sequential):
    """A cell of residual blocks."""

    def __init__(self, arch: Architecture, number: int, in_channels: int) -> None:
        cell = arch.cells[number]
        stride = stride_of_cell(arch.family, number, arch.is_imagenet)
        carries = residual_blocks(arch, number)
        blocks = []
        for block in range(cell.depth):
            links = arch.links_into(number, block) if block in carries else ()
            body = _body(arch, number, in_channels, stride, bool(links))
            after = STYLES[arch.family][2] if links else None
            blocks.append(Block(body, cell.width, links, after))
            in_channels, stride = cell.width, 1
        super().__init__(*blocks)
        self.flash_cell = number


class Block(nn.Module):
    """A body of convolutions with a residual around it: whole, of some channels, or none.

    Parameters
    ----------
    body : torch.nn.Module
    width : int
        Channels of the body's output.
    links : tuple of int
        Channels of the input that the residual carries.
    after : {None, "relu"}
        Activation of the sum.
    """

    mask: Tensor | None

    def __init__(
        self, body: nn.Module, width: int, links: tuple[int, ...], after: str | None
    ) -> None:
        super().__init__()
        self.body = body
        self.has_residual: bool = bool(links)
        mask = None
        if 0 < len(links) < width:
            mask = torch.zeros(1, width, 1, 1)
            mask[0, torch.tensor(links)] = 1.0
        self.register_buffer("mask", mask)
        self.act = _ACTIVATIONS[after]() if after else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the body's output plus the residual."""
        y: Tensor = self.body(x)
        if self.has_residual:
            y = y + (x if self.mask is None else x * self.mask)
        return y if self.act is None else self.act(y)

    def _load_from_state_dict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, state_dict: Any, prefix: str, *args: Any
    ) -> None:
        _refuse_other_links(self, "mask", state_dict, prefix, args[-1])
        super()._load_from_state_dict(state_dict, prefix, *args)


def _refuse_other_links(
    module: nn.Module, name: str, state: Any, prefix: str, errors: list[str]
) -> None:
    """Weights trained with other links would load and be wrong: say so instead."""
    given, own = state.get(prefix + name), getattr(module, name, None)
    if given is None or own is None or own.is_meta or given.is_meta:
        return
    if given.shape != own.shape or bool((given.to(own) != own).any()):
        errors.append(f"{prefix}{name}: these weights have links of another link_seed or skips")


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
        extra.append(("act", _ACTIVATIONS[activation](inplace=True)))
    parts = [*extra, ("conv", conv)] if norm == "input" else [("conv", conv), *extra]
    return nn.Sequential(OrderedDict(parts))


def _stem(arch: Architecture) -> tuple[nn.Module, int]:
    """Return what comes before the cells, and the channels that it hands on."""
    family, big = arch.family, arch.is_imagenet
    channels = stem_width(family, arch.cells[0].width, big)
    if family == "mobilenet-v2":
        return conv_unit(3, channels, 3, 2 if big else 1, "output", "relu6"), channels
    if family == "densenet" and not big:
        return nn.Sequential(), channels
    norm: str | None = "output"
    activation: str | None = "relu"
    if family != "densenet" and STYLES[family][0] == "input":  # the first block has its norm
        norm = activation = None
    stem = conv_unit(3, channels, 7 if big else 3, 2 if big else 1, norm, activation)
    if big:
        stem.add_module("pool", nn.MaxPool2d(3, 2, 1))
    return stem, channels


def _body(
    arch: Architecture, number: int, in_channels: int, stride: int, residual: bool
) -> nn.Sequential:
    norm, activation, after = STYLES[arch.family]
    block, strided = convolutions(arch.family, in_channels, arch.cells[number])
    units = []
    for place, (into, out, kernel, groups) in enumerate(block):
        act: str | None = activation
        if norm == "output" and place + 1 == len(block):
            act = None if residual else after  # with a residual it follows the sum
        own = stride if place == strided else 1
        units.append(conv_unit(into, out, kernel, own, norm, act, groups=groups))
    return nn.Sequential(*units)


def _head(arch: Architecture, channels: int) -> nn.Sequential:
    parts: list[tuple[str, nn.Module]] = []
    if arch.family == "mobilenet-v2":
        wide = max(1280, 4 * arch.cells[-1].width)
        parts.append(("features", conv_unit(channels, wide, 1, 1, "output", "relu6")))
        channels = wide
    elif STYLES[arch.family][0] == "input":
        parts += [("norm", nn.BatchNorm2d(channels)), ("act", nn.ReLU(inplace=True))]
    parts += [
        ("pool", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten(1)),
        ("linear", nn.Linear(channels, arch.num_classes)),
    ]
    return nn.Sequential(OrderedDict(parts))
