"""Weights of spaces of blocks: each place has a module for each option at each shape it may have.

Options are closed: nobody knows which of a module's weights are filters. So two widths share no
weights, and subnets are trained one per batch.
"""

from __future__ import annotations

from ..base.record import cached
from ..errors import ArgumentError
from .weights import Weights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import torch

    from ..spaces.blocks.fragments import Fragment
    from ..spaces.blocks.space import BlockSpace

__all__ = ["BlockWeights"]


class BlockWeights(Weights):
    """Weights of a `BlockSpace`: see `Weights`."""

    space: BlockSpace
    sampling = ("single-path",)

    def __init__(self, space: BlockSpace, seed: int = 0) -> None:
        super().__init__(space, seed)
        shape, *others = space.inputs
        if others:
            raise ArgumentError(
                "space must have one input for a supernet, whose images are of one size, "
                f"got {1 + len(others)}"
            )
        if len(shape) != 3:
            raise ArgumentError(
                "space must have networks that read images, (channels, height, width), for a "
                f"supernet, got {space.family!r} with input {shape}"
            )
        end, *more = space.numbering.widths[-1]
        if more:
            raise ArgumentError(
                "space must end with as many channels as there are classes for a supernet, got "
                f"{', '.join(map(str, [end, *more]))}: give it a head"
            )
        self.input_shape = shape
        self.num_classes = end

    @cached
    def _blocks(self) -> dict[str, Fragment]:
        """Every block that may stand anywhere, by the name of its place and its number there."""
        return {
            f"{place}:{number}": fragment
            for place, some in self.space.numbering.reachable().items()
            for number, fragment in enumerate(some)
        }

    @cached
    def _keys(self) -> dict[tuple[str, int], str]:
        return {(key.partition(":")[0], id(one)): key for key, one in self._blocks.items()}

    def _build(self) -> torch.nn.Module:
        from .block_modules import build_module

        return build_module(self._blocks, self.seed)

    def subnet(self, network: Any) -> tuple[str, ...]:
        placed = self.space.numbering.fragments_of(self._row(network))
        return tuple([self._keys[place, id(fragment)] for place, _, fragment in placed])

    def cut(self, network: Any) -> torch.nn.Module:
        row = self._row(network)
        module: Any = self.module
        found: torch.nn.Module = module.cut(self.space.decode(row), self.subnet(row))
        return found

    def _row(self, network: Any) -> tuple[int, ...]:
        if hasattr(network, "choices"):
            return self.space.encode(network)
        return self.space.decode(network).row

    def why_not(self, sampling: str) -> str | None:
        if sampling in self.sampling:
            return None
        return (
            f"{sampling} trains the first filters of each layer, and a BlockSpace has none: its "
            "options are closed modules, whose filters have no order; 'single-path' trains them"
        )

    def check(self) -> None:
        from .block_modules import check_module

        seen: set[int] = set()
        for fragment in self._blocks.values():
            if id(fragment) not in seen:
                seen.add(id(fragment))
                check_module(fragment)
        handed = self.space.numbering.output_of(self.space.decode(0).row)  # alike of all networks
        if len(handed) != 1:
            raise ArgumentError(
                "space must end with a number for each class for a supernet, its networks hand on "
                f"{' x '.join(map(str, handed))}"
            )

    def activations(self) -> int:
        most: dict[str, int] = {}
        for key, fragment in self._blocks.items():
            place = key.partition(":")[0]
            own = sum(
                one.out_channels * one.out_height * one.out_width for one in fragment.network.layers
            )
            most[place] = max(most.get(place, 0), own)
        return sum(most.values())

    def parameters(self) -> int:
        return sum(one.network.params for one in self._blocks.values())
