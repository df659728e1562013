"""The weights of a supernet, whatever its space is made of: the one place that asks.

`weights_of` gives for any space of which a supernet is possible an object that has the module, says
which part of it a network is, and cuts that out. Training, scores and methods use it and nothing
else. Torch is imported when `module` is first asked for.
"""

from __future__ import annotations

from ..base.checks import shown
from ..base.record import cached
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import torch

__all__ = ["SAMPLING", "Weights", "weights_of"]

SAMPLING = ("ordered-dropout", "single-path")


class Weights:
    """Weights that all networks of a space share, drawn from a seed.

    Parameters
    ----------
    space : SearchSpace, BypassSpace or BlockSpace
    seed : int

    Attributes
    ----------
    input_shape : (int, int, int)
        What networks read, without the batch: (channels, height, width).
    num_classes : int
    sampling : tuple of str
        How subnets can be drawn in training, what is usual first.
    """

    space: Any
    seed: int
    input_shape: tuple[int, int, int]
    num_classes: int
    sampling: tuple[str, ...] = SAMPLING

    def __init__(self, space: Any, seed: int = 0) -> None:
        self.space, self.seed = space, seed

    @cached
    def module(self) -> torch.nn.Module:
        """All weights: a module that is called as ``module(images, subnet)``, or with what `mix`
        returns. It has ``measure(subnet, images)``, which gives the batch norms a subnet's own
        statistics, and ``forget()``, which returns to those that training keeps."""
        return self._build()

    def _build(self) -> torch.nn.Module:
        raise NotImplementedError

    def subnet(self, network: Any) -> Any:
        """Return which part of the module a network is.

        Parameters
        ----------
        network
            A network of the space, a row of choice indices, a flat index, or where the space has
            names one of these.
        """
        raise NotImplementedError

    def cut(self, network: Any) -> torch.nn.Module:
        """Return a network as a module of its own, with a copy of the weights, in their mode."""
        raise NotImplementedError

    def mix(self, subnets: Sequence[Any], device: Any) -> Any:
        """Return a batch's subnets, one per image, for `module`: ordered dropout alone."""
        raise NotImplementedError

    def covers(self, space: Any) -> bool:
        """Return whether every network of another space is a part of these weights."""
        return bool(space.to_dict() == self.space.to_dict())

    def check(self) -> None:
        """Raise an ArgumentError where modules cannot be made: before anything is trained."""

    def why_not(self, sampling: str) -> str | None:
        """Return why subnets cannot be drawn so, or None where they can."""
        return None

    def activations(self) -> int:
        """Return the numbers that the layers of the largest subnet hand on, for one image."""
        raise NotImplementedError

    def parameters(self) -> int:
        """Return how many parameters all networks have together; 0 where the largest has them all,
        whose activations take far more."""
        return 0


def weights_of(space: Any, seed: int = 0) -> Weights:
    """Return the weights of a space, drawn from `seed` when its module is asked for.

    Parameters
    ----------
    space : SearchSpace, BypassSpace or BlockSpace
    seed : int

    Raises
    ------
    ArgumentError
        If no supernet of the space is possible; it says why.
    """
    from ..spaces.backbones import FAMILIES
    from ..spaces.blocks.space import BlockSpace
    from ..spaces.space import SearchSpace

    if getattr(space, "backbone", None) is not None:
        from .of_backbones import BackboneWeights

        return BackboneWeights(space, seed)
    if isinstance(space, SearchSpace) and space.family in FAMILIES:
        from .of_backbones import BackboneWeights

        return BackboneWeights(space, seed)
    if isinstance(space, BlockSpace):
        from .of_blocks import BlockWeights

        return BlockWeights(space, seed)
    raise ArgumentError(
        f"space must be one of {', '.join(FAMILIES)}, a BypassSpace or a BlockSpace for a "
        f"supernet, got {shown(getattr(space, 'family', space))}"
    )
