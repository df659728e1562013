"""The layers of a torch module whose weights can have fewer bits: one group each. Imports torch."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.parameter import UninitializedParameter

from ..base.checks import shown
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.reading.from_torch.state import refuse_compiled

__all__ = ["Group", "copied", "groups_of", "opened"]

_CONV = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_WITH_WEIGHT = (*_CONV, *_TRANSPOSED, nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag)


class Group(Record):
    """A layer: the weights that get their bits together.

    Parameters
    ----------
    name : str
        As ``module.named_modules()`` has it; a module that is itself a layer goes by its class.
    path : str
        The same, "" for the module itself.
    weights : tuple of str
        Names of the layer's own parameters.
    axis : int
        Their dimension of output channels.
    tied : tuple of (str, str)
        Path and parameter of other layers that have the same tensor.
    """

    name: str
    path: str
    weights: tuple[str, ...]
    axis: int
    tied: tuple[tuple[str, str], ...] = ()


def opened(module: Any) -> Any:
    """Return the torch module that was given, without the wrapping of torch.compile.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If it is no module, or one whose weights cannot be replaced.
    """
    if not isinstance(module, nn.Module):
        raise ArgumentTypeError(
            f"module must be a torch.nn.Module, got {shown(module)} ({type(module).__name__})"
        )
    module = getattr(module, "_orig_mod", module)
    compiled = refuse_compiled(module)
    if compiled is not None:
        raise ArgumentError(
            f"module must be one whose weights can be replaced, got a {type(module).__name__} that"
            f"{'' if compiled.startswith('is') else ':'} {compiled}: pass the original module"
        )
    for name, one in module.named_parameters():
        if isinstance(one, UninitializedParameter) or one.is_meta:
            raise ArgumentError(f"module must have its weights, but {name!r} has none yet")
    return module


def copied(module: Any) -> Any:
    """Return a deep copy of a module, without gradients.

    Raises
    ------
    ArgumentError
        If it cannot be copied.
    """
    from copy import deepcopy

    try:
        twin = deepcopy(module)
    except Exception as error:  # whatever a module's parts make of it
        first = (str(error).strip().splitlines() or [""])[0][:200]
        raise ArgumentError(
            f"module must be one that copy.deepcopy copies, got a {type(module).__name__} that "
            f"says {type(error).__name__}: {first}"
        ) from error
    twin.zero_grad(set_to_none=True)
    return twin


def groups_of(module: Any) -> tuple[list[Group], dict[str, str]]:
    """Return a module's layers in order, and why others with weights are none, by name.

    Raises
    ------
    ArgumentError
        If there is no layer.
    """
    first: dict[int, tuple[str, str]] = {}  # where each tensor was seen
    found: dict[str, Group] = {}
    left: dict[str, str] = {}
    for path, one in module.named_modules():
        own = _weights(one)
        if not own and isinstance(one, _WITH_WEIGHT):
            kind = "a parametrization" if hasattr(one, "parametrizations") else "other tensors"
            left[path or type(one).__name__] = f"its weight is made by {kind}"
        new = []
        for name in own:
            place = first.setdefault(id(one._parameters[name]), (path, name))
            if place == (path, name):
                new.append(name)
            else:
                group = found[place[0]]
                group = group.replace(tied=(*group.tied, (path, name)))
                found[place[0]] = group
                left[path] = f"it has the weight of {group.name!r}, and its bits"
        if new:
            axis = 1 if isinstance(one, _TRANSPOSED) else 0
            found[path] = Group(path or type(one).__name__, path, tuple(new), axis)
    if not found:
        raise ArgumentError(
            f"module must have a layer to quantise (a convolution, a linear layer or another with "
            f"a weight of two dimensions), got a {type(module).__name__} without"
            + "".join(f"; {name}: {why}" for name, why in [*left.items()][:3])
        )
    return list(found.values()), left


def _weights(layer: Any) -> list[str]:
    """Return the names of a layer's own parameters that bits are chosen for."""
    if isinstance(layer, (nn.LayerNorm, nn.RMSNorm)):
        return []
    recurrent = isinstance(layer, nn.RNNBase)
    attention = isinstance(layer, nn.MultiheadAttention)
    return [
        name
        for name, one in layer._parameters.items()
        if one is not None
        and one.dim() >= 2
        and one.numel()
        and one.is_floating_point()
        and (
            name == "weight"
            or (recurrent and name.startswith("weight_"))
            or (attention and name.endswith("_proj_weight"))
        )
    ]
