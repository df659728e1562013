"""Weights of the families and of bypass spaces: networks are slices of one backbone."""

from __future__ import annotations

from ..base.checks import shown
from ..errors import ArgumentTypeError
from ..spaces.backbones import Backbone, Subnet, backbone_of, contains, plan
from ..spaces.bypass import BypassSpace
from .weights import Weights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import torch

__all__ = ["BackboneWeights", "activations"]


class BackboneWeights(Weights):
    """Weights of a backbone: see `Weights`.

    Attributes
    ----------
    backbone : Backbone
    """

    backbone: Backbone

    def __init__(self, space: Any, seed: int = 0) -> None:
        super().__init__(space, seed)
        self.backbone = backbone_of(space)
        side = self.backbone.resolution
        self.input_shape = (3, side, side)
        self.num_classes = self.backbone.num_classes

    def _build(self) -> torch.nn.Module:
        from .modules import build_module

        return build_module(self.backbone, self.seed)

    def subnet(self, network: Any) -> Subnet:
        if isinstance(self.space, BypassSpace):
            if not isinstance(network, (int, str)) and not hasattr(network, "__len__"):
                raise ArgumentTypeError(
                    "network must be a row of choice indices, a flat index or a name of the "
                    f"bypass space, got {shown(network)}"
                )
            return self.space.subnet(self.space.row(network))
        return plan(self.backbone, self._architecture(network))

    def cut(self, network: Any) -> torch.nn.Module:
        from .cutting import cut_architecture, cut_subnet

        module: Any = self.module
        subnet = self.subnet(network)
        if isinstance(self.space, BypassSpace):
            return cut_subnet(module, subnet)
        return cut_architecture(module, self._architecture(network), subnet)

    def _architecture(self, network: Any) -> Any:
        return network if hasattr(network, "cells") else self.space.decode(network)

    def mix(self, subnets: Sequence[Any], device: Any) -> Any:
        from .mixing import mix

        return mix(self.backbone, list(subnets), device)

    def covers(self, space: Any) -> bool:
        if isinstance(self.space, BypassSpace) or getattr(space, "backbone", None) is not None:
            return super().covers(space)
        return contains(self.backbone, backbone_of(space))

    def activations(self) -> int:
        return activations(self.backbone)


def activations(backbone: Backbone) -> int:
    """Return the numbers that the layers of the largest subnet hand on, for one image."""
    side = backbone.resolution
    if backbone.is_imagenet:
        side = -(-side // 2)
    total = backbone.stem * side * side
    if backbone.is_imagenet and backbone.family != "mobilenet-v2":
        side = -(-side // 2)
    for slot in backbone.slots:
        if backbone.family == "mobilenet-v2":
            total += slot.filters * side * side * slot.expands
        side = -(-side // slot.stride)
        total += (slot.filters + slot.made) * side * side
    return total
