"""The weights of a space of blocks, and their forward pass. Imports torch."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from ..base.seeds import stream
from ..errors import ArgumentError
from ..hardware._engines import TableModule
from ..spaces.blocks.fragments import Fragment
from ..spaces.blocks.modules import of_rows, on_meta, put_together, seeded
from ..spaces.blocks.network import BlockNetwork
from .norms import Measured, norms_of

__all__ = ["BlockSupernet", "build_module", "check_module"]

Subnet = tuple[str, ...]  # a key of `BlockSupernet.blocks` for each block, in order


class BlockSupernet(nn.Module):
    """A module for each block that may stand at each place of a network.

    Maps images of shape (batch, channels, height, width), and the keys of one network's blocks, to
    logits (batch, num_classes). A network's blocks are the very modules that it has alone, one
    after the other, so that both compute the same, bit for bit.
    """

    def __init__(self, blocks: dict[str, nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict(blocks)
        self._measured: Measured | None = None

    def forward(self, x: Tensor, subnet: Subnet) -> Tensor:
        """Return logits of one network."""
        for key in subnet:
            x = self.blocks[key](x)
        return x

    def measure(self, subnet: Subnet, images: Tensor) -> None:
        """Give the batch norms a network's own statistics, those of these images in one batch.

        They hold until `forget`, in evaluation mode; those that training keeps come back then.
        """
        self.forget()
        norms = [one for key in subnet for one in norms_of(self.blocks[key])]
        self._measured = Measured(self, norms)
        try:
            self._measured.measure(lambda x: self(x, subnet), images)
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Return to the statistics that training keeps."""
        if self._measured is not None:
            self._measured.forget()
            self._measured = None

    def cut(self, net: BlockNetwork, subnet: Subnet) -> nn.Sequential:
        """Return a network as a module of its own, with a copy of these weights, in their mode."""
        found = put_together(net, [deepcopy(self.blocks[key]) for key in subnet])
        return found.train(self.training)


def build_module(blocks: dict[str, Fragment], seed: int) -> BlockSupernet:
    """Return the module of these blocks, weights drawn from `seed` as the blocks' modules draw
    them, one after the other.

    torch's own random numbers are left as they were.
    """

    def build() -> nn.Module:
        return BlockSupernet(
            {
                key: _module(fragment, stream(seed, number))
                for number, (key, fragment) in enumerate(blocks.items())
            }
        )

    found: Any = seeded(build, seed)
    return found  # type: ignore[no-any-return]


def _module(fragment: Fragment, seed: int) -> nn.Module:
    found = fragment.module()
    return of_rows(fragment.network, fragment.shape_out, seed) if found is None else found


def check_module(fragment: Fragment) -> None:
    """Refuse a block that has no module by itself, or none that computes what its rows say."""
    found = on_meta(fragment.module)
    if found is None:
        rows = on_meta(lambda: of_rows(fragment.network, fragment.shape_out, 0))
        if not any(isinstance(one, TableModule) for one in rows.modules()):
            raise ArgumentError(
                f"space must have blocks with torch modules for a supernet: {fragment.name} gives "
                "layer rows that flash makes no module of which computes what they mean; "
                "Option(..., module=function) gives one"
            )
    elif getattr(found, "flash_joined", None) is not None:
        raise ArgumentError(
            f"space must have blocks with weights of their own for a supernet: {fragment.name} "
            "has those of another block"
        )
