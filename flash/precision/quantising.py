"""`flash.quantised`: a module whose layers have the bits that were chosen."""

from __future__ import annotations

from ..base.checks import flag, public
from .choices import bits_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol, TypeAlias

    import torch

    class Answer(Protocol):
        """What `flash.choose` gives: an option for each group."""

        @property
        def choices(self) -> Any: ...

    Choices: TypeAlias = "Answer | Mapping[str, int] | Mapping[str, str]"

__all__ = ["quantised"]


@public
def quantised(
    module: torch.nn.Module, choices: Choices, *, trainable: bool = True
) -> torch.nn.Module:
    """Return a copy of a module whose layers have the weights of so many bits.

    Weights are rounded to a uniform grid, symmetric about zero, with a scale for each output
    channel that minimises the squared error: what `flash.sensitivities` measures. They stay
    floating-point numbers, as does all that runs ("fake" quantisation): accuracy is that of the
    bits, speed and memory are not.

    Parameters
    ----------
    module : torch.nn.Module
        Stays as it is.
    choices : answer of `flash.choose`, or dict of str to int
        Bits, 1 to 16, of layers by their names in ``module.named_modules()``. The others keep their
        weights.
    trainable : bool, default True
        The layers keep their weights beside what they are rounded to (a parametrization of torch),
        so that the copy can be trained: gradients pass straight through the rounding, but for
        weights more than half a step beyond the grid's ends. Scales stay those of the start.
        False: the rounded weights take the place of the others, and the copy consists of the same
        classes as the module.

    Returns
    -------
    torch.nn.Module
        In the mode of the original. ``copy.deepcopy`` copies it, ``state_dict()`` saves it;
        ``torch.nn.utils.parametrize.remove_parametrizations`` makes plain layers of those that were
        trained.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, a name is no layer's (the nearest is given), or the module
        cannot be copied.
    MissingExtraError
        If torch is not installed.

    Notes
    -----
    Straight through: Bengio, Léonard and Courville, arXiv 1308.3432. Inputs of layers are not
    rounded.
    """
    from ..base.extras import require

    flag("trainable", trainable)
    require("flash.quantised", "torch", "torch")
    from .groups import copied, groups_of, opened
    from .modules import put

    module = opened(module)
    groups, left = groups_of(module)
    found = bits_of(choices, [group.name for group in groups], left)
    twin = copied(module)
    for group in groups:
        if group.name in found:
            put(twin, group, found[group.name], trainable)
    return twin
